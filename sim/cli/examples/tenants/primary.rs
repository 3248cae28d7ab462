//! A primary with backups: one node takes all calls in, tells all others what it writes, and answers when all that are members
//! have it on their disks. Other nodes pass calls on to it.
//!
//! The primary is the first node of the list of members: while it is down, nothing is answered. When that list becomes another one
//! (a node has joined, has left, or has come back without its disk), a new *view* begins: the primary asks all others for their
//! logs, goes on with the one of the latest view (of the longest, among equals) and hands it to all. That log has every write that
//! was acknowledged, since each that has kept its disk has them all. What was said under another list does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kvsim::store::quantity::Interval;
use kvsim::store::settings::{DefectInfo, Profile};
use kvsim::store::{
    AckWord, Acks, Alone, Call, CallId, Conflict, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId,
    Refusal, Replica, ReplicaId, Value, Version,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of the store.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// After what time what was not answered is sent again.
    pub retry: Interval,
    /// Planted defects that are switched on.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Config {
        Config { retry: Interval(50_000_000), defects: BTreeSet::new() }
    }
}

/// Mistakes to plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// The primary answers a write before it is on its disk.
    AcknowledgesEarly,
    /// A backup answers reads itself.
    ReadsAtBackup,
    /// A call that is passed on a second time is done a second time.
    DoesAgain,
}

/// A change: the log of all of them is what every node has.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    key: Key,
    value: Option<Value>,
    /// Who asked: a call that comes a second time is done once.
    asked: u64,
}

/// What a node passes on.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    /// A read.
    Read(Key),
    /// A write, or a delete.
    Write(Key, Option<Value>),
}

/// The members at some time.
type Members = Rc<[ReplicaId]>;

/// A message, and under which list of members it was sent.
#[derive(Clone, Debug)]
pub struct Message {
    members: Members,
    word: Word,
}

/// What nodes say to each other.
#[derive(Clone, Debug)]
pub enum Word {
    /// A call of this number is passed on to the primary; the second number counts the attempts.
    Forward(u64, u64, Asked),
    /// The primary's answer to it.
    Done(u64, u64, Option<Value>),
    /// The primary's log of this view from this place on. The first number is the message's own.
    Log(u64, u64, usize, Vec<Change>),
    /// A backup has the log of the view up to here. The first number is that of the message that it answers.
    Have(u64, usize),
    /// What is your log? The number is the message's own.
    Ask(u64),
    /// This, of this view. The first number is that of the message that it answers.
    Tell(u64, u64, Vec<Change>),
}

/// What is on the disk.
#[derive(Clone, Debug)]
pub enum Record {
    /// A view has begun, under these members, with this log.
    View(u64, Members, Vec<Change>),
    /// The log has become longer.
    Change(Change),
}

/// A call that waits until all have the log up to here, and who is to be answered with what.
#[derive(Debug)]
struct Waiting {
    length: usize,
    asked: u64,
    attempt: u64,
    from: NodeId,
    value: Option<Value>,
}

/// One node.
#[derive(Debug)]
pub struct Primary {
    config: Config,
    log: Vec<Change>,
    /// Which view the log is of.
    view: u64,
    /// Under which members that view has begun.
    members: Members,
    /// Of a primary that begins a view: the logs that others have told it.
    told: BTreeMap<NodeId, (u64, Vec<Change>)>,
    /// Calls that clients have asked here, by number, with how often they were passed on.
    calls: BTreeMap<u64, (CallId, Asked, u64)>,
    /// Of the primary: how long the log of each backup is, as far as it knows.
    backups: BTreeMap<NodeId, usize>,
    waiting: Vec<Waiting>,
    /// Numbers of messages; they differ from life to life.
    last: u64,
}

/// The only timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again;

impl Replica for Primary {
    type Config = Config;
    type Message = Message;
    type Timer = Again;
    type Context = ();
    type SessionToken = ();
    type Record = Record;

    const MESSAGE_KINDS: &'static [&'static str] = &["request", "reply", "log", "have", "ask", "tell"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;
    const ANNOUNCES: bool = false;
    const DEFECTS: &'static [DefectInfo] = &[
        DefectInfo {
            name: "acknowledges-early",
            meaning: "the primary answers a write before it is on its disk",
            noticed_by: "linearizable, durable",
        },
        DefectInfo { name: "reads-at-backup", meaning: "a backup answers reads itself", noticed_by: "linearizable" },
        DefectInfo {
            name: "does-again",
            meaning: "a call that is passed on a second time is done a second time",
            noticed_by: "linearizable",
        },
    ];

    fn boot(config: &Config, log: &[Record], env: &mut Env<'_, Primary>) -> Primary {
        env.arm(Again, config.retry.0);
        let mut node = Primary {
            config: config.clone(),
            log: Vec::new(),
            view: 0,
            members: Members::default(),
            told: BTreeMap::new(),
            calls: BTreeMap::new(),
            backups: BTreeMap::new(),
            waiting: Vec::new(),
            last: env.chance.below(1 << 62),
        };
        for record in log {
            match record {
                Record::View(view, members, log) => {
                    (node.view, node.members, node.log) = (*view, Rc::clone(members), log.clone());
                }
                Record::Change(change) => node.log.push(*change),
            }
        }
        if env.founding {
            node.enter(1, Vec::new(), env);
        }
        node
    }

    fn step(&mut self, input: Input<'_, Primary>, env: &mut Env<'_, Primary>) {
        match input {
            Input::Call { id, call: Call::Read { quorum: 2.., .. } } => env.refuse(id, Refusal::Unsupported),
            Input::Call { id, call: Call::Read { key, .. } } => {
                if self.has(Defect::ReadsAtBackup) {
                    return env.answer_read(id, self.value(key).map(Version::unnamed), (), None);
                }
                self.call(id, Asked::Read(key), env);
            }
            Input::Call { id, call: Call::Write { key, value, delete, .. } } => {
                self.call(id, Asked::Write(key, (!delete).then_some(value)), env);
            }
            Input::Timer(Again) => {
                env.arm(Again, self.config.retry.0);
                let numbers: Vec<u64> = self.calls.keys().copied().collect();
                numbers.into_iter().for_each(|number| self.forward(number, env));
                self.tell(env);
            }
            Input::Members => {
                self.told.clear();
                self.tell(env);
            }
            Input::Message { message, .. } if *message.members != *env.members => {}
            Input::Message { from, message } => match &message.word {
                Word::Forward(number, attempt, asked) => self.take(from, (*number, *attempt), *asked, env),
                Word::Done(number, _, value) => self.done(*number, *value, env),
                Word::Log(number, view, from_place, changes) => {
                    if *view > self.view && *from_place == 0 {
                        self.enter(*view, changes.clone(), env);
                    }
                    if *view != self.view {
                        return;
                    }
                    // Only what follows what it has; the answer says where to go on.
                    for (place, change) in (*from_place..).zip(changes) {
                        if place == self.log.len() {
                            self.log.push(*change);
                            env.append(|| Record::Change(*change));
                        }
                    }
                    self.say(from, Word::Have(*number, self.log.len()), env);
                }
                Word::Have(_, length) => {
                    self.backups.insert(from, *length);
                    self.answer_waiting(env);
                }
                Word::Ask(number) => self.say(from, Word::Tell(*number, self.view, self.log.clone()), env),
                Word::Tell(_, view, log) if !self.is_in_view(env) => {
                    self.told.insert(from, (*view, log.clone()));
                    self.begin_view(env);
                }
                Word::Tell(..) => {}
            },
        }
    }

    fn meta(message: &Message) -> MessageMeta {
        let (kind, id, bytes) = match &message.word {
            Word::Forward(number, attempt, _) => (0, number | attempt << 32, 16),
            Word::Done(number, attempt, _) => (1, number | attempt << 32, 16),
            Word::Log(number, _, _, changes) => (2, *number, 16 * changes.len() as u32),
            Word::Have(number, _) => (3, *number, 0),
            Word::Ask(number) => (4, *number, 0),
            Word::Tell(number, _, log) => (5, *number, 16 * log.len() as u32),
        };
        MessageMeta { kind, id, bytes: 32 + bytes, carries: None, is_bulk: false }
    }

    /// All have a write before it is acknowledged, or read.
    fn profile(config: &Config, nodes: u16) -> Profile {
        let reads = config.defects.contains(&Defect::ReadsAtBackup);
        Profile { ack: Acks::Word(AckWord::All), alone: Alone { reads, writes: false }, ..Profile::plain(nodes) }
    }

    fn holds(_: &Config, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        let mut newest = BTreeMap::new();
        newest.extend(self.log.iter().map(|change| (change.key, change.value)));
        let shown = newest.into_iter().filter_map(|(key, value)| Some((key, value?)));
        shown.for_each(|(key, value)| each(key, Version::unnamed(value)));
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}

impl Primary {
    fn has(&self, defect: Defect) -> bool {
        self.config.defects.contains(&defect)
    }

    fn value(&self, key: Key) -> Option<Value> {
        self.log.iter().rfind(|change| change.key == key).and_then(|change| change.value)
    }

    fn is_in_view(&self, env: &Env<'_, Primary>) -> bool {
        *self.members == *env.members
    }

    fn say(&self, to: NodeId, word: Word, env: &mut Env<'_, Primary>) {
        env.send(to, Message { members: env.members.into(), word });
    }

    /// A view begins here.
    fn enter(&mut self, view: u64, log: Vec<Change>, env: &mut Env<'_, Primary>) {
        (self.view, self.members, self.log) = (view, env.members.into(), log);
        (self.backups, self.waiting) = (BTreeMap::new(), Vec::new());
        env.append(|| Record::View(view, Rc::clone(&self.members), self.log.clone()));
    }

    /// The primary begins a view when all others have told their logs.
    fn begin_view(&mut self, env: &mut Env<'_, Primary>) {
        let is_told = |member: &&ReplicaId| **member == env.me || self.told.contains_key(&member.node);
        if self.is_in_view(env) || !env.members.iter().all(|member| is_told(&member)) {
            return;
        }
        self.told.insert(env.me.node, (self.view, std::mem::take(&mut self.log)));
        let latest = std::mem::take(&mut self.told).into_values().max_by_key(|(view, log)| (*view, log.len()));
        let (view, log) = latest.unwrap_or_default();
        self.enter(view + 1, log, env);
        self.tell(env);
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn call(&mut self, id: CallId, asked: Asked, env: &mut Env<'_, Primary>) {
        let number = u64::from(id.0);
        self.calls.insert(number, (id, asked, 0));
        self.forward(number, env);
    }

    /// Passes a call on to the primary, once more if need be. A node that is in no view yet serves no client.
    fn forward(&mut self, number: u64, env: &mut Env<'_, Primary>) {
        if !self.is_in_view(env) {
            return;
        }
        let Some((_, asked, attempt)) = self.calls.get_mut(&number) else { return };
        let (asked, this) = (*asked, *attempt);
        *attempt += 1;
        let primary = env.members[0].node;
        match primary == env.me.node {
            true => self.take(primary, (number, this), asked, env),
            false => self.say(primary, Word::Forward(number, this, asked), env),
        }
    }

    /// The primary takes a call in.
    fn take(&mut self, from: NodeId, (number, attempt): (u64, u64), asked: Asked, env: &mut Env<'_, Primary>) {
        if !self.is_in_view(env) {
            return;
        }
        let mut waiting = Waiting { length: self.log.len(), asked: number, attempt, from, value: None };
        match asked {
            Asked::Read(key) => waiting.value = self.value(key),
            Asked::Write(key, value) => {
                let known = self.log.iter().position(|change| change.asked == number);
                waiting.length = match known.filter(|_| !self.has(Defect::DoesAgain)) {
                    Some(place) => place + 1,
                    None => {
                        let change = Change { key, value, asked: number };
                        if self.has(Defect::AcknowledgesEarly) {
                            self.answer(from, (number, attempt), None, env);
                        }
                        self.log.push(change);
                        env.append(|| Record::Change(change));
                        self.log.len()
                    }
                };
            }
        }
        self.waiting.push(waiting);
        self.answer_waiting(env);
        self.tell(env);
    }

    /// The primary answers who has passed a call on, or its own client.
    fn answer(&mut self, to: NodeId, (number, attempt): (u64, u64), value: Option<Value>, env: &mut Env<'_, Primary>) {
        match to == env.me.node {
            true => self.done(number, value, env),
            false => self.say(to, Word::Done(number, attempt, value), env),
        }
    }

    /// A call is over, unless it was answered before.
    fn done(&mut self, number: u64, value: Option<Value>, env: &mut Env<'_, Primary>) {
        match self.calls.remove(&number) {
            Some((call, Asked::Read(_), _)) => env.answer_read(call, value.map(Version::unnamed), (), None),
            Some((call, Asked::Write(..), _)) => env.answer_write(call, (), None),
            None => {}
        }
    }

    /// Answers the calls whose part of the log all members have.
    fn answer_waiting(&mut self, env: &mut Env<'_, Primary>) {
        let others = env.members.iter().filter(|member| **member != env.me);
        let all = others.map(|member| self.backups.get(&member.node).copied().unwrap_or(0)).min();
        let all = all.unwrap_or(self.log.len());
        let (ready, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|one| one.length <= all);
        self.waiting = waiting;
        let ready: Vec<Waiting> = ready;
        ready.into_iter().for_each(|one| self.answer(one.from, (one.asked, one.attempt), one.value, env));
    }

    /// The primary tells backups what they lack, or asks for their logs.
    fn tell(&mut self, env: &mut Env<'_, Primary>) {
        if env.members[0] != env.me {
            return;
        }
        self.begin_view(env); // the others may have left
        let (me, is_in_view) = (env.me, self.is_in_view(env));
        for member in env.members.iter().filter(|member| **member != me) {
            let have = self.backups.get(&member.node).copied();
            if !is_in_view {
                let number = self.number();
                self.say(member.node, Word::Ask(number), env);
            } else if have.is_none_or(|have| have < self.log.len()) || !self.waiting.is_empty() {
                let (number, have) = (self.number(), have.unwrap_or(0).min(self.log.len()));
                self.say(member.node, Word::Log(number, self.view, have, self.log[have..].to_vec()), env);
            }
        }
    }
}
