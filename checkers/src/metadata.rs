//! Metadata at rest: a store that has settled leaves nothing over that it promised to clean up.
//!
//! Which numbers about a replica must be 0 at rest the store itself declares, as residue gauges; another store
//! need not make such a promise, which is why this is a checker of its own.

use std::collections::BTreeMap;

use crate::facts::Facts;
use crate::facts::words::listed;
use crate::trace::{Event, GaugeName, What};
use crate::verdict::{Finding, Report, Verdict};
use crate::{CheckerInfo, CodeInfo};

/// A residue gauge is not 0 at a replica, although the run had a settling phase.
const RESIDUE: CodeInfo = CodeInfo { code: "META001", meaning: "a number that should be 0 at rest is not" };

/// The checker.
pub const INFO: CheckerInfo = CheckerInfo {
    name: "metadata",
    summary: "at rest a store leaves nothing over that it promised to clean up",
    codes: &[RESIDUE],
    by_default: |_| true,
    check: |facts, _| check(facts),
};

/// Judges the gauges at the end of a recording.
fn check(facts: &Facts<'_>) -> Report {
    let header = facts.header();
    let mut judged = 0;
    let mut left_over: BTreeMap<u8, Vec<(&Event, u64)>> = BTreeMap::new();
    for (_, event) in facts.rare() {
        let What::Gauge { gauge, value } = event.what else { continue };
        if header.gauges.get(usize::from(gauge)).is_some_and(|info| info.residue) {
            judged += 1;
            if value > 0 && header.settling_from_ns.is_some() {
                left_over.entry(gauge).or_default().push((event, value));
            }
        }
    }
    // One finding per number: that several replicas report it is one evidence.
    let findings: Vec<Finding> = left_over
        .iter()
        .map(|(gauge, reports)| {
            let GaugeName { name, meaning, .. } = &header.gauges[usize::from(*gauge)];
            let said = listed(reports.iter().map(|(event, value)| format!("{value} at {}", event.node)));
            let title = format!("{name} should be 0 at rest, but is {said}: {meaning}");
            Finding::new(&RESIDUE, title, header.end_ns)
                .kind(format!("{name} should be 0 at rest, but is not: {meaning}"))
                .events(reports.iter().map(|(event, _)| event.number).take(Report::FINDINGS_MAX))
        })
        .collect();
    let residue: Vec<String> = header.gauges.iter().filter(|info| info.residue).map(|info| info.name.clone()).collect();
    let (verdict, note) = if residue.is_empty() {
        (Verdict::Unknown, format!("the store {} promises no number to be 0 at rest", header.store))
    } else if header.settling_from_ns.is_none() {
        (Verdict::Unknown, "the run has no settling phase, so nothing was ever at rest".to_owned())
    } else if judged == 0 {
        (Verdict::Unknown, format!("no replica reported {}", residue.join(", ")))
    } else if !findings.is_empty() {
        (Verdict::Violated, String::new())
    } else {
        let words: Vec<String> = residue.iter().map(|name| name.replace('-', " ")).collect();
        (Verdict::Holds, format!("at rest nothing is left over, in {judged} reports: {}", words.join(", ")))
    };
    Report { checker: INFO.name.to_owned(), verdict, note, findings }
}
