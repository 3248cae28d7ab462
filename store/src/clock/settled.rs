//! The lives of nodes that are over and done with.

use smallvec::SmallVec;

use crate::contract::ReplicaId;

/// The counter that stands for all counters, where an entry says that everything of a life, and of the earlier lives of
/// its node, is known or was seen.
pub const WHOLE: u64 = u64::MAX;

/// Dead replicas of which every replica that serves has all that will ever be known, so that no message needs to name their
/// writes: by node the last such life, which stands for all before it, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settled(SmallVec<[ReplicaId; 4]>);

impl Settled {
    /// True when none is.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// True when `life` is among them.
    pub fn has(&self, life: ReplicaId) -> bool {
        let at = self.0.partition_point(|last| last.node < life.node);
        self.0.get(at).is_some_and(|last| last.node == life.node && last.incarnation >= life.incarnation)
    }

    /// True when all of `others` are among them.
    pub fn has_all(&self, others: &Settled) -> bool {
        others.iter().all(|last| self.has(last))
    }

    /// Adds `life` and all earlier lives of its node.
    pub fn add(&mut self, life: ReplicaId) {
        let at = self.0.partition_point(|last| last.node < life.node);
        match self.0.get_mut(at).filter(|last| last.node == life.node) {
            Some(last) => last.incarnation = life.incarnation.max(last.incarnation),
            None => self.0.insert(at, life),
        }
    }

    /// The last such life of each node, in the order of the nodes.
    pub fn iter(&self) -> impl Iterator<Item = ReplicaId> {
        self.0.iter().copied()
    }

    /// How many lives there are at most. It grows with every one that is added.
    pub fn lives(&self) -> u64 {
        self.iter().map(|last| u64::from(last.incarnation)).sum()
    }
}

/// Size when sent of the last lives beside other entries: nothing where the very next life has an entry, which says in a bit
/// that those before it are settled; otherwise node and life.
pub fn wire_bytes(settled: impl Iterator<Item = ReplicaId>, has_entry: impl Fn(ReplicaId) -> bool) -> u32 {
    let next = |last: ReplicaId| ReplicaId { incarnation: last.incarnation + 1, ..last };
    settled.map(|last| if has_entry(next(last)) { 0 } else { 4 }).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::NodeId;
    use std::collections::BTreeSet;

    #[test]
    fn one_entry_stands_for_all_earlier_lives_of_a_node() {
        let life = |node, incarnation| ReplicaId { node: NodeId(node), incarnation };
        let (mut settled, mut twin) = (Settled::default(), BTreeSet::new());
        for (node, last) in [(3, 2), (1, 1), (3, 1), (2, 4), (1, 3)] {
            settled.add(life(node, last));
            twin.extend((1..=last).map(|incarnation| life(node, incarnation)));
            for node in 0..5 {
                (1..6).map(|incarnation| life(node, incarnation)).for_each(|life| {
                    assert_eq!(settled.has(life), twin.contains(&life), "{life}");
                });
            }
        }
        assert_eq!(settled.iter().collect::<Vec<_>>(), [life(1, 3), life(2, 4), life(3, 2)]);
        assert_eq!(settled.lives(), twin.len() as u64);
    }

    /// A clock with settled lives comes out of a message as it went in; one that tells of what is settled is refused.
    #[test]
    #[cfg(feature = "serde")]
    fn what_is_settled_has_no_entry_beside_it() {
        use crate::clock::{DotSet, NodeClock, ReplicaMap};
        let life = |node, incarnation| ReplicaId { node: NodeId(node), incarnation };
        let mut some = DotSet::EMPTY;
        some.raise(3);
        let mut sets = ReplicaMap::from(NodeClock::default());
        *sets.entry(life(0, 2)) = DotSet::ALL;
        *sets.entry(life(0, 3)) = some.clone();
        *sets.entry(life(1, 1)) = some.clone();
        let clock = NodeClock::try_from(sets.clone()).expect("it is right");
        assert!(clock.settled().has(life(0, 1)) && !clock.settled().has(life(0, 3)));
        assert_eq!(ReplicaMap::from(clock), sets);
        *sets.entry(life(0, 1)) = some;
        assert!(NodeClock::try_from(sets).is_err());
    }
}
