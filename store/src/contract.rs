//! What a store must be, to be hosted by the simulator or by a real node.
//!
//! A replica is a deterministic state machine. The host calls [`Replica::step`] with one [`Input`] at a time;
//! everything the replica wants to happen it says through [`Env`]: messages, timers, records for its disk,
//! answers, and *observations* ("write d became visible here") that the checkers judge it by.
//!
//! **Durability.** Outputs leave the replica in the order in which it made them, and one that follows an
//! appended record leaves only when that record is durable. The host sees to it; there is no "durable" input
//! that a store could forget to wait for. (etcd/raft leaves this order to its users; it is the part they get
//! wrong.) So whatever the rest of the world has seen of a replica, its disk remembers.
//!
//! **Cost.** The buffers behind [`Env`] belong to the host and keep their capacity: a warm replica causes no
//! allocation but for what it stores itself. A multicast shares one message among its receivers, which is why
//! messages are received by reference.

use std::fmt;
use std::num::NonZeroU32;

pub use kvsim_types::{Conflict, Dot, Level, Levels, NodeId, Priority, Refusal, ReplicaId};

use crate::random::Stream;
use crate::settings::{Cluster, DefectInfo, Hardship, Misfit, Profile, Reduction};

/// A key: a small number that the host has given to a name, together with the key's priority.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Key(NonZeroU32); // never 0, so that an optional key takes no more room

impl Key {
    /// Numbers that fit beside the priority.
    pub const LIMIT: u32 = (1 << 30) - 1;

    /// The key with number `index`, below [`Key::LIMIT`].
    ///
    /// # Panics
    /// When `index` is too large.
    pub fn new(index: u32, priority: Priority) -> Key {
        assert!(index < Key::LIMIT, "key {index} is beyond the {} keys that a run may have", Key::LIMIT);
        Key(NonZeroU32::new(((priority as u32) << 30 | index) + 1).expect("one more than something"))
    }

    /// The number that the host gave.
    pub fn index(self) -> u32 {
        (self.0.get() - 1) & ((1 << 30) - 1)
    }

    /// The priority of all writes to this key.
    pub fn priority(self) -> Priority {
        [Priority::P0, Priority::P1, Priority::P2, Priority::P3][((self.0.get() - 1) >> 30) as usize]
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}key{}", self.priority(), self.index())
    }
}

/// What a client writes. Stores do not look inside a value, so a run carries its identity and its size and
/// spares itself the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(C, packed(4))] // 12 bytes, see `Dot`
pub struct Value {
    /// Unique within the run; also names a delete, which writes nothing but is a write.
    pub id: u64,
    /// Payload size in bytes.
    pub bytes: u32,
}

/// One value of a key, with the write it comes from. A key with several is said to have siblings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Version {
    /// The write.
    pub dot: Dot,
    /// What it wrote.
    pub value: Value,
}

impl Version {
    /// Of a store that [announces nothing](Replica::ANNOUNCES): the host knows the write by its value.
    pub fn unnamed(value: Value) -> Version {
        Version { dot: Dot { origin: ReplicaId::first(NodeId(0)), counter: 0 }, value }
    }
}

/// A client's request, numbered by the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CallId(pub u32);

/// What a client may ask of a replica. `C` is the store's causal context: what an answer about a key hands out and the
/// same session's next write to that key hands back. `S` is what a session that moves carries with it.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a, C, S> {
    /// The versions of `key` that `level` shows, agreed by `quorum` replicas (1: this one alone).
    Read {
        /// The key.
        key: Key,
        /// What the session may see.
        level: Level,
        /// How many replicas must contribute, the asked one included.
        quorum: u16,
        /// From the last answer to a session that may move from replica to replica; absent for one that stays. The
        /// answer must not fall behind it.
        seen: Option<&'a S>,
    },
    /// Writes `value` (nothing: deletes the key), replacing what `context` has seen.
    Write {
        /// The key.
        key: Key,
        /// Identity and size. A delete has an identity, too.
        value: Value,
        /// True for a delete.
        delete: bool,
        /// From the last answer to the session about this key; the default context has seen nothing.
        context: &'a C,
        /// As for a read.
        seen: Option<&'a S>,
    },
}

/// One thing that happens to a replica.
pub enum Input<'a, R: Replica> {
    /// A message arrives. Any message may be late, arrive twice, or never.
    Message {
        /// The sender.
        from: NodeId,
        /// The message, shared with its other receivers.
        message: &'a R::Message,
    },
    /// A timer armed earlier has run out.
    Timer(R::Timer),
    /// A client asks; the replica answers once, now or later, through [`Env`].
    Call {
        /// The request's number.
        id: CallId,
        /// The request.
        call: Call<'a, R::Context, R::SessionToken>,
    },
    /// [`Env::members`] is another list than in the step before: a node has come, has gone for good, or has come back
    /// as a new incarnation.
    Members,
}

/// What the network needs to know about a message without looking inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageMeta {
    /// Index into [`Replica::MESSAGE_KINDS`].
    pub kind: u8,
    /// The message's own identity among those of its kind on its link: the value's id for an `update`, the call's number (in
    /// the lower half) for kinds that are called `request...` or `reply...`, a round's number.
    /// Loss and delay are drawn from it, so that one message more or less elsewhere changes nothing here.
    /// Two messages with one identity share their fate; a retry needs an identity of its own.
    pub id: u64,
    /// Size on the wire, in bytes.
    pub bytes: u32,
    /// The priority of the write that the message replicates; absent for any other kind of message.
    pub carries: Option<Priority>,
    /// It repairs what is missing and can wait: where bandwidth is scarce, all else goes first.
    pub is_bulk: bool,
}

/// The end of a call.
#[derive(Clone, Debug)]
pub enum Answer<C, S> {
    /// A read: its versions are `versions` of [`Outbox::versions`], in the order of their dots.
    Read {
        /// Index of the first version.
        first: u32,
        /// Number of versions; 0 when the key has none.
        count: u32,
        /// To be handed back with the session's next write to the key.
        context: C,
        /// What a session that may move has seen now; absent for one that stays.
        seen: Option<S>,
    },
    /// A write or delete is done.
    Wrote {
        /// As for a read: what was handed in, and the write itself. Nothing else, since the session has not seen more.
        context: C,
        /// As for a read.
        seen: Option<S>,
    },
    /// Nothing was done.
    Refused(Refusal),
}

/// A consequence of a step that leaves the replica.
pub enum Output<R: Replica> {
    /// One message to `count` targets from [`Outbox::targets`].
    Send {
        /// Index of the first target.
        first: u32,
        /// Number of targets.
        count: u32,
        /// The shared message.
        message: R::Message,
    },
    /// Wake me with `timer` in `after_ns`; replaces an earlier arming of the same timer.
    Arm {
        /// Which timer.
        timer: R::Timer,
        /// From now, in nanoseconds of the replica's own clock.
        after_ns: u64,
    },
    /// Forget `timer`.
    Disarm(R::Timer),
    /// A record goes to the disk; what follows waits until it is durable.
    Append(R::Record),
    /// Answers a call.
    Answer {
        /// The call.
        call: CallId,
        /// The answer.
        answer: Answer<R::Context, R::SessionToken>,
    },
}

/// Names of writes of dead replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// Of this replica and of the earlier lives of its node.
    pub last: ReplicaId,
    /// Those whose counters leave the remainder `rest` when they are divided by `by`.
    pub by: u16,
    /// Less than `by`.
    pub rest: u16,
}

impl Names {
    /// All of `last` and of the earlier lives of its node.
    pub fn of(last: ReplicaId) -> Names {
        Names { last, by: 1, rest: 0 }
    }

    /// True when `dot` is one of them.
    pub fn has(&self, dot: Dot) -> bool {
        let Dot { origin, counter } = dot;
        origin.node == self.last.node
            && origin.incarnation <= self.last.incarnation
            && counter % u64::from(self.by.max(1)) == u64::from(self.rest)
    }
}

/// A fact about the replica for the checkers alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observation {
    /// The write that `call` asked for now has a name. Once per write call that is not refused.
    Wrote {
        /// The call.
        call: CallId,
        /// The write's name.
        dot: Dot,
    },
    /// The write's record has arrived, in whatever form and however late. Once per write and life of the replica.
    Known(Dot),
    /// The known writes with these names are all that will ever be known of their origins, and from now on the replica cannot name
    /// them. The host notes which these are.
    Settled(Names),
    /// All writes with these names are known here that a replica knew which has settled them: their effect has arrived, without
    /// their names. The host takes them for announced one by one.
    KnownAll(Names),
    /// The write is kept here no longer, since its key is for others to hold, and they have it. It may come to be known again.
    GaveAway(Dot),
    /// The known writes with these names are kept here no longer.
    GaveAwayAll(Names),
    /// Reads at `levels` return this write from now on.
    Visible {
        /// At which levels.
        levels: Levels,
        /// The write.
        dot: Dot,
    },
    /// Reads at `levels` no longer return this write (overwritten or deleted).
    Hidden {
        /// At which levels.
        levels: Levels,
        /// The write.
        dot: Dot,
    },
    /// This write cannot wait for its turn at `levels`, since there is no room, or it has come only merged with others;
    /// the replica has to ask for it again.
    Overflowed {
        /// At which levels.
        levels: Levels,
        /// The write.
        dot: Dot,
    },
    /// Writes of `origin` have arrived that `level` has not been able to show for so long.
    Lagging {
        /// At which level.
        level: Level,
        /// Whose writes.
        origin: ReplicaId,
        /// For how long, on the replica's clock.
        behind_ns: u64,
    },
}

/// Everything a step has produced; owned by the host, drained after each step, its capacity kept.
pub struct Outbox<R: Replica> {
    /// What leaves the replica, in order.
    pub outputs: Vec<Output<R>>,
    /// What the checkers are told, in order.
    pub observations: Vec<Observation>,
    /// Receivers of the sends.
    pub targets: Vec<NodeId>,
    /// Versions of the read answers.
    pub versions: Vec<Version>,
    /// False: the host's log is never read and its disk takes no time, so [`Env::append`] does nothing.
    pub has_disk: bool,
}

impl<R: Replica> Outbox<R> {
    /// An empty one.
    pub fn new(has_disk: bool) -> Outbox<R> {
        Outbox { outputs: Vec::new(), observations: Vec::new(), targets: Vec::new(), versions: Vec::new(), has_disk }
    }

    /// Forgets everything but the capacity.
    pub fn clear(&mut self) {
        self.outputs.clear();
        self.observations.clear();
        self.targets.clear();
        self.versions.clear();
    }
}

/// A replica's only connection to the world during a step.
pub struct Env<'a, R: Replica> {
    /// Who the replica is.
    pub me: ReplicaId,
    /// The current replica of every node that belongs to the cluster, in the nodes' order, this one included. The host
    /// is the membership service: a node that is to join later, or has left for good, is not in the list; one that is
    /// down and will come back is, as the replica that it was.
    pub members: &'a [ReplicaId],
    /// At the boot with which the cluster begins: there is nothing yet that the replica could have missed.
    pub founding: bool,
    /// The replica's clock, in nanoseconds. Clocks of two replicas need not agree, may run fast or slow, and jump, also
    /// backwards.
    pub now_ns: u64,
    /// The replica's own source of chance.
    pub chance: &'a mut Stream,
    /// Where the outputs go.
    pub outbox: &'a mut Outbox<R>,
}

impl<R: Replica> Env<'_, R> {
    /// Sends `message` to one node.
    pub fn send(&mut self, to: NodeId, message: R::Message) {
        self.multicast([to], message);
    }

    /// Sends one message to several nodes, which share it.
    pub fn multicast(&mut self, to: impl IntoIterator<Item = NodeId>, message: R::Message) {
        let targets = &mut self.outbox.targets;
        let first = targets.len();
        targets.extend(to);
        let count = (targets.len() - first) as u32;
        if count > 0 {
            self.outbox.outputs.push(Output::Send { first: first as u32, count, message });
        }
    }

    /// Sends one message to every other member.
    pub fn broadcast(&mut self, message: R::Message) {
        let me = self.me;
        let members = self.members;
        self.multicast(members.iter().filter(|member| **member != me).map(|member| member.node), message);
    }

    /// Wakes the replica with `timer` in `after_ns`, replacing an earlier arming of it.
    pub fn arm(&mut self, timer: R::Timer, after_ns: u64) {
        self.outbox.outputs.push(Output::Arm { timer, after_ns });
    }

    /// Forgets `timer`.
    pub fn disarm(&mut self, timer: R::Timer) {
        self.outbox.outputs.push(Output::Disarm(timer));
    }

    /// Appends to the disk; later outputs of this replica wait until the record is durable. `record` is
    /// called only where it makes a difference.
    pub fn append(&mut self, record: impl FnOnce() -> R::Record) {
        if self.outbox.has_disk {
            self.outbox.outputs.push(Output::Append(record()));
        }
    }

    /// Answers a read with `versions`, which are put into the order of their dots.
    pub fn answer_read(
        &mut self,
        call: CallId,
        versions: impl IntoIterator<Item = Version>,
        context: R::Context,
        seen: Option<R::SessionToken>,
    ) {
        let all = &mut self.outbox.versions;
        let first = all.len();
        all.extend(versions);
        all[first..].sort_unstable();
        let count = (all.len() - first) as u32;
        let answer = Answer::Read { first: first as u32, count, context, seen };
        self.outbox.outputs.push(Output::Answer { call, answer });
    }

    /// Answers a write or delete: done.
    pub fn answer_write(&mut self, call: CallId, context: R::Context, seen: Option<R::SessionToken>) {
        self.outbox.outputs.push(Output::Answer { call, answer: Answer::Wrote { context, seen } });
    }

    /// Refuses a call, which must have had no effect.
    pub fn refuse(&mut self, call: CallId, why: Refusal) {
        self.outbox.outputs.push(Output::Answer { call, answer: Answer::Refused(why) });
    }

    /// Tells the checkers a fact about this replica.
    pub fn observe(&mut self, observation: Observation) {
        self.outbox.observations.push(observation);
    }
}

/// A number about a replica's memory that the checkers and charts may ask for.
#[derive(Clone, Copy, Debug)]
pub struct GaugeInfo {
    /// Short name, in kebab case.
    pub name: &'static str,
    /// One line for people.
    pub meaning: &'static str,
    /// The store promises that this is 0 once all replicas agree and nothing is under way.
    pub residue: bool,
}

/// A store, seen as one of its replicas.
pub trait Replica: Sized {
    /// How the store is set, the same for all replicas and for the whole run. A type that serde and schemars can read and
    /// write, with a default, is a store's table of settings in scenarios: its fields with their comments.
    type Config: Clone;
    /// What replicas send to each other.
    type Message;
    /// Names of the timers.
    type Timer: Copy + Eq + fmt::Debug;
    /// What a read hands out and a write hands back. The default has seen nothing.
    type Context: Clone + Default;
    /// What a session has seen, for one that moves from replica to replica. The default has seen nothing.
    type SessionToken: Clone + Default;
    /// What the replica appends to its disk.
    type Record;

    /// Names of the kinds of messages; [`MessageMeta::kind`] is an index into it.
    const MESSAGE_KINDS: &'static [&'static str];
    /// The numbers that [`Replica::gauges`] fills in.
    const GAUGES: &'static [GaugeInfo];
    /// The levels that sessions may choose.
    const LEVELS: Levels;
    /// What the store promises about concurrent writes.
    const CONFLICT: Conflict;
    /// True when replicas announce everything that [`Observation`] speaks of; false when they announce nothing. Then the host
    /// names writes, after the node that was asked, and knows versions by their values; what replicas know and show at
    /// any time is not known and not judged, only what clients see, what disks lose, and the end.
    const ANNOUNCES: bool = true;
    /// True when reads may ask several replicas.
    const QUORUM_READS: bool = false;
    /// What the store is not made for, each with the reason: a scenario in which that happens is refused. A store that does not say
    /// so is judged as one that goes through it and keeps its promises.
    const NOT_MADE_FOR: &'static [(Hardship, &'static str)] = &[];
    /// The defects that can be planted in the store.
    const DEFECTS: &'static [DefectInfo] = &[];

    /// The replica as it is when the node starts: `log` holds the durable records of this incarnation, oldest
    /// first. Arms its first timers, and announces what it knows and shows ([`Observation::Known`],
    /// [`Observation::Visible`]), as what it announced before it went down counts no more.
    fn boot(config: &Self::Config, log: &[Self::Record], env: &mut Env<'_, Self>) -> Self;

    /// Takes one input and says through `env` what follows from it.
    fn step(&mut self, input: Input<'_, Self>, env: &mut Env<'_, Self>);

    /// Decides what the settings leave open, and says what does not fit the cluster. Asked once for a run, before all else
    /// that takes the settings; settings that are decided stay as they are when asked again.
    fn fit(_config: &mut Self::Config, _cluster: &Cluster) -> Vec<Misfit> {
        Vec::new()
    }

    /// What the host needs to know about a store with these settings on this number of nodes.
    fn profile(_config: &Self::Config, nodes: u16) -> Profile {
        Profile::plain(nodes)
    }

    /// Takes something away, as far as settings have to do with it.
    fn reduce(_config: &mut Self::Config, _by: Reduction) {}

    /// The outside of a message.
    fn meta(message: &Self::Message) -> MessageMeta;

    /// The levels that a replica with this configuration serves, some or all of [`Replica::LEVELS`].
    fn levels(_config: &Self::Config) -> Levels {
        Self::LEVELS
    }

    /// True when `node` is to hold `key`.
    fn holds(config: &Self::Config, node: NodeId, key: Key) -> bool;

    /// Hands out every version that reads at `level` would return. The order is the host's business; that of
    /// the keys' numbers and the dots spares it the sorting.
    fn visible(&self, level: Level, each: &mut dyn FnMut(Key, Version));

    /// Appends the numbers that [`Replica::GAUGES`] names, in that order; the last ones are left out where the
    /// configuration gives them no meaning.
    fn gauges(&self, into: &mut Vec<u64>);

    /// Bytes of what is kept about writes beside their values: clocks, contexts, dead versions; none where the store
    /// does not say. Measured now and then, and no part of a run's trace.
    fn metadata_bytes(&self) -> Option<u64> {
        None
    }

    /// How many writes an anti-entropy message brings; 0 for any other message. No part of a run's trace.
    fn repaired_writes(_message: &Self::Message) -> u32 {
        0
    }

    /// A hint, for speed alone: `message` is likely to arrive soon. The replica may look at the memory that its
    /// step will need (and pass what it finds to [`std::hint::black_box`]). The host asks for many messages in a
    /// row, so that the cache misses of one do not wait for those of another; first for all of them with `depth` 0,
    /// for what is reached directly, then with `depth` 1, for what is found through that.
    fn prefetch(&self, _message: &Self::Message, _depth: u8) {}

    /// Stops the run with a panic when the replica's state breaks a rule of its own. Called now and then.
    fn assert_invariants(&self) {}
}
