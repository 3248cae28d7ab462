//! Executes a plan and asks the checkers.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kvsim_checkers::metrics::Measured;
use kvsim_checkers::trace::{Header, Recording};
use kvsim_checkers::verdict::TraceLine;
use kvsim_checkers::{CHECKERS, CheckerInfo, Facts, Finding, Report, Verdict, metadata};
use kvsim_histories::models::{Model, tell_implied};
use kvsim_histories::of_group;
use kvsim_sim::engine::{Outcome, StorePanic};
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use crate::interrupt;
use crate::memory;
use crate::panics;
use crate::progress::Progress;
use crate::recorder::{Checkpoint, Counts, Keep, Recorder};
use crate::self_reports::SelfReports;
use crate::text::seconds;

/// A run and what the checkers say of it.
pub struct Judged {
    /// How it ended.
    pub outcome: Outcome,
    /// How often things happened.
    pub counts: Counts,
    /// The same without what happened while replicas settled.
    pub counts_of_workload: Counts,
    /// What replicas said about themselves.
    pub self_reports: SelfReports,
    /// One per checker.
    pub reports: Vec<Report>,
    /// The checkers that would have judged it, where none was to.
    pub not_judged: Vec<String>,
    /// What was kept of it.
    pub recording: Arc<Recording>,
    /// See [`Recorder::checkpoints`].
    pub checkpoints: Vec<Checkpoint>,
    /// See [`Recorder::measured`].
    pub measured: Measured,
    /// Real time that the run itself took.
    pub real: Duration,
    /// The user stopped it.
    pub interrupted: bool,
}

/// Code of the finding that the store panicked.
pub const PANIC: &str = "PANIC001";

/// Runs `plan` and judges it. After a violation the run is repeated with all messages recorded, so that findings can
/// say how they came about, if there is room for them; the second run is the same as the first, unless the store is the user's
/// and not deterministic.
pub fn judge(store: &'static StoreEntry, plan: &Plan, keep: Keep) -> Judged {
    let judged = run(store, plan, keep, u64::MAX);
    let violated = judged.reports.iter().any(|report| report.verdict == Verdict::Violated && report.checker != "panic");
    if keep == Keep::Judged && violated && !judged.interrupted && memory::takes_messages(plan) {
        let explained = run(store, plan, Keep::Everything, u64::MAX);
        if explained.interrupted {
            // What the first run has shown stands, with less evidence.
            return Judged { interrupted: true, ..judged };
        }
        if explained.outcome != judged.outcome {
            assert!(store.is_own, "two runs of one plan are the same");
            return judged;
        }
        return Judged { real: judged.real, ..explained };
    }
    judged
}

/// Runs `plan` up to a virtual time and judges it if it was completed.
pub fn run(store: &'static StoreEntry, plan: &Plan, keep: Keep, until_ns: u64) -> Judged {
    let progress = Progress::new(&plan.scenario, plan.end_ns());
    recorded(store, plan, until_ns, Recorder::new(keep, until_ns, progress), Checkers::Promised)
}

/// Runs `plan` without judging it.
pub fn run_only(store: &'static StoreEntry, plan: &Plan, keep: Keep) -> Judged {
    let progress = Progress::new(&plan.scenario, plan.end_ns());
    recorded(store, plan, u64::MAX, Recorder::new(keep, u64::MAX, progress), Checkers::None)
}

/// Runs `plan` as one of many and judges it: without progress and checkpoints.
pub fn run_quiet(store: &'static StoreEntry, plan: &Plan, keep: Keep, checkers: Checkers<'_>) -> Judged {
    let recorder = Recorder::new(keep, u64::MAX, Progress::silent()).without_checkpoints();
    recorded(store, plan, u64::MAX, recorder, checkers)
}

/// Runs `plan` as one of many for its figures, with a sample of what replicas hold taken every `samples_ns`, and judges it by
/// the checkers that the plan names.
pub fn run_measured(store: &'static StoreEntry, plan: &Plan, samples_ns: u64) -> Judged {
    let recorder = Recorder::new(Keep::Judged, u64::MAX, Progress::silent()).without_checkpoints();
    recorded(store, plan, u64::MAX, recorder.measuring(samples_ns), Checkers::Named)
}

/// Which checkers judge a run. Whether the store panics is always reported.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Checkers<'a> {
    /// Those of what the store promises, and those that the plan names.
    Promised,
    /// Those that the plan names.
    Named,
    /// Of the promised and the named ones the one of this name.
    Only(&'a str),
    /// None.
    None,
}

/// Who judges.
#[derive(Clone)]
enum Judge {
    /// A checker.
    Of(&'static CheckerInfo),
    /// A model, of what a group of clients read: `linearizable of app`.
    OfGroup { name: String, model: &'static Model, group: String },
}

impl Judge {
    fn name(&self) -> &str {
        match self {
            Judge::Of(checker) => checker.name,
            Judge::OfGroup { name, .. } => name,
        }
    }
}

/// The model and the group of a name such as `linearizable of app`, which a scenario may expect.
pub fn model_of_group(name: &str) -> Option<(&'static Model, &str)> {
    let (model, group) = name.split_once(" of ")?;
    Some((Model::named(model)?, group))
}

/// The model that judges where this is named, of all clients or of a group.
pub fn model(name: &str) -> Option<&'static Model> {
    Model::named(name).or(model_of_group(name).map(|(model, _)| model))
}

/// All checkers of recordings, in the order in which they report: the models of histories, too.
pub fn checkers() -> impl Iterator<Item = &'static CheckerInfo> {
    CHECKERS.iter().chain(kvsim_histories::CHECKERS)
}

/// What the code of a finding means.
pub fn meaning(code: &str) -> &'static str {
    let mut codes = checkers().flat_map(|checker| checker.codes);
    codes.find(|info| info.code == code).map_or("", |info| info.meaning)
}

fn recorded(
    store: &'static StoreEntry,
    plan: &Plan,
    until_ns: u64,
    mut recorder: Recorder,
    checkers: Checkers<'_>,
) -> Judged {
    let keep = recorder.keep;
    let result = (store.run)(plan, &mut recorder);
    let (real, silent) = (recorder.progress.elapsed(), recorder.progress.is_silent());
    let recording = Arc::new(Recording { header: (store.header)(plan), events: recorder.events });
    let promised = || applicable(store, plan, &recording.header, Checkers::Promised);
    let not_judged = match checkers {
        Checkers::None => promised().map(|judge| judge.name().to_owned()).collect(),
        _ => Vec::new(),
    };
    let (outcome, reports) = match result {
        Ok(outcome) if outcome.complete && until_ns >= plan.end_ns() => {
            let reports = match keep {
                Keep::Nothing => applicable(store, plan, &recording.header, checkers)
                    .map(|judge| unknown(judge.name(), "the run was not recorded (--trace off)".into()))
                    .collect(),
                Keep::Judged | Keep::Everything => check(store, plan, &recording, silent, checkers),
            };
            (outcome, reports)
        }
        Ok(outcome) => {
            let why = format!("the run was stopped at {}", seconds(outcome.end_ns));
            let reports = applicable(store, plan, &recording.header, checkers);
            (outcome, reports.map(|judge| unknown(judge.name(), why.clone())).collect())
        }
        Err(panic) => (panic.until, vec![panicked(&panic)]),
    };
    Judged {
        outcome,
        counts: recorder.counts,
        counts_of_workload: recorder.counts_of_workload.unwrap_or(recorder.counts),
        self_reports: recorder.self_reports,
        reports,
        not_judged,
        recording,
        checkpoints: recorder.checkpoints,
        measured: recorder.measured,
        real,
        // Asked last: a signal may come while checkers judge.
        interrupted: interrupt::is_requested(),
    }
}

/// What the checkers say of a run that was completed.
pub fn reports(store: &'static StoreEntry, plan: &Plan, recording: &Recording) -> Vec<Report> {
    let mut reports = Vec::new();
    let promised = applicable(store, plan, &recording.header, Checkers::Promised);
    ask(store, plan, recording, true, promised, |report| reports.push(report));
    tell_implied(&mut reports);
    reports
}

fn check(
    store: &'static StoreEntry,
    plan: &Plan,
    recording: &Arc<Recording>,
    silent: bool,
    checkers: Checkers,
) -> Vec<Report> {
    let asked: Vec<Judge> = applicable(store, plan, &recording.header, checkers).collect();
    let mut reports = Vec::new();
    if asked.is_empty() {
        return reports;
    }
    if silent {
        // One of many runs is short, or is given up as a whole.
        ask(store, plan, recording, true, asked.iter().cloned(), |report| reports.push(report));
    } else {
        let reached = Arc::new(Mutex::new(Vec::new()));
        let (plan, recording, asked, list) = (plan.clone(), Arc::clone(recording), asked.clone(), Arc::clone(&reached));
        let push = move |report| list.lock().expect("who holds it does not panic").push(report);
        interrupt::unless_requested(move || ask(store, &plan, &recording, false, asked, push));
        reports.append(&mut reached.lock().expect("who holds it does not panic"));
    }
    // Those that were not reached before the user had enough.
    let others = asked[reports.len()..].iter().map(|judge| unknown(judge.name(), INTERRUPTED.to_owned()));
    reports.extend(others);
    tell_implied(&mut reports);
    reports
}

/// Asks checkers one after the other, until the user has had enough. They share the facts of the recording.
fn ask(
    store: &'static StoreEntry,
    plan: &Plan,
    recording: &Recording,
    silent: bool,
    judges: impl IntoIterator<Item = Judge>,
    mut report: impl FnMut(Report),
) {
    let facts = Facts::of(recording);
    for judge in judges {
        if interrupt::is_requested() {
            return;
        }
        let judged = match judge {
            Judge::Of(checker) => (checker.check)(&facts, &|below| rerun(store, plan, silent, below)),
            Judge::OfGroup { name, model, group } => Report { checker: name, ..of_group(model, &group, &facts) },
        };
        report(believed(judged, interrupt::is_requested()));
    }
}

/// Why a verdict is unknown that was not reached in time.
const INTERRUPTED: &str = "interrupted before the verdict was reached";

/// The report, unless the user has stopped what it rests on: a second run that was interrupted looks to a checker as if
/// there were none. A breach that was found stands.
fn believed(report: Report, interrupted: bool) -> Report {
    match interrupted && report.verdict == Verdict::Holds {
        true => unknown(&report.checker, INTERRUPTED.to_owned()),
        false => report,
    }
}

/// The same run, in which messages that carry writes of a priority below this one meet other fates.
fn rerun(store: &'static StoreEntry, plan: &Plan, silent: bool, below: u8) -> Option<Recording> {
    let plan = plan.with_other_fates_below(below)?;
    let progress = if silent { Progress::silent() } else { Progress::new(&plan.scenario, plan.end_ns()) };
    let mut recorder = Recorder::new(Keep::Judged, u64::MAX, progress).without_checkpoints();
    let outcome = (store.run)(&plan, &mut recorder).ok()?;
    outcome.complete.then(|| Recording { header: (store.header)(&plan), events: recorder.events })
}

fn applicable<'a>(
    store: &'static StoreEntry,
    plan: &'a Plan,
    header: &'a Header,
    checkers: Checkers<'a>,
) -> impl Iterator<Item = Judge> {
    // Replicas forget what all others have, and learn by anti-entropy that they have it. Real nodes do not say so.
    let cleans_up =
        store.cleans_up && !store.is_recorded && plan.store.profile(plan.replicas).anti_entropy_ns.is_some();
    let promised =
        move |checker: &CheckerInfo| (checker.by_default)(header) && (checker.name != metadata::INFO.name || cleans_up);
    let groups = plan.expect.keys().filter_map(|name| {
        let (model, group) = model_of_group(name)?;
        Some(Judge::OfGroup { name: name.clone(), model, group: group.to_owned() })
    });
    let groups = groups.filter(move |judge| match checkers {
        Checkers::Promised | Checkers::Named => true,
        Checkers::Only(name) => name == judge.name(),
        Checkers::None => false,
    });
    let asked = self::checkers().filter(move |checker| {
        let is_named = plan.expect.contains_key(checker.name);
        match checkers {
            Checkers::Promised => is_named || promised(checker),
            Checkers::Named => is_named,
            Checkers::Only(name) => checker.name == name && (is_named || promised(checker)),
            Checkers::None => false,
        }
    });
    asked.map(Judge::Of).chain(groups)
}

fn unknown(checker: &str, note: String) -> Report {
    Report { checker: checker.to_string(), verdict: Verdict::Unknown, note, findings: Vec::new() }
}

fn panicked(panic: &StorePanic) -> Report {
    let finding = Finding {
        code: PANIC.to_string(),
        kind: format!("the store panicked: {}", without_numbers(&panic.message)),
        title: format!("the store panicked at {}: {}", panic.node, panic.message),
        at_ns: panic.at_ns,
        evidence: panics::last_panic().lines().map(|line| TraceLine::new(panic.at_ns, line.to_string())).collect(),
        events: vec![panic.until.events],
        ops: Vec::new(),
    };
    Report {
        checker: "panic".to_string(),
        verdict: Verdict::Violated,
        note: "the other checkers need a run that comes to its end".to_string(),
        findings: vec![finding],
    }
}

/// The text with `…` for each word that has a digit: numbers, and names such as `n0` and `n0.2`, which the same breach
/// has with others.
fn without_numbers(text: &str) -> String {
    let is_in_word = |c: char| c.is_alphanumeric() || c == '.';
    let pieces = text.split_inclusive(|c: char| !is_in_word(c)).map(|piece| {
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        if word.contains(|c: char| c.is_ascii_digit()) {
            format!("…{}", &piece[word.len()..])
        } else {
            piece.to_owned()
        }
    });
    pieces.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kvsim_sim::lower::lower;

    use super::*;

    #[test]
    fn a_panic_is_the_same_whatever_its_numbers_are() {
        for name in ["n0", "n3", "n0.2"] {
            let text = without_numbers(&format!("{name}: view 2 has 17 objects of its own."));
            assert_eq!(text, "…: view … has … objects of its own.");
        }
    }

    #[test]
    fn an_interrupted_verdict_is_unknown_and_a_breach_stands() {
        let report =
            |verdict| Report { checker: "priority".to_owned(), verdict, note: String::new(), findings: vec![] };
        assert_eq!(believed(report(Verdict::Holds), true), unknown("priority", INTERRUPTED.to_owned()));
        assert_eq!(believed(report(Verdict::Violated), true).verdict, Verdict::Violated);
        assert_eq!(believed(report(Verdict::Holds), false).verdict, Verdict::Holds);
    }

    #[test]
    fn a_checker_gets_a_second_run_where_one_can_be_had() {
        let text = "replicas = 3\nduration = \"1s\"\n[keys]\npriorities = { P0 = 1, P3 = 1 }\n[clients.all]\nlevel = \"fifo\"\n";
        let plan = |set: &[String]| {
            let names = crate::load::built_in();
            let scenario = crate::scenario::read(Path::new("test.toml"), text.as_bytes(), set, names).unwrap();
            lower(&scenario, 1, "test").unwrap()
        };
        let store = kvsim_sim::stores::BUILT_IN.find("ndc").unwrap();
        let usual = plan(&[]);
        let first = run(store, &usual, Keep::Judged, u64::MAX).recording;
        let again = |plan: &Plan| rerun(store, plan, true, 3);
        let second = again(&usual).expect("a second run");
        assert_eq!(second.header, first.header);
        assert_ne!(second.events, first.events);
        assert_eq!(again(&usual), Some(second), "and always the same");
        assert_eq!(again(&plan(&["net.bandwidth=1MB/s".to_owned()])), None);
    }
}
