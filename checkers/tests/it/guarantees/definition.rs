//! The session guarantees again, slow and straight from the definitions: relations between writes as sets of
//! pairs, every earlier operation asked about. No code in common with the checkers but the types.

use std::collections::BTreeSet;

use kvsim_checkers::guarantees::Guarantee;
use kvsim_checkers::history::{Ending, Entry, Kind, Value};
use kvsim_checkers::trace::{Action, Conflict, Dot, Event, Level, NodeId, Recording, What};

#[derive(Clone, Debug)]
struct Write {
    op: u32,
    session: u32,
    key: u32,
    delete: bool,
    asked: usize,
    done: Option<usize>,
}

#[derive(Clone, Debug)]
struct Read {
    op: u32,
    session: u32,
    key: u32,
    view: Option<(u32, usize, Level)>,
    asked: usize,
    seen_at: usize,
    answered: usize,
    /// Numbers of writes; nothing if it tells nothing.
    returned: Option<BTreeSet<usize>>,
}

/// Which write of a pair (earlier, later) the later one has replaced, by session that looks on.
type Pairs = BTreeSet<(usize, usize)>;

pub struct Facts {
    register: bool,
    real_time: bool,
    writes: Vec<Write>,
    reads: Vec<Read>,
    /// What counts for everybody.
    seen: Pairs,
    /// What counts for the session of the later write, and for who grants that writes follow reads.
    seen_and_read: Pairs,
    can_replace: Pairs,
    /// Where the later one is, the earlier one counts as carried out, with what it had replaced.
    comes_with: Pairs,
}

/// The least transitive relation with these pairs.
fn closure(mut pairs: Pairs) -> Pairs {
    loop {
        let more: Pairs = pairs
            .iter()
            .flat_map(|(a, b)| pairs.iter().filter(move |(c, _)| c == b).map(move |(_, d)| (*a, *d)))
            .filter(|pair| !pairs.contains(pair))
            .collect();
        if more.is_empty() {
            return pairs;
        }
        pairs.extend(more);
    }
}

impl Facts {
    pub fn of_recording(recording: &Recording) -> Facts {
        let events = &recording.events;
        let invoked = |number: u32| {
            let found = events.iter().position(|e| matches!(e.what, What::Invoked { op, .. } if op == number));
            found.expect("it was invoked")
        };
        let answered = |number: u32| events.iter().position(|event| event.what == What::Answered { op: number });
        let life = |node: NodeId, place: usize| {
            let is_down = |event: &&Event| event.node == node && matches!(event.what, What::Down { .. });
            events[..place].iter().filter(is_down).count()
        };
        let mut writes = Vec::new();
        let mut ids: Vec<(Dot, usize)> = Vec::new();
        for (place, event) in events.iter().enumerate() {
            let What::Wrote { op, write } = event.what else { continue };
            let forgot = What::Forgot { write, promised: false };
            if events[place..].iter().any(|event| event.node == write.node() && event.what == forgot) {
                continue;
            }
            let asked = invoked(op);
            let What::Invoked { session, key, action, .. } = events[asked].what else { unreachable!() };
            ids.push((write, place));
            writes.push(Write { op, session, key, delete: action == Action::Delete, asked, done: answered(op) });
        }
        let mut reads = Vec::new();
        // The answers to writes: session, key, where, and which write.
        let mut done: Vec<(u32, u32, usize, Option<usize>)> = Vec::new();
        let mut nodes: Vec<NodeId> = Vec::new();
        for (place, event) in events.iter().enumerate() {
            let What::Answered { op } = event.what else { continue };
            let asked = invoked(op);
            let What::Invoked { session, key, action, level, .. } = events[asked].what else { continue };
            if action != Action::Read {
                done.push((session, key, place, writes.iter().position(|write| write.op == op)));
                continue;
            }
            let returned = events.iter().filter_map(|event| match event.what {
                What::Returned { op: of, write } if of == op => Some(write),
                _ => None,
            });
            let number = |id: Dot| {
                let found = ids.iter().position(|(other, wrote)| *other == id && *wrote < place)?;
                (writes[found].key == key && !writes[found].delete).then_some(found)
            };
            let reached = events.iter().rposition(|event| event.what == What::Reached { op });
            let seen_at = reached.unwrap_or(asked);
            let is_local = event.cause == events[seen_at].number;
            nodes.push(events[asked].node);
            reads.push(Read {
                op,
                session,
                key,
                view: is_local.then_some((u32::from(events[asked].node.0), life(event.node, place), level)),
                asked,
                seen_at,
                answered: place,
                returned: returned.map(number).collect(),
            });
        }

        let register = recording.header.conflict == Conflict::LastWriterWins;
        let life_of = |write: usize| life(ids[write].0.node(), ids[write].1);
        let (mut line, mut read, mut can_replace) = (Pairs::new(), Pairs::new(), Pairs::new());
        for later in 0..writes.len() {
            let context = matches!(events[writes[later].asked].what, What::Invoked { context: true, .. });
            let told = reads.iter().zip(&nodes).filter(|(read, _)| read.key == writes[later].key);
            let mut own_write = None;
            let told: Vec<&Read> = if register {
                let here = told.filter(|(read, node)| {
                    read.view.is_some_and(|(_, life, _)| life == life_of(later))
                        && **node == ids[later].0.node()
                        && read.answered < ids[later].1
                });
                here.map(|(read, _)| read).collect()
            } else {
                let mut own = told.map(|(read, _)| read).filter(|read| read.session == writes[later].session);
                // A session that writes blindly hands back the answer to its last write alone.
                let read = own.rfind(|read| context && read.answered < writes[later].asked);
                let mut own = done
                    .iter()
                    .filter(|(session, key, ..)| (*session, *key) == (writes[later].session, writes[later].key));
                let wrote = own.rfind(|(_, _, answered, write)| write.is_some() && *answered < writes[later].asked);
                // The last answer counts.
                own_write = wrote.filter(|(_, _, answered, _)| read.is_none_or(|read| read.answered < *answered));
                read.filter(|_| own_write.is_none()).into_iter().collect()
            };
            for first in (0..writes.len()).filter(|first| writes[*first].key == writes[later].key) {
                let is_line = register
                    && ids[first].0.node() == ids[later].0.node()
                    && ids[first].1 < ids[later].1
                    && life_of(first) == life_of(later);
                if first != later && is_line {
                    line.insert((first, later));
                }
                let is_own = own_write.is_some_and(|(.., write)| *write == Some(first));
                let is_told = told.iter().any(|told| told.returned.iter().flatten().any(|write| *write == first));
                if first != later && (is_own || is_told) {
                    read.insert((first, later));
                }
                let up_to_own = |(.., write): &(u32, u32, usize, Option<usize>)| {
                    write.is_some_and(|write| writes[first].asked <= writes[write].asked)
                };
                let is_in_time =
                    told.iter().any(|read| writes[first].asked < read.answered) || own_write.is_some_and(up_to_own);
                if first != later && !register && is_in_time {
                    can_replace.insert((first, later));
                }
            }
        }
        let comes_with = closure(if register { line.union(&read).copied().collect() } else { read });
        let seen = comes_with.clone();
        let (can_replace, seen_and_read) = (closure(can_replace), seen.clone());
        Facts { register, real_time: true, writes, reads, seen, seen_and_read, can_replace, comes_with }
    }

    /// Entries are sorted by session.
    pub fn of_entries(entries: &[Entry]) -> Facts {
        let mut writes = Vec::new();
        let is_write = |entry: &Entry| entry.kind == Kind::Write && entry.ending != Ending::Failed;
        for (place, entry) in entries.iter().enumerate().filter(|(_, entry)| is_write(entry)) {
            let done = (entry.ending == Ending::Ok).then_some(place);
            let (session, key, delete) = (entry.session, entry.key, entry.value == Value::Nothing);
            writes.push(Write { op: place as u32, session, key, delete, asked: place, done });
        }
        let mut reads = Vec::new();
        for (place, entry) in entries.iter().enumerate() {
            if entry.kind != Kind::Read || entry.ending != Ending::Ok {
                continue;
            }
            let of_value = (0..writes.len()).filter(|write| {
                let write = &entries[writes[*write].op as usize];
                (write.key, write.value) == (entry.key, entry.value)
            });
            let of_value: BTreeSet<usize> = of_value.collect();
            let returned = match entry.value {
                Value::Nothing => Some(BTreeSet::new()),
                // What the session itself writes only later tells nothing.
                Value::One(_)
                    if of_value
                        .iter()
                        .any(|write| writes[*write].session == entry.session && writes[*write].asked > place) =>
                {
                    None
                }
                Value::One(_) if of_value.len() == 1 => Some(of_value),
                _ => None,
            };
            reads.push(Read {
                op: entry.number,
                session: entry.session,
                key: entry.key,
                view: Some((entry.session, 0, Level::Eventual)),
                asked: place,
                seen_at: place,
                answered: place,
                returned,
            });
        }
        let (mut seen, mut seen_and_read) = (Pairs::new(), Pairs::new());
        for (later, then) in writes.iter().enumerate() {
            let own: Vec<&Read> =
                reads.iter().filter(|read| read.session == then.session && read.asked < then.asked).collect();
            for (first, before) in writes.iter().enumerate().filter(|(_, before)| before.key == then.key) {
                let is_before = |other: &Write| {
                    before.session == other.session && before.done.is_some() && before.asked < other.asked
                };
                let is_read = own.iter().any(|read| {
                    let mut returned = read.returned.iter().flatten();
                    read.key == then.key
                        && returned
                            .any(|write| *write == first || writes[*write].done.is_some() && is_before(&writes[*write]))
                });
                if first != later && is_before(then) {
                    seen.insert((first, later));
                }
                if first != later && (is_before(then) || is_read) {
                    seen_and_read.insert((first, later));
                }
            }
        }
        let (register, real_time, can_replace, comes_with) = (true, false, Pairs::new(), Pairs::new());
        Facts { register, real_time, writes, reads, seen, seen_and_read, can_replace, comes_with }
    }

    fn had_seen(&self, later: usize, first: usize, session: Option<u32>) -> bool {
        let knows = session.is_none_or(|session| session == self.writes[later].session);
        (if knows { &self.seen_and_read } else { &self.seen }).contains(&(first, later))
    }

    /// `older` was returned, although `write` had replaced it, and nothing that was returned had replaced the write.
    fn is_older(&self, returned: &BTreeSet<usize>, older: usize, write: usize, session: Option<u32>) -> bool {
        let mut others = returned.iter().filter(|other| **other != older);
        self.had_seen(write, older, session) && !others.any(|other| self.had_seen(*other, write, session))
    }

    fn is_without(&self, read: &Read, write: usize, session: Option<u32>) -> bool {
        let Some(returned) = &read.returned else { return false };
        let can_replace = |other: usize| {
            other != write
                && if self.register {
                    !self.had_seen(write, other, session)
                } else {
                    self.can_replace.contains(&(write, other))
                }
        };
        let is_shown = returned.contains(&write);
        let is_older = returned.iter().any(|older| self.is_older(returned, *older, write, session));
        let must_show = !(self.writes[write].delete || self.register && !returned.is_empty());
        let mut deletes = (0..self.writes.len()).filter(|other| {
            let delete = &self.writes[*other];
            delete.delete && delete.key == read.key && !(self.real_time && delete.asked >= read.answered)
        });
        let is_excused = returned.iter().any(|version| can_replace(*version)) || deletes.any(can_replace);
        !is_shown && (is_older || must_show && !is_excused)
    }

    /// A write that the session had read, and then did not find, is there again.
    fn is_back(&self, read: &Read) -> bool {
        let earlier = |later: &Read| {
            let (session, key, asked) = (later.session, later.key, later.asked);
            self.reads.iter().filter(move |other| {
                (other.session, other.key) == (session, key) && other.answered < asked && other.returned.is_some()
            })
        };
        let has = |read: &Read, write: &usize| read.returned.as_ref().is_some_and(|returned| returned.contains(write));
        read.returned.iter().flatten().any(|write| {
            let mut gone = earlier(read).filter(|between| !has(between, write));
            gone.any(|between| earlier(between).any(|first| has(first, write)))
        })
    }

    /// What the session had written, or read, of a key before a time.
    fn sources(&self, reads: bool, session: u32, key: u32, time: usize) -> BTreeSet<usize> {
        if reads {
            let earlier =
                self.reads.iter().filter(|read| (read.session, read.key) == (session, key) && read.answered < time);
            return earlier.flat_map(|read| read.returned.iter().flatten().copied()).collect();
        }
        let is_earlier = |write: &&usize| {
            let write = &self.writes[**write];
            (write.session, write.key) == (session, key) && write.done.is_some_and(|done| done < time)
        };
        (0..self.writes.len()).filter(|write| is_earlier(&write)).collect()
    }

    /// The reads that break the guarantee, and how many were judged.
    pub fn breaches(&self, guarantee: Guarantee) -> (BTreeSet<u32>, usize) {
        let about_reads = matches!(guarantee, Guarantee::MonotonicReads | Guarantee::WritesFollowReads);
        let mut found = BTreeSet::new();
        let mut judged = 0;
        for read in self.reads.iter().filter(|read| read.returned.is_some()) {
            let (is_judged, is_breach) = match guarantee {
                Guarantee::ReadYourWrites | Guarantee::MonotonicReads => {
                    let sources = self.sources(about_reads, read.session, read.key, read.asked);
                    let is_breach = sources.iter().any(|write| self.is_without(read, *write, Some(read.session)))
                        || about_reads && self.is_back(read);
                    (!sources.is_empty(), is_breach)
                }
                _ => self.seen_by_others(read, about_reads),
            };
            judged += usize::from(is_judged);
            if is_breach {
                found.insert(read.op);
            }
        }
        (found, judged)
    }

    fn seen_by_others(&self, read: &Read, about_reads: bool) -> (bool, bool) {
        if read.view.is_none() {
            return (false, false);
        }
        let eyes = (!about_reads).then_some(read.session);
        let (mut is_judged, mut is_breach) = (false, false);
        let earlier = self.reads.iter().filter(|other| other.view == read.view && other.seen_at <= read.seen_at);
        for shown in earlier.filter_map(|other| other.returned.as_ref()) {
            for (number, write) in self.writes.iter().enumerate() {
                let is_replaced = |version: &usize| about_reads && self.comes_with.contains(&(number, *version));
                if !shown.contains(&number) && !shown.iter().any(is_replaced) {
                    continue;
                }
                let sources = self.sources(about_reads, write.session, read.key, write.asked);
                is_judged |= !sources.is_empty();
                is_breach |= sources.iter().any(|source| self.is_without(read, *source, eyes));
                // What it had replaced stands there again.
                let returned = read.returned.as_ref().expect("it was chosen for telling something");
                let is_back =
                    |source: &usize| returned.contains(source) && self.is_older(returned, *source, number, None);
                is_breach |= write.key == read.key && !returned.contains(&number) && sources.iter().any(is_back);
            }
        }
        (is_judged, is_breach)
    }
}
