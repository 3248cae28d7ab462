//! The verdict about a history.

use super::Causality;
use super::graph::{Graph, Refused};
use super::patterns::{Match, divergent, inconsistent};
use kvsim_checkers::history::{Ending, History, NOTHING, SEVERAL};
use kvsim_checkers::patience::Patience;
use kvsim_checkers::verdict::Report;

/// What is found in histories that are not causal; in brackets what the paper calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// An operation comes before itself (CyclicCO).
    CyclicOrder,
    /// A read returned nothing although a write comes before it (WriteCOInitRead).
    InitialRead,
    /// A read returned what another write had replaced that comes before it (WriteCORead).
    OverwrittenRead,
    /// What reads say about the order of concurrent writes contradicts itself (CyclicCF).
    CyclicConflict,
}

/// What there is to say about a history. Operations are places in [`History::ops`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What was broken; only as many as a [`Report`] lists.
    pub breaches: Vec<Breach>,
    /// How many reads show a pattern, or 1 for a circle.
    pub broken: usize,
    /// How many reads returned what nobody wrote.
    pub unwritten: usize,
    /// Why it is not known whether the history holds; if nothing was broken.
    pub unclear: Option<Unclear>,
    /// Answered reads that were judged.
    pub reads: usize,
}

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// A pattern. So few operations show it that without any one of them they would be causal.
    Pattern {
        /// Which.
        pattern: Pattern,
        /// The operations, in ascending order.
        ops: Vec<u32>,
    },
    /// A read returned what nobody wrote to its key (ThinAirRead).
    Unwritten {
        /// The read.
        read: u32,
        /// Writes of the value that were refused.
        refused: Vec<u32>,
    },
}

/// Why a history is neither right nor wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// No read was answered.
    NoRead,
    /// This read returned several values at once.
    Several(u32),
    /// This read may have read more than one write, of equal values.
    Ambiguous(u32),
    /// This read found nothing, where there are deletes.
    Deleted(u32),
    /// Too many operations of too many sessions.
    TooLarge,
}

/// Judges a history.
pub fn judge(history: &History, causality: Causality) -> Judgement {
    judge_within(history, causality, Patience::ENDLESS).expect("patience is endless")
}

/// Judges a history; nothing if patience ends before it is known whether it holds.
pub fn judge_within(history: &History, causality: Causality, patience: Patience<'_>) -> Option<Judgement> {
    let mut judgement = Judgement { breaches: Vec::new(), broken: 0, unwritten: 0, unclear: None, reads: 0 };
    let is_several = |(op, _): &(&kvsim_checkers::history::Op, u32)| op.is_answered_read() && op.value == SEVERAL;
    if let Some((_, place)) = history.ops().iter().zip(0..).find(is_several) {
        // The store's keys are no registers, and the definitions say nothing about it.
        judgement.unclear = Some(Unclear::Several(place));
        return Some(judgement);
    }
    let writers = writers(history);
    let is_deleted = super::graph::is_deleted(history);
    for (op, place) in history.ops().iter().zip(0..).filter(|(op, _)| op.is_answered_read()) {
        judgement.reads += 1;
        let unclear = match op.value {
            NOTHING if is_deleted[op.key as usize] => Some(Unclear::Deleted(place)),
            NOTHING => None,
            value if writers[value as usize] > 1 => Some(Unclear::Ambiguous(place)),
            value if writers[value as usize] == 1 => None,
            value => {
                judgement.unwritten += 1;
                if judgement.breaches.len() < Report::FINDINGS_MAX {
                    let is_refused =
                        |other: &kvsim_checkers::history::Op| other.value == value && other.ending == Ending::Failed;
                    let refused = history.ops().iter().zip(0..).filter(|(op, _)| is_refused(op));
                    let refused = refused.map(|(_, place)| place).filter(|other| *other != place).collect();
                    judgement.breaches.push(Breach::Unwritten { read: place, refused });
                }
                None
            }
        };
        judgement.unclear = judgement.unclear.or(unclear);
    }
    if judgement.reads == 0 {
        judgement.unclear = Some(Unclear::NoRead);
        return Some(judgement);
    }
    match matches(history, causality, Report::FINDINGS_MAX, patience) {
        Ok((found, count)) => {
            judgement.broken = count;
            let patterns = found.into_iter().map(|(pattern, ops)| {
                let ops = smallest(history, causality, ops, patience);
                Breach::Pattern { pattern, ops }
            });
            let mut breaches: Vec<Breach> = patterns.collect();
            breaches.append(&mut judgement.breaches);
            breaches.truncate(Report::FINDINGS_MAX);
            judgement.breaches = breaches;
        }
        Err(Refused::GaveUp) => return None,
        Err(Refused::TooLarge) => judgement.unclear = Some(Unclear::TooLarge),
    }
    if !judgement.breaches.is_empty() {
        judgement.unclear = None;
    }
    Some(judgement)
}

/// A pattern and the operations that show it.
type Shown = (Pattern, Vec<u32>);

/// The patterns in a history by the operations that show them, and how many there are.
fn matches(
    history: &History,
    causality: Causality,
    limit: usize,
    patience: Patience<'_>,
) -> Result<(Vec<Shown>, usize), Refused> {
    let graph = Graph::of(history, patience)?;
    let (mut found, mut count) = inconsistent(&graph, limit, patience).ok_or(Refused::GaveUp)?;
    if found.is_empty() && causality == Causality::Convergent {
        found.extend(divergent(&graph, patience).ok_or(Refused::GaveUp)?);
        count = found.len();
    }
    let ops = |Match { pattern, nodes }: Match| {
        let mut ops: Vec<u32> = nodes.iter().map(|node| graph.nodes[*node as usize].op).collect();
        ops.sort_unstable();
        ops.dedup();
        (pattern, ops)
    };
    Ok((found.into_iter().map(ops).collect(), count))
}

/// Of operations that show a pattern, so few that none can be left out; or as many as are left when patience ends.
fn smallest(history: &History, causality: Causality, ops: Vec<u32>, patience: Patience<'_>) -> Vec<u32> {
    let is_broken = |ops: &[u32]| {
        let (part, _) = history.only(|op| ops.binary_search(&op).is_ok());
        matches(&part, causality, 1, Patience::ENDLESS).is_ok_and(|(found, _)| !found.is_empty())
    };
    let mut left = ops;
    let mut size = left.len().div_ceil(2);
    loop {
        let mut end = left.len();
        while end > 0 {
            if patience.is_over() {
                return left;
            }
            let start = end.saturating_sub(size);
            let without: Vec<u32> = [&left[..start], &left[end..]].concat();
            if is_broken(&without) {
                left = without;
            }
            end = start.min(left.len());
        }
        if size <= 1 {
            return left;
        }
        size = size.div_ceil(2);
    }
}

/// By value: 0, 1 or 2 (or more) writes may have written it.
fn writers(history: &History) -> Vec<u8> {
    let mut writers = vec![0; history.values()];
    for op in history.ops().iter().filter(|op| op.is_possible_write()) {
        let count: &mut u8 = &mut writers[op.value as usize];
        *count = 2.min(*count + 1);
    }
    writers
}
