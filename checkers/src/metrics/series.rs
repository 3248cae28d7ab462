//! Time in windows.

use super::{Distribution, Merge};

/// What is counted in each window of time: `[0, w)`, `[w, 2w)` and so on. Only series of the same width are merged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Series<T>(pub Vec<T>);

impl<T: Default> Series<T> {
    /// The window that `at_ns` is in.
    pub(super) fn at(&mut self, at_ns: u64, window_ns: u64) -> &mut T {
        let index = (at_ns / window_ns) as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, T::default);
        }
        &mut self.0[index]
    }
}

impl<T: Merge + Default> Merge for Series<T> {
    fn merge_with(&mut self, other: &Series<T>) {
        self.0.merge_with(&other.0);
    }
}

/// A distribution per window.
pub type Distributions = Series<Distribution>;
/// A sum per window.
pub type Sums = Series<u64>;
