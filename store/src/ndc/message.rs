//! What NDC replicas say to each other.

use smallvec::SmallVec;

use crate::clock::NodeClock;
use crate::contract::{Call, CallId, Dot, Key, Level, NodeId, ReplicaId, Tag, Value};

use super::memory::Watermarks;
use super::object::{Context, Object, Versions, wire_bytes};

/// One write, as it is replicated: never the merged object, which would carry other writes past their order.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// A request for what the sender misses.
#[derive(Clone, Debug)]
pub struct Pull {
    /// The sender, with its incarnation.
    pub from: ReplicaId,
    /// Number of the sender's anti-entropy round.
    pub round: u64,
    /// What the sender knows.
    pub clock: NodeClock,
}

/// The answer to a [`Pull`], all of it from one moment of the sender.
#[derive(Clone, Debug)]
pub struct Repair {
    /// The sender, with its incarnation.
    pub from: ReplicaId,
    /// The round that asked for it.
    pub round: u64,
    /// What the sender knew.
    pub clock: NodeClock,
    /// What the sender knew of others' knowledge.
    pub watermarks: Watermarks,
    /// The objects with the dots that the asker missed.
    pub items: Vec<RepairItem>,
}

/// A key of which the asker missed writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairItem {
    /// The key.
    pub key: Key,
    /// The writes to it that the asker did not know.
    pub dots: SmallVec<[Dot; 1]>,
    /// The sender's stored object.
    pub object: Object,
}

/// A client's call, named so that all nodes understand it: the node that the client asked, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The node that the client asked.
    pub node: NodeId,
    /// The call's number there.
    pub call: CallId,
}

/// A call that a node passes to a holder of the key, and a holder's part in a quorum read.
#[derive(Clone, Debug)]
pub enum Request {
    /// Read the key (`quorum` 1: yours alone).
    Read {
        /// At which level.
        level: Level,
        /// How many holders must contribute.
        quorum: u16,
    },
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
pub enum Reply {
    /// The versions, and a context that is whole.
    Read {
        /// In the order of their dots.
        versions: Versions,
        /// What the replying node has seen of the key.
        context: Context,
    },
    /// Written.
    Wrote,
}

/// A message between NDC replicas.
#[derive(Clone, Debug)]
pub enum Message {
    /// Replicates a write.
    Update(Delta),
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

/// Names of the kinds, see [`Message::tag`].
pub const KINDS: &[&str] = &["update", "pull", "repair", "request", "reply"];

/// Bytes of framing, kind and addresses.
const HEADER: u32 = 16;

impl Message {
    /// The outside of the message.
    pub fn tag(&self) -> Tag {
        let (kind, id, bytes) = match self {
            Message::Update(delta) => {
                let bytes = wire_bytes(&[], &delta.context).saturating_add(delta.value.bytes).saturating_add(24);
                (0, delta.value.id, bytes)
            }
            Message::Pull(pull) => (1, pull.round, 8 + pull.clock.wire_bytes()),
            Message::Repair(repair) => {
                let item = |item: &RepairItem| item.object.wire_bytes().saturating_add(4 + 12 * item.dots.len() as u32);
                let clocks = 8 + repair.clock.wire_bytes() + repair.watermarks.wire_bytes();
                (2, repair.round, repair.items.iter().map(item).fold(clocks, u32::saturating_add))
            }
            Message::Request { id, request, .. } => {
                let bytes = match &**request {
                    Request::Read { .. } => 4,
                    Request::Write { value, context, .. } => {
                        wire_bytes(&[], context).saturating_add(value.bytes).saturating_add(12)
                    }
                };
                (3, u64::from(id.call.0), bytes.saturating_add(8))
            }
            Message::Reply { id, reply } => {
                let bytes = match &**reply {
                    Reply::Read { versions, context } => wire_bytes(versions, context),
                    Reply::Wrote => 1,
                };
                (4, u64::from(id.call.0), bytes.saturating_add(4))
            }
        };
        let carries = match self {
            Message::Update(delta) => Some(delta.key.priority()),
            _ => None,
        };
        Tag { kind, id, bytes: bytes.saturating_add(HEADER), carries }
    }
}

/// A call as a request to another node. `number` is for writes.
pub fn as_request(call: &Call<'_, Context, ()>, number: u64) -> Request {
    match call {
        Call::Read { level, quorum, .. } => Request::Read { level: *level, quorum: *quorum },
        Call::Write { value, delete, context, .. } => {
            Request::Write { number, value: *value, delete: *delete, context: (*context).clone() }
        }
    }
}
