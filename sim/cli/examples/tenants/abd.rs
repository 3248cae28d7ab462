//! Quorum registers: Attiya, Bar-Noy and Dolev, "Sharing memory robustly in message-passing systems", JACM 1995, with many
//! writers (Lynch and Shvartsman, FTCS 1997).
//!
//! Every operation asks a majority for what they have, and then has a majority store something: a write its value with a larger
//! stamp, a read the newest that it was told, so that no later read returns anything older. A delete writes "nothing".
//!
//! Each operation is a task ([`operate`]) that awaits what a majority answers. The algorithm wants disks that last and members that
//! stay. Here they need not: when the list of members becomes another one (a node has joined, has left, or has come back without its
//! disk), replicas take part under the new list when all others have told them what they have ([`catch_up`]), and what was said
//! under another list does not count. So a node that takes part has what any majority of earlier had stored.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use kvsim::store::quantity::Interval;
use kvsim::store::settings::{DefectInfo, Profile};
use kvsim::store::tasks::{Heard, Signal, Task, TaskId, Tasks};
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
    /// After what time a replica asks those again that have not answered.
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
    /// A read answers without having a majority store what it returns.
    NoWriteBack,
    /// Stamps have no number of the replica: two writes can have the same.
    TiedStamps,
    /// A majority is half of the replicas.
    HalfIsEnough,
    /// What is stored for others is not written to the disk.
    Forgetful,
}

/// Which of two writes is newer: the number, then the call, which no two writes share.
type Stamp = (u64, u64);

/// What a register holds.
#[derive(Clone, Copy, Debug, Default)]
pub struct Register {
    stamp: Stamp,
    value: Option<Value>,
}

/// The members at some time.
type Members = Rc<[ReplicaId]>;

/// What replicas say to each other.
#[derive(Clone, Debug)]
pub enum Word {
    /// What do you have of this key?
    Ask(Key),
    /// This.
    Have(Register),
    /// Store this, unless you have something newer.
    Store(Key, Register),
    /// It is on my disk, or something newer.
    Stored,
    /// What do you have at all?
    AskAll,
    /// This.
    HaveAll(Vec<(Key, Register)>),
}

/// A message: the task that asks, how often it has asked, under which list of members, and what is said. The number of a call is
/// the best identity of what is said about it: no two calls of a run have the same, and it stays when shrinking leaves others out.
#[derive(Clone, Debug)]
pub struct Message {
    task: TaskId,
    attempt: u64,
    members: Members,
    word: Word,
}

/// What is on the disk.
#[derive(Clone, Debug)]
pub enum Record {
    /// A register has changed.
    Register(Key, Register),
    /// The replica takes part under this list of members.
    TakesPart(Members),
}

/// One replica.
#[derive(Debug)]
pub struct Abd {
    node: Rc<Node>,
    tasks: Tasks<Abd>,
}

/// What its tasks share.
#[derive(Debug)]
pub struct Node {
    config: Config,
    registers: RefCell<BTreeMap<Key, Register>>,
    /// The list of members under which it takes part.
    takes_part: RefCell<Members>,
    /// It has begun to take part.
    begun: Signal,
}

/// The task of [`catch_up`].
const CATCHES_UP: TaskId = TaskId(1 << 32);

impl Replica for Abd {
    type Config = Config;
    type Message = Message;
    type Timer = TaskId;
    type Context = ();
    type SessionToken = ();
    type Record = Record;

    const MESSAGE_KINDS: &'static [&'static str] =
        &["request", "reply", "request-store", "reply-stored", "catch-up", "all"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;
    const ANNOUNCES: bool = false;
    const DEFECTS: &'static [DefectInfo] = &[
        DefectInfo {
            name: "no-write-back",
            meaning: "a read answers without having a majority store what it returns",
            noticed_by: "linearizable",
        },
        DefectInfo { name: "tied-stamps", meaning: "two writes can have the same stamp", noticed_by: "linearizable" },
        DefectInfo {
            name: "half-is-enough",
            meaning: "half of the replicas are a majority",
            noticed_by: "linearizable",
        },
        DefectInfo {
            name: "forgetful",
            meaning: "what is stored for others is not written to the disk",
            noticed_by: "linearizable, durable",
        },
    ];

    fn boot(config: &Config, log: &[Record], env: &mut Env<'_, Abd>) -> Abd {
        let (mut registers, mut takes_part) = (BTreeMap::new(), Members::default());
        for record in log {
            match record {
                Record::Register(key, register) => drop(registers.insert(*key, *register)),
                Record::TakesPart(members) => takes_part = Rc::clone(members),
            }
        }
        if env.founding {
            takes_part = env.members.into();
            env.append(|| Record::TakesPart(Rc::clone(&takes_part)));
        }
        let (registers, takes_part) = (RefCell::new(registers), RefCell::new(takes_part));
        let node = Node { config: config.clone(), registers, takes_part, begun: Signal::default() };
        let mut abd = Abd { node: Rc::new(node), tasks: Tasks::default() };
        abd.look_at_members(env);
        abd.tasks.run(env);
        abd
    }

    fn step(&mut self, input: Input<'_, Abd>, env: &mut Env<'_, Abd>) {
        match input {
            Input::Call { id, call: Call::Read { quorum: 2.., .. } } => env.refuse(id, Refusal::Unsupported),
            Input::Call { id, call: Call::Read { key, .. } } => self.begin(id, key, None),
            Input::Call { id, call: Call::Write { key, value, delete, .. } } => {
                self.begin(id, key, Some((!delete).then_some(value)));
            }
            Input::Timer(task) => self.tasks.ring(task),
            Input::Message { message, .. } if *message.members != *env.members => {}
            Input::Message { from, message } => match message.word {
                Word::Have(_) | Word::Stored | Word::HaveAll(_) => {
                    self.tasks.deliver(message.task, from, message.clone());
                }
                Word::Ask(_) | Word::Store(..) | Word::AskAll => {
                    if let Some(word) = self.node.answer(&message.word, env) {
                        env.send(from, Message { word, ..message.clone() });
                    }
                }
            },
            Input::Members => self.look_at_members(env),
        }
        self.tasks.run(env);
    }

    fn meta(message: &Message) -> MessageMeta {
        let size = |register: &Register| register.value.map_or(0, |value| value.bytes);
        let (kind, bytes) = match &message.word {
            Word::Ask(_) => (0, 0),
            Word::Have(register) => (1, size(register)),
            Word::Store(_, register) => (2, size(register)),
            Word::Stored => (3, 0),
            Word::AskAll => (4, 0),
            Word::HaveAll(all) => (5, all.iter().map(|(_, register)| 16 + size(register)).sum()),
        };
        let id = match message.task {
            CATCHES_UP => message.attempt, // of which no other life has the same
            TaskId(call) => call | message.attempt << 32,
        };
        MessageMeta { kind, id, bytes: 40 + bytes, carries: None, is_bulk: false }
    }

    /// A majority stores a write; nothing can be done alone.
    fn profile(_: &Config, nodes: u16) -> Profile {
        Profile { ack: Acks::Word(AckWord::Majority), alone: Alone::NONE, ..Profile::plain(nodes) }
    }

    fn holds(_: &Config, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        for (key, register) in &*self.node.registers.borrow() {
            register.value.into_iter().for_each(|value| each(*key, Version::unnamed(value)));
        }
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}

impl Abd {
    fn begin(&mut self, call: CallId, key: Key, writes: Option<Option<Value>>) {
        let node = Rc::clone(&self.node);
        self.tasks.start(call.into(), |task| operate(node, task, call, key, writes));
    }

    fn look_at_members(&mut self, env: &mut Env<'_, Abd>) {
        if !self.node.takes_part(env) && !self.tasks.is_running(CATCHES_UP) {
            let node = Rc::clone(&self.node);
            self.tasks.start(CATCHES_UP, |task| catch_up(node, task));
        }
    }
}

/// A client's operation: a read, or a write of a value or of nothing.
async fn operate(node: Rc<Node>, task: Task<Abd>, call: CallId, key: Key, writes: Option<Option<Value>>) {
    node.begun.until(|| task.env(|env| node.takes_part(env))).await;
    let newest = node.majority(&task, Word::Ask(key)).await;
    match writes {
        Some(value) => {
            let own = if node.has(Defect::TiedStamps) { 0 } else { 1 + u64::from(call.0) };
            let stamp = (newest.stamp.0 + 1, own);
            node.majority(&task, Word::Store(key, Register { stamp, value })).await;
            task.env(|env| env.answer_write(call, (), None));
        }
        None => {
            if !node.has(Defect::NoWriteBack) {
                node.majority(&task, Word::Store(key, newest)).await;
            }
            task.env(|env| env.answer_read(call, newest.value.map(Version::unnamed), (), None));
        }
    }
}

/// Learns what all others have, under one list of members, and then takes part under that.
async fn catch_up(node: Rc<Node>, task: Task<Abd>) {
    let (mut members, mut silent) = (Members::default(), BTreeSet::new());
    let mut attempt = task.env(|env| env.chance.below(1 << 62));
    loop {
        if task.env(|env| *env.members != *members) {
            members = task.env(|env| env.members.into());
            silent = members.iter().map(|member| member.node).collect();
            silent.remove(&task.env(|env| env.me.node));
        }
        if silent.is_empty() {
            break;
        }
        attempt += 1;
        node.say(&task, attempt, &members, Word::AskAll, silent.iter().copied());
        while let Heard::Message(from, Message { word, .. }) = task.next().await {
            let Word::HaveAll(all) = word else { continue };
            all.into_iter().for_each(|(key, register)| task.env(|env| node.store(key, register, env)));
            silent.remove(&from);
            if silent.is_empty() {
                break;
            }
        }
    }
    task.env(|env| env.append(|| Record::TakesPart(Rc::clone(&members))));
    *node.takes_part.borrow_mut() = members;
    node.begun.notify();
}

impl Node {
    fn has(&self, defect: Defect) -> bool {
        self.config.defects.contains(&defect)
    }

    fn takes_part(&self, env: &Env<'_, Abd>) -> bool {
        **self.takes_part.borrow() == *env.members
    }

    /// Has a majority answer, under one list of members, and returns the newest register among what they say.
    async fn majority(&self, task: &Task<Abd>, word: Word) -> Register {
        let (mut members, mut heard) = (Members::default(), BTreeSet::new());
        let (mut newest, mut attempt) = (Register::default(), 0);
        let is_store = matches!(word, Word::Store(..));
        loop {
            if task.env(|env| *env.members != *members) {
                members = task.env(|env| env.members.into());
                heard.clear();
            }
            let enough = members.len() / 2 + usize::from(!self.has(Defect::HalfIsEnough));
            let me = task.env(|env| env.me.node);
            let own = task.env(|env| self.answer(&word, env)).map(|word| (me, word));
            let others = members.iter().map(|member| member.node).filter(|node| *node != me && !heard.contains(node));
            self.say(task, attempt, &members, word.clone(), others);
            attempt += 1;
            let mut next = own;
            loop {
                if let Some((from, word)) = next.take() {
                    match word {
                        Word::Have(register) if !is_store => {
                            newest = if register.stamp > newest.stamp { register } else { newest };
                            heard.insert(from);
                        }
                        Word::Stored if is_store => drop(heard.insert(from)),
                        _ => {} // of the other half of the operation
                    }
                    if heard.len() >= enough {
                        return newest;
                    }
                }
                match task.next().await {
                    Heard::Message(from, message) if message.members == members => next = Some((from, message.word)),
                    Heard::Message(..) => {}
                    Heard::Alarm => break,
                }
            }
        }
    }

    /// Asks these, and sets the alarm for the time to ask again.
    fn say(&self, task: &Task<Abd>, attempt: u64, members: &Members, word: Word, to: impl Iterator<Item = NodeId>) {
        let message = Message { task: task.id(), attempt, members: Rc::clone(members), word };
        task.env(|env| env.multicast(to, message));
        task.arm(self.config.retry.0);
    }

    /// What the replica answers to one that asks; nothing to an operation in which it takes no part yet.
    fn answer(&self, word: &Word, env: &mut Env<'_, Abd>) -> Option<Word> {
        let takes_part = self.takes_part(env);
        match word {
            Word::AskAll => Some(Word::HaveAll(self.registers.borrow().clone().into_iter().collect())),
            Word::Ask(key) if takes_part => {
                Some(Word::Have(self.registers.borrow().get(key).copied().unwrap_or_default()))
            }
            Word::Store(key, register) if takes_part => {
                self.store(*key, *register, env);
                Some(Word::Stored)
            }
            _ => None,
        }
    }

    /// Keeps a register, unless there is a newer one.
    fn store(&self, key: Key, register: Register, env: &mut Env<'_, Abd>) {
        let mut registers = self.registers.borrow_mut();
        let held = registers.entry(key).or_default();
        if register.stamp > held.stamp {
            *held = register;
            if !self.has(Defect::Forgetful) {
                env.append(|| Record::Register(key, register)); // what follows waits until it is on the disk
            }
        }
    }
}
