//! Writes and who got to know them, collected from the events of a recording.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::Facts;
use super::operations::Operation;
use super::tables::{ByName, ByNode};
use crate::trace::{Action, Dot, Level, NodeId, What};

/// A write that some replica took in. Writes have dense numbers in the order in which they were taken in.
pub(crate) struct RecordedWrite {
    pub(crate) id: Dot,
    /// Number of the operation that asked for it.
    pub(crate) op: u32,
    pub(crate) key: u32,
    /// Place of the operation's invocation: before it, no replica can know the write.
    pub(crate) invoked: usize,
    /// Place of the event that named it.
    pub(crate) wrote: usize,
    /// How often its node had been down before: what a replica knows grows within such a life only.
    pub(crate) life: u32,
    pub(crate) acknowledged: bool,
    /// Reads never return a delete.
    pub(crate) delete: bool,
    /// The operation whose context the write handed back: the session's last answered one of the key, a read or a write; of
    /// a session that writes blindly, its last answered write.
    pub(crate) context: Option<u32>,
    /// Place where its node forgot it before anything of it had left: then no other replica ever knew it, and its name is free.
    pub(crate) undone: Option<usize>,
    /// The undone write that had the name before.
    pub(super) namesake: Option<u32>,
}

/// A replica gets to know a write: the first such event of the two in a life of the replica.
pub(crate) struct Knowledge {
    pub(crate) node: NodeId,
    pub(crate) write: u32,
    pub(crate) place: usize,
    /// Place where that life of the replica ended; one past all others when it did not.
    pub(crate) until: usize,
}

/// A version in the snapshot of the end.
pub(crate) struct Held {
    pub(crate) key: u32,
    pub(crate) node: NodeId,
    pub(crate) write: u32,
    pub(crate) place: usize,
}

impl Facts<'_> {
    /// A store may tell that it knows a write before it tells the write's name, so all names come first.
    pub(super) fn collect_writes(&mut self) {
        let mut last_answers: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        let mut last_writes: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        let mut contexts: FxHashMap<u32, u32> = FxHashMap::default();
        let mut lives = vec![0; usize::from(self.header().nodes)];
        let mut heard_of = ByName::default();
        for (place, event) in self.recording.events.iter().enumerate() {
            match event.what {
                What::Invoked { op, session, action: Action::Write | Action::Delete, key, context, .. } => {
                    let last = if context { &last_answers } else { &last_writes };
                    contexts.extend(last.get(&(session, key)).map(|last| (op, *last)));
                }
                What::Answered { op } => {
                    if let Some(operation) = self.operations.get(op) {
                        last_answers.insert((operation.session, operation.key), op);
                        if operation.action != Action::Read {
                            last_writes.insert((operation.session, operation.key), op);
                        }
                    }
                }
                What::Wrote { op, write: id } => {
                    let Some(operation) = self.operations.get(op) else { continue };
                    // A name belongs to the write that had it first, unless that was undone.
                    let number = self.writes.len() as u32;
                    let namesake = self.numbers.get(id);
                    if namesake.is_some_and(|other| self.write(other).undone.is_none()) {
                        continue;
                    }
                    self.numbers.insert(id, number);
                    self.writes.push(RecordedWrite {
                        id,
                        op,
                        key: operation.key,
                        invoked: operation.invoked,
                        wrote: place,
                        life: lives[id.node().index()],
                        acknowledged: operation.answered().is_some(),
                        delete: operation.action == Action::Delete,
                        context: contexts.get(&op).copied(),
                        undone: None,
                        namesake,
                    });
                }
                What::Down { .. } => {
                    self.rare.push(place);
                    lives[event.node.index()] += 1;
                }
                What::Known { write } if write.node() != event.node => heard_of.insert(write, 0),
                What::Forgot { write: id, promised } => {
                    self.rare.push(place);
                    if promised || id.node() != event.node || heard_of.get(id).is_some() {
                        continue;
                    }
                    let Some(number) = self.numbers.get(id) else { continue };
                    let write = &mut self.writes[number as usize];
                    let answered = self.operations.get(write.op).and_then(Operation::answered);
                    if answered.is_none_or(|answered| answered > place) {
                        write.undone.get_or_insert(place);
                    }
                }
                What::FaultOn { .. }
                | What::FaultOff { .. }
                | What::Up { .. }
                | What::Paused
                | What::Resumed
                | What::Objected { .. }
                | What::Holds { .. }
                | What::Gauge { .. } => self.rare.push(place),
                _ => {}
            }
        }
    }

    pub(super) fn collect_knowledge(&mut self) {
        let mut known: Vec<Knowledge> = Vec::new();
        let mut last_known: ByNode<u32> = ByNode::new(self.header(), self.writes.len());
        let mut down = BTreeSet::new();
        for (place, event) in self.recording.events.iter().enumerate() {
            let node = event.node;
            match event.what {
                What::Known { write } => {
                    let Some(write) = self.number(write, place) else { continue };
                    let last = last_known.get_mut(node, write);
                    if let Some(before) = last.checked_sub(1) {
                        if known[before as usize].until == usize::MAX {
                            continue;
                        }
                        self.known_before.insert(known.len() as u32, before);
                    }
                    known.push(Knowledge { node, write, place, until: usize::MAX });
                    *last = known.len() as u32;
                }
                What::GaveAway { write } => {
                    let Some(write) = self.number(write, place) else { continue };
                    if let Some(entry) = last_known.get(node, write).checked_sub(1) {
                        let until = &mut known[entry as usize].until;
                        *until = place.min(*until);
                    }
                }
                What::Down { .. } => {
                    down.insert(node);
                    last_known.each(node, |last| {
                        if let Some(entry) = last.checked_sub(1) {
                            let until = &mut known[entry as usize].until;
                            *until = place.min(*until);
                        }
                    });
                }
                What::Up { .. } => drop(down.remove(&node)),
                _ => {}
            }
        }
        self.down = down.into_iter().collect();
        (self.known, self.last_known) = (known, last_known);
    }

    pub(super) fn held(&self, at: Level) -> Vec<Held> {
        let mut list = Vec::new();
        for (place, event) in self.rare() {
            let What::Holds { level, key, write } = event.what else { continue };
            let Some(write) = self.number(write, place).filter(|_| level == at) else { continue };
            let is_holder = self.header().holds(event.node, key) && !self.down.contains(&event.node);
            if self.write(write).key == key && is_holder && level.carries(self.header().priority(key)) {
                list.push(Held { key, node: event.node, write, place });
            }
        }
        list.sort_unstable_by_key(|held| (held.key, held.node, held.write, held.place));
        list.dedup_by_key(|held| (held.key, held.node, held.write));
        list
    }
}
