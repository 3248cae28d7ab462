//! Which recordings make sense: every number in an event leads somewhere.
//!
//! What a broken *store* may do (show a write that it does not know, name two writes alike) is none of these
//! rules: that is for the checkers to find. The rules are about the recording itself, and a recording that keeps
//! them cannot make a checker panic.

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::{Action, Disk, Dot, Event, Header, LostBy, NodeId, Recording, What};

/// Why something is no recording.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// The priorities are not one for each key.
    #[error("the header gives {found} priorities, but it names {expected} keys")]
    Priorities {
        /// Number of keys.
        expected: usize,
        /// Number of priorities.
        found: usize,
    },
    /// The quorums are not one for each session.
    #[error("the header gives {found} quorums, but it names {expected} sessions")]
    Quorums {
        /// Number of sessions.
        expected: usize,
        /// Number of quorums.
        found: usize,
    },
    /// The placement is not a list of nodes for each key.
    #[error("the header places {found} keys, but it names {expected}")]
    Placement {
        /// Number of keys.
        expected: usize,
        /// Number of placed keys.
        found: usize,
    },
    /// The holders of a key are out of order or repeated.
    #[error("the header's holders of key {key} are not in ascending order")]
    Holders {
        /// Which key.
        key: usize,
    },
    /// The settling phase is to begin after the run.
    #[error("the header has the run settle from {settling_from_ns} ns, but end at {end_ns} ns")]
    Settling {
        /// When the settling phase begins.
        settling_from_ns: u64,
        /// When the run ends.
        end_ns: u64,
    },
    /// Event numbers must grow, from 1.
    #[error("event number {found} follows {previous}; event numbers must grow")]
    Number {
        /// The event's number.
        found: u64,
        /// The number of the event before, 0 for none.
        previous: u64,
    },
    /// Time must not run backwards.
    #[error("the event is at {found} ns, earlier than the one before at {previous} ns")]
    Time {
        /// The event's time.
        found: u64,
        /// The time of the event before.
        previous: u64,
    },
    /// A cause comes before its effect.
    #[error("the event is number {number} and cannot follow from event {cause}, which is not earlier")]
    Cause {
        /// The event's number.
        number: u64,
        /// The number of its cause.
        cause: u64,
    },
    /// A number leads nowhere.
    #[error("there is no {table} {found}: the header knows {known}, counted from 0")]
    Range {
        /// What the number is to name.
        table: &'static str,
        /// The number.
        found: u64,
        /// How many there are.
        known: u64,
    },
    /// Writes and lives of a node are counted from 1.
    #[error("{write} is no write: lives and writes are counted from 1")]
    Write {
        /// The write.
        write: Dot,
    },
    /// An operation is invoked once.
    #[error("operation {op} is invoked a second time")]
    Again {
        /// The operation.
        op: u32,
    },
    /// The operation was never invoked.
    #[error("operation {op} was not invoked before")]
    NotInvoked {
        /// The operation.
        op: u32,
    },
    /// Reads return, writes are named, and not the other way round.
    #[error("operation {op} is a {action:?}, which cannot have an event of this kind")]
    Kind {
        /// The operation.
        op: u32,
        /// What it asks for.
        action: Action,
    },
    /// A node goes down when it is up, and up when it is down; while it is down its disk may be lost, once. A life is never
    /// an earlier one.
    #[error("{node} is {} already, or its lives are not in order", if *is_down { "down" } else { "up" })]
    Life {
        /// The node.
        node: NodeId,
        /// What it was before.
        is_down: bool,
    },
    /// A node that is down does nothing.
    #[error("{node} is down and cannot do this")]
    IsDown {
        /// The node.
        node: NodeId,
    },
    /// An operation ends once.
    #[error("operation {op} has already ended")]
    Ended {
        /// The operation.
        op: u32,
    },
}

impl Recording {
    /// Checks that every number leads somewhere and that events are in order.
    ///
    /// # Errors
    /// The number of the first event that makes no sense (0: the header does not) and why.
    pub fn validate(&self) -> Result<(), (u64, Invalid)> {
        let mut rules = Rules::new(&self.header).map_err(|problem| (0, problem))?;
        self.events.iter().try_for_each(|event| rules.event(event).map_err(|problem| (event.number, problem)))
    }
}

/// The rules, applied to one event after the other.
pub(super) struct Rules<'a> {
    header: &'a Header,
    number: u64,
    at_ns: u64,
    ops: FxHashMap<u32, OpenOp>,
    /// Nodes that are or were down, and in which life they last were up.
    lives: FxHashMap<NodeId, Life>,
}

#[derive(Clone, Copy, Default)]
struct Life {
    /// What its disk has, while it is down.
    down: Option<Disk>,
    incarnation: u16,
}

#[derive(Clone, Copy)]
struct OpenOp {
    action: Action,
    ended: bool,
}

impl<'a> Rules<'a> {
    /// The rules for the events of a run with this header.
    pub(super) fn new(header: &'a Header) -> Result<Rules<'a>, Invalid> {
        if !header.placement.is_empty() && header.placement.len() != header.keys.len() {
            return Err(Invalid::Placement { expected: header.keys.len(), found: header.placement.len() });
        }
        if !header.priorities.is_empty() && header.priorities.len() != header.keys.len() {
            return Err(Invalid::Priorities { expected: header.keys.len(), found: header.priorities.len() });
        }
        if !header.quorums.is_empty() && header.quorums.len() != header.sessions.len() {
            return Err(Invalid::Quorums { expected: header.sessions.len(), found: header.quorums.len() });
        }
        for session in &header.movers {
            range("session", *session, header.sessions.len())?;
        }
        for (key, holders) in header.placement.iter().enumerate() {
            for node in holders {
                range("node", node.0, usize::from(header.nodes))?;
            }
            if !holders.is_sorted_by(|a, b| a < b) {
                return Err(Invalid::Holders { key });
            }
        }
        match header.settling_from_ns {
            Some(settling_from_ns) if settling_from_ns > header.end_ns => {
                Err(Invalid::Settling { settling_from_ns, end_ns: header.end_ns })
            }
            _ => Ok(Rules { header, number: 0, at_ns: 0, ops: FxHashMap::default(), lives: FxHashMap::default() }),
        }
    }

    /// Takes in the next event; one that makes no sense leaves no trace.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), Invalid> {
        if event.number <= self.number {
            return Err(Invalid::Number { found: event.number, previous: self.number });
        }
        if event.at_ns < self.at_ns {
            return Err(Invalid::Time { found: event.at_ns, previous: self.at_ns });
        }
        if event.cause >= event.number {
            return Err(Invalid::Cause { number: event.number, cause: event.cause });
        }
        if !matches!(event.what, What::FaultOn { .. } | What::FaultOff { .. } | What::Settling) {
            self.node(event.node)?;
        }
        self.life(event.node, &event.what)?;
        self.what(&event.what)?;
        (self.number, self.at_ns) = (event.number, event.at_ns);
        Ok(())
    }

    /// Whether the node is up for what it does.
    fn life(&mut self, node: NodeId, what: &What) -> Result<(), Invalid> {
        match *what {
            What::Down { disk } => match self.lives.entry(node).or_default().down.replace(disk) {
                None => Ok(()),
                Some(before) if disk == Disk::Lost && before != Disk::Lost => Ok(()),
                Some(_) => Err(Invalid::Life { node, is_down: true }),
            },
            What::Up { incarnation } => match self.lives.get_mut(&node) {
                Some(life) if life.down.is_some() && incarnation >= life.incarnation.max(1) => {
                    *life = Life { down: None, incarnation };
                    Ok(())
                }
                life => Err(Invalid::Life { node, is_down: life.is_some_and(|life| life.down.is_some()) }),
            },
            What::Wrote { .. }
            | What::Returned { .. }
            | What::Sent { .. }
            | What::Delivered { .. }
            | What::TimerFired
            | What::Known { .. }
            | What::Visible { .. }
            | What::Hidden { .. }
            | What::Reached { .. }
            | What::Holds { .. } => match self.lives.get(&node) {
                Some(Life { down: Some(_), .. }) => Err(Invalid::IsDown { node }),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn what(&mut self, what: &What) -> Result<(), Invalid> {
        let header = self.header;
        match *what {
            What::Invoked { op, session, key, action, .. } => {
                range("session", session, header.sessions.len())?;
                range("key", key, header.keys.len())?;
                if self.ops.contains_key(&op) {
                    return Err(Invalid::Again { op });
                }
                self.ops.insert(op, OpenOp { action, ended: false });
                Ok(())
            }
            What::Wrote { op, write } => {
                self.write(write)?;
                match self.op(op)?.action {
                    Action::Read => Err(Invalid::Kind { op, action: Action::Read }),
                    Action::Write | Action::Delete => Ok(()),
                }
            }
            What::Returned { op, write } => {
                self.write(write)?;
                match self.op(op)? {
                    OpenOp { ended: true, .. } => Err(Invalid::Ended { op }),
                    OpenOp { action: Action::Read, .. } => Ok(()),
                    OpenOp { action, .. } => Err(Invalid::Kind { op, action }),
                }
            }
            What::Answered { op } | What::Refused { op } | What::TimedOut { op } => {
                let state = self.ops.get_mut(&op).ok_or(Invalid::NotInvoked { op })?;
                if std::mem::replace(&mut state.ended, true) { Err(Invalid::Ended { op }) } else { Ok(()) }
            }
            What::Sent { kind, .. } => range("message kind", kind, header.kinds.len()),
            What::Lost { kind, to, by, .. } => {
                range("message kind", kind, header.kinds.len())?;
                self.node(to)?;
                match by {
                    LostBy::Chance => Ok(()),
                    LostBy::Fault(fault) => range("fault", fault, header.faults.len()),
                }
            }
            What::Duplicated { kind, to: node, .. } | What::Delivered { kind, from: node, .. } => {
                range("message kind", kind, header.kinds.len())?;
                self.node(node)
            }
            What::Known { write }
            | What::Forgot { write, .. }
            | What::Visible { write, .. }
            | What::Hidden { write, .. }
            | What::Overflowed { write, .. } => self.write(write),
            What::Lagging { origin, .. } => self.node(origin),
            What::Holds { key, write, .. } => {
                range("key", key, header.keys.len())?;
                self.write(write)
            }
            What::FaultOn { fault } | What::FaultOff { fault } => range("fault", fault, header.faults.len()),
            What::Gauge { gauge, .. } => range("gauge", gauge, header.gauges.len()),
            What::Reached { op } => self.op(op).map(drop),
            What::Down { .. } | What::Up { .. } | What::Paused | What::Resumed => Ok(()),
            What::TimerFired | What::Settling => Ok(()),
        }
    }

    fn op(&self, op: u32) -> Result<OpenOp, Invalid> {
        self.ops.get(&op).copied().ok_or(Invalid::NotInvoked { op })
    }

    fn node(&self, node: NodeId) -> Result<(), Invalid> {
        range("node", node.0, usize::from(self.header.nodes))
    }

    fn write(&self, write: Dot) -> Result<(), Invalid> {
        self.node(write.node())?;
        if write.origin.incarnation == 0 || write.counter == 0 { Err(Invalid::Write { write }) } else { Ok(()) }
    }
}

fn range(table: &'static str, found: impl Into<u64>, known: usize) -> Result<(), Invalid> {
    let (found, known) = (found.into(), known as u64);
    if found < known { Ok(()) } else { Err(Invalid::Range { table, found, known }) }
}
