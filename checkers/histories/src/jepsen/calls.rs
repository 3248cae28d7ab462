//! What clients asked for and what came of it.

use super::Action;
use super::names::Names;
use crate::edn::{Edn, Place};
use kvsim_checkers::history::{Ending, Entry, History, Kind, Value, WriterOrder};

/// Something that a client asked for, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When, in nanoseconds since the beginning; 0 if unknown.
    pub invoked_ns: u64,
    /// When it ended; 0 if unknown.
    pub completed_ns: u64,
    /// What was read or written. Equal numbers are equal values; see [`Calls::value`].
    pub value: u64,
    /// For [`Action::Cas`]: what had to be there.
    pub expected: u64,
    /// The place of its invocation among the steps.
    pub invoked: u32,
    /// The place of its completion among the steps; [`Calls::NEVER`] if there is none.
    pub completed: u32,
    /// Whose, see [`Calls::process`].
    pub session: u32,
    /// Of which key, see [`Calls::key`].
    pub key: u32,
    /// What for.
    pub action: Action,
    /// What came of it.
    pub ending: Ending,
}

/// Whole numbers from 0 stand for themselves, other values have numbers from here.
pub(super) const OTHERS: u64 = 1 << 63;

/// Operations that are neither read, write nor cas of a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The name of the function.
    pub function: Box<str>,
    /// Its value is a transaction of micro-operations, such as `[[:r 1 nil] [:append 2 5]]`.
    pub is_transaction: bool,
    /// How often it was asked for.
    pub count: u64,
    /// The place of the first step among the steps, and where that stands in the text.
    pub first: (u32, Place),
}

/// A history as clients' operations.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pub(super) list: Vec<Call>,
    pub(super) processes: Vec<i64>,
    pub(super) keys: Names,
    pub(super) values: Names,
    /// By place: the index that a step says; empty as long as each says its place, and where they do not ascend.
    pub(super) indices: Vec<u32>,
    pub(super) steps: u32,
    pub(super) skipped: u64,
    pub(super) misfits: Vec<Misfit>,
    /// What keys begin with, if that is not nil.
    pub(super) initial: Option<u64>,
}

impl Calls {
    /// In place of a completion: there is none.
    pub const NEVER: u32 = u32::MAX;

    /// The number of nil, which every key begins with.
    pub const NIL: u64 = u64::MAX;

    /// The number of what returned several values.
    pub(crate) const SEVERAL: u64 = u64::MAX - 1;

    /// Calls with keys and values that have no names.
    pub(super) fn of_list(list: Vec<Call>) -> Calls {
        Calls { list, ..Calls::default() }
    }

    /// In the order of their invocation.
    pub fn list(&self) -> &[Call] {
        &self.list
    }

    /// How many processes did anything.
    pub fn sessions(&self) -> usize {
        self.processes.len()
    }

    /// The number of the value that every key begins with.
    pub fn initial(&self) -> u64 {
        self.initial.unwrap_or(Calls::NIL)
    }

    /// It is a read that returned several values.
    pub(crate) fn is_several(&self, call: &Call) -> bool {
        call.value == Calls::SEVERAL
    }

    /// The number of a session's process.
    pub fn process(&self, session: u32) -> i64 {
        self.processes[session as usize]
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.keys.list.len()
    }

    /// A key. Where all operations are of one register, that is nil.
    pub fn key(&self, key: u32) -> &Edn {
        &self.keys.list[key as usize]
    }

    /// The value with this number; nothing for what returned several.
    pub fn value(&self, number: u64) -> Option<Edn> {
        match number {
            Calls::NIL => Some(Edn::Nil),
            Calls::SEVERAL => None,
            OTHERS.. => Some(self.values.list[(number - OTHERS) as usize].clone()),
            int => Some(Edn::Int(int as i64)),
        }
    }

    /// The index of a step: what it says itself, if all that are said ascend, or its place.
    pub fn index(&self, place: u32) -> u32 {
        self.indices.get(place as usize).copied().unwrap_or(place)
    }

    /// How many steps there were.
    pub fn steps(&self) -> u32 {
        self.steps
    }

    /// How many steps of others than clients there were: those of the nemesis.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Operations that no checker knows.
    pub fn misfits(&self) -> &[Misfit] {
        &self.misfits
    }

    /// The history for checkers that know reads and writes only: a successful cas is a read and then a write of its
    /// process; one of unknown outcome is such a write, and one that failed is nothing. The number of an operation is its
    /// place in [`Calls::list`].
    pub fn history(&self) -> History {
        let mut entries = Vec::with_capacity(self.list.len());
        for (call, number) in self.list.iter().zip(0..) {
            let mut add = |kind, value| {
                let Call { session, key, ending, invoked: place, .. } = *call;
                let value = match value {
                    value if value == self.initial() => Value::Nothing,
                    Calls::SEVERAL => Value::Several,
                    value => Value::One(value),
                };
                entries.push(Entry { session, key, kind, value, ending, origin: None, number, place });
            };
            match (call.action, call.ending) {
                (Action::Read, _) => add(Kind::Read, call.value),
                (Action::Write, _) => add(Kind::Write, call.value),
                (Action::Cas, Ending::Failed) => {}
                (Action::Cas, Ending::Indeterminate) => add(Kind::Write, call.value),
                (Action::Cas, Ending::Ok) => {
                    add(Kind::Read, call.expected);
                    add(Kind::Write, call.value);
                }
            }
        }
        History::from_entries(WriterOrder::Session, &entries)
    }
}
