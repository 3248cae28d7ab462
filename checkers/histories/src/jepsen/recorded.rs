//! The history of a recorded run.

use rustc_hash::FxHashMap;

use super::{Action, Call, Calls, Function, Process, Step, Type};
use crate::edn::Edn;
use kvsim_checkers::history::Ending;
use kvsim_checkers::operations::{Operation, Operations, Outcome, name};
use kvsim_checkers::trace::{Action as Asked, Recording};

/// A step of a process: the place of the event in the recording, the operation, what is said about it, and the process.
struct Turn {
    place: usize,
    operation: u32,
    kind: Type,
    process: u32,
}

/// What the sessions of a recording did, in its order.
///
/// A process does one thing at a time, and nothing after an operation of unknown outcome. So a session becomes a process
/// of its number, and where it asks for something while this is busy or has ended so, another, whose number is larger
/// by the number of sessions, or by twice that, and so on.
fn turns(operations: &Operations<'_>, counts: &dyn Fn(&Operation) -> bool) -> Vec<Turn> {
    let sessions = operations.recording().header.sessions.len().max(1);
    let mut turns: Vec<Turn> = Vec::new();
    let mut push = |place, operation, kind| turns.push(Turn { place, operation, kind, process: 0 });
    for operation in operations.list().iter().filter(|operation| counts(operation)) {
        push(operation.invoked, operation.number, Type::Invoke);
        match operation.outcome {
            Outcome::Answered(place) => push(place, operation.number, Type::Ok),
            Outcome::Refused(place) => push(place, operation.number, Type::Fail),
            Outcome::TimedOut(place) => push(place, operation.number, Type::Info),
            Outcome::Open => {}
        }
    }
    turns.sort_unstable_by_key(|turn| turn.place);
    // By session and process: the operation that keeps it busy, for ever if that has no end.
    let mut busy: Vec<Vec<Option<u32>>> = vec![Vec::new(); sessions];
    turns.retain_mut(|turn| {
        let Some(operation) = operations.get(turn.operation) else { return false };
        let busy = &mut busy[operation.session as usize];
        let wanted = (turn.kind != Type::Invoke).then_some(turn.operation);
        let lane = busy.iter().position(|one| *one == wanted).unwrap_or(busy.len());
        if lane == busy.len() {
            busy.push(None);
        }
        busy[lane] = match turn.kind {
            Type::Invoke | Type::Info => Some(turn.operation),
            Type::Ok | Type::Fail => None,
        };
        turn.process = operation.session + (lane * sessions) as u32;
        true
    });
    turns
}

/// The steps of a [valid](Recording::validate) recording. Values are `[key value]`; a delete is a write of nil; a read of
/// several versions returns a set.
pub fn steps_of(recording: &Recording) -> Vec<Step> {
    let operations = Operations::of(recording);
    let step = |(index, turn): (i64, Turn)| {
        let operation = operations.get(turn.operation).expect("turns are of operations");
        Step {
            index: Some(index),
            time_ns: i64::try_from(recording.events[turn.place].at_ns).ok(),
            kind: turn.kind,
            process: Process::Client(i64::from(turn.process)),
            function: Function::Action(if operation.action == Asked::Read { Action::Read } else { Action::Write }),
            value: Edn::Vector(vec![key(recording, operation), value(&operations, operation, turn.kind)]),
            error: (turn.kind == Type::Info).then(|| Edn::Keyword("timeout".into())),
            others: vec![("node".into(), Edn::String(format!("{}", operation.node).into()))],
        }
    };
    (0..).zip(turns(&operations, &|_| true)).map(step).collect()
}

/// The calls of a recording that count, and by call the number of the operation. A value is the number of the operation that wrote
/// it, since recordings name writes; nothing is [`Calls::NIL`], and what was never written has a number of its own.
pub(crate) fn calls_of(operations: &Operations<'_>, counts: &dyn Fn(&Operation) -> bool) -> (Calls, Vec<u32>) {
    let events = &operations.recording().events;
    let mut list: Vec<Call> = Vec::new();
    let mut numbers: Vec<u32> = Vec::new();
    let mut calls: FxHashMap<u32, usize> = FxHashMap::default();
    let mut unwritten = u64::from(u32::MAX);
    for (place, turn) in (0..).zip(turns(operations, counts)) {
        let operation = operations.get(turn.operation).expect("turns are of operations");
        let at_ns = events[turn.place].at_ns;
        if turn.kind == Type::Invoke {
            calls.insert(operation.number, list.len());
            numbers.push(operation.number);
            list.push(Call {
                invoked_ns: at_ns,
                completed_ns: 0,
                value: if operation.action == Asked::Write { u64::from(operation.number) } else { Calls::NIL },
                expected: Calls::NIL,
                invoked: place,
                completed: Calls::NEVER,
                session: turn.process,
                key: operation.key,
                action: if operation.action == Asked::Read { Action::Read } else { Action::Write },
                ending: Ending::Indeterminate,
            });
            continue;
        }
        let call = &mut list[calls[&operation.number]];
        (call.completed, call.completed_ns) = (place, at_ns);
        call.ending = match turn.kind {
            Type::Ok => Ending::Ok,
            Type::Fail => Ending::Failed,
            Type::Info | Type::Invoke => Ending::Indeterminate,
        };
        if (operation.action, turn.kind) == (Asked::Read, Type::Ok) {
            call.value = match &operation.returned[..] {
                [] => Calls::NIL,
                [write] => match operations.of_write(*write) {
                    Some(write) if write.action == Asked::Write && write.key == operation.key => {
                        u64::from(write.number)
                    }
                    _ => {
                        unwritten += 1;
                        unwritten
                    }
                },
                _ => Calls::SEVERAL,
            };
        }
    }
    (Calls::of_list(list), numbers)
}

fn key(recording: &Recording, operation: &Operation) -> Edn {
    Edn::String(name(&recording.header.keys, operation.key).into())
}

fn value(operations: &Operations<'_>, operation: &Operation, kind: Type) -> Edn {
    let number = |value: u64| i64::try_from(value).map_or_else(|_| Edn::Number(format!("{value}N").into()), Edn::Int);
    match operation.action {
        Asked::Write => number(operation.value),
        Asked::Read if kind == Type::Ok => {
            // An unwritten version counts as one, too.
            let version = |write: &kvsim_checkers::trace::Dot| match operations.of_write(*write) {
                Some(write) => number(write.value),
                None => Edn::String(write.to_string().into()),
            };
            let mut versions: Vec<Edn> = operation.returned.iter().map(version).collect();
            match versions.len() {
                0 => Edn::Nil,
                1 => versions.remove(0),
                _ => {
                    versions.sort_unstable();
                    versions.dedup();
                    Edn::Set(versions)
                }
            }
        }
        Asked::Read | Asked::Delete => Edn::Nil,
    }
}
