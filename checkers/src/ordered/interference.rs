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
use crate::trace::{Action, Level, NodeId, What};
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

/// The differences between two runs that must not differ, and what was compared, for people.
pub(super) fn compare(facts: &Facts<'_>, rerun: &Rerun<'_>) -> (Vec<Finding>, String) {
    let mut differences = Vec::new();
    let mut notes = Vec::new();
    for below in 1..=3 {
        let priorities = &facts.order.priorities;
        if !priorities.contains(&below) || !priorities.iter().any(|priority| *priority < below) {
            continue;
        }
        let Some(second) = rerun(below) else {
            notes.push(format!("P{below}: no second run to compare with"));
            continue;
        };
        let (mut ours, mut theirs) = (view(facts, below), view(&Facts::of(&second), below));
        let left_out = leave_mixed_out(facts, &mut ours, &mut theirs);
        let place = (0..ours.shown.len().max(theirs.shown.len())).find(|i| ours.shown.get(*i) != theirs.shown.get(*i));
        if ours.asked != theirs.asked {
            // Say, a session at `fifo` went on elsewhere and waited there for lower writes, as it had asked to.
            notes.push(format!("P{below}: sessions asked for other writes in the second run"));
        } else if let Some(place) = place {
            differences.push(difference(facts, below, [ours.shown.get(place), theirs.shown.get(place)]));
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

/// Leaves the changes of keys out that depend on reads at a lower level in one of the runs; how many of ours.
fn leave_mixed_out(facts: &Facts<'_>, ours: &mut RunView, theirs: &mut RunView) -> usize {
    let count = ours.shown.len();
    // A session that waited somewhere for lower writes may have come to read at another time, and so something else.
    for (op, (key, at_ns, read_ns)) in &ours.handed {
        if theirs.handed.get(op).is_some_and(|(_, _, other_ns)| other_ns != read_ns) {
            let since = ours.mixed.entry(*key).or_insert(*at_ns);
            *since = (*since).min(*at_ns);
        }
    }
    let is_mixed = |change: &VisibilityChange| {
        let key = facts.operations.get(change.op).map(|operation| operation.key);
        let since = key.and_then(|key| [&ours.mixed, &theirs.mixed].into_iter().filter_map(|all| all.get(&key)).min());
        since.is_some_and(|since| *since <= change.at_ns)
    };
    let [mine, others] = [&ours.shown, &theirs.shown]
        .map(|shown| shown.iter().copied().filter(|change| !is_mixed(change)).collect::<Vec<VisibilityChange>>());
    (ours.shown, theirs.shown) = (mine, others);
    count - ours.shown.len()
}

fn view(facts: &Facts<'_>, below: u8) -> RunView {
    let priority = |key: u32| facts.header().priority(key);
    let own_level = [Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3][usize::from(below.min(3))];
    let mut run = RunView::default();
    let mut last_reads: FxHashMap<(u32, u32), (Level, bool, u64)> = FxHashMap::default();
    for (place, event) in facts.recording.events.iter().enumerate() {
        match event.what {
            What::Answered { op } => {
                if let Some(read) = facts.operations.get(op).filter(|operation| operation.action == Action::Read) {
                    let at_once = facts.is_by_itself(place, op);
                    last_reads.insert((read.session, read.key), (read.level, at_once, event.at_ns));
                }
            }
            What::Invoked { op, session, action: Action::Write | Action::Delete, key, context, .. }
                if priority(key) >= below =>
            {
                if let Some((level, at_once, read_ns)) = last_reads.get(&(session, key)).copied().filter(|_| context) {
                    run.handed.insert(op, (key, event.at_ns, read_ns));
                    // When a read was answered late, its session may have waited for lower writes that it had seen.
                    let waits = WriteOrder::view(level, priority(key)).is_some_and(|view| view < usize::from(below));
                    if !at_once || waits {
                        run.mixed.entry(key).or_insert(event.at_ns);
                    }
                }
                run.asked.push((event.at_ns, event.node, op, key));
            }
            What::Known { write } | What::Visible { write, .. } | What::Hidden { write, .. } => {
                let Some(write) = facts.number(write, place).map(|write| facts.write(write)) else { continue };
                let (levels, begins) = match event.what {
                    What::Visible { levels, .. } => (levels, true),
                    What::Hidden { levels, .. } => (levels, false),
                    _ if priority(write.key) < below => {
                        run.lower.push((event.at_ns, event.node, write.op));
                        continue;
                    }
                    _ => continue,
                };
                for level in levels.iter() {
                    let is_own = level == own_level && priority(write.key) >= below;
                    if is_own || level == Level::Priority && priority(write.key) == below {
                        let (at_ns, node, op) = (event.at_ns, event.node, write.op);
                        run.shown.push(VisibilityChange { at_ns, node, level, op, begins });
                    }
                }
            }
            _ => {}
        }
    }
    run.shown.sort_unstable();
    run.shown = net(&run.shown);
    run.lower.sort_unstable();
    run
}

/// What begins and ceases at one moment was never visible to a client: on the way to its new state a step may pass others.
fn net(sorted: &[VisibilityChange]) -> Vec<VisibilityChange> {
    let of_one = sorted.chunk_by(|a, b| VisibilityChange { begins: a.begins, ..*b } == *a);
    let net = of_one.filter(|group| {
        let begun = group.iter().filter(|change| change.begins).count();
        begun * 2 != group.len()
    });
    // A level shows a write or does not, so that the rest is one change.
    net.filter_map(|group| {
        let begins = group.iter().filter(|change| change.begins).count() * 2 > group.len();
        group.first().map(|change| VisibilityChange { begins, ..*change })
    })
    .collect()
}

/// What happens first in only one of the two runs.
fn difference(facts: &Facts<'_>, below: u8, both: [Option<&VisibilityChange>; 2]) -> Finding {
    let earlier = both.into_iter().flatten().min().expect("one of the two is there when they differ");
    let does = |begins: bool| if begins { "begins to show" } else { "no longer shows" };
    let what = |op: u32| {
        let write = facts.operations.get(op).and_then(|operation| facts.number(operation.write?, usize::MAX));
        write.filter(|_| op == earlier.op).map_or_else(|| format!("the write of #{op}"), |write| facts.title(write))
    };
    let line = |change: &VisibilityChange, run: &str| {
        let VisibilityChange { at_ns, node, level, op, begins } = *change;
        TraceLine::new(at_ns, format!("{run}: {node} {} {} at {}", does(begins), what(op), level.name()))
    };
    let VisibilityChange { at_ns, node, level, op, begins } = *earlier;
    let (does, level) = (does(begins), level.name());
    let only = if both[0] == Some(earlier) { "here, but not" } else { "not here, but" };
    let title = format!(
        "priority inversion: {node} {does} {} at {level} at {} {only} when the messages of writes below P{below} meet \
         other fates",
        what(op),
        seconds(at_ns),
    );
    let runs = ["this run".to_owned(), format!("other fates below P{below}")];
    let lines = both.iter().zip(&runs).filter_map(|(change, run)| Some(line((*change)?, run)));
    Finding::new(&INTERFERENCE, title, at_ns)
        .kind(format!("priority inversion: a replica {does} a write at {level} {only} in the second run"))
        .evidence(lines.collect())
        .ops([op])
}
