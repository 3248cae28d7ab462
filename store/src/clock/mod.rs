//! Who has issued what, and who knows it.
//!
//! A [`DotSet`] holds the counters of one origin that are known somewhere (Gonçalves et al., DAIS 2015, call it
//! a bitmapped version vector); a [`NodeClock`] has one per origin.

mod dot_set;
mod replica_map;

pub use dot_set::DotSet;
pub use replica_map::ReplicaMap;

use crate::contract::{Dot, ReplicaId};

/// Every dot that a node knows: origin -> counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeClock(ReplicaMap<DotSet>);

impl NodeClock {
    /// True when `dot` is known.
    pub fn contains(&self, dot: Dot) -> bool {
        self.0.get(dot.origin).is_some_and(|set| set.contains(dot.counter))
    }

    /// Adds `dot`; returns the origin's new base, or nothing when the dot was known.
    pub fn insert(&mut self, dot: Dot) -> Option<u64> {
        let known = self.0.entry(dot.origin);
        known.insert(dot.counter).then(|| known.base())
    }

    /// True when something is known of `origin`.
    pub fn has(&self, origin: ReplicaId) -> bool {
        self.0.get(origin).is_some()
    }

    /// What is known of `origin`.
    pub fn of(&self, origin: ReplicaId) -> &DotSet {
        static NONE: DotSet = DotSet::EMPTY;
        self.0.get(origin).unwrap_or(&NONE)
    }

    /// Number of origins about which something is known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True when nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    /// All counters up to this one are known of `origin`; 0 when even the first is missing.
    pub fn base(&self, origin: ReplicaId) -> u64 {
        self.0.get(origin).map_or(0, DotSet::base)
    }

    /// Adds all dots of `origin` up to `counter`.
    pub fn raise(&mut self, origin: ReplicaId, counter: u64) {
        // Nothing known needs no entry.
        if counter > 0 {
            self.0.entry(origin).raise(counter);
        }
    }

    /// The origins with what is known of each, in the order of the origins.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, &DotSet)> {
        self.0.iter()
    }

    /// The counters of `origin` that are known here and not in `other`, ascending.
    pub fn missing_in<'a>(&'a self, other: &'a NodeClock, origin: ReplicaId) -> impl Iterator<Item = u64> + 'a {
        self.of(origin).difference(other.of(origin))
    }

    /// Size when sent: an origin and a base are 12 bytes, a word of the sparse rest 8.
    pub fn wire_bytes(&self) -> u32 {
        self.iter().map(|(_, set)| 12 + 8 * set.words() as u32).sum()
    }
}
