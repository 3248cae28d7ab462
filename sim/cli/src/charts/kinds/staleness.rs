//! How old the answers to reads are.

use std::iter::Peekable;

use kvsim_checkers::metrics::{Distribution, Staleness};

use crate::charts::ChartInfo;
use crate::charts::lines::{MICROSECOND, over_time, panel, windows};
use crate::charts::runs::Runs;
use crate::charts::styles::{colour_of, level_styles};
use crate::draw::chart::{Chart, LineStyle, Mark, Panel};
use crate::draw::{Axis, Drawing, Unit};

pub const CHART: ChartInfo = ChartInfo {
    name: "staleness",
    summary: "How old the answers to reads are, over time, and how soon a write is read",
    about: "Reads that miss a completed write, and for how long the first write they miss had been completed; below, the \
            share of reads that reflect the last write to their key, by the time since that write.",
    draw,
    shows_each: false,
};

/// The share of reads that miss a completed write, and for how long it had been completed; and how likely a read returns
/// a write by the time between them.
fn draw(runs: &Runs) -> Result<Drawing, &'static str> {
    let styles = level_styles(runs, |run| run.metrics.staleness.keys().copied().collect());
    let mut groups: Vec<(LineStyle, &Staleness)> = Vec::new();
    for (number, run) in runs.list.iter().enumerate() {
        let of_run = run.metrics.staleness.iter();
        groups.extend(of_run.map(|(level, group)| (styles.of(number, colour_of(*level)), group)));
    }
    if groups.is_empty() {
        return Err("no read was answered");
    }
    let lines = |value: fn(&Distribution) -> Option<u64>| -> Vec<Mark> {
        groups.iter().flat_map(|(style, group)| over_time(&group.over_time, runs.window_ns, *style, value)).collect()
    };
    let stale = lines(stale_share);
    let ages = lines(|ages| ages.quantile(9_900));
    let curves: Vec<_> = groups.iter().map(|(style, group)| (*style, t_visibility(group))).collect();
    let since = curves.iter().flat_map(|(_, points)| points.iter().map(|(ns, _)| *ns));
    let since = Axis::log("time t from the end of a write until a read begins", MICROSECOND, since);
    let seen = curves.into_iter().map(|(style, points)| Mark::Line(style, points)).collect();
    let age = "Age: how long the first missed write had been completed, 99th percentile (0: none missed)";
    let title = "t-visibility: reads that reflect the last write to their key, by the time since that write".to_owned();
    let panels = vec![
        panel(runs, "Stale reads: those that miss a completed write", "share of reads", Unit::Share, stale),
        panel(runs, age, "age", Unit::Time, ages),
        Panel { title, x: since, y: Axis::share("share of reads"), marks: seen },
    ];
    let mut notes = vec![windows(runs, Some(&styles))];
    if runs.are_silent() {
        let note = "The store announces nothing. A read only counts as missing a write that was asked for when all that it returned had been \
                    acknowledged: it is as old as shown at least.";
        notes.insert(0, note.to_owned());
    }
    let chart = Chart {
        notes,
        legend: styles.legend(),
        shaded: runs.shaded(),
        ..Chart::new(runs.title("Staleness of reads"), panels)
    };
    Ok(chart.draw())
}

/// In parts of 10,000.
fn stale_share(ages: &Distribution) -> Option<u64> {
    let fresh = ages.classes().next().filter(|(age, _)| *age == 0).map_or(0, |(_, count)| count);
    let stale = (ages.count() - fresh) * 10_000;
    stale.checked_div(ages.count())
}

/// By classes of the time since the last write, eight per power of ten or as wide as it takes for enough reads to tell a
/// share: the end of the class and the share of its reads that reflect the write.
fn t_visibility(group: &Staleness) -> Vec<(u64, u64)> {
    const ENOUGH: u64 = 40;
    const BOUNDS: [u64; 8] = [1_333, 1_778, 2_371, 3_162, 4_217, 5_623, 7_499, 10_000];
    let bounds = (0..16).flat_map(|power| BOUNDS.map(|bound| bound * 10u64.pow(power)));
    let (mut asked, mut seen) = (group.since_write_ns.classes().peekable(), group.since_seen_ns.classes().peekable());
    let (mut points, mut reads, mut hits) = (Vec::new(), 0, 0);
    for bound in bounds {
        reads += up_to(&mut asked, bound);
        hits += up_to(&mut seen, bound);
        if reads >= ENOUGH || reads > 0 && asked.peek().is_none() {
            points.push((bound, hits * 10_000 / reads));
            (reads, hits) = (0, 0);
        }
    }
    points
}

/// Takes the classes up to a bound, and says how many numbers they hold.
fn up_to(classes: &mut Peekable<impl Iterator<Item = (u64, u64)>>, bound: u64) -> u64 {
    std::iter::from_fn(|| classes.next_if(|(ns, _)| *ns <= bound)).map(|(_, count)| count).sum()
}
