//! What a peer may say, for a host whose peers may lie. A message that no honest peer sends would end the replica, or make it wait or
//! hoard for ever: the host drops it at the door, as if it had been lost. Inside nothing is checked again, and a host that trusts all
//! its replicas, as the simulator does, never asks.
//!
//! Asked is whether the message could be true together with what is known here: what it says of the writes that it mentions, and of
//! those that wait here, must leave each view the order that it lives by. It holds where the members never change, each lives its first
//! life, and every one holds every key.

mod ends;

use std::sync::Arc;

use smallvec::SmallVec;

use crate::contract::{Dot, Key, Level, NodeId, ReplicaId};

use super::Ndc;
use super::context::Handed;
use super::frontier::{Reach, VIEWS};
use super::message::{Delta, Message, Pull, Repair, Reply, Request};
use super::ordered::Ordered;
use super::state::State;

use ends::Ends;
pub use ends::check_records;

/// Counters are below this: as many writes as a node can take in in a hundred years.
const COUNTER_END: u64 = 1 << 48;

/// A message without a clock may be ahead of what is known here by so many writes of an origin: what is missing in between
/// takes a bit each. After a longer absence the first repair comes with a clock.
const AHEAD: u64 = 1 << 20;

/// An answer with everything may be ahead by so many: each is looked at.
const AHEAD_OF_ALL: u64 = 1 << 26;

type Checked = Result<(), String>;

impl Ndc {
    /// Whether an honest peer `from` may have sent this, given what is known here.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, from: NodeId, message: &Message) -> Checked {
        let mut bounds = Bounds::new(self, AHEAD);
        match message {
            Message::Update { delta, .. } => bounds.writes(&[Told::all_of(delta)]),
            Message::Ack { range, dot, by, .. } => {
                is_range(*range)?;
                speaks(from, *by)?;
                bounds.ends.dot(*dot, 1)
            }
            Message::Pull(pull) => bounds.pull(from, pull),
            Message::Repair(repair) => {
                bounds.widen(repair)?;
                bounds.repair(from, repair)
            }
            Message::Request { id, request, .. } => {
                bounds.ends.member(ReplicaId::first(id.node))?;
                match &**request {
                    Request::Write { delta, .. } => bounds.writes(&[Told::all_of(delta)]),
                    Request::Read(Level::Eventual) => Ok(()),
                    Request::Read(_) | Request::Frontiers => {
                        is(bounds.state.ordered.is_some(), || "a question about views that are not kept".to_owned())
                    }
                }
            }
            Message::Reply { id, reply, .. } => {
                bounds.ends.member(ReplicaId::first(id.node))?;
                match &**reply {
                    Reply::Read { versions, context } => {
                        versions.iter().try_for_each(|version| bounds.ends.dot(version.dot, 1))?;
                        bounds.ends.context(context)
                    }
                    Reply::Frontiers(frontiers) => bounds.ends.reaches(frontiers),
                }
            }
        }
    }

    /// True when all that a context has seen is known here. One that is ahead might be a lie, which would hide writes to come.
    pub fn has_seen(&self, handed: &Handed) -> bool {
        Bounds::new(self, 0).ends.context(&handed.context).is_ok()
    }
}

/// What a message is measured by.
struct Bounds<'a> {
    state: &'a State,
    ends: Ends,
}

/// A write that a message tells of.
struct Told<'a> {
    dot: Dot,
    key: Key,
    /// In full, or only as one that an object reflects.
    delta: Option<&'a Delta>,
}

impl<'a> Told<'a> {
    fn all_of(delta: &'a Delta) -> Told<'a> {
        Told { dot: delta.dot, key: delta.key, delta: Some(delta) }
    }

    /// The narrowest view that carries it.
    fn narrowest(&self) -> usize {
        self.key.priority() as usize
    }
}

fn is(right: bool, problem: impl FnOnce() -> String) -> Checked {
    if right { Ok(()) } else { Err(problem()) }
}

fn is_range(range: u16) -> Checked {
    is(range == 0, || format!("a range number {range} of keys, where there is one"))
}

fn speaks(from: NodeId, by: ReplicaId) -> Checked {
    is(by == ReplicaId::first(from), || format!("{by} speaks by the mouth of {from}"))
}

impl<'a> Bounds<'a> {
    fn new(ndc: &'a Ndc, ahead: u64) -> Bounds<'a> {
        // Where every member holds every key, all is in the one range.
        let state = &ndc.ranges[0];
        let end = |member: &ReplicaId| state.clock().of(*member).max().saturating_add(ahead).min(COUNTER_END);
        Bounds { state, ends: Ends(ndc.membership.members.iter().map(end).collect()) }
    }

    /// A repair may be ahead as far as its own clock; that knows no more of this node's writes than this node.
    fn widen(&mut self, repair: &Repair) -> Checked {
        is(repair.clock.settled().is_empty(), || "a clock that knows nodes' later lives".to_owned())?;
        let (own, me) = (self.state.clock().of(self.state.me).max(), self.state.me);
        let known = repair.clock.of(me).max();
        is(known <= own, || format!("a clock that knows {known} writes of {me}"))?;
        self.ends.widen(repair)
    }

    fn pull(&self, from: NodeId, pull: &Pull) -> Checked {
        speaks(from, pull.from)?;
        is_range(pull.range)?;
        is(pull.report.is_none() && pull.clock.settled().is_empty(), || "a report of dead nodes".to_owned())?;
        pull.clock.iter().try_for_each(|(origin, known)| self.ends.reached((origin, known.max())))?;
        pull.sums.iter().try_for_each(|(peer, _)| self.ends.member(*peer))?;
        self.ends.reaches(&pull.frontiers)?;
        pull.stubs.iter().try_for_each(|dot| self.ends.member(dot.origin))
    }

    fn repair(&self, from: NodeId, repair: &Repair) -> Checked {
        speaks(from, repair.from)?;
        self.ends.member(repair.to)?;
        is_range(repair.range)?;
        is(repair.report.is_none() && repair.lost.is_empty(), || "a report of what is dead or lost".to_owned())?;
        self.ends.progress(repair)?;
        let items = &repair.items;
        is(items.is_sorted_by(|one, next| one.key < next.key), || "a key twice".to_owned())?;
        for item in items {
            let carried = item.key.priority() as usize + 1;
            let views = item.forked.iter().map(|(view, _)| *view);
            let fit = views.chain((0..VIEWS).filter(|view| item.same[*view])).all(|view| view < carried);
            is(fit, || format!("{:?} in a view that does not carry it", item.key))?;
            item.forked
                .iter()
                .map(|(_, object)| object)
                .chain([&item.object])
                .try_for_each(|it| self.ends.object(it))?;
            let is_new = |dot: &Dot| !self.state.clock().contains(*dot);
            // Who shows a write has to know it, and as what it is.
            let waiter = |dot: Dot| self.state.ordered.as_ref().and_then(|ordered| ordered.waiting.get(dot));
            let waits = |dot: &Dot| repair.deltas.iter().any(|delta| delta.dot == *dot && delta.key == item.key);
            let is_told = |dot: Dot| match self.state.clock().contains(dot) {
                true => waiter(dot).is_none_or(|waiter| waiter.key == item.key),
                false => item.dots.contains(&dot) || waits(&dot) || repair.full && repair.clock.contains(dot),
            };
            let objects = item.forked.iter().map(|(_, object)| object).chain([&item.object]);
            let untold = objects.flat_map(|object| &*object.versions).find(|version| !is_told(version.dot));
            is(untold.is_none(), || format!("{:?} with a write that nobody told of", item.key))?;
            is(item.eventual || !item.dots.iter().any(is_new), || {
                format!("writes to {:?} without what became of it", item.key)
            })?;
        }
        let of_items = repair
            .items
            .iter()
            .flat_map(|item| item.dots.iter().map(|dot| Told { dot: *dot, key: item.key, delta: None }));
        let deltas = repair.deltas.iter().map(|delta| &**delta).chain(&repair.issued.pending);
        let mut told: SmallVec<[Told<'_>; 1]> = deltas.map(Told::all_of).chain(of_items).collect();
        told.sort_unstable_by_key(|told| (told.dot, told.delta.is_none()));
        self.writes(&told)?;
        self.state.ordered.iter().try_for_each(|ordered| self.frontiers(ordered, repair, &told))
    }

    /// Writes, sorted by their dots: each of them is one, and all of them stand in one order with those that wait here.
    fn writes(&self, all: &[Told<'_>]) -> Checked {
        let mut last = Reach::default();
        for (at, told) in all.iter().enumerate() {
            let before = at.checked_sub(1).map(|before| &all[before]);
            self.ends.dot(told.dot, 1)?;
            if before.is_none_or(|before| before.dot.origin != told.dot.origin) {
                last = Reach::default();
            }
            let is_one = before.is_none_or(|before| {
                before.dot != told.dot || before.key == told.key && before.delta.is_some() && told.delta.is_none()
            });
            is(is_one, || format!("write {} twice", told.dot))?;
            if let Some(delta) = told.delta {
                self.ends.context(&delta.context)?;
                self.predecessors(delta, &last, all)?;
            }
            let is_new = !self.state.clock().contains(told.dot);
            is(!is_new || told.dot.origin != self.state.me, || {
                format!("write {}, which is not of this node", told.dot)
            })?;
            self.state.ordered.iter().try_for_each(|ordered| in_order(ordered, told, is_new))?;
            last[..=told.narrowest()].fill(told.dot.counter);
        }
        Ok(())
    }

    /// The last writes before `delta` that the views carry; of `all` in the message those at `last`.
    fn predecessors(&self, delta: &Delta, last: &Reach, all: &[Told<'_>]) -> Checked {
        let narrowest = delta.key.priority() as usize;
        let is_other = |view: usize, counter| {
            let place = all.binary_search_by_key(&Dot { counter, ..delta.dot }, |told| told.dot);
            place.is_ok_and(|place| all[place].narrowest() < view)
        };
        let is_right = (1..VIEWS).all(|view| {
            let (before, least) = (delta.predecessor(view), if self.state.ordered.is_some() { last[view] } else { 0 });
            match view <= narrowest {
                true => (least..=delta.predecessor(view - 1)).contains(&before) && !is_other(view, before),
                false => before == 0,
            }
        });
        is(is_right, || format!("write {} comes after {:?}", delta.dot, delta.before))
    }

    /// How far the sender's views have come: to writes that are known here then, each of which they have all passed that carry it.
    fn frontiers(&self, ordered: &Ordered, repair: &Repair, told: &[Told<'_>]) -> Checked {
        let clock = self.state.clock();
        let too_early = |view: usize, dot: Dot| dot.counter > repair.frontiers.frontier(dot.origin, view);
        for item in &repair.items {
            let views = (0..VIEWS).filter_map(|view| Some((view, item.object_of(view)?)));
            let mut shown = views.flat_map(|(view, object)| object.versions.iter().map(move |shown| (view, shown.dot)));
            let early = shown.find(|(view, dot)| too_early(*view, *dot));
            is(early.is_none(), || format!("{:?} shows a write before its turn", item.key))?;
        }
        for origin in NodeId::all(self.ends.0.len() as u16).map(ReplicaId::first) {
            let reach = repair.frontiers.reach(origin);
            let theirs = |view: usize| repair.frontiers.frontier(origin, view);
            let mine = |view: usize| ordered.frontiers.frontier(origin, view);
            let wrong = || format!("views that have come to {reach:?} in the writes of {origin}");
            let known = repair.clock.of(origin);
            is(theirs(0) <= known.base() && theirs(VIEWS - 1) <= known.max(), wrong)?;
            let from = told.partition_point(|told| told.dot.origin < origin);
            let told = &told[from..from + told[from..].partition_point(|told| told.dot.origin == origin)];
            let have_passed = |counter: u64, key: Key| {
                (0..=key.priority() as usize).all(|view| theirs(view) < counter || reach[view] >= counter)
            };
            let mut waiting = ordered.waiting.range(origin, 0, mine(0).saturating_add(1)..=theirs(VIEWS - 1));
            is(waiting.all(|(counter, waiter)| have_passed(counter, waiter.key)), wrong)?;
            is(told.iter().all(|told| have_passed(told.dot.counter, told.key)), wrong)?;
            let find =
                |counter| told.binary_search_by_key(&counter, |told| told.dot.counter).ok().map(|at| told[at].key);
            let of = clock.of(origin);
            if repair.full {
                let mut new = known.difference(of).filter(|counter| *counter > theirs(0));
                is(new.all(|counter| find(counter).is_some()), wrong)?;
                continue;
            }
            let mut gaps = (of.base().saturating_add(1)..=theirs(0)).filter(|counter| !of.contains(*counter));
            is(gaps.all(|counter| find(counter).is_some()), wrong)?;
            let carries = |view: usize, counter| {
                let waiting = ordered.waiting.get(Dot { origin, counter }).map(|waiter| waiter.key);
                waiting.or_else(|| find(counter)).is_some_and(|key| key.priority() as usize >= view)
            };
            // What a view has passed of the writes that it carries, it has in its reach.
            let own = ordered.frontiers.reach(origin);
            let is_fine =
                |view: usize| reach[view] <= own[view] || reach[view] > mine(view) && carries(view, reach[view]);
            is((0..VIEWS).all(is_fine), wrong)?;
        }
        Ok(())
    }
}

/// A write and those that wait here.
fn in_order(ordered: &Ordered, told: &Told<'_>, is_new: bool) -> Checked {
    let Dot { origin, counter } = told.dot;
    let waiter = ordered.waiting.get(told.dot);
    let is_it = waiter.is_none_or(|waiter| waiter.key == told.key);
    is(is_it, || format!("write {} to another key than it was", told.dot))?;
    if is_new {
        let frontier = ordered.frontiers.frontier(origin, told.narrowest());
        is(counter > frontier, || format!("write {} comes after all before {frontier} had come", told.dot))?;
    }
    if !is_new && !waiter.is_some_and(|waiter| waiter.is_stub()) {
        return Ok(());
    }
    // Its predecessors are carried where they are such, nothing comes between, and those that wait for it know it as what it is.
    let is_between = (1..VIEWS).all(|view| {
        let carries = |key: Key| key.priority() as usize >= view;
        let before = told.delta.map_or(counter - 1, |delta| delta.predecessor(view));
        let follows = |next: &Arc<Delta>| match carries(told.key) {
            true => next.predecessor(view) >= counter,
            false => next.predecessor(view) != counter,
        };
        let is_carried =
            || ordered.waiting.get(Dot { origin, counter: before }).is_none_or(|waiter| carries(waiter.key));
        let next = ordered.waiting.next(origin, view, counter).and_then(|(_, next)| next.delta());
        let is_first = || ordered.waiting.range(origin, view, before.saturating_add(1)..=counter - 1).next().is_none();
        next.is_none_or(follows) && (told.delta.is_none() || !carries(told.key) || is_carried() && is_first())
    });
    is(is_between, || format!("write {} between two that know nothing of it", told.dot))
}
