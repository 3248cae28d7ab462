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

/// Steps in short, `0 write 5` for an invocation and `0 ok write 5` for its end, as EDN.
fn steps(short: &str) -> String {
    let step = |line: &str| {
        let (process, rest) = line.split_once(' ').expect("a process");
        let kinds = ["ok", "fail", "info"].into_iter();
        let ended = kinds.filter_map(|kind| Some((kind, rest.strip_prefix(kind)?.strip_prefix(' ')?))).next();
        let (kind, rest) = ended.unwrap_or(("invoke", rest));
        let (function, value) = rest.split_once(' ').unwrap_or((rest, "nil"));
        format!("{{:process {process}, :type :{kind}, :f :{function}, :value {value}}}\n")
    };
    short.split("; ").map(step).collect()
}

/// A history's name and text, the arguments, the exit code, and what is said.
type Case<'a> = (&'a str, String, &'a [&'a str], i32, &'a [&'a str]);

/// Histories in forms that other tools have, and odd ones.
#[test]
fn histories_of_other_tools() {
    let json = |separator: &str| {
        let step = |step: &str| format!("{{\"process\":{separator}{step}}}");
        let all = [r#"0, "type": "invoke", "f": "write", "value": "{ä\"""#, r#"0, "type": "ok", "f": "write""#];
        format!("[{}]", all.map(step).join(&format!(",{separator}")))
    };
    let read = |value: &str| format!("1 read; 1 ok read {value}");
    let wrote = "0 write 1; 0 ok write 1";
    let transactions = "0 write [[:w 1 5]]; 0 ok write [[:w 1 5]]; 1 read; 1 ok read [[:r 1 5] [:r 2 nil]]";
    let torn = steps(&format!("{wrote}; {}", read("1"))) + "{:process 0, :type :invoke, :f :wr";
    let numbered = |index: &str| steps(wrote).replace("{:", &format!("{{:index {index}, :"));
    let cases: &[Case<'_>] = &[
        ("an array", json(" "), &["--model", "regular"], 3, &["1 operation of 1 process on 1 key", "no read"]),
        ("an array over lines", json("\n  "), &["--model", "regular"], 3, &["1 operation of 1 process on 1 key"]),
        ("an open array", json(" ").replace("}]", "},"), &[], 2, &[":1:109: the text ends within the array of steps"]),
        ("a wrong array", json("\n  ").replace("\"ok\"", "1"), &[], 2, &[":4:14: a number 1 as :type"]),
        ("history.txt", "0\t:invoke\t:write\t1\n".into(), &[], 2, &["Jepsen's history.txt: give the history.edn"]),
        (
            "transactions",
            steps(transactions),
            &["--model", "pram"],
            3,
            &["1 of :write with micro-operations (the first: #0 in line 1), 1 of :read with micro-operations"],
        ),
        (
            "keys of them",
            steps("0 read [7 [[:r 1 nil]]]; 1 read [[:append 1 2] [:r 1 nil]]"),
            &[],
            3,
            &["2 of :read with"],
        ),
        ("a set", steps("0 add [0 1]; 0 ok add [0 1]; 1 read [0 nil]; 1 ok read [0 1 2]"), &[], 3, &["1 of :add"]),
        ("cas", steps("0 cas [:k nil 1]; 0 ok cas [:k nil 1]; 1 read [:k nil]; 1 ok read [:k 1]"), &[], 0, &["1 key"]),
        ("cas without new", steps("0 write [:k 1]; 1 cas [:k 1]"), &[], 2, &[":2:1: a vector [:k 1]", "[k [old new]]"]),
        ("begins with 0", steps(&read("0")), &[], 1, &["hint: 0 was read before", "say --initial '0'"]),
        ("begins with 0, said", steps(&read("0")), &["--initial", "0", "--model", "pram"], 0, &[]),
        ("begins with -1, said", steps(&read("-1")), &["--initial", "-1", "--model", "linearizable"], 0, &[]),
        (
            "begins with 0, not nil",
            steps(&read("nil")),
            &["--initial", "0", "--model", "linearizable,pram"],
            1,
            &["LIN002"],
        ),
        ("no word", steps(&read("0")), &["--initial", "[0"], 2, &["--initial", "the text ends within"]),
        (
            "nil",
            steps(&format!("{wrote}; {}; {}", read("nil"), read("1"))),
            &["--model", "linearizable"],
            1,
            &["-> nil"],
        ),
        (
            "nil not known",
            steps(&format!("{wrote}; {}; {}", read("nil"), read("1"))),
            &["--model", "linearizable", "--nil-read", "unknown"],
            0,
            &["what 1 operations found"],
        ),
        ("torn", torn.clone(), &[], 2, &[":5:35: the text ends within", "--skip-torn-line judges what comes before"]),
        (
            "torn, left out",
            torn.clone(),
            &["--skip-torn-line"],
            0,
            &["2 operations of 2 processes", "torn last line left out"],
        ),
        ("not torn", torn + "\n", &["--skip-torn-line"], 2, &["the text ends within what was opened in line 5"]),
        (
            "an index for all",
            numbered("0") + &numbered("0").replace('1', "2") + &steps(&read("1")),
            &["--model", "linearizable"],
            1,
            &["write #2  = 2   ok #3"],
        ),
    ];
    let folder = folder();
    for (name, history, arguments, code, said) in cases {
        let file = file(folder.path(), &format!("{name}.history"), history);
        let ended = check(&[&[&*file], *arguments].concat());
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(ended.code, *code, "{name}: {all}");
        said.iter().for_each(|said| assert!(all.contains(said), "{name}: no {said:?} in {all}"));
    }
}

/// A finding shows the read at which it shows and the writes that matter, however many others there are.
#[test]
fn findings_are_short() {
    let folder = folder();
    let many = "0 write 3; 0 ok write 3; ".repeat(60);
    let in_session = format!("{many}0 write 4; 0 ok write 4; 1 read; 1 ok read 4; 1 read; 1 ok read 3");
    let cases: [(&str, String, &[&str]); 6] = [
        (
            "linearizable",
            format!("{many}0 write 4; 0 ok write 4; 1 read; 1 ok read 3"),
            &[
                "found 3 in the register after 4 (#120), which replaced it",
                "write #118  = 3",
                "read  #122  -> 3",
                "<== here",
            ],
        ),
        (
            "linearizable",
            format!("{many}0 write 4; 2 read; 2 ok read 4; 1 read; 1 ok read 3; 0 ok write 4"),
            &["write #118  = 3", "write #120  = 4", "read  #121  -> 4", "read  #123  -> 3   ok #124   <== here"],
        ),
        (
            "linearizable",
            format!("{many}1 cas [3 4]; 1 info cas [3 4]; 2 write 5; 2 ok write 5; 2 read; 2 ok read 4"),
            &["cas   #120  3 => 4   info #121", "write #122  = 5", "read  #124  -> 4   ok #125   <== here"],
        ),
        (
            "linearizable",
            "1 read; 1 ok read 9; 2 write 9; 2 ok write 9".into(),
            &["before #2, which wrote it", "LIN003"],
        ),
        ("linearizable", "1 read; 2 write 9; 2 fail write 9; 1 ok read 9".into(), &["only the failed #1 wrote"]),
        ("sequential", in_session, &["write #120  = 4", "(23 more)", "read  #124  -> 3   ok #125   <== here"]),
    ];
    for (place, (model, history, said)) in cases.into_iter().enumerate() {
        let file = file(folder.path(), &format!("{place}.edn"), steps(&history));
        let told = check(&[&file, "--model", model]).expect(1).stdout;
        said.iter().for_each(|said| assert!(told.contains(said), "no {said:?} in {told}"));
        assert!(told.lines().count() < if model == "sequential" { 50 } else { 10 }, "{told}");
    }
}

/// What a stronger model that holds implies holds, although values are not distinct or nothing is asked of it.
#[test]
fn what_is_implied_is_told() {
    let folder = folder();
    let twice = steps("0 write 1; 0 ok write 1; 1 read; 1 ok read 1; 0 write 1; 0 ok write 1; 1 read; 1 ok read 1");
    let twice = file(folder.path(), "twice.edn", twice);
    let told = check(&[&twice]).expect(0).stdout;
    for said in ["pram                 implied by linearizable", "monotonic-writes     implied by linearizable"] {
        assert!(told.contains(said), "{told}");
    }
    check(&[&twice, "--model", "pram"]).expect(3);
    // What is not put to the test is no surprise, unless nothing is.
    let once = file(folder.path(), "once.edn", steps("0 write 1; 0 ok write 1; 1 read; 1 ok read 1"));
    assert!(
        check(&[&once, "--model", "pram,writes-follow-reads"]).expect(0).stdout.contains("n/a       writes-follow")
    );
    check(&[&once, "--model", "writes-follow-reads"]).expect(3);
}

/// Many names of functions take time in proportion to them.
#[test]
fn many_functions_are_read_at_once() {
    let folder = folder();
    let text: String = (0..200_000)
        .map(|number| format!("{{:type :invoke, :process {number}, :f :f{number}, :value nil}}\n"))
        .collect();
    let (file, begin) = (file(folder.path(), "many.edn", text), Instant::now());
    assert!(check(&[&file]).expect(3).stdout.contains("and 199995 more"));
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
}
