//! The session guarantees.

use super::tell::Teller;
use super::{Model, Subject};
use kvsim_checkers::guarantees::{Breach, Guarantee, Judgement, Log, judge_within};
use kvsim_checkers::verdict::{Finding, Report, Verdict};
use kvsim_checkers::{CodeInfo, Patience};

/// The model of a guarantee.
pub(super) const fn model(guarantee: Guarantee) -> Model {
    macro_rules! model {
        ($guarantee:expr, $summary:expr, $meaning:expr) => {
            Model {
                name: $guarantee.name(),
                alias: None,
                summary: $summary,
                codes: const { &[CodeInfo { code: $guarantee.code(), meaning: $meaning }] },
                implies: &[],
                judge: |subject, patience| check(subject, $guarantee, patience),
            }
        };
    }
    match guarantee {
        Guarantee::ReadYourWrites => model!(
            Guarantee::ReadYourWrites,
            "sessions see what they have written",
            "a read is without an earlier write of its session"
        ),
        Guarantee::MonotonicReads => model!(
            Guarantee::MonotonicReads,
            "sessions go on seeing what they have seen",
            "a read is without what an earlier read of its session had returned"
        ),
        Guarantee::MonotonicWrites => model!(
            Guarantee::MonotonicWrites,
            "who sees a write of a session sees its earlier ones",
            "a session has seen a write of another, but not an earlier one"
        ),
        Guarantee::WritesFollowReads => model!(
            Guarantee::WritesFollowReads,
            "who sees a write of a session sees what that had read before",
            "a session has seen a write of another, but not what that had read before"
        ),
    }
}

fn check(subject: &Subject, guarantee: Guarantee, patience: Patience<'_>) -> Option<Report> {
    let log = Log::of_history(&subject.history);
    let Judgement { breaches, judged, mute } = judge_within(&log, guarantee, patience)?;
    let listed = breaches.iter().take(Report::FINDINGS_MAX);
    let findings: Vec<Finding> = listed.map(|breach| tell(subject, &log, guarantee, breach)).collect();
    let what = match guarantee {
        Guarantee::ReadYourWrites => "the process had written the key",
        Guarantee::MonotonicReads => "the process had seen a version of the key",
        Guarantee::MonotonicWrites => "a process had written the key, of which the reader had seen a later write",
        Guarantee::WritesFollowReads => "a process had read the key, of which the reader had seen a later write",
    };
    let (verdict, note) = if !findings.is_empty() {
        let more = breaches.len() - findings.len();
        let note = if more > 0 { format!("not listed: {more} more of {}", guarantee.code()) } else { String::new() };
        (Verdict::Violated, note)
    } else if judged == 0 {
        (Verdict::Unknown, format!("there was no read of which it is known that {what}"))
    } else if mute > 0 {
        (Verdict::Unknown, format!("{mute} reads returned several values, or one that nobody or more than one wrote"))
    } else {
        (Verdict::Holds, format!("nothing was missing from {judged} reads before which {what}"))
    };
    Some(Report { checker: guarantee.name().to_owned(), verdict, note, findings })
}

fn tell(subject: &Subject, log: &Log, guarantee: Guarantee, breach: &Breach) -> Finding {
    let teller = Teller { calls: &subject.calls };
    let ops = subject.history.ops();
    let number = |op: u32| ops[op as usize].number;
    let (read, missing) = (&ops[breach.read as usize], number(breach.missing));
    let (reader, by) = (teller.process(read.session), teller.process(breach.by));
    let (key, returned) = (teller.key(read.key), teller.returned(read.number));
    let what = format!("{} ({})", teller.value(teller.call(missing).value), teller.name(missing));
    let seen = breach.seen.map(|op| teller.name(number(op)));
    let title = match (guarantee, seen) {
        (Guarantee::ReadYourWrites, _) => format!("{by} read {key} -> {returned} without its own earlier write {what}"),
        (Guarantee::MonotonicReads, _) => format!("{by} read {key} -> {returned} after it had read {what}"),
        (_, Some(seen)) if seen == teller.name(missing) => {
            format!("{reader} read {key} -> {returned} again, which {what} had replaced")
        }
        (guarantee, seen) => {
            let seen = seen.unwrap_or_default();
            let had = if guarantee == Guarantee::MonotonicWrites { "written" } else { "read" };
            format!(
                "{reader} saw {seen} of {by}, but then read {key} -> {returned} without {what}, which {by} had {had} before"
            )
        }
    };
    let source = log.source(guarantee, breach, breach.seen.unwrap_or(breach.read));
    let told = [Some(breach.missing), source, breach.seen, breach.shown, Some(breach.read)];
    let told: Vec<u32> = told.into_iter().flatten().collect();
    let calls = teller.calls_of(&told, ops);
    let story = calls.iter().map(|call| {
        let mut line = teller.line(*call);
        if *call == read.number {
            line.text.push_str(&format!("   but not {}   <== here", teller.name(missing)));
        }
        line
    });
    teller.finding(guarantee.code(), title, story.collect(), &calls)
}
