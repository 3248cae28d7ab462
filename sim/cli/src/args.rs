//! The command line.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValue;
use clap::{Parser, Subcommand, ValueEnum};
use kvsim_histories::models::{MODELS, Model};
use kvsim_sim::stores;

use crate::charts::{Kind, Picture, Theme};
use crate::exit;
use crate::sweep::formats::Form;

/// Run, replay and check simulations of replicated key-value stores.
#[derive(Debug, Parser)]
#[command(name = "kvsim", version, arg_required_else_help = true, after_help = exit::TABLE)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a scenario and judge what happened
    Run(Run),
    /// Run a stored plan again and compare the trace hash
    Replay(Replay),
    /// Run many seeds on all cores and keep what goes wrong
    Hunt(Hunt),
    /// Make a run smaller while it shows the same finding, and write it as a scenario
    Shrink(Shrink),
    /// Explain why an operation was answered as it was
    Explain(Explain),
    /// Show what happened, event by event, or the state of the replicas at a moment
    Trace(Trace),
    /// Vary values of a scenario, each with many seeds, and tell what comes of it in tables and charts
    Sweep(Sweep),
    /// Draw charts of stored runs
    Plot(Plot),
    /// Write the report of a stored run, report.html, anew
    Report(Report),
    /// Judge histories of any system, in Jepsen's EDN or in JSON Lines, by consistency models
    Check(Check),
    /// List stores, faults, checkers, defects, models or columns
    List(List),
    /// Print the JSON Schema of scenario files, for editors
    Schema,
    /// Print a completion script for a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    Man,
}

impl Command {
    /// The result is for a program.
    pub fn wants_json(&self) -> bool {
        match self {
            Command::Run(Run { format, .. })
            | Command::Replay(Replay { format, .. })
            | Command::Hunt(Hunt { format, .. })
            | Command::Shrink(Shrink { format, .. })
            | Command::Explain(Explain { format, .. })
            | Command::Trace(Trace { format, .. })
            | Command::Check(Check { format, .. })
            | Command::List(List { format, .. }) => *format == Format::Json,
            Command::Sweep(Sweep { format, .. }) => *format == Form::Json,
            Command::Plot(_) | Command::Report(_) | Command::Schema | Command::Completions { .. } | Command::Man => {
                false
            }
        }
    }
}

/// Arguments of `kvsim run`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Run {
    /// The scenario, a TOML file
    pub file: PathBuf,
    /// The seed, decimal or 0x... [default: the scenario's]
    #[arg(long, value_parser = seed)]
    pub seed: Option<u64>,
    /// Change one value of the scenario, for instance net.loss=5% (may be given several times)
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Run another store than the scenario names
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(store_names()))]
    pub store: Option<String>,
    /// The folder of the run [default: runs/SCENARIO-SEED]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// What to keep of the trace
    #[arg(long, value_enum, default_value_t = Kept::Hash)]
    pub trace: Kept,
    /// Write the history of all operations into the folder, for kvsim check and other checkers
    #[arg(long, value_enum, value_name = "FORM")]
    pub history: Option<History>,
    /// Leave out report.html, which takes about as long again as the run
    #[arg(long)]
    pub no_report: bool,
    /// Run twice and compare every event: a difference is a bug of kvsim
    #[arg(long)]
    pub twice: bool,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `kvsim replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Replay {
    /// The folder of a run, or a plan.json
    pub run: PathBuf,
    /// Stop at this virtual time (for instance 4.2s), compare up to there and show the last events
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub until: Option<u64>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `kvsim hunt`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Hunt {
    /// The scenario, or a folder of which all scenarios take turns
    #[arg(value_name = "FILE|DIR")]
    pub path: PathBuf,
    /// Which seeds, the last one left out
    #[arg(long, value_name = "FROM..TO", value_parser = seeds, default_value = "0..1000")]
    pub seeds: Range<u64>,
    /// Hunt for so long (for instance 10m) instead of up to the last seed
    #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
    pub lasting: Option<Duration>,
    /// Runs at a time [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// In each run switch off kinds of faults and features at random
    #[arg(long)]
    pub swarm: bool,
    /// Go on after the first finding
    #[arg(long)]
    pub keep_going: bool,
    /// Go on with the hunt in the folder where it was stopped
    #[arg(long)]
    pub resume: bool,
    /// The folder of the hunt [default: runs/hunt-SCENARIO]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Change one value of the scenarios, for instance net.loss=5% (may be given several times)
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Run another store than the scenarios name
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(store_names()))]
    pub store: Option<String>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `kvsim shrink`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Shrink {
    /// The folder of a run, or a plan.json
    pub run: PathBuf,
    /// Which finding, by its code [default: the first]
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Give up making it smaller after this time
    #[arg(long = "for", value_name = "TIME", value_parser = lasting, default_value = "110s")]
    pub lasting: Duration,
    /// The folder of the smaller run and its scenario [default: RUN/shrunk]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `kvsim explain`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Explain {
    /// The folder of a run, a plan.json, or a scenario
    #[arg(value_name = "RUN|FILE")]
    pub run: PathBuf,
    /// Which operation, by its number [default: one that the first finding names]
    #[arg(long, value_name = "NUMBER")]
    pub op: Option<u32>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `kvsim trace`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Trace {
    /// The folder of a run, a plan.json, or a scenario
    #[arg(value_name = "RUN|FILE")]
    pub run: PathBuf,
    /// Only what happens at this node, or to messages from or to it
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Only what concerns this key; faults and troubles of nodes stay
    #[arg(long, value_name = "KEY")]
    pub key: Option<String>,
    /// Only what this session asks and is answered; faults and troubles of nodes stay
    #[arg(long, value_name = "SESSION")]
    pub session: Option<String>,
    /// From this virtual time on (for instance 1.2s)
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub from: Option<u64>,
    /// Up to this virtual time
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub to: Option<u64>,
    /// Only these kinds of events [default: all but timers and end]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND,...")]
    pub kind: Vec<EventKind>,
    /// Show instead what each replica knows, shows and lets wait at this virtual time
    #[arg(long, value_name = "TIME", value_parser = until, conflicts_with_all = ["session", "from", "to", "kind"])]
    pub at: Option<u64>,
    /// Draw instead a space-time diagram into this file: for short runs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["node", "key", "session", "kind", "at"])]
    pub svg: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EventKind {
    /// What sessions ask and are answered
    Operations,
    /// What replicas get to know, show and let wait
    Writes,
    /// What is sent, lost, doubled and delivered
    Messages,
    /// Nodes that go down, come up, stand still, and what disks forget
    Nodes,
    /// Faults that begin and end; the beginning of settling
    Faults,
    /// Timers that run out
    Timers,
    /// What replicas hold and report at the end
    End,
}

/// Arguments of `kvsim sweep`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Sweep {
    /// The sweep: a scenario with a table [sweep]
    pub file: PathBuf,
    /// Runs at a time [default: one per core]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Go on with the sweep in the folder where it was stopped
    #[arg(long)]
    pub resume: bool,
    /// The folder of the sweep [default: runs/sweep-NAME]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Change one value of the scenario, for instance net.loss=5% or sweep.seeds=3 (may be given several times)
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,
    /// Run another store than the scenario names
    #[arg(long, value_name = "NAME", value_parser = clap::builder::PossibleValuesParser::new(store_names()))]
    pub store: Option<String>,
    /// How to print the table; the folder has all forms
    #[arg(long, value_enum, default_value_t = Form::Text)]
    pub format: Form,
    /// The form of the charts
    #[arg(long, value_enum, default_value_t = Picture::Svg)]
    pub chart_format: Picture,
    /// The page that the charts are made for
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    pub theme: Theme,
}

/// Arguments of `kvsim plot`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Plot {
    /// Folders of runs, or their plan.json; several are compared in one chart
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// Which charts [default: all that have something to show]
    #[arg(long, value_enum, value_delimiter = ',', value_name = "KIND")]
    pub kind: Vec<Kind>,
    /// The form of the files
    #[arg(long, value_enum, default_value_t = Picture::Svg)]
    pub format: Picture,
    /// The page that the charts are made for
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    pub theme: Theme,
    /// The folder of the charts [default: RUN/charts, for several runs ./charts]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Show the time from here on, for instance 4.2s
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub from: Option<u64>,
    /// Show the time up to here
    #[arg(long, value_name = "TIME", value_parser = until)]
    pub to: Option<u64>,
}

/// Arguments of `kvsim report`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Report {
    /// The folder of a run, or its plan.json
    pub run: PathBuf,
}

/// Arguments of `kvsim check`.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct Check {
    /// Histories: files in EDN or JSON Lines, folders of runs that have one, or - for standard input
    #[arg(required = true, value_name = "HISTORY")]
    pub histories: Vec<PathBuf>,
    /// By which models, with commas between [default: all]
    #[arg(long = "model", value_name = "MODEL", value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(model_names()))]
    pub models: Vec<String>,
    /// Give up judging a history by a model after this time; the verdict is then unknown
    #[arg(long, value_name = "TIME", value_parser = lasting, default_value = "60s")]
    pub time_limit: Duration,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Arguments of `kvsim list`.
#[derive(Debug, clap::Args)]
pub struct List {
    /// What to list
    pub what: Listed,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Listed {
    /// Stores that scenarios can name
    Stores,
    /// What can go wrong in a scenario
    Faults,
    /// Checkers with the codes of their findings
    Checkers,
    /// Mistakes that can be planted in stores, to see whether they are found
    Defects,
    /// Models by which kvsim check judges histories
    Models,
    /// Measures of which a sweep's table can have columns; a checker's name is a column, too
    Columns,
}

/// What to keep of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    /// Only its hash; verdicts stay unknown (exit code 3)
    Off,
    /// Its hash; judge it
    Hash,
    /// All of it, as trace.jsonl in the run's folder; judge it
    Full,
}

/// How to write a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum History {
    /// As Jepsen does: history.edn
    Edn,
    /// As JSON Lines: history.jsonl
    Jsonl,
}

/// How to print.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

fn model_names() -> Vec<PossibleValue> {
    let value = |model: &Model| PossibleValue::new(model.name).aliases(model.alias).help(model.summary);
    MODELS.iter().map(value).collect()
}

fn store_names() -> Vec<&'static str> {
    stores::STORES.iter().map(|store| store.name).collect()
}

fn seed(text: &str) -> Result<u64, String> {
    crate::scenario::seed(&text.replace('_', ""))
}

/// `FROM..TO`.
fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("expected two seeds, for instance 0..10000")?;
    let (from, to) = (seed(from)?, seed(to)?);
    if from < to {
        Ok(from..to)
    } else {
        Err("there is no seed between them: the first must be the smaller one".into())
    }
}

/// Real time: as in scenarios, and `10m` for minutes.
fn lasting(text: &str) -> Result<Duration, String> {
    let minutes = text.strip_suffix('m').filter(|number| number.ends_with(|c: char| c.is_ascii_digit()));
    let text = minutes.map_or(text.to_string(), |number| format!("{number}min"));
    let ns = crate::scenario::duration(&text).map_err(|problem| format!("{problem}; write for instance 10m or 30s"))?;
    Ok(Duration::from_nanos(ns))
}

fn until(text: &str) -> Result<u64, String> {
    crate::scenario::duration(text).map_err(|problem| format!("{problem}; write for instance 4.2s or 850ms"))
}
