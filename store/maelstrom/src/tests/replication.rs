//! What nodes tell each other.

use kvsim_store::Stream;
use serde_json::{Value as Json, json};

use super::{Cluster, code};
use crate::node::{Lines, Node};

#[test]
fn a_client_replaces_what_it_has_read_and_no_more() {
    let mut cluster = Cluster::new(2, &["--level", "eventual"]);
    cluster.write(0, "c0", json!("x"), json!("mine"));
    cluster.write(1, "c1", json!("x"), json!("theirs"));
    cluster.deliver_all();
    // Both are there; each node shows the same one of the two.
    let shown = cluster.read(0, "c0", json!("x"));
    assert_eq!(shown["value"], cluster.read(1, "c1", json!("x"))["value"]);
    // This client has read both, so that its write replaces both.
    cluster.write(0, "c0", json!("x"), json!("settled"));
    cluster.deliver_all();
    assert_eq!(cluster.read(1, "c1", json!("x"))["value"], "settled");
    // That one has read another key only, and replaces nothing of this one.
    cluster.read(1, "other", json!("y"));
    cluster.write(1, "other", json!("x"), json!("beside"));
    cluster.deliver_all();
    cluster.pass(2_000);
    cluster.deliver_all();
    let values: Vec<Json> = (0..2).map(|node| cluster.read(node, "c", json!("x"))["value"].clone()).collect();
    assert_eq!(values[0], values[1]);
    assert!(["settled", "beside"].contains(&values[0].as_str().unwrap()));
}

#[test]
fn fifo_waits_for_what_was_written_before_and_eventual_does_not() {
    for (level, expected) in [("fifo", json!(null)), ("eventual", json!(2))] {
        let mut cluster = Cluster::new(2, &["--level", level]);
        cluster.under_way.clear();
        cluster.write(0, "c0", json!("x"), json!(1));
        cluster.write(0, "c0", json!("y"), json!(2));
        assert_eq!(cluster.under_way.len(), 2);
        cluster.deliver(1);
        let read = cluster.read(1, "c1", json!("y"));
        assert_eq!(read.get("value").cloned().unwrap_or_default(), expected, "{level}");
        cluster.deliver(0);
        assert_eq!(cluster.read(1, "c1", json!("y"))["value"], 2, "{level}");
    }
}

#[test]
fn keys_have_the_priority_of_their_names() {
    let mut cluster = Cluster::new(2, &["--level", "fifo-p2"]);
    cluster.under_way.clear();
    assert_eq!(code(&cluster.read(0, "c0", json!("p1-pump"))), 10);
    assert_eq!(code(&cluster.read(0, "c0", json!(3))), 10);
    cluster.write(0, "c0", json!("log"), json!(1));
    cluster.write(0, "c0", json!("P3-alarm"), json!(2));
    cluster.deliver(1);
    // The alarm does not wait for the log line.
    assert_eq!(cluster.read(1, "c1", json!("P3-alarm"))["value"], 2);
}

#[test]
fn values_are_reported_when_they_can_be_read() {
    let mut cluster = Cluster::new(2, &["--report-visible"]);
    cluster.under_way.clear();
    cluster.write(0, "c0", json!("x"), json!(1));
    cluster.write(0, "c0", json!("y"), json!(2));
    cluster.reported.clear();
    cluster.deliver(1);
    assert!(cluster.reported.is_empty());
    cluster.deliver(0);
    let told: Vec<(&Json, &Json, &Json)> =
        cluster.reported.iter().map(|body| (&body["type"], &body["key"], &body["value"])).collect();
    let (write, x, y) = (json!("write"), json!(["n1", "x"]), json!(["n1", "y"]));
    assert_eq!(told, [(&write, &x, &json!(1)), (&write, &y, &json!(2))]);
}

#[test]
fn a_node_that_was_killed_comes_back_with_its_disk() {
    let mut cluster = Cluster::new(2, &["--level", "fifo"]);
    cluster.write(0, "c0", json!("x"), json!("first"));
    cluster.write(1, "c1", json!("y"), json!("theirs"));
    cluster.deliver_all();
    cluster.write(0, "c0", json!("x"), json!("second"));
    // No other node has seen that.
    cluster.under_way.clear();
    cluster.start(0);
    assert_eq!(cluster.read(0, "c2", json!("x"))["value"], "second");
    assert_eq!(cluster.read(0, "c2", json!("y"))["value"], "theirs");
    cluster.write(0, "c2", json!("x"), json!("third"));
    for _ in 0..3 {
        cluster.pass(1_000);
        cluster.deliver_all();
    }
    assert_eq!(cluster.read(1, "c1", json!("x"))["value"], "third");
    // A broken record is told of, not skipped.
    cluster.disks[0].0.lock().expect("one thread")[1] = b"{}".to_vec();
    let mut node = Node::new(cluster.args.clone(), Some(Box::new(cluster.disks[0].clone())));
    let init = json!({"type": "init", "msg_id": 1, "node_id": "n0", "node_ids": ["n0", "n1"]});
    let mut out = Lines::default();
    node.take(json!({"src": "c", "dest": "n0", "body": init}).to_string().as_bytes(), 0, &mut out);
    assert_eq!(code(&serde_json::from_str::<Json>(&out.messages[0]).unwrap()["body"]), 13);
    assert!(out.messages[0].contains("record 2"), "{}", out.messages[0]);
}

/// Nodes are killed; messages come late, twice, in any order or not at all; and each node numbers keys in the order in
/// which it meets them.
#[test]
fn nodes_agree_in_the_end_whatever_the_network_does() {
    for seed in 0..40 {
        let mut chance = Stream::new(seed, "test", 0);
        let mut below = |bound: usize| chance.below(bound as u64) as usize;
        let args: &[&str] = if seed % 2 == 0 { &["--level", "fifo"] } else { &["--level", "priority"] };
        let mut cluster = Cluster::new(3, args);
        let keys = [json!("x"), json!("P3x"), json!(1), json!([1, "P2"]), json!("p1 \"quoted\"")];
        let mut value = 0;
        for _ in 0..150 {
            match below(6) {
                _ if below(50) == 0 => cluster.start(below(3)),
                0 | 1 => {
                    value += 1;
                    let (node, key) = (below(3), keys[below(5)].clone());
                    cluster.write(node, &format!("c{node}"), key, json!({ "value": value }));
                }
                2 => drop(cluster.read(below(3), "c", keys[below(5)].clone())),
                3 => cluster.pass(below(300) as u64),
                _ if cluster.under_way.is_empty() => {}
                4 => {
                    let place = below(cluster.under_way.len());
                    let copy = cluster.under_way[place].clone();
                    match below(3) {
                        0 => cluster.under_way.push(copy),
                        _ => drop(cluster.under_way.remove(place)),
                    }
                }
                _ => {
                    let place = below(cluster.under_way.len());
                    cluster.deliver(place);
                }
            }
        }
        for _ in 0..12 {
            cluster.pass(600);
            cluster.deliver_all();
        }
        assert!(cluster.log.iter().all(|line| line.starts_with("node ")), "{seed}: {:?}", cluster.log);
        for key in &keys {
            let shown: Vec<Json> = (0..3).map(|node| cluster.read(node, "c", key.clone())).collect();
            assert!(shown.iter().all(|one| one["value"] == shown[0]["value"]), "{seed}: {key}: {shown:?}");
        }
    }
}

#[test]
fn messages_of_the_store_that_cannot_be_are_dropped() {
    let mut cluster = Cluster::new(2, &[]);
    cluster.under_way.clear();
    cluster.write(0, "c0", json!("P2x"), json!(1));
    cluster.pass(1_000);
    let update = cluster.under_way.iter().find(|(_, text)| text.contains("Update")).unwrap().1.clone();
    let pull = cluster.under_way.iter().find(|(dest, text)| dest == "n1" && text.contains("Pull")).unwrap().1.clone();
    cluster.log.clear();
    let mut spoil = |text: &str, change: &dyn Fn(&mut Json)| {
        let mut message: Json = serde_json::from_str(text).unwrap();
        change(&mut message["body"]);
        cluster.feed(1, &message.to_string());
        assert_eq!(cluster.log.len(), 1, "{message}: {:?}", cluster.log);
        assert!(cluster.log[0].ends_with("dropped"), "{:?}", cluster.log);
        cluster.log.clear();
        assert_eq!(code(&cluster.read(1, "c1", json!("P2x"))), 20);
    };
    spoil(&update, &|body| body["keys"] = json!([]));
    spoil(&update, &|body| body["keys"] = json!(["\"P1x\""]));
    spoil(&update, &|body| body["values"] = json!([]));
    spoil(&update, &|body| body["what"]["Update"]["delta"]["key"] = json!(0));
    spoil(&update, &|body| body["what"]["Update"]["delta"]["dot"] = json!(null));
    let origin = |node: u16| json!({"node": node, "incarnation": 1});
    let dot = |node: u16| json!({"origin": origin(node), "counter": 1});
    spoil(&update, &|body| body["what"]["Update"]["delta"]["context"] = json!([dot(1), dot(0)]));
    let sets = [json!([0, [0]]), json!([0, [2]]), json!([70, [1]]), json!([u64::MAX, [4]]), json!([1, [1]]), json!(1)];
    for set in sets {
        spoil(&pull, &|body| body["what"]["Pull"]["clock"] = json!([[origin(0), set]]));
    }
    let sets = json!([[origin(1), [1, []]], [origin(0), [1, []]]]);
    spoil(&pull, &|body| body["what"]["Pull"]["clock"] = sets.clone());
    cluster.feed(1, &update);
    assert_eq!(cluster.read(1, "c1", json!("P2x"))["value"], 1);
}
