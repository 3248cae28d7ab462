//! What replicas lack.

use kvsim_checkers::metrics::{Distribution, Distributions, Lag, Merge as _};
use kvsim_checkers::trace::NodeId;

use super::{PANEL, most, over_time, windows};
use crate::charts::axis::{Axis, Unit};
use crate::charts::figure::{Dash, Entry, Figure, Panel, Style};
use crate::charts::runs::{Run, Runs};
use crate::charts::theme::Theme;

type Line = (Style, String, Lag);

/// At the end of each window: how many acknowledged writes a replica lacks, and for how long it has lacked the first.
pub fn lag(runs: &Runs) -> Result<Figure, &'static str> {
    let (lines, who) = match runs.list.as_slice() {
        [run] if run.metrics.lag.len() <= Theme::COLOURS => (by_replica(run), "a replica"),
        _ => (farthest(runs), "the replica farthest behind"),
    };
    let is_empty = |lag: &Distributions| lag.0.iter().all(|window| window.max().unwrap_or(0) == 0);
    if lines.iter().all(|(_, _, lag)| is_empty(&lag.writes)) {
        return Err("no replica lacked anything at the end of a window");
    }
    let panel = |title: &str, what: &str, unit, of: fn(&Lag) -> &Distributions| {
        let marks: Vec<_> = lines
            .iter()
            .flat_map(|(style, _, lag)| over_time(of(lag), runs.window_ns, *style, Distribution::max))
            .collect();
        Panel {
            title: title.to_string(),
            x: runs.time(),
            y: Axis::up_to(what, unit, most(&marks)),
            over_time: true,
            marks,
        }
    };
    Ok(Figure {
        title: runs.title("Lag of replicas"),
        notes: vec![windows(runs, None)],
        legend: lines.iter().map(|(style, label, _)| Entry { style: *style, label: label.clone() }).collect(),
        columns: 1,
        panel_height: PANEL,
        panels: vec![
            panel(&format!("Acknowledged writes that {who} lacks"), "writes", Unit::Count, |lag| &lag.writes),
            panel("How long the first of them has been acknowledged", "age", Unit::Time, |lag| &lag.age_ns),
        ],
        faults: runs.faults(),
    })
}

fn by_replica(run: &Run) -> Vec<Line> {
    let style = |node: NodeId| Style { colour: node.index(), dash: Dash::ALL[node.index() % Dash::ALL.len()] };
    run.metrics.lag.iter().map(|(node, lag)| (style(*node), node.to_string(), lag.clone())).collect()
}

/// Of many replicas, the one that is farthest behind at the time.
fn farthest(runs: &Runs) -> Vec<Line> {
    let line = |(number, run): (usize, &Run)| {
        let mut all = Lag::default();
        run.metrics.lag.values().for_each(|lag| all.merge_with(lag));
        let label = if runs.are_many() { run.label.clone() } else { "farthest behind".to_string() };
        (Style { colour: number, dash: Dash::ALL[number] }, label, all)
    };
    runs.list.iter().enumerate().map(line).collect()
}
