//! What became of the messages that were to carry a write to a replica.

use rustc_hash::FxHashSet;

use super::history::History;
use crate::operations::name;
use crate::trace::{LostBy, Node, What};
use crate::verdict::StoryLine;

/// More lines than this say nothing new.
const LINES_MAX: usize = 4;

/// The messages that the replica sent when it took the write in, and later ones with the same identity: which of
/// them arrived at `to`, and what the others were lost by. Empty when the recording has no messages.
pub(crate) fn journey(history: &History<'_>, write: u32, to: Node) -> Vec<StoryLine> {
    let taken_in = history.event(history.write(write).wrote);
    let mut carriers = FxHashSet::default();
    let mut first = None;
    let mut has_messages = false;
    let mut lines = Vec::new();
    for event in &history.recording.events {
        let kind_name = |kind: u8| name(&history.header().kinds, kind);
        let text = match event.what {
            What::Sent { kind, id, copies, .. } => {
                has_messages = true;
                if (event.cause, event.node) == (taken_in.cause, taken_in.node) && carriers.insert((kind, id)) {
                    first.get_or_insert_with(|| {
                        let nodes = if copies == 1 { "node" } else { "nodes" };
                        let text = format!("n{}  {} {id}  sent to {copies} {nodes}", event.node, kind_name(kind));
                        StoryLine { at_ns: event.at_ns, text }
                    });
                }
                continue;
            }
            What::Lost { kind, id, to: receiver, by } if receiver == to && carriers.contains(&(kind, id)) => {
                let by = match by {
                    LostBy::Chance => "by chance".to_owned(),
                    LostBy::Fault(fault) => match history.header().faults.get(usize::from(fault)) {
                        Some(fault) if fault.place.is_empty() => fault.name.clone(),
                        Some(fault) => format!("{}, {}", fault.name, fault.place),
                        None => format!("fault #{fault}"),
                    },
                };
                format!("n{} -> n{to}  {} {id}  lost ({by})", event.node, kind_name(kind))
            }
            What::Delivered { kind, id, from } if event.node == to && carriers.contains(&(kind, id)) => {
                format!("n{from} -> n{to}  {} {id}  delivered", kind_name(kind))
            }
            _ => continue,
        };
        lines.push(StoryLine { at_ns: event.at_ns, text });
        if lines.len() == LINES_MAX {
            break;
        }
    }
    if !has_messages || !lines.is_empty() {
        return lines;
    }
    let mut line = first.unwrap_or_else(|| StoryLine {
        at_ns: taken_in.at_ns,
        text: format!("n{} sent nothing when it took the write in", taken_in.node),
    });
    line.text.push_str(&format!("; nothing of it is recorded as delivered to n{to} or lost on the way"));
    vec![line]
}
