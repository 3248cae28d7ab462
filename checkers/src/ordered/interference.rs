//! PRIO005, non-interference: when the messages that carry lower writes meet other fates, nothing changes about
//! when the higher writes are shown, to the nanosecond.
//!
//! Sessions may carry such fates over themselves: one that reads a high key at a lower level, `fifo` say, asked to wait
//! for lower writes, and the context that it hands back with its next write to the key depends on them. From then on
//! the key is left out.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::priority::INTERFERENCE;
use crate::Rerun;
use crate::facts::Facts;
use crate::facts::order::WriteOrder;
use crate::facts::words::{listed, seconds};
use crate::trace::{Action, Dot, Level, NodeId, Recording, What};
use crate::verdict::{Finding, TraceLine};

/// A level of a replica begins or ceases to show the write of an operation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct VisibilityChange {
    at_ns: u64,
    node: NodeId,
    level: Level,
    op: u32,
    begins: bool,
}

/// One run, as far as a priority is concerned.
#[derive(Default)]
struct RunView {
    /// Higher writes begin and cease to be shown, in the order of time.
    shown: Vec<VisibilityChange>,
    /// Higher writes are asked for: when, where, of which key.
    asked: Vec<(u64, NodeId, u32, u32)>,
    /// By key, since when its versions depend on reads at a lower level.
    mixed: FxHashMap<u32, u64>,
    /// By higher write that hands back a context: its key, its time, and when the read was answered.
    handed: BTreeMap<u32, (u32, u64, u64)>,
    /// Lower writes arrive.
    lower: Vec<(u64, NodeId, u32)>,
}

/// Two runs that differ in what they must not differ in.
pub(super) struct Comparison {
    below: u8,
    first: Option<VisibilityChange>,
    second: Option<VisibilityChange>,
    title: String,
    kind: String,
    what: String,
    op: u32,
}

/// The differences, and what was compared, for people.
pub(super) fn compare(facts: &Facts<'_>, rerun: &Rerun<'_>) -> (Vec<Comparison>, String) {
    let mut differences = Vec::new();
    let mut notes = Vec::new();
    for below in 1..=3 {
        if !facts.order.priorities.contains(&below) || !facts.order.priorities.iter().any(|priority| *priority < below)
        {
            continue;
        }
        let Some(second) = rerun(below) else {
            notes.push(format!("P{below}: no second run to compare with"));
            continue;
        };
        let (mut ours, mut theirs) = (side(facts.recording, below), side(&second, below));
        let left_out = leave_mixed_out(facts, &mut ours, &mut theirs);
        let place = (0..ours.shown.len().max(theirs.shown.len())).find(|i| ours.shown.get(*i) != theirs.shown.get(*i));
        if ours.asked != theirs.asked {
            // Say, a session at `fifo` went on elsewhere and waited there for lower writes, as it had asked to.
            notes.push(format!("P{below}: sessions asked for other writes in the second run"));
        } else if let Some(place) = place {
            differences.push(difference(facts, below, ours.shown.get(place), theirs.shown.get(place)));
        } else if ours.shown.is_empty() {
            notes.push(format!("P{below}: nothing was shown that reads at lower levels had no part in"));
        } else if ours.lower == theirs.lower {
            notes.push(format!("P{below}: the second run was no different"));
        } else {
            let mut note = format!("P{below}: {} moments the same", ours.shown.len());
            if left_out > 0 {
                note.push_str(&format!(" ({left_out} left out, of keys written after reads at lower levels)"));
            }
            notes.push(note);
        }
    }
    let note = match notes.is_empty() {
        true => "no write could be delayed by lower ones, since there are none".to_owned(),
        false => format!("with other fates of lower writes, {}", listed(notes.into_iter())),
    };
    (differences, note)
}

/// Leaves the moments of keys out that depend on reads at a lower level in one of the runs; how many of ours.
fn leave_mixed_out(facts: &Facts<'_>, ours: &mut RunView, theirs: &mut RunView) -> usize {
    let count = ours.shown.len();
    // A session that waited somewhere for lower writes may have come to read at another time, and so something else.
    for (op, (key, at_ns, read_ns)) in &ours.handed {
        if theirs.handed.get(op).is_some_and(|(_, _, other_ns)| other_ns != read_ns) {
            let since = ours.mixed.entry(*key).or_insert(*at_ns);
            *since = (*since).min(*at_ns);
        }
    }
    let is_mixed = |moment: &VisibilityChange| {
        let key = facts.operations.get(moment.op).map(|operation| operation.key);
        let since = key.and_then(|key| [&ours.mixed, &theirs.mixed].into_iter().filter_map(|all| all.get(&key)).min());
        since.is_some_and(|since| *since <= moment.at_ns)
    };
    let [mine, others] = [&ours.shown, &theirs.shown]
        .map(|shown| shown.iter().copied().filter(|moment| !is_mixed(moment)).collect::<Vec<VisibilityChange>>());
    (ours.shown, theirs.shown) = (mine, others);
    count - ours.shown.len()
}

fn side(recording: &Recording, below: u8) -> RunView {
    let priority = |key: u32| recording.header.priorities.get(key as usize).copied().unwrap_or(0);
    let mut side = RunView::default();
    let mut keys: FxHashMap<u32, u32> = FxHashMap::default();
    let mut writes: FxHashMap<Dot, (u32, u8)> = FxHashMap::default();
    let mut reads: FxHashMap<u32, (u64, u32, u32, Level)> = FxHashMap::default();
    let mut last_reads: FxHashMap<(u32, u32), (Level, bool, u64)> = FxHashMap::default();
    for event in &recording.events {
        match event.what {
            What::Invoked { op, session, action: Action::Read, key, level, .. } => {
                reads.insert(op, (event.number, session, key, level));
            }
            What::Answered { op } => {
                if let Some((invoked, session, key, level)) = reads.get(&op).copied() {
                    last_reads.insert((session, key), (level, event.cause == invoked, event.at_ns));
                }
            }
            What::Invoked { op, session, key, context, .. } => {
                keys.insert(op, key);
                if priority(key) >= below {
                    let read = last_reads.get(&(session, key)).copied().filter(|_| context);
                    // When a read was answered late, its session may have waited for lower writes that it had seen.
                    let is_mixed = |(level, at_once, _): (Level, bool, u64)| {
                        !at_once || WriteOrder::view(level, priority(key)).is_some_and(|view| view < usize::from(below))
                    };
                    if let Some((_, _, read_ns)) = read {
                        side.handed.insert(op, (key, event.at_ns, read_ns));
                    }
                    if read.is_some_and(is_mixed) {
                        side.mixed.entry(key).or_insert(event.at_ns);
                    }
                    side.asked.push((event.at_ns, event.node, op, key));
                }
            }
            What::Wrote { op, write } => {
                let priority = keys.get(&op).map_or(0, |key| priority(*key));
                writes.entry(write).or_insert((op, priority));
            }
            _ => {}
        }
    }
    let own_level = [Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3][usize::from(below.min(3))];
    for event in &recording.events {
        let (What::Known { write } | What::Visible { write, .. } | What::Hidden { write, .. }) = event.what else {
            continue;
        };
        let Some((op, priority)) = writes.get(&write).copied() else { continue };
        let (levels, begins) = match event.what {
            What::Visible { levels, .. } => (levels, true),
            What::Hidden { levels, .. } => (levels, false),
            _ => {
                if priority < below {
                    side.lower.push((event.at_ns, event.node, op));
                }
                continue;
            }
        };
        for level in levels.iter() {
            if level == own_level && priority >= below || level == Level::Priority && priority == below {
                side.shown.push(VisibilityChange { at_ns: event.at_ns, node: event.node, level, op, begins });
            }
        }
    }
    side.shown.sort_unstable();
    side.shown = net(&side.shown);
    side.lower.sort_unstable();
    side
}

/// What begins and ceases at one moment was never shown to anybody: on the way to its new state a step may pass others.
fn net(sorted: &[VisibilityChange]) -> Vec<VisibilityChange> {
    let of_one = sorted.chunk_by(|a, b| VisibilityChange { begins: a.begins, ..*b } == *a);
    let net = of_one.filter(|group| {
        let begun = group.iter().filter(|moment| moment.begins).count();
        begun * 2 != group.len()
    });
    // A level shows a write or does not, so that the rest is one change.
    net.filter_map(|group| {
        let begins = group.iter().filter(|moment| moment.begins).count() * 2 > group.len();
        group.first().map(|moment| VisibilityChange { begins, ..*moment })
    })
    .collect()
}

fn difference(
    facts: &Facts<'_>,
    below: u8,
    first: Option<&VisibilityChange>,
    second: Option<&VisibilityChange>,
) -> Comparison {
    // The earlier of the two happened in one run only, then.
    let both = [first, second];
    let earlier = both.into_iter().flatten().min().expect("one of the two is there when they differ");
    let does = if earlier.begins { "begins to show" } else { "no longer shows" };
    let write = facts.operations.get(earlier.op).and_then(|operation| operation.write);
    let write = write.and_then(|id| facts.number(id, usize::MAX));
    let what = write.map_or_else(|| format!("the write of #{}", earlier.op), |write| facts.title(write));
    let only = if first == Some(earlier) { "here, but not" } else { "not here, but" };
    let title = format!(
        "priority inversion: {} {does} {what} at {} at {} {only} when the messages of writes below P{below} meet other \
         fates",
        earlier.node,
        earlier.level.name(),
        seconds(earlier.at_ns),
    );
    let kind = format!("priority inversion: n… {does} a write at {} {only} in a second run", earlier.level.name());
    Comparison { below, first: first.copied(), second: second.copied(), title, kind, what, op: earlier.op }
}

impl Comparison {
    pub(super) fn describe(&self) -> Finding {
        let line = |moment: &Option<VisibilityChange>, run: &str| {
            moment.map(|VisibilityChange { at_ns, node, level, op, begins }| {
                let verb = if begins { "begins to show" } else { "no longer shows" };
                let what = if op == self.op { self.what.clone() } else { format!("the write of #{op}") };
                TraceLine::new(at_ns, format!("{run}: {node} {verb} {what} at {}", level.name()))
            })
        };
        let varied = format!("other fates below P{}", self.below);
        let mut evidence: Vec<TraceLine> =
            [line(&self.first, "this run"), line(&self.second, &varied)].into_iter().flatten().collect();
        evidence.sort_by_key(|line| line.at_ns);
        let at_ns = evidence.first().map_or(0, |line| line.at_ns);
        Finding::new(&INTERFERENCE, self.title.clone(), at_ns).kind(&*self.kind).evidence(evidence).ops([self.op])
    }
}
