//! Causal consistency and causal convergence as models, with findings for people.

use kvsim_checkers::describe::{self, Describe};
use kvsim_checkers::history::{Kind, Op};
use kvsim_checkers::register::UNWRITTEN;
use kvsim_checkers::verdict::{Finding, Report};
use kvsim_checkers::{CodeInfo, Expired};

use super::Causality;
use super::judge::{PatternFound, judge};
use super::patterns::Pattern;
use crate::models::{Model, Subject};

/// CC.
pub(crate) const CONSISTENT: Model = Model {
    name: Causality::Consistent.name(),
    alias: Some("cc"),
    summary: "who sees a write sees what came before it",
    codes: &[
        CodeInfo { code: "CC001", meaning: REPLACED },
        CodeInfo { code: "CC002", meaning: UNWRITTEN },
        CodeInfo { code: "CC003", meaning: CYCLIC },
    ],
    // Not monotonic reads: each read by itself may order concurrent writes as it likes.
    implies: &["read-your-writes", "monotonic-writes", "writes-follow-reads"],
    judge: |subject, expired| report(subject, Causality::Consistent, expired),
};

/// CCv.
pub(crate) const CONVERGENT: Model = Model {
    name: Causality::Convergent.name(),
    alias: Some("ccv"),
    summary: "who sees a write sees what came before it, and concurrent writes are settled alike everywhere",
    codes: &[
        CodeInfo { code: "CCV001", meaning: REPLACED },
        CodeInfo { code: "CCV002", meaning: UNWRITTEN },
        CodeInfo { code: "CCV003", meaning: CYCLIC },
        CodeInfo { code: "CCV004", meaning: "reads settle concurrent writes in contradictory ways" },
    ],
    implies: &["causal", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"],
    judge: |subject, expired| report(subject, Causality::Convergent, expired),
};

const REPLACED: &str = "a read returned what a write that causally precedes it had replaced";
const CYCLIC: &str = "an operation causally precedes itself";

fn report(subject: &Subject<'_>, causality: Causality, expired: Expired<'_>) -> Option<Report> {
    let (history, calls) = (&subject.history, subject.describe());
    let judgement = judge(history, causality, expired)?;
    let codes = match causality {
        Causality::Consistent => CONSISTENT.codes,
        Causality::Convergent => CONVERGENT.codes,
    };
    let holds = format!("causal order explains all {} reads", judgement.reads);
    let finding = |found: &PatternFound| finding(found, codes, history.ops(), calls);
    Some(judgement.report(causality.name(), history, calls, finding, codes[1].code, holds))
}

fn finding(found: &PatternFound, codes: &[CodeInfo], history: &[Op], calls: &dyn Describe) -> Finding {
    let ops = || found.ops.iter().map(|place| &history[*place as usize]);
    let numbers = describe::in_order(calls, ops().map(|op| op.number));
    let (mut marked, mut note) = (None, String::new());
    let (code, title) = match found.pattern {
        Pattern::CyclicOrder => {
            (2, "what was read before a write and written before a read goes in a circle".to_owned())
        }
        Pattern::CyclicConflict => (3, "no single order of concurrent writes explains all reads".to_owned()),
        Pattern::InitialRead | Pattern::OverwrittenRead => {
            // The read that is wrong is the last one whose key was also written with another value.
            let replacing = |read: &Op| {
                let mut writes = ops().filter(|op| op.kind == Kind::Write);
                writes.find(|write| write.key == read.key && write.value != read.value)
            };
            let reads = ops().filter(|op| op.kind == Kind::Read);
            let title = match reads.filter_map(|read| Some((read, replacing(read)?))).next_back() {
                None => "a read returned what had been replaced before".to_owned(),
                Some((read, write)) => {
                    let (reader, key, value) =
                        (calls.subject(read.session), calls.key(read.number), calls.returned(read.number));
                    let write = calls.name(write.number);
                    (marked, note) = (Some(read.number), format!("   but not {write}{}", describe::HERE));
                    format!("{reader} read {key} -> {value}, though {write}, which replaced that, causally precedes it")
                }
            };
            (0, title)
        }
    };
    let lines = describe::lines(calls, &numbers, marked, &note);
    describe::finding(calls, codes[code].code, title, &numbers, lines)
}
