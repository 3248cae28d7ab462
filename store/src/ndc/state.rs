//! What a replica knows, and how that changes: writes, deltas, anti-entropy, clean-up. No messages leave from
//! here, so that a replica that starts can play its log again through the same code.

use std::sync::Arc;

use crate::clock::NodeClock;
use crate::contract::{Dot, Key, Level, Levels, Observation, ReplicaId, Value, Version};
use crate::placement::Placement;

use super::eventual::{Eventual, eventual_and};
use super::frontier::{Basis, Frontiers, VIEWS};
use super::memory::Watermarks;
use super::message::{Delta, Pull, Repair, RepairItem};
use super::object::{Context, Object};
use super::ordered::Ordered;

/// A replica's knowledge. Everything but the watermarks, which are only a saving, follows from its log.
#[derive(Clone, Debug)]
pub struct State {
    me: ReplicaId,
    placement: Placement,
    eventual: Eventual,
    /// Absent when only the eventual view is kept.
    ordered: Option<Ordered>,
    /// What peers are known to hold (WM).
    watermarks: Watermarks,
}

impl State {
    /// A replica that knows nothing. `room_bytes` is how much may wait at each ordered view; absent: there are none.
    pub fn new(me: ReplicaId, placement: Placement, room_bytes: Option<u64>) -> State {
        State {
            me,
            placement,
            eventual: Eventual::default(),
            ordered: room_bytes.map(Ordered::new),
            watermarks: Watermarks::default(),
        }
    }

    /// Which nodes hold which keys.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// The stored objects, in the order of the keys' numbers.
    pub fn objects(&self) -> impl Iterator<Item = (Key, &Object)> {
        self.eventual.objects.iter()
    }

    /// Number of entries of the dot-key map.
    pub fn dot_keys(&self) -> usize {
        self.eventual.dot_keys.len()
    }

    /// Number of keys waiting to be stripped.
    pub fn unstripped(&self) -> usize {
        self.eventual.unstripped.len()
    }

    /// The ordered views, if any are kept.
    pub fn ordered(&self) -> Option<&Ordered> {
        self.ordered.as_ref()
    }

    /// How far the ordered views have come.
    ///
    /// # Panics
    /// When none are kept: the host never asks for a level that is not served.
    pub fn frontiers(&self) -> &Frontiers {
        &self.ordered.as_ref().expect("ordered views are kept").frontiers
    }

    /// The object of `key` with its whole context, for a client or another node; in an ordered view or the eventual one.
    pub fn filled(&self, key: Key, view: Option<usize>) -> Object {
        let mut object = self.object(key, view).cloned().unwrap_or_default();
        // Only holders take in writes to the key.
        let origins = self.eventual.clock.iter().map(|(origin, _)| origin);
        object.fill(self.basis(view), origins.filter(|origin| self.placement.holds(origin.node, key)));
        object
    }

    fn object(&self, key: Key, view: Option<usize>) -> Option<&Object> {
        let apart = view.and_then(|view| self.ordered.as_ref()?.apart(view, key));
        apart.or_else(|| self.eventual.objects.get(key))
    }

    fn basis(&self, view: Option<usize>) -> Basis<'_> {
        view.map_or(Basis::Clock(&self.eventual.clock), |view| Basis::View(self.frontiers(), view))
    }

    /// Every version that reads at `level` return.
    pub fn visible(&self, level: Level, each: &mut dyn FnMut(Key, Version)) {
        if level != Level::Eventual && self.ordered.is_none() {
            return;
        }
        let view_of = |key| super::frontier::view_of(level, key);
        for (key, object) in self.objects() {
            let Ok(view) = view_of(key) else { continue };
            let shown = view.and_then(|view| self.ordered.as_ref()?.apart(view, key)).unwrap_or(object);
            shown.versions.iter().for_each(|version| each(key, *version));
        }
        // A view may still show what nothing is stored of otherwise, since it was deleted.
        for view in (0..VIEWS).filter(|_| level != Level::Eventual) {
            for (key, object) in self.ordered.iter().flat_map(|ordered| ordered.all_apart(view)) {
                if view_of(key) == Ok(Some(view)) && self.eventual.objects.get(key).is_none() {
                    object.versions.iter().for_each(|version| each(key, *version));
                }
            }
        }
    }

    /// The next write of this replica, as it is to be replicated; [`State::receive`] makes it known here.
    pub fn delta(&self, key: Key, value: Value, delete: bool, context: Context) -> Delta {
        let dot = Dot { origin: self.me, counter: self.eventual.clock.base(self.me) + 1 };
        // A replica's own writes never wait, so the views' last writes are the last ones.
        let reach = self.ordered.as_ref().map(|ordered| ordered.frontiers.reach(self.me)).unwrap_or_default();
        let before = |view: usize| if view <= key.priority() as usize { reach[view] } else { 0 };
        Delta { dot, key, value, delete, context, before: [before(1), before(2), before(3)] }
    }

    /// Takes in one write, an own or another's; false when it changes nothing.
    pub fn receive(&mut self, delta: &Delta, observe: &mut impl FnMut(Observation)) -> bool {
        let Some(ordered) = &mut self.ordered else {
            return self.eventual.receive(delta, Levels::only(Level::Eventual), observe);
        };
        let news = take_in(&mut self.eventual, ordered, delta, observe);
        ordered.make_room(delta.dot, observe);
        news
    }

    /// See [`crate::Replica::warm`].
    pub fn warm(&self, delta: &Delta, depth: u8) {
        if let Some(object) = self.eventual.objects.get(delta.key) {
            match depth {
                0 => {
                    std::hint::black_box(object.context.len());
                }
                _ => object.warm(delta.dot.origin),
            }
        }
    }

    /// The question for what this replica misses.
    pub fn pull(&self, round: u64) -> Pull {
        let stub = |ordered: &Ordered| {
            let stubs = ordered.waiting.iter().filter(|(_, waiter)| waiter.delta.is_none());
            stubs.map(|(dot, _)| dot).collect()
        };
        Pull {
            from: self.me,
            round,
            clock: self.eventual.clock.clone(),
            frontiers: self.ordered.as_ref().map(|ordered| ordered.frontiers.clone()).unwrap_or_default(),
            stubs: self.ordered.as_ref().filter(|ordered| ordered.waiting.stubs() > 0).map(stub).unwrap_or_default(),
        }
    }

    /// What the sender of `pull` misses: writes that wait here, too, as they are, and the objects of all others.
    /// What the sender knows waits there or is reflected, but for the stubs that it names.
    pub fn answer(&mut self, pull: &Pull) -> Repair {
        let Eventual { clock, dot_keys, .. } = &mut self.eventual;
        let unknown = clock
            .iter()
            .flat_map(|(origin, _)| clock.missing_in(&pull.clock, origin).map(move |counter| Dot { origin, counter }));
        let stubs = pull.stubs.iter().copied().filter(|dot| clock.contains(*dot));
        let mut missing: Vec<(Key, Dot)> = Vec::new();
        let mut deltas: Vec<Arc<Delta>> = Vec::new();
        for dot in unknown.chain(stubs) {
            let waiter = self.ordered.as_ref().and_then(|ordered| ordered.waiting.get(dot));
            if let Some(delta) = waiter.and_then(|waiter| waiter.delta.as_ref()) {
                deltas.push(delta.clone());
            } else if let Some(key) = waiter.map(|waiter| waiter.key).or_else(|| dot_keys.key(dot))
                && self.placement.holds(pull.from.node, key)
            {
                // No key: a write that is not for that node, or one that every holder has.
                missing.push((key, dot));
            }
        }
        missing.sort_unstable();
        let items = missing.chunk_by(|a, b| a.0 == b.0).map(|group| self.item(group, pull)).collect();
        let frontiers = self.ordered.as_ref().map(|ordered| &ordered.frontiers);
        let mut watermarks = self.watermarks.clone();
        watermarks.learn_clock(self.me, &self.eventual.clock, frontiers);
        Repair {
            from: self.me,
            round: pull.round,
            clock: self.eventual.clock.clone(),
            watermarks,
            frontiers: frontiers.cloned().unwrap_or_default(),
            deltas,
            items,
        }
    }

    /// The object of a key of which the sender of `pull` misses these writes: once for all views that see it alike.
    fn item(&self, missing: &[(Key, Dot)], pull: &Pull) -> RepairItem {
        let key = missing[0].0;
        let dots = missing.iter().map(|(_, dot)| *dot);
        let stored = || self.eventual.objects.get(key).cloned().unwrap_or_default();
        let mut item = RepairItem {
            key,
            dots: dots.clone().collect(),
            object: Object::default(),
            eventual: dots.clone().any(|dot| !pull.clock.contains(dot)),
            same: [false; VIEWS],
            apart: Vec::new(),
        };
        if let Some(ordered) = &self.ordered {
            let is_ahead = |dot: Dot, view: usize| {
                pull.frontiers.frontier(dot.origin, view) < dot.counter
                    && dot.counter <= ordered.frontiers.frontier(dot.origin, view)
            };
            for view in (0..=key.priority() as usize).filter(|view| dots.clone().any(|dot| is_ahead(dot, *view))) {
                match ordered.apart(view, key) {
                    Some(object) => item.apart.push((view, object.clone())),
                    None => item.same[view] = true,
                }
            }
        }
        if item.eventual || item.same.contains(&true) {
            item.object = stored();
        }
        item
    }

    /// True when `repair` says something that is not known yet, watermarks aside.
    pub fn is_news(&self, repair: &Repair) -> bool {
        let is_ahead = |ordered: &Ordered| (0..VIEWS).any(|view| !ordered.frontiers.covers(&repair.frontiers, view));
        !repair.items.is_empty()
            || !repair.deltas.is_empty()
            || repair.clock.base(repair.from) > self.eventual.clock.base(repair.from)
            || self.ordered.as_ref().is_some_and(is_ahead)
    }

    /// Takes in an answer to a pull, however late: all views in one step.
    pub fn absorb(&mut self, repair: &Repair, observe: &mut impl FnMut(Observation)) {
        match &mut self.ordered {
            None => {
                let levels = Levels::only(Level::Eventual);
                let items = repair.items.iter();
                items.for_each(|item| self.eventual.absorb(item, &repair.clock, levels, observe));
                // The sender has all of its own writes, so the gaps that are left are writes to keys not held here.
                self.eventual.clock.raise(repair.from, repair.clock.base(repair.from));
            }
            Some(ordered) => follow(&mut self.eventual, ordered, repair, observe),
        }
        // What the sender's clock said about the objects stays with them where the own clock does not say it.
        let own = &self.eventual.clock;
        let ahead = repair.clock.iter().filter(|(origin, known)| known.base() > own.base(*origin));
        let ahead: Vec<ReplicaId> = ahead.map(|(origin, _)| origin).collect();
        for item in &repair.items {
            let origins = ahead.iter().copied().filter(|origin| self.placement.holds(origin.node, item.key));
            self.eventual.keep(item.key, &repair.clock, origins);
        }
        self.watermarks.learn(&repair.watermarks);
        let frontiers = self.ordered.is_some().then_some(&repair.frontiers);
        self.watermarks.learn_clock(repair.from, &repair.clock, frontiers);
    }

    /// Remembers what the sender of `pull` holds.
    pub fn note(&mut self, pull: &Pull) {
        let frontiers = self.ordered.is_some().then_some(&pull.frontiers);
        self.watermarks.learn_clock(pull.from, &pull.clock, frontiers);
    }

    /// Strips what has become implied, and forgets the keys of writes that every holder has.
    pub fn clean_up(&mut self, members: &[ReplicaId]) {
        self.eventual.strip();
        let State { me, placement, eventual: Eventual { dot_keys, .. }, watermarks, .. } = self;
        let others = || members.iter().filter(|member| *member != me);
        let everywhere = |origin| others().map(|peer| watermarks.base(*peer, origin)).min().unwrap_or(u64::MAX);
        if placement.is_full() {
            dot_keys.prune(everywhere, false, |_, _| false);
        } else {
            dot_keys.prune(
                |_| 0,
                true,
                |dot, key| {
                    others()
                        .filter(|peer| placement.holds(peer.node, key))
                        .all(|peer| watermarks.base(*peer, dot.origin) >= dot.counter)
                },
            );
        }
    }

    /// See [`crate::Replica::assert_invariants`].
    pub fn assert_invariants(&self) {
        let Eventual { clock, objects, unstripped, .. } = &self.eventual;
        let own = clock.iter().find(|(origin, _)| *origin == self.me);
        assert!(own.is_none_or(|(_, known)| known.base() == known.max()), "{}: a gap in the own writes", self.me);
        for (key, object) in objects.iter() {
            assert!(!object.is_empty(), "{}: {key:?} stores nothing", self.me);
            assert!(self.placement.holds(self.me.node, key), "{}: {key:?} belongs to others", self.me);
            assert!(object.versions.is_sorted_by(|a, b| a.dot < b.dot), "{}: {key:?} out of order", self.me);
            assert!(
                object.versions.iter().all(|version| clock.contains(version.dot)),
                "{}: {key:?} shows a write that is not known",
                self.me
            );
            let listed = unstripped.contains(key);
            assert!(object.context.is_empty() || listed, "{}: the context of {key:?} will never be stripped", self.me);
        }
        if let Some(ordered) = &self.ordered {
            ordered.assert_invariants(self.me);
            for (origin, known) in clock.iter() {
                let mut reflected = NodeClock::default();
                reflected.raise(origin, ordered.frontiers.frontier(origin, 0));
                let waits = |counter| ordered.waiting.get(Dot { origin, counter }).is_some();
                let mut beyond = clock.missing_in(&reflected, origin);
                assert!(beyond.all(waits), "{}: a write of {origin} is neither reflected nor waits", self.me);
                assert!(ordered.frontiers.frontier(origin, 0) <= known.base(), "{}: a view shows a gap", self.me);
            }
        }
    }
}

/// Takes in one write where ordered views are kept; false when it changes nothing. If it has to wait, it does so with
/// its delta, for which room is still to be made.
fn take_in(
    eventual: &mut Eventual,
    ordered: &mut Ordered,
    delta: &Delta,
    observe: &mut impl FnMut(Observation),
) -> bool {
    let Delta { dot, key, .. } = *delta;
    if eventual.clock.contains(dot) {
        // Known already; but it may be what a view waits for.
        let is_stub = ordered.waiting.get(dot).is_some_and(|waiter| waiter.delta.is_none());
        if is_stub {
            ordered.waiting.insert(dot, key, Some(Arc::new(delta.clone())));
            ordered.drain(dot.origin, observe);
        }
        return is_stub;
    }
    let priority = key.priority() as usize;
    let turn = ordered.turn(delta);
    // Where it has to wait, the object stays as it is.
    (0..turn).for_each(|view| ordered.part(view, key, eventual.objects.get(key)));
    let common = (turn..=priority).filter(|view| ordered.apart(*view, key).is_none());
    eventual.receive(delta, eventual_and(common, priority), observe);
    // The narrowest view first: what a view has passed, all above it have.
    for view in (turn..=priority).rev() {
        ordered.apply(view, delta, observe);
        ordered.advance(view, dot.origin, dot.counter);
    }
    if turn > 0 {
        ordered.wait(dot, key, Some(Arc::new(delta.clone())));
    }
    if ordered.waiting.any_of(dot.origin) {
        ordered.drain(dot.origin, observe);
    }
    true
}

/// Takes in an answer to a pull where ordered views are kept: merges what it brings, then moves the frontiers to
/// where the sender's were, then gives what waits its turn.
fn follow(eventual: &mut Eventual, ordered: &mut Ordered, repair: &Repair, observe: &mut impl FnMut(Observation)) {
    for delta in &repair.deltas {
        take_in(eventual, ordered, delta, observe);
    }
    let follows = ordered.can_follow(repair);
    let followed = || (0..VIEWS).filter(|view| follows[*view]);
    // What waits comes before the sender's objects: those may have seen it overwritten.
    followed().for_each(|view| ordered.catch_up(view, &repair.frontiers, observe));
    for item in &repair.items {
        let key = item.key;
        let priority = key.priority() as usize;
        let are_passed = |dot: &Dot| repair.frontiers.frontier(dot.origin, 0) >= dot.counter;
        let is_common = follows[0]
            && item.eventual
            && (0..=priority).all(|view| item.same[view] && ordered.apart(view, key).is_none())
            && item.dots.iter().all(are_passed);
        if is_common {
            eventual.absorb(item, &repair.clock, eventual_and(0..=priority, priority), observe);
            continue;
        }
        (0..=priority).for_each(|view| ordered.part(view, key, eventual.objects.get(key)));
        let new = |dot: &&Dot| !eventual.clock.contains(**dot);
        item.dots.iter().filter(new).for_each(|dot| ordered.wait(*dot, key, None));
        if item.eventual {
            eventual.absorb(item, &repair.clock, Levels::only(Level::Eventual), observe);
        }
        for view in followed() {
            if let Some(object) = item.object_of(view) {
                ordered.absorb(view, key, object, &repair.frontiers, observe);
            }
        }
    }
    // The narrowest view first: a write that the first one has passed is forgotten.
    for view in (0..VIEWS).rev().filter(|view| follows[*view]) {
        for (origin, reach) in repair.frontiers.iter() {
            ordered.advance(view, origin, reach[view]);
        }
    }
    for item in &repair.items {
        (0..VIEWS).for_each(|view| ordered.unite(view, item.key));
    }
    for (origin, _) in repair.clock.iter() {
        ordered.drain(origin, observe);
    }
    for delta in &repair.deltas {
        ordered.make_room(delta.dot, observe);
    }
}
