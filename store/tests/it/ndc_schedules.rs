//! NDC replicas under thousands of random schedules: writes, deletes and reads with contexts old and new, messages
//! lost, doubled, re-ordered and very late, keys on all nodes or on some. After every step a replica shows exactly
//! what follows from the writes that have arrived; in the end all agree and nothing is left over.

use crate::common::ndc::{Style, World};
use crate::common::{count_failures, key, play_all};
use kvsim_store::ndc::Timer;
use kvsim_store::{NodeId, Stream};

fn style(seed: u64) -> Style {
    Style::random(&mut Stream::new(seed, "style", 0))
}

#[test]
fn replicas_agree_on_what_no_write_has_seen() {
    play_all(0..3_000, |seed, loud| World::new(seed, style(seed), loud).play());
}

#[test]
fn the_oracle_notices_a_repair_that_claims_more_than_it_brings() {
    let forged = |seed| World::new(seed, Style { forge: true, ..style(seed) }, false).play();
    let failures = count_failures(0..50, forged);
    assert!(failures > 15, "only {failures} of 50 schedules failed");
}

/// Whatever comes and goes between two clean-ups, one key is one entry in the list of keys to strip.
#[test]
fn a_key_waits_once_to_be_stripped() {
    let style = Style { nodes: 2, copies: 2, keys: 1, steps: 0, restart: 0, twin: 0, forge: false };
    let mut world = World::new(0, style, true);
    for delete in [false, true, false, true] {
        world.write(0, NodeId(1), key(0), delete, true);
    }
    // The delete alone leaves context behind, the write before it takes that away, the second delete brings it back.
    let updates = world.net.packets.clone();
    for place in [1, 0, 3] {
        world.deliver(updates[place].clone());
    }
    assert_eq!(world.net.gauge(NodeId(0), "context-entries"), 1);
    world.fire(NodeId(0), Timer::CleanUp);
    assert_eq!(world.net.gauge(NodeId(0), "unstripped-keys"), 1);
}
