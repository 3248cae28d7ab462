//! What is wrong with a scenario, for people and for programs.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::Serialize;

use crate::text::printable;

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// The file, or `--set ARGUMENT` when the value was given there.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1; in an argument counted from its first character.
    pub column: usize,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    #[serde(skip)]
    excerpt: Option<Excerpt>,
}

impl Diagnostic {
    /// A mistake at a place, with the text of that place if there is one.
    pub fn new(file: String, line: usize, column: usize, message: String, excerpt: Option<Excerpt>) -> Diagnostic {
        Diagnostic { file, line, column, message, expected: None, help: None, excerpt }
    }

    pub fn expected(mut self, expected: impl Into<String>) -> Diagnostic {
        self.expected = Some(expected.into());
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(help.into());
        self
    }

    /// True when the value was given in a `--set` argument.
    pub fn is_argument(&self) -> bool {
        self.file.starts_with("--set ")
    }

    fn render(&self, renderer: &Renderer) -> String {
        let mut group = Group::with_title(Level::ERROR.primary_title(&self.message));
        let place = match self.is_argument() {
            true => format!("--set, column {}", self.column),
            false => format!("{}:{}:{}", printable(&self.file), self.line, self.column),
        };
        // The renderer counts columns in the excerpt, which may be a part of the line: its count is replaced.
        const STAND_IN: &str = "\u{e000}";
        let mut counted = String::new();
        if let Some(Excerpt { text, marked }) = &self.excerpt {
            counted = format!("{STAND_IN}:{}:{}", self.line, text[..marked.start].chars().count() + 1);
            let annotation = AnnotationKind::Primary.span(marked.clone()).label(self.expected.as_deref());
            let snippet = Snippet::source(text).path(STAND_IN).line_start(self.line).annotation(annotation);
            group = group.element(snippet);
        } else {
            group = group.element(Origin::path(&place));
            if let Some(expected) = &self.expected {
                group = group.element(Level::NOTE.message(expected));
            }
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help));
        }
        renderer.render(&[group]).replacen(&counted, if counted.is_empty() { "" } else { &place }, 1)
    }
}

/// Everything that is wrong with a scenario, in the order of the text; at least one mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Diagnostics(Vec<Diagnostic>);

impl Diagnostics {
    /// More mistakes than this are not listed: they mostly follow from the first ones.
    const LISTED_MAX: usize = 10;

    /// Keeps the first mistakes.
    pub fn new(mut list: Vec<Diagnostic>) -> Diagnostics {
        list.truncate(Self::LISTED_MAX);
        Diagnostics(list)
    }

    /// True when there are as many as will be listed.
    pub fn is_enough<T>(list: &[T]) -> bool {
        list.len() >= Self::LISTED_MAX
    }

    /// The mistakes, to be put together with others.
    pub fn into_list(self) -> Vec<Diagnostic> {
        self.0
    }

    #[cfg(test)]
    pub fn list(&self) -> &[Diagnostic] {
        &self.0
    }

    /// For people, in colour when `styled`. Ends with a line end.
    pub fn render(&self, styled: bool) -> String {
        let renderer = if styled { Renderer::styled() } else { Renderer::plain() };
        let rendered: Vec<String> = self.0.iter().map(|one| one.render(&renderer) + "\n").collect();
        rendered.join("\n")
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(one: Diagnostic) -> Diagnostics {
        Diagnostics(vec![one])
    }
}

impl std::fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Diagnostics {}

/// A line of text with a mark, cut to a length that fits a terminal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    text: String,
    marked: Range<usize>,
}

impl Excerpt {
    const BEFORE_MAX: usize = 50;
    const AFTER_MAX: usize = 50;

    /// The part of `line` around `marked`, whose ends lie between characters.
    pub fn new(line: &str, marked: Range<usize>) -> Excerpt {
        let (before, rest) = line.split_at(marked.start);
        let from = before.char_indices().rev().take(Self::BEFORE_MAX).last().map_or(before.len(), |(at, _)| at);
        let until = rest.char_indices().nth(Self::AFTER_MAX).map_or(rest.len(), |(at, _)| at);
        let mut text = String::new();
        if from > 0 {
            text.push_str("...");
        }
        let start = text.len() + before.len() - from;
        text.push_str(&line[from..marked.start + until]);
        let end = start + until.min(marked.end - marked.start);
        if until < rest.len() {
            text.push_str("...");
        }
        Excerpt { text, marked: start..end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpts_of_short_lines_are_the_line() {
        let excerpt = Excerpt::new("loss = 5", 7..8);
        assert_eq!((excerpt.text.as_str(), excerpt.marked), ("loss = 5", 7..8));
    }

    #[test]
    fn excerpts_of_long_lines_are_cut_between_characters() {
        let line = "ä".repeat(300);
        let excerpt = Excerpt::new(&line, 200..600);
        assert_eq!(excerpt.text, format!("...{}...", "ä".repeat(100)));
        assert_eq!(excerpt.marked, 103..203);
        assert_eq!(Excerpt::new(&line, 600..600).marked, 103..103);
    }
}
