//! The report about a recording, with findings for people.

use super::Order;
use super::judge::{Breach, Judgement};
use super::summary::{self, Words};
use crate::explain::Tale;
use crate::history::{History, Kind, NOTHING, Op};
use crate::operations::{Operation, Operations, listed, name};
use crate::trace::{Event, Recording, WriteId};
use crate::verdict::{Finding, Report, TraceLine};

pub(super) fn report(operations: &Operations<'_>, history: &History, order: Order, judgement: Judgement) -> Report {
    let teller = Teller { recording: operations.recording(), operations, history, order };
    let findings: Vec<Finding> = judgement
        .breaches
        .iter()
        .map(|breach| match breach {
            Breach::OutOfOrder { session, ops } => teller.out_of_order(*session, ops),
            Breach::Unwritten { read, refused } => teller.unwritten(*read, refused),
        })
        .collect();
    let words = Words {
        session: "session",
        sessions: "sessions",
        deletes: "deletes",
        name: &|session| teller.session(session),
        read: &|index| {
            let op = teller.op(index);
            format!("read #{} of {} by {}", op.number, teller.key(index), teller.session(op.session))
        },
    };
    summary::report(history, order, &judgement, findings, &words)
}

/// A longer story is not read to its end. Where deletes leave too many ways, it may be one.
const STORY_MAX: usize = 40;

struct Teller<'a> {
    recording: &'a Recording,
    operations: &'a Operations<'a>,
    history: &'a History,
    order: Order,
}

impl Teller<'_> {
    fn op(&self, index: u32) -> &Op {
        &self.history.ops()[index as usize]
    }

    fn operation(&self, index: u32) -> &Operation {
        self.operations.get(self.op(index).number).expect("histories are made from operations")
    }

    fn write_id(&self, index: u32) -> Option<WriteId> {
        self.operation(index).write
    }

    fn session(&self, session: u32) -> String {
        name(&self.recording.header.sessions, session)
    }

    fn key(&self, index: u32) -> String {
        name(&self.recording.header.keys, self.op(index).key)
    }

    fn out_of_order(&self, session: u32, ops: &[u32]) -> Finding {
        let reader = self.session(session);
        let title = match (&self.writers(session, ops)[..], self.order) {
            ([], _) if ops.iter().any(|op| self.op(*op).kind == Kind::Write && self.op(*op).session == session) => {
                format!("session {reader} did not see its own operations in the order in which it issued them")
            }
            ([], _) => format!("session {reader} saw a version of {} again that it had seen replaced", self.keys(ops)),
            ([one], Order::Pram | Order::Causal) => format!("session {reader} saw {one}"),
            ([one], Order::Priority) => format!("session {reader} saw {one}, more than priorities allow"),
            (many, _) => format!("session {reader} saw {}: no order of all keeps each", many.join(", and ")),
        };
        let mut sorted = ops.to_vec();
        sorted.sort_by_key(|op| (self.operation(*op).invoked, *op));
        let last = ops.iter().copied().rfind(|op| self.op(*op).session == session && self.op(*op).kind == Kind::Read);
        let mut seen: Vec<u32> = Vec::new();
        let (mut story, mut why) = (Vec::new(), Vec::new());
        for index in sorted {
            let op = self.op(index);
            let mut line = self.operations.describe(self.operation(index));
            if op.kind == Kind::Read {
                let writer = ops.iter().copied().find(|other| {
                    let other = self.op(*other);
                    op.value != NOTHING && other.kind == Kind::Write && other.value == op.value
                });
                if Some(index) == last {
                    let missing = self.missing(index, writer, &seen, ops);
                    line.text.push_str(&self.impossible(missing));
                    why = missing.map(|write| self.why(index, write)).unwrap_or_default();
                } else if op.session != session {
                    line.text.push_str("   so it did happen");
                } else if let Some(writer) = writer {
                    line.text.push_str(&format!("   so {reader} has seen #{}", self.op(writer).number));
                }
                seen.extend(writer);
            }
            story.push(line);
        }
        why.retain(|line| !story.contains(line));
        story.extend(why);
        self.finding(self.order.out_of_order(), title, story, ops)
    }

    /// Why the replica that was read answered without a write.
    fn why(&self, read: u32, write: u32) -> Vec<TraceLine> {
        let (asked, Some(id)) = (self.operation(read), self.write_id(write)) else { return Vec::new() };
        let tale = Tale::of(self.recording);
        let number = tale.history.number(id, self.recording.events.len());
        // A recording of operations alone knows nothing of it.
        let number = number.filter(|_| !tale.history.known.is_empty());
        let Some(absence) = number.and_then(|number| tale.without(asked, number)) else { return Vec::new() };
        let until = asked.answered().unwrap_or(asked.invoked);
        let text = format!("why n{} answered so: {}", asked.node, absence.why);
        // What comes later explains nothing.
        let story = tale.in_order(absence.evidence.into_iter().filter(|line| line.place < until).collect());
        [TraceLine::new(self.recording.events[until].at_ns, text)].into_iter().chain(story).collect()
    }

    /// The write that the last read of a story should have returned or seen overwritten.
    fn missing(&self, read: u32, writer: Option<u32>, seen: &[u32], ops: &[u32]) -> Option<u32> {
        ops.iter().copied().find(|write| {
            let is_earlier = |later: &u32| self.precedes(*write, *later);
            self.op(*write).kind == Kind::Write
                && self.op(*write).key == self.op(read).key
                && Some(*write) != writer
                && seen.iter().any(is_earlier)
        })
    }

    /// Why the last read of a story cannot be, in short.
    fn impossible(&self, missing: Option<u32>) -> String {
        match missing {
            Some(write) => {
                let Op { number, session, .. } = *self.op(write);
                format!("   but not #{number}, which {} wrote first   <== here", self.session(session))
            }
            None => "   which no order explains   <== here".to_owned(),
        }
    }

    /// Both came in at the same origin, in this order.
    fn precedes(&self, earlier: u32, later: u32) -> bool {
        match (self.write_id(earlier), self.write_id(later)) {
            (Some(a), Some(b)) => a.origin() == b.origin() && a.counter < b.counter,
            _ => false,
        }
    }

    /// Whose writes are concerned: of which two or more play a part.
    fn writers(&self, session: u32, ops: &[u32]) -> Vec<String> {
        let mut writes: Vec<(u32, u32)> = ops
            .iter()
            .filter(|op| self.op(**op).kind == Kind::Write)
            .filter_map(|op| self.write_id(*op).map(|id| (id.origin(), self.op(*op).session)))
            .collect();
        writes.sort_unstable();
        let groups = writes.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
        groups
            .filter_map(|group| {
                let (origin, first) = group[0];
                if group.iter().any(|(_, other)| *other != first) {
                    let node = origin >> 16;
                    return Some(format!("the writes of n{node} out of the order in which n{node} took them in"));
                }
                let writer = self.session(first);
                (first != session)
                    .then(|| format!("the writes of {writer} out of the order in which {writer} issued them"))
            })
            .collect()
    }

    fn keys(&self, ops: &[u32]) -> String {
        let mut keys: Vec<u32> = ops.iter().map(|op| self.op(*op).key).collect();
        keys.sort_unstable();
        keys.dedup();
        listed(keys.iter().map(|key| name(&self.recording.header.keys, *key)))
    }

    fn unwritten(&self, read: u32, refused: &[u32]) -> Finding {
        let (reader, key) = (self.session(self.op(read).session), self.key(read));
        let mut story: Vec<TraceLine> =
            refused.iter().map(|write| self.operations.describe(self.operation(*write))).collect();
        let mut line = self.operations.describe(self.operation(read));
        line.text.push_str("   <== here");
        story.push(line);
        story.sort_by_key(|line| line.at_ns);
        let ops: Vec<u32> = refused.iter().copied().chain([read]).collect();
        let title = match refused {
            [] => format!("session {reader} read a value of {key} that nobody wrote to it"),
            [write, ..] => {
                format!("session {reader} read what write #{} was refused to write to {key}", self.op(*write).number)
            }
        };
        self.finding(self.order.unwritten(), title, story, &ops)
    }

    fn finding(&self, code: &str, title: String, mut story: Vec<TraceLine>, ops: &[u32]) -> Finding {
        story.truncate(STORY_MAX);
        let event = |place: usize| -> &Event { &self.recording.events[place] };
        let mut numbers: Vec<u32> = ops.iter().map(|op| self.op(*op).number).collect();
        numbers.sort_unstable();
        // A read shows something by its answer, a write by having been asked for.
        let shows = |op: &u32| {
            let operation = self.operation(*op);
            if self.op(*op).kind == Kind::Read { operation.answered() } else { None }.unwrap_or(operation.invoked)
        };
        let mut places: Vec<usize> = ops.iter().map(shows).collect();
        places.sort_unstable();
        Finding {
            code: code.to_owned(),
            title,
            at_ns: places.last().map_or(0, |place| event(*place).at_ns),
            evidence: story,
            events: places.iter().map(|place| event(*place).number).collect(),
            ops: numbers,
            ..Finding::default()
        }
    }
}
