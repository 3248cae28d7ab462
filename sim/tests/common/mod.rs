//! Scenarios for the tests of this folder, and for benches.
#![allow(dead_code)] // each program uses some of it

use std::collections::BTreeMap;

use kvsim_checkers::trace::{Level, Recording};
use kvsim_sim::engine::Outcome;
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::{DiskPlan, LinkPlan, Plan};
use kvsim_sim::quantity::{Bandwidth, Duration, Seed, Sizes};
use kvsim_sim::scenario::*;
use kvsim_sim::{lower, stores};

pub const MS: u64 = 1_000_000;

pub fn percent(percent: u64) -> Ratio {
    Ratio::from_billionths(percent * 10_000_000).expect("a share")
}

/// Everything that can go wrong without a crash: loss, duplicates, re-ordering, random partitions, many
/// writers per key, deletes.
pub fn rough() -> Scenario {
    Scenario {
        name: "rough".into(),
        title: String::new(),
        seed: Seed(1),
        replicas: 4,
        duration: Duration(3_000 * MS),
        settle: Settle::Auto,
        store: stores::BUILT_IN.default().spec().with("strip", "200ms"),
        disk: DiskPlan::default(),
        net: Net {
            usual: LinkPlan {
                delay: Delay::Exponential { mean: 20 * MS },
                loss: percent(20),
                duplicate: percent(10),
                bandwidth: Bandwidth(None),
            },
            link: Vec::new(),
        },
        regions: Default::default(),
        keys: Keys { count: 10, choice: KeyChoice::Uniform, writers: Writers::Many, priorities: [1, 0, 0, 0] },
        clients: vec![ClientGroup {
            name: "app".into(),
            sessions: 8,
            at: None,
            region: None,
            latency: None,
            moves: None,
            pace: Pace::Think { think: Duration(50 * MS) },
            mix: Mix { read: 3, write: 4, delete: 1 },
            priority: None,
            value: Sizes(16, 16),
            level: Level::Eventual,
            quorum: 1,
            context: true,
            timeout: Duration(1_000 * MS),
        }],
        script: Script::default(),
        faults: vec![Fault {
            name: "random_partition[0]".into(),
            place: String::new(),
            kind: FaultSpec::Partition(PartitionFault::RandomPartition {
                every: Duration(500 * MS),
                lasting: Duration(300 * MS),
                shapes: None,
            }),
        }],
        expect: BTreeMap::new(),
    }
}

/// A fault as its table in a file, and a field `fault` with the table's name.
pub fn fault_of(fields: serde_json::Value) -> Fault {
    let name = format!("{}[0]", fields["fault"].as_str().expect("a kind"));
    Fault { name, ..serde_json::from_value(fields).expect("a fault") }
}

pub fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let plan = lower::lower(scenario, seed, "test").expect("small enough");
    plan.validate().expect("a lowered plan is valid");
    plan
}

/// Runs and records.
pub fn record(plan: &Plan) -> (Outcome, Recording) {
    let store = stores::BUILT_IN.find(&plan.store.name).expect("a store");
    let mut events = Vec::new();
    let outcome = (store.run)(plan, &mut events).expect("the store does not panic");
    (outcome, Recording { header: (store.header)(plan), events })
}
