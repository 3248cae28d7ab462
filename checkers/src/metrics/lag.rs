//! How far replicas are behind.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use super::{Distributions, Merge};
use crate::facts::Facts;
use crate::facts::order::Seen;
use crate::trace::{Conflict, NodeId, What};

/// What a replica lacks at the end of each window: acknowledged writes to keys that it is to hold, where neither the
/// record has arrived nor that of a write that had seen it. What it had when it went down counts until it is up again.
/// Where a write replaces whatever its replica holds, one that was replaced there counts no longer: no replica will get it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// How many writes.
    pub writes: Distributions,
    /// For how long the first of them has been acknowledged, in nanoseconds; 0 when there is none.
    pub age_ns: Distributions,
}

impl Merge for Lag {
    fn merge_with(&mut self, other: &Lag) {
        self.writes.merge_with(&other.writes);
        self.age_ns.merge_with(&other.age_ns);
    }
}

pub(super) fn of(facts: &Facts<'_>, seen: &Seen, window_ns: u64) -> BTreeMap<NodeId, Lag> {
    let header = facts.header();
    let mut walk = LagWalk {
        facts,
        seen,
        arrived: vec![vec![0; seen.lines.len()]; usize::from(header.nodes)],
        behind: vec![BTreeSet::new(); usize::from(header.nodes)],
        states: vec![Acknowledgement::Open; facts.writes.len()],
        known_ever: FxHashSet::default(),
        own: FxHashMap::default(),
        all: NodeId::all(header.nodes).map(|node| (node, Lag::default())).collect(),
    };
    let mut from_ns = 0;
    for (place, event) in facts.recording.events.iter().enumerate() {
        while event.at_ns >= from_ns + window_ns && from_ns + window_ns < header.end_ns {
            walk.window_ends(from_ns, window_ns, from_ns + window_ns);
            from_ns += window_ns;
        }
        match event.what {
            What::Answered { op } => walk.acknowledge(op, place),
            What::Known { write } => walk.known(event.node, facts.number(write, place)),
            What::Up { .. } => walk.up(event.node),
            _ => {}
        }
    }
    while from_ns < header.end_ns {
        walk.window_ends(from_ns, window_ns, header.end_ns.min(from_ns + window_ns));
        from_ns += window_ns;
    }
    walk.all
}

struct LagWalk<'a, 'b> {
    facts: &'b Facts<'a>,
    seen: &'b Seen,
    /// By node and line: how many of its writes have arrived, or are overwritten by what has.
    arrived: Vec<Vec<u32>>,
    /// By node, what it lacks: the place of the answer, and the write.
    behind: Vec<BTreeSet<(usize, u32)>>,
    /// By write.
    states: Vec<Acknowledgement>,
    /// Writes that were known somewhere, where a write replaces what is held.
    known_ever: FxHashSet<(NodeId, u32)>,
    /// By node and key: what the node took in and holds, where a write replaces what is held.
    own: FxHashMap<(NodeId, u32), Vec<u32>>,
    all: BTreeMap<NodeId, Lag>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Acknowledgement {
    Open,
    /// With the place of the answer.
    Acknowledged(usize),
    Replaced,
}

impl LagWalk<'_, '_> {
    fn acknowledge(&mut self, op: u32, place: usize) {
        let operation = self.facts.operations.get(op);
        let Some(write) = operation.and_then(|operation| self.facts.number(operation.write?, place)) else { return };
        let known = self.seen.places[write as usize].is_some() && self.facts.write(write).op == op;
        if known && self.states[write as usize] == Acknowledgement::Open {
            self.states[write as usize] = Acknowledgement::Acknowledged(place);
            NodeId::all(self.behind.len() as u16).for_each(|node| self.owe(node, write));
        }
    }

    /// The replica lacks the write, if it does.
    fn owe(&mut self, node: NodeId, write: u32) {
        let Acknowledgement::Acknowledged(place) = self.states[write as usize] else { return };
        let Some((line, position)) = self.seen.places[write as usize] else { return };
        let holds = self.facts.header().holds(node, self.facts.write(write).key);
        if holds && self.arrived[node.index()][line as usize] < position {
            self.behind[node.index()].insert((place, write));
        }
    }

    fn known(&mut self, node: NodeId, write: Option<u32>) {
        let Some(write) = write.filter(|write| self.seen.places[*write as usize].is_some()) else { return };
        for (line, up_to) in &self.seen.up_to[write as usize] {
            let arrived = &mut self.arrived[node.index()][*line as usize];
            for position in *arrived..*up_to {
                let write = self.seen.lines[*line as usize][position as usize];
                if let Acknowledgement::Acknowledged(place) = self.states[write as usize] {
                    self.behind[node.index()].remove(&(place, write));
                }
            }
            *arrived = (*arrived).max(*up_to);
        }
        // What a replica that starts knows from its disk replaces nothing.
        if self.facts.header().conflict == Conflict::LastWriterWins && self.known_ever.insert((node, write)) {
            self.replace(node, write);
        }
    }

    /// The node holds this write now, and no longer what it took in before.
    fn replace(&mut self, node: NodeId, write: u32) {
        let info = self.facts.write(write);
        let own = self.own.entry((node, info.key)).or_default();
        let replaced = std::mem::take(own);
        if info.id.node() == node {
            own.push(write);
        }
        for write in replaced {
            let state = std::mem::replace(&mut self.states[write as usize], Acknowledgement::Replaced);
            if let Acknowledgement::Acknowledged(place) = state {
                for behind in &mut self.behind {
                    behind.remove(&(place, write));
                }
            }
        }
    }

    /// What the replica still knows it announces again.
    fn up(&mut self, node: NodeId) {
        self.arrived[node.index()].fill(0);
        (0..self.states.len() as u32).for_each(|write| self.owe(node, write));
    }

    fn window_ends(&mut self, from_ns: u64, window_ns: u64, at_ns: u64) {
        for (node, behind) in (0..).map(NodeId).zip(&self.behind) {
            let lag = self.all.get_mut(&node).expect("all nodes are there");
            let first = behind.first().map(|(place, _)| self.facts.event(*place).at_ns);
            lag.writes.at(from_ns, window_ns).add(behind.len() as u64);
            lag.age_ns.at(from_ns, window_ns).add(first.map_or(0, |first| at_ns - first));
        }
    }
}
