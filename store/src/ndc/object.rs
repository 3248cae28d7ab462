//! Objects: what a key's versions are and which writes they have seen.
//!
//! The algebra is that of dotted version vectors with the node's clock factored out (Gonçalves et al., DAIS
//! 2015, section 4). A stored object has been *stripped*: context that the node's clock implies is left out.
//! Before two objects meet, each is *filled* from the clock of the node that it comes from; here filling
//! happens while looking ([`Side::has_seen`]) and copies nothing.

use std::hint::black_box;
use std::ops::Deref;

use smallvec::SmallVec;

use super::frontier::Basis;
use crate::clock::{WHOLE, settled};
use crate::contract::{Dot, ReplicaId, Value, Version};

/// For one key: all of an origin's writes to it up to a counter have been seen. An entry with the counter [`WHOLE`] speaks
/// for all writes of its origin and of earlier lives of the same node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<Dot>"))]
pub struct Context(SmallVec<[Dot; 1]>);

impl Context {
    /// True when the context says that `dot`, a write to its key, has been seen.
    pub fn covers(&self, dot: Dot) -> bool {
        dot.counter <= self.counter(dot.origin)
    }

    /// The largest counter of `origin` that has been seen; 0 for none.
    pub fn counter(&self, origin: ReplicaId) -> u64 {
        self.find(origin).map_or(0, |seen| seen.counter)
    }

    /// The entry that speaks for `origin`.
    pub fn entry_for(&self, origin: ReplicaId) -> Option<ReplicaId> {
        self.find(origin).map(|seen| seen.origin)
    }

    fn find(&self, origin: ReplicaId) -> Option<&Dot> {
        self.0.iter().find(|seen| seen.origin == origin || speaks_for(seen, origin))
    }

    /// All writes of `origin` to the key up to `counter` have been seen, too; those of earlier lives, too, with [`WHOLE`].
    pub fn raise(&mut self, origin: ReplicaId, counter: u64) {
        if self.0.iter().any(|seen| speaks_for(seen, origin)) {
            return;
        }
        if counter == WHOLE {
            self.0.retain(|seen| !speaks_for(&Dot { origin, counter }, seen.origin));
        }
        match self.0.binary_search_by_key(&origin, |seen| seen.origin) {
            Ok(at) => self.0[at].counter = { self.0[at].counter }.max(counter),
            Err(at) => self.0.insert(at, Dot { origin, counter }),
        }
    }

    /// The entries, in the order of the origins.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, u64)> {
        self.0.iter().map(|seen| (seen.origin, seen.counter))
    }

    /// True when nothing is said to have been seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Size when sent: 12 bytes an entry, see also [`settled::wire_bytes`].
    fn wire_bytes(&self) -> u32 {
        let whole = || self.0.iter().filter(|seen| seen.counter == WHOLE).map(|seen| seen.origin);
        let has_entry = |origin: ReplicaId| self.0.iter().any(|seen| seen.origin == origin);
        12 * (self.0.len() - whole().count()) as u32 + settled::wire_bytes(whole(), has_entry)
    }

    /// Drops the entries for which not `keep`.
    pub fn retain(&mut self, keep: impl Fn(ReplicaId, u64) -> bool) {
        self.0.retain(|seen| keep(seen.origin, seen.counter));
    }

    /// Drops what `basis` implies. The sparse rest of a clock implies nothing, since an entry also speaks for the
    /// counters below.
    pub fn strip(&mut self, basis: Basis<'_>) {
        self.0.retain(|seen| seen.counter > basis.base(seen.origin));
    }
}

/// True when the entry is one for all writes of its origin and of earlier lives, and `origin` is among these.
fn speaks_for(entry: &Dot, origin: ReplicaId) -> bool {
    let Dot { origin: last, counter } = *entry;
    counter == WHOLE && last.node == origin.node && last.incarnation >= origin.incarnation
}

#[cfg(feature = "serde")]
impl TryFrom<Vec<Dot>> for Context {
    type Error = &'static str;

    fn try_from(seen: Vec<Dot>) -> Result<Context, Self::Error> {
        let ascend = seen.is_sorted_by(|a, b| a.origin < b.origin);
        if ascend { Ok(Context(seen.into())) } else { Err("a context that is not in the order of the origins") }
    }
}

/// The versions of a key, in the order of their dots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<Version>", into = "Vec<Version>"))]
pub struct Versions {
    list: SmallVec<[Version; 1]>,
    /// Bit `n % 64` is set when there is a version of node n: the number of bits below it is where the version of
    /// an origin stands, mostly. Keys that many write blindly have dozens of versions, each line of them a cache
    /// miss; this way one line is looked at.
    nodes: u64,
}

/// A node's bit among [`Versions::nodes`].
fn bit(origin: ReplicaId) -> u64 {
    1 << (origin.node.0 % 64)
}

impl Versions {
    /// Where the version of `origin` is or would be. There is at most one of each origin.
    fn place(&self, origin: ReplicaId) -> Result<usize, usize> {
        let guess = self.guess(origin);
        if guess == 0 || self.list.get(guess - 1).is_some_and(|version| version.dot.origin < origin) {
            match self.list.get(guess).map(|version| version.dot.origin.cmp(&origin)) {
                Some(std::cmp::Ordering::Equal) => return Ok(guess),
                None | Some(std::cmp::Ordering::Greater) => return Err(guess),
                Some(std::cmp::Ordering::Less) => {}
            }
        }
        self.list.binary_search_by_key(&origin, |version| version.dot.origin)
    }

    /// Where the version of `origin` is or would be when all nodes are below 64 and live their first life.
    fn guess(&self, origin: ReplicaId) -> usize {
        (self.nodes & (bit(origin) - 1)).count_ones() as usize
    }

    fn insert(&mut self, at: usize, version: Version) {
        self.list.insert(at, version);
        self.nodes |= bit(version.dot.origin);
    }

    fn retain(&mut self, mut keep: impl FnMut(&Version) -> bool) {
        self.list.retain(|version| keep(version));
        self.nodes = self.list.iter().fold(0, |nodes, version| nodes | bit(version.dot.origin));
    }
}

#[cfg(feature = "serde")]
impl From<Versions> for Vec<Version> {
    fn from(versions: Versions) -> Vec<Version> {
        versions.list.into_vec()
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Vec<Version>> for Versions {
    type Error = &'static str;

    fn try_from(versions: Vec<Version>) -> Result<Versions, Self::Error> {
        let ascend = versions.is_sorted_by(|a, b| { a.dot.origin } < b.dot.origin);
        if ascend {
            Ok(versions.into_iter().collect())
        } else {
            Err("versions that are not in the order of the origins")
        }
    }
}

impl Deref for Versions {
    type Target = [Version];

    fn deref(&self) -> &[Version] {
        &self.list
    }
}

impl FromIterator<Version> for Versions {
    /// From versions in the order of their dots.
    fn from_iter<I: IntoIterator<Item = Version>>(versions: I) -> Versions {
        let mut all = Versions { list: versions.into_iter().collect(), nodes: 0 };
        all.retain(|_| true);
        all
    }
}

/// The versions of a key and their causal context, which holds for that key only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(align(64))] // one cache line, since the first look at an object is a miss
pub struct Object {
    /// In the order of their dots; several when writes were concurrent.
    pub versions: Versions,
    /// What has been seen, beyond what the versions and the clock of the holder imply.
    pub context: Context,
}

/// One of two objects that meet, as its own node sees it.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// Its versions.
    pub versions: &'a [Version],
    /// Its stripped context.
    pub context: &'a Context,
    /// A write that it has seen beside the context.
    pub dot: Option<Dot>,
    /// What was left out of the context where the object was stripped.
    pub basis: Basis<'a>,
}

impl Side<'_> {
    /// True when this side knows of `dot`, a write to its key: it shows it or has seen it overwritten.
    pub fn has_seen(&self, dot: Dot) -> bool {
        // A replica's write has seen all that came in there before it.
        let covers = |own: Dot| own.origin == dot.origin && own.counter >= dot.counter;
        self.context.covers(dot)
            || self.dot.is_some_and(covers)
            || shown_of(self.versions, dot.origin).is_some_and(covers)
            || self.basis.base(dot.origin) >= dot.counter
    }
}

/// The write of `origin` among `versions`; an object shows at most one of each origin.
fn shown_of(versions: &[Version], origin: ReplicaId) -> Option<Dot> {
    let at = versions.binary_search_by_key(&origin, |version| version.dot.origin).ok()?;
    Some(versions[at].dot)
}

/// What a merge did to the versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// This version is new.
    Shown(Version),
    /// This version has been overwritten.
    Hidden(Dot),
}

impl Object {
    /// True when nothing needs to be stored.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty() && self.context.is_empty()
    }

    /// Merges `other` into this object, whose context is filled from `basis`: a version stays that both have,
    /// or that one has and the other has not seen; what either has seen is seen.
    ///
    /// Commutative, associative and idempotent over whole objects.
    pub fn merge(&mut self, basis: Basis<'_>, other: Side<'_>, mut change: impl FnMut(Change)) {
        let own = Side { versions: &self.versions, context: &self.context, dot: None, basis };
        let mut gone: SmallVec<[Dot; 4]> = SmallVec::new();
        let mut fresh: SmallVec<[Version; 4]> = SmallVec::new();
        // Both lists are in the order of the dots.
        let (mut mine, mut theirs) = (own.versions, other.versions);
        loop {
            match (mine.split_first(), theirs.split_first()) {
                (Some((m, rest)), Some((t, others))) if m.dot == t.dot => (mine, theirs) = (rest, others),
                (Some((m, rest)), t) if t.is_none_or(|(t, _)| m.dot < t.dot) => {
                    if other.has_seen(m.dot) {
                        gone.push(m.dot);
                    }
                    mine = rest;
                }
                (_, Some((t, others))) => {
                    if !own.has_seen(t.dot) {
                        fresh.push(*t);
                    }
                    theirs = others;
                }
                (_, None) => break,
            }
        }
        if !gone.is_empty() {
            self.versions.retain(|version| !gone.contains(&version.dot));
            gone.into_iter().for_each(|dot| change(Change::Hidden(dot)));
        }
        for version in fresh {
            let at = self.versions.partition_point(|mine| mine.dot < version.dot);
            self.versions.insert(at, version);
            change(Change::Shown(version));
        }
        for (origin, counter) in other.context.iter() {
            self.context.raise(origin, counter);
        }
        if let Some(dot) = other.dot {
            self.context.raise(dot.origin, dot.counter);
        }
    }

    /// Merges one write that has seen only earlier writes of its origin. The same as [`Object::merge`] of the
    /// write as an object of its own, except that the write's dot does not enter the context; without looking
    /// at the versions of other origins; a key that many clients write blindly has many of them.
    pub fn merge_blind(&mut self, dot: Dot, version: Option<Version>, mut change: impl FnMut(Change)) {
        let version = version.filter(|_| !self.context.covers(dot));
        match (self.versions.place(dot.origin), version) {
            (Ok(at), version) if self.versions[at].dot < dot => {
                let old = self.versions[at].dot;
                match version {
                    Some(version) => self.versions.list[at] = version,
                    None => self.versions.retain(|version| version.dot != old),
                }
                change(Change::Hidden(old));
                version.into_iter().for_each(|version| change(Change::Shown(version)));
            }
            (Err(at), Some(version)) => {
                self.versions.insert(at, version);
                change(Change::Shown(version));
            }
            (Ok(_), _) | (Err(_), None) => {}
        }
    }

    /// True when the object shows `dot` or a later write of its origin, so that the context need not say that it
    /// has been seen.
    pub fn implies(&self, dot: Dot) -> bool {
        self.versions.place(dot.origin).is_ok_and(|at| self.versions[at].dot.counter >= dot.counter)
    }

    /// Drops context that `basis` or a version implies.
    pub fn strip(&mut self, basis: Basis<'_>) {
        self.context.strip(basis);
        let Object { versions, context } = self;
        context.0.retain(|seen| shown_of(versions, seen.origin).is_none_or(|shown| shown.counter < seen.counter));
    }

    /// Looks at what a blind write of `origin` will touch, see [`crate::Replica::prefetch`].
    pub fn prefetch(&self, origin: ReplicaId) {
        let versions = &self.versions;
        let from = versions.guess(origin).saturating_sub(1).min(versions.len());
        // The version is replaced; or one is put in, which moves all behind it. Two versions are less than a line.
        let replaced = versions.nodes & bit(origin) != 0;
        let until = if replaced { (from + 2).min(versions.len()) } else { versions.len() };
        for version in versions[from..until].iter().step_by(if replaced { 1 } else { 2 }) {
            black_box(version.dot.origin.node.0);
        }
    }

    /// Raises the context to what `basis` implies of each of `origins` and to every version: the inverse of
    /// stripping.
    pub fn fill(&mut self, basis: Basis<'_>, origins: impl IntoIterator<Item = ReplicaId>) {
        for version in self.versions.iter() {
            self.context.raise(version.dot.origin, version.dot.counter);
        }
        for origin in origins {
            let base = basis.base(origin);
            if base > self.context.counter(origin) {
                self.context.raise(origin, base);
            }
        }
    }

    /// Size when sent: a version with its dot is 24 bytes and the value, see also [`Context`].
    pub fn wire_bytes(&self) -> u32 {
        wire_bytes(&self.versions, &self.context)
    }
}

/// Size of versions and a context when sent.
pub fn wire_bytes(versions: &[Version], context: &Context) -> u32 {
    let values = versions.iter().map(|version| version.value.bytes.saturating_add(24));
    values.fold(context.wire_bytes(), u32::saturating_add)
}

/// The version that a write makes: none for a delete.
pub fn version_of(dot: Dot, value: Value, delete: bool) -> Option<Version> {
    (!delete).then_some(Version { dot, value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::NodeId;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Also when nodes share a bit, and when a node writes in two lives.
        #[test]
        fn one_version_per_origin_in_their_order(
            writes in prop::collection::vec((0u16..6, 0u16..3, 1u16..3, any::<bool>()), 0..60)
        ) {
            let (mut object, mut twin) = (Object::default(), BTreeMap::new());
            for ((low, high, incarnation, delete), counter) in writes.into_iter().zip(1..) {
                let origin = ReplicaId { node: NodeId(low * 12 + high * 64), incarnation };
                let dot = Dot { origin, counter };
                let version = version_of(dot, Value { id: counter, bytes: 8 }, delete);
                object.prefetch(origin);
                object.merge_blind(dot, version, |_| ());
                match version {
                    Some(version) => drop(twin.insert(origin, version)),
                    None => drop(twin.remove(&origin)),
                }
                prop_assert!(object.versions.iter().eq(twin.values()));
            }
        }
    }

    #[test]
    fn what_many_deliveries_touch_stays_small() {
        assert_eq!((size_of::<Version>(), size_of::<Object>()), (24, 64));
    }
}
