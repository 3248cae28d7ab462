//! Few operations that have no order, out of many.

use super::{Decision, Kind, Op, decide};
use kvsim_checkers::patience::Patience;

/// Operations of which none can be left out, by their places: halves first, then quarters, down to single ones. When
/// patience ends, what is left stays.
pub(super) fn smallest(ops: &[Op], initial: u64, mut broken: Vec<u32>, patience: Patience<'_>) -> Vec<u32> {
    let is_broken = |part: &[(u32, Op)]| {
        let part: Vec<Op> = part.iter().map(|(_, op)| *op).collect();
        matches!(decide(&part, initial, patience), Decision::No(_))
    };
    let mut left: Vec<(u32, Op)> = (0..).zip(ops.iter().copied()).collect();
    broken.sort_unstable();
    let seed = without(&left, |place| broken.binary_search(&left[place].0).is_err());
    if is_broken(&seed) {
        left = seed;
    }
    let mut size = left.len().div_ceil(2);
    loop {
        let mut end = left.len();
        while end > 0 && !patience.is_over() {
            let start = end.saturating_sub(size);
            let fewer = without(&left, |place| (start..end).contains(&place));
            if is_broken(&fewer) {
                left = fewer;
            }
            end = start.min(left.len());
        }
        if size <= 1 || patience.is_over() {
            return left.into_iter().map(|(place, _)| place).collect();
        }
        size = size.div_ceil(2);
    }
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
    let kept = kept.filter(|(_, op)| op.kind != Kind::Read || !is_without(op));
    kept.map(|(place, op)| match is_without(op) {
        true => (*place, Op { kind: Kind::Write, ..*op }),
        false => (*place, *op),
    })
    .collect()
}
