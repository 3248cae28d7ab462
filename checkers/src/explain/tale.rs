//! How a write came to a replica, or why it did not.

use super::Reason;
use crate::convergence::history::History;
use crate::convergence::journey::{Journey, end_of, lost_by};
use crate::operations::{name, seconds};
use crate::ordered::tables::Tables;
use crate::trace::{Event, Level, NodeId, Recording, What};
use crate::verdict::TraceLine;

/// A recording, ready to be told from.
pub(crate) struct Tale<'a> {
    pub(crate) history: History<'a>,
    pub(crate) tables: Tables,
}

/// A line of a evidence that is not yet in order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Line {
    /// Place of the event that it is about; one past all others at the end of the run.
    pub(crate) place: usize,
    text: String,
}

impl Line {
    /// What happened.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// What a replica has said about showing a write at a level, up to some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    Never,
    /// Since this place.
    Since(usize),
    /// Until this place.
    Until(usize),
}

impl<'a> Tale<'a> {
    pub(crate) fn of(recording: &'a Recording) -> Tale<'a> {
        let history = History::of(recording);
        let tables = Tables::of(&history);
        Tale { history, tables }
    }

    /// The place of the event with this number, if it is recorded.
    fn place(&self, number: u64) -> Option<usize> {
        self.history.recording.events.binary_search_by_key(&number, |event| event.number).ok()
    }

    /// The event that the one at `place` follows from.
    fn cause(&self, place: usize) -> Option<(usize, &'a Event)> {
        let place = self.place(self.history.event(place).cause)?;
        Some((place, self.history.event(place)))
    }

    pub(super) fn at_ns(&self, place: usize) -> u64 {
        self.history.event(place).at_ns
    }

    /// A line about the event at `place`.
    pub(super) fn line(&self, place: usize, text: String) -> Line {
        Line { place, text }
    }

    /// A line about the operation that asked for a write.
    pub(super) fn asked(&self, write: u32) -> Line {
        let operation = self.history.operation(write);
        Line { place: operation.invoked, text: self.history.operations.describe(operation).text }
    }

    /// The lines in the order of events, causes before effects, each once.
    pub(crate) fn in_order(&self, mut lines: Vec<Line>) -> Vec<TraceLine> {
        lines.sort();
        lines.dedup();
        lines.into_iter().map(|line| self.history.line(line.place, line.text)).collect()
    }

    /// A reason with its evidence.
    pub(super) fn reason(&self, title: String, lines: Vec<Line>) -> Reason {
        Reason { title, evidence: self.in_order(lines) }
    }

    /// The last event of the step that the event at `place` belongs to: within a step announcements come in any order.
    pub(super) fn step_end(&self, place: usize) -> usize {
        let events = &self.history.recording.events;
        let (node, cause) = (events[place].node, events[place].cause);
        let same = events[place..].iter().take_while(|event| cause > 0 && (event.node, event.cause) == (node, cause));
        place + same.count().max(1) - 1
    }

    /// What `node` said last about showing `write` at `level`, in the life that it lived at `place`.
    pub(super) fn shown(&self, node: NodeId, level: Level, write: u32, place: usize) -> Shown {
        let id = self.history.write(write).id;
        let mut shown = Shown::Never;
        for (place, event) in self.history.recording.events[..=place].iter().enumerate().filter(|(_, e)| e.node == node)
        {
            match event.what {
                What::Visible { write, levels } if write == id && levels.contains(level) => shown = Shown::Since(place),
                What::Hidden { write, levels } if write == id && levels.contains(level) => shown = Shown::Until(place),
                What::Down { .. } => shown = Shown::Never,
                _ => {}
            }
        }
        shown
    }

    /// How `node` got to know `write` at `place`: the messages that carried it, back to where it was taken in.
    pub(super) fn arrival(&self, node: NodeId, write: u32, place: usize) -> Vec<Line> {
        let id = self.history.write(write).id;
        let (mut node, mut place) = (node, place);
        let mut evidence = self.losses(node, write, place);
        // Every hop is earlier than the one before; a cluster has few.
        while node != id.node() {
            let Some((place_of_cause, cause)) = self.cause(place) else { break };
            let What::Delivered { kind, id: message, from } = cause.what else {
                let why = match cause.what {
                    What::Up { .. } => "from its disk",
                    _ => "by itself",
                };
                evidence.push(self.line(place, format!("{node} knows {id}, {why}")));
                break;
            };
            let kind = name(&self.history.header().kinds, kind);
            let Some((sent_at, sent)) = self.cause(place_of_cause) else {
                let text = format!("{from} -> {node}  {kind} {message}  delivered: {node} knows {id}");
                evidence.push(self.line(place_of_cause, text));
                break;
            };
            let answer = match self.cause(sent_at).map(|(_, before)| before.what) {
                Some(What::Delivered { kind, id, from }) if from == node => {
                    let kind = name(&self.history.header().kinds, kind);
                    format!(", in answer to {kind} {id} of {node}")
                }
                _ => String::new(),
            };
            let when = seconds(sent.at_ns);
            let text = format!("{from} -> {node}  {kind} {message}  delivered, sent {when}{answer}: {node} knows {id}");
            evidence.push(self.line(place_of_cause, text));
            let Some(before) = self.history.known_since(from, write, sent_at) else { break };
            (node, place) = (from, before);
        }
        evidence
    }

    /// The messages with `write` for `node` that were lost before `place`.
    fn losses(&self, node: NodeId, write: u32, place: usize) -> Vec<Line> {
        let ends = Journey::of(&self.history, write, node).ends.into_iter();
        let is_loss = |end: &usize| *end < place && matches!(self.history.event(*end).what, What::Lost { .. });
        ends.filter(is_loss).map(|end| self.line(end, end_of(&self.history, end))).collect()
    }

    /// Why `node` did not know `write` at `place`: what the write had not done, and the evidence.
    pub(super) fn absence(&self, node: NodeId, write: u32, place: usize) -> (String, Vec<Line>) {
        let history = &self.history;
        let id = history.write(write).id;
        if let Some((known, ended)) = self.earlier_life(node, write, place) {
            let mut evidence = vec![self.line(known, format!("{node} knows {id}"))];
            evidence.push(self.line(ended, format!("{node} goes down and does not know it any more")));
            return (format!("was not known to {node} any more after that had been down"), evidence);
        }
        let journey = Journey::of(history, write, node);
        let mut evidence: Vec<Line> = journey.ends.iter().map(|end| self.line(*end, end_of(history, *end))).collect();
        let later = self.known_after(node, write, place);
        let last = journey.ends.iter().rfind(|end| **end < place);
        let why = match last.map(|end| history.event(*end).what) {
            Some(What::Delivered { .. }) => format!("had come to {node} in a message, but {node} did not take it in"),
            Some(What::Lost { kind, id: message, by, .. }) => {
                let (kind, by) = (name(&history.header().kinds, kind), lost_by(history, by));
                format!("had not arrived at {node}: {kind} {message} was lost ({by})")
            }
            _ if journey.ends.iter().any(|end| *end > place) && later.is_some() => {
                format!("had not arrived at {node}: its message was still under way")
            }
            _ => format!("had not arrived at {node}"),
        };
        if let Some(sent) = journey.sent.filter(|_| journey.ends.is_empty()) {
            let text = format!("{}; nothing of it is recorded as delivered to {node} or lost on the way", sent.text);
            evidence.push(self.line(history.write(write).wrote, text));
        }
        if let Some(known) = later {
            let arrival: Vec<Line> =
                self.arrival(node, write, known).into_iter().filter(|line| line.place > place).collect();
            // An arrival is told once.
            evidence.retain(|line| arrival.iter().all(|other| !other.text.starts_with(&line.text)));
            evidence.extend(arrival);
        } else {
            let end = history.recording.events.len();
            evidence.push(self.line(end, format!("{node} has not got to know it by the end")));
        }
        (why, evidence)
    }

    /// The first place after `place` where `node` gets to know `write`.
    pub(super) fn known_after(&self, node: NodeId, write: u32, place: usize) -> Option<usize> {
        let mut all = self.history.known.iter();
        all.find(|known| (known.node, known.write) == (node, write) && known.place > place).map(|known| known.place)
    }

    /// Where `node` got to know `write` and where it went down with that, both before `place`.
    fn earlier_life(&self, node: NodeId, write: u32, place: usize) -> Option<(usize, usize)> {
        let mut all = self.history.known.iter().rev();
        let is_it = |known: &&_| {
            let known: &crate::convergence::history::Known = known;
            (known.node, known.write) == (node, write) && known.until < place
        };
        all.find(is_it).map(|known| (known.place, known.until))
    }
}
