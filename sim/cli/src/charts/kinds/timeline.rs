//! The operations of sessions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kvsim_checkers::operations::{Operations, Outcome};
use kvsim_checkers::trace::{Action, Event, What};

use crate::charts::ChartInfo;
use crate::charts::runs::{Run, Runs};
use crate::draw::chart::{Chart, LegendEntry, LineStyle, Mark, PANEL, Panel};
use crate::draw::{Axis, Drawing, WIDTH};

pub const CHART: ChartInfo = ChartInfo {
    name: "timeline",
    summary: "The operations of sessions",
    about: "The operations of each session. Operations less than a pixel apart are drawn as one bar.",
    draw,
    shows_each: true,
};

/// More sessions than these cannot be told apart.
const SESSIONS_MAX: usize = 32;

/// More bars in a row than these lie upon each other: there are about 700 pixels.
const CROWD: usize = 150;

/// What bars mean: by kind of operation, and what was not answered.
const BARS: &[(usize, &str)] =
    &[(0, "read"), (1, "write"), (2, "delete"), (4, "refused"), (3, "timed out or never answered")];

/// A row per session, a bar per operation, from its invocation to its end.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    let (mut panels, mut used, mut notes) = (Vec::new(), BTreeSet::new(), Vec::new());
    for run in &runs.list {
        let sessions: Vec<usize> = (0..run.plan.sessions.len()).filter(|s| !run.plan.sessions[*s].of_store).collect();
        if sessions.len() > SESSIONS_MAX {
            notes.push(format!("The first {SESSIONS_MAX} of {} sessions.", sessions.len()));
        }
        let rows: BTreeMap<u32, u64> = sessions.iter().take(SESSIONS_MAX).map(|s| *s as u32).zip(0..).collect();
        let shown = shown(runs, run);
        let marks = bars(&shown, run, &rows, &mut used);
        if marks.is_empty() {
            continue;
        }
        if marks.len() > CROWD * rows.len() && notes.is_empty() {
            notes.push(
                "There are too many operations to tell their bars apart; --from and --to show a part of the time."
                    .into(),
            );
        }
        let name = |session: &u32| {
            let session = &run.plan.sessions[*session as usize];
            if session.moves() { session.name.clone() } else { format!("{} {}", session.name, session.node) }
        };
        panels.push(Panel {
            title: if runs.are_many() {
                run.label.clone()
            } else {
                "Sessions, with the replica that each asks".to_string()
            },
            x: Axis::time(shown),
            y: Axis::names("", rows.keys().map(name).collect()),
            marks,
        });
    }
    if panels.is_empty() {
        return Err("there was no operation in the time shown");
    }
    let entry =
        |(colour, label): &(usize, &str)| LegendEntry { style: LineStyle::solid(*colour), label: label.to_string() };
    let rows = runs.list.iter().map(|run| run.plan.sessions.len().min(SESSIONS_MAX) as i32).max().unwrap_or(1);
    let chart = Chart {
        notes,
        legend: BARS.iter().filter(|(colour, _)| used.contains(colour)).map(entry).collect(),
        panel_height: PANEL.max(60 + 18 * rows),
        shaded: runs.shaded(),
        ..Chart::new(runs.title("Operations of sessions"), panels)
    };
    Ok(chart.draw())
}

/// Up to the last operation, unless other times are chosen.
fn shown(runs: &Runs, run: &Run) -> Range<u64> {
    let is_call = |event: &&Event| {
        use What::{Answered, Invoked, Refused, TimedOut};
        matches!(event.what, Invoked { .. } | Answered { .. } | Refused { .. } | TimedOut { .. })
    };
    match run.recording.events.iter().rfind(is_call) {
        Some(last) if !runs.is_chosen => 0..(last.at_ns + last.at_ns / 50).max(1),
        _ => runs.shown.clone(),
    }
}

/// Operations that would be drawn over each other are one bar: what is narrower than a pixel is not visible.
fn bars(shown: &Range<u64>, run: &Run, rows: &BTreeMap<u32, u64>, used: &mut BTreeSet<usize>) -> Vec<Mark> {
    let operations = Operations::of(&run.recording);
    let at_ns = |place: usize| run.recording.events[place].at_ns;
    let step_ns = ((shown.end - shown.start) / WIDTH as u64).max(1);
    let mut bars: BTreeMap<(u64, usize), Vec<(u64, u64)>> = BTreeMap::new();
    for operation in operations.list() {
        let Some(row) = rows.get(&operation.session) else { continue };
        let (colour, until) = match operation.outcome {
            Outcome::Answered(place) => (kind(operation.action), at_ns(place)),
            Outcome::Refused(place) => (4, at_ns(place)),
            Outcome::TimedOut(place) => (3, at_ns(place)),
            Outcome::Open => (3, run.plan.end_ns()),
        };
        let (from, until) = (at_ns(operation.invoked).max(shown.start), until.min(shown.end));
        if from > until {
            continue;
        }
        used.insert(colour);
        let row = bars.entry((*row, colour)).or_default();
        match row.last_mut() {
            Some(last) if from <= last.1 + step_ns => last.1 = last.1.max(until),
            _ => row.push((from, until)),
        }
    }
    let mut bars: Vec<(u64, usize, (u64, u64))> = bars
        .into_iter()
        .flat_map(|((row, colour), list)| list.into_iter().map(move |span| (row, colour, span)))
        .collect();
    // The short ones lie upon the long ones, which would hide them.
    bars.sort_by_key(|(row, colour, (from, until))| (*row, Reverse(until - from), *colour));
    bars.into_iter().map(|(row, colour, span)| Mark::Bar(colour, row, span)).collect()
}

fn kind(action: Action) -> usize {
    match action {
        Action::Read => 0,
        Action::Write => 1,
        Action::Delete => 2,
    }
}
