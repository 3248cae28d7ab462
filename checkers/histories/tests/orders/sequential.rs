//! Sequential consistency: all orders are tried.

use kvsim_checkers::NEVER;
use kvsim_checkers::history::Ending;
use kvsim_histories::jepsen::{Action, Call};
use kvsim_histories::linearizable;
use kvsim_histories::sequential::{Answer, judge};

use crate::chance::Chance;
use crate::random::{INITIAL, Shape, calls};

/// The definition: some order of all calls that took place and some of the others, in which each session's are in their
/// order, and which explains all. A call of unknown outcome holds up nothing after it.
fn is_legal(left: &[Call], registers: &mut Vec<u64>) -> bool {
    if left.iter().all(|call| call.ending != Ending::Ok) {
        return true;
    }
    (0..left.len()).any(|next| {
        let call = left[next];
        let is_earlier = |other: &Call| other.session == call.session && other.ending == Ending::Ok;
        if left[..next].iter().any(is_earlier) {
            return false;
        }
        let had = registers[call.key as usize];
        registers[call.key as usize] = match call.action {
            Action::Read if call.value == had => had,
            Action::Write => call.value,
            Action::Cas if call.expected == had => call.value,
            _ => return false,
        };
        let rest: Vec<Call> =
            left.iter().enumerate().filter(|(place, _)| *place != next).map(|(_, call)| *call).collect();
        let is_legal = is_legal(&rest, registers);
        registers[call.key as usize] = had;
        is_legal
    })
}

fn agree(seeds: std::ops::Range<u64>, shape: Shape) -> [usize; 2] {
    let mut counts = [0; 2];
    for seed in seeds {
        let calls = calls(&mut Chance(seed ^ 0x5e9 << 40), shape);
        // A read without an answer is nothing.
        let calls: Vec<Call> = calls.into_iter().filter(Call::matters).collect();
        let answer = judge(&calls, INITIAL, None, NEVER);
        let context = format!("seed {seed}: {answer:?}\n{calls:#?}");
        let legal = |calls: &[Call]| is_legal(calls, &mut vec![INITIAL; shape.keys]);
        let holds = match &answer {
            Answer::Yes => true,
            Answer::No(part) => {
                let part: Vec<Call> = part.iter().map(|call| calls[*call as usize]).collect();
                assert!(!part.is_empty(), "{context}");
                if shape.values == 0 && !shape.cas {
                    assert!(!legal(&part), "{context}");
                    for gone in &part {
                        let is_left = |other: &&Call| {
                            let is_read_of = other.action == Action::Read
                                && gone.action == Action::Write
                                && (other.key, other.value) == (gone.key, gone.value);
                            *other != gone && !is_read_of
                        };
                        let fewer: Vec<Call> = part.iter().filter(is_left).copied().collect();
                        assert!(legal(&fewer), "without {gone:?}: {context}");
                    }
                }
                false
            }
            Answer::Unwritten(call) => {
                let call = &calls[*call as usize];
                let is_it = |other: &Call| other != call && other.key == call.key && other.writes() == call.needs();
                assert!(call.needs() != Some(INITIAL) && !calls.iter().any(is_it), "{context}");
                false
            }
            Answer::TooMany | Answer::GaveUp => panic!("{context}"),
        };
        assert_eq!(holds, legal(&calls), "{context}");
        counts[usize::from(holds)] += 1;
    }
    counts
}

const PLAIN: Shape = Shape { calls_max: 8, keys: 2, values: 0, cas: false, doubt: false, fresh: 3 };

#[test]
fn distinct_values_are_judged_alike() {
    for (cas, doubt) in [(false, false), (true, false), (false, true), (true, true)] {
        let counts = agree(0..15_000, Shape { cas, doubt, ..PLAIN });
        assert!(counts[0] > 1_500 && counts[1] > 5_000, "{counts:?}");
    }
}

#[test]
fn few_values_are_judged_alike() {
    for values in 1..4 {
        for doubt in [false, true] {
            let counts = agree(0..8_000, Shape { values, cas: true, doubt, ..PLAIN });
            assert!(counts[1] > 3_000 && (counts[0] > 300 || values == 1), "{counts:?}");
        }
    }
}

#[test]
fn what_is_linearizable_is_sequential() {
    for seed in 0..5_000 {
        let calls = calls(&mut Chance(seed), Shape { keys: 1, fresh: 8, doubt: true, cas: true, ..PLAIN });
        let calls: Vec<Call> = calls.into_iter().filter(Call::matters).collect();
        let op = |call: &Call| linearizable::Op {
            invoked: call.invoked,
            completed: call.completed,
            action: call.action,
            value: call.value,
            expected: call.expected,
        };
        let ops: Vec<linearizable::Op> = calls.iter().map(op).collect();
        if linearizable::judge(&ops, INITIAL, NEVER) == Answer::Yes {
            assert_eq!(judge(&calls, INITIAL, None, NEVER), Answer::Yes, "seed {seed}\n{calls:#?}");
        }
    }
}

#[test]
fn longer_histories_of_replicas_that_lag_are_decided() {
    let shape = Shape { calls_max: 600, keys: 5, values: 0, cas: false, doubt: true, fresh: 1 };
    let mut counts = [0; 3];
    for seed in 0..40 {
        let calls = calls(&mut Chance(seed), shape);
        let calls: Vec<Call> = calls.into_iter().filter(Call::matters).collect();
        let asked = std::cell::Cell::new(0);
        let expired = || {
            asked.set(asked.get() + 1);
            asked.get() > 10_000
        };
        match judge(&calls, INITIAL, None, &expired) {
            Answer::Yes => counts[0] += 1,
            // Much is left out of what is found in hundreds of calls.
            Answer::No(calls) => counts[1] += usize::from(calls.len() < 12),
            Answer::Unwritten(_) => counts[2] += 1,
            Answer::TooMany | Answer::GaveUp => panic!("seed {seed}"),
        }
    }
    assert!(counts[0] > 10 && counts[1] > 2 && counts.iter().sum::<usize>() == 40, "{counts:?}");
}
