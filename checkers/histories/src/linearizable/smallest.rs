//! Few operations that have no order, out of many.

use std::ops::Range;

use kvsim_checkers::Expired;
use kvsim_checkers::minimize::minimize;

use super::decide;
use super::op::{Decision, Op};
use super::part::{Parts, until};

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
    // Of the moments at which something was completed the first until which there is no order.
    let mut moments: Vec<u32> =
        first.iter().map(|(_, op)| op.completed).filter(|moment| *moment != Op::NEVER).collect();
    moments.sort_unstable();
    let last = moments.partition_point(|moment| if_broken(until(&first, *moment)).is_none());
    let first = moments.get(last).and_then(|moment| if_broken(until(&first, *moment))).unwrap_or(first);
    let fewer =
        |left: &Vec<(u32, Op)>, range: Range<usize>| if_broken(parts.without(left, |place| range.contains(&place)));
    minimize(first, Vec::len, fewer, expired).into_iter().map(|(place, _)| place).collect()
}
