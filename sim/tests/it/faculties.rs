//! What the engine can do, each seen in the trace of a run: a faculty that did nothing would fail here, not only change
//! a frozen hash.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::*;
use kvsim_checkers::trace::{LostBy, NodeId, Recording, What};
use kvsim_sim::faults::{DiskLoss, NodeFault};
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::{FaultKind, Plan};
use kvsim_sim::quantity::Bandwidth;
use kvsim_sim::scenario::Scenario;
use kvsim_store::Dot;
use serde_json::json;

fn run(scenario: &Scenario) -> (Plan, Recording) {
    let plan = plan(scenario, 1);
    let recording = record(&plan).1;
    (plan, recording)
}

/// By kind and identity of a message, sender and receiver: when it left and when it arrived first.
fn ways(recording: &Recording) -> BTreeMap<(u8, u64, NodeId, NodeId), [u64; 2]> {
    let sent: BTreeMap<u64, u64> = (recording.events.iter())
        .filter(|event| matches!(event.what, What::Sent { .. }))
        .map(|event| (event.number, event.at_ns))
        .collect();
    let mut ways = BTreeMap::new();
    for event in &recording.events {
        if let What::Delivered { kind, id, from } = event.what {
            ways.entry((kind, id, from, event.node)).or_insert([sent[&event.cause], event.at_ns]);
        }
    }
    ways
}

#[test]
fn a_one_way_partition_cuts_its_direction_and_no_other() {
    let mut scenario = rough();
    let cut =
        json!({ "fault": "partition", "at": "1s", "for": "1s", "one_way": { "from": ["n0"], "to": ["n1", "n2"] } });
    scenario.faults = vec![fault_of(cut)];
    let (_, recording) = run(&scenario);
    let by_cut = recording.events.iter().filter_map(|event| match event.what {
        What::Lost { to, by: LostBy::Fault(0), .. } => Some((event.node, to)),
        _ => None,
    });
    let lost: BTreeSet<(NodeId, NodeId)> = by_cut.collect();
    assert_eq!(lost, [(NodeId(0), NodeId(1)), (NodeId(0), NodeId(2))].into());
    let during = |at_ns: &u64| (1_000 * MS..2_000 * MS).contains(at_ns);
    let backwards = |(_, _, from, to): &(u8, u64, NodeId, NodeId)| (*from, *to) == (NodeId(1), NodeId(0));
    assert!(ways(&recording).iter().any(|(way, [sent, _])| backwards(way) && during(sent)));
}

#[test]
fn a_network_that_settles_loses_and_doubles_nothing() {
    let mut scenario = rough();
    scenario.faults.push(fault_of(json!({ "fault": "loss_burst", "at": "1s", "for": "2s", "loss": "100%" })));
    let (plan, recording) = run(&scenario);
    let count = |settles: bool, what: fn(&What) -> bool| {
        let then = recording.events.iter().filter(|event| (event.at_ns > plan.workload_end_ns) == settles);
        then.filter(|event| what(&event.what)).count()
    };
    let is_bad = |what: &What| matches!(what, What::Lost { .. } | What::Duplicated { .. });
    assert!(count(false, is_bad) > 100 && count(true, |what| matches!(what, What::Delivered { .. })) > 100);
    assert_eq!(count(true, is_bad), 0);
}

/// All write to one key; what a session has read, its next write replaces.
#[test]
fn a_context_that_is_handed_back_replaces_what_was_read() {
    let siblings = |context: bool| {
        let mut scenario = rough();
        (scenario.replicas, scenario.faults, scenario.keys.count) = (2, Vec::new(), 1);
        scenario.net.usual.loss = Ratio::ZERO;
        scenario.clients[0].context = context;
        let (_, recording) = run(&scenario);
        let handed = recording.events.iter().filter(|event| matches!(event.what, What::Invoked { context: true, .. }));
        let mut returned: BTreeMap<u32, BTreeSet<Dot>> = BTreeMap::new();
        for event in &recording.events {
            if let What::Returned { op, write } = event.what {
                returned.entry(op).or_default().insert(write);
            }
        }
        (handed.count(), returned.values().filter(|writes| writes.len() > 1).count())
    };
    let [(handed, with), (none, without)] = [siblings(true), siblings(false)];
    assert!(handed > 50 && none == 0, "{handed} and {none} writes hand back a context");
    assert!(with < without, "{with} reads find siblings, {without} without contexts");
}

/// A session writes three times, here and there, before anything arrives: each write replaces the one before.
#[test]
fn a_session_that_moves_and_writes_leaves_one_version() {
    for store in [json!({}), json!({ "ack": "majority" }), json!({ "replication": 2 }), json!({ "views": "none" })] {
        let at = |at: u64, node: &str, value: u64| json!({ "at": format!("{at}ms"), "by": "one", "node": node, "write": "k", "value": value });
        let scenario = json!({
            "replicas": 3,
            "duration": "1s",
            "store": store,
            "net": { "delay": "20ms" },
            "script": {
                "sessions": { "one": { "at": "n0" }, "reader": { "at": "n2" } },
                "ops": [at(10, "n0", 1), at(12, "n1", 2), at(14, "n0", 3), { "at": "900ms", "by": "reader", "read": "k" }],
            },
        });
        let mut scenario: Scenario = serde_json::from_value(scenario).expect("a scenario");
        kvsim_sim::stores::BUILT_IN.bind(&mut scenario.store);
        let (_, recording) = run(&scenario);
        let returned = recording.events.iter().filter(|event| matches!(event.what, What::Returned { .. }));
        assert_eq!(returned.count(), 1, "{store}");
        let holds = recording.events.iter().filter(|event| matches!(event.what, What::Holds { .. }));
        let held: BTreeSet<Dot> = holds
            .map(|event| match event.what {
                What::Holds { write, .. } => write,
                _ => unreachable!("chosen"),
            })
            .collect();
        assert_eq!(held.len(), 1, "{store}");
    }
}

#[test]
fn a_late_fault_makes_messages_late() {
    let mut scenario = rough();
    scenario.net.usual.delay = Delay::Constant(5 * MS);
    let late = json!({ "fault": "late", "at": "1s", "for": "1s", "share": "50%", "delay": "300ms" });
    scenario.faults = vec![fault_of(late)];
    let (_, recording) = run(&scenario);
    let ways = ways(&recording);
    let slow = |during: bool| {
        let then = ways.values().filter(move |[sent, _]| (1_000 * MS..2_000 * MS).contains(sent) == during);
        then.filter(|[sent, arrived]| arrived - sent >= 300 * MS).count()
    };
    assert!(slow(true) > 100, "only {} messages are late", slow(true));
    assert_eq!(slow(false), 0);
}

#[test]
fn sessions_that_move_ask_several_nodes_and_others_one() {
    let mut scenario = rough();
    let mut movers = scenario.clients[0].clone();
    movers.name = "mover".into();
    movers.moves = Some(kvsim_sim::quantity::Duration(100 * MS));
    scenario.clients.push(movers);
    let (plan, recording) = run(&scenario);
    let mut asked: BTreeMap<u32, BTreeSet<NodeId>> = BTreeMap::new();
    for event in &recording.events {
        if let What::Invoked { session, .. } = event.what {
            asked.entry(session).or_default().insert(event.node);
        }
    }
    for (session, nodes) in asked {
        let session = &plan.sessions[session as usize];
        assert_eq!(nodes.len() > 1, session.name.starts_with("mover"), "{} asked {nodes:?}", session.name);
    }
}

#[test]
fn a_torn_disk_loses_a_write_that_it_had_promised() {
    let mut scenario = rough();
    let crash =
        |disk: &str| json!({ "fault": "crash", "node": "n0", "at": ["1s", "2s"], "for": "100ms", "disk": disk });
    let forgot = |scenario: &Scenario| {
        let (plan, recording) = run(scenario);
        let torn = |fault: &FaultKind| {
            matches!(fault, FaultKind::Node { fault: NodeFault::Crash { disk: DiskLoss::Torn }, .. })
        };
        let has_torn = plan.faults.iter().any(|fault| torn(&fault.kind));
        let promised = |what: &What| matches!(what, What::Forgot { promised: true, .. });
        (has_torn, recording.events.iter().filter(|event| promised(&event.what)).count())
    };
    scenario.faults = vec![fault_of(crash("torn"))];
    let (has_torn, lost) = forgot(&scenario);
    assert!(has_torn && lost > 0, "{lost} promised writes are lost");
    scenario.faults = vec![fault_of(crash("kept"))];
    assert_eq!(forgot(&scenario), (false, 0));
}

/// The bound for an alarm comes from the link: the rest of one message, what is as urgent, itself, and the way.
#[test]
fn an_alarm_waits_for_one_log_line_at_most_where_bandwidth_is_scarce() {
    let script = |name: &str, at: u64, value: u64, bytes: u64| json!({ "at": format!("{at}ms"), "by": "panel", "write": name, "value": value, "size": format!("{bytes}B") });
    let lines = (1..=40).map(|value| script("P0line", value, value, 1_000));
    let alarms = (41..=45).map(|value| script("P3alarm", 10 * (value - 40), value, 16));
    let scenario = json!({
        "replicas": 2,
        "duration": "3s",
        "store": { "name": "ndc", "anti_entropy": "50ms" },
        "net": { "delay": "5ms" },
        "script": {
            "sessions": { "panel": { "at": "n0", "level": "priority" } },
            "ops": lines.chain(alarms).collect::<Vec<_>>(),
        },
    });
    let mut scenario: Scenario = serde_json::from_value(scenario).expect("a scenario");
    kvsim_sim::stores::BUILT_IN.bind(&mut scenario.store);
    scenario.net.usual.bandwidth = Bandwidth(Some(40_000));
    let (_, recording) = run(&scenario);
    let update = recording.header.kinds.iter().position(|kind| kind == "update").expect("a kind") as u8;
    let sizes = recording.events.iter().filter_map(|event| match event.what {
        What::Sent { kind, id, bytes, .. } if kind == update => Some((id, u64::from(bytes))),
        _ => None,
    });
    let sizes: BTreeMap<u64, u64> = sizes.collect();
    let largest = recording.events.iter().filter_map(|event| match event.what {
        What::Sent { bytes, .. } if event.node == NodeId(0) && event.at_ns < 60 * MS => Some(u64::from(bytes)),
        _ => None,
    });
    let largest = largest.max().expect("messages");
    let took = |id: u64| {
        let [sent, arrived] = ways(&recording)[&(update, id, NodeId(0), NodeId(1))];
        arrived - sent
    };
    for alarm in 41..=45 {
        // At most the messages of as urgent a kind that came within the last one, each below 300 bytes.
        let bound_ns = (largest + sizes[&alarm] + 900) * 1_000_000_000 / 40_000 + 5 * MS;
        assert!(took(alarm) <= bound_ns, "alarm {alarm} took {} ns, bound {bound_ns} ns", took(alarm));
    }
    assert!(took(40) > 500 * MS, "the last line waits for all others: {} ns", took(40));
}
