//! What a person writes: a run described by rates, distributions and timetables, without a seed.
//!
//! These are the validated values; the command reads them from TOML. Together with a seed they are lowered to
//! a [`crate::plan::Plan`].

use std::collections::BTreeMap;

use kvsim_checkers::Verdict;
use kvsim_checkers::trace::{Action, Level, NodeId};

use crate::faults::{LinkFault, NodeFault};
use crate::net::Ratio;
use crate::plan::{DiskPlan, FaultKind, LinkOverride, LinkPlan};
use crate::stores::StoreSpec;

/// A run, but for its seed.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Short name; the command takes it from the file's name.
    pub name: String,
    /// What it is about, in a line; may be empty.
    pub title: String,
    /// The seed that is used when nobody gives another.
    pub seed: u64,
    /// Number of nodes, each with one replica: `n0` to `n(replicas-1)`.
    pub replicas: u16,
    /// How long clients work, in nanoseconds.
    pub duration_ns: u64,
    /// The phase after that, without faults and new operations.
    pub settle: Settle,
    /// Which store, and how it is set.
    pub store: StoreSpec,
    /// Every node's disk.
    pub disk: DiskPlan,
    /// Every link that `links` does not name.
    pub net: LinkPlan,
    /// Links that differ.
    pub links: Vec<LinkOverride>,
    /// The keys that client groups use.
    pub keys: Keys,
    /// Generated clients.
    pub clients: Vec<ClientGroup>,
    /// Sessions whose operations are written out.
    pub script: Vec<ScriptSession>,
    /// What goes wrong, and when.
    pub faults: Vec<Fault>,
    /// Verdicts other than *holds* that the scenario is written to show, by checker.
    pub expect: BTreeMap<String, Verdict>,
}

/// How long replicas have to agree after the workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settle {
    /// No settling phase: the run ends with the workload.
    Off,
    /// Three rounds of anti-entropy with every peer and a margin for slow messages.
    Auto,
    /// So many nanoseconds.
    For(u64),
}

/// The keys of the generated workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Keys {
    /// How many.
    pub count: u32,
    /// Which of them are used how often.
    pub choice: KeyChoice,
    /// Who may write a key.
    pub writers: Writers,
    /// Relative number of keys of priority P0, P1, P2, P3; not all 0.
    pub priorities: [u32; 4],
}

/// Which keys are used how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChoice {
    /// All alike.
    Uniform,
    /// The i-th most popular key has weight `1 / i^s`, with `s` in thousandths (990: 0.99).
    Zipfian {
        /// The exponent in thousandths.
        exponent_milli: u32,
    },
    /// So large a share of the keys gets so large a share of the operations.
    Hot {
        /// Share of the keys.
        keys: Ratio,
        /// Share of the operations.
        operations: Ratio,
    },
}

/// Who may write a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writers {
    /// Any session of any group.
    Many,
    /// Each key is written by one session only; everybody reads all keys.
    One,
}

/// Sessions that behave alike.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientGroup {
    /// The group's name; its sessions are called `name-0`, `name-1`, ...
    pub name: String,
    /// How many sessions.
    pub sessions: u32,
    /// The nodes they are attached to, in turn; all when empty.
    pub at: Vec<NodeId>,
    /// How long a session stays at a node on average (exponential), in nanoseconds, before it turns to another one
    /// of these; absent: for ever.
    pub moves_ns: Option<u64>,
    /// When they act.
    pub pace: Pace,
    /// Relative frequency of reads, writes and deletes; not all 0.
    pub mix: Mix,
    /// Payload size, smallest and largest, in bytes; evenly distributed.
    pub value_bytes: (u32, u32),
    /// What their reads may see.
    pub level: Level,
    /// Replicas per read.
    pub quorum: u16,
    /// True when a write hands back the context of the session's last read of the key.
    pub context: bool,
    /// How long a session waits for an answer, in nanoseconds.
    pub timeout_ns: u64,
}

/// When a session acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Open loop: operations fall due at random times with this mean distance (a Poisson process), however
    /// long answers take; one that falls due too early waits for the session's previous answer.
    Rate {
        /// Mean distance of two operations, in nanoseconds.
        every_ns: u64,
    },
    /// Closed loop: after each answer the session thinks for an exponential time with this mean.
    Think {
        /// Mean, in nanoseconds.
        mean_ns: u64,
    },
}

/// Relative frequencies of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mix {
    /// Of reads.
    pub read: u32,
    /// Of writes.
    pub write: u32,
    /// Of deletes.
    pub delete: u32,
}

/// A session whose operations are written out.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptSession {
    /// Its name.
    pub name: String,
    /// The node it is attached to.
    pub node: NodeId,
    /// What its reads may see.
    pub level: Level,
    /// Replicas per read.
    pub quorum: u16,
    /// True when a write hands back the context of the session's last read of the key.
    pub context: bool,
    /// How long it waits for an answer, in nanoseconds.
    pub timeout_ns: u64,
    /// What it does, in the order of time.
    pub ops: Vec<ScriptOp>,
}

/// An operation that is written out.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptOp {
    /// When it falls due, in nanoseconds.
    pub at_ns: u64,
    /// What it asks for.
    pub action: Action,
    /// The key's name.
    pub key: String,
    /// The value of a write, or the identity of a delete; chosen when absent.
    pub value: Option<u64>,
    /// The node that it is asked of; absent: the session's.
    pub node: Option<NodeId>,
    /// Size of the value of a write, in bytes.
    pub bytes: u32,
}

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// For instance `partition[0]`.
    pub name: String,
    /// `file:line` of its beginning.
    pub place: String,
    /// What.
    pub kind: FaultSpec,
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultSpec {
    /// Some links are cut for a while.
    Partition {
        /// From when, in nanoseconds.
        at_ns: u64,
        /// How long, in nanoseconds.
        for_ns: u64,
        /// Which links.
        shape: Shape,
    },
    /// Partitions drawn at random, one after the other.
    RandomPartitions {
        /// Mean time from the end of one to the beginning of the next, in nanoseconds (exponential).
        every_ns: u64,
        /// Mean length, in nanoseconds (exponential).
        lasting_ns: u64,
        /// Which shapes, each equally likely; not empty.
        shapes: Vec<RandomShape>,
    },
    /// Something becomes of one message, whatever chance has in mind for it.
    Message(FaultKind),
    /// Something happens to nodes for a while.
    Nodes {
        /// When.
        when: When,
        /// To which nodes; when drawn at random, to one of them each time. Not empty.
        nodes: Vec<NodeId>,
        /// What.
        fault: NodeFault,
    },
    /// Nodes join or leave at random times, each at most once, in random order. One node of the cluster, which is drawn for
    /// the run, does not, nor do those whose turn would come after the workload.
    Members {
        /// Mean time from one node to the next, in nanoseconds (exponential).
        every_ns: u64,
        /// Which nodes.
        nodes: Vec<NodeId>,
        /// [`NodeFault::Absent`] or [`NodeFault::Left`].
        fault: NodeFault,
    },
    /// Something happens to the messages on some links for a while.
    Links {
        /// When.
        when: When,
        /// Sent by these nodes; by all when empty.
        from: Vec<NodeId>,
        /// To these nodes; to all when empty.
        to: Vec<NodeId>,
        /// What.
        fault: LinkFault,
    },
}

/// When something goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// At set times.
    At {
        /// The beginnings, in nanoseconds.
        times_ns: Vec<u64>,
        /// How long each time, in nanoseconds; until the end of the workload when absent.
        for_ns: Option<u64>,
    },
    /// At random times, one after the other.
    Random {
        /// Mean time from the end of one to the beginning of the next, in nanoseconds (exponential).
        every_ns: u64,
        /// Mean length, in nanoseconds (exponential).
        lasting_ns: u64,
    },
}

/// Which links a partition cuts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nodes of different groups cannot reach each other; nodes in no group reach all.
    Groups(Vec<Vec<NodeId>>),
    /// Each of these nodes is alone.
    Isolate(Vec<NodeId>),
    /// Messages from `from` to `to` are lost; the other way they pass.
    OneWay {
        /// Senders.
        from: Vec<NodeId>,
        /// Receivers.
        to: Vec<NodeId>,
    },
    /// The lower and the upper half of the other nodes reach each other through this node only.
    Bridge(NodeId),
}

/// A shape whose nodes are drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RandomShape {
    /// Two groups of random sizes.
    Halves,
    /// One node is alone.
    Isolate,
    /// One node's messages do not get out.
    OneWay,
    /// Two halves and a node between them.
    Bridge,
}
