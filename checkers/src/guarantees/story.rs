//! The report about a recording, with findings for people.

use super::Guarantee;
use super::judge::{Breach, Judgement};
use super::log::Log;
use crate::operations::{Operation, Operations, name};
use crate::trace::Action;
use crate::verdict::{Finding, Report, Verdict};

pub(super) fn report(operations: &Operations<'_>, log: &Log, guarantee: Guarantee, judgement: &Judgement) -> Report {
    let Judgement { breaches, judged, mute } = judgement;
    let listed = breaches.iter().take(Report::FINDINGS_MAX);
    let findings: Vec<Finding> = listed.map(|breach| tell(operations, log, guarantee, breach)).collect();
    let what = match guarantee {
        Guarantee::ReadYourWrites => "the session had written the key",
        Guarantee::MonotonicReads => "the session had seen a version of the key",
        Guarantee::MonotonicWrites => "a session had written the key, of which the replica had shown a later write",
        Guarantee::WritesFollowReads => "a session had read the key, of which the replica had shown a later write",
    };
    let (verdict, note) = if !findings.is_empty() {
        let more = breaches.len() - findings.len();
        let note = if more > 0 { format!("not listed: {more} more of {}", guarantee.code()) } else { String::new() };
        (Verdict::Violated, note)
    } else if *judged == 0 {
        (Verdict::Unknown, format!("there was no read of which it is known that {what}"))
    } else if *mute > 0 {
        (Verdict::Unknown, format!("{mute} reads returned what nobody had written to their key"))
    } else {
        (Verdict::Holds, format!("nothing was missing from {judged} reads before which {what}"))
    };
    Report { checker: guarantee.name().to_owned(), verdict, note, findings }
}

fn tell(operations: &Operations<'_>, log: &Log, guarantee: Guarantee, breach: &Breach) -> Finding {
    let recording = operations.recording();
    let get = |op: u32| operations.get(op).expect("logs are made from operations");
    let (read, missing) = (get(breach.read), get(breach.missing));
    let session = |operation: &Operation| name(&recording.header.sessions, operation.session);
    let key = name(&recording.header.keys, read.key);
    let what = match missing.action {
        Action::Delete => format!("the delete #{}", missing.number),
        _ => format!("{} (#{} of {})", missing.value, missing.number, session(missing)),
    };
    let returned = operations.values(&read.returned);
    let by = name(&recording.header.sessions, breach.by);
    let seen = breach.seen.map(get);
    let title = match (guarantee, seen) {
        (Guarantee::ReadYourWrites, _) => {
            format!("session {by} read {key} = {returned} without its own earlier write {what}")
        }
        (Guarantee::MonotonicReads, _) => format!("session {by} read {key} = {returned} after it had read {what}"),
        (_, Some(seen)) if seen.number == missing.number => {
            format!("n{} showed {key} = {returned} again, which {what} had replaced there", read.node)
        }
        (Guarantee::MonotonicWrites, Some(seen)) => format!(
            "n{} showed #{} of {by}, but then {key} = {returned} without {what}, which {by} had written before",
            read.node, seen.number
        ),
        (_, seen) => format!(
            "n{} showed #{} of {by}, but then {key} = {returned} without {what}, which {by} had read before",
            read.node,
            seen.map_or(0, |seen| seen.number)
        ),
    };

    // The session's read that showed it what is missing: the last one before.
    let until = seen.map_or(read.invoked, |seen| seen.invoked) as u32;
    let source = log.source(guarantee, breach, until);
    let mut told: Vec<u32> =
        [Some(breach.missing), source, breach.seen, breach.shown, Some(breach.read)].into_iter().flatten().collect();
    told.sort_by_key(|op| (get(*op).invoked, *op));
    told.dedup();
    let line = |op: &u32| {
        let mut line = operations.describe(get(*op));
        if *op == breach.read {
            line.text.push_str(&format!("   but not #{}   <== here", missing.number));
        }
        line
    };
    let story = told.iter().map(line).collect();
    let shows = |op: &u32| {
        let operation = get(*op);
        if operation.action == Action::Read { operation.answered() } else { None }.unwrap_or(operation.invoked)
    };
    let mut places: Vec<usize> = told.iter().map(shows).collect();
    places.sort_unstable();
    told.sort_unstable();
    Finding {
        code: guarantee.code().to_owned(),
        title,
        at_ns: recording.events[read.answered().unwrap_or(read.invoked)].at_ns,
        evidence: story,
        events: places.iter().map(|place| recording.events[*place].number).collect(),
        ops: told,
        ..Finding::default()
    }
}
