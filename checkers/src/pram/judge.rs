//! The verdict about a history, and the witness of a session.

use super::order::{Doubt, Writes};
use super::search::{Certain, Search, has_order, is_doubtful, search};
use super::smallest::smallest;
use super::variant::Order;
use crate::Expired;
use crate::history::History;
use crate::register::{Judgement, Unclear};
use crate::verdict::Report;

/// A session without an order. Operations are places in [`History::ops`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutOfOrder {
    /// The session.
    pub session: u32,
    /// Operations that show it, in ascending order. Without any one of them there would be an order.
    pub ops: Vec<u32>,
}

/// The session's order: its own operations and everyone's writes, as places in [`History::ops`]. It has no reads
/// that say nothing and no unread writes of unknown outcome.
///
/// # Errors
/// What is broken or unclear. Reads of several values, of equal values and of unwritten ones say nothing here.
pub fn witness(history: &History, order: Order, session: u32) -> Result<Vec<u32>, Option<Unclear>> {
    let mut found = Vec::new();
    for doubt in [Doubt::Dropped, Doubt::Kept] {
        let writes = Writes::of(history, order, doubt);
        let result = search(history, &writes, session, |backwards, decisions| {
            backwards.order(decisions).map(|order| found = order).is_some()
        });
        match result {
            Search::Found => return Ok(found),
            Search::GaveUp => return Err(Some(Unclear::Deletes(session))),
            Search::None if !is_doubtful(history) => return Err(None),
            Search::None => {}
        }
    }
    Err(Some(Unclear::DoubtfulDeletes(session)).filter(|_| !Certain::of(history, order).is_breach(session)))
}

/// Judges a history; nothing if the time is over before it is known whether it holds. Findings that are not small by
/// then stay as they are.
pub fn judge(history: &History, order: Order, expired: Expired<'_>) -> Option<Judgement<OutOfOrder>> {
    Judgement::of(history, |_| {
        let (broken, unclear) = sessions(history, order, expired)?;
        let listed = broken.iter().take(Report::FINDINGS_MAX);
        let breach = |session: &u32| OutOfOrder { session: *session, ops: smallest(history, order, *session, expired) };
        Some((listed.map(breach).collect(), broken.len(), unclear))
    })
}

/// The sessions that certainly have no order, and why it is not known of another. Nothing if the time is over.
fn sessions(history: &History, order: Order, expired: Expired<'_>) -> Option<(Vec<u32>, Option<Unclear>)> {
    let without = |writes: &Writes| -> Option<Vec<(u32, Search)>> {
        let mut stuck = Vec::new();
        for session in 0..history.sessions() {
            // A session without reads accepts any order, unless that of its writes is also asked for elsewhere.
            if history.origins().is_none() && !has_read(history, session) {
                continue;
            }
            if expired() {
                return None;
            }
            stuck.push((session, has_order(history, writes, session)));
        }
        stuck.retain(|(_, search)| *search != Search::Found);
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
    for (session, search) in stuck {
        if (search == Search::None && !is_doubtful) || certain.is_breach(session) {
            broken.push(session);
        } else {
            let why = if is_doubtful { Unclear::DoubtfulDeletes(session) } else { Unclear::Deletes(session) };
            unclear.get_or_insert(why);
        }
    }
    Some((broken, unclear))
}

pub(super) fn has_read(history: &History, session: u32) -> bool {
    history.session(session).any(|op| history.ops()[op as usize].is_answered_read())
}
