//! A sweep's table with exact numbers: CSV and JSON.

use serde_json::{Map, Value as Json, json};

use super::Column;
use super::median::{Spread, Value, certainty};
use super::table::{CellEntry, CellRow, Table};
use crate::draw::Unit;
use crate::text::csv_line;

/// The unit of a measure's exact numbers, and how many of the measure's units one is.
fn exact_unit(unit: Unit) -> (&'static str, u64) {
    match unit {
        Unit::Time => ("ns", 1),
        Unit::Bytes => ("B", 1),
        Unit::Count => ("", 1),
        Unit::Thousandths => ("", 1_000),
        Unit::Share => ("%", 100),
    }
}

/// The table with commas; every number has a column of its own.
pub fn csv(table: &Table) -> String {
    let mut header: Vec<String> = table.axes.clone();
    for column in &table.columns {
        match column {
            Column::Figure(figure) => {
                let unit = exact_unit(figure.measure.unit).0;
                let unit = if unit.is_empty() { String::new() } else { format!(" ({unit})") };
                header.extend(["median", "low", "high"].map(|what| format!("{} {what}{unit}", figure.name)));
            }
            Column::Verdict(checker) => {
                header.extend(["holds", "violated", "unknown"].map(|what| format!("{checker} {what}")));
            }
        }
    }
    let mut out = csv_line(&header);
    for row in &table.rows {
        let mut cells = row.values.clone();
        for (column, entry) in table.columns.iter().zip(&row.entries) {
            match (column, entry) {
                (_, CellEntry::Verdicts(tally)) => cells.extend(tally.counts().map(|(_, count)| count.to_string())),
                (Column::Figure(figure), CellEntry::Figure(_, Some(spread))) => {
                    let unit = exact_unit(figure.measure.unit).1;
                    cells.extend([spread.median, spread.low, spread.high].map(|value| exactly(value, unit)));
                }
                _ => cells.extend(["", "", ""].map(str::to_string)),
            }
        }
        out.push_str(&csv_line(&cells));
    }
    out
}

fn exactly(value: Value, unit: u64) -> String {
    match value {
        Value::Never => "never".to_string(),
        Value::Is(number) if unit == 1 => number.to_string(),
        Value::Is(number) => format!("{}.{:02$}", number / unit, number % unit, unit.ilog10() as usize),
    }
}

/// The table for programs, with the figures of every seed.
pub fn as_json(table: &Table) -> Json {
    let value = |value: Option<Value>, unit: u64| match value {
        None => Json::Null,
        Some(Value::Never) => Json::from("never"),
        Some(Value::Is(number)) if unit == 1 => Json::from(number),
        Some(Value::Is(number)) => Json::from(number as f64 / unit as f64),
    };
    let cell = |row: &CellRow| {
        let mut columns = Map::new();
        for (column, entry) in table.columns.iter().zip(&row.entries) {
            let told = match (column, entry) {
                (Column::Figure(figure), CellEntry::Figure(values, spread)) => {
                    let (name, unit) = exact_unit(figure.measure.unit);
                    let of = |pick: fn(Spread) -> Value| value(spread.map(pick), unit);
                    json!({
                        "unit": name,
                        "median": of(|spread| spread.median),
                        "low": of(|spread| spread.low),
                        "high": of(|spread| spread.high),
                        "seeds": values.iter().map(|one| value(*one, unit)).collect::<Vec<_>>(),
                    })
                }
                (_, CellEntry::Verdicts(tally)) => {
                    let violated = tally.violated.iter().map(|(seed, code)| json!({ "seed": seed, "code": code }));
                    json!({ "holds": tally.holds, "violated": violated.collect::<Vec<_>>(), "unknown": tally.unknown })
                }
                (Column::Verdict(_), CellEntry::Figure(..)) => Json::Null,
            };
            columns.insert(column.name().to_string(), told);
        }
        let surprises = row.surprises.iter().map(|one| {
            json!({ "checker": one.checker, "verdict": one.verdict, "expected": one.expected, "seeds": one.seeds })
        });
        let values: Map<String, Json> =
            table.axes.iter().cloned().zip(row.values.iter().cloned().map(Json::from)).collect();
        json!({ "values": values, "columns": columns, "not_as_expected": surprises.collect::<Vec<_>>() })
    };
    json!({
        "schema": 1,
        "sweep": table.name,
        "title": table.title,
        "seeds": table.seeds,
        "interval_percent": f64::from(certainty(table.seeds.len() as u32)) / 100.0,
        "cells": table.rows.iter().map(cell).collect::<Vec<_>>(),
    })
}
