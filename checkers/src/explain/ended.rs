//! What kept an operation from being answered.

use rustc_hash::{FxHashMap, FxHashSet};

use super::reason::Reason;
use crate::facts::Facts;
use crate::facts::messages::Line;
use crate::facts::operations::{Operation, Outcome};
use crate::facts::words::{name, seconds};
use crate::trace::{NodeId, What};

/// More lines than these are not read.
const LINES_MAX: usize = 12;

/// Why an operation was refused, timed out or has no answer.
pub(super) fn unanswered(facts: &Facts<'_>, operation: &Operation) -> Reason {
    match operation.outcome {
        Outcome::Refused(place) => refused(facts, operation, place),
        Outcome::TimedOut(place) => delayed(facts, operation, place, "timed out"),
        _ => delayed(facts, operation, facts.recording.events.len() - 1, "not answered"),
    }
}

/// Replicas do not say why they refuse; what the recording knows of it suffices mostly.
fn refused(facts: &Facts<'_>, operation: &Operation, place: usize) -> Reason {
    let header = facts.header();
    let Operation { node, level, key, session, .. } = *operation;
    let (priority, at) = (header.priority(key), level.name());
    let quorum = usize::from(header.quorum(session));
    let holders = header.holders(key).len();
    let events = &facts.recording.events[..place];
    let last_up = events.iter().rfind(|event| event.node == node && matches!(event.what, What::Up { .. }));
    let why = if !header.levels.contains(level) {
        format!("the store {} does not serve the level {at}", header.store)
    } else if !level.carries(priority) {
        format!("the level {at} does not carry {}, whose priority is P{priority}", facts.key(key))
    } else if quorum > holders {
        format!("it asks {quorum} replicas, and {holders} hold {}", facts.key(key))
    } else if let Some(up) = last_up {
        let when = seconds(up.at_ns);
        format!("{node} rejects calls until it has recovered; it was up at {when}")
    } else {
        format!("{node} gave no reason that the recording knows of")
    };
    Reason::bare(format!("refused: {why}"))
}

fn delayed(facts: &Facts<'_>, operation: &Operation, until: usize, how: &str) -> Reason {
    let node = operation.node;
    let mut evidence = condition(facts, node, operation.invoked, until);
    let mut why: Vec<String> = evidence.iter().map(|line| line.1.to_owned()).collect();
    let mut follows: FxHashSet<u64> = [facts.event(operation.invoked).number].into_iter().collect();
    let (mut sent, mut lost) = (0, 0);
    let mut messages = Vec::new();
    for place in operation.invoked + 1..=until {
        let event = facts.event(place);
        if !follows.contains(&event.cause) {
            continue;
        }
        follows.insert(event.number);
        match event.what {
            What::Sent { kind, id, copies, .. } => {
                sent += usize::from(copies);
                let kind = name(&facts.header().kinds, kind);
                let nodes = if copies == 1 { "node" } else { "nodes" };
                messages.push((place, format!("{}  {kind} {id}  sent to {copies} {nodes}", event.node)));
            }
            What::Lost { .. } => {
                lost += 1;
                messages.push((place, facts.message(place)));
            }
            What::Delivered { .. } => messages.push((place, facts.message(place))),
            What::Reached { .. } => {
                let text = format!("{node} takes up #{}", operation.number);
                messages.push((place, text));
            }
            What::Wrote { write, .. } => messages.push((place, format!("{node} takes it in as {write}"))),
            _ => {}
        }
    }
    if lost > 0 {
        why.push(format!("{lost} of {sent} messages that it led to were lost"));
    } else if sent > 0 && why.is_empty() {
        why.push("what it led to took longer than the session waited".to_owned());
    }
    let moved = |other: &&Operation| other.session == operation.session && other.node != node;
    let came = facts.operations.list().iter().rfind(|other| moved(other) && other.invoked < operation.invoked);
    if let (true, Some(before)) = (why.is_empty(), came) {
        why.push(format!(
            "{node} kept it waiting: its session had come from {} (#{}), and had seen there what {node} had not",
            before.node, before.number
        ));
    }
    let why =
        if why.is_empty() { format!("nothing that is recorded kept {node} from answering") } else { why.join("; ") };
    messages.truncate(LINES_MAX);
    evidence.extend(messages);
    let over = format!("#{} {how}   <== here", operation.number);
    evidence.push((until, over));
    Reason::new(facts, format!("{how}: {why}"), evidence)
}

/// What kept `node` from working between two places: it was down, stood still, or suffered a fault of its own.
fn condition(facts: &Facts<'_>, node: NodeId, from: usize, until: usize) -> Vec<Line> {
    let header = facts.header();
    // What began and has not ended, by what it is.
    let mut open: FxHashMap<String, usize> = FxHashMap::default();
    let mut evidence = Vec::new();
    let spell = |what: &str, begin: usize, end: Option<usize>| {
        let end = end.map_or("".to_owned(), |end| format!(" to {}", seconds(facts.at_ns(end))));
        (begin, format!("{node} {what} from {}{end}", seconds(facts.at_ns(begin))))
    };
    for (place, event) in facts.recording.events.iter().enumerate() {
        let of_node = |fault: u16| {
            let fault = header.faults.get(usize::from(fault)).filter(|fault| fault.node == Some(node))?;
            Some(format!("suffered {}", fault.name))
        };
        let (what, begins) = match event.what {
            What::Down { .. } if event.node == node => (Some("was down".to_owned()), true),
            What::Up { .. } if event.node == node => (Some("was down".to_owned()), false),
            What::Paused if event.node == node => (Some("stood still".to_owned()), true),
            What::Resumed if event.node == node => (Some("stood still".to_owned()), false),
            What::FaultOn { fault } => (of_node(fault), true),
            What::FaultOff { fault } => (of_node(fault), false),
            _ => continue,
        };
        let Some(what) = what else { continue };
        if begins && place <= until {
            open.insert(what, place);
        } else if let Some(begin) = open.remove(&what)
            && place > from
        {
            evidence.push(spell(&what, begin, Some(place)));
        }
    }
    let mut rest: Vec<(String, usize)> = open.into_iter().collect();
    rest.sort_unstable_by_key(|(_, begin)| *begin);
    evidence.extend(rest.iter().map(|(what, begin)| spell(what, *begin, None)));
    // That a node is down or stands still says more than the name of the fault.
    let says_more = evidence.iter().any(|line| line.1.contains(" was down ") || line.1.contains(" stood still "));
    evidence.retain(|line| !says_more || !line.1.contains(" suffered "));
    evidence
}
