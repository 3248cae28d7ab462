//! LWW: last writer wins.
//!
//! One version per key, the one with the largest stamp; concurrent writes overwrite each other silently.
//! Anti-entropy compares the stamps of all keys. Deletes leave a tombstone for ever. It is here for
//! comparison, and because a contract with one tenant proves little.
//!
//! Stamps are hybrid logical clocks (Kulkarni et al., OPODIS 2014) squeezed into one number: the replica's
//! clock, or one more than what the overwritten version had, whichever is larger; ties go to the larger
//! origin. So a write wins over everything that its replica held.

use kvsim_types::quantity::IntervalOrOff;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{
    Call, Conflict, Dot, Env, GaugeInfo, Input, Key, Level, Levels, MessageMeta, NodeId, Observation, Refusal, Replica,
    ReplicaId, Value, Version,
};
use crate::key_table::KeyTable;
use crate::pulling::Rounds;
use crate::settings::{Profile, Reduction};

/// The settings of the store.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Time between two anti-entropy rounds of a replica, in which it compares notes with another one; "off"
    /// for none.
    pub anti_entropy: IntervalOrOff,
}

impl Default for Config {
    fn default() -> Config {
        Config { anti_entropy: IntervalOrOff(Some(100_000_000)) }
    }
}

/// Decides between two writes to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp {
    time_ns: u64,
    origin: ReplicaId,
}

/// A key's version, as it is stored and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    stamp: Stamp,
    counter: u64,
    value: Value,
    delete: bool,
}

impl Entry {
    fn dot(&self) -> Dot {
        Dot { origin: self.stamp.origin, counter: self.counter }
    }
}

/// A message between LWW replicas.
#[derive(Clone, Debug)]
pub enum Message {
    /// Replicates a write.
    Update(Key, Entry),
    /// Asks for newer versions than these.
    Pull {
        /// Number of the sender's round.
        round: u64,
        /// Every key that the sender has.
        stamps: Vec<(Key, Stamp)>,
    },
    /// The versions that the asker lacked.
    Repair {
        /// The round that asked.
        round: u64,
        /// The versions.
        entries: Vec<(Key, Entry)>,
    },
}

/// The only timer: time for a round of anti-entropy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AntiEntropy;

/// A replica of the LWW store.
#[derive(Debug)]
pub struct Lww {
    config: Config,
    entries: KeyTable<Entry>,
    /// Number of own writes.
    written: u64,
    rounds: Rounds,
}

impl Replica for Lww {
    type Config = Config;
    type Message = Message;
    type Timer = AntiEntropy;
    type Context = ();
    type SessionToken = ();
    type Record = (Key, Entry);

    const MESSAGE_KINDS: &'static [&'static str] = &["update", "pull", "repair"];
    const GAUGES: &'static [GaugeInfo] = &[
        GaugeInfo { name: "entries", meaning: "stored keys", residue: false },
        GaugeInfo { name: "tombstones", meaning: "stored keys that are deleted", residue: false },
    ];
    const LEVELS: Levels = Levels::only(Level::Eventual);
    const CONFLICT: Conflict = Conflict::LastWriterWins;

    fn profile(config: &Config, nodes: u16) -> Profile {
        Profile { anti_entropy_ns: config.anti_entropy.0, ..Profile::plain(nodes) }
    }

    fn reduce(config: &mut Config, by: Reduction) {
        if by == Reduction::AntiEntropy {
            config.anti_entropy = IntervalOrOff(None);
        }
    }

    fn boot(config: &Config, log: &[(Key, Entry)], env: &mut Env<'_, Lww>) -> Lww {
        let mut lww = Lww {
            config: config.clone(),
            entries: KeyTable::default(),
            written: 0,
            rounds: Rounds::new(others(env), 0),
        };
        for (key, entry) in log {
            if entry.stamp.origin == env.me {
                lww.written = lww.written.max(entry.counter);
            }
            lww.store(*key, *entry, &mut |observation| env.observe(observation));
        }
        if let Some(every) = config.anti_entropy.0 {
            let first = env.chance.below(every.max(1));
            env.arm(AntiEntropy, first);
        }
        lww
    }

    fn step(&mut self, input: Input<'_, Lww>, env: &mut Env<'_, Lww>) {
        match input {
            Input::Message { from, message } => match message {
                Message::Update(key, entry) => self.receive(*key, *entry, env),
                Message::Pull { round, stamps } => {
                    let entries = self.newer_than(stamps);
                    env.send(from, Message::Repair { round: *round, entries });
                }
                Message::Repair { entries, .. } => {
                    entries.iter().for_each(|(key, entry)| self.receive(*key, *entry, env));
                }
            },
            Input::Timer(AntiEntropy) => {
                if let Some(every) = self.config.anti_entropy.0 {
                    env.arm(AntiEntropy, every);
                }
                if let Some((round, peer)) = self.rounds.next(env.chance) {
                    let stamps = self.entries.iter().map(|(key, entry)| (key, entry.stamp)).collect();
                    env.send(peer, Message::Pull { round, stamps });
                }
            }
            Input::Members => self.rounds = std::mem::take(&mut self.rounds).among(others(env)),
            Input::Call { id, call } => match call {
                Call::Read { quorum: 2.., .. } => env.refuse(id, Refusal::Quorum),
                Call::Read { key, .. } => {
                    let version = self.entries.get(key).and_then(shown);
                    env.answer_read(id, version, (), None);
                }
                Call::Write { key, value, delete, .. } => {
                    self.written += 1;
                    let held = self.entries.get(key).map_or(0, |entry| entry.stamp.time_ns + 1);
                    let stamp = Stamp { time_ns: env.now_ns.max(held), origin: env.me };
                    let entry = Entry { stamp, counter: self.written, value, delete };
                    env.observe(Observation::Wrote { call: id, dot: entry.dot() });
                    self.receive(key, entry, env);
                    env.broadcast(Message::Update(key, entry));
                    env.answer_write(id, (), None);
                }
            },
        }
    }

    fn prefetch(&self, message: &Message, depth: u8) {
        if let Message::Update(key, _) = message
            && depth == 0
        {
            std::hint::black_box(self.entries.get(*key).map(|entry| entry.counter));
        }
    }

    fn meta(message: &Message) -> MessageMeta {
        match message {
            Message::Update(key, entry) => {
                let bytes = entry.value.bytes.saturating_add(48);
                MessageMeta { kind: 0, id: entry.value.id, bytes, carries: Some(key.priority()), is_bulk: false }
            }
            Message::Pull { round, stamps } => {
                MessageMeta { kind: 1, id: *round, bytes: 24 + 16 * stamps.len() as u32, carries: None, is_bulk: false }
            }
            Message::Repair { round, entries } => {
                let sizes = entries.iter().map(|(_, entry)| entry.value.bytes.saturating_add(32));
                MessageMeta {
                    kind: 2,
                    id: *round,
                    bytes: sizes.fold(24, u32::saturating_add),
                    carries: None,
                    is_bulk: true,
                }
            }
        }
    }

    fn holds(_: &Config, _: NodeId, _: Key) -> bool {
        true
    }

    fn visible(&self, _: Level, each: &mut dyn FnMut(Key, Version)) {
        for (key, entry) in self.entries.iter() {
            shown(entry).into_iter().for_each(|version| each(key, version));
        }
    }

    fn gauges(&self, into: &mut Vec<u64>) {
        into.push(self.entries.len() as u64);
        into.push(self.entries.iter().filter(|(_, entry)| entry.delete).count() as u64);
    }

    /// A stamp and a counter, and all of an entry that is deleted: its key.
    fn metadata_bytes(&self) -> Option<u64> {
        Some(self.entries.iter().map(|(_, entry)| if entry.delete { 32 } else { 24 }).sum())
    }

    fn repaired_writes(message: &Message) -> u32 {
        match message {
            Message::Repair { entries, .. } => entries.len() as u32,
            Message::Update(..) | Message::Pull { .. } => 0,
        }
    }
}

/// The nodes of all other members.
fn others(env: &Env<'_, Lww>) -> Vec<NodeId> {
    env.members.iter().filter(|member| member.node != env.me.node).map(|member| member.node).collect()
}

/// What a read returns of an entry.
fn shown(entry: &Entry) -> Option<Version> {
    (!entry.delete).then(|| Version { dot: entry.dot(), value: entry.value })
}

impl Lww {
    /// A write arrives, from a client or from another node.
    fn receive(&mut self, key: Key, entry: Entry, env: &mut Env<'_, Lww>) {
        if self.store(key, entry, &mut |observation| env.observe(observation)) {
            env.append(|| (key, entry));
        }
    }

    /// Keeps the newer of the held and the given entry; false when that is the held one.
    fn store(&mut self, key: Key, entry: Entry, observe: &mut impl FnMut(Observation)) -> bool {
        let mut old = None;
        let held = self.entries.get_or_insert_with(key, || {
            old = Some(None);
            entry
        });
        if old.is_none() {
            if held.stamp >= entry.stamp {
                return false; // overwritten before it came, so no read here will ever return it
            }
            old = Some(shown(&std::mem::replace(held, entry)));
        }
        observe(Observation::Known(entry.dot()));
        if let Some(version) = old.flatten() {
            observe(Observation::Hidden { levels: Levels::only(Level::Eventual), dot: version.dot });
        }
        if let Some(version) = shown(&entry) {
            observe(Observation::Visible { levels: Levels::only(Level::Eventual), dot: version.dot });
        }
        true
    }

    /// The entries that are missing at a replica with these stamps.
    fn newer_than(&self, stamps: &[(Key, Stamp)]) -> Vec<(Key, Entry)> {
        let mut theirs = KeyTable::default();
        for (key, stamp) in stamps {
            theirs.get_or_insert_with(*key, || *stamp);
        }
        self.entries
            .iter()
            .filter(|(key, entry)| theirs.get(*key).is_none_or(|stamp| *stamp < entry.stamp))
            .map(|(key, entry)| (key, *entry))
            .collect()
    }
}
