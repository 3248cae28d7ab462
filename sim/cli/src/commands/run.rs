//! `kvsim run`: scenario and seed to plan, plan to run, run to verdicts.

use std::path::{Path, PathBuf};

use kvsim_sim::estimate::Estimate;
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use super::report;
use crate::args::{Output, Overrides, after_dots, seed};
use crate::exit::{self, Failure};
use crate::folder::{Destination, Folder, History};
use crate::interrupt;
use crate::judge::{self, Judged};
use crate::load;
use crate::memory;
use crate::output::{PLAIN, RED, complain, print};
use crate::recorder::Keep;
use crate::report::{Summary, text};
use crate::scenario::Names;
use crate::text::{grouped, printable, program, quoted};
use clap::ValueEnum;

/// Run a scenario and judge what happened
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct RunArgs {
    /// The scenario, a TOML file
    file: PathBuf,
    /// The seed, decimal or 0x... [default: the scenario's]
    #[arg(long, value_parser = seed)]
    seed: Option<u64>,
    #[command(flatten)]
    overrides: Overrides,
    /// Run one cell of the file's [sweep]: the name of a case, or a value as level=fifo or net.loss=5% (may be given several times)
    #[arg(long, value_name = "CASE")]
    case: Vec<String>,
    /// The folder of the run [default: runs/SCENARIO-SEED with the changes, and a number where another run is]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace what another run has left in the folder given by --out
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// What to keep of the trace
    #[arg(long, value_enum, default_value_t = Kept::Hash)]
    trace: Kept,
    /// Who judges it
    #[arg(long, value_enum, default_value_t = Checks::Default)]
    checks: Checks,
    /// Write the history of all operations into the folder, for kvsim check and other checkers
    #[arg(long, value_enum, value_name = "FORM")]
    history: Option<History>,
    /// Leave out report.html, which takes about as long again as the run
    #[arg(long)]
    no_report: bool,
    /// Run twice and compare every event: a difference is a bug of kvsim, or of a store that does not come with it (there it is
    /// always done)
    #[arg(long)]
    twice: bool,
    #[command(flatten)]
    output: Output,
}

/// What to keep of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    /// Only its hash; verdicts stay unknown (exit code 3)
    Off,
    /// Its hash; judge it
    Hash,
    /// All of it, as trace.jsonl in the run's folder; judge it
    Full,
}

/// Who judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Checks {
    /// The checkers of what the store promises, and those that the scenario names
    Default,
    /// None: each verdict is "not judged", there is no report, and the exit code is 0 unless the store panics
    None,
}

pub fn run(args: &RunArgs, names: &Names) -> Result<u8, Failure> {
    if args.history.is_some() && args.trace == Kept::Off {
        return Err(Failure::Usage("--history needs what --trace off does not keep; leave out one of them".to_owned()));
    }
    let is_judged = args.checks == Checks::Default;
    let keep = match args.trace {
        Kept::Off => Keep::Nothing,
        Kept::Hash if !is_judged && args.history.is_none() => Keep::Nothing,
        Kept::Hash => Keep::Judged,
        Kept::Full => Keep::Everything,
    };
    let recorded = if keep == Keep::Nothing { Estimate::without_recording } else { Estimate::without_messages };
    let (store, plan) = plan(args, names, recorded)?;
    if args.trace == Kept::Full {
        memory::check_with_messages(&args.file, &plan)?;
    }
    let folder = Folder::create(place(args, &plan), &plan)?;
    interrupt::stop_gently();
    let judged = if is_judged { judge::judge(store, &plan, keep) } else { judge::run_only(store, &plan, keep) };
    let twice = (args.twice || store.is_own) && !judged.interrupted;
    let difference = if twice { difference(store, &plan, &judged) } else { None };
    assert!(store.is_own || difference.is_none(), "two runs of the same plan differ from event {difference:?} on");
    let summary = Summary::new(&plan, &judged, folder.path());
    let fits = summary.events <= report::EVENTS_MAX;
    let wants_page = !args.no_report && is_judged && args.trace != Kept::Off && !judged.interrupted;
    // The verdict is told whether or not the disk takes it, and stored whether or not it can be told.
    let told = args.output.print(&summary, || {
        let mut out = text::report(&plan, &summary, judged.real);
        if wants_page && !fits {
            let (most, kvsim, run) = (grouped(report::EVENTS_MAX), program(), quoted(&summary.run_dir));
            out.push_str(&format!("  report      left out above {most} events: {kvsim} report {run}\n"));
        }
        if twice && difference.is_none() {
            out.push_str("  second run  the same, event by event\n");
        }
        out
    });
    let scenario = written(args, &plan);
    let mut stored = store_results(args, (&judged, &summary), &folder, scenario.as_deref());
    if wants_page && fits {
        interrupt::stop_at_once();
        let page = report::leave(&folder, store, &plan, &summary, &judged.reports, scenario.as_deref());
        if page.is_ok() && args.output.is_text() {
            print(&report::line(&folder))?;
        }
        stored = exit::all([stored, page.map(drop)]);
    }
    exit::all([told, stored])?;
    if let Some(event) = difference {
        complain(&format!(
            "{RED}not reproduced{PLAIN}: a second run of the same plan differs from event {event} on. Store {} decides by something \
             that is not the same again: the order of a HashMap, random numbers other than env.chance, a clock other than \
             env.now_ns, an address, a thread. Verdicts are those of the first run (docs/own-store.md)\n",
            store.name
        ));
        return Ok(exit::NOT_REPRODUCED);
    }
    Ok(summary.exit_code())
}

/// Of changes in a folder's name; numbers tell apart what they leave out.
const CHANGES_LETTERS_MAX: usize = 80;

/// The run's folder: unless the user names one, it says what the run follows from.
fn place(args: &RunArgs, plan: &Plan) -> Destination {
    match &args.out {
        Some(out) if args.overwrite => Destination::Cleared(out.clone()),
        Some(out) => Destination::Given(out.clone()),
        None => {
            let is_plain = |letter: &char| letter.is_ascii_alphanumeric() || "-_.=%".contains(*letter);
            let words = args.case.iter().map(|case| after_dots(case)).chain(args.overrides.words());
            let changes: String = words.flat_map(|word| ["-".to_owned(), word]).collect();
            let changes: String = changes.chars().filter(is_plain).take(CHANGES_LETTERS_MAX).collect();
            Destination::Free(Path::new("runs").join(format!("{}-{}{changes}", plan.scenario, plan.seed)))
        }
    }
}

/// Leaves the results in the run's folder.
fn store_results(
    args: &RunArgs,
    (judged, summary): (&Judged, &Summary),
    folder: &Folder,
    scenario: Option<&str>,
) -> Result<(), Failure> {
    let is_new = args.trace == Kept::Full || args.history.is_some();
    let is_judged = args.checks == Checks::Default && args.trace != Kept::Off;
    if !is_judged && !is_new && folder.has_results_of(summary) {
        return Ok(()); // it knows no more than they do, and no verdicts
    }
    exit::all([
        folder.store(summary, &judged.checkpoints, (args.trace == Kept::Full).then_some(&judged.recording)),
        args.history.map_or(Ok(()), |form| folder.store_history(&judged.recording, form)),
        scenario.map_or(Ok(()), |text| folder.store_scenario(text)),
    ])
}

/// The text of the scenario below the command that runs it, which is a comment there.
fn written(args: &RunArgs, plan: &Plan) -> Option<String> {
    let text = std::fs::read_to_string(&args.file).ok()?;
    let mut command = format!("{} run {} --seed {}", program(), quoted(&args.file.display().to_string()), plan.seed);
    args.case.iter().for_each(|case| command.push_str(&format!(" --case {}", quoted(case))));
    args.overrides.set.iter().for_each(|set| command.push_str(&format!(" --set {}", quoted(set))));
    args.overrides.store.iter().for_each(|store| command.push_str(&format!(" --store {store}")));
    Some(format!("# {}\n\n{text}", printable(&command)))
}

/// Reads the scenario and decides everything that the seed decides.
fn plan(args: &RunArgs, names: &Names, recorded: fn(Estimate) -> Estimate) -> Result<load::Run, Failure> {
    let changes = args.overrides.list();
    let scenario = match args.case.as_slice() {
        [] => load::scenario(&args.file, &changes, names)?,
        cases => load::cell(&args.file, &changes, cases, names)?,
    };
    load::lowered_within(&args.file, &scenario, args.seed.unwrap_or(scenario.seed.0), names.stores, recorded)
}

/// Runs the plan again and compares every event: the number of the first that differs.
fn difference(store: &'static StoreEntry, plan: &Plan, first: &Judged) -> Option<u64> {
    let second = judge::run(store, plan, Keep::Nothing, u64::MAX);
    if second.interrupted || second.outcome == first.outcome {
        return None;
    }
    let same = first.checkpoints.iter().zip(&second.checkpoints).take_while(|(one, other)| one == other).count();
    Some(same as u64 + 1)
}
