//! `kvsim shrink`: a small scenario that a person can read and that shows the same finding.

mod common;

use std::path::Path;

use common::{Ended, end, folder, kvsim, summary};

const PRAM: &str = "scenarios/limits/eventual-is-not-pram.toml";
const ROUGH: &str = "scenarios/faults/rough.toml";

fn shrink(run: &Path, more: &[&str]) -> Ended {
    end(kvsim().arg("shrink").arg(run).args(["--format", "json"]).args(more))
}

/// Runs, shrinks, runs the scenario that comes out; returns that scenario.
fn small(scenario: &str, changes: &[&str], code: &str) -> String {
    let folder = folder();
    let run = folder.path().join("run");
    let changes: Vec<&str> = changes.iter().flat_map(|change| ["--set", change]).collect();
    summary(scenario, &run, &changes);
    let shrunk = shrink(&run, &["--code", code]).expect(0).json();
    assert_eq!((shrunk["code"].as_str(), shrunk["complete"].as_bool()), (Some(code), Some(true)));
    let number = |field: &str| shrunk["after"][field].as_u64().unwrap();
    assert!(number("replicas") <= 3 && number("operations") <= 8, "{}", shrunk["after"]);
    assert!(number("faults") + number("lost_messages") <= 4, "{}", shrunk["after"]);

    let file = shrunk["scenario"].as_str().unwrap();
    let again =
        end(kvsim().args(["run", file, "--format", "json", "--out"]).arg(folder.path().join("again"))).expect(1);
    assert_eq!(again.json()["trace_hash"], shrunk["run"]["trace_hash"], "the file is the run");
    let mut verdicts = again.json()["verdicts"].as_array().unwrap().clone();
    verdicts.retain(|verdict| verdict["checker"] == shrunk["checker"] && verdict["verdict"] != verdict["expected"]);
    let codes = verdicts.iter().flat_map(|verdict| verdict["findings"].as_array().unwrap());
    assert!(codes.map(|finding| &finding["code"]).any(|found| found == code), "{}", again.stdout);
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.lines().count() <= 60, "a person reads it in a minute:\n{text}");
    text
}

#[test]
fn a_lost_update_remains_of_a_run_without_repair() {
    let text = small(ROUGH, &["store.anti_entropy=off"], "CONV002");
    assert!(text.contains("[[fault.drop]]") && !text.contains("loss ="), "{text}");
    let again = small(ROUGH, &["store.anti_entropy=off"], "CONV002");
    assert_eq!(text, again, "shrinking is deterministic");
}

#[test]
fn two_writes_and_two_reads_remain_of_a_broken_order() {
    let changes = ["expect.pram=holds", "duration=3s"];
    let text = small(PRAM, &changes, "PRAM001");
    assert_eq!(text.matches("{ at = \"").count() - text.matches(" = { at = \"").count(), 4, "{text}");
    assert!(text.contains("pram = \"holds\""), "the checker has to be named:\n{text}");
}

#[test]
fn a_late_message_remains_where_nothing_is_lost() {
    let changes = ["expect.pram=holds", "duration=3s", "net.loss=0%", "net.delay=exponential(60ms)"];
    let text = small(PRAM, &changes, "PRAM001");
    assert!(text.contains("[[fault.delay]]") && !text.contains("exponential"), "{text}");
}

#[test]
fn of_partitions_one_message_remains() {
    let partitions = r#"fault.random_partition=[{ every = "200ms", lasting = "300ms" }]"#;
    let changes = ["expect.pram=holds", "duration=4s", "net.loss=0%", "net.delay=5ms", partitions];
    let text = small(PRAM, &changes, "PRAM001");
    let messages = text.matches("[[fault.drop]]").count() + text.matches("[[fault.delay]]").count();
    assert_eq!((messages, text.matches("[[fault").count()), (1, 1), "{text}");
}

#[test]
fn of_two_concurrent_writes_both_are_needed() {
    let folder = folder();
    summary("scenarios/limits/last-writer-wins.toml", folder.path(), &[]);
    let shrunk = shrink(folder.path(), &["--code", "CONV003"]).expect(0).json();
    assert_eq!((&shrunk["after"]["operations"], &shrunk["after"]["replicas"]), (&2.into(), &2.into()));
    // It was expected, so it still is.
    end(kvsim().args(["run", shrunk["scenario"].as_str().unwrap(), "--out"]).arg(folder.path().join("again")))
        .expect(0);
}

#[test]
fn there_must_be_something_to_shrink() {
    let folder = folder();
    summary("scenarios/tour/by-hand.toml", folder.path(), &[]);
    let ended = end(kvsim().arg("shrink").arg(folder.path())).expect(2);
    assert!(ended.stderr.contains("no finding"), "{}", ended.stderr);
    summary("scenarios/limits/last-writer-wins.toml", folder.path(), &[]);
    let ended = end(kvsim().arg("shrink").arg(folder.path()).args(["--code", "PRAM001"])).expect(2);
    assert!(ended.stderr.contains("CONV003"), "{}", ended.stderr);
    // Without any time, what there is must still be a run with the finding.
    let ended = shrink(folder.path(), &["--for", "0s"]).expect(0).json();
    assert_eq!((ended["complete"].as_bool(), ended["tried"].as_u64()), (Some(false), Some(1)));
}
