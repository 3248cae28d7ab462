//! `fifo-visibility`: at ordered levels, a write is visible only with all earlier ones of its origin, what was
//! visible stays reflected, and sessions find their own writes.

use super::describe::{self, Broken};
use super::reads::{ReadBreach, Wrong};
use super::walk::{self, Breach, Failure};
use super::{is_served, obstacle, unobserved};
use crate::facts::Facts;
use crate::verdict::{Findings, Report, Verdict};
use crate::{CheckerInfo, CodeInfo};

const ORDER: CodeInfo = CodeInfo {
    code: "FIFO001",
    meaning: "a write is shown or read although an earlier one of its origin is not reflected",
};
const STABILITY: CodeInfo =
    CodeInfo { code: "FIFO002", meaning: "what was shown or read is no longer, and nothing had overwritten it" };
const OWN: CodeInfo = CodeInfo { code: "FIFO003", meaning: "a session does not read its own acknowledged write" };

/// The checker.
pub const INFO: CheckerInfo = CheckerInfo {
    name: "fifo-visibility",
    summary: "ordered levels show a write only with all earlier ones of its origin, and go on reflecting it",
    codes: &[ORDER, STABILITY, OWN],
    by_default: is_served,
    check: |facts, _| check(facts),
};

fn check(facts: &Facts<'_>) -> Report {
    let recording = facts.recording;
    let mut list = Findings::default();
    if recording.header.silent {
        return list.report(INFO.name, Verdict::NotApplicable, super::SILENT.to_owned());
    }
    if let Some(why) = obstacle(facts) {
        return list.report(INFO.name, Verdict::Unknown, why);
    }
    let found = facts.once(|| walk::walk(facts));
    let breaches =
        |wanted: fn(&Breach) -> bool| -> Vec<Breach> { found.breaches.iter().copied().filter(wanted).collect() };
    let reads = |wanted: &[Wrong]| -> Vec<ReadBreach> {
        found.reads.iter().copied().filter(|read| wanted.contains(&read.wrong)).collect()
    };
    let out_of_order = breaches(|breach| breach.kind == Failure::Early || breach.passed.is_some());
    let unreflected = breaches(|breach| breach.kind == Failure::Unreflected);
    let parts = [
        (&ORDER, Broken::Order, out_of_order, reads(&[Wrong::Early, Wrong::Passed])),
        (&STABILITY, Broken::Stability, unreflected, reads(&[Wrong::Unreflected, Wrong::Forgotten])),
        (&OWN, Broken::Order, Vec::new(), reads(&[Wrong::Own])),
    ];
    for (code, broken, breaches, reads) in parts {
        list.add(code, &breaches, |breach| describe::breach(facts, breach, broken, code));
        list.add(code, &reads, |read| describe::read(facts, read, code));
    }

    if !list.is_empty() {
        let note = list.note();
        return list.report(INFO.name, Verdict::Violated, note);
    }
    if let Some(why) = unobserved(found) {
        return list.report(INFO.name, Verdict::Unknown, why);
    }
    let note = format!(
        "{} versions shown at ordered levels of {} replicas, {} reads at such levels",
        found.shown, recording.header.nodes, found.reads_judged
    );
    list.report(INFO.name, Verdict::Holds, note)
}
