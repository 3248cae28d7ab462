//! The vocabulary that stores and checkers share: who takes part ([`NodeId`], [`ReplicaId`]), what a write is called
//! ([`Dot`]), how urgent it is ([`Priority`]), what a session's reads may see ([`Level`], [`Levels`]), what a write
//! replaces ([`Conflict`]), and how times and sizes are written ([`quantity`]).
//!
//! Stores and checkers know each other by these words alone: a store has no say in what a checker concludes.

mod acks;
mod level;
pub mod quantity;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use acks::{AckWord, Acks};
pub use level::{Level, Levels};

/// A machine of the cluster: `n0`, `n1`, ... In JSON it is its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NodeId(pub u16);

impl NodeId {
    /// The node's place in lists of all nodes.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The first `count` nodes, in order.
    pub fn all(count: u16) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + Clone {
        (0..count).map(NodeId)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

/// One life of a node. A node that comes back without its disk is a new incarnation: it cannot know which
/// dots it has issued, so it must never issue under the old name again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaId {
    /// The machine.
    pub node: NodeId,
    /// 1 for the first life.
    pub incarnation: u16,
}

impl ReplicaId {
    /// The first life of `node`.
    pub fn first(node: NodeId) -> ReplicaId {
        ReplicaId { node, incarnation: 1 }
    }

    /// The replica as one number, which no other replica has.
    pub fn number(self) -> u32 {
        u32::from(self.node.0) << 16 | u32::from(self.incarnation)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.incarnation == 1 { write!(f, "{}", self.node) } else { write!(f, "{}.{}", self.node, self.incarnation) }
    }
}

/// The name of one write for ever: the replica that took it in, and its number there (1, 2, 3, ...). In JSON it is a
/// short list: `[node, incarnation, counter]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(C, packed(4))] // 12 bytes instead of 16, so that a version has 24: stores spend their time on fetching versions
pub struct Dot {
    /// The replica that took the write in.
    pub origin: ReplicaId,
    /// Its number among that replica's writes, from 1.
    pub counter: u64,
}

impl Dot {
    /// The write with number `counter` of life `incarnation` of `node`.
    pub const fn new(node: NodeId, incarnation: u16, counter: u64) -> Dot {
        Dot { origin: ReplicaId { node, incarnation }, counter }
    }

    /// The node that took the write in.
    pub fn node(self) -> NodeId {
        self.origin.node
    }
}

impl fmt::Display for Dot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.origin, { self.counter })
    }
}

impl Serialize for Dot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.origin.node, self.origin.incarnation, { self.counter }).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Dot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Dot, D::Error> {
        let (node, incarnation, counter) = Deserialize::deserialize(deserializer)?;
        Ok(Dot { origin: ReplicaId { node, incarnation }, counter })
    }
}

/// How urgent a key's writes are. Fixed per key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Bulk: log lines, statistics.
    P0,
    /// Low.
    P1,
    /// Normal.
    P2,
    /// High: alarms.
    P3,
}

impl Priority {
    /// The priority that a key's name gives: its first two characters when they are `P0` to `P3` in any case, otherwise
    /// P0.
    pub fn of_name(name: &str) -> Priority {
        match name.as_bytes() {
            [b'P' | b'p', b'1', ..] => Priority::P1,
            [b'P' | b'p', b'2', ..] => Priority::P2,
            [b'P' | b'p', b'3', ..] => Priority::P3,
            _ => Priority::P0,
        }
    }
}

/// Which calls a replica can answer by itself, when no other can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alone {
    /// Reads that ask for no more than one replica.
    pub reads: bool,
    /// Writes and deletes.
    pub writes: bool,
}

impl Alone {
    /// All of them.
    pub const ALL: Alone = Alone { reads: true, writes: true };
    /// None: each needs others.
    pub const NONE: Alone = Alone { reads: false, writes: false };

    /// True for [`Alone::ALL`].
    pub fn is_all(&self) -> bool {
        *self == Alone::ALL
    }
}

impl Default for Alone {
    fn default() -> Alone {
        Alone::ALL
    }
}

/// What a store promises of calls that need other replicas: where nothing hinders, they are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Together {
    /// How long after it was asked for a call is answered at the latest, in nanoseconds; what messages and disks take comes
    /// on top in what a store says, and is in it in a recording.
    pub answer_ns: u64,
    /// For how long before the call nothing must have hindered either, in nanoseconds: what it takes to make up for an
    /// earlier fault.
    pub calm_ns: u64,
}

/// Why a replica refuses a call. A refused call has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The store cannot serve the key at the session's level.
    Level,
    /// More replicas are asked for than hold the key.
    Quorum,
    /// The replica has lost its disk, or is new, and has not got everything yet.
    Recovering,
    /// Those that the replica needs for the answer cannot be reached: no leader, no quorum.
    Unavailable,
    /// The store has no such call: say, deletes.
    Unsupported,
}

/// What becomes of earlier writes to a key when a write comes in: how a store resolves conflicts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Conflict {
    /// A write replaces what its session had read of the key, or written with an answer; concurrent values are kept side by
    /// side.
    #[default]
    Causal,
    /// A write replaces whatever the replica that takes it in holds at that moment.
    LastWriterWins,
}
