//! Why a replica returned a version, or did not.

use super::Reason;
use super::tale::{Line, Shown, Tale};
use crate::operations::{Operation, seconds};
use crate::trace::{Conflict, Level, NodeId, What};

/// Why a write was not returned.
pub(crate) struct Absence {
    pub(super) write: u32,
    pub(super) rank: Rank,
    node: NodeId,
    place: usize,
    /// In one sentence.
    pub(crate) why: String,
    /// What led to it; the write itself and the answer are left out.
    pub(crate) evidence: Vec<Line>,
}

impl Absence {
    /// With the write and the answer.
    pub(super) fn told(self, tale: &Tale<'_>, read: &Operation) -> Reason {
        let Absence { write, node, place, why, mut evidence, .. } = self;
        evidence.push(tale.asked(write));
        evidence.push(tale.line(place, format!("{node} answers #{}   <== here", read.number)));
        tale.reason(format!("not returned: {}: {why}", tale.history.title(write)), evidence)
    }
}

/// What a person wants to know first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Unexplained,
    Waits,
    Missing,
    Replaced,
}

/// Why a read returned `write`: how it came to one of the replicas that served the read.
pub(super) fn returned(tale: &Tale<'_>, read: &Operation, write: u32, served: &[(NodeId, usize)]) -> Reason {
    let history = &tale.history;
    let title = history.title(write);
    let mut evidence = vec![tale.asked(write)];
    let knower = served.iter().find_map(|(node, place)| {
        let known = history.known_since(*node, write, *place)?;
        Some((*node, *place, known))
    });
    let Some((node, place, known)) = knower else {
        let nodes = crate::convergence::history::nodes(&served.iter().map(|(node, _)| *node).collect::<Vec<_>>());
        return tale.reason(format!("returned: {title}, which {nodes} did not know"), evidence);
    };
    evidence.extend(tale.arrival(node, write, known));
    let at = read.level.name();
    let title = match tale.shown(node, read.level, write, place) {
        Shown::Since(since) => {
            let early = out_of_turn(tale, (node, read.level), write, since);
            evidence.push(tale.line(since, format!("{node} shows it at {at}{early}")));
            match tale.at_ns(since) - tale.at_ns(known) {
                _ if !early.is_empty() => format!("returned: {title}{early}"),
                0 => format!("returned: {title}, which {node} had known since {}", seconds(tale.at_ns(known))),
                waited => {
                    let (waits, told) = waits(tale, (node, read.level), write, known);
                    evidence.extend(told);
                    format!("returned: {title}, which had waited at {at} for {}{waits}", seconds(waited))
                }
            }
        }
        Shown::Until(until) => {
            evidence.push(tale.line(until, format!("{node} no longer shows it at {at}")));
            format!("returned: {title}, although {node} had said that it no longer shows it at {at}")
        }
        Shown::Never => format!("returned: {title}, although {node} had not said that it shows it at {at}"),
    };
    tale.reason(title, evidence)
}

/// For which write another waits at a level, in a few words, and what became of that write.
fn waits(tale: &Tale<'_>, at: (NodeId, Level), write: u32, place: usize) -> (String, Vec<Line>) {
    let place = tale.step_end(place);
    let Some(missing) = tale.tables.missing(&tale.history, at, write, place).filter(|missing| *missing != write) else {
        return (String::new(), Vec::new());
    };
    let (_, mut evidence) = tale.absence(at.0, missing, place);
    evidence.push(tale.asked(missing));
    (format!(" for the earlier {}", tale.history.title(missing)), evidence)
}

/// Why `node`, one of those that served `read`, did not contribute `write` to the answer, judged at `place`; nothing for a
/// delete that is known.
pub(super) fn not_returned(
    tale: &Tale<'_>,
    read: &Operation,
    write: u32,
    (node, place): (NodeId, usize),
    served: &[(NodeId, usize)],
) -> Option<Absence> {
    let history = &tale.history;
    let level = read.level;
    let at = level.name();
    let mut evidence = Vec::new();
    let told = |rank, why: String, evidence| Some(Absence { write, rank, node, place, why, evidence });
    let Some(known) = history.known_since(node, write, place) else {
        let (why, absence) = tale.absence(node, write, place);
        evidence.extend(absence);
        let replaced = history.returned(read).find_map(|other| Some((other, had_seen(tale, other, write)?)));
        return match replaced {
            Some((other, how)) => {
                let why = format!("{}, which {how}, had replaced it; besides, it {why}", history.title(other));
                told(Rank::Replaced, why, evidence)
            }
            None => told(Rank::Missing, format!("it {why}"), evidence),
        };
    };
    if history.write(write).delete {
        return None;
    }
    match tale.shown(node, level, write, place) {
        Shown::Since(since) => {
            evidence.push(tale.line(since, format!("{node} shows it at {at}")));
            let others = served.iter().filter(|(other, _)| *other != node);
            let replaced = others
                .clone()
                .find_map(|(other, place)| Some((*other, known_overwriter(tale, (*other, level), write, *place)?)));
            if let Some((replica, (other, how))) = replaced {
                evidence.push(tale.asked(other));
                let other = history.title(other);
                return told(
                    Rank::Replaced,
                    format!("{replica}, which was asked, too, had {other}, which {how}"),
                    evidence,
                );
            }
            if since > read.invoked && others.count() > 0 {
                return told(Rank::Missing, format!("it came to {node} while the read waited for others"), evidence);
            }
            told(
                Rank::Unexplained,
                format!("{node} had said that it shows it at {at}, and did not return it"),
                evidence,
            )
        }
        Shown::Until(until) => {
            evidence.push(tale.line(until, format!("{node} no longer shows it at {at}")));
            match replacement(tale, node, write, until) {
                Some((other, how)) => {
                    evidence.push(tale.asked(other));
                    let early = out_of_turn(tale, (node, level), other, until);
                    let rank = if early.is_empty() { Rank::Replaced } else { Rank::Unexplained };
                    told(rank, format!("replaced by {}{how}{early}", history.title(other)), evidence)
                }
                None => told(
                    Rank::Unexplained,
                    format!("{node} has ceased to show it at {at}, and no write that had replaced it had come"),
                    evidence,
                ),
            }
        }
        Shown::Never => {
            evidence.extend(tale.arrival(node, write, known));
            // What was there when it came says more than what came later.
            let at_first = known_overwriter(tale, (node, level), write, tale.step_end(known));
            let overwriter = at_first.or_else(|| known_overwriter(tale, (node, level), write, place));
            let missing = tale.tables.missing(history, (node, level), write, place);
            if let Some(missing) = missing {
                let (why, absence) = tale.absence(node, missing, place);
                evidence.push(tale.asked(missing));
                evidence.extend(absence);
                let other = history.title(missing);
                return told(Rank::Waits, format!("it waits at {at} for the earlier {other}, which {why}"), evidence);
            }
            if let Some((other, how)) = overwriter {
                evidence.push(tale.asked(other));
                let other = history.title(other);
                return told(Rank::Replaced, format!("{node} had {other}, which {how}"), evidence);
            }
            if let Some(no_room) = no_room(tale, (node, level), write, place) {
                evidence.push(tale.line(no_room, format!("{node} has no room to let it wait at {at}")));
                return told(Rank::Waits, format!("{node} had no room to let it wait at {at}"), evidence);
            }
            let since = seconds(tale.at_ns(known));
            told(
                Rank::Unexplained,
                format!("{node} knew it since {since}, and nothing kept it from showing it at {at}"),
                evidence,
            )
        }
    }
}

/// What `level` of `node` should have waited for before the turn of `write`, told as an aside; empty when its turn has come.
pub(super) fn out_of_turn(tale: &Tale<'_>, at: (NodeId, Level), write: u32, place: usize) -> String {
    match tale.tables.missing(&tale.history, at, write, tale.step_end(place)) {
        Some(missing) if missing != write => {
            let (missing, level) = (tale.history.title(missing), at.1.name());
            format!(", before its turn at {level}: the earlier {missing} had not arrived at {}", at.0)
        }
        _ => String::new(),
    }
}

/// The write by which `node` replaced `write` in the step at `place`, and why it may, if that can be told.
pub(super) fn replacement(tale: &Tale<'_>, node: NodeId, write: u32, place: usize) -> Option<(u32, String)> {
    let history = &tale.history;
    let (step, key) = (history.event(place).cause, history.write(write).key);
    let mut same: Vec<u32> = Vec::new();
    for (place, event) in history.recording.events.iter().enumerate() {
        if event.cause != step || event.node != node {
            continue;
        }
        let (What::Known { write: id } | What::Visible { write: id, .. } | What::Wrote { write: id, .. }) = event.what
        else {
            continue;
        };
        let others = history.number(id, place).filter(|other| *other != write && history.write(*other).key == key);
        same.extend(others);
    }
    // What the step brought had replaced it, or what had waited for what it brought.
    let with_reason = same.iter().find_map(|other| Some((*other, had_seen(tale, *other, write)?)));
    let known = |other: &u32| history.known_since(node, *other, place).is_some() && history.write(*other).key == key;
    let all = 0..history.writes.len() as u32;
    with_reason
        .or_else(|| all.rev().filter(known).find_map(|other| Some((other, had_seen(tale, other, write)?))))
        .map(|(other, how)| (other, format!(", which {how}")))
        .or_else(|| same.first().map(|other| (*other, String::new())))
}

/// A write that `node` knew at `place` and had its turn at `level`, and that had seen `write`.
pub(super) fn known_overwriter(
    tale: &Tale<'_>,
    (node, level): (NodeId, Level),
    write: u32,
    place: usize,
) -> Option<(u32, String)> {
    let history = &tale.history;
    let key = history.write(write).key;
    (0..history.writes.len() as u32).rev().find_map(|other| {
        let is_here = history.write(other).key == key
            && history.known_since(node, other, place).is_some()
            && tale.tables.missing(history, (node, level), other, place).is_none();
        if is_here { Some((other, had_seen(tale, other, write)?)) } else { None }
    })
}

/// How `other` had come to see `write`, so that it replaces it, if it had.
fn had_seen(tale: &Tale<'_>, other: u32, write: u32) -> Option<String> {
    let history = &tale.history;
    let (later, earlier) = (history.write(other), history.write(write));
    if other == write || later.key != earlier.key {
        return None;
    }
    let at = later.id.node();
    if later.id.origin.number() == earlier.id.origin.number() {
        return (later.id.counter > earlier.id.counter).then(|| format!("came in at {at} after it"));
    }
    match history.header().conflict {
        Conflict::LastWriterWins => {
            history.known_since(at, write, later.wrote).map(|_| format!("came in at {at} where it was known"))
        }
        Conflict::Causal => {
            let read = history.operations.get(later.context?)?;
            let answered = read.answered()?;
            let session = &history.header().sessions[read.session as usize];
            if history.returned(read).any(|version| version == write) {
                return Some(format!("{session} wrote after it had read it (#{})", read.number));
            }
            history
                .known_since(read.node, write, answered)
                .map(|_| format!("{session} wrote after it had read the key (#{}) where it was known", read.number))
        }
    }
}

/// The place before `place` where `node` said that it had no room to let `write` wait at `level`.
fn no_room(tale: &Tale<'_>, (node, level): (NodeId, Level), write: u32, place: usize) -> Option<usize> {
    let id = tale.history.write(write).id;
    tale.history.recording.events[..=place].iter().rposition(|event| {
        let What::Overflowed { levels, write } = event.what else { return false };
        event.node == node && write == id && levels.contains(level)
    })
}

impl Tale<'_> {
    /// Why the answer to `read` is without `write`, as far as the replica that was asked is concerned: for findings.
    pub(crate) fn without(&self, read: &Operation, write: u32) -> Option<Absence> {
        not_returned(self, read, write, (read.node, read.answered()?), &[])
    }
}
