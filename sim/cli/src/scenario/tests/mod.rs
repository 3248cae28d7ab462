//! Tests of the reader as a whole.

mod any_text;
mod right;
mod wrong;

use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::BUILT_IN;
use std::path::Path;
use std::sync::LazyLock;

use super::{Diagnostics, Names, read};

/// A scenario that uses every field.
const FULL: &str = include_str!("full.toml");

/// The smallest scenario.
const SMALLEST: &str = "replicas = 3\nduration = \"10s\"\n[clients.all]\n";

fn names() -> &'static Names {
    static NAMES: LazyLock<Names> = LazyLock::new(|| Names::new(BUILT_IN, vec!["convergence", "read-your-writes"]));
    &NAMES
}

/// Reads `text` as the file `test.toml`.
fn read_text(text: &str, overrides: &[&str]) -> Result<Scenario, Diagnostics> {
    let overrides: Vec<String> = overrides.iter().map(|argument| (*argument).to_owned()).collect();
    read(Path::new("test.toml"), text.as_bytes(), &overrides, names())
}
