//! The orders that are judged: PRAM, its priority-aware form, and causal memory.

use crate::Facts;
use crate::register::UNWRITTEN;
use crate::verdict::Report;
use crate::{CheckerInfo, CodeInfo, Rerun};

const NO_ORDER: &str =
    "no order of a session's operations and all writes keeps every program order and explains its reads";
const NO_CAUSAL_ORDER: &str =
    "no order of a session's operations and all writes keeps causal order and explains its reads";

/// Which writes of a writer keep their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// All.
    Pram,
    /// A write keeps its place before later ones whose priority is not higher.
    Priority,
    /// All, and those that a session had read before it wrote: causal memory.
    Causal,
}

impl Order {
    pub(super) const fn checker(self, check: fn(&Facts<'_>, &Rerun<'_>) -> Report) -> CheckerInfo {
        CheckerInfo { name: self.name(), summary: self.summary(), codes: self.codes(), by_default: |_| false, check }
    }

    /// Name of the checker.
    pub const fn name(self) -> &'static str {
        match self {
            Order::Pram => "pram",
            Order::Priority => "priority-pram",
            Order::Causal => "causal-memory",
        }
    }

    /// What it judges, in one line.
    pub const fn summary(self) -> &'static str {
        match self {
            Order::Pram => "sessions see each writer's writes in the order in which they were issued",
            Order::Priority => "the same, but a write may be seen before earlier ones of lower priority",
            Order::Causal => "sessions see writes in an order that keeps causality, each session in its own",
        }
    }

    /// That a session saw writes out of order; and that a read returned what was never written to its key. When it
    /// was written is no matter: PRAM knows no clock. A session that reads what it writes only later has seen writes
    /// out of order.
    pub const fn codes(self) -> &'static [CodeInfo] {
        const fn codes(no_order: &'static str, meaning: &'static str, unwritten: &'static str) -> [CodeInfo; 2] {
            [CodeInfo { code: no_order, meaning }, CodeInfo { code: unwritten, meaning: UNWRITTEN }]
        }
        match self {
            Order::Pram => const { &codes("PRAM001", NO_ORDER, "PRAM002") },
            Order::Priority => const { &codes("PPRAM001", NO_ORDER, "PPRAM002") },
            Order::Causal => const { &codes("CM001", NO_CAUSAL_ORDER, "CM002") },
        }
    }
}
