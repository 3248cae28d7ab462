//! Regular registers: a read returns the last acknowledged write, or one that was under way.
//!
//! Lamport (*On interprocess communication*, Distributed Computing 1986) defines them for one writer. For several this is the
//! weak form of Shao, Welch, Pierce and Lee (*Multiwriter consistency conditions for shared memory registers*, SIAM J. Comput.
//! 2011): a read returns what some write wrote that was asked for before the read was answered, and that was not followed,
//! before the read was asked for, by another acknowledged write to the key which was asked for after it had been
//! acknowledged. Different reads may order writes differently, and a later read may return an older value than an earlier
//! one. Writes of unknown outcome are under way for ever. A successful cas is a read of what it expected, and a write; one of
//! unknown outcome that would change nothing is left out.
//!
//! # How
//!
//! Of the writes of a value the one acknowledged last is the hardest to replace, so a read of the value is right exactly if that one
//! can be what it read: values need not be distinct. Of the writes acknowledged before a read, the one asked for last
//! replaces most. Both are looked up in sorted lists: time is (operations) x log(operations).

use kvsim_checkers::describe;
use kvsim_checkers::history::Ending;
use kvsim_checkers::register::UNWRITTEN;
use kvsim_checkers::verdict::{Finding, Report, Verdict};
use kvsim_checkers::{CodeInfo, Expired};

use crate::jepsen::{Call, Calls};
use crate::models::{Model, Subject};

/// The meaning of codes about [`Breach::Early`].
pub(crate) const EARLY: &str = "a read returned what was written only after the read had been answered";

/// Regularity.
pub(crate) const REGULAR: Model = Model {
    name: "regular",
    alias: None,
    summary: "a read returns the last acknowledged write of its key, or one that was under way",
    codes: &[
        CodeInfo { code: "REG001", meaning: "a read returned what an acknowledged write had replaced before it began" },
        CodeInfo { code: "REG002", meaning: UNWRITTEN },
        CodeInfo { code: "REG003", meaning: EARLY },
    ],
    implies: &[],
    judge: report,
};

/// A read, or a cas, that found what it must not. All are places in the list of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// What it found, from a write or from the beginning, had been replaced.
    Replaced {
        /// The read.
        read: u32,
        /// The write of what it found; nothing for what was there from the beginning.
        write: Option<u32>,
        /// The write that had replaced it.
        by: u32,
    },
    /// What it found was never written.
    Unwritten(u32),
    /// What it found was written later.
    Early(u32),
}

/// All breaches in a list of calls, key by key; keys begin with `initial`.
pub fn judge(calls: &[Call], initial: u64) -> Vec<Breach> {
    let mut by_key: Vec<u32> = (0..calls.len() as u32).filter(|call| calls[*call as usize].matters()).collect();
    by_key.sort_by_key(|call| calls[*call as usize].key);
    let mut breaches = Vec::new();
    for group in by_key.chunk_by(|a, b| calls[*a as usize].key == calls[*b as usize].key) {
        let register = Register::of(calls, group);
        breaches.extend(group.iter().filter_map(|read| register.judge(*read, initial)));
    }
    breaches
}

/// When a call ended; one of unknown outcome never does.
fn end(call: &Call) -> u32 {
    if call.ending == Ending::Ok { call.completed } else { Calls::NEVER }
}

/// The writes of a key.
struct Register<'a> {
    calls: &'a [Call],
    /// By value and invocation. With each the two of this value so far that ended last.
    writes: Vec<(u64, u32, [Option<u32>; 2])>,
    /// Acknowledged ones by completion. With each the one so far that was asked for last.
    acknowledged: Vec<(u32, u32)>,
}

impl Breach {
    /// The read.
    pub fn read(&self) -> u32 {
        match *self {
            Breach::Replaced { read, .. } | Breach::Unwritten(read) | Breach::Early(read) => read,
        }
    }
}

impl Register<'_> {
    fn of<'a>(calls: &'a [Call], group: &[u32]) -> Register<'a> {
        let call = |place: u32| &calls[place as usize];
        let values = group.iter().filter_map(|place| Some((call(*place).writes()?, *place)));
        let mut sorted: Vec<(u64, u32)> = values.collect();
        sorted.sort_unstable_by_key(|(value, place)| (*value, call(*place).invoked));
        let mut writes: Vec<(u64, u32, [Option<u32>; 2])> = Vec::with_capacity(sorted.len());
        for (value, place) in sorted {
            let before = writes.last().filter(|last| last.0 == value).map_or([None; 2], |last| last.2);
            let is_later = |other: Option<u32>| other.is_none_or(|other| end(call(place)) > end(call(other)));
            let last = match before {
                [first, _] if is_later(first) => [Some(place), first],
                [first, second] if is_later(second) => [first, Some(place)],
                both => both,
            };
            writes.push((value, call(place).invoked, last));
        }
        let done = group.iter().filter(|place| call(**place).writes().is_some() && end(call(**place)) != Calls::NEVER);
        let mut acknowledged: Vec<(u32, u32)> = done.map(|place| (call(*place).completed, *place)).collect();
        acknowledged.sort_unstable();
        for place in 1..acknowledged.len() {
            let (before, this) = (acknowledged[place - 1].1, acknowledged[place].1);
            if call(before).invoked > call(this).invoked {
                acknowledged[place].1 = before;
            }
        }
        Register { calls, writes, acknowledged }
    }

    fn judge(&self, read: u32, initial: u64) -> Option<Breach> {
        let call = &self.calls[read as usize];
        let value = call.needs().filter(|_| call.ending == Ending::Ok)?;
        let before = self.writes.partition_point(|write| (write.0, write.1) < (value, call.completed));
        let last = before.checked_sub(1).map(|last| self.writes[last]).filter(|write| write.0 == value);
        let write = last.and_then(|(_, _, last)| last.into_iter().flatten().find(|write| *write != read));
        if write.is_none() && value != initial {
            let is_later = self.writes.get(before).is_some_and(|write| write.0 == value);
            return Some(if is_later { Breach::Early(read) } else { Breach::Unwritten(read) });
        }
        let count = self.acknowledged.partition_point(|(completed, _)| *completed < call.invoked);
        let by = self.acknowledged[..count].last()?.1;
        let is_replaced = write.is_none_or(|write| self.calls[by as usize].invoked > end(&self.calls[write as usize]));
        is_replaced.then_some(Breach::Replaced { read, write, by })
    }
}

fn report(subject: &Subject<'_>, _: Expired<'_>) -> Option<Report> {
    let report = |verdict, note, findings| Some(Report { checker: REGULAR.name.to_owned(), verdict, note, findings });
    if let Some(note) = subject.siblings() {
        return report(Verdict::Unknown, note, Vec::new());
    }
    let calls = subject.calls.list();
    let reads = calls.iter().filter(|call| call.ending == Ending::Ok && call.needs().is_some()).count();
    if reads == 0 {
        return report(Verdict::Unknown, "no read was answered, and no cas was done".to_owned(), Vec::new());
    }
    let breaches = judge(calls, subject.calls.initial());
    if breaches.is_empty() {
        let note = format!("{reads} operations found the last acknowledged write or one that was under way");
        return report(Verdict::Holds, note, Vec::new());
    }
    let more = breaches.len().saturating_sub(Report::FINDINGS_MAX);
    let note = if more > 0 { format!("not listed: {more} more reads") } else { String::new() };
    let findings =
        breaches.iter().take(Report::FINDINGS_MAX).map(|breach| finding(subject, breach, REGULAR.codes)).collect();
    report(Verdict::Violated, note, findings)
}

/// The finding about a breach, whose code is the first if what was found had been replaced, the second if it was never
/// written, and the third if it was written later.
pub(crate) fn finding(subject: &Subject<'_>, breach: &Breach, codes: &[CodeInfo]) -> Finding {
    let (read, write, by) = match *breach {
        Breach::Unwritten(read) => return subject.unwritten(codes[1].code, read),
        Breach::Early(read) => return subject.unwritten(codes[2].code, read),
        Breach::Replaced { read, write, by } => (read, write, by),
    };
    let words = subject.describe();
    let reader = words.subject(subject.calls.call(read).session);
    let (found, key, replacing) = (words.returned(read), words.key(read), words.written(by));
    let title = format!("{reader} found {found} in {key} after {replacing}, which replaced it, had been acknowledged");
    let ops = describe::in_order(words, write.into_iter().chain([by, read]));
    let note = format!("   but not {}{}", words.name(by), describe::HERE);
    let lines = describe::lines(words, &ops, Some(read), &note);
    describe::finding(words, codes[0].code, title, &ops, lines)
}
