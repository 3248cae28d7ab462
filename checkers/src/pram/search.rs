//! Going through the choices that deletes leave, and what is certain in spite of them.

use super::backwards::{Backwards, Decisions};
use super::order::{Doubt, Writes};
use super::variant::Order;
use crate::history::{Ending, History, Kind, NOTHING};

/// At most this many ways are tried, and fewer in long histories: about `STEPS_MAX` operations are placed in all.
const WAYS_MAX: usize = 2_000;
const STEPS_MAX: usize = 2_000_000;

/// Whether a session has an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Search {
    Found,
    None,
    /// There were more orders than could be tried.
    GaveUp,
}

/// Tries one way after the other, depth first.
pub(super) fn search(
    history: &History,
    writes: &Writes,
    session: u32,
    mut attempt: impl FnMut(Backwards<'_>, &mut Decisions) -> bool,
) -> Search {
    let own = writes.own(history, session);
    let ways_max = WAYS_MAX.min(STEPS_MAX / (writes.list.len() + own.len() + 1)).max(2);
    let mut decisions = Decisions::new();
    for _ in 0..ways_max {
        if attempt(Backwards::new(history, writes, session, &own), &mut decisions) {
            return Search::Found;
        }
        // The last choice that has a way left goes that way.
        while let Some((way, ways)) = decisions.pop() {
            if way + 1 < ways {
                decisions.push((way + 1, ways));
                break;
            }
        }
        if decisions.is_empty() {
            return Search::None;
        }
    }
    Search::GaveUp
}

/// Whether the session has an order of these writes.
pub(super) fn has_order(history: &History, writes: &Writes, session: u32) -> Search {
    search(history, writes, session, |mut backwards, decisions| backwards.run(decisions))
}

/// Some delete may or may not have happened.
pub(super) fn is_doubtful(history: &History) -> bool {
    let is_doubtful =
        |op: &crate::history::Op| op.kind == Kind::Write && op.value == NOTHING && op.ending == Ending::Indeterminate;
    history.ops().iter().any(is_doubtful)
}

/// What is the same whatever happened to the deletes that leave a doubt.
///
/// A history holds if every session has an order with none of them, or with all of them. For a breach there must be no
/// order even when nothing is asked about what such a delete could have explained: fewer writes and fewer reads only
/// allow more orders.
pub(super) struct Certain<'a> {
    history: &'a History,
    order: Order,
    ignored: Writes,
    /// Only made when it is needed.
    all_ignored: Option<Writes>,
}

impl<'a> Certain<'a> {
    pub(super) fn of(history: &'a History, order: Order) -> Certain<'a> {
        Certain { history, order, ignored: Writes::of(history, order, Doubt::Ignored), all_ignored: None }
    }

    /// True when the session has no order, whatever happened.
    pub(super) fn is_breach(&mut self, session: u32) -> bool {
        match has_order(self.history, &self.ignored, session) {
            Search::Found => false,
            Search::None => true,
            Search::GaveUp => {
                let (history, order) = (self.history, self.order);
                let writes = self.all_ignored.get_or_insert_with(|| Writes::of(history, order, Doubt::AllIgnored));
                has_order(history, writes, session) == Search::None
            }
        }
    }
}
