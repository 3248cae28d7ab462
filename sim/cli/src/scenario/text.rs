//! From bytes to TOML, with words for what people most often get wrong.

use toml::Spanned;
use toml::de::{DeTable, Error};

use super::diagnostic::{Diagnostic, Diagnostics, Excerpt};
use super::source::{Sources, Span};
use crate::text::shown;

pub fn utf8<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, Diagnostics> {
    std::str::from_utf8(bytes).map_err(|error| not_utf8(file, bytes, error.valid_up_to()).into())
}

pub fn toml<'t>(text: &'t str, sources: &Sources<'_>) -> Result<Spanned<DeTable<'t>>, Diagnostics> {
    DeTable::parse(text)
        .map_err(|error| slip(&error, text, sources).unwrap_or_else(|| not_toml(&error, sources)).into())
}

fn not_utf8(file: &str, bytes: &[u8], bad: usize) -> Diagnostic {
    let start = bytes[..bad].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let line = bytes[..bad].iter().filter(|byte| **byte == b'\n').count() + 1;
    let before = String::from_utf8_lossy(&bytes[start..bad]);
    let column = before.chars().count() + 1;
    let end = bytes[bad..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| bad + at);
    let shown = format!("{before}{}", String::from_utf8_lossy(&bytes[bad..end]));
    let mark = before.len()..before.len() + char::REPLACEMENT_CHARACTER.len_utf8();
    let message = format!("the scenario is not UTF-8: byte 0x{:02x}", bytes[bad]);
    Diagnostic::new(file.to_owned(), line, column, message, Some(Excerpt::new(&shown, mark)))
        .expected("the first byte that is not UTF-8")
        .help("save the file as UTF-8")
}

fn not_toml(error: &Error, sources: &Sources<'_>) -> Diagnostic {
    // The parser's message says in its further lines what it expected.
    let mut lines = error.message().lines();
    let message = format!("not TOML: {}", lines.next().unwrap_or("syntax error"));
    let rest: Vec<&str> = lines.collect();
    let diagnostic = sources.diagnostic(error.span().map(Into::into), message);
    if rest.is_empty() { diagnostic } else { diagnostic.expected(rest.join("; ")) }
}

/// A value that is missing, or a string without quotes.
fn slip(error: &Error, text: &str, sources: &Sources<'_>) -> Option<Diagnostic> {
    const WORD_BYTES_MAX: usize = 60;
    let at = error.span()?.start;
    let (before, rest) = text.split_at_checked(at)?;
    let line_start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = &before[line_start..];
    let start = line_start + line.rfind(['=', ',', '[', '{', ' ', '\t']).map_or(0, |separator| separator + 1);
    let end = at + rest.find([',', ']', '}', '#', ' ', '\t', '\r', '\n']).unwrap_or(rest.len());
    let word = &text[start..end];
    let lead = text[line_start..start].trim_end();
    let is_value = lead.contains('=') && lead.ends_with(['=', ',', '[', '{']);
    let is_key = text[end..].trim_start_matches([' ', '\t']).starts_with('=');
    if !is_value || is_key || word.contains(['"', '\'', '=', '[', '{']) || word.len() > WORD_BYTES_MAX {
        return None;
    }
    let diagnostic = |message| sources.diagnostic(Some(Span { start, end }), message);
    if !word.is_empty() {
        let diagnostic = diagnostic(format!("not TOML: `{}`", shown(word)));
        return Some(diagnostic.expected("strings stand in quotes").help(format!("write \"{}\"", shown(word))));
    }
    let missing = lead.ends_with('=').then(|| diagnostic("not TOML: a value is missing".to_owned()));
    missing.map(|diagnostic| diagnostic.expected("expected a value after `=`"))
}
