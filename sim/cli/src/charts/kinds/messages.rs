//! Who sent what to whom.

use crate::charts::ChartInfo;
use crate::charts::runs::Runs;
use crate::diagram;
use crate::draw::Drawing;

pub const CHART: ChartInfo = ChartInfo {
    name: "messages",
    summary: "Who sent what to whom: a space-time diagram of a part of one run",
    about: "Who sent what to whom, in a part of the run.",
    draw,
    shows_each: true,
};

/// The space-time diagram of a part of a run that people can read: around what was found, or else the first fault.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    let [run] = runs.list.as_slice() else {
        return Err("it shows one run; plot each by itself");
    };
    let shown = if runs.is_chosen { runs.shown.clone() } else { 0..u64::MAX };
    diagram::part(&run.plan, &run.recording, &run.reports, shown).ok_or("nothing happens in the time shown")
}
