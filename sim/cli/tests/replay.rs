//! `kvsim replay`: a stored run comes back, and where it does not, the first event that differs is named.

mod common;

use std::path::{Path, PathBuf};

use common::{Ended, end, folder, kvsim, read_json, run, summary};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Six operations and a lost message; only anti-entropy follows the seed.
const BY_HAND: &str = "scenarios/tour/by-hand.toml";

fn stored(more: &[&str]) -> TempDir {
    let folder = folder();
    summary(BY_HAND, folder.path(), more);
    folder
}

fn replay(path: &Path, more: &[&str]) -> Ended {
    end(kvsim().arg("replay").arg(path).args(more))
}

#[test]
fn a_plan_in_the_current_folder_is_found_and_named() {
    let folder = stored(&[]);
    for path in [".", "plan.json", "./plan.json"] {
        let ended = end(kvsim().current_dir(folder.path()).args(["replay", path])).expect(0);
        assert!(ended.stdout.contains("replay      kvsim replay .\n"), "{path}: {}", ended.stdout);
    }
}

/// Changes the stored plan.
fn tamper(folder: &Path, change: impl FnOnce(&mut Value)) {
    let path = folder.join("plan.json");
    let mut plan = read_json(&path);
    change(&mut plan);
    std::fs::write(path, plan.to_string()).unwrap();
}

/// Number of the first line in which two traces differ; the first line of a trace is its header.
fn first_different_event(one: &Path, other: &Path) -> u64 {
    let [one, other] = [one, other].map(|folder| std::fs::read_to_string(folder.join("trace.jsonl")).unwrap());
    let differs = one.lines().zip(other.lines()).skip(1).position(|(one, other)| one != other);
    differs.expect("the traces differ") as u64 + 1
}

#[test]
fn a_run_is_reproduced() {
    for trace in ["off", "hash", "full"] {
        let folder = stored(&["--trace", trace]);
        let text = replay(folder.path(), &[]).expect(0);
        assert!(text.stdout.contains("reproduced") && !text.stdout.contains("not reproduced"), "{}", text.stdout);
        assert_eq!(text.stderr, "");
        let json = replay(&folder.path().join("plan.json"), &["--format", "json"]).expect(0).json();
        assert_eq!(json["reproduced"], true);
        assert_eq!(json.get("first_difference"), None);
        assert_eq!(json["run"]["trace_hash"], read_json(&folder.path().join("summary.json"))["trace_hash"]);
        assert_eq!(json["run"]["verdicts"][0]["verdict"], "holds", "a replay judges, whatever the run kept");
    }
}

#[test]
fn a_finding_is_reproduced_too() {
    let folder = folder();
    let violated = ["--set", "expect.convergence=holds"];
    summary("scenarios/limits/last-writer-wins.toml", folder.path(), &violated);
    let ended = replay(folder.path(), &[]).expect(1);
    assert!(ended.stdout.contains("error[CONV003]") && ended.stdout.contains("reproduced"), "{}", ended.stdout);
}

#[test]
fn a_replay_leaves_the_folder_alone() {
    let folder = stored(&["--trace", "full"]);
    let content = || {
        ["plan.json", "marks.bin", "trace.jsonl", "summary.json"]
            .map(|name| std::fs::read(folder.path().join(name)).unwrap())
    };
    let before = content();
    replay(folder.path(), &[]).expect(0);
    tamper(folder.path(), |_| {});
    std::fs::write(folder.path().join("plan.json"), &before[0]).unwrap();
    replay(folder.path(), &["--until", "50ms"]).expect(0);
    assert!(content() == before);
}

#[test]
fn another_seed_is_another_run() {
    let other = stored(&["--trace", "full", "--seed", "2"]);
    for trace in ["hash", "full"] {
        let folder = stored(&["--trace", "full"]);
        let expected = first_different_event(folder.path(), other.path());
        if trace == "hash" {
            std::fs::remove_file(folder.path().join("trace.jsonl")).unwrap();
        }
        tamper(folder.path(), |plan| plan["seed"] = json!("2"));

        let json = replay(folder.path(), &["--format", "json"]).expect(4).json();
        assert_eq!((&json["reproduced"], &json["first_difference"]), (&json!(false), &json!(expected)));

        let text = replay(folder.path(), &[]).expect(4).stdout;
        assert!(text.contains(&format!("event {expected} is the first that differs")), "{text}");
        let line = |name: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(name));
            line.unwrap_or_else(|| panic!("no line {name}:\n{text}")).trim().to_string()
        };
        let (stored, now) = (line("stored"), line("now"));
        assert!(now.contains(&format!("[{expected}] ")) && stored != now, "{text}");
        match trace {
            "full" => assert!(stored.contains(&format!("[{expected}] ")), "{text}"),
            _ => assert!(stored.contains("not kept"), "{text}"),
        }
    }
}

#[test]
fn a_removed_operation_is_noticed_where_it_was() {
    for trace in ["hash", "full"] {
        let folder = stored(&["--trace", trace]);
        // bob's write at 21 ms.
        tamper(folder.path(), |plan| drop(plan["sessions"][1]["ops"].as_array_mut().unwrap().pop()));
        let text = replay(folder.path(), &[]).expect(4).stdout;
        assert!(text.contains("not reproduced") && text.contains("is the first that differs"), "{text}");
        if trace == "full" {
            let stored = text.lines().find(|line| line.trim().starts_with("stored")).unwrap();
            assert!(stored.contains("0.021000 s") && stored.contains("bob write  #4  x = 2"), "{text}");
        }
        // What came before is still the same.
        replay(folder.path(), &["--until", "20ms"]).expect(0);
        for time in ["21ms", "30ms"] {
            let until = replay(folder.path(), &["--until", time]).expect(4).stdout;
            assert!(until.contains("not reproduced"), "{until}");
        }
    }
}

#[test]
fn until_shows_the_last_events_and_stops() {
    let folder = stored(&["--trace", "full"]);
    let until = |time: &str| replay(folder.path(), &["--until", time]).expect(0).stdout;
    let text = until("21ms");
    assert!(text.contains("bob write  #4  x = 2") && text.contains("reproduced up to 0.021 s"), "{text}");
    assert!(!text.contains("carol"), "carol writes at 22 ms:\n{text}");
    assert!(until("0s").contains("reproduced up to 0.000 s: 0 events"), "{}", until("0s"));
    // Much later than the end is the end.
    let events = read_json(&folder.path().join("summary.json"))["events"].as_u64().unwrap();
    assert!(until("1h").contains(&format!("{events} events as in the stored run")), "{}", until("1h"));
    let json = replay(folder.path(), &["--until", "21ms", "--format", "json"]).expect(0).json();
    assert_eq!(json["reproduced"], true);

    for wrong in ["yesterday", "5", "-1s", ""] {
        let ended = replay(folder.path(), &[&format!("--until={wrong}")]).expect(2);
        assert!(ended.stdout.is_empty() && ended.stderr.contains("4.2s"), "{wrong}: {}", ended.stderr);
    }
}

#[test]
fn a_plan_alone_can_be_run() {
    let folder = stored(&[]);
    for name in ["marks.bin", "summary.json"] {
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let text = replay(folder.path(), &[]).expect(0).stdout;
    assert!(text.contains("nothing to compare with") && !text.contains("reproduced"), "{text}");
    let json = replay(folder.path(), &["--format", "json"]).expect(0).json();
    assert_eq!(json.get("reproduced"), None);
    let text = replay(folder.path(), &["--until", "20ms"]).expect(0).stdout;
    assert!(text.contains("no stored run to compare with"), "{text}");
}

#[test]
fn a_damaged_folder_is_not_reproduced_and_does_no_harm() {
    let folder = stored(&["--trace", "full"]);
    // Another hash, with the marks of the same run.
    let path = folder.path().join("summary.json");
    let mut summary = read_json(&path);
    summary["trace_hash"] = json!("0x0000000000000001");
    std::fs::write(&path, summary.to_string()).unwrap();
    let text = replay(folder.path(), &[]).expect(4).stdout;
    assert!(text.contains("0x0000000000000001") && text.contains("events are the same"), "{text}");
    // Half a mark at the end, and a trace that is none.
    std::fs::write(folder.path().join("marks.bin"), [1, 2, 3, 4, 5, 6]).unwrap();
    std::fs::write(folder.path().join("trace.jsonl"), [0xff; 100]).unwrap();
    let text = replay(folder.path(), &[]).expect(4).stdout;
    assert!(text.contains("event 1 is the first that differs"), "{text}");
    // A summary that is none.
    std::fs::write(&path, "no JSON").unwrap();
    let text = replay(folder.path(), &[]).expect(0).stdout;
    assert!(text.contains("nothing to compare with"), "{text}");
}

#[test]
fn wrong_plans_are_refused_with_their_place() {
    type Change = fn(&mut Value);
    let wrong: &[(Change, &str)] = &[
        (|plan| plan["schema"] = json!(1), "version 1 is not supported, only 2"),
        (|plan| plan["store"]["strip"] = json!("soon"), "store.strip: `soon` is not a duration"),
        (|plan| plan["store"]["ack"] = json!(9), "store.ack: 9 are more than hold a key"),
        (|plan| plan["store"]["colour"] = json!("red"), "store.colour: unknown field `colour`"),
        (|plan| plan["store"]["name"] = json!("postgres"), "there is no store postgres"),
        (|plan| plan["sessions"][1]["node"] = json!(3), "sessions[1].node: there is no node n3"),
        (|plan| plan["faults"][0]["kind"]["drop"]["to"] = json!([9]), "there is no node n9"),
        (|plan| plan["replicas"] = json!(0), "replicas: expected 1 to 1000"),
        (|plan| plan["sessions"][0]["ops"][0]["key"] = json!(7), "sessions[0].ops[0]: there is no key 7"),
        (|plan| plan["sessions"][0]["ops"][1]["op"] = json!(0), "two operations with number 0"),
        (|plan| plan["seed"] = json!(1), "not a plan: invalid type"),
        (|plan| plan["colour"] = json!("red"), "unknown field `colour`"),
        (|plan| plan["net"]["loss"] = json!("200%"), "`200%` is more than `100%`"),
        (|plan| drop(plan.as_object_mut().unwrap().remove("keys")), "missing field `keys`"),
    ];
    let folder = stored(&[]);
    let right = std::fs::read(folder.path().join("plan.json")).unwrap();
    for (change, expected) in wrong {
        std::fs::write(folder.path().join("plan.json"), &right).unwrap();
        tamper(folder.path(), change);
        refused(folder.path(), expected);
    }
    for (bytes, expected) in [(&b"{ \"schema\": 1,"[..], "line 1"), (b"", "line 1"), (&[0xff; 1000], "line 1")] {
        std::fs::write(folder.path().join("plan.json"), bytes).unwrap();
        refused(folder.path(), expected);
    }
}

fn refused(folder: &Path, expected: &str) {
    for more in [&[][..], &["--until", "20ms"], &["--format", "json"]] {
        let ended = replay(folder, more).expect(2);
        let (said, silent) = match more.contains(&"json") {
            true => (ended.json()["mistakes"][0]["message"].as_str().unwrap().to_string(), &ended.stderr),
            false => (ended.stderr.clone(), &ended.stdout),
        };
        assert_eq!(silent, "", "{expected}");
        assert!(said.contains(expected) && said.contains("plan.json"), "{expected}: {said}");
    }
}

#[test]
fn a_missing_run_is_said_to_be_missing() {
    let folder = folder();
    let nowhere: PathBuf = folder.path().join("nowhere");
    for path in [nowhere.clone(), nowhere.join("plan.json"), folder.path().to_path_buf()] {
        let ended = replay(&path, &[]).expect(2);
        assert_eq!(ended.stdout, "");
        assert!(ended.stderr.contains("expected the folder of a run"), "{}", ended.stderr);
        assert!(ended.stderr.contains(path.to_str().unwrap()), "{}", ended.stderr);
    }
    // A scenario is no plan.
    let ended = run(["replay", BY_HAND]).expect(2);
    assert!(ended.stderr.contains("not a plan"), "{}", ended.stderr);
}

/// Nothing is judged: no verdict is a surprise, the run is the same, and what was judged before stays.
#[test]
fn what_is_not_judged_says_so() {
    let (folder, out) = (folder(), folder());
    let lossy = format!("net.loss = \"40%\"\nstore.anti_entropy = \"off\"\n{}", common::SMALL);
    let scenario = common::file(folder.path(), "lossy.toml", lossy);
    let run = |out: &Path, more: &[&str]| end(kvsim().args(["run", &scenario, "--out"]).arg(out).args(more));
    let unjudged = run(out.path(), &["--checks", "none"]).expect(0);
    assert!(unjudged.stdout.contains("  not judged  convergence\n  not judged  availability\n"), "{}", unjudged.stdout);
    assert!(!unjudged.stdout.contains("holds") && !out.path().join("report.html").exists());
    let summary = common::read_json(&out.path().join("summary.json"));
    assert_eq!((&summary["verdicts"], &summary["not_judged"][0]), (&json!([]), &json!("convergence")));
    let judged = run(out.path(), &["--no-report"]).expect(1);
    let after = common::read_json(&out.path().join("summary.json"));
    assert_eq!(summary["trace_hash"], after["trace_hash"]);
    assert!(judged.stdout.contains("violated") && after.get("not_judged").is_none());
    run(out.path(), &["--checks", "none"]).expect(0);
    assert_eq!(common::read_json(&out.path().join("summary.json")), after);
    // What is asked for beside is there.
    let other = common::folder();
    run(other.path(), &["--checks", "none", "--trace", "full", "--history", "jsonl"]).expect(0);
    assert!(other.path().join("trace.jsonl").exists() && other.path().join("history.jsonl").exists());
}
