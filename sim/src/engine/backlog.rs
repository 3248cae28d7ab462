//! What reaches a node that stands still or is behind with its work.

use std::collections::VecDeque;

use kvsim_store::{Call, Key, Level, Replica, Value};

/// Inputs that wait, in the order of their coming.
pub struct Backlog<R: Replica> {
    pub waiting: VecDeque<Waiting<R>>,
    /// The node stands still.
    pub paused: bool,
    /// How long the node takes for one input; 0 for no time at all.
    pub step_ns: u64,
    /// Number of the input that the node works on, if it does.
    pub turn: Option<u32>,
    turns: u32,
}

/// An input that waits.
pub enum Waiting<R: Replica> {
    /// A message, by its slot.
    Delivery(u32),
    /// A timer, by its arming.
    Timer(u32),
    /// A client's request, and the number of the event of its invocation.
    Call { op: u32, call: OwnedCall<R>, invoked: u64 },
    /// The list of members has changed, by the event with this number.
    Members(u64),
}

/// A [`Call`] that does not borrow what the session keeps: that may change until the call is taken up.
pub enum OwnedCall<R: Replica> {
    Read { key: Key, level: Level, quorum: u16, seen: Option<R::SessionToken> },
    Write { key: Key, value: Value, delete: bool, context: R::Context, seen: Option<R::SessionToken> },
}

impl<R: Replica> OwnedCall<R> {
    pub fn of(call: &Call<'_, R::Context, R::SessionToken>) -> OwnedCall<R> {
        match *call {
            Call::Read { key, level, quorum, seen } => OwnedCall::Read { key, level, quorum, seen: seen.cloned() },
            Call::Write { key, value, delete, context, seen } => {
                OwnedCall::Write { key, value, delete, context: context.clone(), seen: seen.cloned() }
            }
        }
    }

    pub fn call(&self) -> Call<'_, R::Context, R::SessionToken> {
        match self {
            OwnedCall::Read { key, level, quorum, seen } => {
                Call::Read { key: *key, level: *level, quorum: *quorum, seen: seen.as_ref() }
            }
            OwnedCall::Write { key, value, delete, context, seen } => {
                Call::Write { key: *key, value: *value, delete: *delete, context, seen: seen.as_ref() }
            }
        }
    }
}

impl<R: Replica> Backlog<R> {
    pub fn new() -> Backlog<R> {
        Backlog { waiting: VecDeque::new(), paused: false, step_ns: 0, turn: None, turns: 0 }
    }

    /// True when inputs have to wait.
    pub fn is_busy(&self) -> bool {
        self.paused || self.step_ns > 0
    }

    /// The node begins to work on its next input: when it is done, and with which number. Nothing when it has no
    /// input, works already, or stands still.
    pub fn begin(&mut self, now_ns: u64) -> Option<(u64, u32)> {
        if self.paused || self.turn.is_some() || self.waiting.is_empty() {
            return None;
        }
        self.turns = self.turns.wrapping_add(1);
        self.turn = Some(self.turns);
        Some((now_ns.saturating_add(self.step_ns), self.turns))
    }

    /// The work on input number `turn` is done: the input, unless the node has stopped working on it.
    pub fn finish(&mut self, turn: u32) -> Option<Waiting<R>> {
        if self.turn != Some(turn) {
            return None;
        }
        self.turn = None;
        self.waiting.pop_front()
    }
}
