//! Findings about ordered levels.

use super::reads::{ReadBreach, Wrong};
use super::walk::{Breach, Failure};
use crate::CodeInfo;
use crate::facts::Facts;
use crate::facts::order::WriteOrder;
use crate::facts::words::{nodes, seconds, verb};
use crate::trace::{Levels, NodeId, What};
use crate::verdict::{Finding, TraceLine};

/// The property that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Order,
    Stability,
    Promptness,
    Liveness,
}

/// A breach, described as one of `broken`.
pub(super) fn breach(facts: &Facts<'_>, breach: &Breach, broken: Broken, code: &CodeInfo) -> Finding {
    let describer = Describer { facts, node: breach.node, levels: breach.levels };
    let Breach { node, write, late, from, until, .. } = *breach;
    let at_ns = |place: usize| facts.at_ns(place);
    let levels = breach.levels.names();
    let (this, other) = (facts.title(write), facts.title(late));
    let mut evidence = describer.described([write, late]);
    let mut detected = from;
    let goes_down =
        until.filter(|end| facts.event(*end).node == node && matches!(facts.event(*end).what, What::Down { .. }));
    let (title, kind) = match (broken, breach.kind) {
        (_, Failure::Early) => {
            let (why, kind) = describer.why_not(write, breach.missing);
            evidence.extend(breach.missing.into_iter().flat_map(|missing| describer.absent(missing, from)));
            evidence.push(TraceLine::new(at_ns(from), format!("{node} shows {this}")));
            (format!("order: {node} shows {this} at {levels} {why}"), format!("order: a write is shown {kind}"))
        }
        (Broken::Order, _) | (_, Failure::Skipped) => {
            let passed = breach.passed.map(|place| (place.max(from), describer.later(late, place)));
            let (place, later) = passed.unwrap_or((from, None));
            detected = place;
            let mut shown_at = place;
            if breach.kind == Failure::Skipped {
                shown_at = breach.passed.unwrap_or(place);
                let text = format!("{other}, which seemed to be lost with every disk, is there after all");
                evidence.push(TraceLine::new(at_ns(from), text));
            }
            let later = later.map_or_else(|| "a later write".to_owned(), |later| facts.title(later));
            evidence.push(TraceLine::new(at_ns(shown_at), format!("{node} shows {later}")));
            let title = format!("order: {node} shows {later} at {levels}, but does not reflect the earlier {other}");
            (title, "order: a write is shown, but an earlier one is not reflected".to_owned())
        }
        (_, Failure::Unreflected) => {
            evidence.extend(describer.announced(write, from));
            let (title, kind) = if write == late {
                let title = format!("{node} no longer shows {this} at {levels}, though nothing had overwritten it");
                (title, "a write is no longer shown, though nothing had overwritten it")
            } else {
                let title = format!("{node} shows {this} at {levels} again, though {other} had overwritten it");
                (title, "a write is shown again, though another had overwritten it")
            };
            (format!("stability: {title}"), format!("stability: {kind}"))
        }
        (_, Failure::Late) => {
            evidence.push(describer.ready(late, from));
            let (still, instead) = match write == late {
                true => (String::new(), ""),
                false => (format!(", and shows {this} instead"), ", and what it had overwritten is shown instead"),
            };
            let lasted = until.map(|end| seconds(at_ns(end) - at_ns(from))).unwrap_or_default();
            let (title, kind) = if until.is_none() {
                let title = format!("{node} never reflects {other} at {levels}, though all that it needs has arrived");
                (format!("(liveness): {title}"), "(liveness): a write is never reflected")
            } else if goes_down.is_some() {
                let title = format!(
                    "{node} goes down without having reflected {other} at {levels}, though all that it needs had \
                     arrived {lasted} before"
                );
                (format!("(promptness): {title}"), "(promptness): a node goes down without having reflected a write")
            } else {
                let title =
                    format!("{node} reflects {other} at {levels} only {lasted} after all that it needs has arrived");
                (format!("(promptness): {title}"), "(promptness): a write is reflected late")
            };
            (format!("priority inversion {title}{still}"), format!("priority inversion {kind}{instead}"))
        }
    };
    if breach.kind != Failure::Early {
        evidence.push(match (goes_down, until) {
            (Some(end), _) => TraceLine::new(at_ns(end), format!("{node} goes down")),
            (None, Some(end)) => TraceLine::new(at_ns(end), format!("{node} recovers")),
            (None, None) => TraceLine::new(facts.header().end_ns, "not resolved by the end".to_owned()),
        });
    }
    let at_ns = if broken == Broken::Liveness { facts.header().end_ns } else { at_ns(detected) };
    let events = [Some(from), breach.passed, until].into_iter().flatten().map(|place| facts.event(place).number);
    Finding::new(code, title, at_ns)
        .kind(format!("{kind} at {levels}"))
        .evidence(evidence)
        .events(events)
        .ops([write, late].map(|write| facts.write(write).op))
}

/// What is wrong with a read.
pub(super) fn read(facts: &Facts<'_>, breach: &ReadBreach, code: &CodeInfo) -> Finding {
    let ReadBreach { op, at, wrong, write, missing } = *breach;
    let read = facts.operations.get(op).expect("breaches are collected from reads");
    let describer = Describer { facts, node: read.node, levels: Levels::only(read.level) };
    let (this, level, node) = (facts.title(write), read.level.name(), read.node);
    let mut evidence = describer.described([write]);
    evidence.push(facts.operations.describe(read));
    let returned = facts.operations.values(&read.returned);
    let answer = format!("#{op} at {node} reads {returned} at {level}");
    let (title, kind) = match wrong {
        Wrong::Early => {
            let (why, kind) = describer.why_not(write, missing);
            evidence.extend(missing.into_iter().flat_map(|missing| describer.absent(missing, at)));
            (format!("order: {answer}, with {this} {why}"), format!("order: a read returns a write {kind}"))
        }
        _ => {
            let (part, what, kind) = match wrong {
                Wrong::Unreflected if read.returned.contains(&facts.write(write).id) => (
                    "stability: ",
                    format!(", with {this}, which {node} had overwritten before"),
                    "returns an overwritten write",
                ),
                Wrong::Unreflected => (
                    "stability: ",
                    format!(", without {this}, which {node} had shown before"),
                    "lacks what its replica had shown",
                ),
                Wrong::Forgotten => (
                    "stability: ",
                    format!(", without {this}, which its session had read before"),
                    "lacks what its session had read",
                ),
                Wrong::Own => ("", format!(", without its session's own {this}"), "lacks what its session had written"),
                Wrong::Passed | Wrong::Early => {
                    let what = format!(" without {this}, though {node} had shown later writes of its origin");
                    ("order: ", what, "lacks a write, though its replica had shown later ones of its origin")
                }
            };
            if wrong == Wrong::Unreflected {
                evidence.extend(describer.announced(write, at));
            }
            (format!("{part}{answer}{what}"), format!("{part}a read {kind}"))
        }
    };
    let answered = facts.event(read.answered().unwrap_or(read.invoked));
    Finding::new(code, title, answered.at_ns)
        .kind(format!("{kind} at {level}"))
        .evidence(evidence)
        .events([answered.number])
        .ops([facts.write(write).op, op])
}

/// Describes what one replica did at some levels.
struct Describer<'a, 'b> {
    facts: &'b Facts<'a>,
    node: NodeId,
    levels: Levels,
}

impl Describer<'_, '_> {
    fn described<const N: usize>(&self, mut writes: [u32; N]) -> Vec<TraceLine> {
        writes.sort_unstable();
        let distinct = writes.chunk_by(|a, b| a == b);
        distinct.map(|one| self.facts.operations.describe(self.facts.operation(one[0]))).collect()
    }

    fn overlaps(&self, levels: Levels) -> bool {
        levels.iter().any(|level| self.levels.contains(level))
    }

    fn is_known(&self, write: u32, place: usize) -> bool {
        self.facts.known_since(self.node, write, place).is_some()
    }

    /// Why the write must not be shown, with the names of writes and without.
    fn why_not(&self, write: u32, missing: Option<u32>) -> (String, &'static str) {
        let priority = self.facts.order.priorities[write as usize];
        let simple = |why: &'static str| (why.to_owned(), why);
        match missing {
            Some(other) if other == write => simple("before it has arrived"),
            Some(other) => {
                let why = format!("before the earlier {} has arrived", self.facts.title(other));
                (why, "before an earlier one has arrived")
            }
            None if self.levels.iter().all(|level| WriteOrder::view(level, priority).is_none()) => {
                let why = format!("although keys of P{priority} are not read there");
                (why, "although keys of its priority are not read there")
            }
            None => simple("although it is a delete"),
        }
    }

    /// A write that had not arrived at `place`, and what became of the messages that carried it.
    fn absent(&self, write: u32, place: usize) -> Vec<TraceLine> {
        let facts = self.facts;
        let mut evidence = self.described([write]);
        evidence.extend(facts.message_path(write, self.node));
        let others = NodeId::all(facts.header().nodes).filter(|node| *node != self.node);
        let having: Vec<NodeId> = others.filter(|node| facts.known_since(*node, write, place).is_some()).collect();
        if !having.is_empty() && having != [facts.write(write).id.node()] {
            let text = format!("{} {} it then", nodes(&having), verb(&having, "knows", "know"));
            evidence.push(TraceLine::new(facts.at_ns(place), text));
        }
        if let Some(place) = facts.known_at(self.node, write) {
            let text = format!("{} gets to know {}", self.node, facts.write(write).id);
            evidence.push(TraceLine::new(facts.at_ns(place), text));
        }
        evidence
    }

    /// The first later write of the same origin that a level showed in the step up to `place`.
    fn later(&self, write: u32, place: usize) -> Option<u32> {
        let facts = self.facts;
        let id = facts.write(write).id;
        let step = facts.recording.events[..=place].iter().enumerate().rev();
        let mut shown = step.filter_map(|(place, event)| match event.what {
            What::Visible { write, levels } if event.node == self.node && self.overlaps(levels) => {
                facts.number(write, place)
            }
            _ => None,
        });
        let is_later = |other: &u32| {
            let other = facts.write(*other).id;
            other.origin.number() == id.origin.number() && other.counter > id.counter
        };
        shown.find(is_later)
    }

    /// When the write was ready, and what it need not wait for.
    fn ready(&self, write: u32, place: usize) -> TraceLine {
        let facts = self.facts;
        let id = facts.write(write).id;
        let mut text = format!("{} has {id} and all that it needs", self.node);
        let all = &self.facts.order.chains[self.facts.order.origins[write as usize] as usize][0];
        let earlier = all.iter().copied().take_while(|other| facts.write(*other).id.counter < id.counter);
        if let Some(missing) = earlier.into_iter().find(|other| !self.is_known(*other, place)) {
            let priority = self.facts.order.priorities[missing as usize];
            text.push_str(&format!("; what is missing, {}, has P{priority} only", facts.title(missing)));
        }
        TraceLine::new(facts.at_ns(place), text)
    }

    /// What the replica announced about showing the write, up to `place`.
    fn announced(&self, write: u32, place: usize) -> Vec<TraceLine> {
        let id = self.facts.write(write).id;
        self.facts.announcements(self.node, place + 1, |other, levels| other == id && levels.is_some())
    }
}
