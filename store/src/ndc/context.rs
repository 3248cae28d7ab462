//! Which writes to a key have been seen.

use smallvec::SmallVec;

use super::frontier::Basis;
use crate::clock::{WHOLE, settled};
use crate::contract::{Dot, ReplicaId};

/// For one key: the writes that have been seen, by origin as stretches. The first may begin with an origin's first write, as a
/// version vector's entry does; the others speak for single writes, and what lies between such (dotted version vectors:
/// Preguiça, Baquero, Almeida, Fonte and Gonçalves, 2012).
///
/// In the order of the origins and counters. No stretch touches the next, so what says the same looks the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<(Dot, u64)>", into = "Vec<(Dot, u64)>"))]
pub struct Context(SmallVec<[Stretch; 1]>);

/// All writes of one origin to the key from one counter to another. Those from 1 to [`WHOLE`] are all of the origin and of
/// earlier lives of its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Whose writes.
    pub origin: ReplicaId,
    /// The first counter.
    pub first: u64,
    /// The last counter.
    pub last: u64,
}

impl Stretch {
    /// True when `dot` is in it.
    pub fn has(&self, dot: Dot) -> bool {
        (self.first..=self.last).contains(&{ dot.counter }) && self.origin == dot.origin
            || self.last == WHOLE && self.speaks_for(dot.origin)
    }

    /// True when all that `origin` writes is in it.
    fn speaks_for(&self, origin: ReplicaId) -> bool {
        let Stretch { origin: own, last, .. } = *self;
        last == WHOLE && own.node == origin.node && own.incarnation >= origin.incarnation
    }
}

impl Context {
    /// True when the context says that `dot`, a write to its key, has been seen.
    pub fn covers(&self, dot: Dot) -> bool {
        self.0.iter().any(|stretch| stretch.has(dot))
    }

    /// All writes of `origin` to the key up to this counter have been seen; 0 for none.
    pub fn up_to(&self, origin: ReplicaId) -> u64 {
        let begins = |stretch: &&Stretch| stretch.first == 1 && stretch.origin == origin || stretch.speaks_for(origin);
        self.0.iter().find(begins).map_or(0, |stretch| stretch.last)
    }

    /// The last write of `origin` to the key that has been seen; 0 for none.
    pub fn last(&self, origin: ReplicaId) -> u64 {
        self.0.iter().filter(|stretch| stretch.origin == origin).map(|stretch| stretch.last).max().unwrap_or(0)
    }

    /// All writes of `origin` to the key up to `counter` have been seen, too; those of earlier lives, too, with [`WHOLE`].
    pub fn raise(&mut self, origin: ReplicaId, counter: u64) {
        self.insert(Stretch { origin, first: 1, last: counter });
    }

    /// `dot` has been seen, too, whatever came before it.
    pub fn add(&mut self, dot: Dot) {
        let Dot { origin, counter } = dot;
        self.insert(Stretch { origin, first: counter, last: counter });
    }

    fn insert(&mut self, mut new: Stretch) {
        if self.0.iter().any(|stretch| stretch.speaks_for(new.origin)) {
            return;
        }
        if new.last == WHOLE {
            self.0.retain(|stretch| !new.speaks_for(stretch.origin));
        }
        let ends_before = |old: &Stretch| (old.origin, old.last.saturating_add(1)) < (new.origin, new.first);
        let at = self.0.partition_point(ends_before);
        let mut end = at;
        while let Some(old) =
            self.0.get(end).filter(|old| old.origin == new.origin && old.first <= new.last.saturating_add(1))
        {
            (new.first, new.last) = (new.first.min(old.first), new.last.max(old.last));
            end += 1;
        }
        if at == end {
            self.0.insert(at, new);
        } else {
            self.0[at] = new;
            self.0.drain(at + 1..end);
        }
    }

    /// What `other` says is said here, too.
    pub fn join(&mut self, other: &Context) {
        other.0.iter().for_each(|stretch| self.insert(*stretch));
    }

    /// The stretches, in their order.
    pub fn iter(&self) -> impl Iterator<Item = Stretch> {
        self.0.iter().copied()
    }

    /// True when nothing is said to have been seen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of stretches.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Size when sent: 12 bytes a stretch and 8 for a second counter, see also [`settled::wire_bytes`].
    pub fn wire_bytes(&self) -> u32 {
        let whole = || self.0.iter().filter(|stretch| stretch.last == WHOLE).map(|stretch| stretch.origin);
        let has_entry = |origin: ReplicaId| self.0.iter().any(|stretch| stretch.origin == origin);
        let bytes = |stretch: &Stretch| match stretch.last {
            WHOLE => 0,
            last if stretch.first == 1 || stretch.first == last => 12,
            _ => 20,
        };
        self.0.iter().map(bytes).sum::<u32>() + settled::wire_bytes(whole(), has_entry)
    }

    /// Drops the stretches for which not `keep`.
    pub fn retain(&mut self, keep: impl Fn(Stretch) -> bool) {
        self.0.retain(|stretch| keep(*stretch));
    }

    /// Drops what `basis` implies. The sparse rest of a clock implies nothing, since a stretch also speaks for the
    /// counters below.
    pub fn strip(&mut self, basis: Basis<'_>) {
        self.0.retain(|stretch| {
            let base = basis.base(stretch.origin);
            // What continues what is implied begins with it, so that what says the same looks the same.
            if stretch.first <= base.saturating_add(1) {
                stretch.first = 1;
            }
            stretch.last > base
        });
    }

    /// Drops `dot`, where it is the last of a stretch, and the stretch where nothing beyond `basis` is left of it.
    pub fn take_out_last(&mut self, dot: Dot, basis: Basis<'_>) {
        let of_dot = self.0.iter().position(|stretch| stretch.origin == dot.origin && stretch.last == dot.counter);
        let Some(at) = of_dot else { return };
        let stretch = &mut self.0[at];
        stretch.last -= 1;
        if stretch.last < stretch.first || stretch.last <= basis.base(dot.origin) {
            self.0.remove(at);
        }
    }
}

#[cfg(feature = "serde")]
impl From<Context> for Vec<(Dot, u64)> {
    fn from(context: Context) -> Vec<(Dot, u64)> {
        context.iter().map(|Stretch { origin, first, last }| (Dot { origin, counter: first }, last)).collect()
    }
}

#[cfg(feature = "serde")]
impl TryFrom<Vec<(Dot, u64)>> for Context {
    type Error = &'static str;

    fn try_from(written: Vec<(Dot, u64)>) -> Result<Context, Self::Error> {
        let mut context = Context::default();
        for (Dot { origin, counter: first }, last) in written.iter().copied() {
            context.insert(Stretch { origin, first, last });
        }
        let is_whole = written.iter().all(|(dot, last)| (1..=*last).contains(&{ dot.counter }));
        if is_whole && Vec::from(context.clone()) == written {
            Ok(context)
        } else {
            Err("a context that is not in its one form: stretches in order, of which none touches the next")
        }
    }
}

/// What an answer hands out, to be handed back with a write to the key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Handed {
    /// What the session has seen.
    pub context: Context,
    /// A write of the session. It had seen all that the context says but what its origin wrote later.
    mark: Option<Dot>,
}

impl Handed {
    /// Of a read.
    pub fn new(context: Context) -> Handed {
        Handed { context, mark: None }
    }

    /// `dot`, the session's write, has seen all that is here.
    pub fn wrote(&mut self, dot: Dot) {
        self.context.add(dot);
        // An older one is known everywhere sooner.
        if self.mark.is_none_or(|mark| mark.origin != dot.origin) {
            self.mark = Some(dot);
        }
    }

    /// Where all holders have this write of `origin` to the key and those before it, nobody needs to be told what the marked
    /// one had seen, for the next of this origin: wherever that is shown, that one has been. So sessions that write and never
    /// read carry as much as they have written while a write becomes known.
    pub fn forget_before(&mut self, origin: ReplicaId, everywhere: u64) {
        let Some(mark) = self.mark.filter(|mark| mark.origin == origin && mark.counter <= everywhere) else { return };
        self.mark = None;
        self.context.0.retain(|stretch| {
            let is_later = stretch.origin == origin && stretch.last >= mark.counter;
            if is_later && stretch.first > 1 {
                stretch.first = stretch.first.max(mark.counter);
            }
            is_later || stretch.first == 1
        });
    }
}
