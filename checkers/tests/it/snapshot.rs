//! Replicas at a moment, from what they have announced until then.

use std::collections::BTreeSet;

use kvsim_checkers::snapshot::{Condition, ReplicaState, Waiting, final_state};
use kvsim_checkers::trace::{Dot, Header, Level, NodeId};

use crate::script::{self, Script};

/// The node at the end; two replicas with a key of the least and one of the greatest priority.
fn state(node: usize, text: &str) -> ReplicaState {
    let header = Header {
        nodes: 2,
        keys: vec!["P0log".into(), "P3alarm".into()],
        priorities: vec![0, 3],
        levels: Level::ALL.into_iter().collect(),
        ..script::header()
    };
    let script = Script::new(header, text);
    assert_eq!(script.0.validate(), Ok(()));
    final_state(&script.0).swap_remove(node)
}

/// Four writes of n0: log, alarm, log, log.
const WRITES: &str = "c0 writes P0log #1, is n0:1, knows n0:1, shows n0:1, ok
    c0 writes P3alarm #2, is n0:2, knows n0:2, shows n0:2, ok
    c0 writes P0log #3, is n0:3, knows n0:3, shows n0:3, hides n0:1, ok
    c0 writes P0log #4, is n0:4, knows n0:4, shows n0:4, hides n0:3, ok\n";

fn dot(counter: u64) -> Dot {
    Dot::new(NodeId(0), 1, counter)
}

/// Level, write, and what it waits for.
fn waiting(list: &[Waiting]) -> Vec<(Level, u64, Option<u64>)> {
    let counter = |dot: Dot| dot.counter;
    list.iter().map(|waiting| (waiting.level, counter(waiting.write), waiting.waits_for.map(counter))).collect()
}

fn fronts(state: &ReplicaState) -> Vec<(Level, u64)> {
    state.fronts.iter().map(|front| (front.level, front.write.counter)).collect()
}

#[test]
fn what_has_arrived_waits_for_what_has_not() {
    // The first write is missing, which the alarm need not wait for at the level of its priority.
    let text = WRITES.to_owned()
        + "n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual at priority
           n1 gets 0 of n0, knows n0:3, shows n0:3 at eventual\nn1 gets 0 of n0, knows n0:4, hides n0:3 at eventual, shows n0:4 at eventual";
    let n1 = state(1, &text);
    assert_eq!((n1.known.len(), n1.known[0].last, &n1.known[0].runs[..]), (1, dot(4), &[(2, 4)][..]));
    let expected = [
        (Level::Fifo, 2, Some(1)),
        (Level::Fifo, 3, Some(1)),
        (Level::Fifo, 4, Some(1)),
        (Level::Priority, 3, Some(1)),
        (Level::Priority, 4, Some(1)),
    ];
    assert_eq!(BTreeSet::from_iter(waiting(&n1.waiting)), BTreeSet::from(expected));
    assert_eq!(
        n1.shown,
        [(0, Level::Eventual, vec![dot(4)]), (1, Level::Eventual, vec![dot(2)]), (1, Level::Priority, vec![dot(2)])]
    );
    assert_eq!(fronts(&n1), [(Level::FifoP1, 2), (Level::FifoP2, 2), (Level::FifoP3, 2)]);
}

#[test]
fn runs_end_at_gaps() {
    let n1 = state(
        1,
        &(WRITES.to_owned()
            + "n1 gets 0 of n0, knows n0:1, shows n0:1\nn1 gets 0 of n0, knows n0:3\nn1 gets 0 of n0, knows n0:4"),
    );
    assert_eq!(n1.known[0].runs, [(1, 1), (3, 4)]);
    assert_eq!(fronts(&n1), [(Level::Fifo, 1)]);
    let of = |level| [(level, 3, Some(2)), (level, 4, Some(2))];
    assert_eq!(waiting(&n1.waiting), [of(Level::Fifo), of(Level::Priority)].concat());
}

#[test]
fn what_can_never_arrive_is_not_waited_for() {
    let lost = WRITES.to_owned() + "n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual\n";
    let n1 = state(1, &(lost.clone() + "n0 down lost"));
    assert_eq!(waiting(&n1.waiting), []);
    assert_eq!(fronts(&n1), [Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3].map(|level| (level, 2)));
    // The disk is there, or another one has the write.
    assert_ne!(waiting(&state(1, &(lost.clone() + "n0 down kept")).waiting), []);
    // What was never announced to be known is not lost, and what was undone is.
    let unasked =
        "c0 writes P0log #1, is n0:1, shows n0:1, ok\nc0 writes P3alarm #2, is n0:2, knows n0:2, shows n0:2, ok
        n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual\n";
    assert_ne!(waiting(&state(1, unasked).waiting), []);
    let undone = "c0 writes P0log #1, is n0:1, knows n0:1, shows n0:1\nc1 writes P3alarm #2 at n0, is n0:2, knows n0:2, shows n0:2
        n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual\nn0 down tail-lost, forgets n0:1\n";
    assert_eq!(waiting(&state(1, undone).waiting), []);
}

#[test]
fn nodes_go_down_and_stand_still() {
    let condition = |text: &str| {
        let state = state(1, &(WRITES.to_owned() + "n1 gets 0 of n0, knows n0:1, shows n0:1, drops n0:2\n" + text));
        (state.condition, state.incarnation, state.shown.len(), state.no_room.len())
    };
    assert_eq!(condition(""), (Condition::Up, 1, 3, 6));
    assert_eq!(condition("n1 pauses"), (Condition::Paused, 1, 3, 6));
    assert_eq!(condition("n1 pauses\nn1 resumes"), (Condition::Up, 1, 3, 6));
    assert_eq!(condition("n1 down kept"), (Condition::Down, 1, 0, 0));
    assert_eq!(condition("n1 down kept\nn1 pauses"), (Condition::Down, 1, 0, 0));
    assert_eq!(condition("n1 down kept\nn1 pauses\nn1 resumes"), (Condition::Down, 1, 0, 0));
    assert_eq!(condition("n1 down lost\nn1 up 2"), (Condition::Up, 2, 0, 0));
}

#[test]
fn what_had_no_room_is_passed_by_later_writes() {
    let dropped = |text: &str| {
        let state =
            state(1, &(WRITES.to_owned() + "n1 gets 0 of n0, knows n0:3, drops n0:3 at fifo at priority\n" + text));
        (waiting(&state.no_room), fronts(&state))
    };
    let (fifo, priority) = ((Level::Fifo, 3, None), (Level::Priority, 3, None));
    assert_eq!(dropped(""), (vec![fifo, priority], vec![]));
    // An earlier one does not pass it; a later one does at its level.
    let (no_room, fronts) = dropped("n1 gets 0 of n0, knows n0:2, shows n0:2 at fifo at priority");
    assert_eq!((no_room, fronts.len()), (vec![fifo, priority], 3));
    assert_eq!(dropped("n1 gets 0 of n0, knows n0:4, shows n0:4 at priority").0, [fifo]);
    assert_eq!(dropped("n1 gets 0 of n0, knows n0:4, shows n0:4 at fifo").0, [priority]);
}
