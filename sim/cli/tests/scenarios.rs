//! The scenarios in the tree run as they stand, with the verdicts that they are written to show.
//!
//! They are what people copy from, so each of them has to work, say what it shows, and use only fields that
//! the published schema knows.

mod common;

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use common::{end, folder, kvsim, read_json, run, top};
use serde_json::Value;

/// Every file below `scenarios/`, with its path from the top of the tree.
fn files() -> Vec<String> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).expect("a folder of scenarios") {
            let path = entry.expect("an entry").path();
            if path.is_dir() { walk(&path, into) } else { into.push(path) }
        }
    }
    let top = top();
    let mut paths = Vec::new();
    walk(&top.join("scenarios"), &mut paths);
    paths.sort();
    paths.iter().map(|path| path.strip_prefix(&top).unwrap().to_str().expect("a path in UTF-8").to_string()).collect()
}

fn scenarios() -> Vec<String> {
    files().into_iter().filter(|file| file.ends_with(".toml")).collect()
}

#[test]
fn nothing_but_scenarios_lies_there() {
    let strange: Vec<String> =
        files().into_iter().filter(|file| !file.ends_with(".toml") && !file.ends_with(".md")).collect();
    assert_eq!(strange, [""; 0], "files that no test runs");
    for part in ["tour", "faults", "limits"] {
        assert!(scenarios().iter().any(|file| file.starts_with(&format!("scenarios/{part}/"))), "{part} is empty");
    }
}

#[test]
fn each_ends_as_it_expects() {
    let todo = Mutex::new(scenarios());
    let wrong = Mutex::new(Vec::new());
    let workers = std::thread::available_parallelism().map_or(2, |count| count.get());
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                // The lock must not be held while the scenario runs.
                let next = || todo.lock().unwrap().pop();
                while let Some(file) = next() {
                    if let Err(why) = std::panic::catch_unwind(|| ends_as_expected(&file)) {
                        let text = why.downcast_ref::<String>().map_or("?", String::as_str);
                        wrong.lock().unwrap().push(format!("{file}: {text}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

fn ends_as_expected(file: &str) {
    let folder = folder();
    let ended = end(kvsim().args(["run", file, "--format", "json", "--out"]).arg(folder.path())).expect(0);
    let summary = ended.json();
    has_the_promised_fields(&summary, file);
    assert_eq!(summary, read_json(&folder.path().join("summary.json")), "the stored summary is another one");
    assert_eq!(summary["run_dir"], folder.path().to_str().unwrap());
    assert_eq!(summary["interrupted"], false);
    for verdict in summary["verdicts"].as_array().unwrap() {
        let violated = verdict["verdict"] == "violated";
        assert_eq!(verdict["verdict"], verdict["expected"]);
        assert_eq!(violated, !verdict["findings"].as_array().unwrap().is_empty(), "findings and verdict disagree");
    }
}

/// Programs rely on these fields and their types.
fn has_the_promised_fields(summary: &Value, file: &str) {
    let hexadecimal = |field: &str| {
        let text = summary[field].as_str().unwrap_or_else(|| panic!("{field} is not a string"));
        assert!(text.len() == 18 && text.starts_with("0x"), "{field} is {text}");
        u64::from_str_radix(&text[2..], 16).unwrap_or_else(|_| panic!("{field} is {text}"))
    };
    assert_eq!(summary["schema"], 2);
    assert_eq!(summary["scenario"], Path::new(file).file_stem().unwrap().to_str().unwrap());
    summary["seed"].as_str().and_then(|seed| seed.parse::<u64>().ok()).expect("a seed in digits");
    hexadecimal("trace_hash");
    assert!(summary["events"].as_u64().unwrap() > 0);
    assert!(summary["virtual_seconds"].as_f64().unwrap() > 0.0);
    assert!(summary["run_dir"].is_string());
    let verdicts = summary["verdicts"].as_array().expect("a list of verdicts");
    assert!(!verdicts.is_empty(), "nothing was judged");
    for verdict in verdicts {
        assert!(verdict["checker"].is_string() && verdict["findings"].is_array(), "{verdict}");
        for field in ["verdict", "expected"] {
            assert!(
                ["holds", "violated", "unknown", "not-applicable"].contains(&verdict[field].as_str().unwrap()),
                "{verdict}"
            );
        }
        for finding in verdict["findings"].as_array().unwrap() {
            assert!(finding["code"].is_string() && finding["title"].is_string(), "{finding}");
            assert!(finding["evidence"].is_array() && finding["events"].is_array(), "{finding}");
        }
    }
}

#[test]
fn each_says_what_it_shows_and_uses_fields_of_the_schema() {
    let schema = run(["schema"]).expect(0).json();
    for file in scenarios() {
        let text = std::fs::read_to_string(top().join(&file)).unwrap();
        let scenario: toml::Table = text.parse().unwrap_or_else(|error| panic!("{file}: {error}"));
        let title = scenario.get("title").and_then(|title| title.as_str());
        assert!(title.is_some_and(|title| !title.is_empty()), "{file} has no title");
        let scenario = serde_json::to_value(scenario).unwrap();
        let mut wrong = Vec::new();
        compare(&schema, &schema, &scenario, "", &mut wrong);
        assert_eq!(wrong, [""; 0], "{file}");
    }
}

/// The published schema would refuse what the program refuses; otherwise the test above proves nothing.
#[test]
fn the_schema_notices_wrong_fields() {
    let schema = run(["schema"]).expect(0).json();
    let scenario = serde_json::json!({
        "replicas": 3,
        "net": { "los": "5%", "link": [{ "from": "n0", "to": "n1", "lag": "1s" }] },
        "clients": { "all": { "speed": 1 } },
    });
    let mut wrong = Vec::new();
    compare(&schema, &schema, &scenario, "", &mut wrong);
    let expected =
        [".clients.all.speed is unknown", ".net.link[0].lag is unknown", ".net.los is unknown", ".duration is missing"];
    wrong.sort();
    let mut expected = expected.map(str::to_string);
    expected.sort();
    assert_eq!(wrong, expected);
}

/// Compares the names of fields, not their values: the reader has its own tests for those.
fn compare(root: &Value, schema: &Value, value: &Value, path: &str, wrong: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = root.pointer(&reference[1..]).unwrap_or_else(|| panic!("{reference} leads nowhere"));
        compare(root, target, value, path, wrong);
    }
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                let known = schema["properties"].get(name);
                let other = schema.get("additionalProperties");
                match known.or(other.filter(|other| other.is_object())) {
                    Some(known) => compare(root, known, value, &path, wrong),
                    None if other == Some(&Value::Bool(false)) => wrong.push(format!("{path} is unknown")),
                    None => {}
                }
            }
            for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                if !fields.contains_key(name) {
                    wrong.push(format!("{path}.{name} is missing"));
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                compare(root, &schema["items"], item, &format!("{path}[{index}]"), wrong);
            }
        }
        _ => {}
    }
}

/// One line each, in every form, with the exit code of the worst.
#[test]
fn scenarios_are_tests() {
    let folder = folder();
    let lossy = format!("{}[net]\nloss = \"40%\"\n[store]\nanti_entropy = \"off\"\n\n[expect]\n", common::SMALL);
    common::file(folder.path(), "fails.toml", format!("{lossy}metadata = \"holds\"\n"));
    common::file(
        folder.path(),
        "passes.toml",
        format!("{lossy}convergence = \"violated\"\navailability = \"holds\"\n"),
    );
    let test = |more: &[&str]| common::end(common::kvsim().current_dir(folder.path()).args(["test", "."]).args(more));
    let told = test(&[]).expect(1).stdout;
    assert!(
        told.contains("FAILED   ./fails.toml") && told.contains("convergence is violated, expected holds; CONV002: ")
    );
    assert!(told.contains("ok       ./passes.toml") && told.ends_with("2 scenarios: 1 ok, 1 failed\n"), "{told}");
    test(&["--filter", "pass"]).expect(0);
    assert!(test(&["--filter", "neither"]).expect(2).stderr.contains("no scenario has neither in its path"));

    let github = test(&["--format", "github"]).expect(1).stdout;
    assert!(github.starts_with("::error file=./fails.toml,line=9,title=kvsim::convergence is violated"), "{github}");
    let junit = test(&["--format", "junit"]).expect(1).stdout;
    assert!(junit.contains("<testsuite name=\"kvsim\" tests=\"2\" failures=\"1\" errors=\"0\""), "{junit}");
    let json = test(&["--format", "json", "--jobs", "1"]).expect(1).json();
    assert_eq!((&json["tests"][0]["ending"], &json["tests"][1]["ending"]), (&"failed".into(), &"passed".into()));

    common::file(folder.path(), "wrong.toml", "replicas = 3\nduraton = \"1s\"\n[clients.a]\n");
    let told = test(&[]).expect(2).stdout;
    assert!(told.contains("WRONG    ./wrong.toml") && told.contains("did you mean `duration`?"), "{told}");
    assert!(
        told.ends_with("3 scenarios: 1 ok, 1 failed, 1 wrong\n"),
        "a mistake in one does not keep the others: {told}"
    );
}

/// docs/scenarios.md is made from the types.
#[test]
fn the_page_on_scenarios_is_true() {
    expect_test::expect_file!["../../../docs/scenarios.md"]
        .assert_eq(&run(["schema", "--format", "md"]).expect(0).stdout);
}

/// What `kvsim new scenario` writes runs, with each of its comments put to use, too.
#[test]
fn a_scenario_to_begin_with() {
    let folder = folder();
    let kvsim = |arguments: &[&str]| end(kvsim().current_dir(folder.path()).args(arguments));
    kvsim(&["new", "scenario", "first.toml"]).expect(0);
    assert!(kvsim(&["new", "scenario", "first.toml"]).expect(2).stderr.contains("there already"));
    kvsim(&["new", "scenario", "first"]).expect(2);
    assert_eq!(read_json(&folder.path().join("kvsim-schema.json")), run(["schema"]).json());
    let text = std::fs::read_to_string(folder.path().join("first.toml")).unwrap().replace("\"10s\"", "\"100ms\"");
    let lines: Vec<&str> = text.lines().collect();
    let fields = (0..lines.len()).filter(|place| {
        let name =
            lines[*place].strip_prefix("# ").and_then(|line| line.split_once(" = ")).map_or(" ", |(name, _)| name);
        name.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_')
    });
    let mut tried = 0;
    for place in fields {
        let mut changed = lines.clone();
        changed[place] = changed[place].trim_start_matches("# ");
        common::file(folder.path(), "tried.toml", changed.join("\n"));
        kvsim(&["test", "tried.toml"]).expect(0);
        tried += 1;
    }
    assert!(tried > 25, "only {tried} fields");
}

/// A fault that met nothing is said to: it may be a slip.
#[test]
fn a_drop_that_matches_nothing_is_told() {
    let folder = folder();
    let text = "replicas = 3\nduration = \"1s\"\n[script.sessions]\na = { at = \"n0\" }\n[script]\n\
                ops = [{ at = \"10ms\", by = \"a\", write = \"x\", value = 1 }]\n[[fault.drop]]\nwrite = 1\nfrom = \"n0\"\n";
    for (from, met) in [("n0", true), ("n1", false)] {
        let file = common::file(
            folder.path(),
            &format!("{from}.toml"),
            text.replace("from = \"n0\"", &format!("from = \"{from}\"")),
        );
        let told = common::end(common::kvsim().current_dir(folder.path()).args(["run", &file, "--no-report"]))
            .expect(0)
            .stdout;
        assert_eq!(!told.contains("drop[0] met no message"), met, "{told}");
    }
}
