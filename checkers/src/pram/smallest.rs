//! Few operations that show a breach, out of many.

use super::Order;
use super::search::Certain;
use crate::history::{Ending, History, Kind};
use crate::patience::Patience;

/// Operations of which none can be left out: without any of them the session has an order, as far as can be told.
///
/// Fewer operations allow more orders ([`History::only`]), so that parts can be left out one after the other,
/// halves first, then quarters, down to single operations: what could not be left out once never can. Every
/// attempt is a judgement of what is left, which is quickly little. When patience ends, what is left stays.
pub(super) fn smallest(history: &History, order: Order, session: u32, patience: Patience<'_>) -> Vec<u32> {
    let is_breach = |history: &History| Certain::of(history, order).is_breach(session);
    let ops = history.ops();
    // That somebody read it shows that a write of unknown outcome happened.
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
    let (mut left, mut places) = history.only(concerns);
    let last = first_breach(&left, order, session);
    let until = left.only(|index| is_until(&left, session, last, index));
    take(&mut left, &mut places, until);
    let mut size = places.len().div_ceil(2);
    loop {
        let mut end = places.len();
        // From the end, so that the story is an early one.
        while end > 0 {
            if patience.is_over() {
                return places;
            }
            let start = end.saturating_sub(size);
            let without = left.only(|index| !(start..end).contains(&(index as usize)));
            if is_breach(&without.0) {
                take(&mut left, &mut places, without);
            }
            end = start.min(places.len());
        }
        if size <= 1 {
            return places;
        }
        size = size.div_ceil(2);
    }
}

/// Goes on with the history of some of the operations.
fn take(left: &mut History, places: &mut Vec<u32>, (fewer, kept): (History, Vec<u32>)) {
    *places = kept.into_iter().map(|index| places[index as usize]).collect();
    *left = fewer;
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
