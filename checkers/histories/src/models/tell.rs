//! Findings about a bare history, told with the words of its recorder.

use crate::edn::shown;
use crate::jepsen::{Action, Call, Calls};
use kvsim_checkers::history::{Ending, Op};
use kvsim_checkers::operations::seconds;
use kvsim_checkers::verdict::{Finding, TraceLine};

/// A longer story is not read to its end.
const STORY_MAX: usize = 40;

/// A finding that was not made small in time names so many operations at most.
const OPS_MAX: usize = 1_000;

pub(super) struct Teller<'a> {
    pub(super) calls: &'a Calls,
}

impl Teller<'_> {
    pub(super) fn call(&self, number: u32) -> &Call {
        &self.calls.list()[number as usize]
    }

    /// How an operation is called: by the index of its invocation.
    pub(super) fn name(&self, number: u32) -> String {
        format!("#{}", self.calls.index(self.call(number).invoked))
    }

    pub(super) fn process(&self, session: u32) -> String {
        format!("process {}", self.calls.process(session))
    }

    pub(super) fn value(&self, number: u64) -> String {
        self.calls.value(number).map_or_else(|| "several values".to_owned(), |value| shown(&value.to_string()))
    }

    /// What an operation found.
    pub(super) fn returned(&self, number: u32) -> String {
        let call = self.call(number);
        self.value(if call.action == Action::Cas { call.expected } else { call.value })
    }

    /// The key, for a sentence: `x`; where there is only one, `the register`.
    pub(super) fn key(&self, key: u32) -> String {
        match self.calls.key(key) {
            crate::edn::Edn::Nil => "the register".to_owned(),
            key => shown(&key.to_string()),
        }
    }

    /// What an operation did: `"x" -> 5`, `"x" = 5`, `"x" 4 => 5`.
    pub(super) fn what(&self, call: &Call) -> String {
        let key = match self.calls.key(call.key) {
            crate::edn::Edn::Nil => String::new(),
            key => shown(&key.to_string()) + " ",
        };
        match (call.action, call.ending) {
            (Action::Read, Ending::Ok) => format!("{key}-> {}", self.value(call.value)),
            (Action::Read, _) => key,
            (Action::Write, _) => format!("{key}= {}", self.value(call.value)),
            (Action::Cas, _) => format!("{key}{} => {}", self.value(call.expected), self.value(call.value)),
        }
    }

    /// One line: `process 2 read   #14  "x" -> 5   ok #17 0.104 s`. It stands at the time of the invocation.
    pub(super) fn line(&self, number: u32) -> TraceLine {
        let call = self.call(number);
        let action = match call.action {
            Action::Read => "read",
            Action::Write => "write",
            Action::Cas => "cas",
        };
        let ending = match call.ending {
            _ if call.completed == Calls::NEVER => "never completed".to_owned(),
            ending => {
                let word = match ending {
                    Ending::Ok => "ok",
                    Ending::Failed => "fail",
                    Ending::Indeterminate => "info",
                };
                let time =
                    if call.completed_ns > 0 { format!(" {}", seconds(call.completed_ns)) } else { String::new() };
                format!("{word} #{}{time}", self.calls.index(call.completed))
            }
        };
        let (process, name, what) = (self.process(call.session), self.name(number), self.what(call));
        TraceLine::new(call.invoked_ns, format!("{process} {action:<5} {name}  {what}   {ending}"))
    }

    /// The operations of a part of the history, each once, in the order of their invocation.
    pub(super) fn calls_of(&self, ops: &[u32], of: &[Op]) -> Vec<u32> {
        let mut calls: Vec<u32> = ops.iter().map(|op| of[*op as usize].number).collect();
        calls.sort_unstable();
        calls.dedup();
        calls
    }

    /// A finding with these operations, which are in order.
    pub(super) fn finding(&self, code: &str, title: String, mut story: Vec<TraceLine>, calls: &[u32]) -> Finding {
        if story.len() > STORY_MAX {
            let more = story.len() - STORY_MAX;
            story.truncate(STORY_MAX);
            let at_ns = story.last().map_or(0, |line| line.at_ns);
            story.push(TraceLine::new(at_ns, format!("and {more} more")));
        }
        let calls = &calls[..calls.len().min(OPS_MAX)];
        // A read shows something by its answer, a write by having been asked for.
        let shows = |call: &Call| match call.action {
            Action::Read | Action::Cas if call.completed != Calls::NEVER => (call.completed, call.completed_ns),
            _ => (call.invoked, call.invoked_ns),
        };
        let mut places: Vec<(u32, u64)> = calls.iter().map(|call| shows(self.call(*call))).collect();
        places.sort_unstable();
        Finding {
            code: code.to_owned(),
            title,
            at_ns: places.last().map_or(0, |place| place.1),
            evidence: story,
            events: places.iter().map(|place| u64::from(self.calls.index(place.0))).collect(),
            ops: calls.iter().map(|call| self.calls.index(self.call(*call).invoked)).collect(),
            ..Finding::default()
        }
    }
}
