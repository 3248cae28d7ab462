//! What NDC replicas say to each other.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::clock::NodeClock;
use crate::contract::{Call, CallId, Dot, Key, Level, MessageMeta, NodeId, ReplicaId, Value};

use super::dead::Report;
use super::frontier::{Frontiers, VIEWS};
use super::memory::Watermarks;
use super::object::{Context, Object, Versions, wire_bytes};

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
    /// What it has seen of the key, itself and earlier writes of its origin left out.
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
    /// Number of the sender's anti-entropy round.
    pub round: u64,
    /// What the sender knows.
    pub clock: NodeClock,
    /// How far its ordered views have come; nothing when it keeps none.
    pub frontiers: Frontiers,
    /// Writes that it knows and had no room for at its ordered views.
    pub stubs: Vec<Dot>,
    /// The sender has lost its disk, or is new, and does not serve yet: what it has counts for no acknowledgement.
    pub recovers: bool,
    /// It needs everything.
    pub wants_all: bool,
    /// What it knows of dead replicas.
    pub report: Option<Box<Report>>,
}

/// The answer to a [`Pull`], all of it from one moment of the sender.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Repair {
    /// The sender, with its incarnation.
    pub from: ReplicaId,
    /// Who asked for it.
    pub to: ReplicaId,
    /// The round that asked for it.
    pub round: u64,
    /// The list of members by which the sender goes, see [`super::recovery::view_of`].
    pub view: u64,
    /// The sender serves: it has not yet to get everything itself.
    pub serves: bool,
    /// The answer has all objects: what it does not mention the sender has seen deleted.
    pub full: bool,
    /// What the sender knew of dead replicas.
    pub report: Option<Box<Report>>,
    /// What the sender knew.
    pub clock: NodeClock,
    /// What the sender knew of others' knowledge.
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

/// A call that a node passes to a holder of the key, and a holder's part in a quorum read.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Request {
    /// Read the key (`quorum` 1: yours alone).
    Read {
        /// At which level.
        level: Level,
        /// How many holders must contribute.
        quorum: u16,
    },
    /// Say how far your ordered views have come.
    Frontiers,
    /// Write to the key.
    Write {
        /// Number among the write requests from the sender to the receiver, from 1: a copy of a request must
        /// not write twice.
        number: u64,
        /// What to write.
        value: Value,
        /// True for a delete.
        delete: bool,
        /// What the session has seen of the key.
        context: Context,
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
    /// Written.
    Wrote,
}

/// A message between NDC replicas.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Message {
    /// Replicates a write.
    Update(Delta),
    /// The sender has this write on its disk.
    Ack {
        /// The write.
        dot: Dot,
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
        /// The key.
        key: Key,
        /// What to do.
        request: Box<Request>,
    },
    /// Answers a request.
    Reply {
        /// Of the request.
        id: RequestId,
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
            Message::Update(delta) => (0, delta.value.id, delta.wire_bytes()),
            Message::Ack { value, .. } => (5, *value, 16),
            Message::Pull(pull) => {
                let ordered = pull.frontiers.wire_bytes() + 12 * pull.stubs.len() as u32;
                let report = pull.report.as_ref().map_or(0, |report| report.wire_bytes());
                (1, pull.round, 8 + pull.clock.wire_bytes() + ordered + report)
            }
            Message::Repair(repair) => {
                let deltas = repair.deltas.iter().map(|delta| delta.wire_bytes());
                let brought = repair.items.iter().map(RepairItem::wire_bytes).chain(deltas);
                let clocks = repair.clock.wire_bytes() + repair.watermarks.wire_bytes() + repair.frontiers.wire_bytes();
                let report = repair.report.as_ref().map_or(0, |report| report.wire_bytes());
                (2, repair.round, brought.fold(17 + clocks + report, u32::saturating_add))
            }
            Message::Request { id, request, .. } => {
                let bytes = match &**request {
                    Request::Read { .. } => 4,
                    Request::Frontiers => 0,
                    Request::Write { value, context, .. } => {
                        wire_bytes(&[], context).saturating_add(value.bytes).saturating_add(12)
                    }
                };
                (3, u64::from(id.call.0), bytes.saturating_add(8))
            }
            Message::Reply { id, reply } => {
                let bytes = match &**reply {
                    Reply::Read { versions, context } => wire_bytes(versions, context),
                    Reply::Frontiers(frontiers) => frontiers.wire_bytes(),
                    Reply::Wrote => 1,
                };
                (4, u64::from(id.call.0), bytes.saturating_add(4))
            }
        };
        let carries = match self {
            Message::Update(delta) => Some(delta.key.priority()),
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

/// A call as a request to another node. `number` is for writes.
pub fn as_request(call: &Call<'_, Context, Frontiers>, number: u64) -> Request {
    match call {
        Call::Read { level, quorum, .. } => Request::Read { level: *level, quorum: *quorum },
        Call::Write { value, delete, context, .. } => {
            Request::Write { number, value: *value, delete: *delete, context: (*context).clone() }
        }
    }
}
