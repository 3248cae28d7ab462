//! Charts of a sweep: each measure against what is varied.
//!
//! Against a parameter with numbers: a line for each combination of the others, with the intervals as bands. Where all that
//! is varied has names, or but two numbers: a point with its interval for each cell.

use std::collections::BTreeMap;

use kvsim_checkers::trace::Level;

use super::measures::Measure;
use super::median::{Spread, Value};
use super::table::{CellRow, Table};
use crate::charts::level_style;
use crate::draw::chart::{Chart, LegendEntry, LineStyle, Mark, PANEL, Panel, Slot};
use crate::draw::{Axis, COLOURS, Dash, Unit};
use crate::scenario;
use crate::text::{capital, wrapped};

/// A chart for each measure that is a column, by the name of its file without the ending.
pub fn charts(table: &Table) -> BTreeMap<String, Chart> {
    let layout = SweepLayout::of(table);
    let measures = distinct(table.figures().map(|(_, figure)| figure.measure));
    let drawn = measures.into_iter().filter_map(|measure| {
        let columns: Vec<(usize, &str)> = table
            .figures()
            .filter(|(_, figure)| figure.measure == measure)
            .map(|(number, figure)| (number, figure.name.as_str()))
            .collect();
        let panels: Vec<Panel> = columns.iter().flat_map(|column| layout.panels(table, measure, *column)).collect();
        let is_anything = panels.iter().any(|panel| !panel.marks.is_empty());
        is_anything.then(|| (file_name(measure.name), chart(table, &layout, measure, panels)))
    });
    drawn.collect()
}

fn chart(table: &Table, layout: &SweepLayout, measure: &Measure, panels: Vec<Panel>) -> Chart {
    let mut how = format!("{}.", capital(measure.meaning));
    if table.seeds.len() > 1 {
        let (median, interval) = if layout.x.is_some() { ("Lines", "bands") } else { ("Points", "lines") };
        let (count, certain) = (table.seeds.len(), table.certainty());
        how.push_str(&format!(
            " {median} are medians of {count} seeds, {interval} intervals that have the true median in them with a \
             probability of at least {certain}."
        ));
    }
    if layout.x.is_none() {
        let names: Vec<&str> = layout.other_axes.iter().map(|axis| layout.axes[*axis].as_str()).collect();
        how.push_str(&format!(" Rows: {}.", names.join(", ")));
    }
    let is_wide = panels.iter().any(|panel| panel.y.names_of_rows().iter().any(|name| name.chars().count() > 20));
    Chart {
        notes: wrapped(&how, NOTE_LETTERS),
        legend: layout.legend(),
        columns: if panels.len() > 1 && !is_wide { 2 } else { 1 },
        panel_height: layout.height(),
        ..Chart::new(format!("{} \u{2013} {}", capital(measure.name), table.name), panels)
    }
}

/// `reads/s` as the name of a file: `reads-s`.
pub fn file_name(name: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_');
    name.replace('%', "").replace(|letter| !is_plain(letter), "-")
}

/// How many letters fit into a line of notes.
pub const NOTE_LETTERS: usize = 145;

struct SweepLayout {
    /// The axis to the right, by number, with its values as numbers.
    x: Option<(usize, Vec<u64>)>,
    /// The axis that colours tell apart.
    colour: Option<usize>,
    colours: Vec<String>,
    /// The combinations of all other axes.
    others: Vec<Vec<String>>,
    other_axes: Vec<usize>,
    axes: Vec<String>,
}

/// More dashes than these cannot be told apart.
const DASHES: usize = Dash::ALL.len();

impl SweepLayout {
    fn of(table: &Table) -> SweepLayout {
        let values = |axis: usize| distinct(table.rows.iter().map(|row| row.values[axis].clone()));
        let axes: Vec<usize> = (0..table.axes.len()).collect();
        let with_numbers = axes.iter().filter_map(|axis| Some((*axis, numbers(&values(*axis))?)));
        let x = with_numbers.filter(|(_, numbers)| numbers.len() >= 3).max_by_key(|(axis, numbers)| {
            // Of two with as many numbers the first.
            (numbers.len(), usize::MAX - axis)
        });
        let rest: Vec<usize> = axes.into_iter().filter(|axis| x.as_ref().is_none_or(|(x, _)| x != axis)).collect();
        // Levels have colours of their own. A single axis of names needs none: its values are the rows.
        let is_level = |axis: &&usize| values(**axis).iter().all(|value| Level::named(value).is_some());
        let usual = if x.is_some() || rest.len() > 1 { rest.first() } else { None };
        let colour = rest.iter().find(is_level).filter(|_| x.is_some() || rest.len() > 1).or(usual).copied();
        let other_axes: Vec<usize> = rest.into_iter().filter(|axis| Some(*axis) != colour).collect();
        let other = |row: &CellRow| other_axes.iter().map(|axis| row.values[*axis].clone()).collect();
        let others: Vec<Vec<String>> = distinct(table.rows.iter().map(other));
        let colours = colour.map_or(Vec::new(), values);
        SweepLayout { x, colour, colours, others, other_axes, axes: table.axes.clone() }
    }

    fn colour(&self, row: &CellRow) -> usize {
        let Some(axis) = self.colour else { return 0 };
        self.colour_of(&row.values[axis])
    }

    fn colour_of(&self, value: &str) -> usize {
        match Level::named(value).filter(|_| self.has_levels()) {
            Some(level) => level_style(level).colour,
            None => self.colours.iter().position(|other| other == value).unwrap_or(0),
        }
    }

    fn other(&self, row: &CellRow) -> usize {
        let other: Vec<&String> = self.other_axes.iter().map(|axis| &row.values[*axis]).collect();
        self.others.iter().position(|one| one.iter().collect::<Vec<_>>() == other).unwrap_or(0)
    }

    /// Other combinations that dashes cannot tell apart have a panel each.
    fn has_facets(&self) -> bool {
        self.x.is_some() && self.others.len() > DASHES
    }

    fn other_name(&self, number: usize) -> String {
        let pairs = self.other_axes.iter().zip(&self.others[number]);
        pairs.map(|(axis, value)| format!("{} {value}", self.axes[*axis])).collect::<Vec<_>>().join(", ")
    }

    fn legend(&self) -> Vec<LegendEntry> {
        let mut entries = Vec::new();
        if let Some(axis) = self.colour {
            let name = |value: &String| match Level::named(value) {
                Some(_) => value.clone(),
                None => format!("{} {value}", self.axes[axis]),
            };
            entries.extend(
                self.colours
                    .iter()
                    .map(|value| LegendEntry { style: self.style(self.colour_of(value), 0), label: name(value) }),
            );
        }
        if self.x.is_some() && self.others.len() > 1 && !self.has_facets() {
            const GREY: usize = COLOURS - 1;
            let entry = |number| LegendEntry {
                style: LineStyle { colour: GREY, ..self.style(0, number) },
                label: self.other_name(number),
            };
            entries.extend((0..self.others.len()).map(entry));
        }
        entries
    }

    /// Where only colours differ, dashes help them.
    fn style(&self, colour: usize, other: usize) -> LineStyle {
        let is_alone = self.others.len() <= 1 || self.has_facets();
        let dash = match self.x {
            None => Dash::Solid,
            Some(_) if !is_alone => Dash::ALL[other % DASHES],
            Some(_) => {
                let level =
                    Level::ALL.into_iter().find(|level| self.has_levels() && level_style(*level).colour == colour);
                level.map_or(Dash::ALL[colour % DASHES], |level| level_style(level).dash)
            }
        };
        LineStyle { colour, dash }
    }

    fn has_levels(&self) -> bool {
        self.colours.iter().all(|value| Level::named(value).is_some()) && !self.colours.is_empty()
    }

    fn height(&self) -> i32 {
        let slots = self.colours.len().max(1) as i32 + 1;
        if self.x.is_some() { PANEL } else { (self.others.len() as i32 * (slots * 9).max(22) + 50).max(110) }
    }

    fn panels(&self, table: &Table, measure: &Measure, column: (usize, &str)) -> Vec<Panel> {
        match &self.x {
            Some((axis, numbers)) if self.has_facets() => (0..self.others.len())
                .map(|other| self.lines(table, measure, column, (*axis, numbers), Some(other)))
                .collect(),
            Some((axis, numbers)) => vec![self.lines(table, measure, column, (*axis, numbers), None)],
            None => vec![self.points(table, measure, column)],
        }
    }

    /// Lines against numbers; of one of the other combinations, if one is named.
    fn lines(
        &self,
        table: &Table,
        measure: &Measure,
        (column, name): (usize, &str),
        (axis, numbers): (usize, &[u64]),
        only: Option<usize>,
    ) -> Panel {
        let y = axis_of(table, measure, column, name);
        // By the other values and the colour.
        let mut lines: BTreeMap<(usize, usize), Points> = BTreeMap::new();
        let mut named: Vec<(u64, String)> = Vec::new();
        for row in table.rows.iter().filter(|row| only.is_none_or(|only| self.other(row) == only)) {
            let label = &row.values[axis];
            let Some(x) = scenario::number(label).map(|(_, number)| number) else { continue };
            if !named.iter().any(|(number, _)| *number == x) {
                named.push((x, label.clone()));
            }
            lines.entry((self.other(row), self.colour(row))).or_default().push((x, row.entries[column].spread()));
        }
        debug_assert!(named.len() == numbers.len());
        named.sort();
        let (mut bands, mut marks) = (Vec::new(), Vec::new());
        for ((other, colour), mut points) in lines {
            points.sort_by_key(|(x, _)| *x);
            let style = self.style(colour, other);
            for part in parts(&points, y.end()) {
                bands.push(Mark::Band(colour, part.iter().map(|(x, low, _, high)| (*x, *low, *high)).collect()));
                let line: Vec<(u64, u64)> = part.iter().map(|(x, _, middle, _)| (*x, *middle)).collect();
                marks.push(Mark::Line(style, line.clone()));
                marks.push(Mark::Points(style, line));
            }
        }
        bands.append(&mut marks);
        let title = match only {
            Some(other) => format!("{}: {}", capital(name), self.other_name(other)),
            None => capital(name),
        };
        Panel { title, x: Axis::values(&table.axes[axis], named), y, marks: bands }
    }

    fn points(&self, table: &Table, measure: &Measure, (column, name): (usize, &str)) -> Panel {
        let x = axis_of(table, measure, column, name);
        let mut marks = Vec::new();
        for row in &table.rows {
            let Some(spread) = row.entries[column].spread() else { continue };
            let Value::Is(median) = spread.median else { continue };
            let number = self.colour.and_then(|axis| self.colours.iter().position(|value| *value == row.values[axis]));
            let slot = Slot {
                row: self.other(row) as u64,
                number: number.unwrap_or(0) as u32,
                of: self.colours.len().max(1) as u32,
            };
            let end = |value: Value| value.number().unwrap_or(x.end());
            marks.push(Mark::Interval(self.colour(row), slot, (end(spread.low), median, end(spread.high))));
        }
        let names = self.others.iter().map(|other| other.join(", ")).collect();
        Panel { title: capital(name), x, y: Axis::names("", names), marks }
    }
}

/// From 0 to the greatest number of a column.
fn axis_of(table: &Table, measure: &Measure, column: usize, name: &str) -> Axis {
    let ends = table.rows.iter().filter_map(|row| row.entries[column].spread());
    let numbers = ends.flat_map(|spread| [spread.median, spread.high]).filter_map(Value::number);
    match numbers.max().unwrap_or(0) {
        most if measure.unit == Unit::Share && most > 5_000 => Axis::share(name),
        most => Axis::up_to(name, measure.unit, most),
    }
}

/// What is known at each x.
type Points = Vec<(u64, Option<Spread>)>;

/// By x the lower end, the median and the upper end; a new part begins where something is missing in between.
type Part = Vec<(u64, u64, u64, u64)>;

fn parts(points: &[(u64, Option<Spread>)], end: u64) -> Vec<Part> {
    let mut parts: Vec<Part> = vec![Vec::new()];
    for (x, spread) in points {
        let of = |value: Value| value.number().unwrap_or(end);
        match spread {
            Some(Spread { median: Value::Is(median), low, high }) => {
                parts.last_mut().expect("there is a part").push((*x, of(*low), *median, of(*high)));
            }
            _ => parts.push(Vec::new()),
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The values as numbers, if all are of one kind.
fn numbers(values: &[String]) -> Option<Vec<u64>> {
    let all: Vec<(Unit, u64)> = values.iter().map(|value| scenario::number(value)).collect::<Option<_>>()?;
    all.iter().all(|(unit, _)| *unit == all[0].0).then(|| all.into_iter().map(|(_, number)| number).collect())
}

/// Each once, in the order of their first coming.
fn distinct<T: PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    let mut distinct = Vec::new();
    all.for_each(|one| {
        if !distinct.contains(&one) {
            distinct.push(one);
        }
    });
    distinct
}
