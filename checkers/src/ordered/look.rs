//! What the state of a replica says about a write.

use super::state::{LevelStates, SeenUpTo, Status};
use crate::facts::order::rank;
use crate::trace::NodeId;

impl LevelStates<'_, '_> {
    /// The place of a write among those that the view carries of its origin.
    pub(super) fn place(&self, write: u32, view: usize) -> u32 {
        let chain = &self.facts.order.chains[self.facts.order.origins[write as usize] as usize][view];
        chain.partition_point(|other| rank(self.facts, *other) < rank(self.facts, write)) as u32
    }

    /// True when the view of a replica got as far as the write, or beyond.
    pub(super) fn is_passed(&self, node: NodeId, write: u32, view: usize) -> bool {
        let origin = self.facts.order.origins[write as usize] as usize;
        let ready = self.fronts[node.index() * self.facts.order.chains.len() + origin][view].ready;
        let last = self.facts.order.chains[origin][view][..ready as usize].last();
        last.is_some_and(|last| rank(self.facts, *last) >= rank(self.facts, write))
    }

    /// True when the view of a replica has to reflect the write.
    pub(super) fn is_due(&self, node: NodeId, write: u32, view: usize) -> bool {
        let origin = self.facts.order.origins[write as usize] as usize;
        let due = self.fronts[node.index() * self.facts.order.chains.len() + origin][view].due;
        self.marked(node, write).known && self.place(write, view) < due
    }

    /// The write that keeps `write` from being ready, if one does.
    pub(super) fn missing(&self, node: NodeId, write: u32, view: usize) -> Option<u32> {
        let origin = self.facts.order.origins[write as usize] as usize;
        let ready = self.fronts[node.index() * self.facts.order.chains.len() + origin][view].ready;
        let next = self.facts.order.chains[origin][view].get(ready as usize).copied();
        let missing = next.filter(|next| rank(self.facts, *next) <= rank(self.facts, write));
        missing.or_else(|| (!self.marked(node, write).known).then_some(write))
    }

    pub(super) fn status(&self, node: NodeId, write: u32, view: usize) -> Status {
        let (line, position) = self.facts.order.places[write as usize];
        let cell = self.look(node, line, view);
        let is_void = cell.ready > position && !self.marked(node, write).known;
        if cell.ready < position || is_void || self.facts.write(write).delete {
            Status::Absent
        } else if cell.due > position {
            Status::Overwritten(self.facts.order.at(line, cell.due))
        } else if cell.surely == position {
            Status::Overwritten(cell.by)
        } else if cell.due == position && cell.ready == position && cell.perhaps < position {
            Status::Present
        } else {
            Status::Either
        }
    }

    /// True when a write of the view may have overwritten `write`, or it is a delete.
    pub(super) fn is_excused(&self, node: NodeId, write: u32, view: usize) -> bool {
        let (line, position) = self.facts.order.places[write as usize];
        let cell = self.look(node, line, view);
        cell.ready > position || cell.perhaps >= position || self.facts.write(write).delete
    }

    /// The positions in a view of a replica that reads of `key` must return.
    pub(super) fn must_show(&self, node: NodeId, key: u32, view: usize) -> impl Iterator<Item = u32> {
        let lines = self.facts.order.of_key.get(&key).into_iter().flatten();
        let last = lines.filter_map(move |line| match self.look(node, *line, view).ready {
            0 => None,
            ready => Some(self.facts.order.at(*line, ready)),
        });
        last.filter(move |write| self.status(node, *write, view) == Status::Present)
    }

    /// What a read of `key` in a view of a replica reflects, and what that had seen.
    pub(super) fn snapshot(&self, node: NodeId, key: u32, view: usize) -> SeenUpTo {
        let lines = self.facts.order.of_key.get(&key).into_iter().flatten();
        let reflected = lines.map(|line| {
            let cell = self.look(node, *line, view);
            (*line, cell.ready.max(cell.perhaps))
        });
        reflected.filter(|(_, position)| *position > 0).collect()
    }
}
