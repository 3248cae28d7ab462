//! What a diagram shows.

use std::collections::BTreeMap;

use kvsim_checkers::trace::NodeId;

use crate::draw::Kind;

/// What is drawn, by time.
#[derive(Default)]
pub struct Scene {
    /// What the run is.
    pub title: String,
    /// Which part of the run is drawn, and why, where it is not all.
    pub part: Option<String>,
    /// What was found in it.
    pub findings: Vec<String>,
    pub nodes: u16,
    /// The moments at which something happens.
    pub rows: BTreeMap<u64, Row>,
    pub arrows: Vec<Arrow>,
    /// Operations that take time: node, from, to.
    pub waits: Vec<(NodeId, u64, u64)>,
    /// When nodes are down or paused.
    pub downtimes: Vec<Downtime>,
    /// Faults of the network.
    pub faults: Vec<FaultSpan>,
    /// Messages that changed nothing and are not drawn.
    pub left_out: usize,
    /// By node: what reads return at the end, and what is found there.
    pub ends: Vec<Vec<Label>>,
}

#[derive(Default)]
pub struct Row {
    /// By node, from the top. Where an operation is invoked they stand above the moment, since messages leave downwards;
    /// elsewhere below it, since messages come from above.
    pub labels: BTreeMap<NodeId, Vec<Label>>,
    /// Where operations are invoked.
    pub points: Vec<(NodeId, Kind)>,
    /// A message is lost on its way, which takes room.
    pub loses: bool,
}

/// Text beside a replica's line.
#[derive(Clone)]
pub struct Label {
    pub text: String,
    pub kind: Kind,
}

pub struct Arrow {
    pub from: NodeId,
    pub to: NodeId,
    pub sent_ns: u64,
    /// When it arrives, or is lost.
    pub until_ns: u64,
    pub kind: Kind,
    /// What it was and what became of it.
    pub text: String,
}

pub struct Downtime {
    pub kind: Kind,
    pub node: NodeId,
    pub from_ns: u64,
    pub until_ns: u64,
}

/// A fault of the network: a partition, or one of links.
pub struct FaultSpan {
    pub kind: Kind,
    pub text: String,
    pub from_ns: u64,
    pub until_ns: u64,
}

impl Row {
    /// The labels of `node` stand above the moment.
    pub fn is_above(&self, node: NodeId) -> bool {
        self.points.iter().any(|(other, _)| *other == node)
    }

    /// The most lines of labels that stand above, or below.
    pub fn lines(&self, above: bool) -> i32 {
        let labels = self.labels.iter().filter(|(node, _)| self.is_above(**node) == above);
        labels.map(|(_, labels)| labels.len()).max().unwrap_or(0) as i32
    }
}

impl Scene {
    /// The moment, which has a row from now on.
    pub fn row(&mut self, at_ns: u64) -> &mut Row {
        self.rows.entry(at_ns).or_default()
    }

    /// One more text beside a replica's line.
    pub fn label(&mut self, at_ns: u64, node: NodeId, kind: Kind, text: String) {
        self.row(at_ns).labels.entry(node).or_default().push(Label { text, kind });
    }
}
