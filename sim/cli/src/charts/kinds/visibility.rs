//! How soon writes are seen at other replicas: why there are levels that know priorities.

use std::collections::BTreeSet;

use kvsim_checkers::metrics::{Visibility, Where};
use kvsim_checkers::trace::Level;

use crate::charts::ChartInfo;
use crate::charts::lines::{MICROSECOND, shares};
use crate::charts::runs::Runs;
use crate::charts::styles::{colour_of, level_styles};
use crate::draw::chart::{Chart, LineStyle, Mark, Panel};
use crate::draw::{Axis, Drawing};
use crate::text::{counted, duration};

pub const CHART: ChartInfo = ChartInfo {
    name: "visibility",
    summary: "Time until a write is seen at other replicas, by priority and level",
    about: "By priority and level, the share of writes that another replica has shown, by the time since they were \
            acknowledged.",
    draw,
    shows_each: false,
};

/// By priority, most urgent first, the share of writes that each level has shown at another replica after some time.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    let styles = level_styles(runs, |run| run.metrics.visibility.keys().map(|(level, ..)| *level).collect());
    let mut groups: Vec<(u8, LineStyle, Level, &Visibility)> = Vec::new();
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
    let lines: Vec<Line<'_>> = groups.iter().map(|(priority, style, _, group)| (*priority, *style, *group)).collect();
    let panels = panels(&lines, MICROSECOND, !runs.are_many());
    let all = styles.note().unwrap_or_default();
    let mut notes = vec![format!("What a line lacks to 100 % at its end was never shown at that level.{all}")];
    if runs.are_silent() {
        notes = vec![
            "The store announces nothing. Shown is when the first read at another replica returned a write: it was visible by then."
                .to_owned(),
            format!("Writes that no read returned there are left out.{all}"),
        ];
    }
    if let ([_], Some(urgent)) = (runs.list.as_slice(), priorities.last()) {
        notes.extend(gain(*urgent, &groups));
    }
    let chart = Chart {
        notes,
        legend: styles.legend(),
        columns: if panels.len() > 1 { 2 } else { 1 },
        ..Chart::new(runs.title("Visibility of writes at other replicas"), panels)
    };
    Ok(chart.draw())
}

/// Of writes of a priority: how soon they are visible.
pub type Line<'v> = (u8, LineStyle, &'v Visibility);

/// By priority, most urgent first, the share of writes that each line shows after some time, from `bound` on. All lines
/// may be `of_one` run, or of runs that are counted as one.
pub fn panels(lines: &[Line<'_>], bound: u64, of_one: bool) -> Vec<Panel> {
    let latencies = lines.iter().flat_map(|(_, _, group)| group.latency.classes().map(|(ns, _)| ns));
    let x = Axis::log("time from acknowledgement until visible", bound, latencies);
    let panel = |priority: u8| {
        let of_priority = || lines.iter().filter(|(of, ..)| *of == priority);
        let pairs = of_priority().map(|(_, _, group)| group.count()).max().unwrap_or(0);
        let marks =
            of_priority().map(|(_, style, group)| Mark::Steps(*style, shares(&group.latency, group.count(), x.end())));
        Panel {
            title: match of_one {
                true => format!("P{priority}: {} of a write and another replica", counted(pairs, "pair", "pairs")),
                false => format!("P{priority}"),
            },
            x: x.clone(),
            y: Axis::share("share visible"),
            marks: marks.collect(),
        }
    };
    let priorities: BTreeSet<u8> = lines.iter().map(|(priority, ..)| *priority).collect();
    priorities.into_iter().rev().map(panel).collect()
}

/// By how much the level that knows priorities shows urgent writes sooner than the one that does not.
fn gain(urgent: u8, groups: &[(u8, LineStyle, Level, &Visibility)]) -> Option<String> {
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
