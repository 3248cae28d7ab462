//! How long it takes until clients find a write, where replicas do not say what they show.
//!
//! A client finds a write at a replica when a read that is asked there returns it. So it was visible by then, perhaps for long: the
//! time is an upper bound. What no read returned is not counted, since reads that might have shown it were not made; and what had
//! replaced a write is not known.

use std::collections::BTreeMap;

use super::visibility::{Group, Visibility, Where};
use crate::facts::Facts;
use crate::trace::{Action, Level, NodeId};

/// From the acknowledgement of a write until the first read at a level and a replica that returned it, by level, priority of the
/// key, and whether it is the replica that took the write in.
pub(super) fn of(facts: &Facts<'_>) -> BTreeMap<Group, Visibility> {
    let mut first: BTreeMap<(u32, NodeId, Level), u64> = BTreeMap::new();
    for read in facts.operations.list().iter().filter(|operation| operation.action == Action::Read) {
        let Some(answered) = read.answered() else { continue };
        let at_ns = facts.event(answered).at_ns;
        for write in facts.returned(read) {
            let earliest = first.entry((write, read.node, read.level)).or_insert(at_ns);
            *earliest = at_ns.min(*earliest);
        }
    }
    let mut all: BTreeMap<Group, Visibility> = BTreeMap::new();
    for ((write, node, level), found_ns) in first {
        let info = &facts.writes[write as usize];
        let Some(acknowledged) = facts.operation(write).answered() else { continue };
        let at = if node == info.id.node() { Where::Own } else { Where::Other };
        let group = all.entry((level, facts.header().priority(info.key), at)).or_default();
        group.latency.add(found_ns.saturating_sub(facts.event(acknowledged).at_ns));
    }
    all
}
