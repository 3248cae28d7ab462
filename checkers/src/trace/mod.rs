//! The recording of a run: who took part ([`Header`]), what happened ([`Event`]), and its fingerprint
//! ([`TraceHash`]).

mod event;
mod hash;
pub mod jsonl;
mod valid;

pub use event::{Action, Disk, Event, LostBy, Objection, What};
pub use hash::TraceHash;
pub use kvsim_types::{AckWord, Acks, Alone, Conflict, Dot, Level, Levels, NodeId, Refusal, ReplicaId, Together};
pub use valid::Invalid;

use serde::{Deserialize, Serialize};

/// Everything about a run that does not happen at a time of its own: the tables that events index into.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// Name of the scenario.
    pub scenario: String,
    /// The run's seed.
    pub seed: u64,
    /// Name of the store.
    pub store: String,
    /// Number of nodes: `n0` to `n(nodes-1)`.
    pub nodes: u16,
    /// Names of the sessions.
    pub sessions: Vec<String>,
    /// How many replicas a read asks, the one on its node included, by session; empty when it is always one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub quorums: Vec<u16>,
    /// How many replicas have a write on their disks before it is acknowledged, the one on the session's node
    /// included; 1 when left out.
    #[serde(default, skip_serializing_if = "Acks::is_one")]
    pub ack: Acks,
    /// Which calls a replica can answer by itself; all when left out.
    #[serde(default, skip_serializing_if = "Alone::is_all")]
    pub alone: Alone,
    /// When calls that need other replicas are answered; absent when nothing is promised of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
    /// Replicas announce nothing: the host has named the writes, and what a replica knew and showed is not known.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// Numbers of the sessions that ask several nodes, and carry with them what they have seen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub movers: Vec<u32>,
    /// Names of the keys.
    pub keys: Vec<String>,
    /// The priority of each key's writes, by key, higher is more urgent; empty when all are 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub priorities: Vec<u8>,
    /// Which nodes hold which key, by key; empty when every node holds every key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub placement: Vec<Vec<NodeId>>,
    /// How many members hold each key as long as there are so many; absent when every member does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copies: Option<u16>,
    /// Names of the message kinds.
    pub kinds: Vec<String>,
    /// The faults, in the order of their numbers.
    pub faults: Vec<FaultName>,
    /// The numbers that replicas report about themselves at the end.
    pub gauges: Vec<GaugeName>,
    /// What a write replaces.
    pub conflict: Conflict,
    /// The levels that every replica serves.
    pub levels: Levels,
    /// When the workload ends and, with it, every fault; absent when the run has no settling phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settling_from_ns: Option<u64>,
    /// When the run ends.
    pub end_ns: u64,
}

impl Header {
    /// True when `node` is to hold `key`.
    pub fn holds(&self, node: NodeId, key: u32) -> bool {
        self.placement.is_empty() || self.placement[key as usize].contains(&node)
    }

    /// The priority of a key's writes.
    pub fn priority(&self, key: u32) -> u8 {
        self.priorities.get(key as usize).copied().unwrap_or(0)
    }

    /// How many replicas a read of the session asks.
    pub fn quorum(&self, session: u32) -> u16 {
        self.quorums.get(session as usize).copied().unwrap_or(1)
    }

    /// The nodes that are to hold `key`, in order.
    pub fn holders(&self, key: u32) -> Vec<NodeId> {
        NodeId::all(self.nodes).filter(|node| self.holds(*node, key)).collect()
    }
}

/// A fault of the run, as a person calls it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultName {
    /// For instance `partition[0]`.
    pub name: String,
    /// Where it stands in the scenario, for instance `loss.toml:14`; empty when nowhere.
    pub place: String,
    /// The node that it happens to; absent when it happens to messages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
}

/// A number that replicas report about themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GaugeName {
    /// Short name, in kebab case.
    pub name: String,
    /// One line for people.
    pub meaning: String,
    /// The store promises that it is 0 at rest.
    pub residue: bool,
}

/// A run as the checkers see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// The tables.
    pub header: Header,
    /// What happened, in order; event numbers grow but need not be dense (messages may have been left out).
    pub events: Vec<Event>,
}
