//! Findings in words: the same sentences for recordings and for histories of other systems, which differ only in how
//! they name what they are about.

use crate::facts::Facts;
use crate::operations::{Operation, Operations, name};
use crate::trace::Action;
use crate::verdict::{Finding, TraceLine};

/// Marks the operation at which it shows.
pub const HERE: &str = "   <== here";

/// Longer stories are cut: what is behind the first so many lines and before the last, but for those that are [marked](HERE).
const FIRST_LINES: usize = 10;
const LAST_LINES: usize = 30;

/// A finding that could not be made small in time names at most this many operations.
const OPS_MAX: usize = 1_000;

/// Names what findings are about. Operations go by the number that their recorder gave them
/// ([`Op::number`](crate::history::Op::number)).
pub trait Describe {
    /// What those who issue operations are called: one, and several.
    fn nouns(&self) -> [&'static str; 2];
    /// A session within a sentence: `c0`, `process 2`.
    fn session(&self, session: u32) -> String;
    /// A session as the subject of a title: `session c0`.
    fn subject(&self, session: u32) -> String {
        self.session(session)
    }
    /// The number by which a finding lists an operation.
    fn number(&self, op: u32) -> u32 {
        op
    }
    /// Whose order of writes others are to see, and the place of a write in it.
    fn writer(&self, write: u32) -> Option<(u32, u64)>;
    /// Who took a write in, where that is not its session.
    fn origin(&self, write: u32) -> String;
    /// Where a read looked: `n1 showed`, `process 2 saw`.
    fn view(&self, read: u32) -> String;
    /// The key of an operation.
    fn key(&self, op: u32) -> String;
    /// What a read returned.
    fn returned(&self, read: u32) -> String;
    /// What a write wrote, and which write it was.
    fn written(&self, write: u32) -> String;
    /// One line about an operation.
    fn line(&self, op: u32) -> TraceLine;
    /// The place of an operation's invocation.
    fn invoked(&self, op: u32) -> u32;
    /// Number and time of the event by which an operation shows something: the answer to a read, the invocation of
    /// a write.
    fn evidence(&self, op: u32) -> (u64, u64);
    /// Why a read was answered without a write, as far as the recorder knows.
    fn why_without(&self, _read: u32, _write: u32) -> Vec<TraceLine> {
        Vec::new()
    }

    /// The name of an operation in a sentence: `#17`.
    fn name(&self, op: u32) -> String {
        format!("#{}", self.number(op))
    }
}

/// Operations in the order of their invocation, each once.
pub fn in_order(describe: &dyn Describe, ops: impl IntoIterator<Item = u32>) -> Vec<u32> {
    let mut ops: Vec<u32> = ops.into_iter().collect();
    ops.sort_by_key(|op| (describe.invoked(*op), *op));
    ops.dedup();
    ops
}

/// A line about each of these operations, which are [in order](in_order); `note` is added to that of `marked`.
pub fn lines(describe: &dyn Describe, ops: &[u32], marked: Option<u32>, note: &str) -> Vec<TraceLine> {
    let line = |op: &u32| {
        let mut line = describe.line(*op);
        if Some(*op) == marked {
            line.text.push_str(note);
        }
        line
    };
    ops.iter().map(line).collect()
}

/// A finding that these operations, which are [in order](in_order), show.
pub fn finding(describe: &dyn Describe, code: &str, title: String, ops: &[u32], mut story: Vec<TraceLine>) -> Finding {
    if story.len() > FIRST_LINES + LAST_LINES {
        let end = story.len() - LAST_LINES;
        let (marked, others): (Vec<TraceLine>, Vec<TraceLine>) =
            story.drain(FIRST_LINES..end).partition(|line| line.text.contains(HERE));
        let others = TraceLine::new(story[FIRST_LINES - 1].at_ns, format!("({} more)", others.len()));
        story.splice(FIRST_LINES..FIRST_LINES, [others].into_iter().chain(marked));
    }
    let ops = &ops[..ops.len().min(OPS_MAX)];
    let mut events: Vec<(u64, u64)> = ops.iter().map(|op| describe.evidence(*op)).collect();
    events.sort_unstable();
    let mut ops: Vec<u32> = ops.iter().map(|op| describe.number(*op)).collect();
    ops.sort_unstable();
    Finding {
        code: code.to_owned(),
        title,
        at_ns: events.last().map_or(0, |event| event.1),
        evidence: story,
        events: events.iter().map(|event| event.0).collect(),
        ops,
        ..Finding::default()
    }
}

/// Operations by their own numbers.
impl Describe for Operations<'_> {
    fn nouns(&self) -> [&'static str; 2] {
        ["session", "sessions"]
    }

    fn session(&self, session: u32) -> String {
        name(&self.recording().header.sessions, session)
    }

    fn subject(&self, session: u32) -> String {
        format!("session {}", self.session(session))
    }

    fn writer(&self, write: u32) -> Option<(u32, u64)> {
        operation(self, write).write.map(|write| (write.origin.number(), write.counter))
    }

    fn origin(&self, write: u32) -> String {
        let Operation { node, write, .. } = operation(self, write);
        write.map_or(*node, |write| write.origin.node).to_string()
    }

    fn view(&self, read: u32) -> String {
        format!("{} showed", operation(self, read).node)
    }

    fn key(&self, op: u32) -> String {
        name(&self.recording().header.keys, operation(self, op).key)
    }

    fn returned(&self, read: u32) -> String {
        self.values(&operation(self, read).returned)
    }

    fn written(&self, write: u32) -> String {
        let Operation { action, value, session, .. } = operation(self, write);
        match action {
            Action::Delete => format!("the delete #{write}"),
            _ => format!("{value} (#{write} of {})", self.session(*session)),
        }
    }

    fn line(&self, op: u32) -> TraceLine {
        self.describe(operation(self, op))
    }

    fn invoked(&self, op: u32) -> u32 {
        operation(self, op).invoked as u32
    }

    fn evidence(&self, op: u32) -> (u64, u64) {
        let operation = operation(self, op);
        let answered = operation.answered().filter(|_| operation.action == Action::Read);
        let event = &self.recording().events[answered.unwrap_or(operation.invoked)];
        (event.number, event.at_ns)
    }

    fn why_without(&self, read: u32, write: u32) -> Vec<TraceLine> {
        let recording = self.recording();
        let (asked, Some(id)) = (operation(self, read), operation(self, write).write) else { return Vec::new() };
        let facts = Facts::of(recording);
        let number = facts.number(id, recording.events.len());
        // A recording of operations alone does not know.
        let number = number.filter(|_| !facts.known.is_empty());
        let Some(absence) = number.and_then(|number| facts.without(asked, number)) else { return Vec::new() };
        let until = asked.answered().unwrap_or(asked.invoked);
        let text = format!("why {} answered so: {}", asked.node, absence.why);
        // What comes later explains nothing.
        let story = facts.in_order(absence.evidence.into_iter().filter(|(place, _)| *place < until).collect());
        [TraceLine::new(recording.events[until].at_ns, text)].into_iter().chain(story).collect()
    }
}

fn operation<'a>(operations: &'a Operations<'_>, number: u32) -> &'a Operation {
    operations.get(number).expect("findings are about operations of the recording")
}
