//! Clients: one operation after the other, each with the context that the store asks them to keep.

use std::collections::BTreeMap;

use kvsim_checkers::trace::Action;
use kvsim_store::{Call, Key, Value};

use super::host::level_in;
use crate::plan::{OpPlan, Pace, Plan, SessionPlan};

/// All sessions of a run. `C` is the store's context.
pub struct Sessions<C> {
    sessions: Vec<Session<C>>,
    /// Session and place of each operation, by its number.
    places: Vec<(u32, u32)>,
    nothing_seen: C,
}

struct Session<C> {
    /// Operations begun.
    begun: usize,
    /// The operation that has no answer yet.
    waits_for: Option<u32>,
    /// By key, what the last read handed out.
    contexts: BTreeMap<u32, C>,
}

impl<C: Clone + Default> Sessions<C> {
    pub fn new(plan: &Plan) -> Sessions<C> {
        let numbers = plan.sessions.iter().flat_map(|session| &session.ops).map(|op| op.op as usize + 1).max();
        let mut places = vec![(0, 0); numbers.unwrap_or(0)];
        for (session, number) in plan.sessions.iter().zip(0..) {
            for (op, place) in session.ops.iter().zip(0..) {
                places[op.op as usize] = (number, place);
            }
        }
        let session = || Session { begun: 0, waits_for: None, contexts: BTreeMap::new() };
        Sessions { sessions: plan.sessions.iter().map(|_| session()).collect(), places, nothing_seen: C::default() }
    }

    pub fn len(&self) -> usize {
        self.sessions.len()
    }

    /// When the session's next operation falls due, if it has one.
    pub fn next_at(&self, session: u32, plan: &SessionPlan, now_ns: u64) -> Option<u64> {
        let op = plan.ops.get(self.sessions[session as usize].begun)?;
        Some(match plan.pace {
            Pace::Open => op.wait_ns.max(now_ns),
            Pace::Closed => now_ns.saturating_add(op.wait_ns),
        })
    }

    /// The next operation begins.
    pub fn begin(&mut self, session: u32, plan: &SessionPlan) -> OpPlan {
        let session = &mut self.sessions[session as usize];
        let op = plan.ops[session.begun];
        session.begun += 1;
        session.waits_for = Some(op.op);
        op
    }

    /// The operation as the store sees it, and whether it hands back a context.
    pub fn call<'a>(&'a self, session: u32, plan: &SessionPlan, op: &OpPlan, key: Key) -> (Call<'a, C>, bool) {
        match op.action {
            Action::Read => (Call::Read { key, level: level_in(plan.level), quorum: plan.quorum }, false),
            Action::Write | Action::Delete => {
                let seen = self.sessions[session as usize].contexts.get(&op.key).filter(|_| plan.context);
                let value = Value { id: op.value, bytes: op.bytes };
                let context = seen.unwrap_or(&self.nothing_seen);
                (Call::Write { key, value, delete: op.action == Action::Delete, context }, seen.is_some())
            }
        }
    }

    pub fn waits_for(&self, session: u32, op: u32) -> bool {
        self.sessions[session as usize].waits_for == Some(op)
    }

    /// `op` is over (answered, or its time is up): its session, if that still waits for it.
    pub fn finish(&mut self, op: u32) -> Option<u32> {
        let (session, _) = *self.places.get(op as usize)?;
        let waiting = &mut self.sessions[session as usize].waits_for;
        (*waiting == Some(op)).then(|| {
            *waiting = None;
            session
        })
    }

    /// The session keeps what its read of `op` handed out.
    pub fn remember(&mut self, session: u32, op: u32, plan: &SessionPlan, context: C) {
        if plan.context {
            let (_, place) = self.places[op as usize];
            self.sessions[session as usize].contexts.insert(plan.ops[place as usize].key, context);
        }
    }
}
