//! Where a planted defect replaces a rule of the store. Each method is called where its rule is followed, and does
//! nothing, or says what the sound store does, unless its defect is on: read the store without them.

use std::collections::BTreeMap;

use crate::clock::{DotSet, NodeClock};
use crate::contract::{Dot, Key, NodeId, Observation, Output, ReplicaId};

use super::{Defect, Defects};
use crate::ndc::Ndc;
use crate::ndc::context::{Context, Handed};
use crate::ndc::dead::Dead;
use crate::ndc::eventual::Eventual;
use crate::ndc::frontier::{Basis, Reach};
use crate::ndc::memory::Watermarks;
use crate::ndc::message::{Delta, Message, Pull, Repair};
use crate::ndc::object::Object;
use crate::ndc::ordered::Ordered;
use crate::ndc::state::State;
use crate::ndc::waiting::Waiting;

/// What some defects make a replica forget when it restarts, or remember.
#[derive(Debug, Default)]
pub struct Amnesia {
    /// With [`Defect::ReuseDots`]: own writes since the start.
    written: Option<u64>,
    /// With [`Defect::VolatilePredecessors`]: how far the own writes had come in each view.
    forgotten: Reach,
    /// With [`Defect::NumbersPerNode`]: the last write to a range of keys that a node has passed on.
    passed_on: BTreeMap<(NodeId, usize), Dot>,
}

impl Amnesia {
    /// The replica restarts with this state.
    pub fn restart(&mut self, state: &State) {
        self.written = state.defects().has(Defect::ReuseDots).then_some(0);
        if let (true, Some(ordered)) = (state.defects().has(Defect::VolatilePredecessors), state.ordered()) {
            self.forgotten = ordered.frontiers.reach(state.me);
        }
    }

    /// A write to a key of `range` that was passed on is acknowledged and not taken in.
    pub fn takes_for_known(&mut self, range: usize, dot: Dot, defects: Defects) -> bool {
        if !defects.has(Defect::NumbersPerNode) {
            return false;
        }
        let last = self.passed_on.entry((dot.node(), range)).or_insert(dot);
        let is_known = last.origin != dot.origin && last.counter >= dot.counter;
        if last.counter < dot.counter {
            *last = dot;
        }
        is_known
    }

    /// A new write of this replica has got its dot and its predecessors.
    pub fn spoil_write(&mut self, delta: &mut Delta, state: &State) {
        let defects = state.defects();
        if let Some(written) = &mut self.written {
            *written += 1;
            delta.dot.counter = *written;
        }
        let (low, high) = (defects.has(Defect::LowPredecessors), defects.has(Defect::HighPredecessors));
        if low || high || defects.has(Defect::VolatilePredecessors) {
            let reach = state.ordered().map(|ordered| ordered.frontiers.reach(state.me)).unwrap_or_default();
            for view in 1..=delta.key.priority() as usize {
                let from = if low { 0 } else { view + usize::from(high) };
                let last = reach.get(from).copied().unwrap_or(0);
                delta.before[view - 1] = if last > self.forgotten[view] { last } else { 0 };
            }
        }
    }
}

// Clients and messages.
impl Defects {
    /// A replica that starts serves clients, whatever it misses.
    pub fn serves_at_once(self) -> bool {
        self.has(Defect::ServeWhileRecovering)
    }

    /// The message is accepted, whatever its sender and its receiver.
    pub fn accepts(self, message: &Message) -> bool {
        match message {
            Message::Update { .. } | Message::Pull(_) => self.has(Defect::AcceptDead),
            Message::Repair(_) => self.has(Defect::AbsorbLateAnswers),
            Message::Ack { .. } => self.has(Defect::StaleAcknowledgement),
            _ => false,
        }
    }

    /// How many replicas must have a write before it is answered, where so many are asked for.
    pub fn acks(self, asked_for: u16) -> u16 {
        if self.has(Defect::AckAtOnce) { 1 } else { asked_for }
    }

    /// How many replicas contribute to a read, where so many are asked for.
    pub fn readers(self, asked_for: u16) -> u16 {
        if self.has(Defect::LoneQuorumRead) { 1 } else { asked_for }
    }

    /// The answer to a write hands this out.
    pub fn spoil_handed(self, handed: &mut Handed) {
        if self.has(Defect::ForgetOwnWrites) {
            *handed = Handed::default();
        }
    }

    /// All holders have a replica's own writes up to `counter`.
    pub fn known_to_all(self, counter: u64) -> u64 {
        if self.has(Defect::LeaveOutSeen) { u64::MAX } else { counter }
    }

    /// How many holders a share of them is taken of, where there were so many at the start.
    pub fn counted(self, holders: usize, at_first: u16) -> usize {
        if self.has(Defect::CountDeparted) { holders.max(usize::from(at_first)) } else { holders }
    }

    /// Which holder's turn it is to be asked.
    pub fn turn(self, attempt: u8) -> usize {
        if self.has(Defect::NoFailOver) { 0 } else { usize::from(attempt) }
    }

    /// Acknowledgements count, whoever's they are.
    pub fn counts_dead(self) -> bool {
        self.has(Defect::StaleAcknowledgement)
    }

    /// The list of members under which an answer counts for the recovery.
    pub fn counted_under(self, membership: u64, own: u64) -> u64 {
        if self.has(Defect::ViewNotCompared) { own } else { membership }
    }

    /// One answer with everything ends the recovery.
    pub fn recovers_from_one(self) -> bool {
        self.has(Defect::RecoverFromOne)
    }

    /// A replica counts in quorums and acknowledgements, whatever it misses.
    pub fn counts_while_recovering(self) -> bool {
        self.has(Defect::RecoveringCounts)
    }

    /// A range that others are to hold now is dropped.
    pub fn drops_ranges_at_once(self) -> bool {
        self.has(Defect::DropRangeAtOnce)
    }

    /// A client writes with this causal context.
    pub fn spoil_context(self, context: &mut Context, clock: &NodeClock) {
        if self.has(Defect::SharedContext) {
            clock.iter().for_each(|(origin, known)| context.raise(origin, known.max()));
        }
    }

    /// A write is about to be taken in.
    pub fn spoil_line(self, delta: &mut Delta) {
        if self.has(Defect::OneLinePerOrigin) && delta.dot.counter > 1 {
            delta.context.raise(delta.dot.origin, delta.dot.counter - 1);
        }
    }

    /// An ordered read by several replicas merges what their views show.
    pub fn merges_views(self, quorum: u16) -> bool {
        quorum > 1 && self.has(Defect::NaiveQuorumRead)
    }

    /// An own write, known here by now, is about to be replicated.
    pub fn spoil_update(self, delta: &mut Delta, state: &State) {
        if self.has(Defect::ReplicateMergedObject) {
            let shown = state.eventual.objects.get(delta.key).into_iter().flat_map(|object| object.versions.iter());
            for version in shown.filter(|version| version.dot != delta.dot) {
                delta.context.add(version.dot);
            }
        }
    }

    /// What an own write makes the replica do is in `outputs`.
    pub fn reorder(self, outputs: &mut [Output<Ndc>]) {
        if self.has(Defect::EarlyAcknowledgement)
            && let Some(record) = outputs.iter().rposition(|output| matches!(output, Output::Append(_)))
        {
            outputs[record..].rotate_left(1);
        }
    }
}

// The views.
impl Defects {
    /// The write is not noted.
    pub fn ignores(self, delta: &Delta, eventual: &Eventual) -> bool {
        let is_superseded = |object: &Object| object.context.covers(delta.dot);
        self.has(Defect::ForgetSupersededDot) && eventual.objects.get(delta.key).is_some_and(is_superseded)
    }

    /// The object has been stripped of what `clock` implies.
    pub fn spoil_stripped(self, object: &mut Object, clock: &NodeClock) {
        if self.has(Defect::StripBeyondBase) {
            let mut without_gaps = NodeClock::default();
            clock.iter().for_each(|(origin, known)| without_gaps.raise(origin, known.max()));
            object.strip(Basis::Clock(&without_gaps));
        }
        if self.has(Defect::DropEmptyContext) && object.versions.is_empty() {
            *object = Object::default();
        }
    }

    /// The write is new here and has to wait at the views below `turn`.
    pub fn before_wait(self, ordered: &mut Ordered, delta: &Delta, turn: usize, observe: &mut impl FnMut(Observation)) {
        if self.has(Defect::EarlyDelete) && delta.delete {
            (0..turn).for_each(|view| ordered.apply(view, delta, observe));
        }
        if self.has(Defect::JoinWaiting) && turn > 0 {
            let earlier =
                ordered.waiting.range(delta.dot.origin, delta.key.priority() as usize, 0..=delta.dot.counter - 1);
            let of_key = earlier.filter(|(_, waiter)| waiter.key == delta.key);
            let of_key: Vec<u64> = of_key.map(|(counter, _)| counter).collect();
            of_key.into_iter().for_each(|counter| ordered.waiting.forget(Dot { counter, ..delta.dot }));
        }
    }

    /// The write waits at the views below `turn`.
    pub fn after_wait(
        self,
        eventual: &Eventual,
        ordered: &mut Ordered,
        delta: &Delta,
        turn: usize,
        observe: &mut impl FnMut(Observation),
    ) {
        let shows = |key: Key| eventual.objects.get(key).is_some_and(|object| !object.versions.is_empty());
        if self.has(Defect::VacuousTurn) && !shows(delta.key) {
            for view in (0..turn).rev() {
                ordered.apply(view, delta, observe);
                ordered.advance(view, delta.dot.origin, delta.dot.counter);
            }
        }
    }

    /// The room that a waiting write takes.
    pub fn room_bytes(self, delta: &Delta) -> u32 {
        if self.has(Defect::ChargeContext) { delta.wire_bytes() } else { delta.room_bytes() }
    }

    /// True when the waiting write `dot` has lost its delta: as if each took 256 bytes of one room for all; and nothing
    /// is said.
    pub fn counts_out(self, dot: Dot, waiting: &mut Waiting, room_bytes: u64) -> bool {
        let is_out = self.has(Defect::CountedBuffer) && waiting.len() as u64 > room_bytes / 256;
        if is_out {
            waiting.forget(dot);
        }
        is_out
    }
}

// Anti-entropy.
impl Defects {
    /// A missing write is sent.
    pub fn sends(self, me: ReplicaId, dot: Dot) -> bool {
        !self.has(Defect::TrustPeerClock) || dot.origin == me
    }

    /// An answer is about to be sent to the sender of `pull`.
    pub fn spoil_answer(self, repair: &mut Repair, pull: &Pull, state: &State) {
        if repair.full && self.has(Defect::NoFullTransfer) {
            let missing = repair.items.iter().filter(|item| !item.dots.is_empty());
            let missing = missing.map(|item| item.dots.iter().map(|dot| (item.key, *dot)).collect::<Vec<_>>());
            repair.items = missing.map(|missing| state.item(&missing, pull)).collect();
        }
        if self.has(Defect::RepairFromEventual) {
            for item in repair.items.iter_mut().filter(|item| !item.forked.is_empty()) {
                item.forked.drain(..).for_each(|(view, _)| item.same[view] = true);
                item.object = state.eventual.objects.get(item.key).cloned().unwrap_or_default();
            }
        }
    }

    /// The clock that fills an object from a replica with the clock `sender`.
    pub fn filling<'a>(self, sender: &'a NodeClock, own: &'a NodeClock) -> &'a NodeClock {
        if self.has(Defect::FillFromOwnClock) { own } else { sender }
    }

    /// The frontiers move before what has come with them is merged.
    pub fn moves_frontiers_first(self) -> bool {
        self.has(Defect::FrontierFirst)
    }

    /// The objects of an answer from a replica with the clock `sender` are merged.
    pub fn spoil_clock(self, own: &mut NodeClock, sender: &NodeClock) {
        if self.has(Defect::TrustPeerClock) {
            sender.iter().for_each(|(origin, known)| own.raise(origin, known.base()));
        }
    }
}

// What is known of others.
impl Defects {
    /// Watermarks of replicas that are no members any more stay.
    pub fn keeps_watermarks(self) -> bool {
        self.has(Defect::OldWatermarks)
    }

    /// `peer` holds all writes of `origin` up to this counter, as far as is known here.
    pub fn base(self, watermarks: &Watermarks, peer: ReplicaId, origin: ReplicaId) -> u64 {
        if self.has(Defect::OldWatermarks) {
            let lives = (1..=peer.incarnation).map(|incarnation| ReplicaId { incarnation, ..peer });
            return lives.map(|life| watermarks.base(life, origin)).max().unwrap_or(0);
        }
        watermarks.base(peer, origin)
    }

    /// What is given up without asking.
    pub fn gives_up(self, dead: &Dead, members: &[ReplicaId], clock: &NodeClock) -> Option<Vec<(ReplicaId, DotSet)>> {
        let all = || dead.open(members, clock).map(|(origin, known)| (origin, known.clone())).collect();
        self.has(Defect::EarlyVoid).then(all)
    }

    /// The dead replicas that are settled.
    pub fn settles(
        self,
        dead: &Dead,
        me: ReplicaId,
        (members, holders): (&[ReplicaId], &[ReplicaId]),
        clock: &NodeClock,
    ) -> Vec<ReplicaId> {
        let mut agreed = dead.settled(me, members, holders, clock);
        agreed.retain(|_| !self.has(Defect::KeepDead));
        let early = dead.open(members, clock).filter(|(_, known)| known.base() == known.max());
        let early = early.filter(|_| self.has(Defect::SettleEarly));
        early.map(|(origin, _)| origin).chain(agreed).collect()
    }
}
