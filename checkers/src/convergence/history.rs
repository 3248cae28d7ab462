//! A recording, put together by write: what every part of the checker looks things up in.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::operations::{Operation, Operations, listed, name};
use crate::trace::{Action, Dot, Event, Header, Level, Levels, LostBy, NodeId, Recording, What};
use crate::verdict::TraceLine;

/// A write that some replica took in. Writes have dense numbers in the order in which they were taken in.
pub(crate) struct Write {
    pub(crate) id: Dot,
    /// Number of the operation that asked for it.
    pub(crate) op: u32,
    pub(crate) key: u32,
    /// Place of the operation's invocation: before it, nobody can know the write.
    pub(crate) invoked: usize,
    /// Place of the event that named it.
    pub(crate) wrote: usize,
    /// How often its node had been down before: what a replica knows grows within such a life only.
    pub(crate) life: u32,
    pub(crate) acknowledged: bool,
    /// Reads never return a delete.
    pub(crate) delete: bool,
    /// The read whose context the write handed back: the session's last answered one of the key.
    pub(crate) context: Option<u32>,
    /// Place where its node forgot it before anything of it had left: then nobody ever knew it, and its name is free.
    pub(crate) undone: Option<usize>,
    /// The undone write that had the name before.
    namesake: Option<u32>,
}

/// A replica gets to know a write: the first such event of the two in a life of the replica.
pub(crate) struct Known {
    pub(crate) node: NodeId,
    pub(crate) write: u32,
    pub(crate) place: usize,
    /// Place where that life of the replica ended; one past all others when it did not.
    pub(crate) until: usize,
    /// The same in an earlier life, by its place in the list.
    before: Option<u32>,
}

/// A version in the snapshot of the end.
pub(crate) struct Held {
    pub(crate) key: u32,
    pub(crate) node: NodeId,
    pub(crate) write: u32,
    pub(crate) place: usize,
}

pub(crate) struct History<'a> {
    pub(crate) recording: &'a Recording,
    pub(crate) operations: Operations<'a>,
    pub(crate) writes: Vec<Write>,
    numbers: FxHashMap<Dot, u32>,
    /// In the order of the events. A write that nobody had asked for yet is left out.
    pub(crate) known: Vec<Known>,
    /// By node and write, the last of its entries in `known`.
    last_known: FxHashMap<(NodeId, u32), u32>,
    /// The nodes that are down at the end.
    down: Vec<NodeId>,
    /// What reads at the eventual level would return at the end, by holder: sorted by key and node, without
    /// repetition. Nodes that are not to hold the key are left out.
    pub(crate) held: Vec<Held>,
    /// The same for each other level that every replica serves, as far as it carries the key.
    pub(super) held_at: Vec<(Level, Vec<Held>)>,
}

impl<'a> History<'a> {
    pub(crate) fn of(recording: &'a Recording) -> History<'a> {
        let mut history = History {
            recording,
            operations: Operations::of(recording),
            writes: Vec::new(),
            numbers: FxHashMap::default(),
            known: Vec::new(),
            last_known: FxHashMap::default(),
            down: Vec::new(),
            held: Vec::new(),
            held_at: Vec::new(),
        };
        history.collect_writes();
        history.collect_knowledge();
        history.held = history.held(Level::Eventual);
        let others = recording.header.levels.iter().filter(|level| *level != Level::Eventual);
        history.held_at = others.map(|level| (level, history.held(level))).collect();
        history
    }

    /// A store may tell that it knows a write before it tells the write's name, so all names come first.
    fn collect_writes(&mut self) {
        let mut last_reads: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        let mut contexts: FxHashMap<u32, u32> = FxHashMap::default();
        let mut lives = vec![0; usize::from(self.header().nodes)];
        let mut heard_of: FxHashSet<Dot> = FxHashSet::default();
        for (place, event) in self.recording.events.iter().enumerate() {
            match event.what {
                What::Invoked { op, session, action: Action::Write | Action::Delete, key, context: true, .. } => {
                    contexts.extend(last_reads.get(&(session, key)).map(|read| (op, *read)));
                }
                What::Answered { op } => {
                    if let Some(read) = self.operations.get(op).filter(|op| op.action == Action::Read) {
                        last_reads.insert((read.session, read.key), op);
                    }
                }
                What::Wrote { op, write: id } => {
                    let Some(operation) = self.operations.get(op) else { continue };
                    // A name belongs to the write that had it first, unless that was undone.
                    let number = self.writes.len() as u32;
                    let namesake = self.numbers.get(&id).copied();
                    if namesake.is_some_and(|other| self.write(other).undone.is_none()) {
                        continue;
                    }
                    self.numbers.insert(id, number);
                    self.writes.push(Write {
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
                What::Down { .. } => lives[event.node.index()] += 1,
                What::Known { write } if write.node() != event.node => {
                    heard_of.insert(write);
                }
                What::Forgot { write: id, promised: false } if id.node() == event.node && !heard_of.contains(&id) => {
                    let Some(number) = self.numbers.get(&id) else { continue };
                    let write = &mut self.writes[*number as usize];
                    let answered = self.operations.get(write.op).and_then(Operation::answered);
                    if answered.is_none_or(|answered| answered > place) {
                        write.undone.get_or_insert(place);
                    }
                }
                _ => {}
            }
        }
    }

    fn collect_knowledge(&mut self) {
        // By node: what the replica got to know in its present life.
        let mut present: Vec<Vec<u32>> = vec![Vec::new(); usize::from(self.header().nodes)];
        let mut down = BTreeSet::new();
        for (place, event) in self.recording.events.iter().enumerate() {
            let node = event.node;
            match event.what {
                What::Known { write } => {
                    let Some(write) = self.number(write, place) else { continue };
                    let before = self.last_known.get(&(node, write)).copied();
                    if before.is_some_and(|before| self.known[before as usize].until == usize::MAX) {
                        continue;
                    }
                    let entry = self.known.len() as u32;
                    self.last_known.insert((node, write), entry);
                    present[node.index()].push(entry);
                    self.known.push(Known { node, write, place, until: usize::MAX, before });
                }
                What::Down { .. } => {
                    down.insert(node);
                    present[node.index()].drain(..).for_each(|entry| self.known[entry as usize].until = place);
                }
                What::Up { .. } => drop(down.remove(&node)),
                _ => {}
            }
        }
        self.down = down.into_iter().collect();
    }

    fn held(&self, at: Level) -> Vec<Held> {
        let mut list = Vec::new();
        for (place, event) in self.recording.events.iter().enumerate() {
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

    pub(crate) fn header(&self) -> &'a Header {
        &self.recording.header
    }

    pub(crate) fn event(&self, place: usize) -> &'a Event {
        &self.recording.events[place]
    }

    /// A line about the event at `place`; one past all others is the end of the run.
    pub(crate) fn line(&self, place: usize, text: String) -> TraceLine {
        let Some(event) = self.recording.events.get(place) else { return TraceLine::new(self.header().end_ns, text) };
        let lost_by = match event.what {
            What::Lost { by, .. } => Some(self.lost_by(by)),
            _ => None,
        };
        TraceLine { at_ns: event.at_ns, text, lost_by }
    }

    /// What lost a message: the name of a fault, or `chance`.
    pub(crate) fn lost_by(&self, by: LostBy) -> String {
        let LostBy::Fault(fault) = by else { return "chance".to_owned() };
        let known = self.header().faults.get(usize::from(fault));
        known.map_or_else(|| format!("fault #{fault}"), |fault| fault.name.clone())
    }

    /// The number of a write that somebody had asked for before `place`.
    pub(crate) fn number(&self, id: Dot, place: usize) -> Option<u32> {
        let mut number = self.numbers.get(&id).copied()?;
        while let Some(other) = self.write(number).namesake
            && self.write(other).undone.is_some_and(|undone| place <= undone)
        {
            number = other;
        }
        Some(number).filter(|number| self.write(*number).invoked < place)
    }

    pub(crate) fn write(&self, number: u32) -> &Write {
        &self.writes[number as usize]
    }

    pub(crate) fn operation(&self, write: u32) -> &Operation {
        let op = self.write(write).op;
        self.operations.get(op).expect("writes are collected from operations")
    }

    /// The place where `node`, in the life that it lives at `place`, got to know `write`, if it has by then.
    pub(crate) fn known_since(&self, node: NodeId, write: u32, place: usize) -> Option<usize> {
        let mut entry = self.last_known.get(&(node, write)).copied();
        while let Some(known) = entry.map(|entry| &self.known[entry as usize]) {
            if known.place <= place {
                return (place < known.until).then_some(known.place);
            }
            entry = known.before;
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

    /// The versions that a read returned: writes of its key that somebody had asked for before the answer.
    pub(crate) fn returned<'b>(&'b self, read: &'b Operation) -> impl Iterator<Item = u32> + 'b {
        let place = read.answered().unwrap_or(0);
        let numbers = read.returned.iter().filter_map(move |id| self.number(*id, place));
        numbers.filter(|number| self.write(*number).key == read.key)
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

/// ` at fifo, priority`; nothing for the eventual level alone, which every store has.
pub(super) fn at_levels(levels: Levels) -> String {
    let names: Vec<&str> = levels.iter().map(Level::name).collect();
    if levels == Levels::only(Level::Eventual) { String::new() } else { format!(" at {}", names.join(", ")) }
}

/// The same for one level.
pub(super) fn at_level(level: Level) -> String {
    at_levels(Levels::only(level))
}

/// The verb that goes with so many nodes.
pub(crate) fn verb<'v>(list: &[NodeId], one: &'v str, many: &'v str) -> &'v str {
    if list.len() == 1 { one } else { many }
}

/// Nodes for people: `n0, n2`.
pub(crate) fn nodes(list: &[NodeId]) -> String {
    if list.is_empty() { "no node".to_owned() } else { listed(list.iter().map(|node| format!("{node}"))) }
}
