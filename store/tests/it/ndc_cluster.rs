//! What a small cluster with levels must do, as a prototype's own cluster tests have it: nodes that have missed writes
//! catch up from each other, and until then an ordered level shows nothing from behind a gap. After every step the
//! oracle of common/levels compares all levels with sets of writes, too.
//!
//! Keys by number: 0 and 4 are P0, 1 and 5 are P3, 2 and 6 are P1.

use crate::common::levels::World;
use kvsim_store::Level;

fn cluster(nodes: u16) -> World {
    World::script(nodes, u64::MAX)
}

/// Both levels show the same.
fn agreed(writes: &str) -> [String; 2] {
    [writes, writes].map(String::from)
}

#[test]
fn two_nodes_that_heard_nothing_catch_up_from_each_other() {
    let mut w = cluster(2);
    [(0, 0), (0, 0), (1, 4)].into_iter().for_each(|(node, key)| _ = w.put(node, key));
    assert_eq!((w.both(1, 0), w.both(0, 4)), (agreed(""), agreed("")));
    w.sync(1, 0);
    assert_eq!((w.both(1, 0), w.both(0, 4)), (agreed("n0:2"), agreed("")));
    w.sync(0, 1);
    assert_eq!(w.both(0, 4), agreed("n1:1"));
    w.heal();
}

#[test]
fn four_nodes_that_heard_nothing_end_with_all_siblings() {
    let mut w = cluster(4);
    for node in 0..4 {
        [4 + u32::from(node), 0].into_iter().for_each(|key| _ = w.put(node, key));
    }
    // A ring of questions, twice round.
    for node in (0..8).map(|step| step % 4) {
        w.sync(node, (node + 3) % 4);
    }
    for node in 0..4 {
        assert_eq!(w.both(node, 0), agreed("n0:2 n1:2 n2:2 n3:2"));
        (0..4).for_each(|writer| assert_eq!(w.both(node, 4 + writer), agreed(&format!("n{writer}:1"))));
    }
    w.heal();
}

#[test]
fn without_the_first_write_fifo_shows_none_of_the_later_ones() {
    let mut w = cluster(2);
    let writes = [0, 4, 0, 4].map(|key| w.put(0, key));
    writes[1..].iter().for_each(|write| w.bring(*write, 1));
    assert_eq!((w.both(1, 0), w.both(1, 4)), (["n0:3", ""].map(String::from), ["n0:4", ""].map(String::from)));
    w.sync(1, 0);
    assert_eq!((w.both(1, 0), w.both(1, 4)), (agreed("n0:3"), agreed("n0:4")));
    w.heal();
}

#[test]
fn deletes_come_after_a_gap_like_any_other_write() {
    let mut w = cluster(2);
    let writes = [w.put(0, 0), w.put(0, 4), w.replace(0, 0, true), w.replace(0, 4, true)];
    writes[1..].iter().for_each(|write| w.bring(*write, 1));
    assert_eq!((w.both(1, 0), w.both(1, 4)), (agreed(""), agreed("")));
    w.sync(1, 0);
    assert_eq!((w.both(1, 0), w.both(1, 4)), (agreed(""), agreed("")));
    w.heal();
}

#[test]
fn a_gap_among_log_lines_holds_up_no_alarm() {
    let mut w = cluster(2);
    let writes = [0, 1, 4, 0, 1, 4].map(|key| w.put(0, key));
    writes[1..].iter().for_each(|write| w.bring(*write, 1));
    let shows = |w: &World, level| [0, 1, 4].map(|key| w.shows(1, level, key));
    assert_eq!(shows(&w, Level::Fifo), ["", "", ""]);
    assert_eq!(w.shows(1, Level::FifoP3, 1), "n0:5");
    w.sync(1, 0);
    assert_eq!(shows(&w, Level::Fifo), ["n0:4", "n0:5", "n0:6"]);
    w.heal();
}

/// Each of three nodes lacks other writes, and the origin is silent: what waits at one fills the gaps of another.
#[test]
fn nodes_give_each_other_what_waits() {
    let mut w = cluster(4);
    let writes = [0, 4, 6, 0, 4, 6].map(|key| w.put(0, key));
    let lacks = [(1, [4, 5]), (2, [3, 5]), (3, [3, 4])];
    for (node, lacked) in lacks {
        let comes = (0..6).filter(|at| !lacked.contains(at));
        comes.for_each(|at| w.bring(writes[at], node));
    }
    let fifo = |w: &World, node| [0, 4, 6].map(|key| w.shows(node, Level::Fifo, key));
    assert_eq!(fifo(&w, 2), ["n0:1", "n0:2", "n0:3"]);
    w.sync(2, 3);
    assert_eq!([0, 4, 6].map(|key| w.shows(2, Level::Eventual, key)), ["n0:1", "n0:5", "n0:6"]);
    assert_eq!(fifo(&w, 2), ["n0:1", "n0:2", "n0:3"]);
    w.sync(2, 1);
    assert_eq!(fifo(&w, 2), ["n0:4", "n0:5", "n0:6"]);
    w.heal();
}

/// A node fills its gap from one that itself lacks a later write: it comes as far as that one, and what it had beyond
/// waits until the rest has come.
#[test]
fn a_gap_is_filled_by_one_that_has_another_gap() {
    let mut w = cluster(3);
    let writes = [0, 4, 0, 4, 0].map(|key| w.put(0, key));
    [0, 1, 2, 4].into_iter().for_each(|at| w.bring(writes[at], 1));
    [0, 1, 3].into_iter().for_each(|at| w.bring(writes[at], 2));
    w.sync(2, 1);
    assert_eq!((w.both(2, 0), w.both(2, 4)), (agreed("n0:5"), agreed("n0:4")));
    assert_eq!((w.both(1, 0), w.both(1, 4)), (["n0:5", "n0:3"].map(String::from), agreed("n0:2")));
    w.heal();
}

#[test]
fn a_store_puts_gets_deletes_and_resolves() {
    let mut w = cluster(2);
    let first = w.put(0, 0);
    w.bring(first, 1);
    let delete = w.replace(1, 0, true);
    w.bring(delete, 0);
    assert_eq!((w.both(0, 0), w.both(1, 0)), (agreed(""), agreed("")));
    let (one, other) = (w.put(0, 4), w.put(1, 4));
    w.bring(one, 1);
    w.bring(other, 0);
    assert_eq!(w.both(0, 4), agreed("n0:2 n1:2"));
    let resolved = w.replace(0, 4, false);
    w.bring(resolved, 1);
    assert_eq!((w.both(0, 4), w.both(1, 4)), (agreed("n0:3"), agreed("n0:3")));
    // A blind write replaces what its own node wrote, and nothing else.
    let blind = w.put(1, 4);
    w.bring(blind, 0);
    assert_eq!(w.both(0, 4), agreed("n0:3 n1:3"));
    w.heal();
}

/// The origin has gone: two others complete each other, as no one else can.
#[test]
fn what_two_have_between_them_outlives_its_origin() {
    let mut w = cluster(3);
    let writes = [0, 4, 6].map(|key| w.put(0, key));
    [0, 2].into_iter().for_each(|at| w.bring(writes[at], 1));
    [1, 2].into_iter().for_each(|at| w.bring(writes[at], 2));
    w.sync(1, 2);
    w.sync(2, 1);
    for node in [1, 2] {
        assert_eq!([0, 4, 6].map(|key| w.both(node, key)), ["n0:1", "n0:2", "n0:3"].map(agreed));
    }
    w.heal();
}
