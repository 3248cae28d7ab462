//! Shards of a sweep become the sweep.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::journal::{DoneRun, KIND, SweepLine};
use super::run::SweepRuns;
use crate::exit::Failure;
use crate::folder;
use crate::journal::{self, Journal};
use crate::scenario::Names;
use crate::shard::{self, Parts};

/// Puts the parts together in `out`, as one sweep through would have left them. Returns its runs, their results, and of how
/// many shards they are.
pub fn merge(
    parts: Parts<SweepLine>,
    out: &Path,
    names: &Names,
) -> Result<(SweepRuns, BTreeMap<u64, DoneRun>, usize), Failure> {
    let header = parts.whole_header();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let set: Vec<String> = header["set"].as_array().into_iter().flatten().map(text).collect();
    let file = PathBuf::from(text(&parts.header["path"]));
    let runs = SweepRuns::of(&file, text(&header["text"]).as_bytes(), &set, names)?;
    let (mut done, mut of_shards) = (BTreeMap::new(), BTreeMap::new());
    for part in parts.parts {
        let of_shard: &mut BTreeSet<u64> = of_shards.entry(part.shard).or_default();
        for (line, SweepLine::Run(run)) in part.lines {
            let number = runs
                .number_of(&run)
                .and_then(|number| part.shard.turn(number).map(|_| number).ok_or("a run of another shard"));
            let wrong = |why| journal::is_wrong(&journal::path_in(&part.folder, KIND), KIND, line, why);
            let number = number.map_err(wrong)?;
            match done.get(&number) {
                Some(DoneRun { outcome, .. }) if *outcome != run.outcome => {
                    return Err(shard::differ(KIND, part.shard));
                }
                Some(_) => {}
                None => {
                    let stored = runs.folder(&part.folder, run.cell, run.seed);
                    if stored.symlink_metadata().is_ok() {
                        folder::copy_run(&stored, &runs.folder(out, run.cell, run.seed))?;
                    }
                    done.insert(number, run);
                }
            }
            of_shard.insert(number);
        }
    }
    let shards = of_shards.len();
    let counts = of_shards.into_iter().map(|(shard, numbers)| (shard, numbers.len() as u64));
    shard::all_done(KIND, runs.count(), counts)?;
    let mut journal = Journal::new(out, KIND, &header)?;
    done.values().try_for_each(|run| journal.add(&SweepLine::Run(run.clone()), false))?;
    Ok((runs, done, shards))
}
