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
use crate::judge::model_of_group;
use crate::scenario::diagnostic::{Diagnostic, Diagnostics};
use crate::scenario::overrides::put;
use crate::scenario::source::{Sources, Span};
use crate::scenario::{self, Names, SWEEP, in_order, no_group, parse};
use crate::text::{listed, shown};
use table::{Change, Reader, Seeds, SweepTable, Swept, SweptValue};

/// Stands for the level of every session.
const LEVEL: &str = "level";

/// Values that a message lists.
const LISTED_MAX: usize = 12;

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
    let said = table(&mut root, Some(overrides), &sources, names)?;
    let cells = cells(path, &root, &said, &sources, names)?;
    let columns = match said.columns {
        Some(columns) => of_known_groups(columns, &cells, &sources)?,
        None => Column::usual(&cells),
    };
    let first = cells.first().map_or(1, |cell| cell.seed.0);
    let seeds = match said.seeds {
        Seeds::Number(count) => first..first.saturating_add(count),
        Seeds::Range(range) => range,
    };
    let axes = said.axes.into_iter().map(|axis| {
        let values = axis.values.into_iter().map(|value| value.label).collect();
        SweepAxis { name: axis.name, values }
    });
    Ok(SweepFile { axes: axes.collect(), seeds, columns, cells })
}

/// Reads one scenario of a sweep. Each of `choices` is the name of a case, or a value of any axis as `AXIS=VALUE`; what
/// no choice names stays as the file has it.
pub fn chosen(
    path: &Path,
    bytes: &[u8],
    overrides: &[String],
    choices: &[String],
    names: &Names,
) -> Result<Scenario, Diagnostics> {
    let file = path.display().to_string();
    let (sources, mut root) = parse(path, &file, bytes, overrides)?;
    // What is varied can be set, too, where no choice is made.
    let said = table(&mut root, None, &sources, names)?;
    let mut chosen: Vec<(&Swept<'_>, &SweptValue<'_>)> = Vec::new();
    for choice in choices {
        let wrong = |message: String| sources.diagnostic(None, format!("--case {}: {message}", shown(choice)));
        let all = || said.axes.iter().flat_map(|axis| axis.values.iter().map(move |value| (axis, value)));
        let in_full = |axis: &Swept<'_>, value: &SweptValue<'_>| format!("{}={}", axis.name, value.label);
        let is_meant =
            |axis: &Swept<'_>, value: &SweptValue<'_>| value.label == *choice || in_full(axis, value) == *choice;
        let found: Vec<_> = all().filter(|(axis, value)| is_meant(axis, value)).collect();
        let listed_in_full = |some: &[(&Swept<'_>, &SweptValue<'_>)]| {
            let first: Vec<String> = some.iter().take(LISTED_MAX).map(|(axis, value)| in_full(axis, value)).collect();
            listed(first.iter().map(String::as_str), "or")
        };
        match found.as_slice() {
            [] => {
                let known = listed_in_full(&all().collect::<Vec<_>>());
                return Err(wrong("the sweep has no such case".to_owned())
                    .expected(format!("expected {known}"))
                    .into());
            }
            [(axis, _)] if chosen.iter().any(|(other, _)| other.name == axis.name) => {
                return Err(wrong(format!("`{}` has a value already", axis.name)).into());
            }
            [one] => chosen.push(*one),
            several => {
                let meant = listed_in_full(several);
                return Err(wrong("several are called so".to_owned()).expected(format!("expected {meant}")).into());
            }
        }
    }
    cell(path, root.clone(), &chosen, &sources, names).map_err(in_order)
}

/// What stands in the file's `[sweep]`, which is taken out of it. Of `overrides` none may change what is varied.
fn table<'i>(
    root: &mut Spanned<DeTable<'i>>,
    overrides: Option<&[String]>,
    sources: &Sources<'_>,
    names: &Names,
) -> Result<SweepTable<'i>, Diagnostics> {
    let Some(table) = root.get_mut().remove(SWEEP) else {
        let diagnostic = sources.diagnostic(None, "the file has no [sweep]: nothing is varied".to_owned());
        return Err(diagnostic.help(EXAMPLE).into());
    };
    let mut reader = Reader { sources, names, found: Vec::new() };
    let said = reader.table(&table);
    overrides.into_iter().for_each(|overrides| reader.idle(overrides, &said.axes));
    if reader.found.is_empty() { Ok(said) } else { Err(in_order(reader.found)) }
}

/// The columns, unless one is of a group of clients that no cell has.
fn of_known_groups(
    columns: Vec<(Column, Span)>,
    cells: &[Scenario],
    sources: &Sources<'_>,
) -> Result<Vec<Column>, Diagnostics> {
    let wrong_of = |column: &Column| {
        let (_, group) = model_of_group(column.name())?;
        let wrong: Option<Vec<_>> = cells.iter().map(|cell| no_group(cell, group)).collect();
        wrong?.into_iter().next()
    };
    let wrong = columns.iter().filter_map(|(column, span)| Some(sources.wrong(Some(*span), wrong_of(column)?)));
    let wrong: Vec<Diagnostic> = wrong.collect();
    match wrong.is_empty() {
        true => Ok(columns.into_iter().map(|(column, _)| column).collect()),
        false => Err(in_order(wrong)),
    }
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
