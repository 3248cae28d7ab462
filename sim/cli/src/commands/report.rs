//! `kvsim report`: the page of a stored run, and the one that `kvsim run` leaves.

use kvsim_checkers::Report;
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use crate::exit::{self, Failure};
use crate::folder::{Folder, Stored};
use crate::interrupt;
use crate::judge;
use crate::memory;
use crate::output::print;
use crate::recorder::Keep;
use crate::report::{Page, Summary};
use crate::scenario::Names;
use crate::text::printable;
use std::path::PathBuf;

/// Write the report of a stored run, report.html, again
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct ReportArgs {
    /// The folder of a run, or its plan.json
    run: PathBuf,
}

/// Above this number of events `kvsim run` leaves out the page, which needs the run again, in memory.
pub const EVENTS_MAX: u64 = 2_000_000;

pub fn report(args: &ReportArgs, names: &Names) -> Result<u8, Failure> {
    let stored = Stored::read(&args.run, names.stores)?;
    let store = stored.store;
    memory::check_with_messages(&stored.path, &stored.plan)?;
    interrupt::stop_at_once();
    let judged = judge::judge(store, &stored.plan, Keep::Judged);
    if !judged.interrupted && !stored.is_reproduced(judged.outcome.trace_hash, "the report") {
        return Ok(exit::NOT_REPRODUCED);
    }
    let folder = stored.folder();
    let summary = Summary::new(&stored.plan, &judged, folder.path());
    let scenario = folder.scenario();
    if judged.interrupted || !leave(folder, store, &stored.plan, &summary, &judged.reports, scenario.as_deref())? {
        return Ok(exit::INTERRUPTED);
    }
    print(&line(folder))?;
    Ok(exit::HOLDS)
}

/// Writes the page of a run into its folder; false when that is interrupted.
pub fn leave(
    folder: &Folder,
    store: &'static StoreEntry,
    plan: &Plan,
    summary: &Summary,
    reports: &[Report],
    scenario: Option<&str>,
) -> Result<bool, Failure> {
    let Some(page) = Page::new(store, plan, summary, reports, scenario) else { return Ok(false) };
    folder.store_report(&page.html())?;
    Ok(true)
}

/// Where the page is, for people.
pub fn line(folder: &Folder) -> String {
    format!("  report      {}\n", printable(&folder.report().display().to_string()))
}
