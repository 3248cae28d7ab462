//! `kvsim export`: what a stored run comes to, as tables for other programs.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::{PossibleValue, PossibleValuesParser};
use kvsim_checkers::Facts;
use kvsim_checkers::metrics::Metrics;
use serde_json::{Map, Value as Json};

use super::plot::record;
use crate::charts;
use crate::data::{RecordedRun, TABLES, TableInfo};
use crate::exit::{self, Failure};
use crate::folder::{self, Stored};
use crate::interrupt;
use crate::output::print;
use crate::scenario::Names;
use crate::text::{counted, csv_line};

/// Write the operations, visibility, lag, traffic and gauges of a stored run as tables
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct ExportArgs {
    /// The folder of a run, or its plan.json
    run: PathBuf,
    /// Which tables [default: all]
    #[arg(long, value_delimiter = ',', value_name = "TABLE", value_parser = PossibleValuesParser::new(table_names()))]
    what: Vec<String>,
    /// The form of the files
    #[arg(long, value_enum, default_value_t = DataFormat::Csv)]
    format: DataFormat,
    /// The folder of the files [default: RUN/data]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum DataFormat {
    /// Commas, with a line of names
    Csv,
    /// A JSON object per line
    Jsonl,
}

fn table_names() -> Vec<PossibleValue> {
    TABLES.iter().map(|table| PossibleValue::new(table.name).help(table.summary)).collect()
}

pub fn export(args: &ExportArgs, names: &Names) -> Result<u8, Failure> {
    interrupt::stop_at_once();
    let stored = Stored::read(&args.run, names.stores)?;
    let window_ns = charts::window_ns(&[&stored.plan]);
    let (recording, measured) = match record(&stored, window_ns)? {
        Ok(recorded) => recorded,
        Err(code) => return Ok(code),
    };
    let metrics = Metrics::of(&recording, &measured, window_ns);
    let facts = Facts::of(&recording);
    let run = RecordedRun { facts: &facts, measured: &measured, metrics: &metrics, window_ns };
    let out = args.out.clone().unwrap_or_else(|| stored.folder().path().join(folder::DATA));
    folder::make(&out)?;
    let mut said = String::new();
    for table in TABLES.iter().filter(|table| args.what.is_empty() || args.what.iter().any(|name| name == table.name)) {
        let rows = (table.rows)(&run);
        let (ending, text) = match args.format {
            DataFormat::Csv => ("csv", csv(table, &rows)),
            DataFormat::Jsonl => ("jsonl", jsonl(table, &rows)),
        };
        let path = out.join(format!("{}.{ending}", table.name));
        folder::write_whole(&path, text.as_bytes())?;
        let _ =
            writeln!(said, "  {:<10}  {}, {}", table.name, path.display(), counted(rows.len() as u64, "row", "rows"));
    }
    print(&said)?;
    Ok(exit::HOLDS)
}

fn csv(table: &TableInfo, rows: &[Vec<Json>]) -> String {
    let header: Vec<String> = table.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
    let mut out = csv_line(&header);
    for row in rows {
        let cell = |cell: &Json| match cell {
            Json::Null => String::new(),
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        out.push_str(&csv_line(&row.iter().map(cell).collect::<Vec<_>>()));
    }
    out
}

fn jsonl(table: &TableInfo, rows: &[Vec<Json>]) -> String {
    let object = |row: &Vec<Json>| {
        let fields = table.columns.iter().zip(row).map(|((name, _), value)| ((*name).to_owned(), value.clone()));
        Json::Object(fields.collect::<Map<_, _>>()).to_string() + "\n"
    };
    rows.iter().map(object).collect()
}
