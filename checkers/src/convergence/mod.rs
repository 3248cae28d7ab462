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
mod disks;
pub(crate) mod history;
pub(crate) mod journey;
mod levels;
mod lost;
mod replay;
mod seen;
mod settled;
mod shown;

use history::History;

use crate::trace::{Recording, What};
use crate::verdict::{Finding, Report, Verdict};

/// Name of the checker.
pub const NAME: &str = "convergence";

/// Judges a [valid](Recording::validate) recording.
pub fn check(recording: &Recording) -> Report {
    let history = History::of(recording);
    let (agreement, announced) = replay::replay(&history);
    let is_settled = recording.header.settling_from_ns.is_some();
    let (settled, lost, levels) = if is_settled {
        let known = settled::known_counts(&history);
        let mut excused = seen::overwritten(&history);
        excused.iter_mut().zip(disks::gone(&history)).for_each(|(excused, gone)| *excused |= gone);
        let settled = settled::breaches(&history, &excused, &known);
        (settled, lost::breaches(&history, &excused, &known), levels::breaches(&history))
    } else {
        (Vec::new(), Vec::new(), Vec::new())
    };
    let dead = dead::breaches(&history);

    let mut list = List::default();
    list.part(agreement::CODE, &agreement.breaches, |breach| breach.tell(&history));
    list.part(settled::CODE, &settled, |breach| breach.tell(&history));
    list.part(lost::CODE, &lost, |breach| lost::tell(&history, *breach));
    list.part(dead::CODE, &dead, |breach| breach.tell(&history));
    list.part(announced::CODE, &announced.breaches, |breach| breach.tell(&history));
    list.part(levels::CODE, &levels, |breach| breach.tell(&history));

    let acknowledged = history.writes.iter().filter(|write| write.acknowledged && write.undone.is_none()).count();
    let comparisons =
        format!("{} states and {} reads and snapshots compared", agreement.comparisons, announced.comparisons);
    let (verdict, note) = if !list.findings.is_empty() {
        (Verdict::Violated, list.note())
    } else if acknowledged == 0 {
        (Verdict::Unknown, "no write was acknowledged".to_owned())
    } else if !is_settled {
        let note = format!(
            "the run has no settling phase, so CONV002, CONV003 and CONV006 cannot be told; \
             CONV001, CONV004 and CONV005 held: {comparisons}"
        );
        (Verdict::Unknown, note)
    } else {
        let levels = match history.held_at.len() {
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
    Report { checker: NAME.to_owned(), verdict, note, findings: list.findings }
}

/// How long after the beginning of the settling phase something last changed, for people.
fn settling_time(recording: &Recording) -> String {
    let from = recording.header.settling_from_ns.unwrap_or(recording.header.end_ns);
    let change = |what: &What| matches!(what, What::Known { .. } | What::Visible { .. } | What::Hidden { .. });
    let last = recording.events.iter().rfind(|event| change(&event.what)).map_or(from, |event| event.at_ns);
    crate::operations::seconds(last.saturating_sub(from))
}

/// A finding that concerns very many events or operations names only the first of them.
const NUMBERS_MAX: usize = 50;

/// A longer story is not read to its end.
const STORY_MAX: usize = 20;

/// The findings as they come: the first are listed, all are counted.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) findings: Vec<Finding>,
    unlisted: Vec<(&'static str, usize)>,
}

impl List {
    /// Takes in the breaches of one part, in order; only those that are listed are told.
    pub(crate) fn part<T>(&mut self, code: &'static str, breaches: &[T], tell: impl Fn(&T) -> Finding) {
        let listed = breaches.len().min(Report::FINDINGS_MAX - self.findings.len());
        self.findings.extend(breaches[..listed].iter().map(|breach| {
            let mut finding = tell(breach);
            finding.story.truncate(STORY_MAX);
            finding.events.truncate(NUMBERS_MAX);
            finding.ops.truncate(NUMBERS_MAX);
            finding
        }));
        if breaches.len() > listed {
            self.unlisted.push((code, breaches.len() - listed));
        }
    }

    pub(crate) fn note(&self) -> String {
        let counts: Vec<String> = self.unlisted.iter().map(|(code, count)| format!("{count} more of {code}")).collect();
        if counts.is_empty() { String::new() } else { format!("not listed: {}", counts.join(", ")) }
    }
}
