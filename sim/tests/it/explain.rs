//! Where the store does what it promises, every answer has an explanation: nothing is left that should not be so.

use crate::common::*;
use kvsim_checkers::explain::explain;
use kvsim_checkers::trace::{Level, What};
use kvsim_sim::scenario::Scenario;

/// What explanations say of a store that does something wrong, or of what the explainer does not understand.
const STRANGE: [&str; 7] = [
    "nothing kept it from",
    "and did not return it",
    "no write that had replaced it",
    "before its turn",
    "although",
    "did not know",
    "nothing that",
];

/// Explains this number of operations of a run.
fn explain_some(scenario: &Scenario, seed: u64, count: usize) -> Vec<String> {
    let (_, recording) = record(&plan(scenario, seed));
    let ops = recording.events.iter().filter_map(|event| match event.what {
        What::Invoked { op, .. } => Some(op),
        _ => None,
    });
    let ops: Vec<u32> = ops.collect();
    let mut titles = Vec::new();
    for op in ops.iter().step_by(ops.len().div_ceil(count)) {
        let explanation = explain(&recording, *op).expect("it was asked");
        assert!(!explanation.reasons.is_empty(), "#{op}");
        titles.extend(explanation.reasons.into_iter().map(|reason| format!("#{op}: {}", reason.title)));
    }
    titles
}

#[test]
fn nothing_is_strange_where_nothing_is_wrong() {
    for (level, quorum) in [(Level::Eventual, 1), (Level::Fifo, 1), (Level::Priority, 1), (Level::Eventual, 2)] {
        let mut scenario = rough();
        scenario.keys.priorities = [1, 1, 1, 1];
        scenario.store.set("views", if quorum == 1 { "all" } else { "eventual" });
        (scenario.clients[0].level, scenario.clients[0].quorum) = (level, quorum);
        let titles = explain_some(&scenario, 1, 60);
        let strange = titles.iter().filter(|title| STRANGE.iter().any(|strange| title.contains(strange)));
        let strange: Vec<&String> = strange.collect();
        assert!(strange.is_empty(), "{level:?}, quorum {quorum}: {strange:#?}");
        // What there is to be said was said.
        for usual in ["had not arrived", "replaced", "known since"] {
            assert!(titles.iter().any(|title| title.contains(usual)), "{level:?}: no {usual:?}");
        }
    }
}

#[test]
fn a_planted_defect_is_strange() {
    let mut scenario = rough();
    scenario.keys.priorities = [1, 1, 1, 1];
    scenario.store.set("views", "all");
    scenario.store.set("defects", vec!["early-delete"]);
    scenario.clients[0].level = Level::Fifo;
    let titles = explain_some(&scenario, 1, 120);
    assert!(titles.iter().any(|title| title.contains("before its turn at fifo")), "{titles:#?}");
}
