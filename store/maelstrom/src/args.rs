//! What can be said on the command line.

use std::path::PathBuf;

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use kvsim_store::Level;

/// The NDC store as a node of Maelstrom. Requests and messages come as JSON lines on standard input, answers and
/// messages leave on standard output, and what people may want to know goes to standard error.
#[derive(Clone, Debug, Parser)]
#[command(name = "kvsim-maelstrom", version)]
pub struct Args {
    /// What reads may see.
    #[arg(long, value_name = "LEVEL", default_value = "fifo", value_parser = level())]
    pub level: Level,

    /// How many replicas contribute to a read, this one included.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub read_quorum: u16,

    /// How many replicas must have a write before it is answered, this one included.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub ack: u16,

    /// Time between two rounds of anti-entropy, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 500, value_parser = clap::value_parser!(u64).range(1..))]
    pub anti_entropy_ms: u64,

    /// Time between two clean-ups (stripping), in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub strip_ms: u64,

    /// Room for writes that wait for their turn, in bytes per ordered view.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20)]
    pub buffer_bytes: u64,

    /// How long a request may wait for other replicas, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub timeout_ms: u64,

    /// Keep each node's records in a file of its own in this folder, so that a node that was killed can come back.
    /// Without it a process that ends has lost its disk and must not be started again under its name.
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// Write each value that reads here begin to return to Maelstrom's service lin-kv, so that its log shows when.
    #[arg(long)]
    pub report_visible: bool,
}

fn level() -> impl TypedValueParser<Value = Level> {
    let named = |name: String| Level::ALL.into_iter().find(|level| level.name() == name).unwrap_or(Level::Fifo);
    PossibleValuesParser::new(Level::ALL.map(Level::name)).map(named)
}
