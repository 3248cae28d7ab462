//! Why an operation was answered as it was: the chain of causes, from what replicas announced and from the number of the
//! event that each event follows from.
//!
//! For a read: how each version that it returned had come to the replica that was asked, and for each other write of the
//! key that existed then why it was not returned (`why`): it had not arrived, it waited for another write's turn, or it
//! had been replaced. For a write: when each replica got to know and to show it (`spread`). For one that was refused or
//! timed out: what kept it from being answered (`ended`). Where replicas passed the call on, those that contributed to the
//! answer count.
//!
//! Announcements are taken at their word: that they are true is what CONV005 judges. A recording without its messages
//! gives shorter answers.

mod ended;
mod reason;
mod spread;
mod why;

use reason::REASONS_MAX;
pub use reason::Reason;

use rustc_hash::FxHashSet;
use serde::Serialize;

use crate::facts::Facts;
use crate::facts::operations::{Operation, Outcome};
use crate::trace::{Action, Event, NodeId, Recording, What};
use crate::verdict::TraceLine;

/// An operation and why it was answered so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The operation and its answer, in one line.
    pub operation: TraceLine,
    /// The reasons, the most important first.
    pub reasons: Vec<Reason>,
}

/// Explains an operation of a [valid](Recording::validate) recording; nothing when it has no such operation.
pub fn explain(recording: &Recording, op: u32) -> Option<Explanation> {
    let facts = Facts::of(recording);

    let operation = facts.operations.get(op)?;
    let mut reasons = Vec::new();
    if operation.answered().is_none() {
        reasons.push(ended::unanswered(&facts, operation));
    }
    match operation.action {
        _ if recording.header.silent => reasons.push(seen_by_clients(&facts, operation)),
        Action::Read => reasons.extend(read(&facts, operation)),
        Action::Write | Action::Delete => reasons.extend(spread::spread(&facts, operation)),
    }
    let mut line = facts.operations.describe(operation);
    if operation.action == Action::Read {
        line.text.push_str(&format!(", level {}", operation.level.name()));
    }
    Some(Explanation { operation: line, reasons })
}

/// Of a store that announces nothing: what clients saw of the key up to then.
fn seen_by_clients(facts: &Facts<'_>, operation: &Operation) -> Reason {
    let key = facts.key(operation.key);
    let end = match operation.outcome {
        Outcome::Answered(place) | Outcome::Refused(place) | Outcome::TimedOut(place) => place,
        Outcome::Open => usize::MAX,
    };
    let before = facts
        .operations
        .list()
        .iter()
        .filter(|other| other.key == operation.key && other.number != operation.number && other.invoked < end);
    let mut lines: Vec<_> = before.map(|other| (other.invoked, facts.operations.describe(other).text)).collect();
    let title = match lines.len().saturating_sub(REASONS_MAX) {
        0 => format!(
            "what clients saw of {key} until then (the store announces nothing, so replicas' states are not known)"
        ),
        left => format!("what clients saw of {key} until then, without the first {left} (replicas announce nothing)"),
    };
    lines.drain(..lines.len().saturating_sub(REASONS_MAX));
    Reason::new(facts, title, lines)
}

fn read(facts: &Facts<'_>, read: &Operation) -> Vec<Reason> {
    let Outcome::Answered(answered) = read.outcome else { return Vec::new() };
    let until = facts.given(answered);
    let returned: Vec<u32> = facts.returned(read).collect();
    let served = served(facts, read, until);
    let mut reasons: Vec<Reason> = returned.iter().map(|write| why::returned(facts, read, *write, &served)).collect();
    let mut others: Vec<why::Absence> = Vec::new();
    for (number, write) in (0..).zip(&facts.writes) {
        let existed = write.wrote < until && write.undone.is_none_or(|undone| undone > until);
        if write.key == read.key && existed && !returned.contains(&number) {
            let absence = |at: &(NodeId, usize)| why::not_returned(facts, read, number, *at, &served);
            others.extend(served.iter().filter_map(absence));
        }
    }
    // What has been replaced matters least, and of that the oldest.
    others.sort_by_key(|absence| (absence.rank, std::cmp::Reverse(absence.write)));
    let more = others.len().saturating_sub(REASONS_MAX);
    reasons.extend(others.into_iter().take(REASONS_MAX).map(|absence| absence.describe(facts, read)));
    if more > 0 {
        let key = facts.key(read.key);
        reasons.push(Reason::bare(format!("and {more} more writes of {key}, most of them replaced")));
    }
    if reasons.is_empty() {
        let key = facts.key(read.key);
        reasons.push(Reason::bare(format!("{key} had no write yet, other than deletes")));
    }
    reasons
}

/// The replicas whose versions the answer is made of, each with the place in the recording up to which it counts: the
/// one that was asked, if it is to hold the key, and those whose replies to it follow from the read.
fn served(facts: &Facts<'_>, read: &Operation, until: usize) -> Vec<(NodeId, usize)> {
    let first = facts.event(read.invoked).number;
    // The kind of message by which the last one to serve it answered.
    let cause = read.answered().map(|place| facts.event(place).cause);
    let is_cause = |event: &&Event| Some(event.number) == cause;
    let reply = facts.recording.events[..until].iter().find(is_cause).and_then(|event| match event.what {
        What::Delivered { kind, .. } => Some(kind),
        _ => None,
    });
    let mut follows: FxHashSet<u64> = [first].into_iter().collect();
    let mut sent = Vec::new();
    let mut served = Vec::new();
    if facts.header().holds(read.node, read.key) {
        served.push((read.node, until));
    }
    for (place, event) in facts.recording.events[..until].iter().enumerate().skip(read.invoked) {
        // A replica asks again, or others, when a timer of its own runs out.
        let asks_again = event.node == read.node && event.what == What::TimerFired;
        if !follows.contains(&event.cause) && !asks_again {
            continue;
        }
        follows.insert(event.number);
        match event.what {
            What::Sent { .. } => sent.push((event.number, place)),
            What::Delivered { from, kind, .. }
                if event.node == read.node && from != read.node && reply.is_none_or(|reply| reply == kind) =>
            {
                let reply = sent.iter().find(|(number, _)| *number == event.cause);
                served.extend(reply.map(|(_, place)| (from, *place)));
            }
            _ => {}
        }
    }
    served
}
