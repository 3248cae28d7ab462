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
//! what is sent, `recovery` is what a new replica waits for; `names` the keys and values in it; `plausible` what a host may refuse of it; `clients` serves them, `calls` is what waits for others; `lag` tells
//! whether views fall behind; `config` has the settings; this file connects them with the contract. `defects` are planted
//! mistakes: what is called on `defects` or `amnesia` does nothing in a sound store.

mod calls;
mod clients;
mod config;
mod context;
mod dead;
mod defects;
mod eventual;
pub mod frontier;
mod lag;
mod membership;
mod memory;
mod message;
mod names;
pub mod object;
mod ordered;
mod plausible;
mod recovery;
mod repair;
mod state;
mod waiting;

use std::collections::BTreeMap;

use crate::clock::{DotSet, NodeClock};
use crate::contract::{
    Conflict, Dot, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, Names, NodeId, Observation, Replica,
    ReplicaId, Version,
};
use crate::key_table::KeyTable;
use crate::pulling::Rounds;
use crate::settings::{Cluster, DefectInfo, Misfit, Profile, Reduction};

use calls::{Calls, TICK_NS};
use clients::pass_on_again;
use defects::Amnesia;
use frontier::Frontiers;
use lag::Lag;
use membership::{DotNames, Membership};
use message::{Delta, Issued, KINDS, Pull, Repair};
use recovery::{PATIENCE_DOUBLED_MAX, PATIENCE_NS};
use state::State;

pub use config::{Config, Count, Views};
pub use context::{Context, Handed, Stretch};
pub use defects::{Defect, Defects};
pub use message::{Message, Request};
pub use names::{Named, Naming};
pub use plausible::check_records;

/// Timers of a replica.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// Ask a peer for what is missing.
    AntiEntropy,
    /// Ask for what is to be got before a range is served, or whether a range can be given away.
    Recovery,
    /// Ask again for what calls wait for.
    Calls,
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
    /// A range of keys has been got and is served.
    Recovered(u16),
    /// What is missing of dead replicas beside these writes to keys of a range is given up: of all in one step, since what
    /// waits of one may have to go with what waits of another.
    GivenUp(u16, Vec<(ReplicaId, DotSet)>),
    /// All is known of these dead replicas' writes to keys of a range, and of those of earlier lives of their nodes, so that
    /// nothing is remembered of them any more.
    Settled(u16, Vec<ReplicaId>),
    /// These writes to keys of a range are lost.
    Closed(u16, Vec<Dot>),
    /// On a ring: these are the members now.
    Members(Vec<ReplicaId>),
    /// A range that others hold now is given away.
    GivenAway(u16),
    /// An own write to a key that this replica does not hold.
    Sent(Delta),
    /// The own write with this counter to a key of this range has reached all that hold it.
    Arrived(u16, u64),
}

/// A replica of the NDC store.
#[derive(Debug)]
pub struct Ndc {
    me: ReplicaId,
    config: Config,
    membership: Membership,
    /// What this replica keeps, by range, in their order.
    ranges: Vec<State>,
    /// By key: the counter of this replica's last write to it.
    last_writes: KeyTable<u64>,
    /// On a ring: how many writes to keys of each range this replica has issued.
    issued: BTreeMap<usize, u64>,
    rounds: Rounds,
    calls: Calls,
    /// The timer of calls is armed.
    is_ticking: bool,
    /// How often in a row members were asked for what is needed before a range is served or given away.
    tries: u32,
    /// Absent without heartbeats or without ordered views.
    lag: Option<Lag>,
    amnesia: Amnesia,
}

impl Replica for Ndc {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Context = Handed;
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
        GaugeInfo { name: "dead-replicas", meaning: "dead replicas that clocks and reports still name", residue: true },
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
        let is_full = config.placement.is_full();
        let mut ndc = Ndc {
            me: env.me,
            config: config.clone(),
            membership: Membership::default(),
            ranges: Vec::new(),
            last_writes: KeyTable::default(),
            issued: BTreeMap::new(),
            rounds: Rounds::new(Vec::new(), 0),
            calls: Calls::default(),
            is_ticking: false,
            tries: 0,
            lag: (config.heartbeat.0.filter(|_| config.is_ordered()))
                .map(|every_ns| Lag::new(every_ns, config.heartbeat_keys.clone())),
            amnesia: Amnesia::default(),
        };
        let mut boots = 0;
        if is_full {
            ndc.membership = Membership::new(&config.placement, env.members);
            ndc.share(None);
        }
        for record in log {
            ndc.replay(record, &mut boots, env);
        }
        ndc.adopt(env.members, false, env);
        // Each boot has round numbers of its own, so that each of its messages has an identity of its own.
        ndc.rounds = Rounds::new(ndc.membership.peers(env.me), boots << 32);
        let founding = env.founding || env.members.len() == 1;
        env.append(|| Record::Booted { founding });
        if founding || config.defects.serves_at_once() {
            ndc.ranges.iter_mut().filter(|state| state.is_held).for_each(State::begin_to_serve);
        }
        if env.members.len() == 1 {
            // What others had of its writes went with them.
            (0..ndc.ranges.len()).for_each(|at| ndc.close(at, env));
        }
        if boots > 0 {
            ndc.ranges.iter().take(1).for_each(|state| ndc.amnesia.restart(state));
        }
        (0..ndc.ranges.len()).for_each(|at| ndc.announce(at, env));
        // Replicas must not all act at the same moment for ever.
        if let Some(every) = config.anti_entropy.0 {
            let first = env.chance.below(every.max(1));
            env.arm(Timer::AntiEntropy, first);
        }
        if ndc.ranges.iter().any(State::is_unsettled) {
            env.arm(Timer::Recovery, 0);
        }
        if ndc.calls.is_impatient() {
            ndc.is_ticking = true;
            env.arm(Timer::Calls, TICK_NS);
        }
        let first = env.chance.below(config.strip.0.max(1));
        env.arm(Timer::CleanUp, first);
        ndc
    }

    fn step(&mut self, input: Input<'_, Ndc>, env: &mut Env<'_, Ndc>) {
        match input {
            Input::Message { message, .. } if !self.accepts(message) => {}
            Input::Message { from, message } => match message {
                Message::Update { delta, .. } => self.receive(delta, None, env),
                Message::Ack { range, dot, by, .. } => {
                    self.acknowledged(usize::from(*range), *by, |counter| counter == dot.counter, env);
                }
                Message::Pull(pull) => self.answer_pull(pull, env),
                Message::Repair(repair) => self.absorb(repair, env),
                Message::Request { id, attempt, key, request } => self.serve(from, (*id, *attempt), *key, request, env),
                Message::Reply { id, reply, .. } => self.take_reply(from, *id, reply, env),
            },
            Input::Timer(Timer::AntiEntropy) => {
                if let Some(every) = self.config.anti_entropy.0 {
                    env.arm(Timer::AntiEntropy, every);
                }
                self.next_round(env);
            }
            Input::Timer(Timer::Recovery) => self.ask_for_all(env),
            Input::Timer(Timer::Calls) => self.ask_again(env),
            Input::Timer(Timer::CleanUp) => {
                env.arm(Timer::CleanUp, self.config.strip.0);
                for at in 0..self.ranges.len() {
                    let dead = self.ranges[at].clean_up(&self.membership);
                    self.give_up(at, dead, env);
                }
                self.answer_ready(env);
                self.calls.expire(env.now_ns);
                self.look_for_lag(env);
            }
            Input::Members => {
                self.enter(env.members, env);
                self.rounds = std::mem::take(&mut self.rounds).among(self.membership.peers(self.me));
                self.answer_acknowledged(env);
            }
            Input::Call { id, call } => self.call(id, &call, env),
        }
    }

    fn prefetch(&self, message: &Message, depth: u8) {
        if let Message::Update { delta, .. } = message
            && let Some(state) = self.at(self.config.placement.range(delta.key))
        {
            state.prefetch(delta, depth);
        }
    }

    fn meta(message: &Message) -> MessageMeta {
        message.meta()
    }

    fn holds(config: &Config, node: NodeId, key: Key) -> bool {
        config.placement.holds(node, key, &config.gone)
    }

    fn visible(&self, level: Level, each: &mut dyn FnMut(Key, Version)) {
        for state in self.ranges.iter().filter(|state| self.is_told(state)) {
            let names = self.names(state.range);
            state.visible(level, &mut |key, version| each(key, names.version(version)));
        }
    }

    fn gauges(&self, into: &mut Vec<u64>) {
        let mut counts = [0; 6];
        for state in &self.ranges {
            for (_, object) in state.objects() {
                counts[0] += 1;
                counts[1] += object.versions.len() as u64;
                counts[2] += u64::from(object.versions.is_empty());
                counts[3] += object.context.len() as u64;
            }
            counts[4] += state.dot_keys() as u64;
            counts[5] += state.unstripped() as u64;
        }
        into.extend(counts);
        into.push(self.calls.len() as u64);
        into.push(self.ranges.iter().map(|state| state.remembered(&self.membership)).sum::<usize>() as u64);
        if let Some(ordered) = self.ranges.first().and_then(State::ordered) {
            let waiting = &ordered.waiting;
            into.extend([waiting.len() as u64, waiting.bytes(), waiting.lacking() as u64, ordered.objects() as u64]);
        }
    }

    fn metadata_bytes(&self) -> Option<u64> {
        Some(self.ranges.iter().map(State::metadata_bytes).sum())
    }

    fn repaired_writes(message: &Message) -> u32 {
        let Message::Repair(repair) = message else { return 0 };
        repair.items.iter().map(|item| item.dots.len()).sum::<usize>() as u32 + repair.deltas.len() as u32
    }

    fn assert_invariants(&self) {
        for state in &self.ranges {
            state.assert_invariants();
            let is_own = |(key, _): (Key, _)| self.config.placement.range(key) == state.range;
            assert!(state.objects().all(is_own), "{}: a key of another range", self.me);
        }
    }
}

impl Ndc {
    /// What a restart has to bring back, in one form whenever what was stripped or forgotten: for tests.
    #[doc(hidden)]
    pub fn durable(&self) -> String {
        let ranges: Vec<_> = self.ranges.iter().map(State::durable).collect();
        format!("{ranges:?} {:?}", self.calls.durable())
    }

    /// What this replica knows, where every member holds every key: a host judges by it what peers may say.
    pub fn known(&self) -> &NodeClock {
        self.ranges[0].clock()
    }

    /// What this replica keeps of `range`.
    fn at(&self, range: usize) -> Option<&State> {
        self.ranges.iter().find(|state| state.range == range)
    }

    fn place(&self, range: usize) -> Option<usize> {
        self.ranges.iter().position(|state| state.range == range)
    }

    /// True when this replica holds `range` and serves it.
    fn serves(&self, range: usize) -> bool {
        self.at(range).is_some_and(State::serves)
    }

    /// True when quorums and acknowledgements may count on this replica.
    fn counts(&self, range: usize) -> bool {
        self.serves(range) || self.config.defects.counts_while_recovering()
    }

    fn names(&self, range: usize) -> DotNames {
        DotNames { range: range as u64, ranges: self.config.placement.ranges() as u64 }
    }

    /// True when it is told what is known and shown of a range: on a ring from the time on when it was first served, since
    /// before it must have been got.
    fn is_told(&self, state: &State) -> bool {
        self.config.placement.is_full() || state.was_served
    }

    /// Tells what happens to what is kept at this place of the list.
    fn teller<'a>(&self, at: usize, env: &'a mut Env<'_, Ndc>) -> impl FnMut(Observation) + use<'a> {
        let told = &mut env.outbox.observations;
        let state = &self.ranges[at];
        let names = self.names(state.range);
        let is_told = self.is_told(state);
        move |observation| {
            if is_told {
                told.push(names.observation(observation));
            }
        }
    }

    /// Takes in a write to a key of `range`, an own one or another's. True when it is news.
    fn take_in(&mut self, range: usize, delta: &Delta, env: &mut Env<'_, Ndc>) -> bool {
        let Some(at) = self.place(range) else { return false };
        let tell = &mut self.teller(at, env);
        self.ranges[at].receive(delta, tell)
    }

    /// A write of another node arrives; with a number when it is to be acknowledged in any case.
    fn receive(&mut self, delta: &Delta, attempt: Option<u8>, env: &mut Env<'_, Ndc>) {
        let range = self.config.placement.range(delta.key);
        if !self.at(range).is_some_and(|state| state.is_held) {
            return;
        }
        let is_known = attempt.is_some() && self.amnesia.takes_for_known(range, delta.dot, self.config.defects);
        if !is_known && self.take_in(range, delta, env) {
            env.append(|| Record::Received(delta.clone()));
            self.answer_ready(env);
            if let Some(lag) = &mut self.lag
                && let Some(peer) = lag.peer(delta.key)
            {
                let state = &self.ranges[0];
                lag.look(peer..peer + 1, self.me, state, env.now_ns, &mut |lagging| env.observe(lagging));
            }
        }
        let is_awaited = attempt.is_some() || self.config.acks(self.membership.holders(range).len()) > 1;
        if is_awaited && self.counts(range) {
            // It leaves when the record is durable.
            let (attempt, dot) = (attempt.unwrap_or(0), delta.dot);
            let ack = Message::Ack { range: range as u16, dot, attempt, by: self.me, value: delta.value.id };
            env.send(delta.dot.origin.node, ack);
        }
    }

    /// Looks whether ordered views lag behind, as far as heartbeats tell.
    fn look_for_lag(&mut self, env: &mut Env<'_, Ndc>) {
        if let Some(lag) = &mut self.lag {
            lag.look(lag.peers(), self.me, &self.ranges[0], env.now_ns, &mut |lagging| env.observe(lagging));
        }
    }

    /// False for what comes from a replica that is a member no more, or was made for the life before this one. What is
    /// agreed about a dead replica would not hold if its messages still counted.
    fn accepts(&self, message: &Message) -> bool {
        match message {
            _ if self.config.defects.accepts(message) => true,
            Message::Update { delta, membership } => self.accepts_write(delta, *membership),
            Message::Ack { dot, by, .. } => dot.origin == self.me && self.membership.has(*by),
            Message::Pull(pull) => self.membership.has(pull.from),
            Message::Repair(repair) => self.membership.has(repair.from) && repair.to == self.me,
            Message::Request { request, .. } => match &**request {
                Request::Write { delta, membership } => self.accepts_write(delta, *membership),
                Request::Read(_) | Request::Frontiers => true,
            },
            Message::Reply { .. } => true,
        }
    }

    /// On a ring a write counts under the list of members alone under which it was sent: what this replica takes in afterwards
    /// is missing from the answers that it has given to those that recover, who may hold that nobody has it.
    fn accepts_write(&self, delta: &Delta, membership: u64) -> bool {
        self.membership.has(delta.dot.origin)
            && (self.config.placement.is_full()
                || self.config.defects.counted_under(membership, self.membership.id) == self.membership.id)
    }

    /// The list of members by which this replica goes, as writes to keys of a ring carry it.
    fn sent_under(&self) -> u64 {
        if self.config.placement.is_full() { 0 } else { self.membership.id }
    }

    /// The list of members is this one. What this replica is to hold now it has to get; what others hold now it keeps until
    /// they have it.
    fn enter(&mut self, members: &[ReplicaId], env: &mut Env<'_, Ndc>) {
        for (at, is_first) in self.adopt(members, true, env) {
            self.begin_to_serve(at, is_first, env);
        }
        self.tries = 0;
        if self.ranges.iter().any(State::is_unsettled) {
            env.arm(Timer::Recovery, 0);
        }
    }

    /// Goes by this list of members, at the start or when it `is_up`. Returns where ranges are served from now on, and whether
    /// for the first time.
    fn adopt(&mut self, members: &[ReplicaId], is_up: bool, env: &mut Env<'_, Ndc>) -> Vec<(usize, bool)> {
        let membership = Membership::new(&self.config.placement, members);
        if membership.id != self.membership.id {
            self.membership = membership;
            if !self.config.placement.is_full() {
                env.append(|| Record::Members(members.to_vec()));
            }
            self.share(Some((is_up, env)));
        }
        let Ndc { ranges, membership, .. } = self;
        let first = |state: &mut State| {
            let is_first = !state.was_served;
            state.enter(membership).then_some(is_first)
        };
        (0..).zip(ranges).filter_map(|(at, state)| Some((at, first(state)?))).collect()
    }

    /// Sees to it that something is kept of every range that this replica holds. In silence when the log is played again,
    /// and without hiding anything at the start.
    fn share(&mut self, mut env: Option<(bool, &mut Env<'_, Ndc>)>) {
        let me = self.me;
        for range in 0..self.config.placement.ranges() {
            let holds = self.membership.holds(range, me);
            let at = match self.place(range) {
                Some(at) if self.ranges[at].is_held == holds => continue,
                Some(at) => {
                    if let Some((true, env)) = &mut env
                        && self.config.defects.drops_ranges_at_once()
                        && !holds
                    {
                        self.drop_range(at, env);
                        continue;
                    }
                    self.ranges[at].hold(holds);
                    at
                }
                None if !holds => continue,
                None => {
                    let room = self.config.is_ordered().then_some(self.config.buffer.0);
                    let at = self.ranges.partition_point(|state| state.range < range);
                    let mut state = State::new(me, range, room, self.config.defects);
                    state.is_whole = self.config.placement.is_full();
                    self.ranges.insert(at, state);
                    at
                }
            };
            if holds {
                self.ranges[at].held_since = self.rounds.last();
            }
            if holds && let Some((is_up, env)) = &mut env {
                for delta in self.calls.passed_on(range) {
                    env.append(|| Record::Received(delta.clone()));
                    let mut tell = self.teller(at, env);
                    let is_told = is_up.then_some(());
                    self.ranges[at]
                        .receive(delta, &mut |observation| is_told.into_iter().for_each(|()| tell(observation)));
                }
            }
        }
    }

    /// Tells what is known and shown of a range of a ring that was not told before.
    fn announce(&self, at: usize, env: &mut Env<'_, Ndc>) {
        if !self.config.placement.is_full() && self.ranges[at].was_served {
            self.ranges[at].announce(&mut self.teller(at, env));
        }
    }

    /// A range is served from now on: what no member had of the members' writes is lost.
    fn close(&mut self, at: usize, env: &mut Env<'_, Ndc>) {
        let range = self.ranges[at].range;
        let own = (self.me, self.issued_of(range).last);
        let lost = self.ranges[at].lost(own);
        if !lost.is_empty() {
            self.ranges[at].lose(lost.iter().copied());
            env.append(|| Record::Closed(range as u16, lost));
        }
    }

    /// The own writes to keys of a range of a ring.
    fn issued_of(&self, range: usize) -> Issued {
        let last = self.issued.get(&range).copied().unwrap_or(0);
        Issued { last, pending: self.calls.passed_on(range).cloned().collect() }
    }

    /// Drops a range that others hold.
    fn drop_range(&mut self, at: usize, env: &mut Env<'_, Ndc>) {
        if self.is_told(&self.ranges[at]) {
            self.ranges[at].renounce(&mut self.teller(at, env));
        }
        self.ranges.remove(at);
    }

    /// `by` has all of this replica's writes in `clock` on its disk.
    fn acknowledged_all(&mut self, range: usize, clock: &NodeClock, by: ReplicaId, env: &mut Env<'_, Ndc>) {
        let own = clock.of(self.me);
        self.acknowledged(range, by, |counter| own.contains(counter), env);
    }

    /// The next round of anti-entropy: one peer is asked about all ranges that both serve.
    fn next_round(&mut self, env: &mut Env<'_, Ndc>) {
        if !self.ranges.iter().any(State::serves) {
            return;
        }
        let Some((mut round, peer)) = self.rounds.next(env.chance) else { return };
        let mut is_first = true;
        for at in 0..self.ranges.len() {
            let range = self.ranges[at].range;
            if self.ranges[at].serves() && self.membership.others(range, self.me).any(|other| other == peer) {
                if !std::mem::take(&mut is_first) {
                    round = self.rounds.one_more();
                }
                self.pull(at, round, peer, env);
            }
        }
    }

    /// Asks `peer` for what is missing here.
    fn pull(&self, at: usize, round: u64, peer: NodeId, env: &mut Env<'_, Ndc>) {
        env.send(peer, Message::Pull(Box::new(self.ranges[at].pull(round, &self.membership))));
    }

    /// Asks for what is needed before ranges are served, or given away.
    fn ask_for_all(&mut self, env: &mut Env<'_, Ndc>) {
        let mut is_waiting = false;
        for at in 0..self.ranges.len() {
            for peer in self.ranges[at].ask(&self.membership) {
                let round = self.rounds.one_more();
                self.pull(at, round, peer, env);
                is_waiting = true;
            }
        }
        if is_waiting {
            env.arm(Timer::Recovery, PATIENCE_NS << self.tries.min(PATIENCE_DOUBLED_MAX));
            self.tries += 1;
        }
    }

    /// What was missing has come as far as it can now; with the last of it, this replica serves the range.
    fn begin_to_serve(&mut self, at: usize, is_first: bool, env: &mut Env<'_, Ndc>) {
        self.close(at, env);
        if is_first {
            self.announce(at, env);
        }
        let range = self.ranges[at].range;
        env.append(|| Record::Recovered(range as u16));
        // This replica counts from now on.
        self.answer_acknowledged(env);
        if self.config.acks(self.membership.holders(range).len()) > 1 {
            // Whoever waits for this replica's acknowledgement is to learn what it has.
            let peers: Vec<NodeId> = self.membership.others(range, self.me).collect();
            for peer in peers {
                let round = self.rounds.one_more();
                self.pull(at, round, peer, env);
            }
        }
    }

    /// What is missing of dead replicas is given up.
    fn give_up(&mut self, at: usize, dead: Vec<(ReplicaId, DotSet)>, env: &mut Env<'_, Ndc>) {
        let range = self.ranges[at].range as u16;
        let given_up = {
            let tell = &mut self.teller(at, env);
            self.ranges[at].give_up(dead, tell)
        };
        if !given_up.is_empty() {
            env.append(|| Record::GivenUp(range, given_up));
        }
        let agreed = self.ranges[at].agreed(&self.membership);
        self.settle(at, agreed.into_iter(), env);
    }

    /// Everybody has all of these dead replicas' writes.
    fn settle(&mut self, at: usize, settled: impl Iterator<Item = ReplicaId>, env: &mut Env<'_, Ndc>) {
        let news = self.ranges[at].unsettled(settled);
        if !news.is_empty() {
            let range = self.ranges[at].range as u16;
            env.append(|| Record::Settled(range, news.iter().collect()));
            let tell = &mut self.teller(at, env);
            news.iter().for_each(|last| tell(Observation::Settled(Names::of(last))));
            self.ranges[at].settle(&news);
        }
    }

    /// A record of the log, at the start.
    fn replay(&mut self, record: &Record, boots: &mut u64, env: &mut Env<'_, Ndc>) {
        let is_told = self.config.placement.is_full();
        let observe = &mut |observation| {
            if is_told {
                env.observe(observation);
            }
        };
        let range = match record {
            Record::Received(delta) | Record::Sent(delta) => self.config.placement.range(delta.key),
            Record::Absorbed(repair) => usize::from(repair.range),
            Record::Recovered(range)
            | Record::GivenUp(range, ..)
            | Record::Settled(range, _)
            | Record::Closed(range, _)
            | Record::GivenAway(range)
            | Record::Arrived(range, _) => usize::from(*range),
            Record::Booted { .. } | Record::Members(_) => 0,
        };
        if let Record::Received(delta) | Record::Sent(delta) = record
            && delta.dot.origin == self.me
        {
            let issued = self.issued.entry(range).or_default();
            *issued = delta.dot.counter.max(*issued);
            self.note_own(delta.key, delta.dot);
        }
        if let Record::Absorbed(repair) = record {
            self.note_repaired(repair);
        }
        let at = self.place(range);
        let mut state = at.map(|at| &mut self.ranges[at]);
        match (record, &mut state) {
            (Record::Received(delta), Some(state)) => drop(state.receive(delta, observe)),
            (Record::Absorbed(repair), Some(state)) => state.absorb(repair, observe),
            (Record::GivenUp(_, dead), Some(state)) => drop(state.give_up(dead.clone(), observe)),
            (Record::Settled(_, lives), Some(state)) => {
                let settled = state.unsettled(lives.iter().copied());
                settled.iter().for_each(|last| observe(Observation::Settled(Names::of(last))));
                state.settle(&settled);
            }
            (Record::Closed(_, lost), Some(state)) => state.lose(lost.iter().copied()),
            (Record::Recovered(_), Some(state)) => state.begin_to_serve(),
            (Record::Booted { founding }, _) => {
                *boots += 1;
                if *founding {
                    self.ranges.iter_mut().filter(|state| state.is_held).for_each(State::begin_to_serve);
                }
            }
            (Record::Members(members), _) => {
                self.membership = Membership::new(&self.config.placement, members);
                self.share(None);
            }
            (Record::GivenAway(_), Some(_)) => drop(self.ranges.remove(at.expect("it is kept"))),
            (Record::Sent(delta), _) => pass_on_again(&mut self.calls, range, delta.clone(), env.now_ns),
            (Record::Arrived(_, counter), _) => self.calls.arrived(range, *counter),
            // Of a range that is kept no more.
            (_, None) => {}
        }
    }

    fn answer_pull(&mut self, pull: &Pull, env: &mut Env<'_, Ndc>) {
        let range = usize::from(pull.range);
        let Some(at) = self.place(range) else {
            // It may have been this replica's to hold; it has nothing of it.
            let mut nothing = Repair::nothing(self.me, pull, self.membership.id);
            nothing.issued = self.issued_of(range);
            return env.send(pull.from.node, Message::Repair(Box::new(nothing)));
        };
        let dead = self.ranges[at].note(pull, &self.membership);
        self.give_up(at, dead, env);
        if (!pull.recovers && !pull.leaves) || self.config.defects.counts_while_recovering() {
            self.acknowledged_all(range, &pull.clock, pull.from, env);
        }
        self.answer_ready(env);
        if self.ranges[at].serves() && self.ranges[at].lacks(pull) {
            let round = self.rounds.one_more();
            self.pull(at, round, pull.from.node, env);
        }
        let mut repair = self.ranges[at].answer(pull, &self.membership);
        if pull.recovers {
            repair.issued = self.issued_of(range);
        }
        env.send(pull.from.node, Message::Repair(Box::new(repair)));
    }

    /// Own writes come back if the disk has lost them.
    fn note_repaired(&mut self, repair: &Repair) {
        for item in &repair.items {
            item.dots.iter().for_each(|dot| self.note_own(item.key, *dot));
        }
        repair.deltas.iter().for_each(|delta| self.note_own(delta.key, delta.dot));
    }

    fn absorb(&mut self, repair: &Repair, env: &mut Env<'_, Ndc>) {
        let range = usize::from(repair.range);
        let Some(at) = self.place(range) else { return };
        if !self.ranges[at].is_held {
            if repair.serves {
                self.acknowledged_all(range, &repair.clock, repair.from, env);
            }
            if self.ranges[at].hear_of_range(repair, &self.membership) {
                env.append(|| Record::GivenAway(repair.range));
                self.drop_range(at, env);
            }
            return;
        }
        let under = self.config.defects.counted_under(repair.membership, self.membership.id);
        let is_old = under != self.membership.id || repair.round <= self.ranges[at].held_since;
        if !self.config.placement.is_full() && !self.ranges[at].serves() && is_old {
            // The same holds for it as for a write.
            return;
        }
        if self.ranges[at].serves() && repair.membership == self.membership.id {
            self.settle(at, repair.clock.settled().iter(), env);
        }
        if self.ranges[at].is_news(repair) {
            env.append(|| Record::Absorbed(Box::new(repair.clone())));
        }
        self.note_repaired(repair);
        {
            let tell = &mut self.teller(at, env);
            self.ranges[at].absorb(repair, tell);
        }
        if !self.ranges[at].serves() {
            self.tries = 0;
            let is_first = !self.ranges[at].was_served;
            match self.ranges[at].hear(repair, &self.membership) {
                true => self.begin_to_serve(at, is_first, env),
                false => env.arm(Timer::Recovery, 0),
            }
        }
        let report = repair.report.as_deref();
        let dead = self.ranges[at].note_report(repair.from, report, repair.serves, &self.membership);
        self.give_up(at, dead, env);
        if repair.serves || self.config.defects.counts_while_recovering() {
            self.acknowledged_all(range, &repair.clock, repair.from, env);
        }
        self.answer_ready(env);
        self.look_for_lag(env);
    }
}
