//! Histories: there and back, put together, and what is wrong with them.

use kvsim_checkers::history::Ending;
use kvsim_histories::edn::{Edn, Mistake};
use kvsim_histories::jepsen::{Action, Calls, Collector, Form, Step, steps};

use crate::random::{self, Chance};

pub fn all_steps(text: &[u8]) -> Result<Vec<Step>, Mistake> {
    steps(text).expect("memory can be read").map(|step| step.map(|(step, _)| step)).collect()
}

pub fn calls(text: &[u8]) -> Result<Calls, Mistake> {
    let mut collector = Collector::default();
    for step in steps(text).expect("memory can be read") {
        let (step, place) = step?;
        collector.take(&step, place)?;
    }
    collector.finish()
}

pub fn written(form: Form, steps: &[Step]) -> Vec<u8> {
    let mut text = Vec::new();
    steps.iter().for_each(|step| form.write(&mut text, step).expect("memory can be written"));
    text
}

#[test]
fn histories_come_back_as_they_were() {
    for seed in 0..10_000 {
        let chance = &mut Chance(seed);
        let history: Vec<Step> = (0..chance.below(8)).map(|_| random::step(chance)).collect();
        for form in [Form::Edn, Form::Jsonl] {
            let text = written(form, &history);
            let lines = text.split(|byte| *byte == b'\n').count() - 1;
            let shown = String::from_utf8_lossy(&text);
            assert_eq!(lines, history.len(), "seed {seed}, one line each: {shown}");
            assert_eq!(all_steps(&text).as_ref(), Ok(&history), "seed {seed}: {shown}");
        }
        // As an array of JSON, with some of its space in other places.
        let lines = String::from_utf8(written(Form::Jsonl, &history)).expect("UTF-8");
        let array =
            format!("[{}]\n", lines.trim_end().replace("}\n{", ["},{", "}\n,\n {", "},\n\n{"][seed as usize % 3]));
        if !history.is_empty() {
            assert_eq!(all_steps(array.as_bytes()).as_ref(), Ok(&history), "seed {seed}: {array}");
        }
        // All in one vector, as records.
        let text = written(Form::Edn, &history);
        let records = String::from_utf8(text).expect("UTF-8").replace("{:index", "#jepsen.history.Op{:index");
        assert_eq!(all_steps(format!("[{records}]").as_bytes()).as_ref(), Ok(&history), "seed {seed}: {records}");
    }
}

/// Wherever a text ends within its last line, what comes before is read, and the mistake, if there is one, is known for such.
#[test]
fn what_is_cut_short_is_known() {
    for seed in 0..2_000 {
        let chance = &mut Chance(seed);
        let history: Vec<Step> = (0..1 + chance.below(4)).map(|_| random::step(chance)).collect();
        for form in [Form::Edn, Form::Jsonl] {
            let text = written(form, &history);
            let last = text[..text.len() - 1].iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
            let cut = last + 1 + chance.below(text.len() - last - 1);
            let mut read = Vec::new();
            for step in steps(&text[..cut]).expect("memory can be read") {
                match step {
                    Ok((step, _)) => read.push(step),
                    Err(mistake) => {
                        assert!(mistake.is_cut, "seed {seed}: {mistake} in {}", String::from_utf8_lossy(&text[..cut]));
                        break;
                    }
                }
            }
            let whole = history.len() - usize::from(read.len() < history.len());
            assert_eq!(read[..], history[..whole], "seed {seed}: {}", String::from_utf8_lossy(&text[..cut]));
        }
    }
}

#[test]
fn values_come_back_as_they_were() {
    for seed in 0..10_000 {
        let value = random::value(&mut Chance(seed), 0);
        assert_eq!(crate::value(&value.to_string()), value, "seed {seed}: {value}");
    }
}

#[test]
fn deep_values_come_back_in_both_forms() {
    let mut value = Edn::Int(1);
    for _ in 0..150 {
        value = Edn::Vector(vec![value]);
    }
    let step = Step { value, ..random::step(&mut Chance(1)) };
    for form in [Form::Edn, Form::Jsonl] {
        assert_eq!(all_steps(&written(form, std::slice::from_ref(&step))), Ok(vec![step.clone()]));
    }
}

/// The operations of a history, in short.
fn told(text: &str) -> Vec<String> {
    let calls = calls(text.as_bytes()).unwrap_or_else(|mistake| panic!("{mistake}"));
    let one = |call: &kvsim_histories::jepsen::Call| {
        let value = |number| calls.value(number).map_or("several".to_owned(), |value| value.to_string());
        let what = match call.action {
            Action::Cas => format!("{} => {}", value(call.expected), value(call.value)),
            _ => value(call.value),
        };
        let ending = match call.ending {
            Ending::Ok => "ok",
            Ending::Failed => "fail",
            Ending::Indeterminate => "info",
        };
        let (process, key, index) = (calls.process(call.session), calls.key(call.key), calls.index(call.invoked));
        format!("#{index} {process} {:?} {key} {what} {ending}", call.action)
    };
    calls.list().iter().map(one).collect()
}

#[test]
fn steps_are_put_together() {
    let one_register = "
        {:type :invoke, :f :write, :value 3, :process 0, :time 10, :index 0}
        {:type :invoke, :f :read, :value nil, :process 1, :time 20, :index 1}
        {:type :info, :f :start, :value [:isolated {\"n1\" #{\"n2\"}}], :process :nemesis, :time 25, :index 2}
        {:type :ok, :f :write, :value 3, :process 0, :time 30, :index 3}
        {:type :info, :f :read, :value nil, :process 1, :error :timeout, :time 40, :index 4}
        {:type :invoke, :f :cas, :value [3 4], :process 0, :time 50, :index 5}
        {:type :fail, :f :cas, :value [3 4], :process 0, :time 60, :index 6}
        {:type :invoke, :f :read, :value nil, :process 6, :time 70, :index 7}
        {:type :ok, :f :read, :value 3, :process 6, :time 80, :index 8}
        {:type :invoke, :f :write, :value nil, :process 6, :time 90, :index 9}";
    let wanted = [
        "#0 0 Write nil 3 ok",
        "#1 1 Read nil nil info",
        "#5 0 Cas nil 3 => 4 fail",
        "#7 6 Read nil 3 ok",
        "#9 6 Write nil nil info",
    ];
    assert_eq!(told(one_register), wanted);
    assert_eq!(told(&format!("[{one_register}]")), wanted);
    assert_eq!(told(&format!("({})", one_register.replace("{:type", "#jepsen.history.Op{:type"))), wanted);

    let keys = "
        {:type :invoke, :f :cas, :value [\"x\" [1 :b]], :process 3, :index 100}
        {:type :ok, :f :cas, :value [\"x\" [1 :b]], :process 3, :index 120}
        {:type :invoke, :f :read, :value [[1 2] nil], :process 3, :index 130}
        {:type :ok, :f :read, :value [[1 2] #{7 8}], :process 3, :index 140}";
    assert_eq!(told(keys), ["#100 3 Cas \"x\" 1 => :b ok", "#130 3 Read [1 2] several ok"]);

    let json = r#"
        {"type": "invoke", "f": "write", "value": ["x", {"edn": ":v"}], "process": 0}
        {"type": "ok", "f": "write", "value": ["x", null], "process": 0}
        {"type": "info", "f": "kill", "value": null, "process": "nemesis"}"#;
    assert_eq!(told(json), ["#0 0 Write \"x\" :v ok"]);
}

#[test]
fn other_functions_are_told() {
    let text = "
        {:type :invoke, :f :append, :value [1 2], :process 0}
        {:type :ok, :f :append, :value [1 2], :process 0}
        {:type :invoke, :f :txn, :value [[:r 1 nil]], :process 0}";
    let calls = calls(text.as_bytes()).expect("it is a history");
    let misfits: Vec<_> =
        calls.misfits().iter().map(|misfit| (&*misfit.function, misfit.count, misfit.first.0)).collect();
    assert_eq!(misfits, [("append", 1, 0), ("txn", 1, 2)]);
    assert!(calls.list().is_empty());
}

/// What is said about a wrong history.
fn mistake(text: &str) -> String {
    calls(text.as_bytes()).expect_err(text).to_string()
}

#[test]
fn mistakes_have_a_place() {
    let write = "{:type :invoke, :process 0, :f :write, :value [\"x\" 1]}\n";
    let number = "{:type :invoke, :process 0, :f :write, :value 1}\n";
    for (text, said) in [
        ("7".to_owned(), "line 1, column 1: a number 7; expected a step of a history"),
        ("#a 7".to_owned(), "line 1, column 1: a tagged value that is no record; expected a step"),
        ("#{}".to_owned(), "line 1, column 1: something else than a map"),
        ("[[]]".to_owned(), "line 1, column 2: something else than a map"),
        ("[{:type :invoke".to_owned(), "the text ends"),
        (format!("[{write}"), "line 2, column 1: the text ends within what was opened in line 1, column 1; expected ]"),
        (format!("[{write}] 1"), "line 2, column 3: something behind the history"),
        (format!("({write}]"), "line 2, column 1: ] closes nothing"),
        ("{}".to_owned(), "line 1, column 1: this step has no field :type; expected the fields"),
        ("{:type :ok :process 1}".to_owned(), "no field :f"),
        (
            "{:type :okay}".to_owned(),
            "line 1, column 8: a keyword :okay as :type; expected :invoke, :ok, :fail or :info",
        ),
        ("{:type \"ok\"}".to_owned(), "line 1, column 8: a string \"ok\" as :type"),
        ("{:type :ok, :type :ok}".to_owned(), "line 1, column 19: a second field :type"),
        ("{:process nil}".to_owned(), "line 1, column 11: nil nil as :process; expected the number of a client"),
        ("{:index 1.5}".to_owned(), "a number 1.5 as :index; expected a whole number"),
        ("{:a 1, :a 2}".to_owned(), "a second field :a"),
        ("{\"type\" :ok}".to_owned(), "line 1, column 1"),
        ("{1 :ok}".to_owned(), "line 1, column 2: a number 1; expected a name of a field"),
        (
            format!("{write}{write}"),
            "line 2, column 1: process 0 invokes something before its last operation is completed; expected its :ok",
        ),
        (
            "{:type :ok, :process 0, :f :read}".to_owned(),
            "line 1, column 1: process 0 completes what it has not invoked",
        ),
        (
            format!("{write}{{:type :ok, :process 0, :f :read}}"),
            "line 2, column 1: process 0 completes :read; expected :write",
        ),
        (
            format!("{write}{{:type :invoke, :process 1, :f :read}}"),
            "line 2, column 1: nil nil as :value of a read; expected a key and a value",
        ),
        (
            format!("{number}{{:type :invoke, :process 1, :f :cas, :value 7}}"),
            "line 2, column 1: a number 7 as :value of a cas; expected the old value",
        ),
        (
            format!(
                "{write}{{:type :invoke, :process 1, :f :read, :value [1 nil]}}\n{{:type :ok, :process 1, :f :read, :value [2 5]}}"
            ),
            "line 3, column 1: a vector [2 5] as :value of a read; expected the key that was asked for, [1 v]",
        ),
        (
            "{\"type\": \"ok\", \"process\": 0, \"f\": \"read\"".to_owned(),
            "line 1, column 40: EOF while parsing an object; expected a step",
        ),
        ("\n{\"type\": \"okay\"}".to_owned(), "line 2, column 16: a keyword :okay as :type; expected :invoke"),
        ("{\"type\": \"ok\", \"ä\": tru}".to_owned(), "line 1, column 2"),
        (
            "{\"type\": \"ok\", \"value\": 36893488147419103232}".to_owned(),
            "a number beyond 64 bits; expected numbers of 64 bits",
        ),
        ("{\"value\": {\"edn\": \"[1\"}}".to_owned(), "in EDN, line 1, column 3: the text ends within"),
        ("{\"value\": {\"edn\": \"1 2\"}}".to_owned(), "something behind the value; expected one value"),
        ("{\"value\": {\"a\": 1, \"a\": 2}}".to_owned(), "two values for the key \"a\""),
        ("{\"f\": \"no name\"}".to_owned(), "\"no name\" as \"f\"; expected a name"),
        ("{\"no name\": 1}".to_owned(), "a field \"no name\"; expected names of letters"),
        (format!("{{\"value\": {}", "[".repeat(100_000)), "recursion limit exceeded"),
    ] {
        let found = mistake(&text);
        assert!(found.contains(said), "{text:.200}\n   said: {found}\n wanted: {said}");
    }
}
