//! Faults in words.

use kvsim_checkers::trace::NodeId;
use kvsim_sim::faults::{DiskLoss, LinkFault, NodeFault};
use kvsim_sim::plan::{FaultKind, MessageName};

use crate::text::duration;

/// What a fault does.
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
        FaultKind::Node { node, fault } => format!("{node} {}", of_node(fault)),
        FaultKind::Links { from, to, fault } => {
            format!("messages from {} to {} {}", nodes(from), nodes(to), of_links(fault))
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

fn of_node(fault: &NodeFault) -> String {
    match fault {
        NodeFault::Crash { disk } => {
            let disk = match disk {
                DiskLoss::Kept => "is kept",
                DiskLoss::TailLost => "loses what was not synced",
                DiskLoss::Torn => "loses what was not synced, and tears the last record",
                DiskLoss::Lost => "is lost",
            };
            format!("is down; its disk {disk}")
        }
        NodeFault::Absent => "does not belong to the cluster yet".to_owned(),
        NodeFault::Left => "has left the cluster".to_owned(),
        NodeFault::Pause => "stands still".to_owned(),
        NodeFault::Slow { step_ns } => format!("takes {} for each input", duration(*step_ns)),
        NodeFault::SlowDisk { write_ns } => format!("has a disk that takes {} for a record", duration(*write_ns)),
        NodeFault::FullDisk => "has a full disk".to_owned(),
        NodeFault::Clock { offset_ns, drift_ppm } => {
            let way = if *offset_ns < 0 { "behind" } else { "ahead" };
            format!("has a clock {} {way} that gains {drift_ppm} ppm", duration(offset_ns.unsigned_abs()))
        }
    }
}

fn of_links(fault: &LinkFault) -> &'static str {
    match fault {
        LinkFault::Slow { .. } => "are slower",
        LinkFault::Loss { .. } => "are lost more often",
        LinkFault::Duplicates { .. } => "arrive twice more often",
        LinkFault::Late { .. } => "arrive very late at times",
    }
}
