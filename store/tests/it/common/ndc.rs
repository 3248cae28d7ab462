//! NDC replicas under random schedules, and an oracle that keeps plain sets of writes.
//!
//! The oracle knows of every write which writes it had seen: those that its session had seen by its last read of
//! the key, and the earlier ones of the same origin to the key. From that and from the writes that have arrived at
//! a replica follows what the replica shows, after every single step.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_store::ndc::{Config, Handed, Message, Ndc, Request, Timer};
use kvsim_store::placement::Placement;
use kvsim_store::quantity::{Interval, IntervalOrOff};
use kvsim_store::{CallId, Dot, Key, Level, NodeId, Refusal, Replica, Stream, Value};

use super::{Asked, Fate, Kind, Net, Packet, Reply, Step, Write, key, pick};

/// Sessions that write and read as they like. One more asks replicas what they know, for the oracle.
const CLIENTS: u16 = 4;
const PROBE: usize = CLIENTS as usize;

/// Longer than a replica remembers a call.
const ALL_CALLS_OVER_NS: u64 = 3_600_000_000_000;

/// Ticks in which everything is sent again at least once.
const TICKS_ENOUGH: u32 = 40;

/// What is known of a key somewhere: the writes seen and those of them that are alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    seen: BTreeSet<Dot>,
    live: BTreeSet<Dot>,
}

impl View {
    fn merge(&mut self, other: &View) {
        let dead = |view: &View, dot: &Dot| view.seen.contains(dot) && !view.live.contains(dot);
        let both = &self.live | &other.live;
        self.live = both.into_iter().filter(|dot| !dead(self, dot) && !dead(other, dot)).collect();
        self.seen.extend(&other.seen);
    }

    /// A write becomes known that has seen `overwritten`.
    fn learn(&mut self, dot: Dot, delete: bool, overwritten: &BTreeSet<Dot>) {
        // One that is not known, but seen: something known has overwritten it.
        if self.seen.insert(dot) && !delete {
            self.live.insert(dot);
        }
        self.live.retain(|old| !overwritten.contains(old));
        self.seen.extend(overwritten);
    }
}

/// A quorum read under way at the holder that gathers it.
struct Gathering {
    view: View,
    replied: BTreeSet<NodeId>,
    missing: u16,
}

/// A client: what its last read of each key returned, and what the oracle says that this means.
struct Session {
    home: NodeId,
    read: BTreeMap<Key, (Handed, BTreeSet<Dot>)>,
}

/// How a schedule goes.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    pub nodes: u16,
    /// Holders of each key.
    pub copies: u16,
    pub keys: u32,
    pub steps: u32,
    /// Weight of a restart from the log.
    pub restart: u64,
    /// Weight of starting a twin.
    pub twin: u64,
    /// A mistake to plant: repairs claim more than they bring.
    pub forge: bool,
}

impl Style {
    /// A style from a seed: half of them with every key everywhere.
    pub fn random(chance: &mut Stream) -> Style {
        let nodes = 2 + chance.below(3) as u16;
        let copies = if chance.below(2) == 0 { nodes } else { 1 + chance.below(u64::from(nodes) - 1) as u16 };
        let keys = 1 + chance.below(if copies < nodes { 6 } else { 3 }) as u32;
        let steps = 20 + chance.below(60) as u32;
        Style { nodes, copies, keys, steps, restart: 0, twin: 0, forge: false }
    }
}

/// The replicas, the clients and the oracle.
pub struct World {
    pub net: Net<Ndc>,
    chance: Stream,
    style: Style,
    sessions: Vec<Session>,
    /// By call: its session, and what a write's context has seen.
    callers: Vec<(usize, BTreeSet<Dot>)>,
    /// By write: what it has seen, itself left out.
    seen: BTreeMap<Dot, BTreeSet<Dot>>,
    /// By node and key: what is known there.
    views: Vec<BTreeMap<Key, View>>,
    /// By packet: the view that a reply to a read carries.
    replies: BTreeMap<u64, View>,
    gathering: BTreeMap<(NodeId, CallId), Gathering>,
}

/// What can happen next.
#[derive(Clone, Copy)]
enum Event {
    Write,
    Read,
    Packet(Fate),
    Fire(Timer),
    Restart,
    Twin,
}

impl World {
    pub fn new(seed: u64, style: Style, loud: bool) -> World {
        let Style { nodes, copies, .. } = style;
        let placement = if copies == nodes { Placement::all(nodes) } else { Placement::ring(nodes, copies) };
        let config = Config {
            anti_entropy: IntervalOrOff(Some(1_000_000)),
            strip: Interval(1_000_000),
            placement,
            ..Config::default()
        };
        let net = Net::new(seed, nodes, config, alike, loud);
        net.say(|| format!("{style:?}"));
        let sessions =
            (0..=CLIENTS).map(|home| Session { home: NodeId(home % nodes), read: BTreeMap::new() }).collect();
        World {
            net,
            chance: Stream::new(seed, "schedule", 0),
            style,
            sessions,
            callers: Vec::new(),
            seen: BTreeMap::new(),
            views: vec![BTreeMap::new(); usize::from(nodes)],
            replies: BTreeMap::new(),
            gathering: BTreeMap::new(),
        }
    }

    /// A whole schedule: chaos, then peace.
    pub fn play(&mut self) {
        let mut weight = |from: u64, to: u64| from + self.chance.below(to - from);
        // Some schedules lose next to nothing, some next to everything; some repair often, some never.
        let weights = [
            (weight(10, 30), Event::Write),
            (weight(5, 20), Event::Read),
            (weight(20, 60), Event::Packet(Fate::Arrives)),
            (weight(0, 20), Event::Packet(Fate::Lost)),
            (weight(0, 10), Event::Packet(Fate::Doubled)),
            (weight(0, 6), Event::Packet(Fate::VeryLate)),
            (weight(0, 15), Event::Fire(Timer::AntiEntropy)),
            (weight(0, 10), Event::Fire(Timer::CleanUp)),
            (weight(0, 10), Event::Fire(Timer::Calls)),
            (self.style.restart, Event::Restart),
            (self.style.twin, Event::Twin),
        ];
        for _ in 0..self.style.steps {
            let event = pick(&mut self.chance, &weights);
            self.happen(event);
        }
        self.heal();
    }

    fn some_node(&mut self) -> NodeId {
        NodeId(self.chance.below(u64::from(self.style.nodes)) as u16)
    }

    fn happen(&mut self, event: Event) {
        self.net.now_ns += self.chance.below(1_000_000);
        match event {
            Event::Write | Event::Read => {
                let session = self.chance.below(u64::from(CLIENTS)) as usize;
                // Mostly at home, sometimes elsewhere, with what was read at home.
                let home = self.sessions[session].home;
                let node = if self.chance.below(4) > 0 { home } else { self.some_node() };
                let key = key(self.chance.below(u64::from(self.style.keys)) as u32);
                if let Event::Read = event {
                    let quorum = [1, 1, 2, 2, 3, 4][self.chance.below(6) as usize];
                    self.read(session, node, key, quorum);
                } else {
                    let (delete, blind) = (self.chance.below(4) == 0, self.chance.below(3) == 0);
                    self.write(session, node, key, delete, blind);
                }
            }
            Event::Packet(fate) => {
                if let Some(packet) = self.net.happens(fate, &mut self.chance) {
                    self.deliver(packet);
                }
            }
            Event::Fire(timer) => {
                let node = self.some_node();
                if self.net.is_armed(node, timer) {
                    self.fire(node, timer);
                }
            }
            Event::Restart => {
                let node = self.some_node();
                self.restart(node);
            }
            Event::Twin => {
                let node = self.some_node();
                self.add_twin(node);
            }
        }
    }

    /// A session reads `key` at `node`.
    pub fn read(&mut self, session: usize, node: NodeId, key: Key, quorum: u16) {
        self.callers.push((session, BTreeSet::new()));
        let (call, step) = self.net.ask(node, key, Kind::Read { quorum }, &Handed::default());
        let holders = self.holders(key);
        if usize::from(quorum) > holders.len() {
            assert!(matches!(step.answers[..], [(id, Reply::Refused(Refusal::Quorum))] if id == call));
            return;
        }
        let answer = self.begin_read(node, call);
        self.check(node, &step, answer.map(|view| (call, view)), &[]);
    }

    /// A session writes to `key` or deletes it at `node`; `blind` without what it has read before.
    pub fn write(&mut self, session: usize, node: NodeId, key: Key, delete: bool, blind: bool) {
        let (context, seen) = self.sessions[session].read.get(&key).filter(|_| !blind).cloned().unwrap_or_default();
        self.callers.push((session, seen));
        let value = Value { id: self.net.asked.len() as u64, bytes: 8 };
        let (call, step) = self.net.ask(node, key, Kind::Write { value, delete }, &context);
        let local = self.holders(key).contains(&node);
        let new = self.expect_write(&step, call, local);
        let new: Vec<Dot> = new.into_iter().filter(|_| local).collect();
        self.check(node, &step, None, &new);
        assert_eq!(step.answers.len(), usize::from(local), "a holder answers at once");
    }

    fn holders(&self, key: Key) -> Vec<NodeId> {
        let placement = &self.net.config.placement;
        let holders = placement.holders(placement.range(key), &self.net.members);
        holders.into_iter().map(|holder| holder.node).collect()
    }

    /// The call, of a session at a holder or not, has written in this step.
    fn expect_write(&mut self, step: &Step<Ndc>, call: CallId, local: bool) -> Option<Dot> {
        let dot = self.net.asked[call.0 as usize].dot.expect("who is asked takes the write in");
        let key = self.net.writes[&dot].key;
        self.seen.insert(dot, self.callers[call.0 as usize].1.clone());
        let sent = &self.net.packets[self.net.packets.len() - step.sent..];
        let told = sent.iter().filter(|packet| match &*packet.message {
            Message::Update { .. } => local,
            Message::Request { request, .. } => !local && matches!(**request, Request::Write { .. }),
            _ => false,
        });
        let mut told: Vec<NodeId> = told.map(|packet| packet.to).collect();
        told.extend(local.then_some(dot.origin.node));
        told.sort_unstable();
        assert_eq!(told, self.holders(key), "{dot} goes to every holder");
        Some(dot)
    }

    /// What a write to `key` is called, that is called `dot` among the writes to keys of its range.
    fn named(&self, key: Key, dot: Dot) -> Dot {
        let placement = &self.net.config.placement;
        let (range, ranges) = (placement.range(key) as u64, placement.ranges() as u64);
        Dot { counter: (dot.counter - 1) * ranges + range + 1, ..dot }
    }

    /// What the write called `dot` is called among the writes to keys of its range.
    fn in_range(&self, dot: Dot) -> Dot {
        Dot { counter: (dot.counter - 1) / self.net.config.placement.ranges() as u64 + 1, ..dot }
    }

    /// `node` is asked for a read: its view, where that is enough; otherwise it begins to gather.
    fn begin_read(&mut self, node: NodeId, call: CallId) -> Option<View> {
        let Asked { key, kind: Kind::Read { quorum }, .. } = self.net.asked[call.0 as usize] else { panic!("a read") };
        let local = self.holders(key).contains(&node);
        let view = if local { self.view(node, key) } else { View::default() };
        if local && quorum == 1 {
            return Some(view);
        }
        let new = Gathering { view, replied: BTreeSet::new(), missing: quorum - u16::from(local) };
        self.gathering.entry((node, call)).or_insert(new);
        None
    }

    /// A packet arrives.
    pub fn deliver(&mut self, mut packet: Packet<Ndc>) {
        if self.style.forge {
            forge(&mut packet);
        }
        let Packet { from, to, id, .. } = packet;
        let message = packet.message.clone();
        let unknown = |net: &Net<Ndc>, dot: &Dot| {
            let key = net.writes[dot].key;
            !net.nodes[to.index()].known.get(&key).is_some_and(|known| known.contains(dot))
        };
        let mut expected = match &*message {
            Message::Update { delta, .. } => vec![self.named(delta.key, delta.dot)],
            Message::Request { request, .. } => match &**request {
                Request::Write { delta, .. } => vec![self.named(delta.key, delta.dot)],
                _ => Vec::new(),
            },
            Message::Repair(repair) => {
                let dots = repair.items.iter().flat_map(|item| item.dots.iter().map(|dot| (item.key, *dot)));
                dots.map(|(key, dot)| self.named(key, dot)).collect()
            }
            _ => Vec::new(),
        };
        expected.retain(|dot| unknown(&self.net, dot));
        let mut answer = None;
        match &*message {
            Message::Request { key, request, .. } if !matches!(**request, Request::Write { .. }) => {
                let view = self.view(to, *key);
                let step = self.net.arrive(&packet);
                self.note_reply(&step, view);
                return self.check(to, &step, None, &[]);
            }
            Message::Reply { id: request, .. } => {
                let call = request.call;
                let view = &self.replies[&id];
                if let Some(gathering) = self.gathering.get_mut(&(to, call))
                    && gathering.replied.insert(from)
                {
                    gathering.view.merge(view);
                    gathering.missing -= 1;
                    if gathering.missing == 0 {
                        let Gathering { view, .. } = self.gathering.remove(&(to, call)).expect("found above");
                        answer = Some((call, view));
                    }
                }
                let step = self.net.arrive(&packet);
                return self.check(to, &step, answer, &[]);
            }
            _ => {}
        }
        let step = self.net.arrive(&packet);
        self.check(to, &step, None, &expected);
        // Not only what is shown must be right, also what is said to have been seen.
        let keys: BTreeSet<Key> = expected.iter().map(|dot| self.net.writes[dot].key).collect();
        keys.into_iter().for_each(|key| self.read(PROBE, to, key, 1));
    }

    /// The step has sent one reply to a read, which carries `view`.
    fn note_reply(&mut self, step: &Step<Ndc>, view: View) {
        let sent = &self.net.packets[self.net.packets.len() - step.sent..];
        let replies = sent.iter().filter(|packet| matches!(*packet.message, Message::Reply { .. }));
        let ids: Vec<u64> = replies.map(|packet| packet.id).collect();
        assert_eq!(ids.len(), 1, "a reply to each question");
        self.replies.insert(ids[0], view);
    }

    /// A timer runs out.
    pub fn fire(&mut self, node: NodeId, timer: Timer) {
        let step = self.net.fire(node, timer);
        self.check(node, &step, None, &[]);
        if let (Timer::CleanUp, (own, Some(twins))) = (timer, self.net.gauges(node)) {
            self.compare_gauges(node, &own, &twins);
        }
    }

    /// After a clean-up, a replica and its twin store the same; the twin may have forgotten who knows what, and so
    /// remember more dots.
    fn compare_gauges(&self, node: NodeId, own: &[u64], twins: &[u64]) {
        for (info, (own, twins)) in Ndc::GAUGES.iter().zip(own.iter().zip(twins)) {
            let fits = match info.name {
                "dot-keys" => twins >= own,
                // It does not know who has got the writes that it passes on.
                "calls" => twins <= own || self.style.copies < self.style.nodes,
                _ => twins == own,
            };
            assert!(fits, "{node}: {} is {own}, but {twins} at its twin", info.name);
        }
    }

    fn restart(&mut self, node: NodeId) {
        self.net.restart(node);
        self.gathering.retain(|(at, _), _| *at != node);
    }

    /// Starts a twin of `node` and asks both for all that they know.
    fn add_twin(&mut self, node: NodeId) {
        self.net.add_twin(node);
        for index in 0..self.style.keys {
            if self.holders(key(index)).contains(&node) {
                self.read(PROBE, node, key(index), 1);
            }
        }
        // The pull shows the clock.
        self.fire(node, Timer::AntiEntropy);
        self.fire(node, Timer::CleanUp);
    }

    /// What `node` has seen of `key`, from the writes that have arrived there.
    fn view(&self, node: NodeId, key: Key) -> View {
        self.views[node.index()].get(&key).cloned().unwrap_or_default()
    }

    /// After a step of `node`, which should have answered the read `answer` and learned the writes `expected`.
    fn check(&mut self, node: NodeId, step: &Step<Ndc>, answer: Option<(CallId, View)>, expected: &[Dot]) {
        let known: BTreeSet<Dot> = step.known().into_iter().collect();
        assert_eq!(known, expected.iter().copied().collect(), "{node} learns what the message brings");
        let views = &mut self.views[node.index()];
        for dot in known {
            let Write { key, delete, .. } = self.net.writes[&dot];
            views.entry(key).or_default().learn(dot, delete, &self.seen[&dot]);
        }
        let shown = &self.net.nodes[node.index()].shown[Level::Eventual as usize];
        let live = || views.values().flat_map(|view| &view.live);
        if live().count() != shown.len() || !live().all(|dot| shown.contains(dot)) {
            let live: BTreeSet<Dot> = live().copied().collect();
            assert_eq!(*shown, live, "{node} does not show what nothing known to it has seen");
        }
        let reads = step.answers.iter().filter(|(_, reply)| matches!(reply, Reply::Read { .. }));
        assert!(reads.map(|(call, _)| call).eq(answer.iter().map(|(call, _)| call)), "{node} answers reads in time");
        for (call, reply) in &step.answers {
            if let Reply::Wrote { context } = reply {
                self.note_wrote(*call, context);
            }
        }
        if let (Some((call, view)), [(_, Reply::Read { versions, context })]) = (answer, &step.answers[..]) {
            let key = self.net.asked[call.0 as usize].key;
            assert!(versions.iter().map(|version| version.dot).eq(view.live), "{call:?} returns what is alive");
            assert!(versions.iter().all(|version| *version == self.net.version(version.dot)));
            for dot in self.net.writes.iter().filter(|(_, write)| write.key == key).map(|(dot, _)| dot) {
                let covers = context.context.covers(self.in_range(*dot));
                assert_eq!(covers, view.seen.contains(dot), "{call:?} has it seen {dot}?");
            }
            let session = &mut self.sessions[self.callers[call.0 as usize].0];
            session.read.insert(key, (context.clone(), view.seen));
        }
    }

    /// A write is answered: its context says what was handed in, and itself. What it does not say, a write that it does say
    /// had seen, and all holders have that one.
    fn note_wrote(&mut self, call: CallId, context: &Handed) {
        let dot = self.net.asked[call.0 as usize].dot.expect("it has a name");
        let key = self.net.writes[&dot].key;
        let (session, handed) = self.callers[call.0 as usize].clone();
        let of_key = self.net.writes.iter().filter(|(_, write)| write.key == key).map(|(dot, _)| *dot);
        let covered: BTreeSet<Dot> = of_key.filter(|dot| context.context.covers(self.in_range(*dot))).collect();
        assert!(covered.contains(&dot), "{call:?} hands out its write");
        assert!(covered.iter().all(|seen| *seen == dot || handed.contains(seen)), "{call:?} has seen more");
        let all_have = |last: &Dot| self.holders(key).iter().all(|node| self.view(*node, key).seen.contains(last));
        let is_stood_for = |seen: &Dot| {
            let mut later = covered.iter().filter(|last| **last != dot);
            later.any(|last| self.seen[last].contains(seen) && all_have(last))
        };
        assert!(handed.iter().all(|seen| covered.contains(seen) || is_stood_for(seen)), "{call:?} has seen less");
        self.sessions[session].read.insert(key, (context.clone(), covered));
    }

    /// Delivers all that is under way, except what is very late.
    fn deliver_all(&mut self) {
        while let Some(packet) = self.net.happens(Fate::Arrives, &mut self.chance) {
            self.deliver(packet);
        }
    }

    /// Every node asks a peer, every node cleans up.
    fn round(&mut self) {
        for timer in [Timer::AntiEntropy, Timer::CleanUp, Timer::Calls] {
            for node in (0..self.style.nodes).map(NodeId) {
                if self.net.is_armed(node, timer) {
                    self.fire(node, timer);
                }
            }
            self.deliver_all();
        }
    }

    /// No more loss: replicas agree before long, on the right thing, and nothing is left over. What is very late
    /// comes when they have agreed, and changes nothing but what it has to.
    pub fn heal(&mut self) {
        self.net.say(|| "no more loss".to_string());
        self.deliver_all();
        self.agree();
        let mut late = 0;
        for packet in &mut self.net.packets {
            packet.very_late = false;
            late += 1;
        }
        if late > 0 {
            self.net.say(|| "what was very late arrives".to_string());
            self.deliver_all();
            self.agree();
        }
        // Who passes a write on goes on until all holders have it, less and less often.
        for _ in 0..TICKS_ENOUGH {
            for node in (0..self.style.nodes).map(NodeId) {
                if self.net.is_armed(node, Timer::Calls) {
                    self.fire(node, Timer::Calls);
                }
            }
            self.deliver_all();
        }
        self.net.now_ns += ALL_CALLS_OVER_NS;
        for node in 0..self.style.nodes {
            self.fire(NodeId(node), Timer::CleanUp);
            assert_eq!(self.net.gauge(NodeId(node), "calls"), 0, "n{node} waits for ever");
        }
    }

    fn agree(&mut self) {
        // Each node asks each peer once in as many rounds as there are peers. Writes need one cycle, the news of
        // them a second, the clean-up of what the news allows a third.
        let enough = 3 * self.style.nodes;
        let quiet = (0..enough).find(|_| {
            self.round();
            self.net.residue().is_empty()
        });
        if quiet.is_some() {
            self.round(); // to see that it stays so
        }
        assert_eq!(self.net.residue(), [], "something is left over");
        for index in 0..self.style.keys {
            let key = key(index);
            let mut all = View::default();
            for (dot, write) in self.net.writes.iter().filter(|(_, write)| write.key == key) {
                all.learn(*dot, write.delete, &self.seen[dot]);
            }
            for node in self.holders(key) {
                let here = self.view(node, key);
                assert_eq!(here.seen, all.seen, "{node} knows every write to {key:?}");
                assert_eq!(here.live, all.live, "{node} shows of {key:?} what no write has seen");
            }
        }
    }
}

/// Makes a repair claim the next writes of all origins, which it does not bring.
pub fn forge(packet: &mut Packet<Ndc>) {
    let Message::Repair(repair) = &*packet.message else { return };
    let mut repair = repair.clone();
    let claims: Vec<_> = repair.clock.iter().map(|(origin, known)| (origin, known.max() + 2)).collect();
    claims.into_iter().for_each(|(origin, counter)| repair.clock.raise(origin, counter));
    packet.message = std::rc::Rc::new(Message::Repair(repair));
}

/// The same writes; and the same clocks, for ranges that both ask about: whom they ask is left to chance.
fn alike(theirs: &[&Message], ours: &[&Message]) -> bool {
    let updates =
        |messages: &[&Message]| messages.iter().filter(|message| matches!(message, Message::Update { .. })).count();
    let are_alike = |a: &Message, b: &Message| match (a, b) {
        (Message::Update { delta: a, .. }, Message::Update { delta: b, .. }) => {
            // A twin has forgotten what the others have, so it may have to tell more.
            let mut told = a.context.clone();
            told.join(&b.context);
            let mut ours = b.clone();
            ours.context.clone_from(&told);
            told == a.context && ours == *a
        }
        (Message::Pull(a), Message::Pull(b)) => a.range != b.range || a.clock == b.clock,
        _ => false,
    };
    updates(theirs) == updates(ours)
        && theirs.is_empty() == ours.is_empty()
        && theirs.iter().all(|a| ours.iter().all(|b| are_alike(a, b)))
}
