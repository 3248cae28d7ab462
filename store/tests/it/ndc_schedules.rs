//! NDC replicas under thousands of random schedules: writes, deletes and reads with contexts old and new, messages
//! lost, doubled, re-ordered and very late, keys on all nodes or on some. After every step a replica shows exactly
//! what follows from the writes that have arrived; in the end all agree and nothing is left over.

use crate::common::ndc::{Style, World};
use crate::common::{count_failures, key, play_all};
use kvsim_store::ndc::{Message, Request, Timer};
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

/// A read asks the next holder when one does not answer; a write asks again all that have not got it.
#[test]
fn a_call_for_a_key_held_elsewhere_goes_to_other_holders() {
    let style = Style { nodes: 4, copies: 2, keys: 1, steps: 0, restart: 0, twin: 0, forge: false };
    let mut world = World::new(0, style, true);
    let placement = world.net.config.placement.clone();
    let holders: Vec<NodeId> =
        placement.holders(placement.range(key(0)), &world.net.members).iter().map(|holder| holder.node).collect();
    let asks = (0..4).map(NodeId).find(|node| !holders.contains(node)).expect("two of four hold the key");
    world.read(0, asks, key(0), 1);
    world.write(0, asks, key(0), false, true);
    let mut asked = Vec::new();
    for tick in 0..4 {
        let packets = std::mem::take(&mut world.net.packets);
        let to = |is_read: bool| -> Vec<NodeId> {
            let of_kind = packets.iter().filter(|packet| match &*packet.message {
                Message::Request { request, .. } => matches!(**request, Request::Read(_)) == is_read,
                _ => false,
            });
            of_kind.map(|packet| packet.to).collect()
        };
        if tick != 3 {
            assert_eq!(to(false), holders, "after 0, 1 and 2 ticks");
            asked.extend(to(true));
        } else {
            assert!(packets.is_empty(), "after 3 ticks it waits for the fourth");
        }
        world.fire(asks, Timer::Calls);
    }
    assert_eq!(asked.len(), 3);
    assert!(asked[0] != asked[1] && asked[1] != asked[2], "{asked:?}");
}
