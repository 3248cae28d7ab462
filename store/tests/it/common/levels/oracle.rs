//! What each replica must show at each level, from sets of writes.

use kvsim_store::ndc::Ndc;
use kvsim_store::ndc::{Context, Stretch};
use kvsim_store::{CallId, Dot, Key, Level, NodeId, Observation};

use super::{Fact, Set, Site, World, lowest, refused};
use crate::common::Step;

/// Beside its value a waiting write takes this number of bytes.
const BESIDE_VALUE: u64 = 48;

/// The members of a set, in order.
pub fn members(mut set: Set) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let first = (set != 0).then(|| set.trailing_zeros() as usize)?;
        set &= set - 1;
        Some(first)
    })
}

impl World {
    /// Everything that `set` has seen.
    pub fn over(&self, set: Set) -> Set {
        members(set).fold(0, |over, write| over | self.facts[write].over)
    }

    /// What a view shows that reflects `set`.
    pub fn live(&self, set: Set) -> Set {
        set & !self.over(set) & !self.deletes
    }

    /// What a view that reflects `set` has seen.
    pub fn seen(&self, set: Set) -> Set {
        set | self.over(set)
    }

    /// The writes to `key`.
    pub fn of(&self, key: Key) -> Set {
        self.of_key.get(&key).copied().unwrap_or(0)
    }

    /// The writes of at least this priority.
    pub fn from(&self, lowest: usize) -> Set {
        self.from[lowest]
    }

    /// Of each origin the writes from `lowest` up to the first that is not in `set`.
    pub fn prefix(&self, set: Set, lowest: usize) -> Set {
        let lines = self.of_origin.iter().map(|all| all & self.from[lowest]);
        lines.fold(0, |sum, line| {
            let gap = line & !set;
            sum | if gap == 0 { line } else { line & ((1 << gap.trailing_zeros()) - 1) }
        })
    }

    /// The writes of `origin` up to `write`.
    pub fn up_to(&self, write: usize) -> Set {
        let origin = self.facts[write].dot.origin.node.index();
        self.of_origin[origin] & (Set::MAX >> (127 - write))
    }

    /// These dots as a set.
    pub fn set(&self, dots: impl IntoIterator<Item = Dot>) -> Set {
        dots.into_iter().fold(0, |set, dot| set | 1 << self.index[&dot])
    }

    /// What `node` says that it shows at `level`.
    pub fn shown(&self, node: NodeId, level: Level) -> Set {
        self.set(self.net.nodes[node.index()].shown[level as usize].iter().copied())
    }

    /// What `context` covers of `key`.
    pub fn covered(&self, key: Key, context: &Context) -> Set {
        for Stretch { origin, last, .. } in context.iter() {
            let issued = self.of_origin[origin.node.index()].count_ones();
            assert!(last <= u64::from(issued), "a context covers {origin}:{last}, which is not written yet");
        }
        members(self.of(key)).filter(|write| context.covers(self.facts[*write].dot)).fold(0, |set, w| set | 1 << w)
    }

    /// After a step of `node`, in which the writes `updates` have arrived as messages of their own or an answer to a
    /// pull from a replica that had `theirs`.
    pub fn after(&mut self, node: NodeId, step: &Step<Ndc>, updates: Set, theirs: Option<&Site>) {
        let before = self.sites[node.index()].known;
        let mut dropped = [0; 4];
        for observation in &step.observations {
            match *observation {
                Observation::Wrote { call, dot } => self.note_write(call, dot),
                Observation::Known(dot) => self.sites[node.index()].known |= 1 << self.index[&dot],
                Observation::Overflowed { levels, dot } => {
                    assert!(self.style.buffer_bytes < u64::MAX, "{node} drops {dot}, though it has all the room");
                    self.overflowed += 1;
                    let key = self.net.writes[&dot].key;
                    for level in levels.iter().filter(|level| *level != Level::Priority) {
                        assert!(!refused(level, key), "{dot} has no place at {level:?}");
                        let lowest = lowest(level, key).expect("at the eventual level nothing waits");
                        dropped[lowest] |= 1 << self.index[&dot];
                    }
                }
                _ => {}
            }
        }
        let known = self.sites[node.index()].known;
        let new = known & !before;
        self.sites[node.index()].dropped |= dropped.iter().fold(0, |all, dropped| all | dropped);
        for (lowest, dropped) in dropped.into_iter().enumerate() {
            let Site { low, room, .. } = &self.sites[node.index()];
            let (mut low, mut room) = (low[lowest], room[lowest]);
            room |= new & (updates | self.of_origin[node.index()]);
            if let Some(theirs) = theirs {
                // A view cannot follow over a write that lost its delta after the question was asked.
                let lost = theirs.low[lowest] & before & !low & self.sites[node.index()].dropped;
                if lost == 0 {
                    low |= theirs.low[lowest];
                    room |= new & theirs.room[lowest];
                }
            }
            room &= !dropped;
            // A copy of what has been dropped may come just in time, but need not be kept if not.
            low = self.prefix(low | room | updates & !dropped, lowest);
            let site = &mut self.sites[node.index()];
            (site.low[lowest], site.room[lowest]) = (low, room);
            // What its sender had no room for has come merged with others.
            self.check_room(node, lowest, dropped & !theirs.map_or(0, |theirs| theirs.dropped));
            let may = self.prefix(known, lowest);
            assert!(self.overflowed > 0 || low == may, "the oracle is at odds with itself");
        }
        if let Some(theirs) = theirs {
            let missing = theirs.known & !known;
            assert!(missing == 0, "{node} has not learned of {}, which the answer's sender had", self.names(missing));
        }
        self.check_shown(node);
        self.check_answers(node, step);
    }

    /// A write has a name now.
    fn note_write(&mut self, call: CallId, dot: Dot) {
        let key = self.net.writes[&dot].key;
        let write = self.facts.len();
        assert!(write < Set::BITS as usize, "a schedule has at most 128 writes");
        let origin = &mut self.of_origin[dot.origin.node.index()];
        let of_key = self.of_key.entry(key).or_default();
        let over = self.callers[call.0 as usize].1;
        self.facts.push(Fact { dot, key, over });
        self.index.insert(dot, write);
        let bit = 1 << write;
        (*origin, *of_key) = (*origin | bit, *of_key | bit);
        self.from[..=key.priority() as usize].iter_mut().for_each(|from| *from |= bit);
        self.deletes |= Set::from(self.net.writes[&dot].delete) << write;
    }

    /// What has been dropped must have had no room beside all that may be waiting.
    fn check_room(&self, node: NodeId, lowest: usize, dropped: Set) {
        let Site { known, low, .. } = &self.sites[node.index()];
        let size = |write: usize| u64::from(self.net.writes[&self.facts[write].dot].value.bytes) + BESIDE_VALUE;
        let waiting = (known & self.from[lowest] & !low[lowest]) | dropped;
        let bytes: u64 = members(waiting).map(size).sum();
        let room = self.style.buffer_bytes;
        assert!(dropped == 0 || bytes > room, "{node} drops {} of {bytes} bytes at most", self.names(dropped));
    }

    /// Each level shows what it reflects.
    fn check_shown(&mut self, node: NodeId) {
        let known = self.sites[node.index()].known;
        let eventual = self.shown(node, Level::Eventual);
        let live = self.live(known);
        assert!(eventual == live, "{node} shows {}, not {}", self.names(eventual), self.names(live));
        let mut by_priority = 0;
        for lowest in 0..4 {
            let level = Level::ALL[lowest + 1];
            let shown = self.shown(node, level);
            let (low, may) = (self.sites[node.index()].low[lowest], self.prefix(known, lowest));
            let fits = self.between(low, may, lowest, shown);
            assert!(
                !fits.is_empty(),
                "{node} shows {} at {level:?}, which is no view of what should be reflected: {}, and what may be: {}",
                self.names(shown),
                self.names(low),
                self.names(may)
            );
            self.fits[node.index()][lowest] = fits;
            self.held_back += u32::from(shown & live != live & self.from[lowest]);
            let same = if lowest == 3 { Set::MAX } else { !self.from[lowest + 1] };
            by_priority |= shown & same;
        }
        let shown = self.shown(node, Level::Priority);
        let names = |set| self.names(set);
        assert!(shown == by_priority, "{node} shows {} at Priority, not {}", names(shown), names(by_priority));
    }

    /// Sets between `low` and `high` with which a view shows `shown`: of each origin more or less of its writes.
    fn between(&self, low: Set, high: Set, lowest: usize, shown: Set) -> Vec<Set> {
        let mut sets = vec![low];
        for line in self.of_origin.iter().map(|all| all & self.from[lowest]) {
            let more: Vec<usize> = members(line & high & !low).collect();
            // Enough for what these schedules do; beyond it nothing is lost but strictness.
            if more.is_empty() || sets.len() * more.len() > 4_096 {
                continue;
            }
            for place in 0..sets.len() {
                let mut set = sets[place];
                for write in &more {
                    set |= 1 << write;
                    sets.push(set);
                }
            }
        }
        sets.retain(|set| self.live(*set) == shown);
        sets
    }

    /// Dots, for messages.
    pub fn names(&self, set: Set) -> String {
        let names = members(set).map(|write| self.facts[write].dot.to_string());
        format!("[{}]", names.collect::<Vec<_>>().join(" "))
    }

    /// Every node shows at every level what no write has seen.
    pub fn check_agreed(&self) {
        let all = self.from[0];
        for node in (0..self.style.nodes).map(NodeId) {
            assert!(self.sites[node.index()].known == all, "{node} does not know every write");
            let live = self.live(all);
            for level in Level::ALL {
                let lowest = if let Level::Priority | Level::Eventual = level { 0 } else { level as usize - 1 };
                let (shown, live) = (self.shown(node, level), live & self.from[lowest]);
                let names = |set| self.names(set);
                assert!(shown == live, "{node} shows {} at {level:?} in the end, not {}", names(shown), names(live));
            }
        }
    }
}
