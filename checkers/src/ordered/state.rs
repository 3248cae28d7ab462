//! What each replica must reflect at each level, followed through a recording by what arrives.
//!
//! A level carries the writes of some priority or above. A write is *ready* at a replica when its record and those
//! of all earlier writes of its origin that the level carries have arrived, and *due* when nothing excuses that the
//! level does not reflect it yet. What a level must show of a key are the ready writes that no ready write had
//! seen, without the deletes; a delete or a superseded write leaves no other trace.
//!
//! Which write had seen which is known from two sides. A write had *surely* seen what the read returned whose context it hands
//! back, or the session's own write whose answer handed it out; not what that had seen, which its own record tells.
//! It had *perhaps* seen whatever that read's replica reflected then, and what this in turn had seen. Between the two nothing is judged.
//!
//! **Nodes that go down.** What a replica knows and shows ends with its life; what its disk has, by the host's word and
//! not by the store's, it knows again when it is up (`losses`). A write that no disk has any more, of an origin whose own
//! disk was lost, is *void*: it can never arrive, so that the writes after it are ready without it. When a store may be
//! sure of that it has to find out first, so they are due only once the level has shown something beyond it, and at the
//! end.

use super::losses::{Losses, Void};
use crate::facts::Facts;
use crate::facts::order::{VIEWS, WriteOrder};
use crate::trace::{Conflict, Disk, Level, Levels, NodeId};

/// Writes up to a position, by line.
pub(super) type SeenUpTo = Vec<(u32, u32)>;

/// A line at one replica, as one view has it. Positions; 0 for none.
#[derive(Clone, Copy, Default)]
pub(super) struct LineState {
    pub(super) ready: u32,
    pub(super) due: u32,
    /// What ready writes of other lines had perhaps seen.
    pub(super) perhaps: u32,
    /// The last that a due write of another line had surely seen. What came before it, it need not have handed on: see
    /// [`Facts::handed_out`].
    pub(super) surely: u32,
    /// The write that had.
    pub(super) by: u32,
}

/// An origin at one replica, as one view has it.
#[derive(Clone, Copy, Default)]
pub(super) struct ChainState {
    /// So many writes of the chain are ready or void, and due or passed.
    pub(super) ready: u32,
    pub(super) due: u32,
    /// The largest counter that was shown, and that was dropped for want of room.
    shown_to: u64,
    dropped_to: u64,
}

/// What a replica has said about a write.
#[derive(Clone, Copy, Default)]
pub(super) struct Mark {
    pub(super) known: bool,
    /// Shown now.
    pub(super) shown: Levels,
    /// Shown now or earlier, in this life or in one from which the disk still has the write.
    pub(super) was_shown: Levels,
    /// Shown now or ever.
    pub(super) ever_shown: Levels,
    /// Found overwritten and not shown.
    pub(super) was_gone: Levels,
}

/// How a view of a replica stands to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Not ready, not carried, or a delete: not to be shown.
    Absent,
    /// To be shown.
    Present,
    /// Overwritten by this due write: not to be shown.
    Overwritten(u32),
    /// It cannot be decided.
    Either,
}

/// What excuses that a ready write is not reflected.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Excuses {
    /// That there was no room for it, or that the store need not be sure yet that an earlier one is void.
    All,
    /// Only the latter.
    Voids,
    None,
}

pub(super) struct LevelStates<'a, 'b> {
    pub(super) facts: &'b Facts<'a>,
    /// Where the cells of a line begin: one per view that carries it, and one for all that has arrived.
    bases: Vec<u32>,
    cells_per_node: usize,
    cells: Vec<LineState>,
    pub(super) fronts: Vec<[ChainState; VIEWS]>,
    marks: Vec<Mark>,
    /// By write, what its context had seen, perhaps and surely; absent until the write is first heard of.
    seen: Vec<Option<(SeenUpTo, SeenUpTo)>>,
    pub(super) losses: Losses,
    /// Writes whose status may have changed.
    pub(super) dirty: Vec<u32>,
}

impl<'a, 'b> LevelStates<'a, 'b> {
    pub(super) fn of(facts: &'b Facts<'a>) -> LevelStates<'a, 'b> {
        let mut cells_per_node = 0;
        let mut bases = Vec::with_capacity(facts.order.lines.len());
        for line in &facts.order.lines {
            bases.push(cells_per_node as u32);
            cells_per_node += usize::from(facts.order.priorities[line[0] as usize]) + 2;
        }
        let nodes = usize::from(facts.header().nodes);
        LevelStates {
            facts,
            bases,
            cells_per_node,
            // One replica more: whatever any replica has heard of.
            cells: vec![LineState::default(); (nodes + 1) * cells_per_node],
            fronts: vec![[ChainState::default(); VIEWS]; nodes * facts.order.chains.len()],
            marks: vec![Mark::default(); nodes * facts.writes.len()],
            seen: vec![None; facts.writes.len()],
            losses: Losses::of(facts),
            dirty: Vec::new(),
        }
    }

    /// The replica that has whatever any replica has heard of, in the view of all that has arrived.
    pub(super) fn anywhere(&self) -> NodeId {
        NodeId(self.facts.header().nodes)
    }

    fn cell(&mut self, node: NodeId, line: u32, view: usize) -> &mut LineState {
        let base = self.bases[line as usize] as usize;
        &mut self.cells[node.index() * self.cells_per_node + base + view]
    }

    pub(super) fn look(&self, node: NodeId, line: u32, view: usize) -> LineState {
        self.cells[node.index() * self.cells_per_node + self.bases[line as usize] as usize + view]
    }

    /// The view of all that has arrived, for keys of this priority.
    pub(super) fn arrived(priority: u8) -> usize {
        usize::from(priority) + 1
    }

    pub(super) fn mark(&mut self, node: NodeId, write: u32) -> &mut Mark {
        &mut self.marks[node.index() * self.seen.len() + write as usize]
    }

    pub(super) fn marked(&self, node: NodeId, write: u32) -> Mark {
        self.marks[node.index() * self.seen.len() + write as usize]
    }

    fn front(&mut self, node: NodeId, origin: u32, view: usize) -> &mut ChainState {
        &mut self.fronts[node.index() * self.facts.order.chains.len() + origin as usize][view]
    }

    /// The record of a write has arrived, whose context had seen this, perhaps and surely.
    pub(super) fn learn(&mut self, node: NodeId, write: u32, context: Option<&(SeenUpTo, SeenUpTo)>) {
        let facts = self.facts;
        let priority = facts.order.priorities[write as usize];
        let everything = LevelStates::arrived(priority);
        if self.seen[write as usize].is_none() {
            let mut held = match self.facts.header().conflict {
                Conflict::Causal => context.cloned().unwrap_or_default(),
                Conflict::LastWriterWins => (self.snapshot(node, self.facts.write(write).key, everything), Vec::new()),
            };
            // Its own line it has seen up to itself, whatever a read returned.
            let (own, _) = facts.order.places[write as usize];
            held.0.retain(|(line, _)| *line != own);
            held.1.retain(|(line, _)| *line != own);
            self.seen[write as usize] = Some(held);
            self.ready(self.anywhere(), write, everything);
        }
        let mark = self.mark(node, write);
        if mark.known {
            return;
        }
        mark.known = true;
        self.losses.disks.add(node, write);
        self.ready(node, write, everything);
        let origin = facts.order.origins[write as usize];
        for view in 0..=usize::from(priority) {
            if self.is_passed(node, write, view) {
                // It was void, or seemed to be.
                let place = self.place(write, view);
                let front = self.front(node, origin, view);
                front.due = front.due.min(place);
                self.ready(node, write, view);
            }
            self.proceed(node, origin, view);
        }
    }

    /// True when no disk has the write any more.
    pub(super) fn is_gone(&self, write: u32) -> bool {
        self.seen[write as usize].is_some() && self.losses.disks.copies(write) == 0
    }

    /// The node goes down: its replica knows nothing and shows nothing.
    pub(super) fn down(&mut self, node: NodeId, disk: Disk, place: usize) {
        let (cells, writes) = (self.cells_per_node, self.seen.len());
        let node_from = |per_node: usize| node.index() * per_node;
        self.cells[node_from(cells)..][..cells].fill(LineState::default());
        let origins = self.facts.order.chains.len();
        self.fronts[node_from(origins)..][..origins].fill([ChainState::default(); VIEWS]);
        for write in 0..writes as u32 {
            let mark = self.mark(node, write);
            (mark.known, mark.shown, mark.was_gone) = (false, Levels::NONE, Levels::NONE);
            if disk == Disk::Lost {
                mark.was_shown = Levels::NONE;
            }
        }
        self.losses.down(self.facts, node, disk, place);
    }

    /// The node is up with what its disk has.
    pub(super) fn up(&mut self, node: NodeId) {
        for write in 0..self.seen.len() as u32 {
            if self.losses.disks.has(node, write) {
                self.learn(node, write, None);
            }
        }
    }

    /// Looks again at what the replica still waits for: some of it may have become void.
    pub(super) fn refresh(&mut self, node: NodeId) {
        for origin in 0..self.facts.order.chains.len() as u32 {
            (0..VIEWS).for_each(|view| self.proceed(node, origin, view));
        }
    }

    /// What has arrived or is void becomes ready, in order.
    fn proceed(&mut self, node: NodeId, origin: u32, view: usize) {
        let chain = &self.facts.order.chains[origin as usize][view];
        while let Some(next) = chain.get(self.front(node, origin, view).ready as usize).copied() {
            if self.marked(node, next).known {
                self.ready(node, next, view);
            } else if self.void(next).is_none() {
                break;
            }
            self.front(node, origin, view).ready += 1;
        }
        self.advance(node, origin, view, Excuses::All);
    }

    /// Why the write can never arrive at a replica that does not have it.
    pub(super) fn void(&self, write: u32) -> Option<Void> {
        self.losses.void(self.facts, write)
    }

    /// The replica had no room for the write. What has arrived from its origin is excused until this write or a later
    /// one is shown. (One that restarts says so again.)
    pub(super) fn overflow(&mut self, node: NodeId, write: u32, level: Level) {
        let counter = self.facts.write(write).id.counter;
        if let Some(view) = WriteOrder::view(level, self.facts.order.priorities[write as usize]) {
            let front = self.front(node, self.facts.order.origins[write as usize], view);
            front.dropped_to = front.dropped_to.max(counter);
        }
    }

    /// The write is shown.
    pub(super) fn show(&mut self, node: NodeId, write: u32, level: Level) {
        let counter = self.facts.write(write).id.counter;
        let origin = self.facts.order.origins[write as usize];
        if let Some(view) = WriteOrder::view(level, self.facts.order.priorities[write as usize]) {
            let front = self.front(node, origin, view);
            front.shown_to = front.shown_to.max(counter);
            self.advance(node, origin, view, Excuses::All);
        }
    }

    /// What is ready becomes due as far as nothing excuses it.
    fn advance(&mut self, node: NodeId, origin: u32, view: usize, excuses: Excuses) {
        let chain = &self.facts.order.chains[origin as usize][view];
        let front = *self.front(node, origin, view);
        // When the origin's disk is lost, perhaps no replica that had room for it has it any more.
        let is_kept_out = excuses == Excuses::All || self.losses.is_dead(origin);
        let had_no_room = front.shown_to < front.dropped_to && is_kept_out;
        for place in front.due..front.ready {
            let write = chain[place as usize];
            let is_shown = self.facts.write(write).id.counter <= front.shown_to;
            if self.marked(node, write).known {
                if had_no_room && !is_shown {
                    break;
                }
                self.due(node, write, view);
            } else if !is_shown {
                match self.void(write) {
                    Some(Void::Undone) => {}
                    Some(Void::Dead) if excuses == Excuses::None => {}
                    _ => break,
                }
            }
            self.front(node, origin, view).due += 1;
        }
    }

    /// The recording has ended: what is ready is due, whatever excused it. As long as a node may come back, no replica
    /// can be sure what is void.
    pub(super) fn end(&mut self, node: NodeId) {
        let excuses = if self.losses.disks.any_down() { Excuses::Voids } else { Excuses::None };
        for origin in 0..self.facts.order.chains.len() as u32 {
            (0..VIEWS).for_each(|view| self.advance(node, origin, view, excuses));
        }
    }

    fn ready(&mut self, node: NodeId, write: u32, view: usize) {
        let (line, position) = self.facts.order.places[write as usize];
        let cell = self.cell(node, line, view);
        let before = cell.ready;
        cell.ready = before.max(position);
        self.touch(line, before);
        self.touch(line, position);
        let seen = self.seen[write as usize].take().expect("a write is heard of before it is ready");
        for (line, position) in &seen.0 {
            let cell = self.cell(node, *line, view);
            cell.perhaps = cell.perhaps.max(*position);
            let (ready, due) = (cell.ready, cell.due);
            self.touch(*line, ready);
            self.touch(*line, due);
        }
        self.seen[write as usize] = Some(seen);
    }

    fn due(&mut self, node: NodeId, write: u32, view: usize) {
        let (line, position) = self.facts.order.places[write as usize];
        let cell = self.cell(node, line, view);
        let before = cell.due;
        cell.due = before.max(position);
        self.touch(line, before);
        self.touch(line, position);
        let seen = self.seen[write as usize].take().expect("a write is heard of before it is due");
        for (line, position) in &seen.1 {
            let cell = self.cell(node, *line, view);
            // One of several is named: the first taken in.
            if cell.surely < *position || cell.surely == *position && write < cell.by {
                let before = std::mem::replace(&mut cell.surely, *position);
                cell.by = write;
                self.touch(*line, before);
                self.touch(*line, *position);
            }
        }
        self.seen[write as usize] = Some(seen);
    }

    fn touch(&mut self, line: u32, position: u32) {
        if position > 0 {
            self.dirty.push(self.facts.order.at(line, position));
        }
    }
}
