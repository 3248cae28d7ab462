//! `kvsim hunt`: many seeds, and what goes wrong under which of them.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // people wait in real time

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use kvsim_checkers::Verdict;
use serde::Serialize;

use crate::args::{Batch, Output, Overrides, real_time, seeds};
use crate::exit::{self, Failure};
use crate::hunt::journal::{Found, HuntLine, HuntProgress, KIND, Resumed, Unknown, results};
use crate::hunt::runs::{FoundRun, HuntOutcome, RunSet};
use crate::interrupt;
use crate::journal::Journal;
use crate::output::{GREEN, PLAIN, RED, YELLOW};
use crate::pool::{self, Next};
use crate::progress::Ticker;
use crate::scenario::Names;
use crate::text::{counted, grouped, printable, program, quoted};
use std::ops::Range;

/// Run many seeds on all cores and keep what goes wrong
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct HuntArgs {
    /// The scenario, or a folder whose scenarios take turns
    #[arg(value_name = "FILE|DIR")]
    path: PathBuf,
    /// Which seeds, the last one left out [default: 1,000 from the scenario's own on, with --for all]
    #[arg(long, value_name = "FROM..TO", value_parser = seeds)]
    seeds: Option<Range<u64>>,
    /// Hunt no longer than this (for instance 10m)
    #[arg(long = "for", value_name = "TIME", value_parser = real_time)]
    lasting: Option<Duration>,
    #[command(flatten)]
    batch: Batch,
    /// In each run switch off kinds of faults and features at random
    #[arg(long)]
    swarm: bool,
    /// Go on after the first finding
    #[arg(long)]
    keep_going: bool,
    #[command(flatten)]
    overrides: Overrides,
    #[command(flatten)]
    output: Output,
}

/// Findings that are likely to be the same.
#[derive(Serialize)]
struct Group<'a> {
    checker: &'a str,
    code: &'a str,
    cause: &'a str,
    runs: usize,
    /// Those with the fewest events first: they are the quickest to look at.
    found: Vec<&'a Found>,
}

/// The result of a hunt, for programs; the number of jobs makes no difference to it.
#[derive(Serialize)]
struct HuntSummary<'a> {
    schema: u32,
    /// Runs that are done, with those of earlier parts of the hunt.
    #[serde(flatten)]
    done: HuntProgress,
    /// False when the hunt ended before its last seed.
    complete: bool,
    interrupted: bool,
    groups: Vec<Group<'a>>,
    hunt_dir: String,
}

/// How many seeds of each scenario, unless something else is said.
const SEEDS: u64 = 1_000;

/// How often the journal says how far the hunt is, at least.
const JOURNAL: Duration = Duration::from_millis(200);

pub fn hunt(args: &HuntArgs, names: &Names) -> Result<u8, Failure> {
    let runs = RunSet::read(
        &args.path,
        args.overrides.list(),
        args.swarm,
        args.seeds.as_ref().map(|seeds| seeds.start),
        names,
    )?;
    let folder = args.batch.out.clone().unwrap_or_else(|| usual_folder(&args.path));
    let (mut journal, lines) = match args.batch.resume {
        true => Journal::resume(&folder, KIND, &runs.header)?,
        false => (Journal::begin(&folder, KIND, &runs.header, results)?, Vec::new()),
    };
    let Resumed { mut found, progress: mut done } = Resumed::of(lines);
    interrupt::stop_gently();
    let jobs = args.batch.jobs.get();
    let end = match (&args.seeds, args.lasting) {
        (Some(seeds), _) => runs.runs_of(seeds.end - seeds.start),
        (None, Some(_)) => u64::MAX,
        (None, None) => runs.runs_of(SEEDS),
    };
    let first = done.runs;
    let begun = Instant::now();
    let mut stored = Ok(());
    if end > first && (args.keep_going || found.is_empty()) {
        let mut ticker = Ticker::new();
        let mut said = begun;
        // Both closures need the state.
        let state = std::cell::RefCell::new((&mut done, &mut found, &mut journal));
        let take = |run: u64, outcome: Result<Option<HuntOutcome>, Failure>| {
            // An interrupted run has no result, and so those after it do not count.
            let Some(outcome) = outcome? else { return Ok(Next::Stop) };
            let (done, found, journal) = &mut *state.borrow_mut();
            done.runs = run + 1;
            done.with_findings = done.with_findings.saturating_add(u64::from(!outcome.found.is_empty()));
            done.unknown = done.unknown.saturating_add(u64::from(!outcome.unknown.is_empty()));
            for (checker, first) in outcome.unknown {
                let by = done.unknown_by.entry(checker).or_insert(first);
                by.runs = by.runs.saturating_add(1);
            }
            let is_hit = !outcome.found.is_empty();
            found.extend(outcome.found.iter().cloned());
            outcome.run.map_or(Ok(()), FoundRun::store)?;
            outcome.found.into_iter().try_for_each(|one| journal.add(&HuntLine::Found(one), true))?;
            if is_hit || said.elapsed() >= JOURNAL {
                journal.add(&HuntLine::Done(done.clone()), false)?;
                said = Instant::now();
            }
            Ok(if is_hit && !args.keep_going { Next::Stop } else { Next::More })
        };
        let mut poll = || {
            let (done, found, _) = &*state.borrow();
            ticker.tick(|| progress(done, found, end, first, begun.elapsed()));
            let is_over = args.lasting.is_some_and(|lasting| begun.elapsed() >= lasting);
            match interrupt::is_requested() {
                true => Next::Stop,
                false if is_over => Next::Last,
                false => Next::More,
            }
        };
        let (runs, place) = (Arc::new(runs), folder.clone());
        let named = Arc::clone(&runs);
        let one = move |run| runs.one(run, &place);
        let name = move |run| format!("with seed {}", named.seed(run));
        // What was found is told whether or not the disk takes it.
        stored = pool::run_parallel(first..end, jobs, one, name, &mut pool::in_order(first, take), &mut poll);
        stored = stored.and_then(|()| journal.add(&HuntLine::Done(done.clone()), false));
    }
    let interrupted = interrupt::is_requested();
    let summary = HuntSummary {
        schema: 1,
        complete: done.runs >= end,
        done,
        interrupted,
        groups: groups(&found),
        hunt_dir: folder.display().to_string(),
    };
    args.output.print(&summary, || report(args, &summary, summary.done.runs - first, jobs, begun.elapsed()))?;
    stored?;
    let surprises = [(!found.is_empty(), Verdict::Violated), (summary.done.unknown > 0, Verdict::Unknown)];
    Ok(exit::code_of(interrupted, surprises.into_iter().filter(|(is_there, _)| *is_there).map(|(_, verdict)| verdict)))
}

fn usual_folder(path: &Path) -> PathBuf {
    let name = path.file_stem().map_or("all".into(), |name| name.to_string_lossy());
    PathBuf::from(format!("runs/hunt-{name}"))
}

/// One line about a hunt under way.
fn progress(done: &HuntProgress, found: &[Found], end: u64, first: u64, elapsed: Duration) -> String {
    let rate = (done.runs - first) as f64 / elapsed.as_secs_f64();
    let of = if end == u64::MAX { String::new() } else { format!(" of {}", grouped(end)) };
    let left = match end {
        u64::MAX => String::new(),
        end => format!(", {:.0} s left", (end - done.runs) as f64 / rate.max(0.001)),
    };
    let findings = match groups(found).len() {
        0 => "nothing found".to_string(),
        kinds => format!(
            "{} with findings of {}",
            counted(done.with_findings, "run", "runs"),
            counted(kinds as u64, "kind", "kinds")
        ),
    };
    format!("hunt: {}{of} runs, {rate:.1}/s{left}; {findings}", grouped(done.runs))
}

/// By code and cause; groups and the findings in them begin with the fewest events.
fn groups(found: &[Found]) -> Vec<Group<'_>> {
    let mut sorted: Vec<&Found> = found.iter().collect();
    sorted.sort_by_key(|one| (one.events, one.at_ns, one.run));
    let mut groups: Vec<Group<'_>> = Vec::new();
    for one in sorted {
        match groups.iter_mut().find(|group| (group.code, group.cause) == (&*one.code, &*one.cause)) {
            Some(group) => group.found.push(one),
            None => groups.push(Group {
                checker: &one.checker,
                code: &one.code,
                cause: &one.cause,
                runs: 0,
                found: vec![one],
            }),
        }
    }
    groups.iter_mut().for_each(|group| group.runs = group.found.len());
    groups
}

fn report(args: &HuntArgs, summary: &HuntSummary<'_>, runs: u64, jobs: u16, elapsed: Duration) -> String {
    const SHOWN: usize = 5;
    let mut out = String::new();
    for group in &summary.groups {
        let [first, others @ ..] = group.found.as_slice() else { continue };
        let (code, count) = (group.code, counted(group.runs as u64, "run", "runs"));
        out.push_str(&format!("{RED}{code}{PLAIN} in {count}: {}\n", group.cause));
        out.push_str(&format!("  fastest  {}: {}\n", run_of(first), printable(&first.title)));
        out.push_str(&format!("  shrink   {} shrink {} --code {code}\n", program(), quoted(&first.run_dir)));
        if !others.is_empty() {
            let names: Vec<String> = others.iter().take(SHOWN).map(|one| run_of(one)).collect();
            let more = others.len().saturating_sub(SHOWN);
            let more = if more == 0 { String::new() } else { format!(" and {more} more") };
            out.push_str(&format!("  also     {}{more}\n", names.join(", ")));
        }
        out.push('\n');
    }
    let HuntProgress { runs: all, with_findings, unknown, ref unknown_by } = summary.done;
    let (all, with_findings) = (counted(all, "run", "runs"), grouped(with_findings));
    out.push_str(&match summary.groups.len() {
        0 => format!("{GREEN}nothing found{PLAIN} in {all}"),
        _ => format!("{with_findings} of {all} with findings"),
    });
    if unknown > 0 {
        out.push_str(&format!("; {YELLOW}{} are unknown{PLAIN}", grouped(unknown)));
    }
    if !summary.complete {
        let is_enough = !summary.groups.is_empty() && !args.keep_going && !summary.interrupted;
        let how = if is_enough { "--resume --keep-going" } else { "--resume" };
        out.push_str(&format!("; the same command with {how} goes on"));
    }
    let rate = runs as f64 / elapsed.as_secs_f64().max(0.001);
    for (checker, Unknown { runs, scenario, seed, note }) in unknown_by {
        let first = format!("{} seed {}: {note}", printable(scenario), printable(seed));
        out.push_str(&format!("\n  unknown {checker} in {}, first {first}", counted(*runs, "run", "runs")));
    }
    let (runs, jobs, time) =
        (counted(runs, "run", "runs"), counted(u64::from(jobs), "job", "jobs"), elapsed.as_secs_f64());
    out.push_str(&format!("\n  {runs} in {time:.1} s, {rate:.1}/s with {jobs}\n"));
    out.push_str(&format!("  folder  {}\n", printable(&summary.hunt_dir)));
    out
}

/// A run in a word or two.
fn run_of(found: &Found) -> String {
    format!("{} seed {}", printable(&found.scenario), printable(&found.seed))
}
