//! Few operations that show a breach, out of many.

use super::search::Certain;
use super::variant::Order;
use crate::Expired;
use crate::history::{Ending, History, Kind};
use crate::minimize::minimize;

/// A minimal set of operations: without any one of them the session has an order, as far as can be known.
///
/// Fewer operations allow more orders ([`History::only`]). Every attempt is a judgement of what is left, which is
/// quickly little.
pub(super) fn smallest(history: &History, order: Order, session: u32, expired: Expired<'_>) -> Vec<u32> {
    let ops = history.ops();
    // A read of a write of unknown outcome shows that it happened.
    let mut is_doubted = vec![false; history.values()];
    for write in ops.iter().filter(|op| op.is_possible_write() && op.ending == Ending::Indeterminate) {
        is_doubted[write.value as usize] = true;
    }
    let concerns = |index: u32| {
        let op = &ops[index as usize];
        match op.kind {
            Kind::Write => op.is_possible_write(),
            Kind::Read if op.session == session => op.is_answered_read(),
            Kind::Read if order == Order::Causal => op.is_answered_read(),
            Kind::Read => op.is_answered_read() && is_doubted.get(op.value as usize) == Some(&true),
        }
    };
    let concerned = history.only(concerns);
    let last = first_breach(&concerned.0, order, session);
    let until = part(&concerned, |index| is_until(&concerned.0, session, last, index));
    let without = |left: &Part, range: std::ops::Range<usize>| {
        let fewer = part(left, |index| !range.contains(&(index as usize)));
        Certain::of(&fewer.0, order).is_breach(session).then_some(fewer)
    };
    minimize(until, |left| left.1.len(), without, expired).1
}

/// The history of some operations, and the places of these in the whole one.
type Part = (History, Vec<u32>);

fn part((history, places): &Part, keep: impl Fn(u32) -> bool) -> Part {
    let (fewer, kept) = history.only(keep);
    (fewer, kept.into_iter().map(|index| places[index as usize]).collect())
}

/// The first of the session's reads that makes it a breach.
fn first_breach(history: &History, order: Order, session: u32) -> u32 {
    let range = history.session(session);
    let reads: Vec<u32> = range.filter(|op| history.ops()[*op as usize].is_answered_read()).collect();
    let is_breach = |last: u32| {
        let until = history.only(|index| is_until(history, session, last, index));
        Certain::of(&until.0, order).is_breach(session)
    };
    let holding = reads.partition_point(|read| !is_breach(*read));
    reads.get(holding).or(reads.last()).copied().unwrap_or(u32::MAX)
}

/// It is no later read of the session.
fn is_until(history: &History, session: u32, last: u32, index: u32) -> bool {
    let op = &history.ops()[index as usize];
    op.session != session || op.kind == Kind::Write || index <= last
}
