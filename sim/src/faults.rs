//! Faults of single nodes and links: the same values in scenarios and plans.

use kvsim_checkers::trace::NodeId;
use serde::{Deserialize, Serialize};

use crate::net::{Delay, Ratio};

/// What a node that crashes finds on its disk when it starts again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskLoss {
    /// Every record that was written: the process dies, the machine does not.
    Kept,
    /// Every record that was [synced](crate::plan::DiskPlan::sync_ns): the power fails.
    TailLost,
    /// Every record that was synced but the last one, which is torn: the replica finds half of it, and drops it.
    Torn,
    /// Nothing; the node comes back as a new incarnation.
    Lost,
}

/// What happens to one node while a fault lasts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum NodeFault {
    /// It is down: messages to it are lost, calls to it are not answered.
    Crash {
        /// What becomes of its disk.
        disk: DiskLoss,
    },
    /// It does not belong to the cluster yet, and joins when the fault ends. Begins with the run.
    Absent,
    /// It leaves the cluster, and does not come back when the fault ends.
    Left,
    /// It stands still: messages, timers, calls and what its disk has made durable wait, and are taken up in their
    /// order when it goes on.
    Pause,
    /// It takes up one input after the other, each so long after the last one, or after it came: then its state
    /// changes and its outputs leave.
    Slow {
        /// For one input, in nanoseconds.
        step_ns: u64,
    },
    /// Its disk takes so long for a record.
    SlowDisk {
        /// From the append of a record until it is written, in nanoseconds.
        write_ns: u64,
    },
    /// Its disk is full: records are written when there is room again, and what follows from one waits.
    FullDisk,
    /// Its clock is wrong.
    Clock {
        /// How far it is ahead when the fault begins, in nanoseconds; behind when negative.
        offset_ns: i64,
        /// How much it gains, in parts per million; loses when negative. Its timers are as wrong.
        drift_ppm: i32,
    },
}

/// What happens to messages on a link while a fault lasts. Their fate is decided when they are sent, for each fault
/// on its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum LinkFault {
    /// All are under way for longer.
    Slow {
        /// By so much.
        delay: Delay,
    },
    /// More are lost.
    Loss {
        /// Such a share of those that are left.
        share: Ratio,
    },
    /// More arrive twice.
    Duplicates {
        /// Such a share.
        share: Ratio,
    },
    /// Some arrive very late.
    Late {
        /// Such a share.
        share: Ratio,
        /// By so much.
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

/// True when a fault of links from `from` to `to`, where no names mean all, concerns this link.
pub fn concerns(from: &[NodeId], to: &[NodeId], sender: NodeId, receiver: NodeId) -> bool {
    (from.is_empty() || from.contains(&sender)) && (to.is_empty() || to.contains(&receiver))
}

/// The largest drift of a clock, in parts per million: a clock never stands still.
pub const DRIFT_PPM_MAX: u32 = 500_000;

/// The largest offset of a clock, in nanoseconds: sums of times stay far from the end of 64 bits.
pub const OFFSET_NS_MAX: u64 = 100 * 366 * 24 * 3_600 * 1_000_000_000;
