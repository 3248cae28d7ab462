//! Which part of a long run a diagram shows.

use std::ops::Range;

use kvsim_checkers::Report;
use kvsim_checkers::trace::{Recording, What};
use kvsim_sim::plan::Plan;

use super::{builder, drawing};
use crate::draw::Drawing;
use crate::report::first_finding;
use crate::text::seconds;

/// As many rows as are read with ease.
const ROWS: usize = 80;

/// Draws a part of what happens within `within_ns` that people can read, and says which it is: from shortly before the
/// story of the first finding, or the first fault, or else from the beginning. Nothing where nothing happens.
pub fn part(plan: &Plan, recording: &Recording, reports: &[Report], within_ns: Range<u64>) -> Option<Drawing> {
    let moments = moments(recording, &within_ns);
    let (around_ns, why) = around(plan, reports, &within_ns);
    let around = moments.partition_point(|moment| *moment < around_ns).min(moments.len().checked_sub(1)?);
    let mut rows = ROWS;
    loop {
        // A few moments before it show how things stood.
        let first = around.saturating_sub(rows / 6).min(moments.len().saturating_sub(rows));
        let last = (first + rows).min(moments.len()) - 1;
        let is_all = first == 0 && last == moments.len() - 1;
        let span_ns = if is_all { within_ns.clone() } else { moments[first]..moments[last] };
        let mut scene = builder::scene(plan, recording, reports, span_ns);
        // Repair takes rows of its own.
        if scene.rows.len() > ROWS + ROWS / 2 && rows > 8 {
            rows = rows * 2 / 3;
            continue;
        }
        if !is_all {
            let (from, to, end) = (seconds(moments[first]), seconds(moments[last]), seconds(plan.end_ns()));
            scene.part = Some(format!(
                "A part of the run: {from} to {to} of {end}, {why}. Messages sent before it are not drawn."
            ));
            scene.ends.iter_mut().for_each(Vec::clear);
        }
        return (!scene.rows.is_empty()).then(|| drawing::draw(&scene));
    }
}

/// The time to show, and what makes it worth showing.
fn around(plan: &Plan, reports: &[Report], within_ns: &Range<u64>) -> (u64, String) {
    let finding = first_finding(plan, reports).and_then(|finding| {
        let begins_ns = finding.evidence.first().map_or(finding.at_ns, |line| line.at_ns);
        within_ns.contains(&begins_ns).then(|| (begins_ns, format!("where the story of {} begins", finding.code)))
    });
    let faults = plan.faults.iter().filter(|fault| within_ns.contains(&fault.from_ns));
    let fault = || {
        let first = faults.min_by_key(|fault| fault.from_ns)?;
        Some((first.from_ns, format!("where {} begins", first.name)))
    };
    finding.or_else(fault).unwrap_or((within_ns.start, "the first messages".to_owned()))
}

/// When something happens that has a row, as far as single events show it.
fn moments(recording: &Recording, within_ns: &Range<u64>) -> Vec<u64> {
    use What::{
        Delivered, Duplicated, Forgot, Gauge, Holds, Lagging, Reached, Returned, Sent, Settling, TimerFired, Wrote,
    };
    let is_report = |what: &What| matches!(what, Gauge { .. } | Holds { .. } | Lagging { .. } | Settling | TimerFired);
    let is_message = |what: &What| matches!(what, Delivered { .. } | Duplicated { .. } | Sent { .. });
    let is_part = |what: &What| matches!(what, Forgot { .. } | Reached { .. } | Returned { .. } | Wrote { .. });
    let is_detail = |what: &What| is_report(what) || is_message(what) || is_part(what);
    let within = recording.events.iter().filter(|event| within_ns.contains(&event.at_ns));
    let mut moments: Vec<u64> = within.filter(|event| !is_detail(&event.what)).map(|event| event.at_ns).collect();
    moments.dedup();
    moments
}
