//! The runs of a hunt, many at a time; what comes of them is taken in order.

use std::collections::BTreeMap;
use std::path::Path;

use kvsim_checkers::Verdict;
use kvsim_sim::hunt::cause;

use super::journal::{Found, Unknown};
use super::quarry::Quarry;
use crate::crew::{self, Next};
use crate::exit::Failure;
use crate::folder::Folder;
use crate::interrupt;
use crate::judge;
use crate::recorder::Keep;
use crate::report::Summary;

/// What came of a run.
pub struct Outcome {
    /// The first finding of each code that is not expected.
    pub found: Vec<Found>,
    /// The checkers whose verdicts are unknown though others were expected, with this run as the first; none where something
    /// was found.
    pub unknown: Vec<(String, Unknown)>,
}

/// Does the runs `from..to`, `jobs` at a time, and hands what comes of each to `take`, in the order of their numbers.
/// `look` is asked now and then. Findings are stored below `folder` before they are handed on.
pub fn work(
    quarry: &Quarry,
    folder: &Path,
    (from, to): (u64, u64),
    jobs: u16,
    take: &mut dyn FnMut(u64, Outcome) -> Result<Next, Failure>,
    look: &mut dyn FnMut() -> Next,
) -> Result<(), Failure> {
    let mut early = BTreeMap::new();
    let mut expected = from;
    let mut in_order = |run: u64, done: Result<Option<Outcome>, Failure>| {
        early.insert(run, done);
        while let Some(done) = early.remove(&expected) {
            // A run that was interrupted has come to nothing, and so have those after it.
            let Some(outcome) = done? else { return Ok(Next::Stop) };
            match take(expected, outcome)? {
                Next::More => expected += 1,
                told => return Ok(told),
            }
        }
        Ok(Next::More)
    };
    let name = |run| format!("with seed {:#x}", quarry.seed(run));
    crew::work(from..to, jobs, |run| one(quarry, folder, run), name, &mut in_order, look)
}

/// Does a run, and stores it if something is found; nothing when it was interrupted.
fn one(quarry: &Quarry, folder: &Path, run: u64) -> Result<Option<Outcome>, Failure> {
    let (store, plan) = quarry.plan(run)?;
    let mut judged = judge::one_of_many(store, &plan, Keep::Judged);
    let place = folder.join(format!("{}-{:x}", plan.scenario, plan.seed));
    let summary = Summary::new(&plan, &judged, &place);
    let surprising =
        |verdict: Verdict| summary.verdicts.iter().filter(move |one| one.verdict == verdict && !one.is_expected());
    if judged.interrupted || interrupt::is_requested() {
        return Ok(None);
    }
    if surprising(Verdict::Violated).next().is_none() {
        let (scenario, seed) = (&plan.scenario, &summary.seed);
        let this = |note: &str| Unknown { runs: 0, scenario: scenario.clone(), seed: seed.clone(), note: note.into() };
        let unknown = surprising(Verdict::Unknown).map(|one| (one.checker.clone(), this(&one.note))).collect();
        return Ok(Some(Outcome { found: Vec::new(), unknown }));
    }
    if judged.reports.iter().all(|report| report.checker != "panic") {
        // The same run once more, with all messages, to tell the story.
        judged = judge::one_of_many(store, &plan, Keep::Everything);
        if judged.interrupted {
            return Ok(None);
        }
    }
    let summary = Summary::new(&plan, &judged, &place);
    let folder = Folder::create(place, &plan)?;
    folder.store(&summary, &judged.marks, None)?;
    let mut found: Vec<Found> = Vec::new();
    for judgement in summary.verdicts.iter().filter(|one| !one.is_expected()) {
        for finding in &judgement.findings {
            if found.iter().all(|other| other.code != finding.code) {
                found.push(Found {
                    run,
                    scenario: plan.scenario.clone(),
                    seed: summary.seed.clone(),
                    checker: judgement.checker.clone(),
                    code: finding.code.clone(),
                    cause: cause(finding),
                    title: finding.title.clone(),
                    at_ns: finding.at_ns,
                    events: summary.events,
                    run_dir: summary.run_dir.clone(),
                });
            }
        }
    }
    Ok(Some(Outcome { found, unknown: Vec::new() }))
}
