//! `kvsim trace`: what happened, how things stood, and the space-time diagram.

mod common;

use common::{end, folder, kvsim, run};
use expect_test::expect_file;

const LOST: &str = "scenarios/levels/fifo-lost-write.toml";
const TROUBLES: &str = "sim/cli/tests/golden/troubles.toml";
/// What hunt and shrink leave of the mistake that the README begins with.
const DELETED: &str = "sim/cli/tests/golden/deleted-value.toml";
const EARLY: &str = "sim/cli/tests/golden/early-delete.toml";

fn trace(more: &[&str]) -> String {
    run([&["trace"], more].concat()).expect(0).stdout
}

#[test]
fn events_in_words() {
    expect_file!["golden/trace-lost-write.txt"].assert_eq(&trace(&[LOST, "--to", "40ms"]));
}

#[test]
fn only_what_is_wanted() {
    let lines = |more: &[&str]| -> Vec<String> {
        let text = trace(&[&[TROUBLES], more].concat());
        text.lines().take_while(|line| !line.is_empty()).map(str::to_owned).collect()
    };
    let all = lines(&[]);
    for line in lines(&["--node", "n1"]) {
        assert!(line.contains("n1") || line.contains("begins") || line.contains("ends"), "{line}");
        assert!(all.contains(&line), "{line}");
    }
    assert!(!lines(&["--node", "n1"]).iter().any(|line| line.contains("stands still")), "n2 is paused, not n1");
    let key = lines(&["--key", "c", "--kind", "operations,writes,messages"]);
    assert!(key.iter().all(|line| !line.contains("a&b")) && key.len() > 10, "{key:#?}");
    // The message that carried it and the repair that brought it belong to it, others do not.
    for part in ["n1 -> n0  update 2  lost (partition[0])", "n1 -> n2  update 2  delivered", "repair 1  delivered"] {
        assert!(key.iter().any(|line| line.contains(part)), "no {part:?}: {key:#?}");
    }
    assert!(!key.iter().any(|line| line.contains("update 1 ") || line.contains("update 3 ")), "{key:#?}");
    let session = lines(&["--session", "bea", "--kind", "operations"]);
    assert_eq!(session.iter().filter(|line| line.contains(" bea ")).count(), 3, "{session:#?}");
    assert!(session.iter().any(|line| line.contains("timed out")), "{session:#?}");
    let part = lines(&["--from", "12ms", "--to", "13ms"]);
    assert!(part.iter().all(|line| line.contains("0.012") || line.contains("0.013")) && part.len() > 5, "{part:#?}");
    assert!(lines(&["--kind", "timers"]).iter().all(|line| line.contains("timer")));
    let json = trace(&[TROUBLES, "--kind", "faults", "--format", "json"]);
    assert_eq!(json.lines().count(), 1 + 6 + 1, "a header, three faults on and off, settling:\n{json}");
}

#[test]
fn how_things_stood() {
    let text = [
        trace(&[LOST, "--at", "40ms"]),
        trace(&[TROUBLES, "--at", "36ms"]),
        trace(&[TROUBLES, "--at", "60ms", "--node", "n1", "--key", "c"]),
    ];
    expect_file!["golden/trace-at.txt"].assert_eq(&text.join("\n----\n\n"));
    let json = run(["trace", LOST, "--at", "40ms", "--format", "json"]).expect(0).json();
    assert_eq!(json["states"][1]["waiting"][0]["waits_for"], serde_json::json!([0, 1, 1]));
}

#[test]
fn names_that_are_not_there() {
    for (arguments, reasons) in [
        (["--node", "n3"], ["no node n3", "n0 to n2"]),
        (["--node", "1"], ["no node 1", "n0 to n2"]),
        (["--key", "d"], ["no key d", "a&b, c"]),
        (["--session", "anne"], ["no session anne", "did you mean ann?"]),
        (["--from", "5"], ["--from", "4.2s"]),
        (["--kind", "event"], ["--kind", "operations"]),
    ] {
        let ended = run([&["trace", TROUBLES], &arguments[..]].concat()).expect(2);
        assert_eq!(ended.stdout, "");
        for reason in reasons {
            assert!(ended.stderr.contains(reason), "no {reason:?} in:\n{}", ended.stderr);
        }
    }
    run(["trace", LOST, "--at", "1s", "--from", "2s"]).expect(2);
}

/// Draws into a folder and returns the drawing.
fn drawn(scenario: &str, more: &[&str]) -> String {
    let folder = folder();
    let file = folder.path().join("run.svg");
    let ended = end(kvsim().args(["trace", scenario]).args(more).arg("--svg").arg(&file)).expect(0);
    assert!(ended.stdout.contains("run.svg"), "{}", ended.stdout);
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn a_space_time_diagram() {
    let svg = drawn(EARLY, &[]);
    assert_eq!(svg, drawn(EARLY, &[]), "its bytes follow from the run");
    expect_file!["../../../docs/early-delete.svg"].assert_eq(&svg);
    expect_file!["../../../docs/deleted-value.svg"].assert_eq(&drawn(DELETED, &[]));
    expect_file!["../../../docs/by-hand.svg"].assert_eq(&drawn("scenarios/tour/by-hand.toml", &[]));
    for part in ["class=\"cross\"", "prefers-color-scheme: dark", "PRIO002", "at the end"] {
        assert!(svg.contains(part), "no {part:?}");
    }
}

#[test]
fn troubles_are_drawn() {
    let svg = drawn(TROUBLES, &[]);
    for class in ["down", "paused", "partition", "duplicate", "gone", "wait"] {
        assert!(svg.contains(&format!("class=\"{class}\"")), "no {class}");
    }
    assert!(svg.contains("a&amp;b = 1") && !svg.contains("a&b"), "names are escaped");
    // Pointing at a message shows what became of it.
    for part in ["<title>update 1 from n0 to n", "arrived 0.0", "new: c = ", "lost (partition[0])</title>"] {
        assert!(svg.contains(part), "no {part:?} in\n{svg}");
    }
    let part = drawn(TROUBLES, &["--from", "30ms", "--to", "45ms"]);
    assert!(part.contains("goes down") && !part.contains("update 1 "), "{part}");
}

/// The boxes that texts take, by what a letter takes on average.
fn boxes(svg: &str) -> Vec<(f64, f64, f64, String)> {
    let attribute = |line: &str, name: &str| {
        let value = line.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
        Some(value.to_owned())
    };
    let texts = svg.lines().filter(|line| line.starts_with("<text "));
    let texts = texts.map(|line| {
        let number = |name| attribute(line, name).unwrap().parse::<f64>().unwrap();
        let said = line.split_once('>').unwrap().1.trim_end_matches("</text>").replace("&amp;", "&");
        let wide = 5.5 * said.chars().count() as f64;
        let anchor = attribute(line, "text-anchor").unwrap_or_default();
        let left = number("x")
            - if anchor == "end" {
                wide
            } else if anchor == "middle" {
                wide / 2.0
            } else {
                0.0
            };
        (left, left + wide, number("y"), said)
    });
    texts.collect()
}

#[test]
fn no_label_lies_on_another() {
    for scenario in [TROUBLES, EARLY, LOST, "scenarios/tour/by-hand.toml"] {
        let boxes = boxes(&drawn(scenario, &[]));
        assert!(boxes.len() > 20);
        for (place, (left, right, y, said)) in boxes.iter().enumerate() {
            for (other_left, other_right, other_y, other) in &boxes[place + 1..] {
                let apart = right <= other_left || other_right <= left || (y - other_y).abs() >= 12.0;
                assert!(apart, "{scenario}: {said:?} lies on {other:?}");
            }
        }
    }
}

#[test]
fn too_much_and_nothing_to_draw() {
    let folder = folder();
    let file = folder.path().join("run.svg");
    let svg = |scenario: &str, more: &[&str]| {
        end(kvsim().args(["trace", scenario, "--svg"]).arg(&file).args(more)).expect(2).stderr
    };
    let much = svg("scenarios/tour/first-run.toml", &[]);
    assert!(much.contains("too much") && much.contains("--from") && much.contains("kvsim shrink"), "{much}");
    assert!(svg(TROUBLES, &["--to", "1ms"]).contains("nothing to draw"));
    assert!(!file.exists());
}

#[test]
fn defects_are_listed() {
    let text = run(["list", "defects"]).expect(0).stdout;
    assert!(text.contains("early-delete\n") && text.contains("store: ndc") && text.contains("noticed by"), "{text}");
    let stores = run(["list", "stores"]).expect(0).stdout;
    assert!(stores.contains("early-delete,") && !stores.contains("applied before its turn"), "{stores}");
}
