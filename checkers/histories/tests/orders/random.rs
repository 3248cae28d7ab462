//! Random histories: replicas that follow one log, each at its own pace, and what clients saw of them; then some results
//! are changed.

use kvsim_checkers::history::Ending;
use kvsim_histories::jepsen::{Action, Call, Calls};

use crate::chance::Chance;

/// What keys begin with.
pub const INITIAL: u64 = 0;

#[derive(Clone, Copy, Debug)]
pub struct Shape {
    pub calls_max: usize,
    pub keys: usize,
    /// So many values; 0 for a new one with each write.
    pub values: usize,
    pub cas: bool,
    pub doubt: bool,
    /// So often a session sees at once what the others have done.
    pub fresh: usize,
}

pub fn calls(chance: &mut Chance, shape: Shape) -> Vec<Call> {
    let sessions = 1 + chance.below(3);
    let mut calls: Vec<Call> = Vec::new();
    let mut log: Vec<(usize, u64)> = Vec::new();
    // By session: how far it follows the log; its open call, and whether it was carried out.
    let mut seen = vec![0; sessions];
    let mut open: Vec<Option<(usize, bool)>> = vec![None; sessions];
    let (mut now, count) = (0, 1 + chance.below(shape.calls_max));
    while calls.len() < count || open.iter().any(Option::is_some) {
        let session = chance.below(sessions);
        now += 1;
        match open[session] {
            None if calls.len() < count => {
                let action = match chance.below(5) {
                    0 | 1 => Action::Write,
                    2 if shape.cas => Action::Cas,
                    _ => Action::Read,
                };
                let value = match shape.values {
                    0 => 100 + calls.len() as u64,
                    values => chance.below(values) as u64,
                };
                calls.push(Call {
                    invoked_ns: 0,
                    completed_ns: 0,
                    value,
                    expected: INITIAL,
                    invoked: now,
                    completed: Calls::NEVER,
                    session: session as u32,
                    key: chance.below(shape.keys) as u32,
                    action,
                    ending: Ending::Indeterminate,
                });
                open[session] = Some((calls.len() - 1, false));
            }
            None => {}
            Some((call, false)) => {
                if shape.doubt && chance.one_in(8) {
                    open[session] = None;
                    continue;
                }
                let call = &mut calls[call];
                let key = call.key as usize;
                let all = call.action == Action::Cas || chance.below(8) < shape.fresh;
                seen[session] +=
                    if all { log.len() - seen[session] } else { chance.below(log.len() - seen[session] + 1) };
                let found = log[..seen[session]].iter().rev().find(|(of, _)| *of == key).map_or(INITIAL, |last| last.1);
                match call.action {
                    Action::Read => call.value = found,
                    Action::Write => log.push((key, call.value)),
                    Action::Cas => {
                        call.expected = found;
                        log.push((key, call.value));
                    }
                }
                if call.action != Action::Read {
                    seen[session] = log.len();
                }
                open[session] = Some((open[session].map_or(0, |open| open.0), true));
                if shape.doubt && chance.one_in(8) {
                    open[session] = None;
                }
            }
            Some((call, true)) => {
                (calls[call].completed, calls[call].ending) = (now, Ending::Ok);
                open[session] = None;
            }
        }
    }
    for _ in 0..[0, 1, 2, 4][chance.below(4)] {
        let (one, other) = (chance.below(calls.len()), chance.below(calls.len()));
        let value = if chance.one_in(6) { INITIAL } else { calls[other].value };
        match calls[one].action {
            Action::Read => calls[one].value = value,
            Action::Cas => calls[one].expected = value,
            Action::Write => {}
        }
    }
    calls
}
