//! What each replica knew and showed at the end of a recording, by what it had announced: a recording that is cut off
//! at some time gives the state at that time.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::facts::Facts;
use crate::facts::order::WriteOrder;
use crate::trace::{Dot, Level, NodeId, Recording, What};

/// A replica at a moment.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplicaState {
    /// Its node.
    pub node: NodeId,
    /// How its node is.
    pub condition: Condition,
    /// Which life of the node it is, from 1.
    pub incarnation: u16,
    /// Its clock: what it knows of the writes of each origin.
    pub known: Vec<KnownWrites>,
    /// How far each origin has come at each level in order. The level `priority` is not listed here: of each key it is
    /// as far as the level of the key's own priority.
    pub fronts: Vec<Front>,
    /// What has arrived and waits for its turn, by level.
    pub waiting: Vec<Waiting>,
    /// What has arrived and had no room to wait for its turn; to be asked for again.
    pub no_room: Vec<Waiting>,
    /// What reads return: key, level and the versions.
    pub shown: Vec<(u32, Level, Vec<Dot>)>,
}

/// How a node is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// It works.
    #[default]
    Up,
    /// It does not, and its memory is lost; or it has not been there yet.
    Down,
    /// It stands still.
    Paused,
}

/// The writes of one origin that a replica knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KnownWrites {
    /// The last of them.
    pub last: Dot,
    /// Their counters, in runs without a gap: first and last.
    pub runs: Vec<(u64, u64)>,
}

/// All writes of an origin up to this one that the level carries have arrived, and none of them is to be asked for again for
/// lack of room, so that the level reflects them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Front {
    /// The level.
    pub level: Level,
    /// The last of them.
    pub write: Dot,
}

/// A write that is not shown though it has arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// At which level.
    pub level: Level,
    /// Which write.
    pub write: Dot,
    /// The first write that it waits for; absent when that is not known.
    pub waits_for: Option<Dot>,
}

/// The state of each replica at the end of a [valid](Recording::validate) recording, in the order of the nodes.
pub fn final_state(recording: &Recording) -> Vec<ReplicaState> {
    let facts = Facts::of(recording);
    let header = facts.header();
    let mut states: Vec<ReplicaState> = (0..header.nodes)
        .map(|node| ReplicaState { node: NodeId(node), incarnation: 1, ..ReplicaState::default() })
        .collect();
    let mut shown: BTreeMap<(NodeId, u32, Level), BTreeSet<Dot>> = BTreeMap::new();
    for (place, event) in recording.events.iter().enumerate() {
        let node = event.node;
        let Some(state) = states.get_mut(node.index()) else { continue };
        let key = |write: Dot| facts.number(write, place).map(|number| facts.write(number).key);
        match event.what {
            What::Down { .. } => {
                state.condition = Condition::Down;
                state.no_room.clear();
                shown.retain(|(other, ..), _| *other != node);
            }
            What::Up { incarnation } => {
                (state.condition, state.incarnation) = (Condition::Up, incarnation);
            }
            What::Paused if state.condition == Condition::Up => state.condition = Condition::Paused,
            What::Resumed if state.condition == Condition::Paused => state.condition = Condition::Up,
            What::Visible { levels, write } => {
                for level in levels.iter() {
                    let Some(key) = key(write) else { continue };
                    shown.entry((node, key, level)).or_default().insert(write);
                    // What a level shows, it shows in the order of the origin: it has passed the earlier writes, too.
                    let priority =
                        |write: Dot| facts.number(write, place).map(|number| facts.order.priorities[number as usize]);
                    state.no_room.retain(|waiting| {
                        let is_passed = waiting.write.origin == write.origin
                            && waiting.write.counter <= write.counter
                            && (level != Level::Priority || priority(waiting.write) >= priority(write));
                        waiting.level != level || !is_passed
                    });
                }
            }
            What::Hidden { levels, write } => {
                for level in levels.iter() {
                    let versions = key(write).and_then(|key| shown.get_mut(&(node, key, level)));
                    versions.map(|versions| versions.remove(&write));
                }
            }
            What::Overflowed { levels, write } => {
                let dropped = levels.iter().map(|level| Waiting { level, write, waits_for: None });
                state.no_room.extend(dropped);
            }
            _ => {}
        }
    }
    for state in &mut states {
        let node = state.node;
        let is_shown = |level: Level, write: u32| {
            let write = facts.write(write);
            shown.get(&(node, write.key, level)).is_some_and(|versions| versions.contains(&write.id))
        };
        order(&facts, state, &is_shown);
    }
    for ((node, key, level), versions) in shown {
        if !versions.is_empty() {
            states[node.index()].shown.push((key, level, versions.into_iter().collect()));
        }
    }
    states
}

/// Fills in what follows from the writes that a replica knows.
fn order(facts: &Facts<'_>, state: &mut ReplicaState, is_shown: &dyn Fn(Level, u32) -> bool) {
    let levels = facts.header().levels;
    let node = state.node;
    let is_known = |write: &u32| facts.known_at(node, *write).is_some();
    // What can never arrive is not waited for.
    let is_missing = |write: &u32| !is_known(write) && !facts.is_void(*write, usize::MAX);
    for chains in &facts.order.chains {
        let known: Vec<u32> = chains[0].iter().copied().filter(is_known).collect();
        let Some(last) = known.last() else { continue };
        let mut runs: Vec<(u64, u64)> = Vec::new();
        for write in &known {
            let counter = facts.write(*write).id.counter;
            match runs.last_mut() {
                Some((_, end)) if *end + 1 == counter => *end = counter,
                _ => runs.push((counter, counter)),
            }
        }
        state.known.push(KnownWrites { last: facts.write(*last).id, runs });
        for level in levels.iter().filter(|level| !matches!(level, Level::Eventual | Level::Priority)) {
            let Some(view) = WriteOrder::view(level, 3) else { continue };
            let is_dropped = |write: u32| {
                let id = facts.write(write).id;
                state.no_room.iter().any(|other| (other.level, other.write) == (level, id))
            };
            let passed = chains[view].iter().take_while(|write| !is_missing(write) && !is_dropped(**write));
            let front = passed.filter(|write| is_known(write)).last();
            if let Some(front) = front {
                state.fronts.push(Front { level, write: facts.write(*front).id });
            }
        }
        // By view, the first write that has not arrived.
        let gaps = chains.each_ref().map(|chain| chain.iter().copied().find(is_missing));
        for level in levels.iter() {
            for write in &known {
                let Some(view) = WriteOrder::view(level, facts.order.priorities[*write as usize]) else { continue };
                let id = facts.write(*write).id;
                let gap = gaps[view].map(|gap| facts.write(gap).id).filter(|gap| gap.counter < id.counter);
                let is_dropped = state.no_room.iter().any(|other| (other.level, other.write) == (level, id));
                if gap.is_some() && !is_dropped && !is_shown(level, *write) {
                    state.waiting.push(Waiting { level, write: id, waits_for: gap });
                }
            }
        }
    }
}
