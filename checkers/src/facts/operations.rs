//! What sessions asked for and what came of it: the events of a recording, put together by operation.

use super::tables::{ByName, Numbers};
use crate::trace::{Action, Dot, Level, NodeId, Recording, What};
use crate::verdict::TraceLine;

pub use super::words::{listed, name, seconds};

/// How an operation ended, with the place of that event in [`Recording::events`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not at all: whether it had an effect is not known.
    Open,
    /// It was done.
    Answered(usize),
    /// It had no effect.
    Refused(usize),
    /// The session gave up: whether it had an effect is not known.
    TimedOut(usize),
}

/// One operation of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its number.
    pub number: u32,
    /// Who asked.
    pub session: u32,
    /// The node that was asked.
    pub node: NodeId,
    /// What for.
    pub action: Action,
    /// Of which key.
    pub key: u32,
    /// The value written; 0 for a read.
    pub value: u64,
    /// At which level the session reads.
    pub level: Level,
    /// The write hands back the context of the last answer to the session about the key; if not, of the last answer to
    /// a write of it, if there was one.
    pub context: bool,
    /// Place of the invocation in [`Recording::events`].
    pub invoked: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// The name of the write, if a replica took it in.
    pub write: Option<Dot>,
    /// What a read returned, in the order of the events.
    pub returned: Vec<Dot>,
}

impl Operation {
    /// The place of the answer in [`Recording::events`].
    pub fn answered(&self) -> Option<usize> {
        match self.outcome {
            Outcome::Answered(place) => Some(place),
            Outcome::Open | Outcome::Refused(_) | Outcome::TimedOut(_) => None,
        }
    }
}

/// All operations of a recording.
#[derive(Clone, Debug)]
pub struct Operations<'a> {
    recording: &'a Recording,
    list: Vec<Operation>,
    by_number: Numbers,
    by_write: ByName,
}

impl<'a> Operations<'a> {
    /// Puts the events of a [valid](Recording::validate) recording together.
    pub fn of(recording: &'a Recording) -> Operations<'a> {
        let mut all =
            Operations { recording, list: Vec::new(), by_number: Numbers::default(), by_write: ByName::default() };
        // By node, how often it has been down; by write, how often its node had been.
        let mut downs = vec![0; usize::from(recording.header.nodes)];
        let mut lives = ByName::default();
        for (place, event) in recording.events.iter().enumerate() {
            match event.what {
                What::Invoked { op, session, action, key, value, level, context } => {
                    all.by_number.insert(op.into(), all.list.len() as u32);
                    all.list.push(Operation {
                        number: op,
                        session,
                        node: event.node,
                        action,
                        key,
                        value,
                        level,
                        context,
                        invoked: place,
                        outcome: Outcome::Open,
                        write: None,
                        returned: Vec::new(),
                    });
                }
                What::Wrote { op, write } => {
                    if let Some(index) = all.by_number.get(op.into()) {
                        if all.by_write.get(write).is_none() {
                            all.by_write.insert(write, index);
                        }
                        if lives.get(write).is_none() {
                            lives.insert(write, downs[event.node.index()]);
                        }
                        all.list[index as usize].write.get_or_insert(write);
                    }
                }
                What::Returned { op, write } => {
                    if let Some(operation) = all.get_mut(op) {
                        operation.returned.push(write);
                    }
                }
                // No other replica has heard of it: this one gives the name again, and takes the request in again if it comes again.
                // Not in a later life, which has got the write from others.
                What::Forgot { write, promised: false }
                    if write.node() == event.node
                        && lives.get(write).is_some_and(|life| life + 1 == downs[event.node.index()]) =>
                {
                    all.undo(write);
                    lives.remove(write);
                }
                What::Down { .. } => downs[event.node.index()] += 1,
                What::Answered { op } => all.end(op, Outcome::Answered(place)),
                What::Refused { op, .. } => all.end(op, Outcome::Refused(place)),
                What::TimedOut { op } => all.end(op, Outcome::TimedOut(place)),
                _ => {}
            }
        }
        all
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Operation> {
        self.by_number.get(number.into()).map(|index| &mut self.list[index as usize])
    }

    fn undo(&mut self, write: Dot) {
        if let Some(index) = self.by_write.get(write)
            && self.list[index as usize].answered().is_none()
        {
            self.by_write.remove(write);
            self.list[index as usize].write = None;
        }
    }

    fn end(&mut self, number: u32, outcome: Outcome) {
        if let Some(operation) = self.get_mut(number) {
            operation.outcome = outcome;
        }
    }

    /// Where they come from.
    pub fn recording(&self) -> &'a Recording {
        self.recording
    }

    /// In the order of their invocation.
    pub fn list(&self) -> &[Operation] {
        &self.list
    }

    /// The operation with this number.
    pub fn get(&self, number: u32) -> Option<&Operation> {
        self.by_number.get(number.into()).map(|index| &self.list[index as usize])
    }

    /// The operation that asked for this write.
    pub fn of_write(&self, write: Dot) -> Option<&Operation> {
        self.by_write.get(write).map(|index| &self.list[index as usize])
    }

    /// One line about an operation: `c0 write  #17  x = 1701  at n0   ok 3.904 s`. It stands at the time of
    /// the invocation.
    pub fn describe(&self, operation: &Operation) -> TraceLine {
        let Recording { header, events } = self.recording;
        let at_ns = |place: usize| events[place].at_ns;
        let session = name(&header.sessions, operation.session);
        let key = name(&header.keys, operation.key);
        let (action, what) = match operation.action {
            Action::Read if operation.answered().is_none() => ("read", key),
            Action::Read => ("read", format!("{key} -> {}", self.values(&operation.returned))),
            Action::Write => ("write", format!("{key} = {}", operation.value)),
            Action::Delete => ("delete", key),
        };
        let mut outcome = match operation.outcome {
            Outcome::Open => "never answered".to_owned(),
            Outcome::Answered(place) => format!("ok {}", seconds(at_ns(place))),
            Outcome::Refused(place) => format!("refused {}", seconds(at_ns(place))),
            Outcome::TimedOut(place) => format!("timed out {}", seconds(at_ns(place))),
        };
        if let (Some(write), None) = (operation.write, operation.answered()) {
            outcome.push_str(&format!(", but taken in as {write}"));
        }
        let text = format!("{session} {action:<6} #{}  {what}  at {}   {outcome}", operation.number, operation.node);
        TraceLine::new(at_ns(operation.invoked), text)
    }

    /// The values of versions as a read would show them: `none`, `1701`, `{1701, 1801}`.
    pub fn values(&self, writes: &[Dot]) -> String {
        let value = |write: &Dot| match self.of_write(*write) {
            Some(operation) => operation.value.to_string(),
            None => format!("unwritten value ({write})"),
        };
        match writes {
            [] => "none".to_owned(),
            [one] => value(one),
            many => format!("{{{}}}", listed(many.iter().map(value))),
        }
    }
}
