//! The journal of a sweep: the result of each run, in the order in which they ended.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::run::{SweepOutcome, SweepRuns};
use crate::exit::Failure;
use crate::journal::{Journal, Lines};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneRun {
    pub cell: usize,
    pub seed: u64,
    /// Real time that it took: for estimates, and no part of the result.
    pub took_ms: u64,
    pub outcome: SweepOutcome,
}

/// What a line below the header says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SweepLine {
    Run(DoneRun),
}

pub const KIND: &str = "sweep";

/// The journal in `folder`, and the runs that are done, by number.
pub fn open(folder: &Path, runs: &SweepRuns, resumes: bool) -> Result<(Journal, BTreeMap<u64, DoneRun>), Failure> {
    let results = |lines: Lines<SweepLine>| (!lines.is_empty()).then(|| format!("results of {} runs", lines.len()));
    let mut done = BTreeMap::new();
    if !resumes {
        return Ok((Journal::begin(folder, KIND, &runs.header, results)?, done));
    }
    let (journal, lines) = Journal::resume(folder, KIND, &runs.header)?;
    for (line, SweepLine::Run(run)) in lines {
        let number = runs.number_of(&run).map_err(|why| journal.is_wrong(line, why))?;
        done.entry(number).or_insert(run);
    }
    Ok((journal, done))
}
