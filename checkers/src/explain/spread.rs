//! Where a write came, and since when each replica shows it.

use super::tale::Tale;
use super::{REASONS_MAX, Reason, why};
use crate::operations::{Operation, seconds};
use crate::trace::{Level, Levels, NodeId, What};

/// What became of a write: what it replaces, and each replica that is to hold it.
pub(super) fn spread(tale: &Tale<'_>, operation: &Operation) -> Vec<Reason> {
    let history = &tale.history;
    let all = 0..history.writes.len() as u32;
    let Some(write) = all.rev().find(|write| history.write(*write).op == operation.number) else { return Vec::new() };
    let mut reasons = vec![context(tale, operation, write)];
    let holders = history.header().holders(operation.key);
    let more = holders.len().saturating_sub(REASONS_MAX);
    reasons.extend(holders.into_iter().take(REASONS_MAX).map(|node| at(tale, node, write)));
    if more > 0 {
        reasons.push(Reason::bare(format!("and {more} more replicas")));
    }
    reasons
}

fn context(tale: &Tale<'_>, operation: &Operation, write: u32) -> Reason {
    let history = &tale.history;
    let id = history.write(write).id;
    let read = history.write(write).context.and_then(|read| history.operations.get(read));
    let title = match read {
        Some(read) => {
            let values = history.operations.values(&read.returned);
            format!("{id}: replaces what {} had read: {values} (#{})", session(tale, operation), read.number)
        }
        None => format!("{id}: hands back no read of the key, so it replaces no other replica's write"),
    };
    let held = history.header().conflict == crate::trace::Conflict::LastWriterWins;
    let title = if held { format!("{id}: replaces whatever {} held", id.node()) } else { title };
    let asked = |read: &Operation| tale.line(read.invoked, history.operations.describe(read).text);
    let evidence = read.filter(|_| !held).map(asked);
    tale.reason(title, evidence.into_iter().collect())
}

fn session(tale: &Tale<'_>, operation: &Operation) -> String {
    crate::operations::name(&tale.history.header().sessions, operation.session)
}

/// What became of a write at one replica.
fn at(tale: &Tale<'_>, node: NodeId, write: u32) -> Reason {
    let history = &tale.history;
    let wrote = history.write(write).wrote;
    let Some(known) = tale.known_after(node, write, history.write(write).invoked) else {
        let (why, evidence) = tale.absence(node, write, history.recording.events.len() - 1);
        let why = why.replacen(&format!("had not arrived at {node}"), "has not arrived", 1);
        return tale.reason(format!("{node}: it {why}"), evidence);
    };
    let mut evidence = tale.arrival(node, write, known);
    let since = seconds(tale.at_ns(known));
    let mut title = match node == history.event(wrote).node {
        true => format!("{node}: took it in at {since}"),
        false => format!("{node}: known since {since}"),
    };
    let changes = changes(tale, node, write, known);
    let shown = changes.iter().filter(|change| change.shown);
    let late = shown.clone().find(|change| tale.at_ns(change.place) > tale.at_ns(known));
    if shown.clone().next().is_none() && !history.write(write).delete {
        title.push_str(", never shown");
        if let Some((other, how)) = why::known_overwriter(tale, (node, Level::Eventual), write, tale.step_end(known)) {
            title.push_str(&format!(": {node} had {}, which {how}", history.title(other)));
        }
    }
    let waited = late.and_then(|late| {
        late.levels
            .iter()
            .find_map(|level| Some((level, tale.tables.missing(history, (node, level), write, tale.step_end(known))?)))
    });
    if let Some((level, missing)) = waited {
        title.push_str(&format!(", but at {} it had to wait for the earlier {}", level.name(), history.title(missing)));
    }
    for change in changes {
        let (place, levels) = (change.place, names(change.levels));
        let early = |write: u32| {
            let early = change.levels.iter().map(|level| why::out_of_turn(tale, (node, level), write, place));
            early.into_iter().find(|early| !early.is_empty()).unwrap_or_default()
        };
        let text = if change.shown {
            format!("{node} shows it at {levels}{}", early(write))
        } else {
            let by = match why::replacement(tale, node, write, place) {
                Some((other, how)) => format!("replaced by {}{how}{}", history.title(other), early(other)),
                None => format!("and nothing that {node} knew had replaced it"),
            };
            format!("{node} no longer shows it at {levels}, {by}")
        };
        evidence.push(tale.line(place, text));
    }
    tale.reason(title, evidence)
}

/// A replica begins or ceases to show a write.
struct Change {
    /// Place of the step's last announcement of it.
    place: usize,
    shown: bool,
    levels: Levels,
}

/// What `node` announces about showing `write` after it got to know it at `known`, step by step, in that life.
fn changes(tale: &Tale<'_>, node: NodeId, write: u32, known: usize) -> Vec<Change> {
    let history = &tale.history;
    let (id, step) = (history.write(write).id, history.event(known).cause);
    let mut changes: Vec<Change> = Vec::new();
    for (place, event) in history.recording.events.iter().enumerate().filter(|(_, event)| event.node == node) {
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
            Some(last) if last.shown == shown && history.event(last.place).cause == event.cause => {
                (last.place, last.levels) = (place, last.levels.and(levels));
            }
            _ => changes.push(Change { place, shown, levels }),
        }
    }
    changes
}

fn names(levels: Levels) -> String {
    levels.iter().map(Level::name).collect::<Vec<_>>().join(", ")
}
