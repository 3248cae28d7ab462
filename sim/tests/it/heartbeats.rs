//! Heartbeats: replicas notice that an ordered view falls behind, and say for how long.

use crate::common::*;
use kvsim_checkers::trace::{Level, NodeId, What};
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::*;
use serde_json::json;

const BEAT_NS: u64 = 100 * MS;

/// Alice's first write at n0 does not reach n1, at 500 ms.
fn gap() -> Scenario {
    let mut scenario = rough();
    scenario.replicas = 3;
    scenario.clients.clear();
    scenario.net.usual.delay = Delay::Constant(MS);
    scenario.net.usual.loss = Ratio::ZERO;
    scenario.net.usual.duplicate = Ratio::ZERO;
    scenario.store.set("views", "all");
    scenario.store.set("heartbeat", "100ms");
    scenario.store.set("anti_entropy", "off");
    scenario.settle = Settle::Off;
    scenario.faults = vec![fault_of(json!({ "fault": "drop", "write": 1, "to": "n1" }))];
    let op = json!({ "at": "500ms", "by": "alice", "write": "x", "value": 1 });
    let script = json!({ "sessions": { "alice": { "at": "n0", "timeout": "1ms" } }, "ops": [op] });
    scenario.script = serde_json::from_value(script).expect("a script");
    scenario
}

/// When who reported to be how long behind whom.
fn lags(plan: &Plan) -> Vec<(u64, NodeId, NodeId, u64)> {
    let (_, recording) = record(plan);
    recording.validate().expect("the engine records what is valid");
    let lag = |event: &kvsim_checkers::trace::Event| match event.what {
        What::Lagging { level: Level::Fifo, origin, behind_ns } => Some((event.at_ns, event.node, origin, behind_ns)),
        _ => None,
    };
    recording.events.iter().filter_map(lag).collect()
}

#[test]
fn a_gap_that_nobody_closes_is_reported_as_long_as_it_lasts() {
    for seed in 0..10 {
        let plan = plan(&gap(), seed);
        let beats = plan.sessions.iter().find(|session| session.name == "heartbeat-n0").expect("a session");
        let first_ns = beats.ops.iter().map(|op| op.wait_ns).find(|at_ns| *at_ns >= 500 * MS).expect("a beat") + MS;
        let lags = lags(&plan);
        // Until the end, once per heartbeat at most; the replica looks when a heartbeat of n0 arrives.
        assert!((22..=24).contains(&lags.len()), "{lags:?}");
        assert!(lags.windows(2).all(|pair| pair[1].0 - pair[0].0 >= BEAT_NS));
        for (at_ns, node, origin, behind_ns) in lags {
            assert_eq!((node, origin), (NodeId(1), NodeId(0)));
            assert_eq!(behind_ns, at_ns - first_ns, "since the first heartbeat after the gap arrived");
            assert!(behind_ns > BEAT_NS);
        }
    }
}

#[test]
fn a_gap_that_is_closed_in_time_is_no_lag() {
    let mut scenario = gap();
    scenario.store.set("anti_entropy", "20ms");
    for seed in 0..10 {
        assert_eq!(lags(&plan(&scenario, seed)), []);
    }
}

#[test]
fn heartbeats_change_no_other_operation() {
    let mut scenario = rough();
    scenario.store.set("views", "all");
    let without = plan(&scenario, 3);
    scenario.store.set("heartbeat", "100ms");
    let mut with = plan(&scenario, 3);
    assert_eq!(with.cluster().heartbeats.iter().map(|key| key.index()).collect::<Vec<_>>(), [10, 11, 12, 13]);
    assert_eq!(with.keys[10..], ["heartbeat-n0", "heartbeat-n1", "heartbeat-n2", "heartbeat-n3"]);
    assert!(with.sessions[8..].iter().all(|session| session.ops.len() == 30), "one in 100 ms for 3 s");
    assert!(with.sessions.iter().all(|session| session.of_store == session.name.starts_with("heartbeat-n")));
    with.keys.truncate(10);
    with.sessions.retain(|session| !session.of_store);
    with.store.set("heartbeat", "off");
    assert_eq!(with, without);
}
