//! What a replica remembers about the spreading of writes, until no replica can miss them any more.

use std::collections::VecDeque;
use std::sync::Arc;

use super::dead::is_member;
use super::frontier::Frontiers;
use crate::clock::{DotSet, NodeClock, ReplicaMap, Settled};
use crate::contract::{Dot, Key, ReplicaId};

/// The dot-key map (DKM): the key of each known dot that some peer may still miss. Anti-entropy finds the
/// objects to send by it.
#[derive(Clone, Debug, Default)]
pub struct DotKeyMap {
    origins: ReplicaMap<KeyLog>,
    /// Number of keys in `origins`.
    filed: usize,
    /// Dots that are not in `origins` yet. Filing many at once touches the logs' ends while they are in the
    /// cache; one by one, the end of the origin's log was a cache miss for each write (a tenth of a run with 50
    /// replicas).
    recent: Vec<(Dot, Key)>,
}

/// So many dots wait to be filed: some for each of many origins, in few pages.
const RECENT: usize = 512;

/// The keys of one origin's dots: `keys[i]` belongs to counter `first + i`.
#[derive(Clone, Debug, Default)]
struct KeyLog {
    first: u64,
    keys: VecDeque<Option<Key>>,
}

impl DotKeyMap {
    /// Remembers that `dot`, which is new to this replica, is a write to `key`.
    pub fn push(&mut self, dot: Dot, key: Key) {
        if self.recent.len() == RECENT {
            self.file();
        }
        self.recent.push((dot, key));
    }

    /// The key of `dot`, unless it is forgotten or was never known.
    pub fn key(&mut self, dot: Dot) -> Option<Key> {
        self.file();
        let log = self.origins.get(dot.origin)?;
        let place = dot.counter.checked_sub(log.first)?;
        *log.keys.get(place as usize)?
    }

    /// Moves what is recent to the logs of its origins.
    fn file(&mut self) {
        for (dot, key) in self.recent.drain(..) {
            let log = self.origins.entry(dot.origin);
            if log.keys.is_empty() {
                log.first = dot.counter;
            }
            while dot.counter < log.first {
                log.keys.push_front(None);
                log.first -= 1;
            }
            let place = (dot.counter - log.first) as usize;
            while place >= log.keys.len() {
                log.keys.push_back(None);
            }
            self.filed += usize::from(log.keys[place].replace(key).is_none());
        }
    }

    /// Forgets every dot up to the counter that `everywhere` says for its origin.
    pub fn prune(&mut self, everywhere: impl Fn(ReplicaId) -> u64) {
        self.file();
        for (origin, log) in self.origins.iter_mut() {
            let safe = everywhere(origin);
            while let Some(first) = log.keys.front()
                && (first.is_none() || log.first <= safe)
            {
                self.filed -= usize::from(first.is_some());
                log.keys.pop_front();
                log.first += 1;
            }
        }
    }

    /// Forgets all dots of these origins.
    pub fn forget(&mut self, settled: &Settled) {
        self.file();
        let gone = self.origins.iter().filter(|(origin, _)| settled.has(*origin));
        self.filed -= gone.map(|(_, log)| log.keys.iter().flatten().count()).sum::<usize>();
        self.origins.retain(|origin| !settled.has(origin));
    }

    /// Number of dots remembered.
    pub fn len(&self) -> usize {
        self.filed + self.recent.len()
    }
}

/// Watermarks (WM): for each peer, up to which counter it is known to hold each origin's writes without a gap.
/// Gossiped, so that knowledge spreads faster than by asking everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Watermarks(ReplicaMap<Row>);

/// What one peer was known to hold at some time. Its clock only grows, so of two rows of a peer one is the later
/// one and says all that the other says: rows are replaced and shared, never merged cell by cell, which for 50
/// replicas was 2,500 cells per answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
struct Row {
    /// Sum of the counters, by which the later of two rows is found. What is settled counts more than all counters, since these
    /// go then.
    sum: u64,
    /// Per origin its base, in the order of the origins.
    bases: Arc<[Dot]>,
}

impl Watermarks {
    /// Takes in what `peer` said of itself: its clock and, when it keeps ordered views, how far they have come. Only
    /// what all of its views reflect counts as held.
    pub fn learn_clock(&mut self, peer: ReplicaId, clock: &NodeClock, frontiers: Option<&Frontiers>) {
        let base = |(origin, known): (ReplicaId, &DotSet)| {
            let counter = frontiers.map_or(known.base(), |frontiers| frontiers.frontier(origin, 0));
            Dot { origin, counter }
        };
        let row = self.0.entry(peer);
        let sum = clock.iter().map(|known| base(known).counter).sum::<u64>() + (clock.settled().lives() << 40);
        if (sum, clock.len()) > (row.sum, row.bases.len()) {
            *row = Row { sum, bases: clock.iter().map(base).collect() };
        }
    }

    /// Takes in another replica's watermarks.
    pub fn learn(&mut self, others: &Watermarks) {
        self.0.merge(&others.0, |row, theirs| {
            if (theirs.sum, theirs.bases.len()) > (row.sum, row.bases.len()) {
                row.clone_from(theirs);
            }
        });
    }

    /// By peer, up to which counter it holds each origin's writes.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, impl Iterator<Item = Dot>)> {
        self.0.iter().map(|(peer, row)| (peer, row.bases.iter().copied()))
    }

    /// How much is known of each peer: the sums of the rows.
    pub fn sums(&self) -> Vec<(ReplicaId, u64)> {
        self.0.iter().map(|(peer, row)| (peer, row.sum)).collect()
    }

    /// The rows that say more than is known where these are the [`sums`](Watermarks::sums).
    pub fn beyond(&self, sums: &[(ReplicaId, u64)]) -> Watermarks {
        let mut rows = ReplicaMap::default();
        for (peer, row) in self.0.iter() {
            let known = sums.binary_search_by_key(&peer, |(peer, _)| *peer).map_or(0, |at| sums[at].1);
            if row.sum > known {
                *rows.entry(peer) = row.clone();
            }
        }
        Watermarks(rows)
    }

    /// Forgets replicas that are members no more.
    pub fn forget(&mut self, members: &[ReplicaId]) {
        self.0.retain(|id| is_member(members, id));
    }

    /// Forgets what is known of these origins, which everybody holds.
    pub fn forget_settled(&mut self, settled: &Settled) {
        let is_settled = |base: &Dot| settled.has(base.origin);
        for (_, row) in self.0.iter_mut().filter(|(_, row)| row.bases.iter().any(is_settled)) {
            row.bases = row.bases.iter().copied().filter(|base| !is_settled(base)).collect();
        }
    }

    /// `peer` holds all writes of `origin` up to this counter, as far as is known here.
    pub fn base(&self, peer: ReplicaId, origin: ReplicaId) -> u64 {
        let Some(Row { bases, .. }) = self.0.get(peer) else { return 0 };
        let found = match bases.get(origin.node.index()) {
            Some(base) if base.origin == origin => Some(base),
            _ => bases.binary_search_by_key(&origin, |base| base.origin).ok().map(|at| &bases[at]),
        };
        found.map_or(0, |base| base.counter)
    }

    /// Size when sent: each cell 12 bytes.
    pub fn wire_bytes(&self) -> u32 {
        self.0.iter().map(|(_, row)| 4 + 12 * row.bases.len() as u32).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{NodeId, Priority};

    fn dot(node: u16, counter: u64) -> Dot {
        Dot { origin: ReplicaId::first(NodeId(node)), counter }
    }

    #[test]
    fn dots_are_found_in_whatever_order_they_come_and_forgotten_one_by_one() {
        let key = |index| Key::new(index, Priority::P0);
        let mut map = DotKeyMap::default();
        for counter in [5, 3, 9, 4] {
            map.push(dot(0, counter), key(counter as u32));
        }
        map.push(dot(1, 1), key(100));
        assert_eq!(map.len(), 5);
        assert_eq!(map.key(dot(0, 3)), Some(key(3)));
        assert_eq!(map.key(dot(0, 9)), Some(key(9)));
        for absent in [dot(0, 2), dot(0, 6), dot(0, 10), dot(1, 2), dot(2, 1)] {
            assert_eq!(map.key(absent), None);
        }
        map.prune(|origin| if origin.node.0 == 0 { 4 } else { 0 });
        assert_eq!(map.len(), 3);
        assert_eq!((map.key(dot(0, 3)), map.key(dot(0, 4))), (None, None));
        assert_eq!((map.key(dot(0, 5)), map.key(dot(0, 9))), (Some(key(5)), Some(key(9))));
        map.prune(|_| 9);
        assert_eq!(map.len(), 0);
        map.push(dot(0, 10), key(1));
        assert_eq!(map.key(dot(0, 10)), Some(key(1)));
    }
}
