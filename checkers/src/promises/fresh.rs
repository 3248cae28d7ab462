//! Freshness: reads and writes of so many replicas that some replica takes part in both.

use std::collections::BTreeMap;

use super::missing_disks::{MissingDisks, TakenBy};
use crate::facts::Facts;
use crate::facts::operations::Operation;
use crate::facts::order::reach;
use crate::trace::{Action, Conflict, Header, Level, NodeId};
use crate::verdict::{Finding, Findings, Report, TraceLine, Verdict};
use crate::{CheckerInfo, CodeInfo};

const STALE: CodeInfo = CodeInfo {
    code: "FRESH001",
    meaning: "a read asked so many replicas that it had to meet a write, and returned neither it nor what had replaced it",
};

/// The checker.
pub const FRESH: CheckerInfo = CheckerInfo {
    name: "fresh",
    summary: "a read of r replicas returns what w have acknowledged before, or what replaced it, where w + r > n",
    codes: &[STALE],
    by_default: |header| (0..header.sessions.len() as u32).any(|session| may_owe(header, session)),
    check: |facts, _| check(facts),
};

/// Reads of the session meet writes in a cluster of all nodes.
fn may_owe(header: &Header, session: u32) -> bool {
    let copies = header.placement.iter().map(Vec::len).min().unwrap_or(usize::from(header.nodes)) as u16;
    copies > 1 && header.quorum(session).saturating_add(header.ack.of(copies).max(1)) > copies
}

/// A read that had to meet a write.
struct Stale<'f> {
    read: &'f Operation,
    write: u32,
}

fn check(facts: &Facts<'_>) -> Report {
    let recording = facts.recording;
    let (stale, met) = stale(facts);
    let mut findings = Findings::default();
    findings.add(&STALE, &stale, |stale| stale.describe(facts));
    let (verdict, note) = if !findings.is_empty() {
        (Verdict::Violated, findings.note())
    } else if recording.header.conflict != Conflict::Causal {
        let note = "the store replaces writes by time, so that what a read has to return cannot be told".to_owned();
        (Verdict::NotApplicable, note)
    } else if met == 0 {
        (Verdict::NotApplicable, "no read had to meet a write that was acknowledged before".to_owned())
    } else {
        (Verdict::Holds, format!("{met} reads returned what had been acknowledged before, or what replaced it"))
    };
    findings.report(FRESH.name, verdict, note)
}

/// The writes of a key that were acknowledged so far: by line (the writes of a replica to the key), places and writes in their order.
type Acknowledged = BTreeMap<u32, Vec<(u32, u32)>>;

/// The reads that were stale, each with the first write that it had to meet, and how many had to meet some.
fn stale<'f>(facts: &'f Facts<'_>) -> (Vec<Stale<'f>>, usize) {
    let header = facts.header();
    if header.conflict != Conflict::Causal {
        return (Vec::new(), 0);
    }
    let missing = MissingDisks::of(facts);
    let seen = facts.seen();
    let deletes = Deletes::of(facts);
    let mut acknowledged: Vec<Acknowledged> = vec![Acknowledged::default(); header.keys.len()];
    let mut writes: Vec<(usize, u32)> = Vec::new();
    for (number, write) in (0..).zip(&facts.writes) {
        if write.undone.is_none()
            && let Some(answered) = facts.operation(number).answered()
        {
            writes.push((answered, number));
        }
    }
    writes.sort_unstable();
    let mut writes = writes.into_iter().peekable();
    let (mut stale, mut met) = (Vec::new(), 0);
    // In the order of their invocation.
    for read in facts.operations.list() {
        while let Some((_, write)) = writes.next_if(|(answered, _)| *answered < read.invoked) {
            let Some((line, place)) = seen.places[write as usize] else { continue };
            let of_line = acknowledged[facts.write(write).key as usize].entry(line).or_default();
            let at = of_line.partition_point(|(earlier, _)| *earlier < place);
            of_line.insert(at, (place, write));
        }
        let Some(answered) = read.answered().filter(|_| read.action == Action::Read && read.level == Level::Eventual)
        else {
            continue;
        };
        let returned: Vec<u32> = facts.returned(read).collect();
        let has_seen = seen.joined(&returned);
        let quorum = header.quorum(read.session);
        let (mut had_to, mut missed) = (false, None);
        for (line, writes) in &acknowledged[read.key as usize] {
            let reached = reach(&has_seen, *line);
            // What is met of a line stands for what came before it; what is excused does not.
            for (place, write) in writes.iter().rev() {
                let promised = missing.promised(*write);
                let is_owed = promised.saturating_add(quorum) > missing.most_holders(*write, answered);
                had_to |= is_owed;
                if reached >= *place || is_owed && deletes.may_have_seen(facts, *write, answered) {
                    break;
                }
                if is_owed && missing.excuse(*write, promised.min(quorum), TakenBy::Any, answered).is_none() {
                    missed = missed.min(Some(*write)).or(Some(*write));
                    break;
                }
            }
        }
        stale.extend(missed.map(|write| Stale { read, write }));
        met += usize::from(had_to);
    }
    (stale, met)
}

/// The deletes of each key: by the place of their invocation, where they and all earlier ones had ended.
struct Deletes(Vec<Vec<(usize, usize)>>);

impl Deletes {
    fn of(facts: &Facts<'_>) -> Deletes {
        let mut deletes: Vec<Vec<(usize, usize)>> = vec![Vec::new(); facts.header().keys.len()];
        for delete in facts.operations.list().iter().filter(|operation| operation.action == Action::Delete) {
            let of_key = &mut deletes[delete.key as usize];
            let until = delete.answered().unwrap_or(usize::MAX).max(of_key.last().map_or(0, |(_, until)| *until));
            of_key.push((delete.invoked, until));
        }
        Deletes(deletes)
    }

    /// A delete that was under way after the write was asked for, and was asked for before `answered`: a replica that
    /// knows it may show nothing, and whatever was written afterwards.
    fn may_have_seen(&self, facts: &Facts<'_>, write: u32, answered: usize) -> bool {
        let of_key = &self.0[facts.write(write).key as usize];
        let count = of_key.partition_point(|(invoked, _)| *invoked < answered);
        count > 0 && of_key[count - 1].1 > facts.write(write).invoked
    }
}

impl Stale<'_> {
    fn describe(&self, facts: &Facts<'_>) -> Finding {
        let Stale { read, write: number } = *self;
        let write = facts.write(number);
        let asked = facts.header().quorum(read.session);
        let acknowledged = facts.operation(number).answered().unwrap_or(write.wrote);
        let answered = read.answered().unwrap_or(read.invoked);
        let missing = MissingDisks::of(facts);
        let title = format!(
            "a read of {} by {asked} of {} replicas at {} returned {}, without {}, which {} had acknowledged before",
            facts.key(read.key),
            missing.most_holders(number, answered),
            read.node,
            facts.operations.values(&read.returned),
            facts.title(number),
            missing.promised(number),
        );
        let mut evidence = vec![facts.describe(number), facts.operations.describe(read)];
        for node in NodeId::all(facts.header().nodes).filter(|node| facts.header().holds(*node, write.key)) {
            match facts.known_since(node, number, answered) {
                Some(place) => evidence.push(TraceLine::new(facts.at_ns(place), format!("{node} has it"))),
                None => evidence.push(TraceLine::new(facts.at_ns(answered), format!("{node} does not have it"))),
            }
        }
        Finding::new(&STALE, title, facts.at_ns(answered))
            .evidence(evidence)
            .events([acknowledged, read.invoked, answered].map(|place| facts.event(place).number))
            .ops([write.op, read.number])
    }
}
