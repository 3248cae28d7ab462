//! Faults as people want to see them: in words, and as a chart of when they last.

use kvsim_checkers::trace::NodeId;
use kvsim_sim::faults::{DiskLoss, LinkFault, NodeFault};
use kvsim_sim::plan::{FaultKind, FaultPlan, MessageName};

use crate::charts::{Axis, Dash, Figure, Mark, Panel, Runs, Style};
use crate::text::duration;

/// More rows than these nobody reads.
const ROWS_MAX: usize = 100;

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

/// A row per fault, as long as it lasts; nothing when none lasts.
pub fn figure(runs: &Runs) -> Option<Figure> {
    let [run] = runs.list.as_slice() else { return None };
    let lasting: Vec<&FaultPlan> = run.plan.faults.iter().filter(|fault| fault.kind.message().is_none()).collect();
    let mut notes = Vec::new();
    if lasting.len() > ROWS_MAX {
        notes.push(format!("The first {ROWS_MAX} of {} faults.", lasting.len()));
    }
    let shown: Vec<&FaultPlan> = lasting.into_iter().take(ROWS_MAX).collect();
    if shown.is_empty() {
        return None;
    }
    let style = Style { colour: 1, dash: Dash::Solid };
    let marks = (0..).zip(&shown).map(|(row, fault)| Mark::Bar(style, row, (fault.from_ns, fault.until_ns)));
    let panel = Panel {
        title: "Faults".to_owned(),
        x: Axis::time(0..run.plan.end_ns().min(run.plan.workload_end_ns + run.plan.workload_end_ns / 5).max(1)),
        y: Axis::names("", shown.iter().map(|fault| fault.name.clone()).collect()),
        over_time: true,
        marks: marks.collect(),
    };
    let mut faults = runs.faults();
    faults.retain(|span| !span.is_fault);
    let panel_height = 60 + 18 * shown.len() as u32;
    let title = runs.title("When faults last");
    Some(Figure { title, notes, legend: Vec::new(), columns: 1, panel_height, panels: vec![panel], faults })
}
