//! `kvsim hunt`: many seeds, and what goes wrong under which of them.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // people wait in real time

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::args::{Batch, Output, Overrides, real_time, seeds};
use crate::exit::{self, Failure};
use crate::hunt::journal::{Found, HuntLine, HuntProgress, KIND, Resumed, results};
use crate::hunt::runs::{FoundRun, HuntOutcome, RunSet};
use crate::hunt::told::{HuntSummary, kinds};
use crate::interrupt;
use crate::journal::Journal;
use crate::pool::{self, Next};
use crate::progress::Ticker;
use crate::scenario::Names;
use crate::shard::Shard;
use crate::text::{counted, grouped};
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
    let all = match (&args.seeds, args.lasting) {
        (Some(seeds), _) => runs.runs_of(seeds.end - seeds.start),
        (None, Some(_)) => u64::MAX,
        (None, None) => runs.runs_of(SEEDS),
    };
    let shard = args.batch.shard.unwrap_or(Shard::WHOLE);
    if args.batch.shard.is_some() && (!args.keep_going || all == u64::MAX) {
        let why = "a shard knows neither what others find nor how far they come";
        return Err(Failure::Usage(format!(
            "{why}\n  give --shard together with --keep-going, and --for with --seeds"
        )));
    }
    let folder = args.batch.out.clone().unwrap_or_else(|| usual_folder(&args.path, args.batch.shard));
    let header =
        args.batch.shard.map_or_else(|| runs.header.clone(), |shard| shard.header(&runs.header, all, &args.path));
    let (mut journal, lines) = match args.batch.resume {
        true => Journal::resume(&folder, KIND, &header)?,
        false => (Journal::begin(&folder, KIND, &header, |lines| results(lines, shard))?, Vec::new()),
    };
    let mut hunted = Resumed::of(lines, shard);
    let Resumed { found, progress: done } = &mut hunted;
    interrupt::stop_gently();
    let jobs = args.batch.jobs.get();
    // In turns of the shard.
    let end = shard.turns(all);
    let first = done.runs;
    let begun = Instant::now();
    let mut stored = Ok(());
    if end > first && (args.keep_going || found.is_empty()) {
        let mut ticker = Ticker::new();
        let mut said = begun;
        // Both closures need the state.
        let state = std::cell::RefCell::new((done, found, &mut journal));
        let take = |turn: u64, outcome: Result<Option<HuntOutcome>, Failure>| {
            // An interrupted run has no result, and so those after it do not count.
            let Some(outcome) = outcome? else { return Ok(Next::Stop) };
            let (done, found, journal) = &mut *state.borrow_mut();
            done.runs = turn + 1;
            done.with_findings = done.with_findings.saturating_add(u64::from(!outcome.found.is_empty()));
            done.unknown = done.unknown.saturating_add(u64::from(!outcome.unknown.is_empty()));
            for (checker, first) in outcome.unknown {
                let by = done.unknown_by.entry(checker).or_insert(first);
                by.runs = by.runs.saturating_add(1);
            }
            let is_hit = !outcome.found.is_empty();
            found.extend(outcome.found.iter().cloned());
            outcome.run.map_or(Ok(()), FoundRun::store)?;
            outcome.found.into_iter().try_for_each(|one| journal.add(&HuntLine::Found(one), false))?;
            if is_hit || said.elapsed() >= JOURNAL {
                journal.add(&HuntLine::Done(done.clone()), true)?;
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
        let one = move |turn| runs.one(shard.run(turn), &place);
        let name = move |turn| format!("with seed {}", named.seed(shard.run(turn)));
        // What was found is told whether or not the disk takes it.
        stored = pool::run_parallel(first..end, jobs, one, name, &mut pool::in_order(first, take), &mut poll);
        stored = stored.and_then(|()| journal.add(&HuntLine::Done(hunted.progress.clone()), true));
    }
    let interrupted = interrupt::is_requested();
    let summary = HuntSummary::new(&hunted, args.batch.shard, end, &folder, interrupted);
    let (fresh, elapsed) = (hunted.progress.runs - first, begun.elapsed().as_secs_f64());
    let rate = fresh as f64 / elapsed.max(0.001);
    let how = format!(
        "{} in {elapsed:.1} s, {rate:.1}/s with {}",
        counted(fresh, "run", "runs"),
        counted(u64::from(jobs), "job", "jobs")
    );
    args.output.print(&summary, || summary.text(args.keep_going, &how))?;
    stored?;
    summary.write_page()?;
    Ok(summary.exit_code())
}

fn usual_folder(path: &Path, shard: Option<Shard>) -> PathBuf {
    let name = path.file_stem().map_or("all".into(), |name| name.to_string_lossy());
    PathBuf::from(format!("runs/hunt-{name}{}", shard.map_or(String::new(), Shard::suffix)))
}

/// One line about a hunt under way.
fn progress(done: &HuntProgress, found: &[Found], end: u64, first: u64, elapsed: Duration) -> String {
    let rate = (done.runs - first) as f64 / elapsed.as_secs_f64();
    let of = if end == u64::MAX { String::new() } else { format!(" of {}", grouped(end)) };
    let left = match end {
        u64::MAX => String::new(),
        end => format!(", {:.0} s left", (end - done.runs) as f64 / rate.max(0.001)),
    };
    let findings = match kinds(found) {
        0 => "nothing found".to_string(),
        kinds => format!(
            "{} with findings of {}",
            counted(done.with_findings, "run", "runs"),
            counted(kinds as u64, "kind", "kinds")
        ),
    };
    format!("hunt: {}{of} runs, {rate:.1}/s{left}; {findings}", grouped(done.runs))
}
