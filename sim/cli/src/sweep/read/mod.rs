//! `[sweep]`: the values of a scenario that `kvsim sweep` varies.
//!
//! A cell of a sweep is the file with one value of each list in its place, read like any other scenario. The values keep
//! their places in the text, so that a mistake in one of them is pointed at where it stands, in the list.

mod table;

use std::ops::Range;
use std::path::Path;

use kvsim_sim::scenario::Scenario;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Column;
use crate::scenario::diagnostic::{Diagnostic, Diagnostics};
use crate::scenario::overrides::put;
use crate::scenario::source::Sources;
use crate::scenario::{self, Names, SWEEP, in_order, parse};
use table::{Change, Reader, Seeds, SweepTable, Swept, SweptValue};

/// Stands for the level of every session.
const LEVEL: &str = "level";

const EXAMPLE: &str = "for instance:\n\
                       \n\
                       [sweep]\n\
                       level = [\"fifo\", \"priority\"]\n\
                       net.loss = [\"0%\", \"10%\"]";

/// A scenario with some values varied.
#[derive(Debug)]
pub struct SweepFile {
    /// What is varied, in the order of the text.
    pub axes: Vec<SweepAxis>,
    pub seeds: Range<u64>,
    pub columns: Vec<Column>,
    /// All combinations: the last axis changes first.
    pub cells: Vec<Scenario>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SweepAxis {
    /// A path in the scenario, or the name of the cases.
    pub name: String,
    /// The values as they are written, or the names of the cases.
    pub values: Vec<String>,
}

/// Reads a sweep from the `bytes` of the file at `path`. `overrides` are `--set` arguments, as for a scenario.
pub fn read(path: &Path, bytes: &[u8], overrides: &[String], names: &Names) -> Result<SweepFile, Diagnostics> {
    let file = path.display().to_string();
    let (sources, mut root) = parse(path, &file, bytes, overrides)?;
    let Some(table) = root.get_mut().remove(SWEEP) else {
        let diagnostic = sources.diagnostic(None, "the file has no [sweep]: nothing is varied".to_owned());
        return Err(diagnostic.help(EXAMPLE).into());
    };
    let mut reader = Reader { sources: &sources, names, found: Vec::new() };
    let said = reader.table(&table);
    reader.idle(overrides, &said.axes);
    if !reader.found.is_empty() {
        return Err(in_order(reader.found));
    }
    let cells = cells(path, &root, &said, &sources, names)?;
    let first = cells.first().map_or(1, |cell| cell.seed.0);
    let seeds = match said.seeds {
        Seeds::Number(count) => first..first.saturating_add(count),
        Seeds::Range(range) => range,
    };
    let columns = said.columns.unwrap_or_else(|| Column::usual(&cells));
    let axes = said.axes.into_iter().map(|axis| {
        let values = axis.values.into_iter().map(|value| value.label).collect();
        SweepAxis { name: axis.name, values }
    });
    Ok(SweepFile { axes: axes.collect(), seeds, columns, cells })
}

/// The scenarios of all cells, or the mistakes in them: each once, and with its cell where not all have it.
fn cells<'i>(
    path: &Path,
    root: &Spanned<DeTable<'i>>,
    said: &SweepTable<'i>,
    sources: &Sources<'_>,
    names: &Names,
) -> Result<Vec<Scenario>, Diagnostics> {
    let count = said.axes.iter().map(|axis| axis.values.len()).product::<usize>();
    let mut scenarios = Vec::with_capacity(count);
    let mut mistakes: Vec<(Diagnostic, String, usize)> = Vec::new();
    for number in 0..count {
        let choice = said.choice(number);
        let name = || choice.iter().map(|(axis, value)| format!("{} = {}", axis.name, value.label)).collect::<Vec<_>>();
        match cell(path, root.clone(), &choice, sources, names) {
            Ok(scenario) => scenarios.push(scenario),
            Err(found) => {
                for one in found {
                    match mistakes.iter_mut().find(|(known, ..)| *known == one) {
                        Some((_, _, cells)) => *cells += 1,
                        None => mistakes.push((one, name().join(", "), 1)),
                    }
                }
            }
        }
        if Diagnostics::is_enough(&mistakes) {
            break;
        }
    }
    if mistakes.is_empty() {
        return Ok(scenarios);
    }
    let told = mistakes.into_iter().map(|(mut one, cell, cells)| {
        if cells < count && !cell.is_empty() {
            one.message = format!("{} (where {cell})", one.message);
        }
        one
    });
    Err(in_order(told.collect()))
}

fn cell<'i>(
    path: &Path,
    mut root: Spanned<DeTable<'i>>,
    choice: &[(&Swept<'i>, &SweptValue<'i>)],
    sources: &Sources<'_>,
    names: &Names,
) -> Result<Scenario, Vec<Diagnostic>> {
    for (_, value) in choice {
        match &value.change {
            Change::Level(level) => set_level(root.get_mut(), level),
            Change::Set(path, to) => {
                put(root.get_mut(), path, to.clone(), sources, "").map_err(Diagnostics::into_list)?
            }
            Change::Merge(changes) => merge(root.get_mut(), changes),
        }
    }
    scenario::scenario(path, root, sources, names)
}

/// Puts the level into every group of clients and every session of the script.
fn set_level<'i>(root: &mut DeTable<'i>, level: &Spanned<DeValue<'i>>) {
    let set = |groups: &mut Spanned<DeValue<'i>>| {
        let DeValue::Table(groups) = groups.get_mut() else { return };
        for (_, group) in groups.iter_mut() {
            if let DeValue::Table(group) = group.get_mut() {
                group.remove(LEVEL);
                group.insert(Spanned::new(level.span(), LEVEL.into()), level.clone());
            }
        }
    };
    root.get_mut("clients").into_iter().for_each(set);
    if let Some(DeValue::Table(script)) = root.get_mut("script").map(Spanned::get_mut) {
        script.get_mut("sessions").into_iter().for_each(set);
    }
}

/// Puts what a case says into the scenario: tables field by field, everything else as a whole.
fn merge<'i>(into: &mut DeTable<'i>, changes: &DeTable<'i>) {
    for (key, change) in changes {
        match (into.get_mut(key.get_ref().as_ref()).map(Spanned::get_mut), change.get_ref()) {
            (Some(DeValue::Table(inner)), DeValue::Table(changes)) => merge(inner, changes),
            _ => {
                into.remove(key.get_ref().as_ref());
                into.insert(key.clone(), change.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests;
