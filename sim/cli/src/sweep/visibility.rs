//! How soon other replicas show writes at each level: all seeds together, a chart for each combination of what else is
//! varied. Why there is a level that knows priorities.

use std::collections::BTreeMap;

use kvsim_checkers::metrics::{Distribution, Merge as _, Visibility};
use kvsim_checkers::trace::Level;

use super::charts::{NOTE_LETTERS, file_name};
use super::journal::DoneRun;
use super::run::SweepRuns;
use super::table::values;
use crate::charts::{level_style, visibility_panels};
use crate::draw::chart::{Chart, LegendEntry};
use crate::text::{duration, wrapped};

/// By level and priority.
type Groups = BTreeMap<(Level, u8), Visibility>;

/// The charts, by the names of their files without the ending.
pub fn charts(runs: &SweepRuns, done: &BTreeMap<u64, DoneRun>) -> BTreeMap<String, Chart> {
    let is_level = |value: &String| Level::named(value).is_some();
    let levels = runs.sweep.axes.iter().position(|axis| axis.values.iter().all(is_level));
    // Cells that differ in the level alone share a chart.
    let mut charts: Vec<(Vec<(String, String)>, Groups)> = Vec::new();
    for cell in 0..runs.sweep.cells.len() {
        let named = runs.sweep.axes.iter().map(|axis| axis.name.clone()).zip(values(&runs.sweep, cell));
        let others: Vec<(String, String)> =
            named.enumerate().filter(|(axis, _)| Some(*axis) != levels).map(|(_, pair)| pair).collect();
        let at = charts.iter().position(|(known, _)| *known == others).unwrap_or_else(|| {
            charts.push((others, Groups::new()));
            charts.len() - 1
        });
        let seeds = runs.sweep.seeds.clone().filter_map(|seed| done.get(&runs.number(cell, seed)?));
        for (level, priority, group) in seeds.flat_map(|done| &done.outcome.visibility) {
            charts[at].1.entry((*level, *priority)).or_default().merge_with(group);
        }
    }
    let drawn = charts.iter().enumerate().filter_map(|(number, (others, groups))| {
        let name: String = others.iter().map(|(_, value)| format!("-{}", file_name(value))).collect();
        let chart = chart(runs, others, groups)?;
        Some((if charts.len() > 1 { format!("visible-{}{name}", number + 1) } else { "visible".to_string() }, chart))
    });
    drawn.collect()
}

/// Nothing when there is nothing to compare: one level at one priority is one line.
fn chart(runs: &SweepRuns, others: &[(String, String)], groups: &Groups) -> Option<Chart> {
    let urgent = groups.keys().map(|(_, priority)| *priority).max()?;
    if groups.len() == 1 {
        return None;
    }
    let line = |((level, priority), group): (&(Level, u8), _)| (*priority, level_style(*level), group);
    let panels = visibility_panels(&groups.iter().map(line).collect::<Vec<_>>(), bound(groups), true);
    let mut levels: Vec<Level> = groups.keys().map(|(level, _)| *level).collect();
    levels.dedup();
    let named: Vec<String> = others.iter().map(|(axis, value)| format!("{axis} {value}")).collect();
    let of = if named.is_empty() { String::new() } else { format!(": {}", named.join(", ")) };
    let seeds = runs.sweep.seeds.end - runs.sweep.seeds.start;
    let seeds = if seeds == 1 { "one seed".to_string() } else { format!("{seeds} seeds together") };
    let mut notes =
        vec![format!("By priority of the key; {seeds}. What a line lacks to 100 % at its end was never shown.")];
    notes.extend(gain(urgent, groups).iter().flat_map(|gain| wrapped(gain, NOTE_LETTERS)));
    let entry = |level: &Level| LegendEntry { style: level_style(*level), label: level.name().to_string() };
    Some(Chart {
        notes,
        legend: levels.iter().map(entry).collect(),
        columns: if panels.len() > 1 { 2 } else { 1 },
        ..Chart::new(format!("Visibility of writes at other replicas \u{2013} {}{of}", runs.name), panels)
    })
}

/// Times below it are too few to be worth room on an axis: a power of ten.
fn bound(groups: &Groups) -> u64 {
    let mut all = Distribution::default();
    groups.values().for_each(|group| all.merge_with(&group.latency));
    let at_once = all.cumulative().next().filter(|(ns, _)| *ns == 0).map_or(0, |(_, count)| count);
    let few = at_once + (all.count() - at_once) / 100;
    let least = all.cumulative().find(|(ns, count)| *ns > 0 && *count > few).map_or(1, |(ns, _)| ns);
    10u64.pow(least.ilog10()).clamp(1_000, 1_000_000_000)
}

/// By how much the level that knows priorities shows urgent writes sooner than the one that does not.
fn gain(urgent: u8, groups: &Groups) -> Option<String> {
    if urgent == 0 {
        return None;
    }
    let (fifo, priority) = (groups.get(&(Level::Fifo, urgent))?, groups.get(&(Level::Priority, urgent))?);
    let told = |what: &str, of_10_000| {
        let after = |ns: Option<u64>| match ns {
            None => "never".to_string(),
            Some(0) => "at once".to_string(),
            Some(ns) => format!("after {}", duration(ns)),
        };
        let (fifo, priority) = (fifo.quantile(of_10_000), priority.quantile(of_10_000));
        let gain = match (fifo, priority) {
            (Some(fifo), Some(priority)) if fifo > priority => {
                let tenths = (u128::from(fifo) * 20).checked_div(u128::from(priority)).map(|twice| twice.div_ceil(2));
                let times = tenths.map(|tenths| format!(", {}.{} times as long", tenths / 10, tenths % 10));
                format!(" ({} later{})", duration(fifo - priority), times.unwrap_or_default())
            }
            (Some(fifo), Some(priority)) if fifo < priority => format!(" ({} sooner)", duration(priority - fifo)),
            (Some(_), Some(_)) => " (no later)".to_string(),
            _ => String::new(),
        };
        format!("{what} {} at priority, {} at fifo{gain}", after(priority), after(fifo))
    };
    Some(format!(
        "Of the most urgent writes (P{urgent}) another replica shows {}; {}; {}.",
        told("half", 5_000),
        told("nine in ten", 9_000),
        told("99 in 100", 9_900)
    ))
}
