//! What a replica knows of a range of keys, and how that changes: writes, deltas, anti-entropy, clean-up. No messages leave from
//! here, so that a replica that starts can play its log again through the same code.

use std::sync::Arc;

use crate::clock::{DotSet, NodeClock, Settled};
use crate::contract::{Dot, Key, Level, Levels, Names, NodeId, Observation, ReplicaId, Value, Version};

use super::context::Context;
use super::dead::{Dead, is_member};
use super::defects::Defects;
use super::eventual::{Eventual, eventual_and};
use super::frontier::{Basis, Frontiers, VIEWS};
use super::membership::Membership;
use super::memory::Watermarks;
use super::message::Delta;
use super::object::Object;
use super::ordered::Ordered;
use super::recovery::Recovery;
use super::waiting::Waiter;

/// A replica's knowledge. Everything but the watermarks, which are only a saving, follows from its log.
#[derive(Clone, Debug)]
pub struct State {
    pub(super) me: ReplicaId,
    /// The range of keys. Its clock counts the writes to its keys alone, so that it is a cluster of its own, in which every
    /// member holds every key; where there is but one range, it is the cluster.
    pub(super) range: usize,
    /// False when this replica has held the range once, and keeps it only until its holders have all of it.
    pub(super) is_held: bool,
    /// The last round before this replica was to hold the range. Answers to earlier questions say what was missing to one that
    /// had more, or wanted nothing.
    pub(super) held_since: u64,
    /// Which of its holders have, then.
    pub(super) have_all: Vec<ReplicaId>,
    /// All keys are in the one range.
    pub(super) is_whole: bool,
    /// On a ring: how many writes its members had issued, as it was served from now on.
    pub(super) issued: Vec<(ReplicaId, u64)>,
    /// On a ring: writes that are in the clock, though no member has them.
    pub(super) lost: Vec<Dot>,
    /// It is or was served here. What is known and shown of a range of a ring is told from then on only.
    pub(super) was_served: bool,
    pub(super) eventual: Eventual,
    /// Absent when only the eventual view is kept.
    pub(super) ordered: Option<Ordered>,
    /// What peers are known to hold (WM).
    pub(super) watermarks: Watermarks,
    /// What is agreed about replicas that are no more.
    pub(super) dead: Dead,
    /// What a replica that has lost its disk, or is new, has yet to get before it serves; absent when it serves.
    pub(super) recovery: Option<Recovery>,
}

impl State {
    /// A replica that knows nothing. `room_bytes` is how much may wait at each ordered view; absent: there are none.
    pub fn new(me: ReplicaId, range: usize, room_bytes: Option<u64>, defects: Defects) -> State {
        State {
            me,
            range,
            is_held: true,
            held_since: 0,
            have_all: Vec::new(),
            is_whole: true,
            issued: Vec::new(),
            lost: Vec::new(),
            was_served: false,
            eventual: Eventual { defects, ..Eventual::default() },
            ordered: room_bytes.map(|room_bytes| Ordered::new(room_bytes, defects)),
            watermarks: Watermarks::default(),
            dead: Dead::default(),
            recovery: Some(Recovery::default()),
        }
    }

    /// The planted mistakes.
    pub fn defects(&self) -> Defects {
        self.eventual.defects
    }

    /// Every write whose record has arrived.
    pub fn clock(&self) -> &NodeClock {
        &self.eventual.clock
    }

    /// True when clients may be served, and quorums and acknowledgements may count on this replica.
    pub fn serves(&self) -> bool {
        self.is_held && self.recovery.is_none()
    }

    /// The replica may serve clients: it has everything, or there was never anything that it could miss.
    pub fn begin_to_serve(&mut self) {
        self.issued = self.recovery.take().map(Recovery::issued).unwrap_or_default();
        self.was_served = true;
    }

    /// Now that all members have told all that they know, and what they still send: of their writes, and of the `own` ones of
    /// this replica, those that nobody has.
    pub fn lost(&mut self, own: (ReplicaId, u64)) -> Vec<Dot> {
        let mut lost = Vec::new();
        for (origin, last) in std::mem::take(&mut self.issued).into_iter().chain([own]) {
            let mut all = NodeClock::default();
            all.raise(origin, last);
            let missing = all.missing_in(&self.eventual.clock, origin);
            lost.extend(missing.map(|counter| Dot { origin, counter }));
        }
        lost
    }

    /// These writes will never come.
    pub fn lose(&mut self, dots: impl Iterator<Item = Dot>) {
        for dot in dots {
            if self.eventual.clock.insert(dot).is_some() {
                self.lost.push(dot);
            }
        }
    }

    /// The range is this replica's to hold from now on, or no longer.
    pub fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
        self.recovery = is_held.then(Recovery::default);
    }

    /// True when there is someone to ask before the range can be served, or given away.
    pub fn is_unsettled(&self) -> bool {
        !self.serves()
    }

    /// Whom to ask before the range can be served, or given away.
    pub fn ask(&mut self, membership: &Membership) -> Vec<NodeId> {
        let State { me, range, .. } = *self;
        match &mut self.recovery {
            Some(recovery) => recovery.ask(me, range, membership),
            None if self.is_held => Vec::new(),
            None => {
                let open = membership.holders(range).iter().filter(|holder| !self.have_all.contains(holder));
                open.map(|holder| holder.node).collect()
            }
        }
    }

    /// The list of members is this one. Returns true when nothing is left to get, so that the replica serves from now on.
    pub fn enter(&mut self, membership: &Membership) -> bool {
        let me = self.me;
        self.have_all.retain(|holder| membership.holds(self.range, *holder));
        let is_over = self.recovery.as_mut().is_some_and(|recovery| {
            recovery.enter(membership.id);
            recovery.is_over(me, membership)
        });
        if is_over {
            self.begin_to_serve();
        }
        is_over
    }

    /// What is missing of dead replicas beside the known writes is given up. Returns those for which that could be done
    /// now.
    pub fn give_up(
        &mut self,
        mut dead: Vec<(ReplicaId, DotSet)>,
        observe: &mut impl FnMut(Observation),
    ) -> Vec<(ReplicaId, DotSet)> {
        if let Some(ordered) = self.ordered.as_mut().filter(|_| !dead.is_empty()) {
            let mut closing = dead.iter().map(|(origin, known)| (*origin, known.max())).collect();
            ordered.close(&mut closing, &self.eventual.objects, observe);
            ordered.settle(observe);
            dead.retain(|(origin, _)| closing.iter().any(|(closed, _)| closed == origin));
        }
        for (origin, known) in &dead {
            self.eventual.clock.raise(*origin, known.max());
            self.dead.give_up(*origin, known);
        }
        dead
    }

    /// The dead replicas that all holders have all of now, see [`super::dead`]: the last such life of each node.
    pub fn agreed(&self, membership: &Membership) -> Vec<ReplicaId> {
        let Membership { members, .. } = membership;
        let clock = &self.eventual.clock;
        match self.serves() {
            true => self.defects().settles(&self.dead, self.me, (members, membership.holders(self.range)), clock),
            false => Vec::new(),
        }
    }

    /// Those of `settled` that are news here. Where a disk has lied, something may still wait of a life: that is not taken over.
    pub fn unsettled(&self, settled: impl Iterator<Item = ReplicaId>) -> Settled {
        let mut all = Settled::default();
        settled.filter(|last| !self.eventual.clock.settled().has(*last)).for_each(|last| all.add(last));
        let waiting: Vec<ReplicaId> = self.ordered.iter().flat_map(|ordered| ordered.waiting.origins()).collect();
        let waits = |last: &ReplicaId| waiting.iter().any(|origin| origin.node == last.node && origin <= last);
        let mut ready = Settled::default();
        all.iter().filter(|last| !waits(last)).for_each(|last| ready.add(last));
        ready
    }

    /// All that will ever be known of these dead replicas is here, and nothing needs to be remembered of them.
    pub fn settle(&mut self, settled: &Settled) {
        self.eventual.clock.settle(settled);
        self.eventual.dot_keys.forget(settled);
        self.ordered.iter_mut().for_each(|ordered| ordered.settle_origins(settled));
        self.watermarks.forget_settled(settled);
        self.dead.settle(settled);
        self.lost.retain(|dot| !settled.has(dot.origin));
    }

    /// True when `view` reflects all that a session has `seen`. Writes of the dead that were given up never come.
    pub fn covers(&self, seen: &Frontiers, view: usize) -> bool {
        let frontiers = self.frontiers();
        let is_covered = |origin, counter| frontiers.frontier(origin, view) >= counter || self.dead.is_void(origin);
        seen.iter().all(|(origin, reach)| is_covered(origin, reach[view]))
    }

    /// A call waits for what its session had seen. What dead replicas wrote may have to be given up.
    pub fn wait_for(&mut self, seen: &Frontiers, membership: &Membership) {
        let clock = &self.eventual.clock;
        let is_dead = |origin: &ReplicaId| !membership.has(*origin) && !clock.settled().has(*origin);
        self.dead.mention(seen.iter().map(|(origin, _)| origin).filter(is_dead));
    }

    /// All holders are known to have the writes of `origin` to the keys up to this counter.
    pub fn everywhere(&self, origin: ReplicaId, membership: &Membership) -> u64 {
        everywhere(&self.watermarks, self.me, membership.holders(self.range), self.defects(), origin)
    }

    /// The stored objects, in the order of the keys' numbers.
    pub fn objects(&self) -> impl Iterator<Item = (Key, &Object)> {
        self.eventual.objects.iter()
    }

    /// The newest write to `key` that readers at the eventual level see.
    pub fn newest(&self, key: Key) -> Option<Dot> {
        let versions = self.eventual.objects.get(key)?.versions.iter();
        versions.map(|version| version.dot).max()
    }

    /// Number of entries of the dot-key map.
    pub fn dot_keys(&self) -> usize {
        self.eventual.dot_keys.len()
    }

    /// Number of dead replicas that are not settled.
    pub fn remembered(&self, membership: &Membership) -> usize {
        self.dead.remembered(&membership.members, &self.eventual.clock)
    }

    /// Number of keys waiting to be stripped.
    pub fn unstripped(&self) -> usize {
        self.eventual.unstripped.len()
    }

    /// Bytes of what is kept about writes beside their values, in the sizes that messages have: a name, an entry of a
    /// context or of the watermarks 12, an entry of the dot-key map 16, a key to strip 4.
    pub fn metadata_bytes(&self) -> u64 {
        let entries = |object: &Object| (object.versions.len() + object.context.len()) as u64;
        let forked = self.ordered.iter().flat_map(|ordered| (0..VIEWS).flat_map(|view| ordered.all_forked(view)));
        let objects: u64 = self.objects().chain(forked).map(|(_, object)| 12 * entries(object)).sum();
        let frontiers = self.ordered.as_ref().map_or(0, |ordered| ordered.frontiers.wire_bytes());
        let clocks = self.eventual.clock.wire_bytes() + self.watermarks.wire_bytes() + frontiers;
        objects + u64::from(clocks) + 16 * self.dot_keys() as u64 + 4 * self.unstripped() as u64
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

    /// The object of `key` with its whole context, for a client or another node; in an ordered view or the eventual
    /// one.
    pub fn filled(&self, key: Key, view: Option<usize>) -> Object {
        let mut object = self.object(key, view).cloned().unwrap_or_default();
        object.fill(self.basis(view), self.eventual.clock.origins());
        object
    }

    fn object(&self, key: Key, view: Option<usize>) -> Option<&Object> {
        let forked = view.and_then(|view| self.ordered.as_ref()?.forked(view, key));
        forked.or_else(|| self.eventual.objects.get(key))
    }

    fn basis(&self, view: Option<usize>) -> Basis<'_> {
        view.map_or(Basis::Clock(&self.eventual.clock), |view| Basis::View(self.frontiers(), view))
    }

    /// All known writes.
    fn known(&self) -> impl Iterator<Item = Dot> {
        static NOTHING: DotSet = DotSet::EMPTY;
        let all = self
            .eventual
            .clock
            .iter()
            .flat_map(|(origin, known)| known.difference(&NOTHING).map(move |counter| Dot { origin, counter }));
        all.filter(|dot| !self.dead.is_void_dot(*dot) && !self.lost.contains(dot))
    }

    /// The known writes that nobody can name any more.
    fn unnamed(&self) -> impl Iterator<Item = Names> {
        self.eventual.clock.settled().iter().map(Names::of)
    }

    /// Tells that nothing is known or shown here any more.
    pub fn renounce(&self, observe: &mut impl FnMut(Observation)) {
        let levels = Levels::only(Level::Eventual);
        let each = &mut |_, version: Version| observe(Observation::Hidden { levels, dot: version.dot });
        self.visible(Level::Eventual, each);
        self.known().for_each(|dot| observe(Observation::GaveAway(dot)));
        self.unnamed().for_each(|names| observe(Observation::GaveAwayAll(names)));
    }

    /// Tells all that is known and shown here at the eventual level, as if it had just come.
    pub fn announce(&self, observe: &mut impl FnMut(Observation)) {
        self.known().for_each(|dot| observe(Observation::Known(dot)));
        self.unnamed().for_each(|names| observe(Observation::KnownAll(names)));
        let levels = Levels::only(Level::Eventual);
        let each = &mut |_, version: Version| observe(Observation::Visible { levels, dot: version.dot });
        self.visible(Level::Eventual, each);
    }

    /// Every version that reads at `level` return.
    pub fn visible(&self, level: Level, each: &mut dyn FnMut(Key, Version)) {
        if level != Level::Eventual && self.ordered.is_none() {
            return;
        }
        let view_of = |key| super::frontier::view_of(level, key);
        for (key, object) in self.objects() {
            let Ok(view) = view_of(key) else { continue };
            let shown = view.and_then(|view| self.ordered.as_ref()?.forked(view, key)).unwrap_or(object);
            shown.versions.iter().for_each(|version| each(key, *version));
        }
        // A view may still show what nothing is stored of otherwise, since it was deleted.
        for view in (0..VIEWS).filter(|_| level != Level::Eventual) {
            for (key, object) in self.ordered.iter().flat_map(|ordered| ordered.all_forked(view)) {
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
        if self.defects().ignores(delta, &self.eventual) {
            return false;
        }
        let Some(ordered) = &mut self.ordered else {
            return self.eventual.receive(delta, Levels::only(Level::Eventual), observe);
        };
        let news = apply_delta(&mut self.eventual, ordered, delta, observe);
        ordered.settle(observe);
        news
    }

    /// See [`crate::Replica::prefetch`].
    pub fn prefetch(&self, delta: &Delta, depth: u8) {
        if let Some(object) = self.eventual.objects.get(delta.key) {
            match depth {
                0 => {
                    std::hint::black_box(object.context.len());
                }
                _ => object.prefetch(),
            }
        }
    }

    /// Strips what has become implied, and forgets the keys of writes that every holder has. Returns what is to be
    /// [given up](State::give_up).
    pub fn clean_up(&mut self, membership: &Membership) -> Vec<(ReplicaId, DotSet)> {
        let (members, holders) = (&membership.members, membership.holders(self.range));
        self.eventual.strip(|origin| self.dead.is_void(origin));
        let defects = self.defects();
        if !defects.keeps_watermarks() {
            self.watermarks.forget(holders);
        }
        self.watermarks.forget_settled(self.eventual.clock.settled());
        self.dead.forget_reports(holders);
        self.dead.mention(self.eventual.mentioned().filter(|origin| !is_member(members, *origin)));
        let State { me, eventual: Eventual { dot_keys, .. }, watermarks, .. } = self;
        dot_keys.prune(|origin| everywhere(watermarks, *me, holders, defects, origin));
        // With others, their reports decide.
        let is_alone = holders.iter().all(|holder| *holder == self.me) && self.serves();
        if is_alone { self.dead.agreed(self.me, members, holders, &self.eventual.clock) } else { Vec::new() }
    }

    /// Drops what the context of a write to `key` says of settled replicas where nobody shows a write of theirs that it speaks
    /// for. Or a session that writes and never reads would collect an entry of each life that it ever wrote at.
    pub fn trim(&mut self, key: Key, context: &mut Context, membership: &Membership) {
        let is_settled = |origin| self.eventual.clock.settled().has(origin);
        if !self.serves() || !context.iter().any(|seen| is_settled(seen.origin)) || !self.is_at_rest(key, membership) {
            return;
        }
        let Eventual { clock, objects, .. } = &self.eventual;
        let shown = || objects.get(key).into_iter().flat_map(|object| object.versions.iter());
        context.retain(|seen| !clock.settled().has(seen.origin) || shown().any(|version| seen.has(version.dot)));
    }

    /// True when all views of all holders reflect all writes to `key` that are known here, so that they show no others.
    fn is_at_rest(&mut self, key: Key, membership: &Membership) -> bool {
        let holders = membership.holders(self.range);
        let is_forked = |ordered: &Ordered| (0..VIEWS).any(|view| ordered.forked(view, key).is_some());
        if self.ordered.as_ref().is_some_and(is_forked) {
            return false;
        }
        let State { me, eventual: Eventual { clock, dot_keys, defects, .. }, watermarks, .. } = self;
        clock.iter().all(|(origin, known)| {
            let mut everywhere_known = NodeClock::default();
            let counter = everywhere(watermarks, *me, holders, *defects, origin);
            everywhere_known.raise(origin, counter.min(known.max()));
            let mut others = known.difference(everywhere_known.of(origin));
            others.all(|counter| dot_keys.key(Dot { origin, counter }).is_some_and(|of| of != key))
        })
    }

    /// See [`super::Ndc::durable`].
    pub fn durable(&self) -> impl std::fmt::Debug {
        let mut state = self.clone();
        let keys: Vec<Key> = self.objects().map(|(key, _)| key).collect();
        keys.into_iter().for_each(|key| state.eventual.list_to_strip(key));
        state.eventual.strip(|origin| self.dead.is_void(origin));
        state.ordered.iter_mut().for_each(|ordered| ordered.strip(self.clock(), |origin| self.dead.is_void(origin)));
        let objects: Vec<(Key, Object)> = state.objects().map(|(key, object)| (key, object.clone())).collect();
        (state.serves(), state.eventual.clock, objects, state.ordered, state.dead.void().clone())
    }

    /// See [`crate::Replica::assert_invariants`].
    pub fn assert_invariants(&self) {
        let Eventual { clock, objects, unstripped, .. } = &self.eventual;
        assert!(!clock.settled().has(self.me), "{}: it is settled, and lives", self.me);
        let own = clock.of(self.me);
        assert!(own.base() == own.max() || !self.serves(), "{}: a gap in the own writes", self.me);
        for (key, object) in objects.iter() {
            assert!(!object.is_empty(), "{}: {key:?} stores nothing", self.me);
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

/// All `holders` but `me` are known to hold all writes of `origin` up to this counter.
fn everywhere(
    watermarks: &Watermarks,
    me: ReplicaId,
    holders: &[ReplicaId],
    defects: Defects,
    origin: ReplicaId,
) -> u64 {
    let others = holders.iter().filter(|holder| **holder != me);
    others.map(|peer| defects.base(watermarks, *peer, origin)).min().unwrap_or(u64::MAX)
}

/// Takes in one write where ordered views are kept; false when it changes nothing. If it has to wait, it does so with
/// its delta, for which room is still to be made.
pub(super) fn apply_delta(
    eventual: &mut Eventual,
    ordered: &mut Ordered,
    delta: &Delta,
    observe: &mut impl FnMut(Observation),
) -> bool {
    let Delta { dot, key, .. } = *delta;
    if eventual.clock.contains(dot) {
        // Known already; but it may be what a view waits for.
        let is_stub = ordered.waiting.get(dot).is_some_and(Waiter::is_stub);
        if is_stub {
            ordered.complete(delta);
            ordered.drain(dot.origin, observe);
        }
        return is_stub;
    }
    let priority = key.priority() as usize;
    let turn = ordered.turn(delta);
    // Where it has to wait, the object stays as it is.
    (0..turn).for_each(|view| ordered.fork(view, key, eventual.objects.get(key)));
    ordered.defects.before_wait(ordered, delta, turn, observe);
    let common = (turn..=priority).filter(|view| ordered.forked(*view, key).is_none());
    eventual.receive(delta, eventual_and(common, priority), observe);
    // The narrowest view first: what a view has passed, all above it have.
    for view in (turn..=priority).rev() {
        ordered.apply(view, delta, observe);
        ordered.advance(view, dot.origin, dot.counter);
    }
    if turn > 0 {
        ordered.wait(dot, key, Some(Arc::new(delta.clone())));
        ordered.defects.after_wait(eventual, ordered, delta, turn, observe);
    }
    if ordered.waiting.any_of(dot.origin) {
        ordered.drain(dot.origin, observe);
    }
    true
}
