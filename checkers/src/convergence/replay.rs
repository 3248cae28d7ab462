//! One walk through the events for the two parts that judge step by step.

use super::agreement::Agreement;
use super::announced::Announced;
use super::digests::ShownDigests;
use crate::facts::Facts;
use crate::facts::steps::Step;
use crate::trace::{Level, What};

/// Walks through the recording.
pub(super) fn replay(facts: &Facts<'_>) -> (Agreement, Announced) {
    let mut walk = Replay {
        agreement: Agreement::of(facts),
        announced: Announced::of(facts),
        shown: ShownDigests::of(facts),
        step: Step::default(),
        keys: Vec::new(),
    };
    for (place, event) in facts.recording.events.iter().enumerate() {
        if let What::Known { write } | What::Visible { write, .. } | What::Hidden { write, .. } = event.what {
            let ended = walk.step.add(place, event);
            walk.end_step(facts, ended);
            if let Some(write) = facts.number(write, place) {
                let key = facts.write(write).key;
                let is_eventual = match event.what {
                    What::Visible { levels, .. } | What::Hidden { levels, .. } => levels.contains(Level::Eventual),
                    _ => true,
                };
                if is_eventual && facts.header().holds(event.node, key) {
                    walk.keys.push(key);
                }
                if matches!(event.what, What::Known { .. })
                    && facts.known_since(event.node, write, place) == Some(place)
                {
                    walk.agreement.knows(event.node, key, write);
                }
            }
        }
        if let What::GaveAway { write } = event.what {
            // In an earlier step the replica still knew it.
            let ended = walk.step.end_before(event.node, event.cause);
            walk.end_step(facts, ended);
            let was_known = |write: &u32| facts.known_since(event.node, *write, place - 1).is_some();
            if let Some(write) = facts.number(write, place).filter(was_known) {
                walk.agreement.gives_away(event.node, facts.write(write).key, write);
            }
        }
        if let What::Down { .. } = event.what {
            let ended = walk.step.end();
            walk.end_step(facts, ended);
            walk.shown.end_life(event.node);
            walk.agreement.end_life(event.node);
        }
        walk.announced.event(facts, &mut walk.shown, place, event);
    }
    let ended = walk.step.end();
    walk.end_step(facts, ended);
    walk.announced.end(facts, &walk.shown);
    (walk.agreement, walk.announced)
}

struct Replay {
    agreement: Agreement,
    announced: Announced,
    shown: ShownDigests,
    step: Step,
    /// The keys that it concerns.
    keys: Vec<u32>,
}

impl Replay {
    fn end_step(&mut self, facts: &Facts<'_>, ended: Option<Step>) {
        let Some(step) = ended else { return };
        self.keys.sort_unstable();
        self.keys.dedup();
        for key in self.keys.drain(..) {
            self.agreement.step(&self.shown, step.node, key, step.last());
        }
        self.announced.step(facts, step.node, step.last());
    }
}
