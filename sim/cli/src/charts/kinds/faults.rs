//! When faults last.

use kvsim_sim::plan::FaultPlan;

use crate::charts::ChartInfo;
use crate::charts::runs::Runs;
use crate::draw::chart::{Chart, Mark, Panel};
use crate::draw::{Axis, Drawing};

pub const CHART: ChartInfo = ChartInfo {
    name: "faults",
    summary: "When the faults of one run last",
    about: "When each fault lasts.",
    draw,
    shows_each: true,
};

/// More rows than these are too many to read.
const ROWS_MAX: usize = 100;

const VERMILION: usize = 1;

/// A row per fault, as long as it lasts.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    let [run] = runs.list.as_slice() else {
        return Err("it shows one run; plot each by itself");
    };
    let lasts = |fault: &&FaultPlan| {
        fault.kind.message().is_none() && fault.until_ns > runs.shown.start && fault.from_ns < runs.shown.end
    };
    let lasting: Vec<&FaultPlan> = run.plan.faults.iter().filter(lasts).collect();
    let mut notes = Vec::new();
    if lasting.len() > ROWS_MAX {
        notes.push(format!("The first {ROWS_MAX} of {} faults.", lasting.len()));
    }
    let faults: Vec<&FaultPlan> = lasting.into_iter().take(ROWS_MAX).collect();
    if faults.is_empty() {
        return Err("no fault lasts in the time shown");
    }
    let marks = (0..).zip(&faults).map(|(row, fault)| Mark::Bar(VERMILION, row, (fault.from_ns, fault.until_ns)));
    let panel = Panel {
        title: "Faults".to_owned(),
        x: runs.time(),
        y: Axis::names("", faults.iter().map(|fault| fault.name.clone()).collect()),
        marks: marks.collect(),
    };
    let mut shaded = runs.shaded();
    shaded.retain(|shaded| !shaded.is_fault);
    let panel_height = 60 + 18 * faults.len() as i32;
    let chart = Chart { notes, panel_height, shaded, ..Chart::new(runs.title("When faults last"), vec![panel]) };
    Ok(chart.draw())
}
