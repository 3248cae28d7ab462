//! What goes wrong, and when: the tables below `fault`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::faults::{LinkFault, NodeFault};
use crate::quantity::{Duration, NodeName, Nodes, Times};

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// For instance `partition[0]`.
    #[serde(skip)]
    pub name: String,
    /// `file:line` of its beginning.
    #[serde(skip)]
    pub place: String,
    /// What.
    #[serde(flatten)]
    pub kind: FaultSpec,
}

/// What goes wrong. The field `fault` says which: the name of the table that the others stand in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FaultSpec {
    /// Some links are cut.
    Partition(PartitionFault),
    /// Something becomes of one message, whatever chance has in mind for it.
    Message(MessageFault),
    /// Something happens to nodes for a while.
    Nodes {
        /// When.
        #[serde(flatten)]
        when: When,
        /// The node, or several. At random times it is one of these, and one of all when left out.
        #[schemars(example = &"n1")]
        #[serde(rename = "node")]
        nodes: Option<Nodes>,
        /// What.
        #[serde(flatten)]
        fault: NodeFault,
    },
    /// Nodes join or leave.
    Members {
        /// Which nodes, and when.
        #[serde(flatten)]
        nodes: WhichNodes,
        /// What.
        #[serde(flatten)]
        fault: Membership,
    },
    /// Something happens to the messages on some links for a while.
    Links {
        /// When.
        #[serde(flatten)]
        when: When,
        /// Only what this node or these nodes send; all senders when left out.
        #[schemars(example = &"n0")]
        from: Option<Nodes>,
        /// Only what is sent to this node or these nodes; all receivers when left out.
        #[schemars(extend("examples" = [["n1", "n2"]]))]
        to: Option<Nodes>,
        /// What.
        #[serde(flatten)]
        fault: LinkFault,
    },
}

/// When something goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum When {
    /// At set times.
    At {
        /// When it begins, once or several times. Goes with `for`.
        #[schemars(example = &"3s")]
        #[serde(rename = "at")]
        times: Times,
        /// How long it lasts each time.
        #[schemars(example = &"2s", extend("exclusiveMinimum" = 0))]
        #[serde(rename = "for")]
        length: Duration,
    },
    /// At random times, one after the other.
    Random {
        /// In place of `at` and `for`, it comes at random times: the mean time from the end of one to the beginning
        /// of the next. Goes with `lasting`.
        #[schemars(example = &"2s", extend("exclusiveMinimum" = 0))]
        every: Duration,
        /// How long one of those at random times lasts, on average.
        #[schemars(example = &"500ms", extend("exclusiveMinimum" = 0))]
        lasting: Duration,
    },
}

/// Links that are cut.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum PartitionFault {
    /// Links that are cut for a while: exactly one of `groups`, `isolate`, `one_way` and `bridge` says which, and
    /// exactly one of `for` and `until` how long.
    #[schemars(extend("examples" = [{ "at": "2s", "for": "1s", "groups": [["n0"], ["n1", "n2"]] }]))]
    Partition {
        /// When it begins.
        #[schemars(example = &"2s")]
        at: Duration,
        /// When it ends.
        #[serde(flatten)]
        end: End,
        /// Which links.
        #[serde(flatten)]
        shape: Shape,
    },
    /// Partitions at random times between random nodes, one after the other until the workload ends.
    #[schemars(extend("examples" = [{ "every": "2s", "lasting": "500ms" }]))]
    RandomPartition {
        /// Mean time from the end of one to the beginning of the next.
        #[schemars(example = &"2s", extend("exclusiveMinimum" = 0))]
        every: Duration,
        /// How long one lasts, on average.
        #[schemars(example = &"500ms", extend("exclusiveMinimum" = 0))]
        lasting: Duration,
        /// Which shapes there are, each equally likely; all when left out.
        #[schemars(extend("minItems" = 1, "uniqueItems" = true))]
        shapes: Option<Vec<RandomShape>>,
    },
}

/// When a partition ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum End {
    /// After a while.
    For {
        /// How long it lasts.
        #[schemars(example = &"1s", extend("exclusiveMinimum" = 0))]
        #[serde(rename = "for")]
        length: Duration,
    },
    /// At a time.
    Until {
        /// When it ends, counted from the beginning of the run.
        #[schemars(example = &"3s")]
        until: Duration,
    },
}

impl End {
    /// When it ends, in nanoseconds, if it begins at this time.
    pub fn ns(self, at: Duration) -> u64 {
        match self {
            End::For { length } => at.ns() + length.ns(),
            End::Until { until } => until.ns(),
        }
    }
}

/// Which links a partition cuts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Shape {
    /// Nodes of different groups cannot reach each other.
    Groups {
        /// Nodes of different groups cannot reach each other; a node in no group reaches all.
        #[schemars(extend("examples" = [[["n0", "n1"], ["n2", "n3"]]]))]
        groups: Vec<Vec<NodeName>>,
    },
    /// Nodes are alone.
    Isolate {
        /// Each of these nodes is alone.
        #[schemars(extend("examples" = [["n2"]]))]
        isolate: Nodes,
    },
    /// Messages one way are lost.
    OneWay {
        /// Messages one way are lost; the other way they pass.
        one_way: OneWay,
    },
    /// One node connects two halves.
    Bridge {
        /// The lower and the upper half of the other nodes reach each other through this node only.
        #[schemars(example = &"n2")]
        bridge: NodeName,
    },
}

/// Messages one way are lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneWay {
    /// Senders.
    #[schemars(extend("examples" = [["n0"]]))]
    pub from: Nodes,
    /// Receivers.
    #[schemars(extend("examples" = [["n1"]]))]
    pub to: Nodes,
}

/// The shape of a partition whose nodes are drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(title = "shape")]
pub enum RandomShape {
    /// Two groups of random sizes.
    Halves,
    /// One node is alone.
    Isolate,
    /// One node's messages do not get out.
    OneWay,
    /// Two halves and a node between them that reaches both.
    Bridge,
}

/// Faults of single messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum MessageFault {
    /// All copies of one message are lost: either the message that spreads the value `write`, or the one with this
    /// `kind` and `id`.
    #[schemars(extend("examples" = [{ "write": 2, "to": ["n2"] }]))]
    Drop {
        /// Which message.
        #[serde(flatten)]
        message: Message,
    },
    /// One message is under way for a given time, named as in [[fault.drop]], if it is sent while clients work.
    #[schemars(extend("examples" = [{ "write": 2, "to": "n2", "takes": "80ms" }]))]
    Delay {
        /// Which message.
        #[serde(flatten)]
        message: Message,
        /// How long.
        #[schemars(example = &"80ms")]
        takes: Duration,
    },
    /// One message arrives twice, named as in [[fault.drop]].
    #[schemars(extend("examples" = [{ "write": 2, "to": "n2", "takes": "30ms" }]))]
    Duplicate {
        /// Which message.
        #[serde(flatten)]
        message: Message,
        /// How long the second copy is under way.
        #[schemars(example = &"30ms")]
        takes: Duration,
    },
}

impl MessageFault {
    /// Which message.
    pub fn message(&self) -> &Message {
        let (MessageFault::Drop { message }
        | MessageFault::Delay { message, .. }
        | MessageFault::Duplicate { message, .. }) = self;
        message
    }
}

/// A message, as a fault names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Its identity.
    #[serde(flatten)]
    pub which: WhichMessage,
    /// Only what this node sends; all senders when left out.
    #[schemars(example = &"n0")]
    pub from: Option<NodeName>,
    /// Only what is sent to these nodes; all receivers when left out.
    #[schemars(extend("examples" = [["n2"]]))]
    pub to: Option<Nodes>,
}

/// The identity of a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WhichMessage {
    /// The update of a write.
    Write {
        /// The value whose update is meant: short for `kind = "update"` with this `id`.
        #[schemars(range(min = 1, max = 9_223_372_036_854_775_807u64))]
        write: u64,
    },
    /// Any message.
    Named {
        /// The kind of message, a name from the store's list.
        #[schemars(example = &"update", title = "message")]
        kind: String,
        /// Which message of that kind.
        #[schemars(range(min = 0, max = 9_223_372_036_854_775_807u64))]
        id: u64,
    },
}

/// Nodes that join or leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum Membership {
    /// A node joins the cluster in the course of the run. Before that it is not there.
    #[schemars(extend("examples" = [{ "node": "n3", "at": "2s" }]))]
    Join,
    /// A node leaves the cluster for good.
    #[schemars(extend("examples" = [{ "node": "n3", "at": "2s" }]))]
    Leave,
}

/// Which nodes join or leave, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WhichNodes {
    /// At a set time.
    At {
        /// The node, or several. At random times they come one after the other, in random order; when left out, all but
        /// one of the cluster's.
        #[schemars(example = &"n3")]
        #[serde(rename = "node")]
        nodes: Nodes,
        /// When. Goes with `node`.
        #[schemars(example = &"2s", extend("exclusiveMinimum" = 0))]
        at: Duration,
    },
    /// At random times, each at most once, in random order. One node of the cluster, which is drawn for the run, does
    /// not, nor do those whose turn would come after the workload.
    Random {
        /// The node, or several. At random times they come one after the other, in random order; when left out, all but
        /// one of the cluster's.
        #[schemars(example = &"n3")]
        #[serde(rename = "node")]
        nodes: Option<Nodes>,
        /// In place of `at`, it happens at random times: the mean time from one node to the next (exponential). For
        /// those whose turn would come after the end it does not happen.
        #[schemars(example = &"2s", extend("exclusiveMinimum" = 0))]
        every: Duration,
    },
}
