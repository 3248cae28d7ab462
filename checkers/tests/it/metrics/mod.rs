//! Figures of recordings: compared with a slow twin on random runs, and with what a person counts by hand.

mod by_hand;
mod distribution;
mod twin;

use std::collections::BTreeMap;

use kvsim_checkers::metrics::{Group, Measured, Merge, Metrics, Sample, Visibility, Where};
use kvsim_checkers::trace::{Conflict, GaugeName, Level, Recording, What};

use crate::chance::Chance;
use crate::toy::{self, Defect};

/// What a host might have measured.
fn measured(recording: &mut Recording, chance: &mut Chance) -> Measured {
    let gauge = |name: &str| GaugeName { name: name.into(), meaning: String::new(), residue: false };
    recording.header.gauges = vec![gauge("objects"), gauge("entries")];
    let mut measured = Measured::default();
    for event in &recording.events {
        if matches!(event.what, What::Sent { .. }) && chance.one_in(2) {
            measured.carried.push((event.number, chance.below(3) as u32));
        }
        if chance.one_in(4) {
            let gauges = (0..1 + chance.below(2)).map(|_| chance.below(600) as u64).collect();
            let metadata_bytes = chance.one_in(2).then(|| chance.below(9_000) as u64);
            measured.samples.push(Sample { at_ns: event.at_ns, node: event.node, gauges, metadata_bytes });
        }
    }
    measured
}

fn random_runs(count: u64) -> impl Iterator<Item = (Recording, Measured, u64)> {
    (0..count).map(|seed| {
        let mut chance = Chance(seed.wrapping_mul(77));
        let defects = [None, Some(Defect::LosesUpdate), Some(Defect::ForgetsDisk), Some(Defect::LevelStops)];
        let mut recording = match chance.below(3) {
            0 => toy::sticky(seed, defects[chance.below(2)], Level::ALL[chance.below(2)]),
            _ => toy::run(seed, defects[chance.below(4)], !chance.one_in(3)),
        };
        let measured = measured(&mut recording, &mut chance);
        (recording, measured, 1_000 * (1 + chance.below(40) as u64))
    })
}

#[test]
fn figures_are_those_of_the_definitions() {
    let (mut compared, mut held, mut stale, mut never, mut behind, mut missing) = (0, 0, 0, 0, 0, 0);
    for (recording, measured, window_ns) in random_runs(1_500) {
        assert_eq!(recording.validate(), Ok(()));
        let fast = Metrics::of(&recording, &measured, window_ns);
        if toy::gives_names_again(&recording) {
            continue;
        }
        let slow = twin::metrics(&recording, &measured, window_ns);
        let seed = recording.header.seed;
        assert_eq!(fast.visibility, slow.visibility, "visibility, seed {seed}");
        assert_eq!(fast.staleness, slow.staleness, "staleness, seed {seed}");
        assert_eq!(fast.lag, slow.lag, "lag, seed {seed}");
        assert_eq!(fast, slow, "seed {seed}");
        compared += 1;
        held += u64::from(recording.header.conflict == Conflict::LastWriterWins);
        stale += fast.staleness.values().filter(|level| level.versions.max() > Some(1)).count();
        never += fast.visibility.iter().filter(|((.., at), group)| *at == Where::Other && group.never > 0).count();
        behind += fast.lag.values().filter(|lag| lag.writes.0.iter().any(|window| window.max() > Some(0))).count();
        missing += fast.traffic.values().map(|kind| kind.missing).sum::<u64>();
    }
    // Each of the figures had something to show.
    assert!(compared > 1_000 && held > 200 && stale > 100 && never > 200 && behind > 200 && missing > 200);
}

#[test]
fn where_nothing_is_announced_clients_tell_of_visibility_and_staleness() {
    let (mut own, mut other, mut stale) = (0, 0, 0);
    for (mut recording, measured, window_ns) in random_runs(1_500) {
        if toy::gives_names_again(&recording) {
            continue;
        }
        recording.header.silent = true;
        let fast = Metrics::of(&recording, &measured, window_ns);
        assert_eq!(fast.visibility, twin::found(&recording), "seed {}", recording.header.seed);
        assert_eq!(fast.staleness, twin::stale_at_least(&recording, window_ns), "seed {}", recording.header.seed);
        assert!(fast.lag.is_empty());
        stale += fast.staleness.values().filter(|level| level.versions.max() > Some(1)).count();
        let found =
            |place| fast.visibility.iter().filter(move |((.., at), _)| *at == place).map(|(_, group)| group.count());
        own += found(Where::Own).sum::<u64>();
        other += found(Where::Other).sum::<u64>();
    }
    assert!(own > 500 && other > 500 && stale > 50, "{own}, {other}, {stale}");
}

#[test]
fn spoilt_recordings_have_figures_too() {
    for (mut recording, measured, window_ns) in random_runs(1_500) {
        let mut chance = Chance(recording.header.seed ^ 0xabc);
        toy::spoil(&mut recording, &mut chance);
        if recording.validate().is_ok() {
            Metrics::of(&recording, &measured, window_ns);
        }
    }
}

#[test]
fn figures_of_many_runs_merge_in_any_order() {
    let all: Vec<Metrics> =
        random_runs(60).map(|(recording, measured, _)| Metrics::of(&recording, &measured, 7_000)).collect();
    let merged = |parts: &mut dyn Iterator<Item = &Metrics>| {
        let (mut visibility, mut lag) = (BTreeMap::new(), BTreeMap::new());
        parts.for_each(|part| {
            visibility.merge_with(&part.visibility);
            lag.merge_with(&part.lag);
        });
        (visibility, lag)
    };
    let forwards = merged(&mut all.iter());
    assert_eq!(forwards, merged(&mut all.iter().rev()));
    let (mut left, right) = (merged(&mut all[..20].iter()), merged(&mut all[20..].iter()));
    left.0.merge_with(&right.0);
    left.1.merge_with(&right.1);
    assert_eq!(forwards, left);
    let writes = |all: &BTreeMap<Group, Visibility>| all.values().map(Visibility::count).sum::<u64>();
    assert_eq!(writes(&forwards.0), all.iter().map(|metrics| writes(&metrics.visibility)).sum::<u64>());
}
