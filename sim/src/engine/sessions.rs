//! Clients: one operation after the other, each with what the store asks them to keep.

use std::collections::BTreeMap;

use kvsim_checkers::trace::{Action, NodeId};
use kvsim_store::{Answer, Call, Key, Replica, Value};

use crate::plan::{OpPlan, Pace, Plan, SessionPlan};

/// An operation that has been asked for.
#[derive(Clone, Copy)]
pub struct Asked {
    /// The node that was asked.
    pub node: NodeId,
    /// What for.
    pub action: Action,
    /// Of which key.
    pub key: u32,
    /// The identity of what is written.
    pub value: u64,
}

/// All sessions of a run.
pub struct Sessions<R: Replica> {
    sessions: Vec<Session<R>>,
    /// Session and place of each operation, by its number.
    places: Vec<(u32, u32)>,
    nothing_seen: R::Context,
}

struct Session<R: Replica> {
    /// Operations begun.
    begun: usize,
    /// The operation that has no answer yet.
    waits_for: Option<u32>,
    /// By key, what the last answer handed out; of a session that writes blindly, the last answer to a write.
    contexts: BTreeMap<u32, R::Context>,
    /// What the session carries from replica to replica; nothing when it stays at one.
    seen: Option<R::SessionToken>,
}

impl<R: Replica> Sessions<R> {
    pub fn new(plan: &Plan) -> Sessions<R> {
        let numbers = plan.sessions.iter().flat_map(|session| &session.ops).map(|op| op.op as usize + 1).max();
        let mut places = vec![(0, 0); numbers.unwrap_or(0)];
        for (session, number) in plan.sessions.iter().zip(0..) {
            for (op, place) in session.ops.iter().zip(0..) {
                places[op.op as usize] = (number, place);
            }
        }
        let session = |plan: &SessionPlan| Session {
            begun: 0,
            waits_for: None,
            contexts: BTreeMap::new(),
            seen: plan.moves().then(R::SessionToken::default),
        };
        Sessions { sessions: plan.sessions.iter().map(session).collect(), places, nothing_seen: R::Context::default() }
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
    pub fn call<'a>(
        &'a self,
        session: u32,
        plan: &SessionPlan,
        op: &OpPlan,
        key: Key,
    ) -> (Call<'a, R::Context, R::SessionToken>, bool) {
        let state = &self.sessions[session as usize];
        let seen = state.seen.as_ref();
        match op.action {
            Action::Read => (Call::Read { key, level: plan.level, quorum: plan.quorum, seen }, false),
            Action::Write | Action::Delete => {
                let kept = state.contexts.get(&op.key);
                let value = Value { id: op.value, bytes: op.bytes };
                let context = kept.unwrap_or(&self.nothing_seen);
                (
                    Call::Write { key, value, delete: op.action == Action::Delete, context, seen },
                    plan.context && kept.is_some(),
                )
            }
        }
    }

    pub fn waits_for(&self, session: u32, op: u32) -> bool {
        self.sessions[session as usize].waits_for == Some(op)
    }

    /// The session that `op` belongs to.
    pub fn of(&self, op: u32) -> Option<u32> {
        self.places.get(op as usize).map(|(session, _)| *session)
    }

    /// What `op` is, if it has been asked for.
    pub fn asked(&self, op: u32, plan: &Plan) -> Option<Asked> {
        let (session, place) = self.places.get(op as usize).copied()?;
        let plan = &plan.sessions[session as usize];
        let asked = plan.ops.get(place as usize)?;
        let is_asked = asked.op == op && (place as usize) < self.sessions[session as usize].begun;
        let node = asked.node.unwrap_or(plan.node);
        is_asked.then_some(Asked { node, action: asked.action, key: asked.key, value: asked.value })
    }

    /// Where `op` is call for.
    pub fn node_of(&self, op: u32, plan: &Plan) -> NodeId {
        let (session, place) = self.places[op as usize];
        let session = &plan.sessions[session as usize];
        session.ops[place as usize].node.unwrap_or(session.node)
    }

    /// `op` is over (answered, or its time is up): its session, if that still waits for it.
    pub fn finish(&mut self, op: u32) -> Option<u32> {
        let session = self.of(op)?;
        let waiting = &mut self.sessions[session as usize].waits_for;
        (*waiting == Some(op)).then(|| {
            *waiting = None;
            session
        })
    }

    /// The session keeps what the answer to `op` gives it to keep.
    pub fn remember(&mut self, session: u32, op: u32, plan: &SessionPlan, answer: Answer<R::Context, R::SessionToken>) {
        let state = &mut self.sessions[session as usize];
        let is_write = matches!(answer, Answer::Wrote { .. });
        let (Answer::Read { context, seen, .. } | Answer::Wrote { context, seen }) = answer else { return };
        if let (Some(carried), Some(seen)) = (&mut state.seen, seen) {
            *carried = seen;
        }
        if plan.context || is_write {
            let (_, place) = self.places[op as usize];
            state.contexts.insert(plan.ops[place as usize].key, context);
        }
    }
}
