//! The verdict about a history, and the witness of a session.

use super::Order;
use super::order::{Doubt, Writes};
use super::search::{Certain, Found, has_order, is_doubtful, search};
use super::smallest::smallest;
use crate::history::{Ending, History, NOTHING, SEVERAL};
use crate::patience::Patience;
use crate::verdict::Report;

/// What there is to say about a history. Operations are places in [`History::ops`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What was broken: first the sessions without an order, then reads of what nobody wrote. Only as many as a
    /// [`Report`] lists.
    pub breaches: Vec<Breach>,
    /// How many sessions have no order.
    pub sessions_broken: usize,
    /// How many reads returned what nobody wrote.
    pub reads_broken: usize,
    /// Why it is not known whether the history holds; if nothing was broken.
    pub unclear: Option<Unclear>,
    /// Answered reads that were judged.
    pub reads: usize,
    /// Sessions with such a read.
    pub readers: usize,
}

/// One breach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Breach {
    /// The session has no order. So few operations show it that without any one of them there would be one.
    OutOfOrder {
        /// The session.
        session: u32,
        /// The operations, in ascending order.
        ops: Vec<u32>,
    },
    /// A read returned what nobody wrote to its key.
    Unwritten {
        /// The read.
        read: u32,
        /// Writes of the value that were refused.
        refused: Vec<u32>,
    },
}

/// Why a history is neither right nor wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unclear {
    /// No read was answered.
    NoRead,
    /// This read returned several values at once.
    Several(u32),
    /// This read may have read more than one write, of equal values.
    Ambiguous(u32),
    /// Deletes leave this session more ways than could be tried.
    Deletes(u32),
    /// Whether this session has an order depends on deletes of unknown outcome.
    DoubtfulDeletes(u32),
}

/// The session's order: its own operations and everyone's writes, as places in [`History::ops`]. It has no reads
/// that say nothing and no unread writes of unknown outcome.
///
/// # Errors
/// What is broken or unclear. Reads of several values, of equal values and of what nobody wrote say nothing here.
pub fn witness(history: &History, order: Order, session: u32) -> Result<Vec<u32>, Option<Unclear>> {
    let mut found = Vec::new();
    for doubt in [Doubt::Dropped, Doubt::Kept] {
        let writes = Writes::of(history, order, doubt);
        let result = search(history, &writes, session, |backwards, decisions| {
            backwards.order(decisions).map(|order| found = order).is_some()
        });
        match result {
            Found::Yes => return Ok(found),
            Found::GaveUp => return Err(Some(Unclear::Deletes(session))),
            Found::No if !is_doubtful(history) => return Err(None),
            Found::No => {}
        }
    }
    Err(Some(Unclear::DoubtfulDeletes(session)).filter(|_| !Certain::of(history, order).is_breach(session)))
}

/// Judges a history.
pub fn judge(history: &History, order: Order) -> Judgement {
    judge_within(history, order, Patience::ENDLESS).expect("patience is endless")
}

/// Judges a history; nothing if patience ends before it is known whether it holds. Findings that are not small by then
/// stay as they are.
pub fn judge_within(history: &History, order: Order, patience: Patience<'_>) -> Option<Judgement> {
    let reads = history.ops().iter().zip(0..).filter(|(op, _)| op.is_answered_read());
    let mut judgement = Judgement {
        breaches: Vec::new(),
        sessions_broken: 0,
        reads_broken: 0,
        unclear: None,
        reads: 0,
        readers: (0..history.sessions()).filter(|session| has_read(history, *session)).count(),
    };
    for (op, index) in reads.clone() {
        judgement.reads += 1;
        if op.value == SEVERAL {
            judgement.unclear.get_or_insert(Unclear::Several(index));
        }
    }
    if judgement.unclear.is_some() {
        return Some(judgement);
    }
    if judgement.reads == 0 {
        judgement.unclear = Some(Unclear::NoRead);
        return Some(judgement);
    }

    let (broken, unclear) = sessions(history, order, patience)?;
    judgement.sessions_broken = broken.len();
    for session in broken.into_iter().take(Report::FINDINGS_MAX) {
        judgement.breaches.push(Breach::OutOfOrder { session, ops: smallest(history, order, session, patience) });
    }
    let writers = writers(history);
    let mut ambiguous = None;
    for (read, index) in reads.filter(|(op, _)| op.value != NOTHING) {
        match writers[read.value as usize] {
            0 => {}
            1 => continue,
            _ => {
                ambiguous.get_or_insert(Unclear::Ambiguous(index));
                continue;
            }
        }
        judgement.reads_broken += 1;
        if judgement.breaches.len() < Report::FINDINGS_MAX {
            let is_refused = |op: &crate::history::Op| op.value == read.value && op.ending == Ending::Failed;
            let refused = history.ops().iter().zip(0..).filter(|(op, _)| is_refused(op)).map(|(_, index)| index);
            judgement.breaches.push(Breach::Unwritten { read: index, refused: refused.collect() });
        }
    }
    if judgement.breaches.is_empty() {
        judgement.unclear = ambiguous.or(unclear);
    }
    Some(judgement)
}

/// The sessions that certainly have no order, and why it is not known of another. Nothing if patience ends.
fn sessions(history: &History, order: Order, patience: Patience<'_>) -> Option<(Vec<u32>, Option<Unclear>)> {
    let without = |writes: &Writes| -> Option<Vec<(u32, Found)>> {
        let mut stuck = Vec::new();
        for session in 0..history.sessions() {
            // Who reads nothing is content with any order, unless that of its writes is also asked for elsewhere.
            if history.origins().is_none() && !has_read(history, session) {
                continue;
            }
            if patience.is_over() {
                return None;
            }
            stuck.push((session, has_order(history, writes, session)));
        }
        stuck.retain(|(_, found)| *found != Found::Yes);
        Some(stuck)
    };
    let stuck = without(&Writes::of(history, order, Doubt::Dropped))?;
    if stuck.is_empty() {
        return Some((Vec::new(), None));
    }
    let is_doubtful = is_doubtful(history);
    if is_doubtful && without(&Writes::of(history, order, Doubt::Kept))?.is_empty() {
        return Some((Vec::new(), None));
    }
    let mut certain = Certain::of(history, order);
    let (mut broken, mut unclear) = (Vec::new(), None);
    for (session, found) in stuck {
        if (found == Found::No && !is_doubtful) || certain.is_breach(session) {
            broken.push(session);
        } else {
            let why = if is_doubtful { Unclear::DoubtfulDeletes(session) } else { Unclear::Deletes(session) };
            unclear.get_or_insert(why);
        }
    }
    Some((broken, unclear))
}

fn has_read(history: &History, session: u32) -> bool {
    history.session(session).any(|op| history.ops()[op as usize].is_answered_read())
}

/// By value: 0, 1 or 2 (or more) writes may have written it.
fn writers(history: &History) -> Vec<u8> {
    let mut writers = vec![0; history.values()];
    for op in history.ops().iter().filter(|op| op.is_possible_write()) {
        let count: &mut u8 = &mut writers[op.value as usize];
        *count = 2.min(*count + 1);
    }
    writers
}
