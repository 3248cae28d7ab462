//! The same scenario and seed give the same run, to the byte: on another day, in another folder, under
//! another name, however much of it is kept.

mod common;

use std::path::Path;

use common::{end, file, folder, kvsim, summary, top};
use serde_json::Value;

/// Loss, delays from a range, many sessions and two kinds of clients.
const LIVELY: &str = "scenarios/tour/concurrent-writers.toml";

/// Hashes that must not change by accident: a seed that was noted down means the same run next year,
/// in debug and release builds and on every machine. A change of a store or of the engine that is meant to
/// change runs changes them, and says so.
const FROZEN: &[(&str, &str)] = &[
    ("scenarios/tour/by-hand.toml", "0x64317f8a9b892231"),
    ("scenarios/tour/concurrent-writers.toml", "0x1a78507f28a728e7"),
    ("scenarios/tour/one-way-partition.toml", "0x74a3a836921a4253"),
    ("scenarios/limits/last-writer-wins.toml", "0xa680ad11460ff307"),
];

fn hash(summary: &Value) -> &str {
    summary["trace_hash"].as_str().expect("a trace hash")
}

#[test]
fn frozen_hashes() {
    let measured: Vec<(&str, String)> =
        FROZEN.iter().map(|(file, _)| (*file, hash(&summary(file, folder().path(), &[])).to_string())).collect();
    let frozen: Vec<(&str, String)> = FROZEN.iter().map(|(file, hash)| (*file, hash.to_string())).collect();
    assert_eq!(measured, frozen);
}

#[test]
fn what_is_kept_of_a_run_does_not_change_it() {
    let folder = folder();
    let usual = summary(LIVELY, folder.path(), &[]);
    for more in [
        &["--trace", "off"][..],
        &["--trace", "hash"],
        &["--trace", "full"],
        &["--checks", "none"],
        &["--twice"],
        &["--seed", "1"],
    ] {
        let other = summary(LIVELY, folder.path(), more);
        for field in ["trace_hash", "events", "virtual_seconds", "counts", "seed"] {
            assert_eq!(other[field], usual[field], "{field} with {more:?}");
        }
    }
}

#[test]
fn a_seed_is_a_run() {
    let folder = folder();
    let of = |seed: &str| {
        let summary = summary(LIVELY, folder.path(), &["--seed", seed]);
        (summary["seed"].as_str().unwrap().to_string(), hash(&summary).to_string())
    };
    let seeds = ["0", "1", "2", "18446744073709551615"].map(of);
    assert_eq!(of("0xffff_ffff_ffff_ffff"), seeds[3], "both ways to write a seed mean the same");
    assert_eq!(seeds[3].0, "18446744073709551615");
    for (number, (_, hash)) in seeds.iter().enumerate() {
        assert!(seeds[..number].iter().all(|(_, other)| other != hash), "two seeds, one run: {seeds:?}");
    }
}

#[test]
fn a_seed_may_stand_in_the_file() {
    let folder = folder();
    let lively = std::fs::read_to_string(top().join(LIVELY)).unwrap();
    let scenario = file(folder.path(), "seeded.toml", format!("seed = \"0x2a\"\n{lively}"));
    let out = folder.path().join("out");
    let there = summary(&scenario, &out, &[]);
    assert_eq!(there["seed"], "42");
    assert_eq!(hash(&there), hash(&summary(LIVELY, &out, &["--seed", "42"])));
    assert_eq!(summary(&scenario, &out, &["--seed", "7"])["seed"], "7", "the command line wins");
}

#[test]
fn neither_place_nor_name_nor_environment_matter() {
    let folder = folder();
    let copy = file(folder.path(), "another name.toml", std::fs::read(top().join(LIVELY)).unwrap());
    let here = summary(LIVELY, &folder.path().join("here"), &[]);
    let there = end(kvsim()
        .current_dir(folder.path())
        .env_clear()
        .env("TZ", "Asia/Kathmandu")
        .env("LC_ALL", "tr_TR.UTF-8")
        .args(["run", &copy, "--format", "json", "--out", "there"]))
    .expect(0);
    assert_eq!(hash(&there.json()), hash(&here));
}

#[test]
fn folders_are_equal_to_the_byte() {
    let folder = folder();
    let outs = ["one", "two"].map(|name| folder.path().join(name));
    std::thread::scope(|scope| {
        for out in &outs {
            // At the same time, so that the machine is not the same for both.
            scope.spawn(|| summary(LIVELY, out, &["--trace", "full"]));
        }
    });
    for name in ["plan.json", "marks.bin", "trace.jsonl", "report.html", "scenario.toml"] {
        let [one, two] = outs.each_ref().map(|out| std::fs::read(out.join(name)).expect(name));
        assert!(one == two && !one.is_empty(), "{name} differs");
    }
    let [one, two] = outs.each_ref().map(|out| std::fs::read_to_string(out.join("summary.json")).unwrap());
    assert_eq!(one.replace(outs[0].to_str().unwrap(), outs[1].to_str().unwrap()), two);
    assert_eq!(
        names(&outs[0]),
        ["marks.bin", "plan.json", "report.html", "scenario.toml", "summary.json", "trace.jsonl"]
    );
}

#[test]
fn a_folder_that_is_used_again_keeps_nothing_of_the_former_run() {
    let folder = folder();
    summary(LIVELY, folder.path(), &["--trace", "full", "--seed", "2"]);
    summary(LIVELY, folder.path(), &[]);
    assert_eq!(names(folder.path()), ["marks.bin", "plan.json", "report.html", "scenario.toml", "summary.json"]);
    let summary = common::read_json(&folder.path().join("summary.json"));
    let marks = std::fs::metadata(folder.path().join("marks.bin")).unwrap().len();
    assert_eq!(marks, 12 * summary["events"].as_u64().unwrap(), "twelve bytes for each event");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    names
}
