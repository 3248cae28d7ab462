//! How old the answers to reads are.
//!
//! A write is *completed* when it was acknowledged before the read was invoked. The read *misses* it when it returned
//! neither the write nor anything that had seen it, unless a delete that had seen it was taken in before the answer. It
//! misses a delete when it returned something that the delete had seen, and nothing that had seen the delete. Of a store that
//! announces nothing, [`missed`] says what a read misses.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{Distribution, Distributions, missed};
use crate::facts::Facts;
use crate::facts::operations::Operation;
use crate::facts::order::{Seen, UpTo, raise, reach};
use crate::trace::{Action, Level, What};

/// How old the answers to reads of one level are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staleness {
    /// For how long the first write that the read misses had been completed when it was invoked, in nanoseconds; 0 for a
    /// read that misses none.
    pub age_ns: Distribution,
    /// How many completed writes it misses.
    pub versions: Distribution,
    /// The ages by window of invocation.
    pub over_time: Distributions,
    /// How long before the read the last write to its key was completed, in nanoseconds, if there was one.
    pub since_write_ns: Distribution,
    /// The same, of those reads that do not miss that write: their share is the t-visibility of probabilistically bounded
    /// staleness (Bailis et al., VLDB 2012), by t.
    pub since_seen_ns: Distribution,
}

/// A completed write: its position in its line, its number, and the place of its answer.
type Completed = (u32, u32, usize);

/// The completed writes of a line, in its order.
#[derive(Default)]
struct CompletedOfLine {
    writes: Vec<Completed>,
    deletes: Vec<Completed>,
}

#[derive(Default)]
struct Key {
    /// In the order of their answers.
    completed: Vec<(usize, u32)>,
    /// What the deletes had seen that were taken in.
    deleted: UpTo,
}

pub(super) fn of(facts: &Facts<'_>, seen: &Seen, window_ns: u64) -> BTreeMap<Level, Staleness> {
    let mut all: BTreeMap<Level, Staleness> = BTreeMap::new();
    each_read(facts, seen, |read, age| {
        let group = all.entry(read.level).or_default();
        group.age_ns.add(age.age_ns);
        group.versions.add(age.missed);
        group.over_time.at(facts.event(read.invoked).at_ns, window_ns).add(age.age_ns);
        if let Some(since_write_ns) = age.since_write_ns {
            group.since_write_ns.add(since_write_ns);
            if age.sees_last {
                group.since_seen_ns.add(since_write_ns);
            }
        }
    });
    all
}

/// How old the answer to one read is: what [`Staleness`] adds up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadAge {
    /// The read.
    pub op: u32,
    /// How many completed writes it misses.
    pub missed: u64,
    /// For how long the first of them had been completed, in nanoseconds; 0 when there is none.
    pub age_ns: u64,
    /// How long before it the last write to its key was completed, in nanoseconds, if there was one.
    pub since_write_ns: Option<u64>,
    /// It does not miss that one.
    pub sees_last: bool,
}

/// Of each answered read, in the order of the answers; at least, where the store announces nothing.
pub fn read_ages(facts: &Facts<'_>) -> Vec<ReadAge> {
    let mut all = Vec::new();
    each_read(facts, facts.seen(), |_, age| all.push(age));
    all
}

fn each_read(facts: &Facts<'_>, seen: &Seen, mut visit: impl FnMut(&Operation, ReadAge)) {
    if facts.header().silent {
        return missed::each_read(facts, visit);
    }
    let mut walk = StalenessWalk {
        facts,
        seen,
        lines: seen.lines.iter().map(|_| CompletedOfLine::default()).collect(),
        keys: FxHashMap::default(),
    };
    for (place, event) in facts.recording.events.iter().enumerate() {
        match event.what {
            What::Wrote { write, .. } => {
                if let Some(write) = facts.number(write, place)
                    && facts.write(write).delete
                    && facts.write(write).wrote == place
                {
                    let deleted = &mut walk.keys.entry(facts.write(write).key).or_default().deleted;
                    seen.up_to[write as usize].iter().for_each(|up_to| raise(deleted, *up_to));
                }
            }
            What::Answered { op } => match facts.operations.get(op) {
                Some(read) if read.action == Action::Read => visit(read, walk.read(read, place)),
                Some(operation) => walk.completed(operation, place),
                None => {}
            },
            _ => {}
        }
    }
}

struct StalenessWalk<'a, 'b> {
    facts: &'b Facts<'a>,
    seen: &'b Seen,
    lines: Vec<CompletedOfLine>,
    keys: FxHashMap<u32, Key>,
}

impl StalenessWalk<'_, '_> {
    fn completed(&mut self, operation: &Operation, place: usize) {
        let Some(write) = operation.write.and_then(|write| self.facts.number(write, place)) else { return };
        let Some((line, position)) = self.seen.places[write as usize].filter(|_| self.is_of(operation, write)) else {
            return;
        };
        let line = &mut self.lines[line as usize];
        let list = if self.facts.write(write).delete { &mut line.deletes } else { &mut line.writes };
        let at = list.partition_point(|(other, ..)| *other < position);
        list.insert(at, (position, write, place));
        self.keys.entry(operation.key).or_default().completed.push((place, write));
    }

    /// The name that the operation's write got is not another's.
    fn is_of(&self, operation: &Operation, write: u32) -> bool {
        self.facts.write(write).op == operation.number
    }

    fn read(&mut self, read: &Operation, answered: usize) -> ReadAge {
        let (facts, seen) = (self.facts, self.seen);
        let at_ns = |place: usize| facts.event(place).at_ns;
        let returned: Vec<u32> = facts.returned(read).filter(|w| seen.places[*w as usize].is_some()).collect();
        let view = Answer { seen, reflected: seen.joined(&returned), returned, invoked: read.invoked };
        debug_assert!(answered > read.invoked);
        let key = self.keys.entry(read.key).or_default();
        let (mut versions, mut first) = (0, usize::MAX);
        for line in seen.lines_of.get(&read.key).into_iter().flatten() {
            for (_, _, place) in view.missed(*line, &self.lines[*line as usize], &key.deleted) {
                versions += 1;
                first = first.min(place);
            }
        }
        let invoked_ns = at_ns(read.invoked);
        let age_ns = if versions == 0 { 0 } else { invoked_ns - at_ns(first) };
        let before = key.completed.partition_point(|(place, _)| *place < read.invoked);
        let last = key.completed[..before].last();
        let misses = |last: u32| {
            let (line, _) = seen.places[last as usize].expect("completed writes have a place");
            view.missed(line, &self.lines[line as usize], &key.deleted).any(|(_, write, _)| write == last)
        };
        ReadAge {
            op: read.number,
            missed: versions,
            age_ns,
            since_write_ns: last.map(|(place, _)| invoked_ns - at_ns(*place)),
            sees_last: last.is_some_and(|(_, last)| !misses(*last)),
        }
    }
}

/// What a read returned.
struct Answer<'b> {
    seen: &'b Seen,
    returned: Vec<u32>,
    reflected: UpTo,
    invoked: usize,
}

impl Answer<'_> {
    /// The completed writes of a line that the read misses.
    fn missed<'c>(
        &'c self,
        number: u32,
        line: &'c CompletedOfLine,
        deleted: &UpTo,
    ) -> impl Iterator<Item = Completed> + 'c {
        let reflected = reach(&self.reflected, number);
        let gone = reflected.max(reach(deleted, number));
        let after = |list: &'c [Completed], from: u32| &list[list.partition_point(|(at, ..)| *at <= from)..];
        let deletes = if self.returned.is_empty() { &[] } else { after(&line.deletes, reflected) };
        // A later delete of a line had seen at least as much as an earlier one.
        let idle = deletes.partition_point(|(_, delete, _)| !self.contradicts(*delete));
        let both = after(&line.writes, gone).iter().chain(&deletes[idle..]);
        both.copied().filter(|(.., answered)| *answered < self.invoked)
    }

    /// True when the read returned what the delete had seen.
    fn contradicts(&self, delete: u32) -> bool {
        let had_seen = &self.seen.up_to[delete as usize];
        let mut places = self.returned.iter().filter_map(|version| self.seen.places[*version as usize]);
        places.any(|(line, position)| reach(had_seen, line) >= position)
    }
}
