//! A second run in which messages of lower priority meet other fates.

use std::collections::BTreeMap;

use crate::common::*;
use kvsim_checkers::trace::{Dot, Event, Level, NodeId, Recording, What};
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::Plan;
use kvsim_sim::quantity::{Bandwidth, Duration};
use serde_json::json;

/// What became of every message: of those that replicate a write of a priority below `below`, and of all others.
fn fates(plan: &Plan, recording: &Recording, below: u8) -> [Vec<(u64, NodeId, What)>; 2] {
    let mut priorities = BTreeMap::new();
    for op in plan.sessions.iter().flat_map(|session| &session.ops) {
        priorities.insert(op.value, kvsim_store::Priority::of_name(&plan.keys[op.key as usize]) as u8);
    }
    let update = recording.header.kinds.iter().position(|kind| kind == "update").expect("a kind") as u8;
    let low = |event: &&Event| match event.what {
        What::Lost { kind, id, .. } | What::Delivered { kind, id, .. } | What::Duplicated { kind, id, .. } => {
            kind == update && priorities[&id] < below
        }
        _ => false,
    };
    let message =
        |event: &&Event| matches!(event.what, What::Lost { .. } | What::Delivered { .. } | What::Duplicated { .. });
    let (low, others): (Vec<&Event>, Vec<&Event>) = recording.events.iter().filter(message).partition(low);
    [low, others].map(|events| events.into_iter().map(|event| (event.at_ns, event.node, event.what)).collect())
}

#[test]
fn messages_of_lower_priority_meet_other_fates_and_all_others_the_same() {
    let mut scenario = rough();
    scenario.keys.priorities = [1, 1, 1, 1];
    scenario.keys.count = 40; // so that there are some of each
    for seed in 0..10 {
        for below in 1..=3 {
            let base = plan(&scenario, seed);
            let varied = base.with_other_fates_below(below).expect("nothing couples the messages");
            varied.validate().expect("valid");
            let [low, others] = fates(&base, &record(&base).1, below);
            let [other_low, same] = fates(&base, &record(&varied).1, below);
            assert!(low != other_low && !low.is_empty(), "seed {seed}, below {below}");
            assert!(others == same && !others.is_empty(), "seed {seed}, below {below}");
        }
    }
}

/// When readers at `level` begin (1) and cease (-1) to see which write.
fn shown(plan: &Plan, level: Level) -> Vec<((u64, NodeId, Dot), i32)> {
    let (_, recording) = record(plan);
    let mut changes = BTreeMap::new();
    for event in &recording.events {
        let (levels, write, change) = match event.what {
            What::Visible { levels, write } => (levels, write, 1),
            What::Hidden { levels, write } => (levels, write, -1),
            _ => continue,
        };
        if levels.contains(level) {
            *changes.entry((event.at_ns, event.node, write)).or_default() += change;
        }
    }
    // No reader sees what comes and goes within a step.
    changes.into_iter().filter(|(_, change)| *change != 0).collect()
}

#[test]
fn narrow_views_of_ndc_do_not_notice() {
    let mut scenario = rough();
    scenario.keys.priorities = [1, 1, 1, 1];
    scenario.keys.count = 40;
    scenario.store.set("views", "all");
    for seed in 0..4 {
        let base = plan(&scenario, seed);
        for (below, level) in [(1, Level::FifoP1), (2, Level::FifoP2), (3, Level::FifoP3)] {
            let varied = base.with_other_fates_below(below).expect("nothing couples the messages");
            let (expected, shown_then) = (shown(&base, level), shown(&varied, level));
            assert!(expected == shown_then && !expected.is_empty(), "seed {seed}, {}", level.name());
            assert!(shown(&base, Level::Fifo) != shown(&varied, Level::Fifo), "seed {seed}: what carries all notices");
        }
    }
}

/// Alice writes a log line and an alarm; neither reaches n1 by itself.
fn dropped(seed: u64) -> Plan {
    let drop = |write| fault_of(json!({ "fault": "drop", "write": write, "to": "n1" }));
    let mut scenario = rough();
    scenario.clients.clear();
    scenario.net.usual.delay = Delay::Constant(MS);
    scenario.net.usual.loss = Ratio::ZERO;
    scenario.net.usual.duplicate = Ratio::ZERO;
    scenario.faults = vec![drop(1), drop(2)];
    let ops = [
        json!({ "at": "1ms", "by": "alice", "write": "P0log", "value": 1 }),
        json!({ "at": "2ms", "by": "alice", "write": "P3alarm", "value": 2 }),
    ];
    let script = json!({ "sessions": { "alice": { "at": "n0", "timeout": "1ms" } }, "ops": ops });
    scenario.script = serde_json::from_value(script).expect("a script");
    plan(&scenario, seed)
}

#[test]
fn a_drop_of_lower_priority_is_part_of_the_fate_that_differs() {
    let arrives = |plan: &Plan, id| {
        let (_, recording) = record(plan);
        recording.events.iter().any(|event| {
            event.node == NodeId(1) && matches!(event.what, What::Delivered { kind: 0, id: other, .. } if other == id)
        })
    };
    let mut arrived = 0;
    for seed in 0..40 {
        let base = dropped(seed);
        let varied = base.with_other_fates_below(1).expect("nothing couples the messages");
        assert!(!arrives(&base, 1) && !arrives(&base, 2) && !arrives(&varied, 2));
        arrived += u32::from(arrives(&varied, 1));
    }
    assert!((10..30).contains(&arrived), "about every other one arrives: {arrived} of 40");
}

#[test]
fn there_is_no_second_run_where_messages_wait_for_each_other() {
    let mut scenario = rough();
    assert!(plan(&scenario, 1).with_other_fates_below(1).is_some());
    scenario.net.usual.bandwidth = Bandwidth(Some(1 << 20));
    assert!(plan(&scenario, 1).with_other_fates_below(1).is_none());
    scenario.net.usual.bandwidth = Bandwidth(None);
    scenario.disk.write = Duration(MS);
    assert!(plan(&scenario, 1).with_other_fates_below(1).is_none());
}
