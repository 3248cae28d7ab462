//! What is sent.

use std::collections::BTreeSet;

use kvsim_checkers::metrics::{Sums, Traffic};

use super::{PANEL, most, over_time, windows};
use crate::charts::axis::{Axis, Unit};
use crate::charts::figure::{Figure, Panel};
use crate::charts::runs::Runs;
use crate::charts::styles::Styles;

/// Messages and bytes per second, by kind of message.
pub fn traffic(runs: &Runs) -> Result<Figure, &'static str> {
    let names: BTreeSet<&String> = runs.list.iter().flat_map(|run| run.metrics.traffic.keys()).collect();
    if names.is_empty() {
        return Err("no message was sent");
    }
    let colours: Vec<(usize, String)> = names.into_iter().cloned().enumerate().collect();
    let styles = Styles::new(runs, &vec![colours.clone(); runs.list.len()]);
    let per_second = |sum: u64| (u128::from(sum) * 1_000_000_000 / u128::from(runs.window_ns)) as u64;
    let panel = |title: &str, what: &str, unit, of: fn(&Traffic) -> &Sums| {
        let mut marks = Vec::new();
        for (number, run) in runs.list.iter().enumerate() {
            for (colour, name) in &colours {
                let Some(traffic) = run.metrics.traffic.get(name) else { continue };
                let style = styles.of(number, *colour);
                // After the last message there were none, until the end.
                let mut sums = of(traffic).clone();
                sums.0.resize((run.plan.end_ns().div_ceil(runs.window_ns)) as usize, 0);
                marks.extend(over_time(&sums, runs.window_ns, style, |sum| Some(per_second(*sum))));
            }
        }
        Panel {
            title: title.to_string(),
            x: runs.time(),
            y: Axis::up_to(what, unit, most(&marks)),
            over_time: true,
            marks,
        }
    };
    let mut notes = vec![format!("{} Sent copies count, lost ones too.", windows(runs, None))];
    notes.extend(runs.list.iter().filter_map(|run| {
        let (carried, missing) = run
            .metrics
            .traffic
            .values()
            .fold((0, 0), |(carried, missing), traffic| (carried + traffic.carried, missing + traffic.missing));
        let share = (missing * 1_000).checked_div(carried)?;
        let who = if runs.are_many() { format!("{}: a", run.label) } else { "A".to_string() };
        Some(format!(
            "{who}nti-entropy brought {carried} writes, of which {missing} ({}.{} %) were missing.",
            share / 10,
            share % 10
        ))
    }));
    Ok(Figure {
        title: runs.title("Traffic"),
        notes,
        legend: styles.legend(),
        columns: 1,
        panel_height: PANEL,
        panels: vec![
            panel("Messages", "messages per second", Unit::Count, |traffic| &traffic.copies),
            panel("Bytes", "per second", Unit::Bytes, |traffic| &traffic.bytes),
        ],
        faults: runs.faults(),
    })
}
