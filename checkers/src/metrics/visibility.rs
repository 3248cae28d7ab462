//! How long it takes until a write is seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Distribution, Merge};
use crate::facts::Facts;
use crate::facts::had_seen::Seen;
use crate::trace::{Level, What};

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
    let nodes = usize::from(header.nodes);
    let mut all: BTreeMap<Group, Visibility> = BTreeMap::new();
    // By write: when it was acknowledged; only of those that count.
    let answered_ns: Vec<Option<u64>> = (0..facts.writes.len())
        .map(|write| {
            let counts = !facts.writes[write].delete && seen.places[write].is_some();
            let place = facts.operation(write as u32).answered().filter(|_| counts)?;
            Some(facts.event(place).at_ns)
        })
        .collect();
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
    // How many writes of a line are reflected, and at how many replicas a write is.
    let mut reflected = vec![0u32; nodes * levels.len() * seen.lines.len()];
    let mut replicas = vec![0u16; levels.len() * facts.writes.len()];
    for (place, event) in facts.recording.events.iter().enumerate() {
        let What::Visible { levels: shown_at, write } = event.what else { continue };
        let Some(shown) = facts.number(write, place) else { continue };
        for (number, level) in levels.iter().enumerate().filter(|(_, level)| shown_at.contains(**level)) {
            let base = (event.node.index() * levels.len() + number) * seen.lines.len();
            for (line, up_to) in &seen.up_to[shown as usize] {
                let reached = &mut reflected[base + *line as usize];
                for position in *reached..*up_to {
                    let write = seen.lines[*line as usize][position as usize] as usize;
                    let info = &facts.writes[write];
                    let priority = header.priority(info.key);
                    let Some(answered_ns) = answered_ns[write] else { continue };
                    if !level.carries(priority) || !header.holds(event.node, info.key) {
                        continue;
                    }
                    let latency_ns = event.at_ns.saturating_sub(answered_ns);
                    let mut note = |at| {
                        let group = all.entry((*level, priority, at)).or_default();
                        group.latency.add(latency_ns);
                        group.never -= 1;
                    };
                    note(if event.node == info.id.node() { Where::Own } else { Where::Other });
                    let count = &mut replicas[number * facts.writes.len() + write];
                    *count += 1;
                    if u64::from(*count) == others(facts, write) + u64::from(header.holds(info.id.node(), info.key)) {
                        note(Where::All);
                    }
                }
                *reached = (*reached).max(*up_to);
            }
        }
    }
    all
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
