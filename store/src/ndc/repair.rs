//! Anti-entropy: asking for what is missing, answering, taking in the answer. One exchange serves all views.

use std::collections::BTreeSet;
use std::sync::Arc;

use smallvec::SmallVec;

use super::dead::Report;
use super::eventual::{Eventual, eventual_and};
use super::frontier::VIEWS;
use super::membership::Membership;
use super::message::{Delta, Issued, Pull, Repair, RepairItem};
use super::object::Object;
use super::ordered::Ordered;
use super::recovery::Recovery;
use super::state::{State, apply_delta};
use crate::clock::DotSet;
use crate::contract::{Dot, Key, Level, Levels, Names, Observation, ReplicaId};

impl State {
    /// The question for what this replica misses.
    pub fn pull(&self, round: u64, membership: &Membership) -> Pull {
        let stubs = |ordered: &Ordered| {
            let stubs = ordered.waiting.iter().filter(|(_, waiter)| waiter.is_stub());
            stubs.map(|(dot, _)| dot).collect()
        };
        Pull {
            from: self.me,
            range: self.range as u16,
            round,
            clock: self.eventual.clock.clone(),
            sums: self.watermarks.sums(),
            frontiers: self.ordered.as_ref().map(|ordered| ordered.frontiers.clone()).unwrap_or_default(),
            stubs: self.ordered.as_ref().filter(|ordered| ordered.waiting.lacking() > 0).map(stubs).unwrap_or_default(),
            recovers: self.recovery.is_some(),
            wants_all: self.recovery.as_ref().is_some_and(Recovery::wants_all),
            leaves: !self.is_held,
            report: self.dead.report(&membership.members, &self.eventual.clock),
        }
    }

    /// Takes in what the sender of `pull` says of itself. Returns what is to be [given up](State::give_up).
    pub fn note(&mut self, pull: &Pull, membership: &Membership) -> Vec<(ReplicaId, DotSet)> {
        if !membership.holds(self.range, pull.from) {
            return Vec::new();
        }
        let frontiers = self.ordered.is_some().then_some(&pull.frontiers);
        self.watermarks.learn_clock(pull.from, &pull.clock, frontiers);
        self.note_report(pull.from, pull.report.as_deref(), !pull.recovers, membership)
    }

    /// Takes in what another replica, which serves or not, reports of dead ones. Returns what is to be
    /// [given up](State::give_up).
    pub fn note_report(
        &mut self,
        from: ReplicaId,
        report: Option<&Report>,
        from_serves: bool,
        membership: &Membership,
    ) -> Vec<(ReplicaId, DotSet)> {
        let State { me, dead, eventual, recovery, is_held: true, .. } = self else { return Vec::new() };
        let (members, holders) = (&membership.members, membership.holders(self.range));
        // One that misses everything must not take for void what it has yet to get, and nobody may because of what it knows.
        // What others agreed about before holds whoever tells it: one follows the teller's views over the gaps.
        let serves = recovery.is_none();
        if let Some(all) = eventual.defects.gives_up(dead, members, &eventual.clock).filter(|_| serves) {
            return all;
        }
        report
            .map(|report| dead.learn(*me, (serves, from_serves), (members, holders), &eventual.clock, from, report))
            .unwrap_or_default()
    }

    /// What the sender of `pull` misses: writes that wait here, too, as they are, and the objects of all others.
    /// What the sender knows waits there or is reflected, but for the stubs that it names.
    ///
    /// The key of a write is forgotten when all peers are known to have it. A replica that is new, or has lost its
    /// disk, may miss the write after all: then the answer has everything.
    pub fn answer(&mut self, pull: &Pull, membership: &Membership) -> Repair {
        if pull.leaves {
            return Repair {
                clock: self.eventual.clock.clone(),
                serves: self.serves(),
                ..Repair::nothing(self.me, pull, membership.id)
            };
        }
        let State { me, eventual: Eventual { clock, dot_keys, defects, .. }, ordered, watermarks, .. } = self;
        // Who recovers may miss writes that nobody can name any more.
        let mut full = pull.wants_all || pull.recovers && !pull.clock.settled().has_all(clock.settled());
        let unknown = clock
            .iter()
            .flat_map(|(origin, _)| clock.missing_in(&pull.clock, origin).map(move |counter| Dot { origin, counter }));
        let stubs = pull.stubs.iter().copied().filter(|dot| clock.contains(*dot));
        let mut missing: Vec<(Key, Dot)> = Vec::new();
        let mut deltas: Vec<Arc<Delta>> = Vec::new();
        let mut lost: Vec<Dot> = Vec::new();
        for dot in unknown.chain(stubs).filter(|dot| defects.sends(*me, *dot)) {
            let waiter = ordered.as_ref().and_then(|ordered| ordered.waiting.get(dot));
            if let Some(delta) = waiter.and_then(|waiter| waiter.delta()) {
                deltas.push(delta.clone());
            } else if let Some(key) = waiter.map(|waiter| waiter.key).or_else(|| dot_keys.key(dot)) {
                missing.push((key, dot));
            } else if self.lost.contains(&dot) {
                lost.push(dot);
            } else {
                // Void, or the question is old and the sender has the write by now.
                let base = defects.base(watermarks, pull.from, dot.origin);
                // What it had of a range of a ring before it gave it away, it has no longer.
                let has_it = base >= dot.counter && (self.is_whole || !pull.recovers)
                    || self.dead.is_void(dot.origin)
                    || clock.settled().has(dot.origin);
                full |= !has_it;
            }
        }
        missing.sort_unstable();
        let items = match full {
            true => self.all_items(&missing),
            false => missing.chunk_by(|a, b| a.0 == b.0).map(|group| self.item(group, pull)).collect(),
        };
        if let (true, Some(ordered)) = (full, &self.ordered) {
            deltas = ordered.waiting.iter().filter_map(|(_, waiter)| waiter.delta().cloned()).collect();
        }
        let frontiers = self.ordered.as_ref().map(|ordered| &ordered.frontiers);
        let mut repair = Repair {
            from: self.me,
            to: pull.from,
            range: pull.range,
            round: pull.round,
            membership: membership.id,
            serves: self.serves(),
            full,
            report: self.dead.report(&membership.members, &self.eventual.clock),
            issued: Issued::default(),
            lost: if full { self.lost.clone() } else { lost },
            clock: self.eventual.clock.clone(),
            watermarks: self.watermarks.beyond(&pull.sums),
            frontiers: frontiers.cloned().unwrap_or_default(),
            deltas,
            items,
        };
        self.defects().spoil_answer(&mut repair, pull, self);
        repair
    }

    /// The object of a key to which the sender of `pull` misses these writes: once for all views that see it alike.
    pub fn item(&self, missing: &[(Key, Dot)], pull: &Pull) -> RepairItem {
        let key = missing[0].0;
        // The object may show writes, too, that the asker told it had, and has forgotten if its disk lied: who shows them has
        // to know them.
        let shown = self.eventual.objects.get(key).into_iter().flat_map(|object| object.versions.iter());
        let shown = shown.map(|version| version.dot).filter(|dot| !pull.clock.contains(*dot));
        let mut dots: SmallVec<[Dot; 4]> = missing.iter().map(|(_, dot)| *dot).chain(shown).collect();
        dots.sort_unstable();
        dots.dedup();
        let dots = || dots.iter().copied();
        let is_ahead = |dot: Dot, view: usize| {
            let reaches = |ordered: &Ordered| dot.counter <= ordered.frontiers.frontier(dot.origin, view);
            self.ordered.as_ref().is_some_and(reaches) && pull.frontiers.frontier(dot.origin, view) < dot.counter
        };
        let eventual = dots().any(|dot| !pull.clock.contains(dot));
        self.item_for(key, dots(), eventual, |view| dots().any(|dot| is_ahead(dot, view)))
    }

    fn item_for(
        &self,
        key: Key,
        dots: impl Iterator<Item = Dot>,
        eventual: bool,
        needs: impl Fn(usize) -> bool,
    ) -> RepairItem {
        let (mut same, mut forked) = ([false; VIEWS], Vec::new());
        if let Some(ordered) = &self.ordered {
            for view in (0..=key.priority() as usize).filter(|view| needs(*view)) {
                match ordered.forked(view, key) {
                    Some(object) => forked.push((view, object.clone())),
                    None => same[view] = true,
                }
            }
        }
        let is_used = eventual || same.contains(&true);
        let object = self.eventual.objects.get(key).filter(|_| is_used).cloned().unwrap_or_default();
        RepairItem { key, dots: dots.collect(), object, eventual, same, forked }
    }

    /// All keys for all views, with the missing writes whose keys are known.
    fn all_items(&self, missing: &[(Key, Dot)]) -> Vec<RepairItem> {
        let mut keys = self.keys();
        keys.extend(missing.iter().map(|(key, _)| *key));
        let item = |key: Key| {
            let from = missing.partition_point(|(other, _)| *other < key);
            let dots = missing[from..].iter().take_while(|(other, _)| *other == key).map(|(_, dot)| *dot);
            self.item_for(key, dots, true, |_| true)
        };
        keys.into_iter().map(item).collect()
    }

    /// The keys that some view stores anything of.
    fn keys(&self) -> BTreeSet<Key> {
        let forked = self.ordered.iter().flat_map(Ordered::forked_keys);
        self.eventual.objects.iter().map(|(key, _)| key).chain(forked).collect()
    }

    /// True when `repair` says something that is not known yet, watermarks and reports aside.
    pub fn is_news(&self, repair: &Repair) -> bool {
        let is_ahead = |ordered: &Ordered| (0..VIEWS).any(|view| !ordered.frontiers.covers(&repair.frontiers, view));
        !repair.items.is_empty()
            || !repair.deltas.is_empty()
            || !repair.lost.is_empty()
            || !repair.issued.pending.is_empty()
            || repair.full
            || self.is_whole
                && repair.serves
                && self.recovery.is_none()
                && repair.clock.base(repair.from) > self.eventual.clock.base(repair.from)
            || self.ordered.as_ref().is_some_and(is_ahead)
    }

    /// An answer to a question of this replica has come and is taken in. Returns true when it was the last one that was
    /// missing, so that the replica serves from now on.
    pub fn hear(&mut self, repair: &Repair, membership: &Membership) -> bool {
        if let Some(recovery) = &mut self.recovery {
            let under = self.eventual.defects.counted_under(repair.membership, membership.id);
            recovery.hear(repair, under);
        }
        if repair.full && self.defects().recovers_from_one() {
            self.begin_to_serve();
            return true;
        }
        self.enter(membership)
    }

    /// A range that this replica no longer holds: a holder has told how much it has. Returns true when all holders serve it
    /// and know all that is known here.
    pub fn hear_of_range(&mut self, repair: &Repair, membership: &Membership) -> bool {
        let clock = &self.eventual.clock;
        let has_all = clock.iter().all(|(origin, _)| clock.missing_in(&repair.clock, origin).next().is_none());
        let counts = repair.serves && repair.membership == membership.id && membership.holds(self.range, repair.from);
        if has_all && counts && !self.have_all.contains(&repair.from) {
            self.have_all.push(repair.from);
        }
        membership.holders(self.range).iter().all(|holder| self.have_all.contains(holder))
    }

    /// True when the sender of `pull`, which no longer holds the range, knows something that is not known here.
    pub fn lacks(&self, pull: &Pull) -> bool {
        let own = &self.eventual.clock;
        pull.leaves && pull.clock.iter().any(|(origin, _)| pull.clock.missing_in(own, origin).next().is_some())
    }

    /// Takes in an answer to a pull, however late: all views in one step.
    pub fn absorb(&mut self, repair: &Repair, observe: &mut impl FnMut(Observation)) {
        // One that serves gets them as any write, under the list of members of now.
        if self.recovery.is_some() {
            for delta in &repair.issued.pending {
                self.receive(delta, observe);
            }
        }
        let unmentioned = if repair.full { self.unmentioned(repair) } else { Vec::new() };
        let items = || repair.items.iter().chain(&unmentioned);
        match &mut self.ordered {
            None => {
                let levels = Levels::only(Level::Eventual);
                items().for_each(|item| self.eventual.absorb(item, &repair.clock, levels, observe));
                if self.is_whole && !repair.full && repair.serves && self.recovery.is_none() {
                    // The sender has all of its own writes. Nothing is left of them that it has not sent, but where the own
                    // disk lied: then it believes that this replica has them, and the gaps would stay for ever.
                    self.eventual.clock.raise(repair.from, repair.clock.base(repair.from));
                }
            }
            Some(ordered) => follow(&mut self.eventual, ordered, repair, &unmentioned, observe),
        }
        self.defects().spoil_clock(&mut self.eventual.clock, &repair.clock);
        self.lose(repair.lost.iter().copied());
        if repair.full {
            let is_void = |dot: Dot| repair.report.as_ref().is_some_and(|report| report.is_void(dot));
            self.eventual.absorb_clock(&repair.clock, is_void, observe);
            // Or it would pass them on as writes that it knows.
            let own = self.eventual.clock.settled();
            repair.report.iter().for_each(|report| self.dead.take_over(report, own));
            let settled = self.unsettled(repair.clock.settled().iter());
            settled.iter().for_each(|last| observe(Observation::KnownAll(Names::of(last))));
            self.settle(&settled);
        }
        // What the sender's clock said about the objects stays with them where the own clock does not say it.
        let own = &self.eventual.clock;
        let ahead: Vec<ReplicaId> =
            repair.clock.origins().filter(|origin| repair.clock.base(*origin) > own.base(*origin)).collect();
        for item in items() {
            self.eventual.keep(item.key, &repair.clock, ahead.iter().copied());
        }
        self.watermarks.learn(&repair.watermarks);
        let frontiers = self.ordered.is_some().then_some(&repair.frontiers);
        self.watermarks.learn_clock(repair.from, &repair.clock, frontiers);
    }

    /// The keys known here that an answer with everything does not mention: nothing is left of them at the sender.
    fn unmentioned(&self, repair: &Repair) -> Vec<RepairItem> {
        let is_mentioned = |key: &Key| repair.items.binary_search_by_key(key, |item| item.key).is_ok();
        let nothing = |key: Key| RepairItem {
            key,
            dots: Default::default(),
            object: Object::default(),
            eventual: true,
            same: std::array::from_fn(|view| view <= key.priority() as usize),
            forked: Vec::new(),
        };
        self.keys().into_iter().filter(|key| !is_mentioned(key)).map(nothing).collect()
    }
}

/// Takes in an answer to a pull where ordered views are kept: merges what it brings, then moves the frontiers to
/// where the sender's were, then gives what waits its turn.
fn follow(
    eventual: &mut Eventual,
    ordered: &mut Ordered,
    repair: &Repair,
    unmentioned: &[RepairItem],
    observe: &mut impl FnMut(Observation),
) {
    for delta in &repair.deltas {
        apply_delta(eventual, ordered, delta, observe);
    }
    // Of what is settled there all that is known here is reflected, too.
    let known_here = eventual.clock.iter().filter(|_| repair.full).map(|(origin, known)| (origin, known.max()));
    let theirs = &repair.frontiers.spelled_out(known_here);
    let follows = ordered.can_follow(repair);
    let followed = || (0..VIEWS).filter(|view| follows[*view]);
    // What waits comes before the sender's objects: those may have seen it overwritten.
    followed().for_each(|view| ordered.catch_up(view, theirs, observe));
    let move_frontiers = |ordered: &mut Ordered| {
        // The narrowest view first: a write that the first one has passed is forgotten.
        for view in (0..VIEWS).rev().filter(|view| follows[*view]) {
            for (origin, reach) in theirs.iter() {
                ordered.advance(view, origin, reach[view]);
            }
        }
    };
    if ordered.defects.moves_frontiers_first() {
        move_frontiers(ordered);
    }
    for item in repair.items.iter().chain(unmentioned) {
        let key = item.key;
        let priority = key.priority() as usize;
        let are_passed = |dot: &Dot| repair.frontiers.frontier(dot.origin, 0) >= dot.counter;
        let is_common = follows[0]
            && item.eventual
            && (0..=priority).all(|view| item.same[view] && ordered.forked(view, key).is_none())
            && item.dots.iter().all(are_passed);
        if is_common {
            eventual.absorb(item, &repair.clock, eventual_and(0..=priority, priority), observe);
            continue;
        }
        (0..=priority).for_each(|view| ordered.fork(view, key, eventual.objects.get(key)));
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
    move_frontiers(ordered);
    for item in repair.items.iter().chain(unmentioned) {
        (0..VIEWS).for_each(|view| ordered.rejoin(view, item.key));
    }
    for (origin, _) in repair.clock.iter() {
        ordered.drain(origin, observe);
    }
    ordered.settle(observe);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::NodeClock;
    use crate::contract::{NodeId, Priority, Value};
    use crate::ndc::context::Context;
    use crate::ndc::defects::Defects;
    use crate::placement::Placement;

    #[test]
    fn an_old_question_of_one_that_recovered_does_not_bring_everything() {
        let members: Vec<ReplicaId> = NodeId::all(2).map(ReplicaId::first).collect();
        let membership = Membership::new(&Placement::all(2), &members);
        let mut asked = State::new(members[0], 0, None, Defects::NONE);
        let asker = State::new(members[1], 0, None, Defects::NONE);
        let mut question = asker.pull(1, &membership);
        question.wants_all = false;
        assert!(question.recovers);
        let delta = asked.delta(Key::new(0, Priority::P0), Value { id: 1, bytes: 8 }, false, Context::default());
        asked.receive(&delta, &mut |_| ());
        // Meanwhile the asker has the write, says so, and the key of the write is forgotten.
        let mut clock = NodeClock::default();
        clock.insert(delta.dot);
        asked.watermarks.learn_clock(members[1], &clock, None);
        asked.clean_up(&membership);
        assert_eq!(asked.dot_keys(), 0);
        assert!(!asked.answer(&question, &membership).full);
    }
}
