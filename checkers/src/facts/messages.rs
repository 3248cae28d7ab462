//! How a write came to a replica, or why it did not: the messages that carried it.

use rustc_hash::FxHashSet;

use super::Facts;
use super::words::{name, seconds};
use crate::trace::{Event, LostBy, NodeId, What};
use crate::verdict::TraceLine;

/// More lines than this say nothing new.
const LINES_MAX: usize = 4;

/// A line of evidence that is not yet in order: the place of the event that it is about, one past all others for the end
/// of the run, and what happened.
pub(crate) type Line = (usize, String);

/// The messages that a replica sent when it took a write in, and later ones with the same identity, as far as they were
/// for one other replica.
#[derive(Default)]
struct MessagePath {
    /// What was sent at first, if anything was.
    sent: Option<Line>,
    /// Which of them arrived, and what the others were lost by: places in the recording.
    ends: Vec<usize>,
    /// The recording has messages at all.
    has_messages: bool,
}

impl MessagePath {
    fn of(facts: &Facts<'_>, write: u32, to: NodeId) -> MessagePath {
        let taken_in = facts.event(facts.write(write).wrote);
        let mut carriers = FxHashSet::default();
        let mut path = MessagePath::default();
        for (place, event) in facts.recording.events.iter().enumerate() {
            match event.what {
                What::Sent { kind, id, .. } => {
                    path.has_messages = true;
                    if (event.cause, event.node) == (taken_in.cause, taken_in.node) && carriers.insert((kind, id)) {
                        path.sent.get_or_insert_with(|| (place, facts.message(place)));
                    }
                }
                What::Lost { kind, id, to: receiver, .. } if receiver == to && carriers.contains(&(kind, id)) => {
                    path.ends.push(place);
                }
                What::Delivered { kind, id, .. } if event.node == to && carriers.contains(&(kind, id)) => {
                    path.ends.push(place);
                }
                _ => continue,
            }
            if path.ends.len() == LINES_MAX {
                break;
            }
        }
        path
    }
}

impl<'a> Facts<'a> {
    /// A line about the event at `place`; one past all others is the end of the run.
    pub(crate) fn line(&self, place: usize, text: String) -> TraceLine {
        let Some(event) = self.recording.events.get(place) else { return TraceLine::new(self.header().end_ns, text) };
        let lost_by = match event.what {
            What::Lost { by, .. } => Some(self.lost_by(by)),
            _ => None,
        };
        TraceLine { at_ns: event.at_ns, text, lost_by }
    }

    /// A line about the operation that asked for a write.
    pub(crate) fn asked(&self, write: u32) -> Line {
        (self.operation(write).invoked, self.describe(write).text)
    }

    /// The lines in the order of events, causes before effects, each once.
    pub(crate) fn in_order(&self, mut lines: Vec<Line>) -> Vec<TraceLine> {
        lines.sort();
        lines.dedup();
        lines.into_iter().map(|(place, text)| self.line(place, text)).collect()
    }

    /// What lost a message: the name of a fault, or `chance`.
    fn lost_by(&self, by: LostBy) -> String {
        let LostBy::Fault(fault) = by else { return "chance".to_owned() };
        let known = self.header().faults.get(usize::from(fault));
        known.map_or_else(|| format!("fault #{fault}"), |fault| fault.name.clone())
    }

    fn lost_in_words(&self, by: LostBy) -> String {
        let by_chance = if by == LostBy::Chance { "by " } else { "" };
        format!("{by_chance}{}", self.lost_by(by))
    }

    /// `update 17`
    fn message_name(&self, kind: u8, id: u64) -> String {
        format!("{} {id}", name(&self.header().kinds, kind))
    }

    /// What was sent, lost or delivered at `place`.
    pub(crate) fn message(&self, place: usize) -> String {
        let event = self.event(place);
        match event.what {
            What::Sent { kind, id, copies, .. } => {
                let nodes = if copies == 1 { "node" } else { "nodes" };
                format!("{}  {}  sent to {copies} {nodes}", event.node, self.message_name(kind, id))
            }
            What::Lost { kind, id, to, by } => {
                let fault = if let LostBy::Fault(fault) = by { Some(usize::from(fault)) } else { None };
                let stands = fault.and_then(|fault| self.header().faults.get(fault)).map(|fault| &fault.place);
                let stands = stands.filter(|at| !at.is_empty()).map_or_else(String::new, |at| format!(", {at}"));
                let (message, by) = (self.message_name(kind, id), self.lost_in_words(by));
                format!("{} -> {to}  {message}  lost ({by}{stands})", event.node)
            }
            What::Delivered { kind, id, from } => {
                format!("{from} -> {}  {}  delivered", event.node, self.message_name(kind, id))
            }
            _ => unreachable!("a message is sent, and arrives or is lost"),
        }
    }

    /// What became of the messages that were to carry a write to a replica. Empty when the recording has no messages.
    pub(crate) fn message_path(&self, write: u32, to: NodeId) -> Vec<TraceLine> {
        let path = MessagePath::of(self, write, to);
        if !path.has_messages || !path.ends.is_empty() {
            return path.ends.iter().map(|end| self.line(*end, self.message(*end))).collect();
        }
        let wrote = self.write(write).wrote;
        let nothing = || (wrote, format!("{} sent nothing when it took the write in", self.event(wrote).node));
        let (place, sent) = path.sent.unwrap_or_else(nothing);
        vec![self.line(place, format!("{sent}{}", no_end(to)))]
    }

    /// The event that the one at `place` follows from, if it is recorded.
    fn cause(&self, place: usize) -> Option<(usize, &'a Event)> {
        let number = self.event(place).cause;
        let place = self.recording.events.binary_search_by_key(&number, |event| event.number).ok()?;
        Some((place, self.event(place)))
    }

    /// How `node` got to know `write` at `place`: the messages that carried it, back to where it was taken in.
    pub(crate) fn arrival(&self, node: NodeId, write: u32, place: usize) -> Vec<Line> {
        let id = self.write(write).id;
        let (mut node, mut place) = (node, place);
        let is_loss = |end: &usize| *end < place && matches!(self.event(*end).what, What::Lost { .. });
        let losses = MessagePath::of(self, write, node).ends.into_iter().filter(is_loss);
        let mut lines: Vec<Line> = losses.map(|end| (end, self.message(end))).collect();
        // Every hop is earlier than the one before; a cluster has few.
        while node != id.node() {
            let Some((delivered_at, cause)) = self.cause(place) else { break };
            let What::Delivered { from, .. } = cause.what else {
                let how = if let What::Up { .. } = cause.what { "from its disk" } else { "by itself" };
                lines.push((place, format!("{node} knows {id}, {how}")));
                break;
            };
            let delivered = self.message(delivered_at);
            let Some((sent_at, sent)) = self.cause(delivered_at) else {
                lines.push((delivered_at, format!("{delivered}: {node} knows {id}")));
                break;
            };
            let answer = match self.cause(sent_at).map(|(_, before)| before.what) {
                Some(What::Delivered { kind, id, from }) if from == node => {
                    format!(", in answer to {} of {node}", self.message_name(kind, id))
                }
                _ => String::new(),
            };
            let when = seconds(sent.at_ns);
            lines.push((delivered_at, format!("{delivered}, sent {when}{answer}: {node} knows {id}")));
            let Some(before) = self.known_since(from, write, sent_at) else { break };
            (node, place) = (from, before);
        }
        lines
    }

    /// Why `node` did not know `write` at `place`: what the write had not done, and what led to it.
    pub(crate) fn absence(&self, node: NodeId, write: u32, place: usize) -> (String, Vec<Line>) {
        let id = self.write(write).id;
        if let Some((known, ended)) = self.earlier_life(node, write, place) {
            let lines = vec![
                (known, format!("{node} knows {id}")),
                (ended, format!("{node} goes down and does not know it any more")),
            ];
            return (format!("was not known to {node} any more after that had been down"), lines);
        }
        let path = MessagePath::of(self, write, node);
        let mut lines: Vec<Line> = path.ends.iter().map(|end| (*end, self.message(*end))).collect();
        let later = self.known_after(node, write, place);
        let last = path.ends.iter().rfind(|end| **end < place);
        let why = match last.map(|end| self.event(*end).what) {
            Some(What::Delivered { .. }) => format!("had come to {node} in a message, but {node} did not take it in"),
            Some(What::Lost { kind, id: message, by, .. }) => {
                let (message, by) = (self.message_name(kind, message), self.lost_in_words(by));
                format!("had not arrived at {node}: {message} was lost ({by})")
            }
            _ if path.ends.iter().any(|end| *end > place) && later.is_some() => {
                format!("had not arrived at {node}: its message was still under way")
            }
            _ => format!("had not arrived at {node}"),
        };
        if let Some((_, sent)) = path.sent.filter(|_| path.ends.is_empty()) {
            lines.push((self.write(write).wrote, format!("{sent}{}", no_end(node))));
        }
        if let Some(known) = later {
            let mut arrival = self.arrival(node, write, known);
            arrival.retain(|(at, _)| *at > place);
            // An arrival is described once.
            lines.retain(|(_, text)| arrival.iter().all(|(_, other)| !other.starts_with(text)));
            lines.extend(arrival);
        } else {
            lines.push((self.recording.events.len(), format!("{node} has not got to know it by the end")));
        }
        (why, lines)
    }

    /// The first place after `place` where `node` gets to know `write`.
    pub(crate) fn known_after(&self, node: NodeId, write: u32, place: usize) -> Option<usize> {
        let mut all = self.known.iter();
        all.find(|known| (known.node, known.write) == (node, write) && known.place > place).map(|known| known.place)
    }

    /// Where `node` got to know `write` and where it went down with that, both before `place`.
    fn earlier_life(&self, node: NodeId, write: u32, place: usize) -> Option<(usize, usize)> {
        let mut all = self.known.iter().rev();
        let known = all.find(|known| (known.node, known.write) == (node, write) && known.until < place)?;
        Some((known.place, known.until))
    }
}

fn no_end(node: NodeId) -> String {
    format!("; nothing of it is recorded as delivered to {node} or lost on the way")
}
