//! What the journal of a hunt says: findings, in the order of their runs, and now and then how many runs are done, all from
//! the first one on. A finding counts once such a number has passed it: what comes after the last number is done again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::journal::Lines;
use crate::shard::Shard;
use crate::text::counted;

/// A finding, and the run that shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Number of the run in the hunt.
    pub run: u64,
    pub scenario: String,
    /// In hexadecimal.
    pub seed: String,
    pub checker: String,
    pub code: String,
    /// See [`kvsim_sim::hunt::cause`].
    pub cause: String,
    /// The finding in one sentence.
    pub title: String,
    /// When it could first be detected, in nanoseconds of virtual time.
    pub at_ns: u64,
    pub events: u64,
    pub run_dir: String,
}

/// What a line below the header says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HuntLine {
    /// A finding, whose run is stored already.
    Found(Found),
    /// How far the hunt is.
    Done(HuntProgress),
}

/// How far the hunt is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HuntProgress {
    /// So many runs are done, the first ones; of a shard, its first ones.
    pub runs: u64,
    /// How many of them had findings.
    pub with_findings: u64,
    /// In how many nothing was found, and a verdict is unknown although another one was expected.
    pub unknown: u64,
    /// The same for each checker.
    pub unknown_by: BTreeMap<String, Unknown>,
}

/// Runs in which a checker's verdict is unknown although another one was expected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unknown {
    pub runs: u64,
    /// The number of the first of them in the hunt.
    pub first_run: u64,
    /// Its scenario.
    pub scenario: String,
    /// Its seed, in hexadecimal.
    pub seed: String,
    /// Why nothing can be said about it.
    pub note: String,
}

/// What is known from an earlier part of the hunt.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// The findings that count.
    pub found: Vec<Found>,
    /// How far the hunt is.
    pub progress: HuntProgress,
}

impl Resumed {
    /// What the lines of the journal say.
    pub fn of(lines: Lines<HuntLine>, shard: Shard) -> Resumed {
        let mut past = Resumed::default();
        for (_, line) in lines {
            match line {
                HuntLine::Found(found) => past.found.push(found),
                HuntLine::Done(progress) => past.progress = progress,
            }
        }
        // A run that was done twice has its findings twice.
        let mut seen = BTreeSet::new();
        let runs = past.progress.runs;
        let is_done = |run| shard.turn(run).is_some_and(|turn| turn < runs);
        past.found.retain(|found| is_done(found.run) && seen.insert((found.run, found.code.clone())));
        past
    }
}

pub const KIND: &str = "hunt";

/// The findings that the lines have, in words.
pub fn results(lines: Lines<HuntLine>, shard: Shard) -> Option<String> {
    let found = Resumed::of(lines, shard).found.len() as u64;
    (found > 0).then(|| counted(found, "finding", "findings"))
}

#[cfg(test)]
mod tests;
