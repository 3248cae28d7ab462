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

/// What was counted comes back from its file as it was; with any number changed it is refused, or still one that could have been
/// counted.
#[test]
fn what_is_stored_has_to_fit_together() {
    let read = |text: &str| serde_json::from_str::<Distribution>(text);
    for numbers in [&[][..], &[0], &[7], &[3, 3, 511, 512, 100_000]] {
        let counted: Distribution = numbers.iter().copied().collect();
        let text = serde_json::to_string(&counted).expect("plain data");
        assert_eq!(read(&text).expect("it was counted"), counted, "{text}");
    }
    let right = r#"{"counts":{"3":2,"5":1},"count":3,"sum":11,"range":[3,5]}"#;
    assert!(read(right).is_ok());
    for (part, wrong) in [
        (r#""3":2"#, r#""3":1"#),
        (r#""5":1"#, r#""5":1,"6":0"#),
        (r#""5":1"#, r#""6":1"#),
        (r#""3":2"#, r#""2":2"#),
        (r#""count":3"#, r#""count":2"#),
        (r#""sum":11"#, r#""sum":8"#),
        (r#""sum":11"#, r#""sum":16"#),
        ("[3,5]", "[4,5]"),
        ("[3,5]", "[3,4]"),
        ("[3,5]", "null"),
    ] {
        assert!(read(&right.replace(part, wrong)).is_err(), "{wrong}");
    }
    // All that lies between the ends can be; of no number there is no sum; more than any run has cannot be.
    let nine = |sum: u64| format!(r#"{{"counts":{{"3":2,"5":1}},"count":3,"sum":{sum},"range":[3,5]}}"#);
    assert!(read(&nine(9)).is_ok() && read(&nine(15)).is_ok());
    assert!(read(r#"{"counts":{},"count":0,"sum":1,"range":null}"#).is_err());
    let many = |count: u64| format!(r#"{{"counts":{{"1":{count}}},"count":{count},"sum":{count},"range":[1,1]}}"#);
    assert!(read(&many(1 << 40)).is_ok() && read(&many((1 << 40) + 1)).is_err());
}

#[test]
fn lists_are_added_up_place_by_place() {
    for (mut one, other, sum) in [
        (vec![1, 2], vec![10, 20, 30], vec![11, 22, 30]),
        (vec![1, 2, 3], vec![10], vec![11, 2, 3]),
        (vec![1, 2], vec![10, 20], vec![11, 22]),
    ] {
        one.merge_with(&other);
        assert_eq!(one, sum);
    }
}
