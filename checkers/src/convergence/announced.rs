//! CONV005, announced versus shown: what a replica announces about itself is what its reads return.
//!
//! Announcements are the store's own opinion; answered reads and the snapshot of the end are facts. A replica
//! announces each write once in a life as known, shows only what it knows (by the end of the step), hides only what it
//! shows, and names only writes that an operation asked for.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::digests::{Digest, ShownDigests};
use crate::CodeInfo;
use crate::facts::Facts;
use crate::facts::operations::Operation;
use crate::facts::tables::{ByNode, Numbers};
use crate::facts::words::at_level;
use crate::trace::{Action, Dot, Event, Level, Levels, NodeId, What};
use crate::verdict::{Finding, TraceLine};

pub(super) const CODE: CodeInfo =
    CodeInfo { code: "CONV005", meaning: "what a replica announces about itself is not what its reads return" };

/// One replica's versions of one key at one level.
type Slot = (Level, NodeId, u32);

/// An announcement or an answer that cannot be true.
pub(super) struct Mismatch {
    /// Place of the event; one past the last for the snapshot as a whole.
    place: usize,
    kind: MismatchKind,
}

#[derive(Clone, Copy)]
enum MismatchKind {
    /// No operation had asked for the write when the event happened.
    Unasked,
    /// A write has two names or a name two writes.
    NamedAgain,
    KnownAgain,
    NotKnown,
    ShownAgain(Level),
    NotShown(Level),
    /// A read returned something else than what was announced.
    Read,
    /// The snapshot holds something else than what was announced.
    End(Slot),
}

pub(super) struct Announced {
    pub(super) breaches: Vec<Mismatch>,
    /// ShownDigests in the step that is under way: to be known by its end.
    fresh: Vec<(usize, u32)>,
    /// Reads and snapshots that were compared with the announcements.
    pub(super) comparisons: u64,
    /// Those that have been shown or held, each once.
    slots: Vec<Slot>,
    /// By node and key: the levels of these.
    slot_levels: ByNode<Levels>,
    held: FxHashMap<Slot, Digest>,
    /// What was announced when a replica got to see a read, and the number of that event: on a slow disk it gives its
    /// answer later.
    asked: FxHashMap<u32, (Digest, u64)>,
    /// The write of each operation so far.
    named: Numbers,
}

impl Announced {
    pub(super) fn of(facts: &Facts<'_>) -> Announced {
        Announced {
            breaches: Vec::new(),
            fresh: Vec::new(),
            comparisons: 0,
            slots: Vec::new(),
            slot_levels: ByNode::of_keys(facts.header(), facts.writes.len()),
            held: FxHashMap::default(),
            asked: FxHashMap::default(),
            named: Numbers::default(),
        }
    }

    fn slot(&mut self, level: Level, node: NodeId, key: u32) {
        let levels = self.slot_levels.get_mut(node, key);
        if !levels.contains(level) {
            *levels = levels.with(level);
            self.slots.push((level, node, key));
        }
    }

    fn breach(&mut self, place: usize, kind: MismatchKind) {
        self.breaches.push(Mismatch { place, kind });
    }

    /// Takes in the event at `place` and follows it in `shown`.
    pub(super) fn event(&mut self, facts: &Facts<'_>, shown: &mut ShownDigests, place: usize, event: &Event) {
        let (What::Wrote { write: id, .. }
        | What::Returned { write: id, .. }
        | What::Known { write: id }
        | What::Visible { write: id, .. }
        | What::Hidden { write: id, .. }
        | What::Holds { write: id, .. }) = event.what
        else {
            match event.what {
                What::Invoked { op, action: Action::Read, key, level, .. } => {
                    self.asked.insert(op, (shown.digest(level, event.node, key), event.number));
                }
                What::Reached { op } => {
                    if let (Some(asked), Some(read)) = (self.asked.get_mut(&op), facts.operations.get(op)) {
                        *asked = (shown.digest(read.level, read.node, read.key), event.number);
                    }
                }
                What::Answered { op } => self.answered(facts, place, event, op),
                _ => {}
            }
            return;
        };
        let Some(write) = facts.number(id, place) else { return self.breach(place, MismatchKind::Unasked) };
        let node = event.node;
        match event.what {
            What::Wrote { op, .. } => {
                let before = self.named.get(op.into()).map(|before| facts.write(before).undone);
                let is_named = before.is_some_and(|undone| undone.is_none_or(|undone| undone > place));
                if is_named || facts.write(write).wrote != place {
                    self.breach(place, MismatchKind::NamedAgain);
                } else {
                    self.named.insert(op.into(), write);
                }
            }
            What::Known { .. } if facts.known_since(node, write, place) != Some(place) => {
                self.breach(place, MismatchKind::KnownAgain);
            }
            What::Visible { levels, .. } => {
                self.fresh.push((place, write));
                for level in levels.iter() {
                    self.slot(level, node, facts.write(write).key);
                    let is_new = shown.show(facts, level, node, write);
                    if !is_new {
                        self.breach(place, MismatchKind::ShownAgain(level));
                    }
                }
            }
            What::Hidden { levels, .. } => {
                for level in levels.iter() {
                    let was_shown = shown.hide(facts, level, node, write);
                    if !was_shown {
                        self.breach(place, MismatchKind::NotShown(level));
                    }
                }
            }
            What::Holds { level, key, .. } => {
                self.slot(level, node, key);
                self.held.entry((level, node, key)).or_default().add(write);
            }
            _ => {}
        }
    }

    /// A read that its own replica served at once is compared with what the replica had announced then.
    fn answered(&mut self, facts: &Facts<'_>, place: usize, event: &Event, op: u32) {
        let Some((announced, seen)) = self.asked.remove(&op) else { return };
        let Some(read) = facts.operations.get(op) else { return };
        if event.cause != seen {
            return;
        }
        self.comparisons += 1;
        let mut returned = Digest::default();
        read.returned.iter().filter_map(|id| facts.number(*id, place)).for_each(|write| returned.add(write));
        if returned != announced {
            self.breach(place, MismatchKind::Read);
        }
    }

    /// A step of `node` has ended with the announcement at `last`.
    pub(super) fn step(&mut self, facts: &Facts<'_>, node: NodeId, last: usize) {
        for (place, write) in self.fresh.drain(..) {
            if facts.known_since(node, write, last).is_none() {
                self.breaches.push(Mismatch { place, kind: MismatchKind::NotKnown });
            }
        }
    }

    /// The recording has ended.
    pub(super) fn end(&mut self, facts: &Facts<'_>, shown: &ShownDigests) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.sort_unstable_by_key(|(level, node, key)| (*key, *node, *level));
        for (level, node, key) in slots {
            self.comparisons += 1;
            let held = self.held.get(&(level, node, key)).copied().unwrap_or_default();
            if held != shown.digest(level, node, key) {
                self.breach(facts.recording.events.len(), MismatchKind::End((level, node, key)));
            }
        }
        self.breaches.sort_by_key(|mismatch| mismatch.place);
    }
}

impl Mismatch {
    pub(super) fn describe(&self, facts: &Facts<'_>) -> Finding {
        match self.kind {
            MismatchKind::End(slot) => self.describe_end(facts, slot),
            MismatchKind::Read => self.describe_read(facts),
            _ => self.describe_event(facts),
        }
    }

    /// What is wrong, whatever the write and the replica are.
    fn kind(&self) -> String {
        let (kind, level) = match self.kind {
            MismatchKind::Unasked => ("a write is named that no operation asked for", None),
            MismatchKind::NamedAgain => ("a name belongs to two writes, or a write has two names", None),
            MismatchKind::KnownAgain => ("a write is announced as known a second time", None),
            MismatchKind::NotKnown => ("a write is shown that is not known", None),
            MismatchKind::ShownAgain(level) => ("a write is announced as shown a second time", Some(level)),
            MismatchKind::NotShown(level) => ("a write is hidden that was not shown", Some(level)),
            MismatchKind::Read => ("a read returns other versions than were announced", None),
            MismatchKind::End((level, ..)) => {
                ("the snapshot of the end holds other versions than were announced", Some(level))
            }
        };
        format!("{kind}{}", level.map_or_else(String::new, at_level))
    }

    fn describe_event(&self, facts: &Facts<'_>) -> Finding {
        let event = facts.event(self.place);
        let node = event.node;
        let (id, op) = match event.what {
            What::Wrote { op, write } | What::Returned { op, write } => (write, Some(op)),
            What::Known { write } | What::Visible { write, .. } | What::Hidden { write, .. } => (write, None),
            What::Holds { write, .. } => (write, None),
            _ => unreachable!("only events with a write are described here"),
        };
        let write = facts.number(id, self.place);
        let what = write.map_or_else(|| id.to_string(), |write| facts.title(write));
        let title = match self.kind {
            MismatchKind::Unasked => format!("{node} names the write {id}, which no operation had asked for"),
            MismatchKind::NamedAgain => format!("the name {id} does not belong to one write alone: {what} has it, too"),
            MismatchKind::KnownAgain => format!("{node} says a second time that it got to know {what}"),
            MismatchKind::NotKnown => format!("{node} shows {what} without knowing it"),
            MismatchKind::ShownAgain(level) => {
                format!("{node} says that it shows {what}{}, but it did already", at_level(level))
            }
            MismatchKind::NotShown(level) => {
                format!("{node} says that it no longer shows {what}{}, but it did not show it", at_level(level))
            }
            MismatchKind::Read | MismatchKind::End(_) => unreachable!("these have a function of their own"),
        };
        let mut ops: Vec<u32> = write.map(|write| facts.write(write).op).into_iter().chain(op).collect();
        ops.dedup();
        let mut evidence: Vec<TraceLine> =
            ops.iter().filter_map(|op| facts.operations.get(*op)).map(|op| facts.operations.describe(op)).collect();
        evidence.extend(facts.announcements(node, self.place + 1, |other, _| other == id));
        Finding::new(&CODE, title, event.at_ns).kind(self.kind()).evidence(evidence).events([event.number]).ops(ops)
    }

    fn describe_read(&self, facts: &Facts<'_>) -> Finding {
        let event = facts.event(self.place);
        let read = match event.what {
            What::Answered { op } => facts.operations.get(op),
            _ => None,
        };
        let read: &Operation = read.expect("a read has an answer");
        // Where the replica got to see it: there the answer comes from.
        let seen = facts.recording.events[..self.place].iter().rposition(|seen| seen.number == event.cause);
        let seen = seen.unwrap_or(read.invoked);
        let announced = shown_before(facts, (read.level, read.node, read.key), seen);
        let returned = facts.operations.values(&read.returned);
        let title = format!(
            "{} returned {} = {returned}{}, but had announced to show {}",
            read.node,
            facts.key(read.key),
            at_level(read.level),
            facts.operations.values(&announced)
        );
        let different = difference(&read.returned, &announced);
        let mut evidence = vec![facts.operations.describe(read)];
        evidence.extend(facts.announcements(read.node, seen, |id, _| different.contains(&id)));
        Finding::new(&CODE, title, event.at_ns)
            .kind(self.kind())
            .evidence(evidence)
            .events([facts.event(read.invoked).number, event.number])
            .ops([read.number])
    }

    fn describe_end(&self, facts: &Facts<'_>, slot: Slot) -> Finding {
        let (level, node, key) = slot;
        let announced = shown_before(facts, slot, self.place);
        let snapshot = facts.recording.events.iter().enumerate().filter(|(_, event)| event.node == node);
        let mut events = Vec::new();
        let mut held = Vec::new();
        for (place, event) in snapshot {
            if let What::Holds { level: l, key: k, write } = event.what
                && (l, k) == (level, key)
                && facts.number(write, place).is_some()
            {
                events.push(event.number);
                held.push(write);
            }
        }
        let title = format!(
            "at the end {node} holds {} = {}{}, but had announced to show {}",
            facts.key(key),
            facts.operations.values(&held),
            at_level(level),
            facts.operations.values(&announced)
        );
        let different = difference(&held, &announced);
        let writes = different.iter().filter_map(|id| facts.number(*id, self.place));
        Finding::new(&CODE, title, facts.header().end_ns)
            .kind(self.kind())
            .evidence(facts.announcements(node, self.place, |id, _| different.contains(&id)))
            .events(events)
            .ops(writes.map(|write| facts.write(write).op))
    }
}

/// What is in one of the lists and not in the other.
fn difference(one: &[Dot], other: &[Dot]) -> BTreeSet<Dot> {
    let [one, other] = [one, other].map(|list| list.iter().copied().collect::<BTreeSet<Dot>>());
    &one ^ &other
}

/// The versions that the replica had announced to show before `end`.
fn shown_before(facts: &Facts<'_>, (level, node, key): Slot, end: usize) -> Vec<Dot> {
    facts.shown_before(end, node, level, key).into_iter().map(|write| facts.write(write).id).collect()
}
