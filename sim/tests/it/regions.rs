//! Clients that are somewhere: what they send takes time, and so does what they hear.

use std::collections::BTreeMap;

use kvsim_checkers::trace::{Event, NodeId, Recording, What};
use kvsim_sim::lower::lower;
use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::BUILT_IN;
use serde_json::{Value, json};

use super::common::{MS, record};

fn plan(scenario: Value) -> Plan {
    let mut scenario: Scenario = serde_json::from_value(scenario).expect("a scenario");
    BUILT_IN.bind(&mut scenario.store);
    let plan = lower(&scenario, 1, "test").expect("small enough");
    plan.validate().expect("a lowered plan is valid");
    plan
}

fn three_regions() -> Plan {
    plan(json!({
        "replicas": 4, "duration": "2s",
        "regions": {
            "east": { "nodes": ["n0", "n1"], "delay": "1ms", "to": { "west": "20ms", "north": "30ms" } },
            "north": { "nodes": ["n3"], "to": { "east": "35ms" } },
            "west": { "nodes": "n2", "delay": "2ms" },
        },
        "net": { "delay": "50ms", "link": [{ "from": "n0", "to": "n2", "loss": "1%" }] },
        "clients": {
            "near": { "region": "east", "sessions": 2 },
            "far": { "region": "west", "at": "n0", "sessions": 2 },
            "wide": { "region": "west", "at": ["n0", "n2", "n3"], "moves": "50ms", "sessions": 3 },
            "here": { "at": "n3" },
            "own": { "region": "east", "latency": "3ms..4ms", "at": "n2" },
        },
    }))
}

/// By operation: session and node, and how long its request and its answer were under way.
fn ways(recording: &Recording) -> BTreeMap<u32, (String, NodeId, u64, u64)> {
    let events = &recording.events;
    let mut ways = BTreeMap::new();
    for answer in events {
        let What::Answered { op } = answer.what else { continue };
        let find = |wanted: &dyn Fn(&Event) -> bool| events.iter().find(|event| wanted(event)).copied();
        let invoked = find(&|event| matches!(event.what, What::Invoked { op: of, .. } if of == op)).expect("asked for");
        let What::Invoked { session, .. } = invoked.what else { continue };
        let reached = find(&|event| event.what == What::Reached { op }).unwrap_or(invoked);
        let given = find(&|event| event.number == answer.cause).expect("a cause");
        assert!(reached.number <= given.number, "a replica answers what it has seen");
        let name = recording.header.sessions[session as usize].clone();
        ways.insert(op, (name, invoked.node, reached.at_ns - invoked.at_ns, answer.at_ns - given.at_ns));
    }
    ways
}

#[test]
fn requests_and_answers_take_as_long_as_it_is_far() {
    let (_, recording) = record(&three_regions());
    let ways = ways(&recording);
    let mut counts: BTreeMap<(&str, NodeId), u32> = BTreeMap::new();
    for (op, (name, node, there, back)) in &ways {
        let group = name.split('-').next().expect("a name");
        *counts.entry((group, *node)).or_default() += 1;
        let expected = match (group, node.0) {
            ("near", _) => (MS, MS),
            ("far" | "wide", 0) => (20 * MS, 20 * MS),
            ("wide", 2) => (2 * MS, 2 * MS),
            // Between west and north nothing is said.
            ("wide", 3) => (50 * MS, 50 * MS),
            ("here", 3) => (0, 0),
            ("own", 2) => {
                assert!((3 * MS..=4 * MS).contains(there) && (3 * MS..=4 * MS).contains(back), "{op}");
                assert_ne!(there, back, "each is drawn");
                continue;
            }
            other => panic!("{other:?}"),
        };
        assert_eq!((*there, *back), expected, "#{op} of {name} at {node}");
    }
    assert_eq!(counts.len(), 8, "{counts:?}");
    assert!(counts.values().all(|count| *count >= 5), "{counts:?}");
}

#[test]
fn links_are_as_long_as_regions_say() {
    let plan = three_regions();
    let delay = |from: u16, to: u16| plan.link(NodeId(from), NodeId(to)).delay.to_string();
    let delays = [(0, 1), (0, 2), (2, 1), (1, 3), (3, 1), (2, 3)].map(|(from, to)| delay(from, to));
    assert_eq!(delays, ["1ms", "20ms", "20ms", "30ms", "35ms", "50ms"]);
    // A rule for a link changes what it says.
    assert_eq!(plan.link(NodeId(0), NodeId(2)).loss.to_string(), "1%");
    assert_eq!(plan.link(NodeId(1), NodeId(2)).loss.to_string(), "0%");
}

#[test]
fn how_long_an_operation_is_under_way_does_not_depend_on_others() {
    let mut plan = three_regions();
    for session in &mut plan.sessions {
        session.pace = kvsim_sim::plan::Pace::Open;
        (0..).zip(&mut session.ops).for_each(|(number, op)| op.wait_ns = number * 150 * MS);
        session.ops.truncate(12);
    }
    let all = ways(&record(&plan).1);
    plan.sessions.iter_mut().for_each(|session| session.ops.retain(|op| op.op % 3 != 0));
    let fewer = ways(&record(&plan).1);
    assert!(fewer.len() > 20 && fewer.iter().all(|(op, way)| all.get(op) == Some(way)));
}

#[test]
fn an_answer_arrives_although_its_node_is_down() {
    let plan = plan(json!({
        "replicas": 3, "duration": "1s",
        "script": {
            "sessions": { "a": { "at": "n0", "latency": "20ms" }, "late": { "at": "n0", "latency": "100ms" } },
            "ops": [{ "at": "10ms", "by": "a", "write": "x", "value": 1 }, { "at": "10ms", "by": "late", "read": "x" }],
        },
        "fault": { "crash": [{ "node": "n0", "at": "40ms", "for": "200ms", "disk": "lost" }] },
    }));
    let (_, recording) = record(&plan);
    assert_eq!(recording.validate(), Ok(()));
    let at_ms = |wanted: &dyn Fn(&What) -> bool| {
        recording.events.iter().find(|event| wanted(&event.what)).map(|event| event.at_ns / MS)
    };
    assert_eq!(at_ms(&|what| matches!(what, What::Wrote { .. })), Some(30), "it takes effect when it has arrived");
    assert_eq!(at_ms(&|what| matches!(what, What::Down { .. })), Some(40));
    assert_eq!(at_ms(&|what| matches!(what, What::Answered { .. })), Some(50), "the answer is under way by itself");
    assert_eq!(
        at_ms(&|what| matches!(what, What::TimedOut { .. })),
        Some(1010),
        "what reaches a node that is down is lost"
    );
    let mut verdicts = kvsim_checkers::CHECKERS.iter().filter(|info| info.name != "metadata");
    let facts = kvsim_checkers::Facts::of(&recording);
    let violated = verdicts
        .find(|info| (info.check)(&facts, kvsim_checkers::NO_RERUN).verdict == kvsim_checkers::Verdict::Violated);
    assert!(violated.is_none(), "{:?}", violated.map(|info| info.name));
}

#[test]
fn a_plan_with_regions_is_written_and_read_again() {
    let mut plan = three_regions();
    plan.sessions.iter_mut().for_each(|session| session.pace = kvsim_sim::plan::Pace::Open);
    for session in &mut plan.sessions {
        (0..).zip(&mut session.ops).for_each(|(number, op)| op.wait_ns = number * MS);
        session.ops.retain(|op| op.op % 40 == 0);
    }
    plan.links.retain(|named| (named.from, named.to) != (NodeId(0), NodeId(1)));
    let mut scenario = Scenario::of_plan(&plan).expect("it can be written");
    BUILT_IN.bind(&mut scenario.store);
    let again = lower(&scenario, 1, "test").expect("small enough");
    for from in 0..4 {
        for to in 0..4 {
            let (from, to) = (NodeId(from), NodeId(to));
            assert_eq!(again.link(from, to), plan.link(from, to), "{from} to {to}");
        }
    }
    let where_ = |plan: &Plan| -> Vec<_> {
        plan.sessions
            .iter()
            .map(|session| (session.name.clone(), session.region.clone(), session.latency.clone()))
            .collect()
    };
    assert_eq!(where_(&again), where_(&plan));
}

#[test]
fn a_group_uses_keys_of_its_priority() {
    let plan = plan(json!({
        "replicas": 2, "duration": "1s",
        "keys": { "count": 50, "priorities": { "P0": 3, "P3": 1 }, "choice": "zipfian(0.99)" },
        "clients": { "alarms": { "priority": "P3" }, "all": {} },
    }));
    let of = |name: &str| -> Vec<&str> {
        let sessions = plan.sessions.iter().filter(|session| session.name.starts_with(name));
        sessions.flat_map(|session| &session.ops).map(|op| plan.keys[op.key as usize].as_str()).collect()
    };
    assert!(of("alarms").len() > 30 && of("alarms").iter().all(|key| key.starts_with("P3")));
    assert!(of("all").iter().any(|key| key.starts_with("P0")));
}
