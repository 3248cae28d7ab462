//! Events in words, those of the findings' stories.

use kvsim_checkers::operations::{Operation, Operations};
use kvsim_checkers::trace::{Action, Disk, Dot, Event, Header, LostBy, Recording, What};

use crate::text::micros;

/// What is needed to say an event.
pub struct Words<'a> {
    header: &'a Header,
    operations: Operations<'a>,
}

impl<'a> Words<'a> {
    pub fn of(recording: &'a Recording) -> Words<'a> {
        Words { header: &recording.header, operations: Operations::of(recording) }
    }

    pub fn operations(&self) -> &Operations<'a> {
        &self.operations
    }

    /// One event in one line: its time, its number, where and what, and the number of the event that it follows from.
    pub fn line(&self, event: &Event) -> String {
        let mut line =
            format!("{:>12}  {:<8} {}", micros(event.at_ns), format!("[{}]", event.number), self.event(event));
        if event.cause > 0 {
            line.push_str(&format!("  <- [{}]", event.cause));
        }
        line
    }

    fn event(&self, event: &Event) -> String {
        let node = event.node;
        let key = |key: u32| named(&self.header.keys, key);
        let session = |session: u32| named(&self.header.sessions, session);
        let kind = |kind: u8| named(&self.header.kinds, kind);
        let fault = |fault: u16| self.header.faults.get(usize::from(fault)).map_or("a fault", |fault| &fault.name);
        let here = match event.what {
            What::Invoked { op, session: who, action: Action::Read, key: k, level, .. } => {
                format!("{} read   #{op}  {} at {}", session(who), key(k), level.name())
            }
            What::Invoked { op, session: who, action: Action::Write, key: k, value, .. } => {
                format!("{} write  #{op}  {} = {value}", session(who), key(k))
            }
            What::Invoked { op, session: who, action: Action::Delete, key: k, .. } => {
                format!("{} delete #{op}  {}", session(who), key(k))
            }
            What::Wrote { op, write } => format!("takes in #{op} as {write}"),
            What::Returned { op, write } => format!("returns {} for #{op}", self.write(write)),
            What::Answered { op } => match self.operations.get(op) {
                Some(Operation { action: Action::Read, key: k, returned, .. }) => {
                    format!("answers #{op}: {} -> {}", key(*k), self.operations.values(returned))
                }
                _ => format!("answers #{op}: ok"),
            },
            What::Refused { op, why } => {
                let why = why.map_or(String::new(), |why| format!(" ({})", format!("{why:?}").to_lowercase()));
                format!("refuses #{op}{why}")
            }
            What::TimedOut { op } => format!("#{op} timed out"),
            What::Reached { op } => format!("takes up #{op}"),
            What::Objected { to, .. } => format!("{} (says the host)", to.text()),
            What::Sent { kind: k, id, bytes, copies } => {
                let nodes = if copies == 1 { "node" } else { "nodes" };
                format!("{} {id}  sent to {copies} {nodes}, {bytes} bytes", kind(k))
            }
            What::Lost { kind: k, id, to, by } => {
                let by = match by {
                    LostBy::Chance => "by chance",
                    LostBy::Fault(number) => fault(number),
                };
                return format!("{node} -> {to}  {} {id}  lost ({by})", kind(k));
            }
            What::Duplicated { kind: k, id, to } => return format!("{node} -> {to}  {} {id}  doubled", kind(k)),
            What::Delivered { kind: k, id, from } => return format!("{from} -> {node}  {} {id}  delivered", kind(k)),
            What::TimerFired => "timer".to_owned(),
            What::Known { write } => format!("knows {}", self.write(write)),
            What::GaveAway { write } => format!("gives {} away", self.write(write)),
            What::Visible { levels, write } => format!("shows {} at {}", self.write(write), levels.names()),
            What::Hidden { levels, write } => format!("no longer shows {} at {}", self.write(write), levels.names()),
            What::Overflowed { levels, write } => {
                format!("has no room to let {} wait at {}", self.write(write), levels.names())
            }
            What::Lagging { level, origin, behind_ns } => {
                format!("{} lags behind what came from {origin} by {}", level.name(), micros(behind_ns))
            }
            What::FaultOn { fault: number } => return format!("{} begins", fault(number)),
            What::FaultOff { fault: number } => return format!("{} ends", fault(number)),
            What::Settling => return "settling begins".to_owned(),
            What::Down { disk: Disk::Kept } => "goes down; its disk is kept".to_owned(),
            What::Down { disk: Disk::TailLost } => "goes down; its disk loses the last records".to_owned(),
            What::Down { disk: Disk::Lost } => "is down, without a disk".to_owned(),
            What::Up { incarnation } => format!("is up in its life {incarnation}"),
            What::Forgot { write, promised: false } => format!("had not yet written {write} to its disk"),
            What::Forgot { write, promised: true } => format!("lost {write} although its disk had it"),
            What::Paused => "stands still".to_owned(),
            What::Resumed => "goes on".to_owned(),
            What::Holds { level, write, .. } => format!("holds {} at {}", self.write(write), level.name()),
            What::Gauge { gauge, value } => {
                let name = self.header.gauges.get(usize::from(gauge)).map_or("gauge", |gauge| &gauge.name);
                format!("{name} {value}")
            }
        };
        format!("{node}  {here}")
    }

    /// `x = 1701 (#17, n0:3)`.
    pub fn write(&self, write: Dot) -> String {
        let Some(Operation { number, action, key, value, .. }) = self.operations.of_write(write) else {
            return write.to_string();
        };
        let key = named(&self.header.keys, *key);
        match action {
            Action::Delete => format!("delete of {key} (#{number}, {write})"),
            _ => format!("{key} = {value} (#{number}, {write})"),
        }
    }
}

/// The name with a number; recordings that are not whole may have none.
fn named(table: &[String], number: impl Into<u32>) -> &str {
    table.get(number.into() as usize).map_or("?", |name| name)
}
