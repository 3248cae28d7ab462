//! `kvsim hunt`: the same findings however many jobs there are and however often the hunt was stopped.

mod common;

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use common::{Ended, LOSSY, end, file, folder, kvsim};
use serde_json::Value;

fn hunt(scenario: &str, out: &Path, more: &[&str]) -> Ended {
    end(kvsim().args(["hunt", scenario, "--format", "json", "--out"]).arg(out).args(more))
}

/// The findings without the folder, which differs from hunt to hunt.
fn findings(ended: &Ended, out: &Path) -> Value {
    let text = ended.stdout.replace(out.to_str().unwrap(), "OUT");
    serde_json::from_str(&text).expect("JSON")
}

/// The failure that the README begins with is found and made small as it says, and is the run of its picture.
#[test]
fn the_readme_hunts_and_shrinks_as_it_says() {
    let folder = folder();
    let general = common::top().join("scenarios/hunt/general.toml");
    let in_folder = || {
        let mut command = kvsim();
        command.current_dir(folder.path());
        command
    };
    let mistake = ["--swarm", "--set", "store.defects=[\"drop-empty-context\"]"];
    let hunted = end(in_folder().arg("hunt").arg(general).args(mistake)).expect(1).stdout;
    let readme = std::fs::read_to_string(common::top().join("README.md")).unwrap();
    let run = readme.split("$ kvsim shrink ").nth(1).and_then(|rest| rest.split(' ').next()).expect("it shrinks a run");
    let shrunk = end(in_folder().args(["shrink", run, "--code", "CONV001"])).expect(0).stdout;
    let told = readme.split("$ kvsim hunt ").nth(1).and_then(|rest| rest.split("$ kvsim trace ").next()).unwrap();
    for line in told.lines().skip(1).filter(|line| !line.starts_with('$') && *line != "...") {
        assert!(hunted.contains(line) || shrunk.contains(line), "{line:?} is not in\n{hunted}\n{shrunk}");
    }
    let text = std::fs::read_to_string(folder.path().join(run).join("shrunk/general-conv001.toml")).unwrap();
    let picture = std::fs::read_to_string(common::top().join("sim/cli/tests/golden/deleted-value.toml")).unwrap();
    let plan = |text: &str| text[text.find("\nseed = ").expect("it names its seed")..].to_owned();
    assert_eq!(plan(&text), plan(&picture));
}

#[test]
fn jobs_do_not_matter_and_runs_are_stored() {
    let (folder, one, two) = (folder(), folder(), folder());
    let scenario = file(folder.path(), "lossy.toml", LOSSY);
    let arguments = ["--seeds", "5..65", "--keep-going", "--swarm", "--jobs"];
    let first = hunt(&scenario, one.path(), &[&arguments[..], &["1"]].concat()).expect(1);
    let second = hunt(&scenario, two.path(), &[&arguments[..], &["2"]].concat()).expect(1);
    let found = findings(&first, one.path());
    assert_eq!(found, findings(&second, two.path()));
    assert_eq!((&found["runs"], &found["complete"]), (&Value::from(60), &Value::from(true)));
    let group = &found["groups"][0];
    assert!(group["runs"].as_u64().unwrap() > 1, "{group}");
    let events: Vec<u64> =
        group["found"].as_array().unwrap().iter().map(|one| one["events"].as_u64().unwrap()).collect();
    assert!(events.is_sorted(), "the fastest come first: {events:?}");
    // What was found is there to be looked at.
    for one in first.json()["groups"][0]["found"].as_array().unwrap() {
        let replayed = end(kvsim().arg("replay").arg(one["run_dir"].as_str().unwrap())).expect(1);
        assert!(replayed.stdout.contains("reproduced") && !replayed.stdout.contains("not reproduced"));
        assert!(replayed.stdout.contains(one["code"].as_str().unwrap()));
    }
    // The page of a hunt is the same, too, and says how to look at what was found.
    let page = std::fs::read_to_string(one.path().join("report.html")).unwrap();
    assert_eq!(page, std::fs::read_to_string(two.path().join("report.html")).unwrap());
    let code = group["code"].as_str().unwrap();
    for part in ["<h1>Hunt</h1>", "60 runs", &format!("<h3>{code}: "), "kvsim replay lossy-", &format!("--code {code}")]
    {
        assert!(page.contains(part), "no {part:?} in\n{page}");
    }
    assert!(!page.contains("http:") && !page.contains("https:") && page.len() < 1_000_000, "{} bytes", page.len());
}

#[test]
fn the_first_finding_ends_the_hunt_unless_told_otherwise() {
    let (folder, out) = (folder(), folder());
    let scenario = file(folder.path(), "lossy.toml", LOSSY);
    let first = hunt(&scenario, out.path(), &["--seeds", "0..60", "--jobs", "2"]).expect(1).json();
    let runs = first["runs"].as_u64().unwrap();
    assert_eq!((&first["complete"], &first["with_findings"]), (&Value::from(false), &Value::from(1)));
    let last = first["groups"][0]["found"][0]["run"].as_u64().unwrap();
    assert_eq!(runs, last + 1, "every run before the finding is done");
    // The findings of one hunt are not overwritten by another.
    hunt(&scenario, out.path(), &["--seeds", "0..60"]).expect(2);
    hunt(&scenario, out.path(), &["--seeds", "0..60", "--resume", "--set", "net.loss=3%"]).expect(2);
    let rest = hunt(&scenario, out.path(), &["--seeds", "0..60", "--resume", "--keep-going"]).expect(1);
    let at_once = common::folder();
    let whole = hunt(&scenario, at_once.path(), &["--seeds", "0..60", "--keep-going"]).expect(1);
    assert_eq!(findings(&rest, out.path()), findings(&whole, at_once.path()));
}

#[test]
fn a_killed_hunt_goes_on_as_if_nothing_had_happened() {
    let (folder, out, at_once) = (folder(), folder(), folder());
    // Long enough to be killed half way.
    let scenario = file(folder.path(), "lossy.toml", LOSSY.replace("200ms", "2s"));
    let arguments = ["--seeds", "0..120", "--keep-going"];
    let mut resume: &[&str] = &[];
    for wanted in [10, 40] {
        let mut child = kvsim()
            .args(["hunt", &scenario, "--jobs", "2", "--out"])
            .arg(out.path())
            .args(arguments)
            .args(resume)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        for turn in 0.. {
            if found_so_far(out.path()) >= wanted {
                break;
            }
            assert_eq!(child.try_wait().unwrap().map(|ended| ended.code()), None, "it was over too early");
            assert!(turn < 24_000, "nothing is found in two minutes");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap(); // SIGKILL
        child.wait().unwrap();
        resume = &["--resume"];
    }
    let rest = hunt(&scenario, out.path(), &[&arguments[..], &["--resume"]].concat()).expect(1);
    let whole = hunt(&scenario, at_once.path(), &arguments).expect(1);
    assert_eq!(findings(&rest, out.path()), findings(&whole, at_once.path()));
    // Once more: everything is known.
    let again = hunt(&scenario, out.path(), &[&arguments[..], &["--resume"]].concat()).expect(1);
    assert_eq!(findings(&again, out.path()), findings(&whole, at_once.path()));
}

#[test]
fn the_beginning_of_a_plan_is_no_obstacle() {
    let (folder, out) = (folder(), folder());
    let scenario = file(folder.path(), "lossy.toml", LOSSY);
    let whole = hunt(&scenario, out.path(), &["--seeds", "0..60"]).expect(1).json();
    // As if the hunt had been killed while it stored the run.
    let run = whole["groups"][0]["found"][0]["run_dir"].as_str().unwrap();
    std::fs::remove_dir_all(run).unwrap();
    std::fs::create_dir(run).unwrap();
    std::fs::write(Path::new(run).join("plan.json.new"), "{").unwrap();
    std::fs::remove_file(out.path().join("hunt.jsonl")).unwrap();
    let again = hunt(&scenario, out.path(), &["--seeds", "0..60"]).expect(1).json();
    assert_eq!(whole, again);
    end(kvsim().args(["replay", run])).expect(1);
}

fn found_so_far(out: &Path) -> usize {
    std::fs::read_to_string(out.join("hunt.jsonl")).unwrap_or_default().matches("{\"found\"").count()
}

#[test]
fn what_is_expected_is_no_finding() {
    let out = folder();
    let found = hunt("scenarios/limits", out.path(), &["--seeds", "0..3"]).expect(0).json();
    let files = std::fs::read_dir(common::top().join("scenarios/limits")).unwrap().count();
    assert_eq!((&found["runs"], &found["with_findings"]), (&Value::from(3 * files), &Value::from(0)));
}

#[test]
fn who_does_not_know_is_named() {
    let (folder, out) = (folder(), folder());
    // The ordered levels are not there to be judged.
    let text = LOSSY.replace("expect = {", "expect = { fifo-visibility = \"holds\",");
    let scenario = file(folder.path(), "lossy.toml", text);
    let arguments = ["--seeds", "7..10", "--resume"];
    let found = hunt(&scenario, out.path(), &[&arguments[..], &["--set", "net.loss=0%"]].concat()).expect(3).json();
    let by = &found["unknown_by"]["fifo-visibility"];
    assert_eq!((&found["unknown"], &by["runs"]), (&Value::from(3), &Value::from(3)));
    assert_eq!((&by["scenario"], &by["seed"]), (&Value::from("lossy"), &Value::from("7")));
    let told =
        end(kvsim().args(["hunt", &scenario, "--out"]).arg(out.path()).args(arguments).args(["--set", "net.loss=0%"]));
    let told = told.expect(3).stdout;
    assert!(told.contains("3 are unknown\n  unknown fifo-visibility in 3 runs, first lossy seed 7: "), "{told}");
}

#[test]
fn two_hunts_do_not_share_a_folder() {
    let (folder, out) = (folder(), folder());
    let scenario = file(folder.path(), "lossy.toml", LOSSY);
    let journal = out.path().join("hunt.jsonl");
    let other = std::fs::File::create(&journal).expect("a file");
    other.lock().expect("a lock");
    for more in [&[][..], &["--resume"]] {
        let ended = hunt(&scenario, out.path(), &[&["--seeds", "0..5"], more].concat()).expect(2);
        assert!(ended.stdout.contains("hunt.jsonl is in use") && ended.stdout.contains("--out"), "{}", ended.stdout);
    }
    drop(other);
    hunt(&scenario, out.path(), &["--seeds", "0..5"]).expect(1);
}

#[test]
fn wrong_arguments_are_told_before_the_hunt() {
    let (folder, out) = (folder(), folder());
    let scenario = file(folder.path(), "lossy.toml", LOSSY);
    for (more, expected) in [
        (&["--seeds", "9"][..], "0..10000"),
        (&["--seeds", "9..9"], "no seed between"),
        (&["--for", "soon"], "10m"),
        (&["--jobs", "0"], "0"),
    ] {
        let ended = end(kvsim().args(["hunt", &scenario, "--out"]).arg(out.path()).args(more)).expect(2);
        assert!(ended.stderr.contains(expected), "{more:?}: {}", ended.stderr);
    }
    let empty = common::folder();
    let ended = end(kvsim().arg("hunt").arg(empty.path()).arg("--out").arg(out.path())).expect(2);
    assert!(ended.stderr.contains("no scenario"), "{}", ended.stderr);
}

/// Scenarios bring their seeds, `--seeds` is kept to also with `--for`, and each folder that is left is named.
#[test]
fn seeds_are_those_that_were_meant() {
    let folder = common::folder();
    let lossy = "net.loss = \"40%\"\nstore.anti_entropy = \"off\"\n";
    for (name, seed) in [("one", 7), ("two", 100)] {
        common::file(folder.path(), &format!("{name}.toml"), format!("seed = {seed}\n{lossy}{}", common::SMALL));
    }
    let hunt = |out: &str, more: &[&str]| {
        let out = folder.path().join(out);
        let ended =
            end(kvsim().args(["hunt", "--format", "json", "--out"]).arg(&out).arg(folder.path()).args(more)).json();
        let mut left: Vec<String> = std::fs::read_dir(&out)
            .unwrap()
            .map(|one| one.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["hunt.jsonl", "report.html"].contains(&name.as_str()))
            .collect();
        left.sort();
        (ended, left)
    };
    let (ended, left) = hunt("runs-a", &["--jobs", "4"]);
    assert_eq!((&ended["runs"], left), (&Value::from(1), vec!["one-7".to_owned()]), "{ended}");
    let (ended, left) = hunt("runs-b", &["--for", "1h", "--seeds", "3..5", "--keep-going"]);
    assert_eq!((&ended["runs"], &ended["complete"]), (&Value::from(4), &Value::from(true)), "{ended}");
    assert_eq!(left, ["one-3", "one-4", "two-3", "two-4"]);
}
