//! What a replica knows, and how that changes: writes, deltas, anti-entropy, clean-up. No messages leave from
//! here, so that a replica that starts can play its log again through the same code.

use crate::clock::NodeClock;
use crate::contract::{Dot, Key, Level, Levels, Observation, ReplicaId, Value};
use crate::key_table::KeyTable;
use crate::placement::Placement;

use super::memory::{DotKeyMap, Watermarks};
use super::message::{Delta, Pull, Repair, RepairItem};
use super::object::{Change, Context, Object, Side, version_of};

/// A replica's knowledge. Everything but the watermarks, which are only a saving, follows from its log.
#[derive(Clone, Debug)]
pub struct State {
    me: ReplicaId,
    placement: Placement,
    /// Every write whose record has arrived (NC).
    clock: NodeClock,
    /// Stripped objects by key (ST); no entry for an object without versions and context.
    objects: KeyTable<Object>,
    /// The keys of writes that some peer may miss (DKM).
    dot_keys: DotKeyMap,
    /// What peers are known to hold (WM).
    watermarks: Watermarks,
    /// Keys whose object carries context, and perhaps some that no longer do (NSK, not stripped keys).
    unstripped: KeyList,
}

/// Keys, each once, in the order of their coming.
#[derive(Clone, Debug, Default)]
struct KeyList {
    keys: Vec<Key>,
    /// By the key's number: the key is listed. Not a part of the object, which is one cache line as it is.
    listed: Vec<bool>,
}

impl KeyList {
    fn contains(&self, key: Key) -> bool {
        self.listed.get(key.index() as usize).is_some_and(|listed| *listed)
    }

    fn insert(&mut self, key: Key) {
        let index = key.index() as usize;
        if index >= self.listed.len() {
            self.listed.resize(index + 1, false);
        }
        if !std::mem::replace(&mut self.listed[index], true) {
            self.keys.push(key);
        }
    }

    /// Takes all keys out.
    fn take(&mut self) -> Vec<Key> {
        self.listed.fill(false);
        std::mem::take(&mut self.keys)
    }
}

/// Two states are equal when they know and show the same; the rest is memory that comes and goes.
impl PartialEq for State {
    fn eq(&self, other: &State) -> bool {
        self.me == other.me && self.clock == other.clock && self.objects == other.objects
    }
}

impl State {
    /// A replica that knows nothing.
    pub fn new(me: ReplicaId, placement: Placement) -> State {
        State {
            me,
            placement,
            clock: NodeClock::default(),
            objects: KeyTable::default(),
            dot_keys: DotKeyMap::default(),
            watermarks: Watermarks::default(),
            unstripped: KeyList::default(),
        }
    }

    /// Which nodes hold which keys.
    pub fn placement(&self) -> &Placement {
        &self.placement
    }

    /// What is known.
    pub fn clock(&self) -> &NodeClock {
        &self.clock
    }

    /// The object of `key`, if one is stored.
    pub fn object(&self, key: Key) -> Option<&Object> {
        self.objects.get(key)
    }

    /// The stored objects, in the order of the keys' numbers.
    pub fn objects(&self) -> impl Iterator<Item = (Key, &Object)> {
        self.objects.iter()
    }

    /// Number of entries of the dot-key map.
    pub fn dot_keys(&self) -> usize {
        self.dot_keys.len()
    }

    /// Number of keys waiting to be stripped.
    pub fn unstripped(&self) -> usize {
        self.unstripped.keys.len()
    }

    /// The object of `key` with its whole context, for a client or another node.
    pub fn filled(&self, key: Key) -> Object {
        let mut object = self.object(key).cloned().unwrap_or_default();
        // Only holders take in writes to the key.
        let origins = self.clock.iter().map(|(origin, _)| origin);
        object.fill(&self.clock, origins.filter(|origin| self.placement.holds(origin.node, key)));
        object
    }

    /// The next write of this replica, as it is to be replicated; [`State::receive`] makes it known here.
    pub fn delta(&self, key: Key, value: Value, delete: bool, context: Context) -> Delta {
        let dot = Dot { origin: self.me, counter: self.clock.base(self.me) + 1 };
        Delta { dot, key, value, delete, context }
    }

    /// Takes in one write, an own or another's; false for a second copy, which changes nothing.
    pub fn receive(&mut self, delta: &Delta, observe: &mut impl FnMut(Observation)) -> bool {
        let Delta { dot, key, .. } = *delta;
        let version = version_of(dot, delta.value, delta.delete);
        // The dot is added also when the stored object supersedes the write: it has arrived all the same.
        let (object, base) = if delta.context.is_empty() {
            // A blind merge does not ask the clock, which may have the dot already.
            let Some(base) = self.clock.insert(dot) else { return false };
            observe(Observation::Known(dot));
            let object = self.objects.get_or_insert_with(key, Object::default);
            object.merge_blind(dot, version, |change| observe(seen(change)));
            (object, base)
        } else {
            if self.clock.contains(dot) {
                return false;
            }
            observe(Observation::Known(dot));
            let object = self.objects.get_or_insert_with(key, Object::default);
            let side = Side { versions: version.as_slice(), context: &delta.context, dot: Some(dot), clock: None };
            // The clock does not have the dot yet: if it had, the stored object would seem to have seen the write.
            object.merge(Some(&self.clock), side, |change| observe(seen(change)));
            (object, self.clock.insert(dot).expect("it was not known"))
        };
        if base < dot.counter && !object.implies(dot) {
            object.context.raise(dot.origin, dot.counter);
        }
        self.dot_keys.push(dot, key);
        if !object.context.is_empty() || object.versions.is_empty() {
            self.store_stripped(key);
        }
        true
    }

    /// See [`crate::Replica::warm`].
    pub fn warm(&self, delta: &Delta, depth: u8) {
        if let Some(object) = self.object(delta.key) {
            match depth {
                0 => {
                    std::hint::black_box(object.context.len());
                }
                _ => object.warm(delta.dot.origin),
            }
        }
    }

    /// What the sender of `pull` misses.
    pub fn answer(&mut self, pull: &Pull) -> Repair {
        let mut missing: Vec<(Key, Dot)> = Vec::new();
        for (origin, _) in self.clock.iter() {
            for counter in self.clock.missing_in(&pull.clock, origin) {
                let dot = Dot { origin, counter };
                // No key: a write that is not for this node, or one that every holder has.
                if let Some(key) = self.dot_keys.key(dot)
                    && self.placement.holds(pull.from.node, key)
                {
                    missing.push((key, dot));
                }
            }
        }
        missing.sort_unstable();
        let items = missing
            .chunk_by(|a, b| a.0 == b.0)
            .map(|group| RepairItem {
                key: group[0].0,
                dots: group.iter().map(|(_, dot)| *dot).collect(),
                object: self.object(group[0].0).cloned().unwrap_or_default(),
            })
            .collect();
        let mut watermarks = self.watermarks.clone();
        watermarks.learn_clock(self.me, &self.clock);
        Repair { from: self.me, round: pull.round, clock: self.clock.clone(), watermarks, items }
    }

    /// True when `repair` says something that is not known yet, watermarks aside.
    pub fn is_news(&self, repair: &Repair) -> bool {
        !repair.items.is_empty() || repair.clock.base(repair.from) > self.clock.base(repair.from)
    }

    /// Takes in an answer to a pull, however late.
    pub fn absorb(&mut self, repair: &Repair, observe: &mut impl FnMut(Observation)) {
        for item in &repair.items {
            for dot in item.dots.iter().filter(|dot| !self.clock.contains(**dot)) {
                observe(Observation::Known(*dot));
            }
            let side = Side {
                versions: &item.object.versions,
                context: &item.object.context,
                dot: None,
                // The sender's clock: what this replica knows says nothing about the sender's object.
                clock: Some(&repair.clock),
            };
            let object = self.objects.get_or_insert_with(item.key, Object::default);
            object.merge(Some(&self.clock), side, |change| observe(seen(change)));
            // After the merge, and key by key: the base cannot pass a write to a key that is still to be merged.
            for dot in &item.dots {
                self.clock.insert(*dot);
                self.dot_keys.insert(*dot, item.key);
            }
        }
        // The sender has all of its own writes, so the gaps that are left are writes to keys not held here.
        self.clock.raise(repair.from, repair.clock.base(repair.from));
        // What the sender's clock said about the objects stays with them where the own clock does not say it.
        let ahead: Vec<ReplicaId> = repair
            .clock
            .iter()
            .filter(|(origin, known)| known.base() > self.clock.base(*origin))
            .map(|(origin, _)| origin)
            .collect();
        for item in &repair.items {
            let origins = ahead.iter().copied().filter(|origin| self.placement.holds(origin.node, item.key));
            let object = self.objects.get_mut(item.key).expect("merged above");
            object.fill(&repair.clock, origins);
            self.store_stripped(item.key);
        }
        self.watermarks.learn(&repair.watermarks);
        self.watermarks.learn_clock(repair.from, &repair.clock);
    }

    /// Remembers what the sender of `pull` holds.
    pub fn note(&mut self, pull: &Pull) {
        self.watermarks.learn_clock(pull.from, &pull.clock);
    }

    /// Strips what has become implied, and forgets the keys of writes that every holder has.
    pub fn clean_up(&mut self, members: &[ReplicaId]) {
        for key in self.unstripped.take() {
            if self.objects.get(key).is_some() {
                self.store_stripped(key);
            }
        }
        let State { me, placement, dot_keys, watermarks, .. } = self;
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

    /// Strips the object of `key` and keeps it only if something is left.
    fn store_stripped(&mut self, key: Key) {
        let object = self.objects.get_mut(key).expect("there is something to strip");
        object.strip(&self.clock);
        if object.is_empty() {
            self.objects.remove(key);
        } else if !object.context.is_empty() {
            // An object without versions but with context stays: it stands for a delete that late writes meet.
            self.unstripped.insert(key);
        }
    }

    /// See [`crate::Replica::assert_invariants`].
    pub fn assert_invariants(&self) {
        let own = self.clock.iter().find(|(origin, _)| *origin == self.me);
        assert!(own.is_none_or(|(_, known)| known.base() == known.max()), "{}: a gap in the own writes", self.me);
        for (key, object) in self.objects.iter() {
            assert!(!object.is_empty(), "{}: {key:?} stores nothing", self.me);
            assert!(self.placement.holds(self.me.node, key), "{}: {key:?} belongs to others", self.me);
            assert!(object.versions.is_sorted_by(|a, b| a.dot < b.dot), "{}: {key:?} out of order", self.me);
            assert!(
                object.versions.iter().all(|version| self.clock.contains(version.dot)),
                "{}: {key:?} shows a write that is not known",
                self.me
            );
            let listed = self.unstripped.contains(key);
            assert!(object.context.is_empty() || listed, "{}: the context of {key:?} will never be stripped", self.me);
        }
    }
}

/// What a change to an object means for readers.
fn seen(change: Change) -> Observation {
    match change {
        Change::Shown(version) => Observation::Visible { levels: Levels::only(Level::Eventual), dot: version.dot },
        Change::Hidden(dot) => Observation::Hidden { levels: Levels::only(Level::Eventual), dot },
    }
}
