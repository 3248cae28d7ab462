//! Every planted defect is hunted in `scenarios/hunt`, found, and made small: the table in docs/defects.md.
//!
//! `cargo test --release -p kvsim --test defects -- --ignored --nocapture` prints it; with two cores it takes ten
//! to fifteen minutes.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // how long people wait is real time

mod common;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::{end, folder, kvsim};
use kvsim_sim::stores;
use serde_json::Value;

/// Hunts of a defect, each from a seed of its own.
const STARTS: u64 = 10;

/// Runs of a hunt at most.
const RUNS_MAX: u64 = 2_000;

/// Replicas, operations and faults that a shrunk run has at most.
const SIZE_MAX: [u64; 3] = [3, 8, 4];

/// Those that need more, and why is said in docs/defects.md.
const NEEDS_MORE: [(&str, [u64; 3]); 2] = [("charge-context", [3, 14, 4]), ("no-fail-over", [5, 8, 4])];

/// Those that are hunted in another scenario than `general`.
const ELSEWHERE: [(&str, &str); 8] = [
    ("charge-context", "alarms"),
    ("stale-acknowledgement", "quorum"),
    ("recovering-counts", "quorum"),
    ("recover-from-one", "quorum"),
    ("view-not-compared", "quorum"),
    ("drop-range-at-once", "ring"),
    ("no-fail-over", "ring"),
    ("count-departed", "lossless"),
];

/// A shrink is to take less.
const SHRINK_TIME_MAX: Duration = Duration::from_secs(120);

/// A run with a finding, and what was found.
struct Found {
    runs: u64,
    folder: PathBuf,
    /// Checkers that were broken, with the codes of what they found, in the order in which the hunt tells them: what could be
    /// told first comes first.
    broken: Vec<(String, String)>,
}

/// The first finding from `start` on.
fn hunt(defect: &str, start: u64, out: &Path) -> Option<Found> {
    let name = ELSEWHERE.iter().find(|(name, _)| *name == defect).map_or("general", |(_, scenario)| *scenario);
    let scenario = format!("scenarios/hunt/{name}.toml");
    let seeds = format!("{start}..{}", start + RUNS_MAX);
    let set = format!("store.defects=[\"{defect}\"]");
    let arguments =
        ["hunt", scenario.as_str(), "--swarm", "--format", "json", "--seeds", &seeds, "--set", &set, "--out"];
    let ended = end(kvsim().args(arguments).arg(out)).json();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let groups = ended["groups"].as_array().expect("groups");
    Some(Found {
        runs: ended["runs"].as_u64().expect("a number"),
        folder: PathBuf::from(text(&groups.first()?["found"][0]["run_dir"])),
        broken: groups.iter().map(|group| (text(&group["checker"]), text(&group["code"]))).collect(),
    })
}

/// Replicas, operations, faults (those that lose messages included) of a plan.
fn size(plan: &Path) -> [u64; 3] {
    let plan: Value = serde_json::from_str(&std::fs::read_to_string(plan).expect("a plan")).expect("JSON");
    let count = |value: &Value| value.as_array().map_or(0, |list| list.len() as u64);
    let sessions = plan["sessions"].as_array().expect("sessions").iter();
    [
        plan["replicas"].as_u64().expect("a number"),
        sessions.map(|session| count(&session["ops"])).sum(),
        count(&plan["faults"]),
    ]
}

/// Shrinks what was found to a scenario that shows the same when it is read back. Its size, and how long it took; or what
/// went wrong.
fn shrink(found: &Found, code: &str, out: &Path) -> Result<([u64; 3], Duration), String> {
    let begun = Instant::now();
    let shrunk = end(kvsim().arg("shrink").arg(&found.folder).args(["--code", code, "--out"]).arg(out));
    let taken = begun.elapsed();
    let files = std::fs::read_dir(out).into_iter().flatten().filter_map(|file| file.ok().map(|file| file.path()));
    let scenario = files.into_iter().find(|path| path.extension().is_some_and(|kind| kind == "toml"));
    let scenario = scenario.ok_or(shrunk.stderr)?;
    let again = folder();
    let run = end(kvsim().arg("run").arg(scenario).arg("--out").arg(again.path())).expect(1);
    if run.stdout.contains(code) { Ok((size(&out.join("plan.json")), taken)) } else { Err(run.stdout) }
}

fn shown([replicas, operations, faults]: [u64; 3]) -> String {
    format!("{replicas}, {operations}, {faults}")
}

#[test]
#[ignore = "takes ten to fifteen minutes"]
fn every_defect_is_found_and_made_small() {
    let store = stores::BUILT_IN.find("ndc").expect("it is there");
    let mut wrong: Vec<String> = Vec::new();
    let mut slowest = Duration::ZERO;
    println!("| defect | noticed by | runs to the first finding | replicas, operations, faults when shrunk |");
    println!("|---|---|---|---|");
    for defect in store.defects {
        let mut runs = Vec::new();
        let mut noticed: Vec<(String, String)> = Vec::new();
        let mut sizes: Vec<[u64; 3]> = Vec::new();
        for start in 0..STARTS {
            let out = folder();
            let Some(found) = hunt(defect.name, start * 100_000, out.path()) else {
                wrong.push(format!("{} was not found from start {start}", defect.name));
                runs.push(RUNS_MAX);
                continue;
            };
            runs.push(found.runs);
            let is_right = |(checker, _): &(String, String)| defect.noticed_by.split(", ").any(|name| name == checker);
            // The store's own assertions may stop a run before a checker sees it.
            if !found.broken.iter().any(|one| is_right(one) || one.0 == "panic") {
                wrong.push(format!("{} was noticed by {:?} from start {start}", defect.name, found.broken));
            }
            noticed.extend(found.broken.iter().filter(|one| is_right(one)).cloned());
            let code = &found.broken.iter().find(|one| is_right(one)).unwrap_or(&found.broken[0]).1;
            let problem = match shrink(&found, code, &out.path().join("small")) {
                Ok((size, taken)) => {
                    sizes.push(size);
                    slowest = slowest.max(taken);
                    let max =
                        NEEDS_MORE.iter().find(|(name, _)| *name == defect.name).map_or(SIZE_MAX, |(_, max)| *max);
                    let is_small = size.iter().zip(max).all(|(part, max)| *part <= max);
                    (!is_small || taken > SHRINK_TIME_MAX).then(|| format!("shrank to {} in {taken:.1?}", shown(size)))
                }
                Err(problem) => Some(problem),
            };
            if let Some(problem) = problem {
                wrong.push(format!("{} from start {start} ({code}): {problem}", defect.name));
                println!("{}", wrong[wrong.len() - 1]);
            }
        }
        runs.sort_unstable();
        sizes.sort_unstable();
        noticed.sort();
        noticed.dedup();
        if noticed.is_empty() {
            wrong.push(format!("{} was never noticed by {}", defect.name, defect.noticed_by));
        }
        let codes: Vec<String> = noticed.into_iter().map(|(checker, code)| format!("{checker} ({code})")).collect();
        let median = runs[runs.len() / 2 - 1].midpoint(runs[runs.len() / 2]);
        let largest = sizes.iter().fold([0; 3], |max, size| [0, 1, 2].map(|part: usize| size[part].max(max[part])));
        let smallest = sizes.first().copied().unwrap_or_default();
        println!(
            "| {} | {} | {median} (at most {}) | {} (at most {}) |",
            defect.name,
            codes.join(", "),
            runs[runs.len() - 1],
            shown(smallest),
            shown(largest)
        );
    }
    println!("slowest shrink: {slowest:.1?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
