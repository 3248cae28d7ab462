//! What must not be found in a history.

use super::graph::{Graph, INITIAL, NONE, peel};
use kvsim_checkers::Expired;

/// What is found in histories that are not causal; in brackets what the paper calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// An operation comes before itself (CyclicCO).
    CyclicOrder,
    /// A read returned nothing although a write comes before it (WriteCOInitRead).
    InitialRead,
    /// A read returned what another write had replaced that comes before it (WriteCORead).
    OverwrittenRead,
    /// What reads say about the order of concurrent writes contradicts itself (CyclicCF).
    CyclicConflict,
}

/// A pattern, by the nodes that show it.
pub(super) struct Match {
    pub(super) pattern: Pattern,
    pub(super) nodes: Vec<u32>,
}

/// By what a write comes before another one.
struct Conflict {
    first: u32,
    second: u32,
    /// The read of the second, which the first causally precedes.
    read: u32,
}

/// Of each chain the last write to the key of a read which causally precedes it.
fn last_writes<'a>(graph: &'a Graph, read: u32) -> impl Iterator<Item = u32> + 'a {
    let range = graph.by_key[graph.nodes[read as usize].key as usize].clone();
    let writes = &graph.writes[range.start as usize..range.end as usize];
    let chain = |write: &u32| graph.nodes[*write as usize].chain;
    writes.chunk_by(move |a, b| chain(a) == chain(b)).filter_map(move |group| {
        let clock = graph.clock(read, chain(&group[0]));
        let count = group.partition_point(|write| graph.nodes[*write as usize].position < clock);
        count.checked_sub(1).map(|last| group[last])
    })
}

/// The patterns of causal consistency: of each read at most one. Nothing if the time is over.
pub(super) fn inconsistent(graph: &Graph, limit: usize, expired: Expired<'_>) -> Option<(Vec<Match>, usize)> {
    let mut found = Vec::new();
    let mut count = 0;
    if !graph.cyclic.is_empty() {
        let is_left = marked(graph.nodes.len(), &graph.cyclic);
        let nodes = circle(graph.cyclic[0], |node| graph.predecessors(node).find(|before| is_left[*before as usize]));
        return Some((vec![Match { pattern: Pattern::CyclicOrder, nodes }], 1));
    }
    for (node, read) in graph.nodes.iter().zip(0..).filter(|(node, _)| node.is_read && node.source != NONE) {
        if expired() {
            return None;
        }
        let last = if node.source == INITIAL {
            last_writes(graph, read).next()
        } else {
            last_writes(graph, read).find(|write| graph.precedes(node.source, *write))
        };
        let Some(write) = last else { continue };
        count += 1;
        if found.len() < limit {
            let mut nodes = Vec::new();
            graph.path(write, read, &mut nodes);
            if node.source != INITIAL {
                graph.path(node.source, write, &mut nodes);
            }
            let pattern = if node.source == INITIAL { Pattern::InitialRead } else { Pattern::OverwrittenRead };
            found.push(Match { pattern, nodes });
        }
    }
    Some((found, count))
}

/// The pattern of causal convergence, where causal order itself is none. Nothing if the time is over.
pub(super) fn divergent(graph: &Graph, expired: Expired<'_>) -> Option<Option<Match>> {
    let mut conflicts: Vec<Conflict> = Vec::new();
    for (node, read) in graph.nodes.iter().zip(0..).filter(|(node, _)| node.is_read && node.source < INITIAL) {
        if expired() {
            return None;
        }
        let is_new = |write: &u32| *write != node.source && !graph.precedes(*write, node.source);
        let conflict = |first| Conflict { first, second: node.source, read };
        conflicts.extend(last_writes(graph, read).filter(is_new).map(conflict));
    }
    conflicts.sort_unstable_by_key(|conflict| (conflict.first, conflict.second));
    conflicts.dedup_by_key(|conflict| (conflict.first, conflict.second));
    let conflicting = conflicts.iter().map(|conflict| (conflict.first, conflict.second));
    let remaining = peel(graph.nodes.len(), graph.edges().chain(conflicting).collect(), |_| true)?;
    let Some(first) = remaining.first() else { return Some(None) };
    let is_left = marked(graph.nodes.len(), &remaining);
    conflicts.sort_unstable_by_key(|conflict| conflict.second);
    let into = |node: u32| {
        let from = conflicts.partition_point(|conflict| conflict.second < node);
        let conflicts = conflicts[from..].iter().take_while(move |conflict| conflict.second == node);
        conflicts.filter(|conflict| is_left[conflict.first as usize])
    };
    let back = |node: u32| {
        let conflict = into(node).next().map(|conflict| conflict.first);
        conflict.or_else(|| graph.predecessors(node).find(|before| is_left[*before as usize]))
    };
    let circle = circle(*first, back);
    let mut nodes = circle.clone();
    for (place, node) in circle.iter().enumerate() {
        let before = circle[(place + 1) % circle.len()];
        if let Some(conflict) = into(*node).find(|conflict| conflict.first == before) {
            graph.path(conflict.first, conflict.read, &mut nodes);
        }
    }
    Some(Some(Match { pattern: Pattern::CyclicConflict, nodes }))
}

fn marked(count: usize, nodes: &[u32]) -> Vec<bool> {
    let mut marked = vec![false; count];
    nodes.iter().for_each(|node| marked[*node as usize] = true);
    marked
}

/// The circle that one gets into by going back and back from a node; each node is followed by one that comes before it.
fn circle(from: u32, back: impl Fn(u32) -> Option<u32>) -> Vec<u32> {
    let mut places = rustc_hash::FxHashMap::default();
    let mut way = Vec::new();
    let mut at = Some(from);
    while let Some(node) = at {
        if let Some(place) = places.insert(node, way.len()) {
            return way.split_off(place);
        }
        way.push(node);
        at = back(node);
    }
    way
}
