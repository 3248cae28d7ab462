//! Consistency levels under thousands of random schedules: writes and deletes of all priorities with contexts that were
//! read at all levels, messages lost, doubled, re-ordered and very late, restarts from the log. After every step each
//! level of a replica shows exactly what follows from the writes that have arrived; in the end all levels of all
//! replicas agree and nothing is left over.

use std::cell::Cell;
use std::ops::Range;

use crate::common::levels::{Flaw, Style, World};
use crate::common::{count_failures, play_all};
use kvsim_store::Stream;
use kvsim_store::ndc::Defect;

/// The seeds of a test; the environment's `KVSIM_SEEDS=100000` asks for more.
fn seeds(count: u64) -> Range<u64> {
    #[allow(clippy::disallowed_methods)] // how long a test runs is no part of a run
    let wanted = std::env::var("KVSIM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..wanted.unwrap_or(count)
}

fn style(seed: u64) -> Style {
    Style::random(&mut Stream::new(seed, "style", 0))
}

/// What the schedules have been about, or they prove nothing.
#[derive(Clone, Copy, Default)]
struct Counts {
    held_back: u32,
    awaited: u32,
    overflowed: u32,
}

fn play(seeds: Range<u64>, style: impl Fn(u64) -> Style) -> Counts {
    let counts = Cell::new(Counts::default());
    play_all(seeds, |seed, loud| {
        let mut world = World::new(seed, style(seed), loud);
        world.play();
        let Counts { held_back, awaited, overflowed } = counts.get();
        counts.set(Counts {
            held_back: held_back + world.held_back,
            awaited: awaited + world.awaited,
            overflowed: overflowed + world.overflowed,
        });
    });
    counts.get()
}

#[test]
fn each_level_shows_an_exact_prefix() {
    let counts = play(seeds(6_000), style);
    assert!(counts.held_back > 100_000, "only {} times an ordered level was behind", counts.held_back);
}

#[test]
fn without_loss_all_levels_need_no_repair() {
    let counts = play(seeds(3_000), |seed| Style { loss: false, anti_entropy: false, ..style(seed) });
    assert!(counts.held_back > 10_000, "only {} times an ordered level was behind", counts.held_back);
}

/// Too little room delays writes, and does nothing worse.
#[test]
fn small_buffers_keep_order_and_repair_the_rest() {
    let room = |seed| [0, 60, 150, 400][seed as usize % 4];
    let counts = play(seeds(6_000), |seed| Style { buffer_bytes: room(seed), ..style(seed) });
    assert!(counts.overflowed > 10_000, "only {} writes had no room", counts.overflowed);
}

#[test]
fn sessions_that_move_wait_for_what_they_have_seen() {
    let style = |seed| Style { moves: true, anti_entropy: seed % 4 > 0, loss: seed % 4 > 0, ..style(seed) };
    let counts = play(seeds(3_000), style);
    assert!(counts.awaited > 1_000, "only {} reads had to wait", counts.awaited);
}

/// A bit of everything. How sessions that move wait is not told exactly where writes had no room.
fn mixed(seed: u64, flaw: Option<Flaw>) -> Style {
    let (moves, lossless) = (seed.is_multiple_of(2), seed % 4 == 3);
    let buffer_bytes = if seed % 4 == 1 { 400 } else { u64::MAX };
    Style { moves, loss: !lossless, anti_entropy: !lossless, buffer_bytes, flaw, ..style(seed) }
}

/// Planted mistakes that need what these schedules do not have: lost disks, dead replicas, `ack`, outputs that a crash takes
/// back.
const OF_OTHER_FAULTS: [Defect; 19] = [
    Defect::NoFullTransfer,
    Defect::AbsorbLateAnswers,
    Defect::EarlyAcknowledgement,
    Defect::OldWatermarks,
    Defect::EarlyVoid,
    Defect::SettleEarly,
    Defect::KeepDead,
    Defect::AcceptDead,
    Defect::ServeWhileRecovering,
    Defect::StaleAcknowledgement,
    Defect::AckAtOnce,
    Defect::NumbersPerNode,
    Defect::RecoveringCounts,
    Defect::RecoverFromOne,
    Defect::ViewNotCompared,
    Defect::ChargeContext,
    Defect::DropRangeAtOnce,
    Defect::CountDeparted,
    Defect::NoFailOver,
];

#[test]
fn the_oracle_notices_every_flaw() {
    use Flaw::{AwaitsAll, EventualContext, NotAwaited, NotRefused, NotSaid};
    let failures = |flaw| count_failures(0..100, |seed| World::new(seed, mixed(seed, flaw), false).play());
    assert_eq!(failures(None), 0, "the oracle fails a sound store");
    let (others, planted): (Vec<Defect>, Vec<Defect>) =
        Defect::ALL.iter().partition(|defect| OF_OTHER_FAULTS.contains(defect));
    assert_eq!(others, OF_OTHER_FAULTS);
    let flaws = planted.into_iter().map(Flaw::Planted);
    let flaws = flaws.chain([EventualContext, NotRefused, NotSaid, NotAwaited, AwaitsAll]);
    let rarely: Vec<_> =
        flaws.map(|flaw| (flaw, failures(Some(flaw)))).filter(|(_, failures)| *failures <= 4).collect();
    assert!(rarely.is_empty(), "so few of 100 schedules failed: {rarely:?}");
}
