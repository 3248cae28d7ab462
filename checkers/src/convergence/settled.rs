//! CONV002, liveness: after the settling phase all holders of a key hold the same versions, and each knows every
//! write that survived.
//!
//! A write survives when some holder still holds it, or when it was acknowledged, no other write had seen it, and not
//! every disk that it ever reached was lost. Only nodes that are up at the end count. Where the last writer wins, a write that no
//! holder holds has lost against another one; a replica that gets it after that one does not announce it, and owes nothing: that it is
//! lost is a matter of CONV003.

use std::collections::BTreeSet;

use crate::CodeInfo;
use crate::facts::words::{nodes, verb};
use crate::facts::{Facts, Held};
use crate::trace::{Conflict, NodeId};
use crate::verdict::{Finding, TraceLine};

pub(super) const CODE: CodeInfo =
    CodeInfo { code: "CONV002", meaning: "after settling, the holders of a key differ or lack a surviving write" };

/// How replicas differ at the end.
pub(super) enum Difference {
    /// A holder does not know this write, which survived.
    Missing(u32),
    /// The holders of this key, although they know the same surviving writes, hold different versions.
    Versions(u32),
}

/// By write, how many holders of its key know it at the end.
pub(super) fn known_counts(facts: &Facts<'_>) -> Vec<usize> {
    let mut counts = vec![0; facts.writes.len()];
    for known in facts.known.iter().filter(|known| known.until == usize::MAX) {
        let key = facts.write(known.write).key;
        counts[known.write as usize] += usize::from(facts.header().holds(known.node, key));
    }
    counts
}

pub(super) fn breaches(facts: &Facts<'_>, excused: &[bool], known: &[usize]) -> Vec<Difference> {
    let is_owed = facts.header().conflict == Conflict::Causal;
    let mut survives: Vec<bool> =
        facts.writes.iter().zip(excused).map(|(write, excused)| is_owed && write.acknowledged && !excused).collect();
    for held in &facts.held {
        survives[held.write as usize] = true;
    }
    let mut breaches = Vec::new();
    let mut explained = BTreeSet::new();
    for (number, write) in facts.writes.iter().enumerate() {
        if survives[number] && known[number] < facts.holder_count(write.key) {
            breaches.push(Difference::Missing(number as u32));
            explained.insert(write.key);
        }
    }
    for held in facts.held.chunk_by(|a, b| a.key == b.key) {
        let key = held[0].key;
        if !explained.contains(&key) && !is_same(held, facts.holder_count(key)) {
            breaches.push(Difference::Versions(key));
        }
    }
    breaches
}

/// True when all `holders` of a key hold the same versions.
fn is_same(held: &[Held], holders: usize) -> bool {
    let mut by_node = held.chunk_by(|a, b| a.node == b.node);
    let first: Vec<u32> = by_node.next().into_iter().flatten().map(|held| held.write).collect();
    let mut same = 1;
    by_node.all(|versions| {
        same += 1;
        versions.iter().map(|held| held.write).eq(first.iter().copied())
    }) && same == holders
}

impl Difference {
    pub(super) fn describe(&self, facts: &Facts<'_>) -> Finding {
        match *self {
            Difference::Missing(write) => missing(facts, write),
            Difference::Versions(key) => versions(facts, key),
        }
    }
}

fn missing(facts: &Facts<'_>, number: u32) -> Finding {
    let write = facts.write(number);
    let holders = facts.holders(write.key);
    let (knowing, missing): (Vec<NodeId>, Vec<NodeId>) =
        holders.iter().partition(|node| facts.known_at(**node, number).is_some());
    let holding: Vec<NodeId> = holders.into_iter().filter(|node| facts.is_held_by(*node, number)).collect();
    let (why, kind) = if holding.is_empty() {
        let kind = "a holder does not know a write that was acknowledged and that no other write had seen";
        ("which was acknowledged and which no other write had seen".to_owned(), kind)
    } else {
        let why = format!("which {} {} at the end", nodes(&holding), verb(&holding, "holds", "hold"));
        (why, "a holder does not know a write that another one holds at the end")
    };
    let title = format!("{} {} not know {}, {why}", nodes(&missing), verb(&missing, "does", "do"), facts.title(number));

    let mut evidence = vec![facts.describe(number)];
    for node in knowing.iter().take(3) {
        let place = facts.known_at(*node, number).expect("it was chosen for knowing the write");
        evidence.push(TraceLine::new(facts.at_ns(place), format!("{node} knows it")));
    }
    for node in missing.iter().take(3) {
        evidence.extend(facts.message_path(number, *node));
    }
    let places = knowing.iter().filter_map(|node| facts.known_at(*node, number));
    Finding::new(&CODE, title, facts.header().end_ns)
        .kind(kind)
        .evidence(evidence)
        .events(places.chain([write.wrote]).map(|place| facts.event(place).number))
        .ops([write.op])
}

fn versions(facts: &Facts<'_>, key: u32) -> Finding {
    let at_ns = facts.header().end_ns;
    let holders = facts.holders(key);
    let sets: Vec<BTreeSet<u32>> =
        holders.iter().map(|node| facts.held_by(*node, key).iter().map(|held| held.write).collect()).collect();
    let all: BTreeSet<u32> = sets.iter().flatten().copied().collect();
    let different: BTreeSet<u32> =
        all.into_iter().filter(|write| sets.iter().any(|set| !set.contains(write))).collect();
    let mut evidence: Vec<TraceLine> = different.iter().map(|write| facts.describe(*write)).take(4).collect();
    for (node, set) in holders.iter().zip(&sets).take(8) {
        let text = format!("{node} holds {} = {}", facts.key(key), facts.values(set.iter().copied()));
        evidence.push(TraceLine::new(at_ns, text));
    }
    let with =
        |write: u32| -> (Vec<NodeId>, Vec<NodeId>) { holders.iter().partition(|node| facts.is_held_by(**node, write)) };
    let (holding, lacking) = different.first().map_or_else(Default::default, |write| with(*write));
    let title = format!(
        "the holders of {} differ at the end: {} {} {}, {} {} not",
        facts.key(key),
        nodes(&holding),
        verb(&holding, "holds", "hold"),
        different.first().map_or_else(String::new, |write| facts.title(*write)),
        nodes(&lacking),
        verb(&lacking, "does", "do")
    );
    let held = facts.held.iter().filter(|held| held.key == key && different.contains(&held.write));
    Finding::new(&CODE, title, at_ns)
        .kind(match facts.header().silent {
            true => "the holders of a key hold different versions",
            false => "the holders of a key know the same surviving writes and hold different versions",
        })
        .evidence(evidence)
        .events(held.map(|held| facts.event(held.place).number))
        .ops(different.iter().map(|write| facts.write(*write).op))
}
