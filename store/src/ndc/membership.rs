//! Who belongs to the cluster, and who holds what then.

use crate::contract::{Dot, Names, NodeId, Observation, ReplicaId, Version};
use crate::placement::Placement;
use crate::random::scatter;

use super::dead::is_member;

/// A list of members, and what follows from it. Replicas may go by different lists for a while: what one says counts in
/// some places only where both go by the same one.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// The list in short: equal lists have equal numbers.
    pub id: u64,
    /// The current replica of every node that belongs to the cluster, in their order.
    pub members: Vec<ReplicaId>,
    /// By range.
    holders: Vec<Vec<ReplicaId>>,
}

impl Membership {
    /// These members, with keys placed so.
    pub fn new(placement: &Placement, members: &[ReplicaId]) -> Membership {
        let add = |id: u64, member: &ReplicaId| {
            scatter(id ^ (u64::from(member.node.0) << 16 | u64::from(member.incarnation)))
        };
        Membership {
            id: members.iter().fold(members.len() as u64, add),
            members: members.to_vec(),
            holders: (0..placement.ranges()).map(|range| placement.holders(range, members)).collect(),
        }
    }

    /// True when `id` is a member.
    pub fn has(&self, id: ReplicaId) -> bool {
        is_member(&self.members, id)
    }

    /// The members that hold `range`, in their order.
    pub fn holders(&self, range: usize) -> &[ReplicaId] {
        &self.holders[range]
    }

    /// The members but `me` that hold `range`.
    pub fn others(&self, range: usize, me: ReplicaId) -> impl Iterator<Item = NodeId> {
        self.holders[range].iter().filter(move |holder| **holder != me).map(|holder| holder.node)
    }

    /// True when `id` is a member that holds `range`.
    pub fn holds(&self, range: usize, id: ReplicaId) -> bool {
        self.holders[range].binary_search(&id).is_ok()
    }

    /// The other members that hold some range together with `me`, in their order.
    pub fn peers(&self, me: ReplicaId) -> Vec<NodeId> {
        let shared = self.holders.iter().filter(|holders| holders.contains(&me));
        let mut peers: Vec<NodeId> = shared.flatten().filter(|id| **id != me).map(|id| id.node).collect();
        peers.sort_unstable();
        peers.dedup();
        peers
    }
}

/// How the writes to keys of a range are called outside of it. A range counts an origin's writes to its own keys only, so
/// that numbers without a gap mean that nothing is missing; outside, the ranges' numbers interleave, so that no two writes
/// of a replica have the same name.
#[derive(Clone, Copy, Debug)]
pub struct DotNames {
    pub range: u64,
    pub ranges: u64,
}

impl DotNames {
    pub fn dot(self, dot: Dot) -> Dot {
        Dot { counter: (dot.counter - 1) * self.ranges + self.range + 1, ..dot }
    }

    fn names(self, names: Names) -> Names {
        Names { by: self.ranges as u16, rest: ((self.range + 1) % self.ranges) as u16, ..names }
    }

    pub fn version(self, version: Version) -> Version {
        Version { dot: self.dot(version.dot), ..version }
    }

    pub fn observation(self, observation: Observation) -> Observation {
        match observation {
            Observation::Known(dot) => Observation::Known(self.dot(dot)),
            Observation::Settled(names) => Observation::Settled(self.names(names)),
            Observation::KnownAll(names) => Observation::KnownAll(self.names(names)),
            Observation::GaveAwayAll(names) => Observation::GaveAwayAll(self.names(names)),
            Observation::GaveAway(dot) => Observation::GaveAway(self.dot(dot)),
            Observation::Visible { levels, dot } => Observation::Visible { levels, dot: self.dot(dot) },
            Observation::Hidden { levels, dot } => Observation::Hidden { levels, dot: self.dot(dot) },
            // Of writes that have no name yet, and of ordered levels, for which there is but one range.
            other => other,
        }
    }
}
