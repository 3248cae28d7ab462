//! Client groups and scripted sessions in a scenario file.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::scenario::quantity::{DurationText, NodeName, Nodes, RateText, SizeText};
use crate::scenario::source::At;

/// Sessions that behave alike.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Clients {
    /// How many sessions.
    #[schemars(range(min = 1, max = 100_000))]
    pub sessions: At<u32>,
    /// The nodes that they are attached to, in turn; all nodes when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<At<Nodes>>,
    /// How long a session stays at one of these nodes, on average, before it turns to another one; it carries along
    /// what it has seen. For ever when left out. A closed loop counts the time that it waits between operations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moves: Option<At<DurationText>>,
    /// Open loop: how many operations each session begins per time, at random times, however long answers
    /// take. Give either this or `think`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<At<RateText>>,
    /// Closed loop: how long a session waits after an answer before its next operation, on average. When
    /// neither this nor `rate` is given, "10ms".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think: Option<At<DurationText>>,
    /// How often sessions read, write and delete, relative to each other.
    pub mix: At<MixTable>,
    /// Size of the values that they write: one size, or a range of which every size is equally likely.
    pub value: At<SizeText>,
    /// What their reads may see; `kvsim list stores` shows which levels a store offers.
    pub level: At<String>,
    /// How many replicas must contribute to the answer of a read.
    #[schemars(range(min = 1, max = 1000))]
    pub quorum: At<u16>,
    /// Whether a write tells the store what the session last read of the key.
    pub context: bool,
    /// How long a session waits for an answer.
    pub timeout: At<DurationText>,
}

impl Default for Clients {
    fn default() -> Clients {
        Clients {
            sessions: At::by_default(1),
            at: None,
            moves: None,
            rate: None,
            think: None,
            mix: At::by_default(MixTable { read: 1, write: 1, delete: 0 }),
            value: At::by_default("16B".into()),
            level: At::by_default("eventual".to_owned()),
            quorum: At::by_default(1),
            context: true,
            timeout: At::by_default("1s".into()),
        }
    }
}

/// How often sessions read, write and delete, relative to each other, not all 0.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MixTable {
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

/// Sessions whose operations are written out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The sessions by name.
    #[serde(default)]
    pub sessions: BTreeMap<At<String>, At<ScriptedSession>>,
    /// What they do; in any order.
    #[serde(default)]
    pub ops: Vec<At<ScriptedOp>>,
}

/// A session whose operations are written out.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptedSession {
    /// The node that it is attached to.
    #[schemars(example = &"n0")]
    pub at: At<NodeName>,
    /// What its reads may see.
    #[serde(default = "default_level")]
    pub level: At<String>,
    /// How many replicas must contribute to the answer of a read.
    #[serde(default = "default_quorum")]
    #[schemars(range(min = 1, max = 1000))]
    pub quorum: At<u16>,
    /// Whether a write tells the store what the session last read of the key.
    #[serde(default = "default_context")]
    pub context: bool,
    /// How long the session waits for an answer.
    #[serde(default = "default_timeout")]
    pub timeout: At<DurationText>,
}

// A scripted session is set like a session of a group.
fn default_level() -> At<String> {
    Clients::default().level
}

fn default_quorum() -> At<u16> {
    Clients::default().quorum
}

fn default_context() -> bool {
    Clients::default().context
}

fn default_timeout() -> At<DurationText> {
    Clients::default().timeout
}

/// One operation: exactly one of `read`, `write` and `delete`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScriptedOp {
    /// When it begins. If the session still waits for an answer then, it begins after that.
    #[schemars(example = &"10ms")]
    pub at: At<DurationText>,
    /// The session.
    #[schemars(example = &"alice")]
    pub by: At<String>,
    /// Reads this key.
    pub read: Option<At<String>>,
    /// Writes this key.
    pub write: Option<At<String>>,
    /// Deletes this key.
    pub delete: Option<At<String>>,
    /// The number that a write writes, or by which a delete is named, different for each write and delete of the
    /// file; chosen when left out.
    #[schemars(range(min = 1, max = 9_223_372_036_854_775_807u64))]
    pub value: Option<At<u64>>,
    /// The node that is asked, when that is not the session's: the session moves there for this operation, and carries
    /// along what it has seen.
    #[schemars(example = &"n1")]
    pub node: Option<At<NodeName>>,
    /// Size of the value that a write writes; "8B" when left out.
    #[schemars(example = &"8B")]
    pub size: Option<At<SizeText>>,
}
