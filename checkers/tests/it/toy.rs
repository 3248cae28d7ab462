//! A toy multi-value store on two or three nodes, which writes recordings as a simulator would.
//!
//! It keeps with each write the set of all writes that it has seen, so that what is visible is simply what no
//! known write has seen. Messages are carried out in any order. It can be told to break one of its promises.

use std::collections::{BTreeMap, BTreeSet};

use crate::chance::Chance;
use crate::ops::write_of;
use kvsim_checkers::trace::{
    Action, Conflict, Disk, Dot, Event, FaultName, Header, Level, Levels, LostBy, NodeId, Recording, What,
};

/// A promise that the store breaks, once or more often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// An update is never delivered to one replica.
    LosesUpdate,
    /// A replica goes on showing what a delivered write has seen.
    KeepsOverwritten,
    /// All replicas drop an acknowledged write that nothing has seen.
    DropsWrite,
    /// One replica drops it.
    DropsWriteHere,
    /// Reads return less than is announced.
    ReadsLess,
    /// A replica that starts again forgets something that its disk has.
    ForgetsDisk,
    /// A level of one replica stands still from some moment on.
    LevelStops,
}

#[derive(Clone)]
struct Known {
    key: u32,
    delete: bool,
    seen: BTreeSet<Dot>,
}

#[derive(Clone, Default)]
struct Replica {
    is_down: bool,
    /// Its disk is still there while it is down.
    has_disk: bool,
    /// Lives before the present one.
    lost_disks: u16,
    counter: u64,
    received: BTreeMap<Dot, Known>,
    /// What was announced.
    announced: BTreeSet<Dot>,
    shown: BTreeMap<Level, BTreeSet<Dot>>,
}

impl Replica {
    fn lose_disk(&mut self) {
        *self = Replica { is_down: true, lost_disks: self.lost_disks + 1, ..Replica::default() };
    }
}

pub struct Toy {
    chance: Chance,
    defect: Option<Defect>,
    recording: Recording,
    replicas: Vec<Replica>,
    pending: Vec<(Dot, Known, NodeId, u64)>,
    /// By session and key: what the last answer told, with everything that it had seen.
    contexts: BTreeMap<(u32, u32), BTreeSet<Dot>>,
    /// The same for the last answer to a write.
    own: BTreeMap<(u32, u32), BTreeSet<Dot>>,
    /// Seen as overwritten by everybody or by one node, although nothing has overwritten them.
    dropped: BTreeSet<(Option<NodeId>, Dot)>,
    /// Goes on showing whatever other writes have seen.
    stubborn: Option<NodeId>,
    stopped: Option<(NodeId, Level)>,
    /// All writes, by origin and number, with their keys.
    log: BTreeMap<Dot, u32>,
    /// A write that is seen is known, even when it has not arrived.
    knows_seen: bool,
    /// Each session stays at one node, which asks no other node, at this level.
    sticky: Option<Level>,
    node: NodeId,
    cause: u64,
}

/// A recording of a random run, whose sessions ask any node.
pub fn run(seed: u64, defect: Option<Defect>, settles: bool) -> Recording {
    let mut chance = Chance(seed);
    let ops = 4 + chance.below(6) as u32;
    carry_out(chance, seed, defect, settles, None, ops)
}

/// The same, but each session stays at one node, which holds every key and asks no other node; all at one level.
pub fn sticky(seed: u64, defect: Option<Defect>, level: Level) -> Recording {
    let mut chance = Chance(seed);
    let ops = 12 + chance.below(16) as u32;
    carry_out(chance, seed, defect, true, Some(level), ops)
}

fn carry_out(
    mut chance: Chance,
    seed: u64,
    defect: Option<Defect>,
    settles: bool,
    sticky: Option<Level>,
    ops: u32,
) -> Recording {
    let nodes = 2 + chance.below(2) as u16;
    let keys = if sticky.is_some() { 2 } else { 1 + chance.below(2) };
    let sessions = 2 + chance.below(2);
    let mut header = Header {
        scenario: "toy".into(),
        seed,
        store: "toy".into(),
        nodes,
        levels: [Level::Eventual].into_iter().collect(),
        sessions: (0..sessions).map(|i| format!("c{i}")).collect(),
        keys: ["x", "y"][..keys].iter().map(|name| (*name).to_owned()).collect(),
        kinds: vec!["update".into()],
        faults: vec![FaultName { name: "partition[0]".into(), place: "toy.toml:14".into(), node: None }],
        conflict: if chance.one_in(3) { Conflict::LastWriterWins } else { Conflict::Causal },
        ..Header::default()
    };
    if sticky.is_none() && nodes == 3 && chance.one_in(3) {
        header.placement =
            (0..keys).map(|key| [NodeId(key.min(1) as u16), NodeId(1 + key.min(1) as u16)].to_vec()).collect();
    }
    let needs_levels = defect == Some(Defect::LevelStops) || sticky.is_some_and(|level| level != Level::Eventual);
    if needs_levels || chance.one_in(2) {
        header.levels = [Level::Eventual, Level::Fifo, Level::FifoP2, Level::Priority].into_iter().collect();
        header.priorities = (0..keys).map(|_| chance.below(4) as u8).collect();
    }
    let knows_seen = chance.one_in(2);
    let mut toy = Toy {
        chance,
        defect,
        recording: Recording { header, events: Vec::new() },
        replicas: vec![Replica::default(); usize::from(nodes)],
        pending: Vec::new(),
        contexts: BTreeMap::new(),
        own: BTreeMap::new(),
        dropped: BTreeSet::new(),
        stubborn: None,
        stopped: None,
        log: BTreeMap::new(),
        knows_seen,
        sticky,
        node: NodeId(0),
        cause: 0,
    };
    let crashes = sticky.is_none() && (defect == Some(Defect::ForgetsDisk) || toy.chance.one_in(3));
    for op in 0..ops {
        if crashes && toy.chance.one_in(3) {
            toy.crash_or_start();
        }
        toy.operation(op);
        while toy.chance.one_in(2) && !toy.pending.is_empty() {
            toy.deliver();
        }
    }
    if settles {
        (toy.node, toy.cause) = (NodeId(0), 0);
        toy.recording.header.settling_from_ns = Some(toy.push(What::Settling) * 1_000);
        for node in 0..nodes {
            if !toy.chance.one_in(4) {
                toy.start(NodeId(node));
            }
        }
        while !toy.pending.is_empty() {
            toy.deliver();
        }
        if crashes && defect != Some(Defect::LosesUpdate) {
            toy.exchange();
        }
        while !toy.pending.is_empty() {
            toy.deliver();
        }
        // Levels that waited for what is gone go on.
        for node in (0..nodes).filter(|_| crashes) {
            if !toy.replicas[usize::from(node)].is_down {
                (toy.node, toy.cause) = (NodeId(node), toy.recording.events.len() as u64);
                for what in toy.refresh(NodeId(node)) {
                    toy.push(what);
                }
            }
        }
    }
    toy.snapshot();
    toy.recording.header.end_ns = toy.recording.events.len() as u64 * 1_000;
    toy.recording
}

impl Toy {
    fn push(&mut self, what: What) -> u64 {
        let number = self.recording.events.len() as u64 + 1;
        let (node, cause) = (self.node, self.cause);
        self.recording.events.push(Event { number, at_ns: number * 1_000, cause, node, what });
        number
    }

    fn operation(&mut self, op: u32) {
        let header = &self.recording.header;
        let session = self.chance.below(header.sessions.len()) as u32;
        let key = self.chance.below(header.keys.len()) as u32;
        let anywhere = NodeId(self.chance.below(usize::from(header.nodes)) as u16);
        let node = if self.sticky.is_some() { NodeId(session as u16 % header.nodes) } else { anywhere };
        let action = [Action::Read, Action::Read, Action::Write, Action::Write, Action::Write, Action::Delete]
            [self.chance.below(6)];
        let context = action != Action::Read && !self.chance.one_in(3);
        let value = if action == Action::Read { 0 } else { 100 + u64::from(op) };
        let levels: Vec<Level> = header.levels.iter().filter(|level| level.carries(header.priority(key))).collect();
        let level = self.sticky.unwrap_or(levels[self.chance.below(levels.len())]);
        (self.node, self.cause) = (node, 0);
        let invoked = self.push(What::Invoked { op, session, action, key, value, level, context });
        self.cause = invoked;
        let is_there = |node: &NodeId| !self.replicas[node.index()].is_down;
        if !is_there(&node) || !self.recording.header.holders(key).iter().any(is_there) {
            self.push(What::TimedOut { op });
            return;
        }
        if self.chance.one_in(5) {
            self.cause = self.push(What::Reached { op });
        }
        let invoked = self.cause;
        if self.chance.one_in(12) {
            self.push(What::Refused { op, why: None });
            return;
        }
        let is_late = self.chance.one_in(6);
        if is_late {
            self.push(What::TimedOut { op });
        }
        if is_late && self.chance.one_in(2) {
            return;
        }
        if action == Action::Read {
            if !is_late {
                self.read(op, session, key, node, level);
            }
            return;
        }
        // A call for a key that the node does not hold is carried out by a holder.
        let server = self.server(node, key);
        let has_seen = self.write(op, session, key, server, action == Action::Delete, context);
        (self.node, self.cause) = (node, invoked);
        if !is_late && !self.chance.one_in(8) {
            self.push(What::Answered { op });
            self.contexts.insert((session, key), has_seen.clone());
            self.own.insert((session, key), has_seen);
            self.drop_something();
        }
    }

    fn server(&mut self, node: NodeId, key: u32) -> NodeId {
        let mut holders = self.recording.header.holders(key);
        holders.retain(|node| !self.replicas[node.index()].is_down);
        if holders.contains(&node) { node } else { holders[self.chance.below(holders.len())] }
    }

    fn read(&mut self, op: u32, session: u32, key: u32, node: NodeId, level: Level) {
        let server = self.server(node, key);
        let mut returned = self.replicas[server.index()].visible(level, key);
        let is_quorum = self.sticky.is_none() && self.chance.one_in(4);
        if is_quorum || server != node {
            let number = self.push(What::Sent { kind: 0, id: 0, bytes: 1, copies: 1 });
            self.cause = self.push(What::Delivered { kind: 0, id: number, from: server });
        }
        if is_quorum {
            for other in self.recording.header.holders(key) {
                returned.extend(self.replicas[other.index()].visible(level, key));
            }
            let up = self.replicas.iter().filter(|replica| !replica.is_down);
            let all: Vec<&Known> = up.flat_map(|replica| replica.received.values()).collect();
            returned.retain(|write| !all.iter().any(|known| known.seen.contains(write)));
        }
        if self.defect == Some(Defect::ReadsLess) && self.chance.one_in(2) {
            returned.pop_first();
        }
        let mut context = returned.clone();
        for replica in &self.replicas {
            let known = returned.iter().filter_map(|write| replica.received.get(write));
            context.extend(known.flat_map(|known| &known.seen));
        }
        self.contexts.insert((session, key), context);
        for write in returned {
            self.push(What::Returned { op, write });
        }
        self.push(What::Answered { op });
    }

    /// Returns the write and what it had seen.
    fn write(&mut self, op: u32, session: u32, key: u32, node: NodeId, delete: bool, context: bool) -> BTreeSet<Dot> {
        self.node = node;
        let replica = &mut self.replicas[node.index()];
        replica.counter += 1;
        let id = Dot::new(node, 1 + replica.lost_disks, replica.counter);
        let mut seen = BTreeSet::new();
        match self.recording.header.conflict {
            Conflict::Causal => {
                let kept = if context { &self.contexts } else { &self.own };
                seen.extend(kept.get(&(session, key)).into_iter().flatten());
            }
            Conflict::LastWriterWins => {
                for (id, known) in replica.received.iter().filter(|(_, known)| known.key == key) {
                    seen.insert(*id);
                    seen.extend(&known.seen);
                }
            }
        }
        let has_seen = seen.iter().copied().chain([id]).collect();
        let known = Known { key, delete, seen };
        self.log.insert(id, key);
        let named_first = self.chance.one_in(2);
        if named_first {
            self.push(What::Wrote { op, write: id });
        }
        self.receive(id, known.clone());
        if !named_first {
            self.push(What::Wrote { op, write: id });
        }
        let holders = self.recording.header.holders(key);
        let copies = holders.len() as u16 - 1;
        let sent = self.push(What::Sent { kind: 0, id: 100 + u64::from(op), bytes: 8, copies });
        let cause = self.cause;
        for to in holders.into_iter().filter(|to| *to != node) {
            if self.defect == Some(Defect::LosesUpdate) && self.chance.one_in(2) {
                self.cause = sent;
                let by = if self.chance.one_in(2) { LostBy::Chance } else { LostBy::Fault(0) };
                self.push(What::Lost { kind: 0, id: 100 + u64::from(op), to, by });
                self.cause = cause;
            } else {
                self.pending.push((id, known.clone(), to, sent));
                // Now and then a message arrives twice.
                if self.chance.one_in(5) {
                    self.pending.push((id, known.clone(), to, sent));
                }
            }
        }
        has_seen
    }

    fn deliver(&mut self) {
        let chosen = self.chance.below(self.pending.len());
        let (id, known, node, sent) = self.pending.swap_remove(chosen);
        if self.replicas[node.index()].is_down {
            return;
        }
        (self.node, self.cause) = (node, sent);
        let value = match self.recording.events[sent as usize - 1].what {
            What::Sent { id, .. } => id,
            _ => panic!("updates are sent"),
        };
        self.cause = self.push(What::Delivered { kind: 0, id: value, from: id.node() });
        self.receive(id, known);
    }

    /// One step of a replica: what it knows grows by a write, and what it shows follows.
    fn receive(&mut self, id: Dot, known: Known) {
        let node = self.node;
        if self.defect == Some(Defect::KeepsOverwritten) && self.stubborn.is_none() && self.chance.one_in(3) {
            self.stubborn = Some(node);
        }
        let replica = &mut self.replicas[node.index()];
        let mut learned = BTreeSet::from([id]);
        if self.knows_seen {
            learned.extend(&known.seen);
        }
        replica.received.insert(id, known);
        let mut said: Vec<What> = learned
            .into_iter()
            .filter(|write| replica.announced.insert(*write))
            .map(|write| What::Known { write })
            .collect();
        said.extend(self.refresh(node));
        // Within a step the order means nothing.
        for i in (1..said.len()).rev() {
            said.swap(i, self.chance.below(i + 1));
        }
        said.into_iter().for_each(|what| {
            self.push(what);
        });
    }

    /// Brings what a replica shows up to date and says what changes.
    fn refresh(&mut self, node: NodeId) -> Vec<What> {
        let header = &self.recording.header;
        let mut changes: BTreeMap<(Dot, bool), Levels> = BTreeMap::new();
        for level in header.levels.iter().filter(|level| self.stopped != Some((node, *level))) {
            let now = self.view(node, level);
            let before = self.replicas[node.index()].shown.insert(level, now.clone()).unwrap_or_default();
            for (write, is_new) in
                now.difference(&before).map(|w| (*w, true)).chain(before.difference(&now).map(|w| (*w, false)))
            {
                let levels = changes.entry((write, is_new)).or_default();
                *levels = levels.with(level);
            }
        }
        if self.defect == Some(Defect::LevelStops) && self.stopped.is_none() && self.chance.one_in(3) {
            self.stopped = Some((node, [Level::Fifo, Level::FifoP2, Level::Priority][self.chance.below(3)]));
        }
        let said = changes.into_iter().flat_map(|((write, is_new), levels)| {
            // At once, or level by level.
            let parts = if write.counter % 2 == 0 { vec![levels] } else { levels.iter().map(Levels::only).collect() };
            let what = move |levels| match is_new {
                true => What::Visible { levels, write },
                false => What::Hidden { levels, write },
            };
            parts.into_iter().map(what)
        });
        said.collect()
    }

    /// What a level of a replica is to show: what it has received and what nothing else there has seen, but only
    /// behind all that the level is to show before.
    fn view(&self, node: NodeId, level: Level) -> BTreeSet<Dot> {
        let header = &self.recording.header;
        let replica = &self.replicas[node.index()];
        let is_in = |id: &Dot, known: &Known| {
            let from = match level {
                Level::Eventual => return true,
                Level::Priority => header.priority(known.key),
                _ => 0,
            };
            let is_carried = |key: u32| level.carries(header.priority(key)) && header.priority(key) >= from;
            let mut before = self.log.iter().filter(|(other, key)| {
                other.origin.number() == id.origin.number()
                    && other.counter < id.counter
                    && header.holds(node, **key)
                    && is_carried(**key)
            });
            let is_gone = |other: &Dot| {
                let mut up = self.replicas.iter().filter(|replica| !replica.is_down);
                !up.any(|replica| replica.received.contains_key(other))
                    && !self.pending.iter().any(|(id, ..)| id == other)
            };
            is_carried(known.key) && before.all(|(other, _)| replica.received.contains_key(other) || is_gone(other))
        };
        let is_dropped =
            |id: &Dot| self.dropped.iter().any(|(at, write)| write == id && at.is_none_or(|at| at == node));
        let view: Vec<(&Dot, &Known)> = replica.received.iter().filter(|(id, known)| is_in(id, known)).collect();
        let shows = |id: &Dot, known: &Known| {
            let is_over = view.iter().any(|(_, other)| other.seen.contains(id));
            !known.delete && !is_dropped(id) && (!is_over || self.stubborn == Some(node))
        };
        view.iter().filter(|(id, known)| shows(id, known)).map(|(id, _)| **id).collect()
    }

    fn crash_or_start(&mut self) {
        let node = NodeId(self.chance.below(self.replicas.len()) as u16);
        let replica = &self.replicas[node.index()];
        match replica.is_down {
            true if replica.has_disk && self.chance.one_in(4) => self.lose_disk(node),
            true => self.start(node),
            false => self.crash(node),
        }
    }

    /// While a node is down its disk is lost.
    fn lose_disk(&mut self, node: NodeId) {
        (self.node, self.cause) = (node, 0);
        self.cause = self.push(What::Down { disk: Disk::Lost });
        self.replicas[node.index()].lose_disk();
    }

    /// A node goes down. What it just took in may have left no trace; its disk may be lost, or have lied.
    fn crash(&mut self, node: NodeId) {
        (self.node, self.cause) = (node, 0);
        let disk = [Disk::Kept, Disk::Kept, Disk::TailLost, Disk::Lost][self.chance.below(4)];
        let unsaid = if disk != Disk::Lost && self.chance.one_in(2) { self.unsaid_write(node) } else { None };
        (self.node, self.cause) = (node, 0);
        self.cause = self.push(What::Down { disk });
        let mut forgotten = Vec::new();
        let replica = &mut self.replicas[node.index()];
        (replica.is_down, replica.has_disk) = (true, true);
        replica.shown.clear();
        if let Some(id) = unsaid {
            forgotten.push((id, false));
            replica.counter -= 1;
        }
        match disk {
            Disk::Kept => {}
            Disk::TailLost => {
                let last = replica.announced.iter().rev().copied().filter(|id| id.node() != node).take(2);
                forgotten.extend(last.map(|id| (id, true)).collect::<Vec<_>>());
            }
            Disk::Lost => replica.lose_disk(),
        }
        for (id, promised) in forgotten {
            self.push(What::Forgot { write: id, promised });
            if !promised {
                self.log.remove(&id);
            }
            let replica = &mut self.replicas[node.index()];
            replica.received.remove(&id);
        }
    }

    /// A write that is taken in and neither sent on nor answered.
    fn unsaid_write(&mut self, node: NodeId) -> Option<Dot> {
        let header = &self.recording.header;
        let (key, op) = (self.chance.below(header.keys.len()) as u32, 1_000 + self.recording.events.len() as u32);
        if !header.holds(node, key) {
            return None;
        }
        let session = self.chance.below(header.sessions.len()) as u32;
        let (action, value) = (Action::Write, u64::from(op));
        let context = self.chance.one_in(2);
        let level = Level::Eventual;
        self.cause = self.push(What::Invoked { op, session, action, key, value, level, context });
        let under_way = self.pending.len();
        self.write(op, session, key, node, false, context);
        self.pending.truncate(under_way);
        let replica = &self.replicas[node.index()];
        Some(Dot::new(node, 1 + replica.lost_disks, replica.counter))
    }

    /// A node that is down starts, announces what it has, and is sent what others have.
    fn start(&mut self, node: NodeId) {
        if !self.replicas[node.index()].is_down {
            return;
        }
        (self.node, self.cause) = (node, 0);
        let incarnation = 1 + self.replicas[node.index()].lost_disks;
        self.cause = self.push(What::Up { incarnation });
        if self.defect == Some(Defect::ForgetsDisk) {
            let replica = &mut self.replicas[node.index()];
            replica.received.pop_first();
        }
        let knows_seen = self.knows_seen;
        let replica = &mut self.replicas[node.index()];
        replica.is_down = false;
        replica.shown.clear();
        replica.announced = replica.received.keys().copied().collect();
        if knows_seen {
            replica.announced.extend(replica.received.values().flat_map(|known| &known.seen).copied());
        }
        let mut said: Vec<What> = replica.announced.iter().map(|write| What::Known { write: *write }).collect();
        said.extend(self.refresh(node));
        said.into_iter().for_each(|what| {
            self.push(what);
        });
    }

    /// Every node that is up is sent what others have. A forgetful store keeps it to itself.
    fn exchange(&mut self) {
        let nodes = 0..self.replicas.len();
        for (from, to) in nodes.clone().flat_map(|from| nodes.clone().map(move |to| (from, to))) {
            if from == to || self.replicas[from].is_down || self.defect == Some(Defect::ForgetsDisk) {
                continue;
            }
            for (id, known) in self.replicas[from].received.clone() {
                if self.recording.header.holds(NodeId(to as u16), known.key) {
                    (self.node, self.cause) = (NodeId(from as u16), 0);
                    let sent = self.push(What::Sent { kind: 0, id: 0, bytes: 8, copies: 1 });
                    self.pending.push((id, known, NodeId(to as u16), sent));
                }
            }
        }
    }

    /// The defects that drop what was just acknowledged.
    fn drop_something(&mut self) {
        let everywhere = match self.defect {
            Some(Defect::DropsWrite) => true,
            Some(Defect::DropsWriteHere) => false,
            _ => return,
        };
        let shown = self.replicas[self.node.index()].shown.get(&Level::Eventual);
        let Some(write) = shown.and_then(|shown| shown.last().copied()).filter(|_| self.dropped.is_empty()) else {
            return;
        };
        self.dropped.insert(((!everywhere).then_some(self.node), write));
        for node in 0..self.recording.header.nodes {
            if self.replicas[usize::from(node)].is_down {
                continue;
            }
            (self.node, self.cause) = (NodeId(node), self.recording.events.len() as u64);
            let said = self.refresh(NodeId(node));
            said.into_iter().for_each(|what| {
                self.push(what);
            });
        }
    }

    fn snapshot(&mut self) {
        self.cause = 0;
        for node in 0..self.recording.header.nodes {
            self.node = NodeId(node);
            if self.replicas[usize::from(node)].is_down {
                continue;
            }
            for (level, shown) in self.replicas[usize::from(node)].shown.clone() {
                for write in shown {
                    let key = self.replicas[usize::from(node)].received[&write].key;
                    self.push(What::Holds { level, key, write });
                }
            }
        }
    }
}

impl Replica {
    fn visible(&self, level: Level, key: u32) -> BTreeSet<Dot> {
        self.shown.get(&level).into_iter().flatten().filter(|write| self.received[write].key == key).copied().collect()
    }
}

/// True when a replica has forgotten a write and then names another one so.
pub fn gives_names_again(recording: &Recording) -> bool {
    recording.events.iter().enumerate().any(|(place, event)| match event.what {
        What::Forgot { write: forgotten, promised: false } => {
            let names = |event: &Event| matches!(event.what, What::Wrote { write, .. } if write == forgotten);
            recording.events[place..].iter().any(names)
        }
        _ => false,
    })
}

/// Spoils one or two events of a recording at random; it may end up as no recording at all.
pub fn spoil(recording: &mut Recording, chance: &mut Chance) {
    for _ in 0..1 + chance.below(2) {
        let events = &mut recording.events;
        let about_writes: Vec<usize> =
            (0..events.len()).filter(|i| write_of(&mut { events[*i].what }).is_some()).collect();
        if about_writes.len() < 2 {
            return;
        }
        let one = about_writes[chance.below(about_writes.len())];
        let other = about_writes[chance.below(about_writes.len())];
        let (first, second) = (events[one].what, events[other].what);
        match chance.below(8) {
            0 | 1 => drop(events.remove(one)),
            2 => events[other].what = first,
            3 => (events[one].what, events[other].what) = (second, first),
            what @ (4 | 5) => {
                let of_other = write_of(&mut { second }).copied();
                let write = if what == 4 { of_other } else { Some(Dot::new(NodeId(0), 1, 1 + chance.below(4) as u64)) };
                *write_of(&mut events[one].what).expect("chosen for its write") = write.expect("chosen for its write");
            }
            6 => {
                if let What::Visible { levels, .. } | What::Hidden { levels, .. } = &mut events[one].what {
                    *levels = Levels::from_bits(levels.bits() ^ 1 << chance.below(6));
                }
            }
            _ => {
                events[one].what = match first {
                    What::Visible { levels, write } => What::Hidden { levels, write },
                    What::Hidden { levels, write } => What::Visible { levels, write },
                    What::Known { write } => What::Visible { levels: Levels::only(Level::Eventual), write },
                    What::Holds { level, key, write } => match chance.below(3) {
                        0 => What::Holds { level: Level::ALL[chance.below(6)], key, write },
                        _ => What::Holds { level, key: 0, write },
                    },
                    same => same,
                };
            }
        }
    }
}
