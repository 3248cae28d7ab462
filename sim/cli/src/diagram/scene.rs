//! What a diagram shows.

use std::collections::BTreeMap;

use kvsim_checkers::trace::NodeId;

/// What is drawn, by time.
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
    /// Times at which a node is down or stands still.
    pub spells: Vec<Spell>,
    /// Faults of the network.
    pub bands: Vec<Band>,
    /// Messages that changed nothing and are not drawn.
    pub left_out: usize,
    /// By node: what reads return at the end.
    pub ends: Vec<Vec<String>>,
}

/// One moment.
#[derive(Default)]
pub struct Row {
    /// By node, from the top. Where a session asks something they stand above the moment, since messages leave downwards;
    /// elsewhere below it, since messages come from above.
    pub labels: BTreeMap<NodeId, Vec<Label>>,
    /// Where sessions ask something.
    pub points: Vec<(NodeId, Point)>,
    /// A message is lost on its way, which takes room.
    pub loses: bool,
}

/// Text beside a replica's line.
pub struct Label {
    pub text: String,
    pub style: Style,
}

/// What a text is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Style {
    Operation,
    /// An operation that a finding names.
    Found,
    /// A version appears or disappears.
    Shown,
    Message,
    Lost,
    /// A trouble of the node.
    Trouble,
}

/// An operation's place on a line.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Point {
    Usual,
    /// A finding names it.
    Named,
    /// It explains a finding best.
    Found,
}

/// A message.
pub struct Arrow {
    pub from: NodeId,
    pub to: NodeId,
    pub sent_ns: u64,
    /// When it arrives, or is lost.
    pub until_ns: u64,
    pub kind: ArrowKind,
    /// What it was and what became of it.
    pub said: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ArrowKind {
    /// It carries a write from the replica that took it in, or a client's call.
    Direct,
    /// It is a part of repair.
    Repair,
    /// It arrived before.
    Again,
    /// It changed nothing.
    Idle,
    Lost,
}

/// A node does not work.
pub struct Spell {
    pub node: NodeId,
    pub from_ns: u64,
    pub until_ns: u64,
    /// Otherwise it stands still.
    pub is_down: bool,
}

/// A fault of the network.
pub struct Band {
    pub text: String,
    pub from_ns: u64,
    pub until_ns: u64,
    pub is_partition: bool,
}

impl Row {
    /// The labels of `node` stand above the moment.
    pub fn is_above(&self, node: NodeId) -> bool {
        self.points.iter().any(|(other, _)| *other == node)
    }

    /// The most lines of labels that stand above, or below.
    pub fn lines(&self, above: bool) -> u32 {
        let labels = self.labels.iter().filter(|(node, _)| self.is_above(**node) == above);
        labels.map(|(_, labels)| labels.len()).max().unwrap_or(0) as u32
    }
}

impl Scene {
    /// The moment, which has a row from now on.
    pub fn row(&mut self, at_ns: u64) -> &mut Row {
        self.rows.entry(at_ns).or_default()
    }

    /// One more text beside a replica's line.
    pub fn label(&mut self, at_ns: u64, node: NodeId, style: Style, text: String) {
        self.row(at_ns).labels.entry(node).or_default().push(Label { text, style });
    }
}
