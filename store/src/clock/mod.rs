//! Who has issued what, and who knows it.
//!
//! A [`DotSet`] holds the counters of one origin that are known somewhere (Gonçalves et al., DAIS 2015, call it
//! a bitmapped version vector); a [`NodeClock`] has one per origin.

mod dot_set;
mod replica_map;
pub mod settled;

pub use dot_set::DotSet;
pub use replica_map::ReplicaMap;
pub use settled::{Settled, WHOLE};

use crate::contract::{Dot, ReplicaId};

/// Every dot that a node knows: origin -> counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "ReplicaMap<DotSet>", into = "ReplicaMap<DotSet>"))]
pub struct NodeClock {
    /// None for an origin that is settled.
    sets: ReplicaMap<DotSet>,
    settled: Settled,
}

#[cfg(feature = "serde")]
impl From<NodeClock> for ReplicaMap<DotSet> {
    /// What is settled stands there as known to the last counter.
    fn from(NodeClock { mut sets, settled }: NodeClock) -> ReplicaMap<DotSet> {
        settled.iter().for_each(|last| *sets.entry(last) = DotSet::ALL);
        sets
    }
}

#[cfg(feature = "serde")]
impl TryFrom<ReplicaMap<DotSet>> for NodeClock {
    type Error = &'static str;

    fn try_from(sets: ReplicaMap<DotSet>) -> Result<NodeClock, Self::Error> {
        let mut settled = Settled::default();
        sets.iter().filter(|(_, known)| known.base() == WHOLE).for_each(|(last, _)| settled.add(last));
        let mut clock = NodeClock { sets, settled: Settled::default() };
        let entries = clock.sets.len();
        clock.settle(&settled);
        let dropped = entries - clock.sets.len();
        if dropped == settled.iter().count() {
            Ok(clock)
        } else {
            Err("a clock with entries of replicas that are settled")
        }
    }
}

impl NodeClock {
    /// True when `dot` is known.
    pub fn contains(&self, dot: Dot) -> bool {
        match self.sets.get(dot.origin) {
            Some(set) => set.contains(dot.counter),
            None => self.settled.has(dot.origin),
        }
    }

    /// Adds `dot`; returns the origin's new base, or nothing when the dot was known.
    pub fn insert(&mut self, dot: Dot) -> Option<u64> {
        if self.settled.has(dot.origin) {
            return None;
        }
        let known = self.sets.entry(dot.origin);
        known.insert(dot.counter).then(|| known.base())
    }

    /// True when something is known of `origin`.
    pub fn has(&self, origin: ReplicaId) -> bool {
        self.sets.get(origin).is_some() || self.settled.has(origin)
    }

    /// What is known of `origin`.
    pub fn of(&self, origin: ReplicaId) -> &DotSet {
        static NONE: DotSet = DotSet::EMPTY;
        static ALL: DotSet = DotSet::ALL;
        self.sets.get(origin).unwrap_or(if self.settled.has(origin) { &ALL } else { &NONE })
    }

    /// Number of origins about which something is known, the settled ones aside.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// True when nothing is known.
    pub fn is_empty(&self) -> bool {
        self.sets.len() == 0 && self.settled.is_empty()
    }

    /// All counters up to this one are known of `origin`; 0 when even the first is missing.
    pub fn base(&self, origin: ReplicaId) -> u64 {
        self.of(origin).base()
    }

    /// Adds all dots of `origin` up to `counter`.
    pub fn raise(&mut self, origin: ReplicaId, counter: u64) {
        // Nothing known needs no entry.
        if counter > 0 && !self.settled.has(origin) {
            self.sets.entry(origin).raise(counter);
        }
    }

    /// The origins with what is known of each, in the order of the origins; the settled ones aside.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, &DotSet)> {
        self.sets.iter()
    }

    /// The counters of `origin` that are known here and not in `other`, ascending; nothing of one that is settled here, whose
    /// writes that cannot be named.
    pub fn missing_in<'a>(&'a self, other: &'a NodeClock, origin: ReplicaId) -> impl Iterator<Item = u64> + 'a {
        static NONE: DotSet = DotSet::EMPTY;
        self.sets.get(origin).unwrap_or(&NONE).difference(other.of(origin))
    }

    /// The origins that are settled: all that will ever be known of them is known here.
    pub fn settled(&self) -> &Settled {
        &self.settled
    }

    /// These origins are settled, too.
    pub fn settle(&mut self, settled: &Settled) {
        settled.iter().for_each(|last| self.settled.add(last));
        self.sets.retain(|origin| !self.settled.has(origin));
    }

    /// All that contexts are filled with: the origins, and what is settled as the last lives.
    pub fn origins(&self) -> impl Iterator<Item = ReplicaId> {
        self.iter().map(|(origin, _)| origin).chain(self.settled.iter())
    }

    /// Size when sent: an origin and a base are 12 bytes, a word of the sparse rest 8, see also [`settled::wire_bytes`].
    pub fn wire_bytes(&self) -> u32 {
        let sets: u32 = self.iter().map(|(_, set)| 12 + 8 * set.words() as u32).sum();
        sets + settled::wire_bytes(self.settled.iter(), |origin| self.sets.get(origin).is_some())
    }
}
