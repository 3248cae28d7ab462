//! One of the reasons that an explanation gives.

use serde::Serialize;

use crate::facts::Facts;
use crate::facts::messages::Line;
use crate::verdict::TraceLine;

/// One reason, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// In one sentence.
    pub title: String,
    /// What led to it, in order.
    pub evidence: Vec<TraceLine>,
}

impl Reason {
    pub(super) fn new(facts: &Facts<'_>, title: String, lines: Vec<Line>) -> Reason {
        Reason { title, evidence: facts.in_order(lines) }
    }

    pub(super) fn bare(title: String) -> Reason {
        Reason { title, evidence: Vec::new() }
    }
}

/// More writes than these are counted: they mostly say the same.
pub(super) const REASONS_MAX: usize = 6;
