//! The session guarantees against their definitions, on recordings of a toy store and on bare histories; findings
//! of recordings made by hand.

mod definition;
mod stories;

use kvsim_checkers::NO_RERUN;
use std::collections::{BTreeMap, BTreeSet};

use definition::Facts;
use kvsim_checkers::guarantees::{self, Guarantee, Log, judge};
use kvsim_checkers::history::{History, WriterOrder};
use kvsim_checkers::operations::Operations;
use kvsim_checkers::pram::Order;
use kvsim_checkers::trace::{Level, Recording, What};
use kvsim_checkers::{NEVER, Verdict};

use crate::chance::Chance;
use crate::pram::random::{self, Shape};
use crate::toy;

/// By guarantee: how many held and how many were broken.
type Counts = BTreeMap<&'static str, (usize, usize)>;

/// Judges a log as the definition does; the guarantees that are broken.
fn compare(log: &Log, facts: &Facts, counts: &mut Counts, context: impl Fn() -> String) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    for guarantee in Guarantee::ALL {
        let judgement = judge(log, guarantee, NEVER).expect("it takes its time");
        let (expected, judged) = facts.breaches(guarantee);
        let found: BTreeSet<u32> = judgement.breaches.iter().map(|breach| breach.read).collect();
        let show = || format!("{guarantee:?}, {}\n{log:#?}", context());
        assert_eq!(found, expected, "{}", show());
        assert_eq!(judgement.judged, judged, "{}", show());
        let count = counts.entry(guarantee.name()).or_default();
        if judged > 0 && found.is_empty() {
            count.0 += 1;
        } else if judged > 0 {
            count.1 += 1;
            broken.insert(guarantee.name());
        }
    }
    broken
}

fn compare_recording(recording: &Recording, counts: &mut Counts, seed: u64) -> BTreeSet<&'static str> {
    let log = Log::of_operations(&Operations::of(recording));
    let broken = compare(&log, &Facts::of_recording(recording), counts, || format!("seed {seed}\n{recording:#?}"));
    for guarantee in Guarantee::ALL {
        let report = guarantees::CHECKERS[guarantee as usize].judge(recording, NO_RERUN);
        assert_eq!(report.verdict == Verdict::Violated, broken.contains(guarantee.name()), "{report:#?}");
    }
    broken
}

#[test]
fn sessions_that_move_are_judged_as_defined() {
    let mut counts = Counts::new();
    for seed in 0..30_000 {
        compare_recording(&toy::run(seed, None, false), &mut counts, seed);
    }
    assert!(counts.values().all(|(held, _)| *held > 150), "{counts:?}");
    // A write mostly has seen the session's earlier ones, so their order is broken only where one of these had no answer.
    let often = ["read-your-writes", "monotonic-reads"];
    assert!(often.iter().all(|name| counts[name].1 > 40) && counts["monotonic-writes"].1 > 4, "{counts:?}");
}

#[test]
fn sessions_that_stay_get_what_their_level_promises() {
    let promised = ["read-your-writes", "monotonic-reads", "monotonic-writes"];
    let judge = |level: Level, promised: &[&str]| {
        let mut counts = Counts::new();
        for seed in 0..5_000 {
            let recording = toy::sticky(seed, None, level);
            let broken = compare_recording(&recording, &mut counts, seed);
            let is_kept = promised.iter().all(|name| !broken.contains(name));
            assert!(is_kept, "seed {seed}, {level:?}: {broken:?}\n{recording:#?}");
        }
        counts
    };
    let eventual = judge(Level::Eventual, &promised[..2]);
    assert!(eventual["monotonic-writes"].1 > 5 && eventual["writes-follow-reads"].1 > 0, "{eventual:?}");
    let fifo = judge(Level::Fifo, &promised);
    assert!(fifo["monotonic-writes"].0 > 300 && fifo["writes-follow-reads"].0 > 200, "{fifo:?}");
}

#[test]
fn broken_stores_are_judged_as_defined() {
    for (defect, name) in [
        (toy::Defect::ReadsLess, "read-your-writes"),
        (toy::Defect::ReadsLess, "monotonic-reads"),
        (toy::Defect::DropsWriteHere, "read-your-writes"),
        (toy::Defect::DropsWrite, "monotonic-writes"),
        (toy::Defect::LosesUpdate, "monotonic-writes"),
    ] {
        let mut counts = Counts::new();
        for seed in 0..500 {
            compare_recording(&toy::sticky(seed, Some(defect), Level::Eventual), &mut counts, seed);
        }
        assert!(counts[name].1 > 2, "{defect:?}: {counts:?}");
    }
}

#[test]
fn reads_that_were_tampered_with_are_judged_as_defined() {
    let mut counts = Counts::new();
    for seed in 0..8_000 {
        let mut chance = Chance(seed);
        let mut recording =
            if chance.one_in(2) { toy::sticky(seed, None, Level::Eventual) } else { toy::run(seed, None, false) };
        let returned: Vec<usize> = (0..recording.events.len())
            .filter(|place| matches!(recording.events[*place].what, What::Returned { .. }))
            .collect();
        if returned.is_empty() {
            continue;
        }
        for _ in 0..1 + chance.below(2) {
            let (one, other) = (returned[chance.below(returned.len())], returned[chance.below(returned.len())]);
            let What::Returned { write, .. } = recording.events[other].what else { continue };
            if let What::Returned { write: changed, .. } = &mut recording.events[one].what {
                *changed = write;
            }
        }
        compare_recording(&recording, &mut counts, seed);
    }
    assert!(counts.values().all(|(held, broken)| *held > 300 && *broken > 5), "{counts:?}");
}

#[test]
fn bare_histories_are_judged_as_defined() {
    let mut counts = Counts::new();
    let mut legal = 0;
    for seed in 0..30_000 {
        let mut chance = Chance(seed ^ 0x5eed << 32);
        let shape = Shape {
            ops_max: 9,
            keys_max: 2 + seed as usize % 2,
            deletes: seed % 5 == 0,
            doubt: seed % 7 == 0,
            twice: seed % 11 == 0,
        };
        let mut case = random::legal(&mut chance, shape);
        if case.writer_order == WriterOrder::Origin {
            continue;
        }
        case.order = Order::Pram;
        if seed % 3 > 0 {
            random::spoil(&mut case, &mut chance);
        }
        let history = History::from_entries(WriterOrder::Session, &case.entries);
        let log = Log::of_history(&history);
        let broken =
            compare(&log, &Facts::of_entries(&case.entries), &mut counts, || format!("seed {seed}\n{case:#?}"));
        // PRAM is the first three together, and more.
        if case.is_legal() {
            legal += 1;
            assert!(
                broken.is_empty() || broken.iter().eq(&["writes-follow-reads"]),
                "seed {seed}: {broken:?}\n{case:#?}"
            );
        }
    }
    assert!(legal > 8_000 && counts.values().all(|(held, broken)| *held > 800 && *broken > 200), "{legal} {counts:?}");
}
