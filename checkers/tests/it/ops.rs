//! What sessions asked for in a recording, for the slow twins: straight from its events.

use kvsim_checkers::trace::{Action, Dot, Level, NodeId, Recording, What};

/// An operation and what came of it.
#[derive(Clone)]
pub struct Op {
    pub number: u32,
    pub session: u32,
    pub node: NodeId,
    pub action: Action,
    pub key: u32,
    pub level: Level,
    pub context: bool,
    pub invoked: usize,
    pub answered: Option<usize>,
    pub write: Option<Dot>,
    pub returned: Vec<Dot>,
}

/// In the order of their invocation.
pub fn ops(recording: &Recording) -> Vec<Op> {
    let mut ops: Vec<Op> = Vec::new();
    for (invoked, event) in recording.events.iter().enumerate() {
        let node = event.node;
        if let What::Invoked { op: number, session, action, key, level, context, .. } = event.what {
            let (answered, write, returned) = (None, None, Vec::new());
            ops.push(Op { number, session, node, action, key, level, context, invoked, answered, write, returned });
        }
        let (What::Wrote { op, .. } | What::Returned { op, .. } | What::Answered { op }) = event.what else { continue };
        let op = ops.iter_mut().find(|other| other.number == op).expect("it was invoked");
        match event.what {
            What::Wrote { write, .. } => drop(op.write.get_or_insert(write)),
            What::Returned { write, .. } => op.returned.push(write),
            _ => op.answered = Some(invoked),
        }
    }
    ops
}

/// The write that an event names.
pub fn write_of(what: &mut What) -> Option<&mut Dot> {
    match what {
        What::Wrote { write, .. }
        | What::Returned { write, .. }
        | What::Known { write }
        | What::Overflowed { write, .. }
        | What::Visible { write, .. }
        | What::Hidden { write, .. }
        | What::Holds { write, .. } => Some(write),
        _ => None,
    }
}
