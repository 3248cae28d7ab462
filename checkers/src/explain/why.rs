//! Why a replica returned a version, or did not.

use super::reason::Reason;
use crate::facts::Facts;
use crate::facts::messages::Line;
use crate::facts::operations::Operation;
use crate::facts::shown::Shown;
use crate::facts::words::{nodes, seconds};
use crate::trace::{Action, Conflict, Level, NodeId, What};

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
    pub(super) fn describe(self, facts: &Facts<'_>, read: &Operation) -> Reason {
        let Absence { write, node, place, why, mut evidence, .. } = self;
        evidence.push(facts.asked(write));
        evidence.push((place, format!("{node} answers #{}   <== here", read.number)));
        Reason::new(facts, format!("not returned: {}: {why}", facts.title(write)), evidence)
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
pub(super) fn returned(facts: &Facts<'_>, read: &Operation, write: u32, served: &[(NodeId, usize)]) -> Reason {
    let title = facts.title(write);
    let mut evidence = vec![facts.asked(write)];
    let knower = served.iter().find_map(|(node, place)| {
        let known = facts.known_since(*node, write, *place)?;
        Some((*node, *place, known))
    });
    let Some((node, place, known)) = knower else {
        let nodes = nodes(&served.iter().map(|(node, _)| *node).collect::<Vec<_>>());
        return Reason::new(facts, format!("returned: {title}, which {nodes} did not know"), evidence);
    };
    evidence.extend(facts.arrival(node, write, known));
    let at = read.level.name();
    let title = match facts.shown(node, read.level, write, place) {
        Shown::Since(since) => {
            let early = out_of_turn(facts, (node, read.level), write, since);
            evidence.push((since, format!("{node} shows it at {at}{early}")));
            match facts.at_ns(since) - facts.at_ns(known) {
                _ if !early.is_empty() => format!("returned: {title}{early}"),
                0 => format!("returned: {title}, which {node} had known since {}", seconds(facts.at_ns(known))),
                waited => {
                    let (waits, lines) = waits(facts, (node, read.level), write, known);
                    evidence.extend(lines);
                    format!("returned: {title}, which had waited at {at} for {}{waits}", seconds(waited))
                }
            }
        }
        Shown::Until(until) => {
            evidence.push((until, format!("{node} no longer shows it at {at}")));
            format!("returned: {title}, although {node} had said that it no longer shows it at {at}")
        }
        Shown::Never => format!("returned: {title}, although {node} had not said that it shows it at {at}"),
    };
    Reason::new(facts, title, evidence)
}

/// For which write another waits at a level, in a few words, and what became of that write.
fn waits(facts: &Facts<'_>, at: (NodeId, Level), write: u32, place: usize) -> (String, Vec<Line>) {
    let place = facts.step_end(place);
    let Some(missing) = facts.missing(at, write, place).filter(|missing| *missing != write) else {
        return (String::new(), Vec::new());
    };
    let (_, mut evidence) = facts.absence(at.0, missing, place);
    evidence.push(facts.asked(missing));
    (format!(" for the earlier {}", facts.title(missing)), evidence)
}

/// Why `node`, one of those that served `read`, did not contribute `write` to the answer, judged at `place`; nothing for a
/// delete that is known.
pub(super) fn not_returned(
    facts: &Facts<'_>,
    read: &Operation,
    write: u32,
    (node, place): (NodeId, usize),
    served: &[(NodeId, usize)],
) -> Option<Absence> {
    let level = read.level;
    let at = level.name();
    let mut evidence = Vec::new();
    let absence = |rank, why: String, evidence| Some(Absence { write, rank, node, place, why, evidence });
    let Some(known) = facts.known_since(node, write, place) else {
        let (why, lines) = facts.absence(node, write, place);
        evidence.extend(lines);
        let replaced = facts.returned(read).find_map(|other| Some((other, had_seen(facts, other, write)?)));
        return match replaced {
            Some((other, how)) => {
                let why = format!("{}, which {how}, had replaced it; besides, it {why}", facts.title(other));
                absence(Rank::Replaced, why, evidence)
            }
            None => absence(Rank::Missing, format!("it {why}"), evidence),
        };
    };
    if facts.write(write).delete {
        return None;
    }
    match facts.shown(node, level, write, place) {
        Shown::Since(since) => {
            evidence.push((since, format!("{node} shows it at {at}")));
            let others = served.iter().filter(|(other, _)| *other != node);
            let replaced = others
                .clone()
                .find_map(|(other, place)| Some((*other, known_overwriter(facts, (*other, level), write, *place)?)));
            if let Some((replica, (other, how))) = replaced {
                evidence.push(facts.asked(other));
                let why = format!("{replica}, which was asked, too, had {}, which {how}", facts.title(other));
                return absence(Rank::Replaced, why, evidence);
            }
            if since > read.invoked && others.count() > 0 {
                return absence(Rank::Missing, format!("it came to {node} while the read waited for others"), evidence);
            }
            let why = format!("{node} had said that it shows it at {at}, and did not return it");
            absence(Rank::Unexplained, why, evidence)
        }
        Shown::Until(until) => {
            evidence.push((until, format!("{node} no longer shows it at {at}")));
            match replacement(facts, node, write, until) {
                Some((other, how)) => {
                    evidence.push(facts.asked(other));
                    let early = out_of_turn(facts, (node, level), other, until);
                    let rank = if early.is_empty() { Rank::Replaced } else { Rank::Unexplained };
                    absence(rank, format!("replaced by {}{how}{early}", facts.title(other)), evidence)
                }
                None => {
                    let why =
                        format!("{node} has ceased to show it at {at}, and no write that had replaced it had come");
                    absence(Rank::Unexplained, why, evidence)
                }
            }
        }
        Shown::Never => {
            evidence.extend(facts.arrival(node, write, known));
            // What was there when it came says more than what came later.
            let at_first = known_overwriter(facts, (node, level), write, facts.step_end(known));
            let overwriter = at_first.or_else(|| known_overwriter(facts, (node, level), write, place));
            let missing = facts.missing((node, level), write, place);
            if let Some(missing) = missing {
                let (why, lines) = facts.absence(node, missing, place);
                evidence.push(facts.asked(missing));
                evidence.extend(lines);
                let why = format!("it waits at {at} for the earlier {}, which {why}", facts.title(missing));
                return absence(Rank::Waits, why, evidence);
            }
            if let Some((other, how)) = overwriter {
                evidence.push(facts.asked(other));
                let other = facts.title(other);
                return absence(Rank::Replaced, format!("{node} had {other}, which {how}"), evidence);
            }
            if let Some(no_room) = no_room(facts, (node, level), write, place) {
                evidence.push((no_room, format!("{node} has no room to let it wait at {at}")));
                return absence(Rank::Waits, format!("{node} had no room to let it wait at {at}"), evidence);
            }
            let since = seconds(facts.at_ns(known));
            let why = format!("{node} knew it since {since}, and nothing kept it from showing it at {at}");
            absence(Rank::Unexplained, why, evidence)
        }
    }
}

/// What `level` of `node` should have waited for before the turn of `write`, as an aside; empty when its turn has come.
pub(super) fn out_of_turn(facts: &Facts<'_>, at: (NodeId, Level), write: u32, place: usize) -> String {
    match facts.missing(at, write, facts.step_end(place)) {
        Some(missing) if missing != write => {
            let (missing, level) = (facts.title(missing), at.1.name());
            format!(", before its turn at {level}: the earlier {missing} had not arrived at {}", at.0)
        }
        _ => String::new(),
    }
}

/// The write by which `node` replaced `write` in the step at `place`, and why it may, if that is known.
pub(super) fn replacement(facts: &Facts<'_>, node: NodeId, write: u32, place: usize) -> Option<(u32, String)> {
    let (step, key) = (facts.event(place).cause, facts.write(write).key);
    let mut same: Vec<u32> = Vec::new();
    for (place, event) in facts.recording.events.iter().enumerate() {
        if event.cause != step || event.node != node {
            continue;
        }
        let (What::Known { write: id } | What::Visible { write: id, .. } | What::Wrote { write: id, .. }) = event.what
        else {
            continue;
        };
        let others = facts.number(id, place).filter(|other| *other != write && facts.write(*other).key == key);
        same.extend(others);
    }
    // What the step brought had replaced it, or what had waited for what it brought.
    let with_reason = same.iter().find_map(|other| Some((*other, had_seen(facts, *other, write)?)));
    let known = |other: &u32| facts.known_since(node, *other, place).is_some() && facts.write(*other).key == key;
    let all = 0..facts.writes.len() as u32;
    with_reason
        .or_else(|| all.rev().filter(known).find_map(|other| Some((other, had_seen(facts, other, write)?))))
        .map(|(other, how)| (other, format!(", which {how}")))
        .or_else(|| same.first().map(|other| (*other, String::new())))
}

/// A write that `node` knew at `place` and had its turn at `level`, and that had seen `write`.
pub(super) fn known_overwriter(
    facts: &Facts<'_>,
    (node, level): (NodeId, Level),
    write: u32,
    place: usize,
) -> Option<(u32, String)> {
    let key = facts.write(write).key;
    (0..facts.writes.len() as u32).rev().find_map(|other| {
        let is_here = facts.write(other).key == key
            && facts.known_since(node, other, place).is_some()
            && facts.missing((node, level), other, place).is_none();
        if is_here { Some((other, had_seen(facts, other, write)?)) } else { None }
    })
}

/// How `other` had come to see `write`, so that it replaces it, if it had.
fn had_seen(facts: &Facts<'_>, other: u32, write: u32) -> Option<String> {
    let (later, earlier) = (facts.write(other), facts.write(write));
    if other == write || later.key != earlier.key {
        return None;
    }
    let at = later.id.node();
    match facts.header().conflict {
        Conflict::LastWriterWins if later.id.origin.number() == earlier.id.origin.number() => {
            (later.id.counter > earlier.id.counter).then(|| format!("came in at {at} after it"))
        }
        Conflict::LastWriterWins => {
            facts.known_since(at, write, later.wrote).map(|_| format!("came in at {at} where it was known"))
        }
        Conflict::Causal => {
            let read = facts.operations.get(later.context?)?;
            let answered = read.answered()?;
            let session = &facts.header().sessions[read.session as usize];
            if read.action != Action::Read {
                let is_it = read.write == Some(earlier.id);
                return is_it.then(|| format!("{session} wrote after it had written this, too (#{})", read.number));
            }
            if facts.returned(read).any(|version| version == write) {
                return Some(format!("{session} wrote after it had read it (#{})", read.number));
            }
            facts
                .known_since(read.node, write, answered)
                .map(|_| format!("{session} wrote after it had read the key (#{}) where it was known", read.number))
        }
    }
}

/// The place before `place` where `node` said that it had no room to let `write` wait at `level`.
fn no_room(facts: &Facts<'_>, (node, level): (NodeId, Level), write: u32, place: usize) -> Option<usize> {
    let id = facts.write(write).id;
    facts.recording.events[..=place].iter().rposition(|event| {
        let What::Overflowed { levels, write } = event.what else { return false };
        event.node == node && write == id && levels.contains(level)
    })
}

impl Facts<'_> {
    /// Why the answer to `read` is without `write`, as far as the replica that was asked is concerned: for findings.
    pub(crate) fn without(&self, read: &Operation, write: u32) -> Option<Absence> {
        not_returned(self, read, write, (read.node, self.given(read.answered()?)), &[])
    }
}
