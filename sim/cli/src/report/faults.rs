//! Faults in words.

use kvsim_checkers::trace::NodeId;
use kvsim_sim::plan::{FaultKind, MessageName};

use crate::text::duration;

pub fn words(kind: &FaultKind) -> String {
    match kind {
        FaultKind::Partition { cuts } => {
            let cuts: Vec<String> =
                cuts.iter().map(|cut| format!("{} \u{2192} {}", nodes(&cut.from), nodes(&cut.to))).collect();
            format!("messages are lost from {}", cuts.join("; from "))
        }
        FaultKind::Drop(message) => format!("{} is lost", named(message)),
        FaultKind::Delay { message, takes_ns } => {
            format!("{} takes {}", named(message), duration(*takes_ns))
        }
        FaultKind::Duplicate { message, takes_ns } => {
            format!("{} arrives a second time after {}", named(message), duration(*takes_ns))
        }
        FaultKind::Node { node, fault } => format!("{node}: {fault}"),
        FaultKind::Links { from, to, fault } => {
            format!("from {} to {}: {fault}", nodes(from), nodes(to))
        }
    }
}

fn nodes(nodes: &[NodeId]) -> String {
    match nodes {
        [] => "all".to_owned(),
        nodes => nodes.iter().map(|node| node.to_string()).collect::<Vec<_>>().join(", "),
    }
}

fn named(message: &MessageName) -> String {
    let from = message.from.map_or("all".to_owned(), |node| node.to_string());
    format!("{} {} from {from} to {}", message.kind, message.id, nodes(&message.to))
}
