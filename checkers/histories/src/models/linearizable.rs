//! Linearizability, key by key.

use super::Subject;
use super::tell::Teller;
use crate::jepsen::{Action, Call, Calls};
use crate::linearizable::{Answer, Kind, Op, judge};
use kvsim_checkers::history::Ending;
use kvsim_checkers::verdict::{Finding, Report, TraceLine, Verdict};
use kvsim_checkers::{CodeInfo, Patience, UNWRITTEN};

pub(super) const NAME: &str = "linearizable";

const NO_ORDER: &str = "LIN001";
const NOBODY: &str = "LIN002";

pub(super) const CODES: &[CodeInfo] = &[
    CodeInfo {
        code: NO_ORDER,
        meaning: "operations of a key have no order that keeps real time and explains what they found",
    },
    CodeInfo { code: NOBODY, meaning: UNWRITTEN },
];

pub(super) fn check(subject: &Subject, patience: Patience<'_>) -> Option<Report> {
    let calls = &subject.calls;
    let teller = Teller { calls };
    let mut by_key: Vec<u32> =
        (0..calls.list().len() as u32).filter(|call| matters(&calls.list()[*call as usize])).collect();
    let several = |call: &&u32| calls.value(teller.call(**call).value).is_none();
    if let Some(call) = by_key.iter().find(several) {
        let (name, key) = (teller.name(*call), teller.key(teller.call(*call).key));
        let note = format!("read {name} of {key} returned several values, and keys are registers here");
        return Some(Report { checker: NAME.to_owned(), verdict: Verdict::Unknown, note, findings: Vec::new() });
    }
    by_key.sort_by_key(|call| calls.list()[*call as usize].key);
    let (mut findings, mut unlisted, mut unclear, mut answered) = (Vec::new(), 0, None, 0);
    let mut keys = 0;
    for group in by_key.chunk_by(|a, b| teller.call(*a).key == teller.call(*b).key) {
        if patience.is_over() && findings.is_empty() {
            return None;
        }
        keys += 1;
        let key = teller.key(teller.call(group[0]).key);
        let ops: Vec<Op> = group.iter().map(|call| op(teller.call(*call))).collect();
        answered += ops.iter().filter(|op| op.needs().is_some() && op.completed != Op::NEVER).count();
        let finding = match judge(&ops, Calls::NIL, patience) {
            Answer::Yes => continue,
            Answer::TooMany => {
                unclear.get_or_insert(format!("the operations of {key} leave more ways than there is room for"));
                continue;
            }
            Answer::GaveUp => {
                unclear.get_or_insert(format!("the time limit was reached at {key}"));
                continue;
            }
            Answer::No(broken) => no_order(&teller, &key, broken.iter().map(|op| group[*op as usize]).collect()),
            Answer::Unwritten(op) => nobody(&teller, &key, group[op as usize]),
        };
        if findings.len() < Report::FINDINGS_MAX { findings.push(finding) } else { unlisted += 1 }
    }
    let (verdict, note) = match unclear {
        _ if !findings.is_empty() => {
            (Verdict::Violated, if unlisted > 0 { format!("not listed: {unlisted} more keys") } else { String::new() })
        }
        Some(unclear) => (Verdict::Unknown, unclear),
        None if answered == 0 => (Verdict::Unknown, "no read was answered, and no cas was done".to_owned()),
        None => (
            Verdict::Holds,
            format!("orders in real time explain what {answered} operations found, key by key ({keys})"),
        ),
    };
    Some(Report { checker: NAME.to_owned(), verdict, note, findings })
}

/// It took place, or may have, and if it is a read, it was answered.
fn matters(call: &Call) -> bool {
    match call.ending {
        Ending::Ok => true,
        Ending::Failed => false,
        Ending::Indeterminate => call.action != Action::Read,
    }
}

fn op(call: &Call) -> Op {
    let kind = match call.action {
        Action::Read => Kind::Read,
        Action::Write => Kind::Write,
        Action::Cas => Kind::Cas,
    };
    let completed = if call.ending == Ending::Ok { call.completed } else { Op::NEVER };
    Op { invoked: call.invoked, completed, kind, value: call.value, expected: call.expected }
}

fn no_order(teller: &Teller<'_>, key: &str, mut calls: Vec<u32>) -> Finding {
    calls.sort_unstable();
    let story: Vec<TraceLine> = calls.iter().map(|call| teller.line(*call)).collect();
    let title = format!("no order of the operations of {key} keeps real time and explains what they found");
    teller.finding(NO_ORDER, title, story, &calls)
}

fn nobody(teller: &Teller<'_>, key: &str, call: u32) -> Finding {
    let call_of = teller.call(call);
    let value = teller.returned(call);
    let title = format!("{} found {value} in {key}, which nobody wrote there", teller.process(call_of.session));
    let is_refused = |other: &&u32| {
        let other = teller.call(**other);
        let needed = if call_of.action == Action::Cas { call_of.expected } else { call_of.value };
        other.ending == Ending::Failed
            && other.key == call_of.key
            && other.action != Action::Read
            && other.value == needed
    };
    let all: Vec<u32> = (0..teller.calls.list().len() as u32).collect();
    let mut calls: Vec<u32> = all.iter().filter(is_refused).copied().chain([call]).collect();
    calls.sort_unstable();
    let story: Vec<TraceLine> = calls.iter().map(|call| teller.line(*call)).collect();
    teller.finding(NOBODY, title, story, &calls)
}
