//! The algebra of objects: the laws that replication without coordination rests on, each for objects that some
//! history of writes leads to and for all others that are well-formed, and checked against a slow twin that
//! keeps plain sets of writes.

use std::collections::BTreeSet;

use kvsim_store::clock::NodeClock;
use kvsim_store::ndc::frontier::Basis;
use kvsim_store::ndc::object::{Change, Object, Side, version_of};
use kvsim_store::ndc::{Context, Stretch};
use kvsim_store::{Dot, NodeId, ReplicaId, Value, Version};
use proptest::prelude::*;

const ORIGINS: u16 = 3;
/// Counters go up to here; beyond one word of a dot set's bitmap nothing new happens to an object.
const COUNTERS: u64 = 7;

fn origin(node: u16) -> ReplicaId {
    ReplicaId::first(NodeId(node))
}

fn dot(node: u16, counter: u64) -> Dot {
    Dot { origin: origin(node), counter }
}

/// Every dot that can occur here.
fn dots() -> impl Iterator<Item = Dot> {
    (0..ORIGINS).flat_map(|node| (1..=COUNTERS).map(move |counter| dot(node, counter)))
}

/// A dot names one write for ever, so the value follows from it.
fn version(dot: Dot) -> Version {
    Version { dot, value: Value { id: u64::from(dot.origin.node.0) * 100 + dot.counter, bytes: 8 } }
}

fn side<'a>(object: &'a Object, basis: Basis<'a>) -> Side<'a> {
    Side { versions: &object.versions, context: &object.context, dot: None, basis }
}

/// The merge of two whole objects. The changes it reports must be the difference that it makes.
fn merged(a: &Object, b: &Object) -> Object {
    merged_from(a, Basis::Nothing, b, Basis::Nothing)
}

fn merged_from(a: &Object, a_basis: Basis<'_>, b: &Object, b_basis: Basis<'_>) -> Object {
    let mut both = a.clone();
    let mut shown: BTreeSet<Version> = a.versions.iter().copied().collect();
    both.merge(a_basis, side(b, b_basis), |change| match change {
        Change::Shown(version) => assert!(shown.insert(version), "{} shown twice", version.dot),
        Change::Hidden(dot) => {
            let before = shown.len();
            shown.retain(|version| version.dot != dot);
            assert_eq!(shown.len() + 1, before, "{dot} hidden, but not shown before");
        }
    });
    assert!(both.versions.iter().copied().eq(shown), "the changes do not lead from {a:?} to {both:?}");
    both
}

/// Equal as far as anyone can tell.
fn assert_same(a: &Object, b: &Object) {
    assert_eq!(a.versions, b.versions);
    assert!(dots().all(|dot| a.context.covers(dot) == b.context.covers(dot)), "{a:?} and {b:?}");
}

/// Sets of counters per origin, some of them with gaps.
fn clocks() -> impl Strategy<Value = NodeClock> {
    clocks_without(None)
}

/// The same, but none of them has `gap`.
fn clocks_without(gap: Option<Dot>) -> impl Strategy<Value = NodeClock> {
    let one = (0..=COUNTERS, prop::collection::btree_set(1..=COUNTERS, 0..3));
    prop::collection::vec(one, usize::from(ORIGINS)).prop_map(move |sets| {
        let mut clock = NodeClock::default();
        for (node, (base, rest)) in sets.into_iter().enumerate() {
            let origin = origin(node as u16);
            let limit = gap.filter(|gap| gap.origin == origin).map_or(COUNTERS, |gap| gap.counter - 1);
            clock.raise(origin, base.min(limit));
            for dot in rest.into_iter().map(|counter| Dot { origin, counter }).filter(|dot| gap != Some(*dot)) {
                clock.insert(dot);
            }
        }
        clock
    })
}

/// A write that has yet to arrive, and a clock that does not have it.
fn arrivals() -> impl Strategy<Value = (Dot, NodeClock)> {
    (0..ORIGINS, 1..=COUNTERS).prop_flat_map(|(node, counter)| {
        let new = dot(node, counter);
        clocks_without(Some(new)).prop_map(move |clock| (new, clock))
    })
}

/// Any context: what it says, in any order and some of it twice.
fn contexts() -> impl Strategy<Value = Context> {
    prop::collection::vec((any::<bool>(), 0..ORIGINS, 1..=COUNTERS), 0..8).prop_map(|said| {
        let mut context = Context::default();
        for (all, node, counter) in said {
            match all {
                true => context.raise(origin(node), counter.min(4)),
                false => context.add(dot(node, counter)),
            }
        }
        context
    })
}

/// Any whole object: some versions, and a context that covers what is shown.
fn whole_objects() -> impl Strategy<Value = Object> {
    let shown = prop::collection::btree_set((0..ORIGINS, 1..=COUNTERS), 0..5);
    (contexts(), shown).prop_map(|(mut context, shown)| {
        let versions: Vec<Version> = shown.into_iter().map(|(node, counter)| version(dot(node, counter))).collect();
        versions.iter().for_each(|version| context.add(version.dot));
        Object { versions: versions.into_iter().collect(), context }
    })
}

/// What a key is when one remembers everything: the writes seen and those of them that are alive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Twin {
    seen: BTreeSet<Dot>,
    live: BTreeSet<Dot>,
}

impl Twin {
    fn merged(&self, other: &Twin) -> Twin {
        let dead = |twin: &Twin, dot: &Dot| twin.seen.contains(dot) && !twin.live.contains(dot);
        Twin {
            seen: &self.seen | &other.seen,
            live: (&self.live | &other.live).into_iter().filter(|dot| !dead(self, dot) && !dead(other, dot)).collect(),
        }
    }

    /// The twin of a whole object.
    fn of(object: &Object) -> Twin {
        Twin {
            seen: dots().filter(|dot| object.context.covers(*dot)).collect(),
            live: object.versions.iter().map(|version| version.dot).collect(),
        }
    }
}

/// One event in the life of a key on [`ORIGINS`] nodes.
#[derive(Clone, Debug)]
enum Event {
    /// A write at this node with the context of what another node holds; blind when there is none.
    Write { at: u16, delete: bool, context_of: Option<u16> },
    /// This node takes in what another one holds.
    Merge { at: u16, from: u16 },
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    let node = 0..ORIGINS;
    let write = (node.clone(), prop::bool::weighted(0.25), prop::option::of(node.clone()));
    let event = prop_oneof![
        write.prop_map(|(at, delete, context_of)| Event::Write { at, delete, context_of }),
        (node.clone(), node).prop_map(|(at, from)| Event::Merge { at, from }),
    ];
    prop::collection::vec(event, 1..16)
}

/// Plays `events` and returns every object that a node held at some time, with its twin.
fn history(events: &[Event]) -> Vec<(Object, Twin)> {
    let mut now: Vec<(Object, Twin)> = vec![Default::default(); usize::from(ORIGINS)];
    let mut all = now[..1].to_vec();
    let mut issued = [0; ORIGINS as usize];
    for event in events {
        let at = match *event {
            Event::Merge { at, from } => {
                let (theirs, their_twin) = now[usize::from(from)].clone();
                let (mine, twin) = &mut now[usize::from(at)];
                *mine = merged(mine, &theirs);
                *twin = twin.merged(&their_twin);
                at
            }
            Event::Write { at, delete, context_of } => {
                let counter = &mut issued[usize::from(at)];
                if *counter == COUNTERS {
                    continue;
                }
                *counter += 1;
                let new = dot(at, *counter);
                let read = context_of.map(|node| now[usize::from(node)].clone()).unwrap_or_default();
                let mut context = read.0.context.clone();
                context.add(new);
                let version = version_of(new, version(new).value, delete);
                let write = Object { versions: version.into_iter().collect(), context };
                // The write as a set: it has seen what was read.
                let mut seen = read.1.seen.clone();
                seen.insert(new);
                let live = if delete { BTreeSet::new() } else { BTreeSet::from([new]) };
                let (mine, twin) = &mut now[usize::from(at)];
                *mine = merged(mine, &write);
                *twin = twin.merged(&Twin { seen, live });
                at
            }
        };
        all.push(now[usize::from(at)].clone());
    }
    all
}

fn merge_laws(a: &Object, b: &Object, c: &Object) {
    let ab = merged(a, b);
    assert_eq!(ab, merged(b, a), "commutative");
    assert_eq!(merged(&ab, c), merged(a, &merged(b, c)), "associative");
    assert_eq!(merged(a, a), *a, "idempotent");
    assert_eq!(merged(&ab, b), ab, "absorbing");
    for one in [a, b] {
        assert!(dots().all(|dot| ab.context.covers(dot) || !one.context.covers(dot)), "nothing is forgotten");
    }
    assert!(ab.versions.is_sorted_by(|x, y| x.dot < y.dot));
    assert_eq!(Twin::of(&ab), Twin::of(a).merged(&Twin::of(b)), "the twin disagrees");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merge_is_a_join_of_all_whole_objects(a in whole_objects(), b in whole_objects(), c in whole_objects()) {
        merge_laws(&a, &b, &c);
    }

    #[test]
    fn merge_is_a_join_of_reachable_objects(events in events(), picks in any::<[prop::sample::Index; 3]>()) {
        let all = history(&events);
        for (object, twin) in &all {
            // The object is the twin in short: the same writes are alive, and it has seen the same.
            prop_assert_eq!(&Twin::of(object), twin);
        }
        let [a, b, c] = picks.map(|pick| &all[pick.index(all.len())].0);
        merge_laws(a, b, c);
    }

    #[test]
    fn has_seen_is_what_its_parts_say(
        object in whole_objects(), clock in prop::option::of(clocks()), own in prop::option::of((0..ORIGINS, 1..=COUNTERS))
    ) {
        let own = own.map(|(node, counter)| dot(node, counter));
        let side = Side { versions: &object.versions, context: &object.context, dot: own, basis: clock.as_ref().map_or(Basis::Nothing, Basis::Clock) };
        for dot in dots() {
            let by_context = object.context.iter().any(|Stretch { origin, first, last }| origin == dot.origin && (first..=last).contains(&{ dot.counter }));
            let by_dot = own == Some(dot);
            // Without a gap: one known write says nothing about those before it.
            let by_clock = clock.as_ref().is_some_and(|clock| {
                (1..=dot.counter).all(|counter| clock.contains(Dot { origin: dot.origin, counter }))
            });
            prop_assert_eq!(side.has_seen(dot), by_context || by_dot || by_clock);
        }
    }

    #[test]
    fn strip_and_fill_keep_what_has_been_seen(object in whole_objects(), clock in clocks()) {
        let mut stripped = object.clone();
        stripped.context.strip(Basis::Clock(&clock));
        for dot in dots() {
            prop_assert_eq!(side(&stripped, Basis::Clock(&clock)).has_seen(dot), side(&object, Basis::Clock(&clock)).has_seen(dot));
        }
        let mut filled = stripped.clone();
        filled.fill(Basis::Clock(&clock), (0..ORIGINS).map(origin));
        for dot in dots() {
            prop_assert_eq!(side(&filled, Basis::Nothing).has_seen(dot), side(&object, Basis::Clock(&clock)).has_seen(dot));
            prop_assert!(!object.context.covers(dot) || filled.context.covers(dot));
        }
        prop_assert_eq!(filled.versions, object.versions);
    }

    #[test]
    fn fill_only_raises(object in whole_objects(), clock in clocks(), nodes in prop::collection::btree_set(0..ORIGINS, 0..4)) {
        let mut filled = object.clone();
        filled.fill(Basis::Clock(&clock), nodes.iter().map(|node| origin(*node)));
        prop_assert_eq!(&filled.versions, &object.versions);
        for node in 0..ORIGINS {
            let base = if nodes.contains(&node) { clock.base(origin(node)) } else { 0 };
            for counter in 1..=COUNTERS {
                let dot = dot(node, counter);
                prop_assert_eq!(filled.context.covers(dot), object.context.covers(dot) || counter <= base);
            }
        }
    }

    #[test]
    fn strip_drops_exactly_what_the_base_covers(object in whole_objects(), clock in clocks()) {
        let mut stripped = object.context.clone();
        stripped.strip(Basis::Clock(&clock));
        for Stretch { origin, last, .. } in object.context.iter() {
            let without_gap = (1..=last).all(|counter| clock.contains(Dot { origin, counter }));
            let last = Dot { origin, counter: last };
            prop_assert!(without_gap || stripped.covers(last));
        }
        prop_assert!(stripped.iter().all(|stretch| stretch.last > clock.base(stretch.origin)));
        prop_assert!(stripped.len() <= object.context.len());
        prop_assert_eq!(stripped.is_empty(), stripped.iter().next().is_none());
    }

    #[test]
    fn stripped_objects_merge_like_whole_ones(
        a in whole_objects(), b in whole_objects(), a_clock in clocks(), b_clock in clocks()
    ) {
        let whole = |object: &Object, clock: &NodeClock| {
            let mut object = object.clone();
            object.fill(Basis::Clock(clock), (0..ORIGINS).map(origin));
            object
        };
        let stripped = |mut object: Object, clock: &NodeClock| {
            object.context.strip(Basis::Clock(clock));
            object
        };
        let (whole_a, whole_b) = (whole(&a, &a_clock), whole(&b, &b_clock));
        let slow = stripped(merged(&whole_a, &whole_b), &a_clock);
        let (short_a, short_b) = (stripped(a, &a_clock), stripped(b, &b_clock));
        let mut fast = merged_from(&short_a, Basis::Clock(&a_clock), &short_b, Basis::Clock(&b_clock));
        // What b's clock knows beyond a's has to stay with the object that a keeps.
        let ahead = (0..ORIGINS).map(origin).filter(|id| b_clock.base(*id) > a_clock.base(*id));
        fast.fill(Basis::Clock(&b_clock), ahead);
        assert_same(&stripped(fast, &a_clock), &slow);
    }

    #[test]
    fn a_blind_write_is_an_object_of_its_own(
        mut object in whole_objects(), (new, clock) in arrivals(), delete: bool
    ) {
        // What is shown is known, and a known write is not merged again.
        prop_assume!(object.versions.iter().all(|version| version.dot != new));
        object.context.strip(Basis::Clock(&clock));
        let version = version_of(new, version(new).value, delete);

        let mut slow = object.clone();
        let mut slow_changes = Vec::new();
        let alone = Side { versions: version.as_slice(), context: &Context::default(), dot: Some(new), basis: Basis::Nothing };
        slow.merge(Basis::Clock(&clock), alone, |change| slow_changes.push(change));

        let mut fast = object;
        let mut fast_changes = Vec::new();
        fast.merge_blind(new, version, |change| fast_changes.push(change));
        prop_assert_eq!(fast_changes, slow_changes);
        // The dot itself is left to the clock.
        fast.context.add(new);
        prop_assert_eq!(fast, slow);
    }
}

/// The twin must be able to disagree: a merge that drops nothing is not what it computes.
#[test]
fn the_twin_notices_a_merge_that_is_a_mere_union() {
    let events = [
        Event::Write { at: 0, delete: false, context_of: None },
        Event::Merge { at: 1, from: 0 },
        Event::Write { at: 1, delete: true, context_of: Some(1) },
    ];
    let all = history(&events);
    let (old, new) = (&all[1].0, &all[3].0);
    let mut union = merged(old, new);
    union.versions = old.versions.clone();
    assert_ne!(Twin::of(&union), Twin::of(old).merged(&Twin::of(new)));
}
