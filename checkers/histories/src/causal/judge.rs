//! The verdict about a history.

use kvsim_checkers::history::{History, NOTHING};
use kvsim_checkers::minimize::minimize;
use kvsim_checkers::register::{Judgement, Unclear, Writers};
use kvsim_checkers::verdict::Report;
use kvsim_checkers::{Expired, NEVER};

use super::Causality;
use super::graph::{Graph, Refused, is_deleted};
use super::patterns::{Match, Pattern, divergent, inconsistent};

/// A pattern in a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternFound {
    /// Which.
    pub pattern: Pattern,
    /// Operations that show it, by their places in [`History::ops`], in ascending order. Without any one of them they
    /// would be causal.
    pub ops: Vec<u32>,
}

/// Judges a history; nothing if the time is over before it is known whether it holds.
pub fn judge(history: &History, causality: Causality, expired: Expired<'_>) -> Option<Judgement<PatternFound>> {
    Judgement::of(history, |writers| {
        let (mut found, count) = match matches(history, writers, causality, Report::FINDINGS_MAX, expired) {
            Ok(found) => found,
            Err(Refused::GaveUp) => return None,
            Err(Refused::TooLarge) => return Some((Vec::new(), 0, Some(Unclear::TooLarge))),
        };
        for pattern in &mut found {
            pattern.ops = smallest(history, causality, std::mem::take(&mut pattern.ops), expired);
        }
        let is_deleted = is_deleted(history);
        let deleted = history
            .ops()
            .iter()
            .zip(0..)
            .find(|(op, _)| op.is_answered_read() && op.value == NOTHING && is_deleted[op.key as usize]);
        Some((found, count, deleted.map(|(_, place)| Unclear::Deleted(place))))
    })
}

/// The patterns in a history by the operations that show them, and how many there are.
fn matches(
    history: &History,
    writers: &Writers,
    causality: Causality,
    limit: usize,
    expired: Expired<'_>,
) -> Result<(Vec<PatternFound>, usize), Refused> {
    let graph = Graph::of(history, writers, expired)?;
    let (mut found, mut count) = inconsistent(&graph, limit, expired).ok_or(Refused::GaveUp)?;
    if found.is_empty() && causality == Causality::Convergent {
        found.extend(divergent(&graph, expired).ok_or(Refused::GaveUp)?);
        count = found.len();
    }
    let ops = |Match { pattern, nodes }: Match| {
        let mut ops: Vec<u32> = nodes.iter().map(|node| graph.nodes[*node as usize].op).collect();
        ops.sort_unstable();
        ops.dedup();
        PatternFound { pattern, ops }
    };
    Ok((found.into_iter().map(ops).collect(), count))
}

/// Of operations that show a pattern, few that still show one.
fn smallest(history: &History, causality: Causality, ops: Vec<u32>, expired: Expired<'_>) -> Vec<u32> {
    let without = |left: &Vec<u32>, range: std::ops::Range<usize>| {
        let fewer = [&left[..range.start], &left[range.end..]].concat();
        let (part, _) = history.only(|op| fewer.binary_search(&op).is_ok());
        let found = matches(&part, &Writers::of(&part), causality, 1, NEVER);
        found.is_ok_and(|(found, _)| !found.is_empty()).then_some(fewer)
    };
    minimize(ops, Vec::len, without, expired)
}
