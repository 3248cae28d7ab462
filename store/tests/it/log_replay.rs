//! The log remembers all that matters: at random moments of random schedules a second replica is started from the log
//! of a running one. It must know and show the same. Then either it takes the other's place (a crash), or both are
//! told the same from there on and must say the same.

use crate::common::{lww, ndc, play_all};
use kvsim_store::Stream;

fn chance(seed: u64) -> Stream {
    Stream::new(seed, "style", 0)
}

#[test]
fn an_ndc_replica_is_what_its_log_says() {
    play_all(0..1_000, |seed, loud| {
        let style = ndc::Style { twin: 4, ..ndc::Style::random(&mut chance(seed)) };
        ndc::World::new(seed, style, loud).play();
    });
}

#[test]
fn ndc_replicas_agree_whoever_crashes() {
    play_all(0..1_000, |seed, loud| {
        let style = ndc::Style { restart: 4, ..ndc::Style::random(&mut chance(seed)) };
        ndc::World::new(seed, style, loud).play();
    });
}

#[test]
fn an_lww_replica_is_what_its_log_says() {
    play_all(0..300, |seed, loud| {
        let style = lww::Style { restart: 2, twin: 4, ..lww::Style::random(&mut chance(seed)) };
        lww::World::new(seed, style, loud).play();
    });
}
