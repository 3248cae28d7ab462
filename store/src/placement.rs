//! Which members hold which keys: all of them, or a few each on a consistent-hash ring (Karger et al., STOC 1997).
//!
//! Each node of the cluster has one point on the ring, and the keys up to it form a *range*, held by the first members
//! from that point on. So a range is the same however members come and go, and a member holds ranges together with as many
//! others as there are copies, less one, on either side. The points are multiples of the golden ratio, which divide a
//! circle about evenly for any number of them (Swierczkowski, *On successive settings of an arc on the circumference of a
//! circle*, Fundamenta Mathematicae 46, 1958).

use std::sync::Arc;

use crate::contract::{Key, NodeId, ReplicaId};
use crate::random::{GOLDEN, scatter};

/// The ranges of keys of a cluster, and how many members hold each.
#[derive(Clone, Debug)]
pub struct Placement {
    nodes: u16,
    copies: u16,
    /// The points of the nodes, ascending; absent when every member holds every key.
    ring: Option<Arc<[(u64, NodeId)]>>,
}

impl Placement {
    /// Every member holds every key: one range.
    pub fn all(nodes: u16) -> Placement {
        Placement { nodes, copies: nodes, ring: None }
    }

    /// Each key is held by `copies` members, of `nodes` nodes at most.
    ///
    /// # Panics
    /// When `copies` is 0 or more than there are nodes.
    pub fn ring(nodes: u16, copies: u16) -> Placement {
        assert!((1..=nodes).contains(&copies), "{copies} copies of a key on {nodes} nodes");
        let mut points: Vec<(u64, NodeId)> =
            (0..nodes).map(|node| (GOLDEN.wrapping_mul(u64::from(node) + 1), NodeId(node))).collect();
        points.sort_unstable();
        Placement { nodes, copies, ring: Some(points.into()) }
    }

    /// True when every member holds every key.
    pub fn is_full(&self) -> bool {
        self.ring.is_none()
    }

    /// Number of members that hold a key, if there are so many.
    pub fn copies(&self) -> u16 {
        self.copies
    }

    /// Number of ranges.
    pub fn ranges(&self) -> usize {
        self.ring.as_ref().map_or(1, |points| points.len())
    }

    /// The range of `key`.
    #[inline]
    pub fn range(&self, key: Key) -> usize {
        // Keys and points must not share a sequence, or key 3 would lie on a point of node 0.
        self.ring.as_ref().map_or(0, |points| {
            let at = scatter(!u64::from(key.index()));
            points.partition_point(|(point, _)| *point < at) % points.len()
        })
    }

    /// Those of `members` that hold `range`, in their order.
    pub fn holders(&self, range: usize, members: &[ReplicaId]) -> Vec<ReplicaId> {
        let Some(points) = &self.ring else { return members.to_vec() };
        let from_range_on = points.iter().cycle().skip(range).take(points.len());
        let member =
            |node: NodeId| members.binary_search_by_key(&node, |member| member.node).ok().map(|at| members[at]);
        let all = from_range_on.filter_map(|(_, node)| member(*node));
        let mut holders: Vec<ReplicaId> = all.take(usize::from(self.copies)).collect();
        holders.sort_unstable();
        holders
    }

    /// True when `node` is to hold `key` once these nodes are gone for good.
    pub fn holds(&self, node: NodeId, key: Key, gone: &[NodeId]) -> bool {
        if self.is_full() {
            return true;
        }
        let stay = NodeId::all(self.nodes).filter(|node| !gone.contains(node));
        let members: Vec<ReplicaId> = stay.map(ReplicaId::first).collect();
        self.holders(self.range(key), &members).iter().any(|holder| holder.node == node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Priority;

    fn members(nodes: u16) -> Vec<ReplicaId> {
        NodeId::all(nodes).map(ReplicaId::first).collect()
    }

    #[test]
    fn a_ring_gives_every_key_its_copies_and_every_node_its_share() {
        for nodes in [4, 10, 50] {
            let (ring, members) = (Placement::ring(nodes, 3), members(nodes));
            let mut load = vec![0u32; usize::from(nodes)];
            for index in 0..10_000 {
                let holders = ring.holders(ring.range(Key::new(index, Priority::P0)), &members);
                assert_eq!(holders.len(), 3);
                assert!(holders.is_sorted());
                holders.iter().for_each(|holder| load[holder.node.index()] += 1);
            }
            let fair = 30_000 / u32::from(nodes);
            assert!(load.iter().all(|keys| (fair * 2 / 3..fair * 3 / 2).contains(keys)), "{load:?}");
        }
    }

    /// As many neighbours as copies on either side, and a range goes to the next member when one of its holders leaves.
    #[test]
    fn ranges_are_shared_with_few_and_move_little() {
        let (ring, members) = (Placement::ring(20, 3), members(20));
        let holders = |members: &[ReplicaId]| -> Vec<Vec<ReplicaId>> {
            (0..ring.ranges()).map(|range| ring.holders(range, members)).collect()
        };
        let before = holders(&members);
        for member in &members {
            let mut others: Vec<&ReplicaId> =
                before.iter().filter(|holders| holders.contains(member)).flatten().filter(|id| *id != member).collect();
            others.sort_unstable();
            others.dedup();
            assert_eq!(others.len(), 4, "{member}");
        }
        let left: Vec<ReplicaId> = members.iter().copied().filter(|member| member.node != NodeId(7)).collect();
        for (before, after) in before.iter().zip(holders(&left)) {
            let stays = before.iter().filter(|holder| after.contains(holder)).count();
            assert_eq!(stays, if before.contains(&members[7]) { 2 } else { 3 });
        }
    }

    #[test]
    fn full_placement_is_everybody() {
        let all = Placement::all(3);
        assert_eq!((all.ranges(), all.range(Key::new(5, Priority::P0))), (1, 0));
        assert_eq!(all.holders(0, &members(3)), members(3));
        assert!(all.holds(NodeId(1), Key::new(5, Priority::P0), &[]));
        let ring = Placement::ring(4, 2);
        let holders =
            |gone: &[NodeId]| NodeId::all(4).filter(|node| ring.holds(*node, Key::new(5, Priority::P0), gone)).count();
        assert_eq!((holders(&[]), holders(&[NodeId(1)]), holders(&[NodeId(0), NodeId(1), NodeId(3)])), (2, 2, 1));
    }
}
