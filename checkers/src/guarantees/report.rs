//! The report about a log, with findings for people.

use super::Guarantee;
use super::judge::{MissingWrite, MissingWrites, judge};
use super::log::{Log, Read};
use crate::Expired;
use crate::describe::{self, Describe};
use crate::verdict::{Finding, Report, Verdict};

/// Judges a log by one guarantee; nothing if the time is over before.
pub fn report(log: &Log, guarantee: Guarantee, describe: &dyn Describe, expired: Expired<'_>) -> Option<Report> {
    let MissingWrites { breaches, judged, mute } = judge(log, guarantee, expired)?;
    let listed = breaches.iter().take(Report::FINDINGS_MAX);
    let findings: Vec<Finding> = listed.map(|breach| finding(log, guarantee, breach, describe)).collect();
    let [session, _] = describe.nouns();
    let which = match guarantee {
        Guarantee::ReadYourWrites => format!("of keys that their {session} had written"),
        Guarantee::MonotonicReads => format!("of keys that their {session} had read"),
        Guarantee::MonotonicWrites => format!("of keys written by a {session} before a write that had been seen"),
        Guarantee::WritesFollowReads => format!("of keys read by a {session} before a write that had been seen"),
    };
    let (verdict, note) = if !findings.is_empty() {
        let more = breaches.len() - findings.len();
        let note = if more > 0 { format!("not listed: {more} more of {}", guarantee.code()) } else { String::new() };
        (Verdict::Violated, note)
    } else if judged == 0 {
        (Verdict::NotApplicable, format!("there were no reads {which}"))
    } else if mute > 0 {
        (Verdict::Unknown, format!("{mute} reads do not tell which writes they returned"))
    } else {
        (Verdict::Holds, format!("nothing was missing from {judged} reads {which}"))
    };
    Some(Report { checker: guarantee.name().to_owned(), verdict, note, findings })
}

fn finding(log: &Log, guarantee: Guarantee, breach: &MissingWrite, describe: &dyn Describe) -> Finding {
    let MissingWrite { read, missing, by, seen, shown } = *breach;
    let (key, returned, write) = (describe.key(read), describe.returned(read), describe.written(missing));
    let (view, subject, by) = (describe.view(read), describe.subject(by), describe.session(by));
    let title = match (guarantee, seen.or(shown)) {
        (Guarantee::ReadYourWrites, _) => {
            format!("{subject} read {key} = {returned} without its own earlier write {write}")
        }
        (Guarantee::MonotonicReads, Some(shown)) => {
            let (other, name) = (describe.returned(shown), describe.name(shown));
            format!("{subject} read {key} = {returned} again, which was gone when it read {other} ({name})")
        }
        (Guarantee::MonotonicReads, _) | (_, None) => {
            format!("{subject} read {key} = {returned} after it had read {write}")
        }
        (_, Some(seen)) if seen == missing => {
            format!("{view} {key} = {returned} again, which {write} had replaced")
        }
        (_, Some(seen)) => {
            let had = if guarantee == Guarantee::MonotonicWrites { "written" } else { "read" };
            let seen = describe.name(seen);
            format!("{view} {seen} of {by}, but then {key} = {returned} without {write}, which {by} had {had} before")
        }
    };
    let is_back = guarantee == Guarantee::MonotonicReads && shown.is_some();
    // What came back, and what stood in its place.
    let others = shown.filter(|_| is_back).map(|shown| between(log, breach, shown)).unwrap_or_default();
    let ops = [Some(missing), source(log, guarantee, breach), seen, shown, Some(read)];
    let ops = describe::in_order(describe, ops.into_iter().flatten().chain(others));
    let note = if is_back { String::new() } else { format!("   but not {}", describe.name(missing)) };
    let lines = describe::lines(describe, &ops, Some(read), &(note + describe::HERE));
    describe::finding(describe, guarantee.code(), title, &ops, lines)
}

/// For a write that is there again after the read `shown` had not found it: what that read found, and the session's first
/// read of the write.
fn between(log: &Log, breach: &MissingWrite, shown: u32) -> Vec<u32> {
    let returned = |read: &&Read| read.returned.iter().any(|write| log.write(*write).op == breach.missing);
    let first = log.reads.iter().filter(|read| read.session == breach.by).find(returned);
    let found = log.reads.iter().find(|read| read.op == shown).map(|read| &read.returned[..]).unwrap_or_default();
    found.iter().map(|write| log.write(*write).op).chain(first.map(|read| read.op)).collect()
}

/// The session's last read that showed it what is missing, where that is about reads.
fn source(log: &Log, guarantee: Guarantee, breach: &MissingWrite) -> Option<u32> {
    let until = match breach.seen {
        _ if !guarantee.is_about_reads() || breach.seen.is_none() && breach.shown.is_some() => return None,
        Some(seen) => log.writes.iter().find(|write| write.op == seen)?.asked,
        None => log.reads.iter().find(|read| read.op == breach.read)?.asked,
    };
    let source = log.reads.iter().rev().find(|read| {
        let is_it = |write: &u32| log.write(*write).op == breach.missing;
        read.session == breach.by && read.answered < until && read.returned.iter().any(is_it)
    });
    source.map(|read| read.op)
}
