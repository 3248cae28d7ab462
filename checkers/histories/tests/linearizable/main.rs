//! The checker of linearizability against one that tries all orders, on random small histories.

#[path = "../../../tests/common/chance.rs"]
mod chance;

use chance::Chance;
use kvsim_checkers::NEVER;
use kvsim_histories::jepsen::Action;
use kvsim_histories::linearizable::{Answer, Op, judge};

const INITIAL: u64 = 0;

/// The definition: some order of all completed operations and some of the others that keeps real time and explains all.
fn is_legal(ops: &[Op], value: u64) -> bool {
    if ops.iter().all(|op| op.completed == Op::NEVER) {
        return true;
    }
    (0..ops.len()).any(|next| {
        let op = ops[next];
        if ops.iter().any(|other| other.completed < op.invoked) {
            return false;
        }
        let rest: Vec<Op> = ops.iter().enumerate().filter(|(place, _)| *place != next).map(|(_, op)| *op).collect();
        let after = match op.action {
            Action::Read => (op.value == value).then_some(value),
            Action::Write => Some(op.value),
            Action::Cas => (op.expected == value).then_some(op.value),
        };
        after.is_some_and(|value| is_legal(&rest, value))
    })
}

#[derive(Clone, Copy)]
struct Shape {
    ops_max: usize,
    /// So many values; 0 for a new one with each write.
    values: usize,
    cas: bool,
    /// One of so many operations is not completed; 0 for none.
    pending: usize,
    processes: usize,
}

/// A register at work.
fn random(chance: &mut Chance, shape: Shape) -> Vec<Op> {
    let processes = 1 + chance.below(shape.processes);
    let is_lost = |chance: &mut Chance| shape.pending > 0 && chance.one_in(shape.pending);
    let mut ops: Vec<Op> = Vec::new();
    // By process: its operation, and whether it has been carried out.
    let mut open: Vec<Option<(usize, bool)>> = vec![None; processes];
    let (mut register, mut now) = (INITIAL, 0);
    let count = 1 + chance.below(shape.ops_max);
    while ops.len() < count || open.iter().any(Option::is_some) {
        let process = chance.below(processes);
        now += 1;
        match open[process] {
            None if ops.len() < count => {
                let kind = match chance.below(5) {
                    0 | 1 => Action::Write,
                    2 if shape.cas => Action::Cas,
                    _ => Action::Read,
                };
                let value = match shape.values {
                    0 => 100 + ops.len() as u64,
                    values => chance.below(values) as u64,
                };
                ops.push(Op { invoked: now, completed: Op::NEVER, action: kind, value, expected: INITIAL });
                open[process] = Some((ops.len() - 1, false));
            }
            None => {}
            Some((op, false)) => {
                if is_lost(chance) {
                    // Never, or later.
                    if chance.one_in(2) {
                        open[process] = None;
                    }
                    continue;
                }
                let op = &mut ops[op];
                match op.action {
                    Action::Read => op.value = register,
                    Action::Write => register = op.value,
                    Action::Cas => {
                        op.expected = register;
                        register = op.value;
                    }
                }
                open[process] = Some((open[process].map_or(0, |open| open.0), true));
                if is_lost(chance) {
                    open[process] = None;
                }
            }
            Some((op, true)) => {
                ops[op].completed = now;
                open[process] = None;
            }
        }
    }
    ops
}

/// The same with some results changed.
fn spoiled(chance: &mut Chance, shape: Shape) -> Vec<Op> {
    let mut ops = random(chance, shape);
    for _ in 0..[0, 1, 2, 4][chance.below(4)] {
        let (op, other) = (chance.below(ops.len()), chance.below(ops.len()));
        let value = if chance.one_in(6) { INITIAL } else { ops[other].value };
        match ops[op].action {
            Action::Read => ops[op].value = value,
            Action::Cas => ops[op].expected = value,
            Action::Write => {}
        }
    }
    ops
}

fn agree(seeds: std::ops::Range<u64>, shape: Shape) -> [usize; 2] {
    let mut counts = [0; 2];
    for seed in seeds {
        let ops = spoiled(&mut Chance(seed ^ 0x11ea << 40), shape);
        // A read without an answer is nothing.
        let ops: Vec<Op> =
            ops.into_iter().filter(|op| op.action != Action::Read || op.completed != Op::NEVER).collect();
        let answer = judge(&ops, INITIAL, NEVER);
        let context = format!("seed {seed}: {answer:?}\n{ops:#?}");
        let holds = match &answer {
            Answer::Yes => true,
            Answer::No(part) => {
                // What was left out, but for reads, explains no more of it.
                let is_shown = |place: &usize| part.contains(&(*place as u32)) || ops[*place].action != Action::Read;
                let shown: Vec<Op> = (0..ops.len()).filter(is_shown).map(|place| ops[place]).collect();
                assert!(!is_legal(&shown, INITIAL), "{context}");
                let part: Vec<Op> = part.iter().map(|op| ops[*op as usize]).collect();
                assert!(!part.is_empty(), "{context}");
                if shape.values == 0 && part.iter().all(|op| op.action != Action::Cas) {
                    assert!(!is_legal(&part, INITIAL), "{context}");
                    for gone in 0..part.len() {
                        let is_left = |other: &&Op| {
                            **other != part[gone]
                                && !(other.action == Action::Read
                                    && part[gone].action == Action::Write
                                    && other.value == part[gone].value)
                        };
                        let fewer: Vec<Op> = part.iter().filter(is_left).copied().collect();
                        assert!(is_legal(&fewer, INITIAL), "without {gone}: {context}");
                    }
                }
                false
            }
            Answer::Unwritten(op) => {
                let needed = ops[*op as usize].needs();
                assert!(needed != Some(INITIAL) && ops.iter().all(|op| op.writes() != needed), "{context}");
                false
            }
            Answer::TooMany | Answer::GaveUp => panic!("{context}"),
        };
        assert_eq!(holds, is_legal(&ops, INITIAL), "{context}");
        counts[usize::from(holds)] += 1;
    }
    counts
}

const PLAIN: Shape = Shape { ops_max: 8, values: 0, cas: false, pending: 0, processes: 4 };

#[test]
fn distinct_values_are_judged_alike() {
    let counts = agree(0..20_000, PLAIN);
    assert!(counts[0] > 2_000 && counts[1] > 10_000, "{counts:?}");
    let counts = agree(0..20_000, Shape { cas: true, ..PLAIN });
    assert!(counts[0] > 2_000 && counts[1] > 10_000, "{counts:?}");
    let counts = agree(0..20_000, Shape { cas: true, pending: 8, ..PLAIN });
    assert!(counts[0] > 2_000 && counts[1] > 10_000, "{counts:?}");
}

#[test]
fn few_values_are_judged_alike() {
    for values in 1..4 {
        for pending in [0, 8] {
            let counts = agree(0..10_000, Shape { values, cas: true, pending, ..PLAIN });
            assert!(counts[1] > 5_000 && (counts[0] > 500 || values == 1), "{counts:?}");
        }
    }
}

#[test]
fn few_values_with_many_open_operations_are_judged_alike() {
    for (values, pending) in [(2, 2), (3, 2), (3, 3), (4, 3)] {
        let counts = agree(0..10_000, Shape { values, cas: true, pending, ops_max: 9, processes: 4 });
        assert!(counts[1] > 5_000 && counts[0] > 200, "{counts:?}");
    }
}

/// Cas and writes of unknown outcome, and then what can only be explained by some of them, in chains or one by one.
#[test]
fn what_is_left_of_unknown_outcome_is_judged_alike() {
    let mut counts = [0; 2];
    for seed in 0..15_000 {
        let chance = &mut Chance(seed ^ 0xca5 << 40);
        let values = 3 + chance.below(2);
        let mut value = || chance.below(values) as u64;
        let lost = |place: u32, cas: bool, expected: u64, value: u64| Op {
            invoked: place,
            completed: Op::NEVER,
            action: if cas { Action::Cas } else { Action::Write },
            value,
            expected,
        };
        let mut ops: Vec<Op> = (0..6).map(|place| lost(place, value() > 0, value(), value())).collect();
        let found = |place: u32, value: u64| {
            let is_write = value == INITIAL && place.is_multiple_of(2);
            let action = if is_write { Action::Write } else { Action::Read };
            Op { invoked: 10 + 2 * place, completed: 11 + 2 * place, action, value, expected: INITIAL }
        };
        ops.extend((0..5).map(|place| found(place, value())));
        let answer = judge(&ops, INITIAL, NEVER);
        let is_legal = is_legal(&ops, INITIAL);
        assert_eq!(answer == Answer::Yes, is_legal, "seed {seed}: {answer:?}\n{ops:#?}");
        counts[usize::from(is_legal)] += 1;
    }
    assert!(counts[0] > 2_000 && counts[1] > 2_000, "{counts:?}");
}

/// Ten clients and a few values, with every sixteenth operation of unknown outcome: a search gets through what is right, and
/// shows the few operations that are wrong.
#[test]
fn long_histories_with_many_open_operations_are_decided() {
    let mut lost = 0;
    for seed in 0..12 {
        let shape = Shape { ops_max: 2_400, values: 3 + seed as usize % 5, cas: true, pending: 24, processes: 10 };
        let mut ops = random(&mut Chance(seed), shape);
        ops.retain(|op| op.action != Action::Read || op.completed != Op::NEVER);
        lost += ops.iter().filter(|op| op.completed == Op::NEVER).count();
        let asked = std::cell::Cell::new(0);
        let expired = || {
            asked.set(asked.get() + 1);
            asked.get() > 100_000
        };
        assert_eq!(judge(&ops, INITIAL, &expired), Answer::Yes, "seed {seed}");
        // Two reads, while a write is under way, find the new value and then the old one.
        let end = ops.iter().filter(|op| op.completed != Op::NEVER).map(|op| op.completed).max().unwrap_or(0);
        let add = |invoked, until, action, value| Op {
            invoked: end + invoked,
            completed: end + until,
            action,
            value,
            expected: INITIAL,
        };
        let first = ops.len() as u32;
        ops.extend([add(1, 2, Action::Write, 97), add(3, 20, Action::Write, 98)]);
        ops.extend([add(5, 6, Action::Read, 98), add(7, 8, Action::Read, 97)]);
        assert_eq!(judge(&ops, INITIAL, &expired), Answer::No((first..first + 4).collect()), "seed {seed}");
    }
    assert!(lost > 400, "{lost}");
}

#[test]
fn many_open_operations_are_no_matter() {
    // A hundred writes that never came back, of three values; and each of the reads can be explained by one of them.
    let mut ops: Vec<Op> = (0..100)
        .map(|place| Op {
            invoked: place,
            completed: Op::NEVER,
            action: Action::Write,
            value: u64::from(place % 3),
            expected: 0,
        })
        .collect();
    let read = |place: u32, value| Op {
        invoked: 100 + 2 * place,
        completed: 101 + 2 * place,
        action: Action::Read,
        value,
        expected: 0,
    };
    ops.extend((0..60).map(|place| read(place, u64::from(place % 3))));
    assert_eq!(judge(&ops, INITIAL, NEVER), Answer::Yes);
    // Of the value 2 there were 33: the 34th change to it cannot be.
    ops.truncate(100);
    ops.extend((0..68).map(|place| read(place, u64::from(2 - 2 * (place % 2)))));
    assert!(matches!(judge(&ops, INITIAL, NEVER), Answer::No(_)));
}

#[test]
fn the_time_may_be_over() {
    // Twenty writers of two values at once, and a reader: many ways, of which none may be tried.
    let write = |place: u32| Op {
        invoked: place,
        completed: 1_000 + place,
        action: Action::Cas,
        value: u64::from(place % 7),
        expected: u64::from(place % 5),
    };
    let mut ops: Vec<Op> = (0..30).map(write).collect();
    ops.push(Op { invoked: 30, completed: 999, action: Action::Read, value: 6, expected: 0 });
    assert_eq!(judge(&ops, INITIAL, &|| true), Answer::GaveUp);
}
