//! Arguments that several commands have, and how the values of arguments are read.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use kvsim_store::quantity::Size;

use crate::exit::Failure;
use crate::output::{print, print_json};
use crate::scenario;
use crate::shard::Shard;

/// What the command line changes in scenarios.
#[derive(Debug, clap::Args)]
pub struct Overrides {
    /// Change one value of the scenario, for instance net.loss=5%, or of a sweep, sweep.seeds=3 (may be given several times)
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Run another store than the scenario names
    #[arg(long, value_name = "NAME")]
    pub store: Option<String>,
}

impl Overrides {
    /// All of it in short, for a name: `loss=5%`, `store=lww`.
    pub fn words(&self) -> impl Iterator<Item = String> {
        self.set.iter().map(|set| after_dots(set)).chain(self.store.iter().map(|name| format!("store={name}")))
    }

    /// All of it as `PATH=VALUE`.
    pub fn list(&self) -> Vec<String> {
        self.set.iter().cloned().chain(self.store.iter().map(|name| format!("store.name={name}"))).collect()
    }
}

/// `PATH=VALUE` with the last name of the path alone.
pub fn after_dots(set: &str) -> String {
    let path = set.split('=').next().unwrap_or_default();
    set[path.rfind('.').map_or(0, |dot| dot + 1)..].to_owned()
}

/// How the result is printed.
#[derive(Debug, clap::Args)]
pub struct Output {
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// For whom a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

impl Output {
    /// True when the result is for people.
    pub fn is_text(&self) -> bool {
        self.format == Format::Text
    }

    pub fn print(&self, value: &impl serde::Serialize, text: impl FnOnce() -> String) -> Result<(), Failure> {
        if self.is_text() { print(&text()) } else { print_json(value) }
    }
}

/// How many runs there are at a time.
#[derive(Debug, clap::Args)]
pub struct Jobs {
    /// Runs at a time [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    jobs: Option<u16>,
}

impl Jobs {
    pub fn get(&self) -> u16 {
        let cores = || std::thread::available_parallelism().map_or(1, |count| count.get().min(1024) as u16);
        self.jobs.unwrap_or_else(cores)
    }
}

/// How many runs are done.
#[derive(Debug, clap::Args)]
pub struct Batch {
    #[command(flatten)]
    pub jobs: Jobs,
    /// Go on in the folder where the same command was stopped
    #[arg(long)]
    pub resume: bool,
    /// Do one part of the runs, the I-th of N: as many machines share the work, and kvsim merge puts it together
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// The folder of the results [default: runs/hunt-NAME or runs/sweep-NAME, of a shard with -I-of-N]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// A seed, decimal or in hexadecimal.
pub fn seed(text: &str) -> Result<u64, String> {
    scenario::seed(&text.replace('_', ""))
}

/// `FROM..TO`.
pub fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("expected two seeds, for instance 0..10000")?;
    let (from, to) = (seed(from)?, seed(to)?);
    if from < to {
        Ok(from..to)
    } else {
        Err("there is no seed between them: the first must be the smaller one".into())
    }
}

/// Bytes: as in scenarios.
pub fn size(text: &str) -> Result<u64, String> {
    text.parse().map(|size: Size| size.0).map_err(|wrong| wrong.to_string())
}

/// Real time: as in scenarios, and `10m` for minutes.
pub fn real_time(text: &str) -> Result<Duration, String> {
    let minutes = text.strip_suffix('m').filter(|number| number.ends_with(|c: char| c.is_ascii_digit()));
    let text = minutes.map_or(text.to_string(), |number| format!("{number}min"));
    let ns = scenario::duration(&text).map_err(|problem| format!("{problem}; write for instance 10m or 30s"))?;
    Ok(Duration::from_nanos(ns))
}

/// Virtual time, in nanoseconds.
pub fn virtual_time(text: &str) -> Result<u64, String> {
    scenario::duration(text).map_err(|problem| format!("{problem}; write for instance 4.2s or 850ms"))
}
