//! A journal that was cut off anywhere says what was certain, and can be gone on with.

use std::path::Path;

use super::*;
use crate::exit::Failure;
use crate::journal::{Header, Journal};

const FILE: &str = "hunt.jsonl";

fn header(set: &[&str], swarm: bool, first_seed: u64) -> Header<HuntConfig> {
    let set = set.iter().map(|one| one.to_string()).collect();
    Header::new(set, HuntConfig { scenarios: Vec::new(), swarm, first_seed })
}

fn usual() -> Header<HuntConfig> {
    header(&[], false, 0)
}

fn resume(folder: &Path, header: &Header<HuntConfig>) -> Result<(Journal<HuntConfig>, Resumed), Failure> {
    let (journal, lines) = Journal::resume(folder, header)?;
    Ok((journal, Resumed::of(lines.into_iter().map(|(_, line)| line))))
}

fn add(journal: &mut Journal<HuntConfig>, found: u64, runs: Option<u64>) {
    journal.add(&HuntLine::Found(finding(found)), true).unwrap();
    runs.into_iter().for_each(|runs| journal.add(&HuntLine::Done(done(runs)), false).unwrap());
}

fn finding(run: u64) -> Found {
    Found {
        run,
        scenario: "s".into(),
        seed: format!("{run:#018x}"),
        checker: "convergence".into(),
        code: "CONV002".into(),
        cause: "c".into(),
        title: "t".into(),
        at_ns: 1,
        events: 2,
        run_dir: format!("s-{run:x}"),
    }
}

fn done(runs: u64) -> HuntProgress {
    let unknown = Unknown { runs, scenario: "s".into(), seed: format!("{runs:#018x}"), note: "n".into() };
    let unknown_by = [("availability".to_owned(), unknown)].into();
    HuntProgress { runs, with_findings: runs / 10, unknown: runs, unknown_by }
}

/// Findings in the runs 10, 20 and 30, of which 32 are done; run 40 is not done, though its finding is there.
fn written(folder: &Path) {
    let mut journal = Journal::begin(folder, &usual()).unwrap();
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
    let message = |result: Result<(Journal<HuntConfig>, Resumed), Failure>| match result {
        Err(Failure::Usage(message)) => message,
        _ => panic!("taken for the same hunt"),
    };
    let other_set = header(&["net.loss=1%"], false, 0);
    for (other, why) in
        [(header(&[], true, 0), "--swarm"), (header(&[], false, 7), "first seed is 0"), (other_set, "changes")]
    {
        assert!(message(resume(folder.path(), &other)).contains(why));
    }
    let text = std::fs::read_to_string(folder.path().join(FILE)).unwrap();
    let later = text.replacen(env!("CARGO_PKG_VERSION"), "later", 1);
    std::fs::write(folder.path().join(FILE), later).unwrap();
    assert!(message(resume(folder.path(), &usual())).contains("made by kvsim later"));
    std::fs::write(folder.path().join(FILE), text).unwrap();
    assert!(Journal::<HuntConfig>::begin(folder.path(), &usual()).is_err(), "findings are not overwritten");
    std::fs::write(folder.path().join(FILE), "no JSON\n").unwrap();
    assert!(message(resume(folder.path(), &usual())).contains("not the journal"));
    // Nothing to lose.
    drop(Journal::<HuntConfig>::begin(tempfile::tempdir().unwrap().path(), &usual()).unwrap());
}
