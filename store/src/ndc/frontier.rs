//! How far each ordered view has come.
//!
//! A replica has four ordered views beside the eventual one. View l carries the writes of priority l and above, and
//! shows of each origin an unbroken prefix of them: level `fifo` is view 0, `fifo-p3` view 3, and `priority` reads
//! each key in the view of its own priority.

use std::borrow::Cow;

use crate::clock::{NodeClock, ReplicaMap, Settled, WHOLE};
use crate::contract::{Key, Level, Levels, Refusal, ReplicaId};

/// Number of ordered views; the number of a view is the lowest priority that it carries.
pub const VIEWS: usize = 4;

/// Per view, the last write of one origin that the view reflects: itself a write that the view carries.
pub type Reach = [u64; VIEWS];

/// The view in which reads of `key` at `level` look; none for the eventual one.
///
/// # Errors
/// When the level does not carry the key.
pub fn view_of(level: Level, key: Key) -> Result<Option<usize>, Refusal> {
    let own = key.priority() as usize;
    let view = match level {
        Level::Eventual => return Ok(None),
        Level::Fifo => 0,
        Level::FifoP1 => 1,
        Level::FifoP2 => 2,
        Level::FifoP3 => 3,
        Level::Priority => own,
    };
    if view <= own { Ok(Some(view)) } else { Err(Refusal::Level) }
}

/// The levels that read a key of this priority in `view`.
pub fn levels_of(view: usize, priority: usize) -> Levels {
    let fifo = Levels::only([Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3][view]);
    if view == priority { fifo.with(Level::Priority) } else { fifo }
}

/// How far all views have come, by origin. It only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(transparent))]
pub struct Frontiers {
    reaches: ReplicaMap<Reach>,
    /// All that will ever be known of them is reflected by all views. The same as in the replica's clock, with which it is
    /// sent; a session need not carry it, since it holds wherever the session can go.
    #[cfg_attr(feature = "serde", serde(skip))]
    settled: Settled,
}

impl Frontiers {
    /// The last writes of `origin` that the views reflect.
    pub fn reach(&self, origin: ReplicaId) -> Reach {
        let whole = || if self.settled.has(origin) { [WHOLE; VIEWS] } else { Reach::default() };
        self.reaches.get(origin).copied().unwrap_or_else(whole)
    }

    /// `view` reflects exactly the writes of `origin` that it carries up to this counter.
    ///
    /// What a view with more writes has passed, one with fewer has passed, too. Without that, contexts of urgent keys
    /// that mention counters of less urgent writes would never be stripped.
    pub fn frontier(&self, origin: ReplicaId, view: usize) -> u64 {
        let reach = self.reach(origin);
        reach[..=view].iter().copied().max().expect("there is a first view")
    }

    /// The first counter of `origin` that `view` does not reflect.
    pub fn first_ahead(&self, origin: ReplicaId, view: usize) -> u64 {
        self.frontier(origin, view).saturating_add(1)
    }

    /// `view` now reflects the write `counter` of `origin` and all before it.
    pub fn raise(&mut self, origin: ReplicaId, view: usize, counter: u64) {
        if counter > 0 && !self.settled.has(origin) {
            let reach = &mut self.reaches.entry(origin)[view];
            *reach = counter.max(*reach);
        }
    }

    /// The larger of both, for the views from `from` on.
    pub fn raise_all(&mut self, other: &Frontiers, from: usize) {
        for (origin, reach) in other.iter() {
            (from..VIEWS).for_each(|view| self.raise(origin, view, reach[view]));
        }
    }

    /// The larger of both, for one view.
    pub fn raise_view(&mut self, other: &Frontiers, view: usize) {
        other.iter().for_each(|(origin, reach)| self.raise(origin, view, reach[view]));
    }

    /// True when `view` has come as far as it had in `other`.
    pub fn covers(&self, other: &Frontiers, view: usize) -> bool {
        other.iter().all(|(origin, reach)| self.frontier(origin, view) >= reach[view])
    }

    /// By origin, in their order; the settled ones aside.
    pub fn iter(&self) -> impl Iterator<Item = (ReplicaId, &Reach)> {
        self.reaches.iter()
    }

    /// These origins are settled.
    pub fn settle(&mut self, settled: &Settled) {
        settled.iter().for_each(|last| self.settled.add(last));
        self.forget(settled);
    }

    /// Forgets how far the views have come in the writes of these origins.
    pub fn forget(&mut self, settled: &Settled) {
        self.reaches.retain(|origin| !settled.has(origin));
    }

    /// The same without what is settled.
    pub fn unsettled(&self) -> Frontiers {
        Frontiers { reaches: self.reaches.clone(), settled: Settled::default() }
    }

    /// With an entry also for those of these origins that are settled: all of them is reflected, up to this last write.
    pub fn spelled_out(&self, origins: impl Iterator<Item = (ReplicaId, u64)>) -> Cow<'_, Frontiers> {
        if self.settled.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut all = self.unsettled();
        for (origin, last) in origins.filter(|(origin, _)| self.settled.has(*origin)) {
            (0..VIEWS).for_each(|view| all.raise(origin, view, last));
        }
        Cow::Owned(all)
    }

    /// Size when sent: an origin and the first view's counter 12 bytes, each other view 8 where it differs from the
    /// one before.
    pub fn wire_bytes(&self) -> u32 {
        let more = |reach: &Reach| reach.windows(2).filter(|pair| pair[0] != pair[1]).count() as u32;
        self.iter().map(|(_, reach)| 12 + 8 * more(reach)).sum()
    }
}

/// What is known to have been seen at some place without being written into each object there.
#[derive(Clone, Copy)]
pub enum Basis<'a> {
    /// Nothing: the context of the object says all.
    Nothing,
    /// The eventual view of a replica: all up to the base of its clock.
    Clock(&'a NodeClock),
    /// An ordered view of a replica: all up to its frontier.
    View(&'a Frontiers, usize),
}

impl Basis<'_> {
    /// All writes of `origin` up to this counter have been seen, as far as they are carried here.
    pub fn base(self, origin: ReplicaId) -> u64 {
        match self {
            Basis::Nothing => 0,
            Basis::Clock(clock) => clock.base(origin),
            Basis::View(frontiers, view) => frontiers.frontier(origin, view),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{NodeId, Priority};

    #[test]
    fn levels_and_views_belong_together() {
        for priority in [Priority::P0, Priority::P1, Priority::P2, Priority::P3] {
            let key = Key::new(7, priority);
            for level in Level::ALL {
                match view_of(level, key) {
                    Ok(Some(view)) => assert!(levels_of(view, priority as usize).contains(level), "{level:?} {key:?}"),
                    Ok(None) => assert_eq!(level, Level::Eventual),
                    Err(why) => assert_eq!(why, Refusal::Level),
                }
            }
            let views = (0..=priority as usize).flat_map(|view| levels_of(view, priority as usize).iter());
            assert_eq!(views.count(), priority as usize + 2, "a view each, and `priority`");
        }
    }

    #[test]
    fn a_view_with_fewer_writes_is_never_behind() {
        let origin = ReplicaId::first(NodeId(0));
        let mut frontiers = Frontiers::default();
        frontiers.raise(origin, 2, 5);
        frontiers.raise(origin, 0, 9);
        frontiers.raise(origin, 2, 3);
        assert_eq!(frontiers.reach(origin), [9, 0, 5, 0]);
        assert_eq!([0, 1, 2, 3].map(|view| frontiers.frontier(origin, view)), [9, 9, 9, 9]);
        let mut urgent = Frontiers::default();
        urgent.raise(origin, 3, 7);
        assert!(frontiers.covers(&urgent, 3) && !urgent.covers(&frontiers, 2));
    }
}
