//! What runs, hunts and sweeps have left in a folder of results, such as `runs`.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::exit::Failure;
use crate::folder::{self, PLAN, SUMMARY, TEXT_BYTES_MAX};
use crate::text::{counted, grouped, printable};

/// The folder of a run, a hunt or a sweep.
pub struct ResultsFolder {
    /// Its name in the folder of results.
    pub name: String,
    /// What came out, in a few words.
    pub came_to: String,
    /// A promise was broken, as expected or not.
    pub has_findings: bool,
    /// What its files take.
    pub bytes: u64,
}

/// All that are in `dir`, the last that was changed at the end. A folder that is not there has none.
pub fn results_in(dir: &Path) -> Result<Vec<ResultsFolder>, Failure> {
    let inside = match fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        inside => inside.map_err(|error| Failure::Usage(format!("cannot read {}: {error}", dir.display())))?,
    };
    let mut folders: Vec<_> =
        inside.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).collect();
    folders.sort_by_cached_key(|entry| {
        (entry.metadata().and_then(|metadata| metadata.modified()).ok(), entry.file_name())
    });
    let of = |entry: fs::DirEntry| {
        let path = entry.path();
        let (came_to, has_findings) = came_to(&path)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Some(ResultsFolder { name, came_to, has_findings, bytes: bytes_in(&path) })
    };
    Ok(folders.into_iter().filter_map(of).collect())
}

fn came_to(folder: &Path) -> Option<(String, bool)> {
    let lines = |name: &str| folder::read(&folder.join(name), TEXT_BYTES_MAX).ok();
    let is_there = |name: &str| folder.join(name).symlink_metadata().is_ok();
    if is_there(PLAN) {
        let summary: Value = serde_json::from_slice(&lines(SUMMARY).unwrap_or_default()).unwrap_or_default();
        let verdicts = summary["verdicts"].as_array();
        let of = |verdict: &str| {
            let all = verdicts.into_iter().flatten().filter(|one| one["verdict"] == verdict);
            all.filter_map(|one| one["checker"].as_str()).map(printable).collect::<Vec<_>>().join(", ")
        };
        let (violated, unknown) = (of("violated"), of("unknown"));
        return Some(match verdicts {
            None => ("a run that did not end".to_owned(), false),
            _ if !violated.is_empty() => (format!("violated: {violated}"), true),
            _ if summary["interrupted"] == true => ("interrupted".to_owned(), false),
            _ if summary["not_judged"].is_array() => ("not judged".to_owned(), false),
            _ if !unknown.is_empty() => (format!("unknown: {unknown}"), false),
            _ => ("holds".to_owned(), false),
        });
    }
    if is_there("hunt.jsonl") {
        let journal = lines("hunt.jsonl").unwrap_or_default();
        let found = journal.split(|byte| *byte == b'\n').filter(|line| line.starts_with(b"{\"found\"")).count() as u64;
        return Some((format!("a hunt, {}", counted(found, "finding", "findings")), found > 0));
    }
    is_there("sweep.jsonl").then(|| {
        let journal = lines("sweep.jsonl").unwrap_or_default();
        let runs = journal.iter().filter(|byte| **byte == b'\n').count().saturating_sub(1) as u64;
        (format!("a sweep, {} runs", grouped(runs)), false)
    })
}

/// What the files below a folder take; links are not followed.
fn bytes_in(folder: &Path) -> u64 {
    let inside = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    inside
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
