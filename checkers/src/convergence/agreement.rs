//! CONV001, safety at any time: what a replica shows is a function of the set of writes that it knows.
//!
//! So replicas that know the same writes of a key, or one replica at two times, show the same versions of it. Judged at the end of each step and for holders of the key alone. Replicas that know different
//! sets, which a store that ships only winners may leave them with for ever, are simply not compared.
//!
//! The claim is about the eventual level: other levels may wait for writes that the replica knows of.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::digests::{Digest, ShownDigests};
use crate::CodeInfo;
use crate::facts::Facts;
use crate::facts::tables::ByNode;
use crate::facts::words::seconds;
use crate::trace::{Level, NodeId};
use crate::verdict::{Finding, TraceLine};

pub(super) const CODE: CodeInfo =
    CodeInfo { code: "CONV001", meaning: "replicas that know the same writes of a key show different versions" };

/// The end of a step of a replica.
#[derive(Clone, Copy)]
struct StepEnd {
    node: NodeId,
    /// Place of the step's last announcement.
    place: usize,
}

/// Two moments with the same knowledge of a key and different versions of it.
pub(super) struct Disagreement {
    key: u32,
    first: StepEnd,
    second: StepEnd,
}

pub(super) struct Agreement {
    /// What each replica knows of each key, in its present life.
    known: ByNode<Digest>,
    /// By set of writes of a key: what the first replica that knew the set showed then.
    first: FxHashMap<Digest, (Digest, StepEnd)>,
    /// Keys with a disagreement: what follows from the first one is not reported.
    broken: FxHashSet<u32>,
    pub(super) breaches: Vec<Disagreement>,
    /// How often a replica came to know a set that was known before.
    pub(super) comparisons: u64,
}

impl Agreement {
    pub(super) fn of(facts: &Facts<'_>) -> Agreement {
        Agreement {
            known: ByNode::of_keys(facts.header(), facts.writes.len()),
            first: FxHashMap::default(),
            broken: FxHashSet::default(),
            breaches: Vec::new(),
            comparisons: 0,
        }
    }

    pub(super) fn knows(&mut self, node: NodeId, key: u32, write: u32) {
        self.known.get_mut(node, key).add(write);
    }

    pub(super) fn gives_away(&mut self, node: NodeId, key: u32, write: u32) {
        self.known.get_mut(node, key).remove(write);
    }

    /// The life of `node` ends.
    pub(super) fn end_life(&mut self, node: NodeId) {
        self.known.clear(node);
    }

    /// A step of `node` that concerned `key` has ended with the announcement at `place`.
    pub(super) fn step(&mut self, shown: &ShownDigests, node: NodeId, key: u32, place: usize) {
        let known = self.known.get(node, key);
        let now = shown.digest(Level::Eventual, node, key);
        let second = StepEnd { node, place };
        let mut is_new = false;
        let (then, first) = *self.first.entry(known.of_key(key)).or_insert_with(|| {
            is_new = true;
            (now, second)
        });
        self.comparisons += u64::from(!is_new);
        if then != now && self.broken.insert(key) {
            self.breaches.push(Disagreement { key, first, second });
        }
    }
}

impl Disagreement {
    pub(super) fn describe(&self, facts: &Facts<'_>) -> Finding {
        let Disagreement { key, first, second } = *self;
        let ((known, then), (known_too, now)) = (sets(facts, key, first), sets(facts, key, second));
        assert!(known == known_too && then != now, "two sets of writes share a digest");

        let name = facts.key(key);
        let count = if known.len() == 1 { "1 write".to_owned() } else { format!("{} writes", known.len()) };
        let values = |set: &BTreeSet<u32>| facts.values(set.iter().copied());
        let at_ns = |moment: StepEnd| facts.at_ns(moment.place);
        let title = if first.node == second.node {
            format!(
                "{} knew the same {count} of {name} at {} and at {}, but showed {} and then {}",
                first.node,
                seconds(at_ns(first)),
                seconds(at_ns(second)),
                values(&then),
                values(&now)
            )
        } else {
            format!(
                "{} and {} knew the same {count} of {name}, but showed {} and {}",
                first.node,
                second.node,
                values(&then),
                values(&now)
            )
        };
        let different: Vec<u32> = then.symmetric_difference(&now).copied().collect();
        let mut evidence: Vec<TraceLine> = different.iter().map(|write| facts.describe(*write)).take(4).collect();
        for (moment, set) in [(first, &then), (second, &now)] {
            let text = format!("{} knows {count} of {name} and shows {}", moment.node, values(set));
            evidence.push(TraceLine::new(at_ns(moment), text));
        }
        Finding::new(&CODE, title, at_ns(second))
            .kind(if first.node == second.node {
                "a replica that knows the same writes of a key shows other versions"
            } else {
                ""
            })
            .evidence(evidence)
            .events([first, second].map(|moment| facts.event(moment.place).number))
            .ops(different.iter().map(|write| facts.write(*write).op))
    }
}

/// The writes of `key` that a replica knew at a moment, and those that it showed.
fn sets(facts: &Facts<'_>, key: u32, StepEnd { node, place }: StepEnd) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let known = facts.known.iter().filter(|known| {
        known.node == node && (known.place..known.until).contains(&place) && facts.write(known.write).key == key
    });
    (known.map(|known| known.write).collect(), facts.shown_before(place + 1, node, Level::Eventual, key))
}
