//! What stands in `[sweep]`, and what is wrong with it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{EXAMPLE, LEVEL};
use crate::scenario::diagnostic::Diagnostic;
use crate::scenario::source::{Sources, Span};
use crate::scenario::{self, Names};
use crate::sweep::column::{Column, UNKNOWN};
use crate::text::{listed, nearest, shown};

/// What is written in the table beside the lists.
const SEEDS: &str = "seeds";
const COLUMNS: &str = "columns";
const CASES: &str = "cases";

/// How many seeds a cell has by default.
const SEEDS_USUAL: u64 = 5;
/// More seeds are not needed for a median, and the intervals are computed in 128-bit integers.
const SEEDS_MAX: u64 = 100;
/// More cells are a mistake.
const CELLS_MAX: usize = 10_000;

#[derive(Default)]
pub struct SweepTable<'i> {
    pub axes: Vec<Swept<'i>>,
    pub seeds: Seeds,
    /// Each with its place.
    pub columns: Option<Vec<(Column, Span)>>,
}

pub enum Seeds {
    /// This number of seeds, from the scenario's on.
    Number(u64),
    Range(Range<u64>),
}

impl Default for Seeds {
    fn default() -> Seeds {
        Seeds::Number(SEEDS_USUAL)
    }
}

pub struct Swept<'i> {
    pub name: String,
    /// Where the axis begins in the text.
    at: usize,
    pub values: Vec<SweptValue<'i>>,
}

pub struct SweptValue<'i> {
    pub label: String,
    pub change: Change<'i>,
}

/// What a value does to the scenario.
pub enum Change<'i> {
    /// Of every session.
    Level(Spanned<DeValue<'i>>),
    Set(Vec<(Cow<'i, str>, usize)>, Spanned<DeValue<'i>>),
    Merge(DeTable<'i>),
}

impl Swept<'_> {
    /// Its values are those of a field.
    fn is_path(&self) -> bool {
        self.values.iter().all(|value| matches!(value.change, Change::Set(..)))
    }
}

impl<'i> SweepTable<'i> {
    /// The value of each axis in the cell with this number.
    pub fn choice(&self, mut number: usize) -> Vec<(&Swept<'i>, &SweptValue<'i>)> {
        let pick = |axis: &'_ Swept<'i>| {
            let at = number % axis.values.len();
            number /= axis.values.len();
            at
        };
        let mut at: Vec<usize> = self.axes.iter().rev().map(pick).collect();
        at.reverse();
        self.axes.iter().zip(at).map(|(axis, at)| (axis, &axis.values[at])).collect()
    }
}

pub struct Reader<'a> {
    pub sources: &'a Sources<'a>,
    pub names: &'a Names,
    pub found: Vec<Diagnostic>,
}

impl Reader<'_> {
    fn wrong(&mut self, span: impl Into<Span>, message: impl Into<String>, expected: impl Into<String>) {
        let diagnostic = self.sources.diagnostic(Some(span.into()), message.into());
        self.found.push(diagnostic.expected(expected));
    }

    /// All of it.
    pub fn table<'i>(&mut self, table: &Spanned<DeValue<'i>>) -> SweepTable<'i> {
        let mut said = SweepTable::default();
        let DeValue::Table(inside) = table.get_ref() else {
            self.wrong(table.span(), "`sweep` is not a table", "expected [sweep]");
            return said;
        };
        for (key, value) in inside {
            match key.get_ref().as_ref() {
                SEEDS => said.seeds = self.seeds(value),
                COLUMNS => said.columns = Some(self.columns(value)),
                CASES => self.cases(value, &mut said.axes),
                _ => self.lists(&mut Vec::new(), key, value, &mut said.axes),
            }
        }
        // The parser sorts by name; people mean the order in which they write.
        said.axes.sort_by_key(|axis| axis.at);
        let cells = said.axes.iter().try_fold(1usize, |cells, axis| cells.checked_mul(axis.values.len()));
        if said.axes.is_empty() && self.found.is_empty() {
            let diagnostic = self.sources.diagnostic(Some(table.span().into()), "[sweep] varies nothing".to_owned());
            self.found.push(diagnostic.expected("expected a list of values").help(EXAMPLE));
        } else if cells.is_none_or(|cells| cells > CELLS_MAX) {
            let cells = cells.map_or("far too many".to_owned(), |cells| cells.to_string());
            self.wrong(table.span(), format!("the sweep has {cells} cells"), format!("at most {CELLS_MAX}"));
        }
        said
    }

    /// Arguments that the values of an axis would replace.
    pub fn idle(&mut self, overrides: &[String], axes: &[Swept<'_>]) {
        for (index, argument) in overrides.iter().enumerate() {
            let path = argument.split('=').next().unwrap_or("").trim();
            if axes.iter().any(|axis| axis.is_path() && axis.name == path) {
                let start = self.sources.argument_start(index);
                let message = format!("`{}` has no effect: it is swept", shown(path));
                let expected = format!("write --set 'sweep.{}=[...]'", shown(path));
                self.wrong(start..start + path.len(), message, expected);
            }
        }
    }

    /// Lists of values, below the names of the fields that take them.
    fn lists<'i>(
        &mut self,
        path: &mut Vec<(Cow<'i, str>, usize)>,
        key: &Spanned<Cow<'i, str>>,
        value: &Spanned<DeValue<'i>>,
        axes: &mut Vec<Swept<'i>>,
    ) {
        let before = path.len();
        path.extend(names(key));
        let name = path.iter().map(|(name, _)| name.as_ref()).collect::<Vec<_>>().join(".");
        match value.get_ref() {
            DeValue::Table(inside) => inside.iter().for_each(|(key, value)| self.lists(path, key, value, axes)),
            DeValue::Array(values) if values.is_empty() => {
                self.wrong(value.span(), format!("`{}` has no values", shown(&name)), "expected at least one");
            }
            DeValue::Array(_) if name == "seed" => {
                self.wrong(key.span(), "seeds are no cells of their own", "write seeds = 5 or seeds = \"1..6\"");
            }
            DeValue::Array(values) => {
                let of = |value: &Spanned<DeValue<'i>>| {
                    let change = match name.as_str() {
                        LEVEL => Change::Level(value.clone()),
                        _ => Change::Set(path.clone(), value.clone()),
                    };
                    (value.span().into(), SweptValue { label: label(value.get_ref()), change })
                };
                let values: Vec<(Span, SweptValue<'i>)> = values.iter().map(of).collect();
                self.axis(name, key.span().start, values, axes);
            }
            _ => {
                let message = format!("`{}` is one value, which [sweep] does not vary", shown(&name));
                let near = nearest(&name, [SEEDS, COLUMNS, CASES]).map(|near| format!(", or did you mean `{near}`?"));
                let expected = format!("expected a list of values{}", near.unwrap_or_default());
                self.wrong(value.span(), message, expected);
            }
        }
        path.truncate(before);
    }

    /// Named changes: `[sweep.cases.NAME]`.
    fn cases<'i>(&mut self, value: &Spanned<DeValue<'i>>, axes: &mut Vec<Swept<'i>>) {
        let expected = "expected [sweep.cases.NAME] with a table of changes for each case";
        let DeValue::Table(inside) = value.get_ref() else {
            return self.wrong(value.span(), "`cases` is not a table", expected);
        };
        for (key, cases) in inside {
            let DeValue::Table(cases) = cases.get_ref() else {
                self.wrong(cases.span(), format!("`cases.{}` is not a table", shown(key.get_ref())), expected);
                continue;
            };
            let mut values: Vec<(Span, SweptValue<'i>)> = Vec::new();
            for (name, changes) in cases {
                let label = name.get_ref().to_string();
                match changes.get_ref() {
                    DeValue::Table(changes) => {
                        let change = Change::Merge(changes.clone());
                        values.push((name.span().into(), SweptValue { label, change }));
                    }
                    _ => self.wrong(changes.span(), format!("case `{}` is not a table", shown(&label)), expected),
                }
            }
            values.sort_by_key(|(span, _)| span.start);
            if values.is_empty() && self.found.is_empty() {
                self.wrong(key.span(), format!("`cases.{}` has no case", shown(key.get_ref())), expected);
            }
            self.axis(key.get_ref().to_string(), key.span().start, values, axes);
        }
    }

    fn axis<'i>(&mut self, name: String, at: usize, values: Vec<(Span, SweptValue<'i>)>, axes: &mut Vec<Swept<'i>>) {
        let mut places: BTreeMap<String, Span> = BTreeMap::new();
        for (span, value) in &values {
            if places.insert(value.label.clone(), *span).is_some() {
                self.wrong(*span, format!("`{}` has this value twice", shown(&name)), "each value once");
            }
        }
        axes.push(Swept { name, at, values: values.into_iter().map(|(_, value)| value).collect() });
    }

    fn seeds(&mut self, value: &Spanned<DeValue<'_>>) -> Seeds {
        let expected = format!("expected a number of seeds from 1 to {SEEDS_MAX}, or a range such as \"1..6\"");
        let seeds = match value.get_ref() {
            DeValue::Integer(number) => number.as_str().parse().ok().map(Seeds::Number),
            DeValue::String(text) => text.split_once("..").and_then(|(from, to)| {
                let seed = |text: &str| scenario::seed(text.trim()).ok();
                Some(Seeds::Range(seed(from)?..seed(to)?))
            }),
            _ => None,
        };
        let count = match &seeds {
            Some(Seeds::Number(count)) => *count,
            Some(Seeds::Range(range)) => range.end.saturating_sub(range.start),
            None => 0,
        };
        if !(1..=SEEDS_MAX).contains(&count) {
            self.wrong(value.span(), "these are no seeds of a sweep", expected);
        }
        seeds.unwrap_or_default()
    }

    fn columns(&mut self, value: &Spanned<DeValue<'_>>) -> Vec<(Column, Span)> {
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong(value.span(), "`columns` is not a list", "expected a list such as [\"reads/s\", \"pram\"]");
            return Vec::new();
        };
        let mut columns: Vec<(Column, Span)> = Vec::new();
        for item in list {
            let DeValue::String(text) = item.get_ref() else {
                self.wrong(item.span(), "this column is no string", "expected a string such as \"visibility p50\"");
                continue;
            };
            match Column::read(text, &self.names.checkers) {
                Ok(column) if columns.iter().any(|(other, _)| other.name() == column.name()) => {
                    self.wrong(item.span(), format!("column `{}` is named twice", shown(text)), "each column once");
                }
                Ok(column) => columns.push((column, item.span().into())),
                Err(why) => {
                    let known: Vec<&str> = Column::names().chain(self.names.checkers.iter().copied()).collect();
                    let message = format!("`{}` is no column", shown(text));
                    let help = format!("columns are {}", listed(known.iter().copied(), "and"));
                    let diagnostic = self.sources.diagnostic(Some(item.span().into()), message).help(help);
                    let near = if why == UNKNOWN { nearest(text, known) } else { None };
                    self.found.push(diagnostic.expected(near.map_or(why, |near| format!("did you mean `{near}`?"))));
                }
            }
        }
        if list.is_empty() {
            self.wrong(value.span(), "there are no columns", "expected at least one");
        }
        columns
    }
}

/// The names in a key with their places: one, or several with dots between them in quotes.
fn names<'i>(key: &Spanned<Cow<'i, str>>) -> Vec<(Cow<'i, str>, usize)> {
    let span = key.span();
    // A key in quotes has a quote before its first letter.
    let quote = usize::from(span.len() == key.get_ref().len() + 2);
    let mut at = span.start + quote;
    let mut names = Vec::new();
    for name in key.get_ref().split('.') {
        let part = match key.get_ref() {
            Cow::Borrowed(text) => {
                let from = at - span.start - quote;
                Cow::Borrowed(&text[from..from + name.len()])
            }
            Cow::Owned(_) => Cow::Owned(name.to_owned()),
        };
        names.push((part, at));
        at += name.len() + 1;
    }
    names
}

/// A value as tables and charts call it.
fn label(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(is) => is.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(items) => {
            format!("[{}]", items.iter().map(|item| label(item.get_ref())).collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => {
            let fields = table.iter().map(|(key, value)| format!("{} {}", key.get_ref(), label(value.get_ref())));
            fields.collect::<Vec<_>>().join(", ")
        }
    }
}
