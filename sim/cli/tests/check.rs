//! `kvsim check`, and the histories that `kvsim run` writes for it.
#![allow(clippy::disallowed_types)] // how long people wait is real time

mod common;

use std::io::Write as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Ended, SMALL, end, file, folder, kvsim, run};

/// One process writes x and then y; another sees y and then not x.
const OUT_OF_ORDER: &str = r#"{:index 0, :time 1000000, :type :invoke, :process 0, :f :write, :value ["x" 1]}
{:index 1, :time 2000000, :type :ok, :process 0, :f :write, :value ["x" 1]}
{:index 2, :time 3000000, :type :invoke, :process 0, :f :write, :value ["y" 2]}
{:index 3, :time 4000000, :type :ok, :process 0, :f :write, :value ["y" 2]}
{:index 4, :time 4500000, :type :info, :process :nemesis, :f :start, :value nil}
{:index 5, :time 5000000, :type :invoke, :process 1, :f :read, :value ["y" nil]}
{:index 6, :time 6000000, :type :ok, :process 1, :f :read, :value ["y" 2]}
{:index 7, :time 7000000, :type :invoke, :process 1, :f :read, :value ["x" nil]}
{:index 8, :time 8000000, :type :ok, :process 1, :f :read, :value ["x" nil]}
"#;

fn check(arguments: &[&str]) -> Ended {
    run([&["check"], arguments].concat())
}

#[test]
fn verdicts_with_findings() {
    let folder = folder();
    let bad = file(folder.path(), "bad.edn", OUT_OF_ORDER);
    let good = file(
        folder.path(),
        "good.edn",
        OUT_OF_ORDER.replace("[\"x\" nil]}\n\"", "").replace(
            ":type :ok, :process 1, :f :read, :value [\"x\" nil]",
            ":type :ok, :process 1, :f :read, :value [\"x\" 1]",
        ),
    );
    assert!(
        check(&[&good, "--model", "pram,linearizable"]).expect(0).stdout.contains("strongest that hold: linearizable")
    );
    let ended = check(&[&good, &bad, "--model", "pram"]).expect(1);
    for said in [
        "4 operations of 2 processes on 2 keys; 1 step of another skipped",
        "error[PRAM001]: process 1 saw the writes of process 0 out of the order in which process 0 issued them",
        "0.007 s  process 1 read  #7  \"x\" -> nil   ok #8 0.008 s   but not #0",
    ] {
        assert!(ended.stdout.contains(said), "no {said:?} in {}", ended.stdout);
    }
    let json = check(&[&good, &bad, "--model", "pram", "--model", "cc", "--format", "json"]).expect(1).json();
    assert_eq!(json["schema"], 1);
    let results = json["results"].as_array().expect("a list");
    let told = |place: usize| {
        let (model, verdict) = (&results[place]["model"], &results[place]["verdict"]);
        format!("{} {} {}", results[place]["file"] == bad.as_str(), model, verdict)
    };
    let told: Vec<String> = (0..results.len()).map(told).collect();
    let wanted = [
        "false \"causal\" \"holds\"",
        "false \"pram\" \"holds\"",
        "true \"causal\" \"violated\"",
        "true \"pram\" \"violated\"",
    ];
    assert_eq!(told, wanted);
    assert_eq!(results[3]["findings"][0]["ops"], serde_json::json!([0, 2, 5, 7]));
    assert_eq!(json["files"][0]["strongest"], serde_json::json!(["causal", "pram"]));
}

#[test]
fn what_is_no_history() {
    let folder = folder();
    let wrong = file(
        folder.path(),
        "wrong.edn",
        OUT_OF_ORDER.replace(
            ":type :ok, :process 1, :f :read, :value [\"x\"",
            ":type :okay, :process 1, :f :read, :value [\"x\"",
        ),
    );
    let good = file(folder.path(), "good.edn", OUT_OF_ORDER);
    let ended = check(&[&wrong, &good]).expect(2);
    assert!(
        ended.stderr.contains("wrong.edn:9:33: a keyword :okay as :type\n  expected :invoke, :ok"),
        "{}",
        ended.stderr
    );
    assert!(ended.stdout.contains("good.edn: 4 operations"), "{}", ended.stdout);
    let json = check(&[&wrong, "--format", "json"]).expect(2).json();
    assert_eq!((&json["mistakes"][0]["line"], &json["mistakes"][0]["column"]), (&9.into(), &33.into()));
    assert!(check(&["nowhere.edn"]).expect(2).stderr.contains("nowhere.edn: this cannot be read: No such file"));
    assert!(check(&[&good, "--model", "serial"]).expect(2).stderr.contains("possible values: linearizable"));
    assert!(check(&[&good, "--time-limit", "5"]).expect(2).stderr.contains("10m or 30s"));
    check(&[]).expect(2);
    // Nothing to judge, or what cannot be judged, is not known.
    let empty = file(folder.path(), "empty.edn", "; nothing\n");
    assert!(check(&[&empty]).expect(3).stdout.contains("the history has no operation of a client"));
    let append = file(folder.path(), "append.edn", "{:type :invoke, :process 0, :f :append, :value [1 2]}");
    let told = check(&[&append, "--model", "pram"]).expect(3).stdout;
    assert!(told.contains("neither read, write nor cas: 1 of :append (the first: #0 in line 1)"), "{told}");
}

#[test]
fn standard_input_is_a_history_too() {
    let mut child = kvsim()
        .args(["check", "-", "--model", "pram"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command can be started");
    child.stdin.take().expect("it is piped").write_all(OUT_OF_ORDER.as_bytes()).expect("it reads");
    let ended = Ended::of(child.wait_with_output().expect("it ends")).expect(1);
    assert!(ended.stdout.starts_with("-: 4 operations"), "{}", ended.stdout);
}

#[test]
fn a_time_limit_ends_in_unknown() {
    let folder = folder();
    // Forty open compare-and-sets over a few values, and a read in the end.
    let mut text = String::new();
    for process in 0..40 {
        text += &format!("{{:type :invoke, :process {process}, :f :cas, :value [{} {}]}}\n", process % 5, process % 7);
    }
    text += "{:type :invoke, :process 99, :f :write, :value 0}\n{:type :ok, :process 99, :f :write, :value 0}\n";
    for process in 0..40 {
        text += &format!("{{:type :ok, :process {process}, :f :cas, :value [{} {}]}}\n", process % 5, process % 7);
    }
    let hard = file(folder.path(), "hard.edn", text);
    let told = check(&[&hard, "--model", "linearizable", "--time-limit", "50ms"]).expect(3).stdout;
    assert!(told.contains("the time limit was reached") || told.contains("more ways than there is room for"), "{told}");
}

#[test]
fn runs_write_their_histories() {
    let folder = folder();
    let scenario = file(folder.path(), "s.toml", SMALL);
    for (form, name) in [("edn", "history.edn"), ("jsonl", "history.jsonl")] {
        let out = folder.path().join(form);
        end(kvsim().args(["run", &scenario, "--history", form, "--out"]).arg(&out)).expect(0);
        let summary = common::read_json(&out.join("summary.json"));
        let json = check(&[out.to_str().expect("UTF-8"), "--format", "json", "--model", "read-your-writes"]).json();
        assert_eq!(json["mistakes"], serde_json::json!([]));
        assert_eq!(json["files"][0]["operations"], summary["counts"]["operations"]);
        assert!(out.join(name).exists());
    }
    let refused = end(kvsim().args(["run", &scenario, "--history", "edn", "--trace", "off"])).expect(2);
    assert!(refused.stderr.contains("--history needs"), "{}", refused.stderr);
}

#[test]
fn models_say_the_same_of_a_run_and_of_its_history() {
    let folder = folder();
    for (name, seed) in [("not-linearizable", "1"), ("not-linearizable", "2"), ("last-writer-wins", "1")] {
        let (scenario, out) = (format!("scenarios/limits/{name}.toml"), folder.path().join(format!("{name}-{seed}")));
        let out = out.to_str().expect("UTF-8");
        let models = ["linearizable", "causal-memory", "causal-convergence", "causal"];
        let expect: Vec<String> = models.iter().map(|model| format!("expect.{model}=unknown")).collect();
        let set = expect.iter().flat_map(|change| ["--set", change]);
        let fixed =
            ["run", &scenario, "--seed", seed, "--out", out, "--no-report", "--history", "edn", "--format", "json"];
        let judged = run(fixed.into_iter().chain(set)).json();
        let history = check(&[out, "--model", &models.join(","), "--format", "json"]).json();
        for model in models {
            let of = |value: &serde_json::Value, list: &str, name: &str| {
                let mut verdicts = value[list].as_array().expect("a list").iter();
                verdicts.find(|one| one[name] == model).expect("a verdict")["verdict"].clone()
            };
            assert_eq!(of(&judged, "verdicts", "checker"), of(&history, "results", "model"), "{name} {seed} {model}");
        }
    }
}

/// A map with many keys takes time in proportion to them, whether it stands for a step or for a value.
#[test]
fn large_maps_are_read_at_once() {
    let folder = folder();
    let keys: String = (0..200_000).map(|number| format!(":k{number} 1 ")).collect();
    let fields: Vec<String> = (0..200_000).map(|number| format!("\"k{number}\":1")).collect();
    let step = ":type :invoke :process 0 :f :write :value";
    let maps = [
        ("bare.edn", format!("{{{keys}}}")),
        ("step.edn", format!("{{{step} 1 {keys}}}")),
        ("value.edn", format!("{{{step} {{{keys}}}}}")),
        ("step.jsonl", format!("{{{}}}", fields.join(","))),
    ];
    for (name, text) in maps {
        let path = file(folder.path(), name, text);
        let begin = Instant::now();
        let ended = check(&[&path]);
        assert!(matches!(ended.code, 2 | 3), "{ended:?}");
        let taken = begin.elapsed();
        assert!(taken < Duration::from_secs(10), "{name} took {taken:?}");
    }
}

#[test]
fn keys_and_clients_are_not_left_out() {
    let folder = folder();
    let step = |process: &str, kind: &str, function: &str, key: &str, value: &str| {
        format!(
            "{{\"process\": {process}, \"type\": \"{kind}\", \"f\": \"{function}\", \"key\": \"{key}\", \"value\": {value}}}\n"
        )
    };
    let history = |writer: &str, read: &str| {
        let write = ["invoke", "ok"].map(|kind| step(writer, kind, "write", "a", "5"));
        [write.concat(), step("1", "invoke", "read", read, "null"), step("1", "ok", "read", read, "5")].concat()
    };
    for (read, code) in [("a", 0), ("b", 1)] {
        let file = file(folder.path(), &format!("{read}.jsonl"), history("0", read));
        check(&[&file, "--model", "linearizable"]).expect(code);
    }
    let named = file(folder.path(), "named.jsonl", history("\"writer\"", "a"));
    let ended = check(&[&named]).expect(2);
    assert!(ended.stderr.contains("process writer, which is no client, does a write"), "{}", ended.stderr);
}
