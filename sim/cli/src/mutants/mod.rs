//! Mutants of everything that is read from folders: none ends the program, takes memory without bound, or leads out of its
//! folder. Thousands of each; for the command, which limits the memory, see CONTRIBUTING.md.

mod mutator;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use kvsim_sim::stores::BUILT_IN;
use mutator::Mutator;

use crate::load;
use crate::untrusted::{self, Journals};

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
    let taken = each(&scenarios(), |mutant| untrusted::scenario(folder.path(), mutant));
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
    let taken = each(&plans, |mutant| untrusted::plan(&folder, mutant));
    println!("{taken} of {MUTANTS} plans were taken");
    is_alone(outside.path(), &["run"]);
}

#[test]
#[ignore = "takes minutes"]
fn journals_that_an_enemy_wrote() {
    let folder = tempfile::tempdir().unwrap();
    let journals = Journals::new(folder.path());
    let lines = "{\"found\":{\"run\":1,\"scenario\":\"w\",\"seed\":\"0x1\",\"checker\":\"pram\",\"code\":\"PRAM001\",\"cause\":\"c\",\"title\":\"t\",\
         \"at_ns\":5,\"events\":9,\"run_dir\":\"runs/w-1\"}}\n{\"done\":{\"runs\":7,\"with_findings\":1,\"unknown\":1,\"unknown_by\":\
         {\"priority\":{\"runs\":1,\"first_run\":2,\"scenario\":\"w\",\"seed\":\"0x2\",\"note\":\"n\"}}}}\n";
    let taken = each(&[lines.as_bytes().to_vec()], |mutant| journals.hunt(mutant));
    println!("{taken} of {MUTANTS} journals of hunts were taken");
    let done = lines.lines().last().expect("two lines");
    let taken = each(&[(journals.shard_header() + done + "\n").into_bytes()], |mutant| journals.shard(mutant));
    println!("{taken} of {MUTANTS} shards were taken");
    let taken = each(&[journals.sweep_lines().into_bytes()], |mutant| journals.sweep(mutant));
    println!("{taken} of {MUTANTS} journals of sweeps were taken");
    is_alone(folder.path(), &["hunt.jsonl", "shard", "sweep.jsonl", "w.toml"]);
}
