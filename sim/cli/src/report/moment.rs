//! The state of the replicas at a moment, for people.

use std::collections::BTreeMap;

use kvsim_checkers::snapshot::{Condition, ReplicaState, Waiting};
use kvsim_checkers::trace::{Dot, Header, Level, Levels};

use super::words::Words;
use crate::text::seconds;

/// More than these are counted.
const SHOWN: usize = 8;

/// The states of replicas at a time, as far as they concern the key if one is named.
pub fn describe(header: &Header, words: &Words<'_>, states: &[ReplicaState], at_ns: u64, key: Option<u32>) -> String {
    let mut out = format!("{} at {}\n", header.scenario, seconds(at_ns));
    for state in states {
        let condition = match state.condition {
            Condition::Up => "up",
            Condition::Down => "down",
            Condition::Paused => "stands still",
        };
        let life = if state.incarnation > 1 { format!(", life {}", state.incarnation) } else { String::new() };
        out.push_str(&format!("\n{}  {condition}{life}\n", state.node));
        for (name, lines) in sections(header, words, state, key) {
            for (place, line) in lines.iter().enumerate() {
                let name = if place == 0 { name } else { "" };
                out.push_str(&format!("  {name:<8}  {line}\n"));
            }
        }
    }
    out
}

fn sections(
    header: &Header,
    words: &Words<'_>,
    state: &ReplicaState,
    only: Option<u32>,
) -> [(&'static str, Vec<String>); 5] {
    let is_wanted = |write: Dot| {
        let operation = words.operations().of_write(write);
        only.is_none_or(|key| operation.is_some_and(|operation| operation.key == key))
    };
    let known = match state.known.is_empty() {
        true if header.silent => vec!["not told: the store announces nothing".to_owned()],
        true => vec!["nothing".to_owned()],
        false => vec![clock(state)],
    };
    let waiting = |all: &[Waiting]| {
        let waiting: Vec<&Waiting> = all.iter().filter(|waiting| is_wanted(waiting.write)).collect();
        limited(by_levels(&waiting).into_iter().map(|((write, waits_for), levels)| {
            let why = waits_for.map_or(String::new(), |other| format!(" for {}", words.write(other)));
            format!("{} at {}{why}", words.write(write), levels.names())
        }))
    };
    let shown = |versions: &[Dot]| words.operations().values(versions);
    let mut values: BTreeMap<u32, Vec<(String, Levels)>> = BTreeMap::new();
    for (key, level, versions) in &state.shown {
        let list = values.entry(*key).or_default();
        let value = shown(versions);
        match list.iter_mut().find(|(other, _)| *other == value) {
            Some((_, levels)) => *levels = levels.with(*level),
            None => list.push((value, Levels::only(*level))),
        }
    }
    let values = values.into_iter().filter(|(key, _)| only.is_none_or(|only| only == *key));
    let carrying = |key: u32| header.levels.iter().filter(|level| level.carries(header.priority(key))).count();
    let values: Vec<String> = values
        .map(|(key, list)| {
            let mut parts: Vec<String> = Vec::new();
            for (value, levels) in &list {
                let everywhere = levels.iter().count() == carrying(key);
                parts.push(if everywhere { value.clone() } else { format!("{value} at {}", levels.names()) });
            }
            let name = header.keys.get(key as usize).map_or("?", |name| name);
            format!("{name} -> {}", parts.join("; "))
        })
        .collect();
    [
        ("knows", known),
        ("reflects", fronts(header, state)),
        ("waiting", waiting(&state.waiting)),
        ("no room", waiting(&state.no_room)),
        ("shows", limited(values.into_iter())),
    ]
}

/// What a replica knows: `n0 1..12; n1 1..3, 5`.
fn clock(state: &ReplicaState) -> String {
    let run = |(first, last): &(u64, u64)| if first == last { first.to_string() } else { format!("{first}..{last}") };
    let origins = state.known.iter().map(|known| {
        let runs: Vec<String> = limited(known.runs.iter().map(run));
        format!("{} {}", known.last.origin, runs.join(", "))
    });
    origins.collect::<Vec<_>>().join("; ")
}

/// How far ordered levels have come: levels that have come equally far share a line, and those that carry no key of the
/// run are left out.
fn fronts(header: &Header, state: &ReplicaState) -> Vec<String> {
    let mut lines: Vec<(String, Levels)> = Vec::new();
    let ordered = header.levels.iter().filter(|level| !matches!(level, Level::Eventual | Level::Priority));
    for level in ordered.filter(|level| (0..header.keys.len() as u32).any(|key| level.carries(header.priority(key)))) {
        let fronts = state.fronts.iter().filter(|front| front.level == level);
        let fronts: Vec<String> =
            fronts.map(|front| format!("{} up to {}", front.write.origin, { front.write.counter })).collect();
        let line = if fronts.is_empty() { "nothing".to_owned() } else { fronts.join(", ") };
        match lines.last_mut().filter(|(other, _)| *other == line) {
            Some((_, levels)) => *levels = levels.with(level),
            None => lines.push((line, Levels::only(level))),
        }
    }
    lines.into_iter().map(|(line, levels)| format!("{}: {line}", levels.names())).collect()
}

/// The levels at which each write waits for the same.
fn by_levels(waiting: &[&Waiting]) -> BTreeMap<(Dot, Option<Dot>), Levels> {
    let mut all: BTreeMap<_, Levels> = BTreeMap::new();
    for one in waiting {
        let levels = all.entry((one.write, one.waits_for)).or_default();
        *levels = levels.with(one.level);
    }
    all
}

/// The first few, and how many more there are.
fn limited(lines: impl ExactSizeIterator<Item = String>) -> Vec<String> {
    let count = lines.len();
    let mut lines: Vec<String> = lines.take(SHOWN).collect();
    if count > SHOWN {
        lines.push(format!("and {} more", count - SHOWN));
    }
    lines
}
