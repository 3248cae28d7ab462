//! Who sent what to whom.

use crate::charts::runs::Runs;
use crate::diagram::{self, Paper};

/// The space-time diagram of a part of a run that people can read: around what was found, or else the first fault.
pub fn messages(runs: &Runs) -> Result<Paper, &'static str> {
    let [run] = runs.list.as_slice() else {
        return Err("it shows one run; plot each by itself");
    };
    let shown = if runs.is_chosen { runs.shown.clone() } else { 0..u64::MAX };
    diagram::part(&run.plan, &run.recording, &run.reports, shown).ok_or("nothing happens in the time shown")
}
