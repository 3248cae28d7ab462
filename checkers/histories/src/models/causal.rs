//! Causal consistency and causal convergence.

use super::Subject;
use super::tell::Teller;
use crate::causal::{Breach, Causality, Judgement, Pattern, Unclear, judge_within};
use kvsim_checkers::history::Kind;
use kvsim_checkers::verdict::{Finding, Report, Verdict};
use kvsim_checkers::{CodeInfo, Patience, UNWRITTEN};

pub(super) const CC_CODES: &[CodeInfo] = &[
    CodeInfo { code: "CC001", meaning: "a read returned what had been replaced by a write that causally precedes it" },
    CodeInfo { code: "CC002", meaning: UNWRITTEN },
    CodeInfo { code: "CC003", meaning: "an operation causally precedes itself" },
];

pub(super) const CCV_CODES: &[CodeInfo] = &[
    CodeInfo { code: "CCV001", meaning: "a read returned what had been replaced by a write that causally precedes it" },
    CodeInfo { code: "CCV002", meaning: UNWRITTEN },
    CodeInfo { code: "CCV003", meaning: "an operation causally precedes itself" },
    CodeInfo { code: "CCV004", meaning: "reads settle concurrent writes in contradictory ways" },
];

pub(super) fn check(subject: &Subject, causality: Causality, patience: Patience<'_>) -> Option<Report> {
    let judgement = judge_within(&subject.history, causality, patience)?;
    let told = Told { teller: Teller { calls: &subject.calls }, subject, causality };
    let findings: Vec<Finding> = judgement.breaches.iter().map(|breach| told.finding(breach)).collect();
    let Judgement { broken, unwritten, unclear, reads, .. } = judgement;
    let (verdict, note) = match unclear {
        _ if !findings.is_empty() => {
            let more = broken + unwritten - findings.len();
            (Verdict::Violated, if more > 0 { format!("not listed: {more} more reads") } else { String::new() })
        }
        Some(unclear) => (Verdict::Unknown, told.unclear(unclear)),
        None => (Verdict::Holds, format!("causal order explains all {reads} reads")),
    };
    Some(Report { checker: causality.name().to_owned(), verdict, note, findings })
}

struct Told<'a> {
    teller: Teller<'a>,
    subject: &'a Subject,
    causality: Causality,
}

impl Told<'_> {
    fn code(&self, number: usize) -> &'static str {
        match self.causality {
            Causality::Consistent => CC_CODES[number - 1].code,
            Causality::Convergent => CCV_CODES[number - 1].code,
        }
    }

    fn unclear(&self, unclear: Unclear) -> String {
        let ops = self.subject.history.ops();
        let read = |op: u32| {
            let op = &ops[op as usize];
            let (process, key) = (self.teller.process(op.session), self.teller.key(op.key));
            format!("read {} of {key} by {process}", self.teller.name(op.number))
        };
        match unclear {
            Unclear::NoRead => "no read was answered".to_owned(),
            Unclear::Several(op) => format!("{} returned several values, and keys are registers here", read(op)),
            Unclear::Ambiguous(op) => format!("{} returned a value that was written more than once", read(op)),
            Unclear::Deleted(op) => {
                format!(
                    "{} returned nil, which is also written to this key: the read does not tell what it read",
                    read(op)
                )
            }
            Unclear::TooLarge => {
                "there are too many operations of too many processes for the memory that it takes".to_owned()
            }
        }
    }

    fn finding(&self, breach: &Breach) -> Finding {
        let ops = self.subject.history.ops();
        let (number, parts) = match breach {
            Breach::Pattern { pattern: Pattern::InitialRead | Pattern::OverwrittenRead, ops } => (1, ops.clone()),
            Breach::Unwritten { read, refused } => (2, refused.iter().copied().chain([*read]).collect()),
            Breach::Pattern { pattern: Pattern::CyclicOrder, ops } => (3, ops.clone()),
            Breach::Pattern { pattern: Pattern::CyclicConflict, ops } => (4, ops.clone()),
        };
        let calls = self.teller.calls_of(&parts, ops);
        let story = |marked: Option<u32>, why: &str| {
            let line = |call: &u32| {
                let mut line = self.teller.line(*call);
                if Some(*call) == marked {
                    line.text.push_str(why);
                }
                line
            };
            calls.iter().map(line).collect::<Vec<_>>()
        };
        match breach {
            Breach::Unwritten { read, refused } => {
                let op = &ops[*read as usize];
                let (reader, value, key) =
                    (self.teller.process(op.session), self.teller.returned(op.number), self.teller.key(op.key));
                let title = match refused.first() {
                    None => format!("{reader} read {value} from {key}, which nobody wrote there"),
                    Some(write) => {
                        let name = self.teller.name(ops[*write as usize].number);
                        format!("{reader} read {value} from {key}, which {name} failed to write")
                    }
                };
                self.teller.finding(self.code(number), title, story(Some(op.number), "   <== here"), &calls)
            }
            Breach::Pattern { pattern: Pattern::CyclicOrder, .. } => {
                let title = "what was read before a write and what was written before a read goes in a circle";
                self.teller.finding(self.code(number), title.to_owned(), story(None, ""), &calls)
            }
            Breach::Pattern { pattern: Pattern::CyclicConflict, .. } => {
                let title = "no one order of concurrent writes explains what everybody read";
                self.teller.finding(self.code(number), title.to_owned(), story(None, ""), &calls)
            }
            Breach::Pattern { .. } => {
                // The read that is wrong is the one after which nothing follows.
                let mut reads = parts.iter().map(|op| &ops[*op as usize]).filter(|op| op.kind == Kind::Read);
                let replaced = |read: &&kvsim_checkers::history::Op| {
                    let writes = parts.iter().map(|op| &ops[*op as usize]).filter(|op| op.kind == Kind::Write);
                    writes.filter(|write| write.key == read.key && write.value != read.value).count() > 0
                };
                let Some(read) = reads.rfind(replaced) else {
                    let title = "a read returned what had been replaced before".to_owned();
                    return self.teller.finding(self.code(number), title, story(None, ""), &calls);
                };
                let (reader, key) = (self.teller.process(read.session), self.teller.key(read.key));
                let by = parts
                    .iter()
                    .map(|op| &ops[*op as usize])
                    .find(|write| write.kind == Kind::Write && write.key == read.key && write.value != read.value);
                let by = by.map_or(String::new(), |write| self.teller.name(write.number));
                let value = self.teller.returned(read.number);
                let title = format!(
                    "{reader} read {key} -> {value}, though {by}, which replaced that, causally precedes the read"
                );
                let why = format!("   but not {by}   <== here");
                self.teller.finding(self.code(number), title, story(Some(read.number), &why), &calls)
            }
        }
    }
}
