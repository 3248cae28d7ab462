//! `kvsim report`: the page of a stored run, and the one that `kvsim run` leaves.

use kvsim_checkers::Report;
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use crate::args;
use crate::exit::{self, Failure, PLAIN, RED};
use crate::folder::{Folder, Stored};
use crate::judge;
use crate::load;
use crate::recorder::Keep;
use crate::report::{Page, Summary};
use crate::text::printable;

/// Above so many events `kvsim run` leaves the page to those who want it: it needs the run once more, in memory.
pub const EVENTS_MAX: u64 = 2_000_000;

/// Writes the page anew; returns the exit code.
pub fn report(args: &args::Report) -> Result<u8, Failure> {
    let stored = Stored::read(&args.run)?;
    let store = load::store_of(&stored)?;
    super::stop_gently();
    let judged = judge::judge(store, &stored.plan, Keep::Judged);
    if let (Some(hash), false) = (stored.trace_hash, judged.interrupted)
        && hash != judged.outcome.trace_hash
    {
        let (path, other) = (stored.path.display(), judged.outcome.trace_hash);
        anstream::eprintln!(
            "{RED}not reproduced{PLAIN}: {path} has the trace hash {hash:#018x} and now came to {other:#018x}, so that the \
             report would be of another run; kvsim replay finds the first difference"
        );
        return Ok(exit::NOT_REPRODUCED);
    }
    let folder = stored.folder();
    let summary = Summary::new(&stored.plan, &judged, folder.path());
    let scenario = folder.scenario();
    if judged.interrupted || !leave(&folder, store, &stored.plan, &summary, &judged.reports, scenario.as_deref())? {
        return Ok(exit::INTERRUPTED);
    }
    super::print(&line(&folder))?;
    Ok(exit::HOLDS)
}

/// Writes the page of a run into its folder; false when somebody stops that.
pub fn leave(
    folder: &Folder,
    store: &StoreEntry,
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
