//! The NDC store under everything but crashes, judged by the checkers; and the checkers under a store that is
//! kept from repairing.

use crate::common::*;
use kvsim_checkers::{NO_RERUN, Verdict, check_all};
use kvsim_sim::quantity::Duration;
use kvsim_sim::scenario::{Scenario, Settle};

fn verdicts(scenario: &Scenario, seed: u64) -> Vec<(String, Verdict, String)> {
    let (_, recording) = record(&plan(scenario, seed));
    recording.validate().expect("the engine records what is valid");
    check_all(&recording, NO_RERUN)
        .into_iter()
        .map(|report| {
            let first = report.findings.first().map(|finding| format!("{} {}", finding.code, finding.title));
            (report.checker, report.verdict, first.unwrap_or(report.note))
        })
        .collect()
}

/// The seeds of a test; the environment's `KVSIM_SEEDS=2000` asks for more.
fn seeds() -> std::ops::Range<u64> {
    #[allow(clippy::disallowed_methods)] // how long a test runs is no part of a run
    let wanted = std::env::var("KVSIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..wanted.unwrap_or(40)
}

fn holds_everywhere(scenario: &Scenario) {
    for seed in seeds() {
        for (checker, verdict, why) in verdicts(scenario, seed) {
            assert_eq!(verdict, Verdict::Holds, "{} seed {seed}: {checker}: {why}", scenario.name);
        }
    }
}

#[test]
fn ndc_converges_and_leaves_nothing_over() {
    holds_everywhere(&rough());
}

#[test]
fn ndc_converges_on_a_ring() {
    let mut scenario = rough();
    scenario.name = "rough ring".into();
    scenario.replicas = 6;
    scenario.store.set("replication", 3);
    holds_everywhere(&scenario);
}

#[test]
fn ndc_converges_with_quorum_reads_and_blind_writes() {
    let mut scenario = rough();
    scenario.name = "rough quorum".into();
    scenario.clients[0].quorum = 3;
    let mut blind = scenario.clients[0].clone();
    blind.name = "blind".into();
    blind.context = false;
    scenario.clients.push(blind);
    holds_everywhere(&scenario);
}

#[test]
fn ndc_converges_on_slow_disks() {
    let mut scenario = rough();
    scenario.name = "rough disk".into();
    scenario.disk.write = Duration(17 * MS);
    holds_everywhere(&scenario);
}

#[test]
fn without_anti_entropy_lost_writes_stay_lost_and_are_found() {
    let mut scenario = rough();
    scenario.store.set("anti_entropy", "off");
    scenario.settle = Settle::For(Duration(2_000 * MS));
    for seed in 0..10 {
        let (_, verdict, finding) = verdicts(&scenario, seed).swap_remove(0);
        assert_eq!(verdict, Verdict::Violated);
        assert!(finding.starts_with("CONV002"), "{finding}");
    }
}
