//! Which events of a recording are shown.

use std::collections::HashSet;

use clap::ValueEnum;
use kvsim_checkers::operations::Operations;
use kvsim_checkers::trace::{Event, Header, NodeId, Recording, What};

use crate::args::virtual_time;
use crate::exit::Failure;
use crate::load;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventKind {
    /// Operations of sessions and their answers
    Operations,
    /// Writes that replicas learn of, show and keep waiting
    Writes,
    /// Messages that are sent, lost, duplicated and delivered
    Messages,
    /// Nodes that go down, come up or pause, and what disks forget
    Nodes,
    /// Faults that begin and end; the beginning of settling
    Faults,
    /// Timers that run out
    Timers,
    /// What replicas hold and report at the end
    End,
}

/// Which events are wanted, as the command line says it.
#[derive(Debug, clap::Args)]
pub struct Selection {
    /// Only what happens at this node, or to messages from or to it
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Only what concerns this key; node and fault events are kept
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Only the operations of this session; node and fault events are kept
    #[arg(long, value_name = "SESSION")]
    pub session: Option<String>,
    /// From this virtual time on (for instance 1.2s)
    #[arg(long, value_name = "TIME", value_parser = virtual_time)]
    pub from: Option<u64>,
    /// Up to this virtual time
    #[arg(long, value_name = "TIME", value_parser = virtual_time)]
    pub to: Option<u64>,
    /// Only these kinds of events [default: all but timers and end]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND,...")]
    pub kind: Vec<EventKind>,
}

/// What is wanted, with names looked up.
pub struct Filter {
    kinds: Vec<EventKind>,
    node: Option<NodeId>,
    key: Option<u32>,
    session: Option<u32>,
    from_ns: u64,
    to_ns: u64,
    /// The numbers of the events by which messages with writes of the key were sent.
    #[allow(clippy::disallowed_types)] // asked only whether it contains a number
    carriers: HashSet<u64>,
}

/// The default: timers and the end are seldom of interest.
const USUAL: [EventKind; 5] =
    [EventKind::Operations, EventKind::Writes, EventKind::Messages, EventKind::Nodes, EventKind::Faults];

impl Filter {
    pub fn new(selection: &Selection, recording: &Recording, operations: &Operations<'_>) -> Result<Filter, Failure> {
        let header = &recording.header;
        let node = selection.node.as_deref().map(|name| load::node(header, name)).transpose()?;
        let key = selection.key.as_deref().map(|name| load::number(&header.keys, "key", name)).transpose()?;
        let session =
            selection.session.as_deref().map(|name| load::number(&header.sessions, "session", name)).transpose()?;
        let mut filter = Filter {
            kinds: if selection.kind.is_empty() { USUAL.to_vec() } else { selection.kind.clone() },
            node,
            key,
            session,
            from_ns: selection.from.unwrap_or(0),
            to_ns: selection.to.unwrap_or(u64::MAX),
            carriers: Default::default(),
        };
        if let Some(key) = key {
            filter.find_carriers(recording, operations, key);
        }
        Ok(filter)
    }

    /// A message concerns a key when an operation of the key led to it at once, or when a write of the key became known
    /// or visible by it.
    fn find_carriers(&mut self, recording: &Recording, operations: &Operations<'_>, key: u32) {
        let events = &recording.events;
        let find = |number: u64| events.binary_search_by_key(&number, |event| event.number).ok().map(|at| &events[at]);
        for event in events {
            let Some(cause) = find(event.cause) else { continue };
            match (event.what, cause.what) {
                (What::Sent { .. }, What::Invoked { key: asked, .. }) if asked == key => {
                    self.carriers.insert(event.number);
                }
                (What::Sent { .. }, What::Reached { op }) if key_of(operations, op) == Some(key) => {
                    self.carriers.insert(event.number);
                }
                (what, What::Delivered { .. }) if subject(operations, &what).key == Some(key) => {
                    self.carriers.insert(cause.cause);
                }
                _ => {}
            }
        }
    }

    pub fn wants(&self, header: &Header, operations: &Operations<'_>, event: &Event) -> bool {
        let kind = kind(&event.what);
        (self.from_ns..=self.to_ns).contains(&event.at_ns)
            && self.kinds.contains(&kind)
            && self.node.is_none_or(|node| is_about(header, event, node))
            && (matches!(kind, EventKind::Faults | EventKind::Nodes) || self.wants_subject(operations, event))
    }

    fn wants_subject(&self, operations: &Operations<'_>, event: &Event) -> bool {
        let Subject { key, session } = subject(operations, &event.what);
        let carries = match event.what {
            What::Sent { .. } => self.carriers.contains(&event.number),
            What::Lost { .. } | What::Duplicated { .. } | What::Delivered { .. } => {
                self.carriers.contains(&event.cause)
            }
            _ => false,
        };
        (self.key.is_none() || self.key == key || carries) && (self.session.is_none() || self.session == session)
    }
}

/// What an event is about.
#[derive(Default)]
struct Subject {
    key: Option<u32>,
    session: Option<u32>,
}

fn key_of(operations: &Operations<'_>, op: u32) -> Option<u32> {
    operations.get(op).map(|operation| operation.key)
}

fn subject(operations: &Operations<'_>, what: &What) -> Subject {
    match what {
        What::Invoked { op, .. }
        | What::Reached { op }
        | What::Wrote { op, .. }
        | What::Returned { op, .. }
        | What::Answered { op }
        | What::Refused { op, .. }
        | What::TimedOut { op } => {
            let operation = operations.get(*op);
            Subject { key: key_of(operations, *op), session: operation.map(|operation| operation.session) }
        }
        What::Known { write }
        | What::GaveAway { write }
        | What::Visible { write, .. }
        | What::Hidden { write, .. }
        | What::Overflowed { write, .. }
        | What::Forgot { write, .. } => {
            Subject { key: operations.of_write(*write).map(|operation| operation.key), session: None }
        }
        What::Holds { key, .. } => Subject { key: Some(*key), session: None },
        _ => Subject::default(),
    }
}

pub fn kind(what: &What) -> EventKind {
    match what {
        What::Invoked { .. }
        | What::Wrote { .. }
        | What::Returned { .. }
        | What::Answered { .. }
        | What::Refused { .. }
        | What::TimedOut { .. }
        | What::Objected { .. }
        | What::Reached { .. } => EventKind::Operations,
        What::Known { .. }
        | What::GaveAway { .. }
        | What::Visible { .. }
        | What::Hidden { .. }
        | What::Overflowed { .. }
        | What::Lagging { .. } => EventKind::Writes,
        What::Sent { .. } | What::Lost { .. } | What::Duplicated { .. } | What::Delivered { .. } => EventKind::Messages,
        What::Down { .. } | What::Up { .. } | What::Forgot { .. } | What::Paused | What::Resumed => EventKind::Nodes,
        What::FaultOn { .. } | What::FaultOff { .. } | What::Settling => EventKind::Faults,
        What::TimerFired => EventKind::Timers,
        What::Holds { .. } | What::Gauge { .. } => EventKind::End,
    }
}

/// True when the event happens at `node`, or to a message from or to it, or to all.
fn is_about(header: &Header, event: &Event, node: NodeId) -> bool {
    match event.what {
        What::Lost { to, .. } | What::Duplicated { to, .. } => event.node == node || to == node,
        What::Delivered { from, .. } => event.node == node || from == node,
        What::FaultOn { fault } | What::FaultOff { fault } => {
            header.faults.get(usize::from(fault)).and_then(|fault| fault.node).is_none_or(|other| other == node)
        }
        What::Settling => true,
        _ => event.node == node,
    }
}
