//! The checkers of ordered levels again, slow and straight from the definitions: sets of writes, everything
//! asked again after every step. It shares nothing with the checkers but the trace types.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::trace::{Action, Conflict, Disk, Dot, Event, Level, NodeId, Recording, What};

use crate::ops::{Op, ops};

const LEVELS: [Level; 6] = [Level::Eventual, Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3, Level::Priority];

/// The view of keys of a priority at a level, if the level carries them.
fn view(level: Level, priority: u8) -> Option<usize> {
    let view = match level {
        Level::Eventual => return None,
        Level::Priority => priority,
        ordered => LEVELS.iter().position(|level| *level == ordered)? as u8 - 1,
    };
    (view <= priority).then_some(usize::from(view))
}

/// A finding that a checker should report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    pub code: &'static str,
    pub at_ns: u64,
    pub ops: Vec<u32>,
    pub node: NodeId,
    pub levels: Vec<Level>,
}

/// What the two checkers should report; nothing when they cannot tell.
pub struct Judged {
    pub fifo: Vec<Expected>,
    pub priority: Vec<Expected>,
    pub inversions_ns: Vec<u64>,
    pub shown: u64,
}

type Set = BTreeSet<usize>;

struct Write {
    id: Dot,
    op: u32,
    key: u32,
    priority: u8,
    delete: bool,
    invoked: usize,
    wrote: usize,
    /// How often its node had been down before.
    life: usize,
    context: Option<u32>,
    /// Where its node forgot it, and no other node ever heard of it.
    undone: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Early,
    Late,
    Unreflected,
    Skipped,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Absent,
    Present,
    Overwritten(usize),
    Either,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Early,
    Passed,
    Unreflected,
    Forgotten,
    Own,
}

/// The end of a step, and what was wrong then: in which way, and which write is not reflected.
type Moment = (usize, Option<(Kind, usize)>);

/// Where it ended, in which life, and what it began to show.
type Step = (usize, usize, Vec<(Level, usize)>);

#[derive(Clone, Default)]
struct Replica {
    known: Set,
    /// On the disk, too, when the node is down.
    has: Set,
    /// By view: void writes at which all earlier ones had arrived or were void.
    gaps: [Set; 4],
    due: [Set; 4],
    dropped_to: BTreeMap<(usize, u32), u64>,
    shown_to: BTreeMap<(usize, u32), u64>,
    down: Option<Disk>,
    life: usize,
    /// The last place where the disk lost something.
    lost: Option<usize>,
    shown: BTreeSet<(Level, usize)>,
    was_shown: BTreeSet<(Level, usize)>,
    was_gone: BTreeSet<(Level, usize)>,
    steps: Vec<Step>,
    /// What was wrong after each step.
    wrong: BTreeMap<(usize, Level), Vec<Moment>>,
}

/// What a session has read or written: which write, itself, where and when, and the views that owe it after a loss.
#[derive(Clone)]
struct Had {
    write: usize,
    own: bool,
    node: NodeId,
    place: usize,
    owed: Set,
}

struct Twin<'a> {
    recording: &'a Recording,
    operations: BTreeMap<u32, Op>,
    writes: Vec<Write>,
    lines: Vec<Vec<usize>>,
    /// By write and view: what must have arrived for it to be ready.
    needed: Vec<[Set; 4]>,
    replicas: Vec<Replica>,
    /// What each write that anybody has heard of had seen: perhaps, surely.
    seen: BTreeMap<usize, (Set, Set)>,
    contexts: BTreeMap<u32, (Set, Set)>,
    had: BTreeMap<(u32, u32), Vec<Had>>,
    /// Origins whose disk was lost.
    dead: BTreeSet<u32>,
    /// The last loss whose consequences are still open.
    loss: Option<usize>,
    now: usize,
    told: BTreeSet<(u32, Wrong, usize)>,
    reads: Vec<(u32, Wrong, usize)>,
    shown: u64,
}

/// Nothing when the recording cannot be judged.
pub fn judge(recording: &Recording) -> Option<Judged> {
    let header = &recording.header;
    if !header.levels.iter().any(|level| level != Level::Eventual) {
        return None;
    }
    let mut twin = Twin {
        recording,
        operations: ops(recording).into_iter().map(|op| (op.number, op)).collect(),
        writes: Vec::new(),
        lines: Vec::new(),
        needed: Vec::new(),
        replicas: vec![Replica::default(); usize::from(header.nodes)],
        seen: BTreeMap::new(),
        contexts: BTreeMap::new(),
        had: BTreeMap::new(),
        dead: BTreeSet::new(),
        loss: None,
        now: 0,
        told: BTreeSet::new(),
        reads: Vec::new(),
        shown: 0,
    };
    twin.collect_writes();
    twin.collect_lines();
    twin.needed = (0..twin.writes.len()).map(|write| [0, 1, 2, 3].map(|view| twin.needed(write, view))).collect();
    let origins: BTreeSet<u32> = twin.writes.iter().map(|write| write.id.origin.number()).collect();
    for origin in origins {
        let mut of: Vec<&Write> = twin.writes.iter().filter(|write| write.id.origin.number() == origin).collect();
        of.retain(|write| write.undone.is_none());
        of.sort_by_key(|write| (write.life, write.id.counter));
        if of.iter().zip(1..).any(|(write, counter)| write.id.counter != counter) {
            return None;
        }
    }
    if twin.given_again() {
        return None;
    }
    twin.walk();
    Some(twin.report())
}

impl Twin<'_> {
    fn event(&self, place: usize) -> &Event {
        &self.recording.events[place]
    }

    fn collect_writes(&mut self) {
        let mut last_answers: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut last_writes: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        let mut contexts: BTreeMap<u32, u32> = BTreeMap::new();
        let events = &self.recording.events;
        for (place, event) in events.iter().enumerate() {
            let before = &events[..place];
            match event.what {
                What::Invoked { op, session, key, action: Action::Write | Action::Delete, context, .. } => {
                    let last = if context { &last_answers } else { &last_writes };
                    if let Some(read) = last.get(&(session, key)) {
                        contexts.insert(op, *read);
                    }
                }
                What::Answered { op } => {
                    let operation = &self.operations[&op];
                    last_answers.insert((operation.session, operation.key), op);
                    if operation.action != Action::Read {
                        last_writes.insert((operation.session, operation.key), op);
                    }
                }
                What::Wrote { op, write } => {
                    if self.writes.iter().any(|other| other.id == write && other.undone.is_none()) {
                        continue;
                    }
                    let operation = &self.operations[&op];
                    let priority = self.recording.header.priorities.get(operation.key as usize).copied().unwrap_or(0);
                    let downs = |event: &&Event| event.node == write.node() && matches!(event.what, What::Down { .. });
                    self.writes.push(Write {
                        id: write,
                        op,
                        key: operation.key,
                        priority,
                        delete: operation.action == Action::Delete,
                        invoked: operation.invoked,
                        wrote: place,
                        life: before.iter().filter(downs).count(),
                        context: contexts.get(&op).copied(),
                        undone: None,
                    });
                }
                What::Forgot { write, promised: false } if write.node() == event.node => {
                    let is_heard = |event: &Event| event.node != write.node() && event.what == What::Known { write };
                    if before.iter().any(is_heard) {
                        continue;
                    }
                    let operations = &self.operations;
                    if let Some(last) = self.writes.iter_mut().rfind(|other| other.id == write)
                        && operations[&last.op].answered.is_none_or(|answered| answered > place)
                    {
                        last.undone.get_or_insert(place);
                    }
                }
                _ => {}
            }
        }
    }

    /// Whether a name was given again that a disk had promised to keep.
    fn given_again(&self) -> bool {
        let events = &self.recording.events;
        events.iter().enumerate().any(|(place, event)| {
            let What::Wrote { write, .. } = event.what else { return false };
            let broken =
                |event: &Event| event.node == write.node() && event.what == What::Forgot { write, promised: true };
            events[..place].iter().any(broken)
                && self.number(write, place).is_none_or(|number| self.writes[number].wrote != place)
        })
    }

    fn number(&self, id: Dot, place: usize) -> Option<usize> {
        let named: Vec<usize> = (0..self.writes.len()).filter(|write| self.writes[*write].id == id).collect();
        let then = |write: &&usize| self.writes[**write].undone.is_none_or(|undone| place <= undone);
        let number = named.iter().find(then).or(named.last()).copied();
        number.filter(|write| self.writes[*write].invoked < place)
    }

    fn rank(&self, write: usize) -> (usize, u64) {
        (self.writes[write].life, self.writes[write].id.counter)
    }

    fn is_undone(&self, write: usize) -> bool {
        self.writes[write].undone.is_some_and(|undone| undone <= self.now)
    }

    fn is_nowhere(&self, write: usize) -> bool {
        self.replicas.iter().all(|replica| !replica.has.contains(&write))
    }

    fn is_void(&self, write: usize) -> bool {
        self.is_undone(write) || self.dead.contains(&self.writes[write].id.origin.number()) && self.is_nowhere(write)
    }

    /// Lines of writes of one origin to one key, each of which had seen the one before; where stores replace what they hold,
    /// all of them.
    fn collect_lines(&mut self) {
        let is_register = self.recording.header.conflict == Conflict::LastWriterWins;
        // By write: what it was told, and what that had seen.
        let mut seen: Vec<Set> = Vec::new();
        for (number, write) in self.writes.iter().enumerate() {
            let told = write.context.map(|op| self.told(&self.operations[&op])).unwrap_or_default();
            let told = told.into_iter().filter(|other| *other < number && self.writes[*other].undone.is_none());
            let told: Set = told.filter(|_| write.undone.is_none()).collect();
            seen.push(told.iter().flat_map(|other| &seen[*other]).chain(&told).copied().collect());
        }
        let mut order: Vec<usize> = (0..self.writes.len()).collect();
        order.sort_by_key(|write| (self.writes[*write].id.origin.number(), self.rank(*write)));
        for number in order {
            let write = &self.writes[number];
            let continues = |line: &&Vec<usize>| {
                let last = line[line.len() - 1];
                let other = &self.writes[last];
                let is_same = other.key == write.key && other.id.origin.number() == write.id.origin.number();
                is_same && (is_register || seen[number].contains(&last))
            };
            match self.lines.iter().position(|line| continues(&line)) {
                Some(line) => self.lines[line].push(number),
                None => self.lines.push(vec![number]),
            }
        }
    }

    /// What the answer to an operation hands out for certain.
    fn told(&self, operation: &Op) -> Set {
        if operation.action == Action::Read {
            return self.returned(operation);
        }
        let own = operation.write.and_then(|id| self.number(id, operation.answered.expect("it was answered")));
        own.into_iter().filter(|own| self.writes[*own].op == operation.number).collect()
    }

    fn line_up_to(&self, write: usize) -> Set {
        let line = self.lines.iter().find(|line| line.contains(&write)).expect("every write is in a line");
        let place = line.iter().position(|other| *other == write).expect("it is there");
        line[..=place].iter().copied().collect()
    }

    fn is_same_line(&self, one: usize, other: usize) -> bool {
        self.lines.iter().any(|line| line.contains(&one) && line.contains(&other))
    }

    fn counter(&self, write: usize) -> u64 {
        self.writes[write].id.counter
    }

    fn needed(&self, write: usize, view: usize) -> Set {
        let this = &self.writes[write];
        let earlier = |other: &usize| {
            let other = &self.writes[*other];
            other.id.origin.number() == this.id.origin.number()
                && (other.life, other.id.counter) <= (this.life, this.id.counter)
                && usize::from(other.priority) >= view
        };
        (0..self.writes.len()).filter(earlier).collect()
    }

    fn ready(&self, node: NodeId, view: usize) -> Set {
        let replica = &self.replicas[node.index()];
        let is_there = |write: &usize| replica.known.contains(write) || replica.gaps[view].contains(write);
        let is_ready = |write: &usize| {
            usize::from(self.writes[*write].priority) >= view
                && replica.known.contains(write)
                && self.needed[*write][view].iter().all(is_there)
        };
        (0..self.writes.len()).filter(is_ready).collect()
    }

    /// Void writes are passed, and what is ready becomes due unless something excuses it.
    fn follow(&mut self, node: NodeId, at_end: bool) {
        for view in 0..4 {
            loop {
                let replica = &self.replicas[node.index()];
                let is_there = |write: &usize| replica.known.contains(write) || replica.gaps[view].contains(write);
                let is_gap = |write: &usize| {
                    let mut earlier = self.needed[*write][view].iter().filter(|other| *other != write);
                    usize::from(self.writes[*write].priority) >= view
                        && !is_there(write)
                        && self.is_void(*write)
                        && earlier.all(is_there)
                };
                let Some(gap) = (0..self.writes.len()).find(is_gap) else { break };
                self.replicas[node.index()].gaps[view].insert(gap);
            }
            let may_come_back = self.replicas.iter().any(|other| other.down.is_some_and(|disk| disk != Disk::Lost));
            for write in self.ready(node, view) {
                let origin = (view, self.writes[write].id.origin.number());
                let replica = &self.replicas[node.index()];
                let shown_to = replica.shown_to.get(&origin).copied().unwrap_or(0);
                let has_room = shown_to >= replica.dropped_to.get(&origin).copied().unwrap_or(0);
                let is_passed = |other: &usize| {
                    let surely = self.is_undone(*other) || at_end && !may_come_back && self.is_void(*other);
                    replica.known.contains(other) || self.counter(*other) <= shown_to || surely
                };
                let comes_again = at_end && !self.dead.contains(&origin.1);
                let no_excuse = has_room || self.counter(write) <= shown_to || comes_again;
                if no_excuse && self.needed[write][view].iter().all(is_passed) {
                    self.replicas[node.index()].due[view].insert(write);
                }
            }
        }
    }

    /// A loss may let others pass over what they waited for.
    fn lose(&mut self) {
        let Some(place) = self.loss.take() else { return };
        self.now = place;
        for node in 0..self.recording.header.nodes {
            self.follow(NodeId(node), false);
            self.compare(NodeId(node), place);
        }
    }

    fn down(&mut self, node: NodeId, disk: Disk, place: usize) {
        let mut origins: Vec<(u32, usize)> = Vec::new();
        for write in self.writes.iter().filter(|write| write.id.node() == node) {
            origins.push((write.id.origin.number(), write.wrote));
        }
        let replica = &mut self.replicas[node.index()];
        for moments in replica.wrong.values_mut() {
            moments.push((place, None));
        }
        let old = std::mem::take(replica);
        let is_lost = disk == Disk::Lost;
        *replica = Replica {
            has: if is_lost { Set::new() } else { old.has },
            was_shown: if is_lost { BTreeSet::new() } else { old.was_shown },
            down: Some(disk),
            life: old.life + 1,
            lost: if disk == Disk::Kept { old.lost } else { Some(place) },
            steps: old.steps,
            wrong: old.wrong,
            ..Replica::default()
        };
        if is_lost {
            // An origin is dead when its first write was taken in before.
            for (origin, _) in &origins {
                let of = || (0..self.writes.len()).filter(|write| self.writes[*write].id.origin.number() == *origin);
                let first = of().min_by_key(|write| self.rank(*write)).expect("it has a write");
                if self.writes[first].wrote < place {
                    self.dead.insert(*origin);
                }
            }
        }
        self.had.values_mut().flatten().for_each(|had| had.owed.clear());
        self.loss = Some(place);
    }

    fn forget(&mut self, node: NodeId, id: Dot, promised: bool, place: usize) {
        let Some(write) = self.number(id, place) else { return };
        let answered = self.operations[&self.writes[write].op].answered;
        if promised || id.node() != node || answered.is_none_or(|answered| answered > place) {
            let replica = &mut self.replicas[node.index()];
            replica.has.remove(&write);
            replica.was_shown.retain(|(_, other)| *other != write);
            self.loss = Some(place);
        }
    }

    fn up(&mut self, node: NodeId) {
        if self.replicas[node.index()].down.take() != Some(Disk::Lost) {
            return;
        }
        let others =
            self.replicas.iter().zip((0..).map(NodeId)).filter(|(replica, _)| replica.down != Some(Disk::Lost));
        let others: Vec<&Replica> = others.filter(|(_, other)| *other != node).map(|(replica, _)| replica).collect();
        for had in self.had.values_mut().flatten().filter(|had| had.node == node && !others.is_empty()) {
            had.owed = (0..4).filter(|view| others.iter().all(|other| other.due[*view].contains(&had.write))).collect();
        }
    }

    /// Writes of `key` in `reflected`, and what these had perhaps seen.
    fn with_seen(&self, reflected: &Set, key: u32) -> Set {
        let mut all = Set::new();
        for write in reflected.iter().filter(|write| self.writes[**write].key == key) {
            all.insert(*write);
            all.extend(&self.seen[write].0);
        }
        all
    }

    fn walk(&mut self) {
        let mut step: Vec<usize> = Vec::new();
        let mut of = (NodeId(0), 0);
        for (place, event) in self.recording.events.iter().enumerate() {
            if !matches!(event.what, What::Forgot { .. }) {
                self.lose();
            }
            match event.what {
                What::Known { .. } | What::Visible { .. } | What::Hidden { .. } | What::Overflowed { .. } => {
                    if of != (event.node, event.cause) {
                        self.step(&std::mem::take(&mut step));
                        of = (event.node, event.cause);
                    }
                    step.push(place);
                }
                What::Down { disk } => {
                    self.step(&std::mem::take(&mut step));
                    self.down(event.node, disk, place);
                }
                What::Forgot { write, promised } => {
                    self.step(&std::mem::take(&mut step));
                    self.forget(event.node, write, promised, place);
                }
                What::Up { .. } => {
                    self.step(&std::mem::take(&mut step));
                    self.up(event.node);
                    of = (event.node, event.number);
                    step.push(place);
                }
                What::Invoked { op, .. } | What::Reached { op } | What::Answered { op } => {
                    let operation = self.operations[&op].clone();
                    if operation.action == Action::Read
                        && let Some(answered) = operation.answered
                    {
                        let is_reached = |event: &Event| event.what == What::Reached { op };
                        let reached = self.recording.events.iter().rposition(is_reached).unwrap_or(operation.invoked);
                        let at_once = self.event(answered).cause == self.event(reached).number;
                        if place == if at_once { reached } else { answered } {
                            self.step(&std::mem::take(&mut step));
                            self.read(&operation, at_once);
                        }
                    }
                    if operation.answered == Some(place) {
                        if operation.action != Action::Read {
                            self.wrote(&operation);
                        }
                        self.remember(&operation);
                    }
                }
                _ => {}
            }
        }
        self.lose();
        self.step(&step);
        for node in 0..self.recording.header.nodes {
            if self.replicas[usize::from(node)].down.is_some() {
                continue;
            }
            // Whether what was dropped was asked for again is seen only when there was time to.
            if self.recording.header.settling_from_ns.is_some() {
                self.follow(NodeId(node), true);
            }
            self.compare(NodeId(node), self.recording.events.len().saturating_sub(1));
        }
    }

    fn step(&mut self, places: &[usize]) {
        let Some(last) = places.last().copied() else { return };
        let node = self.event(last).node;
        self.now = last;
        let said: Vec<(usize, What)> = places.iter().map(|place| (*place, self.event(*place).what)).collect();
        for (place, what) in &said {
            let What::Overflowed { levels, write } = *what else { continue };
            let Some(write) = self.number(write, *place) else { continue };
            for view in levels.iter().filter_map(|level| view(level, self.writes[write].priority)) {
                let (origin, counter) = (self.writes[write].id.origin.number(), self.counter(write));
                let to = self.replicas[node.index()].dropped_to.entry((view, origin)).or_default();
                *to = counter.max(*to);
            }
        }
        if said.iter().any(|(_, what)| matches!(what, What::Up { .. })) {
            let replica = &mut self.replicas[node.index()];
            replica.known = replica.has.clone();
        }
        let mut is_revived = false;
        for (place, what) in &said {
            let What::Known { write } = *what else { continue };
            let Some(write) = self.number(write, *place) else { continue };
            let is_news = !self.replicas[node.index()].has.contains(&write);
            is_revived |= is_news && self.is_void(write);
            self.hear(node, write);
            self.replicas[node.index()].known.insert(write);
            self.replicas[node.index()].has.insert(write);
        }
        let mut shown = Vec::new();
        for (place, what) in &said {
            match *what {
                What::Visible { levels, write } => {
                    let Some(write) = self.number(write, *place) else { continue };
                    let (origin, counter) = (self.writes[write].id.origin.number(), self.counter(write));
                    for level in levels.iter() {
                        self.shown += u64::from(level != Level::Eventual);
                        shown.push((level, write));
                        let view = view(level, self.writes[write].priority);
                        let replica = &mut self.replicas[node.index()];
                        replica.shown.insert((level, write));
                        replica.was_shown.insert((level, write));
                        if let Some(view) = view {
                            let to = replica.shown_to.entry((view, origin)).or_default();
                            *to = counter.max(*to);
                        }
                    }
                }
                What::Hidden { levels, write } => {
                    let Some(write) = self.number(write, *place) else { continue };
                    for level in levels.iter() {
                        self.replicas[node.index()].shown.remove(&(level, write));
                    }
                }
                _ => {}
            }
        }
        self.follow(node, false);
        let life = self.replicas[node.index()].life;
        self.replicas[node.index()].steps.push((last, life, shown));
        self.compare(node, last);
        for other in NodeId::all(self.recording.header.nodes).filter(|other| *other != node && is_revived) {
            self.compare(other, last);
        }
    }

    fn hear(&mut self, node: NodeId, write: usize) {
        if self.seen.contains_key(&write) {
            return;
        }
        let (mut perhaps, mut surely) = match self.recording.header.conflict {
            Conflict::Causal => {
                self.writes[write].context.and_then(|read| self.contexts.get(&read)).cloned().unwrap_or_default()
            }
            Conflict::LastWriterWins => {
                (self.with_seen(&self.replicas[node.index()].known, self.writes[write].key), Set::new())
            }
        };
        perhaps.retain(|other| !self.is_same_line(*other, write));
        surely.retain(|other| !self.is_same_line(*other, write));
        perhaps.extend(self.line_up_to(write).into_iter().filter(|other| *other != write));
        self.seen.insert(write, (perhaps, surely));
    }

    fn status(&self, node: NodeId, write: usize, view: usize, ready: &Set) -> Status {
        let due = &self.replicas[node.index()].due[view];
        if !ready.contains(&write) || self.writes[write].delete {
            return Status::Absent;
        }
        let own = due.iter().filter(|by| self.is_same_line(**by, write) && self.rank(**by) > self.rank(write));
        if let Some(own) = own.max_by_key(|by| self.rank(**by)).copied() {
            return Status::Overwritten(own);
        }
        // Of the line's writes that due ones were told of, the last one counts: who had seen it may have forgotten the others.
        let told = due.iter().flat_map(|by| self.seen[by].1.iter().map(move |other| (*other, *by)));
        let told = told.filter(|(other, _)| self.is_same_line(*other, write));
        if let Some((other, by)) = told.max_by_key(|(other, by)| (self.rank(*other), std::cmp::Reverse(*by)))
            && other == write
        {
            return Status::Overwritten(by);
        }
        let perhaps = ready.iter().any(|by| *by != write && self.seen[by].0.contains(&write));
        if due.contains(&write) && !perhaps { Status::Present } else { Status::Either }
    }

    fn compare(&mut self, node: NodeId, place: usize) {
        let ready: Vec<Set> = (0..4).map(|view| self.ready(node, view)).collect();
        for write in 0..self.writes.len() {
            for level in self.recording.header.levels.iter().filter(|level| *level != Level::Eventual) {
                let status = match view(level, self.writes[write].priority) {
                    Some(view) => self.status(node, write, view, &ready[view]),
                    None => Status::Absent,
                };
                let replica = &mut self.replicas[node.index()];
                let one = (level, write);
                let (is, was) = (replica.shown.contains(&one), replica.was_shown.contains(&one));
                let wrong = match status {
                    Status::Absent => is.then_some((Kind::Early, write)),
                    Status::Present if is => None,
                    Status::Present => Some((if was { Kind::Unreflected } else { Kind::Late }, write)),
                    Status::Overwritten(by) if is => {
                        Some((if replica.was_gone.contains(&one) { Kind::Unreflected } else { Kind::Late }, by))
                    }
                    Status::Overwritten(_) => {
                        replica.was_gone.insert(one);
                        None
                    }
                    Status::Either => None,
                };
                let wrong = wrong.or_else(|| self.is_skipped(node, write, level).then_some((Kind::Skipped, write)));
                let replica = &mut self.replicas[node.index()];
                replica.wrong.entry((write, level)).or_default().push((place, wrong));
            }
        }
    }

    /// The level passed over a write that is there after all.
    fn is_skipped(&self, node: NodeId, write: usize, level: Level) -> bool {
        let Some(view) = view(level, self.writes[write].priority) else { return false };
        let replica = &self.replicas[node.index()];
        !replica.known.contains(&write)
            && replica.gaps[view].contains(&write)
            && !self.is_void(write)
            && self.passed(node, replica.life, write, level).is_some()
    }

    fn passed(&self, node: NodeId, life: usize, write: usize, level: Level) -> Option<usize> {
        let this = &self.writes[write];
        let passes = |(at, other): &(Level, usize)| {
            let other = &self.writes[*other];
            *at == level
                && other.id.origin.number() == this.id.origin.number()
                && other.id.counter > this.id.counter
                && (level != Level::Priority || other.priority <= this.priority)
        };
        let mut steps = self.replicas[node.index()].steps.iter().filter(|step| step.1 == life);
        steps.find(|(_, _, shown)| shown.iter().any(passes)).map(|step| step.0)
    }

    /// A write is answered: its session has seen it, and what it had seen.
    fn wrote(&mut self, operation: &Op) {
        let own = self.told(operation).first().copied();
        let before = own.and_then(|own| self.contexts.get(&self.writes[own].context?));
        let mut perhaps = before.map(|(perhaps, _)| perhaps.clone()).unwrap_or_default();
        let surely: Set = own.into_iter().collect();
        perhaps.extend(own.into_iter().flat_map(|own| self.line_up_to(own)));
        self.contexts.insert(operation.number, (perhaps, surely));
    }

    fn returned(&self, read: &Op) -> Set {
        let place = read.answered.expect("it is judged because it was answered");
        let numbers = read.returned.iter().filter_map(|id| self.number(*id, place));
        numbers.filter(|write| self.writes[*write].key == read.key).collect()
    }

    fn read(&mut self, read: &Op, at_once: bool) {
        let returned = self.returned(read);
        let Some(priority) = self.writes.iter().find(|write| write.key == read.key).map(|write| write.priority) else {
            return;
        };
        let everybody: Set = self.seen.keys().copied().collect();
        let view = view(read.level, priority);
        let reflected = match (at_once, view) {
            (false, _) => everybody.clone(),
            (true, Some(view)) => self.ready(read.node, view),
            (true, None) if read.level == Level::Eventual => self.replicas[read.node.index()].known.clone(),
            (true, None) => Set::new(),
        };
        let surely = returned.clone();
        let mut perhaps = self.with_seen(&reflected, read.key);
        perhaps.extend(returned.iter().flat_map(|write| self.line_up_to(*write)));
        self.contexts.insert(read.number, (perhaps, surely));

        let Some(view) = view else { return };
        let mut wrong: Vec<(Wrong, usize)> = Vec::new();
        let had = self.had.get(&(read.session, read.key)).cloned().unwrap_or_default();
        if at_once {
            let replica = &self.replicas[read.node.index()];
            for write in 0..self.writes.len() {
                let one = (read.level, write);
                match self.status(read.node, write, view, &reflected) {
                    _ if self.writes[write].key != read.key => {}
                    Status::Absent if returned.contains(&write) => wrong.push((Wrong::Early, write)),
                    Status::Overwritten(_) if returned.contains(&write) && replica.was_gone.contains(&one) => {
                        wrong.push((Wrong::Unreflected, write));
                    }
                    Status::Present if !returned.contains(&write) => {
                        if had.iter().any(|had| had.write == write && had.own) {
                            wrong.push((Wrong::Own, write));
                        } else if replica.was_shown.contains(&one) {
                            wrong.push((Wrong::Unreflected, write));
                        } else if self.passed(read.node, replica.life, write, read.level).is_some() {
                            wrong.push((Wrong::Passed, write));
                        }
                    }
                    _ => {}
                }
            }
        }
        for Had { write, own, node, place, owed } in had {
            let is_there = |other: &usize| self.is_same_line(*other, write) && self.rank(*other) >= self.rank(write);
            let seen = reflected.iter().any(|by| self.seen[by].0.contains(&write));
            let is_told = wrong.iter().any(|(_, other)| *other == write);
            let replica = &self.replicas[node.index()];
            let is_lost = node == read.node && replica.lost.is_some_and(|lost| lost > place) && !owed.contains(&view)
                || self.seen.contains_key(&write) && self.is_nowhere(write);
            if !returned.iter().any(is_there) && !seen && !self.writes[write].delete && !is_told && !is_lost {
                wrong.push((if own { Wrong::Own } else { Wrong::Forgotten }, write));
            }
        }
        wrong.sort_unstable();
        for (wrong, write) in wrong {
            if self.told.insert((read.session, wrong, write)) {
                self.reads.push((read.number, wrong, write));
            }
        }
    }

    /// Of each line the last write counts.
    fn remember(&mut self, operation: &Op) {
        if operation.level == Level::Eventual {
            return;
        }
        let found: Vec<(usize, bool)> = match operation.action {
            Action::Read => self.returned(operation).into_iter().map(|write| (write, false)).collect(),
            _ => {
                let own = operation.write.and_then(|id| self.number(id, operation.answered.unwrap_or(0)));
                own.into_iter()
                    .filter(|write| self.writes[*write].op == operation.number)
                    .map(|own| (own, true))
                    .collect()
            }
        };
        let (node, place) = (operation.node, operation.answered.unwrap_or(0));
        for (write, own) in found {
            let new = Had { write, own, node, place, owed: Set::new() };
            let mut had = self.had.remove(&(operation.session, operation.key)).unwrap_or_default();
            let other = had.iter().position(|other| self.is_same_line(other.write, write));
            match other {
                Some(at) if self.rank(had[at].write) < self.rank(write) => had[at] = new,
                Some(_) => {}
                None => had.push(new),
            }
            self.had.insert((operation.session, operation.key), had);
        }
    }

    fn report(&self) -> Judged {
        let at_ns = |place: usize| self.event(place).at_ns;
        // From, node, write, late, kind, until, passed; levels.
        type Key = (usize, NodeId, usize, usize, Kind, Option<usize>, Option<usize>);
        let mut breaches: BTreeMap<Key, Vec<Level>> = BTreeMap::new();
        for (replica, node) in self.replicas.iter().zip(0..) {
            for ((write, level), moments) in &replica.wrong {
                for run in moments.chunk_by(|a, b| a.1.map(|wrong| wrong.0) == b.1.map(|wrong| wrong.0)) {
                    let (from, Some((kind, late))) = run[0] else { continue };
                    let last = run[run.len() - 1].0;
                    let until = moments.iter().map(|moment| moment.0).find(|place| *place > last);
                    // At the end two comparisons may share a place.
                    let until = until.or_else(|| {
                        let is_last =
                            std::ptr::eq(&raw const run[run.len() - 1], &raw const moments[moments.len() - 1]);
                        (!is_last).then_some(last)
                    });
                    let lasts = |from: usize| until.is_none_or(|until| at_ns(until) > at_ns(from));
                    if !lasts(from) {
                        continue;
                    }
                    let is_down =
                        |event: &&Event| event.node == NodeId(node) && matches!(event.what, What::Down { .. });
                    let life = self.recording.events[..from].iter().filter(is_down).count();
                    let passed = self.passed(NodeId(node), life, late, *level);
                    let passed = passed.filter(|passed| match kind {
                        Kind::Late => lasts(*passed),
                        Kind::Skipped => true,
                        Kind::Early | Kind::Unreflected => false,
                    });
                    breaches.entry((from, NodeId(node), *write, late, kind, until, passed)).or_default().push(*level);
                }
            }
        }
        let is_own = |node: NodeId, late: usize, until: Option<usize>| {
            breaches.keys().any(|key| (key.1, key.2, key.3, key.5) == (node, late, late, until))
        };
        let kept: Vec<(Key, Vec<Level>)> = breaches
            .iter()
            .filter(|(key, _)| key.2 == key.3 || !is_own(key.1, key.3, key.5))
            .map(|(key, levels)| (*key, LEVELS.into_iter().filter(|level| levels.contains(level)).collect()))
            .collect();
        let end_ns = self.recording.header.end_ns;
        let expected = |code: &'static str, wanted: &dyn Fn(&Key) -> Option<u64>| -> Vec<Expected> {
            let told = kept.iter().filter_map(|(key, levels)| {
                let at_ns = wanted(key)?;
                let ops: BTreeSet<u32> = [self.writes[key.2].op, self.writes[key.3].op].into();
                Some(Expected { code, at_ns, ops: ops.into_iter().collect(), node: key.1, levels: levels.clone() })
            });
            told.collect()
        };
        let order = |key: &Key| match key.6 {
            Some(passed) => Some(at_ns(passed.max(key.0))),
            None => (key.4 == Kind::Early).then(|| at_ns(key.0)),
        };
        let stability = |key: &Key| (key.4 == Kind::Unreflected).then(|| at_ns(key.0));
        let promptness = |key: &Key| (key.4 == Kind::Late && key.5.is_some()).then(|| at_ns(key.0));
        let liveness = |key: &Key| (key.4 == Kind::Late && key.5.is_none()).then_some(end_ns);
        let reads = |code: &'static str, wanted: &[Wrong]| -> Vec<Expected> {
            let told = self.reads.iter().filter(|(_, wrong, _)| wanted.contains(wrong)).map(|(op, _, write)| {
                let read = &self.operations[op];
                let ops: BTreeSet<u32> = [*op, self.writes[*write].op].into();
                Expected {
                    code,
                    at_ns: at_ns(read.answered.expect("judged because answered")),
                    ops: ops.into_iter().collect(),
                    node: read.node,
                    levels: vec![read.level],
                }
            });
            told.collect()
        };
        let fifo = [
            expected("FIFO001", &order),
            reads("FIFO001", &[Wrong::Early, Wrong::Passed]),
            expected("FIFO002", &stability),
            reads("FIFO002", &[Wrong::Unreflected, Wrong::Forgotten]),
            reads("FIFO003", &[Wrong::Own]),
        ];
        let priority = [
            expected("PRIO001", &order),
            expected("PRIO002", &stability),
            expected("PRIO003", &promptness),
            expected("PRIO004", &liveness),
        ];
        let late = kept.iter().filter(|(key, _)| key.4 == Kind::Late);
        let inversions_ns = late.map(|(key, _)| key.5.map_or(end_ns, at_ns).saturating_sub(at_ns(key.0))).collect();
        Judged { fifo: fifo.concat(), priority: priority.concat(), inversions_ns, shown: self.shown }
    }
}
