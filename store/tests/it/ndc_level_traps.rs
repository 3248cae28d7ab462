//! What has gone wrong in other stores with levels, each as a short schedule. After every step the oracle of
//! common/levels.rs compares all levels with sets of writes; the lines here say what it comes to.
//!
//! Keys by number: 0 and 4 are P0, 1 and 5 are P3, 2 is P1, 3 is P2.

use crate::common::levels::{World, config, key};
use crate::common::{Kind, Net};
use kvsim_store::ndc::Handed;
use kvsim_store::ndc::{Ndc, Timer, Views};
use kvsim_store::{Level, NodeId, Replica as _, Value};

const ALL_ROOM: u64 = u64::MAX;

fn script(nodes: u16) -> World {
    World::script(nodes, ALL_ROOM)
}

/// A merged object that is replicated and split again loses both values.
#[test]
fn siblings_come_apart_at_an_ordered_level() {
    let mut w = script(2);
    let first = w.put(1, 0);
    let between = w.put(1, 4);
    let third = w.put(1, 0);
    w.bring(first, 0);
    w.bring(third, 0);
    w.put(0, 0);
    assert_eq!(w.both(0, 0), ["n1:3 n0:1", "n1:1 n0:1"]);
    w.bring(between, 0);
    assert_eq!(w.both(0, 0), ["n1:3 n0:1", "n1:3 n0:1"]);
    w.heal();
}

/// A clock entry that is taken over on trust hides the delete behind it.
#[test]
fn a_delete_reaches_a_third_node_through_a_second() {
    let mut w = script(3);
    let first = w.put(0, 0);
    w.bring(first, 1);
    w.bring(first, 2);
    w.replace(0, 0, true);
    w.put(0, 4);
    w.fire(NodeId(0), Timer::CleanUp);
    w.sync(1, 0);
    w.fire(NodeId(1), Timer::CleanUp);
    w.sync(2, 1);
    assert_eq!((w.both(2, 0), w.both(2, 4)), (["", ""].map(String::from), ["n0:3", "n0:3"].map(String::from)));
    w.heal();
}

/// An empty object keeps its context.
#[test]
fn a_write_that_comes_twice_does_not_undo_its_delete() {
    for tidy in [false, true] {
        let mut w = script(3);
        let writes = [w.put(1, 0), w.put(1, 4), w.put(1, 0)];
        w.bring(writes[0], 0);
        w.bring_copy(writes[2], 0);
        let delete = w.replace(0, 0, true);
        if tidy {
            w.fire(NodeId(0), Timer::CleanUp);
        }
        w.bring_copy(writes[2], 0);
        assert_eq!(w.both(0, 0), ["", ""]);
        // Also where only the delete is known, and at a third node that gets all of it at once.
        w.bring(delete, 2);
        w.bring_copy(writes[2], 2);
        assert_eq!(w.both(2, 0), ["", ""]);
        w.bring(writes[1], 0);
        w.bring(writes[2], 0);
        w.sync(2, 0);
        w.sync(1, 2);
        for node in 0..3 {
            assert_eq!(w.both(node, 0), ["", ""]);
        }
        w.heal();
    }
}

#[test]
fn a_delete_overtakes_a_write_that_waits() {
    let mut w = script(3);
    let (first, second) = (w.put(1, 4), w.put(1, 0));
    w.bring(first, 2);
    w.bring(second, 2);
    w.bring(second, 0);
    assert_eq!(w.both(0, 0), ["n1:2", ""]);
    let delete = w.replace(2, 0, true);
    w.bring(delete, 0);
    w.bring(first, 0);
    assert_eq!(w.both(0, 0), ["", ""]);
    w.heal();
}

/// A change that leaves no version has its place in the order like any other.
#[test]
fn a_delete_waits_for_its_turn() {
    let mut w = script(3);
    let first = w.put(1, 0);
    (0..3).filter(|node| *node != 1).for_each(|node| w.bring(first, node));
    let between = w.put(1, 4);
    let delete = w.replace(1, 0, true);
    w.bring(delete, 0);
    assert_eq!(w.both(0, 0), ["", "n1:1"]);
    // The same through anti-entropy.
    w.sync(2, 0);
    assert_eq!(w.both(2, 0), ["", "n1:1"]);
    w.bring(between, 0);
    w.sync(2, 0);
    assert_eq!((w.both(0, 0), w.both(2, 0)), (["", ""].map(String::from), ["", ""].map(String::from)));
    w.heal();
}

/// A context speaks for its key only.
#[test]
fn a_write_keeps_what_its_session_has_not_read() {
    for level in [Level::Eventual, Level::Fifo, Level::Priority] {
        let mut w = script(2);
        let (a, b) = (w.put(1, 0), w.put(1, 4));
        w.bring(a, 0);
        w.read(0, NodeId(0), key(0), level, 1);
        w.bring(b, 0);
        w.write(0, NodeId(0), key(4), false, false);
        w.write(0, NodeId(0), key(0), false, false);
        assert_eq!(
            (w.both(0, 4), w.both(0, 0)),
            (["n1:2 n0:1", "n1:2 n0:1"].map(String::from), ["n0:2", "n0:2"].map(String::from))
        );
        w.heal();
    }
}

/// A write that comes after one that replaces it has come all the same.
#[test]
fn two_writes_change_places_and_nothing_stalls() {
    let mut w = script(2);
    let writes = [w.put(1, 1), w.put(1, 1), w.put(1, 1), w.put(1, 0)];
    for write in [1, 0, 3, 2] {
        w.bring(writes[write], 0);
    }
    for level in Level::ALL {
        assert_eq!(w.shows(0, level, 1), "n1:3");
    }
    assert_eq!(w.both(0, 0), ["n1:4", "n1:4"]);
}

/// Waiting writes to one key, in two groups that become one.
#[test]
fn groups_of_waiting_writes_join() {
    let mut w = script(3);
    let writes: Vec<usize> = [4, 0, 0, 4, 0, 0].iter().map(|key| w.put(1, *key)).collect();
    for write in [1, 2, 4, 5, 3] {
        w.bring(writes[write], 0);
        assert_eq!(w.both(0, 0)[1], "");
    }
    w.bring(writes[0], 0);
    assert_eq!((w.both(0, 0), w.both(0, 4)), (["n1:6", "n1:6"].map(String::from), ["n1:4", "n1:4"].map(String::from)));
    w.sync(2, 0);
    assert_eq!(w.both(2, 0), ["n1:6", "n1:6"]);
    w.heal();
}

/// Room is counted in bytes, for each level by itself, and what had no room is asked for again.
#[test]
fn bulk_writes_do_not_push_out_an_urgent_one() {
    let mut w = World::script(2, 1_500);
    let urgent = w.put(1, 1);
    let bulk: Vec<usize> = (0..100).map(|i| w.put(1, 4 * (i % 2))).collect();
    let next = w.put(1, 5);
    bulk.iter().for_each(|write| w.bring(*write, 0));
    let before = w.overflowed;
    assert!(before > 0, "there was room for all");
    w.bring(next, 0);
    assert_eq!([Level::Eventual, Level::Priority].map(|level| w.shows(0, level, 5)), ["n1:102", ""]);
    w.bring(urgent, 0);
    for level in [Level::FifoP1, Level::FifoP2, Level::FifoP3, Level::Priority] {
        assert_eq!([w.shows(0, level, 1), w.shows(0, level, 5)], ["n1:1", "n1:102"]);
    }
    assert_eq!(w.shows(0, Level::Fifo, 5), "");
    w.sync(0, 1);
    assert_eq!(
        (w.both(0, 0), w.both(0, 5)),
        (["n1:100", "n1:100"].map(String::from), ["n1:102", "n1:102"].map(String::from))
    );
    w.heal();
}

/// A large value is not one of many.
#[test]
fn room_is_in_bytes() {
    let mut w = World::script(2, 5_000);
    w.put(1, 0);
    w.write_blindly(NodeId(1), key(0), 4_000);
    w.write_blindly(NodeId(1), key(4), 4_000);
    let small = w.put(1, 0);
    (1..3).for_each(|write| w.bring(write, 0));
    assert_eq!(w.overflowed, 1);
    w.bring(small, 0);
    assert_eq!(w.overflowed, 1, "there is room for a small one");
    w.bring(0, 0);
    assert_eq!(w.both(0, 0), ["n1:4", "n1:2"]);
    // The one that was dropped comes again just in time, and what waits follows.
    w.sync(0, 1);
    assert_eq!(w.both(0, 0), ["n1:4", "n1:4"]);
    w.heal();
}

/// A level is repaired from the same level of the peer, which may have seen more at the eventual one.
#[test]
fn a_repair_shows_nothing_from_behind_a_gap() {
    let mut w = script(3);
    let writes = [w.put(1, 0), w.put(1, 4), w.put(1, 0)];
    w.bring(writes[0], 2);
    w.bring(writes[2], 2);
    w.sync(0, 2);
    assert_eq!((w.both(0, 0), w.both(0, 4)), (["n1:3", "n1:1"].map(String::from), ["", ""].map(String::from)));
    w.bring(writes[1], 0);
    assert_eq!(w.both(0, 0), ["n1:3", "n1:3"]);
    w.heal();
}

/// An answer comes late, or twice, when both sides have moved on.
#[test]
fn an_old_answer_does_no_harm() {
    for (index, delete) in [(0, false), (0, true), (1, false), (1, true)] {
        let mut w = script(3);
        let writes = [w.put(1, index), w.put(1, 4), w.put(1, index)];
        w.bring(writes[0], 2);
        w.bring(writes[2], 2);
        let old = w.pull(0, 2);
        let newer = w.replace(2, index, delete);
        w.bring_copy(newer, 0);
        let later = w.pull(0, 2);
        w.bring(writes[1], 2);
        w.deliver(&later);
        w.put(0, index);
        w.deliver(&old);
        w.deliver(&later);
        w.deliver(&old);
        w.bring(writes[1], 0);
        w.deliver(&old);
        w.bring(newer, 0);
        w.heal();
        w.deliver(&later);
        w.deliver(&old);
        w.heal();
    }
}

/// Each level waits for writes of its own priorities and above, and for no others.
#[test]
fn each_level_skips_what_is_below_it() {
    let mut w = script(2);
    // P0, P3, P1, P2, P3, P0
    let writes: Vec<usize> = [0, 1, 2, 3, 5, 4].iter().map(|key| w.put(1, *key)).collect();
    w.bring(writes[1], 0);
    let levels = |w: &World, index| {
        let shown = Level::ALL.into_iter().filter(|level| !w.shows(0, *level, index).is_empty());
        shown.map(Level::name).collect::<Vec<_>>()
    };
    assert_eq!(levels(&w, 1), ["eventual", "fifo-p1", "fifo-p2", "fifo-p3", "priority"]);
    w.bring(writes[3], 0);
    assert_eq!(levels(&w, 3), ["eventual", "fifo-p2", "priority"]);
    w.bring(writes[4], 0);
    assert_eq!(levels(&w, 5), ["eventual", "fifo-p2", "fifo-p3", "priority"]);
    w.bring(writes[5], 0);
    assert_eq!(levels(&w, 4), ["eventual"]);
    w.bring(writes[2], 0);
    assert_eq!(levels(&w, 2), ["eventual", "fifo-p1", "priority"]);
    assert_eq!(levels(&w, 5), ["eventual", "fifo-p1", "fifo-p2", "fifo-p3", "priority"]);
    w.bring(writes[0], 0);
    assert_eq!(levels(&w, 4), ["eventual", "fifo", "priority"]);
    assert_eq!(levels(&w, 1), Level::ALL.map(Level::name));
}

/// A write of a low priority that has replaced nothing hides nothing; one replaced at one level only is still shown at
/// the others: siblings that differ from level to level.
#[test]
fn siblings_differ_from_level_to_level() {
    let mut w = script(3);
    let (gap, urgent) = (w.put(1, 0), w.put(1, 1));
    let other = w.put(2, 1);
    w.bring(urgent, 0);
    w.bring(other, 0);
    assert_eq!([Level::Fifo, Level::FifoP1].map(|level| w.shows(0, level, 1)), ["n2:1", "n1:2 n2:1"]);
    // This has seen what `fifo` shows: n2:1 alone.
    w.sessions[0].level = Level::Fifo;
    w.read(0, NodeId(0), key(1), Level::Fifo, 1);
    w.write(0, NodeId(0), key(1), false, false);
    assert_eq!([Level::Fifo, Level::Priority].map(|level| w.shows(0, level, 1)), ["n0:1", "n1:2 n0:1"]);
    w.bring(gap, 0);
    assert_eq!(w.both(0, 1), ["n1:2 n0:1", "n1:2 n0:1"]);
    w.heal();
}

/// Any message may come twice, or when everything is over.
#[test]
fn everything_comes_again() {
    let mut w = script(3);
    let mut copies = Vec::new();
    for round in 0..4 {
        for node in 0..3 {
            w.put(node, u32::from(node) + round);
            w.replace(node, round, round == 2);
            copies.append(&mut w.net.packets);
            copies.push(w.pull(node, (node + 1) % 3));
        }
        for place in (0..copies.len()).step_by(3) {
            let packet = copies[place].clone();
            w.deliver(&packet);
        }
    }
    w.heal();
    for packet in copies.iter().rev().chain(&copies) {
        w.deliver(packet);
    }
    w.net.packets.clear();
    w.heal();
}

/// A session that moves waits for what it has seen, and for no more than that.
#[test]
fn a_session_that_moves_waits_for_what_it_has_seen() {
    for level in [Level::Fifo, Level::FifoP3, Level::Priority] {
        let mut w = script(2);
        w.sessions[2].level = level;
        let (bulk, urgent) = (w.put(0, 0), w.put(0, 1));
        w.read(2, NodeId(0), key(1), level, 1);
        w.read(2, NodeId(1), key(1), level, 1);
        assert_eq!(w.waiting.len(), 1);
        w.bring(urgent, 1);
        assert_eq!(w.waiting.len(), usize::from(level == Level::Fifo), "{level:?}: whether it waits for bulk");
        w.bring(bulk, 1);
        assert_eq!(w.waiting.len(), 0);
        // What it writes here it reads there.
        w.write(2, NodeId(1), key(1), false, false);
        let write = w.facts.len() - 1;
        w.read(2, NodeId(0), key(5), level, 1);
        assert_eq!(w.waiting.len(), 1);
        w.bring(write, 0);
        assert_eq!(w.waiting.len(), 0);
    }
}

/// Wherever bulk has been seen, an urgent read elsewhere does not wait for it.
#[test]
fn an_urgent_read_does_not_wait_for_bulk_that_its_session_has_read() {
    let mut w = script(2);
    w.sessions[2].level = Level::Priority;
    let (first, urgent) = (w.put(0, 0), w.put(0, 1));
    w.put(0, 0);
    w.read(2, NodeId(0), key(0), Level::Priority, 1);
    w.read(2, NodeId(0), key(1), Level::Priority, 1);
    w.bring(urgent, 1);
    w.read(2, NodeId(1), key(1), Level::Priority, 1);
    assert_eq!(w.waiting.len(), 0, "nothing of P3 is missing");
    w.read(2, NodeId(1), key(0), Level::Priority, 1);
    assert_eq!(w.waiting.len(), 1);
    w.bring(first, 1);
    assert_eq!(w.waiting.len(), 1);
    w.bring(first + 2, 1);
    assert_eq!(w.waiting.len(), 0);
}

/// The size of the answer with which a node that has missed `count` large writes, `lost` of them also missed by the
/// node it asks, is repaired.
fn repair_bytes(views: Views, count: u32, lost: impl Fn(u32) -> bool) -> (u32, usize) {
    let mut net = Net::<Ndc>::new(1, 3, config(3, views, ALL_ROOM), |_, _| true, false);
    for index in 0..count {
        let kind = Kind::Write { value: Value { id: u64::from(index), bytes: 1_000 }, delete: false };
        net.ask(NodeId(1), key(index), kind, &Handed::default());
        while let Some(packet) = net.packets.pop() {
            if packet.to == NodeId(2) && !lost(index) {
                net.arrive(&packet);
            }
        }
    }
    loop {
        net.fire(NodeId(0), Timer::AntiEntropy);
        let pull = net.packets.pop().expect("a pull");
        if pull.to == NodeId(2) {
            net.arrive(&pull);
            let answer = net.packets.pop().expect("an answer");
            net.arrive(&answer);
            let known = net.nodes[0].known.len();
            return (<Ndc as kvsim_store::Replica>::meta(&answer.message).bytes, known);
        }
    }
}

#[test]
fn a_repair_brings_each_object_once() {
    let losses: [fn(u32) -> bool; 4] = [|_| false, |i| i == 0, |i| i % 7 == 3, |i| i == 50];
    for lost in losses {
        let ((one, known), (all, known_too)) =
            (repair_bytes(Views::Eventual, 100, lost), repair_bytes(Views::All, 100, lost));
        assert_eq!(known, known_too);
        // Beside the objects there are frontiers and predecessors, some tens of bytes each.
        assert!(all < one + 64 * 100, "{all} bytes for all views, {one} for the eventual one alone");
    }
}

/// An answer that comes when its write is no longer missing brings nothing that would have to be cleaned up again.
#[test]
fn a_very_late_answer_leaves_nothing() {
    let mut w = script(2);
    w.put(1, 0);
    let late = w.pull(0, 1);
    w.sync(0, 1);
    w.sync(1, 0);
    w.heal();
    let names: Vec<&str> = Ndc::GAUGES.iter().map(|gauge| gauge.name).collect();
    let dot_keys = names.iter().position(|name| *name == "dot-keys").expect("a gauge");
    w.fire(NodeId(0), Timer::CleanUp);
    assert_eq!(w.net.gauges(NodeId(0)).0[dot_keys], 0);
    w.deliver(&late);
    assert_eq!(w.net.gauges(NodeId(0)).0[dot_keys], 0);
    w.heal();
}
