//! Steps of replicas.

use super::Facts;
use crate::trace::{Event, NodeId, What};

/// The step under way: a run of announcements of one node with one cause; within it they come in any order. Other events,
/// such as what became of messages, do not end it.
#[derive(Default)]
pub(crate) struct Step {
    pub(crate) node: NodeId,
    cause: u64,
    /// Of the announcements.
    pub(crate) places: Vec<usize>,
}

impl Step {
    /// Takes in an announcement. Returns the step that it ends, if it is of another one.
    pub(crate) fn add(&mut self, place: usize, event: &Event) -> Option<Step> {
        self.begin(event.node, event.cause, place)
    }

    /// The same for what happens to `node` at `place` and what follows from `cause`.
    pub(crate) fn begin(&mut self, node: NodeId, cause: u64, place: usize) -> Option<Step> {
        let ended = self.end_before(node, cause);
        (self.node, self.cause) = (node, cause);
        self.places.push(place);
        ended
    }

    /// The step ends, if one is under way and what happens to `node` and follows from `cause` is not of it.
    pub(crate) fn end_before(&mut self, node: NodeId, cause: u64) -> Option<Step> {
        if (self.node, self.cause) == (node, cause) { None } else { self.end() }
    }

    /// The step ends, if one is under way.
    pub(crate) fn end(&mut self) -> Option<Step> {
        let places = std::mem::take(&mut self.places);
        (!places.is_empty()).then_some(Step { places, ..*self })
    }

    /// The place of the last announcement.
    pub(crate) fn last(&self) -> usize {
        *self.places.last().expect("a step has an announcement")
    }
}

impl Facts<'_> {
    /// The place of what the event at `place` follows from: of an answer, of what its replica took up in the step in which it gave
    /// it. The answer itself may have waited for a slow disk, or have been on its way to the client.
    pub(crate) fn step_of(&self, place: usize) -> usize {
        let (events, cause) = (&self.recording.events, self.recording.events[place].cause);
        if cause == 0 { place } else { events.partition_point(|event| event.number <= cause).saturating_sub(1) }
    }

    /// Up to which place the replica that gave the answer at `place` had come when it gave it.
    pub(crate) fn given(&self, place: usize) -> usize {
        let (events, step) = (&self.recording.events, self.step_of(place));
        let own = events[(step + 1).min(events.len())..]
            .iter()
            .take_while(|event| event.cause == events[place].cause)
            .count();
        (step + own).min(place)
    }

    /// True when the replica answered in the step in which it took the operation up, so that no other one can have helped.
    pub(crate) fn is_by_itself(&self, answered: usize, op: u32) -> bool {
        let events = &self.recording.events;
        let (step, cause) = (self.step_of(answered), events[answered].cause);
        match events[step].what {
            What::Invoked { op: asked, .. } | What::Reached { op: asked } => {
                events[step].number == cause && asked == op
            }
            _ => false,
        }
    }

    /// The last event of the step that the event at `place` belongs to.
    pub(crate) fn step_end(&self, place: usize) -> usize {
        let events = &self.recording.events;
        let (node, cause) = (events[place].node, events[place].cause);
        let same = events[place..].iter().take_while(|event| cause > 0 && (event.node, event.cause) == (node, cause));
        place + same.count().max(1) - 1
    }
}
