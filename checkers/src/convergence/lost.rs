//! CONV003, nothing lost: an acknowledged write that no other write had seen is held at the end, unless every disk that
//! it ever reached was lost.
//!
//! A holder that never got to know the write is a matter of CONV002. Lost is a write that a holder knows and
//! nevertheless does not hold, or that no holder has at all.

use crate::CodeInfo;
use crate::facts::Facts;
use crate::facts::words::{nodes, verb};
use crate::trace::{Conflict, Level, NodeId, What};
use crate::verdict::{Finding, TraceLine};

pub(super) const CODE: CodeInfo =
    CodeInfo { code: "CONV003", meaning: "an acknowledged write is gone although no other write had seen it" };

/// The lost writes, in the order in which they were taken in.
pub(super) fn breaches(facts: &Facts<'_>, excused: &[bool], known: &[usize]) -> Vec<u32> {
    let mut held = vec![0; facts.writes.len()];
    let mut held_and_known = held.clone();
    for version in &facts.held {
        let number = version.write as usize;
        held[number] += 1;
        held_and_known[number] += usize::from(facts.known_at(version.node, version.write).is_some());
    }
    let is_lost = |number: &usize| {
        let write = &facts.writes[*number];
        let is_owed = write.acknowledged && !write.delete && !excused[*number] && facts.holder_count(write.key) > 0;
        is_owed && (held[*number] == 0 || known[*number] > held_and_known[*number])
    };
    (0..facts.writes.len()).filter(is_lost).map(|number| number as u32).collect()
}

pub(super) fn describe(facts: &Facts<'_>, number: u32) -> Finding {
    let write = facts.write(number);
    let holders = facts.holders(write.key);
    let lacking: Vec<NodeId> = holders.into_iter().filter(|node| !facts.is_held_by(*node, number)).collect();
    let title = format!(
        "the acknowledged write {} is lost: {} {} not hold it at the end, and no other write had seen it",
        facts.title(number),
        nodes(&lacking),
        verb(&lacking, "does", "do")
    );
    let mut evidence = vec![facts.describe(number)];
    let winner = winner(facts, number);
    evidence.extend(winner.map(|winner| facts.describe(winner)));
    let mut events = vec![facts.event(write.wrote).number];
    for event in &facts.recording.events {
        if let What::Hidden { levels, write: id } = event.what
            && id == write.id
            && levels.contains(Level::Eventual)
        {
            evidence.push(TraceLine::new(event.at_ns, format!("{} no longer shows it", event.node)));
            events.push(event.number);
        }
    }
    for node in &lacking {
        if facts.known_at(*node, number).is_none() {
            let text = format!("{node} never got to know it");
            evidence.push(TraceLine::new(facts.header().end_ns, text));
        }
    }
    evidence.truncate(8);
    events.truncate(8);
    let finding = Finding::new(&CODE, title, facts.header().end_ns);
    let finding = match winner {
        Some(_) => finding.kind(
            "an acknowledged write is gone, and another one that had not seen it is in its place: the last writer wins",
        ),
        None => finding,
    };
    finding.evidence(evidence).events(events).ops([write.op])
}

/// Where the last writer wins, the write to which this one may have lost: one that is held at the end, or else a delete.
fn winner(facts: &Facts<'_>, number: u32) -> Option<u32> {
    let key = facts.write(number).key;
    let is_held = |other: &u32| facts.held.iter().any(|held| held.write == *other);
    let others = || {
        let writes = (0..facts.writes.len() as u32).filter(|_| facts.header().conflict == Conflict::LastWriterWins);
        writes
            .filter(|other| *other != number && facts.write(*other).key == key && facts.write(*other).undone.is_none())
    };
    others().find(is_held).or_else(|| others().rfind(|other| facts.write(*other).delete))
}
