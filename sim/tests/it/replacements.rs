//! What is left of dead replicas goes: however many there were, messages get no larger, and nothing is remembered of them.

use std::collections::BTreeMap;

use crate::common::*;
use kvsim_checkers::trace::{Recording, What};
use kvsim_sim::net::Delay;
use kvsim_sim::plan::{LinkPlan, Plan};
use kvsim_sim::quantity::Duration;
use kvsim_sim::scenario::{Mix, Pace, Settle};
use kvsim_sim::stores;
use serde_json::{Value, json};

/// After these faults a cluster of five works on, undisturbed, for this long.
const QUIET_NS: u64 = 25_000_000_000;

/// A cluster of five that has been at work for so many times 200 ms; of three to five operations so many `read`. If its nodes `change`, one of them was replaced each time.
fn cluster(turns: u64, change: bool, read: u32, setting: Option<(&str, Value)>) -> (Plan, Recording) {
    let mut scenario = rough();
    scenario.replicas = 5;
    scenario.duration = Duration(200 * MS * turns + QUIET_NS);
    scenario.settle = Settle::For(Duration(2_000 * MS));
    let store = stores::BUILT_IN.default().spec().with("anti_entropy", "20ms").with("strip", "50ms");
    scenario.store = setting.into_iter().fold(store, |store, (name, value)| store.with(name, value));
    scenario.net.usual =
        LinkPlan { delay: Delay::Constant(MS), loss: percent(0), duplicate: percent(0), ..scenario.net.usual };
    scenario.keys.count = 20;
    let clients = &mut scenario.clients[0];
    (clients.sessions, clients.mix) = (5, Mix { read, write: 2, delete: 1 });
    (clients.pace, clients.timeout) = (Pace::Think { think: Duration(200 * MS) }, Duration(100 * MS));
    let replaced = |node: u64| {
        let at: Vec<String> = (node..turns).step_by(5).map(|turn| format!("{}ms", 200 * turn + 100)).collect();
        fault_of(json!({ "fault": "replace", "node": format!("n{node}"), "at": at, "for": "20ms" }))
    };
    scenario.faults = (0..5).filter(|_| change).map(replaced).collect();
    let plan = plan(&scenario, 1);
    let (outcome, recording) = record(&plan);
    assert!(outcome.complete);
    (plan, recording)
}

/// The mean size of a message of each kind in the quiet time, once every client has worked with what is there then.
fn sizes((plan, recording): &(Plan, Recording)) -> BTreeMap<String, f64> {
    let until_ns = plan.workload_end_ns;
    let mut sums: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    for event in recording.events.iter().filter(|event| (until_ns - QUIET_NS * 4 / 5..until_ns).contains(&event.at_ns))
    {
        let What::Sent { kind, bytes, copies, .. } = event.what else { continue };
        let kind = recording.header.kinds[usize::from(kind)].clone();
        let (sum, count) = sums.entry(kind).or_default();
        *sum += u64::from(bytes) * u64::from(copies);
        *count += u64::from(copies);
    }
    sums.into_iter().map(|(kind, (sum, count))| (kind, sum as f64 / count as f64)).collect()
}

/// What all replicas say of themselves at the end, by gauge.
fn gauges(recording: &Recording) -> BTreeMap<&str, u64> {
    let mut sums = BTreeMap::new();
    for event in &recording.events {
        if let What::Gauge { gauge, value } = event.what {
            *sums.entry(recording.header.gauges[usize::from(gauge)].name.as_str()).or_default() += value;
        }
    }
    sums
}

/// With `KVSIM_REPLACEMENTS=1000` in place of 200 it takes ten seconds.
#[test]
#[allow(clippy::disallowed_methods)] // how many are replaced is told, and no part of any run
fn messages_are_as_large_as_those_of_a_new_cluster() {
    let replacements = std::env::var("KVSIM_REPLACEMENTS").ok().and_then(|count| count.parse().ok()).unwrap_or(200);
    let ring = Some(("replication", json!(3)));
    for (setting, read) in [(None, 2), (None, 0), (Some(("views", json!("all"))), 2), (ring, 2)] {
        let store = format!("{setting:?}, {read} reads");
        let new = cluster(replacements, false, read, setting.clone());
        let old = cluster(replacements, true, read, setting);
        let (sizes_of_new, sizes_of_old) = (sizes(&new), sizes(&old));
        println!("{store} new {sizes_of_new:?}\n{replacements} replacements {sizes_of_old:?}");
        assert!(sizes_of_new.keys().eq(sizes_of_old.keys()) && sizes_of_new.len() >= 3, "{sizes_of_new:?}");
        assert_eq!(gauges(&old.1)["dead-replicas"], 0, "{store}");
        for (kind, new) in sizes_of_new {
            let old = sizes_of_old[&kind];
            assert!(old < new * 1.1, "{store}: {kind} has {old} bytes after {replacements} replacements, not {new}");
        }
    }
}
