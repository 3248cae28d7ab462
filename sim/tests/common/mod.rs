//! Scenarios for the tests of this folder.
#![allow(dead_code)] // each of the two programs uses some of it

use std::collections::BTreeMap;

use kvsim_checkers::trace::{Level, Recording};
use kvsim_sim::engine::Outcome;
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::{DiskPlan, LinkPlan, Plan};
use kvsim_sim::scenario::*;
pub use kvsim_sim::stores::StoreSpec;
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
        seed: 1,
        replicas: 4,
        duration_ns: 3_000 * MS,
        settle: Settle::Auto,
        store: StoreSpec::default().with("strip", "200ms"),
        disk: DiskPlan::default(),
        net: LinkPlan {
            delay: Delay::Exponential { mean: 20 * MS },
            loss: percent(20),
            duplicate: percent(10),
            bytes_per_s: None,
        },
        links: Vec::new(),
        keys: Keys { count: 10, choice: KeyChoice::Uniform, writers: Writers::Many, priorities: [1, 0, 0, 0] },
        clients: vec![ClientGroup {
            name: "app".into(),
            sessions: 8,
            at: Vec::new(),
            moves_ns: None,
            pace: Pace::Think { mean_ns: 50 * MS },
            mix: Mix { read: 3, write: 4, delete: 1 },
            value_bytes: (16, 16),
            level: Level::Eventual,
            quorum: 1,
            context: true,
            timeout_ns: 1_000 * MS,
        }],
        script: Vec::new(),
        faults: vec![Fault {
            name: "random_partition[0]".into(),
            place: String::new(),
            kind: FaultSpec::RandomPartitions {
                every_ns: 500 * MS,
                lasting_ns: 300 * MS,
                shapes: vec![RandomShape::Halves, RandomShape::Isolate, RandomShape::OneWay, RandomShape::Bridge],
            },
        }],
        expect: BTreeMap::new(),
    }
}

pub fn plan(scenario: &Scenario, seed: u64) -> Plan {
    let plan = lower::lower(scenario, seed, "test").expect("small enough");
    plan.validate().expect("a lowered plan is valid");
    plan
}

/// Runs and records.
pub fn record(plan: &Plan) -> (Outcome, Recording) {
    let store = stores::find(&plan.store.name).expect("a store");
    let mut events = Vec::new();
    let outcome = (store.run)(plan, &mut events).expect("the store does not panic");
    (outcome, Recording { header: (store.header)(plan), events })
}
