//! Calls that need other nodes, or time: reads by several replicas, calls for keys that this node does not hold, and
//! reads in order that wait until the view has come far enough.
//!
//! Who does not answer is asked again, and other holders, too: after one tick of [`TICK_NS`], then after two, four and so
//! on, since how long a client waits is not known here.

use std::collections::BTreeMap;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::contract::{CallId, Key, Level, NodeId, ReplicaId};

use super::context::Handed;
use super::frontier::Frontiers;
use super::message::{Delta, RequestId};
use super::object::Object;

/// How long a call may wait for others before it is forgotten, in nanoseconds: far longer than any client waits.
const PENDING_NS_MAX: u64 = 60_000_000_000;

/// How long the first answer is waited for, in nanoseconds.
pub const TICK_NS: u64 = 50_000_000;

/// After so many ticks the wait gets no longer.
const TICKS_MAX: u32 = 16;

/// What a replica knows about calls under way. Nothing of it outlives the process but writes for keys that it does not
/// hold.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pending: IndexMap<RequestId, Pending, FxBuildHasher>,
    /// Reads that wait for a view, in the order of their coming.
    parked: Vec<InOrder>,
    /// By range and counter: own writes that too few replicas have on their disks.
    unacknowledged: BTreeMap<(usize, u64), Unacknowledged>,
}

/// How long something has waited, in ticks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    ticks: u32,
    /// How often it was asked for again.
    pub attempt: u8,
}

impl Patience {
    /// A tick has passed. True when it is time to ask again.
    fn tick(&mut self) -> bool {
        self.ticks = self.ticks.saturating_add(1);
        let is_due = self.ticks.is_power_of_two() || self.ticks.is_multiple_of(TICKS_MAX);
        self.attempt = self.attempt.wrapping_add(u8::from(is_due));
        is_due
    }
}

/// A call that waits for other nodes.
#[derive(Clone, Debug)]
struct Pending {
    /// When it began, on the replica's clock.
    since_ns: u64,
    patience: Patience,
    asked: Asked,
    /// Replies still needed.
    missing: u16,
    /// Who has replied.
    replied: SmallVec<[NodeId; 4]>,
    gathered: Gathered,
}

/// What others are asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The key.
    pub key: Key,
    /// What it is to them.
    pub part: Part,
}

/// What others do for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One answers it alone.
    Whole,
    /// Several say what they have, at this level.
    Object(Level),
    /// Several say how far they have come.
    Frontiers,
}

/// What is to be sent again.
#[derive(Clone, Debug)]
pub enum Again {
    /// A question, to those that have not replied.
    Ask { id: RequestId, attempt: u8, asked: Asked, replied: SmallVec<[NodeId; 4]> },
    /// A write, to those that do not have it.
    Write { attempt: u8, range: usize, call: CallId, delta: Delta, by: SmallVec<[ReplicaId; 4]> },
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
    /// The client's call, until it is answered.
    pub call: Option<CallId>,
    /// When it began, on the replica's clock.
    pub since_ns: u64,
    /// Which others have it.
    pub by: SmallVec<[ReplicaId; 4]>,
    /// Where this replica does not serve the key's range: the write, which is sent until all holders have it.
    pub passed_on: Option<PassedOn>,
    /// What the answer hands out.
    pub handed: Handed,
    /// What a session that moves has seen.
    pub seen: Option<Frontiers>,
}

/// A write for a key whose range its replica does not serve.
#[derive(Clone, Debug)]
pub struct PassedOn {
    pub delta: Delta,
    /// The holder that answers the session's reads: it should have the write before the session goes on, unless it takes
    /// long.
    pub first: Option<NodeId>,
    pub patience: Patience,
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
    pub fn begin(&mut self, id: RequestId, now_ns: u64, asked: Asked, missing: u16, gathered: Gathered) -> bool {
        let patience = Patience::default();
        let pending = Pending { since_ns: now_ns, patience, asked, missing, replied: SmallVec::new(), gathered };
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
    pub fn reply(
        &mut self,
        id: RequestId,
        from: NodeId,
        gather: impl FnOnce(&mut Gathered),
    ) -> Option<(Key, Gathered)> {
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
        self.pending.swap_remove(&id).map(|pending| (pending.asked.key, pending.gathered))
    }

    /// The own write `counter` to a key of `range` waits for replicas to have it.
    pub fn await_acks(&mut self, range: usize, counter: u64, write: Unacknowledged) {
        self.unacknowledged.insert((range, counter), write);
    }

    /// `by` has the own writes to keys of `range` for which `has`. True when that is news.
    pub fn acknowledged(&mut self, range: usize, by: ReplicaId, has: impl Fn(u64) -> bool) -> bool {
        let mut is_news = false;
        for ((_, counter), write) in self.unacknowledged.range_mut((range, 0)..=(range, u64::MAX)) {
            if has(*counter) && !write.by.contains(&by) {
                write.by.push(by);
                is_news = true;
            }
        }
        is_news
    }

    /// The own writes that too few replicas have, each with the range of its key.
    pub fn unacknowledged(&mut self) -> impl Iterator<Item = (usize, &mut Unacknowledged)> {
        self.unacknowledged.iter_mut().map(|((range, _), write)| (*range, write))
    }

    /// Takes out the own writes that wait no longer. Returns the range and the counter of each that was passed on.
    pub fn forget(&mut self, is_over: impl Fn(usize, &Unacknowledged) -> bool) -> Vec<(usize, u64)> {
        let mut passed_on = Vec::new();
        self.unacknowledged.retain(|(range, counter), write| {
            let is_over = is_over(*range, write);
            if is_over && write.passed_on.is_some() {
                passed_on.push((*range, *counter));
            }
            !is_over
        });
        passed_on
    }

    /// All that hold `range` have the own write `counter`.
    pub fn arrived(&mut self, range: usize, counter: u64) {
        self.unacknowledged.remove(&(range, counter));
    }

    /// The writes passed on to keys of `range`, in their order.
    pub fn passed_on(&self, range: usize) -> impl Iterator<Item = &Delta> {
        let writes = self.unacknowledged.range((range, 0)..=(range, u64::MAX));
        writes.filter_map(|(_, write)| write.passed_on.as_ref()).map(|passed_on| &passed_on.delta)
    }

    /// What quorum reads have gathered.
    pub fn objects(&self) -> impl Iterator<Item = &Object> {
        self.pending.values().filter_map(|pending| match &pending.gathered {
            Gathered::Object(object) => Some(object),
            Gathered::InOrder(_) => None,
        })
    }

    /// A tick has passed. What is to be sent again.
    pub fn tick(&mut self) -> Vec<Again> {
        let mut all = Vec::new();
        for (id, Pending { patience, asked, replied, .. }) in &mut self.pending {
            if patience.tick() {
                let (attempt, replied) = (patience.attempt, replied.clone());
                all.push(Again::Ask { id: *id, attempt, asked: *asked, replied });
            }
        }
        for ((range, _), write) in &mut self.unacknowledged {
            let Some(PassedOn { delta, first, patience }) = &mut write.passed_on else { continue };
            *first = None;
            if patience.tick() {
                let (attempt, by) = (patience.attempt, write.by.clone());
                let call = write.call.unwrap_or(CallId(u32::MAX));
                all.push(Again::Write { attempt, range: *range, call, delta: delta.clone(), by });
            }
        }
        all
    }

    /// True when something waits that will be sent again.
    pub fn is_impatient(&self) -> bool {
        !self.pending.is_empty() || self.unacknowledged.values().any(|write| write.passed_on.is_some())
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

    /// What of calls outlives the process: the writes passed on.
    pub fn durable(&self) -> impl std::fmt::Debug {
        let passed_on = self.unacknowledged.iter().filter(|(_, write)| write.passed_on.is_some());
        passed_on.map(|(name, _)| *name).collect::<Vec<_>>()
    }

    /// Forgets calls whose clients have given up long ago.
    pub fn expire(&mut self, now_ns: u64) {
        let is_fresh = |since_ns: u64| now_ns.saturating_sub(since_ns) < PENDING_NS_MAX;
        self.pending.retain(|_, pending| is_fresh(pending.since_ns));
        self.parked.retain(|read| is_fresh(read.since_ns));
        self.unacknowledged.retain(|_, write| write.passed_on.is_some() || is_fresh(write.since_ns));
    }

    /// Number of calls under way.
    pub fn len(&self) -> usize {
        self.pending.len() + self.parked.len() + self.unacknowledged.len()
    }
}
