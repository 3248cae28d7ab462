//! The JSON Schema of scenarios, made from the types that read them.

use std::borrow::Cow;
use std::sync::LazyLock;

use schemars::transform::transform_subschemas;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Map, Value, json};

use super::{FaultSpec, Scenario};
use crate::stores::{STORE_SCHEMA, StoreEntry, Stores};

/// The schema of [`Scenario`] where these are the stores, as it is written in TOML: JSON Schema 2020-12. `chosen` is the store
/// of the scenario, if that is known.
pub fn schema(stores: Stores, chosen: Option<&'static StoreEntry>) -> Value {
    let settings = schemars::generate::SchemaSettings::draft2020_12().with_transform(as_toml);
    let mut generator = settings.into_generator();
    generator.subschema_for::<Scenario>();
    let store = stores.schema(chosen, &mut generator).to_value();
    let definitions = generator.definitions_mut();
    definitions.insert(STORE_SCHEMA.to_owned(), store);
    definitions.remove(&*Scenario::schema_name());
    let mut schema = generator.into_root_schema_for::<Scenario>().to_value();
    schema["properties"]["store"]["default"] = json!({ "name": stores.default().name });
    schema
}

/// The kinds of faults: the names of the tables below `fault`, in the order in which their faults are numbered.
pub fn fault_kinds() -> Vec<String> {
    static KINDS: LazyLock<Vec<String>> = LazyLock::new(|| {
        let mut generator = SchemaGenerator::default();
        kinds(&mut generator).into_iter().map(|(kind, _)| kind).collect()
    });
    KINDS.clone()
}

/// Fits a derived schema to TOML: an optional field may be left out, but there is no null; a table has all its fields at
/// once, and of the fields of alternatives it is said which go together.
fn as_toml(schema: &mut Schema) {
    if let Some(object) = schema.as_object_mut() {
        without_null(object);
        let alternatives = alternatives(object);
        if object.contains_key("properties") && !object.contains_key("additionalProperties") {
            object.insert("additionalProperties".to_owned(), false.into());
        }
        match alternatives.as_slice() {
            [] => {}
            [one] => drop(object.insert("anyOf".to_owned(), one.clone())),
            all => {
                let all = all.iter().map(|one| json!({ "anyOf": one })).collect();
                object.insert("allOf".to_owned(), Value::Array(all));
            }
        }
        // Comments are broken into lines to fit the source.
        if let Some(Value::String(text)) = object.get_mut("description") {
            *text = text.replace('\n', " ");
        }
        object.remove("format");
        if !alternatives.is_empty() {
            // They have no subschemas that would have to be fitted, but for the fields of this table.
            let fields = object.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten();
            fields.filter_map(|(_, field)| field.try_into().ok()).for_each(as_toml);
            return;
        }
    }
    transform_subschemas(&mut as_toml, schema);
}

fn without_null(object: &mut Map<String, Value>) {
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [one] = types.as_slice() {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(choices)) = object.get_mut("anyOf") {
        choices.retain(|choice| choice.get("type") != Some(&Value::from("null")));
        if let [Value::Object(only)] = choices.as_slice() {
            let only = only.clone();
            object.remove("anyOf");
            for (key, value) in only {
                object.entry(key).or_insert(value);
            }
        }
    }
}

/// Moves the fields of alternatives into the table that they are alternatives of. What is left of each group is which
/// fields each of its alternatives requires, and which it does not allow.
fn alternatives(object: &mut Map<String, Value>) -> Vec<Value> {
    let of_tables =
        |group: &Value| group.as_array().is_some_and(|group| group.iter().any(|one| one.get("properties").is_some()));
    let mut groups: Vec<Value> = Vec::new();
    if object.get("anyOf").is_some_and(of_tables) {
        groups.extend(object.remove("anyOf"));
    }
    if let Some(Value::Array(all)) = object.get_mut("allOf") {
        let is_group = |one: &Value| one.get("anyOf").is_some_and(of_tables);
        groups.extend(all.extract_if(.., |one| is_group(one)).map(|mut one| one["anyOf"].take()));
        if all.is_empty() {
            object.remove("allOf");
        }
    }
    let constraint = |group: Value| {
        let Value::Array(group) = group else { return Value::Null };
        let fields = |one: &Value| one["properties"].as_object().cloned().unwrap_or_default();
        let all: Map<String, Value> = group.iter().flat_map(fields).collect();
        let forbidden = |one: &Value| -> Map<String, Value> {
            let own = fields(one);
            all.keys().filter(|name| !own.contains_key(*name)).map(|name| (name.clone(), false.into())).collect()
        };
        let required = |one: &Value| one.get("required").cloned().unwrap_or(json!([]));
        let rules = group.iter().map(|one| json!({ "required": required(one), "properties": forbidden(one) }));
        let rules = rules.collect();
        let properties = object.entry("properties").or_insert(json!({}));
        properties.as_object_mut().into_iter().for_each(|properties| properties.extend(all.clone()));
        rules
    };
    groups.into_iter().map(constraint).collect()
}

/// The tables below `fault`: one for each kind of fault.
pub struct FaultTables;

impl JsonSchema for FaultTables {
    fn schema_name() -> Cow<'static, str> {
        "Faults".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let tables = kinds(generator).into_iter().map(|(kind, table)| {
            let description = table["description"].clone();
            (kind, json!({ "description": description, "type": "array", "default": [], "items": table }))
        });
        let tables: Map<String, Value> = tables.collect();
        json_schema!({
            "description": "What goes wrong, and when.",
            "type": "object",
            "additionalProperties": false,
            "properties": tables,
        })
    }
}

/// The kinds of faults with their tables: the fields that all faults of a sort have, and those of the kind.
fn kinds(generator: &mut SchemaGenerator) -> Vec<(String, Value)> {
    let sorts = FaultSpec::json_schema(generator).to_value();
    let mut kinds: Vec<(String, Value)> = Vec::new();
    for sort in sorts["anyOf"].as_array().into_iter().flatten() {
        let mut common = resolved(sort, generator);
        let of_sort = common.as_object_mut().and_then(|common| common.remove("oneOf"));
        for kind in of_sort.as_ref().and_then(Value::as_array).into_iter().flatten() {
            let mut table = common.clone();
            let mut fields = kind["properties"].as_object().cloned().unwrap_or_default();
            let name = fields.remove("fault").map(|tag| tag["const"].clone());
            let properties = table["properties"].as_object_mut().map(std::mem::take).unwrap_or_default();
            table["properties"] = properties.into_iter().chain(fields).collect();
            let required = [&common["required"], &kind["required"]].map(|list| list.as_array().cloned());
            let required = required.into_iter().flatten().flatten().filter(|field| *field != "fault");
            table["required"] = required.collect();
            table["type"] = "object".into();
            for keyword in ["description", "examples", "anyOf", "allOf"] {
                if let Some(value) = kind.get(keyword) {
                    table[keyword] = value.clone();
                }
            }
            let name = name.as_ref().and_then(Value::as_str).unwrap_or_default();
            // Members join and leave with fields of their own, in the place that these faults of nodes have.
            match kinds.iter_mut().find(|(known, _)| known == name) {
                Some((_, known)) => *known = table,
                None => kinds.push((name.to_owned(), table)),
            }
        }
    }
    kinds
}

/// The schema that a reference stands for, which has no other use.
fn resolved(schema: &Value, generator: &mut SchemaGenerator) -> Value {
    let name = schema["$ref"].as_str().and_then(|path| path.rsplit('/').next());
    name.and_then(|name| generator.definitions_mut().remove(name)).unwrap_or_else(|| schema.clone())
}

/// What a checker answers.
#[derive(JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[allow(dead_code, reason = "it is for the schema")]
pub enum VerdictName {
    /// The property was put to the test and stood.
    Holds,
    /// It was broken.
    Violated,
    /// It could not be told.
    Unknown,
}
