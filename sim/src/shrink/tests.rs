//! What is written out is the same run.

use std::collections::BTreeMap;

use kvsim_checkers::trace::{Event, Level, LostBy, NodeId, What};

use super::*;
use crate::net::{Delay, Ratio};
use crate::plan::{DiskPlan, LinkPlan, Pace};
use crate::quantity::{Bandwidth, Duration, Seed, Sizes};
use crate::scenario::{ClientGroup, KeyChoice, Keys, Mix, Net, Scenario, Script, Settle, Writers};
use crate::{lower, scenario, stores};

const MS: u64 = 1_000_000;

fn rough(seed: u64) -> Plan {
    let percent = |percent: u64| Ratio::from_billionths(percent * 10_000_000).unwrap();
    let net = LinkPlan {
        delay: Delay::Exponential { mean: 20 * MS },
        loss: percent(20),
        duplicate: percent(10),
        bandwidth: Bandwidth(None),
    };
    let scenario = Scenario {
        name: "rough".into(),
        title: String::new(),
        seed: Seed(seed),
        replicas: 4,
        duration: Duration(400 * MS),
        settle: Settle::Auto,
        store: stores::BUILT_IN.find("ndc").unwrap().spec().with("strip", "200ms"),
        disk: DiskPlan::default(),
        net: Net { usual: net, link: Vec::new() },
        regions: Default::default(),
        keys: Keys { count: 10, choice: KeyChoice::Uniform, writers: Writers::Many, priorities: [1, 0, 0, 0] },
        clients: vec![ClientGroup {
            name: "app".into(),
            sessions: 6,
            at: None,
            region: None,
            latency: None,
            moves: None,
            pace: scenario::Pace::Think { think: Duration(50 * MS) },
            mix: Mix { read: 3, write: 4, delete: 1 },
            priority: None,
            value: Sizes(16, 16),
            level: Level::Eventual,
            quorum: 3,
            context: true,
            timeout: Duration(100 * MS),
        }],
        script: Script::default(),
        faults: Vec::new(),
        expect: BTreeMap::new(),
    };
    lower::lower(&scenario, seed, "test").unwrap()
}

/// What happens while clients work, whatever a loss is said to be by.
fn workload(plan: &Plan) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    (stores::BUILT_IN.find("ndc").unwrap().run)(plan, &mut events).unwrap();
    events.retain(|event| event.at_ns < plan.workload_end_ns);
    for event in &mut events {
        if let What::Lost { by, .. } = &mut event.what {
            *by = LostBy::Chance;
        }
    }
    events
}

/// Takes every plan for which `wanted` holds.
fn searched(plan: &Plan, wanted: &dyn Fn(&Plan) -> bool, step: impl FnOnce(&mut Search<'_>)) -> Plan {
    let mut ask = |plan: &Plan| if wanted(plan) { Answer::Reproduces } else { Answer::Passes };
    let store = stores::BUILT_IN.find("ndc").unwrap();
    let mut search = Search {
        store,
        best: plan.clone(),
        normal: None,
        settles_as_usual: false,
        ask: &mut ask,
        tried: 0,
        stopped: false,
    };
    step(&mut search);
    search.best
}

#[test]
fn times_and_fates_written_out_are_the_same_run() {
    let mut timed_out = 0;
    for seed in 0..5 {
        let plan = rough(seed);
        let expected = workload(&plan);
        assert!(expected.iter().any(|event| matches!(event.what, What::Duplicated { .. })));
        timed_out += expected.iter().filter(|event| matches!(event.what, What::TimedOut { .. })).count();
        let timed = searched(&plan, &|_| true, explicit::operation_times);
        assert!(timed.sessions.iter().all(|session| session.pace == Pace::Open));
        assert_eq!(workload(&timed), expected);
        let written = searched(&timed, &|_| true, |search| {
            assert!(explicit::try_explicit(search, |delay| Some(delay.median_ns())));
        });
        assert_eq!((written.net.loss, written.net.duplicate), (Ratio::ZERO, Ratio::ZERO));
        assert!(matches!(written.net.delay, Delay::Constant(_)), "{:?}", written.net.delay);
        assert_eq!(workload(&written), expected);
    }
    assert!(timed_out > 0);
}

#[test]
fn replicas_leave_with_all_that_names_them() {
    let plan = searched(&rough(1), &|_| true, explicit::operation_times);
    let small = remove::with_nodes(&plan, &[NodeId(1), NodeId(3)], NodeId(3));
    assert_eq!(small.replicas, 2);
    assert_eq!(small.validate(), Ok(()));
    // app-0 was at n0 and goes to n3, which is n1 now; app-1 was at n1, which is n0 now.
    let nodes: Vec<u16> = small.sessions.iter().map(|session| session.node.0).collect();
    assert_eq!(nodes, [1, 0, 1, 1, 1, 0]);
}

#[test]
fn the_normal_form_is_one() {
    let plan = searched(&rough(2), &|_| true, explicit::operation_times);
    let normal = canonical::form(&plan);
    assert_eq!(normal.validate(), Ok(()));
    assert_eq!(canonical::form(&normal), normal);
    assert_eq!(normal.operations(), plan.operations());
}

#[test]
fn a_search_ends_when_it_is_stopped_and_keeps_what_it_has() {
    let plan = rough(3);
    let mut left = 20;
    let shrunk = shrink(stores::BUILT_IN.find("ndc").unwrap(), &plan, &[], &mut |candidate| {
        left -= 1;
        match left {
            _ if left < 0 => Answer::Stop,
            _ if candidate.operations() >= 5 => Answer::Reproduces,
            _ => Answer::Passes,
        }
    });
    assert!(!shrunk.complete && shrunk.plan.operations() >= 5 && shrunk.tried == 21);
    let whole = shrink(stores::BUILT_IN.find("ndc").unwrap(), &plan, &[], &mut |candidate| {
        if candidate.operations() >= 5 && candidate.replicas >= 2 { Answer::Reproduces } else { Answer::Passes }
    });
    assert!(whole.complete);
    assert_eq!((whole.plan.operations(), whole.plan.replicas, whole.plan.faults.len()), (5, 2, 0));
}
