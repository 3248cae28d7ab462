//! What right scenarios mean, and that the schema says the same.

use std::collections::BTreeMap;

use expect_test::expect_file;
use kvsim_checkers::trace::{Level, NodeId};
use kvsim_sim::lower::lower;
use kvsim_sim::net::{Delay, Ratio};
use kvsim_sim::plan::{DiskPlan, LinkPlan};
use kvsim_sim::quantity::{Bandwidth, Duration, Nodes, Rate, Seed, Sizes, Sync};
use kvsim_sim::scenario::{
    ClientGroup, FaultSpec, KeyChoice, Keys, Mix, Net, Pace, PartitionFault, Scenario, Script, Settle, Writers,
};
use kvsim_sim::stores::BUILT_IN;
use serde_json::Value as Json;

use super::{FULL, SMALLEST, read_text};
use crate::scenario::schema;

#[test]
fn every_field_has_its_meaning() {
    let scenario = read_text(FULL, &[]).unwrap();
    expect_file!["full.expected.txt"].assert_eq(&format!("{scenario:#?}\n"));
}

#[test]
fn the_smallest_scenario_has_all_defaults() {
    let expected = Scenario {
        name: "test".to_owned(),
        title: String::new(),
        seed: Seed(1),
        replicas: 3,
        duration: Duration(10_000_000_000),
        settle: Settle::Auto,
        store: BUILT_IN
            .find("ndc")
            .unwrap()
            .spec()
            .with("ack", 1)
            .with("anti_entropy", "100ms")
            .with("buffer", "16MiB")
            .with("defects", Json::Array(vec![]))
            .with("heartbeat", "off")
            .with("replication", "all")
            .with("strip", "500ms")
            .with("views", "eventual"),
        disk: DiskPlan { write: Duration(0), sync: Sync(None) },
        net: Net {
            usual: LinkPlan {
                delay: Delay::Uniform { min: 1_000_000, max: 5_000_000 },
                loss: Ratio::ZERO,
                duplicate: Ratio::ZERO,
                bandwidth: Bandwidth(None),
            },
            link: vec![],
        },
        regions: Default::default(),
        keys: Keys { count: 100, choice: KeyChoice::Uniform, writers: Writers::Many, priorities: [1, 0, 0, 0] },
        clients: vec![ClientGroup {
            name: "all".to_owned(),
            sessions: 1,
            at: None,
            region: None,
            latency: None,
            moves: None,
            pace: Pace::Think { think: Duration(10_000_000) },
            mix: Mix { read: 1, write: 1, delete: 0 },
            priority: None,
            value: Sizes(16, 16),
            level: Level::Eventual,
            quorum: 1,
            context: true,
            timeout: Duration(1_000_000_000),
        }],
        script: Script::default(),
        faults: vec![],
        expect: BTreeMap::new(),
    };
    assert_eq!(read_text(SMALLEST, &[]).unwrap(), expected);
}

#[test]
fn overrides_change_values() {
    let set = |arguments: &[&str]| read_text(FULL, arguments).unwrap();
    assert_eq!(set(&["net.loss=7.5%"]).net.usual.loss, Ratio::from_billionths(75_000_000).unwrap());
    assert_eq!(set(&["replicas=7"]).replicas, 7);
    assert_eq!(set(&["store.anti_entropy=off"]).store.settings["anti_entropy"], "off");
    let ring = ["store.replication=3", "store.views=eventual", "store.heartbeat=off"];
    assert_eq!(set(&ring).store.settings["replication"], 3);
    assert_eq!(set(&["store.ack=2"]).store.settings["ack"], 2);
    assert_eq!(set(&["store.ack=majority"]).store.settings["ack"], "majority", "of however many hold a key then");
    assert_eq!(set(&["clients.panel.rate=20/s"]).clients[0].pace, Pace::Rate { rate: Rate { every_ns: 50_000_000 } });
    assert_eq!(set(&["clients.panel.at=n3"]).clients[0].at, Some(Nodes(vec![NodeId(3)])));
    assert_eq!(set(&["clients.panel.at=[\"n3\", \"n4\"]"]).clients[0].at, Some(Nodes(vec![NodeId(3), NodeId(4)])));
    assert_eq!(set(&["clients.panel.mix={ read = 9 }"]).clients[0].mix, Mix { read: 9, write: 0, delete: 0 });
    assert_eq!(set(&["seed=0xff"]).seed, Seed(255));
    assert_eq!(set(&["seed=0xffffffffffffffff"]).seed, Seed(u64::MAX));
    assert_eq!(set(&["seed=1", "seed=2"]).seed, Seed(2), "the last one counts");
    assert_eq!(set(&["expect.convergence=unknown"]).expect["convergence"].to_string(), "unknown");
    assert_eq!(set(&["settle=\"off\""]).settle, Settle::Off);
    assert_eq!(set(&["net.link.0.loss=3%"]).net.link[0].loss, Ratio::from_billionths(30_000_000));
    let moved = set(&["fault.partition.0.at=3s"]);
    let FaultSpec::Partition(PartitionFault::Partition { at, .. }) = moved.faults[0].kind else {
        panic!("a partition")
    };
    assert_eq!(at, Duration(3_000_000_000));
    assert_eq!(moved.faults[0].place, set(&[]).faults[0].place, "a fault stays where it is written");
    let added = read_text(SMALLEST, &["disk.write=2ms"]).unwrap();
    assert_eq!(added.disk.write, Duration(2_000_000), "a table that the file leaves out is added");
}

/// With another store, which has no quorum reads.
const LWW: &[&str] = &["store.name=lww", "clients.panel.quorum=1", "script.sessions.alice.quorum=1"];

#[test]
fn replicas_keep_all_views_where_somebody_needs_them() {
    let views = |arguments: &[&str]| read_text(SMALLEST, arguments).unwrap().store.settings["views"].clone();
    assert_eq!(views(&[]), "eventual");
    assert_eq!(views(&["clients.all.level=fifo"]), "all");
    assert_eq!(views(&["store.heartbeat=1s"]), "all");
    assert_eq!(views(&["store.views=all"]), "all");
    let full = read_text(FULL, LWW).unwrap().store;
    assert_eq!(full, BUILT_IN.find("lww").unwrap().spec().with("anti_entropy", "200ms"), "lww has no other settings");
}

#[test]
fn another_store_may_lack_settings_of_the_file() {
    assert_eq!(read_text(FULL, LWW).unwrap().store.name, "lww");
    assert!(read_text(FULL, &[LWW, &["store.strip=1s"]].concat()).is_err(), "but not those of the argument");
}

#[test]
fn links_are_pairs_of_nodes() {
    let link = |fields: &str| {
        let scenario = read_text(&format!("{SMALLEST}[[net.link]]\n{fields}\nloss = \"50%\""), &[]).unwrap();
        let plan = lower(&scenario, 1, "test").unwrap();
        plan.links.iter().map(|link| (link.from.0, link.to.0)).collect::<Vec<_>>()
    };
    assert_eq!(link("from = 'n0'\nto = 'n1'"), [(0, 1)]);
    assert_eq!(link("from = 'n0'\nto = 'n1'\nboth_ways = true"), [(0, 1), (1, 0)]);
    let all = "from = ['n0', 'n1', 'n2']\nto = ['n0', 'n1', 'n2']";
    assert_eq!(link(all), [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]);
    assert_eq!(link(&format!("{all}\nboth_ways = true")).len(), 6);
}

#[test]
fn groups_and_sessions_keep_the_order_of_the_file() {
    let text =
        "replicas = 3\nduration = \"1s\"\n[clients.z]\n[clients.a]\n[script.sessions]\ny.at = \"n0\"\nb.at = \"n1\"";
    let scenario = read_text(text, &[]).unwrap();
    assert_eq!(scenario.clients.iter().map(|group| group.name.as_str()).collect::<Vec<_>>(), ["z", "a"]);
    assert_eq!(scenario.script.sessions.iter().map(|session| session.name.as_str()).collect::<Vec<_>>(), ["y", "b"]);
}

#[test]
fn the_schema_is_documented_throughout() {
    let schema = schema(BUILT_IN, None);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let definitions = schema["$defs"].as_object().unwrap();
    for (name, definition) in definitions.iter().chain([(&"scenario".to_owned(), &schema)]) {
        assert!(definition["description"].is_string(), "{name} has no description");
        for (field, property) in definition["properties"].as_object().into_iter().flatten() {
            assert!(property["description"].is_string(), "{name}.{field} has no description");
        }
    }
    assert!(!schema.to_string().contains("\"null\""), "TOML has no null");
}

/// Fields of the schema, by the path of the table.
fn fields(schema: &Json, at: &Json, path: &str, into: &mut Vec<String>) {
    let at = at["$ref"].as_str().map_or(at, |reference| schema.pointer(&reference[1..]).unwrap());
    for (name, property) in at["properties"].as_object().into_iter().flatten() {
        into.push(format!("{path}{name}"));
        fields(schema, property, &format!("{path}{name}."), into);
    }
    for members in [&at["additionalProperties"], &at["items"]].into_iter().filter(|members| members.is_object()) {
        fields(schema, members, &format!("{path}*."), into);
    }
}

/// Fields of a file, written in the same way.
fn fields_of(value: &toml::Value, path: &str, into: &mut Vec<String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let own_name = ["clients.", "script.sessions.", "expect.", "regions.", "regions.*.to."].contains(&path);
                let inner = if own_name { format!("{path}*") } else { format!("{path}{name}") };
                into.extend((!own_name).then(|| inner.clone()));
                fields_of(value, &format!("{inner}."), into);
            }
        }
        toml::Value::Array(items) => items.iter().for_each(|item| fields_of(item, &format!("{path}*."), into)),
        _ => {}
    }
}

#[test]
fn the_schema_has_the_fields_that_are_read() {
    let schema = schema(BUILT_IN, None);
    let mut expected = Vec::new();
    fields(&schema, &schema, "", &mut expected);
    let mut used = Vec::new();
    fields_of(&toml::from_str(FULL).unwrap(), "", &mut used);
    expected.sort();
    expected.dedup();
    used.sort();
    used.dedup();
    assert_eq!(used, expected, "full.toml uses every field of the schema, and no other is accepted");
}

/// A file with the defaults that the schema names, written out.
#[test]
fn the_schemas_defaults_are_the_readers() {
    let schema = schema(BUILT_IN, None);
    let defaults = |name: &str| {
        let table = &schema["$defs"][name]["properties"];
        let fields = table.as_object().unwrap().iter();
        fields
            .filter_map(|(field, property)| Some(format!("{field} = {}\n", inline(property.get("default")?))))
            .collect::<String>()
    };
    let text = format!(
        "replicas = 3\nduration = \"10s\"\nseed = {}\nsettle = {}\n[store]\n{}[disk]\n{}[net]\n{}[keys]\n{}[clients.all]\n{}",
        schema["properties"]["seed"]["default"],
        schema["properties"]["settle"]["default"],
        defaults("Store"),
        defaults("Disk"),
        defaults("Net"),
        defaults("Keys"),
        defaults("ClientGroup"),
    );
    assert!(text.contains("loss = \"0%\""), "{text}");
    assert_eq!(read_text(&text, &[]).unwrap(), read_text(SMALLEST, &[]).unwrap());
}

/// JSON as an inline TOML value.
fn inline(json: &Json) -> String {
    match json.as_object() {
        Some(object) => {
            let fields: Vec<String> = object.iter().map(|(name, value)| format!("{name} = {value}")).collect();
            format!("{{ {} }}", fields.join(", "))
        }
        None => json.to_string(),
    }
}

/// Operations and the messages about them are numbered session by session: in a written scenario, too.
#[test]
fn a_written_script_keeps_the_order_of_its_sessions() {
    let text = "replicas = 2\nduration = \"1s\"\n[script.sessions]\nzoe = { at = \"n1\" }\nat = { at = \"n0\" }\n\
                [script]\nops = [{ at = \"2ms\", by = \"zoe\", read = \"x\" }, { at = \"1ms\", by = \"at\", write = \"x\", value = 1 }]\n";
    let lowered = |text: &str| lower(&read_text(text, &[]).unwrap(), 1, "test").unwrap();
    let plan = lowered(text);
    let again = lowered(&crate::scenario::write(&plan, &[]).unwrap());
    assert_eq!(again.sessions, plan.sessions);
}
