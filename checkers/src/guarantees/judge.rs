//! The verdict: for each read, what must not be missing from it.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Guarantee;
use super::log::{Log, Observer, Read};
use crate::Expired;

/// What there is to say about a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingWrites {
    /// At most one per read, in the order of the reads.
    pub breaches: Vec<MissingWrite>,
    /// Reads from which some write must not be missing.
    pub judged: usize,
    /// Reads that tell nothing.
    pub mute: usize,
}

/// A read from which a write is missing. All are operations where they were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingWrite {
    /// The read.
    pub read: u32,
    /// The write.
    pub missing: u32,
    /// The session that had written or read it.
    pub by: u32,
    /// For those that see a write of that session: the write, which the session issued afterwards.
    pub seen: Option<u32>,
    /// The read that showed that write in the same view. Without such a write: the session's read that found the missing
    /// one gone, which is there again.
    pub shown: Option<u32>,
}

/// Writes to one key, of each line those that no later one of the line stands for: another is missing only where that
/// one is missing, too. They are few: who hands back a context has mostly seen what others at the same replica had.
type Last = Vec<u32>;

/// What sessions had written or read.
#[derive(Default)]
struct Sources {
    /// By session and key: at which time.
    states: FxHashMap<(u32, u32), Vec<(u32, Last)>>,
    /// By key: the sessions that have.
    sessions: Vec<Vec<u32>>,
}

/// A write of a session that a view has shown, and the read that showed it first.
#[derive(Clone, Copy)]
struct ShownWrite {
    write: u32,
    read: u32,
}

/// Judges a log by one guarantee; nothing if the time is over before.
pub fn judge(log: &Log, guarantee: Guarantee, expired: Expired<'_>) -> Option<MissingWrites> {
    let sources = sources(log, guarantee, expired)?;
    let mut judgement = if guarantee.is_about_others() {
        others(log, &sources, guarantee, expired)?
    } else {
        let returning = if guarantee.is_about_reads() { returning(log) } else { FxHashMap::default() };
        own(log, &sources, &returning, expired)?
    };
    judgement.mute = log.mute.len();
    Some(judgement)
}

fn sources(log: &Log, guarantee: Guarantee, expired: Expired<'_>) -> Option<Sources> {
    // When, whose, what.
    let mut list: Vec<(u32, u32, u32)> = Vec::new();
    if guarantee.is_about_reads() {
        for read in &log.reads {
            list.extend(read.returned.iter().map(|write| (read.answered, read.session, *write)));
        }
    } else {
        let writes = log.writes.iter().zip(0..);
        list.extend(writes.filter_map(|(write, number)| Some((write.done?, write.session, number))));
    }
    list.sort_unstable();
    let mut sources = Sources { sessions: vec![Vec::new(); log.deletes.len()], ..Sources::default() };
    for (time, session, write) in list {
        if expired() {
            return None;
        }
        let key = log.write(write).key;
        let states = sources.states.entry((session, key)).or_default();
        if states.is_empty() {
            sources.sessions[key as usize].push(session);
        }
        let mut last = states.last().map_or_else(Last::new, |(_, last)| last.clone());
        if put(log, &mut last, write, |other| *other) {
            states.push((time, last));
        }
    }
    Some(sources)
}

/// Adds an item for a write; false when a write that is there stands for it. `write_of` tells an item's write.
fn put<T: Copy>(log: &Log, last: &mut Vec<T>, item: T, write_of: impl Fn(&T) -> u32) -> bool {
    let new = log.write(write_of(&item));
    if last.iter().any(|other| log.write(write_of(other)).stands_for(new)) {
        return false;
    }
    last.retain(|other| !new.stands_for(log.write(write_of(other))));
    last.push(item);
    true
}

/// What a session had written or read of a key before a time.
fn before(sources: &Sources, session: u32, key: u32, time: u32) -> &[u32] {
    let Some(states) = sources.states.get(&(session, key)) else { return &[] };
    let count = states.partition_point(|(other, _)| *other < time);
    count.checked_sub(1).map_or(&[], |place| &states[place].1)
}

/// By read that returned a write again which was gone at another read of the session in between: that one, and the write.
/// All are places in the list of reads and in that of writes.
fn returning(log: &Log) -> FxHashMap<u32, (u32, u32)> {
    let mut by_key: Vec<u32> = (0..log.reads.len() as u32).collect();
    let read = |place: u32| &log.reads[place as usize];
    by_key.sort_by_key(|place| (read(*place).session, read(*place).key, read(*place).asked));
    let mut found = FxHashMap::default();
    for group in by_key.chunk_by(|a, b| (read(*a).session, read(*a).key) == (read(*b).session, read(*b).key)) {
        // When a write was returned first; and that read, of those which did not return it afterwards, which was answered first.
        let mut shown: Vec<(u32, u32)> = Vec::new();
        let mut gone: FxHashMap<u32, u32> = FxHashMap::default();
        for place in group.iter().copied() {
            let Read { asked, answered, ref returned, .. } = *read(place);
            let is_back = |write: &&u32| gone.get(write).is_some_and(|between| read(*between).answered < asked);
            found.extend(returned.iter().find(is_back).map(|write| (place, (gone[write], *write))));
            shown.retain(|(write, since)| {
                if *since < asked && !returned.contains(write) {
                    let first = gone.entry(*write).or_insert(place);
                    if answered < read(*first).answered {
                        *first = place;
                    }
                }
                // No later one can be answered before.
                gone.get(write).is_none_or(|between| read(*between).answered >= asked)
            });
            for write in returned {
                match shown.iter_mut().find(|(other, _)| other == write) {
                    Some((_, since)) => *since = answered.min(*since),
                    None => shown.push((*write, answered)),
                }
            }
        }
    }
    found
}

/// The guarantees about what a session itself has written or read.
fn own(
    log: &Log,
    sources: &Sources,
    returning: &FxHashMap<u32, (u32, u32)>,
    expired: Expired<'_>,
) -> Option<MissingWrites> {
    let mut judgement = MissingWrites::default();
    for (read, place) in log.reads.iter().zip(0..) {
        if expired() {
            return None;
        }
        let expected = before(sources, read.session, read.key, read.asked);
        judgement.judged += usize::from(!expected.is_empty());
        let missing = expected.iter().find(|write| log.is_without(read, **write, Observer::Session(read.session)));
        let back = || returning.get(&place).map(|(between, write)| (*write, Some(log.reads[*between as usize].op)));
        let breach = missing.map(|write| (*write, None)).or_else(back);
        judgement.breaches.extend(breach.map(|(write, shown)| {
            let missing = log.write(write).op;
            MissingWrite { read: read.op, missing, by: read.session, seen: None, shown }
        }));
    }
    Some(judgement)
}

/// The guarantees about what others see who see a session's writes.
fn others(log: &Log, sources: &Sources, guarantee: Guarantee, expired: Expired<'_>) -> Option<MissingWrites> {
    let mut views =
        Views { log, guarantee, shown: FxHashSet::default(), last: FxHashMap::default(), of_key: FxHashMap::default() };
    let mut judgement = MissingWrites::default();
    for read in &log.reads {
        if expired() {
            return None;
        }
        let Some(view) = read.view else { continue };
        views.show(view, read);
        let observer = if guarantee.is_about_reads() { Observer::All } else { Observer::Session(read.session) };
        let mut is_judged = false;
        let mut breach = None;
        for by in &sources.sessions[read.key as usize] {
            let Some(seen) = views.last.get(&(view, *by)) else { continue };
            let expected = before(sources, *by, read.key, log.write(seen.write).asked);
            is_judged |= !expected.is_empty();
            let missing =
                expected.iter().find(|write| log.is_without(read, **write, observer)).map(|write| (*write, *seen));
            // Or else what it had replaced stands there again.
            let replaced = || {
                let of_key = views.of_key.get(&(view, *by, read.key))?;
                let is_replaced = |shown: &&ShownWrite| {
                    let expected = before(sources, *by, read.key, log.write(shown.write).asked);
                    expected.iter().any(|version| log.is_unreplaced(read, *version, shown.write, Observer::All))
                };
                of_key.iter().find(is_replaced).map(|shown| (shown.write, *shown))
            };
            if let (None, Some((missing, seen))) = (&breach, missing.or_else(replaced)) {
                let (missing, write) = (log.write(missing).op, log.write(seen.write).op);
                breach =
                    Some(MissingWrite { read: read.op, missing, by: *by, seen: Some(write), shown: Some(seen.read) });
            }
        }
        judgement.judged += usize::from(is_judged);
        judgement.breaches.extend(breach);
    }
    Some(judgement)
}

/// What views have shown.
struct Views<'a> {
    log: &'a Log,
    guarantee: Guarantee,
    /// By view: the writes.
    shown: FxHashSet<(u32, u32)>,
    /// By view and session: of the session's writes, the last that it asked for.
    last: FxHashMap<(u32, u32), ShownWrite>,
    /// By view, session and key: of each line those that no later one stands for.
    of_key: FxHashMap<(u32, u32, u32), Vec<ShownWrite>>,
}

impl<'a> Views<'a> {
    /// A read shows what it returned. Where writes follow reads, it shows what that had replaced, too, with all that
    /// this had replaced in turn; elsewhere a replica may never have had it.
    fn show(&mut self, view: u32, read: &Read) {
        let log = self.log;
        let mut open = read.returned.clone();
        while let Some(number) = open.pop() {
            if !self.shown.insert((view, number)) {
                continue;
            }
            let (now, write) = (ShownWrite { write: number, read: read.op }, log.write(number));
            if self.guarantee.is_about_reads() {
                open.extend(&write.told);
            }
            let last = self.last.entry((view, write.session)).or_insert(now);
            if log.write(last.write).asked < write.asked {
                *last = now;
            }
            let of_key = self.of_key.entry((view, write.session, read.key)).or_default();
            put(log, of_key, now, |shown| shown.write);
        }
    }
}
