//! What the journal of a sweep says: what each run came to, in the order in which they ended.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::run::{SweepConfig, SweepOutcome, SweepRuns};
use crate::exit::Failure;
use crate::journal::{Journal, Work, is_not};

/// A run that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneRun {
    /// Number of the cell.
    pub cell: usize,
    /// The seed.
    pub seed: u64,
    /// Real time that it took: for estimates, and no part of the result.
    pub took_ms: u64,
    /// What it came to.
    pub outcome: SweepOutcome,
}

/// What a line below the header says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SweepLine {
    /// A run is done.
    Run(DoneRun),
}

impl Work for SweepConfig {
    const NAME: &'static str = "sweep";
    type Line = SweepLine;

    fn results(lines: &[(u64, SweepLine)]) -> Option<String> {
        (!lines.is_empty()).then(|| format!("results of {} runs", lines.len()))
    }

    fn difference(&self, new: &SweepConfig) -> Option<String> {
        (self.text != new.text).then(|| "the file has changed since".to_string())
    }
}

/// Goes on with the journal in `folder`, and returns the runs that are done, by number.
pub fn resume(folder: &Path, runs: &SweepRuns) -> Result<(Journal<SweepConfig>, BTreeMap<u64, DoneRun>), Failure> {
    let (journal, lines) = Journal::resume(folder, &runs.header)?;
    let mut done = BTreeMap::new();
    for (at, SweepLine::Run(run)) in lines {
        let number = runs.number(run.cell, run.seed).ok_or_else(|| is_not::<SweepConfig>(folder, at))?;
        done.entry(number).or_insert(run);
    }
    Ok((journal, done))
}
