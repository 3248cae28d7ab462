//! A journal that was cut off anywhere says what was certain, and can be gone on with.

use super::*;

fn ground() -> Ground {
    Ground { schema: 1, kvsim: "test".into(), scenarios: Vec::new(), set: Vec::new(), swarm: false, first_seed: 0 }
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

fn done(runs: u64) -> Done {
    let unknown = Unknown { runs, scenario: "s".into(), seed: format!("{runs:#018x}"), note: "n".into() };
    let unknown_by = [("availability".to_owned(), unknown)].into();
    Done { runs, with_findings: runs / 10, unknown: runs, unknown_by }
}

/// Findings in the runs 10, 20 and 30, of which 32 are done; run 40 is not done, though its finding is there.
fn written(folder: &Path) {
    let mut journal = Journal::begin(folder, &ground()).unwrap();
    for run in [10, 20, 30] {
        journal.found(&finding(run)).unwrap();
        journal.done(&done(run + 2)).unwrap();
    }
    journal.found(&finding(40)).unwrap();
}

#[test]
fn what_is_done_counts_wherever_the_file_ends() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let whole = std::fs::read(folder.path().join(NAME)).unwrap();
    let mut last = 0;
    for bytes in 0..=whole.len() {
        std::fs::write(folder.path().join(NAME), &whole[..bytes]).unwrap();
        let (mut journal, past) = Journal::resume(folder.path(), &ground()).unwrap();
        assert!(past.done.runs >= last && [0, 12, 22, 32].contains(&past.done.runs), "{:?}", past.done);
        last = past.done.runs;
        let expected: Vec<Found> = [10, 20, 30].into_iter().filter(|run| *run < last).map(finding).collect();
        assert_eq!(past.found, expected);
        // And it can be gone on with.
        journal.found(&finding(50)).unwrap();
        journal.done(&done(60)).unwrap();
        drop(journal);
        let (_, past) = Journal::resume(folder.path(), &ground()).unwrap();
        assert_eq!(past.done, done(60));
        assert_eq!(past.found.last(), Some(&finding(50)));
    }
    assert_eq!(last, 32);
}

#[test]
fn other_hunts_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    written(folder.path());
    let message = |result: Result<(Journal, Past), Failure>| match result {
        Err(Failure::Usage(message)) => message,
        _ => panic!("taken for the same hunt"),
    };
    for (other, why) in [
        (Ground { swarm: true, ..ground() }, "--swarm"),
        (Ground { first_seed: 7, ..ground() }, "first seed is 0"),
        (Ground { kvsim: "later".into(), ..ground() }, "made by kvsim test"),
        (Ground { set: vec!["net.loss=1%".into()], ..ground() }, "changes"),
    ] {
        assert!(message(Journal::resume(folder.path(), &other)).contains(why));
    }
    assert!(Journal::begin(folder.path(), &ground()).is_err(), "findings are not overwritten");
    std::fs::write(folder.path().join(NAME), "no JSON\n").unwrap();
    assert!(message(Journal::resume(folder.path(), &ground())).contains("not the journal"));
    // Nothing to lose.
    drop(Journal::begin(tempfile::tempdir().unwrap().path(), &ground()).unwrap());
}
