//! Writes that have arrived before their turn: per origin, in the order of their counters.
//!
//! A write waits at the views that miss an earlier write of its origin. What waits is the delta, never something
//! merged. The room is limited in bytes, for each view by itself: bulk writes that wait for one another cannot push an
//! urgent write out of the view that carries urgent writes only, nor help it to stay there. A view without room keeps a
//! stub, so that the gap is not forgotten, and the write is asked for again by anti-entropy.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use super::frontier::VIEWS;
use super::message::Delta;
use crate::clock::{ReplicaMap, Settled};
use crate::contract::{Dot, Key, ReplicaId};

/// A write that some view does not reflect yet.
#[derive(Clone, Debug)]
pub struct Waiter {
    pub key: Key,
    /// Absent when no view has room for it.
    delta: Option<Arc<Delta>>,
    /// It has come in this step, so that room does not matter yet.
    in_hand: bool,
    /// By view: bytes taken of its room.
    taken: [u32; VIEWS],
    /// By view: there is no room.
    lacks: [bool; VIEWS],
}

impl Waiter {
    /// The delta, for a view that has room for it: not for one that could only use it because another view has room.
    /// Those above must have room, too, since a view never comes farther than they do.
    pub fn delta_at(&self, view: usize) -> Option<&Arc<Delta>> {
        let has_room = || self.taken[view] > 0 && !self.lacks[view..].contains(&true);
        self.delta.as_ref().filter(|_| self.in_hand || has_room())
    }

    /// The delta, if any view has room for it.
    pub fn delta(&self) -> Option<&Arc<Delta>> {
        self.delta.as_ref()
    }

    /// True when some view has no room for it, so that it has to be asked for.
    pub fn is_stub(&self) -> bool {
        self.lacks.contains(&true)
    }
}

/// All waiting writes of a replica.
#[derive(Clone, Debug, Default)]
pub struct Waiting {
    /// By origin and priority, so that a view finds its next write without passing the less urgent ones.
    origins: ReplicaMap<[BTreeMap<u64, Waiter>; VIEWS]>,
    len: usize,
    /// Pairs of a write and a view that has no room for it.
    lacking: usize,
    /// Bytes taken, by view.
    taken: [u64; VIEWS],
}

impl Waiting {
    /// Number of writes that wait, stubs included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Number of views without room, over all waiting writes.
    pub fn lacking(&self) -> usize {
        self.lacking
    }

    /// Bytes taken of the fullest view's room.
    pub fn bytes(&self) -> u64 {
        self.taken.into_iter().max().unwrap_or(0)
    }

    /// True when a write of `origin` waits.
    pub fn any_of(&self, origin: ReplicaId) -> bool {
        self.origins.get(origin).is_some_and(|writes| writes.iter().any(|writes| !writes.is_empty()))
    }

    /// Nothing of these origins waits any more, or will.
    pub fn settle(&mut self, settled: &Settled) {
        self.origins.retain(|origin| !settled.has(origin));
    }

    /// The origins of which something waits.
    pub fn origins(&self) -> impl Iterator<Item = ReplicaId> {
        self.origins.iter().map(|(origin, _)| origin).filter(|origin| self.any_of(*origin))
    }

    /// The waiting write `dot`.
    pub fn get(&self, dot: Dot) -> Option<&Waiter> {
        self.origins.get(dot.origin)?.iter().find_map(|writes| writes.get(&{ dot.counter }))
    }

    /// Lets `dot` wait, with its delta or as a stub; a stub that is there gets the delta.
    pub fn insert(&mut self, dot: Dot, key: Key, delta: Option<Arc<Delta>>) {
        let writes = &mut self.origins.entry(dot.origin)[key.priority() as usize];
        let len = &mut self.len;
        let waiter = writes.entry(dot.counter).or_insert_with(|| {
            *len += 1;
            Waiter { key, delta: None, in_hand: false, taken: [0; VIEWS], lacks: [false; VIEWS] }
        });
        if delta.is_some() {
            (waiter.delta, waiter.in_hand) = (delta, true);
        }
    }

    /// The first write that `view` carries of `origin` beyond the counter `after`.
    pub fn next(&self, origin: ReplicaId, view: usize, after: u64) -> Option<(u64, &Waiter)> {
        let writes = self.origins.get(origin)?;
        let from = after.saturating_add(1);
        let firsts = writes[view..].iter().filter_map(|writes| writes.range(from..).next());
        firsts.min_by_key(|(counter, _)| **counter).map(|(counter, waiter)| (*counter, waiter))
    }

    /// The writes that `view` carries of `origin`, with counters in this range; those of one priority in order.
    pub fn range(
        &self,
        origin: ReplicaId,
        view: usize,
        counters: RangeInclusive<u64>,
    ) -> impl Iterator<Item = (u64, &Waiter)> {
        let writes = self.origins.get(origin).filter(|_| !counters.is_empty()).into_iter();
        let carried = writes.flat_map(move |writes| &writes[view..]);
        carried.flat_map(move |writes| writes.range(counters.clone())).map(|(counter, waiter)| (*counter, waiter))
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Dot, &Waiter)> {
        self.origins.iter().flat_map(|(origin, writes)| {
            let writes = writes.iter().flatten();
            writes.map(move |(counter, waiter)| (Dot { origin, counter: *counter }, waiter))
        })
    }

    /// `view` has passed the write: its room is free again. Nothing waits for a write any more that the first view,
    /// which carries all writes, has passed.
    pub fn pass(&mut self, dot: Dot, view: usize) {
        for writes in self.origins.get_mut(dot.origin).into_iter().flatten() {
            if let Some(waiter) = writes.get_mut(&{ dot.counter }) {
                self.taken[view] -= u64::from(std::mem::take(&mut waiter.taken[view]));
                self.lacking -= usize::from(std::mem::take(&mut waiter.lacks[view]));
                if view == 0 {
                    debug_assert_eq!(waiter.taken, [0; VIEWS], "the first view is the last to pass a write");
                    self.len -= 1;
                    writes.remove(&{ dot.counter });
                }
                return;
            }
        }
    }

    /// Drops the delta of a write, see [`super::Defect::CountedBuffer`] and [`super::Defect::JoinWaiting`].
    pub fn forget(&mut self, dot: Dot) {
        let waiter = self.origins.entry(dot.origin).iter_mut().find_map(|writes| writes.get_mut(&{ dot.counter }));
        if let Some(waiter) = waiter {
            waiter.delta = None;
            for (taken, own) in self.taken.iter_mut().zip(&mut waiter.taken) {
                *taken -= u64::from(std::mem::take(own));
            }
        }
    }

    /// The step ends: `dot` takes room at those of `views`, the narrowest first, that have not taken any for it, as far
    /// as each has `limit` bytes. The delta stays as long as one has.
    ///
    /// Returns the views that have no room for it and had not said so before.
    pub fn make_room(
        &mut self,
        dot: Dot,
        views: impl Iterator<Item = usize>,
        limit: u64,
        charge: impl Fn(&Delta) -> u32,
    ) -> Vec<usize> {
        let Waiting { origins, taken, lacking, .. } = self;
        let found = origins.entry(dot.origin).iter_mut().find_map(|writes| writes.get_mut(&{ dot.counter }));
        let Some(waiter) = found else { return Vec::new() };
        let bytes = waiter.delta.as_ref().filter(|_| waiter.in_hand).map(|delta| charge(delta));
        let mut refused = Vec::new();
        for view in views {
            if waiter.taken[view] > 0 {
                continue;
            }
            let above = !waiter.lacks[view + 1..].contains(&true);
            match bytes.filter(|bytes| above && taken[view] + u64::from(*bytes) <= limit) {
                Some(bytes) => {
                    taken[view] += u64::from(bytes);
                    waiter.taken[view] = bytes;
                    *lacking -= usize::from(std::mem::take(&mut waiter.lacks[view]));
                }
                None if !waiter.lacks[view] => {
                    waiter.lacks[view] = true;
                    *lacking += 1;
                    refused.push(view);
                }
                None => {}
            }
        }
        waiter.in_hand = false;
        if waiter.taken == [0; VIEWS] {
            waiter.delta = None;
        }
        refused
    }
}
