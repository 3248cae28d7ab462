//! Which nodes hold which keys: all of them, or a few each on a consistent-hash ring (Karger et al., STOC 1997).

use crate::contract::{Key, NodeId};
use crate::random::scatter;

/// The nodes of every key; the same for the whole run.
#[derive(Clone, Debug)]
pub struct Placement {
    nodes: Vec<NodeId>,
    copies: u16,
    ring: Option<Ring>,
}

#[derive(Clone, Debug)]
struct Ring {
    /// Ends of the ring's segments, ascending; a key belongs to the first end at or after its own point.
    ends: Vec<u64>,
    /// Per segment the nodes that hold its keys, in the order of their numbers.
    holders: Vec<Vec<NodeId>>,
    /// Per node those that hold some key together with it.
    neighbours: Vec<Vec<NodeId>>,
}

/// Points of each node on the ring: enough that the busiest of ten nodes holds about a third more than the average.
const POINTS: u64 = 64;

impl Placement {
    /// Every node holds every key.
    pub fn all(nodes: u16) -> Placement {
        Placement { nodes: (0..nodes).map(NodeId).collect(), copies: nodes, ring: None }
    }

    /// Each key is held by `copies` nodes.
    ///
    /// # Panics
    /// When `copies` is 0 or more than there are nodes.
    pub fn ring(nodes: u16, copies: u16) -> Placement {
        assert!((1..=nodes).contains(&copies), "{copies} copies of a key on {nodes} nodes");
        let mut points: Vec<(u64, NodeId)> = (0..nodes)
            .flat_map(|node| (0..POINTS).map(move |point| (scatter(u64::from(node) << 32 | point), NodeId(node))))
            .collect();
        points.sort_unstable();
        let mut holders = Vec::with_capacity(points.len());
        for first in 0..points.len() {
            let mut found: Vec<NodeId> = Vec::new();
            for (_, node) in points.iter().cycle().skip(first).take(points.len()) {
                if !found.contains(node) {
                    found.push(*node);
                }
                if found.len() == usize::from(copies) {
                    break;
                }
            }
            found.sort_unstable();
            holders.push(found);
        }
        let neighbours = (0..nodes)
            .map(|node| {
                let mut others: Vec<NodeId> =
                    holders.iter().filter(|group| group.contains(&NodeId(node))).flatten().copied().collect();
                others.sort_unstable();
                others.dedup();
                others.retain(|other| *other != NodeId(node));
                others
            })
            .collect();
        let ends = points.into_iter().map(|(point, _)| point).collect();
        Placement { nodes: (0..nodes).map(NodeId).collect(), copies, ring: Some(Ring { ends, holders, neighbours }) }
    }

    /// True when every node holds every key.
    pub fn is_full(&self) -> bool {
        self.ring.is_none()
    }

    /// Number of nodes that hold a key.
    pub fn copies(&self) -> u16 {
        self.copies
    }

    /// The nodes that hold `key`, in the order of their numbers.
    pub fn holders(&self, key: Key) -> &[NodeId] {
        match &self.ring {
            None => &self.nodes,
            Some(ring) => {
                // Keys and points must not share a sequence, or key 3 would lie on a point of node 0.
                let point = scatter(!u64::from(key.index()));
                let segment = ring.ends.partition_point(|end| *end < point) % ring.ends.len();
                &ring.holders[segment]
            }
        }
    }

    /// True when `node` holds `key`.
    pub fn holds(&self, node: NodeId, key: Key) -> bool {
        self.is_full() || self.holders(key).contains(&node)
    }

    /// The other nodes that hold some key together with `node`, in the order of their numbers.
    pub fn neighbours(&self, node: NodeId) -> Vec<NodeId> {
        match &self.ring {
            None => self.nodes.iter().copied().filter(|other| *other != node).collect(),
            Some(ring) => ring.neighbours[node.index()].clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Priority;

    #[test]
    fn a_ring_gives_every_key_its_copies_and_every_node_its_share() {
        let ring = Placement::ring(10, 3);
        let mut load = [0u32; 10];
        for index in 0..10_000 {
            let key = Key::new(index, Priority::P0);
            let holders = ring.holders(key);
            assert_eq!(holders.len(), 3);
            assert!(holders.is_sorted());
            for node in holders {
                load[node.index()] += 1;
                let others = ring.neighbours(*node);
                assert!(holders.iter().all(|other| other == node || others.contains(other)));
            }
        }
        // 3,000 each on average.
        assert!(load.iter().all(|keys| (1_800..4_200).contains(keys)), "{load:?}");
    }

    #[test]
    fn priority_does_not_move_a_key() {
        let ring = Placement::ring(7, 2);
        let holders = |priority| ring.holders(Key::new(11, priority)).to_vec();
        assert_eq!(holders(Priority::P0), holders(Priority::P3));
    }

    #[test]
    fn full_placement_is_everybody() {
        let all = Placement::all(3);
        assert_eq!(all.holders(Key::new(5, Priority::P0)).len(), 3);
        assert_eq!(all.neighbours(NodeId(1)), [NodeId(0), NodeId(2)]);
    }
}
