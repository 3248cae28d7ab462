//! Where a value was written: in the file or in a `--set` argument.
//!
//! Both kinds of text share one numbering of bytes: first the file, then the arguments, each after a gap of
//! one. So a span is a pair of numbers wherever it comes from, and an error in an overridden value points at
//! the argument that overrides it.

use kvsim_sim::quantity::Wrong;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Excerpt};

/// A stretch of bytes in the common numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Span {
        Span { start: range.start, end: range.end }
    }
}

/// The file and the `--set` arguments of one scenario.
pub struct Sources<'a> {
    file: &'a str,
    text: &'a str,
    line_starts: Vec<usize>,
    arguments: &'a [String],
    argument_starts: Vec<usize>,
}

impl<'a> Sources<'a> {
    /// `file` is the file's name as messages give it, `text` what it holds.
    pub fn new(file: &'a str, text: &'a str, arguments: &'a [String]) -> Sources<'a> {
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut next = text.len() + 1;
        let mut argument_starts = Vec::with_capacity(arguments.len());
        for argument in arguments {
            argument_starts.push(next);
            next += argument.len() + 1;
        }
        Sources { file, text, line_starts, arguments, argument_starts }
    }

    /// The number of the first byte of an argument.
    pub fn argument_start(&self, argument: usize) -> usize {
        self.argument_starts[argument]
    }

    /// True when the span lies in an argument, not in the file.
    pub fn is_argument(&self, span: Span) -> bool {
        span.start > self.text.len()
    }

    /// `file:line` of a span, or the argument.
    pub fn place(&self, span: Span) -> String {
        match self.argument_of(span) {
            Some(argument) => format!("--set {}", self.arguments[argument]),
            None => format!("{}:{}", self.file, self.line_of(span)),
        }
    }

    /// A diagnostic about the text at `span`; about the whole file when there is none.
    pub fn diagnostic(&self, span: Option<Span>, message: String) -> Diagnostic {
        let Some(span) = span else {
            return Diagnostic::new(self.file.to_owned(), 1, 1, message, None);
        };
        let (file, line, text, start) = match self.argument_of(span) {
            Some(argument) => {
                let text = self.arguments[argument].as_str();
                (format!("--set {text}"), 1, text, self.argument_starts[argument])
            }
            None => {
                let line = self.line_of(span);
                let start = self.line_starts[line - 1];
                let end = self.line_starts.get(line).map_or(self.text.len(), |next| next - 1);
                let text = &self.text[start..end];
                (self.file.to_owned(), line, text.strip_suffix('\r').unwrap_or(text), start)
            }
        };
        let from = floor_char(text, span.start - start);
        let to = floor_char(text, span.end.max(span.start) - start);
        let column = text[..from].chars().count() + 1;
        Diagnostic::new(file, line, column, message, Some(Excerpt::new(text, from..to)))
    }

    pub fn wrong(&self, span: Option<Span>, Wrong { message, expected, help }: Wrong) -> Diagnostic {
        let mut diagnostic = self.diagnostic(span, message).expected(format!("expected {expected}"));
        diagnostic.help = help;
        diagnostic
    }

    fn argument_of(&self, span: Span) -> Option<usize> {
        self.argument_starts.partition_point(|start| *start <= span.start).checked_sub(1)
    }

    fn line_of(&self, span: Span) -> usize {
        self.line_starts.partition_point(|start| *start <= span.start)
    }
}

/// Where the value at `path` stands: names of fields and numbers of list items. For an item of a list that is written as
/// its only item, that is the item. Absent when nothing is written there.
pub fn value_at<'t, 'i>(root: &'t DeTable<'i>, path: &[&str]) -> Option<&'t Spanned<DeValue<'i>>> {
    let (first, rest) = path.split_first()?;
    let mut value = root.get(*first)?;
    for step in rest {
        value = match value.get_ref() {
            DeValue::Table(table) => table.get(*step)?,
            DeValue::Array(array) => array.get(step.parse::<usize>().ok()?)?,
            _ => value,
        };
    }
    Some(value)
}

/// Where the last name of `path` stands.
pub fn key_at(root: &DeTable<'_>, path: &[&str]) -> Option<Span> {
    let (last, outer) = path.split_last()?;
    let table = match outer {
        [] => root,
        outer => match value_at(root, outer)?.get_ref() {
            DeValue::Table(table) => table,
            _ => return None,
        },
    };
    table.get_key_value(*last).map(|(key, _)| key.span().into())
}

/// The start of the character at byte `at`; the end of the text when it is shorter.
fn floor_char(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_lines_columns_and_arguments() {
        let arguments = ["seed=ä1".to_owned(), "x=2".to_owned()];
        let sources = Sources::new("a.toml", "ab\r\n\nö = 1", &arguments);
        let at = |start: usize, end: usize| {
            let found = sources.diagnostic(Some(Span { start, end }), String::new());
            (found.file, found.line, found.column)
        };
        assert_eq!(at(0, 1), ("a.toml".into(), 1, 1));
        assert_eq!(at(2, 9), ("a.toml".into(), 1, 3));
        assert_eq!(at(4, 4), ("a.toml".into(), 2, 1));
        assert_eq!(at(10, 11), ("a.toml".into(), 3, 5));
        assert_eq!(at(11, 11), ("a.toml".into(), 3, 6));
        let first = sources.argument_start(0);
        assert_eq!(at(first + 7, first + 8), ("--set seed=ä1".into(), 1, 7));
        let second = sources.argument_start(1);
        assert_eq!(at(second + 2, second + 3), ("--set x=2".into(), 1, 3));
        assert_eq!(sources.place(Span { start: second, end: second }), "--set x=2");
        assert_eq!(sources.place(Span { start: 6, end: 6 }), "a.toml:3");
    }
}
