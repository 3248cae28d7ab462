//! A history as models judge it, and who names its operations.

use kvsim_checkers::describe::Describe;
use kvsim_checkers::history::History;
use kvsim_checkers::operations::{Operation, Operations};
use kvsim_checkers::verdict::TraceLine;

use crate::jepsen::{Calls, calls_of};

/// A history to be judged, in both its forms.
pub struct Subject<'a> {
    /// What clients asked for.
    pub calls: Calls,
    /// The same for checkers that know reads and writes only.
    pub history: History,
    /// Who names the calls of a recording.
    recorded: Option<Recorded<'a>>,
}

impl<'a> Subject<'a> {
    /// A history from its operations.
    pub fn of(calls: Calls) -> Subject<'static> {
        Subject { history: calls.history(), calls, recorded: None }
    }

    /// That of a recording, of the operations that count.
    pub(crate) fn of_operations(operations: &'a Operations<'a>, counts: &dyn Fn(&Operation) -> bool) -> Subject<'a> {
        let (calls, numbers) = calls_of(operations, counts);
        Subject { history: calls.history(), calls, recorded: Some(Recorded { operations, numbers }) }
    }

    /// Names the calls in findings, by their places in [`Calls::list`].
    pub(crate) fn describe(&self) -> &dyn Describe {
        match &self.recorded {
            Some(recorded) => recorded,
            None => &self.calls,
        }
    }
}

/// Names calls as the recording does.
struct Recorded<'a> {
    operations: &'a Operations<'a>,
    /// By call: the number of the operation.
    numbers: Vec<u32>,
}

impl Recorded<'_> {
    fn operation(&self, call: u32) -> u32 {
        self.numbers[call as usize]
    }

    /// A session has several processes where it goes on after an operation of unknown outcome.
    fn session_of(&self, process: u32) -> u32 {
        process % self.operations.recording().header.sessions.len().max(1) as u32
    }
}

impl Describe for Recorded<'_> {
    fn nouns(&self) -> [&'static str; 2] {
        self.operations.nouns()
    }

    fn session(&self, session: u32) -> String {
        Describe::session(self.operations, self.session_of(session))
    }

    fn subject(&self, session: u32) -> String {
        self.operations.subject(self.session_of(session))
    }

    fn number(&self, call: u32) -> u32 {
        self.operation(call)
    }

    fn writer(&self, write: u32) -> Option<(u32, u64)> {
        self.operations.writer(self.operation(write))
    }

    fn origin(&self, write: u32) -> String {
        self.operations.origin(self.operation(write))
    }

    fn view(&self, read: u32) -> String {
        self.operations.view(self.operation(read))
    }

    fn key(&self, call: u32) -> String {
        Describe::key(self.operations, self.operation(call))
    }

    fn returned(&self, read: u32) -> String {
        self.operations.returned(self.operation(read))
    }

    fn written(&self, write: u32) -> String {
        self.operations.written(self.operation(write))
    }

    fn line(&self, call: u32) -> TraceLine {
        self.operations.line(self.operation(call))
    }

    fn invoked(&self, call: u32) -> u32 {
        Describe::invoked(self.operations, self.operation(call))
    }

    fn evidence(&self, call: u32) -> (u64, u64) {
        Describe::evidence(self.operations, self.operation(call))
    }

    fn why_without(&self, read: u32, write: u32) -> Vec<TraceLine> {
        self.operations.why_without(self.operation(read), self.operation(write))
    }
}
