//! Names, times and lists as findings and explanations print them.

use crate::trace::{Level, Levels, NodeId};

/// The name with a number, or the number itself where the table has no such name.
pub fn name(table: &[String], number: impl Into<u64>) -> String {
    let number = number.into();
    table.get(number as usize).cloned().unwrap_or_else(|| format!("#{number}"))
}

/// A time for people, to the millisecond: `3.904 s`; what would look like nothing has a smaller unit: `250 us`.
pub fn seconds(ns: u64) -> String {
    match ns {
        1..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => return format!("{} us", ns / 1_000),
        _ => {}
    }
    format!("{}.{:03} s", ns / 1_000_000_000, ns / 1_000_000 % 1_000)
}

/// The first few of many, with commas, and how many more there are.
pub fn listed(items: impl ExactSizeIterator<Item = String>) -> String {
    const SHOWN: usize = 5;
    let count = items.len();
    let mut text = items.take(SHOWN).collect::<Vec<_>>().join(", ");
    if count > SHOWN {
        text.push_str(&format!(" and {} more", count - SHOWN));
    }
    text
}

/// ` at fifo, priority`; nothing for the eventual level alone, which every store has.
pub(crate) fn at_levels(levels: Levels) -> String {
    if levels == Levels::only(Level::Eventual) { String::new() } else { format!(" at {}", levels.names()) }
}

/// The same as [`at_levels`] for one level.
pub(crate) fn at_level(level: Level) -> String {
    at_levels(Levels::only(level))
}

/// The form of a verb that agrees with the number of nodes.
pub(crate) fn verb<'v>(list: &[NodeId], one: &'v str, many: &'v str) -> &'v str {
    if list.len() == 1 { one } else { many }
}

/// Nodes for people: `n0, n2`.
pub(crate) fn nodes(list: &[NodeId]) -> String {
    if list.is_empty() { "no node".to_owned() } else { listed(list.iter().map(|node| format!("{node}"))) }
}
