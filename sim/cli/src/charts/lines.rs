//! What charts of runs have in common: lines over time, distributions, and how wide windows are.

use kvsim_checkers::metrics::{Distribution, Series};

use super::runs::Runs;
use super::styles::Styles;
use crate::draw::chart::{LineStyle, Mark, Panel};
use crate::draw::{Axis, Unit};
use crate::text::duration;

/// Shorter times than this are drawn as one.
pub const MICROSECOND: u64 = 1_000;

/// A distribution's share of numbers up to each, in parts of 10,000 of `count`, as a line to the end of the axis.
pub fn shares(numbers: &Distribution, count: u64, end: u64) -> Vec<(u64, u64)> {
    let share = |part: u64| (u128::from(part) * 10_000 / u128::from(count.max(1))) as u64;
    let mut points: Vec<(u64, u64)> = vec![(0, 0)];
    points.extend(numbers.cumulative().map(|(number, below)| (number, share(below))));
    points.push((end, share(numbers.count())));
    points
}

/// What each window comes to, at its middle; a line ends where a window has nothing to say.
pub fn over_time<T>(
    series: &Series<T>,
    window_ns: u64,
    style: LineStyle,
    value: impl Fn(&T) -> Option<u64>,
) -> Vec<Mark> {
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
pub fn most(marks: &[Mark]) -> u64 {
    let points = marks.iter().flat_map(|mark| match mark {
        Mark::Line(_, points) | Mark::Steps(_, points) => points.as_slice(),
        _ => &[],
    });
    points.map(|(_, y)| *y).max().unwrap_or(0)
}

/// Lines over virtual time, from 0 to their greatest number.
pub fn panel(runs: &Runs, title: &str, what: &str, unit: Unit, marks: Vec<Mark>) -> Panel {
    Panel { title: title.to_string(), x: runs.time(), y: Axis::up_to(what, unit, most(&marks)), marks }
}

/// How wide the windows of series are, in words.
pub fn windows(runs: &Runs, styles: Option<&Styles<'_>>) -> String {
    let note = styles.and_then(Styles::note).unwrap_or_default();
    format!("Over time: by windows of {}.{note}", duration(runs.window_ns))
}
