//! Real processes of the node, a bad network between them, and Maelstrom's workloads.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // real processes live in real time

mod clients;
mod cluster;
mod network;
mod run;
mod verdicts;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use kvsim_checkers::{Report, Verdict};
use serde_json::{Value as Json, json};

use clients::Workload;
use cluster::{Cluster, Heard};
use network::Conditions;
use run::{Outcome, Run};

/// Plays a run, checks that all requests were answered as the protocol wants it, and judges the history.
fn judged(name: &str, run: &Run<'_>, models: &[&str]) -> (Outcome, Vec<Report>) {
    let outcome = run.play();
    assert!(outcome.problems.is_empty(), "{name}: {:#?}", outcome.problems);
    assert_eq!(outcome.unanswered, 0, "{name}: of {} requests", outcome.requests);
    let path = verdicts::write(name, &outcome.steps);
    let reports = verdicts::judge(&path, models);
    println!("{}: {} requests, each answered once: {:?}", path.display(), outcome.requests, outcome.answers);
    println!("  {} messages between nodes, {} of them lost", outcome.sent, outcome.lost);
    for Report { checker, verdict, note, findings } in &reports {
        println!("  {checker}: {verdict:?} {note}");
        for finding in findings.iter().take(1) {
            println!("    {} {}", finding.code, finding.title);
            finding.evidence.iter().for_each(|line| println!("      {:>10} {}", line.at_ns / 1_000_000, line.text));
        }
    }
    (outcome, reports)
}

/// A few seconds of what the long runs below do.
fn short<'a>(args: &'a [&'a str], workload: Workload) -> Run<'a> {
    let conditions = Conditions {
        seed: 1,
        delay_ms: 100,
        loss_percent: 10,
        double_percent: 10,
        cuts: Vec::new(),
        kills: Vec::new(),
    };
    Run {
        args,
        nodes: 3,
        clients_per_node: 2,
        pause_ms: 15,
        workload,
        conditions: conditions.cut_now_and_then(3, 400, 2_000),
        lasts_ms: 2_000,
    }
}

/// Five nodes for a minute, with a delay of 250 ms and partitions of ten seconds.
fn long(args: &'static [&'static str], workload: Workload) -> Run<'static> {
    let conditions =
        Conditions { seed: 2, delay_ms: 250, loss_percent: 5, double_percent: 5, cuts: Vec::new(), kills: Vec::new() };
    Run {
        args,
        nodes: 5,
        clients_per_node: 3,
        pause_ms: 100,
        workload,
        conditions: conditions.cut_now_and_then(5, 10_000, 60_000),
        lasts_ms: 60_000,
    }
}

const FIFO_KV: Workload = Workload::FifoKv { keys: 2 };
const LIN_KV: Workload = Workload::LinKv { keys: 2, period_ns: 2_000_000_000 };

fn verdict_of(reports: &[Report], model: &str) -> Verdict {
    reports.iter().find(|report| report.checker == model).expect("it was asked").verdict
}

#[test]
fn fifo_keeps_the_order_of_each_client_and_shows_so_to_lin_kv() {
    let args = &["--level", "fifo", "--anti-entropy-ms", "200", "--report-visible"];
    let (outcome, reports) = judged("fifo", &short(args, FIFO_KV), &["pram"]);
    assert_eq!(verdict_of(&reports, "pram"), Verdict::Holds);
    // Values are numbered as they are written, so at each node those of one origin appear in ascending order.
    let mut last = BTreeMap::new();
    for (node, key, value) in outcome.reported {
        let last = last.entry((node, key % 3)).or_insert(0);
        assert!(*last < value, "n{node} shows {value} after {last} of n{}", key % 3);
        *last = value;
    }
    assert_eq!(last.len(), 9, "each node has shown values of each");
}

#[test]
fn eventual_does_not() {
    // What is lost stays so for a while, and keys are written too seldom for the next write to hide it, so that two
    // seconds mostly show it on a busy machine, too; chance has a say in real time.
    let mut run = short(&["--level", "eventual", "--anti-entropy-ms", "1000"], Workload::FifoKv { keys: 5 });
    run.conditions.cuts.clear();
    let shows = |_| verdict_of(&judged("eventual", &run, &["pram"]).1, "pram") == Verdict::Violated;
    assert!((0..4).any(shows), "four runs without a write out of order");
}

#[test]
fn nodes_that_are_killed_come_back_with_what_they_have_shown() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("disks");
    // An earlier run may have left its own.
    drop(std::fs::remove_dir_all(&folder));
    let folder = folder.to_str().expect("the folder's name is text");
    let args = ["--level", "fifo", "--anti-entropy-ms", "200", "--data-dir", folder];
    let mut run = short(&args, FIFO_KV);
    run.conditions.kills = (1..10).map(|number| (200 * number, number as usize % 3)).collect();
    let (_, reports) = judged("killed", &run, &["pram"]);
    assert_eq!(verdict_of(&reports, "pram"), Verdict::Holds);
}

#[test]
fn lin_kv_requests_are_answered() {
    judged("lin-kv", &short(&["--level", "fifo"], LIN_KV), &["linearizable"]);
}

#[test]
fn lin_kv_requests_that_need_other_replicas_are_answered() {
    let args = &["--level", "fifo", "--read-quorum", "2", "--ack", "2", "--timeout-ms", "400"];
    judged("lin-kv-quorum", &short(args, LIN_KV), &["linearizable"]);
}

#[test]
fn a_node_answers_what_is_wrong_and_lives_on() {
    let mut cluster = Cluster::start(1, &["--level", "fifo", "--read-quorum", "1"]);
    let mut ask = |line: &str| {
        cluster.send(0, line);
        loop {
            match cluster.hear(Duration::from_secs(10)).expect("it answers at once") {
                Heard::Message(_, line) => {
                    break serde_json::from_str::<Json>(&line).expect("it is JSON")["body"].clone();
                }
                Heard::Log(..) => {}
                Heard::Ended(_) => panic!("it has ended"),
            }
        }
    };
    let request = |body: Json| json!({"src": "c1", "dest": "n0", "body": body}).to_string();
    assert_eq!(ask(&request(json!({"type": "read", "key": 1, "msg_id": 1})))["code"], 11);
    let init = json!({"type": "init", "node_id": "n0", "node_ids": ["n0"], "msg_id": 2});
    assert_eq!(ask(&request(init)), json!({"type": "init_ok", "in_reply_to": 2}));
    for (wrong, code) in [
        (request(json!({"type": "txn", "msg_id": 3})), 10),
        (request(json!({"type": "write", "key": 1, "msg_id": 4})), 12),
        (request(json!({"msg_id": 5})), 12),
        (r#"{"src": "c1", "body": {"msg_id": 6}}"#.to_owned(), 12),
        (request(json!({"type": "read", "key": 1, "msg_id": 7})), 20),
        // What cannot be answered is passed over, and the next request is answered.
        ("no JSON\n\n{\"src\": 7}\n".to_owned() + &request(json!({"type": "echo", "msg_id": 8})), 10),
    ] {
        assert_eq!(ask(&wrong)["code"], code, "{wrong}");
    }
    assert_eq!(ask(&request(json!({"type": "write", "key": 1, "value": 1, "msg_id": 9})))["type"], "write_ok");
    assert_eq!(ask(&request(json!({"type": "read", "key": 1, "msg_id": 10})))["value"], 1);
}

#[test]
#[ignore = "takes a minute"]
fn a_minute_of_fifo_kv_at_level_fifo() {
    let (_, reports) =
        judged("minute-fifo", &long(&["--level", "fifo", "--read-quorum", "1"], FIFO_KV), &["pram", "causal"]);
    assert_eq!(verdict_of(&reports, "pram"), Verdict::Holds);
}

#[test]
#[ignore = "takes a minute"]
fn a_minute_of_fifo_kv_at_level_eventual() {
    let (_, reports) =
        judged("minute-eventual", &long(&["--level", "eventual", "--read-quorum", "1"], FIFO_KV), &["pram"]);
    assert_eq!(verdict_of(&reports, "pram"), Verdict::Violated);
}

#[test]
#[ignore = "takes a minute"]
fn a_minute_of_lin_kv() {
    // No level promises linearizability: the verdict is told, not asked for.
    judged("minute-lin-kv", &long(&["--level", "fifo", "--read-quorum", "3", "--ack", "3"], LIN_KV), &["linearizable"]);
}
