//! What replicas keep beside the values.

use kvsim_checkers::metrics::{Distribution, METADATA_BYTES, Series};

use crate::charts::ChartInfo;
use crate::charts::lines::{most, over_time, panel, windows};
use crate::charts::runs::{Run, Runs};
use crate::draw::chart::{Chart, LegendEntry, LineStyle, Mark, PANEL, Panel};
use crate::draw::{Dash, Drawing, Unit};

pub const CHART: ChartInfo = ChartInfo {
    name: "metadata",
    summary: "What replicas keep beside the values",
    about: "What replicas keep beside the values.",
    draw,
    shows_each: false,
};

/// A gauge as a panel: its name, the panel's title, the axis.
const GAUGES: &[(&str, &str, &str, Unit)] = &[
    (METADATA_BYTES, "Metadata of a replica: clocks, contexts, what is to be cleaned up", "size", Unit::Bytes),
    ("waiting-bytes", "Buffer: writes that wait for their turn, in the fullest ordered view", "size", Unit::Bytes),
    ("dot-keys", "Writes that some other replica may miss (entries of the dot-key map)", "entries", Unit::Count),
    ("tombstones", "Deleted keys that are kept (tombstones)", "entries", Unit::Count),
];

/// Sizes over time, the median of the replicas and the largest; and the entries of contexts per object.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    let mut panels = Vec::new();
    for (gauge, title, what, unit) in GAUGES {
        let mut marks = Vec::new();
        for (number, run) in runs.list.iter().enumerate() {
            let Some(series) = run.metrics.gauges.get(*gauge) else { continue };
            for (dash, of_10_000) in [(Dash::Solid, 5_000), (Dash::Dashed, 10_000)] {
                let style = LineStyle { colour: number, dash };
                marks.extend(over_time(series, runs.window_ns, style, |of| of.quantile(of_10_000)));
            }
        }
        panels.extend(panel_unless_zero(runs, title, what, *unit, marks));
        if *gauge == METADATA_BYTES {
            let marks = runs.list.iter().enumerate().flat_map(|(number, run)| entries_per_object(runs, number, run));
            let title = "Clock entries per object (mean over all replicas)";
            panels.extend(panel_unless_zero(runs, title, "entries", Unit::Thousandths, marks.collect()));
        }
    }
    if panels.is_empty() {
        return Err("the store reports nothing about what it keeps");
    }
    let mut legend = Vec::new();
    for (number, run) in runs.list.iter().enumerate() {
        let who = if runs.are_many() { format!("{}: ", run.label) } else { String::new() };
        for (dash, what) in [(Dash::Solid, "median replica"), (Dash::Dashed, "largest")] {
            legend.push(LegendEntry { style: LineStyle { colour: number, dash }, label: format!("{who}{what}") });
        }
    }
    let chart = Chart {
        notes: vec![windows(runs, None)],
        legend,
        panel_height: PANEL * 4 / 5,
        shaded: runs.shaded(),
        ..Chart::new(runs.title("Metadata"), panels)
    };
    Ok(chart.draw())
}

/// Nothing where no run reports the number, or all report 0 all the time.
fn panel_unless_zero(runs: &Runs, title: &str, what: &str, unit: Unit, marks: Vec<Mark>) -> Option<Panel> {
    (most(&marks) > 0).then(|| panel(runs, title, what, unit, marks))
}

/// In thousandths.
fn entries_per_object(runs: &Runs, number: usize, run: &Run) -> Vec<Mark> {
    let gauge = |name: &str| run.metrics.gauges.get(name);
    let (Some(entries), Some(objects)) = (gauge("context-entries"), gauge("objects")) else { return Vec::new() };
    let pairs = entries.0.iter().zip(&objects.0).collect::<Vec<(&Distribution, &Distribution)>>();
    let ratios = Series(pairs);
    let style = LineStyle::solid(number);
    over_time(&ratios, runs.window_ns, style, |(entries, objects)| {
        (entries.sum() * 1_000).checked_div(objects.sum()).map(|ratio| ratio as u64)
    })
}
