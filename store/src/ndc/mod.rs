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
//! **Views.** Beside the eventual view a replica keeps four that show each origin's writes in order, for all writes
//! or for urgent ones only. They share the eventual view's objects (see `ordered`).
//!
//! **Terms.** *Predecessor* of a write at a view: the last write of the same origin before it that the view carries. A
//! write has its *turn* at a view when the view reflects its predecessor there; until then it *waits*, and a *stub* is
//! one that waits without its content. *Reach*, or *frontier*, of an origin: how far a view has come in its writes. A
//! key is *forked* at a view as long as a write to it waits there: the view then has an object of its own. What a dead
//! replica wrote and no other has is *void* once all members agree.
//!
//! The folder: [`object`] is the algebra of versions and contexts; `eventual` the view of everything that has
//! arrived; [`frontier`] how far ordered views have come, `waiting` what waits for its turn in them, `ordered` the
//! views themselves; `state` puts the views together and does anti-entropy; `memory` is temporary memory; `message`
//! what is sent, `recovery` is what a new replica waits for; `names` the keys and values in it; `clients` serves them, `calls` is what waits for others; `lag` tells
//! whether views fall behind; `config` has the settings; this file connects them with the contract. `defects` are planted
//! mistakes: what is called on `defects` or `amnesia` does nothing in a sound store.

mod calls;
mod clients;
mod config;
mod dead;
mod defects;
mod eventual;
pub mod frontier;
mod lag;
mod memory;
mod message;
mod names;
pub mod object;
mod ordered;
mod recovery;
mod repair;
mod state;
mod waiting;

use crate::clock::{DotSet, NodeClock};
use crate::contract::{
    Conflict, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Replica, ReplicaId, Version,
};
use crate::pulling::Rounds;
use crate::settings::{Cluster, DefectInfo, Misfit, Profile, Reduction};

use calls::Calls;
use dead::is_member;
use defects::Amnesia;
use frontier::Frontiers;
use lag::Lag;
use message::{Delta, KINDS, Pull, Repair};
use object::Context;
use state::State;

pub use config::{Config, Count, Views};
pub use defects::{Defect, Defects};
pub use message::Message;
pub use names::{Named, Naming};

/// Timers of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Ask a peer for what is missing.
    AntiEntropy,
    /// Ask for what a replica that does not serve yet has to get.
    Recovery,
    /// Strip contexts, prune the dot-key map, forget old calls.
    CleanUp,
}

/// What a replica writes to its disk.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Record {
    /// A write, an own or another's, has arrived.
    Received(Delta),
    /// Anti-entropy has brought something new.
    Absorbed(Box<Repair>),
    /// The replica starts, as one of those that the cluster begins with or not.
    Booted {
        /// There was nothing yet that it could miss.
        founding: bool,
    },
    /// A replica that was new has got everything and serves.
    Recovered,
    /// What is missing of dead replicas beside these writes is given up: of all in one step, since what waits of one may
    /// have to go with what waits of another.
    GivenUp(Vec<(ReplicaId, DotSet)>),
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
    /// Absent without heartbeats or without ordered views.
    lag: Option<Lag>,
    amnesia: Amnesia,
}

impl Replica for Ndc {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Context = Context;
    type SessionToken = Frontiers;
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
        GaugeInfo { name: "waiting", meaning: "writes waiting for their turn at an ordered view", residue: true },
        GaugeInfo { name: "waiting-bytes", meaning: "room taken by them in the fullest view", residue: true },
        GaugeInfo { name: "stubs", meaning: "waiting writes to be asked for again", residue: true },
        GaugeInfo { name: "apart", meaning: "objects kept for one ordered view", residue: true },
    ];
    const LEVELS: Levels = Levels::ALL;
    const CONFLICT: Conflict = Conflict::Causal;
    const QUORUM_READS: bool = true;
    const DEFECTS: &'static [DefectInfo] = Defect::INFO;

    fn fit(config: &mut Config, cluster: &Cluster) -> Vec<Misfit> {
        config.fit(cluster)
    }

    fn profile(config: &Config, nodes: u16) -> Profile {
        config.profile(nodes)
    }

    fn reduce(config: &mut Config, by: Reduction) {
        config.reduce(by);
    }

    fn levels(config: &Config) -> Levels {
        config.levels()
    }

    /// # Panics
    /// When ordered views are to be kept and not every node holds every key.
    fn boot(config: &Config, log: &[Record], env: &mut Env<'_, Ndc>) -> Ndc {
        assert!(!config.is_ordered() || config.placement.is_full(), "ordered views need every key everywhere");
        let mut ndc = Ndc {
            me: env.me,
            config: config.clone(),
            state: State::new(
                env.me,
                config.placement.clone(),
                config.is_ordered().then_some(config.buffer.0),
                config.defects,
            ),
            rounds: Rounds::new(Vec::new(), 0),
            calls: Calls::default(),
            lag: (config.heartbeat.0.filter(|_| config.is_ordered()))
                .map(|every_ns| Lag::new(every_ns, config.heartbeat_keys.clone())),
            amnesia: Amnesia::default(),
        };
        let mut boots = 0;
        for record in log {
            ndc.replay(record, &mut boots, env);
        }
        // Each boot has round numbers of its own, so that each of its messages has an identity of its own.
        ndc.rounds = Rounds::new(ndc.peers(env.members), boots << 32);
        let founding = env.founding || env.members.len() == 1 || !config.placement.is_full();
        env.append(|| Record::Booted { founding });
        if founding || config.defects.serves_at_once() {
            ndc.state.begin_to_serve();
        }
        if boots > 0 {
            ndc.amnesia.restart(&ndc.state);
        }
        // Replicas must not all act at the same moment for ever.
        if let Some(every) = config.anti_entropy.0 {
            let first = env.chance.below(every.max(1));
            env.arm(Timer::AntiEntropy, first);
        }
        ndc.state.enter(env.members);
        if !ndc.state.serves() {
            env.arm(Timer::Recovery, 0);
        }
        let first = env.chance.below(config.strip.0.max(1));
        env.arm(Timer::CleanUp, first);
        ndc
    }

    fn step(&mut self, input: Input<'_, Ndc>, env: &mut Env<'_, Ndc>) {
        match input {
            Input::Message { message, .. } if !self.accepts(message, env.members) => {}
            Input::Message { from, message } => match message {
                Message::Update(delta) => self.receive(delta, env),
                Message::Ack { dot, by, .. } => self.acknowledged(*by, |counter| counter == dot.counter, env),
                Message::Pull(pull) => self.answer_pull(pull, env),
                Message::Repair(repair) => self.absorb(repair, env),
                Message::Request { id, key, request } => self.serve(from, *id, *key, request, env),
                Message::Reply { id, reply } => self.take_reply(from, *id, reply, env),
            },
            Input::Timer(Timer::AntiEntropy) => {
                if let Some(every) = self.config.anti_entropy.0 {
                    env.arm(Timer::AntiEntropy, every);
                }
                if self.state.serves()
                    && let Some((round, peer)) = self.rounds.next(env.chance)
                {
                    self.pull(round, peer, env);
                }
            }
            Input::Timer(Timer::Recovery) => self.ask_for_all(env),
            Input::Timer(Timer::CleanUp) => {
                env.arm(Timer::CleanUp, self.config.strip.0);
                let dead = self.state.clean_up(env.members);
                self.give_up(dead, env);
                self.answer_ready(env);
                self.calls.expire(env.now_ns);
                self.look_for_lag(env);
            }
            Input::Members => {
                self.rounds = std::mem::take(&mut self.rounds).among(self.peers(env.members));
                let is_over = self.state.enter(env.members);
                self.go_on(is_over, env);
                self.answer_acknowledged(env);
            }
            Input::Call { id, call } => self.call(id, &call, env),
        }
    }

    fn prefetch(&self, message: &Message, depth: u8) {
        if let Message::Update(delta) = message {
            self.state.prefetch(delta, depth);
        }
    }

    fn meta(message: &Message) -> MessageMeta {
        message.meta()
    }

    fn holds(config: &Config, node: NodeId, key: Key) -> bool {
        config.placement.holds(node, key)
    }

    fn visible(&self, level: Level, each: &mut dyn FnMut(Key, Version)) {
        self.state.visible(level, each);
    }

    fn gauges(&self, into: &mut Vec<u64>) {
        let mut counts = [0; 4];
        for (_, object) in self.state.objects() {
            counts[0] += 1;
            counts[1] += object.versions.len() as u64;
            counts[2] += u64::from(object.versions.is_empty());
            counts[3] += object.context.len() as u64;
        }
        into.extend(counts);
        into.extend([self.state.dot_keys(), self.state.unstripped(), self.calls.len()].map(|count| count as u64));
        if let Some(ordered) = self.state.ordered() {
            let waiting = &ordered.waiting;
            into.extend([waiting.len() as u64, waiting.bytes(), waiting.lacking() as u64, ordered.objects() as u64]);
        }
    }

    fn metadata_bytes(&self) -> Option<u64> {
        Some(self.state.metadata_bytes())
    }

    fn repaired_writes(message: &Message) -> u32 {
        let Message::Repair(repair) = message else { return 0 };
        repair.items.iter().map(|item| item.dots.len()).sum::<usize>() as u32 + repair.deltas.len() as u32
    }

    fn assert_invariants(&self) {
        self.state.assert_invariants();
    }
}

impl Ndc {
    /// What a restart has to bring back, in one form whenever what was stripped or forgotten: for tests.
    #[doc(hidden)]
    pub fn durable(&self) -> String {
        format!("{:?} {:?}", self.state.durable(), self.calls.numbers())
    }

    /// What this replica knows: a host judges by it what peers may say.
    pub fn known(&self) -> &NodeClock {
        self.state.clock()
    }

    /// A write of another node arrives.
    fn receive(&mut self, delta: &Delta, env: &mut Env<'_, Ndc>) {
        if self.state.receive(delta, &mut |observation| env.observe(observation)) {
            env.append(|| Record::Received(delta.clone()));
            self.answer_ready(env);
            if let Some(lag) = &mut self.lag
                && let Some(peer) = lag.peer(delta.key)
            {
                lag.look(peer..peer + 1, self.me, &self.state, env.now_ns, &mut |lagging| env.observe(lagging));
            }
        }
        if self.config.acks(env.members.len()) > 1 && self.counts() {
            // It leaves when the record is durable.
            let ack = Message::Ack { dot: delta.dot, by: self.me, value: delta.value.id };
            env.send(delta.dot.origin.node, ack);
        }
    }

    /// Looks whether ordered views lag behind, as far as heartbeats tell.
    fn look_for_lag(&mut self, env: &mut Env<'_, Ndc>) {
        if let Some(lag) = &mut self.lag {
            lag.look(lag.peers(), self.me, &self.state, env.now_ns, &mut |lagging| env.observe(lagging));
        }
    }

    /// The members to ask in anti-entropy.
    fn peers(&self, members: &[ReplicaId]) -> Vec<NodeId> {
        let mut peers = self.config.placement.neighbours(self.me.node);
        peers.retain(|node| members.iter().any(|member| member.node == *node));
        peers
    }

    /// False for what comes from a replica that is a member no more, or was made for the life before this one. What is
    /// agreed about a dead replica would not hold if its messages still counted.
    fn accepts(&self, message: &Message, members: &[ReplicaId]) -> bool {
        match message {
            _ if self.config.defects.accepts(message) => true,
            Message::Update(delta) => is_member(members, delta.dot.origin),
            Message::Ack { dot, by, .. } => dot.origin == self.me && is_member(members, *by),
            Message::Pull(pull) => is_member(members, pull.from),
            Message::Repair(repair) => is_member(members, repair.from) && repair.to == self.me,
            Message::Request { .. } | Message::Reply { .. } => true,
        }
    }

    /// `by` has those of this replica's writes on its disk whose counters `has` says.
    fn acknowledged(&mut self, by: ReplicaId, has: impl Fn(u64) -> bool, env: &mut Env<'_, Ndc>) {
        if self.calls.acknowledged(by, has) {
            self.answer_acknowledged(env);
        }
    }

    /// `by` has all of this replica's writes in `clock` on its disk.
    fn acknowledged_all(&mut self, clock: &NodeClock, by: ReplicaId, env: &mut Env<'_, Ndc>) {
        let own = clock.of(self.me);
        self.acknowledged(by, |counter| own.contains(counter), env);
    }

    /// Answers the writes that enough members have on their disks. How many are enough, and who is one, follows the list
    /// of members.
    fn answer_acknowledged(&mut self, env: &mut Env<'_, Ndc>) {
        let (config, members) = (&self.config, env.members);
        let enough = self.calls.enough(|write| {
            let by = write.by.iter().filter(|by| config.defects.counts_dead() || is_member(members, **by));
            by.count() + 1 >= usize::from(config.acks(config.holders(write.key, members).count()))
        });
        enough.into_iter().for_each(|write| self.answer_write(write.id, write.seen.as_ref(), env));
    }

    /// True when quorums and acknowledgements may count on this replica.
    fn counts(&self) -> bool {
        self.state.serves() || self.config.defects.counts_while_recovering()
    }

    /// Asks `peer` for what is missing here.
    fn pull(&self, round: u64, peer: NodeId, env: &mut Env<'_, Ndc>) {
        env.send(peer, Message::Pull(Box::new(self.state.pull(round, env.members))));
    }

    /// Asks for what this replica has to get before it serves.
    fn ask_for_all(&mut self, env: &mut Env<'_, Ndc>) {
        let Some((peers, again_ns)) = self.state.ask(env.members) else { return };
        env.arm(Timer::Recovery, again_ns);
        for peer in peers {
            let round = self.rounds.one_more();
            self.pull(round, peer, env);
        }
    }

    /// What was missing has come as far as it can now; with the last of it, this replica begins to serve.
    fn go_on(&mut self, is_over: bool, env: &mut Env<'_, Ndc>) {
        if !is_over {
            return if !self.state.serves() {
                env.arm(Timer::Recovery, 0)
            };
        }
        env.append(|| Record::Recovered);
        env.disarm(Timer::Recovery);
        if self.config.acks(env.members.len()) > 1 {
            // Whoever waits for this replica's acknowledgement is to learn what it has.
            for peer in self.peers(env.members) {
                let round = self.rounds.one_more();
                self.pull(round, peer, env);
            }
        }
    }

    /// What is missing of dead replicas is given up.
    fn give_up(&mut self, dead: Vec<(ReplicaId, DotSet)>, env: &mut Env<'_, Ndc>) {
        let given_up = self.state.give_up(dead, &mut |observation| env.observe(observation));
        if !given_up.is_empty() {
            env.append(|| Record::GivenUp(given_up));
        }
    }

    /// A record of the log, at the start.
    fn replay(&mut self, record: &Record, boots: &mut u64, env: &mut Env<'_, Ndc>) {
        let observe = &mut |observation| env.observe(observation);
        match record {
            Record::Received(delta) => drop(self.state.receive(delta, observe)),
            Record::Absorbed(repair) => self.state.absorb(repair, observe),
            Record::Recovered => self.state.begin_to_serve(),
            Record::GivenUp(dead) => drop(self.state.give_up(dead.clone(), observe)),
            Record::Booted { founding } => {
                *boots += 1;
                if *founding {
                    self.state.begin_to_serve();
                }
            }
            Record::Sent(to, number) => self.calls.note_sent(*to, *number),
            Record::Served(from, number) => drop(self.calls.note_served(*from, *number)),
        }
    }

    fn answer_pull(&mut self, pull: &Pull, env: &mut Env<'_, Ndc>) {
        let dead = self.state.note(pull, env.members);
        self.give_up(dead, env);
        if !pull.recovers || self.config.defects.counts_while_recovering() {
            self.acknowledged_all(&pull.clock, pull.from, env);
        }
        self.answer_ready(env);
        env.send(pull.from.node, Message::Repair(Box::new(self.state.answer(pull, env.members))));
    }

    fn absorb(&mut self, repair: &Repair, env: &mut Env<'_, Ndc>) {
        if self.state.is_news(repair) {
            env.append(|| Record::Absorbed(Box::new(repair.clone())));
        }
        self.state.absorb(repair, &mut |observation| env.observe(observation));
        if !self.state.serves() {
            let is_over = self.state.hear(repair, env.members);
            self.go_on(is_over, env);
        }
        let dead = self.state.note_report(repair.from, repair.report.as_deref(), env.members);
        self.give_up(dead, env);
        if repair.serves || self.config.defects.counts_while_recovering() {
            self.acknowledged_all(&repair.clock, repair.from, env);
        }
        self.answer_ready(env);
        self.look_for_lag(env);
    }
}
