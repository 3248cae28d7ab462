//! Distributions: what is exact, and how large the error of the rest is.

use kvsim_checkers::metrics::{Distribution, Merge};
use proptest::prelude::*;

/// Numbers of all sizes.
fn number() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0u32..64).prop_map(|(number, shift)| number >> shift)
}

proptest! {
    #[test]
    fn quantiles_are_at_most_a_256th_too_great(mut numbers in prop::collection::vec(number(), 1..60), of_10_000 in 0u16..=10_000) {
        let all: Distribution = numbers.iter().copied().collect();
        numbers.sort_unstable();
        let wanted = (numbers.len() * usize::from(of_10_000)).div_ceil(10_000).max(1);
        let (exact, told) = (numbers[wanted - 1], all.quantile(of_10_000).unwrap());
        prop_assert!(exact <= told && told - exact <= exact / 256, "{exact} is told as {told}");
        prop_assert!(exact >= 512 || exact == told);
    }

    #[test]
    fn number_sum_and_ends_are_exact(numbers in prop::collection::vec(number(), 0..60)) {
        let all: Distribution = numbers.iter().copied().collect();
        prop_assert_eq!(all.count(), numbers.len() as u64);
        prop_assert_eq!(all.sum(), numbers.iter().map(|number| u128::from(*number)).sum::<u128>());
        prop_assert_eq!((all.min(), all.max()), (numbers.iter().min().copied(), numbers.iter().max().copied()));
        prop_assert_eq!(all.cumulative().last().map_or(0, |(_, count)| count), all.count());
        prop_assert!(all.classes().is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn together_or_apart(numbers in prop::collection::vec(number(), 0..60), cut in 0usize..60) {
        let (left, right) = numbers.split_at(cut.min(numbers.len()));
        let mut merged: Distribution = left.iter().copied().collect();
        merged.merge_with(&right.iter().copied().collect());
        prop_assert_eq!(merged, numbers.iter().copied().collect());
    }
}

#[test]
fn nothing_has_no_quantile() {
    let none = Distribution::default();
    assert_eq!((none.quantile(5_000), none.min(), none.max()), (None, None, None));
}
