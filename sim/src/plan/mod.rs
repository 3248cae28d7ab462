//! What the engine executes: a run with every decision made, but for the fate of each message, which follows
//! from the seed and the message's identity.
//!
//! A plan is plain data. It is what a run folder stores, what `replay` executes again, and what a shrinking
//! search makes smaller.

mod store;
mod valid;

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::Verdict;
use kvsim_checkers::trace::{Action, Level, NodeId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::faults::{DiskLoss, LinkFault, NodeFault};
use crate::net::{Delay, Ratio};
use crate::quantity::{Bandwidth, Duration, Sync};
use crate::regions::Regions;

pub use store::{Hosted, StoreSpec};
pub use valid::PlanError;

/// A run with every decision made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Version of this form: [`Plan::SCHEMA`].
    pub schema: u32,
    /// The program that made it, for instance `kvsim 0.1.0`.
    pub made_by: String,
    /// Name of the scenario.
    pub scenario: String,
    /// What it is about, in a line; may be empty.
    pub title: String,
    /// The seed: message fates and the replicas' own chance follow from it.
    #[serde(with = "as_text")]
    pub seed: u64,
    /// Number of nodes.
    pub replicas: u16,
    /// No operation begins at or after this time; faults end here.
    pub workload_end_ns: u64,
    /// Length of the settling phase; 0 for none.
    pub settle_ns: u64,
    /// Which store, and how it is set.
    pub store: StoreSpec,
    /// Every node's disk.
    pub disk: DiskPlan,
    /// Every link that `links` does not name.
    pub net: LinkPlan,
    /// Links that differ.
    pub links: Vec<LinkOverride>,
    /// Regions. What they say of links stands in `links`, too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub regions: Regions,
    /// Names of the keys; a name that begins with `P0` to `P3` (in any case) gives the priority.
    pub keys: Vec<String>,
    /// The clients.
    pub sessions: Vec<SessionPlan>,
    /// What goes wrong.
    pub faults: Vec<FaultPlan>,
    /// Verdicts expected other than *holds*, by checker.
    pub expect: BTreeMap<String, Verdict>,
    /// In a second run, see [`Plan::with_other_fates_below`]: messages that replicate a write of a priority below this
    /// one (1 to 3) meet other fates than in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other_fates_below: Option<u8>,
}

impl Plan {
    /// The version of the serialised form that this program writes and reads.
    pub const SCHEMA: u32 = 2;

    /// When the run ends.
    pub fn end_ns(&self) -> u64 {
        self.workload_end_ns + self.settle_ns
    }

    /// The nodes that leave for good.
    pub fn leaving(&self) -> Vec<NodeId> {
        let leaving = self.faults.iter().filter_map(|fault| match fault.kind {
            FaultKind::Node { node, fault: NodeFault::Left } => Some(node),
            _ => None,
        });
        leaving.collect()
    }

    /// The same run, but that messages which replicate a write of a priority below `priority` meet other fates: what
    /// happens to the others must not depend on that. Nothing where it may, through no fault of the store: messages
    /// that share a bandwidth or a slow node wait for each other, and so do outputs behind the records of a slow disk.
    pub fn with_other_fates_below(&self, priority: u8) -> Option<Plan> {
        let limited = |link: &LinkPlan| link.bandwidth.0.is_some();
        // What one message costs the next one, and a disk that forgets whatever came last.
        let couples = |fault: &FaultPlan| match &fault.kind {
            FaultKind::Node { fault, .. } => matches!(
                fault,
                NodeFault::SlowNode { .. }
                    | NodeFault::SlowDisk { .. }
                    | NodeFault::FullDisk
                    | NodeFault::Crash { disk: DiskLoss::Torn }
            ),
            FaultKind::Partition { .. } | FaultKind::Links { .. } => false,
            FaultKind::Drop(_) | FaultKind::Delay { .. } | FaultKind::Duplicate { .. } => false,
        };
        let coupled = limited(&self.net) || self.links.iter().any(|named| limited(&named.link));
        let apart = !coupled && self.disk.write == Duration(0) && !self.faults.iter().any(couples);
        apart.then(|| Plan { other_fates_below: Some(priority), ..self.clone() })
    }

    /// Number of operations of all sessions.
    pub fn operations(&self) -> usize {
        self.sessions.iter().map(|session| session.ops.len()).sum()
    }

    /// How links behave: the usual one first, then each of those that differ unless it is as the one before.
    pub fn link_kinds(&self) -> impl Iterator<Item = &LinkPlan> {
        let differ = self.links.chunk_by(|one, other| one.link == other.link);
        [&self.net].into_iter().chain(differ.filter_map(|alike| alike.first()).map(|named| &named.link))
    }

    /// How the link behaves.
    pub fn link(&self, from: NodeId, to: NodeId) -> &LinkPlan {
        let named = self.links.iter().rfind(|named| (named.from, named.to) == (from, to));
        named.map_or(&self.net, |named| &named.link)
    }

    /// How long a request of `session` is under way to `node`, or its answer back; nothing when that takes no time.
    pub fn latency<'a>(&'a self, session: &'a SessionPlan, node: NodeId) -> Option<&'a Delay> {
        let of_region = || {
            let (here, there) = (session.region.as_ref()?, self.regions.of(node));
            Some(there.and_then(|there| self.regions.delay(here, there)).unwrap_or(&self.net.delay))
        };
        session.latency.as_ref().or_else(of_region)
    }

    /// How long requests and answers of all sessions are under way, where they take time.
    pub fn client_delays(&self) -> BTreeSet<&Delay> {
        let far = self.sessions.iter().filter(|session| session.is_far());
        let ways = far.flat_map(|session| session.nodes().into_iter().map(move |node| (session, node)));
        ways.filter_map(|(session, node)| self.latency(session, node)).collect()
    }
}

/// A seed in JSON is a string: other programs' numbers lose the low bits of a `u64`.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::quantity::Seed;

    pub fn serialize<S: Serializer>(seed: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(seed)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        String::deserialize(deserializer)?.parse().map(|seed: Seed| seed.0).map_err(D::Error::custom)
    }
}

/// Every node's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "Disk")]
pub struct DiskPlan {
    /// Time until a record that a replica appends is written. Then it counts as durable.
    pub write: Duration,
    /// When what is written is synced: "always", or at intervals. With a time the disk promises more than it keeps: what
    /// was written since the last sync is lost in a crash with disk = "tail-lost".
    pub sync: Sync,
}

/// How a link behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct LinkPlan {
    /// How long a message is under way.
    pub delay: Delay,
    /// Share of messages that do not arrive.
    pub loss: Ratio,
    /// Share of messages that arrive twice, the second time with a delay of its own.
    pub duplicate: Ratio,
    /// How fast a link takes messages, one after the other.
    pub bandwidth: Bandwidth,
}

impl Default for LinkPlan {
    fn default() -> LinkPlan {
        LinkPlan {
            delay: Delay::Uniform { min: 1_000_000, max: 5_000_000 },
            loss: Ratio::ZERO,
            duplicate: Ratio::ZERO,
            bandwidth: Bandwidth(None),
        }
    }
}

/// A link that differs from the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkOverride {
    /// Sender.
    pub from: NodeId,
    /// Receiver.
    pub to: NodeId,
    /// How it behaves.
    pub link: LinkPlan,
}

/// One client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionPlan {
    /// Its name.
    pub name: String,
    /// The node that it asks, where an operation does not say otherwise.
    pub node: NodeId,
    /// What its reads may see.
    pub level: Level,
    /// Replicas per read.
    pub quorum: u16,
    /// True when a write hands back the context of the last answer to the session about the key, not only of that to a write.
    pub context: bool,
    /// The region in which it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How long its requests and their answers are under way, when that is not what `region` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Delay>,
    /// How long it waits for an answer before it goes on.
    pub timeout_ns: u64,
    /// What the `wait_ns` of its operations counts from.
    pub pace: Pace,
    /// True when it is no client's: the host runs it for the store, as it does for heartbeats.
    #[serde(default, skip_serializing_if = "is_default")]
    pub of_store: bool,
    /// Its operations, in order.
    pub ops: Vec<OpPlan>,
}

impl SessionPlan {
    /// True when its requests take time.
    pub fn is_far(&self) -> bool {
        self.region.is_some() || self.latency.is_some()
    }

    /// The nodes that it asks.
    pub fn nodes(&self) -> BTreeSet<NodeId> {
        self.ops.iter().map(|op| op.node.unwrap_or(self.node)).collect()
    }

    /// True when it asks several nodes, so that it has to carry with it what it has seen.
    pub fn moves(&self) -> bool {
        self.ops.iter().any(|op| op.node.is_some_and(|node| node != self.node))
    }
}

/// What `wait_ns` counts from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pace {
    /// From the beginning of the run; an operation that falls due too early waits for the previous answer.
    Open,
    /// From the end of the session's previous operation.
    Closed,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpPlan {
    /// The operation's number, unique in the plan: it stays when others are removed.
    pub op: u32,
    /// When, see [`Pace`].
    pub wait_ns: u64,
    /// The node that it is asked of, when that is not the session's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// What it asks for.
    pub action: Action,
    /// Index of the key.
    pub key: u32,
    /// Identity of the value or delete, unique in the plan; 0 for a read.
    #[serde(default, skip_serializing_if = "is_default")]
    pub value: u64,
    /// Size of the value.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bytes: u32,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A fault with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultPlan {
    /// For instance `partition[0]`.
    pub name: String,
    /// Where the scenario says so, `file:line`.
    pub place: String,
    /// From when.
    pub from_ns: u64,
    /// Until when.
    pub until_ns: u64,
    /// What.
    pub kind: FaultKind,
}

/// What a fault does while it lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum FaultKind {
    /// Messages are lost on their way from each node of `from` to each of `to`. A message's fate is decided
    /// when it is sent: one that is under way when the cut begins still arrives.
    Partition {
        /// The cuts.
        cuts: Vec<Cut>,
    },
    /// All copies of one message are lost.
    Drop(MessageName),
    /// One message is so long under way, instead of a time by chance.
    Delay {
        /// Which message.
        message: MessageName,
        /// Time under way.
        takes_ns: u64,
    },
    /// One message arrives twice.
    Duplicate {
        /// Which message.
        message: MessageName,
        /// Time under way of the second copy.
        takes_ns: u64,
    },
    /// Something happens to a node.
    Node {
        /// Which.
        node: NodeId,
        /// What.
        fault: NodeFault,
    },
    /// Something happens to the messages on some links.
    Links {
        /// Sent by these nodes; by all when empty.
        from: Vec<NodeId>,
        /// To these nodes; to all when empty.
        to: Vec<NodeId>,
        /// What.
        fault: LinkFault,
    },
}

impl FaultKind {
    /// The message that the fault is about, when it is about one.
    pub fn message(&self) -> Option<&MessageName> {
        match self {
            FaultKind::Drop(message) | FaultKind::Delay { message, .. } | FaultKind::Duplicate { message, .. } => {
                Some(message)
            }
            FaultKind::Partition { .. } | FaultKind::Node { .. } | FaultKind::Links { .. } => None,
        }
    }
}

impl FaultPlan {
    /// True when the fault lasts at `at_ns`.
    pub fn lasts(&self, at_ns: u64) -> bool {
        (self.from_ns..self.until_ns).contains(&at_ns)
    }
}

/// A message, as faults name it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageName {
    /// Kind of message, a name from the store's list.
    pub kind: String,
    /// Identity of the message.
    pub id: u64,
    /// Sent by this node; by any when absent.
    pub from: Option<NodeId>,
    /// To these nodes; to all when empty.
    pub to: Vec<NodeId>,
}

impl MessageName {
    /// True for what `from` sends to `to`.
    pub fn is_on(&self, from: NodeId, to: NodeId) -> bool {
        self.from.is_none_or(|sender| sender == from) && (self.to.is_empty() || self.to.contains(&to))
    }
}

/// Links that are cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cut {
    /// Senders.
    pub from: Vec<NodeId>,
    /// Receivers.
    pub to: Vec<NodeId>,
}
