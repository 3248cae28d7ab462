//! The eventual view: everything that has arrived, merged by key.

use super::defects::Defects;
use super::frontier::{Basis, levels_of};
use super::memory::DotKeyMap;
use super::message::{Delta, RepairItem};
use super::object::{Change, Object, Side, version_of};
use crate::clock::NodeClock;
use crate::contract::{Dot, Key, Level, Levels, Observation, ReplicaId};
use crate::key_table::KeyTable;

/// Everything that a replica knows, and the keys of it that need attention.
#[derive(Clone, Debug, Default)]
pub struct Eventual {
    /// Every write whose record has arrived (NC).
    pub clock: NodeClock,
    /// Stripped objects by key (ST); no entry for an object without versions and context.
    pub objects: KeyTable<Object>,
    /// The keys of writes that some peer may miss (DKM).
    pub dot_keys: DotKeyMap,
    /// Keys whose object carries context, and perhaps some that no longer do (NSK, not stripped keys).
    pub unstripped: KeyList,
    pub defects: Defects,
}

/// Keys, each once, in the order of their coming.
#[derive(Clone, Debug, Default)]
pub struct KeyList {
    keys: Vec<Key>,
    /// By the key's number: the key is listed. Not a part of the object, which is one cache line as it is.
    listed: Vec<bool>,
}

impl KeyList {
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    pub fn contains(&self, key: Key) -> bool {
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

impl Eventual {
    /// Takes in one write; false for a second copy, which changes nothing. Readers at `levels` see what changes.
    pub fn receive(&mut self, delta: &Delta, levels: Levels, observe: &mut impl FnMut(Observation)) -> bool {
        let Delta { dot, key, .. } = *delta;
        let version = version_of(dot, delta.value, delta.delete);
        // The dot is added also when the stored object supersedes the write: it has arrived all the same.
        let (object, base) = if delta.context.is_empty() {
            // A blind merge does not ask the clock, which may have the dot already.
            let Some(base) = self.clock.insert(dot) else { return false };
            observe(Observation::Known(dot));
            let object = self.objects.get_or_insert_with(key, Object::default);
            object.merge_blind(dot, version, |change| observe(seen(change, levels)));
            (object, base)
        } else {
            if self.clock.contains(dot) {
                return false;
            }
            observe(Observation::Known(dot));
            let object = self.objects.get_or_insert_with(key, Object::default);
            let side =
                Side { versions: version.as_slice(), context: &delta.context, dot: Some(dot), basis: Basis::Nothing };
            // The clock does not have the dot yet: if it had, the stored object would seem to have seen the write.
            object.merge(Basis::Clock(&self.clock), side, |change| observe(seen(change, levels)));
            (object, self.clock.insert(dot).expect("it was not known"))
        };
        if base < dot.counter && !object.shows(dot) {
            object.context.add(dot);
        }
        self.dot_keys.push(dot, key);
        if !object.context.is_empty() || object.versions.is_empty() {
            self.store_stripped(key);
        }
        true
    }

    /// Takes in an object of another replica, whose clock was `clock`, with the dots that it brings.
    pub fn absorb(
        &mut self,
        item: &RepairItem,
        clock: &NodeClock,
        levels: Levels,
        observe: &mut impl FnMut(Observation),
    ) {
        for dot in item.dots.iter().filter(|dot| !self.clock.contains(**dot)) {
            observe(Observation::Known(*dot));
        }
        let side = Side {
            versions: &item.object.versions,
            context: &item.object.context,
            dot: None,
            // The sender's clock: what this replica knows says nothing about the sender's object.
            basis: Basis::Clock(self.defects.filling(clock, &self.clock)),
        };
        let object = self.objects.get_or_insert_with(item.key, Object::default);
        object.merge(Basis::Clock(&self.clock), side, |change| observe(seen(change, levels)));
        // After the merge, and key by key: the base cannot pass a write to a key that is still to be merged.
        for dot in &item.dots {
            // The key of a known write is remembered already, or no peer misses the write any more.
            if self.clock.insert(*dot).is_some() {
                self.dot_keys.push(*dot, item.key);
            }
        }
    }

    /// All that a replica with this clock has is here now. What is void it never had.
    pub fn absorb_clock(
        &mut self,
        clock: &NodeClock,
        is_void: impl Fn(Dot) -> bool,
        observe: &mut impl FnMut(Observation),
    ) {
        for (origin, _) in clock.iter() {
            let new: Vec<u64> = clock.missing_in(&self.clock, origin).collect();
            for counter in new {
                let dot = Dot { origin, counter };
                if !is_void(dot) {
                    observe(Observation::Known(dot));
                }
                self.clock.insert(dot);
            }
        }
    }

    /// The object of `key` keeps what `clock` says about it of these origins, where the own clock does not say it.
    pub fn keep(&mut self, key: Key, clock: &NodeClock, origins: impl Iterator<Item = ReplicaId>) {
        if let Some(object) = self.objects.get_mut(key) {
            object.fill(Basis::Clock(clock), origins);
            self.store_stripped(key);
        }
    }

    /// Strips what has become implied, and what contexts say of origins that are void.
    pub fn strip(&mut self, is_void: impl Fn(ReplicaId) -> bool) {
        for key in self.unstripped.take() {
            if let Some(object) = self.objects.get_mut(key) {
                object.context.retain(|seen| !is_void(seen.origin));
                self.store_stripped(key);
            }
        }
    }

    /// The object of `key` is stripped next time.
    pub fn list_to_strip(&mut self, key: Key) {
        self.unstripped.insert(key);
    }

    /// The origins that stored contexts mention although none of their writes is known.
    pub fn mentioned(&self) -> impl Iterator<Item = ReplicaId> {
        let objects = self.unstripped.keys.iter().filter_map(|key| self.objects.get(*key));
        let origins = objects.flat_map(|object| object.context.iter()).map(|seen| seen.origin);
        origins.filter(|origin| !self.clock.has(*origin))
    }

    /// Strips the object of `key` and keeps it only if something is left.
    fn store_stripped(&mut self, key: Key) {
        let object = self.objects.get_mut(key).expect("there is something to strip");
        object.strip(Basis::Clock(&self.clock));
        self.defects.spoil_stripped(object, &self.clock);
        if object.is_empty() {
            self.objects.remove(key);
        } else if !object.context.is_empty() {
            // An object without versions but with context stays: it stands for a delete that late writes meet.
            self.unstripped.insert(key);
        }
    }
}

/// What a change to an object means for readers at `levels`.
pub fn seen(change: Change, levels: Levels) -> Observation {
    match change {
        Change::Shown(version) => Observation::Visible { levels, dot: version.dot },
        Change::Hidden(dot) => Observation::Hidden { levels, dot },
    }
}

/// The eventual level and those of `views`, for a key of this priority.
pub fn eventual_and(views: impl Iterator<Item = usize>, priority: usize) -> Levels {
    views.fold(Levels::only(Level::Eventual), |levels, view| levels.and(levels_of(view, priority)))
}
