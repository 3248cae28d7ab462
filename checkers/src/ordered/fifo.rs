//! `fifo-visibility`: at ordered levels, a write is visible only with all earlier ones of its origin, what was
//! visible stays reflected, and sessions find their own writes.

use super::reads::{ReadBreach, Wrong};
use super::tables::Tables;
use super::tell::{self, Broken};
use super::walk::{self, Breach, Kind};
use super::{obstacle, unobserved};
use crate::convergence::List;
use crate::convergence::history::History;
use crate::trace::Recording;
use crate::verdict::{Report, Verdict};

/// Name of the checker.
pub const NAME: &str = "fifo-visibility";

const ORDER: &str = "FIFO001";
const STABILITY: &str = "FIFO002";
const OWN: &str = "FIFO003";

/// Judges a [valid](Recording::validate) recording.
pub fn check(recording: &Recording) -> Report {
    let history = History::of(recording);
    let tables = Tables::of(&history);
    let report =
        |verdict, note, list: List| Report { checker: NAME.to_owned(), verdict, note, findings: list.findings };
    let mut list = List::default();
    if let Some(why) = obstacle(&history, &tables) {
        return report(Verdict::Unknown, why, list);
    }
    let found = walk::walk(&history, &tables);
    let breaches =
        |wanted: fn(&Breach) -> bool| -> Vec<Breach> { found.breaches.iter().copied().filter(wanted).collect() };
    let reads = |wanted: &[Wrong]| -> Vec<ReadBreach> {
        found.reads.iter().copied().filter(|read| wanted.contains(&read.wrong)).collect()
    };
    let out_of_order = breaches(|breach| breach.kind == Kind::Early || breach.passed.is_some());
    let unreflected = breaches(|breach| breach.kind == Kind::Unreflected);
    let told = |broken, code| {
        let (history, tables) = (&history, &tables);
        move |breach: &Breach| tell::breach(history, tables, breach, broken, code)
    };
    list.part(ORDER, &out_of_order, told(Broken::Order, ORDER));
    list.part(ORDER, &reads(&[Wrong::Early, Wrong::Passed]), |read| tell::read(&history, &tables, read, ORDER));
    list.part(STABILITY, &unreflected, told(Broken::Stability, STABILITY));
    let forgotten = reads(&[Wrong::Unreflected, Wrong::Forgotten]);
    list.part(STABILITY, &forgotten, |read| tell::read(&history, &tables, read, STABILITY));
    list.part(OWN, &reads(&[Wrong::Own]), |read| tell::read(&history, &tables, read, OWN));

    if !list.findings.is_empty() {
        let note = list.note();
        return report(Verdict::Violated, note, list);
    }
    if let Some(why) = unobserved(&found) {
        return report(Verdict::Unknown, why, list);
    }
    let note = format!(
        "{} versions shown at ordered levels of {} replicas, {} reads at such levels",
        found.shown, recording.header.nodes, found.reads_judged
    );
    report(Verdict::Holds, note, list)
}
