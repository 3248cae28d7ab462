//! Operations on one register, and what a search for their order came to.

use crate::jepsen::Action;

/// An operation that took place, or one of unknown outcome that may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Op {
    /// When it was asked for. All moments of a history are different.
    pub invoked: u32,
    /// When it was completed; [`Op::NEVER`] if its outcome is not known.
    pub completed: u32,
    /// What it does.
    pub action: Action,
    /// What it read or wrote.
    pub value: u64,
    /// What a cas found.
    pub expected: u64,
}

impl Op {
    /// In place of a completion: there is none.
    pub const NEVER: u32 = u32::MAX;

    /// The value that it needs to be there.
    pub fn needs(&self) -> Option<u64> {
        self.action.needs(self.value, self.expected)
    }

    /// The value that it leaves.
    pub fn writes(&self) -> Option<u64> {
        self.action.writes(self.value)
    }
}

/// Whether there is an order of operations that are all noticed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    Yes,
    /// There is none of these.
    No(Vec<u32>),
    TooMany,
    GaveUp,
}
