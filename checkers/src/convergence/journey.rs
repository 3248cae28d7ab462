//! What became of the messages that were to carry a write to a replica.

use rustc_hash::FxHashSet;

use super::history::History;
use crate::operations::name;
use crate::trace::{LostBy, NodeId, What};
use crate::verdict::TraceLine;

/// More lines than this say nothing new.
const LINES_MAX: usize = 4;

/// The messages that a replica sent when it took a write in, and later ones with the same identity, as far as they were
/// for one other replica.
pub(crate) struct Journey {
    /// What was sent at first, if anything was.
    pub(crate) sent: Option<TraceLine>,
    /// Which of them arrived, and what the others were lost by: places in the recording.
    pub(crate) ends: Vec<usize>,
    /// The recording has messages at all.
    has_messages: bool,
}

impl Journey {
    pub(crate) fn of(history: &History<'_>, write: u32, to: NodeId) -> Journey {
        let taken_in = history.event(history.write(write).wrote);
        let mut carriers = FxHashSet::default();
        let mut journey = Journey { sent: None, ends: Vec::new(), has_messages: false };
        for (place, event) in history.recording.events.iter().enumerate() {
            match event.what {
                What::Sent { kind, id, copies, .. } => {
                    journey.has_messages = true;
                    if (event.cause, event.node) == (taken_in.cause, taken_in.node) && carriers.insert((kind, id)) {
                        journey.sent.get_or_insert_with(|| {
                            let nodes = if copies == 1 { "node" } else { "nodes" };
                            let kind = name(&history.header().kinds, kind);
                            let text = format!("{}  {kind} {id}  sent to {copies} {nodes}", event.node);
                            TraceLine::new(event.at_ns, text)
                        });
                    }
                }
                What::Lost { kind, id, to: receiver, .. } if receiver == to && carriers.contains(&(kind, id)) => {
                    journey.ends.push(place);
                }
                What::Delivered { kind, id, .. } if event.node == to && carriers.contains(&(kind, id)) => {
                    journey.ends.push(place);
                }
                _ => continue,
            }
            if journey.ends.len() == LINES_MAX {
                break;
            }
        }
        journey
    }
}

/// What became of the messages that were to carry a write to a replica. Empty when the recording has no messages.
pub(crate) fn journey(history: &History<'_>, write: u32, to: NodeId) -> Vec<TraceLine> {
    let journey = Journey::of(history, write, to);
    if !journey.has_messages || !journey.ends.is_empty() {
        let line = |place: &usize| history.line(*place, end_of(history, *place));
        return journey.ends.iter().map(line).collect();
    }
    let taken_in = history.event(history.write(write).wrote);
    let mut line = journey.sent.unwrap_or_else(|| {
        TraceLine::new(taken_in.at_ns, format!("{} sent nothing when it took the write in", taken_in.node))
    });
    line.text.push_str(&format!("; nothing of it is recorded as delivered to {to} or lost on the way"));
    vec![line]
}

/// The end of a message's way, told.
pub(crate) fn end_of(history: &History<'_>, place: usize) -> String {
    let event = history.event(place);
    let kind_name = |kind: u8| name(&history.header().kinds, kind);
    match event.what {
        What::Lost { kind, id, to, by } => {
            format!(
                "{} -> {to}  {} {id}  lost ({}{})",
                event.node,
                kind_name(kind),
                lost_by(history, by),
                place_of(history, by)
            )
        }
        What::Delivered { kind, id, from } => {
            format!("{from} -> {}  {} {id}  delivered", event.node, kind_name(kind))
        }
        _ => unreachable!("a message arrives or is lost"),
    }
}

/// Why a message was lost, in short.
pub(crate) fn lost_by(history: &History<'_>, by: LostBy) -> String {
    let by_chance = if by == LostBy::Chance { "by " } else { "" };
    format!("{by_chance}{}", history.lost_by(by))
}

/// The place in the scenario of the fault by which a message was lost.
fn place_of(history: &History<'_>, by: LostBy) -> String {
    let LostBy::Fault(fault) = by else { return String::new() };
    let known = history.header().faults.get(usize::from(fault)).filter(|fault| !fault.place.is_empty());
    known.map_or_else(String::new, |fault| format!(", {}", fault.place))
}
