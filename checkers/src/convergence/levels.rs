//! CONV006, levels agree: after the settling phase each level of a replica shows the same versions as its eventual
//! level, for every key that the level carries.
//!
//! A level may wait for writes that have not arrived, but not for ever. Replicas are not compared with each other
//! here: that is a matter of CONV002.

use std::collections::BTreeMap;

use crate::CodeInfo;
use crate::facts::words::{at_level, listed, nodes, verb};
use crate::facts::{Facts, Held};
use crate::trace::{Level, NodeId};
use crate::verdict::{Finding, TraceLine};

pub(super) const CODE: CodeInfo =
    CodeInfo { code: "CONV006", meaning: "after settling, a level of a replica shows other versions than eventual" };

/// A key that some level shows otherwise than the eventual one.
pub(super) struct Behind {
    key: u32,
    /// In order.
    at: Vec<(Level, NodeId)>,
}

/// In the order of keys.
pub(super) fn breaches(facts: &Facts<'_>) -> Vec<Behind> {
    let mut by_key: BTreeMap<u32, Vec<(Level, NodeId)>> = BTreeMap::new();
    for (level, held) in &facts.held_at {
        let is_carried = |held: &&Held| level.carries(facts.header().priority(held.key));
        let mut eventual = facts.held.iter().filter(is_carried).map(place_of).peekable();
        let mut here = held.iter().map(place_of).peekable();
        // Both are sorted: what one has and the other has not comes up as the smaller of the two next ones.
        while let Some(next) = [eventual.peek(), here.peek()].into_iter().flatten().min().copied() {
            let is_in_one = [eventual.next_if_eq(&next), here.next_if_eq(&next)].iter().flatten().count() == 1;
            if is_in_one {
                let at = by_key.entry(next.0).or_default();
                if at.last() != Some(&(*level, next.1)) {
                    at.push((*level, next.1));
                }
            }
        }
    }
    by_key.into_iter().map(|(key, at)| Behind { key, at }).collect()
}

fn place_of(held: &Held) -> (u32, NodeId, u32) {
    (held.key, held.node, held.write)
}

impl Behind {
    pub(super) fn describe(&self, facts: &Facts<'_>) -> Finding {
        let Behind { key, ref at } = *self;
        let at_ns = facts.header().end_ns;
        let of = |held: &[Held], node: NodeId| -> Vec<u32> {
            held.iter().filter(|held| (held.key, held.node) == (key, node)).map(|held| held.write).collect()
        };
        let mut different: Vec<u32> = Vec::new();
        let mut views = Vec::new();
        for (level, node) in at {
            let (_, held) = facts.held_at.iter().find(|(other, _)| other == level).expect("it was compared");
            let (here, eventual) = (of(held, *node), of(&facts.held, *node));
            different.extend(here.iter().filter(|write| !eventual.contains(write)));
            different.extend(eventual.iter().filter(|write| !here.contains(write)));
            let (here, eventual) = (facts.values(here), facts.values(eventual));
            let text = format!("{node} holds {} = {here}{}, but {eventual}", facts.key(key), at_level(*level));
            views.push(TraceLine::new(at_ns, format!("{text} at {}", Level::Eventual.name())));
        }
        different.sort_unstable();
        different.dedup();
        let mut levels: Vec<Level> = at.iter().map(|(level, _)| *level).collect();
        levels.dedup();
        let levels = listed(levels.iter().map(|level| level.name().to_owned()));
        let mut where_: Vec<NodeId> = at.iter().map(|(_, node)| *node).collect();
        where_.sort_unstable();
        where_.dedup();
        let title = format!(
            "at the end {} {} {} at {levels} otherwise than at {}",
            nodes(&where_),
            verb(&where_, "shows", "show"),
            facts.key(key),
            Level::Eventual.name()
        );
        let mut evidence: Vec<TraceLine> = different.iter().map(|write| facts.describe(*write)).take(4).collect();
        evidence.extend(views.into_iter().take(8));
        let lists = facts.held_at.iter().map(|(level, held)| (*level, held)).chain([(Level::Eventual, &facts.held)]);
        let mut events = Vec::new();
        for (level, held) in lists {
            let is_shown = |held: &&Held| {
                let is_here =
                    at.iter().any(|(other, node)| *node == held.node && (level == Level::Eventual || *other == level));
                held.key == key && is_here && different.contains(&held.write)
            };
            events.extend(held.iter().filter(is_shown).map(|held| facts.event(held.place).number));
        }
        Finding::new(&CODE, title, at_ns)
            .kind(format!("after settling, {levels} shows other versions than {}", Level::Eventual.name()))
            .evidence(evidence)
            .events(events)
            .ops(different.iter().map(|write| facts.write(*write).op))
    }
}
