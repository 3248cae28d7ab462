//! Findings, and verdicts beside what was expected.

use kvsim_checkers::trace::Action;
use kvsim_checkers::{Finding, Report, Verdict};
use kvsim_sim::plan::Plan;
use serde::Serialize;

use crate::judge::model;

#[derive(Debug, Serialize)]
pub struct Judgement {
    pub checker: String,
    pub verdict: Verdict,
    pub expected: Verdict,
    /// What was put to the test, or why nothing can be said.
    pub note: String,
    pub findings: Vec<Finding>,
}

impl Judgement {
    pub fn new(plan: &Plan, report: &Report) -> Judgement {
        let expected = plan.expect.get(&report.checker).copied();
        // A model that had nothing to judge is no surprise, as in `kvsim check`.
        let is_vacuous = report.verdict == Verdict::NotApplicable && model(&report.checker).is_some();
        let expected = expected.filter(|expected| !(is_vacuous && *expected == Verdict::Holds));
        // What does not apply is a surprise only to who has named it.
        let usual = match report.verdict {
            Verdict::NotApplicable => Verdict::NotApplicable,
            _ => Verdict::Holds,
        };
        Judgement {
            checker: report.checker.clone(),
            verdict: report.verdict,
            expected: expected.unwrap_or(usual),
            note: report.note.clone(),
            findings: report.findings.clone(),
        }
    }

    pub fn is_expected(&self) -> bool {
        self.verdict == self.expected
    }
}

/// The finding to explain: of those that are not expected the first that names an operation, or else the first.
pub fn first_finding<'r>(plan: &Plan, reports: &'r [Report]) -> Option<&'r Finding> {
    let mut reports: Vec<&Report> = reports.iter().collect();
    reports.sort_by_key(|report| Judgement::new(plan, report).is_expected());
    let findings = || reports.iter().flat_map(|report| &report.findings);
    findings().find(|finding| to_explain(plan, finding).is_some()).or(findings().next())
}

/// The operation whose answer explains a finding best: the last read that it names, or the last write.
pub fn to_explain(plan: &Plan, finding: &Finding) -> Option<u32> {
    let operations = plan.sessions.iter().flat_map(|session| &session.ops);
    let named = operations.filter(|op| finding.ops.contains(&op.op));
    named.map(|op| (op.action == Action::Read, op.op)).max().map(|(_, op)| op)
}
