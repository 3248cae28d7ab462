//! What NDC replicas say to each other.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::clock::NodeClock;
use crate::contract::{CallId, Dot, Key, Level, MessageMeta, NodeId, ReplicaId, Value};

use super::context::Context;
use super::dead::Report;
use super::frontier::{Frontiers, VIEWS};
use super::memory::Watermarks;
use super::object::{Object, Versions, wire_bytes};

/// One write, as it is replicated: never the merged object, which would carry other writes past their order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Delta {
    /// The write's name.
    pub dot: Dot,
    /// What it writes to.
    pub key: Key,
    /// What it writes; for a delete its identity.
    pub value: Value,
    /// True for a delete.
    pub delete: bool,
    /// What it has seen of the key, itself left out.
    pub context: Context,
    /// For the views from the second on, as far as they carry the key: the counter of the origin's last write before
    /// that the view carries, 0 for none. All 0 when no ordered view is kept.
    pub before: [u64; VIEWS - 1],
}

impl Delta {
    /// The counter of the origin's last write before this one that `view` carries.
    pub fn predecessor(&self, view: usize) -> u64 {
        // The first view carries all writes.
        if view == 0 { self.dot.counter - 1 } else { self.before[view - 1] }
    }

    /// The room that it takes while it waits: that of the write alone. How much of its key a session has seen, and so the
    /// size of the context, depends on less urgent writes, too, which must not push an urgent one out.
    pub fn room_bytes(&self) -> u32 {
        self.value.bytes.saturating_add(BESIDE_VALUE)
    }

    /// Size when sent.
    pub fn wire_bytes(&self) -> u32 {
        let before = 8 * self.before.iter().filter(|counter| **counter > 0).count() as u32;
        wire_bytes(&[], &self.context).saturating_add(self.value.bytes).saturating_add(24 + before)
    }
}

/// A request for what the sender misses.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Pull {
    /// The sender, with its incarnation.
    pub from: ReplicaId,
    /// The range of keys that it asks about.
    pub range: u16,
    /// Number of the sender's anti-entropy round.
    pub round: u64,
    /// What the sender knows.
    pub clock: NodeClock,
    /// How much it knows of what others know, see [`Watermarks::sums`].
    pub sums: Vec<(ReplicaId, u64)>,
    /// How far its ordered views have come; nothing when it keeps none.
    pub frontiers: Frontiers,
    /// Writes that it knows and had no room for at its ordered views.
    pub stubs: Vec<Dot>,
    /// The sender has lost its disk, or is new, and does not serve yet: what it has counts for no acknowledgement.
    pub recovers: bool,
    /// It needs everything.
    pub wants_all: bool,
    /// It no longer holds the range, and asks whether the receiver has all that it keeps.
    pub leaves: bool,
    /// What it knows of dead replicas.
    pub report: Option<Box<Report>>,
}

/// The writes of a replica to keys of a range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Issued {
    /// The counter of the last one.
    pub last: u64,
    /// Those that may not have reached all holders: the replica goes on sending them.
    pub pending: Vec<Delta>,
}

/// The answer to a [`Pull`], all of it from one moment of the sender.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Repair {
    /// The sender, with its incarnation.
    pub from: ReplicaId,
    /// Who asked for it.
    pub to: ReplicaId,
    /// The range of keys that it is about.
    pub range: u16,
    /// The round that asked for it.
    pub round: u64,
    /// The list of members by which the sender goes, as a number (a hash of it).
    pub membership: u64,
    /// The sender holds the range and serves: it has not yet to get everything itself.
    pub serves: bool,
    /// The answer has all objects: what it does not mention the sender has seen deleted.
    pub full: bool,
    /// What the sender knew of dead replicas.
    pub report: Option<Box<Report>>,
    /// For one that recovers, on a ring: the sender's own writes.
    pub issued: Issued,
    /// Writes that its clock covers, since no member has them, and that the asker's does not.
    pub lost: Vec<Dot>,
    /// What the sender knew.
    pub clock: NodeClock,
    /// What the sender knew of others' knowledge, where that was more than the asker knew.
    pub watermarks: Watermarks,
    /// How far the sender's ordered views had come; nothing when it keeps none.
    pub frontiers: Frontiers,
    /// Writes that the asker missed and that wait at the sender, too.
    pub deltas: Vec<Arc<Delta>>,
    /// The objects of the other writes that the asker missed.
    pub items: Vec<RepairItem>,
}

/// A key to which the asker missed writes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RepairItem {
    /// The key.
    pub key: Key,
    /// The writes to it that the asker did not know.
    pub dots: SmallVec<[Dot; 1]>,
    /// The sender's stored object, for the views that `eventual` and `same` name.
    pub object: Object,
    /// The asker's eventual view needs the object.
    pub eventual: bool,
    /// The asker's ordered views that need it and see it so at the sender.
    pub same: [bool; VIEWS],
    /// What differs at the sender, for the other ordered views that need it.
    pub forked: Vec<(usize, Object)>,
}

impl Repair {
    /// The answer of a replica that keeps nothing of the range, or has nothing to say.
    pub fn nothing(me: ReplicaId, pull: &Pull, membership: u64) -> Repair {
        Repair {
            from: me,
            to: pull.from,
            range: pull.range,
            round: pull.round,
            membership,
            serves: false,
            full: false,
            report: None,
            issued: Issued::default(),
            lost: Vec::new(),
            clock: NodeClock::default(),
            watermarks: Watermarks::default(),
            frontiers: Frontiers::default(),
            deltas: Vec::new(),
            items: Vec::new(),
        }
    }
}

impl RepairItem {
    /// The object as the sender sees it in `view`, if the asker needs it there.
    pub fn object_of(&self, view: usize) -> Option<&Object> {
        if self.same[view] {
            return Some(&self.object);
        }
        self.forked.iter().find(|(forked, _)| *forked == view).map(|(_, object)| object)
    }

    fn wire_bytes(&self) -> u32 {
        let object = if self.eventual || self.same.contains(&true) { self.object.wire_bytes() } else { 0 };
        let forked = self.forked.iter().map(|(_, object)| object.wire_bytes().saturating_add(1));
        forked.fold(object, u32::saturating_add).saturating_add(4 + 12 * self.dots.len() as u32)
    }
}

/// A client's call, named so that all nodes understand it: the node that the client asked, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestId {
    /// The node that the client asked.
    pub node: NodeId,
    /// The call's number there.
    pub call: CallId,
}

/// What a node needs of a holder of a key for a call of one of its clients.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request {
    /// Say what you have of the key, at this level.
    Read(Level),
    /// Say how far your ordered views have come.
    Frontiers,
    /// Take in this write of the sender, which does not serve the key's range, and acknowledge it. However often and at
    /// however many holders it arrives, it is one write, since it has its name.
    Write {
        /// The write.
        delta: Delta,
        /// The list of members by which the sender goes, as a number (a hash of it).
        membership: u64,
    },
}

/// Answer to a [`Request`].
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Reply {
    /// The versions, and a context that is whole.
    Read {
        /// In the order of their dots.
        versions: Versions,
        /// What the replying node has seen of the key.
        context: Context,
    },
    /// How far the ordered views have come.
    Frontiers(Frontiers),
}

/// A message between NDC replicas.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Message {
    /// Replicates a write.
    Update {
        /// The write.
        delta: Delta,
        /// On a ring the list of members by which the sender goes, 0 where every member holds every key.
        membership: u64,
    },
    /// The sender has this write on its disk.
    Ack {
        /// The range of its key.
        range: u16,
        /// The write.
        dot: Dot,
        /// Which copy of the write this answers: 0 for the first.
        attempt: u8,
        /// The sender, with its incarnation: what was on the disk of an earlier life counts no more.
        by: ReplicaId,
        /// Its value's identity.
        value: u64,
    },
    /// Asks for what is missing.
    Pull(Box<Pull>),
    /// Sends what was missing.
    Repair(Box<Repair>),
    /// Passes on a call, or a part of one.
    Request {
        /// Whose call.
        id: RequestId,
        /// How often it was asked before.
        attempt: u8,
        /// The key.
        key: Key,
        /// What to do.
        request: Box<Request>,
    },
    /// Answers a request.
    Reply {
        /// Of the request.
        id: RequestId,
        /// Of the request, too.
        attempt: u8,
        /// The answer.
        reply: Box<Reply>,
    },
}

/// Names of the kinds, see [`Message::meta`].
pub const KINDS: &[&str] = &["update", "pull", "repair", "request", "reply", "ack"];

/// What a waiting write is charged beside its value: name, key, sizes and predecessors.
const BESIDE_VALUE: u32 = 48;

/// Bytes of framing, kind and addresses.
const HEADER: u32 = 16;

impl Message {
    /// The outside of the message.
    pub fn meta(&self) -> MessageMeta {
        let (kind, id, bytes) = match self {
            Message::Update { delta, membership } => {
                (0, delta.value.id, delta.wire_bytes().saturating_add(8 * u32::from(*membership > 0)))
            }
            Message::Ack { value, attempt, .. } => (5, again(*value, *attempt), 18),
            Message::Pull(pull) => {
                let ordered = pull.frontiers.wire_bytes() + 12 * pull.stubs.len() as u32;
                let report = pull.report.as_ref().map_or(0, |report| report.wire_bytes());
                (1, pull.round, 10 + 12 * pull.sums.len() as u32 + pull.clock.wire_bytes() + ordered + report)
            }
            Message::Repair(repair) => {
                let deltas = repair.deltas.iter().map(|delta| delta.wire_bytes());
                let brought = repair.items.iter().map(RepairItem::wire_bytes).chain(deltas);
                let clocks = repair.clock.wire_bytes() + repair.watermarks.wire_bytes() + repair.frontiers.wire_bytes();
                let report = repair.report.as_ref().map_or(0, |report| report.wire_bytes());
                let pending: u32 = repair.issued.pending.iter().map(Delta::wire_bytes).fold(0, u32::saturating_add);
                let own = pending.saturating_add(8 * u32::from(repair.issued.last > 0) + 12 * repair.lost.len() as u32);
                (2, repair.round, brought.fold((19 + clocks + report).saturating_add(own), u32::saturating_add))
            }
            Message::Request { id, attempt, request, .. } => {
                let bytes = match &**request {
                    Request::Read(_) => 4,
                    Request::Frontiers => 0,
                    Request::Write { delta, .. } => delta.wire_bytes().saturating_add(8),
                };
                (3, again(u64::from(id.call.0), *attempt), bytes.saturating_add(8))
            }
            Message::Reply { id, attempt, reply } => {
                let bytes = match &**reply {
                    Reply::Read { versions, context } => wire_bytes(versions, context),
                    Reply::Frontiers(frontiers) => frontiers.wire_bytes(),
                };
                (4, again(u64::from(id.call.0), *attempt), bytes.saturating_add(4))
            }
        };
        let carries = match self {
            Message::Update { delta, .. } => Some(delta.key.priority()),
            _ => None,
        };
        MessageMeta {
            kind,
            id,
            bytes: bytes.saturating_add(HEADER),
            carries,
            is_bulk: matches!(self, Message::Repair(_)),
        }
    }
}

/// The identity of what is sent again: other than that of the first time, with which it would share its fate.
fn again(id: u64, attempt: u8) -> u64 {
    id | u64::from(attempt) << 56
}
