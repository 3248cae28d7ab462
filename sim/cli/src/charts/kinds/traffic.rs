//! What is sent.

use std::collections::BTreeSet;

use kvsim_checkers::metrics::{Sums, Traffic};

use crate::charts::ChartInfo;
use crate::charts::lines::{over_time, panel, windows};
use crate::charts::runs::Runs;
use crate::charts::styles::Styles;
use crate::draw::chart::{Chart, Panel};
use crate::draw::{Drawing, Unit};

pub const CHART: ChartInfo = ChartInfo {
    name: "traffic",
    summary: "Messages and bytes by kind",
    about: "Messages and bytes by kind.",
    draw,
    shows_each: false,
};

/// Messages and bytes per second, by kind of message.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    let names: BTreeSet<&String> = runs.list.iter().flat_map(|run| run.metrics.traffic.keys()).collect();
    if names.is_empty() {
        return Err("no message was sent");
    }
    let colours: Vec<(usize, String)> = names.into_iter().cloned().enumerate().collect();
    let styles = Styles::new(runs, &vec![colours.clone(); runs.list.len()]);
    let per_second = |sum: u64| (u128::from(sum) * 1_000_000_000 / u128::from(runs.window_ns)) as u64;
    let marks = |of: fn(&Traffic) -> &Sums| {
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
        marks
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
            "{who}nti-entropy brought {carried} writes; {missing} ({}.{} %) were missing.",
            share / 10,
            share % 10
        ))
    }));
    let bytes = panel(runs, "Bytes", "sent", Unit::Bytes, marks(|traffic| &traffic.bytes));
    let panels = vec![
        panel(runs, "Messages", "messages per second", Unit::Count, marks(|traffic| &traffic.copies)),
        Panel { y: bytes.y.clone().per_second(), ..bytes },
    ];
    let (legend, shaded) = (styles.legend(), runs.shaded());
    Ok(Chart { notes, legend, shaded, ..Chart::new(runs.title("Traffic"), panels) }.draw())
}
