//! Tables for what has dense numbers: where much is looked up, an array costs a fraction of a hash map.

use rustc_hash::FxHashMap;

use crate::trace::{Dot, Header, NodeId};

/// Numbers by numbers that are dense, but for those that an odd recording may have.
#[derive(Clone, Debug, Default)]
pub(crate) struct Numbers {
    near: Vec<u32>,
    far: FxHashMap<u64, u32>,
}

/// Nothing is there.
const NONE: u32 = u32::MAX;

/// So much further than all others is far.
const GAP: u64 = 1_024;

impl Numbers {
    pub(crate) fn get(&self, at: u64) -> Option<u32> {
        let near = usize::try_from(at).ok().and_then(|at| self.near.get(at).copied()).filter(|number| *number != NONE);
        if near.is_some() || self.far.is_empty() { near } else { self.far.get(&at).copied() }
    }

    pub(crate) fn insert(&mut self, at: u64, number: u32) {
        if at >= self.near.len() as u64 + GAP || self.far.contains_key(&at) {
            self.far.insert(at, number);
            return;
        }
        let at = at as usize;
        if at >= self.near.len() {
            self.near.resize(at + 1, NONE);
        }
        self.near[at] = number;
    }

    pub(crate) fn remove(&mut self, at: u64) {
        match usize::try_from(at).ok().and_then(|at| self.near.get_mut(at)) {
            Some(near) if *near != NONE => *near = NONE,
            _ => drop(self.far.remove(&at)),
        }
    }
}

/// Numbers by the names of writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ByName {
    /// By origin: the place of its row.
    origins: FxHashMap<u32, u32>,
    /// By counter.
    rows: Vec<Numbers>,
}

impl ByName {
    pub(crate) fn get(&self, name: Dot) -> Option<u32> {
        let row = self.origins.get(&name.origin.number())?;
        self.rows[*row as usize].get(name.counter)
    }

    pub(crate) fn insert(&mut self, name: Dot, number: u32) {
        let rows = &mut self.rows;
        let row = *self.origins.entry(name.origin.number()).or_insert_with(|| {
            rows.push(Numbers::default());
            rows.len() as u32 - 1
        });
        rows[row as usize].insert(name.counter, number);
    }

    pub(crate) fn remove(&mut self, name: Dot) {
        if let Some(row) = self.origins.get(&name.origin.number()) {
            self.rows[*row as usize].remove(name.counter);
        }
    }
}

/// Something for each node and each of several things that have numbers: writes, keys.
pub(crate) struct ByNode<T> {
    count: usize,
    rows: Vec<NodeRow<T>>,
}

#[derive(Clone)]
enum NodeRow<T> {
    /// Empty where the node has nothing.
    Dense(Vec<T>),
    Sparse(FxHashMap<u32, T>),
}

impl<T: Copy + Default> ByNode<T> {
    /// For so many things, most of which every node has something of, unless keys are held here and there.
    pub(crate) fn new(header: &Header, count: usize) -> ByNode<T> {
        ByNode::with(header, count, header.placement.is_empty())
    }

    /// The same for keys, of which there may be many that no one of so many writes is of.
    pub(crate) fn of_keys(header: &Header, writes: usize) -> ByNode<T> {
        let keys = header.keys.len();
        ByNode::with(header, keys, header.placement.is_empty() && keys <= writes)
    }

    fn with(header: &Header, count: usize, is_dense: bool) -> ByNode<T> {
        let row = if is_dense { NodeRow::Dense(Vec::new()) } else { NodeRow::Sparse(FxHashMap::default()) };
        ByNode { count, rows: vec![row; usize::from(header.nodes)] }
    }

    pub(crate) fn get(&self, node: NodeId, number: u32) -> T {
        match &self.rows[node.index()] {
            NodeRow::Dense(row) => row.get(number as usize).copied().unwrap_or_default(),
            NodeRow::Sparse(row) => row.get(&number).copied().unwrap_or_default(),
        }
    }

    pub(crate) fn get_mut(&mut self, node: NodeId, number: u32) -> &mut T {
        match &mut self.rows[node.index()] {
            NodeRow::Dense(row) => {
                let number = number as usize;
                if number >= row.len() {
                    row.resize(self.count.max(number + 1), T::default());
                }
                &mut row[number]
            }
            NodeRow::Sparse(row) => row.entry(number).or_default(),
        }
    }

    /// The node has nothing any more.
    pub(crate) fn clear(&mut self, node: NodeId) {
        match &mut self.rows[node.index()] {
            NodeRow::Dense(row) => row.clear(),
            NodeRow::Sparse(row) => row.clear(),
        }
    }

    /// What the node has, in no order that means something.
    pub(crate) fn each(&self, node: NodeId, mut take: impl FnMut(T)) {
        match &self.rows[node.index()] {
            NodeRow::Dense(row) => row.iter().copied().for_each(take),
            NodeRow::Sparse(row) => {
                #[allow(clippy::disallowed_methods)] // callers take them in any order
                for has in row.values() {
                    take(*has);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back_wherever_they_are_kept() {
        let mut numbers = Numbers::default();
        let places = [0, 1, 5, 1_030, 2_000, u64::MAX, 900, 3_020, 2_001];
        for (place, number) in places.into_iter().zip(0..) {
            assert_eq!(numbers.get(place), None);
            numbers.insert(place, number);
        }
        assert_eq!(places.map(|place| numbers.get(place)), [0, 1, 2, 3, 4, 5, 6, 7, 8].map(Some));
        assert_eq!((numbers.near.len(), numbers.far.len()), (901, 5), "an odd number takes no room for all below it");
        numbers.insert(3_020, 70);
        numbers.remove(u64::MAX);
        numbers.remove(5);
        assert_eq!([3_020, u64::MAX, 5, 4].map(|place| numbers.get(place)), [Some(70), None, None, None]);
    }
}
