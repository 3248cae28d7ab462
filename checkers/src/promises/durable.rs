//! Durability: as many lost disks as have acknowledged a write may take it along, and no fewer.

use rustc_hash::FxHashSet;

use super::decided;
use super::missing_disks::MissingDisks;
use crate::facts::disks::Disks;
use crate::facts::operations::Outcome;
use crate::facts::words::{nodes, verb};
use crate::facts::{Facts, RecordedWrite};
use crate::trace::{Action, Conflict, Disk, NodeId, What};
use crate::verdict::{Finding, Findings, Report, TraceLine, Verdict};
use crate::{CheckerInfo, CodeInfo};

const LOST: CodeInfo = CodeInfo {
    code: "DUR001",
    meaning: "an acknowledged write is gone although fewer disks were missing at once than had acknowledged it",
};
const EARLY: CodeInfo =
    CodeInfo { code: "DUR002", meaning: "a write was acknowledged before as many replicas had it as are promised" };

/// The checker.
pub const DURABLE: CheckerInfo = CheckerInfo {
    name: "durable",
    summary: "an acknowledged write outlives any loss of fewer disks at once than have acknowledged it",
    codes: &[LOST, EARLY],
    by_default: |_| true,
    check: |facts, _| check(facts),
};

fn check(facts: &Facts<'_>) -> Report {
    let recording = facts.recording;
    let disks = MissingDisks::of(facts);
    let is_owed = |write: &u32| facts.write(*write).acknowledged && facts.write(*write).undone.is_none();
    let owed: Vec<u32> = (0..facts.writes.len() as u32).filter(is_owed).collect();
    let early = if recording.header.silent { Vec::new() } else { acknowledged_early(facts, &disks) };
    let is_settled = recording.header.settling_from_ns.is_some();
    let (mut lost, mut excused) = (Vec::new(), 0);
    if is_settled {
        for write in gone(facts, &owed) {
            match disks.may_be_gone(write) {
                false => lost.push(write),
                true => excused += 1,
            }
        }
    }
    let mut findings = Findings::default();
    findings.add(&LOST, &lost, |write| describe_lost(facts, &disks, *write));
    findings.add(&EARLY, &early, |early| early.describe(facts, &disks));
    let (verdict, note) = if !findings.is_empty() {
        (Verdict::Violated, findings.note())
    } else if owed.is_empty() {
        (Verdict::Unknown, "no write was acknowledged".to_owned())
    } else if !is_settled {
        (Verdict::Unknown, "the run has no settling phase, so DUR001 cannot be decided; DUR002 held".to_owned())
    } else if excused == owed.len() {
        (Verdict::NotApplicable, "every acknowledged write went with disks that were missing at once".to_owned())
    } else {
        let gone = match excused {
            0 => String::new(),
            _ => format!("; {excused} went with disks that were missing at once"),
        };
        (Verdict::Holds, format!("{} acknowledged writes are readable or replaced{gone}", owed.len() - excused))
    };
    findings.report(DURABLE.name, verdict, note)
}

/// The writes that no node holds at the end although nothing had replaced them. Deletes are not held.
fn gone(facts: &Facts<'_>, owed: &[u32]) -> Vec<u32> {
    let mut held = facts.overwritten().to_vec();
    facts.held.iter().for_each(|version| held[version.write as usize] = true);
    if facts.header().silent && facts.header().conflict == Conflict::LastWriterWins {
        // What replicas held is not known: any other write that was under way then, or came later, may have replaced it.
        let last = last_ended(facts);
        held.iter_mut().zip(&facts.writes).for_each(|(held, write)| {
            let mut others = last[write.key as usize].iter().filter(|(_, op)| op.is_some_and(|op| op != write.op));
            *held |= others.any(|(ended, _)| *ended > write.invoked);
        });
    } else if facts.header().conflict == Conflict::LastWriterWins {
        // The later of two writes is the one whose clock says so: that of any other write of the key that is left, or of
        // a delete.
        let held_keys = facts.held.iter().map(|version| version.key);
        let deleted = facts.operations.list().iter().filter(|operation| operation.action == Action::Delete);
        let replaced: FxHashSet<u32> = held_keys.chain(deleted.map(|delete| delete.key)).collect();
        held.iter_mut().zip(&facts.writes).for_each(|(held, write)| *held |= replaced.contains(&write.key));
    }
    let is_gone = |write: &u32| {
        let RecordedWrite { key, delete, .. } = *facts.write(*write);
        !held[*write as usize] && !delete && facts.holder_count(key) > 0
    };
    owed.iter().copied().filter(is_gone).collect()
}

/// By key, the two writes and deletes that ended last: where, and which. What timed out may end later still.
fn last_ended(facts: &Facts<'_>) -> Vec<[(usize, Option<u32>); 2]> {
    let mut last = vec![[(0, None); 2]; facts.header().keys.len()];
    for operation in facts.operations.list().iter().filter(|operation| operation.action != Action::Read) {
        let ended = match operation.outcome {
            Outcome::Answered(place) => place,
            Outcome::Refused(_) => continue,
            Outcome::TimedOut(_) | Outcome::Open => usize::MAX,
        };
        let of_key = &mut last[operation.key as usize];
        of_key[0] = (ended, Some(operation.number)).max(of_key[0]);
        of_key.sort_unstable();
    }
    last
}

/// A write and the nodes that had it when it was acknowledged.
struct Early {
    write: u32,
    copies: Vec<NodeId>,
}

/// The writes that were acknowledged by fewer than had promised to have them. Only a store that says which writes its replicas
/// know can be judged; one that says too much is found out when disks are lost.
fn acknowledged_early(facts: &Facts<'_>, missing: &MissingDisks<'_, '_>) -> Vec<Early> {
    let is_owed = |write: &u32| facts.write(*write).acknowledged && missing.promised(*write) > 1;
    let of = |write| {
        let answered = facts.operation(write).answered()?;
        Some((decided(facts, write)?, facts.event(answered).cause, write))
    };
    let mut owed: Vec<(usize, u64, u32)> = (0..facts.writes.len() as u32).filter(is_owed).filter_map(of).collect();
    owed.sort_unstable();
    if owed.is_empty() {
        return Vec::new();
    }
    let mut owed = owed.into_iter().peekable();
    let mut early = Vec::new();
    let mut disks = Disks::of(facts);
    for (place, event) in facts.recording.events.iter().enumerate() {
        // What the replica that acknowledges announces in the same step counts.
        let is_over = |(decided, step, _): &(usize, u64, u32)| *decided < place && (event.cause != *step || *step == 0);
        while let Some((decided, _, write)) = owed.next_if(is_over) {
            early.extend(too_few(facts, missing, &disks, decided, write));
        }
        match event.what {
            What::Known { write } => {
                facts.number(write, place).into_iter().for_each(|write| disks.add(event.node, write));
            }
            What::Forgot { write, promised } => drop(disks.forget(facts, (event.node, write, promised), place)),
            What::Down { disk } => disks.down(event.node, disk),
            What::Up { .. } => drop(disks.up(event.node)),
            _ => {}
        }
    }
    for (decided, _, write) in owed {
        early.extend(too_few(facts, missing, &disks, decided, write));
    }
    early.sort_by_key(|early| early.write);
    early
}

fn too_few(
    facts: &Facts<'_>,
    missing: &MissingDisks<'_, '_>,
    disks: &Disks,
    decided: usize,
    write: u32,
) -> Option<Early> {
    let is_copy = |node: &NodeId| missing.may_hold(write, *node) && disks.has(*node, write);
    let copies: Vec<NodeId> = NodeId::all(facts.header().nodes).filter(is_copy).collect();
    // While a node is down, it cannot be known that its disk is lost.
    let mut counted = missing.down_without(write, decided);
    counted.extend(&copies);
    (counted.len() < usize::from(missing.promised(write))).then_some(Early { write, copies })
}

impl Early {
    fn describe(&self, facts: &Facts<'_>, missing: &MissingDisks<'_, '_>) -> Finding {
        let write = facts.write(self.write);
        let answered = facts.operation(self.write).answered().unwrap_or(write.wrote);
        let promised = missing.promised(self.write);
        let had = match &self.copies[..] {
            [] => "no disk".to_owned(),
            copies => format!("only {}", nodes(copies)),
        };
        let title = format!(
            "{} was acknowledged when {had} had it, and {promised} replicas are promised",
            facts.title(self.write),
        );
        let mut evidence = vec![facts.describe(self.write)];
        for node in NodeId::all(facts.header().nodes).filter(|node| facts.header().holds(*node, write.key)) {
            match facts.known_at(node, self.write) {
                Some(place) if place < answered => {
                    evidence.push(TraceLine::new(facts.at_ns(place), format!("{node} has it")));
                }
                _ => evidence.extend(facts.message_path(self.write, node)),
            }
        }
        Finding::new(&EARLY, title, facts.at_ns(answered))
            .evidence(evidence)
            .events([write.wrote, answered].map(|place| facts.event(place).number))
            .ops([write.op])
    }
}

fn describe_lost(facts: &Facts<'_>, missing: &MissingDisks<'_, '_>, number: u32) -> Finding {
    let write = facts.write(number);
    let promised = missing.promised(number);
    let answered = facts.operation(number).answered().unwrap_or(write.wrote);
    let holders = facts.holders(write.key);
    let title = format!(
        "the acknowledged write {} is gone: {} {} not hold it at the end, though {} promised to have it and fewer disks were \
         missing at once",
        facts.title(number),
        nodes(&holders),
        verb(&holders, "does", "do"),
        match promised {
            1 => format!("{} has", write.id.node()),
            _ => format!("{promised} replicas have"),
        }
    );
    let mut evidence = vec![facts.describe(number)];
    let mut events = vec![facts.event(write.wrote).number, facts.event(answered).number];
    for (place, event) in facts.recording.events.iter().enumerate().skip(write.invoked) {
        let text = match event.what {
            What::Known { write: id } if id == write.id => format!("{} has it", event.node),
            What::Down { disk: Disk::Lost } if facts.header().holds(event.node, write.key) => {
                format!("{} loses its disk", event.node)
            }
            What::Up { .. } if facts.header().holds(event.node, write.key) => format!("{} is up again", event.node),
            _ => continue,
        };
        evidence.push(TraceLine::new(facts.at_ns(place), text));
        events.push(event.number);
    }
    Finding::new(&LOST, title, facts.header().end_ns).evidence(evidence).events(events).ops([write.op])
}
