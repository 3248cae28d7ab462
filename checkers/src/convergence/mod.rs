//! Convergence: replicas agree, nothing is lost, nothing comes back from the dead.
//!
//! This is strong eventual consistency (Shapiro, Preguiça, Baquero and Zawirski, SSS 2011) as far as one run can
//! show it, in six parts, each with a code and a file of its own:
//!
//! - `CONV001` (`agreement`): replicas that know the same writes of a key show the same versions, at any time;
//! - `CONV002` (`settled`): once settled, all holders of a key agree and know every surviving write;
//! - `CONV003` (`lost`): an acknowledged write is held at the end, unless another write had seen it;
//! - `CONV004` (`dead`): nothing is held at the end that is known to be overwritten;
//! - `CONV005` (`announced`): what replicas announce is what reads return;
//! - `CONV006` (`levels`): once settled, all levels of a replica show the same.
//!
//! CONV002, CONV003 and CONV006 need a settling phase. A recording is judged in time and memory proportional to its length.

mod agreement;
mod announced;
mod dead;
mod digests;
mod levels;
mod lost;
mod replay;
mod settled;

use crate::CheckerInfo;
use crate::facts::words::seconds;
use crate::facts::{Facts, disks};
use crate::trace::{Recording, What};
use crate::verdict::{Findings, Report, Verdict};

/// The checker.
pub const INFO: CheckerInfo = CheckerInfo {
    name: "convergence",
    summary: "replicas agree, nothing acknowledged is lost, nothing comes back from the dead",
    codes: &[agreement::CODE, settled::CODE, lost::CODE, dead::CODE, announced::CODE, levels::CODE],
    by_default: |_| true,
    check: |facts, _| check(facts),
};

fn check(facts: &Facts<'_>) -> Report {
    let recording = facts.recording;
    if recording.header.silent {
        return silent(facts);
    }
    let (agreement, announced) = replay::replay(facts);
    let is_settled = recording.header.settling_from_ns.is_some();
    // Where reads need other replicas, none owes by itself what they return.
    let owes_state = recording.header.alone.reads;
    let (settled, lost, levels) = if is_settled && owes_state {
        let known = settled::known_counts(facts);
        let mut excused = facts.overwritten().to_vec();
        excused.iter_mut().zip(disks::gone(facts)).for_each(|(excused, gone)| *excused |= gone);
        let settled = settled::breaches(facts, &excused, &known);
        (settled, lost::breaches(facts, &excused, &known), levels::breaches(facts))
    } else {
        (Vec::new(), Vec::new(), Vec::new())
    };
    let dead = dead::breaches(facts);

    let mut list = Findings::default();
    list.add(&agreement::CODE, &agreement.breaches, |breach| breach.describe(facts));
    list.add(&settled::CODE, &settled, |breach| breach.describe(facts));
    list.add(&lost::CODE, &lost, |breach| lost::describe(facts, *breach));
    list.add(&dead::CODE, &dead, |breach| breach.describe(facts));
    list.add(&announced::CODE, &announced.breaches, |breach| breach.describe(facts));
    list.add(&levels::CODE, &levels, |breach| breach.describe(facts));

    let acknowledged = facts.writes.iter().filter(|write| write.acknowledged && write.undone.is_none()).count();
    let comparisons =
        format!("{} states and {} reads and snapshots compared", agreement.comparisons, announced.comparisons);
    let (verdict, note) = if !list.is_empty() {
        (Verdict::Violated, list.note())
    } else if acknowledged == 0 {
        (Verdict::Unknown, "no write was acknowledged".to_owned())
    } else if !owes_state {
        let note = format!(
            "reads need other replicas, so that none owes by itself what they return (CONV002, CONV003, CONV006); \
             CONV001, CONV004 and CONV005 held: {comparisons}"
        );
        (Verdict::Holds, note)
    } else if !is_settled {
        let note = format!(
            "the run has no settling phase, so CONV002, CONV003 and CONV006 cannot be decided; \
             CONV001, CONV004 and CONV005 held: {comparisons}"
        );
        (Verdict::Unknown, note)
    } else {
        let levels = match facts.held_at.len() {
            0 => String::new(),
            others => format!("; {} levels agree", others + 1),
        };
        let note = format!(
            "{acknowledged} acknowledged writes at {} replicas: {comparisons}{levels}; settled {} after the workload",
            recording.header.nodes,
            settling_time(recording)
        );
        (Verdict::Holds, note)
    };
    list.report(INFO.name, verdict, note)
}

/// Of a store that announces nothing: whether all holders of a key, and all levels, show the same at the end. Where reads need
/// other replicas, what one holds is not what reads return, and it owes nothing.
fn silent(facts: &Facts<'_>) -> Report {
    let header = facts.header();
    let mut list = Findings::default();
    if !header.alone.reads {
        let note = "the store announces nothing, and reads need other replicas: no replica owes a state of its own";
        return list.report(INFO.name, Verdict::NotApplicable, note.to_owned());
    }
    if header.settling_from_ns.is_none() {
        let note = "the store announces nothing, and the run has no settling phase, after which replicas have to agree";
        return list.report(INFO.name, Verdict::Unknown, note.to_owned());
    }
    let writes = facts.writes.len();
    let differ = settled::breaches(facts, &vec![true; writes], &vec![usize::MAX; writes]);
    list.add(&settled::CODE, &differ, |breach| breach.describe(facts));
    list.add(&levels::CODE, &levels::breaches(facts), |breach| breach.describe(facts));
    let (verdict, note) = match (list.is_empty(), facts.held.len()) {
        (false, _) => (Verdict::Violated, list.note()),
        (true, 0) => (Verdict::Unknown, "no replica holds anything at the end".to_owned()),
        (true, count) => {
            let note = "versions are the same at all holders at the end; the rest needs announcements (CONV002 and CONV006 held)";
            (Verdict::Holds, format!("{count} {note}"))
        }
    };
    list.report(INFO.name, verdict, note)
}

/// How long after the beginning of the settling phase something last changed, for people.
fn settling_time(recording: &Recording) -> String {
    let from = recording.header.settling_from_ns.unwrap_or(recording.header.end_ns);
    let change = |what: &What| matches!(what, What::Known { .. } | What::Visible { .. } | What::Hidden { .. });
    let last = recording.events.iter().rfind(|event| change(&event.what)).map_or(from, |event| event.at_ns);
    seconds(last.saturating_sub(from))
}
