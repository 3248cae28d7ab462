//! Availability: a store that answers nothing must not look good.
//!
//! A replica that is up answers by itself what it can answer by itself: what the store says that it can ([`Alone`]), of a
//! key that the asked node holds, by a session that stays there; no read that asks several. That such a call times out has no
//! excuse in the network. It has one in the node: while that is down, stands still, or a fault of its own makes it or
//! its disk slow, and until it has then answered a new call, it owes nothing. What needs others (quorum reads, keys held
//! elsewhere, all keys of a ring on which a disk is lost or the members change, since keys move then, sessions that move and wait until a replica has caught up with them) may time out, unless the
//! store promises more ([`Together`]) and nothing hinders (see calm.rs); and any call may be refused, which a store documents. Both are counted, and the note has their shares. A session
//! whose calls are all refused was promised what the store cannot give, unless it was told once that others cannot be reached, or,
//! while a fault was on, that the replica has yet to get back what a lost disk took.
//!
//! [`Alone`]: crate::trace::Alone
//! [`Together`]: crate::trace::Together

mod calm;

use std::collections::{BTreeMap, BTreeSet};

use calm::Calm;

use crate::facts::Facts;
use crate::facts::operations::{Operation, Operations, Outcome};
use crate::facts::words::{listed, name};
use crate::trace::{Action, Alone, Disk, Event, Level, NodeId, Recording, Refusal, What};
use crate::verdict::{Finding, Report, TraceLine, Verdict};
use crate::{CheckerInfo, CodeInfo};

const UNANSWERED: CodeInfo = CodeInfo {
    code: "AVAIL001",
    meaning: "an operation timed out although the replica that was asked needed no other",
};
const REFUSED: CodeInfo = CodeInfo { code: "AVAIL002", meaning: "all operations of a session were refused" };
const HELPLESS: CodeInfo = CodeInfo {
    code: "AVAIL003",
    meaning: "an operation that needed other replicas failed although these were there and messages got through",
};

/// The checker.
pub const INFO: CheckerInfo = CheckerInfo {
    name: "availability",
    summary: "replicas answer what they can answer by themselves, and together where nothing hinders",
    codes: &[UNANSWERED, REFUSED, HELPLESS],
    by_default: |_| true,
    check: |facts, _| check(facts),
};

/// How operations ended.
#[derive(Clone, Copy, Default)]
struct Count {
    answered: u64,
    refused: u64,
    timed_out: u64,
    /// Under way when the run ended: these say nothing.
    open: u64,
}

impl Count {
    fn add(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Answered(_) => &mut self.answered,
            Outcome::Refused(_) => &mut self.refused,
            Outcome::TimedOut(_) => &mut self.timed_out,
            Outcome::Open => &mut self.open,
        } += 1;
    }

    fn ended(&self) -> u64 {
        self.answered + self.refused + self.timed_out
    }

    /// `97 of 100 (97.0 %), 1 refused, 2 timed out`
    fn text(&self) -> String {
        let ended = self.ended();
        let per_mille = self.answered * 1_000 / ended.max(1);
        let mut text = format!("{} of {ended} ({}.{} %)", self.answered, per_mille / 10, per_mille % 10);
        for (count, what) in [(self.refused, "refused"), (self.timed_out, "timed out"), (self.open, "cut short")] {
            if count > 0 {
                text.push_str(&format!(", {count} {what}"));
            }
        }
        text
    }
}

fn check(facts: &Facts<'_>) -> Report {
    let (recording, operations) = (facts.recording, &facts.operations);
    let faults = Faults::of(facts);
    let mut homes = homes(operations);
    homes.extend(recording.header.movers.iter().map(|session| (*session, None)));
    let keys_move = keys_move(facts);
    let calm = Calm::of(facts);
    let (mut all, mut alone, mut in_faults) = (Count::default(), Count::default(), Count::default());
    let mut by_level: BTreeMap<Level, Count> = BTreeMap::new();
    let mut by_session: BTreeMap<u32, Count> = BTreeMap::new();
    // Sessions that were told at least once that what they need is not there now: it may be there another time.
    let mut hopeful: BTreeSet<u32> = BTreeSet::new();
    let mut unanswered: BTreeMap<NodeId, Vec<&Operation>> = BTreeMap::new();
    let mut failed: BTreeMap<NodeId, Vec<&Operation>> = BTreeMap::new();
    for operation in operations.list() {
        let Operation { outcome, level, session, node, .. } = *operation;
        all.add(outcome);
        by_level.entry(level).or_default().add(outcome);
        by_session.entry(session).or_default().add(outcome);
        if let Outcome::Refused(place) = outcome
            && let What::Refused { why: Some(why), .. } = recording.events[place].what
            && (why == Refusal::Unavailable || why == Refusal::Recovering && faults.touch(operation))
        {
            hopeful.insert(session);
        }
        if faults.touch(operation) {
            in_faults.add(outcome);
        }
        if is_alone(recording, &homes, keys_move, operation) {
            alone.add(outcome);
            if matches!(outcome, Outcome::TimedOut(_)) && !faults.trouble(operation) {
                unanswered.entry(node).or_default().push(operation);
                continue;
            }
        }
        if homes[&session].is_some() && calm.is_owed(operation) {
            failed.entry(node).or_default().push(operation);
        }
    }

    // One finding per node or session: that it happened again is the same evidence.
    let mut findings: Vec<Finding> =
        unanswered.iter().map(|(node, calls)| describe_node(operations, *node, calls)).collect();
    findings.extend(failed.iter().map(|(node, calls)| describe_failed(operations, &calm, *node, calls)));
    let refused = by_session
        .iter()
        .filter(|(session, count)| count.refused > 0 && count.refused == count.ended() && !hopeful.contains(*session));
    findings.extend(refused.map(|(session, _)| describe_session(operations, *session)));
    let unlisted = findings.len().saturating_sub(Report::FINDINGS_MAX);
    findings.truncate(Report::FINDINGS_MAX);

    let mut note = format!("answered {}", all.text());
    if by_level.len() > 1 {
        let levels: Vec<String> =
            by_level.iter().map(|(level, count)| format!("{} {}", level.name(), count.text())).collect();
        note.push_str(&format!("; {}", levels.join("; ")));
    }
    if in_faults.ended() > 0 {
        note.push_str(&format!("; during faults {}", in_faults.text()));
    }
    let by_itself = recording.header.alone != Alone::NONE && (all.timed_out == 0 || alone.answered > 0);
    let is_kept = |operation: &Operation| {
        let needs_others = !is_alone(recording, &homes, keys_move, operation);
        needs_others && homes[&operation.session].is_some() && calm.is_kept(operation)
    };
    let verdict = if !findings.is_empty() {
        if unlisted > 0 {
            note.push_str(&format!("; not listed: {unlisted} more findings"));
        }
        Verdict::Violated
    } else if all.answered == 0 {
        note = format!("no operation was answered, of {}", all.ended() + all.open);
        Verdict::Unknown
    } else if by_itself || operations.list().iter().any(is_kept) {
        Verdict::Holds
    } else if recording.header.alone == Alone::NONE {
        note.push_str("; every call needs other replicas");
        Verdict::NotApplicable
    } else if alone.ended() + alone.open == 0 {
        note.push_str("; every call needed other replicas, which may not have been reachable");
        Verdict::NotApplicable
    } else {
        note.push_str("; no call was answered that needed no other replica, and none has to have been");
        Verdict::Unknown
    };
    Report { checker: INFO.name.to_owned(), verdict, note, findings }
}

/// The node of each session that has asked no other.
fn homes(operations: &Operations<'_>) -> BTreeMap<u32, Option<NodeId>> {
    let mut homes = BTreeMap::new();
    for operation in operations.list() {
        let home = homes.entry(operation.session).or_insert(Some(operation.node));
        *home = home.filter(|node| *node == operation.node);
    }
    homes
}

/// The node that was asked needs no other for the answer.
fn is_alone(
    recording: &Recording,
    homes: &BTreeMap<u32, Option<NodeId>>,
    keys_move: bool,
    operation: &Operation,
) -> bool {
    let header = &recording.header;
    let quorum = header.quorum(operation.session);
    let by_itself =
        if operation.action == Action::Read { header.alone.reads && quorum == 1 } else { header.alone.writes };
    by_itself && header.holds(operation.node, operation.key) && homes[&operation.session].is_some() && !keys_move
}

/// True when who holds a key is not always who holds it at the end: where keys are not held everywhere, and a replica comes,
/// goes, or has to get everything again.
fn keys_move(facts: &Facts<'_>) -> bool {
    let is_change = |(_, event): (usize, &Event)| matches!(event.what, What::Down { disk: Disk::Lost });
    !facts.header().placement.is_empty() && facts.rare().any(is_change)
}

/// When faults were on, as places in the recording.
struct Faults {
    /// Where one begins or ends, with how many are on from there.
    changes: Vec<(usize, usize)>,
    /// By node: from where to where it owed no answers.
    troubles: Vec<Vec<(usize, usize)>>,
}

/// What keeps a node, or the network, from its work.
#[derive(Clone, Copy, Default)]
struct Trouble {
    faults: usize,
    is_down: bool,
    is_paused: bool,
}

impl Trouble {
    /// Something happens to it. False when that is neither trouble nor the end of it.
    fn note(&mut self, what: What) -> bool {
        match what {
            What::FaultOn { .. } => self.faults += 1,
            What::FaultOff { .. } => self.faults = self.faults.saturating_sub(1),
            What::Down { .. } => self.is_down = true,
            What::Up { .. } => self.is_down = false,
            What::Paused => self.is_paused = true,
            What::Resumed => self.is_paused = false,
            _ => return false,
        }
        true
    }

    fn is_on(&self) -> bool {
        self.faults > 0 || self.is_down || self.is_paused
    }
}

/// What may keep a node from answering.
#[derive(Clone, Copy, Default)]
struct NodeState {
    trouble: Trouble,
    /// From where on the node owes no answers.
    since: Option<usize>,
    /// Where the last of it ended; nothing while it goes on.
    until: Option<usize>,
}

impl Faults {
    fn of(facts: &Facts<'_>) -> Faults {
        let (recording, operations, header) = (facts.recording, &facts.operations, facts.header());
        let mut states = vec![NodeState::default(); usize::from(header.nodes)];
        let mut faults = Faults { changes: vec![(0, 0)], troubles: vec![Vec::new(); states.len()] };
        let is_fault = |what: What| !matches!(what, What::Holds { .. } | What::Gauge { .. } | What::Objected { .. });
        if !facts.rare().any(|(_, event)| is_fault(event.what)) {
            return faults;
        }
        let mut on: usize = 0;
        for (place, event) in recording.events.iter().enumerate() {
            let node = match event.what {
                What::FaultOn { fault } | What::FaultOff { fault } => {
                    let begins = matches!(event.what, What::FaultOn { .. });
                    on = if begins { on + 1 } else { on.saturating_sub(1) };
                    faults.changes.push((place, on));
                    let Some(node) = header.faults[usize::from(fault)].node else { continue };
                    node
                }
                What::Down { .. } | What::Up { .. } | What::Paused | What::Resumed => event.node,
                What::Answered { op } => {
                    let state = &mut states[event.node.index()];
                    let is_new =
                        operations.get(op).is_some_and(|op| state.until.is_some_and(|until| op.invoked > until));
                    if let Some(from) = state.since.filter(|_| is_new) {
                        faults.troubles[event.node.index()].push((from, place));
                        state.since = None;
                    }
                    continue;
                }
                _ => continue,
            };
            let state = &mut states[node.index()];
            state.trouble.note(event.what);
            if state.trouble.is_on() {
                state.since.get_or_insert(place);
                state.until = None;
            } else {
                state.until.get_or_insert(place);
            }
        }
        for (state, troubles) in states.iter().zip(&mut faults.troubles) {
            troubles.extend(state.since.map(|from| (from, usize::MAX)));
        }
        faults
    }

    /// Some fault was on while the operation was under way.
    fn touch(&self, operation: &Operation) -> bool {
        let first = self.changes.partition_point(|(place, _)| *place <= operation.invoked).saturating_sub(1);
        self.changes[first..].iter().take_while(|(place, _)| *place < end(operation)).any(|(_, on)| *on > 0)
    }

    /// The node that was asked had trouble of its own while the operation was under way.
    fn trouble(&self, operation: &Operation) -> bool {
        let mut troubles = self.troubles[operation.node.index()].iter();
        troubles.any(|(from, until)| *from < end(operation) && *until > operation.invoked)
    }
}

/// Where an operation ended.
fn end(operation: &Operation) -> usize {
    match operation.outcome {
        Outcome::Answered(place) | Outcome::Refused(place) | Outcome::TimedOut(place) => place,
        Outcome::Open => usize::MAX,
    }
}

fn describe_node(operations: &Operations<'_>, node: NodeId, calls: &[&Operation]) -> Finding {
    let again = if calls.len() == 1 { String::new() } else { format!(", and {} more", calls.len() - 1) };
    let title =
        format!("{node} did not answer operation #{}{again}, though it needed no other replica", calls[0].number);
    finding(operations, &UNANSWERED, title, calls)
}

fn describe_failed(operations: &Operations<'_>, calm: &Calm<'_, '_>, node: NodeId, calls: &[&Operation]) -> Finding {
    let again = if calls.len() == 1 { String::new() } else { format!(", and {} more", calls.len() - 1) };
    let title = format!("operation #{} at {node}{again} failed, though nothing hindered it", calls[0].number);
    let mut finding = finding(operations, &HELPLESS, title, calls);
    finding.evidence.splice(0..0, calm.describe(calls[0]));
    finding
}

fn describe_session(operations: &Operations<'_>, session: u32) -> Finding {
    let calls: Vec<&Operation> = operations.list().iter().filter(|operation| operation.session == session).collect();
    let recording = operations.recording();
    let mut levels: Vec<Level> = calls.iter().map(|operation| operation.level).collect();
    levels.sort_unstable();
    levels.dedup();
    let levels = listed(levels.iter().map(|level| level.name().to_owned()));
    let session = name(&recording.header.sessions, session);
    let title = format!("all {} operations of session {session} (level {levels}) were refused", calls.len());
    finding(operations, &REFUSED, title, &calls).kind(format!("all operations of a session at {levels} were refused"))
}

fn finding(operations: &Operations<'_>, code: &CodeInfo, title: String, calls: &[&Operation]) -> Finding {
    const TOLD: usize = 4;
    let evidence: Vec<TraceLine> = calls.iter().take(TOLD).map(|operation| operations.describe(operation)).collect();
    let ended: Vec<&Event> = calls
        .iter()
        .filter_map(|operation| match operation.outcome {
            Outcome::TimedOut(place) | Outcome::Refused(place) => Some(&operations.recording().events[place]),
            Outcome::Answered(_) | Outcome::Open => None,
        })
        .take(Report::FINDINGS_MAX)
        .collect();
    Finding::new(code, title, ended.first().map_or(0, |event| event.at_ns))
        .evidence(evidence)
        .events(ended.iter().map(|event| event.number))
        .ops(calls.iter().take(Report::FINDINGS_MAX).map(|operation| operation.number))
}
