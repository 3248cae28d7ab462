//! Executes a plan and asks the checkers.

use std::cell::RefCell;
use std::time::Duration;

use kvsim_checkers::metrics::Measured;
use kvsim_checkers::trace::{Event, Header, Recording};
use kvsim_checkers::verdict::TraceLine;
use kvsim_checkers::{CHECKERS, CheckerInfo, Finding, Report, Verdict, metadata};
use kvsim_sim::engine::{Outcome, Sink, StorePanic};
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use crate::interrupt;
use crate::notes::Notes;
use crate::progress::Progress;
use crate::recorder::{Counts, Keep, Mark, Recorder, is_judged};
use crate::text::seconds;

/// A run and what the checkers say of it.
pub struct Judged {
    /// What it came to.
    pub outcome: Outcome,
    /// How often things happened.
    pub counts: Counts,
    /// The same without what happened while replicas settled.
    pub counts_of_workload: Counts,
    /// What replicas said about themselves.
    pub notes: Notes,
    /// One per checker.
    pub reports: Vec<Report>,
    /// What was kept of it.
    pub recording: Recording,
    /// See [`Recorder::marks`].
    pub marks: Vec<Mark>,
    /// See [`Recorder::measured`].
    pub measured: Measured,
    /// Real time that the run itself took.
    pub real: Duration,
    /// Somebody stopped it.
    pub interrupted: bool,
}

/// Code of the finding that the store panicked.
pub const PANIC: &str = "PANIC001";

/// Runs `plan` and judges it. A violation is looked at again with all messages recorded, so that findings can
/// tell how they came about; the second run is the same as the first.
pub fn judge(store: &StoreEntry, plan: &Plan, keep: Keep) -> Judged {
    let judged = run(store, plan, keep, u64::MAX);
    let violated = judged.reports.iter().any(|report| report.verdict == Verdict::Violated && report.checker != "panic");
    if keep == Keep::Judged && violated && !judged.interrupted {
        let explained = run(store, plan, Keep::Everything, u64::MAX);
        assert_eq!(explained.outcome, judged.outcome, "two runs of one plan are the same");
        return Judged { real: judged.real, ..explained };
    }
    judged
}

/// Runs `plan` up to a virtual time and judges it if it came to its end.
pub fn run(store: &StoreEntry, plan: &Plan, keep: Keep, until_ns: u64) -> Judged {
    let progress = Progress::new(&plan.scenario, plan.end_ns());
    recorded(store, plan, until_ns, Recorder::new(keep, until_ns, progress), Asked::Promised)
}

/// Runs `plan` as one of many and judges it: without a word, and without marks.
pub fn one_of_many(store: &StoreEntry, plan: &Plan, keep: Keep) -> Judged {
    let recorder = Recorder::new(keep, u64::MAX, Progress::silent());
    recorded(store, plan, u64::MAX, recorder.without_marks(), Asked::Promised)
}

/// Runs `plan` as one of many and asks only the checker of this name. Whether it panics shows all the same.
pub fn one_of_many_by(store: &StoreEntry, plan: &Plan, checker: &str) -> Judged {
    let recorder = Recorder::new(Keep::Judged, u64::MAX, Progress::silent());
    recorded(store, plan, u64::MAX, recorder.without_marks(), Asked::Only(checker))
}

/// Runs `plan` as one of many for its figures, with samples of what replicas hold taken so often. Only those checkers judge
/// it that the plan names.
pub fn one_of_many_for_figures(store: &StoreEntry, plan: &Plan, samples_ns: u64) -> Judged {
    let recorder = Recorder::new(Keep::Judged, u64::MAX, Progress::silent());
    recorded(store, plan, u64::MAX, recorder.without_marks().measuring(samples_ns), Asked::Named)
}

/// Which checkers judge a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked<'a> {
    /// Those of what the store promises, and those that the plan names.
    Promised,
    /// Those that the plan names.
    Named,
    /// Of the promised and the named ones the one of this name.
    Only(&'a str),
}

fn recorded(store: &StoreEntry, plan: &Plan, until_ns: u64, mut recorder: Recorder, asked: Asked<'_>) -> Judged {
    let keep = recorder.keep;
    let result = (store.run)(plan, &mut recorder);
    let (real, silent) = (recorder.progress.elapsed(), recorder.progress.is_silent());
    let interrupted = interrupt::is_requested();
    let recording = Recording { header: (store.header)(plan), events: recorder.events };
    let (outcome, reports) = match result {
        Ok(outcome) if outcome.complete && until_ns >= plan.end_ns() => {
            let reports = match keep {
                Keep::Nothing => applicable(store, plan, &recording.header, asked)
                    .map(|checker| unknown(checker.name, "the run was not recorded (--trace off)".into()))
                    .collect(),
                Keep::Judged | Keep::Everything => check(store, plan, &recording, silent, asked),
            };
            (outcome, reports)
        }
        Ok(outcome) => {
            let why = format!("the run was stopped at {}", seconds(outcome.end_ns));
            let reports = applicable(store, plan, &recording.header, asked);
            (outcome, reports.map(|checker| unknown(checker.name, why.clone())).collect())
        }
        Err(panic) => (panic.until, vec![panicked(&panic)]),
    };
    Judged {
        outcome,
        counts: recorder.counts,
        counts_of_workload: recorder.counts_of_workload.unwrap_or(recorder.counts),
        notes: recorder.notes,
        reports,
        recording,
        marks: recorder.marks,
        measured: recorder.measured,
        real,
        interrupted,
    }
}

/// What the checkers say of a run that came to its end.
pub fn reports(store: &StoreEntry, plan: &Plan, recording: &Recording) -> Vec<Report> {
    check(store, plan, recording, false, Asked::Promised)
}

fn check(store: &StoreEntry, plan: &Plan, recording: &Recording, silent: bool, asked: Asked) -> Vec<Report> {
    let rerun = |below| rerun(store, plan, silent, below);
    applicable(store, plan, &recording.header, asked).map(|checker| (checker.check)(recording, &rerun)).collect()
}

/// The same run, in which messages that carry writes of a priority below this one meet other fates.
fn rerun(store: &StoreEntry, plan: &Plan, silent: bool, below: u8) -> Option<Recording> {
    let plan = plan.with_other_fates_below(below)?;
    let progress = if silent { Progress::silent() } else { Progress::new(&plan.scenario, plan.end_ns()) };
    let mut sink = RerunEvents { events: Vec::new(), now_ns: 0, progress };
    let outcome = (store.run)(&plan, &mut sink).ok()?;
    outcome.complete.then(|| Recording { header: (store.header)(&plan), events: sink.events })
}

/// Keeps what is judged, and no marks: such a run is neither compared nor replayed.
struct RerunEvents {
    events: Vec<Event>,
    now_ns: u64,
    progress: Progress,
}

impl Sink for RerunEvents {
    fn event(&mut self, event: &Event) {
        self.now_ns = event.at_ns;
        if is_judged(&event.what) {
            self.events.push(*event);
        }
    }

    fn keep_going(&self) -> bool {
        self.progress.reached(self.now_ns);
        !interrupt::is_requested()
    }
}

fn applicable<'a>(
    store: &StoreEntry,
    plan: &'a Plan,
    header: &'a Header,
    asked: Asked<'a>,
) -> impl Iterator<Item = &'static CheckerInfo> {
    // Replicas forget what all others have, and learn by anti-entropy that they have it.
    let cleans_up = store.cleans_up && plan.store.anti_entropy_ns.is_some();
    let promised =
        move |checker: &CheckerInfo| (checker.by_default)(header) && (checker.name != metadata::INFO.name || cleans_up);
    CHECKERS.iter().filter(move |checker| {
        let is_named = plan.expect.contains_key(checker.name);
        match asked {
            Asked::Promised => is_named || promised(checker),
            Asked::Named => is_named,
            Asked::Only(name) => checker.name == name && (is_named || promised(checker)),
        }
    })
}

fn unknown(checker: &str, note: String) -> Report {
    Report { checker: checker.to_string(), verdict: Verdict::Unknown, note, findings: Vec::new() }
}

fn panicked(panic: &StorePanic) -> Report {
    let finding = Finding {
        code: PANIC.to_string(),
        kind: format!("the store panicked: {}", without_numbers(&panic.message)),
        title: format!("the store panicked at n{}: {}", panic.node, panic.message),
        at_ns: panic.at_ns,
        evidence: last_panic().lines().map(|line| TraceLine::new(panic.at_ns, line.to_string())).collect(),
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

/// The text with `…` for each number.
fn without_numbers(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, next| {
        match next.is_ascii_digit() {
            true if out.ends_with('…') => {}
            true => out.push('…'),
            false => out.push(next),
        }
        out
    })
}

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// A panic of a store is a finding, to be told with the others; so panics are noted and not printed.
pub fn keep_panics_quiet() {
    std::panic::set_hook(Box::new(|info| note_panic(info.to_string())));
}

/// Notes what `text` says of a panic as this thread's last one.
pub fn note_panic(text: String) {
    LAST_PANIC.with(|last| *last.borrow_mut() = text);
}

/// The last panic of this thread, with its place in the source.
pub fn last_panic() -> String {
    LAST_PANIC.with(|last| last.borrow().clone())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kvsim_sim::lower::lower;

    use super::*;

    #[test]
    fn a_checker_gets_a_second_run_where_one_can_be_had() {
        let text = "replicas = 3\nduration = \"1s\"\n[keys]\npriorities = { P0 = 1, P3 = 1 }\n[clients.all]\nlevel = \"fifo\"\n";
        let plan = |set: &[String]| {
            let names = crate::load::names();
            let scenario = crate::scenario::read(Path::new("test.toml"), text.as_bytes(), set, &names).unwrap();
            lower(&scenario, 1, "test").unwrap()
        };
        let store = kvsim_sim::stores::find("ndc").unwrap();
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
