//! Quorum registers: Attiya, Bar-Noy and Dolev, "Sharing memory robustly in message-passing systems", JACM 1995, with many
//! writers (Lynch and Shvartsman, FTCS 1997).
//!
//! Every operation asks a majority for what they have, and then has a majority store something: a write its value with a larger
//! stamp, a read the newest that it was told, so that no later read returns anything older. A delete writes "nothing".

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

/// What replicas say to each other about an operation.
#[derive(Clone, Copy, Debug)]
pub enum Word {
    /// What do you have?
    Ask,
    /// This.
    Have(Register),
    /// Store this, unless you have something newer.
    Store(Register),
    /// It is on my disk, or something newer.
    Stored,
}

/// A message: the client's call, how often the question was repeated, the key, and what is said. The number of a call is the
/// best identity of what is said about it: no two calls of a run have the same, and it stays when shrinking leaves others out.
#[derive(Clone, Copy, Debug)]
pub struct Message {
    call: CallId,
    attempt: u64,
    key: Key,
    word: Word,
}

/// An operation under way at the replica that a client asked.
#[derive(Debug)]
struct Operation {
    key: Key,
    /// What a write writes (`Some(None)` for a delete); nothing for a read.
    writes: Option<Option<Value>>,
    newest: Register,
    /// The second half has begun: what is to be stored.
    storing: Option<Register>,
    heard: BTreeSet<NodeId>,
    attempt: u64,
}

/// One replica.
#[derive(Debug)]
pub struct Abd {
    config: Config,
    registers: BTreeMap<Key, Register>,
    operations: BTreeMap<CallId, Operation>,
}

impl Replica for Abd {
    type Config = Config;
    type Message = Message;
    /// It is time to ask again for this operation.
    type Timer = CallId;
    type Context = ();
    type SessionToken = ();
    type Record = (Key, Register);

    const MESSAGE_KINDS: &'static [&'static str] = &["request", "reply", "request-store", "reply-stored"];
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

    fn boot(config: &Config, log: &[(Key, Register)], _: &mut Env<'_, Abd>) -> Abd {
        let mut abd = Abd { config: config.clone(), registers: BTreeMap::new(), operations: BTreeMap::new() };
        for (key, register) in log {
            abd.registers.insert(*key, *register);
        }
        abd
    }

    fn step(&mut self, input: Input<'_, Abd>, env: &mut Env<'_, Abd>) {
        match input {
            Input::Call { id, call: Call::Read { quorum: 2.., .. } } => env.refuse(id, Refusal::Unsupported),
            Input::Call { id, call: Call::Read { key, .. } } => self.begin(id, key, None, env),
            Input::Call { id, call: Call::Write { key, value, delete, .. } } => {
                self.begin(id, key, Some((!delete).then_some(value)), env);
            }
            Input::Timer(call) => {
                let Some(operation) = self.operations.get_mut(&call) else { return };
                operation.attempt += 1;
                self.ask(call, env);
            }
            Input::Message { from, message } => self.hear(from, message, env),
            Input::Members => {}
        }
    }

    fn meta(message: &Message) -> MessageMeta {
        let (kind, bytes) = match message.word {
            Word::Ask => (0, 0),
            Word::Have(register) => (1, register.value.map_or(0, |value| value.bytes)),
            Word::Store(register) => (2, register.value.map_or(0, |value| value.bytes)),
            Word::Stored => (3, 0),
        };
        let id = u64::from(message.call.0) | message.attempt << 32;
        MessageMeta { kind, id, bytes: 40 + bytes, carries: None, is_bulk: false }
    }

    /// A majority stores a write; nothing can be done alone.
    fn profile(_: &Config, nodes: u16) -> Profile {
        Profile { ack: Acks::Number(nodes / 2 + 1), alone: Alone::NONE, ..Profile::plain(nodes) }
    }

    fn holds(_: &Config, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        for (key, register) in &self.registers {
            register.value.into_iter().for_each(|value| each(*key, Version::unnamed(value)));
        }
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}

impl Abd {
    fn has(&self, defect: Defect) -> bool {
        self.config.defects.contains(&defect)
    }

    fn begin(&mut self, call: CallId, key: Key, writes: Option<Option<Value>>, env: &mut Env<'_, Abd>) {
        let newest = Register::default();
        let operation = Operation { key, writes, newest, storing: None, heard: BTreeSet::new(), attempt: 0 };
        self.operations.insert(call, operation);
        self.ask(call, env);
    }

    /// Asks all who have not answered, itself first.
    fn ask(&mut self, call: CallId, env: &mut Env<'_, Abd>) {
        let operation = &self.operations[&call];
        let word = operation.storing.map_or(Word::Ask, Word::Store);
        let message = Message { call, attempt: operation.attempt, key: operation.key, word };
        let (me, members) = (env.me.node, env.members);
        let silent = members.iter().map(|member| member.node).filter(|node| !operation.heard.contains(node));
        let others: Vec<NodeId> = silent.filter(|node| *node != me).collect();
        let asks_itself = !operation.heard.contains(&me);
        env.multicast(others, message);
        env.arm(call, self.config.retry.0);
        if asks_itself {
            let answer = self.answer(&message, env);
            self.hear(me, &Message { word: answer, ..message }, env);
        }
    }

    /// What a replica answers to one that asks.
    fn answer(&mut self, message: &Message, env: &mut Env<'_, Abd>) -> Word {
        let held = self.registers.get(&message.key).copied().unwrap_or_default();
        match message.word {
            Word::Store(register) => {
                if register.stamp > held.stamp {
                    let key = message.key;
                    self.registers.insert(key, register);
                    if !self.has(Defect::Forgetful) {
                        env.append(|| (key, register)); // the answer waits until it is on the disk
                    }
                }
                Word::Stored
            }
            _ => Word::Have(held),
        }
    }

    fn hear(&mut self, from: NodeId, message: &Message, env: &mut Env<'_, Abd>) {
        let (is_stored, register) = match message.word {
            Word::Ask | Word::Store(_) => {
                let word = self.answer(message, env);
                return env.send(from, Message { word, ..*message });
            }
            Word::Have(register) => (false, register),
            Word::Stored => (true, Register::default()),
        };
        let enough = env.members.len() / 2 + usize::from(!self.has(Defect::HalfIsEnough));
        let (call, tied) = (message.call, self.has(Defect::TiedStamps));
        let writes_back = !self.has(Defect::NoWriteBack);
        let Some(operation) = self.operations.get_mut(&call) else { return };
        if operation.storing.is_some() != is_stored {
            return; // of the first half
        }
        operation.heard.insert(from);
        if register.stamp > operation.newest.stamp {
            operation.newest = register;
        }
        if operation.heard.len() < enough {
            return;
        }
        let newest = operation.newest;
        if !is_stored && (operation.writes.is_some() || writes_back) {
            let own = if tied { 0 } else { 1 + u64::from(call.0) };
            let write = |value| Register { stamp: (newest.stamp.0 + 1, own), value };
            operation.storing = Some(operation.writes.map_or(newest, write));
            operation.heard.clear();
            return self.ask(call, env);
        }
        let Some(Operation { writes, .. }) = self.operations.remove(&call) else { return };
        env.disarm(call);
        match writes {
            Some(_) => env.answer_write(call, (), None),
            None => env.answer_read(call, newest.value.map(Version::unnamed), (), None),
        }
    }
}
