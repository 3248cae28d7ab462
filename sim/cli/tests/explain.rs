//! `kvsim explain`: why an operation was answered as it was, in words that a person understands at once.

mod common;

use std::path::Path;

use common::{Ended, end, folder, kvsim, run, summary};
use expect_test::expect_file;

const LOST: &str = "scenarios/levels/fifo-lost-write.toml";
const BY_HAND: &str = "scenarios/tour/by-hand.toml";
const TROUBLES: &str = "sim/cli/tests/golden/troubles.toml";
const EARLY: &str = "sim/cli/tests/golden/early-delete.toml";

fn explain(run_or_file: &str, more: &[&str]) -> Ended {
    run([&["explain", run_or_file], more].concat())
}

/// Several explanations, one after the other.
fn all(scenario: &str, ops: &[u32]) -> String {
    let told = ops.iter().map(|op| explain(scenario, &["--op", &op.to_string()]).expect(0).stdout);
    told.collect::<Vec<_>>().join("\n----\n\n")
}

#[test]
fn a_write_that_waits_one_that_is_lost_and_one_that_came_late() {
    expect_file!["golden/explain-lost-write.txt"].assert_eq(&all(LOST, &[2, 3, 4, 1]));
}

#[test]
fn what_was_replaced_and_what_stands_side_by_side() {
    expect_file!["golden/explain-by-hand.txt"].assert_eq(&all(BY_HAND, &[1, 0, 2]));
}

#[test]
fn calls_that_others_served_and_calls_that_nobody_did() {
    expect_file!["golden/explain-troubles.txt"].assert_eq(&all(TROUBLES, &[7, 6, 5]));
}

#[test]
fn a_planted_defect_shows_in_the_explanation_of_its_finding() {
    let text = explain(EARLY, &[]).expect(0).stdout;
    expect_file!["golden/explain-early-delete.txt"].assert_eq(&text);
    assert!(text.contains("before its turn at fifo: the earlier P0k1 = 2"), "{text}");
}

/// Every command that a finding prints can be pasted.
#[test]
fn findings_print_the_command() {
    let folder = folder();
    let out = folder.path().join("out");
    let text = end(kvsim().args(["run", EARLY, "--out"]).arg(&out)).expect(1).stdout;
    let commands: Vec<&str> =
        text.lines().filter_map(|line| line.split_once("kvsim explain ")).map(|(_, r)| r).collect();
    assert!(!commands.is_empty(), "{text}");
    for command in commands {
        let told = end(kvsim().arg("explain").args(command.split_whitespace())).expect(0).stdout;
        assert!(told.contains(" at n") && !told.contains("finding["), "{told}");
    }
    // Without --op it begins with the finding, and the other findings follow.
    let told = end(kvsim().arg("explain").arg(&out)).expect(0).stdout;
    assert!(told.starts_with("finding["), "{told}");
}

#[test]
fn programs_get_the_same() {
    let json = explain(LOST, &["--op", "3", "--format", "json"]).expect(0).json();
    let title = json["explanation"]["reasons"][0]["title"].as_str().unwrap();
    assert!(explain(LOST, &["--op", "3"]).stdout.contains(title), "{title}");
    assert_eq!((&json["op"], json.get("finding")), (&3.into(), None));
    let json = explain(EARLY, &["--format", "json"]).expect(0).json();
    assert!(json["finding"]["code"].is_string() && json["op"].is_number(), "{json}");
}

/// Every operation of runs in which much goes wrong has an explanation, and is told without a panic.
#[test]
fn every_operation_can_be_explained() {
    for scenario in [TROUBLES, EARLY, "scenarios/tour/deletes.toml"] {
        let ops = run(["trace", scenario, "--kind", "operations", "--format", "json"]).expect(0).stdout;
        let ops: Vec<u64> = ops
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["invoked"]["op"].as_u64())
            .collect();
        let step = ops.len().div_ceil(10);
        for op in ops.iter().step_by(step) {
            let told = explain(scenario, &["--op", &op.to_string()]).expect(0).stdout;
            assert!(told.lines().count() >= 3, "{scenario} #{op}: {told}");
        }
    }
}

#[test]
fn what_is_not_there_is_said_to_be_missing() {
    let refused = |arguments: &[&str], reasons: &[&str]| {
        let ended = run(arguments.iter().copied()).expect(2);
        assert_eq!(ended.stdout, "");
        for reason in reasons {
            assert!(ended.stderr.contains(reason), "no {reason:?} in:\n{}", ended.stderr);
        }
    };
    refused(&["explain", LOST, "--op", "9"], &["no operation 9", "from 0 to 5", "near it are 3, 4, 5"]);
    refused(&["explain", LOST, "--op", "x"], &["--op"]);
    refused(&["explain", LOST], &["no finding to explain", "--op"]);
    refused(&["explain", "nowhere", "--op", "1"], &["nowhere", "folder of a run"]);
    refused(&["explain", "nowhere.toml"], &["nowhere.toml", "cannot be read"]);
}

#[test]
fn stored_runs_and_plans_are_explained_as_scenarios_are() {
    let folder = folder();
    summary(LOST, folder.path(), &[]);
    let scenario = explain(LOST, &["--op", "2"]).expect(0).stdout;
    for path in [folder.path().to_path_buf(), folder.path().join("plan.json")] {
        let path: &Path = &path;
        let stored = end(kvsim().arg("explain").arg(path).args(["--op", "2"])).expect(0).stdout;
        assert_eq!(stored, scenario);
    }
}
