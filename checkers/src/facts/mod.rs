//! What a recording says, put together by operation, write and replica: the checkers, the explanations and the figures look
//! things up here, and none of them in another one.
//!
//! | file | facts |
//! |---|---|
//! | `operations` | what sessions asked for and what came of it |
//! | `writes` | the writes that replicas took in, and when each replica got to know them |
//! | `order` | the writes by origin, and by origin and key; what ordered levels have to wait for; which write had surely seen which |
//! | `overwritten` | which write can have seen which |
//! | `disks` | which writes disks still have |
//! | `shown` | what replicas announced that they show |
//! | `steps` | announcements of one step of a replica |
//! | `messages` | how a write came to a replica, or why it did not |
//! | `tables` | arrays for what has dense numbers |
//! | `words` | names, times and lists in text |

pub(crate) mod disks;
pub(crate) mod messages;
pub mod operations;
pub(crate) mod order;
pub(crate) mod overwritten;
pub(crate) mod shown;
pub(crate) mod steps;
pub(crate) mod tables;
pub(crate) mod words;
mod writes;

use std::any::Any;
use std::cell::OnceCell;

use rustc_hash::FxHashMap;

use operations::{Operation, Operations};
use order::{Seen, WriteOrder};
use tables::{ByName, ByNode};
use words::name;
pub(crate) use writes::{Held, Knowledge, RecordedWrite};

use crate::trace::{Action, Dot, Event, Header, Level, NodeId, Recording};
use crate::verdict::TraceLine;

/// The facts of one recording: what all checkers of it look things up in.
pub struct Facts<'a> {
    /// The recording.
    pub recording: &'a Recording,
    /// What sessions asked for and what came of it.
    pub operations: Operations<'a>,
    pub(crate) writes: Vec<RecordedWrite>,
    numbers: ByName,
    /// In the order of the events. A write that no operation had asked for yet is left out.
    pub(crate) known: Vec<Knowledge>,
    /// By node and write, one more than the last of its entries in `known`.
    last_known: ByNode<u32>,
    /// By entry in `known`, that of an earlier life, where there is one.
    known_before: FxHashMap<u32, u32>,
    /// The places of the events of which there are few: faults, disks, and the snapshot of the end.
    rare: Vec<usize>,
    /// The nodes that are down at the end.
    down: Vec<NodeId>,
    /// What reads at the eventual level would return at the end, by holder: sorted by key and node, without
    /// repetition. Nodes that are not to hold the key are left out.
    pub(crate) held: Vec<Held>,
    /// The same for each other level that every replica serves, as far as it carries the key.
    pub(crate) held_at: Vec<(Level, Vec<Held>)>,
    pub(crate) order: WriteOrder,
    /// See `overwritten`.
    overwritten: OnceCell<Vec<bool>>,
    seen: OnceCell<Seen>,
    /// See [`Facts::once`].
    once: OnceCell<Box<dyn Any>>,
}

impl<'a> Facts<'a> {
    /// Of a [valid](Recording::validate) recording.
    pub fn of(recording: &'a Recording) -> Facts<'a> {
        let mut facts = Facts {
            recording,
            operations: Operations::of(recording),
            writes: Vec::new(),
            numbers: ByName::default(),
            known: Vec::new(),
            last_known: ByNode::new(&recording.header, 0),
            known_before: FxHashMap::default(),
            rare: Vec::new(),
            down: Vec::new(),
            held: Vec::new(),
            held_at: Vec::new(),
            order: WriteOrder::default(),
            overwritten: OnceCell::new(),
            seen: OnceCell::new(),
            once: OnceCell::new(),
        };
        facts.collect_writes();
        facts.collect_knowledge();
        facts.held = facts.held(Level::Eventual);
        let others = recording.header.levels.iter().filter(|level| *level != Level::Eventual);
        facts.held_at = others.map(|level| (level, facts.held(level))).collect();
        facts.order = WriteOrder::of(&facts);
        facts
    }

    /// What two checkers find out in the same way: computed when the first asks for it. There is one such thing.
    pub(crate) fn once<T: 'static>(&self, compute: impl FnOnce() -> T) -> &T {
        let computed = self.once.get_or_init(|| Box::new(compute()));
        computed.downcast_ref().expect("there is one such thing")
    }

    pub(crate) fn header(&self) -> &'a Header {
        &self.recording.header
    }

    pub(crate) fn event(&self, place: usize) -> &'a Event {
        &self.recording.events[place]
    }

    /// The events of which there are few, and their places: faults, disks, objections, and the snapshot of the end.
    pub(crate) fn rare(&self) -> impl Iterator<Item = (usize, &'a Event)> {
        self.rare.iter().map(|place| (*place, self.event(*place)))
    }

    pub(crate) fn at_ns(&self, place: usize) -> u64 {
        self.recording.events[place].at_ns
    }

    /// The number of a write that an operation had asked for before `place`.
    pub(crate) fn number(&self, id: Dot, place: usize) -> Option<u32> {
        let mut number = self.numbers.get(id)?;
        while let Some(other) = self.write(number).namesake
            && self.write(other).undone.is_some_and(|undone| place <= undone)
        {
            number = other;
        }
        Some(number).filter(|number| self.write(*number).invoked < place)
    }

    pub(crate) fn write(&self, number: u32) -> &RecordedWrite {
        &self.writes[number as usize]
    }

    pub(crate) fn operation(&self, write: u32) -> &Operation {
        let op = self.write(write).op;
        self.operations.get(op).expect("writes are collected from operations")
    }

    /// One line about the operation that asked for a write.
    pub(crate) fn describe(&self, write: u32) -> TraceLine {
        self.operations.describe(self.operation(write))
    }

    /// The place where `node`, in the life that it lives at `place`, got to know `write`, if it has by then.
    pub(crate) fn known_since(&self, node: NodeId, write: u32, place: usize) -> Option<usize> {
        let mut last = self.last_known.get(node, write).checked_sub(1);
        while let Some(entry) = last {
            let known = &self.known[entry as usize];
            if known.place <= place {
                return (place < known.until).then_some(known.place);
            }
            last = self.known_before.get(&entry).copied();
        }
        None
    }

    /// The place where `node` got to know `write`, if it knows it at the end.
    pub(crate) fn known_at(&self, node: NodeId, write: u32) -> Option<usize> {
        self.known_since(node, write, usize::MAX - 1)
    }

    /// The nodes that are to hold `key` and are up at the end.
    pub(crate) fn holders(&self, key: u32) -> Vec<NodeId> {
        let mut holders = self.header().holders(key);
        holders.retain(|node| !self.down.contains(node));
        holders
    }

    /// How many nodes are to hold `key` and are up at the end.
    pub(crate) fn holder_count(&self, key: u32) -> usize {
        let header = self.header();
        let all = header.placement.get(key as usize).map_or(usize::from(header.nodes), Vec::len);
        all - self.down.iter().filter(|node| header.holds(**node, key)).count()
    }

    /// The versions that `node` holds of `key` at the end.
    pub(crate) fn held_by(&self, node: NodeId, key: u32) -> &[Held] {
        let from = self.held.partition_point(|held| (held.key, held.node) < (key, node));
        let count = self.held[from..].partition_point(|held| (held.key, held.node) == (key, node));
        &self.held[from..from + count]
    }

    pub(crate) fn is_held_by(&self, node: NodeId, write: u32) -> bool {
        self.held_by(node, self.write(write).key).iter().any(|held| held.write == write)
    }

    /// The versions that a read returned: writes of its key that an operation had asked for before the answer.
    pub(crate) fn returned<'b>(&'b self, read: &'b Operation) -> impl Iterator<Item = u32> + 'b {
        let place = read.answered().unwrap_or(0);
        let numbers = read.returned.iter().filter_map(move |id| self.number(*id, place));
        numbers.filter(|number| self.write(*number).key == read.key)
    }

    /// What the context of an answered operation contains for certain: what a read returned, or the write itself. What a
    /// session's own writes had seen of a replica's writes, the next one's context need not say again.
    pub(crate) fn handed_out(&self, op: u32) -> impl Iterator<Item = u32> + '_ {
        let operation = self.operations.get(op);
        let read = operation.filter(|operation| operation.action == Action::Read);
        let own = operation.filter(|operation| operation.action != Action::Read).and_then(|operation| {
            let own = self.number(operation.write?, operation.answered().unwrap_or(0))?;
            (self.write(own).op == op).then_some(own)
        });
        read.into_iter().flat_map(|read| self.returned(read)).chain(own)
    }

    /// A key's name.
    pub(crate) fn key(&self, key: u32) -> String {
        name(&self.header().keys, key)
    }

    /// A write for people: `x = 1701 (#17 of c0, n0:3)`.
    pub(crate) fn title(&self, number: u32) -> String {
        let write = self.write(number);
        let operation = self.operation(number);
        let key = self.key(write.key);
        let what = if write.delete { format!("delete of {key}") } else { format!("{key} = {}", operation.value) };
        let session = name(&self.header().sessions, operation.session);
        format!("{what} (#{} of {session}, {})", write.op, write.id)
    }

    /// The values of several writes, as a read would show them.
    pub(crate) fn values(&self, writes: impl IntoIterator<Item = u32>) -> String {
        let ids: Vec<Dot> = writes.into_iter().map(|write| self.write(write).id).collect();
        self.operations.values(&ids)
    }
}
