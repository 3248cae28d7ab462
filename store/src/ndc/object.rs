//! Objects: what a key's versions are and which writes they have seen.
//!
//! The algebra is that of dotted version vectors with the node's clock factored out (Gonçalves et al., DAIS
//! 2015, section 4). A stored object has been *stripped*: context that the node's clock implies is left out.
//! Before two objects meet, each is *filled* from the clock of the node that it comes from; here filling
//! happens while looking ([`Side::has_seen`]) and copies nothing.

use std::hint::black_box;
use std::ops::Deref;

use smallvec::SmallVec;

use super::context::Context;
use super::frontier::Basis;
use crate::contract::{Dot, ReplicaId, Value, Version};

/// The versions of a key, in the order of their dots.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<Version>", into = "Vec<Version>"))]
pub struct Versions(SmallVec<[Version; 1]>);

#[cfg(feature = "serde")]
impl From<Versions> for Vec<Version> {
    fn from(versions: Versions) -> Vec<Version> {
        versions.0.into_vec()
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Vec<Version>> for Versions {
    type Error = &'static str;

    fn try_from(versions: Vec<Version>) -> Result<Versions, Self::Error> {
        let ascend = versions.is_sorted_by(|a, b| a.dot < b.dot);
        if ascend { Ok(Versions(versions.into())) } else { Err("versions that are not in the order of their dots") }
    }
}

impl Deref for Versions {
    type Target = [Version];

    fn deref(&self) -> &[Version] {
        &self.0
    }
}

impl FromIterator<Version> for Versions {
    /// From versions in the order of their dots.
    fn from_iter<I: IntoIterator<Item = Version>>(versions: I) -> Versions {
        Versions(versions.into_iter().collect())
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
    /// True when this side, which does not show `dot`, a write to its key, has seen it overwritten.
    pub fn has_seen(&self, dot: Dot) -> bool {
        self.dot == Some(dot) || self.basis.base(dot.origin) >= dot.counter || self.context.covers(dot)
    }
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
            self.versions.0.retain(|version| !gone.contains(&version.dot));
            gone.into_iter().for_each(|dot| change(Change::Hidden(dot)));
        }
        for version in fresh {
            let at = self.versions.partition_point(|mine| mine.dot < version.dot);
            self.versions.0.insert(at, version);
            change(Change::Shown(version));
        }
        self.context.join(other.context);
        other.dot.into_iter().for_each(|dot| self.context.add(dot));
    }

    /// Merges one write that has seen nothing. The same as [`Object::merge`] of the write as an object of its own, except
    /// that the write's dot does not enter the context.
    pub fn merge_blind(&mut self, dot: Dot, version: Option<Version>, mut change: impl FnMut(Change)) {
        if let (Some(version), Err(at)) = (version.filter(|_| !self.context.covers(dot)), self.place(dot)) {
            self.versions.0.insert(at, version);
            change(Change::Shown(version));
        }
    }

    fn place(&self, dot: Dot) -> Result<usize, usize> {
        self.versions.binary_search_by_key(&dot, |version| version.dot)
    }

    /// True when the object shows `dot`, so that the context need not say that it has been seen.
    pub fn shows(&self, dot: Dot) -> bool {
        self.place(dot).is_ok()
    }

    /// Drops context that `basis` or a version implies.
    pub fn strip(&mut self, basis: Basis<'_>) {
        if self.context.is_empty() {
            return;
        }
        // First all is said that is known, so that what says the same looks the same.
        for version in self.versions.iter().filter(|version| version.dot.counter > basis.base(version.dot.origin)) {
            self.context.add(version.dot);
        }
        self.context.strip(basis);
        for Version { dot, .. } in self.versions.0.iter().rev() {
            self.context.take_out_last(*dot, basis);
        }
    }

    /// Looks at what a write will touch, see [`crate::Replica::prefetch`]. Two versions are less than a line.
    pub fn prefetch(&self) {
        for version in self.versions.iter().step_by(2) {
            black_box(version.dot.origin.node.0);
        }
    }

    /// Raises the context to what `basis` implies of each of `origins` and to every version: the inverse of
    /// stripping.
    pub fn fill(&mut self, basis: Basis<'_>, origins: impl IntoIterator<Item = ReplicaId>) {
        for origin in origins {
            let base = basis.base(origin);
            if base > 0 {
                self.context.raise(origin, base);
            }
        }
        for version in self.versions.iter() {
            self.context.add(version.dot);
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

    #[test]
    fn what_many_deliveries_touch_stays_small() {
        assert_eq!((size_of::<Version>(), size_of::<Object>()), (24, 64));
    }
}
