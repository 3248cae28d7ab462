//! Serving clients: reads, reads in order, reads by several replicas, writes, and calls passed on to a holder of the
//! key.

use smallvec::SmallVec;

use super::calls::{Gathered, InOrder, Unacknowledged};
use super::frontier::{Basis, Frontiers, view_of};
use super::message::{Delta, Message, Reply, Request, RequestId, as_request};
use super::object::{Context, Object, Side};
use super::{Ndc, Record};
use crate::contract::{Call, CallId, Env, Key, Level, NodeId, Observation, Refusal};

impl Ndc {
    /// A client of this node calls.
    pub(super) fn call(&mut self, call_id: CallId, call: &Call<'_, Context, Frontiers>, env: &mut Env<'_, Ndc>) {
        let (Call::Read { key, .. } | Call::Write { key, .. }) = *call;
        if !self.state.serves() {
            return env.refuse(call_id, Refusal::Recovering);
        }
        let id = RequestId { node: self.me.node, call: call_id };
        let holders = self.state.placement().holders(key);
        let live = match self.config.placement.is_full() {
            true => env.members.len(),
            false => self.config.holders(key, env.members).count(),
        };
        let asked = match call {
            Call::Read { quorum, .. } => *quorum,
            Call::Write { .. } => self.config.acks(live),
        };
        if usize::from(asked) > live {
            return env.refuse(call_id, Refusal::Quorum);
        }
        if let Call::Read { level, quorum, seen, .. } = *call
            && level != Level::Eventual
        {
            return self.read_in_order(id, key, level, quorum, seen, env);
        }
        if !holders.contains(&self.me.node) {
            // Always the same holder for the same key, so that a session meets its own writes.
            let to = holders[self.me.node.index() % holders.len()];
            let number = self.calls.next_number(to);
            if matches!(call, Call::Write { .. }) {
                self.calls.note_sent(to, number);
                env.append(|| Record::Sent(to, number));
            }
            self.calls.begin(id, env.now_ns, 1, Gathered::Object(Object::default()));
            return env.send(to, Message::Request { id, key, request: Box::new(as_request(call, number)) });
        }
        match call {
            Call::Read { level, quorum, .. } => self.read(id, key, *level, *quorum, env),
            Call::Write { value, delete, context, seen, .. } => {
                let mut context = (*context).clone();
                self.config.defects.spoil_context(&mut context, self.state.clock());
                let delta = self.state.delta(key, *value, *delete, context);
                self.write(id, delta, *seen, env);
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
        } else if self.calls.begin(id, env.now_ns, quorum - 1, Gathered::InOrder(read)) {
            env.broadcast(Message::Request { id, key, request: Box::new(Request::Frontiers) });
        }
    }

    /// Answers a read in order, now or when its view has come far enough.
    fn answer_in_order(&mut self, read: InOrder, env: &mut Env<'_, Ndc>) {
        if !self.state.covers(&read.seen, read.view) {
            self.state.wait_for(&read.seen, env.members);
            return self.calls.park(read);
        }
        let frontiers = self.state.frontiers();
        let Object { versions, context } = self.state.filled(read.key, Some(read.view));
        let seen = read.moves.then(|| {
            let mut seen = read.seen;
            seen.raise_all(frontiers, read.view);
            seen
        });
        env.answer_read(read.call, versions.iter().copied(), context, seen);
    }

    /// Answers the reads whose view has come far enough.
    pub(super) fn answer_ready(&mut self, env: &mut Env<'_, Ndc>) {
        if self.calls.has_parked() {
            let state = &self.state;
            let ready = self.calls.ready(|read| state.covers(&read.seen, read.view));
            ready.into_iter().for_each(|read| self.answer_in_order(read, env));
        }
    }

    /// Another node passes on a call of one of its clients, or asks for this replica's part of a quorum read.
    pub(super) fn serve(&mut self, from: NodeId, id: RequestId, key: Key, request: &Request, env: &mut Env<'_, Ndc>) {
        match request {
            // What a replica does not have yet may be what the quorum is asked for.
            Request::Read { .. } | Request::Frontiers if !self.counts() => {}
            Request::Read { level, quorum: 1 } => {
                let Ok(view) = view_of(*level, key) else { return };
                let object = self.state.filled(key, view);
                let reply = Reply::Read { versions: object.versions, context: object.context };
                env.send(from, Message::Reply { id, reply: Box::new(reply) });
            }
            Request::Read { level, quorum } => self.read(id, key, *level, *quorum, env),
            Request::Frontiers => {
                let reply = Reply::Frontiers(self.state.frontiers().clone());
                env.send(from, Message::Reply { id, reply: Box::new(reply) });
            }
            Request::Write { number, value, delete, context } => {
                if self.calls.note_served(from, *number) {
                    env.append(|| Record::Served(from, *number));
                    let delta = self.state.delta(key, *value, *delete, context.clone());
                    self.write(id, delta, None, env);
                }
            }
        }
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
            Some(Gathered::Object(object)) => match reply {
                Reply::Wrote => env.answer_write(id.call, None),
                _ => self.answer_read(id, object, env),
            },
            Some(Gathered::InOrder(read)) => self.answer_in_order(read, env),
            None => {}
        }
    }

    /// This replica holds `key` and sees to it that `quorum` holders contribute to the read.
    fn read(&mut self, id: RequestId, key: Key, level: Level, quorum: u16, env: &mut Env<'_, Ndc>) {
        let Ok(view) = view_of(level, key) else { return };
        let object = self.state.filled(key, view);
        if quorum == 1 {
            return self.answer_read(id, object, env);
        }
        if self.calls.begin(id, env.now_ns, quorum - 1, Gathered::Object(object)) {
            let me = self.me.node;
            let others = self.state.placement().holders(key).iter().copied().filter(|node| *node != me);
            let request = Request::Read { level, quorum: 1 };
            env.multicast(others, Message::Request { id, key, request: Box::new(request) });
        }
    }

    fn answer_read(&mut self, id: RequestId, object: Object, env: &mut Env<'_, Ndc>) {
        let Object { versions, context } = object;
        if id.node == self.me.node {
            env.answer_read(id.call, versions.iter().copied(), context, None);
        } else {
            env.send(id.node, Message::Reply { id, reply: Box::new(Reply::Read { versions, context }) });
        }
    }

    /// A write for a key that this replica holds gets its dot, is stored, sent on and answered.
    fn write(&mut self, id: RequestId, mut delta: Delta, seen: Option<&Frontiers>, env: &mut Env<'_, Ndc>) {
        let me = self.me.node;
        self.amnesia.spoil_write(&mut delta, &self.state);
        env.observe(Observation::Wrote { call: id.call, dot: delta.dot });
        env.append(|| Record::Received(delta.clone()));
        self.state.receive(&delta, &mut |observation| env.observe(observation));
        let (key, counter) = (delta.key, delta.dot.counter);
        self.config.defects.spoil_update(&mut delta, &self.state);
        let others = self.state.placement().holders(key).iter().copied().filter(|node| *node != me);
        env.multicast(others, Message::Update(delta));
        // Wherever the session goes, it will see its own write.
        let seen = seen.filter(|_| self.config.is_ordered()).map(|seen| {
            let (mut seen, reach) = (seen.clone(), self.state.frontiers().reach(self.me));
            (0..).zip(reach).for_each(|(view, counter)| seen.raise(self.me, view, counter));
            seen
        });
        if self.config.acks(self.config.holders(key, env.members).count()) > 1 {
            let by = SmallVec::new();
            self.calls.await_acks(counter, Unacknowledged { id, since_ns: env.now_ns, key, by, seen });
        } else {
            self.answer_write(id, seen.as_ref(), env);
        }
        self.config.defects.reorder(&mut env.outbox.outputs);
    }

    pub(super) fn answer_write(&mut self, id: RequestId, seen: Option<&Frontiers>, env: &mut Env<'_, Ndc>) {
        if id.node == self.me.node {
            env.answer_write(id.call, seen.cloned());
        } else {
            env.send(id.node, Message::Reply { id, reply: Box::new(Reply::Wrote) });
        }
    }
}
