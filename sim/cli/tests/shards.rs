//! `--shard` and `kvsim merge`: what several machines have done is what one would have done.

mod common;

use std::path::{Path, PathBuf};

use common::{Ended, LOSSY, end, file, folder, kvsim};
use serde_json::Value;

const SWEEP: &str = r#"
replicas = 3
duration = "200ms"
store = { anti_entropy = "off" }
net = { loss = "30%" }
clients = { all = { sessions = 3, think = "20ms" } }
expect = { convergence = "holds" }
[sweep]
seeds = 3
level = ["eventual", "fifo"]
net.loss = ["0%", "30%"]
columns = ["answered", "visibility p50", "convergence"]
"#;

fn command(arguments: &[&str], out: &Path) -> Ended {
    end(kvsim().args(arguments).arg("--out").arg(out))
}

fn merge(shards: &[PathBuf], out: &Path, more: &[&str]) -> Ended {
    end(kvsim().arg("merge").args(shards).args(more).arg("--out").arg(out))
}

/// Does each shard of a hunt or a sweep in a folder of its own below `folder`.
fn shards(folder: &Path, arguments: &[&str], count: usize) -> Vec<PathBuf> {
    let one = |number: usize| {
        let out = folder.join(format!("{number}-of-{count}"));
        let ended = command(&[arguments, &["--shard", &format!("{number}/{count}")]].concat(), &out);
        assert!(matches!(ended.code, 0 | 1 | 3), "{ended:?}");
        out
    };
    (1..=count).map(one).collect()
}

/// All files below a folder but its journal, which has times in it; where the folder is counts for nothing.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(inside) = folders.pop() {
        for entry in std::fs::read_dir(inside).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if path.extension().is_some_and(|extension| extension == "jsonl") => {}
                false => {
                    let bytes = std::fs::read(&path).unwrap();
                    let text = String::from_utf8_lossy(&bytes).replace(folder.to_str().unwrap(), "OUT");
                    files.push((path.strip_prefix(folder).unwrap().to_owned(), text));
                }
            }
        }
    }
    files.sort();
    files
}

fn said(ended: &Ended, out: &Path) -> Value {
    serde_json::from_str(&ended.stdout.replace(out.to_str().unwrap(), "OUT")).expect("JSON")
}

#[test]
fn shards_of_a_hunt_are_the_hunt_in_any_order_and_twice() {
    let (folder, whole) = (folder(), common::folder());
    let place = |name: &str| folder.path().join(name);
    // Two scenarios, one of which knows nothing of a level that is not there.
    std::fs::create_dir(place("scenarios")).unwrap();
    file(&place("scenarios"), "lossy.toml", LOSSY);
    let expect = LOSSY.replace("expect = {", "expect = { fifo-visibility = \"holds\",").replace("2%", "0%");
    file(&place("scenarios"), "unknown.toml", expect);
    let scenarios = place("scenarios").display().to_string();
    let arguments = ["hunt", &scenarios, "--seeds", "5..18", "--swarm", "--keep-going", "--format", "json"];
    let at_once = command(&arguments, whole.path()).expect(1);
    let at_once_said = said(&at_once, whole.path());
    assert_eq!(at_once_said["runs"], 26);
    assert!(at_once_said["with_findings"].as_u64() > Some(3) && at_once_said["unknown"].as_u64() > Some(3));
    for count in [1, 3, 8, 40] {
        let mut shards = shards(folder.path(), &arguments, count);
        let first = common::read_lines(&shards[0].join("hunt.jsonl"));
        assert_eq!((&first[0]["hunt"]["shard"], &first[0]["hunt"]["shards"]), (&1.into(), &count.into()));
        shards.reverse();
        shards.push(shards[0].clone());
        let out = place(&format!("merged-{count}"));
        let merged = merge(&shards, &out, &["--format", "json"]).expect(1);
        assert_eq!(said(&merged, &out), at_once_said);
        assert_eq!(files(&out), files(whole.path()));
        // What was merged is a hunt: it goes on with further seeds, and all is known of these.
        let again = command(&[&arguments[..], &["--resume"]].concat(), &out).expect(1);
        assert_eq!(said(&again, &out), at_once_said);
        // It is not overwritten.
        let again = merge(&shards, &out, &[]).expect(2);
        assert!(again.stderr.contains("there is a hunt already"), "{}", again.stderr);
    }
}

#[test]
fn shards_of_a_sweep_are_the_sweep() {
    let (folder, whole) = (folder(), common::folder());
    let sweep = file(folder.path(), "tiny.toml", SWEEP);
    let arguments = ["sweep", &sweep, "--set", "duration=300ms"];
    let at_once = command(&arguments, whole.path()).expect(1);
    for count in [1, 4, 5] {
        let mut shards = shards(folder.path(), &arguments, count);
        shards.reverse();
        shards.push(shards[0].clone());
        let out = folder.path().join(format!("merged-{count}"));
        let merged = merge(&shards, &out, &[]).expect(1);
        assert_eq!(files(&out), files(whole.path()));
        let table = std::fs::read_to_string(out.join("table.txt")).unwrap();
        assert!(merged.stdout.starts_with(&table) && at_once.stdout.starts_with(&table));
        assert!(merged.stdout.contains(&format!("12 runs, merged from {count} shards")), "{}", merged.stdout);
        // A run that is not as expected is there to be looked at.
        let look = merged.stdout.split("see: kvsim replay ").nth(1).and_then(|rest| rest.lines().next());
        end(kvsim().args(["replay", look.expect("a command")])).expect(1);
        let resumed = command(&[&arguments[..], &["--resume"]].concat(), &out).expect(1);
        assert!(resumed.stdout.contains("12 known from before"), "{}", resumed.stdout);
    }
}

#[test]
fn what_does_not_belong_together_is_refused() {
    let folder = folder();
    let place = |name: &str| folder.path().join(name);
    let scenario = file(folder.path(), "lossy.toml", LOSSY);
    let sweep = file(folder.path(), "sweep.toml", SWEEP);
    let usual = ["hunt", &scenario, "--seeds", "0..9", "--keep-going"];
    let shards = shards(folder.path(), &usual, 3);
    let other = |name: &str, arguments: &[&str]| {
        let out = place(name);
        let ended = command(arguments, &out);
        assert!(matches!(ended.code, 0 | 1), "{ended:?}");
        out
    };
    let second = [&usual[..], &["--shard", "2/3"]].concat();
    let refused = |parts: &[&PathBuf], why: &str| {
        let parts: Vec<PathBuf> = parts.iter().map(|part| (*part).clone()).collect();
        let ended = merge(&parts, &place("never"), &[]).expect(2);
        assert!(ended.stderr.contains(why), "no {why:?} in {}", ended.stderr);
        assert!(!place("never").exists(), "nothing is left");
    };
    let (one, three) = (&shards[0], &shards[2]);
    refused(&[one, three], "of 3 shards there is no 2/3");
    refused(&[three], "of 3 shards there is no 1/3, 2/3");
    let changed = other("changed", &[&second[..], &["--set", "net.loss=3%"]].concat());
    refused(&[one, &changed, three], "it was made with the changes [net.loss=3%]");
    refused(&[one, &other("swarm", &[&second[..], &["--swarm"]].concat()), three], "it was made with --swarm");
    let later = other("later", &["hunt", &scenario, "--seeds", "1..10", "--keep-going", "--shard", "2/3"]);
    refused(&[one, &later, three], "its first seed is 1");
    let longer = other("longer", &["hunt", &scenario, "--seeds", "0..10", "--keep-going", "--shard", "2/3"]);
    refused(&[one, &longer, three], "its runs is 10");
    let of_four = other("of-four", &[&usual[..], &["--shard", "2/4"]].concat());
    refused(&[one, &of_four, three], "it is one of 4 shards");
    let whole = other("whole", &usual);
    refused(&[one, &whole], "whole has no shard but a whole hunt");
    let of_sweep = other("of-sweep", &["sweep", &sweep, "--shard", "2/3"]);
    refused(&[one, &of_sweep, three], "of-sweep/hunt.jsonl");
    refused(&[&place("nowhere")], "neither hunt.jsonl nor sweep.jsonl");
    let journal = |folder: &Path| std::fs::read_to_string(folder.join("hunt.jsonl")).unwrap();
    // Another build, and another version.
    let edited = |name: &str, edit: &dyn Fn(String) -> String| {
        let out = other(name, &second);
        std::fs::write(out.join("hunt.jsonl"), edit(journal(&out))).unwrap();
        out
    };
    let rebuilt = edited("rebuilt", &|text| text.replacen("\"build\":\"0x", "\"build\":\"0y", 1));
    refused(&[one, &rebuilt, three], "it was made by another build of this program");
    let older = edited("older", &|text| text.replacen("\"kvsim\":\"", "\"kvsim\":\"0.0.", 1));
    refused(&[one, &older, three], "this is kvsim");
    // Killed before its end: its last lines are not there.
    let cut = edited("cut", &|text| text.lines().next().unwrap().to_owned() + "\n");
    refused(&[one, &cut, three], "shard 2/3 has done 0 of its 3 runs");
    let twice = edited("twice", &|text| text.replace("CONV", "DUR"));
    refused(&[one, &shards[1], &twice, three], "shard 2/3 is there twice");
    // The beginning of a shard beside all of it does no harm, and a run that was found must be there.
    merge(&[one.clone(), cut, shards[1].clone(), three.clone()], &place("merged"), &[]).expect(1);
    let lost = other("lost", &second);
    for entry in std::fs::read_dir(&lost).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            std::fs::remove_dir_all(entry).unwrap();
        }
    }
    let ended = merge(&[one.clone(), lost, three.clone()], &place("part"), &[]).expect(2);
    assert!(ended.stderr.contains("copy the whole folder"), "{}", ended.stderr);
    merge(&shards, &place("part"), &["--format", "latex"]).expect(2);
    merge(&shards, &place("part"), &[]).expect(1);
}

#[test]
fn a_shard_goes_on_where_it_was_stopped_and_nowhere_else() {
    let (folder, out) = (folder(), folder());
    let scenario = file(folder.path(), "lossy.toml", LOSSY);
    let usual = ["hunt", &scenario, "--seeds", "0..12", "--keep-going", "--resume"];
    let refused = |arguments: &[&str], why: &str| {
        let ended = command(&[&usual[..], arguments].concat(), out.path()).expect(2);
        assert!(ended.stderr.contains(why), "no {why:?} in {}", ended.stderr);
    };
    let first = command(&[&usual[..], &["--shard", "1/2"]].concat(), out.path()).expect(1);
    assert!(first.stdout.contains("of 6 runs with findings of shard 1/2"), "{}", first.stdout);
    let again = command(&[&usual[..], &["--shard", "1/2"]].concat(), out.path()).expect(1);
    assert!(again.stdout.contains("0 runs in"), "{}", again.stdout);
    refused(&["--shard", "2/2"], "its shard is 1");
    refused(&[], "it is one of 2 shards");
    let other = common::folder();
    let whole = ["hunt", &scenario, "--seeds", "0..12"];
    command(&whole, other.path()).expect(1);
    let ended = command(&[&usual[..], &["--shard", "1/2"]].concat(), other.path()).expect(2);
    assert!(ended.stderr.contains("it is of all runs, not of a shard"), "{}", ended.stderr);
    for (arguments, why) in [
        (&["--shard", "0/3"][..], "3/8"),
        (&["--shard", "1/3"], "together with --keep-going"),
        (&["--shard", "1/3", "--keep-going", "--for", "1m"], "--for with --seeds"),
    ] {
        let ended = end(kvsim().args(["hunt", &scenario, "--out"]).arg(out.path()).args(arguments)).expect(2);
        assert!(ended.stderr.contains(why), "{}", ended.stderr);
    }
    let sweep = file(folder.path(), "sweep.toml", SWEEP);
    let ended = command(&["sweep", &sweep, "--shard", "1/3", "--format", "json"], out.path()).expect(2);
    assert!(ended.stderr.contains("cannot be used with"), "{}", ended.stderr);
}
