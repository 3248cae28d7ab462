//! Runs per second of `kvsim hunt` with two jobs against one, in turns. The figure that counts is that of the fastest
//! round of each: another program can only make a round slower. `-- --check` fails below the promised ratio.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // a bench measures real time

use std::process::{Command, Stdio};
use std::time::Instant;

const ROUNDS: usize = 9;
const SEEDS: &str = "0..200";
const PROMISED: f64 = 1.8;

fn seconds(jobs: &str) -> f64 {
    let out = std::env::temp_dir().join(format!("kvsim-bench-hunt-{}", std::process::id()));
    let begun = Instant::now();
    let status = Command::new(env!("CARGO_BIN_EXE_kvsim"))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .args(["hunt", "scenarios/faults/rough.toml", "--seeds", SEEDS, "--keep-going", "--jobs", jobs, "--out"])
        .arg(&out)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the command can be started");
    let taken = begun.elapsed().as_secs_f64();
    assert!(status.success(), "nothing is to be found there");
    let _ = std::fs::remove_dir_all(out);
    taken
}

fn main() {
    let (mut one, mut two) = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        one = one.min(seconds("1"));
        two = two.min(seconds("2"));
    }
    let ratio = one / two;
    println!(
        "hunt, seeds {SEEDS}: {:.1}/s with 1 job, {:.1}/s with 2 jobs, ratio {ratio:.2}",
        200.0 / one,
        200.0 / two
    );
    if std::env::args().any(|argument| argument == "--check") && ratio < PROMISED {
        eprintln!("promised: at least {PROMISED}");
        std::process::exit(1);
    }
}
