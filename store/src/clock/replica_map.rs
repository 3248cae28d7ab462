//! A small map by replica.

use crate::contract::ReplicaId;

/// Values by replica, kept in the order of the replicas.
///
/// Mostly every node is there with one incarnation, so that a replica's entry stands at its node's index: the
/// first guess is right, and a lookup costs one comparison.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<(ReplicaId, T)>"))]
pub struct ReplicaMap<T>(Vec<(ReplicaId, T)>);

impl<T> Default for ReplicaMap<T> {
    fn default() -> ReplicaMap<T> {
        ReplicaMap(Vec::new())
    }
}

#[cfg(feature = "serde")]
impl<T> TryFrom<Vec<(ReplicaId, T)>> for ReplicaMap<T> {
    type Error = &'static str;

    fn try_from(entries: Vec<(ReplicaId, T)>) -> Result<ReplicaMap<T>, Self::Error> {
        let ascend = entries.is_sorted_by(|a, b| a.0 < b.0);
        if ascend {
            Ok(ReplicaMap(entries))
        } else {
            Err("entries by replica that are not in the order of the replicas")
        }
    }
}

impl<T> ReplicaMap<T> {
    /// The value of `id`.
    pub fn get(&self, id: ReplicaId) -> Option<&T> {
        self.place(id).ok().map(|at| &self.0[at].1)
    }

    /// The value of `id`, to be changed.
    pub fn get_mut(&mut self, id: ReplicaId) -> Option<&mut T> {
        self.place(id).ok().map(|at| &mut self.0[at].1)
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Drops the entries of other replicas than those that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(ReplicaId) -> bool) {
        self.0.retain(|(id, _)| keep(*id));
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All entries, in the order of the replicas.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, &T)> {
        self.0.iter().map(|(id, value)| (*id, value))
    }

    /// All entries, in the order of the replicas.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (ReplicaId, &mut T)> {
        self.0.iter_mut().map(|(id, value)| (*id, value))
    }

    #[inline]
    fn place(&self, id: ReplicaId) -> Result<usize, usize> {
        let guess = id.node.index();
        if self.0.get(guess).is_some_and(|(found, _)| *found == id) {
            return Ok(guess);
        }
        self.0.binary_search_by_key(&id, |(found, _)| *found)
    }
}

impl<T: Default> ReplicaMap<T> {
    /// Calls `merge` with each value of `other` and the own one for the same replica, made when it is not there.
    pub fn merge<U>(&mut self, other: &ReplicaMap<U>, mut merge: impl FnMut(&mut T, &U)) {
        for (at, (id, theirs)) in other.0.iter().enumerate() {
            // Mostly both have the same replicas.
            match self.0.get_mut(at) {
                Some((own, mine)) if own == id => merge(mine, theirs),
                _ => merge(self.entry(*id), theirs),
            }
        }
    }

    /// The value of `id`, made when it is not there.
    pub fn entry(&mut self, id: ReplicaId) -> &mut T {
        let at = match self.place(id) {
            Ok(at) => at,
            Err(at) => {
                self.0.insert(at, (id, T::default()));
                at
            }
        };
        &mut self.0[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::NodeId;
    use std::collections::BTreeMap;

    #[test]
    fn finds_every_entry_whatever_is_missing_or_doubled() {
        // All subsets of four nodes with up to two lives each.
        let ids: Vec<ReplicaId> = (0..4u16)
            .flat_map(|node| (1..=2).map(move |incarnation| ReplicaId { node: NodeId(node), incarnation }))
            .collect();
        for subset in 0u32..256 {
            let mut map = ReplicaMap::default();
            let mut twin = BTreeMap::new();
            for (bit, id) in ids.iter().enumerate().rev().filter(|(bit, _)| subset >> bit & 1 == 1) {
                *map.entry(*id) = bit;
                twin.insert(*id, bit);
            }
            for id in &ids {
                assert_eq!(map.get(*id), twin.get(id));
            }
            assert!(map.iter().map(|(id, value)| (id, *value)).eq(twin));
        }
    }
}
