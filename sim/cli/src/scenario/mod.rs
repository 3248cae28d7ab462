//! Reads scenario files: TOML text to a [`Scenario`], or to [`Diagnostics`] that say what is wrong and where.
//!
//! Five steps, each in a module of its own: `text` makes TOML of bytes, `overrides` puts the values of `--set` arguments into the parsed
//! text, `structure` finds unknown, missing and mistyped fields, `raw` is the shape that is left, and
//! `validate` gives the values their meaning (with `store`, `clients` and `faults` for the larger parts). Mistakes of
//! one step are reported together. No input makes the reader panic.

mod clients;
pub mod diagnostic;
mod faults;
pub mod overrides;
mod quantity;
mod raw;
pub mod source;
mod store;
mod structure;
#[cfg(test)]
mod tests;
mod text;
mod troubles;
mod units;
mod validate;
pub mod write;

use std::io::Read as _;
use std::path::Path;

use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::StoreEntry;
pub use serde::Deserialize as _;
use toml::Spanned;
use toml::de::DeTable;

pub use diagnostic::Diagnostics;

use diagnostic::Diagnostic;
pub use structure::schema;
pub use write::text as write;

use crate::draw::Unit;
use source::Sources;

/// The name of the table that `kvsim sweep` reads.
pub const SWEEP: &str = "sweep";

/// Larger files are refused before they are parsed, in bytes.
pub const FILE_BYTES_MAX: usize = 4 << 20;

/// The names that a scenario may use.
pub struct Names {
    /// The stores.
    pub stores: &'static [StoreEntry],
    /// The checkers.
    pub checkers: Vec<&'static str>,
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
    let mistakes = structure::check(&root, sources);
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let places = store::Places::of(root.get_ref());
    // The structure is right, so this fails only where the schema is laxer than the types.
    let raw = raw::ScenarioFile::deserialize(toml::de::Deserializer::from(root)).map_err(|error| {
        let span = error.span().map(Into::into);
        vec![sources.diagnostic(span, error.message().lines().collect::<Vec<_>>().join("; "))]
    })?;
    let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    validate::scenario(name, &raw, sources, &places, names)
}

/// What a swept value is as a number, for the axis of a chart: a time, a share, bytes or a count.
pub fn number(text: &str) -> Option<(Unit, u64)> {
    let share = |text: &str| units::share(text).ok().map(|share| u64::from(share.billionths() / 100_000));
    None.or_else(|| text.parse().ok().map(|count| (Unit::Count, count)))
        .or_else(|| units::duration(text).ok().map(|ns| (Unit::Time, ns)))
        .or_else(|| share(text).map(|share| (Unit::Share, share)))
        .or_else(|| units::bytes(text).ok().map(|bytes| (Unit::Bytes, bytes)))
}

/// A time as scenarios write it, in nanoseconds; the error says what was expected.
pub fn duration(text: &str) -> Result<u64, String> {
    units::duration(text).map_err(|wrong| format!("{}: expected {}", wrong.message, wrong.expected))
}

/// A seed as scenarios write it; the error says what was expected.
pub fn seed(text: &str) -> Result<u64, String> {
    units::seed(text).map_err(|wrong| format!("{}: expected {}", wrong.message, wrong.expected))
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
