//! The history of a recorded run.

use super::{Action, Function, Process, Step, Type};
use crate::edn::Edn;
use kvsim_checkers::operations::{Operation, Operations, Outcome, name};
use kvsim_checkers::trace::{Action as Asked, Recording};

/// The steps of a [valid](Recording::validate) recording. Values are `[key value]`; a delete is a write of nil; a read of
/// several versions returns a set.
///
/// A process does one thing at a time, and nothing after an operation of unknown outcome. So a session becomes a process
/// of its number, and where it asks for something while this is busy or has ended so, another, whose number is larger
/// by the number of sessions, or by twice that, and so on.
pub fn steps_of(recording: &Recording) -> Vec<Step> {
    let operations = Operations::of(recording);
    let sessions = recording.header.sessions.len().max(1);
    // By place in the recording: an operation's end, or beginning.
    let mut places: Vec<(usize, u32, Type)> = Vec::new();
    for operation in operations.list() {
        places.push((operation.invoked, operation.number, Type::Invoke));
        match operation.outcome {
            Outcome::Answered(place) => places.push((place, operation.number, Type::Ok)),
            Outcome::Refused(place) => places.push((place, operation.number, Type::Fail)),
            Outcome::TimedOut(place) => places.push((place, operation.number, Type::Info)),
            Outcome::Open => {}
        }
    }
    places.sort_unstable_by_key(|(place, _, _)| *place);
    // By session and process: the operation that keeps it busy, for ever if that has no end.
    let mut busy: Vec<Vec<Option<u32>>> = vec![Vec::new(); sessions];
    let mut steps = Vec::with_capacity(places.len());
    for (place, number, kind) in places {
        let Some(operation) = operations.get(number) else { continue };
        let busy = &mut busy[operation.session as usize];
        let wanted = (kind != Type::Invoke).then_some(number);
        let lane = busy.iter().position(|one| *one == wanted).unwrap_or(busy.len());
        if lane == busy.len() {
            busy.push(None);
        }
        busy[lane] = match kind {
            Type::Invoke | Type::Info => Some(number),
            Type::Ok | Type::Fail => None,
        };
        steps.push(Step {
            index: Some(steps.len() as i64),
            time_ns: i64::try_from(recording.events[place].at_ns).ok(),
            kind,
            process: Process::Client((operation.session as usize + lane * sessions) as i64),
            function: Function::Action(if operation.action == Asked::Read { Action::Read } else { Action::Write }),
            value: Edn::Vector(vec![key(recording, operation), value(&operations, operation, kind)]),
            error: (kind == Type::Info).then(|| Edn::Keyword("timeout".into())),
            others: vec![("node".into(), Edn::String(format!("{}", operation.node).into()))],
        });
    }
    steps
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
