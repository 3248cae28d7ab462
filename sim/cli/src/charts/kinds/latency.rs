//! How soon operations are answered, and whether.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::metrics::{Calls, Distribution, Merge as _, Series, Sums};
use kvsim_checkers::trace::{Action, Level};

use crate::charts::ChartInfo;
use crate::charts::lines::{MICROSECOND, over_time, panel, shares, windows};
use crate::charts::runs::Runs;
use crate::charts::styles::{Styles, colour_of, level_styles};
use crate::draw::chart::{Chart, LineStyle, Mark, Panel};
use crate::draw::{Axis, Dash, Drawing, Unit};

pub const CHART: ChartInfo = ChartInfo {
    name: "latency",
    summary: "Time to an answer, over time and as a distribution, and the share of answered operations",
    about: "Time to the answer, the share of answered operations, and how many per second.",
    draw,
    shows_each: false,
};

/// For each kind of operation the median and the 99th percentile over time, beside the distribution; below, the share of
/// answered operations.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    let styles = level_styles(runs, |run| run.metrics.calls.keys().map(|(_, level)| *level).collect()).solid();
    let mut groups: Vec<(LineStyle, Action, &Calls)> = Vec::new();
    for (number, run) in runs.list.iter().enumerate() {
        let of_run = run.metrics.calls.iter();
        groups.extend(of_run.map(|((action, level), calls)| (styles.of(number, colour_of(*level)), *action, calls)));
    }
    let actions: BTreeSet<Action> = groups.iter().map(|(_, action, _)| *action).collect();
    if actions.is_empty() {
        return Err("there was no operation");
    }
    let mut notes = vec![windows(runs, Some(&styles))];
    let takes_time = groups.iter().any(|(_, _, calls)| calls.latency_ns.max() > Some(0));
    if !takes_time {
        notes.push(
            "Every answer came at once: replicas answered by themselves, and their steps take no virtual time.".into(),
        );
    }
    let mut panels = Vec::new();
    for action in actions.iter().filter(|_| takes_time) {
        let name = match action {
            Action::Read => "Reads",
            Action::Write => "Writes",
            Action::Delete => "Deletes",
        };
        let of_action = || groups.iter().filter(|(_, of, _)| of == action);
        // A dash is a quantile of one run, or one of several runs.
        let quantile = |of_10_000, dash| {
            let lines = of_action().flat_map(move |(style, _, calls)| {
                let style = if runs.are_many() { *style } else { LineStyle { dash, ..*style } };
                over_time(&calls.over_time, runs.window_ns, style, |ns: &Distribution| ns.quantile(of_10_000))
            });
            lines.collect::<Vec<Mark>>()
        };
        let mut marks = quantile(9_900, Dash::Dashed);
        if !runs.are_many() {
            marks.extend(quantile(5_000, Dash::Solid));
        }
        let quantiles = if runs.are_many() { "99th percentile" } else { "median (solid) and 99th percentile (dashed)" };
        panels.push(panel(runs, &format!("{name}: {quantiles}"), "latency", Unit::Time, marks));
        let numbers = of_action().flat_map(|(_, _, calls)| calls.latency_ns.classes().map(|(ns, _)| ns));
        let x = Axis::log("latency", MICROSECOND, numbers);
        let lines = of_action()
            .map(|(style, _, calls)| Mark::Steps(*style, shares(&calls.latency_ns, calls.latency_ns.count(), x.end())));
        let marks = lines.collect();
        panels.push(Panel {
            title: format!("{name}: distribution"),
            y: Axis::share("share answered by then"),
            x,
            marks,
        });
    }
    panels.extend(answered(runs, &styles));
    let chart = Chart {
        notes,
        legend: styles.legend(),
        columns: 2,
        shaded: runs.shaded(),
        ..Chart::new(runs.title("Latency of operations"), panels)
    };
    Ok(chart.draw())
}

/// The share of operations that were answered, and how many those were per second, by window of invocation.
fn answered(runs: &Runs, styles: &Styles<'_>) -> [Panel; 2] {
    let (mut shares, mut rates) = (Vec::new(), Vec::new());
    for (number, run) in runs.list.iter().enumerate() {
        let mut levels: BTreeMap<Level, (Sums, Sums)> = BTreeMap::new();
        for ((_, level), calls) in &run.metrics.calls {
            let (asked, answered) = levels.entry(*level).or_default();
            asked.merge_with(&calls.asked);
            answered.merge_with(&calls.answered);
        }
        for (level, (asked, mut answered)) in levels {
            let style = styles.of(number, colour_of(level));
            answered.0.resize(asked.0.len(), 0);
            let pairs = Series(asked.0.iter().copied().zip(answered.0).collect());
            let share = |(asked, answered): &(u64, u64)| (answered * 10_000).checked_div(*asked);
            shares.extend(over_time(&pairs, runs.window_ns, style, share));
            let rate = |(_, answered): &(u64, u64)| u128::from(*answered) * 1_000_000_000 / u128::from(runs.window_ns);
            rates.extend(over_time(&pairs, runs.window_ns, style, |pair| Some(rate(pair) as u64)));
        }
    }
    let title = "Availability: share of operations that were answered".to_owned();
    [
        Panel { title, x: runs.time(), y: Axis::share("share answered"), marks: shares },
        panel(runs, "Answered operations", "operations per second", Unit::Count, rates),
    ]
}
