//! How old the answers to reads are at least, where replicas do not say what they know.
//!
//! Then real time alone tells which writes came after which. A read misses a completed write that was asked for only when all that
//! the read returned had been acknowledged: that write, or what had replaced it, was the answer (as for registers in Golab, Li and
//! Shah, PODC 2011). Writes that overlap have the benefit of the doubt; and so has a read for which a delete that came no earlier
//! than the write may have left what it returned: nothing, or, of a store with siblings, others.

use rustc_hash::FxHashMap;

use super::staleness::ReadAge;
use crate::facts::Facts;
use crate::facts::operations::{Operation, Outcome};
use crate::trace::{Action, Conflict, What};

/// A completed write or delete: the places of its answer and its invocation.
struct CompletedWrite {
    answered: usize,
    invoked: usize,
    is_delete: bool,
}

#[derive(Default)]
struct CompletedOfKey {
    /// In the order of their answers.
    completed: Vec<CompletedWrite>,
    /// When the last delete that was asked for was answered; never, for one that was not.
    deleted: Option<usize>,
}

pub(super) fn each_read(facts: &Facts<'_>, mut visit: impl FnMut(&Operation, ReadAge)) {
    let mut keys: FxHashMap<u32, CompletedOfKey> = FxHashMap::default();
    for (place, event) in facts.recording.events.iter().enumerate() {
        let (What::Invoked { op, .. } | What::Answered { op }) = event.what else { continue };
        let Some(operation) = facts.operations.get(op) else { continue };
        let key = keys.entry(operation.key).or_default();
        let is_delete = operation.action == Action::Delete;
        match (&event.what, operation.action) {
            (What::Invoked { .. }, Action::Delete) if !matches!(operation.outcome, Outcome::Refused(_)) => {
                key.deleted = key.deleted.max(Some(operation.answered().unwrap_or(usize::MAX)));
            }
            (What::Invoked { .. }, _) => {}
            (_, Action::Read) => visit(operation, key.read(facts, operation)),
            _ => key.completed.push(CompletedWrite { answered: place, invoked: operation.invoked, is_delete }),
        }
    }
}

impl CompletedOfKey {
    fn read(&self, facts: &Facts<'_>, read: &Operation) -> ReadAge {
        let returned = facts.returned(read).map(|write| facts.operation(write).answered().unwrap_or(usize::MAX));
        let newest = returned.max();
        let is_late = |write: &CompletedWrite| newest.is_none_or(|newest| write.invoked > newest);
        let may_be_deleted = newest.is_none() || facts.header().conflict == Conflict::Causal;
        let is_missed = |write: &&CompletedWrite| match (may_be_deleted, write.is_delete) {
            (false, _) => is_late(write),
            (true, false) => is_late(write) && self.deleted.is_none_or(|deleted| write.invoked > deleted),
            (true, true) => false,
        };
        let before = &self.completed[..self.completed.partition_point(|write| write.answered < read.invoked)];
        let late = before.partition_point(|write| newest.is_some_and(|newest| write.answered <= newest));
        let mut missed = before[late..].iter().filter(is_missed);
        let age = |write: &CompletedWrite| facts.at_ns(read.invoked) - facts.at_ns(write.answered);
        let first = missed.next();
        ReadAge {
            op: read.number,
            missed: first.map_or(0, |_| 1 + missed.count() as u64),
            age_ns: first.map_or(0, age),
            since_write_ns: before.last().map(age),
            sees_last: before.last().is_some_and(|last| !is_missed(&last)),
        }
    }
}
