//! Run folders and plans that somebody else has made: nothing outside of the folder is read or written.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{Ended, end, folder, kvsim, read_json};

/// A stored run with a finding.
fn violated(dir: &Path) -> PathBuf {
    let run = dir.join("run");
    let mut command = kvsim();
    command.args(["run", "scenarios/levels/eventual-breaks-pram.toml", "--no-report", "--out"]).arg(&run);
    end(&mut command).expect(0);
    run
}

fn on(command: &str, run: &Path) -> Ended {
    end(kvsim().arg(command).arg(run))
}

/// Writes the plan of a run anew, changed.
fn change_plan(run: &Path, change: impl Fn(&mut serde_json::Value)) {
    let mut plan = read_json(&run.join("plan.json"));
    change(&mut plan);
    fs::write(run.join("plan.json"), plan.to_string()).expect("the folder can be written");
}

#[test]
fn a_name_does_not_lead_out_of_the_folder() {
    let dir = folder();
    let run = violated(dir.path());
    for name in ["../../../pwned", "a/b", "..", "", "a\u{1b}[2J", "a\\b", &"x".repeat(300)] {
        change_plan(&run, |plan| plan["scenario"] = name.into());
        for command in ["shrink", "replay", "report", "plot"] {
            let ended = on(command, &run).expect(2);
            assert!(ended.stderr.contains("`scenario` cannot be") && !ended.stderr.contains('\u{1b}'), "{ended:?}");
        }
    }
    let left: Vec<_> = fs::read_dir(dir.path()).expect("a folder").map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["run"], "nothing else was written");
}

#[test]
fn links_in_a_folder_are_not_followed() {
    let dir = folder();
    let run = violated(dir.path());
    let outside = dir.path().join("outside");
    fs::create_dir_all(outside.join("charts")).expect("a folder");
    let secret = outside.join("secret");
    fs::write(&secret, "precious").expect("a file");

    // What is about to be written has a link's name, or is one.
    symlink(&secret, run.join("report.html.new")).expect("a link");
    fs::remove_file(run.join("scenario.toml")).expect("the scenario's text");
    symlink(&secret, run.join("scenario.toml")).expect("a link");
    on("report", &run).expect(0);
    assert_eq!(fs::read_to_string(&secret).expect("a file"), "precious");
    let page = fs::read_to_string(run.join("report.html")).expect("a report");
    assert!(!page.contains("precious"), "a file outside of the folder is in the report");

    // Folders in it, too.
    fs::write(outside.join("charts/staleness.svg"), "precious").expect("a file");
    symlink(outside.join("charts"), run.join("charts")).expect("a link");
    symlink(outside.join("charts"), run.join("shrunk")).expect("a link");
    for command in ["plot", "shrink"] {
        let ended = on(command, &run).expect(2);
        assert!(ended.stderr.contains("is a link, which is not followed"), "{ended:?}");
    }
    let again = ["run", "scenarios/levels/eventual-breaks-pram.toml", "--no-report", "--out"];
    end(kvsim().args(again).arg(&run)).expect(2);
    let kept: Vec<_> = fs::read_dir(outside.join("charts")).expect("a folder").collect();
    assert_eq!(kept.len(), 1, "nothing came, nothing went");

    // The plan itself.
    fs::rename(run.join("plan.json"), outside.join("plan.json")).expect("a plan");
    symlink(outside.join("plan.json"), run.join("plan.json")).expect("a link");
    assert!(on("replay", &run).expect(2).stderr.contains("a link, which is not followed"));
}

#[test]
fn files_are_regular_and_of_a_size_that_a_run_can_have() {
    let dir = folder();
    let run = violated(dir.path());
    let marks = fs::OpenOptions::new().write(true).open(run.join("marks.bin")).expect("marks");
    marks.set_len(5 << 30).expect("a sparse file");
    let ended = on("replay", &run).expect(2);
    assert!(ended.stderr.contains("marks.bin") && ended.stderr.contains("bytes are more than"), "{ended:?}");

    fs::remove_file(run.join("marks.bin")).expect("marks");
    on("replay", &run).expect(0);
    let pipe = std::process::Command::new("mkfifo").arg(run.join("marks.bin")).status().expect("mkfifo");
    assert!(pipe.success());
    assert!(on("replay", &run).expect(2).stderr.contains("not a regular file"));
}

#[test]
fn plans_are_checked_as_scenarios_are() {
    let dir = folder();
    let run = violated(dir.path());
    let original = fs::read(run.join("plan.json")).expect("a plan");
    type Change = fn(&mut serde_json::Value);
    let cases: [(&str, Change); 4] = [
        ("anti_entropy", |plan| plan["store"]["anti_entropy"] = "0ms".into()),
        ("strip", |plan| plan["store"]["strip"] = "0ms".into()),
        ("replicas", |plan| plan["replicas"] = 65_535.into()),
        ("settle", |plan| plan["settle_ns"] = 3_153_600_000_000_000_000_u64.into()),
    ];
    for (place, change) in cases {
        fs::write(run.join("plan.json"), &original).expect("a plan");
        change_plan(&run, change);
        let ended = on("replay", &run).expect(2);
        assert!(ended.stderr.contains(place), "{place}: {ended:?}");
    }
}
