//! Run folders and plans made by others: nothing outside of the folder is read or written.
#![cfg(unix)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use common::{Ended, end, file, folder, kvsim, read_json};

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

/// Two programs at work in one folder would leave a mixture. The lock goes with its owner, however that ends.
#[test]
fn a_folder_is_of_one_program_at_a_time() {
    let dir = folder();
    let run = violated(dir.path());
    let again = || {
        let arguments = ["run", "scenarios/levels/eventual-breaks-pram.toml", "--no-report", "--out"];
        end(kvsim().args(arguments).arg(&run))
    };
    let other = fs::File::open(&run).expect("a folder");
    other.lock_shared().expect("it can be locked");
    on("replay", &run).expect(0);
    let kept = fs::read(run.join("plan.json")).expect("a plan");
    assert!(again().expect(2).stderr.contains("is in use"));
    assert_eq!(fs::read(run.join("plan.json")).expect("a plan"), kept);
    drop(other);
    let other = fs::File::open(&run).expect("a folder");
    other.lock().expect("it can be locked");
    assert!(on("report", &run).expect(2).stderr.contains("is in use"));
    assert!(again().expect(2).stderr.contains("is in use"));
    drop(other);
    again().expect(0);
}

#[test]
fn names_do_not_control_a_terminal() {
    let dir = folder();
    let run = dir.path().join("a\u{1b}[2J\u{7}b");
    let arguments = ["run", "scenarios/tour/by-hand.toml", "--no-report", "--out"];
    let ended = end(kvsim().args(arguments).arg(&run)).expect(0);
    assert!(ended.stdout.contains("a?[2J?b"), "{ended:?}");
    fs::remove_file(run.join("plan.json")).expect("a plan");
    for command in ["replay", "explain", "plot"] {
        let ended = on(command, &run).expect(2);
        assert!(ended.stderr.contains("a?[2J?b") && !ended.stderr.contains('\u{1b}'), "{ended:?}");
    }
}

/// XML knows no control characters, not even as a reference: a reader would refuse the whole picture.
#[test]
fn pictures_have_no_control_characters() {
    let dir = folder();
    let scenario = dir.path().join("s.toml");
    let text = r#"
title = "a\u0001\u001b[2Jb"
duration = "100ms"
[clients.a]
rate = "900/s"
[[fault.partition]]
at = "50ms"
for = "20ms"
groups = [["n0"], ["n1", "n2"]]
"#;
    fs::write(&scenario, format!("replicas = 3{text}")).expect("a scenario");
    let run = dir.path().join("run");
    end(kvsim().arg("run").arg(&scenario).arg("--out").arg(&run)).expect(0);
    on("plot", &run).expect(0);
    let charts = fs::read_dir(run.join("charts")).expect("charts").map(|entry| entry.expect("a chart").path());
    let pictures: Vec<PathBuf> = charts.chain([run.join("report.html")]).collect();
    assert!(pictures.len() > 5, "{pictures:?}");
    for picture in pictures {
        let text = fs::read_to_string(&picture).expect("text");
        assert!(!text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t')), "{}", picture.display());
        assert!(!text.contains("&#1;") && !text.contains("&#x1"), "{}", picture.display());
    }
}

/// Counts that fit no run, one by one and in sum, in the journal that a sweep goes on from.
#[test]
fn a_journal_with_impossible_figures_is_refused_with_its_line() {
    let dir = folder();
    let out = dir.path().join("sweep");
    let sweep = |more: &[&str]| {
        let set = ["sweep", "scenarios/sweeps/replicas.toml", "--set", "sweep.seeds=1", "--set", "duration=100ms"];
        end(kvsim().args(set).args(more).arg("--out").arg(&out))
    };
    sweep(&[]);
    let journal = out.join("sweep.jsonl");
    let whole = fs::read_to_string(&journal).expect("a journal");
    let lines: Vec<&str> = whole.lines().collect();
    let mut line: serde_json::Value = serde_json::from_str(lines[2]).expect("a run");
    let latency = &line["run"]["outcome"]["visibility"][0][2]["latency"];
    let class = latency["counts"].as_object().and_then(|counts| counts.keys().next()).expect("a class").clone();
    type Change = fn(&mut serde_json::Value, &str);
    let cases: [(&str, Change); 6] = [
        ("a count", |run, class| run["outcome"]["visibility"][0][2]["latency"]["counts"][class] = u64::MAX.into()),
        ("the sum", |run, _| run["outcome"]["visibility"][0][2]["latency"]["sum"] = 0.into()),
        ("never seen", |run, _| run["outcome"]["visibility"][0][2]["never"] = u64::MAX.into()),
        ("the time", |run, _| run["took_ms"] = u64::MAX.into()),
        ("a figure", |run, _| run["outcome"]["figures"][0] = serde_json::json!({ "is": u64::MAX })),
        ("figures", |run, _| run["outcome"]["figures"] = serde_json::json!([])),
    ];
    let original = line.clone();
    for (what, change) in cases {
        line = original.clone();
        change(&mut line["run"], &class);
        let changed = line.to_string();
        fs::write(&journal, [lines[0], lines[1], &changed].join("\n") + "\n").expect("a journal");
        let ended = sweep(&["--resume"]).expect(2);
        assert!(ended.stderr.contains("sweep.jsonl:3: not a line of the journal"), "{what}: {ended:?}");
    }
}

/// A run never takes the place of another, whatever made them differ; the same run finds its own folder.
#[test]
fn runs_do_not_destroy_each_other() {
    let folder = folder();
    let small = file(folder.path(), "small.toml", common::SMALL);
    std::fs::create_dir(folder.path().join("other")).unwrap();
    let namesake =
        file(&folder.path().join("other"), "small.toml", common::SMALL.replace("replicas = 3", "replicas = 5"));
    let run = |arguments: &[&str]| {
        let ended =
            end(kvsim().current_dir(folder.path()).args(["run", "--format", "json", "--no-report"]).args(arguments));
        ended.json()["run_dir"].as_str().unwrap().to_owned()
    };
    assert_eq!(run(&[&small]), "runs/small-1");
    assert_eq!(run(&[&small, "--set", "net.loss=0.5%"]), "runs/small-1-loss=0.5%");
    assert_eq!(run(&[&small, "--store", "lww"]), "runs/small-1-store=lww");
    assert_eq!(run(&[&namesake]), "runs/small-1.2");
    assert_eq!(run(&[&small, "--seed", "0x10"]), "runs/small-16");
    assert_eq!(run(&[&small]), "runs/small-1", "the same run again");
    assert_eq!(std::fs::read_link(folder.path().join("runs/latest")).unwrap().to_str(), Some("small-1"));
    end(kvsim().current_dir(folder.path()).args(["replay", "runs/latest"])).expect(0);

    // Where the user names the folder, another run is refused unless that is meant.
    let before = std::fs::read(folder.path().join("runs/small-1/plan.json")).unwrap();
    let onto = ["run", &small, "--seed", "2", "--out", "runs/small-1"];
    let told = end(kvsim().current_dir(folder.path()).args(onto)).expect(2).stderr;
    assert!(told.contains("runs/small-1 has another run") && told.contains("--overwrite"), "{told}");
    assert_eq!(std::fs::read(folder.path().join("runs/small-1/plan.json")).unwrap(), before);
    end(kvsim().current_dir(folder.path()).args(onto).arg("--overwrite")).expect(0);
    assert_ne!(std::fs::read(folder.path().join("runs/small-1/plan.json")).unwrap(), before);

    // They are listed, and removed when that is said.
    let listed = end(kvsim().current_dir(folder.path()).args(["list", "runs"])).expect(0).stdout;
    assert_eq!(listed.matches("\n    holds\n").count(), 5, "{listed}");
    let clean = |more: &[&str]| end(kvsim().current_dir(folder.path()).arg("clean").args(more)).expect(0).stdout;
    std::fs::create_dir(folder.path().join("runs/mine")).unwrap();
    assert!(clean(&[]).contains("5 folders") && folder.path().join("runs/small-1").exists());
    assert!(clean(&["--yes"]).contains("5 folders"));
    let left: Vec<_> =
        std::fs::read_dir(folder.path().join("runs")).unwrap().map(|one| one.unwrap().file_name()).collect();
    assert!(left.len() == 2 && left.iter().all(|name| name == "mine" || name == "latest"), "{left:?}");
}
