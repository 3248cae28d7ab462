//! Metadata at rest: a store that has settled leaves nothing over that it promised to clean up.
//!
//! Which numbers about a replica must be 0 at rest the store itself declares, as residue gauges; another store
//! need not make such a promise, which is why this is a checker of its own.

use crate::trace::{Recording, What};
use crate::verdict::{Finding, Report, StoryLine, Verdict};

/// Name of the checker.
pub const NAME: &str = "metadata";

/// META001: a residue gauge is not 0 at a replica, although the run had a settling phase.
pub const RESIDUE: &str = "META001";

/// Judges the gauges at the end of a [valid](Recording::validate) recording.
pub fn check(recording: &Recording) -> Report {
    let header = &recording.header;
    let mut findings = Vec::new();
    let (mut judged, mut left_over) = (0, 0);
    for event in &recording.events {
        let What::Gauge { gauge, value } = event.what else { continue };
        let Some(info) = header.gauges.get(usize::from(gauge)).filter(|info| info.residue) else { continue };
        judged += 1;
        if value == 0 || header.settling_from_ns.is_none() {
            continue;
        }
        left_over += 1;
        if findings.len() < Report::FINDINGS_MAX {
            let said = format!("n{} reports {} = {value}", event.node, info.name);
            findings.push(Finding {
                code: RESIDUE.to_owned(),
                title: format!("{said} at rest, which should be 0: {}", info.meaning),
                at_ns: event.at_ns,
                story: vec![StoryLine { at_ns: event.at_ns, text: said }],
                events: vec![event.number],
                ops: Vec::new(),
            });
        }
    }
    let residue: Vec<String> = header.gauges.iter().filter(|info| info.residue).map(|info| info.name.clone()).collect();
    let (verdict, note) = if residue.is_empty() {
        (Verdict::Unknown, format!("the store {} promises no number to be 0 at rest", header.store))
    } else if header.settling_from_ns.is_none() {
        (Verdict::Unknown, "the run has no settling phase, so nothing was ever at rest".to_owned())
    } else if judged == 0 {
        (Verdict::Unknown, format!("no replica reported {}", residue.join(", ")))
    } else if left_over > 0 {
        let more = left_over - findings.len();
        (Verdict::Violated, if more == 0 { String::new() } else { format!("not listed: {more} more of {RESIDUE}") })
    } else {
        (Verdict::Holds, format!("{judged} reports of {} were 0 at rest", residue.join(", ")))
    };
    Report { checker: NAME.to_owned(), verdict, note, findings }
}
