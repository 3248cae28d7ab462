//! Serving clients: reads, reads in order, reads by several replicas, writes, and calls for keys that others hold.

use smallvec::SmallVec;

use super::calls::{Again, Asked, Calls, Gathered, InOrder, Part, PassedOn, Patience, TICK_NS, Unacknowledged};
use super::context::{Context, Handed};
use super::frontier::{Basis, Frontiers, view_of};
use super::message::{Delta, Message, Reply, Request, RequestId};
use super::object::{Object, Side};
use super::{Ndc, Record, Timer};
use crate::contract::{Call, CallId, Dot, Env, Key, Level, NodeId, Observation, Refusal, ReplicaId, Value};

impl Ndc {
    /// A client of this node calls.
    pub(super) fn call(&mut self, call_id: CallId, call: &Call<'_, Handed, Frontiers>, env: &mut Env<'_, Ndc>) {
        let (Call::Read { key, .. } | Call::Write { key, .. }) = *call;
        let range = self.config.placement.range(key);
        // Where others hold the key, too, but not all do, they can be asked in place of a replica that recovers.
        if self.config.placement.is_full() && !self.serves(range) {
            return env.refuse(call_id, Refusal::Recovering);
        }
        let holders = self.membership.holders(range).len();
        let needed = match call {
            Call::Read { quorum, .. } => self.config.defects.readers(*quorum),
            Call::Write { .. } => self.config.acks(holders),
        };
        if usize::from(needed) > holders {
            return env.refuse(call_id, Refusal::Quorum);
        }
        let id = RequestId { node: self.me.node, call: call_id };
        match call {
            Call::Read { level: Level::Eventual, .. } => self.read(id, key, Level::Eventual, needed, env),
            Call::Read { level, seen, .. } => self.read_in_order(id, key, *level, needed, *seen, env),
            Call::Write { value, delete, context, seen, .. } => {
                let mut handed = (*context).clone();
                let everywhere = self.config.defects.known_to_all(self.everywhere(range));
                handed.forget_before(self.me, everywhere);
                if let Some(state) = self.ranges.iter_mut().find(|state| state.range == range) {
                    state.trim(key, &mut handed.context, &self.membership);
                    self.config.defects.spoil_context(&mut handed.context, state.clock());
                }
                let context = handed.context.clone();
                let delta = match self.at(range).filter(|_| self.config.placement.is_full()) {
                    Some(state) => state.delta(key, *value, *delete, context),
                    None => self.next_delta(range, key, (*value, *delete), context),
                };
                self.write(call_id, range, delta, handed, *seen, env);
            }
        }
    }

    /// A client reads at an ordered level. The answer always comes from this replica's view, which only grows, so that
    /// the session's reads stay in order: to answer for several replicas, or for a session that has been elsewhere, the
    /// view first has to come as far as theirs.
    fn read_in_order(
        &mut self,
        id: RequestId,
        key: Key,
        level: Level,
        quorum: u16,
        seen: Option<&Frontiers>,
        env: &mut Env<'_, Ndc>,
    ) {
        let view = match view_of(level, key) {
            Ok(Some(view)) if self.config.is_ordered() => view,
            _ => return env.refuse(id.call, Refusal::Level),
        };
        if self.config.defects.merges_views(quorum) {
            return self.read(id, key, level, quorum, env);
        }
        let moves = seen.is_some();
        let seen = seen.cloned().unwrap_or_default();
        let read = InOrder { call: id.call, key, view, seen, moves, since_ns: env.now_ns };
        if quorum == 1 {
            self.answer_in_order(read, env);
        } else {
            let asked = Asked { key, part: Part::Frontiers };
            if self.calls.begin(id, env.now_ns, asked, quorum - 1, Gathered::InOrder(read)) {
                self.ask(id, 0, asked, &[], env);
            }
        }
    }

    /// Answers a read in order, now or when its view has come far enough.
    fn answer_in_order(&mut self, read: InOrder, env: &mut Env<'_, Ndc>) {
        let state = &mut self.ranges[0];
        if !state.covers(&read.seen, read.view) {
            state.wait_for(&read.seen, &self.membership);
            return self.calls.park(read);
        }
        let (frontiers, settled) = (state.frontiers(), state.clock().settled());
        let Object { versions, context } = state.filled(read.key, Some(read.view));
        let seen = read.moves.then(|| {
            let mut seen = read.seen;
            seen.raise_all(frontiers, read.view);
            seen.forget(settled);
            seen
        });
        env.answer_read(read.call, versions.iter().copied(), Handed::new(context), seen);
    }

    /// Answers the reads whose view has come far enough.
    pub(super) fn answer_ready(&mut self, env: &mut Env<'_, Ndc>) {
        if self.calls.has_parked() {
            let state = &self.ranges[0];
            let ready = self.calls.ready(|read| state.covers(&read.seen, read.view));
            ready.into_iter().for_each(|read| self.answer_in_order(read, env));
        }
    }

    /// A client's read at the eventual level (at any, for a planted defect). Holders that serve the key count, this replica
    /// before others.
    fn read(&mut self, id: RequestId, key: Key, level: Level, quorum: u16, env: &mut Env<'_, Ndc>) {
        let Ok(view) = view_of(level, key) else { return };
        let range = self.config.placement.range(key);
        let own = self.at(range).filter(|state| state.serves()).map(|state| state.filled(key, view));
        let missing = quorum - u16::from(own.is_some());
        let object = own.unwrap_or_default();
        if missing == 0 {
            return self.answer_read(id.call, range, object, env);
        }
        let asked = Asked { key, part: if quorum == 1 { Part::Whole } else { Part::Object(level) } };
        if self.calls.begin(id, env.now_ns, asked, missing, Gathered::Object(object)) {
            self.ask(id, 0, asked, &[], env);
        }
    }

    /// Asks for what a call needs: one holder after the other where one is enough, otherwise all that have not replied.
    fn ask(&mut self, id: RequestId, attempt: u8, asked: Asked, replied: &[NodeId], env: &mut Env<'_, Ndc>) {
        let Asked { key, part } = asked;
        let others = self.membership.others(self.config.placement.range(key), self.me);
        let mut to: SmallVec<[NodeId; 8]> = others.filter(|node| !replied.contains(node)).collect();
        if part == Part::Whole
            && let Some(first) = self.first(&to, self.config.defects.turn(attempt))
        {
            to = SmallVec::from_slice(&[first]);
        }
        let request = match part {
            Part::Whole => Request::Read(Level::Eventual),
            Part::Object(level) => Request::Read(level),
            Part::Frontiers => Request::Frontiers,
        };
        env.multicast(to, Message::Request { id, attempt, key, request: Box::new(request) });
        self.be_impatient(env);
    }

    /// The holder to ask first; always the same for the same key, so that a session meets its own writes. Then the next.
    fn first(&self, holders: &[NodeId], attempt: usize) -> Option<NodeId> {
        if holders.is_empty() { None } else { Some(holders[(self.me.node.index() + attempt) % holders.len()]) }
    }

    fn be_impatient(&mut self, env: &mut Env<'_, Ndc>) {
        if !self.is_ticking {
            self.is_ticking = true;
            env.arm(Timer::Calls, TICK_NS);
        }
    }

    /// What has waited for an answer long enough is sent again.
    pub(super) fn ask_again(&mut self, env: &mut Env<'_, Ndc>) {
        self.is_ticking = false;
        for again in self.calls.tick() {
            match again {
                Again::Ask { id, attempt, asked, replied } => self.ask(id, attempt, asked, &replied, env),
                Again::Write { attempt, range, call, delta, by } => {
                    let key = delta.key;
                    let id = RequestId { node: self.me.node, call };
                    let others = self.membership.holders(range).iter().filter(|holder| **holder != self.me);
                    let others = others.filter(|holder| !by.contains(holder)).map(|holder| holder.node);
                    let others: SmallVec<[NodeId; 8]> = others.collect();
                    let request = Box::new(Request::Write { delta, membership: self.sent_under() });
                    env.multicast(others, Message::Request { id, attempt, key, request });
                }
            }
        }
        self.answer_acknowledged(env);
        if self.calls.is_impatient() {
            self.be_impatient(env);
        }
    }

    /// Another node needs this one's part of a call.
    pub(super) fn serve(
        &mut self,
        from: NodeId,
        (id, attempt): (RequestId, u8),
        key: Key,
        request: &Request,
        env: &mut Env<'_, Ndc>,
    ) {
        let range = self.config.placement.range(key);
        let reply = match request {
            Request::Write { delta, .. } => return self.receive(delta, Some(attempt), env),
            // What a replica does not have yet may be what the quorum is asked for.
            _ if !self.counts(range) => return,
            Request::Read(level) => {
                let (Ok(view), Some(state)) = (view_of(*level, key), self.at(range)) else { return };
                let Object { versions, context } = state.filled(key, view);
                Reply::Read { versions, context }
            }
            Request::Frontiers => Reply::Frontiers(self.ranges[0].frontiers().unsettled()),
        };
        env.send(from, Message::Reply { id, attempt, reply: Box::new(reply) });
    }

    pub(super) fn take_reply(&mut self, from: NodeId, id: RequestId, reply: &Reply, env: &mut Env<'_, Ndc>) {
        let done = self.calls.reply(id, from, |gathered| match (gathered, reply) {
            (Gathered::Object(object), Reply::Read { versions, context }) => {
                let side = Side { versions, context, dot: None, basis: Basis::Nothing };
                object.merge(Basis::Nothing, side, |_| ());
            }
            (Gathered::InOrder(read), Reply::Frontiers(frontiers)) => read.seen.raise_view(frontiers, read.view),
            _ => {}
        });
        match done {
            Some((key, Gathered::Object(object))) => {
                self.answer_read(id.call, self.config.placement.range(key), object, env);
            }
            Some((_, Gathered::InOrder(read))) => self.answer_in_order(read, env),
            None => {}
        }
    }

    fn answer_read(&mut self, call: CallId, range: usize, object: Object, env: &mut Env<'_, Ndc>) {
        let names = self.names(range);
        let Object { versions, context } = object;
        env.answer_read(call, versions.iter().map(|version| names.version(*version)), Handed::new(context), None);
    }

    /// The next write of this replica to a key of a ring.
    fn next_delta(&mut self, range: usize, key: Key, (value, delete): (Value, bool), context: Context) -> Delta {
        let counter = self.issued.entry(range).or_default();
        *counter += 1;
        let dot = Dot { origin: self.me, counter: *counter };
        Delta { dot, key, value, delete, context, before: Default::default() }
    }

    /// All holders of a range are known to have this replica's writes to its keys up to this counter.
    fn everywhere(&self, range: usize) -> u64 {
        match self.at(range) {
            Some(state) if state.serves() => state.everywhere(self.me, &self.membership),
            Some(_) => 0,
            None => self.calls.passed_on(range).next().map_or(u64::MAX, |delta| delta.dot.counter - 1),
        }
    }

    /// A write of this replica to `key` is known.
    pub(super) fn note_own(&mut self, key: Key, dot: Dot) {
        if dot.origin == self.me {
            let last = self.last_writes.get_or_insert_with(key, || 0);
            *last = dot.counter.max(*last);
        }
    }

    /// A write has its dot: it is stored where this replica holds the key, sent to the other holders and answered when
    /// enough have it.
    fn write(
        &mut self,
        call: CallId,
        range: usize,
        mut delta: Delta,
        mut handed: Handed,
        seen: Option<&Frontiers>,
        env: &mut Env<'_, Ndc>,
    ) {
        if self.config.placement.is_full() {
            self.amnesia.spoil_write(&mut delta, &self.ranges[0]);
        }
        env.observe(Observation::Wrote { call, dot: self.names(range).dot(delta.dot) });
        // Where the session has seen all earlier writes of this replica to the key, it need not name single ones.
        if handed.context.up_to(self.me) >= self.last_writes.get(delta.key).copied().unwrap_or(0) {
            handed.context.raise(self.me, delta.dot.counter);
        }
        handed.wrote(delta.dot);
        self.config.defects.spoil_handed(&mut handed);
        self.note_own(delta.key, delta.dot);
        self.config.defects.spoil_line(&mut delta);
        let is_kept = self.at(range).is_some_and(|state| state.is_held);
        let record = if is_kept { Record::Received } else { Record::Sent };
        env.append(|| record(delta.clone()));
        if is_kept {
            self.take_in(range, &delta, env);
        }
        let serves = self.serves(range);
        if serves {
            self.at(range).into_iter().for_each(|state| state.defects().spoil_update(&mut delta, state));
        }
        let (key, counter) = (delta.key, delta.dot.counter);
        // Wherever the session goes, it will see its own write.
        let seen = seen.filter(|_| self.config.is_ordered()).map(|seen| {
            let (mut seen, reach) = (seen.clone(), self.ranges[0].frontiers().reach(self.me));
            (0..).zip(reach).for_each(|(view, counter)| seen.raise(self.me, view, counter));
            seen.forget(self.ranges[0].clock().settled());
            seen
        });
        let (by, since_ns) = (SmallVec::new(), env.now_ns);
        let others = self.membership.others(range, self.me);
        if serves {
            env.multicast(others, Message::Update { delta, membership: self.sent_under() });
            if self.config.acks(self.membership.holders(range).len()) > 1 {
                let write = Unacknowledged { call: Some(call), since_ns, by, passed_on: None, handed, seen };
                self.calls.await_acks(range, counter, write);
            } else {
                env.answer_write(call, handed, seen);
            }
            return self.config.defects.reorder(&mut env.outbox.outputs);
        }
        let others: SmallVec<[NodeId; 8]> = others.collect();
        let passed_on = PassedOn { delta: delta.clone(), first: self.first(&others, 0), patience: Patience::default() };
        let write = Unacknowledged { call: Some(call), since_ns, by, passed_on: Some(passed_on), handed, seen };
        self.calls.await_acks(range, counter, write);
        let id = RequestId { node: self.me.node, call };
        let request = Box::new(Request::Write { delta, membership: self.sent_under() });
        env.multicast(others, Message::Request { id, attempt: 0, key, request });
        self.be_impatient(env);
    }

    /// `by` has those of this replica's writes to keys of `range` on its disk whose counters `has` says.
    pub(super) fn acknowledged(
        &mut self,
        range: usize,
        by: ReplicaId,
        has: impl Fn(u64) -> bool,
        env: &mut Env<'_, Ndc>,
    ) {
        if self.calls.acknowledged(range, by, has) {
            self.answer_acknowledged(env);
        }
    }

    /// Answers the writes that enough holders have on their disks. How many are enough, and who is one, follows the list of
    /// members.
    pub(super) fn answer_acknowledged(&mut self, env: &mut Env<'_, Ndc>) {
        let Ndc { me, config, membership, ranges, calls, .. } = self;
        let holders = |range: usize| membership.holders(range);
        for (range, write) in calls.unacknowledged() {
            let counts = |by: &&ReplicaId| config.defects.counts_dead() || membership.holds(range, **by);
            let own = ranges.iter().any(|state| state.range == range && state.serves());
            let holding = config.defects.counted(holders(range).len(), config.placement.copies());
            let enough = config.acks(holding);
            let has_first = write.passed_on.as_ref().and_then(|passed_on| passed_on.first);
            let has_first = has_first.is_none_or(|first| write.by.iter().any(|by| by.node == first));
            if has_first
                && write.by.iter().filter(counts).count() + usize::from(own) >= usize::from(enough)
                && let Some(call) = write.call.take()
            {
                env.answer_write(call, std::mem::take(&mut write.handed), write.seen.take());
            }
        }
        let over = calls.forget(|range, write| {
            let mut others = holders(range).iter().filter(|holder| **holder != *me);
            write.call.is_none() && (write.passed_on.is_none() || others.all(|holder| write.by.contains(holder)))
        });
        for (range, counter) in over {
            env.append(|| Record::Arrived(range as u16, counter));
        }
    }
}

/// A write for a key that its replica does not hold, which had not reached all holders before it started again.
pub(super) fn pass_on_again(calls: &mut Calls, range: usize, delta: Delta, now_ns: u64) {
    let counter = delta.dot.counter;
    let passed_on = Some(PassedOn { delta, first: None, patience: Patience::default() });
    let (by, handed) = (SmallVec::new(), Handed::default());
    let write = Unacknowledged { call: None, since_ns: now_ns, by, passed_on, handed, seen: None };
    calls.await_acks(range, counter, write);
}
