//! Tests of the reader as a whole.

mod any_text;
mod right;
mod wrong;

use std::path::Path;

use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::STORES;

use super::{Diagnostics, Names, read};

/// A scenario that uses every field.
const FULL: &str = include_str!("full.toml");

/// The smallest scenario.
const SMALLEST: &str = "replicas = 3\nduration = \"10s\"\n[clients.all]\n";

fn names() -> Names {
    Names { stores: STORES, checkers: vec!["convergence", "read-your-writes"] }
}

/// Reads `text` as the file `test.toml`.
fn read_text(text: &str, overrides: &[&str]) -> Result<Scenario, Diagnostics> {
    let overrides: Vec<String> = overrides.iter().map(|argument| (*argument).to_owned()).collect();
    read(Path::new("test.toml"), text.as_bytes(), &overrides, &names())
}
