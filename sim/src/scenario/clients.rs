//! Who asks the store for what: groups of clients, and sessions whose operations are written out.

use kvsim_checkers::trace::{Action, Level};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::net::Delay;
use crate::quantity::{Duration, NodeName, Nodes, Rate, Size, Sizes};

/// Sessions that behave alike.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ClientGroup {
    /// The group's name; its sessions are called `name-0`, `name-1`, ...
    #[serde(skip)]
    pub name: String,
    /// How many sessions.
    #[schemars(range(min = 1, max = 100_000))]
    pub sessions: u32,
    /// The nodes that they are attached to, in turn; those of their region, or all nodes, when left out.
    pub at: Option<Nodes>,
    /// The region in which they are: without `at` they are attached to its nodes, and what they send to a node, and its answers, take
    /// as long as between the two regions.
    #[schemars(example = &"europe")]
    pub region: Option<String>,
    /// How long a request is under way to a node, and in the same way its answer back; drawn for each. When left out, what
    /// `region` says; without that, no time at all.
    pub latency: Option<Delay>,
    /// How long a session stays at one of these nodes, on average, before it turns to another one; it carries along
    /// what it has seen. For ever when left out. A closed loop counts the time that it waits between operations.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub moves: Option<Duration>,
    /// When they act.
    #[serde(flatten)]
    pub pace: Pace,
    /// How often sessions read, write and delete, relative to each other.
    pub mix: Mix,
    /// They use only keys of this priority; all keys when left out.
    pub priority: Option<KeyPriority>,
    /// Size of the values that they write: one size, or a range in which every size is equally likely.
    pub value: Sizes,
    /// What their reads may see; `kvsim list stores` shows which levels a store offers.
    #[schemars(with = "String", title = "level")]
    pub level: Level,
    /// How many replicas must contribute to the answer of a read.
    #[schemars(range(min = 1, max = 1000))]
    pub quorum: u16,
    /// Whether a write replaces what the session has read of the key; without, only what it has written itself.
    pub context: bool,
    /// How long a session waits for an answer.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub timeout: Duration,
}

impl Default for ClientGroup {
    fn default() -> ClientGroup {
        ClientGroup {
            name: String::new(),
            sessions: 1,
            at: None,
            region: None,
            latency: None,
            moves: None,
            pace: Pace::Think { think: THINK_USUAL },
            mix: Mix { read: 1, write: 1, delete: 0 },
            priority: None,
            value: Sizes(16, 16),
            level: Level::Eventual,
            quorum: 1,
            context: true,
            timeout: Duration(1_000_000_000),
        }
    }
}

const THINK_USUAL: Duration = Duration(10_000_000);

fn think_usual() -> Duration {
    THINK_USUAL
}

/// A priority of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum KeyPriority {
    /// The lowest.
    P0,
    /// The second lowest.
    P1,
    /// The second highest.
    P2,
    /// The highest.
    P3,
}

/// When a session acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Pace {
    /// Open loop: operations fall due at random times (a Poisson process), however long answers take; one that falls due
    /// too early waits for the session's previous answer.
    Rate {
        /// Open loop: how many operations each session begins per time, at random times, however long answers
        /// take. Give either this or `think`.
        rate: Rate,
    },
    /// Closed loop: after each answer the session thinks for an exponential time.
    Think {
        /// Closed loop: how long a session waits after an answer before its next operation, on average. When
        /// neither this nor `rate` is given, "10ms".
        #[serde(default = "think_usual")]
        #[schemars(extend("exclusiveMinimum" = 0))]
        think: Duration,
    },
}

impl Pace {
    /// The mean time between two operations, without that of answers, in nanoseconds.
    pub fn every_ns(self) -> u64 {
        match self {
            Pace::Rate { rate } => rate.every_ns,
            Pace::Think { think } => think.ns(),
        }
    }
}

/// How often sessions read, write and delete, relative to each other, not all 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Mix {
    /// Reads.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub read: u32,
    /// Writes.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub write: u32,
    /// Deletes.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub delete: u32,
}

impl Mix {
    /// True when sessions write or delete.
    pub fn writes(self) -> bool {
        self.write + self.delete > 0
    }
}

/// Sessions whose operations are written out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Script {
    /// The sessions by name.
    #[serde(with = "sessions")]
    #[schemars(with = "std::collections::BTreeMap<String, ScriptSession>")]
    pub sessions: Vec<ScriptSession>,
    /// What they do; in any order.
    pub ops: Vec<ScriptOp>,
}

/// A session whose operations are written out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptSession {
    /// Its name.
    #[serde(skip)]
    pub name: String,
    /// The node that it is attached to.
    #[schemars(example = &"n0")]
    pub at: NodeName,
    /// What its reads may see.
    #[serde(default = "level_usual")]
    #[schemars(with = "String", title = "level")]
    pub level: Level,
    /// How many replicas must contribute to the answer of a read.
    #[serde(default = "quorum_usual")]
    #[schemars(range(min = 1, max = 1000))]
    pub quorum: u16,
    /// Whether a write replaces what the session has read of the key; without, only what it has written itself.
    #[serde(default = "context_usual")]
    pub context: bool,
    /// The region in which it is, see [clients.NAME].
    #[serde(default)]
    pub region: Option<String>,
    /// How long a request is under way to a node, and in the same way its answer back, see [clients.NAME].
    #[serde(default)]
    pub latency: Option<Delay>,
    /// How long the session waits for an answer.
    #[serde(default = "timeout_usual")]
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub timeout: Duration,
}

// A scripted session is set like a session of a group.
fn level_usual() -> Level {
    ClientGroup::default().level
}

fn quorum_usual() -> u16 {
    ClientGroup::default().quorum
}

fn context_usual() -> bool {
    ClientGroup::default().context
}

fn timeout_usual() -> Duration {
    ClientGroup::default().timeout
}

/// One operation: exactly one of `read`, `write` and `delete`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScriptOp {
    /// When it begins. If the session still waits for an answer then, it begins after that.
    #[schemars(example = &"10ms")]
    pub at: Duration,
    /// The session.
    #[schemars(example = &"alice")]
    pub by: String,
    /// What it does.
    #[serde(flatten)]
    pub choice: OpChoice,
    /// The node that is asked, when that is not the session's: the session moves there for this operation, and carries
    /// along what it has seen.
    #[schemars(example = &"n1")]
    pub node: Option<NodeName>,
}

/// What an operation does, and to which key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum OpChoice {
    /// It reads.
    Read {
        /// Reads this key.
        read: String,
    },
    /// It writes.
    Write {
        /// Writes this key.
        write: String,
        /// The number that a write writes, or by which a delete is named, different for each write and delete of the
        /// file; chosen when left out.
        #[schemars(range(min = 1, max = 9_223_372_036_854_775_807u64))]
        value: Option<u64>,
        /// Size of the value that a write writes; "8B" when left out.
        #[schemars(example = &"8B")]
        size: Option<Size>,
    },
    /// It deletes.
    Delete {
        /// Deletes this key.
        delete: String,
        /// The number that a write writes, or by which a delete is named, different for each write and delete of the
        /// file; chosen when left out.
        #[schemars(range(min = 1, max = 9_223_372_036_854_775_807u64))]
        value: Option<u64>,
    },
}

impl OpChoice {
    /// What it asks for.
    pub fn action(&self) -> Action {
        match self {
            OpChoice::Read { .. } => Action::Read,
            OpChoice::Write { .. } => Action::Write,
            OpChoice::Delete { .. } => Action::Delete,
        }
    }

    /// The key's name.
    pub fn key(&self) -> &str {
        let (OpChoice::Read { read: key } | OpChoice::Write { write: key, .. } | OpChoice::Delete { delete: key, .. }) =
            self;
        key
    }

    /// The value of a write, or the identity of a delete, if one is given.
    pub fn value(&self) -> Option<u64> {
        match self {
            OpChoice::Read { .. } => None,
            OpChoice::Write { value, .. } | OpChoice::Delete { value, .. } => *value,
        }
    }

    /// Size of the value of a write, in bytes.
    pub fn bytes(&self) -> u64 {
        match self {
            OpChoice::Write { size, .. } => size.map_or(SCRIPTED_BYTES, |size| size.0),
            OpChoice::Read { .. } | OpChoice::Delete { .. } => 0,
        }
    }
}

/// Size of a scripted value that does not say its own.
pub(super) const SCRIPTED_BYTES: u64 = 8;

/// Declares how a list of things with names is read and written as a table of them.
macro_rules! by_name {
    ($module:ident, $type:ident) => {
        pub(super) mod $module {
            use std::collections::BTreeMap;

            use serde::{Deserialize, Deserializer, Serializer};

            use super::$type;

            pub fn serialize<S: Serializer>(list: &[$type], serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(list.iter().map(|one| (&one.name, one)))
            }

            pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<$type>, D::Error> {
                let table = BTreeMap::<String, $type>::deserialize(deserializer)?;
                Ok(table.into_iter().map(|(name, one)| $type { name, ..one }).collect())
            }
        }
    };
}

by_name!(groups, ClientGroup);
by_name!(sessions, ScriptSession);
