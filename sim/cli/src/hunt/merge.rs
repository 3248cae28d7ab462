//! Shards of a hunt become the hunt.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};

use super::journal::{Found, HuntLine, HuntProgress, KIND, Resumed};
use crate::exit::Failure;
use crate::folder;
use crate::journal::Journal;
use crate::shard::{self, Parts, Shard};

/// Puts the parts together in `out`, as one hunt through would have left it: a hunt can go on there. Returns its results, and
/// of how many shards they are.
pub fn merge(parts: Parts<HuntLine>, out: &Path) -> Result<(Resumed, usize), Failure> {
    let (header, runs) = (parts.whole_header(), parts.runs);
    let parts = parts.parts.into_iter().map(|part| (part.folder, part.shard, Resumed::of(part.lines, part.shard)));
    let parts = each_once(parts.collect())?;
    shard::all_done(KIND, runs, parts.iter().map(|(_, shard, part)| (*shard, part.progress.runs)))?;
    let mut hunted = Resumed { found: Vec::new(), progress: HuntProgress { runs, ..HuntProgress::default() } };
    let count = parts.len();
    for (folder, _, part) in parts {
        add(&mut hunted.progress, part.progress);
        for found in part.found {
            let name = Path::new(&found.run_dir).file_name().unwrap_or_default();
            let place = out.join(name);
            // Several findings may be of one run, and follow each other.
            if hunted.found.last().is_none_or(|last| last.run != found.run) {
                folder::copy_run(&folder.join(name), &place)?;
            }
            hunted.found.push(Found { run_dir: place.display().to_string(), ..found });
        }
    }
    hunted.found.sort_by_key(|found| found.run);
    let mut journal = Journal::new(out, KIND, &header)?;
    hunted.found.iter().try_for_each(|found| journal.add(&HuntLine::Found(found.clone()), false))?;
    journal.add(&HuntLine::Done(hunted.progress.clone()), true)?;
    Ok((hunted, count))
}

/// What a shard has left, and where.
type HuntPart = (PathBuf, Shard, Resumed);

/// Of a shard that is there twice the one that came further, of which the other one must be the beginning.
fn each_once(mut parts: Vec<HuntPart>) -> Result<Vec<HuntPart>, Failure> {
    parts.sort_by_key(|(_, shard, part)| (*shard, Reverse(part.progress.runs)));
    let mut once: Vec<HuntPart> = Vec::new();
    for (folder, shard, part) in parts {
        match once.last() {
            Some((_, same, longer)) if *same == shard => {
                let done = part.progress.runs;
                let elsewhere = |found: &Found| Found { run_dir: String::new(), ..found.clone() };
                let until = longer.found.iter().filter(|found| shard.turn(found.run).is_some_and(|turn| turn < done));
                let is_same = until.map(elsewhere).eq(part.found.iter().map(elsewhere))
                    && (longer.progress.runs != done || longer.progress == part.progress);
                if !is_same {
                    return Err(shard::differ(KIND, shard));
                }
            }
            _ => once.push((folder, shard, part)),
        }
    }
    Ok(once)
}

/// Adds what a shard has counted; how many runs there are is known.
fn add(all: &mut HuntProgress, of: HuntProgress) {
    all.with_findings = all.with_findings.saturating_add(of.with_findings);
    all.unknown = all.unknown.saturating_add(of.unknown);
    for (checker, mut unknown) in of.unknown_by {
        if let Some(known) = all.unknown_by.remove(&checker) {
            let runs = known.runs.saturating_add(unknown.runs);
            let first = if known.first_run < unknown.first_run { known } else { unknown };
            unknown = super::journal::Unknown { runs, ..first };
        }
        all.unknown_by.insert(checker, unknown);
    }
}
