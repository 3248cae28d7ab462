//! One walk through the events: what each replica shows is compared with what it must show after each of its steps.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::reads::{ReadBreach, Reads};
use super::state::{LevelStates, SeenUpTo};
use crate::facts::Facts;
use crate::facts::operations::Operation;
use crate::facts::order::WriteOrder;
use crate::facts::steps::Step;
use crate::trace::{Action, Disk, Dot, Level, Levels, NodeId, What};

/// In what way a level fails to show what it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Failure {
    /// It shows a write before its turn.
    Early,
    /// It does not reflect a write that is due.
    Late,
    /// It no longer reflects a write that it reflected.
    Unreflected,
    /// It has passed over a write that seemed to be void and was not.
    Skipped,
}

/// A level of a replica is not as it must be, for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Breach {
    /// Place of the last announcement of the step after which it began.
    pub(super) from: usize,
    pub(super) node: NodeId,
    /// The write that is shown and must not be, or must be shown and is not.
    pub(super) write: u32,
    /// The write that is not reflected: the same, or one that has overwritten it.
    pub(super) late: u32,
    pub(super) kind: Failure,
    /// The last announcement of the step that ended it, or where the node went down; none when nothing ended it.
    pub(super) until: Option<usize>,
    /// Place of the step after which the level first showed a later write of the late one's origin.
    pub(super) passed: Option<usize>,
    pub(super) levels: Levels,
    /// The write that kept it from being shown.
    pub(super) missing: Option<u32>,
}

/// What the walk has found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) breaches: Vec<Breach>,
    pub(super) reads: Vec<ReadBreach>,
    /// Versions that became visible at ordered levels.
    pub(super) shown: u64,
    /// Reads at ordered levels.
    pub(super) reads_judged: u64,
    /// By how much sooner than `fifo` the level of its own priority showed another's write above P0, in nanoseconds.
    pub(super) gains_ns: Vec<u64>,
}

/// The levels that wait.
pub(super) const ORDERED: [Level; 5] = [Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3, Level::Priority];

pub(super) struct Walk<'a, 'b> {
    pub(super) facts: &'b Facts<'a>,
    pub(super) state: LevelStates<'a, 'b>,
    pub(super) highest: Highest,
    pub(super) found: Found,
    reads: Reads,
    /// The breaches under way.
    pub(super) open: BTreeMap<(NodeId, u32, Level), Breach>,
    step: Step,
    /// Operations that their replica got to see later than they were asked for, and where in the recording.
    reached: FxHashMap<u32, usize>,
    /// Operations whose context a write hands back, and what those that were answered had seen, perhaps and surely.
    handed_back: FxHashSet<u32>,
    contexts: FxHashMap<u32, (SeenUpTo, SeenUpTo)>,
    /// The place of a loss whose consequences at other replicas have not been judged yet.
    loss: Option<usize>,
    /// By origin, writes that seemed to be void and were not.
    revived: BTreeMap<u32, Vec<u32>>,
    /// When the first of two levels, `fifo` and that of its own priority, showed a write above P0.
    first_shown: FxHashMap<(NodeId, u32), (bool, u64)>,
}

/// What replicas have shown: the counters that were the largest so far, each with the place of the step after which it
/// was.
#[derive(Default)]
pub(super) struct Highest(pub(super) FxHashMap<ShownAt, Vec<(u64, usize)>>);

/// A replica in one of its lives, a level, an origin and, at `priority`, the priority of what was shown.
pub(super) type ShownAt = ((NodeId, u32), Level, u32, u8);

impl Highest {
    fn note(&mut self, key: ShownAt, counter: u64, place: usize) {
        let list = self.0.entry(key).or_default();
        if list.last().is_none_or(|(last, _)| *last < counter) {
            list.push((counter, place));
        }
    }
}

/// Walks through the recording.
pub(super) fn walk(facts: &Facts<'_>) -> Found {
    let mut walk = Walk {
        facts,
        state: LevelStates::of(facts),
        highest: Highest::default(),
        found: Found::default(),
        reads: Reads::default(),
        open: BTreeMap::new(),
        step: Step::default(),
        reached: reached(facts),
        handed_back: facts.writes.iter().filter_map(|write| write.context).collect(),
        contexts: FxHashMap::default(),
        loss: None,
        revived: BTreeMap::new(),
        first_shown: FxHashMap::default(),
    };
    for (place, event) in facts.recording.events.iter().enumerate() {
        let node = event.node;
        if !matches!(event.what, What::Forgot { .. }) {
            walk.lose();
        }
        match event.what {
            What::Known { .. } | What::Visible { .. } | What::Hidden { .. } | What::Overflowed { .. } => {
                let ended = walk.step.add(place, event);
                ended.into_iter().for_each(|step| walk.judge_step(&step));
            }
            What::Down { disk } => walk.down(node, disk, place),
            What::Forgot { write, promised } => walk.forget(node, write, promised, place),
            What::Up { .. } => {
                walk.end_step();
                if walk.state.losses.disks.up(node) == Some(Disk::Lost) {
                    walk.reads.restarts_empty(&walk.state, node);
                }
                // With what its disk has the replica takes its first step.
                walk.step.begin(node, event.number, place);
            }
            What::Invoked { op, .. } | What::Reached { op } => walk.reads_at(op, place),
            What::Answered { op } => {
                walk.reads_at(op, place);
                walk.hands_out(op);
                walk.reads.answered(walk.facts, op);
            }
            _ => {}
        }
    }
    walk.lose();
    walk.end_step();
    walk.end();
    walk.found
}

fn reached(facts: &Facts<'_>) -> FxHashMap<u32, usize> {
    let events = facts.recording.events.iter().enumerate();
    let reached = events.filter_map(|(place, event)| match event.what {
        What::Reached { op } => Some((op, place)),
        _ => None,
    });
    reached.collect()
}

impl Walk<'_, '_> {
    /// A read that its replica serves at once shows the state in which the replica got to see it; any other one that
    /// in which it was answered, and of replicas that need not be known.
    fn reads_at(&mut self, op: u32, place: usize) {
        let facts = self.facts;
        let Some(read) = facts.operations.get(op).filter(|read| read.action == Action::Read) else { return };
        let Some(answered) = read.answered() else { return };
        let reached = self.reached.get(&op).copied().unwrap_or(read.invoked);
        let at_once = facts.event(answered).cause == facts.event(reached).number;
        if place != if at_once { reached } else { answered } {
            return;
        }
        self.end_step();
        if self.handed_back.contains(&op) {
            let seen = self.seen_by(read, at_once);
            self.contexts.insert(op, seen);
        }
        if ORDERED.contains(&read.level) {
            self.found.reads_judged += 1;
            let mut reads = std::mem::take(&mut self.reads);
            reads.judge(self, read, at_once.then_some(place));
            self.reads = reads;
        }
    }

    /// The context of a write's answer: what the write had seen, and itself.
    fn hands_out(&mut self, op: u32) {
        let is_write = self.facts.operations.get(op).is_some_and(|operation| operation.action != Action::Read);
        if is_write && self.handed_back.contains(&op) {
            let facts = self.facts;
            let own: Vec<u32> = facts.handed_out(op).collect();
            let before = own.iter().filter_map(|write| self.contexts.get(&facts.write(*write).context?));
            let mut perhaps: SeenUpTo = before.flat_map(|(perhaps, _)| perhaps.iter().copied()).collect();
            let surely: SeenUpTo = own.iter().map(|write| facts.order.places[*write as usize]).collect();
            perhaps.extend(&surely);
            self.contexts.insert(op, (perhaps, surely));
        }
    }

    fn seen_by(&self, read: &Operation, at_once: bool) -> (SeenUpTo, SeenUpTo) {
        let lines = self.facts.returned(read).map(|write| self.facts.order.places[write as usize]);
        let surely: SeenUpTo = lines.collect();
        let priority = self.facts.order.of_key.get(&read.key).map(|lines| self.facts.order.at(lines[0], 1));
        let Some(priority) = priority.map(|write| self.facts.order.priorities[write as usize]) else {
            return Default::default();
        };
        let arrived = LevelStates::arrived(priority);
        let mut perhaps = match (at_once, read.level) {
            (false, _) => self.state.snapshot(self.state.anywhere(), read.key, arrived),
            (true, Level::Eventual) => self.state.snapshot(read.node, read.key, arrived),
            (true, level) => WriteOrder::view(level, priority)
                .map_or_else(SeenUpTo::new, |view| self.state.snapshot(read.node, read.key, view)),
        };
        perhaps.extend(&surely);
        (perhaps, surely)
    }

    /// A node goes down. What is wrong at its replica is over.
    fn down(&mut self, node: NodeId, disk: Disk, place: usize) {
        self.end_step();
        let open = self.open.range((node, 0, Level::Eventual)..=(node, u32::MAX, Level::Priority));
        for key in open.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.now(node, key.1, key.2, None, place);
        }
        self.state.down(node, disk, place);
        self.reads.goes_down();
        self.loss = Some(place);
    }

    fn forget(&mut self, node: NodeId, id: Dot, promised: bool, place: usize) {
        self.end_step();
        if let Some(write) = self.state.losses.disks.forget(self.facts, (node, id, promised), place) {
            self.state.mark(node, write).was_shown = Levels::NONE;
            self.loss = Some(place);
        }
    }

    /// After a loss, other replicas may be waiting for what can never arrive.
    fn lose(&mut self) {
        let Some(place) = self.loss.take() else { return };
        self.state.losses.now = place;
        for node in 0..self.facts.header().nodes {
            self.state.refresh(NodeId(node));
            self.state.dirty.extend(self.revived.values().flatten());
            self.judge(NodeId(node), place);
        }
    }

    fn end_step(&mut self) {
        let ended = self.step.end();
        ended.into_iter().for_each(|step| self.judge_step(&step));
    }

    fn judge_step(&mut self, step: &Step) {
        let (facts, node, last) = (self.facts, step.node, step.last());
        self.state.losses.now = last;
        // What the replica announced about which write.
        let announced = step.places.iter().filter_map(|place| match facts.event(*place).what {
            what @ (What::Known { write }
            | What::Visible { write, .. }
            | What::Hidden { write, .. }
            | What::Overflowed { write, .. }) => Some((*place, what, facts.number(write, *place)?)),
            _ => None,
        });
        let announced: Vec<(usize, What, u32)> = announced.collect();
        for (_, what, write) in &announced {
            if let What::Overflowed { levels, .. } = what {
                levels.iter().for_each(|level| self.state.overflow(node, *write, level));
            }
        }
        if step.places.iter().any(|place| matches!(facts.event(*place).what, What::Up { .. })) {
            self.state.up(node);
        }
        let mut revived = Vec::new();
        for (_, _, write) in announced.iter().filter(|(_, what, _)| matches!(what, What::Known { .. })) {
            let is_news = !self.state.losses.disks.has(node, *write);
            revived.extend((is_news && self.state.void(*write).is_some()).then_some(*write));
            let context = facts.write(*write).context.and_then(|read| self.contexts.get(&read));
            self.state.learn(node, *write, context);
        }
        for (place, what, write) in &announced {
            match what {
                What::Visible { levels, .. } => self.show(node, *write, *levels, facts.at_ns(*place)),
                What::Hidden { levels, .. } => {
                    let mark = self.state.mark(node, *write);
                    mark.shown = mark.shown.without(*levels);
                    self.state.dirty.push(*write);
                }
                _ => {}
            }
        }
        for write in &revived {
            self.revived.entry(facts.order.origins[*write as usize]).or_default().push(*write);
        }
        for (_, what, write) in &announced {
            if let What::Visible { levels, .. } = what {
                let (origin, counter) = (facts.order.origins[*write as usize], facts.write(*write).id.counter);
                for level in levels.iter() {
                    let priority = facts.order.priorities[*write as usize];
                    let priority = if level == Level::Priority { priority } else { 0 };
                    let life = (node, self.state.losses.disks.lives[node.index()]);
                    self.highest.note((life, level, origin, priority), counter, last);
                }
                self.state.dirty.extend(self.revived.get(&origin).into_iter().flatten());
            }
        }
        self.judge(node, last);
        for other in NodeId::all(facts.header().nodes).filter(|other| *other != node && !revived.is_empty()) {
            self.state.dirty.extend(&revived);
            self.judge(other, last);
        }
    }

    fn show(&mut self, node: NodeId, write: u32, levels: Levels, at_ns: u64) {
        let mark = self.state.mark(node, write);
        let new = levels.without(mark.ever_shown);
        (mark.shown, mark.was_shown) = (mark.shown.and(levels), mark.was_shown.and(levels));
        mark.ever_shown = mark.ever_shown.and(levels);
        self.state.dirty.push(write);
        let ordered = ORDERED.into_iter().filter(|level| levels.contains(*level));
        for level in ordered {
            self.state.show(node, write, level);
            self.found.shown += 1;
        }
        // The gain counts once the second of the two levels shows the write.
        let priority = self.facts.order.priorities[write as usize];
        if priority == 0 || self.facts.write(write).id.node() == node {
            return;
        }
        let own = ORDERED
            .into_iter()
            .skip(1)
            .any(|level| WriteOrder::view(level, priority) == Some(usize::from(priority)) && new.contains(level));
        let fifo = new.contains(Level::Fifo);
        let key = (node, write);
        match (own, fifo, self.first_shown.get(&key).copied()) {
            (true, true, None) => self.found.gains_ns.push(0),
            (true, false, None) | (false, true, None) => {
                self.first_shown.insert(key, (own, at_ns));
            }
            (_, true, Some((true, since))) => {
                self.found.gains_ns.push(at_ns - since);
                self.first_shown.remove(&key);
            }
            (true, _, Some((false, _))) => {
                self.found.gains_ns.push(0);
                self.first_shown.remove(&key);
            }
            _ => {}
        }
    }
}
