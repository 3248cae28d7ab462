//! What replicas and the network report in a run, for people: no verdict follows from it.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::trace::{Level, LostBy, NodeId, What};
use serde::Serialize;

#[derive(Clone, Debug, Default)]
pub struct SelfReports {
    /// How often, and the longest, by the replica that is behind, the origin of the writes that wait, and the level.
    lags: BTreeMap<(NodeId, NodeId, Level), (u64, u64)>,
    /// How often, by node.
    overflows: BTreeMap<NodeId, u64>,
    /// Faults that have taken a message.
    pub took: BTreeSet<u16>,
}

/// A level of a replica fell behind what had arrived from a node; heartbeats tell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Lag {
    /// The replica that was behind.
    pub node: NodeId,
    /// Whose writes had arrived and could not be shown.
    pub origin: NodeId,
    pub level: Level,
    /// How often the replica noticed: once per heartbeat while it lasts.
    pub times: u64,
    /// The longest that the oldest heartbeat had waited.
    pub longest_seconds: f64,
}

/// A replica had no room for writes that had to wait for their turn.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Overflow {
    pub node: NodeId,
    /// How often a write was dropped, to be asked for again.
    pub times: u64,
}

impl SelfReports {
    /// Takes what a replica says at `node`.
    pub fn take(&mut self, node: NodeId, what: &What) {
        match *what {
            What::Lagging { level, origin, behind_ns } => {
                let (times, longest_ns) = self.lags.entry((node, origin, level)).or_default();
                *times += 1;
                *longest_ns = behind_ns.max(*longest_ns);
            }
            What::Lost { by: LostBy::Fault(fault), .. } => drop(self.took.insert(fault)),
            What::Overflowed { .. } => *self.overflows.entry(node).or_default() += 1,
            _ => {}
        }
    }

    /// The longest first.
    pub fn lags(&self) -> Vec<Lag> {
        let mut lags: Vec<_> = self.lags.iter().collect();
        lags.sort_by_key(|(who, (_, longest_ns))| (std::cmp::Reverse(*longest_ns), **who));
        let lag = |(&(node, origin, level), &(times, longest_ns)): (&(NodeId, NodeId, Level), &(u64, u64))| Lag {
            node,
            origin,
            level,
            times,
            longest_seconds: longest_ns as f64 / 1e9,
        };
        lags.into_iter().map(lag).collect()
    }

    /// The most frequent first.
    pub fn overflows(&self) -> Vec<Overflow> {
        let mut overflows: Vec<Overflow> =
            self.overflows.iter().map(|(node, times)| Overflow { node: *node, times: *times }).collect();
        overflows.sort_by_key(|overflow| (std::cmp::Reverse(overflow.times), overflow.node));
        overflows
    }
}
