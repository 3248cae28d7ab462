//! `priority`: freedom from priority inversion. A write waits at most for earlier ones of its origin that its level
//! carries: none of lower priority delays it.

use super::describe::{self, Broken};
use super::interference;
use super::walk::{self, Breach, Failure, Found};
use super::{is_served, obstacle, unobserved};
use crate::facts::Facts;
use crate::facts::words::seconds;
use crate::trace::What;
use crate::verdict::{Finding, Findings, Report, Verdict};
use crate::{CheckerInfo, CodeInfo, Rerun};

const ORDER: CodeInfo = CodeInfo {
    code: "PRIO001",
    meaning: "order: a write is shown although an earlier one of its level is not reflected",
};
const STABILITY: CodeInfo =
    CodeInfo { code: "PRIO002", meaning: "stability: a level no longer reflects what it reflected" };
const PROMPTNESS: CodeInfo =
    CodeInfo { code: "PRIO003", meaning: "promptness: a write is reflected later than all that it needs is there" };
const LIVENESS: CodeInfo =
    CodeInfo { code: "PRIO004", meaning: "liveness: a write is never reflected, though all that it needs is there" };
pub(super) const INTERFERENCE: CodeInfo = CodeInfo {
    code: "PRIO005",
    meaning: "non-interference: what becomes of lower writes changes when a higher one is shown",
};

/// The checker.
pub const INFO: CheckerInfo = CheckerInfo {
    name: "priority",
    summary: "no write waits for one of lower priority",
    codes: &[ORDER, STABILITY, PROMPTNESS, LIVENESS, INTERFERENCE],
    by_default: is_served,
    check,
};

fn check(facts: &Facts<'_>, rerun: &Rerun<'_>) -> Report {
    let recording = facts.recording;
    let mut list = Findings::default();
    if recording.header.silent {
        return list.report(INFO.name, Verdict::NotApplicable, super::SILENT.to_owned());
    }
    if let Some(why) = obstacle(facts) {
        return list.report(INFO.name, Verdict::Unknown, why);
    }
    let found = facts.once(|| walk::walk(facts));
    let late = |breach: &Breach| breach.kind == Failure::Late;
    type Part = (CodeInfo, Broken, fn(&Breach) -> bool);
    let parts: [Part; 4] = [
        (ORDER, Broken::Order, |breach| breach.kind == Failure::Early || breach.passed.is_some()),
        (STABILITY, Broken::Stability, |breach| breach.kind == Failure::Unreflected),
        (PROMPTNESS, Broken::Promptness, |breach| breach.kind == Failure::Late && breach.until.is_some()),
        (LIVENESS, Broken::Liveness, |breach| breach.kind == Failure::Late && breach.until.is_none()),
    ];
    for (code, broken, wanted) in &parts {
        let breaches: Vec<Breach> = found.breaches.iter().copied().filter(wanted).collect();
        list.add(code, &breaches, |breach| describe::breach(facts, breach, *broken, code));
    }
    let went_down = recording.events.iter().any(|event| matches!(event.what, What::Down { .. }));
    let (differences, second_run) = match went_down {
        // When a store may be sure that a write went with a disk depends on what it knows of all writes.
        true => (Vec::new(), "non-interference is not judged, since nodes went down".to_owned()),
        false => interference::compare(facts, rerun),
    };
    list.add(&INTERFERENCE, &differences, Finding::clone);

    let mut notes = vec![];
    let inversions: Vec<u64> = found
        .breaches
        .iter()
        .filter(|breach| late(breach))
        .map(|breach| {
            let at_ns = |place: usize| facts.at_ns(place);
            breach.until.map_or(recording.header.end_ns, at_ns).saturating_sub(at_ns(breach.from))
        })
        .collect();
    if let Some(longest) = inversions.iter().max() {
        let total = seconds(inversions.iter().sum());
        notes.push(format!(
            "priority inversions: {}, {total} in all, the longest {}",
            inversions.len(),
            seconds(*longest)
        ));
    }
    if !list.is_empty() {
        notes.push(list.note());
        notes.retain(|note| !note.is_empty());
        return list.report(INFO.name, Verdict::Violated, notes.join("; "));
    }
    if let Some(why) = unobserved(found) {
        return list.report(INFO.name, Verdict::Unknown, why);
    }
    notes.push(format!("{} versions shown in time at ordered levels", found.shown));
    notes.extend(gain(found));
    notes.push(second_run);
    list.report(INFO.name, Verdict::Holds, notes.join("; "))
}

/// What priorities were good for.
fn gain(found: &Found) -> Option<String> {
    let count = found.gains_ns.len() as u64;
    let longest = found.gains_ns.iter().max()?;
    let mean = found.gains_ns.iter().sum::<u64>() / count;
    let sooner = found.gains_ns.iter().filter(|gain| **gain > 0).count();
    Some(format!(
        "{sooner} of {count} writes above P0 of other replicas shown sooner than at fifo, by {} on average over all, at most {}",
        seconds(mean),
        seconds(*longest)
    ))
}
