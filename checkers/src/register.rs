//! Keys as registers, which hold one value at a time: what reads say by themselves, and what is reported about a
//! history of registers.

use crate::describe::{self, Describe};
use crate::history::{Ending, History, Kind, NOTHING, SEVERAL};
use crate::verdict::{Finding, Report, Verdict};

/// The meaning of codes about [`Unwritten`].
pub const UNWRITTEN: &str = "a read returned a value that was never written to its key, or only by a refused write";

/// No write of a value, and more than one.
const NONE: u32 = u32::MAX;
const SEVERAL_WRITES: u32 = u32::MAX - 1;

/// By value: the write that may have written it.
#[derive(Debug)]
pub struct Writers(Vec<u32>);

impl Writers {
    /// Those of a history. Writes of [`NOTHING`] do not count.
    pub fn of(history: &History) -> Writers {
        let mut writers = vec![NONE; history.values()];
        for (op, place) in history.ops().iter().zip(0..) {
            if op.is_possible_write() && op.value != NOTHING {
                let writer = &mut writers[op.value as usize];
                *writer = if *writer == NONE { place } else { SEVERAL_WRITES };
            }
        }
        Writers(writers)
    }

    /// The place in [`History::ops`] of the only write that may have written a value.
    pub fn only(&self, value: u32) -> Option<u32> {
        self.0.get(value as usize).copied().filter(|writer| *writer < SEVERAL_WRITES)
    }
}

/// A read of a value that was never written to its key. Operations are places in [`History::ops`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// The read.
    pub read: u32,
    /// Writes of the value that were refused.
    pub refused: Vec<u32>,
}

impl Unwritten {
    /// The finding about it.
    pub fn finding(&self, code: &str, history: &History, describe: &dyn Describe) -> Finding {
        let op = &history.ops()[self.read as usize];
        let number = |place: &u32| history.ops()[*place as usize].number;
        let (reader, key) = (describe.subject(op.session), describe.key(op.number));
        let value = describe.returned(op.number);
        let title = match self.refused.first() {
            None => format!("{reader} read {value} from {key}, which was never written there"),
            Some(write) => {
                format!("{reader} read {value} from {key}, which {} failed to write", describe.name(number(write)))
            }
        };
        let ops = describe::in_order(describe, self.refused.iter().chain([&self.read]).map(number));
        let lines = describe::lines(describe, &ops, Some(op.number), describe::HERE);
        describe::finding(describe, code, title, &ops, lines)
    }
}

/// Why a history is neither right nor wrong. Reads are places in [`History::ops`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// No read was answered.
    NoRead,
    /// This read returned several values at once.
    Several(u32),
    /// This read may have read more than one write, of equal values.
    Ambiguous(u32),
    /// This read found nothing, where there are deletes.
    Deleted(u32),
    /// Deletes leave this session more orders than could be tried.
    Deletes(u32),
    /// Whether this session has an order depends on deletes of unknown outcome.
    DoubtfulDeletes(u32),
    /// Too many operations of too many sessions.
    TooLarge,
}

impl Unclear {
    fn text(self, history: &History, describe: &dyn Describe) -> String {
        let read = |place: u32| {
            let op = &history.ops()[place as usize];
            let (name, key) = (describe.name(op.number), describe.key(op.number));
            format!("read {name} of {key} by {}", describe.session(op.session))
        };
        match self {
            Unclear::NoRead => "no read was answered".to_owned(),
            Unclear::Several(op) => format!("{} returned several values, and keys are registers here", read(op)),
            Unclear::Ambiguous(op) => format!("{} returned a value that was written more than once", read(op)),
            Unclear::Deleted(op) => {
                format!("{} found nothing in a key that is also deleted, and does not tell which it saw", read(op))
            }
            Unclear::Deletes(session) => {
                let session = describe.session(session);
                format!("which deletes the reads of {session} found leaves more orders than could be tried")
            }
            Unclear::DoubtfulDeletes(session) => {
                let session = describe.session(session);
                format!("whether deletes of unknown outcome happened decides about {session}")
            }
            Unclear::TooLarge => "there are too many operations of too many sessions for the memory needed".to_owned(),
        }
    }
}

/// What there is to say about a history of registers, with breaches of a model in its own form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement<B> {
    /// Breaches of the model; at most [`Report::FINDINGS_MAX`].
    pub breaches: Vec<B>,
    /// How many breaches there are.
    pub broken: usize,
    /// Reads of values that were never written; at most [`Report::FINDINGS_MAX`].
    pub unwritten: Vec<Unwritten>,
    /// How many such reads there are.
    pub unwritten_reads: usize,
    /// Why it is not known whether the history holds; if nothing was broken.
    pub unclear: Option<Unclear>,
    /// How many reads were answered.
    pub reads: usize,
}

impl<B> Judgement<B> {
    /// Judges the reads by themselves, and then, if they are reads of registers, what they say together: `judge` returns
    /// breaches, how many there are, and why it is not known whether there are others; or nothing if the time is over.
    pub fn of(
        history: &History,
        judge: impl FnOnce(&Writers) -> Option<(Vec<B>, usize, Option<Unclear>)>,
    ) -> Option<Judgement<B>> {
        let mut judgement = Judgement {
            breaches: Vec::new(),
            broken: 0,
            unwritten: Vec::new(),
            unwritten_reads: 0,
            unclear: None,
            reads: history.ops().iter().filter(|op| op.is_answered_read()).count(),
        };
        let reads = || history.ops().iter().zip(0..).filter(|(op, _)| op.is_answered_read());
        let several = reads().find(|(op, _)| op.value == SEVERAL).map(|(_, place)| Unclear::Several(place));
        judgement.unclear = several.or((judgement.reads == 0).then_some(Unclear::NoRead));
        if judgement.unclear.is_some() {
            return Some(judgement);
        }
        let writers = Writers::of(history);
        let (breaches, broken, unclear) = judge(&writers)?;
        (judgement.breaches, judgement.broken) = (breaches, broken);
        let mut ambiguous = None;
        for (op, read) in reads().filter(|(op, _)| op.value != NOTHING) {
            match writers.0[op.value as usize] {
                NONE => {}
                SEVERAL_WRITES => {
                    ambiguous.get_or_insert(Unclear::Ambiguous(read));
                    continue;
                }
                _ => continue,
            }
            judgement.unwritten_reads += 1;
            if judgement.unwritten.len() < Report::FINDINGS_MAX {
                let refused = history.ops().iter().zip(0..).filter(|(other, _)| {
                    other.kind == Kind::Write && other.value == op.value && other.ending == Ending::Failed
                });
                judgement.unwritten.push(Unwritten { read, refused: refused.map(|(_, place)| place).collect() });
            }
        }
        if !judgement.is_violated() {
            judgement.unclear = ambiguous.or(unclear);
        }
        Some(judgement)
    }

    /// Something was broken.
    pub fn is_violated(&self) -> bool {
        !self.breaches.is_empty() || !self.unwritten.is_empty()
    }

    /// The report: `finding` describes a breach, `unwritten` is the code of the other findings, and `holds` says what was
    /// put to the test if nothing was broken.
    pub fn report(
        &self,
        checker: &str,
        history: &History,
        describe: &dyn Describe,
        finding: impl Fn(&B) -> Finding,
        unwritten: &str,
        holds: String,
    ) -> Report {
        let mut findings: Vec<Finding> = self.breaches.iter().map(finding).collect();
        let listed = findings.len();
        let more = findings.first().map(|first| (first.code.clone(), self.broken - listed));
        let rest = self.unwritten.iter().take(Report::FINDINGS_MAX - listed);
        findings.extend(rest.map(|read| read.finding(unwritten, history, describe)));
        let (verdict, note) = match self.unclear {
            _ if !findings.is_empty() => {
                let reads = (unwritten.to_owned(), self.unwritten_reads - (findings.len() - listed));
                let more = more.into_iter().chain([reads]).filter(|(_, more)| *more > 0);
                let more: Vec<String> = more.map(|(code, more)| format!("{more} more of {code}")).collect();
                let note = if more.is_empty() { String::new() } else { format!("not listed: {}", more.join(", ")) };
                (Verdict::Violated, note)
            }
            Some(unclear) => (Verdict::Unknown, unclear.text(history, describe)),
            None => (Verdict::Holds, holds),
        };
        Report { checker: checker.to_owned(), verdict, note, findings }
    }
}
