//! The journal of a hunt: a file to which lines are added, so that a hunt that ended in whatever way can go on.
//!
//! The first line says what is hunted ([`Ground`]). Then come findings, in the order of their runs, and now and then
//! the number of runs that are done, all from the first one on. A finding counts once such a number has passed it: what
//! comes after the last number is done again.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::quarry::Ground;
use crate::exit::Failure;
use crate::lines::{self, Lines};

/// A finding, and the run that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Number of the run in the hunt.
    pub run: u64,
    /// Name of the scenario.
    pub scenario: String,
    /// In hexadecimal.
    pub seed: String,
    /// Name of the checker.
    pub checker: String,
    /// Code of the finding.
    pub code: String,
    /// See [`kvsim_sim::hunt::cause`].
    pub cause: String,
    /// The finding in one sentence.
    pub title: String,
    /// When it could first be told, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// Number of events of the run.
    pub events: u64,
    /// The folder of the run.
    pub run_dir: String,
}

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Line {
    Hunt(Ground),
    Found(Found),
    Done(Done),
}

/// How far the hunt is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// All runs below this number are done.
    pub runs: u64,
    /// Of them so many had findings.
    pub with_findings: u64,
    /// In so many nothing was found, and a verdict is unknown though another one was expected.
    pub unknown: u64,
    /// The same for each checker.
    pub unknown_by: BTreeMap<String, Unknown>,
}

/// Runs in which a checker's verdict is unknown though another one was expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    /// So many.
    pub runs: u64,
    /// The scenario of the first of them.
    pub scenario: String,
    /// Its seed, in hexadecimal.
    pub seed: String,
    /// Why nothing can be said about it.
    pub note: String,
}

/// What a journal says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Past {
    /// The findings that count.
    pub found: Vec<Found>,
    /// How far the hunt is.
    pub done: Done,
}

/// The open journal.
pub struct Journal(Lines);

const NAME: &str = "hunt.jsonl";
const WHAT: &str = "the journal of a hunt";

impl Journal {
    /// Begins a journal in `folder`, which must not have one of a hunt that found something.
    pub fn begin(folder: &Path, ground: &Ground) -> Result<Journal, Failure> {
        let (lines, _, past) = open(folder)?;
        if !past.found.is_empty() {
            let (place, count) = (folder.display(), past.found.len());
            return Err(Failure::Usage(format!(
                "{place} has the {count} findings of another hunt\n  go on with it (--resume), or give --out another folder"
            )));
        }
        Journal::first(lines, ground)
    }

    /// Goes on with the journal in `folder`, which must be one of the same hunt; begins it if there is none.
    pub fn resume(folder: &Path, ground: &Ground) -> Result<(Journal, Past), Failure> {
        let (mut lines, old, past) = open(folder)?;
        let Some(old) = old else { return Ok((Journal::first(lines, ground)?, past)) };
        if old != *ground {
            let (place, why) = (folder.join(NAME), difference(&old, ground));
            return Err(Failure::Usage(format!(
                "{} is the journal of another hunt: {why}\n  give --out another folder, or the same arguments",
                place.display()
            )));
        }
        lines.go_on()?;
        Ok((Journal(lines), past))
    }

    fn first(mut lines: Lines, ground: &Ground) -> Result<Journal, Failure> {
        lines.begin()?;
        lines.add(&Line::Hunt(ground.clone()), true)?;
        Ok(Journal(lines))
    }

    /// Adds a finding, whose run is stored already.
    pub fn found(&mut self, found: &Found) -> Result<(), Failure> {
        self.0.add(&Line::Found(found.clone()), true)
    }

    /// Says how far the hunt is.
    pub fn done(&mut self, done: &Done) -> Result<(), Failure> {
        self.0.add(&Line::Done(done.clone()), false)
    }
}

/// Opens the journal in `folder`. What is hunted is nothing when its first line was never finished.
fn open(folder: &Path) -> Result<(Lines, Option<Ground>, Past), Failure> {
    let path = folder.join(NAME);
    let (lines, said) = Lines::open::<Line>(&path, WHAT)?;
    let mut ground = None;
    let mut past = Past::default();
    for (at, line) in said {
        match (line, &ground) {
            (Line::Hunt(first), None) => ground = Some(first),
            (Line::Found(found), Some(_)) => past.found.push(found),
            (Line::Done(done), Some(_)) => past.done = done,
            _ => return Err(lines::is_not(&path, WHAT, at)),
        }
    }
    past.found.retain(|found| found.run < past.done.runs);
    // A run that was done twice has its findings twice.
    let mut seen = std::collections::BTreeSet::new();
    past.found.retain(|found| seen.insert((found.run, found.code.clone())));
    Ok((lines, ground, past))
}

/// In what two hunts differ, for people.
fn difference(old: &Ground, new: &Ground) -> String {
    if old.kvsim != new.kvsim {
        return format!("it was made by kvsim {}", old.kvsim);
    }
    if old.first_seed != new.first_seed {
        return format!("its first seed is {}", old.first_seed);
    }
    if old.swarm != new.swarm {
        return format!("it was made {} --swarm", if old.swarm { "with" } else { "without" });
    }
    if old.set != new.set {
        return format!("it was made with the changes [{}]", old.set.join(", "));
    }
    let files = |ground: &Ground| -> Vec<String> { ground.scenarios.iter().map(|one| one.file.clone()).collect() };
    if files(old) != files(new) {
        return format!("it is about {}", files(old).join(", "));
    }
    let changed = old.scenarios.iter().zip(&new.scenarios).find(|(old, new)| old != new);
    changed.map_or("in another form".to_string(), |(old, _)| format!("{} has changed since", old.file))
}

#[cfg(test)]
mod tests;
