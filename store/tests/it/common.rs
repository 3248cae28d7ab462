//! A network of replicas without a simulator: the test decides which pending message arrives next. The network
//! watches every step for what must hold for any store, and keeps each replica's log.

pub mod levels;
pub mod lww;
pub mod ndc;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use kvsim_store::{
    Answer, Call, CallId, Dot, Env, Input, Key, Level, Levels, NodeId, Observation, Outbox, Output, Priority, Replica,
    ReplicaId, Stream, Value, Version,
};

/// The key with this number. Its priority must not matter here, so it differs from key to key.
pub fn key(index: u32) -> Key {
    Key::new(index, [Priority::P0, Priority::P1, Priority::P2, Priority::P3][index as usize % 4])
}

/// Plays the schedule of every seed. One that fails is played again with its trace, as the test's output.
pub fn play_all(seeds: std::ops::Range<u64>, play: impl Fn(u64, bool)) {
    for seed in seeds {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| play(seed, false))) {
            println!("\nseed {seed} failed; once more, with its trace:");
            play(seed, true);
            println!("... and passed: the schedule does not depend on its seed alone");
            resume_unwind(panic);
        }
    }
}

/// How many of the seeds' schedules fail. For self-tests: with a planted mistake, many must.
pub fn count_failures(seeds: std::ops::Range<u64>, play: impl Fn(u64)) -> usize {
    seeds.filter(|seed| catch_unwind(AssertUnwindSafe(|| play(*seed))).is_err()).count()
}

/// One of the things that can happen next, each as likely as its weight says.
pub fn pick<T: Copy>(chance: &mut Stream, weights: &[(u64, T)]) -> T {
    let mut ball = chance.below(weights.iter().map(|(weight, _)| weight).sum());
    for (weight, thing) in weights {
        if ball < *weight {
            return *thing;
        }
        ball -= weight;
    }
    unreachable!("the ball lies below the sum of the weights")
}

/// A message under way.
pub struct Packet<R: Replica> {
    /// Shared by the copies of one message.
    pub id: u64,
    pub from: NodeId,
    pub to: NodeId,
    pub message: Rc<R::Message>,
    /// Not before everything else has come to rest.
    pub very_late: bool,
}

impl<R: Replica> Clone for Packet<R> {
    fn clone(&self) -> Packet<R> {
        Packet { message: self.message.clone(), ..*self }
    }
}

/// What can happen to a packet under way.
#[derive(Clone, Copy)]
pub enum Fate {
    Arrives,
    Lost,
    Doubled,
    VeryLate,
}

/// What a client has asked for; its place in the list of all calls is its number.
#[derive(Clone, Debug)]
pub struct Asked {
    pub node: NodeId,
    pub key: Key,
    pub kind: Kind,
    /// The write's name, once it has one.
    pub dot: Option<Dot>,
    pub answered: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Read { quorum: u16 },
    Write { value: Value, delete: bool },
}

/// A write that has a name.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    pub key: Key,
    pub value: Value,
    pub delete: bool,
}

/// A read's answer, apart from the others of its step.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply<C> {
    Read { versions: Vec<Version>, context: C },
    Wrote { context: C },
    Refused(kvsim_store::Refusal),
}

/// What a step has led to; messages, timers and records are with the network already.
pub struct Step<R: Replica> {
    pub answers: Vec<(CallId, Reply<R::Context>)>,
    /// What the answers to sessions that may move say that these have seen.
    pub seen: Vec<(CallId, R::SessionToken)>,
    pub observations: Vec<Observation>,
    /// The packets sent: the last of those under way.
    pub sent: usize,
}

impl<R: Replica> Step<R> {
    /// The writes that the step made known, in order.
    pub fn known(&self) -> Vec<Dot> {
        let known = self.observations.iter().filter_map(|observation| match observation {
            Observation::Known(dot) => Some(*dot),
            _ => None,
        });
        known.collect()
    }
}

/// A replica and what its observations have told so far.
pub struct Node<R: Replica> {
    pub replica: R,
    pub log: Vec<R::Record>,
    pub known: BTreeMap<Key, BTreeSet<Dot>>,
    /// What reads return, by level in the order of [`Level::ALL`].
    pub shown: [BTreeSet<Dot>; 6],
    chance: Stream,
    armed: Vec<R::Timer>,
    twin: Option<Twin<R>>,
}

/// What a start has come to.
struct Booted<R: Replica> {
    replica: R,
    armed: Vec<R::Timer>,
    records: Vec<R::Record>,
    observations: Vec<Observation>,
}

/// A second replica, started from the log of a running one, that is told the same from then on.
struct Twin<R: Replica> {
    replica: R,
    chance: Stream,
    /// Earlier calls are forgotten in a crash.
    first_call: CallId,
}

/// Whether a replica and its twin say the same as far as it depends on what their log remembers. Both stores begin
/// their kinds with updates and pulls; of other messages some are sent for calls that only one of them remembers.
type Alike<R> = fn(&[&<R as Replica>::Message], &[&<R as Replica>::Message]) -> bool;
const KINDS_ALIKE: u8 = 2;

/// All replicas and everything between them.
pub struct Net<R: Replica> {
    pub config: R::Config,
    pub members: Vec<ReplicaId>,
    pub nodes: Vec<Node<R>>,
    pub packets: Vec<Packet<R>>,
    pub asked: Vec<Asked>,
    pub writes: BTreeMap<Dot, Write>,
    pub now_ns: u64,
    /// What a replica's clock shows beyond the network's.
    pub clock_ahead_ns: Vec<u64>,
    /// Levels without observations: a mistake to plant.
    pub mute: Levels,
    packets_made: u64,
    /// What replicas had told of and then settled.
    settled: BTreeSet<Dot>,
    alike: Alike<R>,
    loud: bool,
}

impl<R> Net<R>
where
    R: Replica,
    R::Message: Debug,
    R::Record: Clone,
    R::Context: PartialEq + Debug,
{
    pub fn new(seed: u64, nodes: u16, config: R::Config, alike: Alike<R>, loud: bool) -> Net<R> {
        let members: Vec<ReplicaId> = (0..nodes).map(|node| ReplicaId::first(NodeId(node))).collect();
        let mut net = Net {
            config,
            nodes: Vec::new(),
            packets: Vec::new(),
            asked: Vec::new(),
            writes: BTreeMap::new(),
            now_ns: 0,
            clock_ahead_ns: vec![0; members.len()],
            mute: Levels::NONE,
            packets_made: 0,
            settled: BTreeSet::new(),
            alike,
            loud,
            members,
        };
        for node in 0..nodes {
            let mut chance = Stream::new(seed, "node", u64::from(node));
            let Booted { replica, armed, records, observations } = net.boot(NodeId(node), &[], true, &mut chance);
            assert!(observations.is_empty(), "there is nothing to see yet");
            let (known, shown) = (BTreeMap::new(), Default::default());
            net.nodes.push(Node { replica, log: records, known, shown, chance, armed, twin: None });
        }
        net
    }

    /// Adds a line to the schedule's trace, if anybody wants to read it.
    pub fn say(&self, line: impl FnOnce() -> String) {
        if self.loud {
            println!("{}", readable(line()));
        }
    }

    fn boot(&self, node: NodeId, log: &[R::Record], founding: bool, chance: &mut Stream) -> Booted<R> {
        let mut outbox = Outbox::new(true);
        let now_ns = self.now_ns + self.clock_ahead_ns[node.index()];
        let me = self.members[node.index()];
        let mut env = Env { me, founding, members: &self.members, now_ns, chance, outbox: &mut outbox };
        let replica = R::boot(&self.config, log, &mut env);
        let (mut armed, mut records) = (Vec::new(), Vec::new());
        for output in outbox.outputs {
            match output {
                Output::Arm { timer, .. } => armed.push(timer),
                Output::Append(record) => records.push(record),
                _ => panic!("a replica that starts arms its timers and notes that it starts"),
            }
        }
        Booted { replica, armed, records, observations: outbox.observations }
    }

    /// Hands one input to the replica of `node` and checks what must hold for any store.
    pub fn step(&mut self, node: NodeId, input: Input<'_, R>) -> Step<R> {
        let me = self.members[node.index()];
        let now_ns = self.now_ns + self.clock_ahead_ns[node.index()];
        let mut outbox = Outbox::new(true);
        let Node { replica, chance, twin, .. } = &mut self.nodes[node.index()];
        let mut env = Env { me, founding: false, members: &self.members, now_ns, chance, outbox: &mut outbox };
        let again = same(&input);
        replica.step(input, &mut env);
        replica.assert_invariants();
        for observation in outbox.observations.iter_mut().filter(|_| !self.mute.is_empty()) {
            if let Observation::Visible { levels, .. } | Observation::Hidden { levels, .. } = observation {
                *levels = levels.iter().filter(|level| !self.mute.contains(*level)).collect();
            }
        }
        if let Some(Twin { replica, chance, first_call }) = twin {
            let mut twins = Outbox::new(true);
            let mut env = Env { me, founding: false, members: &self.members, now_ns, chance, outbox: &mut twins };
            replica.step(again, &mut env);
            replica.assert_invariants();
            assert_eq!(twins.observations, outbox.observations, "{node}: its twin sees it differently");
            let since = |answers: Vec<(CallId, Reply<R::Context>)>| -> Vec<(CallId, Reply<R::Context>)> {
                let mut answers: Vec<_> = answers.into_iter().filter(|(call, _)| call >= first_call).collect();
                // What a writer still has to be told depends on what the others are known to have, which is not on the disk.
                for (_, reply) in &mut answers {
                    if let Reply::Wrote { context } = reply {
                        *context = R::Context::default();
                    }
                }
                answers
            };
            assert_eq!(since(answers(&twins)), since(answers(&outbox)), "{node}: its twin answers differently");
            let (theirs, ours) = (sent(&twins), sent(&outbox));
            assert!((self.alike)(&theirs, &ours), "{node} sends {ours:?}, its twin {theirs:?}");
        }
        let known = self.nodes[node.index()].known.values().flatten().copied().collect();
        outbox.observations = named(outbox.observations, known, &mut self.settled);
        let step = Step {
            answers: answers(&outbox),
            seen: seen(&outbox),
            sent: self.take_outputs(node, &mut outbox),
            observations: outbox.observations,
        };
        self.watch(node, &step);
        step
    }

    /// Files what a step has put out; returns the number of packets.
    fn take_outputs(&mut self, from: NodeId, outbox: &mut Outbox<R>) -> usize {
        let before = self.packets.len();
        for output in outbox.outputs.drain(..) {
            match output {
                Output::Send { first, count, message } => {
                    let message = Rc::new(message);
                    for to in &outbox.targets[first as usize..(first + count) as usize] {
                        assert_ne!(*to, from, "{from} talks to itself");
                        self.packets_made += 1;
                        self.say(|| format!("    {from} sends to {to} #{}: {message:?}", self.packets_made));
                        let message = message.clone();
                        self.packets.push(Packet { id: self.packets_made, from, to: *to, message, very_late: false });
                    }
                }
                Output::Arm { timer, .. } => {
                    let armed = &mut self.nodes[from.index()].armed;
                    if !armed.contains(&timer) {
                        armed.push(timer);
                    }
                }
                Output::Disarm(timer) => self.nodes[from.index()].armed.retain(|armed| *armed != timer),
                Output::Append(record) => self.nodes[from.index()].log.push(record),
                Output::Answer { .. } => {} // taken before
            }
        }
        self.packets.len() - before
    }

    /// Observations fit together and to what reads show; calls end once.
    fn watch(&mut self, node: NodeId, step: &Step<R>) {
        let me = self.members[node.index()];
        for observation in in_order(&step.observations) {
            self.say(|| format!("    {node} observes {observation:?}"));
            let Node { known, shown, .. } = &mut self.nodes[node.index()];
            match *observation {
                Observation::Wrote { call, dot } => {
                    let asked = &mut self.asked[call.0 as usize];
                    let Kind::Write { value, delete } = asked.kind else { panic!("{call:?} is not a write") };
                    assert_eq!(asked.dot.replace(dot), None, "{call:?} has written twice");
                    assert_eq!(dot.origin, me);
                    let before = self.writes.insert(dot, Write { key: asked.key, value, delete });
                    assert!(before.is_none(), "{node} uses the name {dot} twice");
                }
                _ => note::<R>(&self.config, &self.writes, node, observation, known, shown),
            }
        }
        let node = &self.nodes[node.index()];
        for level in R::levels(&self.config).iter() {
            let by_observations =
                node.shown[level as usize].iter().map(|dot| (self.version(*dot), self.writes[dot].key));
            let shown = visible(&node.replica, level);
            let same = shown.iter().copied().eq(by_observations);
            assert!(same, "{me} shows something else at {level:?} than it says: {shown:?}");
        }
        for (call, answer) in &step.answers {
            self.say(|| format!("    {me} answers {call:?}: {answer:?}"));
            let asked = &mut self.asked[call.0 as usize];
            assert_eq!(asked.node, me.node, "{call:?} is answered where nobody asked");
            assert!(!std::mem::replace(&mut asked.answered, true), "{call:?} is answered twice");
            match (answer, asked.kind) {
                (Reply::Read { versions, .. }, Kind::Read { .. }) => {
                    assert!(versions.is_sorted_by(|a, b| a.dot < b.dot))
                }
                (Reply::Wrote { .. }, Kind::Write { .. }) => assert!(asked.dot.is_some(), "{call:?} did not write"),
                (Reply::Refused(_), _) => assert_eq!(asked.dot, None, "{call:?} is refused, but wrote"),
                _ => panic!("{call:?} is a {:?}, answered by {answer:?}", asked.kind),
            }
        }
    }

    /// The version that a write has made.
    pub fn version(&self, dot: Dot) -> Version {
        Version { dot, value: self.writes[&dot].value }
    }

    /// A client whose session sees everything and stays asks.
    pub fn ask(&mut self, node: NodeId, key: Key, kind: Kind, context: &R::Context) -> (CallId, Step<R>) {
        self.ask_at(node, key, kind, Level::Eventual, context, None)
    }

    /// A client asks whose session reads at `level`, and if it moves, has `seen` something elsewhere.
    pub fn ask_at(
        &mut self,
        node: NodeId,
        key: Key,
        kind: Kind,
        level: Level,
        context: &R::Context,
        seen: Option<&R::SessionToken>,
    ) -> (CallId, Step<R>) {
        let id = CallId(self.asked.len() as u32);
        self.say(|| format!("{id:?} at {node}: {kind:?} {key:?} at {level:?} with {context:?}"));
        self.asked.push(Asked { node, key, kind, dot: None, answered: false });
        let call = match kind {
            Kind::Read { quorum } => Call::Read { key, level, quorum, seen },
            Kind::Write { value, delete } => Call::Write { key, value, delete, context, seen },
        };
        (id, self.step(node, Input::Call { id, call }))
    }

    /// Takes a packet out, to be delivered or lost.
    pub fn take(&mut self, place: usize) -> Packet<R> {
        self.packets.swap_remove(place)
    }

    /// Something happens to one of the packets that are not very late; the packet, if it arrives now.
    pub fn happens(&mut self, fate: Fate, chance: &mut Stream) -> Option<Packet<R>> {
        let on_time: Vec<usize> = (0..self.packets.len()).filter(|place| !self.packets[*place].very_late).collect();
        if on_time.is_empty() {
            return None;
        }
        let place = on_time[chance.below(on_time.len() as u64) as usize];
        match fate {
            Fate::Arrives => return Some(self.take(place)),
            Fate::Lost => {
                let packet = self.take(place);
                self.say(|| format!("#{} to {} is lost", packet.id, packet.to));
            }
            Fate::Doubled => self.packets.push(self.packets[place].clone()),
            Fate::VeryLate => self.packets[place].very_late = true,
        }
        None
    }

    /// A packet arrives.
    pub fn arrive(&mut self, packet: &Packet<R>) -> Step<R> {
        self.say(|| format!("#{} from {} arrives at {}", packet.id, packet.from, packet.to));
        self.step(packet.to, Input::Message { from: packet.from, message: &packet.message })
    }

    /// The timers of `node` that are armed.
    pub fn armed(&self, node: NodeId) -> Vec<R::Timer> {
        self.nodes[node.index()].armed.clone()
    }

    /// True when the timer of `node` is armed.
    pub fn is_armed(&self, node: NodeId, timer: R::Timer) -> bool {
        self.nodes[node.index()].armed.contains(&timer)
    }

    /// An armed timer runs out.
    pub fn fire(&mut self, node: NodeId, timer: R::Timer) -> Step<R> {
        self.say(|| format!("{timer:?} of {node}"));
        let armed = &mut self.nodes[node.index()].armed;
        let place = armed.iter().position(|armed| *armed == timer);
        armed.remove(place.unwrap_or_else(|| panic!("{timer:?} of {node} is not armed")));
        self.step(node, Input::Timer(timer))
    }

    /// A second replica of `node`, started from the log kept so far.
    fn boot_from_log(&self, node: NodeId, chance: &mut Stream) -> Booted<R> {
        let running = &self.nodes[node.index()];
        let booted = self.boot(node, &running.log, false, chance);
        booted.replica.assert_invariants();
        let (mut known, mut shown) = (BTreeMap::new(), Default::default());
        let observations = named(booted.observations.clone(), BTreeSet::new(), &mut self.settled.clone());
        for observation in in_order(&observations) {
            note::<R>(&self.config, &self.writes, node, observation, &mut known, &mut shown);
        }
        assert_eq!(known, running.known, "{node} announces other writes");
        assert_eq!(shown, running.shown, "{node} announces other versions");
        for level in R::levels(&self.config).iter() {
            let (now, before) = (visible(&booted.replica, level), visible(&running.replica, level));
            assert_eq!(now, before, "{node} forgets or dreams up something at {level:?}");
        }
        booted
    }

    /// A second replica of `node`, started from its log.
    pub fn copy_from_log(&self, node: NodeId) -> R {
        self.boot_from_log(node, &mut self.nodes[node.index()].chance.clone()).replica
    }

    /// The node comes back without its disk, as another replica; the others are told.
    pub fn lose_disk(&mut self, node: NodeId) {
        self.say(|| format!("{node} loses its disk"));
        self.members[node.index()].incarnation += 1;
        let mut chance = self.nodes[node.index()].chance.clone();
        let Booted { replica, armed, records, .. } = self.boot(node, &[], false, &mut chance);
        let (known, shown) = (BTreeMap::new(), Default::default());
        self.nodes[node.index()] = Node { replica, log: records, known, shown, chance, armed, twin: None };
        let others: Vec<NodeId> =
            self.members.iter().map(|member| member.node).filter(|other| *other != node).collect();
        others.into_iter().for_each(|other| drop(self.step(other, Input::Members)));
    }

    /// The node crashes and comes back with its disk.
    pub fn restart(&mut self, node: NodeId) {
        self.say(|| format!("{node} restarts"));
        let mut chance = self.nodes[node.index()].chance.clone();
        let Booted { replica, armed, records, .. } = self.boot_from_log(node, &mut chance);
        let running = &mut self.nodes[node.index()];
        running.log.extend(records);
        (running.replica, running.armed, running.chance, running.twin) = (replica, armed, chance, None);
    }

    /// Starts a twin of `node` from its log.
    pub fn add_twin(&mut self, node: NodeId) {
        self.say(|| format!("{node} gets a twin"));
        let mut chance = self.nodes[node.index()].chance.clone();
        let Booted { replica, .. } = self.boot_from_log(node, &mut chance);
        let first_call = CallId(self.asked.len() as u32);
        self.nodes[node.index()].twin = Some(Twin { replica, chance, first_call });
    }

    /// The gauges of a replica and of its twin, if it has one.
    pub fn gauges(&self, node: NodeId) -> (Vec<u64>, Option<Vec<u64>>) {
        let Node { replica, twin, .. } = &self.nodes[node.index()];
        (gauges(replica), twin.as_ref().map(|twin| gauges(&twin.replica)))
    }

    /// What a replica says of its memory.
    pub fn gauge(&self, node: NodeId, name: &str) -> u64 {
        self.gauges(node).0[R::GAUGES.iter().position(|info| info.name == name).expect("a gauge")]
    }

    /// What is left over and should not be.
    pub fn residue(&self) -> Vec<(NodeId, &'static str, u64)> {
        let nodes = self.members.iter().map(|member| member.node);
        let all = nodes.flat_map(|node| R::GAUGES.iter().zip(self.gauges(node).0).map(move |g| (node, g)));
        all.filter(|(_, (info, value))| info.residue && *value > 0).map(|(n, (info, v))| (n, info.name, v)).collect()
    }
}

/// The observations of a replica, which had told that it knew what is `known`, with each write named that it cannot name.
/// `settled` are all writes that any replica had told of and then settled.
pub fn named(
    observations: Vec<Observation>,
    mut known: BTreeSet<Dot>,
    settled: &mut BTreeSet<Dot>,
) -> Vec<Observation> {
    let mut all = Vec::new();
    for observation in observations {
        match observation {
            Observation::Settled(names) => {
                settled.retain(|dot| !names.has(*dot));
                settled.extend(known.iter().filter(|dot| names.has(**dot)));
            }
            Observation::KnownAll(names) => {
                let new = settled.iter().filter(|dot| names.has(**dot) && !known.contains(dot));
                let new: Vec<Dot> = new.copied().collect();
                known.extend(&new);
                all.extend(new.into_iter().map(Observation::Known));
            }
            Observation::GaveAwayAll(names) => {
                let given = known.iter().filter(|dot| names.has(**dot));
                all.extend(given.map(|dot| Observation::GaveAway(*dot)));
            }
            other => {
                if let Observation::Known(dot) = other {
                    known.insert(dot);
                }
                all.push(other);
            }
        }
    }
    all
}

/// What a step makes known before what it shows: an answer with everything says so in the end.
fn in_order(observations: &[Observation]) -> impl Iterator<Item = &Observation> {
    let is_shown =
        |observation: &&Observation| matches!(observation, Observation::Visible { .. } | Observation::Hidden { .. });
    observations.iter().filter(move |observation| !is_shown(observation)).chain(observations.iter().filter(is_shown))
}

/// Enters into `known` and `shown` what `node` says of itself, if that fits to what it has said before.
fn note<R: Replica>(
    config: &R::Config,
    writes: &BTreeMap<Dot, Write>,
    node: NodeId,
    observation: &Observation,
    known: &mut BTreeMap<Key, BTreeSet<Dot>>,
    shown: &mut [BTreeSet<Dot>; 6],
) {
    match *observation {
        Observation::Known(dot) => {
            let key = writes.get(&dot).unwrap_or_else(|| panic!("{dot} was never written")).key;
            assert!(R::holds(config, node, key), "{node} does not hold {key:?} of {dot}");
            assert!(known.entry(key).or_default().insert(dot), "{node} learns {dot} twice");
        }
        Observation::Visible { levels, dot } => {
            let Write { key, delete, .. } = writes[&dot];
            assert!(!delete, "{node} shows the delete {dot}");
            assert!(known.get(&key).is_some_and(|known| known.contains(&dot)), "{node} shows unknown {dot}");
            for level in levels.iter() {
                assert!(shown[level as usize].insert(dot), "{node} shows {dot} twice at {level:?}");
            }
        }
        Observation::Hidden { levels, dot } => {
            for level in levels.iter() {
                let was_shown = shown[level as usize].remove(&dot);
                assert!(was_shown, "{node} hides {dot}, which it does not show at {level:?}");
            }
        }
        _ => {}
    }
}

/// Dots in short, so that the lines of a trace fit a screen.
fn readable(mut line: String) -> String {
    const DOT: &str = "Dot { origin: ";
    for node in 0..5 {
        line = line.replace(&format!("ReplicaId {{ node: NodeId({node}), incarnation: 1 }}"), &format!("n{node}"));
    }
    while let Some(start) = line.find(DOT) {
        let end = start + line[start..].find(" }").expect("what opens closes");
        let dot = line[start + DOT.len()..end].replace(", counter: ", ":");
        line.replace_range(start..end + " }".len(), &dot);
    }
    line
}

/// The same input again.
fn same<'a, R: Replica>(input: &Input<'a, R>) -> Input<'a, R> {
    match input {
        Input::Message { from, message } => Input::Message { from: *from, message },
        Input::Timer(timer) => Input::Timer(*timer),
        Input::Members => Input::Members,
        Input::Call { id, call } => {
            let call = match *call {
                Call::Read { key, level, quorum, seen } => Call::Read { key, level, quorum, seen },
                Call::Write { key, value, delete, context, seen } => Call::Write { key, value, delete, context, seen },
            };
            Input::Call { id: *id, call }
        }
    }
}

fn answers<R: Replica>(outbox: &Outbox<R>) -> Vec<(CallId, Reply<R::Context>)> {
    let answers = outbox.outputs.iter().filter_map(|output| match output {
        Output::Answer { call, answer } => Some((*call, answer)),
        _ => None,
    });
    let replies = answers.map(|(call, answer)| {
        let reply = match answer {
            Answer::Read { first, count, context, .. } => {
                let versions = outbox.versions[*first as usize..(first + count) as usize].to_vec();
                Reply::Read { versions, context: context.clone() }
            }
            Answer::Wrote { context, .. } => Reply::Wrote { context: context.clone() },
            Answer::Refused(why) => Reply::Refused(*why),
        };
        (call, reply)
    });
    replies.collect()
}

/// What the answers say that sessions have seen.
fn seen<R: Replica>(outbox: &Outbox<R>) -> Vec<(CallId, R::SessionToken)> {
    let seen = outbox.outputs.iter().filter_map(|output| match output {
        Output::Answer { call, answer: Answer::Read { seen, .. } | Answer::Wrote { seen, .. } } => {
            seen.clone().map(|seen| (*call, seen))
        }
        _ => None,
    });
    seen.collect()
}

/// What the outbox sends of the kinds that a replica and its twin must agree in.
fn sent<R: Replica>(outbox: &Outbox<R>) -> Vec<&R::Message> {
    let messages = outbox.outputs.iter().filter_map(|output| match output {
        Output::Send { message, .. } => Some(message),
        _ => None,
    });
    messages.filter(|message| R::meta(message).kind < KINDS_ALIKE).collect()
}

/// What reads at `level` return, by write.
fn visible<R: Replica>(replica: &R, level: Level) -> Vec<(Version, Key)> {
    let mut all = Vec::new();
    replica.visible(level, &mut |key, version| all.push((version, key)));
    all.sort_unstable();
    all
}

fn gauges<R: Replica>(replica: &R) -> Vec<u64> {
    let mut gauges = Vec::new();
    replica.gauges(&mut gauges);
    gauges
}
