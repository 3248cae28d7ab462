//! Messages that no honest peer sends, numbers that no machine keeps, a disk that is full.

use serde_json::{Value as Json, json};

use super::{Cluster, code};
use crate::node::Node;

/// An update as peers send it, taken from one of them.
fn update(cluster: &mut Cluster) -> Json {
    cluster.write(1, "c1", json!("x"), json!(7));
    let place = cluster.under_way.iter().position(|(dest, text)| dest == "n0" && text.contains("Update"));
    let (_, text) = cluster.under_way.remove(place.expect("n1 has told n0"));
    serde_json::from_str(&text).expect("messages are JSON")
}

#[test]
fn forged_counters_are_dropped_with_a_word() {
    let mut cluster = Cluster::new(2, &["--level", "eventual"]);
    let honest = update(&mut cluster);
    type Change = fn(&mut Json);
    let cases: [(&str, Change); 9] = [
        ("no write", |delta| delta["dot"][2] = 0.into()),
        ("the last one that there can be", |delta| delta["dot"][2] = u64::MAX.into()),
        ("half of that", |delta| delta["dot"][2] = (u64::MAX / 2).into()),
        ("ten thousand million", |delta| delta["dot"][2] = 10_000_000_000u64.into()),
        ("no number", |delta| delta["dot"][2] = (-1).into()),
        ("no such node", |delta| delta["dot"][0] = 2.into()),
        ("another life", |delta| delta["dot"][1] = 9.into()),
        ("after itself", |delta| delta["before"] = json!([1, 0, 0])),
        ("a context ahead", |delta| {
            delta["context"] = json!([[1, 1, 10_000_000_000u64]]);
        }),
    ];
    for (what, change) in cases {
        let mut forged = honest.clone();
        change(&mut forged["body"]["what"]["Update"]["delta"]);
        cluster.log.clear();
        cluster.feed(0, &forged.to_string());
        assert!(cluster.log.iter().any(|line| line.contains("dropped")), "{what}: {:?}", cluster.log);
        assert_eq!(code(&cluster.read(0, "c0", json!("x"))), 20, "{what}");
    }
    cluster.feed(0, &honest.to_string());
    assert_eq!(cluster.read(0, "c0", json!("x"))["value"], 7);
}

/// Checksums tell accidents; who forges a record computes them anew.
#[test]
fn forged_records_are_refused_with_a_word() {
    let mut cluster = Cluster::new(2, &["--level", "eventual"]);
    cluster.write(0, "c0", json!("x"), json!(7));
    let records = cluster.disks[0].0.lock().expect("one thread").clone();
    let boot = |cluster: &mut Cluster, change: &dyn Fn(&mut Json)| {
        let mut record: Json = serde_json::from_slice(&records[1]).expect("records are JSON");
        change(&mut record["what"]["Received"]);
        *cluster.disks[0].0.lock().expect("one thread") = vec![records[0].clone(), record.to_string().into()];
        cluster.nodes[0] = Node::new(cluster.args.clone(), Some(Box::new(cluster.disks[0].clone())));
        cluster.ask(0, "boss", json!({"type": "init", "node_id": "n0", "node_ids": ["n0", "n1"]}))
    };
    for counter in [0, 10_000_000_000, u64::MAX / 2, u64::MAX] {
        let answer = boot(&mut cluster, &|write| write["dot"][2] = counter.into());
        assert_eq!(code(&answer), 13, "{answer}");
        assert!(answer["text"].as_str().is_some_and(|text| text.contains("record 2")), "{answer}");
    }
    assert_eq!(code(&boot(&mut cluster, &|write| write["dot"][0] = 2.into())), 13);
    assert_eq!(boot(&mut cluster, &|_| {})["type"], "init_ok");
    assert_eq!(cluster.read(0, "c0", json!("x"))["value"], 7);
}

/// Far behind is not forged: the first repair comes with a clock.
#[test]
fn what_is_far_ahead_comes_with_a_clock() {
    let mut cluster = Cluster::new(2, &["--level", "eventual"]);
    for number in 0..50 {
        cluster.write(1, "c1", json!(format!("k{number}")), json!(number));
    }
    // All updates are lost.
    cluster.under_way.clear();
    for _ in 0..4 {
        cluster.pass(600);
        cluster.deliver_all();
    }
    assert_eq!(cluster.read(0, "c0", json!("k49"))["value"], 49);
    assert!(cluster.log.iter().all(|line| !line.contains("dropped")), "{:?}", cluster.log);
}

#[test]
fn numbers_are_kept_exactly_or_refused() {
    let mut cluster = Cluster::new(1, &["--level", "eventual"]);
    let mut ask = |kind: &str, fields: &str| {
        cluster.next_id += 1;
        let id = cluster.next_id;
        let body = format!("{{\"type\":\"{kind}\",\"key\":\"meter\",\"msg_id\":{id},{fields}}}");
        cluster.feed(0, &format!("{{\"src\":\"c1\",\"dest\":\"n0\",\"body\":{body}}}"));
        cluster.answer("c1", id).expect("an answer").clone()
    };
    for lost in [
        "123456789012345678901234567890",
        "0.12345678901234567891",
        "-9223372036854775809",
        "[1,1e17,1.00000000000000000001]",
    ] {
        let refused = ask("write", &format!("\"value\":{lost}"));
        assert_eq!(code(&refused), 12, "{lost}");
        assert_eq!(code(&ask("cas", &format!("\"from\":{lost},\"to\":1"))), 12, "{lost}");
    }
    for kept in [
        "18446744073709551615",
        "-9223372036854775808",
        "0.1",
        "1.50",
        "-2.5e-3",
        "1e300",
        "\"1234567890123456789012\\\"5\"",
    ] {
        assert_eq!(ask("write", &format!("\"value\":{kept}"))["type"], "write_ok", "{kept}");
        assert_eq!(ask("read", "\"a\":0")["value"], serde_json::from_str::<Json>(kept).unwrap(), "{kept}");
    }
}

/// What is not on the disk is not acknowledged, and that is no bug.
#[test]
fn a_full_disk_ends_a_node_with_a_word() {
    let mut cluster = Cluster::new(2, &["--level", "eventual"]);
    cluster.write(0, "c0", json!("x"), json!(1));
    cluster.under_way.clear();
    cluster.disks[0].1.store(true, std::sync::atomic::Ordering::Relaxed);
    let id = cluster.begin(0, "c0", json!({ "type": "write", "key": "x", "value": 2 }));
    assert_eq!(cluster.answer("c0", id), None);
    assert!(cluster.under_way.is_empty(), "nothing of it leaves the node");
    let problem = cluster.nodes[0].disk_problem().expect("the disk is full").to_owned();
    let mut out = crate::node::Lines::default();
    cluster.nodes[0].crash(&problem, &mut out);
    cluster.sort_out(out);
    assert_eq!(code(cluster.answer("c0", id).expect("it is told")), 13);
    cluster.disks[0].1.store(false, std::sync::atomic::Ordering::Relaxed);
    cluster.start(0);
    assert_eq!(cluster.read(0, "c0", json!("x"))["value"], 1);
}
