//! What replicas announce that they show.

use std::collections::BTreeSet;

use super::Facts;
use super::words::at_levels;
use crate::trace::{Dot, Level, Levels, NodeId, What};
use crate::verdict::TraceLine;

/// More announcements than these, counted from the last one, are not read.
const ANNOUNCEMENTS_MAX: usize = 6;

/// What a replica has announced about showing a write at a level, up to some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    Never,
    /// Since this place.
    Since(usize),
    /// Until this place.
    Until(usize),
}

impl Facts<'_> {
    /// What `node` announced last about showing `write` at `level`, in the life that it lived at `place`.
    pub(crate) fn shown(&self, node: NodeId, level: Level, write: u32, place: usize) -> Shown {
        let id = self.write(write).id;
        let mut shown = Shown::Never;
        let events = self.recording.events[..=place].iter().enumerate();
        for (place, event) in events.filter(|(_, event)| event.node == node) {
            match event.what {
                What::Visible { write, levels } if write == id && levels.contains(level) => shown = Shown::Since(place),
                What::Hidden { write, levels } if write == id && levels.contains(level) => shown = Shown::Until(place),
                What::Down { .. } => shown = Shown::Never,
                _ => {}
            }
        }
        shown
    }

    /// The versions of `key` that `node` had announced to show at `level` before `end`.
    pub(crate) fn shown_before(&self, end: usize, node: NodeId, level: Level, key: u32) -> BTreeSet<u32> {
        let mut shown = BTreeSet::new();
        let events = self.recording.events[..end].iter().enumerate();
        for (place, event) in events.filter(|(_, event)| event.node == node) {
            let of_key = |id: Dot| self.number(id, place).filter(|write| self.write(*write).key == key);
            match event.what {
                What::Visible { levels, write } if levels.contains(level) => shown.extend(of_key(write)),
                What::Hidden { levels, write } if levels.contains(level) => {
                    of_key(write).map(|write| shown.remove(&write));
                }
                What::Down { .. } => shown.clear(),
                _ => {}
            }
        }
        shown
    }

    /// The last announcements of `node` before `end` about certain writes; of a write that becomes known there are no levels.
    pub(crate) fn announcements(
        &self,
        node: NodeId,
        end: usize,
        about: impl Fn(Dot, Option<Levels>) -> bool,
    ) -> Vec<TraceLine> {
        let events = self.recording.events[..end].iter().rev().filter(|event| event.node == node);
        let lines = events.filter_map(|event| {
            let (verb, id, levels) = match event.what {
                What::Known { write } => ("knows", write, None),
                What::Visible { write, levels } => ("shows", write, Some(levels)),
                What::Hidden { write, levels } => ("no longer shows", write, Some(levels)),
                _ => return None,
            };
            let at = levels.map_or_else(String::new, at_levels);
            about(id, levels).then(|| TraceLine::new(event.at_ns, format!("{node} {verb} {id}{at}")))
        });
        let mut lines: Vec<TraceLine> = lines.take(ANNOUNCEMENTS_MAX).collect();
        lines.reverse();
        lines
    }
}
