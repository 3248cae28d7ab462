//! Whether a file has the tables and fields of a scenario, each of its type, and every quantity its form: checked against
//! the schema, with all mistakes found in one go. Whether the values fit each other is the business of [`super::check`].

use kvsim_sim::quantity::{self, Duration, NodeName, Wrong};
use kvsim_sim::stores::StoreEntry;
use kvsim_store::quantity::IntervalOrOff;
use serde_json::{Map, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{Sources, Span};
use crate::text::{listed, nearest, shown};

/// What names and nodes there are.
pub struct Known {
    /// Absent when it is not known.
    pub replicas: Option<u16>,
    /// Absent when there is no such store.
    pub store: Option<&'static StoreEntry>,
}

/// The mistakes in the form of `root`, which is described by `schema`.
pub fn check(root: &DeTable<'_>, schema: &Json, sources: &Sources<'_>, known: &Known) -> Vec<Diagnostic> {
    let mut checker = Checker { schema, sources, known, found: Vec::new() };
    checker.table(root, None, schema, "");
    checker.found
}

struct Checker<'a> {
    schema: &'a Json,
    sources: &'a Sources<'a>,
    known: &'a Known,
    found: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    /// The schema that a reference stands for.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let target = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix('#'));
        target.and_then(|path| self.schema.pointer(path)).unwrap_or(schema)
    }

    fn wrong(&mut self, span: impl Into<Option<Span>>, wrong: Wrong) {
        self.found.push(self.sources.wrong(span.into(), wrong));
    }

    /// `path` is the table's name, empty for the top. `span` is absent for the top.
    fn table(&mut self, table: &DeTable<'_>, span: Option<Span>, schema: &'a Json, path: &str) {
        let none = Map::new();
        let properties = schema.get("properties").and_then(Json::as_object).unwrap_or(&none);
        for (key, value) in table.iter() {
            let name = key.get_ref().as_ref();
            let inner = join(path, name);
            match (properties.get(name), schema.get("additionalProperties")) {
                _ if Diagnostics::is_enough(&self.found) => return,
                // The property outlives this call, the empty map does not.
                (Some(_), _) => self.value(value, &schema["properties"][name], &inner),
                (None, Some(members @ Json::Object(_))) => self.value(value, members, &inner),
                (None, _) => self.unknown(name, key.span().into(), properties, path),
            }
        }
        // A slip in the name is reported as such.
        let near = |name: &str| {
            table.keys().any(|key| {
                !properties.contains_key(key.get_ref().as_ref())
                    && nearest(key.get_ref(), properties.keys().map(String::as_str)) == Some(name)
            })
        };
        for name in strings(&schema["required"]) {
            if !table.contains_key(name) && !near(name) {
                self.missing(name, span, &schema["properties"][name], path);
            }
        }
        let all = schema["allOf"].as_array().into_iter().flatten().map(|group| &group["anyOf"]);
        for group in all.chain([&schema["anyOf"]]).filter_map(Json::as_array) {
            self.alternatives(table, span, group, path, near);
        }
    }

    /// Fields that go together, and fields that do not: exactly one alternative of the `group` is to be written.
    fn alternatives(
        &mut self,
        table: &DeTable<'_>,
        span: Option<Span>,
        group: &'a [Json],
        path: &str,
        near: impl Fn(&str) -> bool,
    ) {
        let required = |one: &'a Json| strings(&one["required"]);
        let forbidden =
            |one: &'a Json| one["properties"].as_object().into_iter().flatten().map(|(name, _)| name.as_str());
        let has = |name: &&str| table.contains_key(*name);
        if group.iter().any(|one| required(one).all(|name| has(&name)) && !forbidden(one).any(|name| has(&name))) {
            return;
        }
        let mut fields: Vec<&str> = group.iter().flat_map(|one| required(one).chain(forbidden(one))).collect();
        fields.sort_unstable();
        fields.dedup();
        if fields.iter().any(|name| near(name)) {
            return;
        }
        let mut given: Vec<(Span, &str)> =
            fields.iter().filter_map(|name| Some((table.get(*name)?.span().into(), *name))).collect();
        given.sort_unstable();
        let own = |one: &'a Json| {
            let optional = fields.iter().copied().filter(|name| !forbidden(one).any(|other| other == *name));
            if required(one).next().is_some() { required(one).collect() } else { optional.collect::<Vec<_>>() }
        };
        let expected = together(&group.iter().map(own).collect::<Vec<_>>());
        let is_required = |name: &str| group.iter().any(|one| own(one).contains(&name));
        let of = format!("`{}`", shown(path));
        let allowed = |one: &&'a Json| given.iter().all(|(_, name)| !forbidden(one).any(|other| other == *name));
        match (given.as_slice(), group.iter().find(allowed)) {
            ([], _) => self.wrong(span, Wrong::new(format!("{of} is incomplete"), expected)),
            ([first, ..], Some(one)) => {
                let missing = required(one).find(|name| !has(name)).unwrap_or_default();
                self.wrong(first.0, Wrong::new(format!("{of} has `{}` but no `{missing}`", first.1), expected));
            }
            ([first, .., last], None) => {
                // The one that was written later is the slip, or the override.
                let extra = given.iter().rfind(|(_, name)| !is_required(name));
                let (span, name) = extra.unwrap_or(last);
                let other = if name == &first.1 { last.1 } else { first.1 };
                let message = format!("{of} has both `{other}` and `{name}`");
                let expected = extra.map_or(format!("only {expected}"), |_| format!("no `{name}`"));
                self.wrong(*span, Wrong::new(message, expected));
            }
            ([one], None) => self.wrong(one.0, Wrong::new(format!("{of} has `{}`", one.1), expected)),
        }
    }

    fn unknown(&mut self, name: &str, span: Span, properties: &Map<String, Json>, path: &str) {
        let of = if path.is_empty() { "a scenario".to_owned() } else { format!("[{}]", shown(path)) };
        let message = format!("{of} has no field `{}`", shown(name));
        let allowed = format!("{of} has the fields {}", listed(properties.keys().map(String::as_str), "and"));
        let mut diagnostic = self.sources.diagnostic(Some(span), message).help(allowed);
        let elsewhere = || {
            // A field of another table, most often one that stands above its header.
            let tables = self.schema["properties"].as_object().into_iter().flatten();
            tables.map(|(table, schema)| (table, self.resolve(schema))).find(|(_, schema)| {
                path.is_empty() && schema.get("properties").is_some_and(|properties| properties.get(name).is_some())
            })
        };
        if let Some(near) = nearest(name, properties.keys().map(String::as_str)) {
            diagnostic = diagnostic.expected(format!("did you mean `{near}`?"));
        } else if let Some((table, _)) = elsewhere() {
            diagnostic = diagnostic.expected(format!("belongs into [{table}]"));
        } else {
            diagnostic = diagnostic.expected("unknown field");
        }
        self.found.push(diagnostic);
    }

    fn missing(&mut self, name: &str, span: Option<Span>, schema: &Json, path: &str) {
        let of = if path.is_empty() { "the scenario".to_owned() } else { format!("`{}`", shown(path)) };
        let mut diagnostic = self.sources.diagnostic(span, format!("{of} has no `{name}`"));
        if span.is_some() {
            diagnostic = diagnostic.expected(format!("needs `{name}`"));
        }
        if let Some(example) = schema["examples"].get(0) {
            diagnostic = diagnostic.help(format!("add, for instance, {name} = {example}"));
        }
        self.found.push(diagnostic);
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, schema: &'a Json, path: &str) {
        let target = self.resolve(schema);
        let span: Span = value.span().into();
        // Beside a reference, a field may have limits of its own.
        let limit = |name: &str| schema.get(name).or_else(|| target.get(name)).and_then(Json::as_u64).map(i128::from);
        let allows = |kind: &str| match target.get("type") {
            Some(Json::Array(kinds)) => kinds.iter().any(|one| one == kind),
            Some(one) => one == kind,
            None => kind == "string", // an enumeration
        };
        match value.get_ref() {
            DeValue::Table(table) if allows("object") => self.table(table, Some(span), target, path),
            DeValue::Array(array) if allows("array") => self.list(array, span, (schema, target), path),
            DeValue::String(text) if allows("string") => {
                self.name(text, span, target, path);
                self.quantity(text, span, schema, target);
            }
            DeValue::Boolean(_) if allows("boolean") => {}
            DeValue::Integer(number) if allows("integer") => {
                let number = i128::from_str_radix(number.as_str(), number.radix()).ok();
                let (min, max) = (limit("minimum").unwrap_or(0), limit("maximum").unwrap_or(i64::MAX.into()));
                if !number.is_some_and(|number| (min..=max).contains(&number)) {
                    self.wrong(span, Wrong::new(format!("`{}` is out of range", shown(path)), whole_number(min, max)));
                }
            }
            other => {
                let expected = if target.get("title").is_none() && allows("integer") {
                    whole_number(limit("minimum").unwrap_or(0), limit("maximum").unwrap_or(i64::MAX.into()))
                } else {
                    described(target)
                };
                self.mismatch(other, span, target, path, &expected);
            }
        }
    }

    fn list(&mut self, array: &[Spanned<DeValue<'_>>], span: Span, (schema, target): (&'a Json, &'a Json), path: &str) {
        let rule = |name: &str| schema.get(name).or_else(|| target.get(name)).is_some();
        let items = &target["items"];
        let item = self.resolve(items)["title"].as_str().unwrap_or("item");
        if array.is_empty() && rule("minItems") {
            self.wrong(span, Wrong::new("the list is empty", format!("at least one {item}")));
        }
        for (index, one) in array.iter().enumerate() {
            if Diagnostics::is_enough(&self.found) {
                return;
            }
            self.value(one, items, &format!("{path}[{index}]"));
            let text = one.get_ref().as_str().filter(|_| rule("uniqueItems"));
            if let Some(text) =
                text.filter(|text| array[..index].iter().any(|other| other.get_ref().as_str() == Some(text)))
            {
                let message = format!("{item} `{}` is listed twice", shown(text));
                self.wrong(Span::from(one.span()), Wrong::new(message, format!("each {item} once")));
            }
        }
    }

    /// A string where only some are allowed.
    fn name(&mut self, text: &str, span: Span, schema: &'a Json, path: &str) {
        let names = names(schema);
        if !names.is_empty() && !names.contains(&text) {
            let lead = format!("`{}` cannot be", shown(path));
            self.wrong(span, Wrong::name(&lead, text, &names));
        }
    }

    /// A string that has a form, or is a name of something.
    fn quantity(&mut self, text: &str, span: Span, schema: &Json, target: &Json) {
        // A list may be written as its only item.
        let of_item = target.get("items").and_then(|item| item["title"].as_str());
        let title = of_item.or(target["title"].as_str()).unwrap_or_default();
        let result = match (title, self.known.store) {
            ("node", _) => self.node(text),
            ("level", Some(store)) if store.levels.iter().all(|level| level.name() != text) => {
                let levels: Vec<&str> = store.levels.iter().map(|level| level.name()).collect();
                Err(Wrong::name(&format!("store {} has no level", store.name), text, &levels))
            }
            ("message", Some(store)) if !store.message_kinds.contains(&text) => {
                Err(Wrong::name(&format!("store {} has no message", store.name), text, store.message_kinds))
            }
            ("duration", _) if target["examples"].as_array().is_some_and(|all| all.contains(&"off".into())) => {
                text.parse::<IntervalOrOff>().map(|_| ())
            }
            _ if schema.get("exclusiveMinimum").is_some() => Duration::positive(text).map(|_| ()),
            _ => quantity::check(title, text),
        };
        if let Err(wrong) = result {
            self.wrong(span, wrong);
        }
    }

    fn node(&self, text: &str) -> Result<(), Wrong> {
        let Some(replicas) = self.known.replicas else { return text.parse::<NodeName>().map(|_| ()) };
        if text.parse::<NodeName>().is_ok_and(|node| node.0.0 < replicas) {
            return Ok(());
        }
        let expected = match replicas {
            1 => "n0, the only replica".to_owned(),
            replicas => format!("n0 to n{}, as there are {replicas} replicas", replicas - 1),
        };
        let wrong = Wrong::new(format!("there is no node `{}`", shown(text)), expected);
        let number = text.trim_start_matches(|c: char| !c.is_ascii_digit()).parse::<u16>().ok();
        Err(match number.filter(|number| *number < replicas) {
            Some(number) => wrong.help(format!("did you mean `n{number}`?")),
            None => wrong,
        })
    }

    fn mismatch(&mut self, value: &DeValue<'_>, span: Span, schema: &Json, path: &str, expected: &str) {
        let title = schema["title"].as_str().unwrap_or("");
        let with_unit = match value {
            DeValue::Integer(number) if number.radix() == 10 => quantity::with_unit(title, &shown(number.as_str())),
            DeValue::Float(number) => quantity::with_unit(title, &shown(number.as_str())),
            _ => None,
        };
        let message = match value {
            _ if with_unit.is_some() => format!("`{}` has no unit", shown(path)),
            value => format!("`{}` is {}", shown(path), kind_of(value)),
        };
        let help = with_unit.or_else(|| match value {
            DeValue::Table(_) if schema["type"] == "array" => Some(format!("write [[{path}]]")),
            DeValue::String(text)
                if schema["type"] == "integer" && text.parse::<u64>().is_ok()
                    || schema["type"] == "boolean" && text.parse::<bool>().is_ok() =>
            {
                Some(format!("write {text} without quotes"))
            }
            DeValue::Boolean(false) if schema["examples"].as_array().is_some_and(|e| e.contains(&"off".into())) => {
                Some("write \"off\"".to_owned())
            }
            _ => None,
        });
        self.wrong(span, Wrong { help, ..Wrong::new(message, expected) });
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn whole_number(min: i128, max: i128) -> String {
    match max == i64::MAX.into() {
        true => format!("a whole number from {min}"),
        false => format!("a whole number from {min} to {max}"),
    }
}

fn names(schema: &Json) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    let described = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten().map(|one| &one["const"]);
    listed.chain(described).filter_map(Json::as_str).collect()
}

fn strings(list: &Json) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Json::as_str)
}

/// The fields of alternatives: exactly one is to be written.
fn together(alternatives: &[Vec<&str>]) -> String {
    let single: Vec<&str> =
        alternatives.iter().filter_map(|one| <[&str; 1]>::try_from(one.as_slice()).ok()).map(|[one]| one).collect();
    if single.len() == alternatives.len() {
        return format!("one of {}", listed(single, "and"));
    }
    let all = alternatives.iter().filter(|one| !one.is_empty()).map(|one| listed(one.iter().copied(), "and"));
    all.collect::<Vec<_>>().join(", or ")
}

/// What a schema asks for, in a few words.
fn described(schema: &Json) -> String {
    let names = names(schema);
    if !names.is_empty() {
        return listed(names, "or");
    }
    if let Some(title) = schema["title"].as_str() {
        let examples: Vec<String> = schema["examples"].as_array().into_iter().flatten().map(Json::to_string).collect();
        return match examples.as_slice() {
            [] => format!("a {title}"),
            [one] => format!("a {title} such as {one}"),
            [others @ .., last] => format!("a {title} such as {} or {last}", others.join(", ")),
        };
    }
    match schema["type"].as_str() {
        Some("string") => "a string",
        Some("boolean") => "true or false",
        Some("array") => "a list",
        _ => "a table",
    }
    .to_owned()
}
