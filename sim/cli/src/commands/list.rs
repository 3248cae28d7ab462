//! `kvsim list`: what there is to choose from.

use kvsim_checkers::CHECKERS;
use kvsim_sim::stores::STORES;
use serde::Serialize;

use crate::args::{Format, List, Listed};
use crate::exit::{self, Failure};

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
    ("loss", "messages are lost at random", "[net]  loss = \"5%\""),
    ("duplicates", "messages arrive twice at random", "[net]  duplicate = \"1%\""),
    ("delay", "messages take a random time and overtake each other", "[net]  delay = \"exponential(20ms)\""),
    ("bandwidth", "messages wait for each other", "[net]  bandwidth = \"1MB/s\""),
    ("slow disk", "what depends on a record waits until it is durable", "[disk]  write = \"5ms\""),
];

/// Lists; returns the exit code.
pub fn list(args: &List) -> Result<u8, Failure> {
    let entries: Vec<Entry> = match args.what {
        Listed::Stores => STORES
            .iter()
            .map(|store| Entry {
                name: store.name,
                summary: store.summary,
                details: vec![
                    format!("levels: {}", store.levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ")),
                    format!("settings: {}", store.settings.join(", ")),
                    format!("messages: {}", store.message_kinds.join(", ")),
                ],
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
    };
    match args.format {
        Format::Json => super::print_json(&entries)?,
        Format::Text => {
            let mut out = String::new();
            for Entry { name, summary, details } in &entries {
                out.push_str(&format!("{name}\n    {summary}\n"));
                details.iter().for_each(|detail| out.push_str(&format!("    {detail}\n")));
            }
            super::print(&out)?;
        }
    }
    Ok(exit::HOLDS)
}
