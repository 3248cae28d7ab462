//! Writes a plan whose operations and faults are explicit as a scenario that a person can read, and that reads as the
//! same plan.

use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::Scenario;
use serde::Deserialize as _;
use serde_json::{Map, Value as Json, json};

/// Fields that come first in their tables, in this order.
const FIRST: [&str; 24] = [
    "title", "seed", "replicas", "duration", "settle", "name", "at", "for", "until", "by", "kind", "id", "read",
    "write", "delete", "value", "size", "node", "from", "to", "store", "disk", "net", "script",
];

/// The scenario, with `comments` below its title. What has its default is left out.
///
/// # Errors
/// The part of the plan that the format cannot express.
pub fn text(plan: &Plan, comments: &[String]) -> Result<String, String> {
    let scenario = Scenario::of_plan(plan)?;
    let mut fields = serde_json::to_value(&scenario).map_err(|error| error.to_string())?;
    // A session and the smallest scenario, with all that has a default.
    let session = json!({ "sessions": { "s": { "at": "n0" } } });
    let usual = Scenario::deserialize(json!({ "replicas": 0, "duration": "0s", "script": session }));
    let mut usual =
        serde_json::to_value(usual.map_err(|error| error.to_string())?).map_err(|error| error.to_string())?;
    let mut session = usual["script"]["sessions"]["s"].take();
    session["at"] = Json::Null;
    (usual["seed"], usual["script"], usual["store"]) = (Json::Null, Json::Null, Json::Null);
    for (_, own) in fields["script"]["sessions"].as_object_mut().into_iter().flatten() {
        leave_out(own, &session);
    }
    leave_out(&mut fields, &usual);
    let sessions: Vec<&str> = scenario.script.sessions.iter().map(|session| session.name.as_str()).collect();
    let mut out = String::new();
    if let Some(title) = fields.as_object_mut().and_then(|fields| fields.remove("title")) {
        out.push_str(&format!("title = {}\n\n", inline(&title)));
    }
    comments.iter().for_each(|comment| out.push_str(&format!("# {comment}\n")));
    if !comments.is_empty() {
        out.push('\n');
    }
    for (name, field) in ordered(&fields) {
        if !field.is_object() {
            out.push_str(&format!("{name} = {}\n", inline(field)));
        }
    }
    for (name, table) in ordered(&fields).into_iter().filter(|(_, field)| field.is_object()) {
        write_table(&mut out, name, table, &sessions);
    }
    Ok(out)
}

/// Leaves out what is as `usual`, or absent.
fn leave_out(value: &mut Json, usual: &Json) {
    let Json::Object(fields) = value else { return };
    fields.retain(|name, field| {
        let has_fields = field.as_object().is_some_and(|fields| !fields.is_empty());
        leave_out(field, &usual[name]);
        let is_empty = has_fields && field.as_object().is_some_and(Map::is_empty);
        !is_empty && !field.is_null() && *field != usual[name]
    });
}

/// A table: first those inside it, then its own fields. The `sessions` of a script keep their order, by which operations
/// and their messages are numbered.
fn write_table(out: &mut String, path: &str, table: &Json, sessions: &[&str]) {
    let is_list = |field: &Json| path != "script" && field[0].is_object();
    let mut all = ordered(table);
    if path == "script.sessions" {
        all.sort_by_key(|(name, _)| sessions.iter().position(|session| session == name));
    }
    let (inner, fields): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(_, field)| path == "script" && field.is_object() || is_list(field));
    let inner = |out: &mut String| {
        for (name, field) in &inner {
            let path = format!("{path}.{name}");
            for item in field.as_array().into_iter().flatten() {
                out.push_str(&format!("\n[[{path}]]\n"));
                ordered(item).iter().for_each(|(name, field)| out.push_str(&format!("{name} = {}\n", inline(field))));
            }
            if field.is_object() {
                write_table(out, &path, field, sessions);
            }
        }
    };
    // The sessions of a script before their operations; links after the network that they differ from.
    if path == "script" {
        inner(out);
    }
    if !fields.is_empty() {
        out.push_str(&format!("\n[{path}]\n"));
    }
    for (name, field) in fields {
        match field.as_array().filter(|items| items.iter().any(Json::is_object)) {
            Some(items) => {
                let items: Vec<String> = items.iter().map(|item| format!("  {},\n", inline(item))).collect();
                out.push_str(&format!("{name} = [\n{}]\n", items.concat()));
            }
            None => out.push_str(&format!("{name} = {}\n", inline(field))),
        }
    }
    if path != "script" {
        inner(out);
    }
}

/// The fields of a table in the order in which people read them; those without a value are left out.
fn ordered(table: &Json) -> Vec<(&String, &Json)> {
    let mut fields: Vec<(&String, &Json)> = table.as_object().into_iter().flatten().collect();
    fields.retain(|(_, field)| !field.is_null());
    fields.sort_by_key(|(name, _)| FIRST.iter().position(|first| first == name).unwrap_or(FIRST.len()));
    fields
}

fn inline(value: &Json) -> String {
    match value {
        Json::Object(_) => {
            let fields = ordered(value).into_iter().map(|(name, field)| format!("{name} = {}", inline(field)));
            format!("{{ {} }}", fields.collect::<Vec<_>>().join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Json::String(text) => toml::Value::String(text.clone()).to_string(),
        value => value.to_string(),
    }
}
