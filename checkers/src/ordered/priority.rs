//! `priority`: freedom from priority inversion. A write waits at most for earlier ones of its origin that its level
//! carries: none of lower priority delays it.

use super::interference::{self, Comparison};
use super::tables::Tables;
use super::tell::{self, Broken};
use super::walk::{self, Breach, Found, Kind};
use super::{obstacle, unobserved};
use crate::again::Again;
use crate::convergence::List;
use crate::convergence::history::History;
use crate::operations::seconds;
use crate::trace::{Recording, What};
use crate::verdict::{Report, Verdict};

/// Name of the checker.
pub const NAME: &str = "priority";

/// Judges a [valid](Recording::validate) recording.
pub fn check(recording: &Recording, again: &dyn Again) -> Report {
    let history = History::of(recording);
    let tables = Tables::of(&history);
    let report =
        |verdict, note, list: List| Report { checker: NAME.to_owned(), verdict, note, findings: list.findings };
    let mut list = List::default();
    if let Some(why) = obstacle(&history, &tables) {
        return report(Verdict::Unknown, why, list);
    }
    let found = walk::walk(&history, &tables);
    let late = |breach: &Breach| breach.kind == Kind::Late;
    type Part = (&'static str, Broken, fn(&Breach) -> bool);
    let parts: [Part; 4] = [
        ("PRIO001", Broken::Order, |breach| breach.kind == Kind::Early || breach.passed.is_some()),
        ("PRIO002", Broken::Stability, |breach| breach.kind == Kind::Unreflected),
        ("PRIO003", Broken::Promptness, |breach| breach.kind == Kind::Late && breach.until.is_some()),
        ("PRIO004", Broken::Liveness, |breach| breach.kind == Kind::Late && breach.until.is_none()),
    ];
    for (code, broken, wanted) in parts {
        let breaches: Vec<Breach> = found.breaches.iter().copied().filter(wanted).collect();
        list.part(code, &breaches, |breach| tell::breach(&history, &tables, breach, broken, code));
    }
    let went_down = recording.events.iter().any(|event| matches!(event.what, What::Down { .. }));
    let (comparisons, second_run) = match went_down {
        // When a store may be sure that a write went with a disk depends on what it knows of all writes.
        true => (Vec::new(), "non-interference is not judged, since nodes went down".to_owned()),
        false => interference::compare(&history, &tables, again),
    };
    list.part("PRIO005", &comparisons, Comparison::tell);

    let mut notes = vec![];
    let inversions: Vec<u64> = found
        .breaches
        .iter()
        .filter(|breach| late(breach))
        .map(|breach| {
            let at_ns = |place: usize| history.event(place).at_ns;
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
    if !list.findings.is_empty() {
        notes.push(list.note());
        notes.retain(|note| !note.is_empty());
        return report(Verdict::Violated, notes.join("; "), list);
    }
    if let Some(why) = unobserved(&found) {
        return report(Verdict::Unknown, why, list);
    }
    notes.push(format!("{} versions shown in time at ordered levels", found.shown));
    notes.extend(gain(&found));
    notes.push(second_run);
    report(Verdict::Holds, notes.join("; "), list)
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
