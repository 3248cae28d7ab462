//! Few operations that have no order, out of many.

use std::ops::Range;

use kvsim_checkers::Expired;
use kvsim_checkers::minimize::minimize;

use super::decide;
use super::op::{Decision, Op};
use super::part::Parts;

/// A minimal set of operations, by their places; those in `broken` are tried first.
pub(super) fn smallest(ops: &[Op], initial: u64, mut broken: Vec<u32>, expired: Expired<'_>) -> Vec<u32> {
    broken.sort_unstable();
    let parts = Parts::of(ops);
    let if_broken = |fewer: Vec<(u32, Op)>| {
        let ops: Vec<Op> = fewer.iter().map(|(_, op)| *op).collect();
        matches!(decide(&ops, initial, expired), Decision::No(_)).then_some(fewer)
    };
    let all = Parts::whole(ops);
    let first = if_broken(parts.without(&all, |place| broken.binary_search(&all[place].0).is_err())).unwrap_or(all);
    let fewer =
        |left: &Vec<(u32, Op)>, range: Range<usize>| if_broken(parts.without(left, |place| range.contains(&place)));
    minimize(first, Vec::len, fewer, expired).into_iter().map(|(place, _)| place).collect()
}
