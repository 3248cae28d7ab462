//! Few operations that have no order, out of many.

use kvsim_checkers::Expired;
use kvsim_checkers::minimize::minimize;

use super::op::SessionOp;
use super::search::decide;

/// A minimal part of operations that have no order; what is left, when the time is over. Those in `broken` are tried first.
pub(super) fn smallest(
    ops: Vec<SessionOp>,
    initial: u64,
    broken: Option<&[u32]>,
    expired: Expired<'_>,
) -> Vec<SessionOp> {
    let if_broken = |fewer: Vec<SessionOp>| (decide(&fewer, initial, expired) == Some(false)).then_some(fewer);
    let mut places = broken.map(<[u32]>::to_vec).unwrap_or_default();
    places.sort_unstable();
    let few = broken.and_then(|_| if_broken(without(&ops, |_, op| places.binary_search(&op.place).is_err())));
    let ops = few.unwrap_or(ops);
    // Whole processes first: most have nothing to do with it.
    let mut sessions: Vec<u32> = ops.iter().map(|op| op.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    let mut left = ops;
    for session in sessions {
        if expired() {
            return left;
        }
        left = if_broken(without(&left, |_, op| op.session == session)).unwrap_or(left);
    }
    let fewer = |left: &Vec<SessionOp>, range: std::ops::Range<usize>| {
        if_broken(without(left, |place, _| range.contains(&place)))
    };
    minimize(left, Vec::len, fewer, expired)
}

/// Some operations without those that are gone, such that what was possible stays possible: reads of what these may have
/// written are gone, too, and a cas that may have found it is taken for a write.
fn without(some: &[SessionOp], is_gone: impl Fn(usize, &SessionOp) -> bool) -> Vec<SessionOp> {
    let gone = some.iter().enumerate().filter(|(place, op)| is_gone(*place, op));
    let mut values: Vec<(u32, u64)> = gone.filter_map(|(_, op)| op.written()).collect();
    values.sort_unstable();
    let is_without = |op: &SessionOp| op.needed().is_some_and(|needed| values.binary_search(&needed).is_ok());
    let kept = some.iter().enumerate().filter(|(place, op)| !is_gone(*place, op)).map(|(_, op)| op);
    let kept = kept.filter(|op| op.writes.is_some() || !is_without(op));
    kept.map(|op| if is_without(op) { SessionOp { needs: None, ..*op } } else { *op }).collect()
}
