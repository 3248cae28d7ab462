//! A toy store with ordered levels, on two to four nodes, which writes recordings as a simulator would.
//!
//! What becomes of each message, and each whim of the store, follows from the seed and its own identity. So a run
//! can be made again with other fates for the messages that carry lower writes. The store can be told to break one
//! of its promises.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::trace::{Action, Conflict, Disk, Dot, Event, Header, Level, Levels, NodeId, Recording, What};

use crate::chance::Chance;

/// A promise that the store breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// Now and then a write is applied before its predecessor.
    ShowsEarly,
    /// Every view waits for writes of every priority.
    WaitsForLower,
    /// Now and then a write is passed over.
    PassesOver,
    /// One replica applies writes only when it has asked another one.
    AppliesLate,
    /// Now and then a version disappears for good.
    Unshows,
    /// Now and then an overwritten version is back.
    Resurrects,
    /// A replica applies its own write one step late.
    OwnLate,
    /// Sessions that move do not wait.
    Careless,
    /// Reads return less than is announced.
    ReadsLess,
    /// How far a view had come is kept through a restart, even where the writes themselves were not.
    KeepsFrontiers,
    /// Now and then a restart forgets a write that the disk has.
    ForgetsAtRestart,
    /// What is missing of a dead replica is given up although a replica has it.
    VoidTooEarly,
    /// What is missing of a dead replica is never given up.
    NeverVoid,
    /// Messages of dead replicas still count.
    AcceptsDead,
    /// A replica without its disk serves before it has got everything again.
    ServesEmpty,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Setup {
    pub seed: u64,
    pub defect: Option<Defect>,
    /// Messages that carry writes of a lower priority meet other fates.
    pub below: u8,
    pub sessions_stay: bool,
    /// Nodes go down.
    pub crashes: bool,
}

struct Delta {
    key: u32,
    priority: u8,
    delete: bool,
    context: BTreeMap<u32, u64>,
}

#[derive(Clone, Default)]
struct Replica {
    counter: u64,
    /// Dead replicas whose missing writes were given up.
    void: BTreeSet<u32>,
    received: BTreeSet<Dot>,
    announced: BTreeSet<Dot>,
    /// By view.
    applied: [BTreeSet<Dot>; 4],
    /// Had no room; by view.
    dropped: BTreeSet<(usize, Dot)>,
    shown: BTreeSet<(Level, Dot)>,
    /// Defects.
    passed_over: BTreeSet<(usize, Dot)>,
    unshown: BTreeSet<(Level, Dot)>,
    undead: BTreeSet<(Level, Dot)>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Operation(u32),
    Delivery { write: Dot, to: NodeId, copy: u64 },
    Pull { at: NodeId, from: NodeId, round: u64 },
    Crash { node: NodeId, number: u64 },
    Restart { node: NodeId },
    Leave { node: NodeId },
}

/// Whether a node is up, and in which life.
#[derive(Clone)]
struct Life {
    incarnation: u16,
    down: Option<Disk>,
    /// It will not be back.
    left: bool,
    /// False until it has got everything again after the loss of its disk.
    serves: bool,
    /// What its disk has when it is down.
    disk: Replica,
}

#[derive(Default)]
struct Session {
    level: Option<Level>,
    /// By view, what it has seen applied.
    seen: [BTreeSet<Dot>; 4],
    contexts: BTreeMap<u32, BTreeMap<u32, u64>>,
}

struct Toy {
    setup: Setup,
    recording: Recording,
    replicas: Vec<Replica>,
    lives: Vec<Life>,
    sessions: Vec<Session>,
    writes: BTreeMap<Dot, Delta>,
    agenda: BTreeSet<(u64, Happening)>,
    /// Writes that a view of a replica may let wait.
    room: usize,
    /// Lost messages that have late copies.
    late: Vec<(Dot, NodeId)>,
    /// A read's context holds only what it returned.
    plain_contexts: bool,
    now_ns: u64,
    node: NodeId,
    cause: u64,
}

pub fn hash(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9e37_79b9_7f4a_7c15, |state, part| {
        let mut z = (state ^ part).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    })
}

pub const LEVELS: [Level; 6] =
    [Level::Eventual, Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3, Level::Priority];

/// The view of keys of a priority at a level, if the level carries them.
pub fn view(level: Level, priority: u8) -> Option<usize> {
    let view = match level {
        Level::Eventual => return None,
        Level::Priority => priority,
        ordered => LEVELS.iter().position(|level| *level == ordered)? as u8 - 1,
    };
    (view <= priority).then_some(usize::from(view))
}

/// A recording of a random run.
pub fn run(setup: Setup) -> Recording {
    let seed = setup.seed;
    let roll = |what: u64, limit: u64| hash(&[seed, what]) % limit;
    let nodes = 2 + roll(1, 3) as u16;
    let keys = 1 + roll(2, 4) as usize;
    let all = roll(3, 4) != 0;
    let header = Header {
        scenario: "toy".into(),
        seed,
        store: "toy".into(),
        nodes,
        sessions: (0..3).map(|i| format!("c{i}")).collect(),
        keys: (0..keys).map(|i| format!("k{i}")).collect(),
        priorities: if roll(4, 6) == 0 { vec![] } else { (0..keys as u64).map(|i| roll(10 + i, 4) as u8).collect() },
        kinds: vec!["update".into(), "repair".into()],
        conflict: if roll(5, 6) == 0 { Conflict::LastWriterWins } else { Conflict::Causal },
        levels: LEVELS.into_iter().filter(|level| all || roll(20 + *level as u64, 2) == 0).collect(),
        ..Header::default()
    };
    let mut toy = Toy {
        setup,
        replicas: vec![Replica::default(); usize::from(nodes)],
        lives: vec![
            Life { incarnation: 1, down: None, left: false, serves: true, disk: Replica::default() };
            usize::from(nodes)
        ],
        sessions: (0..3).map(|_| Session::default()).collect(),
        writes: BTreeMap::new(),
        agenda: BTreeSet::new(),
        room: if roll(6, 3) == 0 { 1 } else { usize::MAX },
        late: Vec::new(),
        plain_contexts: roll(7, 4) == 0,
        now_ns: 0,
        node: NodeId(0),
        cause: 0,
        recording: Recording { header, events: Vec::new() },
    };
    for (session, number) in toy.sessions.iter_mut().zip(0..) {
        let levels: Vec<Level> = toy.recording.header.levels.iter().collect();
        session.level = (!levels.is_empty()).then(|| levels[roll(30 + number, levels.len() as u64) as usize]);
    }
    let count = 5 + roll(8, 10) as u32;
    for op in 0..count {
        toy.agenda.insert((u64::from(op) * 4_000, Happening::Operation(op)));
    }
    for round in 0..roll(9, 6) {
        let at = hash(&[seed, 40, round]) as u16 % nodes;
        let from = (at + 1 + hash(&[seed, 41, round]) as u16 % (nodes - 1)) % nodes;
        let when = hash(&[seed, 42, round]) % (u64::from(count) * 4 + 20) * 1_000;
        toy.agenda.insert((when, Happening::Pull { at: NodeId(at), from: NodeId(from), round }));
    }
    for number in 0..if setup.crashes { 1 + roll(11, 4) } else { 0 } {
        let node = hash(&[seed, 50, number]) as u16 % nodes;
        let when = 4_000 + hash(&[seed, 51, number]) % (u64::from(count) * 4_000);
        toy.agenda.insert((when, Happening::Crash { node: NodeId(node), number }));
    }
    while let Some((now_ns, happening)) = toy.agenda.pop_first() {
        toy.now_ns = now_ns.max(toy.now_ns);
        match happening {
            Happening::Operation(op) => toy.operation(op),
            Happening::Delivery { write, to, .. } => {
                let is_undone = !toy.writes.contains_key(&write);
                if toy.is_down(to) || is_undone || toy.is_dead(write) && !toy.has(Defect::AcceptsDead) {
                    continue;
                }
                toy.arrives(to, write.node(), 0);
                let mut received = BTreeSet::from([write]);
                received.retain(|write| !toy.replicas[to.index()].received.contains(write));
                toy.receive(received);
            }
            Happening::Pull { at, from, round } if !toy.is_down(at) && !toy.is_down(from) => {
                toy.arrives(at, from, round);
                toy.pull(at, from);
            }
            Happening::Pull { .. } => {}
            Happening::Crash { node, number } => toy.crash(node, number),
            Happening::Restart { node } => toy.restart(node),
            Happening::Leave { node } => toy.leave(node),
        }
    }
    if roll(70, 3) != 0 {
        // Later than any message, whatever the fates.
        toy.settle(u64::from(count) * 4_000 + 40_000);
    }
    toy.snapshot();
    toy.recording.header.end_ns = toy.now_ns + 1_000;
    toy.recording
}

impl Toy {
    fn roll(&self, parts: &[u64], limit: u64) -> u64 {
        hash(&[&[self.setup.seed, 100], parts].concat()) % limit
    }

    fn has(&self, defect: Defect) -> bool {
        self.setup.defect == Some(defect)
    }

    fn push(&mut self, what: What) -> u64 {
        let number = self.recording.events.len() as u64 + 1;
        let (node, cause, at_ns) = (self.node, self.cause, self.now_ns);
        self.recording.events.push(Event { number, at_ns, cause, node, what });
        number
    }

    fn is_down(&self, node: NodeId) -> bool {
        self.lives[node.index()].down.is_some()
    }

    /// True for a write of a replica that is a member no more.
    fn is_dead(&self, write: Dot) -> bool {
        let life = &self.lives[write.node().index()];
        life.incarnation != write.origin.incarnation && (life.down.is_none() || life.left)
    }

    /// A node goes down. What it got to know just before that is not on its disk yet.
    fn crash(&mut self, node: NodeId, number: u64) {
        if self.is_down(node) {
            return;
        }
        let roll = |what: u64, limit: u64| hash(&[self.setup.seed, 300, number, what]) % limit;
        let (kind, unwritten, own, lasts_ns) =
            (roll(1, 8), roll(2, 2) == 0, roll(3, 2) == 0, 500 + roll(4, 12) * 1_000);
        let (stays_down, leaves) = (roll(5, 8) == 0, roll(6, 2) == 0);
        let disk = [Disk::Kept, Disk::Kept, Disk::Kept, Disk::Kept, Disk::TailLost, Disk::Lost, Disk::Lost, Disk::Lost]
            [kind as usize];
        let before = self.replicas[node.index()].clone();
        if unwritten {
            self.arrives(node, node, number);
            let others = self.writes.keys().filter(|write| write.node() != node && !before.received.contains(write));
            let is_refused = |write: &Dot| {
                let life = &self.lives[write.node().index()];
                life.incarnation != write.origin.incarnation || life.down.is_some()
            };
            let some = others.filter(|write| !is_refused(write) && self.roll(&[20, number, write.counter], 3) == 0);
            let some: BTreeSet<Dot> = some.copied().collect();
            if !some.is_empty() {
                self.receive(some);
            }
            if own && self.lives[node.index()].serves {
                let (op, key) = (1_000 + number as u32, (number % self.recording.header.keys.len() as u64) as u32);
                let (action, level, value) = (Action::Write, Level::Eventual, 1_000 + number);
                self.cause = 0;
                let asked = What::Invoked { op, session: 0, action, key, value, level, context: false };
                self.cause = self.push(asked);
                self.take_in(op, key, false, BTreeMap::new());
            }
        }
        (self.node, self.cause) = (node, 0);
        self.cause = self.push(What::Down { disk });
        let after = std::mem::take(&mut self.replicas[node.index()]);
        let mut kept = before;
        match disk {
            Disk::Lost => {
                kept = Replica::default();
                self.lives[node.index()].incarnation += 1;
                self.lives[node.index()].serves = false;
            }
            Disk::TailLost => {
                let is_promised =
                    |write: &&Dot| write.node() != node && self.roll(&[21, number, write.counter], 3) == 0;
                let torn: Vec<Dot> = kept.received.iter().filter(is_promised).copied().collect();
                for write in torn {
                    kept.received.remove(&write);
                    self.push(What::Forgot { write, promised: true });
                }
                kept.void.clear();
                kept.dropped.retain(|(_, write)| kept.received.contains(write));
            }
            Disk::Kept => {}
        }
        if disk != Disk::Lost {
            let gone: Vec<Dot> = after.announced.difference(&kept.announced).copied().collect();
            for write in gone {
                self.push(What::Forgot { write, promised: false });
                if write.node() == node {
                    self.writes.remove(&write);
                }
            }
        }
        if self.has(Defect::KeepsFrontiers) {
            kept.applied = after.applied;
            kept.applied.iter_mut().for_each(|applied| applied.retain(|write| self.writes.contains_key(write)));
        } else if disk == Disk::TailLost {
            kept.applied = Default::default();
        }
        self.lives[node.index()].disk = kept;
        self.lives[node.index()].down = Some(disk);
        self.lives[node.index()].left = stays_down && disk == Disk::Lost;
        if !stays_down {
            self.agenda.insert((self.now_ns + lasts_ns, Happening::Restart { node }));
        } else if disk != Disk::Lost && leaves {
            self.agenda.insert((self.now_ns + lasts_ns, Happening::Leave { node }));
        }
    }

    /// A node that is down does not come back, and takes its disk along.
    fn leave(&mut self, node: NodeId) {
        (self.node, self.cause) = (node, 0);
        self.push(What::Down { disk: Disk::Lost });
        let life = &mut self.lives[node.index()];
        life.incarnation += 1;
        (life.serves, life.left, life.down, life.disk) = (false, true, Some(Disk::Lost), Replica::default());
    }

    fn restart(&mut self, node: NodeId) {
        (self.node, self.cause) = (node, 0);
        let life = &mut self.lives[node.index()];
        life.down = None;
        let mut replica = std::mem::take(&mut life.disk);
        let what = What::Up { incarnation: life.incarnation };
        self.cause = self.push(what);
        replica.announced.clear();
        replica.shown.clear();
        let mut received = std::mem::take(&mut replica.received);
        if self.has(Defect::ForgetsAtRestart) && self.roll(&[22, self.now_ns], 2) == 0 {
            received.pop_first();
            replica.applied.iter_mut().for_each(|applied| applied.retain(|write| received.contains(write)));
        }
        let dropped = replica.dropped.clone();
        self.replicas[node.index()] = replica;
        if self.has(Defect::ServesEmpty) {
            self.lives[node.index()].serves = true;
        }
        if !received.is_empty() {
            self.receive_with(received, dropped, false);
        }
    }

    /// When all replicas know the same of a dead one, what is missing of it can never arrive.
    fn give_up(&mut self, at: NodeId) {
        let received = |node: usize, origin: u32| {
            self.replicas[node].received.iter().filter(move |write| write.origin.number() == origin).collect::<Vec<_>>()
        };
        let members = || (0..self.replicas.len()).filter(|node| !self.lives[*node].left);
        let is_agreed = |origin: &u32| {
            let all_know = || members().all(|node| received(node, *origin) == received(at.index(), *origin));
            let all_up = || members().all(|node| self.lives[node].down.is_none());
            self.has(Defect::VoidTooEarly) || all_up() && all_know()
        };
        let received_here = self.replicas[at.index()].received.iter();
        let dead: BTreeSet<u32> =
            received_here.filter(|write| self.is_dead(**write)).map(|write| write.origin.number()).collect();
        let given_up = |origin: &u32| !self.has(Defect::NeverVoid) && is_agreed(origin);
        let dead: Vec<u32> = dead.into_iter().filter(given_up).collect();
        self.replicas[at.index()].void.extend(dead);
    }

    /// A message, which becomes the cause of what follows.
    fn arrives(&mut self, node: NodeId, from: NodeId, id: u64) {
        (self.node, self.cause) = (node, 0);
        self.cause = self.push(What::Delivered { kind: 1, id, from });
    }

    fn priority(&self, key: u32) -> u8 {
        self.recording.header.priorities.get(key as usize).copied().unwrap_or(0)
    }

    fn operation(&mut self, op: u32) {
        let roll = |what: u64, limit: u64| hash(&[self.setup.seed, 200, u64::from(op), what]) % limit;
        let header = &self.recording.header;
        let session = roll(1, 3) as u32;
        let key = roll(2, header.keys.len() as u64) as u32;
        let moves = !self.setup.sessions_stay && roll(3, 3) == 0;
        let node = (u64::from(session) + if moves { roll(4, 4) } else { 0 }) as u16 % header.nodes;
        let node = NodeId(node);
        let action = [Action::Read, Action::Read, Action::Write, Action::Write, Action::Write, Action::Delete]
            [roll(5, 6) as usize];
        let level = self.sessions[session as usize].level.unwrap_or(Level::Eventual);
        let context =
            action != Action::Read && roll(6, 3) != 0 && self.sessions[session as usize].contexts.contains_key(&key);
        let value = if action == Action::Read { 0 } else { 100 + u64::from(op) };
        let (unknown, no_answer, stood_still) = (roll(7, 20) == 0, roll(8, 10) == 0, roll(9, 8) == 0);
        (self.node, self.cause) = (node, 0);
        self.cause = self.push(What::Invoked { op, session, action, key, value, level, context });
        if stood_still && !self.is_down(node) {
            (self.now_ns, self.cause) = (self.now_ns + 500, 0);
            self.cause = self.push(What::Reached { op });
        }
        if unknown || self.is_down(node) || !self.lives[node.index()].serves {
            self.push(What::TimedOut { op });
        } else if action == Action::Read {
            self.read(op, session, key, level);
        } else {
            self.write(op, session, key, action == Action::Delete, context);
            if !no_answer {
                self.answer(op, session);
            }
        }
    }

    fn answer(&mut self, op: u32, session: u32) {
        self.push(What::Answered { op });
        let applied = self.replicas[self.node.index()].applied.clone();
        let session = &mut self.sessions[session as usize];
        session.seen.iter_mut().zip(applied).for_each(|(seen, applied)| seen.extend(applied));
    }

    fn read(&mut self, op: u32, session: u32, key: u32, level: Level) {
        let node = self.node;
        let view = view(level, self.priority(key));
        if view.is_none() && level != Level::Eventual {
            self.push(What::Refused { op });
            return;
        }
        let state = &self.sessions[session as usize];
        // A session that stays carries nothing.
        let behind = !self.setup.sessions_stay
            && view.is_some_and(|view| !state.seen[view].is_subset(&self.replicas[node.index()].applied[view]));
        if behind && !self.has(Defect::Careless) {
            let is_behind = |toy: &Toy| {
                let seen = &toy.sessions[session as usize].seen;
                view.is_some_and(|view| !seen[view].is_subset(&toy.replicas[node.index()].applied[view]))
            };
            for from in NodeId::all(self.recording.header.nodes).filter(|from| *from != node) {
                if is_behind(self) && !self.is_down(from) {
                    self.arrives(node, from, u64::from(op));
                    self.pull(node, from);
                }
            }
            if is_behind(self) {
                return; // waits for ever
            }
        }
        let replica = &self.replicas[node.index()];
        let mut returned: Vec<Dot> = replica.shown.iter().filter(|(at, _)| *at == level).map(|one| one.1).collect();
        returned.retain(|write| self.writes[write].key == key);
        if self.has(Defect::ReadsLess) && self.roll(&[1, u64::from(op)], 2) == 0 {
            returned.pop();
        }
        let mut context = BTreeMap::new();
        let reflected = view.map_or(&replica.received, |view| &replica.applied[view]);
        for write in reflected.iter().filter(|write| self.writes[write].key == key) {
            if !self.plain_contexts || returned.contains(write) {
                raise(&mut context, write.origin.number(), write.counter);
            }
            if !self.plain_contexts {
                self.writes[write].context.iter().for_each(|(origin, counter)| raise(&mut context, *origin, *counter));
            }
        }
        self.sessions[session as usize].contexts.insert(key, context);
        for write in returned {
            self.push(What::Returned { op, write });
        }
        self.answer(op, session);
    }

    fn write(&mut self, op: u32, session: u32, key: u32, delete: bool, context: bool) {
        let node = self.node;
        let mut seen = BTreeMap::new();
        match self.recording.header.conflict {
            Conflict::Causal if context => seen = self.sessions[session as usize].contexts[&key].clone(),
            Conflict::Causal => {}
            Conflict::LastWriterWins => {
                let received = &self.replicas[node.index()].received;
                for write in received.iter().filter(|write| self.writes[write].key == key) {
                    raise(&mut seen, write.origin.number(), write.counter);
                    self.writes[write].context.iter().for_each(|(origin, counter)| raise(&mut seen, *origin, *counter));
                }
            }
        }
        let id = self.take_in(op, key, delete, seen);
        let priority = self.priority(key);
        let salt = if priority < self.setup.below { 77 } else { 0 };
        for to in NodeId::all(self.recording.header.nodes).filter(|to| *to != node) {
            for copy in 0..2 {
                let fate = self.roll(&[3, salt, u64::from(op), u64::from(to.0), copy], 64);
                // The first copy is lost now and then, the second is there only now and then.
                if fate.is_multiple_of(8) || copy == 1 && fate % 4 != 1 {
                    self.late.push((id, to));
                    continue;
                }
                let delay_ns = 1_000 * (1 + fate / 4);
                self.agenda.insert((self.now_ns + delay_ns, Happening::Delivery { write: id, to, copy }));
            }
        }
    }

    /// The node's next write.
    fn take_in(&mut self, op: u32, key: u32, delete: bool, seen: BTreeMap<u32, u64>) -> Dot {
        let node = self.node;
        let incarnation = self.lives[node.index()].incarnation;
        let replica = &mut self.replicas[node.index()];
        replica.counter += 1;
        let id = Dot::new(node, incarnation, replica.counter);
        let priority = self.priority(key);
        self.writes.insert(id, Delta { key, priority, delete, context: seen });
        let named_first = self.roll(&[2, u64::from(op)], 2) == 0;
        if named_first {
            self.push(What::Wrote { op, write: id });
        }
        self.receive(BTreeSet::from([id]));
        if !named_first {
            self.push(What::Wrote { op, write: id });
        }
        id
    }

    /// Anti-entropy: `at` gets all that `from` has, in one step.
    fn pull(&mut self, at: NodeId, from: NodeId) {
        let source = self.replicas[from.index()].clone();
        let serves = self.lives[from.index()].serves;
        let replica = &mut self.replicas[at.index()];
        let fresh: BTreeSet<Dot> = source.received.difference(&replica.received).copied().collect();
        if serves {
            self.lives[at.index()].serves = true;
            replica.void.extend(&source.void);
        }
        if !self.setup.crashes && self.setup.defect.is_none() && fresh.is_empty() && replica.dropped.is_empty() {
            return;
        }
        // What the source let go it cannot hand on.
        replica.dropped.retain(|one| !source.received.contains(&one.1) || source.dropped.contains(one));
        let lacks: BTreeSet<(usize, Dot)> =
            source.dropped.iter().filter(|(_, write)| fresh.contains(write)).copied().collect();
        replica.dropped.extend(&lacks);
        for (view, applied) in source.applied.iter().enumerate() {
            replica.applied[view].extend(applied.iter().filter(|_| self.setup.defect.is_none()));
        }
        replica.received.extend(&fresh);
        self.give_up(at);
        if self.has(Defect::Unshows) && self.roll(&[4, self.now_ns], 2) == 0 {
            let gone = self.replicas[at.index()].shown.iter().rfind(|one| one.0 != Level::Eventual).copied();
            self.replicas[at.index()].unshown.extend(gone);
        }
        self.receive_with(fresh, lacks, true);
    }

    fn receive(&mut self, writes: BTreeSet<Dot>) {
        self.receive_with(writes, BTreeSet::new(), false);
    }

    /// A step of the node.
    fn receive_with(&mut self, writes: BTreeSet<Dot>, lacks: BTreeSet<(usize, Dot)>, pulled: bool) {
        let node = self.node;
        let mut said = Vec::new();
        let mut overflowed: BTreeMap<Dot, Vec<usize>> = BTreeMap::new();
        lacks.iter().for_each(|(view, write)| overflowed.entry(*write).or_default().push(*view));
        let fresh: Vec<Dot> = writes.into_iter().collect();
        self.replicas[node.index()].received.extend(&fresh);
        let own_late = self.has(Defect::OwnLate) && fresh.iter().any(|write| write.node() == node);
        let late = self.has(Defect::AppliesLate) && node == NodeId(0) && !pulled;
        if !own_late && !late {
            self.apply(node);
        }
        for write in &fresh {
            for view in 0..=usize::from(self.writes[write].priority) {
                let replica = &self.replicas[node.index()];
                let waits = |write: &&Dot| {
                    usize::from(self.writes[write].priority) >= view
                        && !replica.applied[view].contains(write)
                        && !replica.dropped.contains(&(view, **write))
                };
                let is_full = replica.received.iter().filter(waits).count() > self.room;
                if is_full && waits(&write) && !own_late && !late {
                    self.replicas[node.index()].dropped.insert((view, *write));
                    overflowed.entry(*write).or_default().push(view);
                }
            }
        }
        let replica = &mut self.replicas[node.index()];
        said.extend(
            fresh.iter().filter(|write| replica.announced.insert(**write)).map(|write| What::Known { write: *write }),
        );
        for (write, views) in overflowed {
            let priority = self.writes[&write].priority;
            let levels =
                LEVELS.into_iter().filter(|level| view(*level, priority).is_some_and(|view| views.contains(&view)));
            said.push(What::Overflowed { levels: levels.collect(), write });
        }
        said.extend(self.refresh(node));
        // Within a step the order means nothing.
        for i in (1..said.len()).rev() {
            said.swap(i, self.roll(&[5, self.recording.events.len() as u64, i as u64], i as u64 + 1) as usize);
        }
        said.into_iter().for_each(|what| {
            self.push(what);
        });
    }

    fn apply(&mut self, node: NodeId) {
        loop {
            let mut next = None;
            let replica = &self.replicas[node.index()];
            for (view, write) in (0..4).flat_map(|view| replica.received.iter().map(move |write| (view, *write))) {
                let is_mine = |write: &Dot, view: usize| usize::from(self.writes[write].priority) >= view;
                if !is_mine(&write, view)
                    || replica.applied[view].contains(&write)
                    || replica.dropped.contains(&(view, write))
                {
                    continue;
                }
                let waits_for = if self.has(Defect::WaitsForLower) { 0 } else { view };
                let earlier = self
                    .writes
                    .keys()
                    .filter(|other| other.origin.number() == write.origin.number() && other.counter < write.counter);
                let is_void =
                    |other: &Dot| replica.void.contains(&other.origin.number()) && !replica.received.contains(other);
                let mut before = earlier.filter(|other| is_mine(other, waits_for) && !is_void(other));
                let fits = if self.has(Defect::WaitsForLower) {
                    before.all(|other| replica.received.contains(other))
                } else {
                    before.all(|other| replica.applied[view].contains(other))
                };
                let whim = &[6, u64::from(node.0), view as u64, u64::from(write.node().0), write.counter];
                if fits || self.has(Defect::ShowsEarly) && self.roll(whim, 3) == 0 {
                    next = Some((view, write, self.roll(whim, 4) == 0));
                    break;
                }
            }
            let Some((view, write, whim)) = next else { break };
            let pass_over = whim && self.has(Defect::PassesOver);
            let replica = &mut self.replicas[node.index()];
            replica.applied[view].insert(write);
            if pass_over {
                replica.passed_over.insert((view, write));
            }
        }
    }

    fn covers(&self, by: &Dot, write: &Dot) -> bool {
        let (a, b) = (&self.writes[by], &self.writes[write]);
        let own = by.origin.number() == write.origin.number() && by.counter > write.counter;
        a.key == b.key
            && (own || by != write && a.context.get(&write.origin.number()).is_some_and(|seen| *seen >= write.counter))
    }

    /// Brings what a replica shows up to date and says what changes.
    fn refresh(&mut self, node: NodeId) -> Vec<What> {
        let replica = &self.replicas[node.index()];
        let mut now = BTreeSet::new();
        for level in self.recording.header.levels.iter() {
            for write in replica.received.iter().filter(|write| !self.writes[write].delete) {
                let priority = self.writes[write].priority;
                let view = view(level, priority);
                let reflected: BTreeSet<&Dot> = match view {
                    None if level == Level::Eventual => replica.received.iter().collect(),
                    None => continue,
                    Some(view) => {
                        let passed = |write: &&Dot| !replica.passed_over.contains(&(view, **write));
                        replica.applied[view].iter().filter(passed).collect()
                    }
                };
                if reflected.contains(write) && !reflected.iter().any(|by| self.covers(by, write)) {
                    now.insert((level, *write));
                }
            }
        }
        now.retain(|one| !replica.unshown.contains(one));
        now.extend(&replica.undead);
        let gone: Vec<(Level, Dot)> = replica.shown.difference(&now).copied().collect();
        let mut said = Vec::new();
        let mut merge = |changed: &[(Level, Dot)], what: fn(Levels, Dot) -> What| {
            let writes: BTreeSet<Dot> = changed.iter().map(|one| one.1).collect();
            for write in writes {
                let levels = changed.iter().filter(|one| one.1 == write).map(|one| one.0).collect();
                said.push(what(levels, write));
            }
        };
        let new: Vec<(Level, Dot)> = now.difference(&replica.shown).copied().collect();
        merge(&new, |levels, write| What::Visible { levels, write });
        merge(&gone, |levels, write| What::Hidden { levels, write });
        let defect = self.has(Defect::Resurrects);
        let back: Vec<(Level, Dot)> = gone
            .into_iter()
            .filter(|one| defect && one.0 != Level::Eventual && self.roll(&[7, one.1.counter, self.now_ns], 2) == 0)
            .collect();
        let replica = &mut self.replicas[node.index()];
        replica.undead.extend(back);
        replica.shown = now;
        said
    }

    /// Every node asks every other one, so often that nothing is left to ask for.
    fn settle(&mut self, from_ns: u64) {
        (self.node, self.cause, self.now_ns) = (NodeId(0), 0, from_ns);
        self.recording.header.settling_from_ns = Some(self.now_ns);
        self.push(What::Settling);
        let nodes = self.recording.header.nodes;
        for round in 0..3 {
            for (at, from) in (0..nodes * nodes).map(|i| (i / nodes, i % nodes)) {
                if !self.is_down(NodeId(at)) && !self.is_down(NodeId(from)) {
                    self.now_ns += 1_000;
                    self.arrives(NodeId(at), NodeId(from), round);
                    if at == from {
                        // A single replica has no other to ask.
                        self.give_up(NodeId(at));
                        self.receive(BTreeSet::new());
                    } else {
                        self.pull(NodeId(at), NodeId(from));
                    }
                }
            }
            for (write, to) in std::mem::take(&mut self.late) {
                let is_new = !self.replicas[to.index()].received.contains(&write);
                if self.has(Defect::AcceptsDead) && round == 1 && is_new && self.is_dead(write) && !self.is_down(to) {
                    self.arrives(to, write.node(), round);
                    self.receive(BTreeSet::from([write]));
                } else if round == 0 {
                    self.late.push((write, to));
                }
            }
        }
    }

    fn snapshot(&mut self) {
        self.cause = 0;
        for node in (0..self.recording.header.nodes).filter(|node| !self.is_down(NodeId(*node))).collect::<Vec<_>>() {
            self.node = NodeId(node);
            for (level, write) in self.replicas[usize::from(node)].shown.clone() {
                let key = self.writes[&write].key;
                self.push(What::Holds { level, key, write });
            }
        }
    }
}

fn raise(context: &mut BTreeMap<u32, u64>, origin: u32, counter: u64) {
    let seen = context.entry(origin).or_default();
    *seen = counter.max(*seen);
}

/// True when some replica shows a write at `fifo` and an earlier one of its origin is never known there.
pub fn passes_over(recording: &Recording) -> bool {
    recording.events.iter().any(|event| {
        let What::Visible { write, levels } = event.what else { return false };
        let earlier = (1..write.counter).map(|counter| Dot { counter, ..write });
        let known = |write: Dot| {
            recording.events.iter().any(|other| other.node == event.node && other.what == What::Known { write })
        };
        levels.contains(Level::Fifo) && earlier.into_iter().any(|write| !known(write))
    })
}

/// Spoils one or two events of a recording at random; it may end up as no recording at all.
pub fn spoil(recording: &mut Recording, chance: &mut Chance) {
    for _ in 0..1 + chance.below(2) {
        let events = &mut recording.events;
        let about_writes: Vec<usize> =
            (0..events.len()).filter(|i| write_of(&mut events[*i].what.clone()).is_some()).collect();
        if about_writes.len() < 2 {
            return;
        }
        let one = about_writes[chance.below(about_writes.len())];
        let other = about_writes[chance.below(about_writes.len())];
        match chance.below(7) {
            0 | 1 => {
                events.remove(one);
            }
            2 => events[other].what = events[one].what,
            3 => {
                let (a, b) = (events[one].what, events[other].what);
                (events[one].what, events[other].what) = (b, a);
            }
            4 => {
                let write = *write_of(&mut events[other].what).expect("chosen for its write");
                *write_of(&mut events[one].what).expect("chosen for its write") = write;
            }
            5 => {
                let level = LEVELS[chance.below(6)];
                if let What::Visible { levels, .. } | What::Hidden { levels, .. } | What::Overflowed { levels, .. } =
                    &mut events[one].what
                {
                    *levels = Levels::only(level);
                }
            }
            _ => {
                events[one].what = match events[one].what {
                    What::Visible { levels, write } => What::Hidden { levels, write },
                    What::Hidden { levels, write } => What::Visible { levels, write },
                    What::Known { write } => What::Overflowed { levels: Levels::only(Level::Fifo), write },
                    What::Overflowed { write, .. } => What::Known { write },
                    same => same,
                };
            }
        }
    }
}

fn write_of(what: &mut What) -> Option<&mut Dot> {
    match what {
        What::Wrote { write, .. }
        | What::Returned { write, .. }
        | What::Known { write }
        | What::Overflowed { write, .. }
        | What::Visible { write, .. }
        | What::Hidden { write, .. } => Some(write),
        _ => None,
    }
}
