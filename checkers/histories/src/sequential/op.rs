//! Calls as the search for an order knows them.

use crate::jepsen::Call;
use kvsim_checkers::history::Ending;

/// A call that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionOp {
    /// Where it is in the list of calls.
    pub(super) place: u32,
    pub(super) session: u32,
    pub(super) key: u32,
    /// The value that it needs.
    pub(super) needs: Option<u64>,
    /// The value that it leaves.
    pub(super) writes: Option<u64>,
    /// It took place.
    pub(super) is_certain: bool,
}

impl SessionOp {
    pub(super) fn of(calls: &[Call], place: u32) -> SessionOp {
        let call = &calls[place as usize];
        let is_certain = call.ending == Ending::Ok;
        SessionOp {
            place,
            session: call.session,
            key: call.key,
            needs: call.needs(),
            writes: call.writes(),
            is_certain,
        }
    }

    pub(super) fn needed(&self) -> Option<(u32, u64)> {
        Some((self.key, self.needs?))
    }

    pub(super) fn written(&self) -> Option<(u32, u64)> {
        Some((self.key, self.writes?))
    }
}
