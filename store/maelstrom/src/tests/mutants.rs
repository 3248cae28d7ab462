//! Messages of peers that an enemy wrote, thousands of them.

use super::{Cluster, MS};
use crate::node::{Lines, Node};
use serde_json::json;

#[path = "../../../../sim/cli/src/mutants/mutator.rs"]
mod mutator;

const MUTANTS: u64 = 100_000;

/// What n1 and n2 say to n0 while clients write, read and compare.
fn said() -> Vec<Vec<u8>> {
    let mut cluster = Cluster::new(3, &["--level", "fifo", "--ack", "2", "--read-quorum", "2"]);
    let mut said = Vec::new();
    for round in 0..20 {
        let key = format!("k{}", round % 3);
        cluster.begin(1, "c1", json!({ "type": "write", "key": key, "value": round }));
        cluster.begin(
            2,
            "c2",
            json!({ "type": "cas", "key": key, "from": round, "to": 7, "create_if_not_exists": true }),
        );
        cluster.begin(0, "c0", json!({ "type": "read", "key": key }));
        cluster.pass(300);
        for _ in 0..40.min(cluster.under_way.len()) {
            if cluster.under_way[0].0 == "n0" {
                said.push(cluster.under_way[0].1.clone().into_bytes());
            }
            cluster.deliver(0);
        }
    }
    said
}

#[test]
#[ignore = "takes a minute"]
fn messages_that_an_enemy_wrote() {
    let said = said();
    let mut cluster = Cluster::new(3, &["--level", "fifo", "--ack", "2", "--read-quorum", "2"]);
    said.iter().for_each(|line| cluster.feed(0, &String::from_utf8_lossy(line)));
    assert!(cluster.log.iter().all(|line| !line.contains("dropped")), "what is true is taken: {:?}", cluster.log);
    let (mut cluster, mut log) = (Cluster::new(3, &["--level", "fifo", "--ack", "2", "--read-quorum", "2"]), 0);
    for number in 0..MUTANTS {
        let mutant = mutator::Mutator::new(number).mutate(&said[(number % said.len() as u64) as usize]);
        let mut out = Lines::default();
        let node = &mut cluster.nodes[0];
        let now_ns = number * MS;
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            node.take(&mutant, now_ns, &mut out);
            node.wake(now_ns, &mut out);
        }));
        assert!(ended.is_ok(), "mutant {number}: {}", String::from_utf8_lossy(&mutant));
        log += out.log.len();
        // A node that was fed lies says them, too: others hear nothing of it, and it begins anew now and then.
        if number % 100 == 99 {
            cluster = Cluster::new(3, &["--level", "fifo", "--ack", "2", "--read-quorum", "2"]);
        }
    }
    println!("{log} of {MUTANTS} messages were told to be wrong");
    assert!((MUTANTS / 2..MUTANTS).contains(&(log as u64)), "most are, and some can be true");
}

#[test]
#[ignore = "takes a minute"]
fn records_that_an_enemy_wrote() {
    let mut cluster = Cluster::new(3, &["--level", "fifo"]);
    for round in 0..10 {
        cluster.write(round % 3, "c", json!(format!("k{}", round % 4)), json!(round));
        cluster.pass(600);
        (0..20.min(cluster.under_way.len())).for_each(|_| cluster.deliver(0));
    }
    let records = cluster.disks[0].0.lock().expect("one thread").clone();
    let mut taken = 0;
    for number in 0..MUTANTS / 10 {
        let at = (number % records.len() as u64) as usize;
        let mut changed = records.clone();
        changed[at] = mutator::Mutator::new(number).mutate(&records[at]);
        *cluster.disks[0].0.lock().expect("one thread") = changed.clone();
        let boot = std::panic::AssertUnwindSafe(|| {
            cluster.nodes[0] = Node::new(cluster.args.clone(), Some(Box::new(cluster.disks[0].clone())));
            let init = json!({"type": "init", "node_id": "n0", "node_ids": ["n0", "n1", "n2"]});
            cluster.ask(0, "boss", init)["type"] == "init_ok"
        });
        match std::panic::catch_unwind(boot) {
            Ok(is_taken) => taken += u64::from(is_taken),
            Err(_) => panic!("mutant {number}: {}", String::from_utf8_lossy(&changed[at])),
        }
    }
    println!("{taken} of {} changed logs were taken", MUTANTS / 10);
}
