//! How long it takes until a write is seen.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{Distribution, Merge};
use crate::facts::Facts;
use crate::facts::order::Seen;
use crate::trace::{Event, Level, NodeId, What};

/// Where a write is to be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Where {
    /// At the replica that took it in.
    Own,
    /// At each other replica that is to hold the key, each counted.
    Other,
    /// At all of them: the last one counts.
    All,
}

/// Visibility is measured by level, priority of the key, and place.
pub type Group = (Level, u8, Where);

/// How long it took until acknowledged writes were reflected: shown, or something that had seen them. Deletes show
/// nothing and are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visibility {
    /// From the answer to the client, in nanoseconds; 0 when it was earlier.
    pub latency: Distribution,
    /// Writes (with each other replica) that were not reflected before the recording ended, or not ever, since they had
    /// lost against concurrent ones in the meantime.
    pub never: u64,
}

impl Merge for Visibility {
    fn merge_with(&mut self, other: &Visibility) {
        self.latency.merge_with(&other.latency);
        self.never += other.never;
    }
}

impl Visibility {
    /// How many writes (with each other replica).
    pub fn count(&self) -> u64 {
        self.latency.count() + self.never
    }

    /// After what time this many of 10,000 are reflected; absent when fewer ever are. Those that never are count as later
    /// than all others.
    pub fn quantile(&self, of_10_000: u16) -> Option<u64> {
        let wanted = (u128::from(self.count()) * u128::from(of_10_000)).div_ceil(10_000) as u64;
        self.latency.cumulative().find(|(_, count)| *count >= wanted.max(1)).map(|(number, _)| number)
    }
}

pub(super) fn of(facts: &Facts<'_>, seen: &Seen) -> BTreeMap<Group, Visibility> {
    let header = facts.header();
    let levels: Vec<Level> = header.levels.iter().collect();
    let mut all: BTreeMap<Group, Visibility> = BTreeMap::new();
    let answered_ns = answered_ns(facts, seen);
    for (write, _) in answered_ns.iter().enumerate().filter(|(_, answered)| answered.is_some()) {
        let (key, own) = (facts.writes[write].key, facts.writes[write].id.node());
        let (others, at_own) = (others(facts, write), header.holds(own, key));
        for level in levels.iter().filter(|level| level.carries(header.priority(key))) {
            let mut owe = |at, count| {
                if count > 0 {
                    all.entry((*level, header.priority(key), at)).or_default().never += count;
                }
            };
            owe(Where::Own, u64::from(at_own));
            owe(Where::Other, others);
            owe(Where::All, u64::from(others > 0 || at_own));
        }
    }
    // At how many replicas a write is reflected.
    let mut replicas = vec![0u16; levels.len() * facts.writes.len()];
    each_reflected(facts, seen, &answered_ns, |write, number, event| {
        let (info, level) = (&facts.writes[write], levels[number]);
        let latency_ns = event.at_ns.saturating_sub(answered_ns[write].unwrap_or(0));
        let mut note = |at| {
            let group = all.entry((level, header.priority(info.key), at)).or_default();
            group.latency.add(latency_ns);
            group.never -= 1;
        };
        note(if event.node == info.id.node() { Where::Own } else { Where::Other });
        let count = &mut replicas[number * facts.writes.len() + write];
        *count += 1;
        if u64::from(*count) == others(facts, write) + u64::from(header.holds(info.id.node(), info.key)) {
            note(Where::All);
        }
    });
    all
}

/// An acknowledged write at one of the replicas that are to hold its key, at one of the levels that carry it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reflection {
    /// The operation that wrote it.
    pub op: u32,
    /// The replica.
    pub node: NodeId,
    /// The level.
    pub level: Level,
    /// When the client had its answer.
    pub acknowledged_ns: u64,
    /// When the replica first showed it, or something that had seen it; absent when it never did.
    pub reflected_ns: Option<u64>,
}

/// All of them, by write, replica and level: what [`Visibility`] adds up. None where the store announces nothing.
pub fn reflections(facts: &Facts<'_>) -> Vec<Reflection> {
    let (header, seen) = (facts.header(), facts.seen());
    if header.silent {
        return Vec::new();
    }
    let levels: Vec<Level> = header.levels.iter().collect();
    let answered_ns = answered_ns(facts, seen);
    let mut reflected_ns = FxHashMap::default();
    each_reflected(facts, seen, &answered_ns, |write, number, event| {
        reflected_ns.insert((write, event.node, number), event.at_ns);
    });
    let mut all = Vec::new();
    for (write, info) in facts.writes.iter().enumerate() {
        let Some(acknowledged_ns) = answered_ns[write] else { continue };
        for node in NodeId::all(header.nodes).filter(|node| header.holds(*node, info.key)) {
            let carry = levels.iter().enumerate().filter(|(_, level)| level.carries(header.priority(info.key)));
            all.extend(carry.map(|(number, level)| {
                let reflected_ns = reflected_ns.get(&(write, node, number)).copied();
                Reflection { op: info.op, node, level: *level, acknowledged_ns, reflected_ns }
            }));
        }
    }
    all
}

/// By write when it was acknowledged; only of those that count.
fn answered_ns(facts: &Facts<'_>, seen: &Seen) -> Vec<Option<u64>> {
    let answered = |write: usize| {
        let counts = !facts.writes[write].delete && seen.places[write].is_some();
        let place = facts.operation(write as u32).answered().filter(|_| counts)?;
        Some(facts.event(place).at_ns)
    };
    (0..facts.writes.len()).map(answered).collect()
}

/// Visits each write that counts with each event by which a replica that is to hold it first reflects it, and the number of the level
/// that it is at.
fn each_reflected(
    facts: &Facts<'_>,
    seen: &Seen,
    answered_ns: &[Option<u64>],
    mut visit: impl FnMut(usize, usize, &Event),
) {
    let header = facts.header();
    let levels: Vec<Level> = header.levels.iter().collect();
    // How many writes of a line are reflected.
    let mut reflected = vec![0u32; usize::from(header.nodes) * levels.len() * seen.lines.len()];
    for (place, event) in facts.recording.events.iter().enumerate() {
        let What::Visible { levels: shown_at, write } = event.what else { continue };
        let Some(shown) = facts.number(write, place) else { continue };
        for (number, level) in levels.iter().enumerate().filter(|(_, level)| shown_at.contains(**level)) {
            let base = (event.node.index() * levels.len() + number) * seen.lines.len();
            for (line, up_to) in &seen.up_to[shown as usize] {
                let reached = &mut reflected[base + *line as usize];
                for position in *reached..*up_to {
                    let write = seen.lines[*line as usize][position as usize] as usize;
                    let key = facts.writes[write].key;
                    let counts = answered_ns[write].is_some() && level.carries(header.priority(key));
                    if counts && header.holds(event.node, key) {
                        visit(write, number, event);
                    }
                }
                *reached = (*reached).max(*up_to);
            }
        }
    }
}

/// How many replicas beside its own are to hold the key of a write.
fn others(facts: &Facts<'_>, write: usize) -> u64 {
    let (header, info) = (facts.header(), &facts.writes[write]);
    let holders = header.placement.get(info.key as usize).map_or(usize::from(header.nodes), Vec::len) as u64;
    holders - u64::from(header.holds(info.id.node(), info.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_seen_is_later_than_all_else() {
        let visibility = Visibility { latency: [10, 20, 30].into_iter().collect(), never: 1 };
        assert_eq!([1, 2_500, 5_000, 7_500].map(|of| visibility.quantile(of)), [10, 10, 20, 30].map(Some));
        assert_eq!([7_501, 10_000].map(|of| visibility.quantile(of)), [None; 2]);
        assert_eq!(Visibility::default().quantile(5_000), None);
    }
}
