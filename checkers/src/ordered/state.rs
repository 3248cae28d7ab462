//! What each replica must reflect at each level, followed through a recording by what arrives.
//!
//! A level carries the writes of some priority or above. A write is *ready* at a replica when its record and those
//! of all earlier writes of its origin that the level carries have arrived, and *due* when nothing excuses that the
//! level does not reflect it yet. What a level must show of a key are the ready writes that no ready write had
//! seen, without the deletes; a delete or a superseded write leaves no other trace.
//!
//! Which write had seen which is known from two sides. A write had *surely* seen the earlier writes of its origin to
//! its key, and what the read returned whose context it hands back. It had *perhaps* seen whatever that read's
//! replica reflected then, and what this in turn had seen. Between the two nothing is judged.

use super::tables::{Tables, VIEWS};
use crate::convergence::history::History;
use crate::trace::{Level, Levels, Node, Overwrites};

/// Writes up to a position, by line.
pub(super) type Seen = Vec<(u32, u32)>;

/// A line at one replica, as one view has it. Positions; 0 for none.
#[derive(Clone, Copy, Default)]
struct Cell {
    ready: u32,
    due: u32,
    /// What ready writes of other lines had perhaps seen.
    perhaps: u32,
    /// What due writes of other lines had surely seen.
    surely: u32,
    /// The write that had.
    by: u32,
}

/// An origin at one replica, as one view has it.
#[derive(Clone, Copy, Default)]
struct Front {
    /// So many writes of the chain are ready, and due.
    ready: u32,
    due: u32,
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
    /// Shown now or earlier.
    pub(super) was_shown: Levels,
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
    /// It cannot be told.
    Either,
}

pub(super) struct State<'a, 'b> {
    history: &'b History<'a>,
    tables: &'b Tables,
    /// Where the cells of a line begin: one per view that carries it, and one for all that has arrived.
    bases: Vec<u32>,
    cells_per_node: usize,
    cells: Vec<Cell>,
    fronts: Vec<[Front; VIEWS]>,
    marks: Vec<Mark>,
    /// By write, what its context had seen, perhaps and surely; absent until the write is first heard of.
    seen: Vec<Option<(Seen, Seen)>>,
    /// Writes whose status may have changed.
    pub(super) dirty: Vec<u32>,
}

impl<'a, 'b> State<'a, 'b> {
    pub(super) fn of(history: &'b History<'a>, tables: &'b Tables) -> State<'a, 'b> {
        let mut cells_per_node = 0;
        let mut bases = Vec::with_capacity(tables.lines.len());
        for line in &tables.lines {
            bases.push(cells_per_node as u32);
            cells_per_node += usize::from(tables.priorities[line[0] as usize]) + 2;
        }
        let nodes = usize::from(history.header().nodes);
        State {
            history,
            tables,
            bases,
            cells_per_node,
            // One replica more: whatever anybody has heard of.
            cells: vec![Cell::default(); (nodes + 1) * cells_per_node],
            fronts: vec![[Front::default(); VIEWS]; nodes * tables.chains.len()],
            marks: vec![Mark::default(); nodes * history.writes.len()],
            seen: vec![None; history.writes.len()],
            dirty: Vec::new(),
        }
    }

    /// The replica that has whatever anybody has heard of, in the view of all that has arrived.
    pub(super) fn anywhere(&self) -> Node {
        self.history.header().nodes
    }

    fn cell(&mut self, node: Node, line: u32, view: usize) -> &mut Cell {
        let base = self.bases[line as usize] as usize;
        &mut self.cells[usize::from(node) * self.cells_per_node + base + view]
    }

    fn look(&self, node: Node, line: u32, view: usize) -> Cell {
        self.cells[usize::from(node) * self.cells_per_node + self.bases[line as usize] as usize + view]
    }

    /// The view of all that has arrived, for keys of this priority.
    pub(super) fn arrived(priority: u8) -> usize {
        usize::from(priority) + 1
    }

    pub(super) fn mark(&mut self, node: Node, write: u32) -> &mut Mark {
        &mut self.marks[usize::from(node) * self.seen.len() + write as usize]
    }

    pub(super) fn marked(&self, node: Node, write: u32) -> Mark {
        self.marks[usize::from(node) * self.seen.len() + write as usize]
    }

    fn front(&mut self, node: Node, origin: u32, view: usize) -> &mut Front {
        &mut self.fronts[usize::from(node) * self.tables.chains.len() + origin as usize][view]
    }

    /// What a read of `key` in a view of a replica reflects, and what that had seen.
    pub(super) fn snapshot(&self, node: Node, key: u32, view: usize) -> Seen {
        let lines = self.tables.of_key.get(&key).into_iter().flatten();
        let reflected = lines.map(|line| {
            let cell = self.look(node, *line, view);
            (*line, cell.ready.max(cell.perhaps))
        });
        reflected.filter(|(_, position)| *position > 0).collect()
    }

    /// The record of a write has arrived, whose context had seen this, perhaps and surely.
    pub(super) fn learn(&mut self, node: Node, write: u32, context: Option<&(Seen, Seen)>) {
        let tables = self.tables;
        let priority = tables.priorities[write as usize];
        let everything = State::arrived(priority);
        if self.seen[write as usize].is_none() {
            let mut held = match self.history.header().overwrites {
                Overwrites::Read => context.cloned().unwrap_or_default(),
                Overwrites::Held => (self.snapshot(node, self.history.write(write).key, everything), Vec::new()),
            };
            // Its own line it has seen up to itself, whatever a read returned.
            let (own, _) = tables.places[write as usize];
            held.0.retain(|(line, _)| *line != own);
            held.1.retain(|(line, _)| *line != own);
            self.seen[write as usize] = Some(held);
            self.ready(self.anywhere(), write, everything);
        }
        if std::mem::replace(&mut self.mark(node, write).known, true) {
            return;
        }
        self.ready(node, write, everything);
        let origin = tables.origins[write as usize];
        for view in 0..=usize::from(priority) {
            let chain = &tables.chains[origin as usize][view];
            while let Some(next) = chain.get(self.front(node, origin, view).ready as usize).copied()
                && self.marked(node, next).known
            {
                self.front(node, origin, view).ready += 1;
                self.ready(node, next, view);
            }
            self.advance(node, origin, view, false);
        }
    }

    /// The replica had no room for the write. What has arrived from its origin is excused until this write or a later
    /// one is shown. (A replica that restarts would be excused in the same way, for all origins and views.)
    pub(super) fn overflow(&mut self, node: Node, write: u32, level: Level) {
        let counter = self.history.write(write).id.counter;
        if let Some(view) = Tables::view(level, self.tables.priorities[write as usize]) {
            let front = self.front(node, self.tables.origins[write as usize], view);
            front.dropped_to = front.dropped_to.max(counter);
        }
    }

    /// The write is shown.
    pub(super) fn show(&mut self, node: Node, write: u32, level: Level) {
        let counter = self.history.write(write).id.counter;
        let origin = self.tables.origins[write as usize];
        if let Some(view) = Tables::view(level, self.tables.priorities[write as usize]) {
            let front = self.front(node, origin, view);
            front.shown_to = front.shown_to.max(counter);
            self.advance(node, origin, view, false);
        }
    }

    /// What is ready becomes due as far as nothing excuses it, or without excuse.
    fn advance(&mut self, node: Node, origin: u32, view: usize, no_excuse: bool) {
        let chain = &self.tables.chains[origin as usize][view];
        let front = *self.front(node, origin, view);
        let excused = front.shown_to < front.dropped_to && !no_excuse;
        for place in front.due..front.ready {
            let write = chain[place as usize];
            if excused && self.history.write(write).id.counter > front.shown_to {
                break;
            }
            self.front(node, origin, view).due += 1;
            self.due(node, write, view);
        }
    }

    /// The recording has ended: what is ready is due, whatever excused it.
    pub(super) fn end(&mut self, node: Node) {
        for origin in 0..self.tables.chains.len() as u32 {
            (0..VIEWS).for_each(|view| self.advance(node, origin, view, true));
        }
    }

    fn ready(&mut self, node: Node, write: u32, view: usize) {
        let (line, position) = self.tables.places[write as usize];
        let cell = self.cell(node, line, view);
        let before = cell.ready;
        cell.ready = before.max(position);
        self.touch(line, before);
        self.touch(line, position);
        let seen = self.seen[write as usize].take().expect("a write is heard of before it is ready");
        for (line, position) in &seen.0 {
            let cell = self.cell(node, *line, view);
            cell.perhaps = cell.perhaps.max(*position);
            let ready = cell.ready;
            self.touch(*line, ready);
        }
        self.seen[write as usize] = Some(seen);
    }

    fn due(&mut self, node: Node, write: u32, view: usize) {
        let (line, position) = self.tables.places[write as usize];
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
                (cell.surely, cell.by) = (*position, write);
                let ready = cell.ready;
                self.touch(*line, ready);
            }
        }
        self.seen[write as usize] = Some(seen);
    }

    fn touch(&mut self, line: u32, position: u32) {
        if position > 0 {
            self.dirty.push(self.tables.at(line, position));
        }
    }

    pub(super) fn status(&self, node: Node, write: u32, view: usize) -> Status {
        let (line, position) = self.tables.places[write as usize];
        let cell = self.look(node, line, view);
        if cell.ready < position || self.history.write(write).delete {
            Status::Absent
        } else if cell.due > position {
            Status::Overwritten(self.tables.at(line, cell.due))
        } else if cell.surely >= position {
            Status::Overwritten(cell.by)
        } else if cell.due == position && cell.ready == position && cell.perhaps < position {
            Status::Present
        } else {
            Status::Either
        }
    }

    /// True when a write of the view may have overwritten `write`, or it is a delete.
    pub(super) fn is_excused(&self, node: Node, write: u32, view: usize) -> bool {
        let (line, position) = self.tables.places[write as usize];
        let cell = self.look(node, line, view);
        cell.ready > position || cell.perhaps >= position || self.history.write(write).delete
    }

    /// The positions in a view of a replica that reads of `key` must return.
    pub(super) fn must_show(&self, node: Node, key: u32, view: usize) -> impl Iterator<Item = u32> {
        let lines = self.tables.of_key.get(&key).into_iter().flatten();
        let last = lines.filter_map(move |line| match self.look(node, *line, view).ready {
            0 => None,
            ready => Some(self.tables.at(*line, ready)),
        });
        last.filter(move |write| self.status(node, *write, view) == Status::Present)
    }
}
