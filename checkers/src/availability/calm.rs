//! Calm: when a call that needs other replicas has no excuse either.
//!
//! A store may promise ([`Together`]) that such calls are answered where nothing hinders: as many replicas as the call needs
//! are there, and messages get through. The host withholds the promise where messages are lost by chance or wait for
//! bandwidth, and adds what messages and disks take. It is kept to from some time before the call to its end, so that what an
//! earlier fault has left undone is made up for:
//!
//! - no fault of the network is on;
//! - the asked node is up, and no fault of its own is on;
//! - so are as many holders of the key as the call needs; or, where a disk was lost or the members have changed since the
//!   beginning, all members, since keys move then, and a replica gets everything again from all others.

use super::{Trouble, end};
use crate::facts::Facts;
use crate::facts::operations::{Operation, Outcome};
use crate::facts::words::listed;
use crate::trace::{Action, Disk, NodeId, Refusal, Together, What};
use crate::verdict::TraceLine;

/// What hinders calls that need others, and when.
pub(super) struct Calm<'f, 'a> {
    facts: &'f Facts<'a>,
    /// Nothing where the store promises nothing.
    promise: Option<Together>,
    /// From when to when faults of the network were on.
    network: Vec<Span>,
    /// By node: from when to when it was down, stood still or a fault of its own was on.
    nodes: Vec<Vec<Span>>,
    /// When a disk was lost first, or a node joined or left, in nanoseconds.
    changed_ns: u64,
    /// The nodes that are not there from the beginning, and when each joins.
    late: Vec<(NodeId, u64)>,
    /// The nodes that lost their disks, and have not come up since, with when that was, or when a later fault of theirs began:
    /// one that is down may leave, too.
    lost: Vec<(NodeId, u64)>,
}

/// From when to when, in nanoseconds; to the end of time where it does not end.
#[derive(Clone, Copy)]
struct Span {
    from: u64,
    until: u64,
}

impl Span {
    fn meets(&self, other: &Span) -> bool {
        self.from <= other.until && other.from <= self.until
    }
}

/// From when to when something hinders a node, or the network.
#[derive(Default)]
struct Times {
    trouble: Trouble,
    spans: Vec<Span>,
}

impl Times {
    /// Something happens at `at_ns`. False when it neither hinders nor ends what does.
    fn note(&mut self, what: What, at_ns: u64) -> bool {
        if !self.trouble.note(what) {
            return false;
        }
        match self.spans.last_mut().filter(|span| span.until == u64::MAX) {
            Some(open) if !self.trouble.is_on() => open.until = at_ns,
            None if self.trouble.is_on() => self.spans.push(Span { from: at_ns, until: u64::MAX }),
            _ => {}
        }
        true
    }
}

impl<'f, 'a> Calm<'f, 'a> {
    pub(super) fn of(facts: &'f Facts<'a>) -> Calm<'f, 'a> {
        let header = facts.header();
        let mut calm = Calm {
            facts,
            promise: header.together,
            network: Vec::new(),
            nodes: Vec::new(),
            changed_ns: u64::MAX,
            late: Vec::new(),
            lost: Vec::new(),
        };
        if calm.promise.is_none() {
            return calm;
        }
        let mut network = Times::default();
        let mut nodes: Vec<Times> = (0..header.nodes).map(|_| Times::default()).collect();
        for (_, event) in facts.rare() {
            let hit = match event.what {
                What::FaultOn { fault } | What::FaultOff { fault } => header.faults[usize::from(fault)].node,
                _ => Some(event.node),
            };
            let times = hit.map_or(&mut network, |node| &mut nodes[node.index()]);
            if !times.note(event.what, event.at_ns) {
                continue;
            }
            if matches!(event.what, What::FaultOn { .. })
                && let Some((_, lost_ns)) = calm.lost.iter_mut().find(|(node, _)| hit == Some(*node))
            {
                *lost_ns = event.at_ns;
            }
            if matches!(event.what, What::Down { disk: Disk::Lost } | What::Up { .. }) {
                calm.lost.retain(|(node, _)| *node != event.node);
            }
            if event.what == (What::Down { disk: Disk::Lost }) {
                calm.lost.push((event.node, event.at_ns));
                calm.changed_ns = calm.changed_ns.min(event.at_ns);
                calm.late.extend(hit.filter(|_| event.at_ns == 0).map(|node| (node, u64::MAX)));
            }
            if matches!(event.what, What::Up { .. })
                && let Some((_, joins_ns)) = calm.late.iter_mut().find(|(node, _)| *node == event.node)
            {
                *joins_ns = event.at_ns.min(*joins_ns);
            }
        }
        calm.network = network.spans;
        calm.nodes = nodes.into_iter().map(|times| times.spans).collect();
        calm
    }

    /// The call of a session that stays timed out, or was told that what it needs is not there, and nothing hindered it.
    pub(super) fn is_owed(&self, operation: &Operation) -> bool {
        let has_failed = match operation.outcome {
            Outcome::TimedOut(place) => {
                let waited_ns = self.facts.at_ns(place) - self.facts.at_ns(operation.invoked);
                self.promise.is_some_and(|promise| waited_ns >= promise.answer_ns)
            }
            Outcome::Refused(place) => matches!(
                self.facts.recording.events[place].what,
                What::Refused { why: Some(Refusal::Recovering | Refusal::Unavailable), .. }
            ),
            Outcome::Answered(_) | Outcome::Open => false,
        };
        has_failed && self.nothing_hinders(operation)
    }

    /// The call was answered, and had to be.
    pub(super) fn is_kept(&self, operation: &Operation) -> bool {
        operation.answered().is_some() && self.nothing_hinders(operation)
    }

    /// From some time before the call to its end.
    fn nothing_hinders(&self, operation: &Operation) -> bool {
        let Some(promise) = self.promise else { return false };
        let (invoked_ns, until) = (self.facts.at_ns(operation.invoked), self.facts.at_ns(end(operation)));
        let during = Span { from: invoked_ns.saturating_sub(promise.calm_ns), until };
        let is_hindered = |node: &NodeId| self.nodes[node.index()].iter().any(|span| span.meets(&during));
        if self.network.iter().any(|span| span.meets(&during)) || is_hindered(&operation.node) {
            return false;
        }
        if self.changed_ns <= until {
            let mut nodes = NodeId::all(self.facts.header().nodes);
            return nodes.all(|node| !is_hindered(&node) || self.is_no_member(node, &during));
        }
        let holders = self.facts.header().holders(operation.key);
        let needed = self.needed(operation, holders.len() as u16);
        holders.iter().filter(|holder| !is_hindered(holder)).count() >= usize::from(needed)
    }

    /// Since when nothing hindered a call that is owed.
    pub(super) fn describe(&self, operation: &Operation) -> Option<TraceLine> {
        let promise = self.promise?;
        let since_ns = self.facts.at_ns(operation.invoked).saturating_sub(promise.calm_ns);
        let holders = self.facts.header().holders(operation.key);
        let who = if self.changed_ns <= self.facts.at_ns(end(operation)) {
            "all members were there".to_owned()
        } else {
            let needed = self.needed(operation, holders.len() as u16);
            let names = holders.iter().map(NodeId::to_string);
            format!("at least {needed} of {} were there", listed(names))
        };
        Some(TraceLine::new(since_ns, format!("from here on messages got through, and {who}")))
    }

    /// The node has left for good before, or has yet to join. Faults end with the workload: who is not back after it has left.
    fn is_no_member(&self, node: NodeId, during: &Span) -> bool {
        let settles = self.facts.header().settling_from_ns.is_some();
        let has_left = |lost: &(NodeId, u64)| settles && lost.0 == node && lost.1 < during.from;
        let has_not_joined = |late: &(NodeId, u64)| late.0 == node && during.until < late.1;
        self.lost.iter().any(has_left) || self.late.iter().any(has_not_joined)
    }

    /// How many holders a call needs, of so many.
    fn needed(&self, operation: &Operation, holders: u16) -> u16 {
        let header = self.facts.header();
        if operation.action == Action::Read { header.quorum(operation.session) } else { header.ack.of(holders) }.max(1)
    }
}
