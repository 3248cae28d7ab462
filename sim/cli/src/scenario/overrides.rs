//! `--set` arguments: `PATH=VALUE` changes one value of a scenario before it is interpreted.

use std::borrow::Cow;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostic::Diagnostics;
use super::source::{Sources, Span};
use crate::text::{nearest, shown};

/// The most names in a path. The format needs no more than seven.
const DEPTH_MAX: usize = 16;

/// Puts the value of argument number `index` into `root`.
///
/// The path is field names and numbers of list items, separated by dots. The value is taken as TOML when it
/// is a number, a boolean, a list, an inline table or a quoted string, and as a string otherwise. Tables that
/// the file leaves out are added; members of lists, client groups and sessions are not.
pub fn apply<'i>(
    root: &mut Spanned<DeTable<'i>>,
    argument: &'i str,
    index: usize,
    sources: &Sources<'_>,
) -> Result<(), Diagnostics> {
    let start = sources.argument_start(index);
    let wrong = |from: usize, to: usize, message: String| {
        sources.diagnostic(Some(Span { start: start + from, end: start + to }), message)
    };
    let Some((path, text)) = argument.split_once('=') else {
        let message = "a --set argument has no `=`".to_owned();
        return Err(wrong(argument.len(), argument.len(), message)
            .expected("expected PATH=VALUE, as in net.loss=5%")
            .into());
    };
    let value_at = path.len() + 1;
    let value = read(text).map_err(|(at, message)| {
        let diagnostic = wrong(value_at + at, value_at + at, format!("the value is not TOML: {message}"));
        Diagnostics::from(diagnostic.help("a value that begins with a bracket, brace or quote is read as TOML"))
    })?;
    let value = moved(value, start + value_at);

    let mut names = Vec::new();
    let mut at = 0;
    for name in path.split('.') {
        let (trimmed, lead) = (name.trim(), name.len() - name.trim_start().len());
        if trimmed.is_empty() {
            let diagnostic = wrong(at, at + name.len(), "a name is missing".to_owned());
            return Err(diagnostic.expected("expected a field's name").help("for instance net.loss=5%").into());
        }
        if names.len() == DEPTH_MAX {
            return Err(wrong(at, path.len(), "no field lies so deep".to_owned()).into());
        }
        names.push((trimmed.into(), start + at + lead));
        at += name.len() + 1;
    }
    put(root.get_mut(), &names, value, sources, "")
}

/// A value as TOML or as a string; otherwise where and why it is not TOML.
fn read(text: &str) -> Result<Spanned<DeValue<'_>>, (usize, String)> {
    let text_is = |value| Ok(Spanned::new(0..text.len(), value));
    match DeValue::parse(text) {
        Ok(value) if !matches!(value.get_ref(), DeValue::Datetime(_)) => Ok(value),
        Err(error) if text.trim_start().starts_with(['[', '{', '"', '\'']) => {
            Err((error.span().map_or(0, |span| span.start.min(text.len())), error.message().to_owned()))
        }
        _ => text_is(DeValue::String(text.into())),
    }
}

/// The value with its places counted from `by`.
fn moved(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    let span = value.span();
    let inner = match value.into_inner() {
        DeValue::Array(array) => {
            let mut new = DeArray::new();
            array.into_iter().for_each(|item| new.push(moved(item, by)));
            DeValue::Array(new)
        }
        DeValue::Table(table) => {
            DeValue::Table(table.into_iter().map(|(key, item)| (moved_key(key, by), moved(item, by))).collect())
        }
        other => other,
    };
    Spanned::new(span.start + by..span.end + by, inner)
}

fn moved_key<T>(key: Spanned<T>, by: usize) -> Spanned<T> {
    let span = key.span();
    Spanned::new(span.start + by..span.end + by, key.into_inner())
}

/// Tables whose members have names of the author's own.
const NAMED: [(&str, &str); 2] = [("clients", "client group"), ("script.sessions", "session in the script")];

/// Puts a value into a table. `names` are the rest of the path with their places; `path` is what lies behind.
pub fn put<'i>(
    table: &mut DeTable<'i>,
    names: &[(Cow<'i, str>, usize)],
    value: Spanned<DeValue<'i>>,
    sources: &Sources<'_>,
    path: &str,
) -> Result<(), Diagnostics> {
    let [(name, at), rest @ ..] = names else { return Ok(()) };
    let span = *at..*at + name.len();
    let key = Spanned::new(span.clone(), name.clone());
    if rest.is_empty() {
        // The old key would keep its old place.
        table.remove(name.as_ref());
        table.insert(key, value);
        return Ok(());
    }
    if let (Some((_, what)), false) = (NAMED.iter().find(|named| named.0 == path), table.contains_key(name.as_ref())) {
        let message = format!("there is no {what} `{}`", shown(name));
        let mut diagnostic = sources.diagnostic(Some(span.clone().into()), message);
        let known: Vec<&str> = table.keys().map(|key| key.get_ref().as_ref()).collect();
        if let Some(near) = nearest(name, known.iter().copied()) {
            diagnostic = diagnostic.expected(format!("did you mean `{near}`?"));
        }
        let who = if sources.is_argument(span.into()) { "--set" } else { "a sweep" };
        return Err(diagnostic
            .help(format!("{who} changes what the file has; it adds no group and no session"))
            .into());
    }
    let path = if path.is_empty() { name.clone().into_owned() } else { format!("{path}.{name}") };
    let inner = table.entry(key).or_insert_with(|| Spanned::new(span.clone(), DeValue::Table(DeTable::new())));
    descend(inner, span, rest, value, sources, &path)
}

fn descend<'i>(
    inner: &mut Spanned<DeValue<'i>>,
    span: std::ops::Range<usize>,
    rest: &[(Cow<'i, str>, usize)],
    value: Spanned<DeValue<'i>>,
    sources: &Sources<'_>,
    path: &str,
) -> Result<(), Diagnostics> {
    match inner.get_mut() {
        DeValue::Table(inner) => put(inner, rest, value, sources, path),
        DeValue::Array(array) => {
            let [(name, at), rest @ ..] = rest else { return Ok(()) };
            let span = *at..*at + name.len();
            let count = array.len();
            let wrong = |message| sources.diagnostic(Some(span.clone().into()), message);
            let expected = match count {
                0 => "the list is empty".to_owned(),
                1 => "expected 0, the only item".to_owned(),
                _ => format!("expected a number from 0 to {}", count - 1),
            };
            let Ok(index) = name.parse::<usize>() else {
                let message = format!("`{}` is a list: `{}` is not the number of an item", shown(path), shown(name));
                return Err(wrong(message).expected(expected).into());
            };
            let Some(item) = array.get_mut(index) else {
                return Err(wrong(format!("`{}` has no item {}", shown(path), shown(name))).expected(expected).into());
            };
            if rest.is_empty() {
                *item = value;
                return Ok(());
            }
            descend(item, span, rest, value, sources, &format!("{path}[{index}]"))
        }
        _ => {
            let message = format!("`{}` is a single value without fields", shown(path));
            let diagnostic = sources.diagnostic(Some(span.clone().into()), message);
            let write = match sources.is_argument(span.into()) {
                true => format!("write --set {}=VALUE", shown(path)),
                false => format!("write {} = [...]", shown(path)),
            };
            Err(diagnostic.expected(write).into())
        }
    }
}
