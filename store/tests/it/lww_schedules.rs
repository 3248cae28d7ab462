//! LWW replicas under random schedules, with clocks that differ and jump. After every step a replica shows the newest
//! write that it knows; in the end all show the same one, which no other write has met.

use crate::common::lww::{Style, World};
use crate::common::{count_failures, play_all};
use kvsim_store::Stream;

fn style(seed: u64) -> Style {
    Style::random(&mut Stream::new(seed, "style", 0))
}

#[test]
fn the_largest_stamp_wins_everywhere() {
    play_all(0..800, |seed, loud| World::new(seed, style(seed), loud).play());
}

#[test]
fn the_oracle_notices_a_forged_update() {
    let failures = count_failures(0..50, |seed| World::new(seed, Style { forge: true, ..style(seed) }, false).play());
    assert!(failures > 25, "only {failures} of 50 schedules failed");
}
