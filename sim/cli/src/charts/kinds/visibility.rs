//! How soon writes are seen at other replicas: why there are levels that know priorities.

use std::collections::BTreeSet;

use kvsim_checkers::metrics::{Visibility, Where};
use kvsim_checkers::trace::Level;

use super::{PANEL, colour_of, level_styles, shares};
use crate::charts::axis::Axis;
use crate::charts::figure::{Figure, Mark, Panel, Style};
use crate::charts::runs::Runs;
use crate::text::duration;

/// By priority, most urgent first, the share of writes that each level has shown at another replica after some time.
pub fn visibility(runs: &Runs) -> Result<Figure, &'static str> {
    let styles = level_styles(runs, |run| run.metrics.visibility.keys().map(|(level, ..)| *level).collect());
    let mut groups: Vec<(u8, Style, Level, &Visibility)> = Vec::new();
    for (number, run) in runs.list.iter().enumerate() {
        for ((level, priority, at), group) in &run.metrics.visibility {
            if *at == Where::Other {
                groups.push((*priority, styles.of(number, colour_of(*level)), *level, group));
            }
        }
    }
    let priorities: BTreeSet<u8> = groups.iter().map(|(priority, ..)| *priority).collect();
    if priorities.is_empty() {
        return Err("no write was acknowledged whose key another replica holds");
    }
    let latencies = groups.iter().flat_map(|(_, _, _, group)| group.latency.classes().map(|(ns, _)| ns));
    let x = Axis::log("time from acknowledgement until visible", latencies);
    let panel = |priority: &u8| {
        let of_priority = groups.iter().filter(|(of, ..)| of == priority);
        let (mut marks, mut writes) = (Vec::new(), 0);
        for (_, style, _, group) in of_priority {
            let count = group.latency.count() + group.never;
            writes = writes.max(count);
            marks.push(Mark::Steps(*style, shares(&group.latency, count, x.end())));
        }
        Panel {
            title: match runs.are_many() {
                true => format!("P{priority}"),
                false => format!("P{priority}: {writes} pairs of a write and another replica"),
            },
            x: x.clone(),
            y: Axis::share("share visible"),
            over_time: false,
            marks,
        }
    };
    let panels: Vec<Panel> = priorities.iter().rev().map(panel).collect();
    let all = styles.note().unwrap_or_default();
    let mut notes = vec![format!("What a line leaves below 100 % at its end a level never showed.{all}")];
    if let ([_], Some(urgent)) = (runs.list.as_slice(), priorities.last()) {
        notes.extend(gain(*urgent, &groups));
    }
    Ok(Figure {
        title: runs.title("Visibility of writes at other replicas"),
        notes,
        legend: styles.legend(),
        columns: if panels.len() > 1 { 2 } else { 1 },
        panel_height: PANEL,
        panels,
        faults: Vec::new(),
    })
}

/// By how much the level that knows priorities shows urgent writes sooner than the one that does not.
fn gain(urgent: u8, groups: &[(u8, Style, Level, &Visibility)]) -> Option<String> {
    let of = |level: Level| {
        let group = groups.iter().find(|(priority, _, of, _)| (*priority, *of) == (urgent, level))?;
        let quantile = |of_10_000| group.3.latency.quantile(of_10_000).map(duration);
        Some((quantile(5_000)?, quantile(9_000)?))
    };
    let ((fifo, fifo_90), (priority, priority_90)) = (of(Level::Fifo)?, of(Level::Priority)?);
    Some(format!(
        "P{urgent}, median and 90th percentile: {priority} and {priority_90} at priority, {fifo} and {fifo_90} at fifo."
    ))
}
