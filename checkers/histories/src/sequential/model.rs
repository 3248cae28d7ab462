//! Sequential consistency as a model, with findings for people.

use kvsim_checkers::describe;
use kvsim_checkers::history::Ending;
use kvsim_checkers::pram::{self, Order};
use kvsim_checkers::register::UNWRITTEN;
use kvsim_checkers::verdict::{Finding, Report, Verdict};
use kvsim_checkers::{CodeInfo, Expired};

use super::{Answer, judge};
use crate::linearizable::model::LINEARIZABLE;
use crate::models::{Model, Subject};

/// Sequential consistency.
pub(crate) const SEQUENTIAL: Model = Model {
    name: "sequential",
    alias: Some("sc"),
    summary: "one order of all operations keeps that of each session and explains what they found",
    codes: &[
        CodeInfo {
            code: "SEQ001",
            meaning: "no order of all operations keeps that of each session and explains what they found",
        },
        CodeInfo { code: "SEQ002", meaning: UNWRITTEN },
    ],
    implies: &[
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

/// So often, and once for each call, linearizability may ask whether its time is over before an order is searched that need
/// not keep real time.
const ASKED_MAX: usize = 1_000;

fn report(subject: &Subject<'_>, expired: Expired<'_>) -> Option<Report> {
    let report =
        |verdict, note, findings| Some(Report { checker: SEQUENTIAL.name.to_owned(), verdict, note, findings });
    let calls = subject.calls.list();
    if let Some(note) = subject.siblings() {
        return report(Verdict::Unknown, note, Vec::new());
    }
    let answered = calls.iter().filter(|call| call.ending == Ending::Ok && call.needs().is_some()).count();
    if answered == 0 {
        return report(Verdict::Unknown, "no read was answered, and no cas was done".to_owned(), Vec::new());
    }
    let holds = || report(Verdict::Holds, format!("one order explains what {answered} operations found"), Vec::new());
    let asked = std::cell::Cell::new(0);
    let soon = || {
        asked.set(asked.get() + 1);
        asked.get() > ASKED_MAX + calls.len() || expired()
    };
    let linearizable = (LINEARIZABLE.judge)(subject, &soon);
    if linearizable.is_some_and(|report| report.verdict == Verdict::Holds) {
        return holds();
    }
    // What breaks causal memory breaks this.
    let memory = pram::judge(&subject.history, Order::Causal, expired)?;
    let breach = memory.breaches.first().map(|breach| {
        let op = |place: &u32| subject.history.ops()[*place as usize].number;
        breach.ops.iter().map(op).collect::<Vec<u32>>()
    });
    match judge(calls, subject.calls.initial(), breach.as_deref(), expired) {
        Answer::Yes => holds(),
        Answer::No(ops) => report(Verdict::Violated, String::new(), vec![no_order(subject, ops)]),
        Answer::Unwritten(op) => {
            report(Verdict::Violated, String::new(), vec![subject.unwritten(SEQUENTIAL.codes[1].code, op)])
        }
        Answer::TooMany | Answer::GaveUp => {
            let note = "there are more orders than could be tried".to_owned();
            report(Verdict::Unknown, note, Vec::new())
        }
    }
}

fn no_order(subject: &Subject<'_>, ops: Vec<u32>) -> Finding {
    let words = subject.describe();
    let ops = describe::in_order(words, ops);
    let [_, sessions] = words.nouns();
    let mut who: Vec<String> = ops.iter().map(|op| words.session(subject.calls.call(*op).session)).collect();
    who.sort_unstable();
    who.dedup();
    let title = match &who[..] {
        [one] => format!("what {one} found does not fit the order in which it asked"),
        many => format!("no one order of the operations of {} {sessions} explains what they found", many.len()),
    };
    let lines = describe::lines(words, &ops, subject.last_found(&ops), describe::HERE);
    describe::finding(words, SEQUENTIAL.codes[0].code, title, &ops, lines)
}
