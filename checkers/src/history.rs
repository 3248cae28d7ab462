//! A bare history: what sessions asked for and what came of it.
//!
//! Black-box checkers judge this and nothing else, so that recordings of this simulator and histories from
//! elsewhere are judged alike. An operation is 24 bytes: keys, sessions and values are dense numbers.

use rustc_hash::FxHashMap;

use crate::operations::{Operations, Outcome};
use crate::trace::{Action, Recording};

/// What a key is read as before it is written and after it was deleted. A delete is a write of nothing.
pub const NOTHING: u32 = 0;

/// What a read returned that returned more than one value.
pub const SEVERAL: u32 = u32::MAX;

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It returned [`Op::value`].
    Read,
    /// It wrote [`Op::value`].
    Write,
}

/// What came of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It was done.
    Ok,
    /// It had no effect.
    Failed,
    /// It may have had an effect, at any time after it was issued, or none.
    Indeterminate,
}

/// One operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// Who asked.
    pub session: u32,
    /// Of which key.
    pub key: u32,
    /// The number of the value read or written: equal numbers of one key are equal values.
    pub value: u32,
    /// The operation's number where it was recorded.
    pub number: u32,
    /// The place of its invocation where it was recorded.
    pub place: u32,
    /// What it does.
    pub kind: Kind,
    /// What came of it.
    pub ending: Ending,
}

impl Op {
    /// A read that was answered.
    pub fn is_answered_read(&self) -> bool {
        self.kind == Kind::Read && self.ending == Ending::Ok
    }

    /// A write that took place, or may have.
    pub fn is_possible_write(&self) -> bool {
        self.kind == Kind::Write && self.ending != Ending::Failed
    }
}

/// A value as its recorder knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// None, or a delete.
    Nothing,
    /// Exactly one.
    One(u64),
    /// More than one at once: a read of siblings.
    Several,
}

/// An operation on its way into a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who asked.
    pub session: u32,
    /// Of which key.
    pub key: u32,
    /// What it does.
    pub kind: Kind,
    /// What it read or wrote.
    pub value: Value,
    /// What came of it.
    pub ending: Ending,
    /// For histories [ordered by origin](WriterOrder::Origin): who took the write in, and its number there.
    pub origin: Option<(u32, u64)>,
    /// The operation's number where it was recorded.
    pub number: u32,
    /// The place of its invocation where it was recorded.
    pub place: u32,
}

/// Whose order of writes others are to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriterOrder {
    /// Each session's. A write of unknown outcome may take effect late: it comes after the earlier writes of its
    /// session, but not necessarily before the later ones.
    Session,
    /// That of each replica that takes writes in, for any number of sessions. A write without an origin is in no
    /// order with those of others.
    Origin,
}

/// The operations of all sessions, and the order of writes that others are to see.
#[derive(Clone, Debug)]
pub struct History {
    ops: Vec<Op>,
    starts: Vec<u32>,
    origins: Option<Vec<Vec<u32>>>,
    priorities: Vec<u8>,
    keys: u32,
    values: u32,
}

impl History {
    /// Builds a history from entries: the order of each session's entries is its program order.
    pub fn from_entries(order: WriterOrder, entries: &[Entry]) -> History {
        let mut next: Vec<usize> = vec![0; entries.iter().map(|entry| entry.session as usize + 2).max().unwrap_or(1)];
        entries.iter().for_each(|entry| next[entry.session as usize + 1] += 1);
        (1..next.len()).for_each(|session| next[session] += next[session - 1]);
        let mut sorted: Vec<u32> = vec![0; entries.len()];
        for (entry, index) in entries.iter().zip(0..) {
            sorted[next[entry.session as usize]] = index;
            next[entry.session as usize] += 1;
        }
        let mut numbers: FxHashMap<(u32, u64), u32> = FxHashMap::default();
        let mut ops = Vec::with_capacity(entries.len());
        let mut named = Vec::new();
        for index in sorted {
            let Entry { session, key, kind, value, ending, origin, number, place } = entries[index as usize];
            let value = match value {
                Value::Nothing => NOTHING,
                Value::Several => SEVERAL,
                Value::One(value) => {
                    let next = numbers.len() as u32 + 1;
                    *numbers.entry((key, value)).or_insert(next)
                }
            };
            if let (Kind::Write, Some((origin, counter))) = (kind, origin) {
                named.push((origin, counter, ops.len() as u32));
            }
            ops.push(Op { session, key, value, number, place, kind, ending });
        }
        named.sort_unstable();
        let origins = named.chunk_by(|a, b| a.0 == b.0).map(|one| one.iter().map(|(_, _, op)| *op).collect());
        History {
            starts: starts(&ops),
            origins: (order == WriterOrder::Origin).then(|| origins.collect()),
            priorities: Vec::new(),
            keys: ops.iter().map(|op| op.key + 1).max().unwrap_or(0),
            values: numbers.len() as u32 + 1,
            ops,
        }
    }

    /// The history of a [valid](Recording::validate) recording. Stores order writes by origin. What a session asks
    /// for while an earlier call is open counts as later.
    pub fn of(recording: &Recording) -> History {
        History::of_operations(recording, &Operations::of(recording))
    }

    /// Like [`History::of`], when the operations are there already.
    pub fn of_operations(recording: &Recording, operations: &Operations<'_>) -> History {
        // Recordings name writes, so that values are distinct by construction: a value is the number of the
        // operation that wrote it. An unwritten value gets a number of its own, beyond all of them.
        let mut unwritten = u64::from(u32::MAX);
        let entries: Vec<Entry> = operations
            .list()
            .iter()
            .map(|operation| {
                let answered = operation.answered().is_some();
                let name = operation
                    .write
                    .filter(|name| operations.of_write(*name).is_some_and(|owner| owner.number == operation.number));
                let value = match (operation.action, &operation.returned[..]) {
                    (Action::Write, _) => Value::One(u64::from(operation.number)),
                    (Action::Delete, _) | (Action::Read, []) => Value::Nothing,
                    (Action::Read, [name]) => match operations.of_write(*name) {
                        Some(write) if write.action == Action::Write => Value::One(u64::from(write.number)),
                        _ => {
                            unwritten += 1;
                            Value::One(unwritten)
                        }
                    },
                    (Action::Read, _) => Value::Several,
                };
                let ending = match operation.outcome {
                    Outcome::Answered(_) => Ending::Ok,
                    Outcome::Refused(_) => Ending::Failed,
                    // No replica ever took it in.
                    _ if operation.action != Action::Read && !answered && name.is_none() => Ending::Failed,
                    Outcome::Open | Outcome::TimedOut(_) => Ending::Indeterminate,
                };
                Entry {
                    session: operation.session,
                    key: operation.key,
                    kind: if operation.action == Action::Read { Kind::Read } else { Kind::Write },
                    value,
                    ending,
                    origin: name.map(|name| (name.origin.number(), name.counter)),
                    number: operation.number,
                    place: operation.invoked as u32,
                }
            })
            .collect();
        let history = History::from_entries(WriterOrder::Origin, &entries);
        history.with_priorities(recording.header.priorities.clone())
    }

    /// The same history with priorities of its keys, by key; a key beyond the list has priority 0.
    #[must_use]
    pub fn with_priorities(self, priorities: Vec<u8>) -> History {
        History { priorities, ..self }
    }

    /// All operations: session by session, each in program order.
    pub fn ops(&self) -> &[Op] {
        &self.ops
    }

    /// The number of sessions, counted up to the last that did anything.
    pub fn sessions(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// Places in [`History::ops`] of a session's operations.
    pub fn session(&self, session: u32) -> std::ops::Range<u32> {
        match self.starts.get(session as usize..session as usize + 2) {
            Some(bounds) => bounds[0]..bounds[1],
            None => 0..0,
        }
    }

    /// The writes of each origin in order, as places in [`History::ops`]; nothing when each session's order counts.
    pub fn origins(&self) -> Option<&[Vec<u32>]> {
        self.origins.as_deref()
    }

    /// The priority of a key's writes.
    pub fn priority(&self, key: u32) -> u8 {
        self.priorities.get(key as usize).copied().unwrap_or(0)
    }

    /// All keys are below.
    pub fn keys(&self) -> usize {
        self.keys as usize
    }

    /// All values but [`SEVERAL`] are below.
    pub fn values(&self) -> usize {
        self.values as usize
    }

    /// The history of some of the operations, and where each of them was.
    ///
    /// What was possible stays possible: a read is left out together with the writes that it may have read. A read
    /// of nothing may have read any delete of its key.
    pub fn only(&self, keep: impl Fn(u32) -> bool) -> (History, Vec<u32>) {
        let mut value_gone = vec![false; self.values()];
        let mut delete_gone = vec![false; self.keys()];
        for (op, index) in self.ops.iter().zip(0..) {
            if op.is_possible_write() && !keep(index) {
                match op.value {
                    NOTHING => delete_gone[op.key as usize] = true,
                    value => value_gone[value as usize] = true,
                }
            }
        }
        let is_mute = |op: &Op| match op.value {
            NOTHING => delete_gone[op.key as usize],
            SEVERAL => false,
            value => value_gone[value as usize],
        };
        let mut new_places = vec![u32::MAX; self.ops.len()];
        let (mut ops, mut places) = (Vec::new(), Vec::new());
        for (op, index) in self.ops.iter().zip(0..) {
            if keep(index) && !(op.kind == Kind::Read && is_mute(op)) {
                new_places[index as usize] = places.len() as u32;
                ops.push(*op);
                places.push(index);
            }
        }
        let moved = |op: &u32| Some(new_places[*op as usize]).filter(|new| *new != u32::MAX);
        let origins = self.origins.as_ref().map(|origins| {
            let moved = origins.iter().map(|one| one.iter().filter_map(moved).collect::<Vec<_>>());
            moved.filter(|one| !one.is_empty()).collect()
        });
        let history = History {
            starts: starts(&ops),
            origins,
            priorities: self.priorities.clone(),
            keys: self.keys,
            values: self.values,
            ops,
        };
        (history, places)
    }
}

/// Where each session begins, and where the last one ends.
fn starts(ops: &[Op]) -> Vec<u32> {
    let mut starts = Vec::new();
    for (op, index) in ops.iter().zip(0..) {
        while starts.len() <= op.session as usize {
            starts.push(index);
        }
    }
    starts.push(ops.len() as u32);
    starts
}
