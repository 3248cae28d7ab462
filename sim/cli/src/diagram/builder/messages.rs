//! The messages of a scene: which are drawn, and what they are called.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kvsim_checkers::trace::{Action, Dot, LostBy, NodeId, Recording, What};

use super::SceneBuilder;
use crate::diagram::scene::{Arrow, Label};
use crate::draw::Kind;
use crate::text::micros;

/// At most as many messages are all drawn, whether they change anything or not.
const FEW: usize = 40;

struct Sent {
    at_ns: u64,
    node: NodeId,
    name: String,
    is_direct: bool,
    /// The operation that it was sent for at once.
    op: Option<u32>,
}

impl SceneBuilder<'_> {
    /// Puts the messages that are sent and end within `span_ns` into the scene.
    pub fn messages(&mut self, recording: &Recording, span_ns: &Range<u64>, changes: &BTreeSet<u64>) {
        let mut sent: BTreeMap<u64, Sent> = BTreeMap::new();
        let mut asked = BTreeMap::new();
        let brought = brought(recording, span_ns);
        let mut arrived: BTreeSet<(u64, NodeId)> = BTreeSet::new();
        let all = recording.events.iter().filter(|event| {
            matches!(event.what, What::Delivered { .. } | What::Lost { .. }) && span_ns.contains(&event.at_ns)
        });
        let are_few = all.count() <= FEW;
        for event in recording.events.iter().filter(|event| event.at_ns < span_ns.end) {
            let kind = |kind: u8| self.header.kinds.get(usize::from(kind)).cloned().unwrap_or_default();
            match event.what {
                What::Invoked { op, .. } | What::Reached { op } => drop(asked.insert(event.number, op)),
                What::Sent { kind: k, id, .. } => {
                    let op = asked.get(&event.cause).copied();
                    let (name, is_direct) = (format!("{} {id}", kind(k)), op.is_some());
                    sent.insert(event.number, Sent { at_ns: event.at_ns, node: event.node, name, is_direct, op });
                }
                What::Delivered { .. } => {
                    let Some(message) = sent.get(&event.cause) else { continue };
                    let Sent { at_ns, node: from, name, is_direct, .. } = message;
                    let again = !arrived.insert((event.cause, event.node));
                    let matters = changes.contains(&event.number) || *is_direct || again;
                    if !span_ns.contains(at_ns) || !matters && !are_few {
                        self.scene.left_out += usize::from(!matters);
                        continue;
                    }
                    let kind = match (again, is_direct) {
                        (true, _) => Kind::Duplicate,
                        (false, true) => Kind::Direct,
                        (false, false) if matters => Kind::Repair,
                        (false, false) => Kind::Idle,
                    };
                    let (from, to, sent_ns, until_ns) = (*from, event.node, *at_ns, event.at_ns);
                    let name = format!("{name}{}", if again { ", again" } else { "" });
                    self.scene.row(sent_ns);
                    self.scene.row(until_ns);
                    if matters {
                        let first = self.scene.row(until_ns).labels.entry(to).or_default();
                        // What arrives comes before what follows from it.
                        let before = first.iter().take_while(|label| label.kind == Kind::Message).count();
                        first.insert(before, Label { text: name, kind: Kind::Message });
                    }
                    let writes = brought.get(&event.number).map_or(&[][..], Vec::as_slice);
                    let end = format!("arrived {}{}", micros(until_ns), self.brings(writes));
                    let text = self.describe(message, to, &end);
                    self.scene.arrows.push(Arrow { from, to, sent_ns, until_ns, kind, text });
                }
                What::Lost { to, by, .. } => {
                    let Some(message) = sent.get(&event.cause) else { continue };
                    let Sent { at_ns, node: from, name, is_direct, .. } = message;
                    if !span_ns.contains(at_ns) || !is_direct && !are_few {
                        self.scene.left_out += usize::from(!is_direct);
                        continue;
                    }
                    let by = match by {
                        LostBy::Chance => "by chance",
                        LostBy::Fault(fault) => self.header.faults.get(usize::from(fault)).map_or("", |f| &f.name),
                    };
                    let label = format!("{name} to {to} lost ({by})");
                    let (from, sent_ns, until_ns) = (*from, *at_ns, event.at_ns);
                    self.scene.row(sent_ns).loses |= sent_ns == until_ns;
                    self.scene.label(sent_ns, from, Kind::Lost, label);
                    self.scene.row(until_ns);
                    let text = self.describe(message, to, &format!("lost ({by})"));
                    self.scene.arrows.push(Arrow { from, to, sent_ns, until_ns, kind: Kind::Gone, text });
                }
                _ => {}
            }
        }
    }

    /// A message in words: what it was for, from whom to whom, when, and what became of it.
    fn describe(&self, message: &Sent, to: NodeId, end: &str) -> String {
        let Sent { at_ns, node, name, op, .. } = message;
        let operation = op.and_then(|op| self.operations.get(op));
        let purpose = operation.map(|operation| {
            let (key, op) = (self.key(operation.key), operation.number);
            match operation.action {
                Action::Read => format!(" for #{op} (read {key})"),
                Action::Write => format!(" for #{op} ({key} = {})", operation.value),
                Action::Delete => format!(" for #{op} (delete {key})"),
            }
        });
        format!("{name} from {node} to {to}{}: sent {}, {end}", purpose.unwrap_or_default(), micros(*at_ns))
    }

    /// The writes that a message made known.
    fn brings(&self, writes: &[Dot]) -> String {
        const SHOWN: usize = 4;
        if writes.is_empty() {
            return String::new();
        }
        let write = |write: &Dot| match self.operations.of_write(*write) {
            Some(operation) if operation.action == Action::Delete => format!("delete of {}", self.key(operation.key)),
            Some(operation) => format!("{} = {}", self.key(operation.key), operation.value),
            None => write.to_string(),
        };
        let mut text = format!(", new: {}", writes.iter().take(SHOWN).map(write).collect::<Vec<_>>().join(", "));
        if writes.len() > SHOWN {
            text.push_str(&format!(" and {} more", writes.len() - SHOWN));
        }
        text
    }
}

/// By the number of a delivery: the writes that became known by it.
fn brought(recording: &Recording, span_ns: &Range<u64>) -> BTreeMap<u64, Vec<Dot>> {
    let mut all: BTreeMap<u64, Vec<Dot>> = BTreeMap::new();
    for event in recording.events.iter().filter(|event| span_ns.contains(&event.at_ns)) {
        if let What::Known { write } = event.what {
            all.entry(event.cause).or_default().push(write);
        }
    }
    all
}
