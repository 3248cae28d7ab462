//! What a host asks a store about its settings: whether they fit the cluster, and what follows from them for the host.

use kvsim_types::quantity::Wrong;
use kvsim_types::{Acks, Alone, Together};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::contract::{Key, Level, Levels, NodeId};

/// What the settings of a store have to fit.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Number of nodes.
    pub nodes: u16,
    /// The levels at which sessions read.
    pub levels: Levels,
    /// The nodes that leave for good.
    pub leaving: Vec<NodeId>,
    /// The keys to which nodes write heartbeats, where [`Profile::heartbeat_ns`] asks for them; ascending.
    pub heartbeats: Vec<Key>,
}

/// A setting that does not fit the cluster, or another setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// Its name.
    pub setting: &'static str,
    /// What is wrong with it.
    pub wrong: Wrong,
    /// What it does not fit, when that is not the number of nodes.
    pub cause: Option<Cause>,
}

impl Misfit {
    /// A setting that does not fit the number of nodes.
    pub fn new(setting: &'static str, message: impl Into<String>, expected: impl Into<String>) -> Misfit {
        Misfit { setting, wrong: Wrong::new(message, expected), cause: None }
    }
}

/// What a setting does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A session reads at this level.
    Level(Level),
    /// Another setting.
    Setting(&'static str),
}

/// What a host needs to know about a store with its settings, to plan a run and to judge it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Distance of two anti-entropy rounds of a replica; absent without anti-entropy.
    pub anti_entropy_ns: Option<u64>,
    /// Distance of two clean-ups of a replica, for which a run that settles waits.
    pub clean_up_ns: u64,
    /// Distance of two heartbeats of a node: writes to a key of its own that the host makes for the store. Absent when
    /// the store has no use for them.
    pub heartbeat_ns: Option<u64>,
    /// Nodes that hold a key.
    pub copies: u16,
    /// Replicas that have a write on their disks before it is acknowledged, the asked one included.
    pub ack: Acks,
    /// Which calls a replica can answer by itself. What it cannot may time out or be refused when others are not there; and
    /// where reads need others, no replica owes by itself what they return.
    pub alone: Alone,
    /// When calls that need others are answered, where messages take no time; absent when nothing is promised of them.
    pub together: Option<Together>,
}

impl Profile {
    /// A store on `nodes` nodes that holds every key everywhere, acknowledges at once, repairs nothing, and has what is
    /// usual to come to rest.
    pub fn plain(nodes: u16) -> Profile {
        Profile {
            anti_entropy_ns: None,
            clean_up_ns: 500_000_000,
            heartbeat_ns: None,
            copies: nodes,
            ack: Acks::Number(1),
            alone: Alone::ALL,
            together: None,
        }
    }
}

/// What swarm testing and shrinking may take away from a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// Anti-entropy. What else would lose writes for good without it goes, too.
    AntiEntropy,
    /// Heartbeats.
    Heartbeats,
    /// Bounds on how much a replica may keep for a while.
    Bounds,
    /// All nodes but this many.
    Nodes(u16),
}

/// What may happen to a cluster, and what a store need not be made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hardship {
    /// A node comes back without what was on its disk.
    LostDisks,
    /// Nodes join or leave.
    Members,
}

impl Hardship {
    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Hardship::LostDisks => "lost disks",
            Hardship::Members => "nodes that join or leave",
        }
    }
}

/// The settings of a store that has none.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// A defect that can be planted in a store, to see whether it is found.
#[derive(Clone, Copy, Debug)]
pub struct DefectInfo {
    /// Its name.
    pub name: &'static str,
    /// What is wrong with a store that has it, in a sentence.
    pub meaning: &'static str,
    /// The checkers that should notice it.
    pub noticed_by: &'static str,
}
