//! `kvsim run`: scenario and seed to plan, plan to run, run to verdicts.

use std::path::PathBuf;

use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use super::report;
use crate::args::{Format, Kept, Run};
use crate::exit::Failure;
use crate::folder::Folder;
use crate::judge::{self, Judged};
use crate::load;
use crate::recorder::Keep;
use crate::report::{Summary, text};
use crate::text::{grouped, printable, quoted};

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
                let run = quoted(&summary.run_dir);
                let most = grouped(report::EVENTS_MAX);
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
    let mut command = format!("kvsim run {} --seed {:#x}", quoted(&args.file.display().to_string()), plan.seed);
    for set in &args.set {
        command.push_str(&format!(" --set {}", quoted(set)));
    }
    if let Some(store) = &args.store {
        command.push_str(&format!(" --store {store}"));
    }
    Some(format!("# {}\n\n{text}", printable(&command)))
}

/// Reads the scenario and decides everything that the seed decides.
fn plan(args: &Run) -> Result<(&'static StoreEntry, Plan), Failure> {
    let scenario = load::scenario(&args.file, &load::overrides(&args.set, args.store.as_deref()))?;
    load::lowered(&args.file, &scenario, args.seed.unwrap_or(scenario.seed))
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
