//! Figures of several runs, put together.

use std::collections::BTreeMap;

/// What can be added up: merging is associative and commutative, and merging with the default changes nothing.
pub trait Merge {
    /// Adds what `other` holds.
    fn merge_with(&mut self, other: &Self);
}

impl Merge for u64 {
    fn merge_with(&mut self, other: &u64) {
        *self += other;
    }
}

/// Place by place; the longer one decides the length.
impl<T: Merge + Default> Merge for Vec<T> {
    fn merge_with(&mut self, other: &Vec<T>) {
        if self.len() < other.len() {
            self.resize_with(other.len(), T::default);
        }
        self.iter_mut().zip(other).for_each(|(mine, theirs)| mine.merge_with(theirs));
    }
}

impl<K: Ord + Clone, V: Merge + Default> Merge for BTreeMap<K, V> {
    fn merge_with(&mut self, other: &BTreeMap<K, V>) {
        for (key, theirs) in other {
            self.entry(key.clone()).or_default().merge_with(theirs);
        }
    }
}
