//! The ordered views: the known writes that readers may see without breaking the order of any origin.
//!
//! The views share the objects of the eventual view. A view has an object of its own for a key only while a known
//! write to the key has not had its turn there: then the view shows less than the eventual one. So at rest, and for
//! all keys that nothing waits for, five views cost no more than one.
//!
//! **The rule.** A write has its turn at a view when the view reflects its predecessor there, the last write of its
//! origin before it that the view carries. A write that has its turn at a view has it at all views above, too: their
//! predecessors are no later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::context::Stretch;
use super::defects::Defects;
use super::eventual::seen;
use super::frontier::{Basis, Frontiers, VIEWS, levels_of};
use super::message::{Delta, Repair};
use super::object::{Change, Object, Side, version_of};
use super::waiting::{Waiter, Waiting};
use crate::clock::{NodeClock, Settled};
use crate::contract::{Dot, Key, Levels, Observation, ReplicaId};
use crate::key_table::KeyTable;

/// The state of the ordered views.
#[derive(Clone, Debug)]
pub struct Ordered {
    /// How far they have come.
    pub frontiers: Frontiers,
    /// Known writes that some view does not reflect yet: all known writes beyond the first view's frontier.
    pub waiting: Waiting,
    /// By view and key, where the view shows less than the eventual one.
    forked: [BTreeMap<Key, Forked>; VIEWS],
    /// Room for waiting writes, in bytes per view.
    room_bytes: u64,
    /// Waiting writes whose room is to be seen to at the end of the step: new ones, and those that a view has passed.
    unsettled: Vec<Dot>,
    pub defects: Defects,
}

/// A key's object in one view.
#[derive(Clone, Debug)]
struct Forked {
    object: Object,
    /// Known writes to the key that the view does not reflect yet. With the last one the object has had its time.
    waits: u32,
}

impl Ordered {
    pub fn new(room_bytes: u64, defects: Defects) -> Ordered {
        let (frontiers, waiting) = (Frontiers::default(), Waiting::default());
        Ordered { frontiers, waiting, forked: Default::default(), room_bytes, unsettled: Vec::new(), defects }
    }

    /// The object of `key` in `view` where it is not that of the eventual view.
    pub fn forked(&self, view: usize, key: Key) -> Option<&Object> {
        self.forked[view].get(&key).map(|forked| &forked.object)
    }

    /// All objects of `view` that are not those of the eventual view.
    pub fn all_forked(&self, view: usize) -> impl Iterator<Item = (Key, &Object)> {
        self.forked[view].iter().map(|(key, forked)| (*key, &forked.object))
    }

    /// The keys with an object of their own in some view.
    pub fn forked_keys(&self) -> impl Iterator<Item = Key> {
        self.forked.iter().flat_map(|forked| forked.keys().copied())
    }

    /// Number of objects kept beside those of the eventual view.
    pub fn objects(&self) -> usize {
        self.forked.iter().map(BTreeMap::len).sum()
    }

    /// The first view at which it is the turn of `delta`; the number of views that carry it when there is none.
    pub fn turn(&self, delta: &Delta) -> usize {
        let carried = delta.key.priority() as usize + 1;
        (0..carried).find(|view| self.is_turn(delta, *view)).unwrap_or(carried)
    }

    fn is_turn(&self, delta: &Delta, view: usize) -> bool {
        delta.predecessor(view) <= self.frontiers.frontier(delta.dot.origin, view)
    }

    /// Gives `view` an object of its own for `key`, at first that of the eventual view.
    pub fn fork(&mut self, view: usize, key: Key, eventual: Option<&Object>) {
        let common = || Forked { object: eventual.cloned().unwrap_or_default(), waits: 0 };
        self.forked[view].entry(key).or_insert_with(common);
    }

    /// The views that carry `dot`, a write to `key`, and do not reflect it.
    fn behind(&self, dot: Dot, key: Key) -> impl Iterator<Item = usize> + use<'_> {
        (0..=key.priority() as usize).filter(move |view| self.frontiers.frontier(dot.origin, *view) < dot.counter)
    }

    /// Lets a write that is new to this replica wait where it is not reflected; these views have their own objects.
    pub fn wait(&mut self, dot: Dot, key: Key, delta: Option<Arc<Delta>>) {
        for view in 0..=key.priority() as usize {
            if self.frontiers.frontier(dot.origin, view) < dot.counter {
                self.forked[view].get_mut(&key).expect("forked before").waits += 1;
            }
        }
        if self.frontiers.frontier(dot.origin, 0) < dot.counter {
            self.waiting.insert(dot, key, delta);
            self.unsettled.push(dot);
        }
    }

    /// A stub's delta has come after all.
    pub fn complete(&mut self, delta: &Delta) {
        self.waiting.insert(delta.dot, delta.key, Some(Arc::new(delta.clone())));
        self.unsettled.push(delta.dot);
    }

    /// It is the turn of a write at `view`, which has its own object for the key.
    pub fn apply(&mut self, view: usize, delta: &Delta, observe: &mut impl FnMut(Observation)) {
        let Some(forked) = self.forked[view].get_mut(&delta.key) else { return };
        let levels = levels_of(view, delta.key.priority() as usize);
        merge_delta(&mut forked.object, Basis::View(&self.frontiers, view), delta, levels, observe);
    }

    /// `view` reflects all writes that it carries of `origin` up to `counter`, one of them.
    pub fn advance(&mut self, view: usize, origin: ReplicaId, counter: u64) {
        let from = self.frontiers.first_ahead(origin, view);
        self.frontiers.raise(origin, view, counter);
        let passed: Vec<(u64, Key)> =
            self.waiting.range(origin, view, from..=counter).map(|(counter, waiter)| (counter, waiter.key)).collect();
        for (counter, key) in passed {
            self.waiting.pass(Dot { origin, counter }, view);
            if view > 0 {
                self.unsettled.push(Dot { origin, counter });
            }
            let forked = self.forked[view].get_mut(&key).expect("a write waits");
            forked.waits -= 1;
            forked.object.strip(Basis::View(&self.frontiers, view));
            self.rejoin(view, key);
        }
    }

    /// Drops the view's own object for `key` when no write to the key waits: it is that of the eventual view again.
    pub fn rejoin(&mut self, view: usize, key: Key) {
        if self.forked[view].get(&key).is_some_and(|forked| forked.waits == 0) {
            self.forked[view].remove(&key);
        }
    }

    /// Gives all waiting writes of `origin` their turn whose turn it is.
    pub fn drain(&mut self, origin: ReplicaId, observe: &mut impl FnMut(Observation)) {
        // A write leaves the log when the first view has passed it, so that one comes last.
        for view in (0..VIEWS).rev() {
            while let Some(delta) = self.next_turn(view, origin) {
                self.apply(view, &delta, observe);
                self.advance(view, origin, delta.dot.counter);
            }
        }
    }

    /// Nothing is missing of these origins up to a last write, after which nothing comes: all that waits has its turn.
    /// Where a delta is lacking, the view takes over the eventual object of the key, which reflects it. Returns those
    /// of which that cannot be done yet: other writes to such a key still wait there.
    ///
    /// To ask for the delta may be in vain: its origin is dead, and all others may have had as little room.
    pub fn close(
        &mut self,
        closing: &mut Vec<(ReplicaId, u64)>,
        eventual: &KeyTable<Object>,
        observe: &mut impl FnMut(Observation),
    ) {
        loop {
            let can_close = |origin, last| (0..VIEWS).all(|view| self.are_closing(closing, origin, last, view));
            let Some(at) = closing.iter().position(|(origin, last)| !can_close(*origin, *last)) else { break };
            closing.remove(at);
        }
        let mut taken: BTreeSet<(usize, Key)> = BTreeSet::new();
        for (origin, last) in closing.iter() {
            for view in 0..VIEWS {
                taken.extend(self.lacking(*origin, *last, view).map(|key| (view, key)));
            }
        }
        for (view, key) in &taken {
            let nothing = Object::default();
            let common = eventual.get(*key).unwrap_or(&nothing);
            let own = &mut self.forked[*view].get_mut(key).expect("a write waits").object;
            let levels = levels_of(*view, key.priority() as usize);
            for version in own.versions.iter().filter(|version| !common.versions.contains(version)) {
                observe(seen(Change::Hidden(version.dot), levels));
            }
            for version in common.versions.iter().filter(|version| !own.versions.contains(version)) {
                observe(seen(Change::Shown(*version), levels));
            }
            own.clone_from(common);
        }
        for (origin, last) in closing.iter() {
            for view in (0..VIEWS).rev() {
                let behind = |ordered: &Ordered| ordered.frontiers.frontier(*origin, view);
                while let Some((counter, next)) =
                    self.waiting.next(*origin, view, behind(self)).filter(|(counter, _)| counter <= last)
                {
                    let delta = next.delta_at(view).filter(|_| !taken.contains(&(view, next.key))).cloned();
                    if let Some(delta) = delta {
                        self.apply(view, &delta, observe);
                    }
                    self.advance(view, *origin, counter);
                }
            }
            self.advance(0, *origin, *last);
        }
    }

    /// The keys of the writes of `origin` up to `last` whose deltas `view` lacks.
    fn lacking(&self, origin: ReplicaId, last: u64, view: usize) -> impl Iterator<Item = Key> {
        let waiting = self.waiting.range(origin, view, self.frontiers.first_ahead(origin, view)..=last);
        waiting.filter(move |(_, waiter)| waiter.delta_at(view).is_none()).map(|(_, waiter)| waiter.key)
    }

    /// True when all that waits at `view` for a key of which a delta of `origin` is lacking is of the `closing`.
    fn are_closing(&self, closing: &[(ReplicaId, u64)], origin: ReplicaId, last: u64, view: usize) -> bool {
        let of_closing = |key: Key| {
            let waiting = closing.iter().flat_map(|(origin, last)| {
                self.waiting.range(*origin, view, self.frontiers.first_ahead(*origin, view)..=*last)
            });
            waiting.filter(|(_, waiter)| waiter.key == key).count()
        };
        self.lacking(origin, last, view).all(|key| of_closing(key) == self.forked[view][&key].waits as usize)
    }

    /// The waiting write of `origin` whose turn it is at `view`.
    fn next_turn(&self, view: usize, origin: ReplicaId) -> Option<Arc<Delta>> {
        let (_, waiter) = self.waiting.next(origin, view, self.frontiers.frontier(origin, view))?;
        waiter.delta_at(view).cloned().filter(|delta| self.is_turn(delta, view))
    }

    /// The step ends: what still waits takes room, or its delta is dropped.
    pub fn settle(&mut self, observe: &mut impl FnMut(Observation)) {
        let mut unsettled = std::mem::take(&mut self.unsettled);
        // In an order of their own, since less urgent writes decide in which the step came to them: an answer brings a write
        // that waits at the sender in another form than one that does not.
        unsettled.sort_unstable();
        unsettled.drain(..).for_each(|dot| self.make_room(dot, observe));
        self.unsettled = unsettled;
    }

    fn make_room(&mut self, dot: Dot, observe: &mut impl FnMut(Observation)) {
        let Some(key) = self.waiting.get(dot).map(|waiter| waiter.key) else { return };
        if self.defects.counts_out(dot, &mut self.waiting, self.room_bytes) {
            return;
        }
        let behind: Vec<usize> = self.behind(dot, key).collect();
        let charge = |delta: &Delta| self.defects.room_bytes(delta);
        let refused = self.waiting.make_room(dot, behind.into_iter().rev(), self.room_bytes, charge);
        if !refused.is_empty() {
            let levels = refused.into_iter().map(|view| levels_of(view, key.priority() as usize));
            observe(Observation::Overflowed { levels: levels.fold(Levels::NONE, Levels::and), dot });
        }
    }

    /// The views that can take over how far the sender of `repair` had come: all writes that it is ahead by are in
    /// the answer or wait here with their delta. One may have lost its delta since the question was asked.
    pub fn can_follow(&self, repair: &Repair) -> [bool; VIEWS] {
        let mut follows = [true; VIEWS];
        if self.waiting.lacking() == 0 || repair.full {
            return follows;
        }
        let brought = |dot: Dot, key: Key, view: usize| {
            let item = repair.items.binary_search_by_key(&key, |item| item.key).ok().map(|at| &repair.items[at]);
            item.is_some_and(|item| item.dots.contains(&dot) && item.object_of(view).is_some())
        };
        for view in (0..VIEWS).rev() {
            let stubs = repair.frontiers.iter().flat_map(|(origin, _)| {
                let ahead = self.frontiers.first_ahead(origin, view)..=repair.frontiers.frontier(origin, view);
                let waiters = self.waiting.range(origin, view, ahead);
                let stubs = waiters.filter(move |(_, waiter)| waiter.delta_at(view).is_none());
                stubs.map(move |(counter, waiter)| (Dot { origin, counter }, waiter.key))
            });
            // A view never comes farther than the ones above.
            let above = follows.get(view + 1).is_none_or(|follows| *follows);
            follows[view] = above && stubs.into_iter().all(|(dot, key)| brought(dot, key, view));
        }
        follows
    }

    /// Applies what waits and is reflected by `view` of a replica whose frontiers these are, as a part of following it.
    pub fn catch_up(&mut self, view: usize, theirs: &Frontiers, observe: &mut impl FnMut(Observation)) {
        let Ordered { frontiers, waiting, forked, .. } = self;
        for (origin, _) in theirs.iter() {
            let ahead = frontiers.first_ahead(origin, view)..=theirs.frontier(origin, view);
            for delta in waiting.range(origin, view, ahead).filter_map(|(_, waiter)| waiter.delta_at(view)) {
                let object = &mut forked[view].get_mut(&delta.key).expect("a write waits").object;
                let levels = levels_of(view, delta.key.priority() as usize);
                merge_delta(object, Basis::View(frontiers, view), delta, levels, observe);
            }
        }
    }

    /// Merges another replica's object as its view sees it into the own object of `view`.
    pub fn absorb(
        &mut self,
        view: usize,
        key: Key,
        theirs: &Object,
        frontiers: &Frontiers,
        observe: &mut impl FnMut(Observation),
    ) {
        let levels = levels_of(view, key.priority() as usize);
        let object = &mut self.forked[view].get_mut(&key).expect("forked before").object;
        let basis = Basis::View(frontiers, view);
        let side = Side { versions: &theirs.versions, context: &theirs.context, dot: None, basis };
        object.merge(Basis::View(&self.frontiers, view), side, |change| observe(seen(change, levels)));
    }

    /// Strips all objects of views, and of what contexts say of writes that are void: by the frontiers, and where the
    /// clock knows all writes that an entry speaks for, and none of those beyond the frontier is to the key.
    pub fn strip(&mut self, clock: &NodeClock, is_void: impl Fn(ReplicaId) -> bool) {
        let Ordered { frontiers, waiting, forked, .. } = self;
        for (view, forked) in forked.iter_mut().enumerate() {
            for (key, Forked { object, .. }) in forked.iter_mut() {
                object.strip(Basis::View(frontiers, view));
                object.context.retain(|Stretch { origin, first, last }| {
                    let ahead = first.max(frontiers.first_ahead(origin, view))..=last;
                    let speaks = |(_, waiter): (u64, &Waiter)| waiter.key == *key;
                    !is_void(origin) && (clock.base(origin) < last || waiting.range(origin, view, ahead).any(speaks))
                });
            }
        }
    }

    /// All that will ever be known of these origins is reflected by all views.
    pub fn settle_origins(&mut self, settled: &Settled) {
        self.frontiers.settle(settled);
        self.waiting.settle(settled);
    }

    /// See [`crate::Replica::assert_invariants`].
    pub fn assert_invariants(&self, me: ReplicaId) {
        let mut waits: [BTreeMap<Key, u32>; VIEWS] = Default::default();
        for (dot, waiter) in self.waiting.iter() {
            let mut behind = self.behind(dot, waiter.key).peekable();
            assert_eq!(behind.peek(), Some(&0), "{me}: {dot} waits for nothing");
            behind.for_each(|view| *waits[view].entry(waiter.key).or_default() += 1);
        }
        for (view, waits) in waits.iter().enumerate() {
            let counted = self.forked[view].iter().map(|(key, forked)| (key, &forked.waits));
            assert!(counted.eq(waits), "{me}: view {view} has objects of its own for no reason, or lacks some");
            for (key, forked) in &self.forked[view] {
                for version in forked.object.versions.iter() {
                    let frontier = self.frontiers.frontier(version.dot.origin, view);
                    assert!(version.dot.counter <= frontier, "{me}: {key:?} shows {} too early", version.dot);
                }
            }
        }
    }
}

/// Merges one write into the object of a view.
fn merge_delta(
    object: &mut Object,
    basis: Basis<'_>,
    delta: &Delta,
    levels: Levels,
    observe: &mut impl FnMut(Observation),
) {
    let version = version_of(delta.dot, delta.value, delta.delete);
    let side =
        Side { versions: version.as_slice(), context: &delta.context, dot: Some(delta.dot), basis: Basis::Nothing };
    object.merge(basis, side, |change| observe(seen(change, levels)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{NodeId, Priority, Value};

    #[test]
    fn who_gets_room_does_not_depend_on_the_order_within_a_step() {
        let write = |counter| {
            let dot = Dot { origin: ReplicaId::first(NodeId(1)), counter };
            let (key, value) = (Key::new(counter as u32, Priority::P2), Value { id: counter, bytes: 16 });
            Delta { dot, key, value, delete: false, context: Default::default(), before: [counter - 1; 3] }
        };
        let room = u64::from(write(2).room_bytes());
        let waits_after = |counters: [u64; 2]| {
            let mut ordered = Ordered::new(room, Defects::default());
            for delta in counters.map(write) {
                (0..=2).for_each(|view| ordered.fork(view, delta.key, None));
                ordered.wait(delta.dot, delta.key, Some(Arc::new(delta)));
            }
            ordered.settle(&mut |_| {});
            let kept = ordered.waiting.iter().filter(|(_, waiter)| waiter.delta().is_some());
            kept.map(|(dot, _)| dot.counter).collect::<Vec<u64>>()
        };
        assert_eq!(waits_after([2, 3]), [2]);
        assert_eq!(waits_after([3, 2]), [2]);
    }
}
