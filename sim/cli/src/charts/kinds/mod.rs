//! The kinds of charts. Colours tell apart what a chart is about, dashes the runs that are compared.

mod lag;
mod latency;
mod messages;
mod metadata;
mod staleness;
mod timeline;
mod traffic;
mod visibility;

pub use lag::lag;
pub use latency::latency;
pub use messages::messages;
pub use metadata::metadata;
pub use staleness::staleness;
pub use timeline::timeline;
pub use traffic::traffic;
pub use visibility::visibility;

use std::collections::BTreeSet;

use kvsim_checkers::metrics::{Distribution, Series};
use kvsim_checkers::trace::Level;

use super::figure::{Mark, Style};
use super::runs::{Run, Runs};
use super::styles::Styles;
use crate::text::duration;

/// The height of a panel in pixels, where nothing else matters.
pub const PANEL: u32 = 190;

/// A distribution's share of numbers up to each, in parts of 10,000 of `count`, as a line to the end of the axis.
pub fn shares(numbers: &Distribution, count: u64, end: u64) -> Vec<(u64, u64)> {
    let share = |part: u64| (u128::from(part) * 10_000 / u128::from(count.max(1))) as u64;
    let mut points: Vec<(u64, u64)> = vec![(0, 0)];
    points.extend(numbers.cumulative().map(|(number, below)| (number, share(below))));
    points.push((end, share(numbers.count())));
    points
}

/// What each window comes to, at its middle; a line ends where a window has nothing to say.
fn over_time<T>(series: &Series<T>, window_ns: u64, style: Style, value: impl Fn(&T) -> Option<u64>) -> Vec<Mark> {
    let mut lines: Vec<Vec<(u64, u64)>> = vec![Vec::new()];
    for (window, content) in (0..).zip(&series.0) {
        match value(content) {
            Some(value) => {
                let at_ns = window * window_ns + window_ns / 2;
                lines.last_mut().expect("there is a line").push((at_ns, value));
            }
            None => lines.push(Vec::new()),
        }
    }
    lines.into_iter().filter(|line| !line.is_empty()).map(|line| Mark::Line(style, line)).collect()
}

/// The greatest number of lines.
fn most(marks: &[Mark]) -> u64 {
    let points = marks.iter().flat_map(|mark| match mark {
        Mark::Line(_, points) | Mark::Steps(_, points) => points.as_slice(),
        _ => &[],
    });
    points.map(|(_, y)| *y).max().unwrap_or(0)
}

/// The colour of a level is the same in all charts.
pub fn colour_of(level: Level) -> usize {
    match level {
        Level::Eventual => 0,
        Level::Fifo => 1,
        Level::Priority => 2,
        Level::FifoP1 => 3,
        Level::FifoP2 => 4,
        Level::FifoP3 => 5,
    }
}

/// The styles of levels, where each run shows some.
fn level_styles(runs: &Runs, levels: impl Fn(&Run) -> BTreeSet<Level>) -> Styles<'_> {
    let named = |level: Level| (colour_of(level), level.name().to_string());
    let of_runs = runs.list.iter().map(|run| levels(run).into_iter().map(named).collect());
    Styles::new(runs, &of_runs.collect::<Vec<_>>())
}

/// How wide the windows of series are, for people.
fn windows(runs: &Runs, styles: Option<&Styles<'_>>) -> String {
    let note = styles.and_then(Styles::note).unwrap_or_default();
    format!("Over time: by windows of {}.{note}", duration(runs.window_ns))
}
