//! Reads scenario files: TOML text to a [`Scenario`], or to [`Diagnostics`] that say what is wrong and where.
//!
//! Four steps, each in a module of its own: `text` makes TOML of bytes, `overrides` puts the values of `--set` arguments
//! into the parsed text, `structure` finds unknown, missing and mistyped fields and quantities without their form, so that
//! the types of [`kvsim_sim::scenario`] can read what is left, and `check` finds values that do not fit each other. Mistakes
//! of one step are reported together. No input makes the reader panic.

mod check;
pub mod diagnostic;
pub mod overrides;
pub mod reference;
pub mod source;
mod store;
mod structure;
#[cfg(test)]
mod tests;
mod text;
mod write;

use std::io::Read as _;
use std::path::Path;
use std::sync::OnceLock;

use kvsim_sim::lower;
use kvsim_sim::net::Ratio;
use kvsim_sim::plan::Plan;
use kvsim_sim::quantity::{Duration, Seed, Size};
use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::{StoreEntry, Stores};
use serde::Deserialize as _;
use serde_json::{Value as Json, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use check::no_group;
pub use diagnostic::Diagnostics;

use diagnostic::Diagnostic;
pub use write::text as write;

use crate::draw::Unit;
use crate::text::printable;
use check::Check;
use source::{Sources, key_at, value_at};
use structure::Known;

/// The name of the table that `kvsim sweep` reads.
pub const SWEEP: &str = "sweep";

/// Larger files are refused before they are parsed, in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// The names that a scenario may use.
pub struct Names {
    pub stores: Stores,
    pub checkers: Vec<&'static str>,
    /// The schema of scenario files, by store.
    schemas: Vec<OnceLock<Json>>,
}

impl Names {
    pub fn new(stores: Stores, checkers: Vec<&'static str>) -> Names {
        let schemas = stores.list().iter().map(|_| OnceLock::new()).collect();
        Names { stores, checkers, schemas }
    }

    /// The schema of scenarios with this store.
    fn schema(&self, store: Option<&'static StoreEntry>) -> &Json {
        let store = store.unwrap_or(self.stores.default());
        let number = self.stores.names().position(|name| name == store.name).unwrap_or(0);
        self.schemas[number].get_or_init(|| schema(self.stores, Some(store)))
    }
}

/// Reads the scenario at `path`; see [`read`].
pub fn load(path: &Path, overrides: &[String], names: &Names) -> Result<Scenario, Diagnostics> {
    read(path, &contents(path)?, overrides, names)
}

/// The content of the file, which must not be too large.
pub fn contents(path: &Path) -> Result<Vec<u8>, Diagnostics> {
    let contents = || -> std::io::Result<(u64, Vec<u8>)> {
        let file = std::fs::File::open(path)?;
        let size = file.metadata()?.len();
        let mut bytes = Vec::new();
        // One byte more than is allowed tells that it is too much: what is no plain file may have any size.
        file.take(FILE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        Ok((size, bytes))
    };
    match contents() {
        Ok((size, _)) if size > FILE_BYTES_MAX as u64 => Err(too_large(path, size)),
        Ok((_, bytes)) => Ok(bytes),
        Err(error) => Err(about_file(path, format!("the scenario cannot be read: {error}")).into()),
    }
}

/// Reads a scenario from the `bytes` of the file at `path`, whose stem becomes its name.
///
/// `overrides` are `--set` arguments such as `net.loss=5%`, applied in order. A setting in the file that the
/// store does not understand is an error, unless an override chose the store: so one file can run on several.
pub fn read(path: &Path, bytes: &[u8], overrides: &[String], names: &Names) -> Result<Scenario, Diagnostics> {
    let file = path.display().to_string();
    let (sources, mut root) = parse(path, &file, bytes, overrides)?;
    // Only `kvsim sweep` uses it; for other commands a sweep is a scenario.
    root.get_mut().remove(SWEEP);
    scenario(path, root, &sources, names).map_err(in_order)
}

/// The file and the arguments as one table.
pub fn parse<'t>(
    path: &Path,
    file: &'t str,
    bytes: &'t [u8],
    overrides: &'t [String],
) -> Result<(Sources<'t>, Spanned<DeTable<'t>>), Diagnostics> {
    if bytes.len() > FILE_BYTES_MAX {
        return Err(too_large(path, bytes.len() as u64));
    }
    let text = text::utf8(file, bytes)?;
    let sources = Sources::new(file, text, overrides);
    let mut root = text::toml(text, &sources)?;
    for (index, argument) in overrides.iter().enumerate() {
        overrides::apply(&mut root, argument, index, &sources)?;
    }
    if root.get_ref().is_empty() {
        return Err(about_file(path, "the scenario is empty".to_owned()).help(SMALLEST).into());
    }
    Ok((sources, root))
}

pub fn scenario(
    path: &Path,
    root: Spanned<DeTable<'_>>,
    sources: &Sources<'_>,
    names: &Names,
) -> Result<Scenario, Vec<Diagnostic>> {
    let root = root.get_ref();
    let number =
        |value: &Spanned<DeValue<'_>>| value.get_ref().as_integer().and_then(|number| number.as_str().parse().ok());
    let usual = Some(names.stores.default().name);
    let name = value_at(root, &["store", "name"]).map_or(usual, |name| name.get_ref().as_str());
    let store = name.and_then(|name| names.stores.find(name));
    let known = Known {
        replicas: root.get("replicas").and_then(number).filter(|count: &u16| (1..=Plan::REPLICAS_MAX).contains(count)),
        store,
    };
    let mistakes = structure::check(root, names.schema(store), sources, &known);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    // The form is right, so this fails only where the schema is laxer than the types.
    let table = Spanned::new(0..0, root.clone());
    let mut scenario = Scenario::deserialize(toml::de::Deserializer::from(table)).map_err(|error| {
        let span = error.span().map(Into::into);
        vec![sources.diagnostic(span, error.message().lines().collect::<Vec<_>>().join("; "))]
    })?;
    scenario.name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    scenario.title = printable(&scenario.title);
    // Tables are read by name, and mean more in the order of the file.
    scenario.clients.sort_by_key(|group| key_at(root, &["clients", &group.name]));
    scenario.script.sessions.sort_by_key(|session| key_at(root, &["script", "sessions", &session.name]));
    for fault in &mut scenario.faults {
        let (kind, number) = fault.name.trim_end_matches(']').split_once('[').unwrap_or_default();
        let place = value_at(root, &["fault", kind, number]).map(|table| sources.place(table.span().into()));
        fault.place = place.unwrap_or_default();
    }
    let mut check = Check {
        scenario: &scenario,
        root,
        sources,
        names,
        store,
        holders: scenario.replicas,
        beats: false,
        found: vec![],
    };
    let fitted = check.store().map(|own| {
        let profile = own.profile(scenario.replicas);
        (check.holders, check.beats) = (profile.copies, profile.heartbeat_ns.is_some());
        check.fitted(own)
    });
    let mut mistakes = check.all();
    scenario.store = fitted.unwrap_or_default();
    if mistakes.is_empty() {
        let place = |path: &[&str]| value_at(root, path).map(|value| value.span().into());
        let too_large = lower::too_large(&scenario).into_iter();
        mistakes = too_large.map(|(path, wrong)| sources.wrong(place(&path), wrong)).collect();
    }
    if mistakes.is_empty() { Ok(scenario) } else { Err(mistakes) }
}

/// The schema of scenario files: that of scenarios, and the tables that the command reads by itself. `chosen` is the store of
/// a scenario, if that is known.
pub fn schema(stores: Stores, chosen: Option<&'static StoreEntry>) -> Json {
    let mut schema = kvsim_sim::scenario::schema(stores, chosen);
    schema["$defs"]["Sweep"] = json!({
        "description": "What kvsim sweep varies: lists of values, under the names of the fields that take them.",
        "type": "object",
        "properties": {
            "seeds": {
                "description": "The seeds of each cell: how many from the scenario's on, or a range.",
                "examples": [5, "1..6"],
                "type": ["integer", "string"]
            },
            "columns": {
                "description": "What the table tells of each cell: measures such as \"visibility p99 P3 at fifo\", and checkers.",
                "items": { "type": "string" },
                "type": "array"
            },
            "cases": {
                "description": "Named changes of the scenario: [sweep.cases.NAME] has a table for each case.",
                "additionalProperties": { "type": "object", "additionalProperties": { "type": "object" } },
                "type": "object"
            }
        },
        "additionalProperties": true
    });
    schema["properties"]["sweep"] = json!({
        "$ref": "#/$defs/Sweep",
        "description": "What `kvsim sweep` varies. Lists of values stand under the names of the fields that take them, such as `net.loss = [\"0%\", \"10%\"]`; `level` is that of every session."
    });
    schema
}

/// What a swept value is as a number, for the axis of a chart: a time, a share, bytes or a count.
pub fn number(text: &str) -> Option<(Unit, u64)> {
    let share = |share: Ratio| (Unit::Share, u64::from(share.billionths() / 100_000));
    None.or_else(|| text.parse().ok().map(|count| (Unit::Count, count)))
        .or_else(|| text.parse().ok().map(|time: Duration| (Unit::Time, time.ns())))
        .or_else(|| text.parse().ok().map(share))
        .or_else(|| text.parse().ok().map(|size: Size| (Unit::Bytes, size.0)))
}

/// A time as scenarios write it, in nanoseconds; the error says what was expected.
pub fn duration(text: &str) -> Result<u64, String> {
    text.parse().map(Duration::ns).map_err(|wrong| wrong.to_string())
}

/// A seed as scenarios write it; the error says what was expected.
pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map(|seed: Seed| seed.0).map_err(|wrong| wrong.to_string())
}

const SMALLEST: &str = "a scenario needs at least replicas, duration and clients; the smallest one is:\n\
                        \n\
                        replicas = 3\n\
                        duration = \"10s\"\n\
                        [clients.all]";

/// In the order of the text, arguments last.
pub fn in_order(mut mistakes: Vec<Diagnostic>) -> Diagnostics {
    mistakes.sort_by_key(|one| (one.is_argument(), one.line, one.column));
    Diagnostics::new(mistakes)
}

fn about_file(path: &Path, message: String) -> Diagnostic {
    Diagnostic::new(path.display().to_string(), 1, 1, message, None)
}

fn too_large(path: &Path, size: u64) -> Diagnostics {
    let (whole, tenth) = (size >> 20, ((size & 0xf_ffff) * 10) >> 20);
    let diagnostic = about_file(path, format!("the scenario is too large: {size} bytes ({whole}.{tenth} MiB)"));
    diagnostic.expected(format!("at most {FILE_BYTES_MAX} bytes (4 MiB) are read")).into()
}
