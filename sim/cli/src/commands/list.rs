//! `kvsim list`: what there is to choose from.

use kvsim_checkers::{CHECKERS, CodeInfo};
use kvsim_histories::models::MODELS;
use kvsim_sim::stores::{STORES, StoreEntry};
use kvsim_store::settings::DefectInfo;
use serde::Serialize;

use crate::args::Output;
use crate::exit::{self, Failure};
use crate::sweep::measures::{MEASURES, Measure};
use clap::ValueEnum;

/// List stores, faults, checkers, defects, models or columns
#[derive(Debug, clap::Args)]
pub struct ListArgs {
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
    /// Measures that a sweep's table can have as columns; a checker's name is a column, too
    Columns,
}

/// Something that can be named.
#[derive(Serialize)]
struct Item {
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

fn details(store: &StoreEntry) -> Vec<String> {
    let levels: Vec<&str> = store.levels.iter().map(|level| level.name()).collect();
    let mut details = vec![
        format!("levels: {}", levels.join(", ")),
        format!("settings: {}", store.settings().into_iter().collect::<Vec<_>>().join(", ")),
        format!("messages: {}", store.message_kinds.join(", ")),
    ];
    let defects: Vec<&str> = store.defects.iter().map(|defect| defect.name).collect();
    if !defects.is_empty() {
        details.push(format!("defects to plant (kvsim list defects): {}", defects.join(", ")));
    }
    details
}

/// Lists; returns the exit code.
pub fn list(args: &ListArgs) -> Result<u8, Failure> {
    let item = |name, summary, details: Vec<String>| Item { name, summary, details };
    let codes = |codes: &[CodeInfo]| codes.iter().map(|code| format!("{}  {}", code.code, code.meaning)).collect();
    let entries: Vec<Item> = match args.what {
        Listed::Stores => STORES.iter().map(|store| item(store.name, store.summary, details(store))).collect(),
        Listed::Faults => {
            FAULTS.iter().map(|(name, summary, example)| item(name, summary, vec![example.to_string()])).collect()
        }
        Listed::Checkers => {
            CHECKERS.iter().map(|checker| item(checker.name, checker.summary, codes(checker.codes))).collect()
        }
        Listed::Defects => {
            let of = |store: &StoreEntry, defect: &DefectInfo| {
                let details =
                    [format!("store: {}", store.name), format!("should be noticed by: {}", defect.noticed_by)];
                item(defect.name, defect.meaning, details.into())
            };
            STORES.iter().flat_map(|store| store.defects.iter().map(move |defect| of(store, defect))).collect()
        }
        Listed::Models => MODELS.iter().map(|model| item(model.name, model.summary, codes(model.codes))).collect(),
        Listed::Columns => {
            let example = |measure: &Measure| vec![format!("for instance \"{}\"", measure.example())];
            MEASURES.iter().map(|measure| item(measure.name, measure.meaning, example(measure))).collect()
        }
    };
    args.output.print(&entries, || {
        let line = |Item { name, summary, details }: &Item| {
            let details: String = details.iter().map(|detail| format!("    {detail}\n")).collect();
            format!("{name}\n    {summary}\n{details}")
        };
        entries.iter().map(line).collect()
    })?;
    Ok(exit::HOLDS)
}
