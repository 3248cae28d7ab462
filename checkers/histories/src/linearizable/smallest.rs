//! Few operations that have no order, out of many.

use std::ops::Range;

use kvsim_checkers::Expired;
use kvsim_checkers::minimize::minimize;

use super::decide;
use super::op::{Decision, Op};
use crate::jepsen::Action;

/// A minimal set of operations, by their places; those in `broken` are tried first.
pub(super) fn smallest(ops: &[Op], initial: u64, mut broken: Vec<u32>, expired: Expired<'_>) -> Vec<u32> {
    broken.sort_unstable();
    let if_broken = |fewer: Vec<(u32, Op)>| {
        let ops: Vec<Op> = fewer.iter().map(|(_, op)| *op).collect();
        matches!(decide(&ops, initial, expired), Decision::No(_)).then_some(fewer)
    };
    let all: Vec<(u32, Op)> = (0..).zip(ops.iter().copied()).collect();
    let first = if_broken(without(&all, |place| broken.binary_search(&all[place].0).is_err())).unwrap_or(all);
    let fewer = |left: &Vec<(u32, Op)>, range: Range<usize>| if_broken(without(left, |place| range.contains(&place)));
    minimize(first, Vec::len, fewer, expired).into_iter().map(|(place, _)| place).collect()
}

/// Some operations without those that are gone, such that what was possible stays possible: reads of values which these
/// may have written for them are gone, too, and a cas that may have found such a value is taken for a write.
fn without(some: &[(u32, Op)], is_gone: impl Fn(usize) -> bool) -> Vec<(u32, Op)> {
    let gone = some.iter().enumerate().filter(|(place, _)| is_gone(*place));
    // By value: the first of those that wrote it.
    let mut values: Vec<(u64, u32)> = gone.filter_map(|(_, (_, op))| Some((op.writes()?, op.invoked))).collect();
    values.sort_unstable();
    let is_without = |op: &Op| {
        op.needs().is_some_and(|value| {
            let first = values.get(values.partition_point(|(other, _)| *other < value));
            first.is_some_and(|(other, invoked)| *other == value && *invoked < op.completed)
        })
    };
    let kept = some.iter().enumerate().filter(|(place, _)| !is_gone(*place)).map(|(_, one)| one);
    let kept = kept.filter(|(_, op)| op.action != Action::Read || !is_without(op));
    kept.map(|(place, op)| match is_without(op) {
        true => (*place, Op { action: Action::Write, ..*op }),
        false => (*place, *op),
    })
    .collect()
}
