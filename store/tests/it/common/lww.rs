//! LWW replicas under random schedules, and an oracle that gives every write its stamp by the book: the clock of the
//! replica that takes it in, or one more than what it overwrites. A replica shows the largest stamp that it knows.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_store::lww::{AntiEntropy, Config, Lww, Message};
use kvsim_store::quantity::IntervalOrOff;
use kvsim_store::{Dot, Key, Level, NodeId, Refusal, ReplicaId, Stream, Value};

use super::{Fate, Kind, Net, Packet, Reply, Step, Write, key, pick};

/// How a schedule goes.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub nodes: u16,
    pub keys: u32,
    pub steps: u32,
    /// Weight of a restart from the log.
    pub restart: u64,
    /// Weight of starting a twin.
    pub twin: u64,
    /// A mistake to plant: every update arrives as a copy of the first one.
    pub forge: bool,
}

impl Style {
    pub fn random(chance: &mut Stream) -> Style {
        let nodes = 2 + chance.below(3) as u16;
        let keys = 1 + chance.below(3) as u32;
        Style { nodes, keys, steps: 20 + chance.below(60) as u32, restart: 0, twin: 0, forge: false }
    }
}

type Stamp = (u64, ReplicaId);

/// What a packet brings.
#[derive(Clone)]
enum Cargo {
    Writes(Vec<Dot>),
    /// A pull: the newest write that its sender knew of each key.
    Stamps(BTreeMap<Key, Dot>),
}

/// The replicas and the oracle.
pub struct World {
    net: Net<Lww>,
    chance: Stream,
    style: Style,
    stamps: BTreeMap<Dot, Stamp>,
    /// Writes that another write met at its replica.
    overwritten: BTreeSet<Dot>,
    /// By node and key: the newest write that is known there.
    held: Vec<BTreeMap<Key, Dot>>,
    cargo: BTreeMap<u64, Cargo>,
    first_update: Option<Packet<Lww>>,
}

/// What can happen next.
#[derive(Clone, Copy)]
enum Event {
    Write,
    Read,
    Packet(Fate),
    AntiEntropy,
    ClockJumps,
    Restart,
    Twin,
}

impl World {
    pub fn new(seed: u64, style: Style, loud: bool) -> World {
        let config = Config { anti_entropy: IntervalOrOff(Some(1_000_000)) };
        let net = Net::new(seed, style.nodes, config, alike, loud);
        net.say(|| format!("{style:?}"));
        World {
            net,
            chance: Stream::new(seed, "schedule", 0),
            style,
            stamps: BTreeMap::new(),
            overwritten: BTreeSet::new(),
            held: vec![BTreeMap::new(); usize::from(style.nodes)],
            cargo: BTreeMap::new(),
            first_update: None,
        }
    }

    /// A whole schedule: chaos, then peace.
    pub fn play(&mut self) {
        let mut weight = |from: u64, to: u64| from + self.chance.below(to - from);
        let weights = [
            (weight(10, 30), Event::Write),
            (weight(1, 5), Event::Read),
            (weight(20, 60), Event::Packet(Fate::Arrives)),
            (weight(0, 20), Event::Packet(Fate::Lost)),
            (weight(0, 10), Event::Packet(Fate::Doubled)),
            (weight(0, 6), Event::Packet(Fate::VeryLate)),
            (weight(0, 15), Event::AntiEntropy),
            (weight(0, 5), Event::ClockJumps),
            (self.style.restart, Event::Restart),
            (self.style.twin, Event::Twin),
        ];
        for _ in 0..self.style.steps {
            let event = pick(&mut self.chance, &weights);
            self.happen(event);
        }
        self.heal();
    }

    fn happen(&mut self, event: Event) {
        self.net.now_ns += self.chance.below(100);
        let node = NodeId(self.chance.below(u64::from(self.style.nodes)) as u16);
        let key = key(self.chance.below(u64::from(self.style.keys)) as u32);
        match event {
            Event::Write => self.write(node, key),
            Event::Read => self.read(node, key),
            Event::AntiEntropy => self.fire(node),
            Event::ClockJumps => self.net.clock_ahead_ns[node.index()] = self.chance.below(2_000),
            Event::Restart => self.net.restart(node),
            Event::Twin => {
                self.net.add_twin(node);
                (0..self.style.keys).for_each(|index| self.read(node, super::key(index)));
                self.fire(node);
                let (own, twins) = self.net.gauges(node);
                assert_eq!(Some(own), twins, "{node} and its twin store the same");
            }
            Event::Packet(fate) => {
                if let Some(packet) = self.net.happens(fate, &mut self.chance) {
                    self.deliver(packet);
                }
            }
        }
    }

    fn write(&mut self, node: NodeId, key: Key) {
        let delete = self.chance.below(4) == 0;
        let value = Value { id: self.net.asked.len() as u64, bytes: 8 };
        let (call, step) = self.net.ask(node, key, Kind::Write { value, delete }, &());
        assert_eq!(step.answers, [(call, Reply::Wrote { context: () })]);
        let dot = self.net.asked[call.0 as usize].dot.expect("every write is taken in");
        let held = self.held[node.index()].get(&key).copied();
        let clock = self.net.now_ns + self.net.clock_ahead_ns[node.index()];
        let time = held.map_or(clock, |held| clock.max(self.stamps[&held].0 + 1));
        self.stamps.insert(dot, (time, dot.origin));
        self.overwritten.extend(held);
        self.note_sent(&step, Cargo::Writes(vec![dot]));
        assert_eq!(step.sent, usize::from(self.style.nodes) - 1, "an update for everybody else");
        self.check(node, &step, &[dot]);
        assert_eq!(self.held[node.index()][&key], dot, "a write wins over what its replica held");
    }

    fn read(&mut self, node: NodeId, key: Key) {
        let quorum = 1 + self.chance.below(2) as u16;
        let (call, step) = self.net.ask(node, key, Kind::Read { quorum }, &());
        let live = self.held[node.index()].get(&key).filter(|dot| !self.net.writes[*dot].delete);
        let versions = live.map(|dot| self.net.version(*dot)).into_iter().collect();
        let reply = if quorum > 1 { Reply::Refused(Refusal::Quorum) } else { Reply::Read { versions, context: () } };
        assert_eq!(step.answers, [(call, reply)]);
        self.check(node, &step, &[]);
    }

    fn fire(&mut self, node: NodeId) {
        let step = self.net.fire(node, AntiEntropy);
        assert_eq!(step.sent, 1, "a pull");
        let held = self.held[node.index()].clone();
        self.note_sent(&step, Cargo::Stamps(held));
        self.check(node, &step, &[]);
    }

    fn deliver(&mut self, mut packet: Packet<Lww>) {
        if let (true, Message::Update(..)) = (self.style.forge, &*packet.message) {
            packet.message = self.first_update.get_or_insert(packet.clone()).message.clone();
        }
        let to = packet.to;
        let step = self.net.arrive(&packet);
        match self.cargo[&packet.id].clone() {
            Cargo::Writes(dots) => {
                let held = &self.held[to.index()];
                let newer = |dot: &Dot| held.get(&self.net.writes[dot].key).is_none_or(|held| self.newer(*dot, *held));
                let expected: Vec<Dot> = dots.into_iter().filter(newer).collect();
                self.check(to, &step, &expected);
            }
            Cargo::Stamps(theirs) => {
                let held = self.held[to.index()].iter();
                let newer = held.filter(|(key, dot)| theirs.get(*key).is_none_or(|theirs| self.newer(**dot, *theirs)));
                let newer: BTreeMap<Key, Dot> = newer.map(|(key, dot)| (*key, *dot)).collect();
                assert_eq!(step.sent, 1, "a repair");
                let Message::Repair { entries, .. } = &*self.net.packets.last().expect("just sent").message else {
                    panic!("a pull is answered by a repair");
                };
                let mut keys: Vec<Key> = entries.iter().map(|(key, _)| *key).collect();
                keys.sort_unstable();
                assert!(keys.iter().eq(newer.keys()), "a repair brings what is newer, and only that");
                self.note_sent(&step, Cargo::Writes(newer.into_values().collect()));
                self.check(to, &step, &[]);
            }
        }
    }

    fn newer(&self, one: Dot, other: Dot) -> bool {
        self.stamps[&one] > self.stamps[&other]
    }

    fn note_sent(&mut self, step: &Step<Lww>, cargo: Cargo) {
        for packet in &self.net.packets[self.net.packets.len() - step.sent..] {
            self.cargo.insert(packet.id, cargo.clone());
        }
    }

    /// After a step of `node`, which should have learned the writes `expected`, newer than what it held.
    fn check(&mut self, node: NodeId, step: &Step<Lww>, expected: &[Dot]) {
        let learned: BTreeSet<Dot> = step.known().into_iter().collect();
        assert_eq!(learned, expected.iter().copied().collect(), "{node} learns what the message brings");
        for dot in learned {
            self.held[node.index()].insert(self.net.writes[&dot].key, dot);
        }
        let live = self.held[node.index()].values().filter(|dot| !self.net.writes[*dot].delete);
        assert_eq!(
            self.net.nodes[node.index()].shown[Level::Eventual as usize],
            live.copied().collect(),
            "{node} shows the newest that it knows"
        );
        let tombstones = self.held[node.index()].values().filter(|dot| self.net.writes[*dot].delete).count();
        assert_eq!(self.net.gauges(node).0, [self.held[node.index()].len() as u64, tombstones as u64]);
    }

    fn deliver_all(&mut self) {
        while let Some(packet) = self.net.happens(Fate::Arrives, &mut self.chance) {
            self.deliver(packet);
        }
    }

    /// No more loss: what is very late may come before the replicas have agreed, or after.
    fn heal(&mut self) {
        self.net.say(|| "no more loss".to_string());
        self.deliver_all();
        for late in [true, false] {
            // Every replica pulls from every other, and the last to learn something is asked again.
            for _ in 0..2 * self.style.nodes {
                for node in 0..self.style.nodes {
                    self.fire(NodeId(node));
                    self.deliver_all();
                }
            }
            self.agree();
            if late {
                self.net.packets.iter_mut().for_each(|packet| packet.very_late = false);
                self.deliver_all();
                self.agree();
            }
        }
    }

    fn agree(&self) {
        let mut winners: BTreeMap<Key, Dot> = BTreeMap::new();
        for (dot, Write { key, .. }) in &self.net.writes {
            let best = winners.entry(*key).or_insert(*dot);
            if self.newer(*dot, *best) {
                *best = *dot;
            }
        }
        for (node, held) in self.held.iter().enumerate() {
            assert_eq!(*held, winners, "n{node} holds the newest writes");
        }
        for winner in winners.values() {
            assert!(!self.overwritten.contains(winner), "{winner} has won over a write that met it");
        }
    }
}

/// The same write, or the same stamps in whatever order.
fn alike(theirs: &[&Message], ours: &[&Message]) -> bool {
    let are_alike = |(a, b): (&&Message, &&Message)| match (a, b) {
        (Message::Update(key, entry), Message::Update(other_key, other)) => (key, entry) == (other_key, other),
        (Message::Pull { stamps: a, .. }, Message::Pull { stamps: b, .. }) => {
            a.len() == b.len() && a.iter().all(|stamp| b.contains(stamp))
        }
        _ => false,
    };
    theirs.len() == ours.len() && theirs.iter().zip(ours).all(are_alike)
}
