//! Faults of single nodes and links: the same values in scenarios and plans.

use std::fmt;

use kvsim_checkers::trace::NodeId;
use kvsim_store::settings::Hardship;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::net::{Delay, Ratio};
use crate::quantity::Duration;

/// What a node that crashes finds on its disk when it starts again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DiskLoss {
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

/// What happens to one node while a fault lasts. In a scenario it stands in a table of this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum NodeFault {
    /// A node is down for a while: what is sent to it is lost, calls to it time out, and what it had not written to its
    /// disk is gone. Then it starts with what its disk has.
    #[schemars(extend("examples" = [{ "node": "n1", "at": ["1s", "4s"], "for": "500ms", "disk": "kept" }]))]
    Crash {
        /// What its disk has then.
        #[serde(default)]
        disk: DiskLoss,
    },
    /// A node is replaced by an empty one, a new incarnation: it is down for a while, and its disk is lost.
    #[schemars(extend("examples" = [{ "node": "n1", "at": "3s", "for": "1s" }]))]
    Replace,
    /// It does not belong to the cluster yet, and joins when the fault ends. Begins with the run. A scenario gives only the
    /// time at which it joins.
    #[serde(rename = "join")]
    Absent,
    /// It leaves the cluster, and does not come back when the fault ends. A scenario gives only the time at which it leaves.
    #[serde(rename = "leave")]
    Left,
    /// A node stands still for a while: what reaches it waits and is taken up in order when it goes on.
    #[schemars(extend("examples" = [{ "every": "2s", "lasting": "300ms" }]))]
    Pause,
    /// A node takes up one message, timer or call after the other, each `step` after the one before, or after it came.
    #[schemars(extend("examples" = [{ "node": "n1", "at": "1s", "for": "2s", "step": "5ms" }]))]
    SlowNode {
        /// How long each takes.
        #[schemars(example = &"5ms", extend("exclusiveMinimum" = 0))]
        step: Duration,
    },
    /// A node's disk takes longer for a while.
    #[schemars(extend("examples" = [{ "node": "n1", "at": "1s", "for": "2s", "write": "50ms" }]))]
    SlowDisk {
        /// Time until a record is written.
        #[schemars(example = &"50ms", extend("exclusiveMinimum" = 0))]
        write: Duration,
    },
    /// A node's disk is full for a while: records wait until there is room, and what follows from one waits for it.
    #[schemars(extend("examples" = [{ "node": "n1", "at": "1s", "for": "500ms" }]))]
    FullDisk,
    /// A node's clock is wrong for a while, and right again afterwards: at least one of `ahead`, `behind`, `fast` and
    /// `slow`. Timers of a clock that is fast or slow are as wrong.
    #[schemars(extend("examples" = [{ "node": "n1", "at": "1s", "for": "3s", "ahead": "2s", "fast": "0.1%" }]))]
    Clock {
        /// How far it is ahead at first.
        #[schemars(example = &"200ms")]
        ahead: Option<Duration>,
        /// How far it is behind at first. It shows no time before the beginning of the run.
        #[schemars(example = &"200ms")]
        behind: Option<Duration>,
        /// How much it gains, to a millionth.
        #[schemars(example = &"0.1%")]
        fast: Option<Ratio>,
        /// How much it loses, to a millionth.
        #[schemars(example = &"0.1%")]
        slow: Option<Ratio>,
    },
}

impl NodeFault {
    /// What becomes of the disk of a node that the fault has down; absent when the node stays up.
    pub fn disk_loss(&self) -> Option<DiskLoss> {
        match self {
            NodeFault::Crash { disk } => Some(*disk),
            NodeFault::Replace | NodeFault::Absent | NodeFault::Left => Some(DiskLoss::Lost),
            _ => None,
        }
    }

    /// What a store may declare that it is not made for.
    pub fn hardship(&self) -> Option<Hardship> {
        match self {
            NodeFault::Absent | NodeFault::Left => Some(Hardship::Members),
            _ => (self.disk_loss() == Some(DiskLoss::Lost)).then_some(Hardship::LostDisks),
        }
    }

    /// A clock's error: how far it is ahead at first, in nanoseconds, and how much it gains, in parts per million; both
    /// negative for the other way. Absent when the fault is another one.
    pub fn clock_error(&self) -> Option<(i64, i32)> {
        let NodeFault::Clock { ahead, behind, fast, slow } = self else { return None };
        let ns = |time: &Option<Duration>| time.map_or(0, |time| time.ns().min(i64::MAX as u64) as i64);
        let ppm = |share: &Option<Ratio>| share.map_or(0, |share| (share.billionths() / 1_000) as i32);
        Some((ns(ahead) - ns(behind), ppm(fast) - ppm(slow)))
    }
}

/// The kind of the fault and its fields, in words.
impl fmt::Display for NodeFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words(self, f)
    }
}

/// What happens to messages on a link while a fault lasts. Their fate is decided when they are sent, for each fault
/// on its own. In a scenario it stands in a table of this name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "fault", rename_all = "snake_case")]
pub enum LinkFault {
    /// Messages on some links take longer for a while.
    #[serde(rename = "slow_link")]
    #[schemars(extend("examples" = [{ "from": "n0", "at": "1s", "for": "2s", "delay": "100ms..300ms" }]))]
    Slow {
        /// How much longer.
        delay: Delay,
    },
    /// For a while more messages are lost.
    #[serde(rename = "loss_burst")]
    #[schemars(extend("examples" = [{ "every": "1s", "lasting": "200ms", "loss": "80%" }]))]
    Loss {
        /// Share of those that are not lost anyway.
        #[serde(rename = "loss")]
        share: Ratio,
    },
    /// For a while more messages arrive twice, the second time with a delay of its own.
    #[serde(rename = "duplicate_storm")]
    #[schemars(extend("examples" = [{ "at": "1s", "for": "2s", "duplicate": "90%" }]))]
    Duplicates {
        /// Share of messages.
        #[serde(rename = "duplicate")]
        share: Ratio,
    },
    /// For a while some messages are delayed very much, perhaps into the settling phase or beyond a crash.
    #[schemars(extend("examples" = [{ "at": "0s", "for": "3s", "share": "5%", "delay": "1s..5s" }]))]
    Late {
        /// Share of messages; each copy of one on its own.
        share: Ratio,
        /// How much later.
        delay: Delay,
    },
}

impl LinkFault {
    /// By how much it delays messages.
    pub fn delay(&self) -> Option<&Delay> {
        match self {
            LinkFault::Slow { delay } | LinkFault::Late { delay, .. } => Some(delay),
            LinkFault::Loss { .. } | LinkFault::Duplicates { .. } => None,
        }
    }
}

/// The kind of the fault and its fields, in words.
impl fmt::Display for LinkFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        words(self, f)
    }
}

/// `slow node, step 5ms`.
fn words(fault: &impl Serialize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let Ok(Value::Object(fields)) = serde_json::to_value(fault) else { return Err(fmt::Error) };
    f.write_str(&fields["fault"].as_str().unwrap_or_default().replace('_', " "))?;
    let mut others = fields.iter().filter(|(name, value)| *name != "fault" && !value.is_null());
    others.try_for_each(|(name, value)| write!(f, ", {name} {}", value.as_str().unwrap_or_default()))
}

/// True when a fault of links from `from` to `to`, where no names mean all, concerns this link.
pub fn concerns(from: &[NodeId], to: &[NodeId], sender: NodeId, receiver: NodeId) -> bool {
    (from.is_empty() || from.contains(&sender)) && (to.is_empty() || to.contains(&receiver))
}

/// The largest drift of a clock, in parts per million: a clock never stands still.
pub const DRIFT_PPM_MAX: u32 = 500_000;

/// The largest offset of a clock, in nanoseconds: sums of times stay far from the end of 64 bits.
pub const OFFSET_NS_MAX: u64 = 100 * 366 * 24 * 3_600 * 1_000_000_000;
