//! Whether a file has the tables and fields of a scenario, each of its type: checked against the schema, with
//! all mistakes found in one go. What the values mean is the business of [`super::validate`].

use serde_json::{Map, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Diagnostics};
use super::source::{Sources, Span};
use super::units;
use crate::text::{listed, nearest, shown};

/// The schema of scenarios: JSON Schema 2020-12.
pub fn schema() -> Json {
    let generator = schemars::generate::SchemaSettings::draft2020_12()
        .with_transform(as_toml)
        .into_generator()
        .into_root_schema_for::<super::raw::ScenarioFile>();
    generator.to_value()
}

/// Fits a derived schema to TOML: an optional field may be left out, but there is no null.
fn as_toml(schema: &mut schemars::Schema) {
    if let Some(object) = schema.as_object_mut() {
        if let Some(Json::Array(types)) = object.get_mut("type") {
            types.retain(|kind| kind != "null");
            if let [one] = types.as_slice() {
                let one = one.clone();
                object.insert("type".to_owned(), one);
            }
        }
        if let Some(Json::Array(choices)) = object.get_mut("anyOf") {
            choices.retain(|choice| choice.get("type") != Some(&Json::from("null")));
            if let [Json::Object(only)] = choices.as_slice() {
                let only = only.clone();
                object.remove("anyOf");
                for (key, value) in only {
                    object.entry(key).or_insert(value);
                }
            }
        }
        // Comments are broken into lines to fit the source.
        if let Some(Json::String(text)) = object.get_mut("description") {
            *text = text.replace('\n', " ");
        }
        object.remove("format");
    }
    schemars::transform::transform_subschemas(&mut as_toml, schema);
}

/// The mistakes in the structure of `root`.
pub fn check(root: &Spanned<DeTable<'_>>, sources: &Sources<'_>) -> Vec<Diagnostic> {
    let schema = schema();
    let mut checker = Checker { schema: &schema, sources, found: Vec::new() };
    checker.table(root.get_ref(), None, &schema, "");
    checker.found
}

struct Checker<'a> {
    schema: &'a Json,
    sources: &'a Sources<'a>,
    found: Vec<Diagnostic>,
}

impl<'a> Checker<'a> {
    /// The schema that a reference stands for.
    fn resolve(&self, schema: &'a Json) -> &'a Json {
        let target = schema.get("$ref").and_then(Json::as_str).and_then(|path| path.strip_prefix('#'));
        target.and_then(|path| self.schema.pointer(path)).unwrap_or(schema)
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
        let near = |name: &str| {
            table.keys().any(|key| {
                !properties.contains_key(key.get_ref().as_ref())
                    && nearest(key.get_ref(), properties.keys().map(String::as_str)) == Some(name)
            })
        };
        for name in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            // A slip in the name is reported as such.
            if !table.contains_key(name) && !near(name) {
                self.missing(name, span, &schema["properties"][name], path);
            }
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
            DeValue::Array(array) if allows("array") => {
                for (index, item) in array.iter().enumerate() {
                    if Diagnostics::is_enough(&self.found) {
                        return;
                    }
                    self.value(item, &target["items"], &format!("{path}[{index}]"));
                }
            }
            DeValue::String(text) if allows("string") => self.name(text, span, target, path),
            DeValue::Boolean(_) if allows("boolean") => {}
            DeValue::Integer(number) if allows("integer") => {
                let number = i128::from_str_radix(number.as_str(), number.radix()).ok();
                let (min, max) = (limit("minimum").unwrap_or(0), limit("maximum").unwrap_or(i64::MAX.into()));
                if !number.is_some_and(|number| (min..=max).contains(&number)) {
                    let message = format!("`{}` is out of range", shown(path));
                    let expected = format!("expected {}", whole_number(min, max));
                    self.found.push(self.sources.diagnostic(Some(span), message).expected(expected));
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

    /// A string where only some are allowed.
    fn name(&mut self, text: &str, span: Span, schema: &Json, path: &str) {
        let names = names(schema);
        if names.is_empty() || names.contains(&text) {
            return;
        }
        let message = format!("`{}` cannot be `{}`", shown(path), shown(text));
        let mut diagnostic = self.sources.diagnostic(Some(span), message);
        diagnostic = diagnostic.expected(format!("expected {}", listed(names.iter().copied(), "or")));
        if let Some(near) = nearest(text, names) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?"));
        }
        self.found.push(diagnostic);
    }

    fn mismatch(&mut self, value: &DeValue<'_>, span: Span, schema: &Json, path: &str, expected: &str) {
        let title = schema["title"].as_str().unwrap_or("");
        let with_unit = match value {
            DeValue::Integer(number) if number.radix() == 10 => units::with_unit(title, &shown(number.as_str())),
            DeValue::Float(number) => units::with_unit(title, &shown(number.as_str())),
            _ => None,
        };
        let message = match value {
            _ if with_unit.is_some() => format!("`{}` has no unit", shown(path)),
            value => format!("`{}` is {}", shown(path), kind_of(value)),
        };
        let mut diagnostic = self.sources.diagnostic(Some(span), message).expected(format!("expected {expected}"));
        let help = with_unit.or_else(|| match value {
            DeValue::Table(_) if schema["type"] == "array" => Some(format!("write [[{path}]]")),
            DeValue::String(text) if schema["type"] == "integer" && text.parse::<u64>().is_ok() => {
                Some(format!("write {text} without quotes"))
            }
            DeValue::String(text) if schema["type"] == "boolean" && (text == "true" || text == "false") => {
                Some(format!("write {text} without quotes"))
            }
            DeValue::Boolean(false) if schema["examples"].as_array().is_some_and(|e| e.contains(&"off".into())) => {
                Some("write \"off\"".to_owned())
            }
            _ => None,
        });
        if let Some(help) = help {
            diagnostic = diagnostic.help(help);
        }
        self.found.push(diagnostic);
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

/// The strings of an enumeration.
fn names(schema: &Json) -> Vec<&str> {
    let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    let described = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten().map(|one| &one["const"]);
    listed.chain(described).filter_map(Json::as_str).collect()
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
