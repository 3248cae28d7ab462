//! Requests, answers and errors.

use std::io;

use clap::Parser;
use kvsim_store::Stream;
use serde_json::{Value as Json, json};

use super::{Cluster, code};
use crate::args::Args;
use crate::node::{Lines, Node};
use crate::protocol::Code;
use kvsim_host::disk::Disk;

#[test]
fn a_key_is_read_written_compared_and_set() {
    let mut cluster = Cluster::new(1, &[]);
    assert_eq!(code(&cluster.read(0, "c1", json!("x"))), 20);
    assert_eq!(cluster.write(0, "c1", json!("x"), json!({"b": [1, null], "a": 2}))["type"], "write_ok");
    assert_eq!(cluster.read(0, "c2", json!("x"))["value"], json!({"a": 2, "b": [1, null]}));
    let cas = |key: Json, from: Json, to: Json| json!({"type": "cas", "key": key, "from": from, "to": to});
    let right = cas(json!("x"), json!({"a": 2, "b": [1, null]}), json!(7));
    assert_eq!(cluster.ask(0, "c1", right.clone())["type"], "cas_ok");
    assert_eq!(code(&cluster.ask(0, "c1", right)), 22);
    assert_eq!(code(&cluster.ask(0, "c1", cas(json!("y"), json!(1), json!(2)))), 20);
    let mut create = cas(json!("y"), json!(1), json!(2));
    create["create_if_not_exists"] = true.into();
    assert_eq!(cluster.ask(0, "c1", create.clone())["type"], "cas_ok");
    assert_eq!(code(&cluster.ask(0, "c1", create)), 22);
    // Any JSON may be a key, and is another one than its text.
    for (value, key) in
        (100..).zip([json!(1), json!("1"), json!(1.5), json!(null), json!([1]), json!({"a": 1, "b": 2})])
    {
        assert_eq!(cluster.write(0, "c1", key, json!(value))["type"], "write_ok");
    }
    assert_eq!(cluster.read(0, "c1", json!("1"))["value"], 101);
    assert_eq!(cluster.read(0, "c1", serde_json::from_str(r#"{"b": 2, "a": 1}"#).unwrap())["value"], 105);
    assert_eq!(cluster.read(0, "c1", json!("x"))["value"], 7);
}

#[test]
fn what_is_wrong_gets_the_right_error_and_the_node_lives_on() {
    let mut node = Node::new(Args::parse_from(["kvsim-maelstrom"]), None);
    let mut take = |line: &str| {
        let mut out = Lines::default();
        node.take(line.as_bytes(), 0, &mut out);
        let messages = out.messages.iter().map(|text| serde_json::from_str::<Json>(text).unwrap());
        (messages.filter(|message| message["dest"] == "c1").map(|message| message["body"].clone()).collect(), out.log)
    };
    let mut id = 100;
    let mut ask = |body: Json| {
        id += 1;
        let mut body = body;
        body["msg_id"] = id.into();
        let (answers, _): (Vec<Json>, _) = take(&json!({"src": "c1", "dest": "n1", "body": body}).to_string());
        assert_eq!((answers.len(), &answers[0]["in_reply_to"]), (1, &json!(id)));
        answers[0].clone()
    };
    assert_eq!(code(&ask(json!({"type": "read", "key": 1}))), 11);
    assert_eq!(code(&ask(json!({"type": "init", "node_id": "n1", "node_ids": ["n2"]}))), 12);
    assert_eq!(code(&ask(json!({"type": "init", "node_id": "n1", "node_ids": ["n1", "n1"]}))), 12);
    assert_eq!(code(&ask(json!({"type": "init", "node_id": "n1", "node_ids": "n1"}))), 12);
    assert_eq!(code(&ask(json!({"type": "init", "node_id": 1, "node_ids": ["n1"]}))), 12);
    assert_eq!(ask(json!({"type": "init", "node_id": "n1", "node_ids": ["n1", "n2"]}))["type"], "init_ok");
    assert_eq!(ask(json!({"type": "init", "node_id": "n1", "node_ids": ["n1", "n2"]}))["type"], "init_ok");
    assert_eq!(code(&ask(json!({"type": "init", "node_id": "n2", "node_ids": ["n1", "n2"]}))), 22);
    for kind in ["txn", "delete", "topology", "", "ndc", "READ"] {
        assert_eq!(code(&ask(json!({"type": kind, "key": 1}))), 10, "{kind}");
    }
    for body in [
        json!({}),
        json!({"type": 7}),
        json!({"type": null}),
        json!({"type": "read"}),
        json!({"type": "write", "key": 1}),
        json!({"type": "write", "value": 1}),
        json!({"type": "cas", "key": 1, "from": 1}),
        json!({"type": "cas", "key": 1, "from": 1, "to": 2, "create_if_not_exists": "yes"}),
    ] {
        assert_eq!(code(&ask(body.clone())), 12, "{body}");
    }
    assert_eq!(ask(json!({"type": "write", "key": 1, "value": null}))["type"], "write_ok");
    assert_eq!(ask(json!({"type": "read", "key": 1}))["value"], Json::Null);
    // What can be answered, is; the rest is told to people.
    let deep = "[".repeat(100_000);
    for line in [
        "",
        "no json",
        "\u{0}",
        "[1, 2]",
        "7",
        r#"{"src": "c1", "dest": "n1"}"#,
        r#"{"src": 1, "dest": "n1", "body": {"type": "read", "key": 1}}"#,
        r#"{"src": "c1", "dest": "n1", "body": {"type": "read", "key": 1}}"#,
        r#"{"src": "c1", "dest": "n1", "body": {"type": "read", "key": 1, "msg_id": "one"}}"#,
        r#"{"src": "c1", "dest": "n9", "body": {"type": "read", "key": 1, "msg_id": 1}}"#,
        r#"{"src": "lin-kv", "dest": "n1", "body": {"type": "error", "code": 13, "in_reply_to": 1}}"#,
        &deep,
    ] {
        let (answers, _): (Vec<Json>, _) = take(line);
        assert!(answers.is_empty(), "{line}: {answers:?}");
    }
    let (answers, log): (Vec<Json>, _) = take(r#"{"src": "c1", "body": {"type": "read", "key": 1, "msg_id": 9}}"#);
    assert_eq!((answers.len(), code(&answers[0]), log.len()), (1, 12, 1));
}

#[test]
fn a_copy_of_a_request_is_no_second_request() {
    let mut cluster = Cluster::new(1, &[]);
    let first = json!({"src": "c1", "dest": "n0", "body": {"type": "write", "key": 1, "value": 1, "msg_id": 1000}});
    cluster.feed(0, &first.to_string());
    cluster.write(0, "c1", json!(1), json!(2));
    cluster.feed(0, &first.to_string());
    assert_eq!(cluster.answer("c1", 1000).unwrap()["type"], "write_ok");
    assert_eq!(cluster.read(0, "c1", json!(1))["value"], 2);
}

#[test]
fn requests_that_wait_too_long_end_as_definite_as_they_are() {
    let mut cluster = Cluster::new(3, &["--read-quorum", "2", "--ack", "2", "--timeout-ms", "300"]);
    let write = cluster.begin(0, "c1", json!({"type": "write", "key": 1, "value": 1}));
    let read = cluster.begin(0, "c2", json!({"type": "read", "key": 1}));
    let cas = cluster.begin(0, "c3", json!({"type": "cas", "key": 1, "from": 1, "to": 2}));
    cluster.pass(299);
    assert_eq!([("c1", write), ("c2", read), ("c3", cas)].map(|(client, id)| cluster.answer(client, id)), [None; 3]);
    cluster.pass(1);
    assert_eq!(code(cluster.answer("c1", write).unwrap()), 0);
    assert_eq!(code(cluster.answer("c2", read).unwrap()), 11);
    assert_eq!(code(cluster.answer("c3", cas).unwrap()), 11);
    // What others say now comes too late for them; the write was never undone, and cas never wrote.
    cluster.deliver_all();
    cluster.pass(1_000);
    cluster.deliver_all();
    let later = cluster.begin(1, "c4", json!({"type": "read", "key": 1}));
    cluster.deliver_all();
    assert_eq!(cluster.answer("c4", later).unwrap()["value"], 1);
    // The second half of cas may still take effect.
    let cas = cluster.begin(1, "c4", json!({"type": "cas", "key": 1, "from": 1, "to": 2}));
    while cluster.under_way.iter().any(|(_, text)| !text.contains("Update")) {
        let reads = |(_, text): &(String, String)| !text.contains("Update");
        let place = cluster.under_way.iter().position(reads).unwrap();
        cluster.deliver(place);
    }
    assert_eq!(cluster.answer("c4", cas), None);
    cluster.pass(300);
    assert_eq!(code(cluster.answer("c4", cas).unwrap()), 0);
    assert!(Code::Abort.is_definite() && !Code::Timeout.is_definite() && !Code::Crash.is_definite());
}

#[test]
fn cas_does_not_overwrite_what_has_come_between() {
    // At the eventual level a read gathers from when it begins; at the others the second cas would read what the first
    // has written.
    let mut cluster = Cluster::new(3, &["--level", "eventual", "--read-quorum", "2"]);
    cluster.write(0, "c1", json!(1), json!(1));
    cluster.deliver_all();
    let both = ["c2", "c3"]
        .map(|client| (client, cluster.begin(0, client, json!({"type": "cas", "key": 1, "from": 1, "to": client}))));
    cluster.deliver_all();
    let ended = both.map(|(client, id)| cluster.answer(client, id).unwrap().clone());
    assert_eq!(ended[0]["type"], "cas_ok");
    assert_eq!(code(&ended[1]), 14);
    let read = cluster.begin(0, "c4", json!({"type": "read", "key": 1}));
    cluster.deliver_all();
    assert_eq!(cluster.answer("c4", read).unwrap()["value"], "c2");
}

#[test]
fn of_several_cas_that_are_decided_in_one_step_one_writes() {
    let mut cluster = Cluster::new(3, &["--level", "fifo", "--read-quorum", "2"]);
    cluster.write(1, "c1", json!(1), json!(1));
    let update = |(dest, text): &(String, String)| dest == "n0" && text.contains("Update");
    let place = cluster.under_way.iter().position(update).unwrap();
    let (_, held) = cluster.under_way.remove(place);
    let both = ["c2", "c3"]
        .map(|client| (client, cluster.begin(0, client, json!({"type": "cas", "key": 1, "from": 1, "to": client}))));
    // Both learn of the write and wait for it.
    cluster.deliver_all();
    assert_eq!(both.map(|(client, id)| cluster.answer(client, id).cloned()), [None, None]);
    cluster.feed(0, &held);
    let ended = both.map(|(client, id)| cluster.answer(client, id).unwrap().clone());
    assert_eq!(ended[0]["type"], "cas_ok");
    assert_eq!(code(&ended[1]), 14);
}

#[test]
fn a_quorum_must_be_there() {
    let mut node = Node::new(Args::parse_from(["kvsim-maelstrom", "--ack", "3"]), None);
    let mut out = Lines::default();
    let init = json!({"type": "init", "msg_id": 1, "node_id": "n0", "node_ids": ["n0", "n1"]});
    node.take(json!({"src": "c", "dest": "n0", "body": init}).to_string().as_bytes(), 0, &mut out);
    assert_eq!(code(&serde_json::from_str::<Json>(&out.messages[0]).unwrap()["body"]), 22);
}

/// A disk on which there is room for one record.
struct Full(u32);

impl Disk for Full {
    fn open(&mut self, _: &str) -> io::Result<Vec<Vec<u8>>> {
        Ok(Vec::new())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn append(&mut self, _: &[Vec<u8>]) -> io::Result<()> {
        self.0 += 1;
        if self.0 > 1 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

#[test]
fn when_a_node_cannot_go_on_whoever_waits_is_told_that_nobody_knows() {
    let mut cluster = Cluster::new(2, &["--read-quorum", "2"]);
    cluster.nodes[0] = Node::new(cluster.args.clone(), Some(Box::new(Full(0))));
    cluster.ask(0, "boss", json!({"type": "init", "node_id": "n0", "node_ids": ["n0", "n1"]}));
    let read = cluster.begin(0, "c1", json!({"type": "read", "key": 1}));
    cluster.begin(0, "c2", json!({"type": "write", "key": 1, "value": 1}));
    let problem = cluster.nodes[0].disk_problem().expect("the disk is full").to_owned();
    let mut out = Lines::default();
    cluster.nodes[0].crash(&problem, &mut out);
    cluster.sort_out(out);
    assert_eq!(code(cluster.answer("c1", read).unwrap()), 13);
    assert_eq!(code(cluster.answer("c2", read + 1).unwrap()), 13);
}

#[test]
fn damaged_lines_do_no_harm() {
    let mut cluster = Cluster::new(1, &[]);
    let mut chance = Stream::new(1, "test", 0);
    for number in 0..3_000 {
        let body = match number % 3 {
            0 => json!({"type": "write", "key": "x", "value": {"a": [1, 2.5, null]}, "msg_id": 10_000 + number}),
            1 => json!({"type": "read", "key": "x", "msg_id": 10_000 + number}),
            _ => json!({"type": "cas", "key": "x", "from": 1, "to": 2, "msg_id": 10_000 + number}),
        };
        let mut line = json!({"src": "c1", "dest": "n0", "body": body}).to_string().into_bytes();
        for _ in 0..=chance.below(3) {
            let place = chance.below(line.len() as u64) as usize;
            match chance.below(4) {
                0 => line.truncate(place + 1),
                1 => drop(line.remove(place)),
                2 => line.insert(place, b"{}[],:\"\\0n"[chance.below(10) as usize]),
                _ => line[place] ^= 1 << chance.below(8),
            }
            if line.is_empty() {
                break;
            }
        }
        let mut out = Lines::default();
        cluster.nodes[0].take(&line, 0, &mut out);
        assert!(out.messages.len() <= 1, "{}: {:?}", String::from_utf8_lossy(&line), out.messages);
    }
    assert_eq!(cluster.write(0, "c2", json!("y"), json!(1))["type"], "write_ok");
    assert_eq!(cluster.read(0, "c2", json!("y"))["value"], 1);
}
