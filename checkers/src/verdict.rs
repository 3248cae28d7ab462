//! What a checker answers.

use serde::{Deserialize, Serialize};

/// The answers. *Unknown* is not a pass: nothing was observed that could have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The property was put to the test and stood.
    Holds,
    /// It was broken; the findings say how.
    Violated,
    /// It cannot be decided; the report's note says why.
    Unknown,
    /// There is nothing to decide: the run has nothing of the kind, or the store does not promise it; the note says which.
    NotApplicable,
}

impl Verdict {
    /// Neither *holds* nor *violated*.
    pub fn is_open(self) -> bool {
        matches!(self, Verdict::Unknown | Verdict::NotApplicable)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Verdict::Holds => "holds",
            Verdict::Violated => "violated",
            Verdict::Unknown => "unknown",
            Verdict::NotApplicable => "n/a",
        })
    }
}

/// A kind of breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// Its fixed name.
    pub code: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
}

/// One checker's answer about one recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the checker.
    pub checker: String,
    /// The answer.
    pub verdict: Verdict,
    /// For *holds*: what was put to the test, in numbers. For *unknown* and *not applicable*: why. For *violated*: how many more
    /// findings there are than are listed, or which parts held.
    pub note: String,
    /// What was broken, first things first; at most [`Report::FINDINGS_MAX`].
    pub findings: Vec<Finding>,
}

impl Report {
    /// More findings than this are counted but not listed: they mostly say the same.
    pub const FINDINGS_MAX: usize = 10;
}

/// One breach of a property: a title, and the events and operations that show it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Fixed name of the code, for instance `CONV002`.
    pub code: String,
    /// Which of the breaches that have this code: the same words whatever the key, the replicas and the writes are. Empty
    /// where the meaning of the code says it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
    /// One sentence that names the key, the replicas and the writes.
    pub title: String,
    /// When it could be detected first, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// What led to it, in order.
    pub evidence: Vec<TraceLine>,
    /// Numbers of the events that show it, in order.
    pub events: Vec<u64>,
    /// Numbers of the operations concerned, in order.
    pub ops: Vec<u32>,
}

impl Finding {
    /// Longer evidence is not read to its end.
    const EVIDENCE_MAX: usize = 20;
    /// A finding that concerns very many events or operations names only the first of them.
    const NUMBERS_MAX: usize = 50;

    /// A finding without evidence.
    pub fn new(code: &CodeInfo, title: String, at_ns: u64) -> Finding {
        Finding { code: code.code.to_owned(), title, at_ns, ..Finding::default() }
    }

    /// Of this kind.
    #[must_use]
    pub fn kind(self, kind: impl Into<String>) -> Finding {
        Finding { kind: kind.into(), ..self }
    }

    /// With this evidence, which is put in the order of time.
    #[must_use]
    pub fn evidence(self, mut lines: Vec<TraceLine>) -> Finding {
        lines.sort_by_key(|line| line.at_ns);
        lines.truncate(Finding::EVIDENCE_MAX);
        Finding { evidence: lines, ..self }
    }

    /// Shown by these events, in any order.
    #[must_use]
    pub fn events(self, numbers: impl IntoIterator<Item = u64>) -> Finding {
        Finding { events: in_order(numbers), ..self }
    }

    /// About these operations, in any order.
    #[must_use]
    pub fn ops(self, numbers: impl IntoIterator<Item = u32>) -> Finding {
        Finding { ops: in_order(numbers), ..self }
    }
}

fn in_order<T: Ord>(numbers: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut numbers: Vec<T> = numbers.into_iter().collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.truncate(Finding::NUMBERS_MAX);
    numbers
}

/// One line of evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceLine {
    /// When, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// What happened.
    pub text: String,
    /// What lost the message that the line is about, if it was lost: the name of a fault, or `chance`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_by: Option<String>,
}

impl TraceLine {
    /// A line about anything but a lost message.
    pub fn new(at_ns: u64, text: String) -> TraceLine {
        TraceLine { at_ns, text, lost_by: None }
    }
}

/// The findings of a checker, part by part: the first are listed, all are counted.
#[derive(Default)]
pub(crate) struct Findings {
    listed: Vec<Finding>,
    unlisted: Vec<(&'static str, usize)>,
}

impl Findings {
    /// Takes in the breaches that have one code, in order; only those that are listed are described.
    pub(crate) fn add<T>(&mut self, code: &CodeInfo, breaches: &[T], describe: impl Fn(&T) -> Finding) {
        let listed = breaches.len().min(Report::FINDINGS_MAX - self.listed.len());
        self.listed.extend(breaches[..listed].iter().map(describe));
        if breaches.len() > listed {
            self.unlisted.push((code.code, breaches.len() - listed));
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// How many findings are not listed; empty when all are.
    pub(crate) fn note(&self) -> String {
        let counts: Vec<String> = self.unlisted.iter().map(|(code, count)| format!("{count} more of {code}")).collect();
        if counts.is_empty() { String::new() } else { format!("not listed: {}", counts.join(", ")) }
    }

    pub(crate) fn report(self, checker: &str, verdict: Verdict, note: String) -> Report {
        Report { checker: checker.to_owned(), verdict, note, findings: self.listed }
    }
}
