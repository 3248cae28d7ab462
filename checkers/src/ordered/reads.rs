//! What reads at ordered levels return, compared with what they must return.

use rustc_hash::{FxHashMap, FxHashSet};

use super::state::{State, Status};
use super::tables::Tables;
use super::walk::Walk;
use crate::convergence::history::History;
use crate::operations::Operation;
use crate::trace::{Action, Level};

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
}

/// A line, a position there, and whether the session wrote that itself.
type Had = (u32, u32, bool);

/// What sessions must find in what they read.
#[derive(Default)]
pub(super) struct Reads {
    /// By session and key: the last write of each line that the session has read or written.
    had: FxHashMap<(u32, u32), Vec<Had>>,
    /// One finding of a kind is enough about a write, for each session.
    told: FxHashSet<(u32, Wrong, u32)>,
}

impl Reads {
    /// An operation was answered: what it wrote or returned must be in what the session reads from now on.
    pub(super) fn answered(&mut self, history: &History<'_>, tables: &Tables, op: u32) {
        let Some(operation) = history.operations.get(op) else { return };
        if operation.level == Level::Eventual {
            return;
        }
        let had = self.had.entry((operation.session, operation.key)).or_default();
        let mut must_have = |write: u32, own: bool| {
            let (line, position) = tables.places[write as usize];
            match had.iter_mut().find(|(other, _, _)| *other == line) {
                Some(last) if last.1 < position => *last = (line, position, own),
                Some(_) => {}
                None => had.push((line, position, own)),
            }
        };
        match operation.action {
            Action::Read => history.returned(operation).for_each(|write| must_have(write, false)),
            Action::Write | Action::Delete => {
                let place = operation.answered().unwrap_or(0);
                let own = operation.write.and_then(|id| history.number(id, place));
                let own = own.filter(|write| history.write(*write).op == op);
                own.into_iter().for_each(|write| must_have(write, true));
            }
        }
    }

    /// Judges a read that its replica served as soon as it saw it, at this place in the recording. Of any other one it
    /// is not known who contributed, and when.
    pub(super) fn judge(&mut self, walk: &mut Walk<'_, '_>, read: &Operation, at_once: Option<usize>) {
        let (history, tables) = (walk.history, walk.tables);
        let Some(answered) = read.answered() else { return };
        let Some(first) = tables.of_key.get(&read.key).map(|lines| tables.at(lines[0], 1)) else { return };
        let priority = tables.priorities[first as usize];
        let Some(view) = Tables::view(read.level, priority) else { return };
        let returned: Vec<u32> = history.returned(read).collect();
        let mut wrong: Vec<(Wrong, u32)> = Vec::new();
        let had = self.had.get(&(read.session, read.key)).map_or(&[][..], Vec::as_slice);
        let is_own = |write: u32| {
            let (line, position) = tables.places[write as usize];
            had.contains(&(line, position, true))
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
        let (node, view) = match at_once {
            Some(_) => (read.node, view),
            None => (state.anywhere(), State::arrived(priority)),
        };
        for (line, position, own) in had {
            let write = tables.at(*line, *position);
            let is_returned = returned.iter().any(|other| {
                let (other, later) = tables.places[*other as usize];
                other == *line && later >= *position
            });
            let is_told = wrong.iter().any(|(_, other)| *other == write);
            if !is_returned && !is_told && !state.is_excused(node, write, view) {
                wrong.push((if *own { Wrong::Own } else { Wrong::Forgotten }, write));
            }
        }
        wrong.sort_unstable();
        for (wrong, write) in wrong {
            if self.told.insert((read.session, wrong, write)) {
                walk.found.reads.push(ReadBreach { op: read.number, at: at_once.unwrap_or(answered), wrong, write });
            }
        }
    }
}
