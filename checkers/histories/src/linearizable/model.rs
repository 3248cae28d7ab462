//! Linearizability as a model, key by key, with findings for people.

use kvsim_checkers::describe;
use kvsim_checkers::history::Ending;
use kvsim_checkers::register::UNWRITTEN;
use kvsim_checkers::verdict::{Finding, Report, Verdict};
use kvsim_checkers::{CodeInfo, Expired};

use rustc_hash::FxHashMap;

use super::{Answer, Op, judge};
use crate::jepsen::Call;
use crate::models::{Model, Subject};
use crate::regular::{self, Breach, EARLY};

/// Linearizability.
pub(crate) const LINEARIZABLE: Model = Model {
    name: "linearizable",
    alias: None,
    summary: "operations take effect one after the other, each while it is under way",
    codes: &[
        CodeInfo {
            code: "LIN001",
            meaning: "operations of a key have no order that keeps real time and explains what they found",
        },
        CodeInfo { code: "LIN002", meaning: UNWRITTEN },
        CodeInfo { code: "LIN003", meaning: EARLY },
    ],
    implies: &[
        "sequential",
        "regular",
        "causal-memory",
        "causal-convergence",
        "causal",
        "pram",
        "read-your-writes",
        "monotonic-reads",
        "monotonic-writes",
        "writes-follow-reads",
    ],
    judge: report,
};

fn report(subject: &Subject<'_>, expired: Expired<'_>) -> Option<Report> {
    let (calls, words) = (&subject.calls, subject.describe());
    let report =
        |verdict, note, findings| Some(Report { checker: LINEARIZABLE.name.to_owned(), verdict, note, findings });
    let mut by_key: Vec<u32> = (0..calls.list().len() as u32).filter(|call| calls.call(*call).matters()).collect();
    if let Some(note) = subject.siblings() {
        return report(Verdict::Unknown, note, Vec::new());
    }
    by_key.sort_by_key(|call| calls.call(*call).key);
    // What one read says by itself, no search says better.
    let mut breaches: FxHashMap<u32, Breach> = FxHashMap::default();
    for breach in regular::judge(calls.list(), calls.initial()) {
        breaches.entry(calls.call(breach.read()).key).or_insert(breach);
    }
    let (mut findings, mut unlisted, mut unclear, mut answered) = (Vec::new(), 0, None, 0);
    let mut keys = 0;
    for group in by_key.chunk_by(|a, b| calls.call(*a).key == calls.call(*b).key) {
        if expired() && findings.is_empty() {
            return None;
        }
        keys += 1;
        let key = words.key(group[0]);
        let ops: Vec<Op> = group.iter().map(|call| op(calls.call(*call))).collect();
        answered += ops.iter().filter(|op| op.needs().is_some() && op.completed != Op::NEVER).count();
        let finding = match breaches.get(&calls.call(group[0]).key) {
            Some(breach) => regular::finding(subject, breach, LINEARIZABLE.codes),
            None => match judge(&ops, calls.initial(), expired) {
                Answer::Yes => continue,
                Answer::TooMany => {
                    unclear.get_or_insert(format!("the operations of {key} leave more orders than there is room for"));
                    continue;
                }
                Answer::GaveUp => {
                    unclear.get_or_insert(format!("the time limit was reached at {key}"));
                    continue;
                }
                Answer::Unwritten(op) => subject.unwritten(LINEARIZABLE.codes[1].code, group[op as usize]),
                Answer::No(broken) => no_order(subject, &key, broken.iter().map(|op| group[*op as usize])),
            },
        };
        if findings.len() < Report::FINDINGS_MAX { findings.push(finding) } else { unlisted += 1 }
    }
    match unclear {
        _ if !findings.is_empty() => {
            let note = if unlisted > 0 { format!("not listed: {unlisted} more keys") } else { String::new() };
            report(Verdict::Violated, note, findings)
        }
        Some(unclear) => report(Verdict::Unknown, unclear, findings),
        None if answered == 0 => {
            report(Verdict::Unknown, "no read was answered, and no cas was done".to_owned(), findings)
        }
        None => {
            let note = format!("orders in real time explain what {answered} operations found, key by key ({keys})");
            report(Verdict::Holds, note, findings)
        }
    }
}

fn op(call: &Call) -> Op {
    let Call { invoked, completed, action, value, expected, ending, .. } = *call;
    Op { invoked, completed: if ending == Ending::Ok { completed } else { Op::NEVER }, action, value, expected }
}

fn no_order(subject: &Subject<'_>, key: &str, ops: impl Iterator<Item = u32>) -> Finding {
    let words = subject.describe();
    let ops = describe::in_order(words, ops);
    let title = format!("no order of the operations of {key} keeps real time and explains what they found");
    let lines = describe::lines(words, &ops, subject.last_found(&ops), describe::HERE);
    describe::finding(words, LINEARIZABLE.codes[0].code, title, &ops, lines)
}
