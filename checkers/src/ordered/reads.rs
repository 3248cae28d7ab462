//! What reads at ordered levels return, compared with what they must return.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use super::state::{LevelStates, Status};
use super::walk::Walk;
use crate::facts::Facts;
use crate::facts::operations::Operation;
use crate::facts::order::WriteOrder;
use crate::trace::{Action, Disk, Level, NodeId};

/// What is wrong with what a read returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Wrong {
    /// It returned a write before its turn.
    Early,
    /// It lacks a write although a later one of the same origin had been shown.
    Passed,
    /// It does not reflect a write that the replica had reflected.
    Unreflected,
    /// It does not reflect a write that the session had read.
    Forgotten,
    /// It does not reflect an acknowledged write of its own session.
    Own,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadBreach {
    pub(super) op: u32,
    /// Place of the event after which it was served.
    pub(super) at: usize,
    pub(super) wrong: Wrong,
    /// The write that it returned too early or again, or does not reflect.
    pub(super) write: u32,
    /// The write that kept it from being returned.
    pub(super) missing: Option<u32>,
}

/// What a session has read or written.
#[derive(Clone, Copy)]
struct Obligation {
    line: u32,
    position: u32,
    /// It wrote that itself.
    own: bool,
    node: NodeId,
    place: usize,
    /// One bit for each view in which the node owes it although its disk was lost since.
    owed: u8,
}

/// What sessions must find in what they read.
#[derive(Default)]
pub(super) struct Reads {
    /// By session and key: the last write of each line that the session has read or written.
    had: BTreeMap<(u32, u32), Vec<Obligation>>,
    /// One finding of a kind is enough about a write, for each session.
    reported: FxHashSet<(u32, Wrong, u32)>,
}

impl Reads {
    /// An operation was answered: what it wrote or returned must be in what the session reads from now on.
    pub(super) fn answered(&mut self, facts: &Facts<'_>, op: u32) {
        let Some(operation) = facts.operations.get(op) else { return };
        if operation.level == Level::Eventual {
            return;
        }
        let had = self.had.entry((operation.session, operation.key)).or_default();
        let (node, place) = (operation.node, operation.answered().unwrap_or(0));
        // The disk may have been lost since, before the session heard.
        let given = facts.step_of(place);
        let mut must_have = |write: u32, own: bool| {
            let (line, position) = facts.order.places[write as usize];
            let new = Obligation { line, position, own, node, place: given, owed: 0 };
            match had.iter_mut().find(|had| had.line == line) {
                Some(last) if last.position < position => *last = new,
                Some(_) => {}
                None => had.push(new),
            }
        };
        match operation.action {
            Action::Read => facts.returned(operation).for_each(|write| must_have(write, false)),
            Action::Write | Action::Delete => {
                let own = operation.write.and_then(|id| facts.number(id, place));
                let own = own.filter(|write| facts.write(*write).op == op);
                own.into_iter().for_each(|write| must_have(write, true));
            }
        }
    }

    /// The node is up without the disk that it had. It has to serve again what all other replicas reflect: whichever
    /// of them it recovers from has that.
    pub(super) fn restarts_empty(&mut self, state: &LevelStates<'_, '_>, node: NodeId) {
        let facts = state.facts;
        let nodes = NodeId::all(state.anywhere().0).filter(|other| *other != node);
        let others: Vec<NodeId> =
            nodes.filter(|other| state.losses.disks.is_down(*other) != Some(Disk::Lost)).collect();
        for had in self.had.values_mut().flatten().filter(|had| had.node == node && !others.is_empty()) {
            let write = facts.order.at(had.line, had.position);
            let views = 0..=usize::from(facts.order.priorities[write as usize]);
            let owed = views.filter(|view| others.iter().all(|other| state.is_due(*other, write, *view)));
            had.owed = owed.fold(0, |owed, view| owed | 1 << view);
        }
    }

    /// A node goes down: what the others reflect may not be with them any more when it is asked for.
    pub(super) fn goes_down(&mut self) {
        self.had.values_mut().flatten().for_each(|had| had.owed = 0);
    }

    /// Judges a read that its replica served as soon as it saw it, at this place in the recording. Of any other one it
    /// is not known who contributed, and when.
    pub(super) fn judge(&mut self, walk: &mut Walk<'_, '_>, read: &Operation, at_once: Option<usize>) {
        let facts = walk.facts;
        let Some(answered) = read.answered() else { return };
        let Some(first) = facts.order.of_key.get(&read.key).map(|lines| facts.order.at(lines[0], 1)) else { return };
        let priority = facts.order.priorities[first as usize];
        let Some(view) = WriteOrder::view(read.level, priority) else { return };
        let returned: Vec<u32> = facts.returned(read).collect();
        let mut wrong: Vec<(Wrong, u32)> = Vec::new();
        let had = self.had.get(&(read.session, read.key)).map_or(&[][..], Vec::as_slice);
        let is_own = |write: u32| {
            let (line, position) = facts.order.places[write as usize];
            had.iter().any(|had| (had.line, had.position, had.own) == (line, position, true))
        };
        let state = &walk.state;
        if at_once.is_some() {
            let node = read.node;
            for write in &returned {
                match state.status(node, *write, view) {
                    Status::Absent => wrong.push((Wrong::Early, *write)),
                    Status::Overwritten(_) if state.marked(node, *write).was_gone.contains(read.level) => {
                        wrong.push((Wrong::Unreflected, *write));
                    }
                    _ => {}
                }
            }
            for write in state.must_show(node, read.key, view).filter(|write| !returned.contains(write)) {
                if is_own(write) {
                    wrong.push((Wrong::Own, write));
                } else if state.marked(node, write).was_shown.contains(read.level) {
                    wrong.push((Wrong::Unreflected, write));
                } else if walk.passed(node, write, read.level).is_some() {
                    wrong.push((Wrong::Passed, write));
                }
            }
        }
        let (node, reflected_in) = match at_once {
            Some(_) => (read.node, view),
            None => (state.anywhere(), LevelStates::arrived(priority)),
        };
        for Obligation { line, position, own, node: had_at, place, owed } in had.iter().copied() {
            let write = facts.order.at(line, position);
            let is_returned = returned.iter().any(|other| {
                let (other, later) = facts.order.places[*other as usize];
                other == line && later >= position
            });
            let is_reported = wrong.iter().any(|(_, other)| *other == write);
            // It went with the only disk that the session may count on, or with all.
            let is_lost = had_at == read.node && state.losses.has_broken(had_at, place) && owed >> view & 1 == 0
                || state.is_gone(write);
            if !is_returned && !is_reported && !is_lost && !state.is_excused(node, write, reflected_in) {
                wrong.push((if own { Wrong::Own } else { Wrong::Forgotten }, write));
            }
        }
        wrong.sort_unstable();
        for (wrong, write) in wrong {
            if self.reported.insert((read.session, wrong, write)) {
                let early = at_once.filter(|_| wrong == Wrong::Early);
                let missing = early.and_then(|_| walk.state.missing(read.node, write, view));
                let at = at_once.unwrap_or(answered);
                walk.found.reads.push(ReadBreach { op: read.number, at, wrong, write, missing });
            }
        }
    }
}
