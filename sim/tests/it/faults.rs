//! Faults of nodes, disks, clocks and links: what they do to a run, and how the checkers judge it.

use std::collections::{BTreeMap, BTreeSet};

use crate::common::*;
use kvsim_checkers::trace::{Disk, Event, LostBy, NodeId, Recording, What};
use kvsim_checkers::{NO_RERUN, Report, Verdict, check_all};
use kvsim_sim::faults::{DiskLoss, LinkFault, NodeFault};
use kvsim_sim::net::Delay;
use kvsim_sim::plan::FaultKind;
use kvsim_sim::quantity::{Duration, Nodes, Rate, Times};
use kvsim_sim::scenario::*;
use serde_json::json;

fn fault(kind: FaultSpec) -> Fault {
    Fault { name: "fault[0]".into(), place: String::new(), kind }
}

fn once(nodes: &[NodeId], from_ms: u64, for_ms: u64, what: NodeFault) -> Fault {
    let when = When::At { times: Times(vec![from_ms * MS]), length: Duration(for_ms * MS) };
    fault(FaultSpec::Nodes { when, nodes: Some(Nodes(nodes.to_vec())), fault: what })
}

fn often(every_ms: u64, lasting_ms: u64, what: NodeFault) -> Fault {
    let when = When::Random { every: Duration(every_ms * MS), lasting: Duration(lasting_ms * MS) };
    fault(FaultSpec::Nodes { when, nodes: None, fault: what })
}

fn links(every_ms: u64, lasting_ms: u64, what: LinkFault) -> Fault {
    let when = When::Random { every: Duration(every_ms * MS), lasting: Duration(lasting_ms * MS) };
    fault(FaultSpec::Links { when, from: None, to: None, fault: what })
}

/// A clock that is ahead by milliseconds and gains by percent.
fn clock(ahead_ms: i64, fast_percent: i64) -> NodeFault {
    let time = |ms: i64| (ms > 0).then_some(Duration(ms.unsigned_abs() * MS));
    let share = |part: i64| (part > 0).then(|| percent(part.unsigned_abs()));
    let (ahead, behind) = (time(ahead_ms), time(-ahead_ms));
    NodeFault::Clock { ahead, behind, fast: share(fast_percent), slow: share(-fast_percent) }
}

fn crash(disk: DiskLoss) -> NodeFault {
    NodeFault::Crash { disk }
}

fn reports(scenario: &Scenario, seed: u64) -> (Recording, Vec<Report>) {
    let (_, recording) = record(&plan(scenario, seed));
    recording.validate().expect("the engine records what is valid");
    let reports = check_all(&recording, NO_RERUN);
    (recording, reports)
}

fn hold(scenario: &Scenario, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        // LWW promises nothing about its memory.
        let judged = |report: &Report| report.checker != "metadata" || scenario.store.name == "ndc";
        for report in reports(scenario, seed).1.into_iter().filter(judged) {
            let first = report.findings.first().map(|finding| format!("{} {}", finding.code, finding.title));
            let (name, why) = (&scenario.name, first.unwrap_or(report.note));
            assert_eq!(report.verdict, Verdict::Holds, "{name} seed {seed}: {}: {why}", report.checker);
        }
    }
}

/// Rough, with crashes on slow disks.
fn crashing() -> Scenario {
    let mut scenario = rough();
    scenario.name = "crashing".into();
    scenario.disk.write = Duration(3 * MS);
    scenario.clients[0].timeout = Duration(200 * MS);
    scenario.faults.push(often(400, 150, crash(DiskLoss::Kept)));
    scenario.faults.push(once(&[NodeId(0), NodeId(1), NodeId(2), NodeId(3)], 1_000, 100, crash(DiskLoss::TailLost)));
    scenario
}

#[test]
fn ndc_survives_crashes_that_leave_the_disk() {
    hold(&crashing(), 0..40);
}

#[test]
fn ndc_survives_crashes_on_a_ring() {
    let mut scenario = crashing();
    scenario.name = "crashing ring".into();
    scenario.replicas = 6;
    scenario.store.set("replication", 3);
    hold(&scenario, 0..25);
}

#[test]
fn ndc_survives_everything_at_once() {
    let mut scenario = crashing();
    scenario.name = "everything".into();
    scenario.faults.extend([
        often(500, 200, NodeFault::Pause),
        often(500, 200, NodeFault::SlowNode { step: Duration(2 * MS) }),
        often(500, 200, NodeFault::SlowDisk { write: Duration(30 * MS) }),
        often(900, 100, NodeFault::FullDisk),
        often(300, 200, clock(-400, 10)),
        often(300, 200, clock(400, -20)),
        links(500, 200, LinkFault::Slow { delay: Delay::Uniform { min: 50 * MS, max: 200 * MS } }),
        links(500, 200, LinkFault::Loss { share: percent(80) }),
        links(500, 200, LinkFault::Duplicates { share: percent(90) }),
        links(500, 200, LinkFault::Late { share: percent(20), delay: Delay::Exponential { mean: 1_000 * MS } }),
    ]);
    hold(&scenario, 0..40);
}

/// Writers ask n0 and n1 alone, each key has one writer: LWW loses nothing by itself.
fn lww() -> Scenario {
    let mut scenario = rough();
    scenario.store = kvsim_sim::stores::BUILT_IN.find("lww").unwrap().spec();
    scenario.keys.writers = Writers::One;
    scenario.clients[0].at = Some(Nodes(vec![NodeId(0), NodeId(1)]));
    scenario.faults.clear();
    scenario
}

#[test]
fn a_lost_disk_excuses_what_was_on_no_other() {
    let mut scenario = lww();
    scenario.name = "lost disk".into();
    // n2 and n3 only have copies.
    scenario.faults = vec![often(500, 300, crash(DiskLoss::Lost))];
    let FaultSpec::Nodes { nodes, .. } = &mut scenario.faults[0].kind else { unreachable!() };
    *nodes = Some(Nodes(vec![NodeId(2), NodeId(3)]));
    hold(&scenario, 0..20);
    // Cut off from all others, n0 loses all that it took in meanwhile.
    let cut = json!({ "fault": "partition", "at": "1s", "for": "1s", "isolate": "n0" });
    scenario.faults = vec![fault_of(cut), once(&[NodeId(0)], 1_500, 600, crash(DiskLoss::Lost))];
    scenario.clients[0].timeout = Duration(3_000 * MS); // what was lost is not written over
    scenario.clients[0].mix = Mix { read: 0, write: 1, delete: 0 };
    scenario.keys.count = 1_000;
    let (recording, judged) = reports(&scenario, 1);
    assert_eq!(judged[0].verdict, Verdict::Holds, "{:?}", judged[0].findings.first());
    let lost = recording.events.iter().any(|event| event.what == What::Down { disk: Disk::Lost });
    assert!(lost);
    // The same with a disk that is said to be kept would be a store that forgets.
    let mut forgetful = recording.clone();
    for event in &mut forgetful.events {
        if let What::Down { disk } = &mut event.what {
            *disk = Disk::Kept;
        }
    }
    let report = &check_all(&forgetful, NO_RERUN)[0];
    assert_eq!(report.verdict, Verdict::Violated);
    let codes: Vec<&str> = report.findings.iter().map(|finding| finding.code.as_str()).collect();
    assert!(codes.contains(&"CONV003"), "{codes:?}");
}

#[test]
fn nodes_join_and_leave() {
    let mut scenario = lww();
    scenario.name = "join and leave".into();
    scenario.faults = vec![
        fault_of(json!({ "fault": "join", "node": "n3", "at": "1.5s" })),
        fault_of(json!({ "fault": "leave", "node": "n2", "at": "1s" })),
    ];
    hold(&scenario, 0..20);
    let (recording, _) = reports(&scenario, 1);
    let at = |node: NodeId, what: fn(&What) -> bool| {
        let of_node = recording.events.iter().filter(|event| event.node == node && what(&event.what));
        of_node.map(|event| event.at_ns / MS).collect::<Vec<u64>>()
    };
    assert_eq!(at(NodeId(3), |what| matches!(what, What::Down { .. })), [0]);
    assert_eq!(at(NodeId(3), |what| *what == What::Up { incarnation: 1 }), [1_500]);
    assert_eq!(at(NodeId(2), |what| matches!(what, What::Down { .. })), [1_000]);
    assert!(at(NodeId(2), |what| matches!(what, What::Up { .. } | What::Holds { .. })).is_empty());
    assert!(!at(NodeId(3), |what| matches!(what, What::Holds { .. })).is_empty());
    assert!(at(NodeId(3), |what| matches!(what, What::Known { .. })).iter().all(|ms| *ms >= 1_500));
}

#[test]
fn a_node_that_leaves_while_it_is_down_takes_its_disk_along() {
    let mut scenario = crashing();
    scenario.name = "leaves while down".into();
    scenario.faults.push(once(&[NodeId(2)], 1_000, 500, crash(DiskLoss::Kept)));
    scenario.faults.push(fault_of(json!({ "fault": "leave", "node": "n2", "at": "1.2s" })));
    hold(&scenario, 0..40);
    let only = Some(Nodes(vec![NodeId(2)]));
    scenario.faults.retain(|fault| match &fault.kind {
        FaultSpec::Nodes { nodes, .. } => *nodes == only,
        kind => matches!(kind, FaultSpec::Members { .. }),
    });
    let (recording, _) = reports(&scenario, 1);
    let of_node = recording.events.iter().filter(|event| event.node == NodeId(2) && event.at_ns >= 1_000 * MS);
    let lives = of_node.filter_map(|event| match event.what {
        What::Down { disk } => Some((event.at_ns / MS, Some(disk))),
        What::Up { .. } => Some((event.at_ns / MS, None)),
        _ => None,
    });
    assert_eq!(lives.collect::<Vec<_>>(), [(1_000, Some(Disk::Kept)), (1_200, Some(Disk::Lost))]);
}

#[test]
fn nodes_join_and_leave_at_random_times() {
    let mut scenario = crashing();
    scenario.name = "join and leave at random".into();
    scenario.faults.push(fault_of(json!({ "fault": "join", "every": "1s" })));
    scenario.faults.push(fault_of(json!({ "fault": "leave", "every": "1.5s" })));
    hold(&scenario, 0..40);
    let (mut joins, mut leaves) = ([0; 4], [0; 4]);
    for seed in 0..200 {
        let plan = plan(&scenario, seed);
        let mut seen = [[0; 4]; 2];
        for fault in &plan.faults {
            match fault.kind {
                FaultKind::Node { node, fault: NodeFault::Absent } => {
                    assert!(fault.from_ns == 0 && fault.until_ns < plan.workload_end_ns);
                    seen[0][node.index()] += 1;
                }
                FaultKind::Node { node, fault: NodeFault::Left } => {
                    assert!(fault.from_ns > 0 && fault.until_ns == plan.workload_end_ns);
                    seen[1][node.index()] += 1;
                }
                _ => {}
            }
        }
        assert!(seen.iter().flatten().all(|times| *times <= 1), "{seen:?}");
        assert!((0..4).any(|node| seen[0][node] + seen[1][node] == 0), "one neither joins nor leaves: {seen:?}");
        joins[seen[0].iter().sum::<usize>()] += 1;
        leaves[seen[1].iter().sum::<usize>()] += 1;
    }
    assert!(joins.iter().chain(&leaves).all(|runs| *runs > 0), "none, one, two and three: {joins:?} {leaves:?}");
    // As many as a quorum asks for stay.
    scenario.clients[0].quorum = 3;
    for seed in 0..100 {
        let moved = plan(&scenario, seed).faults.into_iter().filter_map(|fault| match fault.kind {
            FaultKind::Node { node, fault: NodeFault::Absent | NodeFault::Left } => Some(node),
            _ => None,
        });
        assert!(moved.collect::<BTreeSet<NodeId>>().len() <= 1);
    }
}

#[test]
fn each_lost_disk_is_a_new_incarnation() {
    let mut scenario = lww();
    let when = When::At { times: Times(vec![500 * MS, 1_500 * MS]), length: Duration(200 * MS) };
    scenario.faults = vec![
        fault(FaultSpec::Nodes { when, nodes: Some(Nodes(vec![NodeId(2)])), fault: crash(DiskLoss::Lost) }),
        once(&[NodeId(2)], 2_500, 9, crash(DiskLoss::Kept)),
    ];
    let (recording, _) = reports(&scenario, 1);
    let lives = recording.events.iter().filter_map(|event| match event.what {
        What::Up { incarnation } => Some(incarnation),
        _ => None,
    });
    assert_eq!(lives.collect::<Vec<_>>(), [2, 3, 3]);
}

#[test]
fn a_node_that_is_down_does_nothing_and_loses_what_comes() {
    let mut scenario = crashing();
    scenario.faults = vec![once(&[NodeId(1)], 1_000, 500, crash(DiskLoss::Kept))];
    let (recording, _) = reports(&scenario, 1);
    let within = |event: &&Event| (1_000 * MS + 1..1_500 * MS).contains(&event.at_ns);
    let mut lost = 0;
    for event in recording.events.iter().filter(within) {
        match event.what {
            What::Lost { to: NodeId(1), by: LostBy::Fault(0), .. } => lost += 1,
            What::Invoked { .. } | What::TimedOut { .. } | What::Lost { .. } => {}
            what => assert_ne!(event.node, NodeId(1), "{what:?}"),
        }
    }
    assert!(lost > 30, "{lost}");
    // No client is ever told anything that the disk does not have: the run holds, and something was forgotten.
    let forgot = |event: &Event| matches!(event.what, What::Forgot { promised: false, .. });
    assert!((0..20).any(|seed| reports(&scenario, seed).0.events.iter().any(forgot)));
}

#[test]
fn a_paused_node_takes_up_what_waited_in_order() {
    let mut scenario = rough();
    scenario.faults = vec![once(&[NodeId(1)], 1_000, 500, NodeFault::Pause)];
    let (recording, _) = reports(&scenario, 1);
    let at = |what: What| recording.events.iter().find(|event| event.what == what).expect("it happens").number;
    let (paused, resumed) = (at(What::Paused), at(What::Resumed));
    let of_node = || recording.events.iter().filter(|event| event.node == NodeId(1));
    let acts = |event: &&Event| {
        !matches!(
            event.what,
            What::Invoked { .. } | What::TimedOut { .. } | What::Lost { .. } | What::Duplicated { .. }
        )
    };
    assert_eq!(of_node().filter(acts).filter(|event| (paused + 1..resumed).contains(&event.number)).count(), 0);
    let flushed: Vec<&Event> = of_node().filter(|event| event.number > resumed && event.at_ns == 1_500 * MS).collect();
    let delivered = flushed.iter().filter(|event| matches!(event.what, What::Delivered { .. })).count();
    assert!(delivered > 30, "{delivered}");
    let asked = of_node().filter_map(|event| match event.what {
        What::Invoked { op, .. } if (paused..resumed).contains(&event.number) => Some(op),
        _ => None,
    });
    let reached = of_node().filter_map(|event| match event.what {
        What::Reached { op } => Some(op),
        _ => None,
    });
    let asked: Vec<u32> = asked.collect();
    assert!(!asked.is_empty());
    assert_eq!(reached.collect::<Vec<u32>>(), asked);
}

#[test]
fn a_slow_node_takes_up_one_thing_after_the_other() {
    let mut scenario = rough();
    scenario.faults = vec![once(&[NodeId(1)], 1_000, 500, NodeFault::SlowNode { step: Duration(7 * MS) })];
    let (recording, _) = reports(&scenario, 1);
    let within = (1_000 * MS + 1)..1_500 * MS;
    let taken = recording.events.iter().filter(|event| {
        let takes = matches!(event.what, What::Delivered { .. } | What::TimerFired | What::Reached { .. });
        event.node == NodeId(1) && takes && within.contains(&event.at_ns)
    });
    let times: Vec<u64> = taken.map(|event| event.at_ns).collect();
    assert!(times.len() > 50, "{}", times.len());
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= 7 * MS));
}

#[test]
fn a_full_disk_holds_back_what_follows_from_a_record() {
    let mut scenario = rough();
    scenario.clients[0].mix = Mix { read: 0, write: 1, delete: 0 };
    scenario.faults = vec![once(&[NodeId(1)], 1_000, 500, NodeFault::FullDisk)];
    let (recording, _) = reports(&scenario, 1);
    let within = (1_000 * MS + 1)..1_500 * MS;
    let answered = |event: &&Event| matches!(event.what, What::Answered { .. }) && event.node == NodeId(1);
    assert_eq!(recording.events.iter().filter(answered).filter(|event| within.contains(&event.at_ns)).count(), 0);
    assert!(recording.events.iter().filter(answered).any(|event| event.at_ns == 1_500 * MS));
}

/// The messages that were lost, by when they were sent, kind, identity and link.
fn losses(recording: &Recording) -> Vec<(u64, u8, u64, NodeId, NodeId)> {
    let lost = recording.events.iter().filter_map(|event| match event.what {
        What::Lost { kind, id, to, .. } => Some((event.at_ns, kind, id, event.node, to)),
        _ => None,
    });
    lost.collect()
}

#[test]
fn a_burst_loses_more_and_leaves_other_fates_alone() {
    // Without repair and answers that differ, the same messages are sent whatever is lost.
    let mut scenario = rough();
    scenario.store.set("anti_entropy", "off");
    scenario.clients[0].pace = Pace::Rate { rate: Rate { every_ns: 20 * MS } };
    scenario.clients[0].mix = Mix { read: 0, write: 1, delete: 0 };
    scenario.faults.clear();
    let without = losses(&reports(&scenario, 1).0);
    let burst = json!({ "fault": "loss_burst", "from": "n0", "at": "1s", "for": "500ms", "loss": "60%" });
    scenario.faults = vec![fault_of(burst)];
    let with = losses(&reports(&scenario, 1).0);
    assert!(without.iter().all(|lost| with.contains(lost)));
    let more: Vec<_> = with.iter().filter(|lost| !without.contains(lost)).collect();
    assert!(more.len() > 30, "{}", more.len());
    assert!(more.iter().all(|(at_ns, _, _, from, _)| *from == NodeId(0) && (1_000 * MS..1_500 * MS).contains(at_ns)));
}

#[test]
fn what_the_log_has_and_nothing_else_outlives_a_crash() {
    let codes = |defect: Option<&str>| {
        let mut codes = BTreeMap::new();
        for seed in 0..30 {
            let mut scenario = crashing();
            scenario.store.set("defects", defect.into_iter().collect::<Vec<_>>());
            scenario.keys.writers = Writers::One;
            scenario.clients[0].mix = Mix { read: 1, write: 3, delete: 0 };
            for finding in &reports(&scenario, seed).1[0].findings {
                *codes.entry(finding.code.clone()).or_insert(0) += 1;
            }
        }
        codes
    };
    let sound = codes(None);
    assert!(sound.is_empty(), "{sound:?}");
    let reused = codes(Some("reuse-dots"));
    // A name for two writes breaks everything that follows; only the first findings are listed.
    assert!(reused.values().sum::<i32>() > 250, "{reused:?}");
    let early = codes(Some("early-acknowledgement"));
    assert!(early["CONV005"] > 10, "{early:?}");
}

#[test]
fn plans_with_impossible_faults_are_refused() {
    let good = plan(&crashing(), 1);
    let wrong = |change: fn(&mut FaultKind)| {
        let mut plan = good.clone();
        let fault = plan.faults.iter_mut().find(|fault| matches!(fault.kind, FaultKind::Node { .. })).expect("one");
        change(&mut fault.kind);
        plan.validate().expect_err("it is impossible").problem
    };
    assert_eq!(
        wrong(|kind| *kind = FaultKind::Node { node: NodeId(9), fault: NodeFault::Pause }),
        "there is no node n9"
    );
    let absent = wrong(|kind| *kind = FaultKind::Node { node: NodeId(1), fault: NodeFault::Absent });
    assert_eq!(absent, "a node that is absent is so from the beginning");
    let clock = wrong(|kind| {
        *kind = FaultKind::Node {
            node: NodeId(1),
            fault: NodeFault::Clock { ahead: None, behind: Some(Duration(u64::MAX)), fast: None, slow: None },
        };
    });
    assert_eq!(clock, "a clock is at most 100 years wrong");
}
