//! The shape of a scenario file: which tables and fields there are, their types, defaults and meaning.
//!
//! The comments on fields are the reference of the format: they become the descriptions of its JSON Schema.
//! The schema is also what [`super::structure`] checks a file against, so that none of the two can know a
//! field that the other does not.

mod clients;
mod faults;
mod troubles;

use std::collections::BTreeMap;

use kvsim_sim::stores::StoreSpec;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use clients::{Clients, Script, ScriptedOp};
pub use faults::{DiskLossName, Faults, Message, Partition, RandomPartition, ShapeName};
pub use troubles::{
    Clock, Crash, DuplicateStorm, FullDisk, Join, Late, Leave, LossBurst, MembersOf, Pause, Replace, SlowDisk,
    SlowLink, SlowNode, TimesOf,
};

use super::quantity::{Bandwidth, Choice, DelayText, DurationText, Nodes, Percentage, Seed, SettleText, SyncText};
use super::source::At;

/// A run of a replicated key-value store: how many replicas, over which network, who asks them for what, and
/// what goes wrong. The smallest one is `replicas = 3`, `duration = "10s"` and an empty `[clients.all]`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "kvsim scenario")]
pub struct ScenarioFile {
    /// Free text for people: what the scenario shows.
    pub title: Option<String>,
    /// The seed that is used when the command line gives none: a whole number, or a string such as
    /// "0x5b1f90c277ad0e14". All chance in a run follows from it.
    #[serde(default = "default_seed")]
    pub seed: At<Seed>,
    /// Number of nodes, each with one replica. They are called n0, n1 and so on.
    #[schemars(range(min = 1, max = 1000), example = 5)]
    pub replicas: At<u16>,
    /// How long clients work. All faults lie within this time.
    #[schemars(example = &"10s")]
    pub duration: At<DurationText>,
    /// The phase after that, without faults and new operations, in which replicas have to agree: "auto" for
    /// three rounds of anti-entropy with every peer, "off" for none, or a duration.
    #[serde(default = "default_settle")]
    pub settle: At<SettleText>,
    /// Which store runs, and how it is set.
    #[serde(default)]
    pub store: StoreSpec,
    /// Every node's disk.
    #[serde(default)]
    pub disk: Disk,
    /// The network between nodes.
    #[serde(default)]
    pub net: Net,
    /// The keys that client groups use.
    #[serde(default)]
    pub keys: Keys,
    /// Groups of clients by name, each in a table [clients.NAME]. The sessions of a group are called NAME-0,
    /// NAME-1 and so on.
    #[serde(default)]
    pub clients: BTreeMap<At<String>, At<Clients>>,
    /// Sessions whose operations are written out one by one.
    #[serde(default)]
    pub script: Script,
    /// What goes wrong, and when: each fault in a table of its own, such as [[fault.partition]].
    #[serde(default)]
    pub fault: Faults,
    /// Verdicts that the scenario is written to show, by the checker's name, when they are not "holds".
    #[serde(default)]
    pub expect: BTreeMap<At<String>, At<ExpectedVerdict>>,
    /// What `kvsim sweep` varies. Lists of values stand under the names of the fields that take them, such as
    /// `net.loss = ["0%", "10%"]`; `level` is that of every session.
    #[serde(default)]
    #[allow(dead_code, reason = "it is read apart, and is here for the schema")]
    pub sweep: Option<Sweep>,
}

/// What `kvsim sweep` varies: see `scenario/sweep.rs`, which reads it.
#[derive(Debug, Deserialize)]
pub struct Sweep {}

impl JsonSchema for Sweep {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sweep".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "What kvsim sweep varies: lists of values, under the names of the fields that take them.",
            "type": "object",
            "properties": {
                "seeds": {
                    "description": "The seeds of each cell: how many from the scenario's on, or a range.",
                    "examples": [5, "1..6"],
                    "type": ["integer", "string"]
                },
                "columns": {
                    "description": "What the table tells of each cell: measures such as \"visibility p99 P3 at fifo\", and checkers.",
                    "items": { "type": "string" },
                    "type": "array"
                },
                "cases": {
                    "description": "Named changes of the scenario: [sweep.cases.NAME] has a table for each case.",
                    "additionalProperties": { "type": "object", "additionalProperties": { "type": "object" } },
                    "type": "object"
                }
            },
            "additionalProperties": true
        })
    }
}

fn default_seed() -> At<Seed> {
    At::by_default(Seed::Number(1))
}

fn default_settle() -> At<SettleText> {
    At::by_default("auto".into())
}

/// Every node's disk.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Disk {
    /// Time until a record that a replica appends is written. Then it counts as durable.
    pub write: At<DurationText>,
    /// When what is written is synced: "always", or so often. With a time the disk promises more than it keeps: what
    /// was written since the last sync is lost in a crash with disk = "tail-lost".
    pub sync: At<SyncText>,
}

impl Default for Disk {
    fn default() -> Disk {
        Disk { write: At::by_default("0ms".into()), sync: At::by_default("always".into()) }
    }
}

/// The network between nodes.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Net {
    /// How long a message is under way.
    pub delay: At<DelayText>,
    /// Share of messages that do not arrive.
    pub loss: At<Percentage>,
    /// Share of messages that arrive twice, the second time with a delay of its own.
    pub duplicate: At<Percentage>,
    /// How fast a link takes messages, one after the other.
    pub bandwidth: At<Bandwidth>,
    /// Links that differ, each in a table [[net.link]].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub link: Vec<At<Link>>,
}

impl Default for Net {
    fn default() -> Net {
        Net {
            delay: At::by_default("1ms..5ms".into()),
            loss: At::by_default("0%".into()),
            duplicate: At::by_default("0%".into()),
            bandwidth: At::by_default("unlimited".into()),
            link: Vec::new(),
        }
    }
}

/// Links that differ from the others. What is not given is as in [net].
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// The sender, or several.
    #[schemars(example = &"n0")]
    pub from: At<Nodes>,
    /// The receiver, or several. A node's link to itself is left out.
    #[schemars(example = ["n1", "n2"])]
    pub to: At<Nodes>,
    /// Says that the links from `to` to `from` differ alike.
    #[serde(default)]
    pub both_ways: bool,
    /// How long a message is under way.
    pub delay: Option<At<DelayText>>,
    /// Share of messages that do not arrive.
    pub loss: Option<At<Percentage>>,
    /// Share of messages that arrive twice.
    pub duplicate: Option<At<Percentage>>,
    /// How fast the link takes messages.
    pub bandwidth: Option<At<Bandwidth>>,
}

/// The keys that client groups use.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// How many there are.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub count: At<u32>,
    /// Which of them are used how often.
    pub choice: At<Choice>,
    /// Who may write a key.
    pub writers: At<WritersText>,
    /// Relative number of keys of each priority.
    pub priorities: At<Priorities>,
}

impl Default for Keys {
    fn default() -> Keys {
        Keys {
            count: At::by_default(100),
            choice: At::by_default("uniform".into()),
            writers: At::by_default(WritersText::Many),
            priorities: At::by_default(Priorities { p0: 1, p1: 0, p2: 0, p3: 0 }),
        }
    }
}

/// Who may write a key.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WritersText {
    /// Every session.
    Many,
    /// One session for each key; all read all keys. Needs as many keys as there are sessions that write.
    One,
}

/// Relative number of keys of each priority, not all 0.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Priorities {
    /// Of priority P0.
    #[serde(rename = "P0")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub p0: u32,
    /// Of priority P1.
    #[serde(rename = "P1")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub p1: u32,
    /// Of priority P2.
    #[serde(rename = "P2")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub p2: u32,
    /// Of priority P3.
    #[serde(rename = "P3")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub p3: u32,
}

/// What a checker answers.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExpectedVerdict {
    /// The property was put to the test and stood.
    Holds,
    /// It was broken.
    Violated,
    /// It could not be told.
    Unknown,
}
