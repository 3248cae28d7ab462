//! Calls that need other nodes, or time: reads by several replicas, calls for keys that this node does not hold, and
//! reads in order that wait until the view has come far enough.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::clock::{DotSet, ReplicaMap};
use crate::contract::{CallId, Key, NodeId, ReplicaId};

use super::frontier::Frontiers;
use super::message::RequestId;
use super::object::Object;

/// How long a call may wait for others before it is forgotten, in nanoseconds: far longer than any client waits.
const PENDING_NS_MAX: u64 = 60_000_000_000;

/// How many write requests of a sender are remembered, to recognise copies.
const REQUESTS_REMEMBERED: u64 = 4_096;

/// What a replica knows about calls under way. Nothing of it outlives the process but the numbers of write
/// requests.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pending: IndexMap<RequestId, Pending, FxBuildHasher>,
    /// Reads that wait for a view, in the order of their coming.
    parked: Vec<InOrder>,
    /// By counter: own writes that too few replicas have on their disks to answer them.
    unacknowledged: BTreeMap<u64, Unacknowledged>,
    /// Per receiver: write requests sent to it.
    sent: ReplicaMap<u64>,
    /// Per sender: write requests served.
    served: ReplicaMap<DotSet>,
}

/// A call that waits for other nodes.
#[derive(Clone, Debug)]
struct Pending {
    /// When it began, on the replica's clock.
    since_ns: u64,
    /// Replies still needed.
    missing: u16,
    /// Who has replied.
    replied: SmallVec<[NodeId; 4]>,
    gathered: Gathered,
}

/// What a call gathers from other nodes.
#[derive(Clone, Debug)]
pub enum Gathered {
    /// What a read at the eventual level returns, with its whole context.
    Object(Object),
    /// How far a read in order has to look.
    InOrder(InOrder),
}

/// A write that too few replicas have on their disks.
#[derive(Clone, Debug)]
pub struct Unacknowledged {
    /// Whose call it is.
    pub id: RequestId,
    /// When it began, on the replica's clock.
    pub since_ns: u64,
    /// What it writes to.
    pub key: Key,
    /// Which others have it.
    pub by: SmallVec<[ReplicaId; 4]>,
    /// What a session that moves has seen.
    pub seen: Option<Frontiers>,
}

/// A read in an ordered view.
#[derive(Clone, Debug)]
pub struct InOrder {
    /// The client's call.
    pub call: CallId,
    /// The key.
    pub key: Key,
    /// The view to look into.
    pub view: usize,
    /// How far it must have come.
    pub seen: Frontiers,
    /// The session takes along what it has seen.
    pub moves: bool,
    /// When the read began, on the replica's clock.
    pub since_ns: u64,
}

impl Calls {
    /// Begins to wait; false when the call is already waiting.
    pub fn begin(&mut self, id: RequestId, now_ns: u64, missing: u16, gathered: Gathered) -> bool {
        let pending = Pending { since_ns: now_ns, missing, replied: SmallVec::new(), gathered };
        match self.pending.entry(id) {
            indexmap::map::Entry::Occupied(_) => false,
            indexmap::map::Entry::Vacant(entry) => {
                entry.insert(pending);
                true
            }
        }
    }

    /// Notes a reply of `from`. The call, for `gather` to work on, unless it is over or `from` has replied
    /// before; taken out when nothing is missing any more.
    pub fn reply(&mut self, id: RequestId, from: NodeId, gather: impl FnOnce(&mut Gathered)) -> Option<Gathered> {
        let pending = self.pending.get_mut(&id)?;
        if pending.replied.contains(&from) {
            return None;
        }
        pending.replied.push(from);
        gather(&mut pending.gathered);
        pending.missing -= 1;
        if pending.missing > 0 {
            return None;
        }
        self.pending.swap_remove(&id).map(|pending| pending.gathered)
    }

    /// The own write `counter` waits for replicas to have it.
    pub fn await_acks(&mut self, counter: u64, write: Unacknowledged) {
        self.unacknowledged.insert(counter, write);
    }

    /// `by` has the own writes for which `has`. True when that is news.
    pub fn acknowledged(&mut self, by: ReplicaId, has: impl Fn(u64) -> bool) -> bool {
        let mut is_news = false;
        for (_, write) in self.unacknowledged.iter_mut().filter(|(counter, _)| has(**counter)) {
            if !write.by.contains(&by) {
                write.by.push(by);
                is_news = true;
            }
        }
        is_news
    }

    /// Takes out the own writes that enough replicas have.
    pub fn enough(&mut self, is_enough: impl Fn(&Unacknowledged) -> bool) -> Vec<Unacknowledged> {
        let enough: Vec<u64> =
            self.unacknowledged.iter().filter(|(_, write)| is_enough(write)).map(|(counter, _)| *counter).collect();
        enough.iter().filter_map(|counter| self.unacknowledged.remove(counter)).collect()
    }

    /// Lets a read wait for its view.
    pub fn park(&mut self, read: InOrder) {
        self.parked.push(read);
    }

    /// Takes out the waiting reads for which the view has come far enough, in the order of their coming.
    pub fn ready(&mut self, has_come_far_enough: impl Fn(&InOrder) -> bool) -> Vec<InOrder> {
        self.parked.extract_if(.., |read| has_come_far_enough(read)).collect()
    }

    /// True when a read waits for its view.
    pub fn has_parked(&self) -> bool {
        !self.parked.is_empty()
    }

    /// The number of the next write request to `to`.
    pub fn next_number(&self, to: NodeId) -> u64 {
        self.sent.get(ReplicaId::first(to)).copied().unwrap_or(0) + 1
    }

    /// Write requests to `to` are numbered up to `number`.
    pub fn note_sent(&mut self, to: NodeId, number: u64) {
        *self.sent.entry(ReplicaId::first(to)) = number;
    }

    /// True the first time that write request `number` of `from` comes. One that is too late to be told from a
    /// copy is taken for one.
    pub fn note_served(&mut self, from: NodeId, number: u64) -> bool {
        let served = self.served.entry(ReplicaId::first(from));
        let new = served.insert(number);
        served.raise(served.max().saturating_sub(REQUESTS_REMEMBERED));
        new
    }

    /// The numbers of write requests, sent and served: what of calls outlives the process.
    pub fn numbers(&self) -> impl std::fmt::Debug {
        (&self.sent, &self.served)
    }

    /// Forgets calls whose clients have given up long ago.
    pub fn expire(&mut self, now_ns: u64) {
        let is_fresh = |since_ns: u64| now_ns.saturating_sub(since_ns) < PENDING_NS_MAX;
        self.pending.retain(|_, pending| is_fresh(pending.since_ns));
        self.parked.retain(|read| is_fresh(read.since_ns));
        self.unacknowledged.retain(|_, write| is_fresh(write.since_ns));
    }

    /// Number of calls under way.
    pub fn len(&self) -> usize {
        self.pending.len() + self.parked.len() + self.unacknowledged.len()
    }
}
