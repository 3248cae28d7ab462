//! What replicas lack.

use kvsim_checkers::metrics::{Distribution, Distributions, Lag, Merge as _};
use kvsim_checkers::trace::NodeId;

use crate::charts::ChartInfo;
use crate::charts::lines::{over_time, panel, windows};
use crate::charts::runs::{Run, Runs};
use crate::draw::chart::{Chart, LegendEntry, LineStyle};
use crate::draw::{COLOURS, Dash, Drawing, Unit};

pub const CHART: ChartInfo = ChartInfo {
    name: "lag",
    summary: "What replicas lack of the acknowledged writes",
    about: "Acknowledged writes that a replica lacks, and since when it has lacked the first of them.",
    draw,
    shows_each: false,
};

type Line = (LineStyle, String, Lag);

/// At the end of each window: how many acknowledged writes a replica lacks, and for how long it has lacked the first.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    if runs.are_silent() {
        return Err(
            "the store announces nothing, so what replicas lack is not known; see staleness for what reads miss",
        );
    }
    let (lines, who) = match runs.list.as_slice() {
        [run] if run.metrics.lag.len() <= COLOURS => (by_replica(run), "a replica"),
        _ => (farthest(runs), "the replica farthest behind"),
    };
    let is_empty = |lag: &Distributions| lag.0.iter().all(|window| window.max().unwrap_or(0) == 0);
    if lines.iter().all(|(_, _, lag)| is_empty(&lag.writes)) {
        return Err("no replica lacked anything at the end of a window");
    }
    let marks = |of: fn(&Lag) -> &Distributions| {
        let lines = lines.iter();
        lines.flat_map(|(style, _, lag)| over_time(of(lag), runs.window_ns, *style, Distribution::max)).collect()
    };
    let title = format!("Acknowledged writes that {who} lacks");
    let panels = vec![
        panel(runs, &title, "writes", Unit::Count, marks(|lag| &lag.writes)),
        panel(runs, "How long the first of them has been acknowledged", "age", Unit::Time, marks(|lag| &lag.age_ns)),
    ];
    let legend = lines.iter().map(|(style, label, _)| LegendEntry { style: *style, label: label.clone() });
    let chart = Chart {
        notes: vec![windows(runs, None)],
        legend: legend.collect(),
        shaded: runs.shaded(),
        ..Chart::new(runs.title("Lag of replicas"), panels)
    };
    Ok(chart.draw())
}

fn by_replica(run: &Run) -> Vec<Line> {
    let style = |node: NodeId| LineStyle { colour: node.index(), dash: Dash::ALL[node.index() % Dash::ALL.len()] };
    run.metrics.lag.iter().map(|(node, lag)| (style(*node), node.to_string(), lag.clone())).collect()
}

/// Of many replicas, the one that is farthest behind at the time.
fn farthest(runs: &Runs) -> Vec<Line> {
    let line = |(number, run): (usize, &Run)| {
        let mut all = Lag::default();
        run.metrics.lag.values().for_each(|lag| all.merge_with(lag));
        let label = if runs.are_many() { run.label.clone() } else { "farthest behind".to_string() };
        (LineStyle { colour: number, dash: Dash::ALL[number] }, label, all)
    };
    runs.list.iter().enumerate().map(line).collect()
}
