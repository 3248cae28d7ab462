//! Faults in a scenario file.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::troubles::{
    Clock, Crash, DuplicateStorm, FullDisk, Join, Late, Leave, LossBurst, Pause, Replace, SlowDisk, SlowLink, SlowNode,
};
use crate::scenario::quantity::{DurationText, NodeName, Nodes};
use crate::scenario::source::At;

/// What goes wrong, and when.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Faults {
    /// Links that are cut for a while.
    #[serde(default)]
    pub partition: Vec<At<Partition>>,
    /// Partitions at random times, one after the other.
    #[serde(default)]
    pub random_partition: Vec<At<RandomPartition>>,
    /// Messages that are lost.
    #[serde(default)]
    pub drop: Vec<At<Drop>>,
    /// Messages that take a time of their own.
    #[serde(default)]
    pub delay: Vec<At<Delay>>,
    /// Messages that arrive twice.
    #[serde(default)]
    pub duplicate: Vec<At<Duplicate>>,
    /// Nodes that are down for a while.
    #[serde(default)]
    pub crash: Vec<At<Crash>>,
    /// Nodes that are replaced by empty ones: they are down for a while and come back without their disk.
    #[serde(default)]
    pub replace: Vec<At<Replace>>,
    /// Nodes that join the cluster in the course of the run.
    #[serde(default)]
    pub join: Vec<At<Join>>,
    /// Nodes that leave the cluster for good.
    #[serde(default)]
    pub leave: Vec<At<Leave>>,
    /// Nodes that stand still for a while and then go on.
    #[serde(default)]
    pub pause: Vec<At<Pause>>,
    /// Nodes that take time for whatever reaches them.
    #[serde(default)]
    pub slow_node: Vec<At<SlowNode>>,
    /// Disks that take longer for a while.
    #[serde(default)]
    pub slow_disk: Vec<At<SlowDisk>>,
    /// Disks that are full for a while.
    #[serde(default)]
    pub full_disk: Vec<At<FullDisk>>,
    /// Clocks that are wrong for a while.
    #[serde(default)]
    pub clock: Vec<At<Clock>>,
    /// Links on which messages take longer for a while.
    #[serde(default)]
    pub slow_link: Vec<At<SlowLink>>,
    /// Times in which more messages are lost.
    #[serde(default)]
    pub loss_burst: Vec<At<LossBurst>>,
    /// Times in which more messages arrive twice.
    #[serde(default)]
    pub duplicate_storm: Vec<At<DuplicateStorm>>,
    /// Messages that arrive very late.
    #[serde(default)]
    pub late: Vec<At<Late>>,
}

/// What a node that crashes finds on its disk when it starts again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskLossName {
    /// Every record that was written: the process dies, the machine goes on.
    #[default]
    Kept,
    /// Every record that was synced, see `disk.sync`: the power fails.
    TailLost,
    /// Every record that was synced but the last one, which is torn, so that the replica drops it.
    Torn,
    /// Nothing: the node comes back as a new incarnation.
    Lost,
}

/// Links that are cut for a while: exactly one of `groups`, `isolate`, `one_way` and `bridge` says which, and
/// exactly one of `for` and `until` how long.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// When it begins.
    #[schemars(example = &"2s")]
    pub at: At<DurationText>,
    /// How long it lasts.
    #[serde(rename = "for")]
    #[schemars(example = &"1s")]
    pub lasting: Option<At<DurationText>>,
    /// When it ends, counted from the beginning of the run.
    #[schemars(example = &"3s")]
    pub until: Option<At<DurationText>>,
    /// Nodes of different groups cannot reach each other; a node in no group reaches all.
    #[schemars(example = [["n0", "n1"], ["n2", "n3"]])]
    pub groups: Option<At<Groups>>,
    /// Each of these nodes is alone.
    #[schemars(example = ["n2"])]
    pub isolate: Option<At<Nodes>>,
    /// Messages one way are lost; the other way they pass.
    pub one_way: Option<At<OneWay>>,
    /// The lower and the upper half of the other nodes reach each other through this node only.
    #[schemars(example = &"n2")]
    pub bridge: Option<At<NodeName>>,
}

/// Lists of nodes.
pub type Groups = Vec<At<Vec<At<NodeName>>>>;

/// Messages one way are lost.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OneWay {
    /// Senders.
    #[schemars(example = ["n0"])]
    pub from: At<Nodes>,
    /// Receivers.
    #[schemars(example = ["n1"])]
    pub to: At<Nodes>,
}

/// Partitions at random times between random nodes, one after the other until the workload ends.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RandomPartition {
    /// Mean time from the end of one to the beginning of the next.
    #[schemars(example = &"2s")]
    pub every: At<DurationText>,
    /// How long one lasts, on average.
    #[schemars(example = &"500ms")]
    pub lasting: At<DurationText>,
    /// Which shapes there are, each equally likely; all when left out.
    pub shapes: Option<At<Vec<At<ShapeName>>>>,
}

/// The shape of a partition whose nodes are drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ShapeName {
    /// Two groups of random sizes.
    Halves,
    /// One node is alone.
    Isolate,
    /// One node's messages do not get out.
    OneWay,
    /// Two halves and a node between them that reaches both.
    Bridge,
}

/// Defines a fault of one message. Flattened fields would lose their places, so each has them all.
macro_rules! of_a_message {
    ($(#[$comment:meta])* $name:ident { $($(#[$extra_comment:meta])* $extra:ident: $type:ty),* }) => {
        $(#[$comment])*
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            /// The value whose update is meant: short for `kind = "update"` with this `id`.
            #[schemars(range(min = 1, max = 9_223_372_036_854_775_807u64))]
            pub write: Option<At<u64>>,
            /// The kind of message, a name from the store's list.
            #[schemars(example = &"update")]
            pub kind: Option<At<String>>,
            /// Which message of that kind.
            #[schemars(range(min = 0, max = 9_223_372_036_854_775_807u64))]
            pub id: Option<At<u64>>,
            /// Only what this node sends; all senders when left out.
            #[schemars(example = &"n0")]
            pub from: Option<At<NodeName>>,
            /// Only what is sent to these nodes; all receivers when left out.
            #[schemars(example = ["n2"])]
            pub to: Option<At<Nodes>>,
            $($(#[$extra_comment])* pub $extra: $type,)*
        }

        impl $name {
            /// Which message.
            pub fn message(&self) -> Message<'_> {
                Message { write: &self.write, kind: &self.kind, id: &self.id, from: &self.from, to: &self.to }
            }
        }
    };
}

/// The fields that name a message.
pub struct Message<'a> {
    pub write: &'a Option<At<u64>>,
    pub kind: &'a Option<At<String>>,
    pub id: &'a Option<At<u64>>,
    pub from: &'a Option<At<NodeName>>,
    pub to: &'a Option<At<Nodes>>,
}

of_a_message!(
    /// All copies of one message are lost: either the message that spreads the value `write`, or the one with this
    /// `kind` and `id`.
    Drop {}
);
of_a_message!(
    /// One message is so long under way, named as in [[fault.drop]], if it is sent while clients work.
    Delay {
        /// How long.
        #[schemars(example = &"80ms")]
        takes: At<DurationText>
    }
);
of_a_message!(
    /// One message arrives twice, named as in [[fault.drop]].
    Duplicate {
        /// How long the second copy is under way.
        #[schemars(example = &"30ms")]
        takes: At<DurationText>
    }
);
