//! Durability and freshness against their definitions, on random recordings, and breaches made by hand.

use std::collections::BTreeSet;

use kvsim_checkers::promises::{DURABLE, FRESH, excuse_a_loss};
use kvsim_checkers::trace::{
    AckWord, Acks, Action, Conflict, Disk, Dot, Event, Header, Level, NodeId, Recording, What,
};
use kvsim_checkers::{CheckerInfo, Facts, NO_RERUN, Report, Verdict};

use crate::chance::Chance;
use crate::script::{self, Script, text};

/// An operation under way.
#[derive(Clone, Copy)]
struct Open {
    session: usize,
    op: u32,
    action: Action,
    key: u32,
    /// The event by which the node has taken it up; until then its node stands still.
    taken_up: Option<u64>,
    /// How often its node had been down.
    downs: usize,
}

/// A recording of a store that does what it wants: it names writes, spreads and forgets them, and answers reads, by chance.
struct Wild<'c> {
    chance: &'c mut Chance,
    recording: Recording,
    /// By node: it is up, in which life, and how often it has given a name in it.
    nodes: Vec<(bool, u16, u64)>,
    known: Vec<BTreeSet<Dot>>,
    /// By name: the key.
    names: Vec<(Dot, u32)>,
    open: Vec<Open>,
    /// The time at which one goes on, while what has waited there is taken up.
    now: Option<u64>,
    /// The event since which one stands still.
    is_still: Option<u64>,
}

impl Wild<'_> {
    fn recording(chance: &mut Chance) -> Recording {
        let nodes = 2 + chance.below(3);
        // Every node holds every key, or some do.
        let copies = 1 + chance.below(nodes);
        let mut some = || {
            let mut all: Vec<u16> = (0..nodes as u16).collect();
            (copies..nodes).for_each(|_| _ = all.remove(chance.below(all.len())));
            all.into_iter().map(NodeId).collect()
        };
        let placement = if copies < nodes { vec![some(), some()] } else { Vec::new() };
        let header = Header {
            nodes: nodes as u16,
            copies: (copies < nodes).then_some(copies as u16),
            placement,
            sessions: (0..nodes).map(|session| format!("c{session}")).collect(),
            quorums: (0..nodes).map(|_| 1 + chance.below(nodes) as u16).collect(),
            ack: match chance.below(5) {
                0 => Acks::Word(AckWord::Majority),
                1 => Acks::Word(AckWord::All),
                2 => Acks::Word(AckWord::Half),
                _ => Acks::Number(1 + chance.below(nodes) as u16),
            },
            keys: vec!["x".into(), "y".into()],
            settling_from_ns: Some(1_000),
            end_ns: 1_000,
            ..script::header()
        };
        let mut wild = Wild {
            chance,
            recording: Recording { header, events: Vec::new() },
            nodes: vec![(true, 1, 0); nodes],
            known: vec![BTreeSet::new(); nodes],
            names: Vec::new(),
            now: None,
            is_still: None,
            open: Vec::new(),
        };
        if wild.chance.one_in(4) {
            // The last node joins later.
            let what = What::Down { disk: Disk::Lost };
            wild.recording.events.push(Event { number: 1, at_ns: 0, cause: 0, node: NodeId(nodes as u16 - 1), what });
            wild.nodes[nodes - 1].0 = false;
        }
        for _ in 0..10 + wild.chance.below(30) {
            wild.step();
        }
        for node in 0..nodes {
            for (name, key) in wild.names.clone() {
                if wild.nodes[node].0 && wild.known[node].contains(&name) && !wild.chance.one_in(4) {
                    wild.say(node, 0, What::Holds { level: Level::Eventual, key, write: name });
                }
            }
        }
        wild.recording
    }

    fn say(&mut self, node: usize, cause: u64, what: What) -> u64 {
        let number = self.recording.events.len() as u64 + 1;
        let at_ns = self.now.unwrap_or(number);
        self.recording.events.push(Event { number, at_ns, cause, node: NodeId(node as u16), what });
        number
    }

    fn knows(&mut self, node: usize, cause: u64, write: Dot) {
        if self.known[node].insert(write) {
            self.say(node, cause, What::Known { write });
        }
    }

    fn step(&mut self) {
        let node = self.chance.below(self.nodes.len());
        let is_up = self.nodes[node].0;
        match self.chance.below(12) {
            0 | 1 if is_up => {
                let lost = self.chance.one_in(2);
                self.say(node, 0, What::Down { disk: if lost { Disk::Lost } else { Disk::Kept } });
                self.nodes[node].0 = false;
                self.nodes[node].1 += u16::from(lost);
                if lost {
                    self.nodes[node].2 = 0;
                    self.known[node].clear();
                }
                // Sometimes a disk does not have what came from others.
                let foreign = self.known[node].iter().copied().filter(|write| write.node().index() != node);
                for write in foreign.collect::<Vec<Dot>>() {
                    if self.chance.one_in(8) {
                        let promised = self.chance.one_in(4);
                        self.say(node, 0, What::Forgot { write, promised });
                        self.known[node].remove(&write);
                    }
                }
            }
            _ if !is_up => {
                self.say(node, 0, What::Up { incarnation: self.nodes[node].1 });
                self.nodes[node].0 = true;
                let kept = std::mem::take(&mut self.known[node]);
                kept.into_iter().for_each(|write| self.knows(node, 0, write));
            }
            2..=4 => self.invoke(node),
            5..=7 if !self.names.is_empty() => {
                let name = self.names[self.chance.below(self.names.len())].0;
                self.knows(node, 0, name);
            }
            _ if !self.open.is_empty() => {
                let at = self.chance.below(self.open.len());
                let Open { session: node, op, .. } = self.open[at];
                if self.is_still.is_some() || !self.chance.one_in(3) {
                    return self.answer(at);
                }
                // Its node stands still before it answers.
                self.is_still = Some(self.say(node, 0, What::Paused));
                (0..self.chance.below(6)).for_each(|_| self.step());
                self.is_still = None;
                let resumed = self.say(node, 0, What::Resumed);
                self.now = Some(resumed).filter(|_| !self.chance.one_in(4));
                let at = self.open.iter().position(|open| open.op == op);
                at.into_iter().for_each(|at| self.answer(at));
                self.now = None;
            }
            _ => {}
        }
    }

    fn invoke(&mut self, session: usize) {
        let op = self.recording.events.len() as u32;
        let action = [Action::Read, Action::Read, Action::Write, Action::Write, Action::Write, Action::Delete]
            [self.chance.below(6)];
        let (key, context) = (self.chance.below(2) as u32, action != Action::Read && self.chance.one_in(2));
        let (session, value, level) = (session as u32, u64::from(op), Level::Eventual);
        let value = if action == Action::Read { 0 } else { value };
        let invoked = self.say(session as usize, 0, What::Invoked { op, session, action, key, value, level, context });
        let session = session as usize;
        let mut open = Open { session, op, action, key, taken_up: None, downs: self.downs(session) };
        if !self.chance.one_in(6) {
            self.take_up(&mut open, invoked);
        }
        self.open.push(open);
    }

    /// The node gets to see the operation, by the event `cause`.
    fn take_up(&mut self, open: &mut Open, cause: u64) {
        open.taken_up = Some(cause);
        if open.action != Action::Read {
            let node = open.session;
            let (_, incarnation, counter) = &mut self.nodes[node];
            *counter += 1;
            let write = Dot::new(NodeId(node as u16), *incarnation, *counter);
            self.say(node, cause, What::Wrote { op: open.op, write });
            self.knows(node, cause, write);
            self.names.push((write, open.key));
        }
    }

    fn downs(&self, node: usize) -> usize {
        let is_down = |event: &&Event| event.node.index() == node && matches!(event.what, What::Down { .. });
        self.recording.events.iter().filter(is_down).count()
    }

    fn answer(&mut self, at: usize) {
        let mut open = self.open.remove(at);
        let Open { session: node, op, action, key, .. } = open;
        if !self.nodes[node].0 || self.chance.one_in(8) || open.downs < self.downs(node) && open.taken_up.is_none() {
            self.say(node, 0, What::TimedOut { op });
            return;
        }
        if open.taken_up.is_none() {
            let reached = self.say(node, 0, What::Reached { op });
            self.take_up(&mut open, reached);
        }
        // Mostly in a step of its own.
        let cause = match self.chance.below(6) {
            0 | 1 => 0,
            2 if open.downs == self.downs(node) => open.taken_up.expect("it is taken up"),
            _ => self.say(node, 0, What::TimerFired),
        };
        if action == Action::Read {
            let versions: Vec<Dot> =
                self.known.iter().flatten().copied().collect::<BTreeSet<Dot>>().into_iter().collect();
            for write in versions {
                if self.names.contains(&(write, key)) && self.chance.one_in(2) {
                    self.say(node, cause, What::Returned { op, write });
                }
            }
        }
        self.say(node, cause, What::Answered { op });
    }
}

/// The same from a store that announces nothing, whose disks may lose their tails, and where a write may be replaced by any
/// that is not over before it begins, or as ever.
fn silenced(mut recording: Recording, chance: &mut Chance) -> Recording {
    let Recording { header, events } = &mut recording;
    header.silent = true;
    header.conflict = if chance.one_in(3) { Conflict::Causal } else { Conflict::LastWriterWins };
    events.retain(|event| !matches!(event.what, What::Known { .. }));
    for event in events {
        match event.what {
            What::Down { disk: Disk::Kept } if chance.one_in(2) => event.what = What::Down { disk: Disk::TailLost },
            What::TimedOut { op } if chance.one_in(2) => event.what = What::Refused { op, why: None },
            _ => {}
        }
    }
    recording
}

/// A recording, and questions that are put to its events again and again.
struct Asked<'r>(&'r Recording);

#[derive(Clone, Copy)]
struct AskedOp {
    op: u32,
    session: u32,
    node: NodeId,
    action: Action,
    key: u32,
    context: bool,
    invoked: usize,
}

impl Asked<'_> {
    fn events(&self) -> impl DoubleEndedIterator<Item = (usize, &Event)> + ExactSizeIterator {
        self.0.events.iter().enumerate()
    }

    fn ops(&self) -> Vec<AskedOp> {
        let op = |(invoked, event): (usize, &Event)| match event.what {
            What::Invoked { op, session, action, key, context, .. } => {
                Some(AskedOp { op, session, node: event.node, action, key, context, invoked })
            }
            _ => None,
        };
        self.events().filter_map(op).collect()
    }

    fn place(&self, wanted: What) -> Option<usize> {
        self.events().find(|(_, event)| event.what == wanted).map(|(place, _)| place)
    }

    fn answered(&self, op: u32) -> Option<usize> {
        self.place(What::Answered { op })
    }

    fn decided(&self, op: u32) -> Option<usize> {
        let answered = self.answered(op)?;
        let cause = self.0.events[answered].cause;
        Some(self.events().find(|(_, event)| event.number == cause).map_or(answered, |(place, _)| place))
    }

    fn name(&self, op: u32) -> Option<Dot> {
        self.events().find_map(|(_, event)| match event.what {
            What::Wrote { op: of, write } if of == op => Some(write),
            _ => None,
        })
    }

    fn returned(&self, op: u32) -> Vec<Dot> {
        let version = |(_, event): (usize, &Event)| match event.what {
            What::Returned { op: of, write } if of == op => Some(write),
            _ => None,
        };
        self.events().filter_map(version).collect()
    }

    /// After the event at `place`, the disk of the node is missing for the write of `key` with this name, and that is news since
    /// `since`.
    fn is_missing(&self, node: NodeId, of: (u32, Dot), since: usize, place: usize) -> bool {
        self.is_without(node, of, since, place) || self.breaks(node, of.1).any(|broken| broken <= place)
    }

    /// The same, for the disk as a whole.
    fn is_without(&self, node: NodeId, (key, name): (u32, Dot), since: usize, place: usize) -> bool {
        let informed = self.informed(name, since);
        let here = |(_, event): &(usize, &Event)| event.node == node;
        let losses: Vec<usize> = self
            .events()
            .filter(here)
            .filter(|(at, event)| {
                let is_lost = |disk| disk == Disk::Lost || self.0.header.silent && disk == Disk::TailLost;
                *at <= place && event.at_ns > 0 && matches!(event.what, What::Down { disk } if is_lost(disk))
            })
            .map(|(at, _)| at)
            .collect();
        losses.into_iter().any(|lost| {
            let up = self.events().filter(here).find(|(at, event)| *at > lost && matches!(event.what, What::Up { .. }));
            let up = up.map_or(usize::MAX, |(at, _)| at);
            let is_ring = self.0.header.copies.is_some();
            let served = self.events().filter(here).any(|(at, event)| match event.what {
                What::Answered { op } => {
                    let asked = self.ops().into_iter().find(|asked| asked.op == op).expect("it was invoked");
                    let last_up = self
                        .events()
                        .filter(here)
                        .rfind(|(up, event)| *up < at && matches!(event.what, What::Up { .. }));
                    let is_new = last_up.is_some_and(|(up, _)| up > lost && asked.invoked > up);
                    lost < at && at <= place && is_new && (!is_ring || asked.key == key && self.is_alone(event, op))
                }
                What::Known { write } => {
                    is_ring && write == name && up < at && at <= place && !self.is_forgotten(node, name, at)
                }
                _ => false,
            });
            !served && (lost > since || up > informed)
        })
    }

    /// What happened up to this place the node that was asked for the write had heard of when it decided at `decided`.
    fn informed(&self, name: Dot, decided: usize) -> usize {
        let asked = self.ops().into_iter().find(|op| self.name(op.op) == Some(name)).expect("names are of operations");
        let here = || self.events().filter(|(at, event)| *at <= decided && event.node == asked.node);
        let Some((from, _)) = here().rfind(|(_, event)| event.what == What::Paused) else { return decided };
        let what = |what: &What| matches!(what, What::Resumed | What::Down { .. } | What::Up { .. });
        let until = here().find(|(at, event)| *at > from && what(&event.what));
        let now = self.0.events[decided].at_ns;
        let is_still = until.is_none_or(|(_, event)| event.what == What::Resumed && event.at_ns == now);
        if is_still { from } else { decided }
    }

    /// The node gave the answer when it took the call up, without hearing from others.
    fn is_alone(&self, answer: &Event, op: u32) -> bool {
        let cause = self.0.events.iter().find(|event| event.number == answer.cause);
        let is_it =
            |event: &Event| matches!(event.what, What::Invoked { op: of, .. } | What::Reached { op: of } if of == op);
        cause.is_some_and(is_it)
    }

    /// What the node knew at `place` it did not have on its disk when it next went down.
    fn is_forgotten(&self, node: NodeId, name: Dot, place: usize) -> bool {
        let later = self.events().filter(|(at, event)| *at > place && event.node == node);
        let mut until_up = later.take_while(|(_, event)| !matches!(event.what, What::Up { .. }));
        until_up.any(|(_, event)| matches!(event.what, What::Forgot { write, .. } if write == name))
    }

    /// Where the node's disk broke its promise to have the write.
    fn breaks(&self, node: NodeId, name: Dot) -> impl Iterator<Item = usize> {
        let broken = What::Forgot { write: name, promised: true };
        let is_it = move |(_, event): &(usize, &Event)| event.node == node && event.what == broken;
        self.events().filter(is_it).map(|(at, _)| at)
    }

    /// So many disks of nodes that may hold the key, and that of `own`, were missing at once before `end`.
    fn is_excused(&self, of: (u32, Dot), count: u16, own: Option<NodeId>, since: usize, end: usize) -> bool {
        (since..end.min(self.0.events.len())).any(|place| {
            let is_missing = |node: &NodeId| self.is_missing(*node, of, since, place);
            let missing =
                NodeId::all(self.0.header.nodes).filter(|node| self.may_hold(*node, of.0) && is_missing(node));
            missing.count() >= usize::from(count) && own.is_none_or(|own| is_missing(&own))
        })
    }

    /// So many disks of nodes that may hold the key were missing at once, after that of `own` had been lost.
    fn is_excused_beside(&self, of: (u32, Dot), count: u16, own: NodeId, since: usize) -> bool {
        (since..self.0.events.len()).any(|place| {
            let is_missing = |node: &NodeId| self.is_missing(*node, of, since, place);
            let others = NodeId::all(self.0.header.nodes).filter(|node| *node != own && self.may_hold(*node, of.0));
            let was_missing = (since..=place).any(|place| self.is_missing(own, of, since, place));
            others.filter(is_missing).count() >= usize::from(count) && was_missing
        })
    }

    /// What `ack` says of the fewest that held the key while the write was asked for and not answered yet.
    fn promised(&self, write: AskedOp) -> u16 {
        let answered = self.answered(write.op).expect("it is acknowledged");
        let promised = |holders| self.0.header.ack.of(holders);
        (write.invoked..answered).map(|place| promised(self.holders(place, place + 1))).min().expect("it was asked for")
    }

    /// After the event at `place` the node is a member: it has joined, and has not gone for good.
    fn is_member(&self, node: NodeId, place: usize) -> bool {
        let here = || self.events().filter(|(_, event)| event.node == node);
        let joins = here().any(|(_, event)| event.at_ns == 0 && matches!(event.what, What::Down { .. }));
        let ups: Vec<usize> =
            here().filter(|(_, event)| matches!(event.what, What::Up { .. })).map(|(at, _)| at).collect();
        let last_down = here().rfind(|(_, event)| matches!(event.what, What::Down { .. })).map(|(at, _)| at);
        let is_gone = last_down.is_some_and(|down| down <= place && ups.iter().all(|up| *up < down));
        !is_gone && (!joins || ups.iter().any(|up| *up <= place))
    }

    fn members_change(&self) -> bool {
        // Who joins is none at first, who leaves none at last.
        let places = [0, self.0.events.len()];
        NodeId::all(self.0.header.nodes).any(|node| places.iter().any(|place| !self.is_member(node, *place)))
    }

    fn may_hold(&self, node: NodeId, key: u32) -> bool {
        self.members_change() || self.0.header.holds(node, key)
    }

    /// How many hold a key at the most, between two events.
    fn holders(&self, from: usize, until: usize) -> u16 {
        let members =
            |place| NodeId::all(self.0.header.nodes).filter(|node| self.is_member(*node, place)).count() as u16;
        let most = (from..until).map(members).max().expect("a write comes before it is read");
        most.min(self.0.header.copies.unwrap_or(self.0.header.nodes))
    }

    /// A later writer of the key may have seen the write.
    fn may_be_replaced(&self, write: AskedOp, name: Dot) -> bool {
        let ops = self.ops();
        let writes = || {
            ops.iter().filter(|other| other.action != Action::Read && other.key == write.key && other.op != write.op)
        };
        // Where not all nodes hold the key, any that does may have served a read.
        let header = &self.0.header;
        let knew = |node: NodeId, until: usize| {
            let is_it = |at: NodeId| match header.placement.is_empty() {
                true => at == node,
                false => header.holds(at, write.key),
            };
            self.events()
                .any(|(place, event)| place < until && is_it(event.node) && event.what == What::Known { write: name })
        };
        let has_read = |other: &AskedOp| {
            // What no replica took in has replaced nothing.
            self.name(other.op).is_some()
                && ops.iter().any(|read| {
                    let Some(answered) = self.answered(read.op) else { return false };
                    if read.op == write.op && write.session == other.session && answered < other.invoked {
                        return true;
                    }
                    let is_of_session =
                        read.action == Action::Read && read.session == other.session && read.key == write.key;
                    let has_it = self.returned(read.op).contains(&name) || knew(read.node, answered);
                    is_of_session && answered < other.invoked && has_it
                })
        };
        let is_refused = |op: u32| self.events().any(|(_, event)| event.what == What::Refused { op, why: None });
        let is_not_before = |other: &AskedOp| {
            !is_refused(other.op) && self.answered(other.op).is_none_or(|answered| answered > write.invoked)
        };
        match self.0.header.conflict {
            Conflict::LastWriterWins => writes().any(is_not_before),
            Conflict::Causal => writes().any(has_read),
        }
    }

    /// The codes and operations of what is wrong.
    fn durable(&self) -> BTreeSet<(&'static str, u32)> {
        let mut wrong = BTreeSet::new();
        for write in self.ops().into_iter().filter(|op| op.action != Action::Read) {
            let (Some(decided), Some(name)) = (self.decided(write.op), self.name(write.op)) else { continue };
            let step = self.0.events[self.answered(write.op).expect("it is acknowledged")].cause;
            let is_held =
                self.events().any(|(_, event)| matches!(event.what, What::Holds { write: held, .. } if held == name && self.0.header.holds(event.node, write.key)));
            let own = name.origin.node;
            let (may_hold, promised) = (self.may_hold(own, write.key), self.promised(write));
            let is_holder = may_hold && !self.members_change() || self.0.header.copies.is_none();
            let of = (write.key, name);
            let is_excused = may_hold && self.is_excused(of, promised, Some(own), decided, usize::MAX);
            let is_excused = is_excused || !is_holder && self.is_excused_beside(of, promised, own, decided);
            let all = self.0.header.copies.unwrap_or(self.0.header.nodes);
            let is_excused = is_excused || self.is_excused(of, all, None, decided, usize::MAX);
            let somebody_is_up =
                NodeId::all(self.0.header.nodes).filter(|node| self.0.header.holds(*node, write.key)).any(|node| {
                    let mut last = self.events().filter(|(_, event)| event.node == node);
                    let last = last.rfind(|(_, event)| matches!(event.what, What::Down { .. } | What::Up { .. }));
                    last.is_none_or(|(_, event)| matches!(event.what, What::Up { .. }))
                });
            let is_write = write.action == Action::Write;
            if is_write && somebody_is_up && !is_held && !is_excused && !self.may_be_replaced(write, name) {
                wrong.insert(("DUR001", write.op));
            }
            let has_it = |node: &NodeId| {
                let until = (decided + 1..self.0.events.len()).find(|place| self.0.events[*place].cause != step);
                let until = until.unwrap_or(self.0.events.len());
                let until = if step == 0 { decided + 1 } else { until };
                let known = self.events().filter(|(place, event)| {
                    *place < until && event.node == *node && event.what == What::Known { write: name }
                });
                let is_lost = |known: usize| {
                    let mut later =
                        self.events().filter(|(place, event)| *place > known && *place < until && event.node == *node);
                    later.any(|(_, event)| match event.what {
                        What::Down { disk } => disk == Disk::Lost,
                        What::Forgot { write, .. } => write == name,
                        _ => false,
                    })
                };
                known.map(|(place, _)| place).any(|place| !is_lost(place))
                    || self.is_missing_and_down(*node, of, decided)
            };
            let may_hold = |node: &NodeId| self.may_hold(*node, write.key);
            let copies = NodeId::all(self.0.header.nodes).filter(may_hold).filter(has_it).count();
            if !self.0.header.silent && promised > 1 && copies < usize::from(promised) {
                wrong.insert(("DUR002", write.op));
            }
        }
        wrong
    }

    /// Its disk was lost by the time of the decision, and the node was down then, as far as the one that decided had heard.
    fn is_missing_and_down(&self, node: NodeId, of: (u32, Dot), decided: usize) -> bool {
        (self.informed(of.1, decided)..=decided).any(|place| {
            let mut here = self.events().filter(|(at, event)| *at <= place && event.node == node);
            let last = here.rfind(|(_, event)| matches!(event.what, What::Down { .. } | What::Up { .. }));
            let is_down = last.is_some_and(|(_, event)| matches!(event.what, What::Down { .. }));
            is_down && self.is_without(node, of, decided, place)
        })
    }

    /// The write named `later` had certainly seen the other one of its key.
    fn had_seen(&self, later: Dot, earlier: Dot) -> bool {
        let ops = self.ops();
        let of = |name: Dot| ops.iter().find(|op| self.name(op.op) == Some(name)).expect("names are of operations");
        let (one, other) = (of(later), of(earlier));
        if one.key != other.key {
            return false;
        }
        if later == earlier {
            return true;
        }
        let counts = |op: &&AskedOp| one.context || op.action != Action::Read;
        let own = ops.iter().filter(|op| op.session == one.session && op.key == one.key).filter(counts);
        let last = own.filter_map(|op| Some((self.answered(op.op)?, op.op))).filter(|(at, _)| *at < one.invoked).max();
        let taken_in = |name: &Dot| of(*name).invoked < one.invoked;
        let told = last.into_iter().flat_map(|(_, op)| self.returned(op).into_iter().chain(self.name(op)));
        let seen: Vec<Dot> = told.filter(taken_in).collect();
        seen.into_iter().any(|name| name == earlier || self.had_seen(name, earlier))
    }

    fn fresh(&self) -> BTreeSet<(&'static str, u32)> {
        let ops = self.ops();
        let mut wrong = BTreeSet::new();
        if self.0.header.conflict == Conflict::LastWriterWins {
            return wrong; // what has replaced a write cannot be told
        }
        for read in ops.iter().filter(|op| op.action == Action::Read) {
            let Some(answered) = self.answered(read.op) else { continue };
            let quorum = self.0.header.quorums[read.session as usize];
            let is_owed = |write: &&AskedOp| {
                let acknowledged = self.answered(write.op).is_some_and(|at| at < read.invoked);
                acknowledged && write.action != Action::Read && write.key == read.key
            };
            for write in ops.iter().filter(is_owed) {
                let Some(name) = self.name(write.op) else { continue };
                let may_be_deleted = ops.iter().any(|delete| {
                    let until = self.answered(delete.op).unwrap_or(usize::MAX);
                    let is_delete = delete.action == Action::Delete && delete.key == read.key;
                    is_delete && delete.invoked < answered && until > write.invoked
                });
                let is_met = self.returned(read.op).into_iter().any(|version| self.had_seen(version, name));
                let decided = self.decided(write.op).expect("it was acknowledged");
                let promised = self.promised(*write);
                let is_excused = self.is_excused((read.key, name), promised.min(quorum), None, decided, answered);
                let wrote = self.place(What::Wrote { op: write.op, write: name }).expect("it has a name");
                if promised + quorum > self.holders(wrote, answered) && !may_be_deleted && !is_met && !is_excused {
                    wrong.insert(("FRESH001", read.op));
                }
            }
        }
        wrong
    }
}

fn found(checker: &CheckerInfo, recording: &Recording) -> (Report, BTreeSet<(&'static str, u32)>) {
    let report = checker.judge(recording, NO_RERUN);
    let code = |code: &str| checker.codes.iter().find(|info| info.code == code).expect("it has the code").code;
    let is_read =
        |op: u32| Asked(recording).ops().into_iter().any(|asked| asked.op == op && asked.action == Action::Read);
    let found = report.findings.iter().map(|finding| {
        let op = finding.ops.iter().copied().find(|op| is_read(*op)).unwrap_or(finding.ops[0]);
        (code(&finding.code), op)
    });
    let found = found.collect();
    (report, found)
}

#[test]
fn findings_are_those_of_the_definition() {
    // With this chance an excused write has an earlier one of its line before it that is not excused.
    let (mut chance, mut silence) = (Chance(11), Chance(2));
    let recordings = (0..20_000).flat_map(|run| {
        let recording = Wild::recording(&mut chance);
        let silenced = (run % 2 == 0).then(|| silenced(recording.clone(), &mut silence));
        [Some(recording), silenced].into_iter().flatten()
    });
    let mut counts = [[0; 3]; 3];
    for (run, recording) in recordings.enumerate() {
        assert_eq!(recording.validate(), Ok(()), "{run}");
        let asked = Asked(&recording);
        for (checker, wanted) in [(&DURABLE, asked.durable()), (&FRESH, asked.fresh())] {
            let (report, found) = found(checker, &recording);
            let listed = wanted;
            if report.note.contains("more of") {
                assert!(found.is_subset(&listed), "{run}: {report:#?}");
            } else {
                assert_eq!(found, listed, "{run}: {report:#?}\n{:#?}", recording.events);
            }
            for (place, code) in ["DUR001", "DUR002", "FRESH001"].into_iter().enumerate() {
                counts[place][0] += usize::from(found.iter().any(|(found, _)| *found == code));
            }
            let kind = usize::from(checker.name == FRESH.name);
            match report.verdict {
                Verdict::Holds => counts[kind][1] += 1,
                Verdict::Violated => {}
                Verdict::Unknown | Verdict::NotApplicable => counts[kind][2] += 1,
            }
        }
    }
    // Each breach was there often, and so was none.
    assert!(counts.iter().all(|of_code| of_code[0] > 300), "{counts:?}");
    assert!(counts[..2].iter().all(|of_checker| of_checker[1] > 300 && of_checker[2] > 30), "{counts:?}");
}

fn header(ack: u16) -> Header {
    Header { keys: vec!["x".into()], ack: Acks::Number(ack), settling_from_ns: Some(100_000_000), ..script::header() }
}

#[test]
fn disks_lost_one_after_the_other_are_no_excuse() {
    let told = |second: &str| {
        let script = Script::new(
            header(2),
            &format!(
                "c0 writes x #1, is n0:1, knows n0:1, sends 1
                 n1 gets 1 of n0, knows n0:1
                 c0 waits #1, ok
                 n1 down lost
                 n1 up 2
                 {second}
                 n0 down lost
                 n0 up 2"
            ),
        );
        assert_eq!(script.0.validate(), Ok(()));
        DURABLE.judge(&script.0, NO_RERUN)
    };
    let report = told("c1 reads x #2, ok");
    let expected = "\
DUR001: the acknowledged write x = 101 (#1 of c0, n0:1) is gone: n0, n1, n2 do not hold it at the end, though 2 replicas have promised to have it and fewer disks were missing at once
   1 ms  c0 write  #1  x = 101  at n0   ok 0.008 s
   3 ms  n0 has it
   6 ms  n1 has it
   9 ms  n1 loses its disk
  10 ms  n1 is up again
  13 ms  n0 loses its disk
  14 ms  n0 is up again
";
    assert_eq!(text(&report.findings), expected);
    // Until a client has an answer of n1, its disk is missing.
    assert_eq!(told("c1 reads x #2").verdict, Verdict::NotApplicable);
}

#[test]
fn acknowledged_before_two_have_it() {
    let script = Script::new(
        header(2),
        "c0 writes x #1, is n0:1, knows n0:1, sends 1, ok
         n1 gets 1 of n0, knows n0:1
         n0 holds x n0:1",
    );
    let report = DURABLE.judge(&script.0, NO_RERUN);
    let expected = "\
DUR002: x = 101 (#1 of c0, n0:1) was acknowledged when only n0 had it, and 2 replicas are promised
   1 ms  c0 write  #1  x = 101  at n0   ok 0.005 s
   3 ms  n0 has it
   4 ms  n0  update 1  sent to 1 node; nothing of it is recorded as delivered to n2 or lost on the way
   6 ms  n0 -> n1  update 1  delivered
";
    assert_eq!(text(&report.findings), expected);
}

#[test]
fn a_replica_that_stands_still_goes_by_the_members_that_it_has_heard_of() {
    let told = |events: &str| {
        let header = Header { ack: Acks::Word(AckWord::Majority), ..header(1) };
        let script = Script::new(header, &format!("0 ms n1 down lost\n0 ms n2 down lost\n{events}\nn0 holds x n0:1"));
        assert_eq!(script.0.validate(), Ok(()));
        DURABLE.judge(&script.0, NO_RERUN).verdict
    };
    // One is the majority of one, two are that of two.
    assert_eq!(told("1 ms c0 writes x #1\nn1 up 1\nc0 reaches #1, is n0:1, knows n0:1, ok"), Verdict::Holds);
    assert_eq!(told("1 ms n1 up 1\nc0 writes x #1\nc0 reaches #1, is n0:1, knows n0:1, ok"), Verdict::Violated);
}

#[test]
fn a_replica_that_stands_still_has_not_heard_of_a_lost_disk() {
    let told = |answered: &str| {
        let script = Script::new(
            header(2),
            &format!(
                "c0 writes x #1, is n0:1, knows n0:1\nn1 knows n0:1\nn0 pauses\nn1 down lost\nn1 up 2
                 20 ms n0 resumes\n{answered} ms c0 waits #1, ok\nn0 holds x n0:1"
            ),
        );
        assert_eq!(script.0.validate(), Ok(()));
        DURABLE.judge(&script.0, NO_RERUN).verdict
    };
    // What came first is taken up first; later it knows.
    assert_eq!(told("20"), Verdict::Holds);
    assert_eq!(told("21"), Verdict::Violated);
}

#[test]
fn a_majority_read_misses_what_a_majority_has() {
    let script = Script::new(
        Header { quorums: vec![1, 1, 2], ..header(2) },
        "c0 writes x #1, is n0:1, knows n0:1
         n1 knows n0:1
         c0 waits #1, ok
         c2 reads x #2, ok
         n0 holds x n0:1",
    );
    let report = FRESH.judge(&script.0, NO_RERUN);
    let expected = "\
FRESH001: a read of x by 2 of 3 replicas at n2 returned none, without x = 101 (#1 of c0, n0:1), which 2 had acknowledged before
   1 ms  c0 write  #1  x = 101  at n0   ok 0.006 s
   3 ms  n0 has it
   4 ms  n1 has it
   7 ms  c2 read   #2  x -> none  at n2   ok 0.008 s
   8 ms  n2 does not have it
";
    assert_eq!(text(&report.findings), expected);
}

/// A key that n0 and n1 hold, of three nodes; a write of it at n2.
fn on_a_ring(ack: u16) -> Header {
    Header { placement: vec![vec![NodeId(0), NodeId(1)]], copies: Some(2), ..header(ack) }
}

#[test]
fn who_takes_a_write_in_for_others_keeps_it_until_all_have_it() {
    let told = |losses: &str| {
        let script =
            Script::new(on_a_ring(1), &format!("c2 writes x #1, is n2:1\nn0 knows n2:1\nc2 waits #1, ok\n{losses}"));
        assert_eq!(script.0.validate(), Ok(()));
        DURABLE.judge(&script.0, NO_RERUN).verdict
    };
    // n2 keeps it while n1 does not have it, and n1 gets it.
    assert_eq!(told("n0 down lost\nn0 up 2"), Verdict::Violated);
    assert_eq!(told("n2 down lost\nn2 up 2"), Verdict::Violated);
    assert_eq!(told("n0 down lost\nn2 down lost\nn0 up 2\nn2 up 2"), Verdict::NotApplicable);
    assert_eq!(told("n0 down lost\nn1 down lost\nn0 up 2\nn1 up 2"), Verdict::NotApplicable);
    // n2 has not got it again.
    assert_eq!(told("n2 down lost\nn2 up 2\nc2 reads x #2, ok\nn0 down lost\nn0 up 2"), Verdict::NotApplicable);
    // One after the other: n1 has got it before it serves again.
    assert_eq!(told("n1 down lost\nn1 up 2\nc1 reads x #2, ok\nn0 down lost\nn0 up 2"), Verdict::Violated);
}

#[test]
fn on_a_ring_each_key_is_served_again_by_itself() {
    let told = |between: &str| {
        // n0 and n1 hold both keys.
        let placement = vec![vec![NodeId(0), NodeId(1)]; 2];
        let script = Script::new(
            Header { keys: vec!["x".into(), "y".into()], placement, ..on_a_ring(2) },
            &format!(
                "c0 writes x #1, is n0:1, knows n0:1\nn1 knows n0:1\nc0 waits #1, ok\nn1 down lost\nn1 up 2\n{between}
                 n0 down lost\nn0 up 2"
            ),
        );
        assert_eq!(script.0.validate(), Ok(()));
        DURABLE.judge(&script.0, NO_RERUN).verdict
    };
    // Both are missing at once, unless n1 serves the key again, or has the write.
    assert_eq!(told(""), Verdict::NotApplicable);
    assert_eq!(told("c1 reads x #2, ok"), Verdict::Violated);
    assert_eq!(told("c1 reads x #2\nc1 reaches #2, ok"), Verdict::Violated);
    assert_eq!(told("n1 knows n0:1"), Verdict::Violated);
    // It serves another key; it may have asked n0; it had the write, and not on its disk.
    assert_eq!(told("c1 reads y #2, ok"), Verdict::NotApplicable);
    assert_eq!(told("c1 reads x #2\nc1 waits #2, ok"), Verdict::NotApplicable);
    assert_eq!(told("n1 knows n0:1\nn1 down kept\nn1 forgets n0:1\nn1 up 2"), Verdict::NotApplicable);
}

#[test]
fn a_copy_that_has_left_does_not_make_a_quorum_larger() {
    let told = |left: &str| {
        let header = Header { quorums: vec![1, 2, 1], ..header(2) };
        let script = Script::new(
            header,
            &format!(
                "c0 writes x #1, is n0:1, knows n0:1\nn2 knows n0:1\nc0 waits #1, ok\n{left}\nc1 reads x #2, ok\nn0 holds x n0:1"
            ),
        );
        FRESH.judge(&script.0, NO_RERUN).verdict
    };
    // Any two of three meet two that have it. That n2 leaves makes it one of two, which two others meet, too.
    assert_eq!(told(""), Verdict::Violated);
    assert_eq!(told("n2 down lost"), Verdict::Violated);
    // With one more member at the time of the write they need not meet.
    let four = Header {
        nodes: 4,
        sessions: (0..4).map(|c| format!("c{c}")).collect(),
        quorums: vec![1, 2, 1, 1],
        ..header(2)
    };
    let script = Script::new(
        four,
        "c0 writes x #1, is n0:1, knows n0:1\nn2 knows n0:1\nc0 waits #1, ok\nn2 down lost\nc1 reads x #2, ok\nn0 holds x n0:1",
    );
    assert_eq!(FRESH.judge(&script.0, NO_RERUN).verdict, Verdict::NotApplicable);
}

/// Reads and writes that together ask more replicas than there are copies meet; with fewer, or with a single copy, there is nothing to
/// judge unless it is asked for.
#[test]
fn freshness_is_owed_where_reads_meet_writes() {
    let owed = |header: Header| (FRESH.by_default)(&header);
    let quorums = |quorums: &[u16], ack: u16| Header { quorums: quorums.to_vec(), ..header(ack) };
    assert!(!owed(header(1)) && !owed(header(2)) && owed(header(3)), "reads ask one of three");
    assert!(!owed(quorums(&[2, 2, 2], 1)) && owed(quorums(&[1, 1, 2], 2)));
    assert!(owed(quorums(&[1, 1, u16::MAX], 2)), "however many a plan names");
    let ring = |copies: usize| Header {
        placement: vec![NodeId::all(3).take(copies).collect()],
        ..quorums(&[1, 2, 1], copies as u16)
    };
    assert!(owed(ring(2)) && !owed(ring(1)), "a single copy is no quorum");
}

#[test]
fn a_loss_is_excused_where_an_acknowledged_write_may_have_gone() {
    let may_be_gone = |ack: u16, text: &str| {
        let script = Script::new(header(ack), text);
        assert_eq!(script.0.validate(), Ok(()));
        excuse_a_loss(&Facts::of(&script.0))
    };
    let lost = "n0 down lost\nn0 up 2";
    assert!(may_be_gone(1, &format!("c0 writes x #1, is n0:1, knows n0:1, ok\n{lost}")));
    assert!(!may_be_gone(1, "c0 writes x #1, is n0:1, knows n0:1, ok"));
    assert!(!may_be_gone(2, &format!("c0 writes x #1, is n0:1, knows n0:1\nn1 knows n0:1\nc0 waits #1, ok\n{lost}")));
    // No client was told that it is there.
    assert!(!may_be_gone(1, &format!("c0 writes x #1, is n0:1, knows n0:1, unanswered\n{lost}")));
}
