//! NDC: node-wide dot-based clocks (DottedDB).
//!
//! Sources: Gonçalves, Almeida, Baquero, Fonte, *DottedDB: Anti-Entropy without Merkle Trees, Deletes without
//! Tombstones* (SRDS 2017) and *Concise Server-Wide Causality Management for Eventually Consistent Data
//! Stores* (DAIS 2015).
//!
//! **Idea.** Each write has a dot. Each node knows which dots it has seen in one clock for all keys, so
//! anti-entropy compares clocks instead of hash trees, a delete leaves nothing behind (the clock remembers
//! that it happened), and an object needs causal context only while its node's clock has gaps.
//!
//! **Fault model.** Messages may be lost, duplicated, delayed without bound and re-ordered; links may be cut
//! in one direction. A node that stops and comes back with its disk goes on where the disk stands.
//!
//! The folder: [`object`] is the algebra of versions and contexts; [`state`] what a replica knows and how
//! that changes; `memory` its temporary memory; `message` what is sent; `calls` what waits for others; this
//! file connects them with the contract.

mod calls;
mod memory;
mod message;
pub mod object;
pub mod state;

use crate::contract::{
    Call, CallId, Env, GaugeInfo, Input, Key, Level, Levels, NodeId, Observation, Overwrites, Refusal, Replica,
    ReplicaId, Tag, Version,
};
use crate::placement::Placement;
use crate::pulling::Rounds;

use calls::Calls;
use message::{Delta, KINDS, Pull, Repair, Reply, Request, RequestId, as_request};
use object::{Context, Object, Side};
use state::State;

pub use message::Message;

/// What is the same for all NDC replicas of a run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which nodes hold which keys.
    pub placement: Placement,
    /// Distance of two anti-entropy rounds of a replica, in nanoseconds; absent: none at all.
    pub anti_entropy_ns: Option<u64>,
    /// Distance of two clean-ups, in nanoseconds.
    pub strip_ns: u64,
}

/// Timers of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Ask a peer for what is missing.
    AntiEntropy,
    /// Strip contexts, prune the dot-key map, forget old calls.
    CleanUp,
}

/// What a replica writes to its disk.
#[derive(Clone, Debug)]
pub enum Record {
    /// A write, an own or another's, has arrived.
    Received(Delta),
    /// Anti-entropy has brought something new.
    Absorbed(Box<Repair>),
    /// A write request with this number goes to a node.
    Sent(NodeId, u64),
    /// A write request with this number came from a node.
    Served(NodeId, u64),
}

/// A replica of the NDC store.
#[derive(Debug)]
pub struct Ndc {
    me: ReplicaId,
    config: Config,
    state: State,
    rounds: Rounds,
    calls: Calls,
}

impl Replica for Ndc {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Context = Context;
    type Seen = ();
    type Record = Record;

    const MESSAGE_KINDS: &'static [&'static str] = KINDS;
    const GAUGES: &'static [GaugeInfo] = &[
        GaugeInfo { name: "objects", meaning: "stored objects", residue: false },
        GaugeInfo { name: "versions", meaning: "stored versions", residue: false },
        GaugeInfo { name: "hollow-objects", meaning: "stored objects without a version", residue: true },
        GaugeInfo { name: "context-entries", meaning: "entries of stored causal contexts", residue: true },
        GaugeInfo { name: "dot-keys", meaning: "entries of the dot-key map", residue: true },
        GaugeInfo { name: "unstripped-keys", meaning: "keys waiting to be stripped", residue: true },
        GaugeInfo { name: "calls", meaning: "calls waiting for other nodes", residue: false },
    ];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const OVERWRITES: Overwrites = Overwrites::Read;

    fn boot(config: &Config, log: &[Record], env: &mut Env<'_, Ndc>) -> Ndc {
        let peers = config.placement.neighbours(env.me.node);
        let mut ndc = Ndc {
            me: env.me,
            config: config.clone(),
            state: State::new(env.me, config.placement.clone()),
            rounds: Rounds::new(peers),
            calls: Calls::default(),
        };
        for record in log {
            match record {
                Record::Received(delta) => drop(ndc.state.receive(delta, &mut |_| ())),
                Record::Absorbed(repair) => ndc.state.absorb(repair, &mut |_| ()),
                Record::Sent(to, number) => ndc.calls.note_sent(*to, *number),
                Record::Served(from, number) => drop(ndc.calls.note_served(*from, *number)),
            }
        }
        // Replicas must not all act at the same moment for ever.
        if let Some(every) = config.anti_entropy_ns {
            let first = env.chance.below(every.max(1));
            env.arm(Timer::AntiEntropy, first);
        }
        let first = env.chance.below(config.strip_ns.max(1));
        env.arm(Timer::CleanUp, first);
        ndc
    }

    fn step(&mut self, input: Input<'_, Ndc>, env: &mut Env<'_, Ndc>) {
        match input {
            Input::Message { from, message } => match message {
                Message::Update(delta) => self.receive(delta, env),
                Message::Pull(pull) => self.answer_pull(pull, env),
                Message::Repair(repair) => self.absorb(repair, env),
                Message::Request { id, key, request } => self.serve(from, *id, *key, request, env),
                Message::Reply { id, reply } => self.take_reply(from, *id, reply, env),
            },
            Input::Timer(Timer::AntiEntropy) => {
                if let Some(every) = self.config.anti_entropy_ns {
                    env.arm(Timer::AntiEntropy, every);
                }
                if let Some((round, peer)) = self.rounds.next(env.chance) {
                    let pull = Pull { from: self.me, round, clock: self.state.clock().clone() };
                    env.send(peer, Message::Pull(Box::new(pull)));
                }
            }
            Input::Timer(Timer::CleanUp) => {
                env.arm(Timer::CleanUp, self.config.strip_ns);
                self.state.clean_up(env.members);
                self.calls.expire(env.now_ns);
            }
            Input::Call { id, call } => self.call(id, &call, env),
        }
    }

    fn warm(&self, message: &Message, depth: u8) {
        if let Message::Update(delta) = message {
            self.state.warm(delta, depth);
        }
    }

    fn tag(message: &Message) -> Tag {
        message.tag()
    }

    fn holds(config: &Config, node: NodeId, key: Key) -> bool {
        config.placement.holds(node, key)
    }

    fn visible(&self, level: Level, each: &mut dyn FnMut(Key, Version)) {
        if level == Level::Eventual {
            for (key, object) in self.state.objects() {
                object.versions.iter().for_each(|version| each(key, *version));
            }
        }
    }

    fn gauges(&self, into: &mut [u64]) {
        let mut counts = [0; 4];
        for (_, object) in self.state.objects() {
            counts[0] += 1;
            counts[1] += object.versions.len() as u64;
            counts[2] += u64::from(object.versions.is_empty());
            counts[3] += object.context.len() as u64;
        }
        into[..4].copy_from_slice(&counts);
        into[4] = self.state.dot_keys() as u64;
        into[5] = self.state.unstripped() as u64;
        into[6] = self.calls.len() as u64;
    }

    fn assert_invariants(&self) {
        self.state.assert_invariants();
    }
}

impl Ndc {
    /// A write of another node arrives.
    fn receive(&mut self, delta: &Delta, env: &mut Env<'_, Ndc>) {
        if self.state.receive(delta, &mut |observation| env.observe(observation)) {
            env.append(|| Record::Received(delta.clone()));
        }
    }

    fn answer_pull(&mut self, pull: &Pull, env: &mut Env<'_, Ndc>) {
        self.state.note(pull);
        env.send(pull.from.node, Message::Repair(Box::new(self.state.answer(pull))));
    }

    fn absorb(&mut self, repair: &Repair, env: &mut Env<'_, Ndc>) {
        if self.state.is_news(repair) {
            env.append(|| Record::Absorbed(Box::new(repair.clone())));
        }
        self.state.absorb(repair, &mut |observation| env.observe(observation));
    }

    /// A client of this node calls.
    fn call(&mut self, call_id: CallId, call: &Call<'_, Context, ()>, env: &mut Env<'_, Ndc>) {
        let (Call::Read { key, .. } | Call::Write { key, .. }) = *call;
        let id = RequestId { node: self.me.node, call: call_id };
        let holders = self.state.placement().holders(key);
        if let Call::Read { quorum, .. } = call
            && usize::from(*quorum) > holders.len()
        {
            return env.refuse(call_id, Refusal::Quorum);
        }
        if !holders.contains(&self.me.node) {
            // Always the same holder for the same key, so that a session meets its own writes.
            let to = holders[self.me.node.index() % holders.len()];
            let number = self.calls.next_number(to);
            if matches!(call, Call::Write { .. }) {
                self.calls.note_sent(to, number);
                env.append(|| Record::Sent(to, number));
            }
            self.calls.begin(id, env.now_ns, 1, Object::default());
            return env.send(to, Message::Request { id, key, request: Box::new(as_request(call, number)) });
        }
        match call {
            Call::Read { quorum, .. } => self.read(id, key, *quorum, env),
            Call::Write { value, delete, context, .. } => {
                self.write(id, self.state.delta(key, *value, *delete, (*context).clone()), env);
            }
        }
    }

    /// Another node passes on a call of one of its clients, or asks for this replica's part of a quorum read.
    fn serve(&mut self, from: NodeId, id: RequestId, key: Key, request: &Request, env: &mut Env<'_, Ndc>) {
        match request {
            Request::Read { quorum: 1, .. } => {
                let object = self.state.filled(key);
                let reply = Reply::Read { versions: object.versions, context: object.context };
                env.send(from, Message::Reply { id, reply: Box::new(reply) });
            }
            Request::Read { quorum, .. } => self.read(id, key, *quorum, env),
            Request::Write { number, value, delete, context } => {
                if self.calls.note_served(from, *number) {
                    env.append(|| Record::Served(from, *number));
                    self.write(id, self.state.delta(key, *value, *delete, context.clone()), env);
                }
            }
        }
    }

    fn take_reply(&mut self, from: NodeId, id: RequestId, reply: &Reply, env: &mut Env<'_, Ndc>) {
        let done = self.calls.reply(id, from, |gathered| {
            if let Reply::Read { versions, context } = reply {
                gathered.merge(None, Side { versions, context, dot: None, clock: None }, |_| ());
            }
        });
        if let Some(object) = done {
            match reply {
                Reply::Read { .. } => self.answer_read(id, object, env),
                Reply::Wrote => env.answer_write(id.call, None),
            }
        }
    }

    /// This replica holds `key` and sees to it that `quorum` holders contribute to the read.
    fn read(&mut self, id: RequestId, key: Key, quorum: u16, env: &mut Env<'_, Ndc>) {
        let object = self.state.filled(key);
        if quorum == 1 {
            return self.answer_read(id, object, env);
        }
        if self.calls.begin(id, env.now_ns, quorum - 1, object) {
            let me = self.me.node;
            let others = self.state.placement().holders(key).iter().copied().filter(|node| *node != me);
            let request = Request::Read { level: Level::Eventual, quorum: 1 };
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
    fn write(&mut self, id: RequestId, delta: Delta, env: &mut Env<'_, Ndc>) {
        let me = self.me.node;
        env.observe(Observation::Wrote { call: id.call, dot: delta.dot });
        env.append(|| Record::Received(delta.clone()));
        self.state.receive(&delta, &mut |observation| env.observe(observation));
        let key = delta.key;
        let others = self.state.placement().holders(key).iter().copied().filter(|node| *node != me);
        env.multicast(others, Message::Update(delta));
        if id.node == me {
            env.answer_write(id.call, None);
        } else {
            env.send(id.node, Message::Reply { id, reply: Box::new(Reply::Wrote) });
        }
    }
}
