//! `kvsim cluster record`: a scenario with real nodes. Builds kvsim-node beside kvsim, on which nothing here depends.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{end, kvsim, top};
use serde_json::Value as Json;

/// With a client at n0 whose reads need another node.
const SCENARIO: &str = r#"
replicas = 3
duration = "2s"
settle = "1s"
[net]
delay = "2ms..4ms"
loss = "5%"
[keys]
count = 10
[disk]
sync = "1s"
# One writes, so that no values stand side by side, and a history of registers tells.
[clients.writer]
sessions = 1
rate = "100/s"
at = "n1"
level = "fifo"
mix = { write = 3, read = 1 }
timeout = "300ms"
[clients.reader]
sessions = 6
rate = "40/s"
level = "fifo"
mix = { read = 1 }
timeout = "300ms"
[clients.quorum]
sessions = 1
rate = "20/s"
at = "n0"
quorum = 2
level = "fifo"
mix = { read = 1 }
timeout = "300ms"
"#;

const CUT: &str = r#"
[[fault.partition]]
at = "500ms"
for = "1s"
groups = [["n0"], ["n1", "n2"]]
"#;

/// Builds the program that is a node, where kvsim looks for it.
fn build_node() {
    let beside = Path::new(env!("CARGO_BIN_EXE_kvsim")).parent().expect("it lies in a folder");
    let profile = beside.file_name().and_then(|name| name.to_str()).expect("cargo names it");
    let profile = if profile == "debug" { "dev" } else { profile };
    let mut build = Command::new(env!("CARGO"));
    // With the whole workspace, or its libraries were built once more with other features.
    let what = ["build", "--quiet", "--workspace", "--bin", "kvsim-node", "--profile", profile, "--target-dir"];
    build.current_dir(top()).args(what);
    assert!(build.arg(beside.parent().expect("of targets")).status().expect("cargo runs").success());
}

/// A recorded run: its folder, its summary, and what was printed.
fn recorded(folder: &Path, text: &str, more: &[&str]) -> (PathBuf, Json, String) {
    let (file, run) = (folder.join("real.toml"), folder.join("run"));
    fs::write(&file, text).expect("the folder can be written to");
    let ended = end(kvsim().args(["cluster", "record"]).arg(&file).arg("--out").arg(&run).args(more));
    let ended = ended.expect(0);
    let summary = fs::read(run.join("summary.json")).expect("it was left");
    (run, serde_json::from_slice(&summary).expect("JSON"), ended.stdout)
}

#[test]
fn real_nodes_keep_their_promises_and_their_recording_is_looked_at_as_any() {
    build_node();
    let folder = tempfile::tempdir().expect("a folder");
    let (run, summary, said) = recorded(folder.path(), SCENARIO, &["--compare"]);
    let counts = &summary["counts"];
    assert!(counts["answered"].as_u64().is_some_and(|answered| answered > 300), "{counts}");
    assert_eq!((&counts["timed_out"], &counts["refused"]), (&Json::from(0), &Json::from(0)), "nothing is cut off");
    let verdict =
        |name: &str| summary["verdicts"].as_array().and_then(|all| all.iter().find(|one| one["checker"] == name));
    for checker in ["convergence", "availability", "honest", "durable"] {
        assert_eq!(verdict(checker).map(|one| &one["verdict"]), Some(&Json::from("holds")), "{checker}: {summary}");
    }
    assert!(said.contains("| found elsewhere, fifo, P0 | "), "{said}");
    let path = run.to_str().expect("UTF-8");
    let arguments: [&[&str]; 5] = [
        &["check", path, "--model", "pram,read-your-writes,monotonic-reads"],
        &["report", path],
        &["plot", path],
        &["export", path],
        &["trace", path],
    ];
    for arguments in arguments {
        end(kvsim().args(arguments)).expect(0);
    }
    let refused = end(kvsim().args(["replay", path])).expect(2);
    assert!(refused.stderr.contains("real nodes have done this run"), "{}", refused.stderr);
    let again = end(kvsim().args(["cluster", "record"]).arg(folder.path().join("real.toml")).arg("--out").arg(&run));
    assert!(again.expect(2).stderr.contains("has a recorded run"));
}

#[test]
fn real_nodes_meet_partitions() {
    build_node();
    let folder = tempfile::tempdir().expect("a folder");
    let (_, summary, _) = recorded(folder.path(), &format!("{SCENARIO}{CUT}"), &[]);
    // About 20 reads of n0 fall into the second in which it is alone; each waits 300 ms.
    let timed_out = summary["counts"]["timed_out"].as_u64();
    assert!(timed_out.is_some_and(|timed_out| (2..=5).contains(&timed_out)), "{}", summary["counts"]);
}

#[test]
fn what_real_nodes_cannot_be_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    for (more, part) in [
        ("store.name=lww", "real nodes have the store ndc, and not lww"),
        ("net.bandwidth=1MB/s", "as fast as this machine (bandwidth)"),
        ("store.replication=2", "real nodes cannot have replication = 2"),
        ("clients.quorum.timeout=1s", "wait equally long (timeout)"),
    ] {
        let file = folder.path().join("real.toml");
        // The store lww has no levels and quorums.
        let text = if more.contains("lww") { "replicas = 3\nduration = \"1s\"\n[clients.a]\n" } else { SCENARIO };
        let text = if more.contains("replication") { text.replace("level = \"fifo\"\n", "") } else { text.to_owned() };
        fs::write(&file, text).expect("the folder can be written to");
        let out = folder.path().join("run");
        let ended = end(kvsim().args(["cluster", "record"]).arg(&file).args(["--set", more]).arg("--out").arg(&out));
        let ended = ended.expect(2);
        assert!(ended.stderr.contains(part), "{more}: {}", ended.stderr);
        assert!(!out.exists(), "{more}");
    }
}
