//! `kvsim run`: scenario and seed to plan, plan to run, run to verdicts.

use std::path::{Path, PathBuf};

use kvsim_checkers::CHECKERS;
use kvsim_sim::lower;
use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::{self, STORES, StoreEntry};

use super::report;
use crate::args::{Format, Kept, Run};
use crate::exit::Failure;
use crate::folder::Folder;
use crate::judge::{self, Judged};
use crate::recorder::Keep;
use crate::report::{Summary, text};
use crate::scenario::{self, Names, StoreNames};

/// Runs a scenario; returns the exit code.
pub fn run(args: &Run) -> Result<u8, Failure> {
    if args.history.is_some() && args.trace == Kept::Off {
        return Err(Failure::Usage("--history needs what --trace off does not keep; leave out one of them".to_owned()));
    }
    let (store, plan) = plan(args)?;
    let place = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("runs/{}-{:x}", plan.scenario, plan.seed)));
    let folder = Folder::create(place, &plan)?;
    super::stop_gently();
    let keep = match args.trace {
        Kept::Off => Keep::Nothing,
        Kept::Hash => Keep::Judged,
        Kept::Full => Keep::Everything,
    };
    let judged = judge::judge(store, &plan, keep);
    if args.twice && !judged.interrupted {
        same_again(store, &plan, &judged);
    }
    let summary = Summary::new(&plan, &judged, folder.path());
    folder.store(&summary, &judged.marks, (args.trace == Kept::Full).then_some(&judged.recording))?;
    if let Some(form) = args.history {
        folder.store_history(&judged.recording, form)?;
    }
    let scenario = written(args, &plan);
    if let Some(text) = &scenario {
        folder.store_scenario(text)?;
    }
    let is_told = !args.no_report && args.trace != Kept::Off && !judged.interrupted;
    let has_page = is_told
        && summary.events <= report::EVENTS_MAX
        && report::leave(&folder, store, &plan, &summary, &judged.reports, scenario.as_deref())?;
    match args.format {
        Format::Json => super::print_json(&summary)?,
        Format::Text => {
            let mut said = text::report(&plan, &summary, judged.real);
            if has_page {
                said.push_str(&report::line(&folder));
            } else if is_told {
                let run = text::quoted(&summary.run_dir);
                let most = text::grouped(report::EVENTS_MAX);
                said.push_str(&format!("  report      left out above {most} events: kvsim report {run}\n"));
            }
            super::print(&said)?;
        }
    }
    Ok(summary.exit_code())
}

/// The text of the scenario below the command that runs it, which is a comment there.
fn written(args: &Run, plan: &Plan) -> Option<String> {
    let text = std::fs::read_to_string(&args.file).ok()?;
    let mut command = format!("kvsim run {} --seed {:#x}", text::quoted(&args.file.display().to_string()), plan.seed);
    for set in &args.set {
        command.push_str(&format!(" --set {}", text::quoted(set)));
    }
    if let Some(store) = &args.store {
        command.push_str(&format!(" --store {store}"));
    }
    Some(format!("# {}\n\n{text}", scenario::printable(&command)))
}

/// Reads the scenario and decides everything that the seed decides.
fn plan(args: &Run) -> Result<(&'static StoreEntry, Plan), Failure> {
    let overrides = overrides(&args.set, args.store.as_deref());
    let scenario = scenario::load(&args.file, &overrides, &names()).map_err(Failure::Scenario)?;
    lowered(&args.file, &scenario, args.seed.unwrap_or(scenario.seed))
}

/// What the command line changes in a scenario.
pub fn overrides(set: &[String], store: Option<&str>) -> Vec<String> {
    set.iter().cloned().chain(store.map(|name| format!("store.name={name}"))).collect()
}

/// The plan of the scenario in `file` for a seed, and the store that it is for.
pub fn lowered(file: &Path, scenario: &Scenario, seed: u64) -> Result<(&'static StoreEntry, Plan), Failure> {
    let usage = |message: String| Failure::Usage(format!("{}: {message}", file.display()));
    let store = stores::find(&scenario.store.name).expect("the scenario reader knows the stores");
    let plan = lower::lower(scenario, seed, concat!("kvsim ", env!("CARGO_PKG_VERSION"))).map_err(usage)?;
    plan.validate().map_err(|error| usage(error.to_string()))?;
    if let Some(session) = plan.sessions.iter().find(|session| session.quorum > 1 && !store.quorum_reads) {
        let (session, quorum, store) = (&session.name, session.quorum, store.name);
        return Err(usage(format!(
            "session {session} reads from {quorum} replicas, but store {store} has no quorum reads\n  set quorum = 1, or choose another store (kvsim list stores)"
        )));
    }
    Ok((store, plan))
}

/// The names that scenarios may use.
pub fn names() -> Names {
    let store = |store: &StoreEntry| StoreNames {
        name: store.name,
        message_kinds: store.message_kinds.to_vec(),
        levels: store.levels.iter().map(|level| level.name()).collect(),
        settings: store.settings.to_vec(),
        defects: (store.defects)().iter().map(|defect| defect.name).collect(),
    };
    Names {
        stores: STORES.iter().map(store).collect(),
        checkers: CHECKERS.iter().map(|checker| checker.name).collect(),
    }
}

/// Runs the plan once more and compares every event.
///
/// # Panics
/// When the runs differ: that is a bug of kvsim, whatever the store does.
fn same_again(store: &StoreEntry, plan: &Plan, first: &Judged) {
    let second = judge::run(store, plan, Keep::Nothing, u64::MAX);
    if second.interrupted {
        return;
    }
    if let Some(event) = first.marks.iter().zip(&second.marks).position(|(one, other)| one != other) {
        panic!("two runs of the same plan differ from event {} on", event + 1);
    }
    assert_eq!(first.outcome, second.outcome, "two runs of the same plan come to different ends");
}
