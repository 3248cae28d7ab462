//! Messages of peers that an enemy wrote, thousands of them.

use super::{Cluster, MS};
use crate::node::Lines;
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
