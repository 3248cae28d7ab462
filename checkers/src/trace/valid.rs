//! Which recordings make sense: every number in an event leads somewhere.
//!
//! What a broken *store* may do (show a write that it does not know, name two writes alike) is none of these
//! rules: that is for the checkers to find. The rules are about the recording itself, and a recording that keeps
//! them cannot make a checker panic.

use rustc_hash::FxHashMap;
use thiserror::Error;

use super::{Action, Disk, Dot, Event, Header, LostBy, NodeId, Recording, What};

/// Why something is no recording, in words.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Invalid(String);

fn invalid<T>(why: String) -> Result<T, Invalid> {
    Err(Invalid(why))
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
        let (keys, sessions) = (header.keys.len(), header.sessions.len());
        for (found, what, expected, named) in [
            (header.placement.len(), "places {} keys", keys, ""),
            (header.priorities.len(), "gives {} priorities", keys, " keys"),
            (header.quorums.len(), "gives {} quorums", sessions, " sessions"),
        ] {
            if found != 0 && found != expected {
                let what = what.replace("{}", &found.to_string());
                return invalid(format!("the header {what}, but it names {expected}{named}"));
            }
        }
        for session in &header.movers {
            range("session", *session, header.sessions.len())?;
        }
        for (key, holders) in header.placement.iter().enumerate() {
            for node in holders {
                range("node", node.0, usize::from(header.nodes))?;
            }
            if !holders.is_sorted_by(|a, b| a < b) {
                return invalid(format!("the header's holders of key {key} are not in ascending order"));
            }
        }
        match header.settling_from_ns {
            Some(from_ns) if from_ns > header.end_ns => {
                invalid(format!("the header has the run settle from {from_ns} ns, but end at {} ns", header.end_ns))
            }
            _ => Ok(Rules { header, number: 0, at_ns: 0, ops: FxHashMap::default(), lives: FxHashMap::default() }),
        }
    }

    /// Takes in the next event; one that makes no sense leaves no trace.
    pub(super) fn event(&mut self, event: &Event) -> Result<(), Invalid> {
        let Event { number, at_ns, cause, .. } = *event;
        if number <= self.number {
            return invalid(format!("event number {number} follows {}; event numbers must grow", self.number));
        }
        if at_ns < self.at_ns {
            return invalid(format!("the event is at {at_ns} ns, earlier than the one before at {} ns", self.at_ns));
        }
        if cause >= number {
            let why =
                format!("the event is number {number} and cannot follow from event {cause}, which is not earlier");
            return invalid(why);
        }
        if !matches!(event.what, What::FaultOn { .. } | What::FaultOff { .. } | What::Settling) {
            self.node(event.node)?;
        }
        self.life(event.node, &event.what)?;
        self.what(&event.what)?;
        (self.number, self.at_ns) = (number, at_ns);
        Ok(())
    }

    /// Whether the node is up for what it does.
    fn life(&mut self, node: NodeId, what: &What) -> Result<(), Invalid> {
        let wrong = |is: &str| invalid(format!("{node} is {is} already, or its lives are not in order"));
        match *what {
            What::Down { disk } => match self.lives.entry(node).or_default().down.replace(disk) {
                None => Ok(()),
                Some(before) if disk == Disk::Lost && before != Disk::Lost => Ok(()),
                Some(_) => wrong("down"),
            },
            What::Up { incarnation } => match self.lives.get_mut(&node) {
                Some(life) if life.down.is_some() && incarnation >= life.incarnation.max(1) => {
                    *life = Life { down: None, incarnation };
                    Ok(())
                }
                life => wrong(if life.is_some_and(|life| life.down.is_some()) { "down" } else { "up" }),
            },
            What::Wrote { .. }
            | What::Sent { .. }
            | What::Delivered { .. }
            | What::TimerFired
            | What::Known { .. }
            | What::GaveAway { .. }
            | What::Visible { .. }
            | What::Hidden { .. }
            | What::Reached { .. }
            | What::Holds { .. } => match self.lives.get(&node) {
                Some(Life { down: Some(_), .. }) => invalid(format!("{node} is down and cannot do this")),
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
                match self.ops.insert(op, OpenOp { action, ended: false }) {
                    Some(_) => invalid(format!("operation {op} is invoked a second time")),
                    None => Ok(()),
                }
            }
            What::Wrote { op, write } => {
                self.write(write)?;
                match self.op(op)?.action {
                    Action::Read => wrong_kind(op, Action::Read),
                    Action::Write | Action::Delete => Ok(()),
                }
            }
            What::Returned { op, write } => {
                self.write(write)?;
                match self.op(op)? {
                    OpenOp { ended: true, .. } => ended(op),
                    OpenOp { action: Action::Read, .. } => Ok(()),
                    OpenOp { action, .. } => wrong_kind(op, action),
                }
            }
            What::Answered { op } | What::Refused { op, .. } | What::TimedOut { op } => {
                let OpenOp { action, ended: is_over } = self.op(op)?;
                self.ops.insert(op, OpenOp { action, ended: true });
                if is_over { ended(op) } else { Ok(()) }
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
            | What::GaveAway { write }
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
            What::Objected { op, .. } => op.map_or(Ok(()), |op| self.op(op).map(drop)),
            What::Down { .. } | What::Up { .. } | What::Paused | What::Resumed => Ok(()),
            What::TimerFired | What::Settling => Ok(()),
        }
    }

    fn op(&self, op: u32) -> Result<OpenOp, Invalid> {
        self.ops.get(&op).copied().map_or_else(|| invalid(format!("operation {op} was not invoked before")), Ok)
    }

    fn node(&self, node: NodeId) -> Result<(), Invalid> {
        range("node", node.0, usize::from(self.header.nodes))
    }

    fn write(&self, write: Dot) -> Result<(), Invalid> {
        self.node(write.node())?;
        match write.origin.incarnation == 0 || write.counter == 0 {
            true => invalid(format!("{write} is no write: lives and writes are counted from 1")),
            false => Ok(()),
        }
    }
}

fn wrong_kind(op: u32, action: Action) -> Result<(), Invalid> {
    invalid(format!("operation {op} is a {action:?}, which cannot have an event of this kind"))
}

fn ended(op: u32) -> Result<(), Invalid> {
    invalid(format!("operation {op} has already ended"))
}

fn range(table: &'static str, found: impl Into<u64>, known: usize) -> Result<(), Invalid> {
    match found.into() {
        found if found < known as u64 => Ok(()),
        found => invalid(format!("there is no {table} {found}: the header knows {known}, counted from 0")),
    }
}
