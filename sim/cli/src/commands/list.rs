//! `kvsim list`: what there is to choose from.

use kvsim_checkers::CHECKERS;
use kvsim_histories::models::MODELS;
use kvsim_sim::stores::{STORES, StoreEntry};
use kvsim_store::settings::DefectInfo;
use serde::Serialize;

use crate::args::Output;
use crate::exit::{self, Failure};
use crate::sweep::measures::MEASURES;
use clap::ValueEnum;

/// List stores, faults, checkers, defects, models or columns
#[derive(Debug, clap::Args)]
pub struct List {
    /// What to list
    what: Listed,
    #[command(flatten)]
    output: Output,
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

/// Something that can be named.
#[derive(Serialize)]
struct Entry {
    name: &'static str,
    summary: &'static str,
    /// Its parts: settings of a store, codes of a checker, an example of a fault.
    details: Vec<String>,
}

/// What can go wrong, with how to write it.
const FAULTS: &[(&str, &str, &str)] = &[
    (
        "partition",
        "links are cut for a while: between groups, around single nodes, one way, or but for a bridge",
        "[[fault.partition]]  at = \"2s\"  for = \"1s\"  groups = [[\"n0\"], [\"n1\", \"n2\"]]",
    ),
    (
        "random_partition",
        "partitions of random shapes, drawn from the seed, one after the other",
        "[[fault.random_partition]]  every = \"2s\"  lasting = \"500ms\"",
    ),
    ("drop", "all copies of one message are lost", "[[fault.drop]]  write = 2  to = [\"n2\"]"),
    (
        "crash",
        "a node is down and starts again with what its disk has: disk = \"kept\", \"tail-lost\", \"torn\" or \"lost\"",
        "[[fault.crash]]  node = \"n1\"  at = [\"1s\", \"4s\"]  for = \"500ms\"  disk = \"kept\"",
    ),
    (
        "replace",
        "a node is replaced by an empty one, a new incarnation",
        "[[fault.replace]]  node = \"n1\"  at = \"3s\"  for = \"1s\"",
    ),
    ("join", "a node joins the cluster in the course of the run", "[[fault.join]]  node = \"n3\"  at = \"2s\""),
    ("leave", "a node leaves the cluster for good", "[[fault.leave]]  node = \"n3\"  at = \"2s\""),
    (
        "pause",
        "a node stands still and then goes on with what has waited",
        "[[fault.pause]]  every = \"2s\"  lasting = \"300ms\"",
    ),
    (
        "slow_node",
        "a node takes time for each message, timer and call",
        "[[fault.slow_node]]  node = \"n1\"  at = \"1s\"  for = \"2s\"  step = \"5ms\"",
    ),
    (
        "slow_disk",
        "a node's disk takes longer",
        "[[fault.slow_disk]]  node = \"n1\"  at = \"1s\"  for = \"2s\"  write = \"50ms\"",
    ),
    (
        "full_disk",
        "a node's disk is full: what follows from a record waits until there is room",
        "[[fault.full_disk]]  node = \"n1\"  at = \"1s\"  for = \"500ms\"",
    ),
    (
        "clock",
        "a node's clock is ahead, behind, fast or slow",
        "[[fault.clock]]  node = \"n1\"  at = \"1s\"  for = \"3s\"  ahead = \"2s\"  fast = \"0.1%\"",
    ),
    (
        "slow_link",
        "messages on some links take longer",
        "[[fault.slow_link]]  from = \"n0\"  at = \"1s\"  for = \"2s\"  delay = \"100ms..300ms\"",
    ),
    (
        "loss_burst",
        "more messages are lost",
        "[[fault.loss_burst]]  every = \"1s\"  lasting = \"200ms\"  loss = \"80%\"",
    ),
    (
        "duplicate_storm",
        "more messages arrive twice",
        "[[fault.duplicate_storm]]  at = \"1s\"  for = \"2s\"  duplicate = \"90%\"",
    ),
    (
        "late",
        "some messages arrive very late",
        "[[fault.late]]  at = \"0s\"  for = \"3s\"  share = \"5%\"  delay = \"1s..5s\"",
    ),
    ("delay", "one message takes a time of its own", "[[fault.delay]]  write = 2  to = \"n2\"  takes = \"80ms\""),
    ("duplicate", "one message arrives twice", "[[fault.duplicate]]  write = 2  to = \"n2\"  takes = \"30ms\""),
    ("loss", "messages are lost at random", "[net]  loss = \"5%\""),
    ("duplicates", "messages arrive twice at random", "[net]  duplicate = \"1%\""),
    ("delays", "messages take a random time and overtake each other", "[net]  delay = \"exponential(20ms)\""),
    ("bandwidth", "messages wait for each other", "[net]  bandwidth = \"1MB/s\""),
    (
        "disk",
        "what depends on a record waits until it is written; syncs come later",
        "[disk]  write = \"5ms\"  sync = \"50ms\"",
    ),
];

/// The names of the defects that can be planted in a store; [`Listed::Defects`] tells more.
fn defects(store: &StoreEntry) -> Option<String> {
    let names: Vec<&str> = store.defects.iter().map(|defect| defect.name).collect();
    (!names.is_empty()).then(|| format!("defects to plant (kvsim list defects): {}", names.join(", ")))
}

/// Lists; returns the exit code.
pub fn list(args: &List) -> Result<u8, Failure> {
    let entries: Vec<Entry> = match args.what {
        Listed::Stores => STORES
            .iter()
            .map(|store| Entry {
                name: store.name,
                summary: store.summary,
                details: [
                    format!("levels: {}", store.levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ")),
                    format!("settings: {}", store.settings().into_iter().collect::<Vec<_>>().join(", ")),
                    format!("messages: {}", store.message_kinds.join(", ")),
                ]
                .into_iter()
                .chain(defects(store))
                .collect(),
            })
            .collect(),
        Listed::Faults => FAULTS
            .iter()
            .map(|(name, summary, example)| Entry { name, summary, details: vec![example.to_string()] })
            .collect(),
        Listed::Checkers => CHECKERS
            .iter()
            .map(|checker| Entry {
                name: checker.name,
                summary: checker.summary,
                details: checker.codes.iter().map(|code| format!("{}  {}", code.code, code.meaning)).collect(),
            })
            .collect(),
        Listed::Defects => {
            let defects = |store: &'static StoreEntry| store.defects.iter().map(|defect| (store.name, defect));
            let entry = |(store, defect): (&str, &DefectInfo)| Entry {
                name: defect.name,
                summary: defect.meaning,
                details: vec![format!("store: {store}"), format!("should be noticed by: {}", defect.noticed_by)],
            };
            STORES.iter().flat_map(defects).map(entry).collect()
        }
        Listed::Models => MODELS
            .iter()
            .map(|model| Entry {
                name: model.name,
                summary: model.summary,
                details: model.codes.iter().map(|code| format!("{}  {}", code.code, code.meaning)).collect(),
            })
            .collect(),
        Listed::Columns => MEASURES
            .iter()
            .map(|measure| Entry {
                name: measure.name,
                summary: measure.meaning,
                details: vec![format!("for instance \"{}\"", measure.example())],
            })
            .collect(),
    };
    args.output.print(&entries, || {
        let line = |Entry { name, summary, details }: &Entry| {
            let details: String = details.iter().map(|detail| format!("    {detail}\n")).collect();
            format!("{name}\n    {summary}\n{details}")
        };
        entries.iter().map(line).collect()
    })?;
    Ok(exit::HOLDS)
}
