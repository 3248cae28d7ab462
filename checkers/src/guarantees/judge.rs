//! The verdict: for each read, what must not be missing from it.

use rustc_hash::FxHashMap;

use super::Guarantee;
use super::log::{Eyes, Log, Read};

/// What there is to say about a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// At most one per read, in the order of the reads.
    pub breaches: Vec<Breach>,
    /// Reads from which some write must not be missing.
    pub judged: usize,
    /// Reads that tell nothing.
    pub mute: usize,
}

/// A read from which a write is missing. All are operations where they were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The read.
    pub read: u32,
    /// The write.
    pub missing: u32,
    /// The session that had written or read it.
    pub by: u32,
    /// For those that see a write of that session: the write, which the session issued afterwards.
    pub seen: Option<u32>,
    /// The read that showed that write in the same view.
    pub shown: Option<u32>,
}

/// Writes to one key, of each origin the last: earlier ones are missing only where it is missing, too.
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
struct Shown {
    write: u32,
    read: u32,
}

/// Judges a log by one guarantee.
pub fn judge(log: &Log, guarantee: Guarantee) -> Judgement {
    let sources = sources(log, guarantee);
    let mut judgement = if guarantee.is_about_others() { others(log, &sources, guarantee) } else { own(log, &sources) };
    judgement.mute = log.mute.len();
    judgement
}

fn sources(log: &Log, guarantee: Guarantee) -> Sources {
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
        let key = log.write(write).key;
        let states = sources.states.entry((session, key)).or_default();
        if states.is_empty() {
            sources.sessions[key as usize].push(session);
        }
        let mut last = states.last().map_or_else(Last::new, |(_, last)| last.clone());
        if put(log, &mut last, write) {
            states.push((time, last));
        }
    }
    sources
}

/// False when a later write of the same origin is there already.
fn put(log: &Log, last: &mut Last, write: u32) -> bool {
    let (origin, counter) = log.write(write).id;
    match last.iter_mut().find(|other| log.write(**other).id.0 == origin) {
        Some(other) if log.write(*other).id.1 >= counter => return false,
        Some(other) => *other = write,
        None => last.push(write),
    }
    true
}

/// What a session had written or read of a key before a time.
fn before(sources: &Sources, session: u32, key: u32, time: u32) -> &[u32] {
    let Some(states) = sources.states.get(&(session, key)) else { return &[] };
    let count = states.partition_point(|(other, _)| *other < time);
    count.checked_sub(1).map_or(&[], |place| &states[place].1)
}

/// The guarantees about what a session itself has written or read.
fn own(log: &Log, sources: &Sources) -> Judgement {
    let mut judgement = Judgement::default();
    for read in &log.reads {
        let expected = before(sources, read.session, read.key, read.asked);
        judgement.judged += usize::from(!expected.is_empty());
        let missing = expected.iter().find(|write| log.is_without(read, **write, Eyes::Session(read.session)));
        judgement.breaches.extend(missing.map(|write| {
            let missing = log.write(*write).op;
            Breach { read: read.op, missing, by: read.session, seen: None, shown: None }
        }));
    }
    judgement
}

/// The guarantees about what others see who see a session's writes.
fn others(log: &Log, sources: &Sources, guarantee: Guarantee) -> Judgement {
    let mut views = Views::of(log);
    let mut judgement = Judgement::default();
    for read in &log.reads {
        let Some(view) = read.view else { continue };
        views.show(view, read);
        let eyes = if guarantee.is_about_reads() { Eyes::All } else { Eyes::Session(read.session) };
        let mut is_judged = false;
        let mut breach = None;
        for by in &sources.sessions[read.key as usize] {
            let Some(seen) = views.last.get(&(view, *by)) else { continue };
            let expected = before(sources, *by, read.key, log.write(seen.write).asked);
            is_judged |= !expected.is_empty();
            let missing =
                expected.iter().find(|write| log.is_without(read, **write, eyes)).map(|write| (*write, *seen));
            // Or else what it had replaced stands there again.
            let replaced = || {
                let of_key = views.of_key.get(&(view, *by, read.key))?;
                let is_replaced = |shown: &&Shown| {
                    let expected = before(sources, *by, read.key, log.write(shown.write).asked);
                    expected.iter().any(|version| log.is_unreplaced(read, *version, shown.write, Eyes::All))
                };
                of_key.iter().find(is_replaced).map(|shown| (shown.write, *shown))
            };
            if let (None, Some((missing, seen))) = (&breach, missing.or_else(replaced)) {
                let (missing, write) = (log.write(missing).op, log.write(seen.write).op);
                breach = Some(Breach { read: read.op, missing, by: *by, seen: Some(write), shown: Some(seen.read) });
            }
        }
        judgement.judged += usize::from(is_judged);
        judgement.breaches.extend(breach);
    }
    judgement
}

/// What views have shown.
struct Views<'a> {
    log: &'a Log,
    /// By key and origin: the writes in order.
    lines: FxHashMap<(u32, u32), Vec<u32>>,
    /// By view, key and origin: how many of them it has shown.
    counts: FxHashMap<(u32, u32, u32), usize>,
    /// By view and session: of the session's writes, the last that it asked for.
    last: FxHashMap<(u32, u32), Shown>,
    /// By view, session and key: of each origin the last.
    of_key: FxHashMap<(u32, u32, u32), Vec<Shown>>,
}

impl<'a> Views<'a> {
    fn of(log: &'a Log) -> Views<'a> {
        let mut lines: FxHashMap<(u32, u32), Vec<u32>> = FxHashMap::default();
        for (write, number) in log.writes.iter().zip(0..) {
            lines.entry((write.key, write.id.0)).or_default().push(number);
        }
        Views { log, lines, counts: FxHashMap::default(), last: FxHashMap::default(), of_key: FxHashMap::default() }
    }

    /// A read shows what it returned and what that has replaced.
    fn show(&mut self, view: u32, read: &Read) {
        for write in &read.returned {
            let write = self.log.write(*write);
            self.show_until(view, read, write.id);
            if self.log.has_contexts {
                write.seen.entries().iter().for_each(|id| self.show_until(view, read, *id));
            }
        }
    }

    fn show_until(&mut self, view: u32, read: &Read, (origin, counter): (u32, u64)) {
        let log = self.log;
        let line = self.lines.get(&(read.key, origin)).map_or(&[][..], |line| line);
        let count = self.counts.entry((view, read.key, origin)).or_default();
        while let Some(write) = line.get(*count).copied().filter(|write| log.write(*write).id.1 <= counter) {
            *count += 1;
            let (now, session) = (Shown { write, read: read.op }, log.write(write).session);
            let last = self.last.entry((view, session)).or_insert(now);
            if log.write(last.write).asked < log.write(write).asked {
                *last = now;
            }
            let of_key = self.of_key.entry((view, session, read.key)).or_default();
            match of_key.iter_mut().find(|shown| log.write(shown.write).id.0 == origin) {
                Some(shown) => *shown = now,
                None => of_key.push(now),
            }
        }
    }
}
