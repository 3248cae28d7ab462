//! Where a write came, and since when each replica shows it.

use super::reason::{REASONS_MAX, Reason};
use super::why;
use crate::facts::Facts;
use crate::facts::operations::Operation;
use crate::facts::words::{name, seconds};
use crate::trace::{Action, Level, Levels, NodeId, What};

/// What became of a write: what it replaces, and each replica that is to hold it.
pub(super) fn spread(facts: &Facts<'_>, operation: &Operation) -> Vec<Reason> {
    let all = 0..facts.writes.len() as u32;
    let Some(write) = all.rev().find(|write| facts.write(*write).op == operation.number) else { return Vec::new() };
    let mut reasons = vec![context(facts, operation, write)];
    let holders = facts.header().holders(operation.key);
    let more = holders.len().saturating_sub(REASONS_MAX);
    reasons.extend(holders.into_iter().take(REASONS_MAX).map(|node| at(facts, node, write)));
    if more > 0 {
        reasons.push(Reason::bare(format!("and {more} more replicas")));
    }
    reasons
}

fn context(facts: &Facts<'_>, operation: &Operation, write: u32) -> Reason {
    let id = facts.write(write).id;
    let read = facts.write(write).context.and_then(|read| facts.operations.get(read));
    let title = match read {
        Some(write) if write.action != Action::Read => {
            format!(
                "{id}: replaces what {} had written: {} (#{})",
                session(facts, operation),
                write.value,
                write.number
            )
        }
        Some(read) => {
            let values = facts.operations.values(&read.returned);
            format!("{id}: replaces what {} had read: {values} (#{})", session(facts, operation), read.number)
        }
        None => format!("{id}: hands back no answer about the key, so it replaces no other replica's write"),
    };
    let held = facts.header().conflict == crate::trace::Conflict::LastWriterWins;
    let title = if held { format!("{id}: replaces whatever {} held", id.node()) } else { title };
    let asked = |read: &Operation| (read.invoked, facts.operations.describe(read).text);
    let evidence = read.filter(|_| !held).map(asked);
    Reason::new(facts, title, evidence.into_iter().collect())
}

fn session(facts: &Facts<'_>, operation: &Operation) -> String {
    name(&facts.header().sessions, operation.session)
}

/// What became of a write at one replica.
fn at(facts: &Facts<'_>, node: NodeId, write: u32) -> Reason {
    let wrote = facts.write(write).wrote;
    let Some(known) = facts.known_after(node, write, facts.write(write).invoked) else {
        let (why, evidence) = facts.absence(node, write, facts.recording.events.len() - 1);
        let why = why.replacen(&format!("had not arrived at {node}"), "has not arrived", 1);
        return Reason::new(facts, format!("{node}: it {why}"), evidence);
    };
    let mut evidence = facts.arrival(node, write, known);
    let since = seconds(facts.at_ns(known));
    let mut title = match node == facts.event(wrote).node {
        true => format!("{node}: took it in at {since}"),
        false => format!("{node}: known since {since}"),
    };
    let changes = changes(facts, node, write, known);
    let shown = changes.iter().filter(|change| change.shown);
    let late = shown.clone().find(|change| facts.at_ns(change.place) > facts.at_ns(known));
    if shown.clone().next().is_none() && !facts.write(write).delete {
        title.push_str(", never shown");
        if let Some((other, how)) = why::known_overwriter(facts, (node, Level::Eventual), write, facts.step_end(known))
        {
            title.push_str(&format!(": {node} had {}, which {how}", facts.title(other)));
        }
    }
    let waited = late.and_then(|late| {
        late.levels.iter().find_map(|level| Some((level, facts.missing((node, level), write, facts.step_end(known))?)))
    });
    if let Some((level, missing)) = waited {
        title.push_str(&format!(", but at {} it had to wait for the earlier {}", level.name(), facts.title(missing)));
    }
    for change in changes {
        let (place, levels) = (change.place, change.levels.names());
        let early = |write: u32| {
            let early = change.levels.iter().map(|level| why::out_of_turn(facts, (node, level), write, place));
            early.into_iter().find(|early| !early.is_empty()).unwrap_or_default()
        };
        let text = if change.shown {
            format!("{node} shows it at {levels}{}", early(write))
        } else {
            let by = match why::replacement(facts, node, write, place) {
                Some((other, how)) => format!("replaced by {}{how}{}", facts.title(other), early(other)),
                None => format!("and nothing that {node} knew had replaced it"),
            };
            format!("{node} no longer shows it at {levels}, {by}")
        };
        evidence.push((place, text));
    }
    Reason::new(facts, title, evidence)
}

/// A replica begins or ceases to show a write.
struct Change {
    /// Place of the step's last announcement of it.
    place: usize,
    shown: bool,
    levels: Levels,
}

/// What `node` announces about showing `write` after it got to know it at `known`, step by step, in that life.
fn changes(facts: &Facts<'_>, node: NodeId, write: u32, known: usize) -> Vec<Change> {
    let (id, step) = (facts.write(write).id, facts.event(known).cause);
    let mut changes: Vec<Change> = Vec::new();
    for (place, event) in facts.recording.events.iter().enumerate().filter(|(_, event)| event.node == node) {
        let (shown, levels) = match event.what {
            What::Visible { write: other, levels } if other == id => (true, levels),
            What::Hidden { write: other, levels } if other == id => (false, levels),
            What::Down { .. } if place > known => break,
            _ => continue,
        };
        // A replica may say that it shows a write before it says that it knows it, in one step.
        if place < known && event.cause != step {
            continue;
        }
        match changes.last_mut() {
            Some(last) if last.shown == shown && facts.event(last.place).cause == event.cause => {
                (last.place, last.levels) = (place, last.levels.and(levels));
            }
            _ => changes.push(Change { place, shown, levels }),
        }
    }
    changes
}
