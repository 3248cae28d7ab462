//! Swarm testing switches each kind of fault and feature off in about half of the runs, whatever the others do.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::rough;
use kvsim_checkers::trace::NodeId;
use kvsim_sim::hunt::swarm;
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::quantity::Nodes;
use kvsim_sim::scenario::Scenario;
use kvsim_store::settings::Reduction;

/// What one run in eight does without.
const UNREPAIRED: &str = "anti-entropy and whatever loses writes";

#[test]
fn half_of_everything_is_off() {
    let mut scenario = rough();
    let mut second = scenario.clients[0].clone();
    second.name = "second".into();
    scenario.clients.push(second);
    let mut off: BTreeMap<String, u32> = BTreeMap::new();
    let mut all = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let thin = swarm(&scenario, seed);
        assert_eq!(thin, swarm(&scenario, seed));
        assert!(!thin.clients.is_empty());
        let without = thin.title.split("(without ").nth(1).map_or("", |rest| rest.trim_end_matches(')'));
        let unrepaired = without.contains(UNREPAIRED);
        assert_eq!(unrepaired || without.contains("loss"), thin.net.usual.loss == Ratio::ZERO);
        assert_eq!(without.contains("varying delays"), matches!(thin.net.usual.delay, Delay::Constant(_)));
        assert_eq!(unrepaired || without.contains("random_partition"), thin.faults.is_empty());
        assert_eq!(without.contains("deletes"), thin.clients.iter().all(|group| group.mix.delete == 0));
        all.insert(without.to_string());
        without
            .split(", ")
            .filter(|name| !name.is_empty())
            .for_each(|name| *off.entry(name.to_string()).or_default() += 1);
        let store = if unrepaired { scenario.store.without(Reduction::AntiEntropy) } else { scenario.store.clone() };
        assert_eq!(unrepaired, thin.store.profile(thin.replicas).anti_entropy_ns.is_none());
        assert_eq!(thin.store, store);
        assert_eq!(thin.replicas, if without.contains("1 of 4 replicas") { 3 } else { 4 });
    }
    let names: Vec<&str> = off.keys().map(String::as_str).collect();
    let expected = [
        "1 of 4 replicas",
        UNREPAIRED,
        "clients app",
        "clients second",
        "contexts",
        "deletes",
        "duplicates",
        "loss",
        "random_partition",
        "varying delays",
    ];
    assert_eq!(names, expected);
    for (name, count) in &off {
        // One group of two stays: the second one only leaves when the first one has not.
        let share = match name.as_str() {
            "clients second" => 60..140,
            UNREPAIRED => 30..70,
            _ => 160..240,
        };
        assert!(share.contains(count), "{name} is off in {count} of 400");
    }
    assert!(all.len() > 100, "{} combinations", all.len());
}

#[test]
fn some_session_writes_and_nodes_that_are_named_stay() {
    let mut scenario = rough();
    let mut reading = scenario.clients[0].clone();
    (reading.name, reading.mix.write, reading.mix.delete) = ("reading".into(), 0, 0);
    scenario.clients.push(reading);
    scenario.replicas = 9;
    let runs = |scenario: &Scenario| (0..200).map(|seed| swarm(scenario, seed)).collect::<Vec<Scenario>>();
    let replicas = |runs: &[Scenario]| runs.iter().map(|run| run.replicas).collect::<BTreeSet<u16>>();
    let all = runs(&scenario);
    assert!(all.iter().all(|run| run.clients.iter().any(|group| group.mix.writes())));
    assert!(all.iter().any(|run| run.clients.len() == 1), "who only reads may leave");
    assert!(replicas(&all).into_iter().eq(3..=9));
    scenario.clients[1].quorum = 5;
    assert!(replicas(&runs(&scenario)).into_iter().eq(5..=9));
    scenario.clients[1].at = Some(Nodes(vec![NodeId(6)]));
    assert!(replicas(&runs(&scenario)).into_iter().eq(7..=9));
    scenario.store = scenario.store.with("ack", 8);
    assert!(replicas(&runs(&scenario)).into_iter().eq(8..=9));
}
