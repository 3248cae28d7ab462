//! Mutants of everything that is read from folders: none ends the program, takes memory without bound, or leads out of its
//! folder. Thousands of each; for the command, which limits the memory, see CONTRIBUTING.md.

mod mutator;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kvsim_sim::stores::BUILT_IN;
use mutator::Mutator;

use crate::folder::Stored;
use crate::hunt::runs::RunSet;
use crate::judge;
use crate::load;
use crate::recorder::Keep;

const MUTANTS: u64 = 10_000;

/// Reads each mutant of these inputs; how many were taken.
fn each(inputs: &[Vec<u8>], mut take: impl FnMut(&[u8]) -> bool) -> u64 {
    let mut taken = 0;
    for number in 0..MUTANTS {
        let valid = &inputs[(number % inputs.len() as u64) as usize];
        let mutant = Mutator::new(number).mutate(valid);
        match catch_unwind(AssertUnwindSafe(|| take(&mutant))) {
            Ok(is_taken) => taken += u64::from(is_taken),
            Err(_) => panic!("mutant {number}: {}\n{}", crate::panics::last_panic(), String::from_utf8_lossy(&mutant)),
        }
    }
    taken
}

/// Nothing lies in the folder but what was put there.
fn is_alone(folder: &Path, names: &[&str]) {
    let mut inside: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    inside.sort();
    assert_eq!(inside, names);
}

fn scenarios() -> Vec<Vec<u8>> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let files = ["tour/by-hand.toml", "tour/ring.toml", "levels/eventual-breaks-pram.toml", "faults/clock.toml"];
    files.map(|file| fs::read(top.join(file)).unwrap()).to_vec()
}

#[test]
#[ignore = "takes minutes"]
fn scenarios_that_an_enemy_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    let taken = each(&scenarios(), |mutant| {
        fs::write(&file, mutant).unwrap();
        let scenario = load::scenario(&file, &[], load::built_in()).ok();
        scenario.is_some_and(|scenario| load::lowered(&file, &scenario, 1, BUILT_IN).is_ok())
    });
    println!("{taken} of {MUTANTS} scenarios were taken");
    is_alone(folder.path(), &["s.toml"]);
}

#[test]
#[ignore = "takes minutes"]
fn plans_that_an_enemy_wrote() {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("run");
    fs::create_dir(&folder).unwrap();
    let names = load::built_in();
    let plans = scenarios().into_iter().map(|text| {
        let set = ["duration=5s".to_owned(), "settle=1s".to_owned()];
        let read = crate::scenario::read(Path::new("s.toml"), &text, &set, names);
        let read = read.or_else(|_| crate::scenario::read(Path::new("s.toml"), &text, &[], names)).unwrap();
        serde_json::to_vec(&load::lowered(Path::new("s.toml"), &read, 1, BUILT_IN).unwrap().1).unwrap()
    });
    let plans: Vec<Vec<u8>> = plans.filter(|plan| plan.len() < 200_000).collect();
    let taken = each(&plans, |mutant| {
        fs::write(folder.join("plan.json"), mutant).unwrap();
        let Ok(stored) = Stored::read(&folder, BUILT_IN) else { return false };
        // What is taken can be run, here a little of it.
        let begins = stored.plan.sessions.iter().flat_map(|session| session.ops.first()).map(|op| op.wait_ns).min();
        let judged =
            judge::run(stored.store, &stored.plan, Keep::Judged, begins.unwrap_or(0).min(1_000_000) + 1_000_000);
        assert!(
            judged.reports.iter().all(|report| report.checker != "panic"),
            "{}",
            judged.reports[0].findings[0].title
        );
        true
    });
    println!("{taken} of {MUTANTS} plans were taken");
    is_alone(outside.path(), &["run"]);
}

#[test]
#[ignore = "takes minutes"]
fn journals_that_an_enemy_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios");
    let hunted = RunSet::read(&top.join("tour/by-hand.toml"), Vec::new(), false, None, load::built_in()).unwrap();
    let header = serde_json::json!({ "hunt": hunted.header }).to_string();
    let lines = "\n{\"found\":{\"run\":1,\"scenario\":\"s\",\"seed\":\"0x1\",\"checker\":\"pram\",\"code\":\"PRAM001\",\"cause\":\"c\",\"title\":\"t\",\
         \"at_ns\":5,\"events\":9,\"run_dir\":\"runs/s-1\"}}\n{\"done\":{\"runs\":7,\"with_findings\":1,\"unknown\":1,\"unknown_by\":\
         {\"priority\":{\"runs\":1,\"scenario\":\"s\",\"seed\":\"0x2\",\"note\":\"n\"}}}}\n";
    let journal = folder.path().join("hunt.jsonl");
    let taken = each(&[lines.as_bytes().to_vec()], |mutant| {
        fs::write(&journal, [header.as_bytes(), mutant].concat()).unwrap();
        let read = crate::journal::Journal::resume(folder.path(), crate::hunt::journal::KIND, &hunted.header);
        read.is_ok_and(|(_, lines)| crate::hunt::journal::Resumed::of(lines).progress.runs > 0)
    });
    println!("{taken} of {MUTANTS} journals of hunts were taken");

    let sweep = folder.path().join("w.toml");
    fs::write(&sweep, "replicas = 3\nduration = \"100ms\"\n[clients.a]\n[sweep]\nseeds = 2\nreplicas = [3, 5]\n")
        .unwrap();
    let runs = crate::sweep::run::SweepRuns::read(&sweep, &[], load::built_in()).unwrap();
    let header = serde_json::json!({ "sweep": runs.header }).to_string() + "\n";
    let done = |number| {
        let (cell, seed) = runs.place(number);
        let outcome = runs.one(number, folder.path()).ok().flatten().unwrap();
        let done = crate::sweep::journal::DoneRun { cell, seed, took_ms: 5, outcome };
        serde_json::to_string(&crate::sweep::journal::SweepLine::Run(done)).unwrap() + "\n"
    };
    let lines: String = (0..runs.count()).map(done).collect();
    let journal = folder.path().join("sweep.jsonl");
    let taken = each(&[lines.into_bytes()], |mutant| {
        fs::write(&journal, [header.as_bytes(), mutant].concat()).unwrap();
        let Ok((_, done)) = crate::sweep::journal::open(folder.path(), &runs, true) else { return false };
        // What is taken can be shown.
        let table = crate::sweep::table::Table::of(&runs, &done);
        drop((crate::sweep::charts::charts(&table), crate::sweep::visibility::charts(&runs, &done)));
        true
    });
    println!("{taken} of {MUTANTS} journals of sweeps were taken");
    is_alone(folder.path(), &["hunt.jsonl", "sweep.jsonl", "w.toml"]);
}
