//! A sweep's table as text, Markdown, LaTeX, CSV and JSON.

use std::collections::BTreeSet;

use clap::ValueEnum;

use super::Column;
use super::csv_json::{as_json, csv};
use super::median::{Value, certainty};
use super::table::{CellEntry, CellRow, Table, Tally};
use crate::draw::Unit;
use crate::text::rounded;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// For people, in columns
    Text,
    /// With commas; every number by itself, for spreadsheets
    Csv,
    /// For programs, with the figures of every seed
    Json,
    /// Markdown
    Md,
    /// LaTeX
    Latex,
}

impl Form {
    /// The name of the table's file.
    pub fn file_name(self) -> &'static str {
        match self {
            Form::Text => "table.txt",
            Form::Csv => "table.csv",
            Form::Json => "table.json",
            Form::Md => "table.md",
            Form::Latex => "table.tex",
        }
    }

    pub fn write(self, table: &Table) -> String {
        match self {
            Form::Text => text(table),
            Form::Csv => csv(table),
            Form::Json => serde_json::to_string_pretty(&as_json(table)).expect("a table is JSON") + "\n",
            Form::Md => markdown(table),
            Form::Latex => latex(table),
        }
    }
}

#[derive(Clone, Copy)]
pub struct NumberScale {
    /// How many of the measure's units are one.
    unit: u64,
    /// What one is called.
    pub name: &'static str,
    /// Two decimal places, and not three digits: shares near 100 % are not rounded to it.
    exact: bool,
}

impl NumberScale {
    /// For numbers up to about `most`.
    pub fn new(unit: Unit, most: u64) -> NumberScale {
        let (unit, name, exact) = match (unit, most) {
            (Unit::Time, 1..10_000) => (1, "ns", false),
            (Unit::Time, 10_000..10_000_000) => (1_000, "\u{b5}s", false),
            (Unit::Time, 0 | 10_000_000..10_000_000_000) => (1_000_000, "ms", false),
            (Unit::Time, _) => (1_000_000_000, "s", false),
            (Unit::Bytes, 0..100_000) => (1, "B", false),
            (Unit::Bytes, 100_000..100_000_000) => (1_000, "kB", false),
            (Unit::Bytes, _) => (1_000_000, "MB", false),
            (Unit::Count, _) => (1, "", false),
            (Unit::Thousandths, _) => (1_000, "", false),
            (Unit::Share, _) => (100, "%", true),
        };
        NumberScale { unit, name, exact }
    }

    /// With three digits or all before the point.
    pub fn told(self, value: Value) -> String {
        let Value::Is(number) = value else { return "never".to_string() };
        let places = match number / self.unit {
            _ if self.unit == 1 => 0,
            _ if self.exact => 2,
            0 if number == 0 => 0,
            0 => 3,
            1..10 => 2,
            10..100 => 1,
            _ => 0,
        };
        rounded(number, self.unit, places)
    }
}

impl Table {
    pub fn scale(&self, column: usize) -> NumberScale {
        let Column::Figure(figure) = &self.columns[column] else { return NumberScale::new(Unit::Count, 0) };
        let medians = self.rows.iter().filter_map(|row| row.entries[column].spread()?.median.number());
        NumberScale::new(figure.measure.unit, medians.max().unwrap_or(0))
    }

    /// The names of columns, with units.
    pub fn header(&self) -> Vec<String> {
        let columns = self.columns.iter().enumerate().map(|(number, column)| match self.scale(number).name {
            "" => column.name().to_string(),
            unit => format!("{} ({unit})", column.name()),
        });
        self.axes.iter().cloned().chain(columns).collect()
    }

    /// What a column says about a row.
    fn told(&self, row: &CellRow, column: usize) -> String {
        let scale = self.scale(column);
        match &row.entries[column] {
            CellEntry::Verdicts(tally) => told(tally),
            CellEntry::Figure(_, None) => "\u{2013}".to_string(),
            CellEntry::Figure(values, Some(spread)) => {
                let mut text = scale.told(spread.median);
                if (spread.low, spread.high) != (spread.median, spread.median) {
                    text.push_str(&format!(" [{}, {}]", scale.told(spread.low), scale.told(spread.high)));
                }
                let missing = values.iter().filter(|value| value.is_none()).count();
                if missing > 0 {
                    text.push_str(&format!(" ({} of {} seeds)", values.len() - missing, values.len()));
                }
                text
            }
        }
    }

    /// What stands in the rows.
    pub fn grid(&self) -> Vec<Vec<String>> {
        let line = |row: &CellRow| {
            let told = (0..self.columns.len()).map(|column| self.told(row, column));
            row.values.iter().cloned().chain(told).collect()
        };
        self.rows.iter().map(line).collect()
    }

    /// The probability that an interval has the true median in it.
    pub fn certainty(&self) -> String {
        let certain = certainty(self.seeds.len() as u32);
        format!("{}.{:02} %", certain / 100, certain % 100)
    }

    /// What the numbers of the table are.
    pub fn how(&self) -> String {
        let certain = self.certainty();
        let (first, last) = (self.seeds[0], self.seeds[self.seeds.len() - 1]);
        let entries = self.rows.iter().flat_map(|row| &row.entries);
        let is_missing = |entry: &CellEntry| matches!(entry, CellEntry::Figure(values, _) if values.contains(&None));
        let missing = match entries.into_iter().any(is_missing) {
            true => " Where seeds are missing there was nothing to measure, and the interval is less certain.",
            false => "",
        };
        match self.seeds.len() {
            1 => format!("One seed: {first}."),
            count => format!(
                "Median of {count} seeds ({first} to {last}); in brackets an interval that has the true median in it with \
                 a probability of at least {certain} (order statistics). A number alone: the interval is that \
                 number.{missing}"
            ),
        }
    }

    /// Verdicts that are not *holds*, and what is not as expected. Cells with the same text share a line.
    pub fn remarks(&self) -> Vec<String> {
        let mut said: Vec<(String, Vec<String>)> = Vec::new();
        let mut say = |what: String, row: &CellRow| match said.iter_mut().find(|(known, _)| *known == what) {
            Some((_, cells)) => cells.push(self.cell(row)),
            None => said.push((what, vec![self.cell(row)])),
        };
        for (number, column) in self.columns.iter().enumerate() {
            let name = column.name();
            for row in &self.rows {
                let CellEntry::Verdicts(tally) = &row.entries[number] else { continue };
                if !tally.violated.is_empty() {
                    let all: Vec<u64> = tally.violated.iter().map(|(seed, _)| *seed).collect();
                    let codes: BTreeSet<&str> = tally.violated.iter().map(|(_, code)| code.as_str()).collect();
                    let codes = codes.into_iter().collect::<Vec<_>>().join(", ");
                    say(format!("{name} violated ({codes}), {}", seeds(&all)), row);
                }
                if !tally.unknown.is_empty() {
                    say(format!("{name} unknown, {}", seeds(&tally.unknown)), row);
                }
            }
        }
        for row in &self.rows {
            for one in &row.surprises {
                let (checker, verdict, expected) = (&one.checker, one.verdict, one.expected);
                let with = seeds(&one.seeds);
                say(format!("NOT AS EXPECTED: {checker} {verdict} (expected: {expected}), {with}"), row);
            }
        }
        said.into_iter().map(|(what, cells)| format!("{what}: {}", cells.join("; "))).collect()
    }

    fn cell(&self, row: &CellRow) -> String {
        let pairs = self.axes.iter().zip(&row.values).map(|(axis, value)| format!("{axis} {value}"));
        pairs.collect::<Vec<_>>().join(", ")
    }
}

fn told(tally: &Tally) -> String {
    let counts = tally.counts();
    let all: usize = counts.iter().map(|(_, count)| count).sum();
    let parts = counts.iter().filter(|(_, count)| *count > 0).map(|(what, count)| format!("{what} {count}/{all}"));
    parts.collect::<Vec<_>>().join(", ")
}

/// `seed 7`, `seeds 1 to 5`, `seeds 1, 3, 4`.
fn seeds(list: &[u64]) -> String {
    match list {
        [one] => format!("seed {one}"),
        [first, .., last] if last - first == list.len() as u64 - 1 => format!("seeds {first} to {last}"),
        list => format!("seeds {}", list.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn text(table: &Table) -> String {
    let (header, rows) = (table.header(), table.grid());
    let width = |column: usize| {
        let cells = rows.iter().map(|row| &row[column]).chain([&header[column]]);
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    // Names to the left, numbers to the right.
    let is_name = |column: usize| {
        column < table.axes.len() || matches!(table.columns[column - table.axes.len()], Column::Verdict(_))
    };
    let line = |cells: &[String]| {
        let padded = cells.iter().enumerate().map(|(column, cell)| match is_name(column) {
            true => format!("{cell:<0$}", widths[column]),
            false => format!("{cell:>0$}", widths[column]),
        });
        padded.collect::<Vec<_>>().join("   ").trim_end().to_string() + "\n"
    };
    let mut out = format!("{}\n\n{}", table.title, line(&header));
    out.push_str(&"-".repeat(widths.iter().sum::<usize>() + 3 * (widths.len() - 1)));
    out.push('\n');
    rows.iter().for_each(|row| out.push_str(&line(row)));
    out.push_str(&format!("\n{}\n", table.how()));
    table.remarks().iter().for_each(|remark| out.push_str(&format!("{remark}\n")));
    out
}

fn markdown(table: &Table) -> String {
    let line = |cells: &[String]| {
        format!("| {} |\n", cells.iter().map(|cell| cell.replace('|', "\\|")).collect::<Vec<_>>().join(" | "))
    };
    let header = table.header();
    let marks: Vec<String> =
        (0..header.len()).map(|column| if column < table.axes.len() { "---" } else { "---:" }.to_string()).collect();
    let mut out = format!("**{}**\n\n{}|{}|\n", table.title, line(&header), marks.join("|"));
    table.grid().iter().for_each(|row| out.push_str(&line(row)));
    out.push_str(&format!("\n{}\n", table.how()));
    let remarks = table.remarks();
    if !remarks.is_empty() {
        out.push('\n');
        remarks.iter().for_each(|remark| out.push_str(&format!("- {remark}\n")));
    }
    out
}

fn latex(table: &Table) -> String {
    let line = |cells: &[String]| {
        format!("    {} \\\\\n", cells.iter().map(|cell| escaped(cell)).collect::<Vec<_>>().join(" & "))
    };
    let layout = "l".repeat(table.axes.len()) + &"r".repeat(table.columns.len());
    let mut out = "\\begin{table}\n  \\centering\n".to_string();
    out.push_str(&format!("  \\begin{{tabular}}{{{layout}}}\n    \\hline\n{}    \\hline\n", line(&table.header())));
    table.grid().iter().for_each(|row| out.push_str(&line(row)));
    let (title, how) = (escaped(table.title.trim_end_matches('.')), escaped(&table.how()));
    out.push_str(&format!("    \\hline\n  \\end{{tabular}}\n  \\caption{{{title}. {how}}}\n\\end{{table}}\n"));
    table.remarks().iter().for_each(|remark| out.push_str(&format!("% {remark}\n")));
    out
}

fn escaped(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '\u{b5}' => out.push_str("$\\mu$"),
            '\u{2013}' => out.push_str("--"),
            // After the end of a row a bracket would be a distance.
            '[' => out.push_str("{[}"),
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => out.extend(['\\', letter]),
            letter => out.push(letter),
        }
    }
    out
}
