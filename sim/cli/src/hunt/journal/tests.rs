//! A journal that was cut off anywhere says what was certain, and can be gone on with.

use std::path::Path;

use super::*;
use crate::exit::Failure;
use crate::journal::Journal;
use serde_json::{Value, json};

const FILE: &str = "hunt.jsonl";

fn header(set: &[&str], swarm: bool, first_seed: u64) -> Value {
    json!({ "kvsim": "test", "set": set, "swarm": swarm, "first_seed": first_seed })
}

fn resume(folder: &Path, header: &Value) -> Result<(Journal, Resumed), Failure> {
    let (journal, lines) = Journal::resume(folder, KIND, header)?;
    Ok((journal, Resumed::of(lines, Shard::WHOLE)))
}

fn begin(folder: &Path) -> Result<Journal, Failure> {
    Journal::begin(folder, KIND, &usual(), |lines| results(lines, Shard::WHOLE))
}

fn usual() -> Value {
    header(&[], false, 0)
}

fn add(journal: &mut Journal, found: u64, runs: Option<u64>) {
    journal.add(&HuntLine::Found(finding(found)), true).unwrap();
    runs.into_iter().for_each(|runs| journal.add(&HuntLine::Done(done(runs)), false).unwrap());
}

fn finding(run: u64) -> Found {
    Found {
        run,
        scenario: "s".into(),
        seed: format!("{run}"),
        checker: "convergence".into(),
        code: "CONV002".into(),
        cause: "c".into(),
        title: "t".into(),
        at_ns: 1,
        events: 2,
        run_dir: format!("s-{run}"),
    }
}

fn done(runs: u64) -> HuntProgress {
    let unknown = Unknown { runs, first_run: 0, scenario: "s".into(), seed: format!("{runs}"), note: "n".into() };
    let unknown_by = [("availability".to_owned(), unknown)].into();
    HuntProgress { runs, with_findings: runs / 10, unknown: runs, unknown_by }
}

/// Findings in the runs 10, 20 and 30, of which 32 are done; run 40 is not done, though its finding is there.
fn written(folder: &Path) {
    let mut journal = begin(folder).unwrap();
    for run in [10, 20, 30] {
        add(&mut journal, run, Some(run + 2));
    }
    add(&mut journal, 40, None);
}

#[test]
fn what_is_done_counts_wherever_the_file_ends() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let whole = std::fs::read(folder.path().join(FILE)).unwrap();
    let mut last = 0;
    for bytes in 0..=whole.len() {
        std::fs::write(folder.path().join(FILE), &whole[..bytes]).unwrap();
        let (mut journal, past) = resume(folder.path(), &usual()).unwrap();
        assert!(past.progress.runs >= last && [0, 12, 22, 32].contains(&past.progress.runs), "{:?}", past.progress);
        last = past.progress.runs;
        let expected: Vec<Found> = [10, 20, 30].into_iter().filter(|run| *run < last).map(finding).collect();
        assert_eq!(past.found, expected);
        // And it can be gone on with.
        add(&mut journal, 50, Some(60));
        drop(journal);
        let (_, past) = resume(folder.path(), &usual()).unwrap();
        assert_eq!(past.progress, done(60));
        assert_eq!(past.found.last(), Some(&finding(50)));
    }
    assert_eq!(last, 32);
}

#[test]
fn other_hunts_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let message = |result: Result<(Journal, Resumed), Failure>| match result {
        Err(Failure::Usage(message)) => message,
        _ => panic!("taken for the same hunt"),
    };
    for (other, why) in [
        (header(&[], true, 0), "made without --swarm"),
        (header(&[], false, 7), "its first seed is 0"),
        (header(&["net.loss=1%"], false, 0), "with the changes []"),
        (json!({ "kvsim": "later", "set": [], "swarm": false, "first_seed": 0 }), "made by kvsim test"),
    ] {
        let message = message(resume(folder.path(), &other));
        assert!(message.contains(why), "{message}");
    }
    assert!(begin(folder.path()).is_err(), "findings are not overwritten");
    std::fs::write(folder.path().join(FILE), "no JSON\n").unwrap();
    assert!(message(resume(folder.path(), &usual())).contains(":1: not a line of the journal"));
    // Nothing to lose.
    drop(begin(tempfile::tempdir().unwrap().path()).unwrap());
}
