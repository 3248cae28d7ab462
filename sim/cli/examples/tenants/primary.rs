//! A primary with backups: one node takes all calls in, tells all others what it writes, and answers when all that are members
//! have it on their disks. Other nodes pass calls on to it.
//!
//! The primary is the first node of the list of members, for good: while it is down, nothing is answered.

use std::collections::{BTreeMap, BTreeSet};

use kvsim::store::quantity::Interval;
use kvsim::store::settings::{DefectInfo, Profile};
use kvsim::store::{
    Acks, Alone, Call, CallId, Conflict, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Refusal,
    Replica, Value, Version,
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

/// A message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A call of this number is passed on to the primary; the second number counts the attempts.
    Forward(u64, u64, Asked),
    /// The primary's answer to it.
    Done(u64, u64, Option<Value>),
    /// The primary's log from this place on. The first number is the message's own.
    Log(u64, usize, Vec<Change>),
    /// A backup has the log up to here. The first number is that of the message that it answers.
    Have(u64, usize),
}

/// A write that waits for backups: the length of the log with it, and who is to be answered.
#[derive(Debug)]
struct Waiting {
    length: usize,
    asked: u64,
    attempt: u64,
    from: NodeId,
}

/// One node.
#[derive(Debug)]
pub struct Primary {
    config: Config,
    log: Vec<Change>,
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
    type Record = Change;

    const MESSAGE_KINDS: &'static [&'static str] = &["request", "reply", "log", "have"];
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

    fn boot(config: &Config, log: &[Change], env: &mut Env<'_, Primary>) -> Primary {
        env.arm(Again, config.retry.0);
        Primary {
            config: config.clone(),
            log: log.to_vec(),
            calls: BTreeMap::new(),
            backups: BTreeMap::new(),
            waiting: Vec::new(),
            last: env.chance.below(1 << 62),
        }
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
            Input::Members => {}
            Input::Message { from, message } => match message {
                Message::Forward(number, attempt, asked) => self.take(from, (*number, *attempt), *asked, env),
                Message::Done(number, _, value) => self.done(*number, *value, env),
                Message::Log(number, from_place, changes) => {
                    // Only what follows what it has; the answer says where to go on.
                    for (place, change) in (*from_place..).zip(changes) {
                        if place == self.log.len() {
                            self.log.push(*change);
                            env.append(|| *change);
                        }
                    }
                    env.send(from, Message::Have(*number, self.log.len()));
                }
                Message::Have(_, length) => {
                    self.backups.insert(from, *length);
                    self.answer_waiting(env);
                }
            },
        }
    }

    fn meta(message: &Message) -> MessageMeta {
        let (kind, id, bytes) = match message {
            Message::Forward(number, attempt, _) => (0, number | attempt << 32, 16),
            Message::Done(number, attempt, _) => (1, number | attempt << 32, 16),
            Message::Log(number, _, changes) => (2, *number, 16 * changes.len() as u32),
            Message::Have(number, _) => (3, *number, 0),
        };
        MessageMeta { kind, id, bytes: 32 + bytes, carries: None, is_bulk: false }
    }

    /// All have a write before it is acknowledged. The primary could answer reads alone, the others nothing.
    fn profile(config: &Config, nodes: u16) -> Profile {
        let reads = config.defects.contains(&Defect::ReadsAtBackup);
        Profile { ack: Acks::Number(nodes), alone: Alone { reads, writes: false }, ..Profile::plain(nodes) }
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

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn call(&mut self, id: CallId, asked: Asked, env: &mut Env<'_, Primary>) {
        let number = u64::from(id.0);
        self.calls.insert(number, (id, asked, 0));
        self.forward(number, env);
    }

    /// Passes a call on to the primary, once more if need be.
    fn forward(&mut self, number: u64, env: &mut Env<'_, Primary>) {
        let Some((_, asked, attempt)) = self.calls.get_mut(&number) else { return };
        let (asked, this) = (*asked, *attempt);
        *attempt += 1;
        let primary = env.members[0].node;
        match primary == env.me.node {
            true => self.take(primary, (number, this), asked, env),
            false => env.send(primary, Message::Forward(number, this, asked)),
        }
    }

    /// The primary takes a call in.
    fn take(&mut self, from: NodeId, (number, attempt): (u64, u64), asked: Asked, env: &mut Env<'_, Primary>) {
        match asked {
            // What is in the log stays there, since the primary does not change; the answer waits for its disk.
            Asked::Read(key) => return self.answer(from, (number, attempt), self.value(key), env),
            Asked::Write(key, value) => {
                let known = self.log.iter().position(|change| change.asked == number);
                let length = match known.filter(|_| !self.has(Defect::DoesAgain)) {
                    Some(place) => place + 1,
                    None => {
                        let change = Change { key, value, asked: number };
                        if self.has(Defect::AcknowledgesEarly) {
                            self.answer(from, (number, attempt), None, env);
                        }
                        self.log.push(change);
                        env.append(|| change);
                        self.log.len()
                    }
                };
                self.waiting.push(Waiting { length, asked: number, attempt, from });
            }
        }
        self.tell(env);
        self.answer_waiting(env);
    }

    /// The primary answers who has passed a call on, or its own client.
    fn answer(&mut self, to: NodeId, (number, attempt): (u64, u64), value: Option<Value>, env: &mut Env<'_, Primary>) {
        match to == env.me.node {
            true => self.done(number, value, env),
            false => env.send(to, Message::Done(number, attempt, value)),
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

    /// Answers the writes that all members have.
    fn answer_waiting(&mut self, env: &mut Env<'_, Primary>) {
        let others = env.members.iter().filter(|member| **member != env.me);
        let all = others.map(|member| self.backups.get(&member.node).copied().unwrap_or(0)).min();
        let all = all.unwrap_or(self.log.len());
        let (ready, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|one| one.length <= all);
        self.waiting = waiting;
        let ready: Vec<Waiting> = ready;
        ready.into_iter().for_each(|one| self.answer(one.from, (one.asked, one.attempt), None, env));
    }

    /// The primary tells backups what they lack.
    fn tell(&mut self, env: &mut Env<'_, Primary>) {
        if env.members[0] != env.me {
            return;
        }
        let me = env.me;
        for member in env.members.iter().filter(|member| **member != me) {
            let have = self.backups.get(&member.node).copied().unwrap_or(0).min(self.log.len());
            if have < self.log.len() || !self.waiting.is_empty() {
                let number = self.number();
                env.send(member.node, Message::Log(number, have, self.log[have..].to_vec()));
            }
        }
    }
}
