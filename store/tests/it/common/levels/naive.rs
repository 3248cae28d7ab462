//! A replica that keeps every write for ever and works out each answer from all of them: slow, and short enough to be
//! believed. The schedules for consistency levels must pass with it, and fail with each of its planted mistakes.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_store::ndc::Timer;
use kvsim_store::ndc::object::Context;
use kvsim_store::{
    Call, CallId, Conflict, Dot, Env, GaugeInfo, Input, Key, Level, Levels, NodeId, Observation, Refusal, Replica,
    ReplicaId, Tag, Value, Version,
};

/// A write with all that it says about itself.
#[derive(Clone, Debug)]
pub struct Delta {
    dot: Dot,
    key: Key,
    value: Value,
    delete: bool,
    context: Context,
    /// By priority p: the number of its origin's last write of priority p or above.
    after: [u64; 4],
}

#[derive(Clone, Debug)]
pub enum Message {
    Update(Delta),
    Pull(BTreeSet<Dot>),
    Repair(Vec<Delta>),
}

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    None,
    /// A write is shown when one of its predecessors is missing.
    OneEarly,
    /// A P2 write waits for P1 writes, too.
    WrongPredecessor,
    /// A P1 write does not wait for P1 writes.
    NoWaiting,
    /// Writes in a repair are shown at once.
    RepairTrusted,
    /// A write that comes late is forgotten when a later one of its origin to the key is known.
    SupersededForgotten,
    /// Reads at an ordered level hand out what has been seen at the eventual level.
    EventualContext,
    /// A context hides only what is known at the time.
    LateWriteRevived,
    /// Keys of too low a priority are not refused.
    NotRefused,
    /// The observations of `priority` are forgotten.
    NotSaid,
    /// Sessions that come from elsewhere are answered at once.
    NotAwaited,
    /// A read of P3 waits for all writes that its session has seen.
    AwaitsAll,
}

impl Flaw {
    pub const ALL: [Flaw; 11] = [
        Flaw::OneEarly,
        Flaw::WrongPredecessor,
        Flaw::NoWaiting,
        Flaw::RepairTrusted,
        Flaw::SupersededForgotten,
        Flaw::EventualContext,
        Flaw::LateWriteRevived,
        Flaw::NotRefused,
        Flaw::NotSaid,
        Flaw::NotAwaited,
        Flaw::AwaitsAll,
    ];
}

#[derive(Clone, Debug)]
pub struct Config {
    pub nodes: u16,
    pub flaw: Flaw,
}

pub type Seen = [BTreeSet<Dot>; 4];

#[derive(Debug)]
pub struct Naive {
    me: ReplicaId,
    nodes: u16,
    flaw: Flaw,
    known: BTreeMap<Dot, Delta>,
    trusted: BTreeSet<Dot>,
    waiting: Vec<(CallId, Key, Level, Seen)>,
    round: u16,
}

/// The lowest priority that `level` shows of what is needed for `key`; nothing for the eventual level.
fn lowest(level: Level, key: Key) -> Option<usize> {
    match level {
        Level::Eventual => None,
        Level::Fifo => Some(0),
        Level::FifoP1 => Some(1),
        Level::FifoP2 => Some(2),
        Level::FifoP3 => Some(3),
        Level::Priority => Some(key.priority() as usize),
    }
}

impl Naive {
    /// The writes that a view with priorities from `lowest` rests on.
    fn reflected(&self, lowest: Option<usize>) -> BTreeSet<Dot> {
        let Some(lowest) = lowest else { return self.known.keys().copied().collect() };
        let mut frontiers: BTreeMap<ReplicaId, u64> = BTreeMap::new();
        let mut reflected = BTreeSet::new();
        for (dot, delta) in self.known.iter().filter(|(_, delta)| delta.key.priority() as usize >= lowest) {
            let frontier = frontiers.entry(dot.origin).or_default();
            let after = match self.flaw {
                Flaw::OneEarly => delta.after[lowest].saturating_sub(1),
                Flaw::WrongPredecessor if lowest == 2 => delta.after[1],
                Flaw::NoWaiting if lowest == 1 => 0,
                Flaw::RepairTrusted if self.trusted.contains(dot) => 0,
                _ => delta.after[lowest],
            };
            if after <= *frontier {
                *frontier = dot.counter;
                reflected.insert(*dot);
            }
        }
        reflected
    }

    /// What a view shows of `key`, and what it has seen of it.
    fn view(&self, key: Key, lowest: Option<usize>) -> (Vec<Version>, Context) {
        let reflected = self.reflected(lowest);
        let of_key: Vec<&Delta> = reflected.iter().map(|dot| &self.known[dot]).filter(|d| d.key == key).collect();
        let mut context = Context::default();
        for delta in &of_key {
            context.raise(delta.dot.origin, delta.dot.counter);
            delta.context.iter().for_each(|(origin, counter)| context.raise(origin, counter));
        }
        let overwritten = |d: &Delta| {
            of_key
                .iter()
                .any(|later| later.context.covers(d.dot) || d.dot < later.dot && d.dot.origin == later.dot.origin)
        };
        let shown = of_key.iter().filter(|d| !d.delete && !overwritten(d));
        (shown.map(|d| Version { dot: d.dot, value: d.value }).collect(), context)
    }

    fn shown(&self, level: Level) -> Vec<(Key, Version)> {
        let keys: BTreeSet<Key> = self.known.values().map(|delta| delta.key).collect();
        let mut shown = Vec::new();
        for key in keys {
            let lowest = lowest(level, key);
            if lowest.is_none_or(|lowest| key.priority() as usize >= lowest) {
                shown.extend(self.view(key, lowest).0.into_iter().map(|version| (key, version)));
            }
        }
        shown
    }

    fn receive(&mut self, delta: Delta, env: &mut Env<'_, Naive>) {
        if !self.known.contains_key(&delta.dot) {
            env.append(|| delta.clone());
        }
        self.learn(delta, env);
    }

    fn learn(&mut self, mut delta: Delta, env: &mut Env<'_, Naive>) {
        if self.known.contains_key(&delta.dot) {
            return;
        }
        env.observe(Observation::Known(delta.dot));
        let later = |d: &&Delta| d.key == delta.key && d.dot.origin == delta.dot.origin && d.dot > delta.dot;
        if self.flaw == Flaw::SupersededForgotten && self.known.values().any(|d| later(&d)) {
            return;
        }
        if self.flaw == Flaw::LateWriteRevived {
            let mut context = Context::default();
            for dot in self.known.keys().filter(|dot| delta.context.covers(**dot)) {
                context.raise(dot.origin, dot.counter);
            }
            delta.context = context;
        }
        self.known.insert(delta.dot, delta);
    }

    /// What has changed for readers, against what was shown before.
    fn tell(&self, before: &[BTreeSet<Dot>], env: &mut Env<'_, Naive>) {
        for (level, before) in Level::ALL.into_iter().zip(before) {
            let now = self.shown_dots(level);
            let levels = Levels::only(level);
            if self.flaw != Flaw::NotSaid || level != Level::Priority {
                before.difference(&now).for_each(|dot| env.observe(Observation::Hidden { levels, dot: *dot }));
                now.difference(before).for_each(|dot| env.observe(Observation::Visible { levels, dot: *dot }));
            }
        }
    }

    fn shown_dots(&self, level: Level) -> BTreeSet<Dot> {
        self.shown(level).into_iter().map(|(_, version)| version.dot).collect()
    }

    fn now_seen(&self, before: Option<&Seen>) -> Option<Seen> {
        let mut seen = before.cloned()?;
        for (lowest, seen) in seen.iter_mut().enumerate() {
            seen.extend(self.reflected(Some(lowest)));
        }
        Some(seen)
    }

    fn write(&self, key: Key, value: Value, delete: bool, context: &Context) -> Delta {
        let own = self.known.values().filter(|delta| delta.dot.origin == self.me);
        let mut after = [0; 4];
        let mut counter = 1;
        for delta in own {
            counter = delta.dot.counter + 1;
            after[..=delta.key.priority() as usize].fill(delta.dot.counter);
        }
        Delta { dot: Dot { origin: self.me, counter }, key, value, delete, context: context.clone(), after }
    }

    /// Answers the reads that need wait no longer.
    fn serve(&mut self, env: &mut Env<'_, Naive>) {
        for (id, key, level, seen) in std::mem::take(&mut self.waiting) {
            let lowest = lowest(level, key);
            let fits = match lowest {
                None => true,
                Some(_) if self.flaw == Flaw::NotAwaited => true,
                Some(3) if self.flaw == Flaw::AwaitsAll => seen[0].is_subset(&self.reflected(Some(0))),
                Some(lowest) => seen[lowest].is_subset(&self.reflected(Some(lowest))),
            };
            if fits {
                let (versions, mut context) = self.view(key, lowest);
                if self.flaw == Flaw::EventualContext {
                    context = self.view(key, None).1;
                }
                env.answer_read(id, versions, context, self.now_seen(Some(&seen)));
            } else {
                self.waiting.push((id, key, level, seen));
            }
        }
    }
}

impl Replica for Naive {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Context = Context;
    type Seen = Seen;
    type Record = Delta;

    const MESSAGE_KINDS: &'static [&'static str] = &["update", "pull", "repair"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual)
        .with(Level::Fifo)
        .with(Level::FifoP1)
        .with(Level::FifoP2)
        .with(Level::FifoP3)
        .with(Level::Priority);
    const CONFLICT: Conflict = Conflict::Causal;

    fn boot(config: &Config, log: &[Delta], env: &mut Env<'_, Naive>) -> Naive {
        env.arm(Timer::AntiEntropy, 0);
        env.arm(Timer::CleanUp, 0);
        let mut naive = Naive {
            me: env.me,
            nodes: config.nodes,
            flaw: config.flaw,
            known: BTreeMap::new(),
            trusted: BTreeSet::new(),
            waiting: Vec::new(),
            round: 0,
        };
        log.iter().for_each(|delta| naive.learn(delta.clone(), env));
        naive.tell(&<[BTreeSet<Dot>; 6]>::default(), env);
        naive
    }

    fn step(&mut self, input: Input<'_, Naive>, env: &mut Env<'_, Naive>) {
        let before = Level::ALL.map(|level| self.shown_dots(level));
        match input {
            Input::Message { message: Message::Update(delta), .. } => self.receive(delta.clone(), env),
            Input::Message { message: Message::Repair(deltas), .. } => {
                for delta in deltas {
                    self.trusted.insert(delta.dot);
                    self.receive(delta.clone(), env);
                }
            }
            Input::Message { from, message: Message::Pull(known) } => {
                let missing = self.known.values().filter(|delta| !known.contains(&delta.dot));
                env.send(from, Message::Repair(missing.cloned().collect()));
            }
            Input::Timer(Timer::AntiEntropy) => {
                env.arm(Timer::AntiEntropy, 0);
                self.round += 1;
                let peer = (self.me.node.0 + 1 + self.round % (self.nodes - 1)) % self.nodes;
                env.send(NodeId(peer), Message::Pull(self.known.keys().copied().collect()));
            }
            Input::Timer(_) => env.arm(Timer::CleanUp, 0),
            Input::Members => {}
            Input::Call { id, call: Call::Read { key, level, quorum, seen } } => {
                let low = lowest(level, key).is_some_and(|lowest| (key.priority() as usize) < lowest);
                if low && self.flaw != Flaw::NotRefused {
                    env.refuse(id, Refusal::Level);
                } else if quorum > 1 {
                    env.refuse(id, Refusal::Quorum);
                } else {
                    self.waiting.push((id, key, level, seen.cloned().unwrap_or_default()));
                }
            }
            Input::Call { id, call: Call::Write { key, value, delete, context, seen } } => {
                let delta = self.write(key, value, delete, context);
                env.observe(Observation::Wrote { call: id, dot: delta.dot });
                self.receive(delta.clone(), env);
                env.broadcast(Message::Update(delta));
                env.answer_write(id, self.now_seen(seen));
            }
        }
        self.tell(&before, env);
        self.serve(env);
    }

    fn tag(message: &Message) -> Tag {
        let (kind, id, carries) = match message {
            Message::Update(delta) => (0, delta.value.id, Some(delta.key.priority())),
            Message::Pull(_) => (1, 0, None),
            Message::Repair(_) => (2, 0, None),
        };
        Tag { kind, id, bytes: 0, carries }
    }

    fn holds(_config: &Config, _node: NodeId, _key: Key) -> bool {
        true
    }

    fn visible(&self, level: Level, each: &mut dyn FnMut(Key, Version)) {
        self.shown(level).into_iter().for_each(|(key, version)| each(key, version));
    }

    fn gauges(&self, _into: &mut Vec<u64>) {}
}
