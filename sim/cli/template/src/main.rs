//! my-store: a register for each key, in which the last writer wins, and the whole of kvsim to test it.
//!
//! Everything here is a beginning: replace the store by yours. What `Replica` asks for is documented there; how to announce
//! writes, and what kvsim can tell from it, is in docs/own-store.md of kvsim.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use kvsim::StoreEntry;
use kvsim::store::quantity::Interval;
use kvsim::store::settings::{DefectInfo, Hardship, Profile};
use kvsim::store::{
    Call, Conflict, Dot, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Observation, Replica, Version,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

fn main() -> ExitCode {
    kvsim::main_with(&[StoreEntry::of::<Store>(
        "my-store",
        "registers in which the last writer wins, sent to all and on",
    )])
}

/// The settings of the store: the table `[store]` of scenarios.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// How often a replica sends all that it has to another one, so that what was lost arrives at last.
    pub gossip: Interval,
    /// Planted defects that are switched on.
    pub defects: BTreeSet<Defect>,
}

impl Default for Config {
    fn default() -> Config {
        Config { gossip: Interval(100_000_000), defects: BTreeSet::new() }
    }
}

/// Mistakes that can be made on purpose, to see whether kvsim finds them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A write is acknowledged before it is on the disk.
    AcknowledgesEarly,
    /// Gossip leaves out what is deleted.
    GossipsNoDeletes,
}

/// A write: what a replica stores, sends and keeps on its disk. The write with the larger stamp wins.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    key: Key,
    /// Larger than that of every write that its replica had seen.
    stamp: u64,
    version: Version,
    delete: bool,
}

impl Write {
    fn order(&self) -> (u64, Dot) {
        (self.stamp, self.version.dot)
    }
}

/// A message between replicas.
#[derive(Clone, Debug)]
pub enum Message {
    /// A new write, to all others.
    Update(Write),
    /// All that the sender has. The number is its own: two messages of one number would always share their fate.
    Gossip(u64, Vec<Write>),
}

/// The only timer: it is time to gossip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gossip;

/// One replica.
#[derive(Debug)]
pub struct Store {
    config: Config,
    newest: BTreeMap<Key, Write>,
    /// The largest stamp so far.
    clock: u64,
    /// Writes that this replica has named.
    named: u64,
    gossips: u64,
}

const EVERYWHERE: Levels = Levels::only(Level::Eventual);

impl Replica for Store {
    type Config = Config;
    type Message = Message;
    type Timer = Gossip;
    type Context = (); // a read hands out nothing that a write would hand back
    type SessionToken = (); // nor anything for a session that moves
    type Record = Write;

    const MESSAGE_KINDS: &'static [&'static str] = &["update", "gossip"];
    const GAUGES: &'static [GaugeInfo] = &[];
    const LEVELS: Levels = EVERYWHERE;
    const CONFLICT: Conflict = Conflict::LastWriterWins;
    /// Scenarios in which that happens are refused, with the reason.
    const NOT_MADE_FOR: &'static [(Hardship, &'static str)] = &[(
        Hardship::LostDisks,
        "a replica without its disk would stamp writes as older than those that it has forgotten",
    )];
    const DEFECTS: &'static [DefectInfo] = &[
        DefectInfo {
            name: "acknowledges-early",
            meaning: "a write is acknowledged before it is on the disk",
            noticed_by: "convergence, durable",
        },
        DefectInfo {
            name: "gossips-no-deletes",
            meaning: "gossip leaves out what is deleted",
            noticed_by: "convergence",
        },
    ];

    /// A replica starts with what its disk has, and announces what it knows and shows.
    fn boot(config: &Config, log: &[Write], env: &mut Env<'_, Store>) -> Store {
        let mut store = Store { config: config.clone(), newest: BTreeMap::new(), clock: 0, named: 0, gossips: 0 };
        for write in log {
            store.take(*write, env);
            if write.version.dot.origin == env.me {
                store.named = store.named.max(write.version.dot.counter);
            }
        }
        // A life's numbers differ from those of the lives before.
        store.gossips = env.chance.below(1 << 62);
        let first = env.chance.below(config.gossip.0);
        env.arm(Gossip, first);
        store
    }

    fn step(&mut self, input: Input<'_, Store>, env: &mut Env<'_, Store>) {
        match input {
            Input::Message { message: Message::Update(write), .. } => self.receive(*write, env),
            Input::Message { message: Message::Gossip(_, writes), .. } => {
                writes.iter().for_each(|write| self.receive(*write, env));
            }
            Input::Timer(Gossip) => {
                env.arm(Gossip, self.config.gossip.0);
                let others: Vec<NodeId> =
                    env.members.iter().filter(|member| **member != env.me).map(|member| member.node).collect();
                if !others.is_empty() {
                    let to = others[env.chance.below(others.len() as u64) as usize];
                    self.gossips += 1;
                    let told =
                        self.newest.values().filter(|write| !write.delete || !self.has(Defect::GossipsNoDeletes));
                    env.send(to, Message::Gossip(self.gossips, told.copied().collect()));
                }
            }
            Input::Members => {} // `env.members` is asked each time
            Input::Call { id, call: Call::Read { key, .. } } => {
                let write = self.newest.get(&key).filter(|write| !write.delete);
                env.answer_read(id, write.map(|write| write.version), (), None);
            }
            Input::Call { id, call: Call::Write { key, value, delete, .. } } => {
                self.named += 1;
                let dot = Dot { origin: env.me, counter: self.named };
                env.observe(Observation::Wrote { call: id, dot });
                if self.has(Defect::AcknowledgesEarly) {
                    env.answer_write(id, (), None);
                }
                let write = Write { key, stamp: self.clock + 1, version: Version { dot, value }, delete };
                self.receive(write, env);
                env.broadcast(Message::Update(write));
                if !self.has(Defect::AcknowledgesEarly) {
                    env.answer_write(id, (), None);
                }
            }
        }
    }

    fn meta(message: &Message) -> MessageMeta {
        let bytes = |write: &Write| 40 + { write.version.value }.bytes;
        match message {
            Message::Update(write) => MessageMeta {
                kind: 0,
                id: { write.version.value }.id, // the value's identity, so that [[fault.drop]] finds the write
                bytes: bytes(write),
                carries: Some(write.key.priority()),
                is_bulk: false,
            },
            Message::Gossip(number, writes) => MessageMeta {
                kind: 1,
                id: *number,
                bytes: 16 + writes.iter().map(bytes).sum::<u32>(),
                carries: None,
                is_bulk: true,
            },
        }
    }

    /// A run that settles waits until replicas have told each other everything.
    fn profile(config: &Config, nodes: u16) -> Profile {
        Profile { anti_entropy_ns: Some(config.gossip.0), ..Profile::plain(nodes) }
    }

    fn holds(_: &Config, _: NodeId, _: Key) -> bool {
        true
    }

    /// What reads would return, for the comparison at the end.
    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        let shown = self.newest.values().filter(|write| !write.delete);
        shown.for_each(|write| each(write.key, write.version));
    }

    fn gauges(&self, _: &mut Vec<u64>) {}
}

impl Store {
    fn has(&self, defect: Defect) -> bool {
        self.config.defects.contains(&defect)
    }

    /// A write arrives, from a client or from another replica: to the disk with it, if it is news.
    fn receive(&mut self, write: Write, env: &mut Env<'_, Store>) {
        if self.take(write, env) {
            env.append(|| write); // what is sent or answered after this waits until it is on the disk
        }
    }

    /// Keeps the newer one of the write and what is there; false when that is what is there.
    fn take(&mut self, write: Write, env: &mut Env<'_, Store>) -> bool {
        self.clock = self.clock.max(write.stamp);
        let old = self.newest.get(&write.key).copied();
        if old.is_some_and(|old| old.order() >= write.order()) {
            return false; // overwritten before it came: no read here will ever return it
        }
        self.newest.insert(write.key, write);
        env.observe(Observation::Known(write.version.dot));
        if let Some(old) = old.filter(|old| !old.delete) {
            env.observe(Observation::Hidden { levels: EVERYWHERE, dot: old.version.dot });
        }
        if !write.delete {
            env.observe(Observation::Visible { levels: EVERYWHERE, dot: write.version.dot });
        }
        true
    }
}
