//! The format of scenarios for people, made from its schema: a page of all fields, and a file to begin with.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

/// What stands above the fields. The test of docs/scenarios.md keeps it and the page equal.
const INTRODUCTION: &str = r#"# Scenarios

A scenario is a TOML file. It says what a run is about: how many replicas of which store, what clients do, what the network is
like, what goes wrong and when. The smallest one is

```toml
replicas = 3
duration = "10s"
[clients.all]
```

`kvsim new scenario FILE.toml` writes one to begin with, with the other fields as comments. `kvsim run FILE.toml` runs it; `--set
net.loss=5%` changes a field for one run, `--seed 7` makes another run of the same kind. Mistakes are told with their line and what was expected. The scenarios in
[scenarios/tour](../scenarios/tour) show one thing each.

Editors that know JSON Schema (with Taplo, Even Better TOML and others) complete and check fields as you type: `kvsim schema >
kvsim-schema.json`, and `#:schema ./kvsim-schema.json` in the first line of the scenario.

This page is what `kvsim schema --format md` prints.
"#;

/// A page with all fields.
pub fn page(schema: &Json) -> String {
    let reference = Reference { schema };
    let mut out = INTRODUCTION.to_owned();
    out.push_str("\n## At the top of the file\n");
    reference.fields(&mut out, schema, "");
    reference.tables(&mut out, schema, "");
    out.push_str("\n## Values\n\n");
    for (name, value) in schema["$defs"].as_object().into_iter().flatten() {
        if let (Some(title), Some(about)) = (value["title"].as_str(), value["description"].as_str())
            && value["properties"].is_null()
            && !["Interval", "IntervalOrOff"].contains(&name.as_str())
        {
            let _ = writeln!(out, "- **{title}**: {about}{}", examples(value));
        }
    }
    out
}

/// A scenario that runs, with everything else as comments.
pub fn template(schema: &Json) -> String {
    let reference = Reference { schema };
    let mut out = "#:schema ./kvsim-schema.json\n# All fields of the file but faults and sweeps; what is a comment has the value that is usual, or an example.\n\n"
        .to_owned();
    let is_plain =
        |field: &Json| reference.of(field)["properties"].is_null() && field["additionalProperties"].is_null();
    for (name, field) in fields_of(schema).filter(|(_, field)| is_plain(field)) {
        let (_, value) = reference.value(field);
        let hash = if ["replicas", "duration"].contains(&name.as_str()) { "" } else { "# " };
        comment(&mut out, field);
        let _ = writeln!(out, "{hash}{name} = {value}");
    }
    let tables = [
        ("keys", "Keys"),
        ("net", "Net"),
        ("regions.europe", "Region"),
        ("disk", "Disk"),
        ("store", "Store"),
        ("clients.all", "ClientGroup"),
    ];
    for (path, table) in tables {
        let _ = writeln!(out, "\n[{path}]");
        for (name, field) in fields_of(&schema["$defs"][table]) {
            if reference.of(&field["items"])["properties"].is_object() || field["additionalProperties"].is_object() {
                continue;
            }
            comment(&mut out, field);
            // A region is one of nodes, if of anything.
            let hash = if (path, name.as_str()) == ("regions.europe", "nodes") { "" } else { "# " };
            let _ = writeln!(out, "{hash}{name} = {}", reference.value(field).1);
        }
    }
    out
}

fn comment(out: &mut String, field: &Json) {
    let about = field["description"].as_str().unwrap_or_default();
    crate::text::wrapped(about, 120).iter().for_each(|line| out.push_str(&format!("# {line}\n")));
}

fn fields_of(table: &Json) -> impl Iterator<Item = (&String, &Json)> {
    table["properties"].as_object().into_iter().flatten()
}

/// `; for instance ...`.
fn examples(value: &Json) -> String {
    let examples: Vec<String> =
        value["examples"].as_array().into_iter().flatten().map(|one| format!("`{}`", toml(one))).collect();
    if examples.is_empty() { String::new() } else { format!(" For instance {}.", examples.join(", ")) }
}

/// A value as TOML has it on one line.
fn toml(value: &Json) -> String {
    match value {
        Json::Object(fields) => {
            let fields: Vec<String> = fields.iter().map(|(name, value)| format!("{name} = {}", toml(value))).collect();
            if fields.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", fields.join(", ")) }
        }
        Json::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

struct Reference<'s> {
    schema: &'s Json,
}

impl<'s> Reference<'s> {
    /// What a reference stands for.
    fn of(&self, value: &'s Json) -> &'s Json {
        value["$ref"].as_str().and_then(|path| self.schema.pointer(&path[1..])).unwrap_or(value)
    }

    /// What kind of value a field takes, and one to show.
    fn value(&self, field: &'s Json) -> (String, String) {
        let of = self.of(field);
        let shown =
            [&field["default"], &field["examples"][0], &of["examples"][0]].into_iter().find(|one| !one.is_null());
        let names: Vec<&str> =
            of["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str()).collect();
        let first = names.first().map(|name| Json::from(*name));
        let shown = shown.or(first.as_ref()).map_or("...".to_owned(), toml);
        const NAMES_MAX: usize = 8;
        let kind = match (of["title"].as_str(), of["type"].as_str()) {
            _ if names.len() > NAMES_MAX => "name".to_owned(),
            _ if !names.is_empty() => names.iter().map(|name| format!("`\"{name}\"`")).collect::<Vec<_>>().join(", "),
            (Some(title), _) => title.to_owned(),
            (None, Some("array")) => format!("list: {}", self.value(&of["items"]).0),
            (None, Some("object")) => "table".to_owned(),
            (None, Some(plain)) => match (plain, of["minimum"].as_u64(), of["maximum"].as_u64()) {
                ("integer", Some(from), Some(to)) if to < 1 << 60 => format!("number from {from} to {to}"),
                ("integer", ..) => "number".to_owned(),
                ("string", ..) => "text".to_owned(),
                (plain, ..) => plain.to_owned(),
            },
            _ => String::new(),
        };
        (kind, shown)
    }

    /// A table of the fields that are no tables themselves.
    fn fields(&self, out: &mut String, table: &'s Json, path: &str) {
        let required: Vec<&str> = table["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let is_required = |name: &str| required.contains(&name);
        let mut fields: Vec<_> = fields_of(table).filter(|(_, field)| self.below(field, path, "").is_none()).collect();
        fields.sort_by_key(|(name, _)| !is_required(name));
        if fields.is_empty() {
            return;
        }
        out.push_str("\n| field | value | usually | meaning |\n|---|---|---|---|\n");
        for (name, field) in fields {
            let usual = match &field["default"] {
                _ if is_required(name) => "must be given".to_owned(),
                Json::Null => String::new(),
                default => format!("`{}`", toml(default)),
            };
            let about = field["description"].as_str().or(self.of(field)["description"].as_str()).unwrap_or_default();
            let own = examples(field);
            let (kind, _) = self.value(field);
            let _ = writeln!(out, "| `{name}` | {} | {usual} | {}{} |", cell(&kind), cell(about), cell(&own));
        }
        for (name, field) in fields_of(table) {
            let of = self.of(field);
            let meanings = of["oneOf"].as_array().into_iter().flatten();
            let meanings: Vec<(&str, &str)> = meanings
                .filter_map(|one| Some((one["const"].as_str()?, one["description"].as_str().unwrap_or_default())))
                .collect();
            if !meanings.is_empty() {
                let _ = writeln!(out, "\n`{name}`:\n");
                meanings.iter().for_each(|(value, meaning)| out.push_str(&format!("- `\"{value}\"`: {meaning}\n")));
            }
        }
    }

    /// The table that a field is, and its heading.
    fn below(&self, field: &'s Json, path: &str, name: &str) -> Option<(&'s Json, String, bool)> {
        let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        let is_table = |value: &Json| value["properties"].is_object();
        let (of, items, more) = (self.of(field), self.of(&field["items"]), self.of(&field["additionalProperties"]));
        match () {
            () if is_table(of) => Some((of, path, false)),
            () if is_table(items) => Some((items, path, true)),
            () if is_table(more) => Some((more, format!("{path}.NAME"), false)),
            () => None,
        }
    }

    /// The tables below, each with a heading.
    fn tables(&self, out: &mut String, table: &'s Json, path: &str) {
        for (name, field) in fields_of(table) {
            let Some((of, path, many)) = self.below(field, path, name) else { continue };
            let heading = if many { format!("[[{path}]]") } else { format!("[{path}]") };
            let about = field["description"].as_str().or(of["description"].as_str()).unwrap_or_default();
            let _ = write!(out, "\n## `{heading}`\n\n{about}\n");
            if let Some(example) = of["examples"][0].as_object() {
                let _ = write!(out, "\n{}", example_of(&heading, example));
            }
            self.fields(out, of, &path);
            self.tables(out, of, &path);
        }
    }
}

fn example_of(heading: &str, fields: &Map<String, Json>) -> String {
    let lines: String = fields.iter().map(|(name, value)| format!("{name} = {}\n", toml(value))).collect();
    format!("```toml\n{heading}\n{lines}```\n")
}

/// Text within a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}
