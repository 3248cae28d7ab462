//! `kvsim shrink`: a stored run becomes a small scenario with the same finding.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // people wait in real time

use std::path::{Path, PathBuf};
use std::time::Instant;

use kvsim_checkers::trace::{Event, LostBy, What};
use kvsim_checkers::{Facts, Finding, Verdict, promises};
use kvsim_sim::hunt::cause;
use kvsim_sim::plan::{FaultKind, Plan};
use kvsim_sim::shrink::{self, Answer, Shrunk};
use kvsim_sim::stores::StoreEntry;
use serde::Serialize;

use crate::args::{Output, real_time};
use crate::exit::{self, Failure};
use crate::folder::{self, Destination, Folder, Stored};
use crate::interrupt;
use crate::judge::{self, Checkers, Judged};
use crate::load;
use crate::memory;
use crate::progress::Ticker;
use crate::recorder::Keep;
use crate::report::{Judgement, Summary, text};
use crate::scenario::{self, Names};
use crate::text::{printable, program};
use std::time::Duration;

/// Make a run smaller while it shows the same finding, and write it as a scenario
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct ShrinkArgs {
    /// The folder of a run, or a plan.json
    run: PathBuf,
    /// Which finding, by its code [default: the first]
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// Give up making it smaller after this time
    #[arg(long = "for", value_name = "TIME", value_parser = real_time, default_value = "110s")]
    lasting: Duration,
    /// The folder of the smaller run and its scenario [default: RUN/shrunk]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Clone, Copy, Serialize)]
struct Size {
    replicas: u16,
    sessions: usize,
    operations: usize,
    /// Other than the loss of single messages.
    faults: usize,
    /// By chance or one by one; what a partition or a crash loses is a part of it.
    lost_messages: usize,
    workload_seconds: f64,
}

impl Size {
    fn of(plan: &Plan, judged: &Judged) -> Size {
        Size {
            replicas: plan.replicas,
            sessions: plan.sessions.len(),
            operations: plan.operations(),
            faults: plan.faults.iter().filter(|fault| !matches!(fault.kind, FaultKind::Drop(_))).count(),
            lost_messages: judged.recording.events.iter().filter(|event| is_lost_alone(plan, event)).count(),
            workload_seconds: plan.workload_end_ns as f64 / 1e9,
        }
    }

    /// For people: `replicas 5 -> 3, ...`.
    fn to(self, small: Size) -> String {
        let counts = [
            ("replicas", u64::from(self.replicas), u64::from(small.replicas)),
            ("sessions", self.sessions as u64, small.sessions as u64),
            ("operations", self.operations as u64, small.operations as u64),
            ("faults", self.faults as u64, small.faults as u64),
            ("lost messages", self.lost_messages as u64, small.lost_messages as u64),
        ];
        let counts = counts.map(|(name, before, after)| format!("{name} {before} -> {after}"));
        format!("{}, {:.3} s -> {:.3} s", counts.join(", "), self.workload_seconds, small.workload_seconds)
    }
}

/// True when a message is lost for no other reason than its own fate.
fn is_lost_alone(plan: &Plan, event: &Event) -> bool {
    match event.what {
        What::Lost { by: LostBy::Chance, .. } => true,
        What::Lost { by: LostBy::Fault(number), .. } => {
            matches!(plan.faults[usize::from(number)].kind, FaultKind::Drop(_))
        }
        _ => false,
    }
}

/// The result of shrinking, for programs.
#[derive(Serialize)]
struct Outcome {
    schema: u32,
    checker: String,
    code: String,
    before: Size,
    after: Size,
    /// Plans that were tried.
    tried: u64,
    /// False when time ran out or it was interrupted: it might be smaller still.
    complete: bool,
    interrupted: bool,
    scenario: String,
    run: Summary,
}

impl Outcome {
    fn text(&self, plan: &Plan, real: Duration) -> String {
        let Outcome { code, tried, .. } = self;
        let unfinished = if self.complete { "" } else { "; stopped before it was done, it might get smaller" };
        format!(
            "{}\n{}; still {code} ({tried} tries{unfinished})\n  scenario    {}\n",
            text::report(plan, &self.run, real),
            self.before.to(self.after),
            printable(&self.scenario)
        )
    }
}

/// A finding that a run is to show.
struct Target {
    checker: String,
    finding: Finding,
    /// A smaller run must not break a model by losing what may be lost, where this one did not.
    wants_disks: bool,
}

/// Disks may have taken acknowledged writes with them.
fn excuses(judged: &Judged) -> bool {
    promises::excuse_a_loss(&Facts::of(&judged.recording))
}

impl Target {
    fn is_in(&self, judged: &Judged) -> bool {
        let mut reports = judged.reports.iter().filter(|report| report.checker == self.checker);
        // A store has one code for all its panics.
        let is_same = |finding: &Finding| {
            finding.code == self.finding.code
                && (finding.code != judge::PANIC || cause(finding, "") == cause(&self.finding, ""))
        };
        reports.any(|report| report.findings.iter().any(is_same)) && !(self.wants_disks && excuses(judged))
    }
}

pub fn shrink(args: &ShrinkArgs, names: &Names) -> Result<u8, Failure> {
    let stored = Stored::read(&args.run, names.stores)?;
    stored.check_simulated()?;
    let store = stored.store;
    memory::check_with_messages(&stored.path, &stored.plan)?;
    interrupt::stop_at_once();
    let judged = judge::judge(store, &stored.plan, Keep::Everything);
    let target = target(args, &stored.plan, &judged)?;
    let plan = prepared(&stored.plan, &target);
    interrupt::stop_gently();
    let shrunk = search(args, store, &plan, &target);
    // What is known gets written, and the last runs are small: they are not to end early.
    let interrupted = interrupt::take();

    let name = format!("{}-{}", stored.plan.scenario, target.finding.code.to_lowercase());
    let place = args.out.clone().unwrap_or_else(|| stored.path.parent().unwrap_or(Path::new(".")).join("shrunk"));
    if args.out.is_none() {
        folder::make(&place)?;
    }
    // The smaller plan is there even if it cannot be written as a scenario.
    Folder::create(Destination::Cleared(place.clone()), &shrunk.plan)?;
    let before = Size::of(&stored.plan, &judged);
    let mut written = shrunk.normal.iter().map(|plan| as_scenario(store, &stored.plan, plan, &target, &name, names));
    let mut first = written.next().expect("a plan has normal forms");
    while first.is_err()
        && let Some(next) = written.next()
    {
        first = next;
    }
    let (small, text, judged) = first?;
    let folder = Folder::create(Destination::Cleared(place), &small)?;
    let summary = Summary::new(&small, &judged, folder.path());
    folder.store(&summary, &judged.checkpoints, None)?;
    let file = folder.path().join(format!("{name}.toml"));
    folder::write_whole(&file, text.as_bytes())?;
    let outcome = Outcome {
        schema: 1,
        checker: target.checker,
        code: target.finding.code,
        before,
        after: Size::of(&small, &judged),
        tried: shrunk.tried,
        complete: shrunk.complete,
        interrupted,
        scenario: file.display().to_string(),
        run: summary,
    };
    args.output.print(&outcome, || outcome.text(&small, judged.real))?;
    Ok(if interrupted { exit::INTERRUPTED } else { exit::HOLDS })
}

/// The finding to keep: one that is not expected, if there is one.
fn target(args: &ShrinkArgs, plan: &Plan, judged: &Judged) -> Result<Target, Failure> {
    let place = args.run.display();
    if judged.interrupted {
        return Err(Failure::Usage(format!("{place}: interrupted before there was anything to shrink")));
    }
    let mut found: Vec<(bool, Target)> = Vec::new();
    for report in &judged.reports {
        let is_expected = Judgement::new(plan, report).is_expected();
        for finding in &report.findings {
            let wants_disks = judge::model(&report.checker).is_some() && !excuses(judged);
            let target = Target { checker: report.checker.clone(), finding: finding.clone(), wants_disks };
            found.push((is_expected, target));
        }
    }
    let mut codes: Vec<&str> = found.iter().map(|(_, target)| target.finding.code.as_str()).collect();
    codes.dedup();
    let codes = codes.join(", ");
    found.sort_by_key(|(is_expected, _)| *is_expected);
    if found.is_empty() {
        return Err(Failure::Usage(format!(
            "{place}: the run has no finding that could be kept\n  no checker is violated"
        )));
    }
    let wanted =
        |target: &Target| args.code.as_ref().is_none_or(|code| code.eq_ignore_ascii_case(&target.finding.code));
    found.into_iter().map(|(_, target)| target).find(wanted).ok_or_else(|| {
        let code = args.code.as_deref().unwrap_or_default();
        Failure::Usage(format!("{place}: the run has no finding {code}\n  it has {codes}"))
    })
}

/// The plan with no other checker than it takes by default and for the finding.
fn prepared(plan: &Plan, target: &Target) -> Plan {
    let mut plan = plan.clone();
    plan.expect.retain(|checker, _| *checker == target.checker);
    plan
}

fn search(args: &ShrinkArgs, store: &'static StoreEntry, plan: &Plan, target: &Target) -> Shrunk {
    let mut ticker = Ticker::new();
    let begun = Instant::now();
    let mut tried = 0;
    let mut smallest = (plan.replicas, plan.operations(), plan.faults.len());
    shrink::shrink(store, plan, &target.finding.ops, &mut |candidate| {
        if begun.elapsed() >= args.lasting || interrupt::is_requested() {
            return Answer::Stop;
        }
        tried += 1;
        let (plan, checker) = (candidate.clone(), target.checker.clone());
        let run = move || judge::run_quiet(store, &plan, Keep::Judged, Checkers::Only(&checker));
        let judged = interrupt::unless_requested(run).filter(|judged| !judged.interrupted);
        let Some(judged) = judged else { return Answer::Stop };
        let is_same = target.is_in(&judged);
        if is_same {
            smallest = (candidate.replicas, candidate.operations(), candidate.faults.len());
        }
        let (replicas, operations, faults) = smallest;
        ticker.tick(|| format!("{tried} tries: {replicas} replicas, {operations} operations, {faults} faults"));
        if is_same { Answer::Reproduces } else { Answer::Passes }
    })
}

/// The plan as a scenario, and what reading and running that scenario gives.
fn as_scenario(
    store: &'static StoreEntry,
    original: &Plan,
    shrunk: &Plan,
    target: &Target,
    name: &str,
    names: &Names,
) -> Result<(Plan, String, Judged), Failure> {
    let file = PathBuf::from(format!("{name}.toml"));
    let mut plan = Plan { scenario: name.to_string(), ..shrunk.clone() };
    let code = &target.finding.code;
    // Other verdicts that the scenario was written to show, if the smaller run still shows them.
    let judged = judge::run_quiet(store, &plan, Keep::Judged, Checkers::Promised);
    for report in judged.reports.iter().filter(|report| report.verdict != Verdict::Holds) {
        if original.expect.get(&report.checker) == Some(&report.verdict) {
            plan.expect.insert(report.checker.clone(), report.verdict);
        }
    }
    let finding = judged.reports.iter().flat_map(|report| &report.findings).find(|finding| finding.code == *code);
    plan.title = format!("{code}: {}", finding.map_or(&target.finding.title, |finding| &finding.title));
    let comments = [format!("From {}, seed {}, shrunk by {} shrink.", original.scenario, original.seed, program())];
    let cannot = |why: String| {
        let place = file.display();
        Failure::Usage(format!("{place}: the smaller run cannot be written as a scenario, only as plan.json: {why}"))
    };
    let text = scenario::write(&plan, &comments).map_err(cannot)?;
    let read = scenario::read(&file, text.as_bytes(), &[], names)
        .map_err(|error| cannot(format!("the reader does not take it:\n{}", error.render(false))))?;
    let (_, plan) = load::lowered(&file, &read, read.seed.0, names.stores)?;
    let judged = judge::judge(store, &plan, Keep::Everything);
    if !judged.interrupted && !target.is_in(&judged) {
        return Err(cannot(format!("read back, it does not show {code} (stopped too early? see --for)")));
    }
    Ok((plan, text, judged))
}
