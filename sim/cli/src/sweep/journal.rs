//! The journal of a sweep: what each run came to, so that a sweep that ended in whatever way can go on.
//!
//! The first line says what is swept ([`Ground`]). Then comes a line for each run, in the order in which they ended.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::run::{Ground, Outcome, Runs};
use crate::exit::Failure;
use crate::lines::{self, Lines};

/// A run that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Number of the cell.
    pub cell: usize,
    /// The seed.
    pub seed: u64,
    /// Real time that it took: for estimates, and no part of the result.
    pub took_ms: u64,
    /// What it came to.
    pub outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Sweep(Ground),
    Run(Done),
}

/// The open journal.
pub struct Journal(Lines);

const NAME: &str = "sweep.jsonl";
const WHAT: &str = "the journal of a sweep";

impl Journal {
    /// Begins a journal in `folder`, which must not have one with results.
    pub fn begin(folder: &Path, ground: &Ground) -> Result<Journal, Failure> {
        let path = folder.join(NAME);
        let (lines, said) = Lines::open::<Line>(&path, WHAT)?;
        if said.len() > 1 {
            let (place, count) = (folder.display(), said.len() - 1);
            return Err(Failure::Usage(format!(
                "{place} has the results of {count} runs of a sweep\n  go on with it (--resume), give --out another \
                 folder, or remove {}",
                path.display()
            )));
        }
        Journal::first(lines, ground)
    }

    /// Goes on with the journal in `folder`, which must be one of the same sweep; begins it if there is none. Returns the
    /// runs that are done, by number.
    pub fn resume(folder: &Path, runs: &Runs) -> Result<(Journal, BTreeMap<u64, Done>), Failure> {
        let path = folder.join(NAME);
        let (mut lines, said) = Lines::open::<Line>(&path, WHAT)?;
        let mut done = BTreeMap::new();
        if said.is_empty() {
            return Ok((Journal::first(lines, &runs.ground)?, done));
        }
        for (place, (at, line)) in said.into_iter().enumerate() {
            match line {
                Line::Sweep(old) if place == 0 => {
                    if old != runs.ground {
                        let (place, why) = (path.display(), difference(&old, &runs.ground));
                        return Err(Failure::Usage(format!(
                            "{place} is the journal of another sweep: {why}\n  give --out another folder, or leave \
                             --resume out and remove that file"
                        )));
                    }
                }
                Line::Run(run) if place > 0 => {
                    let number = runs.number(run.cell, run.seed).ok_or_else(|| lines::is_not(&path, WHAT, at))?;
                    done.entry(number).or_insert(run);
                }
                _ => return Err(lines::is_not(&path, WHAT, at)),
            }
        }
        lines.go_on()?;
        Ok((Journal(lines), done))
    }

    fn first(mut lines: Lines, ground: &Ground) -> Result<Journal, Failure> {
        lines.begin()?;
        lines.add(&Line::Sweep(ground.clone()), true)?;
        Ok(Journal(lines))
    }

    /// Adds a run.
    pub fn done(&mut self, done: &Done) -> Result<(), Failure> {
        self.0.add(&Line::Run(done.clone()), true)
    }
}

/// In what two sweeps differ, for people.
fn difference(old: &Ground, new: &Ground) -> String {
    if old.kvsim != new.kvsim {
        return format!("it was made by kvsim {}", old.kvsim);
    }
    if old.set != new.set {
        return format!("it was made with the changes [{}]", old.set.join(", "));
    }
    if old.text != new.text {
        return "the file has changed since".to_string();
    }
    "in another form".to_string()
}
