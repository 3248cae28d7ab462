//! The report about a history, with findings for people.

use super::judge::{OutOfOrder, has_read, judge};
use super::variant::Order;
use crate::Expired;
use crate::describe::{self, Describe};
use crate::history::{History, Kind, NOTHING, Op};
use crate::operations::listed;
use crate::verdict::{Finding, Report, TraceLine};

/// Judges a history; nothing if the time is over before it is known whether it holds.
pub fn report(history: &History, order: Order, describe: &dyn Describe, expired: Expired<'_>) -> Option<Report> {
    let judgement = judge(history, order, expired)?;
    let [session, sessions] = describe.nouns();
    let writes = history.ops().iter().filter(|op| op.is_possible_write()).count();
    let readers = (0..history.sessions()).filter(|session| has_read(history, *session)).count();
    let holds = format!(
        "an order of {writes} writes explains all {} reads of {readers} {sessions}, {session} by {session}",
        judgement.reads
    );
    let finding = |breach: &OutOfOrder| Evidence { history, order, describe, breach }.finding();
    Some(judgement.report(order.name(), history, describe, finding, order.codes()[1].code, holds))
}

/// A session without an order, and who names its operations.
struct Evidence<'a> {
    history: &'a History,
    order: Order,
    describe: &'a dyn Describe,
    breach: &'a OutOfOrder,
}

impl Evidence<'_> {
    fn op(&self, place: u32) -> &Op {
        &self.history.ops()[place as usize]
    }

    /// Operations of one kind, by their places.
    fn all(&self, kind: Kind) -> impl Iterator<Item = u32> {
        self.breach.ops.iter().copied().filter(move |place| self.op(*place).kind == kind)
    }

    fn is_own(&self, place: &u32) -> bool {
        self.op(*place).session == self.breach.session
    }

    /// The write that a read read.
    fn source(&self, read: u32) -> Option<u32> {
        let value = self.op(read).value;
        self.all(Kind::Write).find(|write| value != NOTHING && self.op(*write).value == value)
    }

    fn name(&self, place: u32) -> String {
        self.describe.name(self.op(place).number)
    }

    fn finding(&self) -> Finding {
        let mut places = self.breach.ops.clone();
        places.sort_by_key(|place| (self.describe.invoked(self.op(*place).number), *place));
        let last = self.all(Kind::Read).filter(|read| self.is_own(read)).last();
        let mut ops: Vec<u32> = Vec::new();
        let (mut story, mut why): (Vec<TraceLine>, Vec<TraceLine>) = (Vec::new(), Vec::new());
        for place in places {
            let Op { number, kind, session, .. } = *self.op(place);
            if ops.last() != Some(&number) {
                ops.push(number);
                story.push(self.describe.line(number));
            }
            let note = match self.source(place).filter(|_| kind == Kind::Read) {
                _ if Some(place) == last => {
                    let missing = self.missing(place);
                    let number = |write| self.describe.why_without(self.op(place).number, self.op(write).number);
                    why = missing.map(number).unwrap_or_default();
                    self.impossible(missing)
                }
                None => continue,
                Some(_) if !self.is_own(&place) && self.order != Order::Causal => "   so it did happen".to_owned(),
                Some(write) => format!("   so {} has seen {}", self.describe.session(session), self.name(write)),
            };
            if let Some(line) = story.last_mut() {
                line.text.push_str(&note);
            }
        }
        why.retain(|line| !story.contains(line));
        story.extend(why);
        describe::finding(self.describe, self.order.codes()[0].code, self.title(), &ops, story)
    }

    fn title(&self) -> String {
        let reader = self.describe.subject(self.breach.session);
        match (&self.writers()[..], self.order) {
            ([], _) if self.all(Kind::Write).any(|write| self.is_own(&write)) => {
                format!("{reader} did not see its own operations in the order in which it issued them")
            }
            (_, Order::Causal) => format!("no order that keeps causality explains what {reader} read"),
            ([], _) => {
                let mut keys: Vec<(u32, String)> = self
                    .breach
                    .ops
                    .iter()
                    .map(|op| (self.op(*op).key, self.describe.key(self.op(*op).number)))
                    .collect();
                keys.sort_unstable();
                keys.dedup();
                let keys = listed(keys.into_iter().map(|(_, key)| key));
                format!("{reader} saw a version of {keys} again that it had seen replaced")
            }
            ([one], Order::Pram) => format!("{reader} saw {one}"),
            ([one], Order::Priority) => format!("{reader} saw {one}, more than priorities allow"),
            (many, _) => format!("{reader} saw {}: no order of all keeps each", many.join(", and ")),
        }
    }

    /// The writers of two or more of the writes, other than the reader, and what became of their order.
    fn writers(&self) -> Vec<String> {
        let writer = |write: u32| Some((self.describe.writer(self.op(write).number)?.0, write));
        let mut writes: Vec<(u32, u32)> = self.all(Kind::Write).filter_map(writer).collect();
        writes.sort_unstable();
        let groups = writes.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
        groups
            .filter_map(|group| {
                let Op { number, session, .. } = *self.op(group[0].1);
                if group.iter().any(|(_, write)| self.op(*write).session != session) {
                    let origin = self.describe.origin(number);
                    return Some(format!("the writes of {origin} out of the order in which {origin} took them in"));
                }
                let writer = self.describe.session(session);
                (session != self.breach.session)
                    .then(|| format!("the writes of {writer} out of the order in which {writer} issued them"))
            })
            .collect()
    }

    /// The write that a read should have returned or seen overwritten, since the session had seen a later one of its
    /// writer.
    fn missing(&self, read: u32) -> Option<u32> {
        let writer = |write: u32| self.describe.writer(self.op(write).number);
        let is_earlier = |one: u32, other: u32| match (writer(one), writer(other)) {
            (Some(one), Some(other)) => one.0 == other.0 && one.1 < other.1,
            _ => false,
        };
        let reads = self.all(Kind::Read).filter(|other| self.is_own(other) && *other < read);
        let seen: Vec<u32> = reads.filter_map(|read| self.source(read)).collect();
        let source = self.source(read);
        self.all(Kind::Write).find(|write| {
            let is_here = self.op(*write).key == self.op(read).key && Some(*write) != source;
            is_here && seen.iter().any(|seen| is_earlier(*write, *seen))
        })
    }

    /// Why the session's last read cannot be, in short.
    fn impossible(&self, missing: Option<u32>) -> String {
        match missing {
            Some(write) => {
                let writer = self.describe.session(self.op(write).session);
                format!("   but not {}, which {writer} wrote first{}", self.name(write), describe::HERE)
            }
            None => format!("   which no order explains{}", describe::HERE),
        }
    }
}
