//! Replicas that serve consistency levels, under random schedules, and an oracle that keeps plain sets of writes.
//!
//! The oracle knows of every write which writes it had seen, and of every replica which writes have arrived there in
//! whatever form. A level reflects, of each origin, its writes of the level's priorities up to the first that has not
//! arrived; it shows those reflected that none reflected had seen. That is checked after every single step.
//!
//! A replica that had no room for a write may be late with it and with those behind it. Then the oracle knows bounds:
//! what must be reflected, if all that did not fit is left out, and what may be.

mod oracle;
mod schedule;
mod script;
mod sessions;

use std::collections::BTreeMap;

use kvsim_store::ndc::Handed;
use kvsim_store::ndc::{Config, Defect, Defects, Ndc, Timer, Views};
use kvsim_store::placement::Placement;
use kvsim_store::quantity::{Interval, IntervalOrOff, Size};
use kvsim_store::{Dot, Key, Level, Levels, NodeId, Priority, Replica, Stream};

use super::{Net, Packet};
use oracle::members;
use sessions::{Session, Waiting};

/// Sessions that write and read as they like. One more asks replicas what they know, for the oracle.
pub const CLIENTS: u16 = 4;
pub const PROBE: usize = CLIENTS as usize;

/// A set of writes: bit n is the n-th write of the schedule. Later writes of an origin have higher bits.
pub type Set = u128;

/// NDC with every key everywhere.
pub fn config(nodes: u16, views: Views, buffer_bytes: u64) -> Config {
    Config {
        anti_entropy: IntervalOrOff(Some(1_000_000)),
        strip: Interval(1_000_000),
        views: Some(views),
        buffer: Size(buffer_bytes),
        placement: Placement::all(nodes),
        ..Config::default()
    }
}

/// How a schedule goes.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub nodes: u16,
    pub keys: u32,
    pub steps: u32,
    /// Each key is written at one node only.
    pub one_writer: bool,
    /// Messages may be lost.
    pub loss: bool,
    pub anti_entropy: bool,
    /// Weight of a restart from the log.
    pub restart: u64,
    /// Sessions move and ask several replicas.
    pub moves: bool,
    /// Room for waiting writes, per level.
    pub buffer_bytes: u64,
    /// A mistake to plant, which the oracle must notice.
    pub flaw: Option<Flaw>,
}

/// A mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// Of the store itself.
    Planted(Defect),
    /// Reads at an ordered level hand out what has been seen at the eventual level.
    EventualContext,
    /// Keys of too low a priority are not refused.
    NotRefused,
    /// The observations of `priority` are forgotten.
    NotSaid,
    /// Sessions that come from elsewhere are answered at once.
    NotAwaited,
    /// A read waits for all writes that its session has seen, of whatever priority.
    AwaitsAll,
}

impl Style {
    fn config(&self) -> Config {
        let mut config = config(self.nodes, Views::All, self.buffer_bytes);
        config.anti_entropy = IntervalOrOff(self.anti_entropy.then_some(1_000_000));
        if let Some(Flaw::Planted(defect)) = self.flaw {
            config.defects = Defects::from_iter([defect]);
        }
        config
    }
}

/// The key with this number: neighbours differ in priority.
pub fn key(index: u32) -> Key {
    Key::new(index, [Priority::P0, Priority::P3, Priority::P1, Priority::P2][index as usize % 4])
}

/// The lowest priority that a view reflects: the view that reads of `key` at `level` look at. Nothing for the
/// eventual level.
pub fn lowest(level: Level, key: Key) -> Option<usize> {
    match level {
        Level::Eventual => None,
        Level::Priority => Some(key.priority() as usize),
        ordered => Some(ordered as usize - Level::Fifo as usize),
    }
}

/// True when reads of `key` at `level` must be refused.
pub fn refused(level: Level, key: Key) -> bool {
    lowest(level, key).is_some_and(|lowest| (key.priority() as usize) < lowest)
}

/// A write.
pub struct Fact {
    pub dot: Dot,
    pub key: Key,
    /// What it has seen of its key, itself left out.
    pub over: Set,
}

/// What a replica has, as the oracle sees it.
#[derive(Clone, Debug, Default)]
pub struct Site {
    /// Writes that have arrived, in whatever form.
    pub known: Set,
    /// By lowest priority: what must be reflected.
    pub low: [Set; 4],
    /// By lowest priority: what has arrived and was not said to be dropped.
    room: [Set; 4],
    /// What had no room at some level at some time.
    dropped: Set,
}

/// The replicas, the clients and the oracle.
pub struct World {
    pub net: Net<Ndc>,
    pub chance: Stream,
    pub style: Style,
    pub sessions: Vec<Session>,
    /// By call: its session, and what a write's context has seen.
    pub callers: Vec<(usize, Set)>,
    pub waiting: Vec<Waiting>,
    /// By node and key: what the last blind write there handed out.
    blind: BTreeMap<(NodeId, Key), (Handed, Set)>,
    pub facts: Vec<Fact>,
    pub sites: Vec<Site>,
    /// By node and lowest priority: what may be reflected there, one of these.
    pub fits: Vec<[Vec<Set>; 4]>,
    index: BTreeMap<Dot, usize>,
    of_key: BTreeMap<Key, Set>,
    of_origin: Vec<Set>,
    /// Writes of at least this priority.
    from: [Set; 4],
    deletes: Set,
    /// What the sender of an answer to a pull had, by packet.
    repairs: BTreeMap<u64, Site>,
    pub overflowed: u32,
    /// How often something was shown at the eventual level and not yet at an ordered one: what the schedules are for.
    pub held_back: u32,
    /// How many reads had to wait for what their sessions had seen elsewhere.
    pub awaited: u32,
}

impl World {
    pub fn new(seed: u64, style: Style, loud: bool) -> World {
        let mut net = Net::new(seed, style.nodes, style.config(), |_, _| true, loud);
        if style.flaw == Some(Flaw::NotSaid) {
            net.mute = Levels::only(Level::Priority);
        }
        net.say(|| format!("{style:?}"));
        let nodes = usize::from(style.nodes);
        let mut chance = Stream::new(seed, "schedule", 0);
        World {
            net,
            sessions: (0..=CLIENTS).map(|home| Session::new(NodeId(home % style.nodes), &mut chance)).collect(),
            chance,
            style,
            callers: Vec::new(),
            waiting: Vec::new(),
            blind: BTreeMap::new(),
            facts: Vec::new(),
            sites: vec![Site::default(); nodes],
            fits: vec![std::array::from_fn(|_| vec![0]); nodes],
            index: BTreeMap::new(),
            of_key: BTreeMap::new(),
            of_origin: vec![0; nodes],
            from: [0; 4],
            deletes: 0,
            repairs: BTreeMap::new(),
            overflowed: 0,
            held_back: 0,
            awaited: 0,
        }
    }

    /// A packet arrives.
    pub fn deliver(&mut self, packet: &Packet<Ndc>) {
        let Packet { to, id, .. } = *packet;
        let tag = Ndc::meta(&packet.message);
        let before = self.sites[to.index()].known;
        let step = self.net.arrive(packet);
        match Ndc::MESSAGE_KINDS[usize::from(tag.kind)] {
            "update" => {
                let dot = self.net.asked[tag.id as usize].dot.expect("a write that has a name");
                assert_eq!(tag.carries, Some(self.net.writes[&dot].key.priority()));
                self.after(to, &step, self.set([dot]), None);
                let known = self.sites[to.index()].known;
                assert!(known & self.set([dot]) != 0, "{dot} has arrived at {to} and is not known");
            }
            "repair" => {
                let theirs = self.repairs.get(&id).expect("an answer to a pull").clone();
                self.after(to, &step, 0, Some(&theirs));
            }
            "pull" => {
                self.after(to, &step, 0, None);
                let sent = &self.net.packets[self.net.packets.len() - step.sent..];
                let repair = |packet: &&Packet<Ndc>| {
                    Ndc::MESSAGE_KINDS[usize::from(Ndc::meta(&packet.message).kind)] == "repair"
                };
                let ids: Vec<u64> = sent.iter().filter(repair).map(|packet| packet.id).collect();
                self.repairs.extend(ids.into_iter().map(|id| (id, self.sites[to.index()].clone())));
            }
            _ => self.after(to, &step, 0, None),
        }
        // Not only what is shown must be right, also what is said to have been seen.
        if let Some(new) = members(self.sites[to.index()].known & !before).next() {
            let level = Level::ALL[self.chance.below(6) as usize];
            self.read(PROBE, to, self.facts[new].key, level, 1);
        }
    }

    /// A timer runs out.
    pub fn fire(&mut self, node: NodeId, timer: Timer) {
        let step = self.net.fire(node, timer);
        self.after(node, &step, 0, None);
    }

    pub fn restart(&mut self, node: NodeId) {
        self.net.restart(node);
        self.forget_calls(node);
    }
}
