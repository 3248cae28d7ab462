//! Honesty: what the host sees with its own eyes.
//!
//! The host knows what it asked, whom, and what was written under which name. What a replica says against that it
//! objects to ([`Objection`]), and each objection is a finding. What a replica says about its own state is
//! compared with reads and the final snapshot elsewhere (CONV005).

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::facts::operations::Outcome;
use crate::trace::{Event, NodeId, Objection, What};
use crate::verdict::{Finding, Report, TraceLine, Verdict};
use crate::{CheckerInfo, CodeInfo};

const ANSWER: CodeInfo = CodeInfo { code: "HON001", meaning: "a replica gave an answer that cannot be" };
const VALUE: CodeInfo = CodeInfo { code: "HON002", meaning: "a replica returned a value under another write's name" };
const NAME: CodeInfo = CodeInfo { code: "HON003", meaning: "a replica named a write wrongly, or not at all" };
const OTHER: CodeInfo = CodeInfo {
    code: "HON004",
    meaning: "a replica spoke of nodes, kinds of messages, keys or numbers that there are not",
};

/// The checker.
pub const INFO: CheckerInfo = CheckerInfo {
    name: "honest",
    summary: "answers, values and names are what the host knows them to be",
    codes: &[ANSWER, VALUE, NAME, OTHER],
    by_default: |_| true,
    check: |facts, _| check(facts),
};

fn code(objection: Objection) -> &'static CodeInfo {
    match objection {
        Objection::Unasked | Objection::AnsweredTwice | Objection::AnsweredElsewhere | Objection::WrongKind => &ANSWER,
        Objection::WrongValue => &VALUE,
        Objection::Unnamed | Objection::ForeignName | Objection::NoSuchName => &NAME,
        Objection::NoSuchNode | Objection::NoSuchKind | Objection::NoSuchKey | Objection::NoSuchGauge => &OTHER,
    }
}

/// An event by which the host objects, and the operation that it is about.
type Objected<'a> = (&'a Event, Option<u32>);

/// Those of one kind to one node.
type Alike<'a> = ((NodeId, Objection), Vec<Objected<'a>>);

fn check(facts: &Facts<'_>) -> Report {
    // One finding per node and kind: that it happened again is the same evidence.
    let mut objections: BTreeMap<(NodeId, Objection), Vec<Objected<'_>>> = BTreeMap::new();
    for (_, event) in facts.rare() {
        if let What::Objected { to, op } = event.what {
            objections.entry((event.node, to)).or_default().push((event, op));
        }
    }
    let mut objections: Vec<_> = objections.into_iter().collect();
    objections.sort_by_key(|(_, events)| events[0].0.number);
    let answers = facts.operations.list().iter().filter(|op| matches!(op.outcome, Outcome::Answered(_))).count();
    let (verdict, note) = match objections.len().checked_sub(Report::FINDINGS_MAX) {
        Some(more) if more > 0 => (Verdict::Violated, format!("not listed: {more} more findings")),
        _ if !objections.is_empty() => (Verdict::Violated, String::new()),
        _ if answers == 0 => (Verdict::Unknown, "no operation was answered".to_owned()),
        _ => (Verdict::Holds, format!("{answers} answers and the final snapshot are what was asked and written")),
    };
    let finding = |((node, objection), events): &Alike<'_>| {
        let again = if events.len() > 1 { format!(", and {} times more", events.len() - 1) } else { String::new() };
        let about = events[0].1.map_or(String::new(), |op| format!(" (#{op})"));
        let ops = || events.iter().filter_map(|(_, op)| *op);
        let mut evidence: Vec<TraceLine> =
            ops().take(4).filter_map(|op| Some(facts.operations.describe(facts.operations.get(op)?))).collect();
        evidence.extend(
            events.iter().take(4).map(|(event, _)| TraceLine::new(event.at_ns, format!("{node} {}", objection.text()))),
        );
        Finding::new(code(*objection), format!("{node} {}{about}{again}", objection.text()), events[0].0.at_ns)
            .kind(format!("a replica {}", objection.text()))
            .evidence(evidence)
            .events(events.iter().map(|(event, _)| event.number).take(Report::FINDINGS_MAX))
            .ops(ops().take(Report::FINDINGS_MAX))
    };
    let findings = objections.iter().take(Report::FINDINGS_MAX).map(finding).collect();
    Report { checker: INFO.name.to_owned(), verdict, note, findings }
}
