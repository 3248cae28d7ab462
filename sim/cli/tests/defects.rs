//! Every planted defect is hunted in `scenarios/hunt`, found, and made small: the table in docs/defects.md.
//!
//! `cargo test --release -p kvsim --test defects -- --ignored --nocapture` prints it; with two cores it takes some ten
//! minutes.

mod common;

use std::path::{Path, PathBuf};

use common::{end, folder, kvsim, top};
use kvsim_sim::stores;
use serde_json::Value;

/// Hunts of a defect, each from a seed of its own.
const STARTS: u64 = 10;

/// Runs of a hunt at most.
const RUNS_MAX: u64 = 2_000;

/// So many first findings are shrunk at most, until one is small.
const SHRINKS_MAX: usize = 2;

/// What a shrunk run has at most, but for defects that need more.
const REPLICAS_MAX: u64 = 3;
const OPERATIONS_MAX: u64 = 8;
const FAULTS_MAX: u64 = 4;

/// A run with a finding, and what was found.
struct Found {
    runs: u64,
    folder: PathBuf,
    /// Checkers that were broken, with the code of the first finding of each.
    broken: Vec<(String, String)>,
}

/// The first finding from `start` on.
fn hunt(defect: &str, start: u64, out: &Path) -> Option<Found> {
    let seeds = format!("{start}..{}", start + RUNS_MAX);
    let set = format!("store.defects=[\"{defect}\"]");
    let arguments =
        ["hunt", "scenarios/hunt", "--swarm", "--format", "json", "--seeds", &seeds, "--set", &set, "--out"];
    let ended = end(kvsim().args(arguments).arg(out)).json();
    let mut runs: Vec<&Value> = Vec::new();
    for group in ended["groups"].as_array().expect("groups") {
        runs.extend(group["found"].as_array().expect("findings"));
    }
    let folder = PathBuf::from(runs.first()?["run_dir"].as_str().expect("a folder"));
    let summary = std::fs::read_to_string(folder.join("summary.json")).expect("its summary");
    let summary: Value = serde_json::from_str(&summary).expect("JSON");
    let verdicts = summary["verdicts"].as_array().expect("verdicts").iter();
    let broken = verdicts.filter(|verdict| verdict["verdict"] == "violated" && verdict["expected"] == "holds");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    Some(Found {
        runs: ended["runs"].as_u64().expect("a number"),
        folder,
        broken: broken.map(|verdict| (text(&verdict["checker"]), text(&verdict["findings"][0]["code"]))).collect(),
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

#[test]
#[ignore = "takes ten minutes"]
fn every_defect_is_found_and_made_small() {
    let store = stores::find("ndc").expect("it is there");
    let mut wrong: Vec<String> = Vec::new();
    println!(
        "| defect | noticed by | median runs to the first finding (at most) | replicas, operations, faults when shrunk |"
    );
    println!("|---|---|---|---|");
    for defect in (store.defects)() {
        let mut runs = Vec::new();
        let mut noticed: Vec<(String, String)> = Vec::new();
        // The smallest that first findings come to.
        let mut smallest: Option<[u64; 3]> = None;
        let mut shrinks = 0;
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
            let is_small =
                |size: [u64; 3]| size[0] <= REPLICAS_MAX && size[1] <= OPERATIONS_MAX && size[2] <= FAULTS_MAX;
            // One that is small is enough to look at.
            if shrinks == SHRINKS_MAX || smallest.is_some_and(is_small) || found.broken.is_empty() {
                continue;
            }
            shrinks += 1;
            let small = out.path().join("small");
            let code = found.broken.iter().find(|one| is_right(one)).unwrap_or(&found.broken[0]).1.clone();
            let shrunk = end(kvsim().arg("shrink").arg(&found.folder).args(["--code", &code, "--out"]).arg(&small));
            let scenario = std::fs::read_dir(&small).ok().and_then(|mut files| {
                files.find_map(|file| {
                    file.ok().map(|file| file.path()).filter(|path| path.extension().is_some_and(|kind| kind == "toml"))
                })
            });
            let Some(scenario) = scenario else {
                println!("{}: {}", defect.name, shrunk.stderr);
                continue;
            };
            // It shows the same when it is read back.
            let again = folder();
            let run = end(kvsim().arg("run").arg(scenario).arg("--out").arg(again.path())).expect(1);
            assert!(run.stdout.contains(&code), "{}: {}", defect.name, run.stdout);
            let size = size(&small.join("plan.json"));
            smallest = Some(smallest.map_or(size, |other| size.min(other)));
        }
        runs.sort_unstable();
        noticed.sort();
        noticed.dedup();
        if noticed.is_empty() {
            wrong.push(format!("{} was never noticed by {}", defect.name, defect.noticed_by));
        }
        let codes: Vec<String> = noticed.into_iter().map(|(checker, code)| format!("{checker} ({code})")).collect();
        let size = smallest
            .map_or("-".to_owned(), |[replicas, operations, faults]| format!("{replicas}, {operations}, {faults}"));
        let median = runs[runs.len() / 2 - 1].midpoint(runs[runs.len() / 2]);
        println!("| {} | {} | {median} ({}) | {size} |", defect.name, codes.join(", "), runs[runs.len() - 1]);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
