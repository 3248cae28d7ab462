//! A second run in which messages of lower priority meet other fates.

use std::collections::BTreeMap;

use crate::common::*;
use kvsim_checkers::trace::{Action, Dot, Event, Level, NodeId, Recording, What};
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::{FaultKind, MessageName, Plan};
use kvsim_sim::scenario::*;

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
    let write = |key: &str, value| ScriptOp {
        at_ns: value * MS,
        action: Action::Write,
        key: key.into(),
        value: Some(value),
        bytes: 8,
        node: None,
    };
    let drop = |id| Fault {
        name: format!("drop[{id}]"),
        place: String::new(),
        kind: FaultSpec::Message(FaultKind::Drop(MessageName {
            kind: "update".into(),
            id,
            from: None,
            to: vec![NodeId(1)],
        })),
    };
    let mut scenario = rough();
    scenario.clients.clear();
    scenario.net.delay = Delay::Constant(MS);
    scenario.net.loss = Ratio::ZERO;
    scenario.net.duplicate = Ratio::ZERO;
    scenario.faults = vec![drop(1), drop(2)];
    scenario.script = vec![ScriptSession {
        name: "alice".into(),
        node: NodeId(0),
        level: Level::Eventual,
        quorum: 1,
        context: true,
        timeout_ns: MS,
        ops: vec![write("P0log", 1), write("P3alarm", 2)],
    }];
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
    scenario.net.bytes_per_s = Some(1 << 20);
    assert!(plan(&scenario, 1).with_other_fates_below(1).is_none());
    scenario.net.bytes_per_s = None;
    scenario.disk.write_ns = MS;
    assert!(plan(&scenario, 1).with_other_fates_below(1).is_none());
}
