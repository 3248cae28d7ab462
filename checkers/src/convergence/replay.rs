//! One walk through the events for the two parts that judge step by step.
//!
//! A step is a run of announcements (known, visible, hidden) of one node with the same cause; within a step they
//! come in any order. Other events, such as what became of the messages, do not end a step.

use super::agreement::Agreement;
use super::announced::Announced;
use super::history::History;
use super::shown::Shown;
use crate::trace::{Level, NodeId, What};

/// Walks through the recording.
pub(super) fn replay(history: &History<'_>) -> (Agreement, Announced) {
    let mut walk = Walk::default();
    for (place, event) in history.recording.events.iter().enumerate() {
        if let What::Known { write } | What::Visible { write, .. } | What::Hidden { write, .. } = event.what {
            if (walk.node, walk.cause) != (event.node, event.cause) {
                walk.end_step(history);
                (walk.node, walk.cause) = (event.node, event.cause);
            }
            walk.last = place;
            if let Some(write) = history.number(write, place) {
                let key = history.write(write).key;
                let is_eventual = match event.what {
                    What::Visible { levels, .. } | What::Hidden { levels, .. } => levels.contains(Level::Eventual),
                    _ => true,
                };
                if is_eventual && history.header().holds(event.node, key) {
                    walk.keys.push(key);
                }
                if matches!(event.what, What::Known { .. })
                    && history.known_since(event.node, write, place) == Some(place)
                {
                    walk.agreement.knows(history, walk.shown.life(event.node), write);
                }
            }
        }
        if let What::Down { .. } = event.what {
            walk.end_step(history);
            walk.shown.end_life(event.node);
        }
        walk.announced.event(history, &mut walk.shown, place, event);
    }
    walk.end_step(history);
    walk.announced.end(history, &walk.shown);
    (walk.agreement, walk.announced)
}

#[derive(Default)]
struct Walk {
    agreement: Agreement,
    announced: Announced,
    shown: Shown,
    /// The step under way: whose, from what, up to where, and the keys that it concerns.
    node: NodeId,
    cause: u64,
    last: usize,
    keys: Vec<u32>,
}

impl Walk {
    fn end_step(&mut self, history: &History<'_>) {
        self.keys.sort_unstable();
        self.keys.dedup();
        for key in self.keys.drain(..) {
            self.agreement.step(&self.shown, self.node, key, self.last);
        }
        self.announced.step(history, self.node, self.last);
    }
}
