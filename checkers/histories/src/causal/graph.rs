//! Causal order, as vector clocks.

use kvsim_checkers::Expired;
use kvsim_checkers::history::{Ending, History, Kind, NOTHING, SEVERAL};
use kvsim_checkers::register::Writers;

/// No node.
pub(super) const NONE: u32 = u32::MAX;
/// In place of a node that a read read: the state before all writes.
pub(super) const INITIAL: u32 = u32::MAX - 1;

/// More entries of clocks than this take too much memory.
const ENTRIES_MAX: usize = 400 << 20;

/// An operation that matters: a write that took place, or an answered read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Its place in the history.
    pub(super) op: u32,
    pub(super) key: u32,
    pub(super) is_read: bool,
    /// What it read, INITIAL, or NONE if that is not known. NONE for writes.
    pub(super) source: u32,
    /// Operations follow each other in chains: sessions, and by themselves the writes of unknown outcome after which their
    /// session went on.
    pub(super) chain: u32,
    pub(super) position: u32,
    /// What its session did before.
    pub(super) before: u32,
}

pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) chains: Vec<Vec<u32>>,
    /// By node and chain: how many nodes of the chain come before or are it.
    clocks: Vec<u32>,
    /// Writes sorted by key, chain and position; where those of each key are.
    pub(super) writes: Vec<u32>,
    pub(super) by_key: Vec<std::ops::Range<u32>>,
    /// Nodes that come before themselves, and those that follow.
    pub(super) cyclic: Vec<u32>,
}

/// Why there is no graph.
pub(super) enum Refused {
    TooLarge,
    GaveUp,
}

impl Graph {
    pub(super) fn of(history: &History, writers: &Writers, expired: Expired<'_>) -> Result<Graph, Refused> {
        let ops = history.ops();
        let mut is_read = vec![false; history.values()];
        for op in ops.iter().filter(|op| op.is_answered_read() && op.value != NOTHING && op.value != SEVERAL) {
            is_read[op.value as usize] = true;
        }
        let is_deleted = is_deleted(history);
        let mut nodes: Vec<Node> = Vec::with_capacity(ops.len());
        let mut chains: Vec<Vec<u32>> = vec![Vec::new(); history.sessions() as usize];
        let mut node_of = vec![NONE; ops.len()];
        for session in 0..history.sessions() {
            let range = history.session(session);
            let mut before = NONE;
            for place in range.clone() {
                let op = &ops[place as usize];
                let took_place = match op.kind {
                    Kind::Read => op.ending == Ending::Ok,
                    Kind::Write => {
                        op.ending == Ending::Ok
                            || op.ending == Ending::Indeterminate
                                && op.value != NOTHING
                                && is_read[op.value as usize]
                                && writers.only(op.value) == Some(place)
                    }
                };
                if !took_place {
                    continue;
                }
                let is_late = op.ending == Ending::Indeterminate && place + 1 < range.end;
                let chain = if is_late { chains.len() } else { session as usize };
                if is_late {
                    chains.push(Vec::new());
                }
                let number = nodes.len() as u32;
                let position = chains[chain].len() as u32;
                let is_read = op.kind == Kind::Read;
                let chain = chain as u32;
                nodes.push(Node { op: place, key: op.key, is_read, source: NONE, chain, position, before });
                chains[chain as usize].push(number);
                node_of[place as usize] = number;
                if !is_late {
                    before = number;
                }
            }
        }
        for node in nodes.iter_mut().filter(|node| node.is_read) {
            node.source = match ops[node.op as usize].value {
                NOTHING if is_deleted[node.key as usize] => NONE,
                NOTHING => INITIAL,
                SEVERAL => NONE,
                value => writers.only(value).map_or(NONE, |writer| node_of[writer as usize]),
            };
        }
        if nodes.len().saturating_mul(chains.len()) > ENTRIES_MAX {
            return Err(Refused::TooLarge);
        }
        let (writes, by_key) = sorted_writes(&nodes, history.keys());
        let mut graph = Graph { nodes, chains, clocks: Vec::new(), writes, by_key, cyclic: Vec::new() };
        graph.set_clocks(expired)?;
        Ok(graph)
    }

    /// The first causally precedes the second.
    pub(super) fn precedes(&self, first: u32, second: u32) -> bool {
        let Node { chain, position, .. } = self.nodes[first as usize];
        first != second && self.clock(second, chain) > position
    }

    /// How many nodes of a chain causally precede a node or are it.
    pub(super) fn clock(&self, node: u32, chain: u32) -> u32 {
        self.clocks[node as usize * self.chains.len() + chain as usize]
    }

    /// What a read read, if that is a node.
    pub(super) fn source(&self, node: u32) -> Option<u32> {
        Some(self.nodes[node as usize].source).filter(|source| *source < INITIAL)
    }

    /// What comes directly before a node.
    pub(super) fn predecessors(&self, node: u32) -> impl Iterator<Item = u32> {
        let before = Some(self.nodes[node as usize].before).filter(|before| *before != NONE);
        before.into_iter().chain(self.source(node))
    }

    fn set_clocks(&mut self, expired: Expired<'_>) -> Result<(), Refused> {
        let width = self.chains.len();
        let mut clocks = vec![0; self.nodes.len() * width];
        let mut done = 0;
        let cyclic = peel(self.nodes.len(), self.edges().collect(), |node| {
            let start = node as usize * width;
            for predecessor in self.predecessors(node) {
                let from = predecessor as usize * width;
                for entry in 0..width {
                    clocks[start + entry] = clocks[start + entry].max(clocks[from + entry]);
                }
            }
            let Node { chain, position, .. } = self.nodes[node as usize];
            clocks[start + chain as usize] = position + 1;
            done += 1;
            done % 1024 != 0 || !expired()
        });
        self.cyclic = cyclic.ok_or(Refused::GaveUp)?;
        self.clocks = clocks;
        Ok(())
    }

    /// All pairs of a node and one that directly follows.
    pub(super) fn edges(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..self.nodes.len() as u32).flat_map(|node| self.predecessors(node).map(move |before| (before, node)))
    }

    /// Operations by which the first causally precedes the second, both among them.
    pub(super) fn path(&self, first: u32, second: u32, path: &mut Vec<u32>) {
        let origin = self.nodes[first as usize];
        let mut at = second;
        loop {
            path.push(at);
            let node = self.nodes[at as usize];
            if at == first {
                return;
            }
            if node.chain == origin.chain {
                path.push(first);
                return;
            }
            // Where it came into this chain.
            let chain = &self.chains[node.chain as usize][..=node.position as usize];
            let entry = chain[chain.partition_point(|node| self.clock(*node, origin.chain) <= origin.position)];
            if entry != at {
                path.push(entry);
            }
            let came = |node: &u32| *node == first || self.precedes(first, *node);
            let Some(next) = self.source(entry).filter(came).or(Some(self.nodes[entry as usize].before)) else {
                return;
            };
            if next == NONE {
                return;
            }
            at = next;
        }
    }
}

/// Visits nodes such that each comes after all from which an edge leads to it, and returns those that are left over, since
/// they follow themselves. Nothing if a visit asks to stop.
pub(super) fn peel(nodes: usize, mut edges: Vec<(u32, u32)>, mut visit: impl FnMut(u32) -> bool) -> Option<Vec<u32>> {
    edges.sort_unstable();
    let mut starts = vec![0; nodes + 1];
    let mut missing = vec![0_u32; nodes];
    for (before, after) in &edges {
        starts[*before as usize + 1] += 1;
        missing[*after as usize] += 1;
    }
    (1..starts.len()).for_each(|node| starts[node] += starts[node - 1]);
    let mut ready: Vec<u32> = (0..nodes as u32).filter(|node| missing[*node as usize] == 0).collect();
    while let Some(node) = ready.pop() {
        if !visit(node) {
            return None;
        }
        for (_, after) in &edges[starts[node as usize]..starts[node as usize + 1]] {
            missing[*after as usize] -= 1;
            if missing[*after as usize] == 0 {
                ready.push(*after);
            }
        }
    }
    Some((0..nodes as u32).filter(|node| missing[*node as usize] > 0).collect())
}

/// By key: it is, or may be, deleted.
pub(super) fn is_deleted(history: &History) -> Vec<bool> {
    let mut is_deleted = vec![false; history.keys()];
    for op in history.ops().iter().filter(|op| op.is_possible_write() && op.value == NOTHING) {
        is_deleted[op.key as usize] = true;
    }
    is_deleted
}

fn sorted_writes(nodes: &[Node], keys: usize) -> (Vec<u32>, Vec<std::ops::Range<u32>>) {
    let mut writes: Vec<u32> = (0..nodes.len() as u32).filter(|node| !nodes[*node as usize].is_read).collect();
    // Nodes are numbered along chains, but for chains of one.
    writes.sort_by_key(|node| {
        let Node { key, chain, position, .. } = nodes[*node as usize];
        (key, chain, position)
    });
    let mut by_key = vec![0..0; keys];
    let mut start = 0;
    for group in writes.chunk_by(|a, b| nodes[*a as usize].key == nodes[*b as usize].key) {
        let end = start + group.len() as u32;
        by_key[nodes[group[0] as usize].key as usize] = start..end;
        start = end;
    }
    (writes, by_key)
}
