//! What a violated run tells: enough to understand it without looking at the code, and commands that work as
//! they are printed.

mod common;

use std::path::Path;

use common::{Ended, end, file, folder, kvsim, top};

/// Replication without anti-entropy, and verdicts that say that this should do.
fn fails(folder: &Path, more: &[&str]) -> Ended {
    let scenario = top().join("scenarios/limits/without-anti-entropy.toml");
    let expectation = ["--set", "expect.convergence=holds"];
    end(kvsim().current_dir(folder).arg("run").arg(scenario).args(expectation).args(more))
}

#[test]
fn a_finding_names_key_replicas_write_and_message() {
    let folder = folder();
    let text = fails(folder.path(), &[]).expect(1).stdout;
    assert!(text.contains("violated  convergence  (expected: holds)"), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let first = lines.iter().position(|line| line.starts_with("error[CONV002]")).expect("a finding");
    // error[CONV002]: n0 does not know k0 = 246 (#471 of app-7, n3:40), which n1 holds at the end
    let title = lines[first];
    let word = |after: &str| title.split(after).nth(1).unwrap_or_else(|| panic!("no {after:?}: {title}"));
    let (missing_at, _) = word(": ").split_once(" does not know ").expect("who lacks it");
    let (key, rest) = word(" know ").split_once(" = ").expect("which key");
    let value = rest.split(' ').next().unwrap();
    assert!(missing_at.starts_with('n') && key.starts_with('k') && title.contains(" hold"), "{title}");
    // The story: the write, with its time and its node, and what became of the message that carried it.
    let story = lines[first + 1..].iter().take_while(|line| line.starts_with("  "));
    let story: Vec<&str> = story.copied().collect();
    assert!(story.iter().any(|line| line.contains(&format!("{key} = {value}")) && line.contains(" write ")), "{text}");
    let lost = |line: &&str| line.contains(&format!("-> {missing_at}  update {value}  lost"));
    assert!(story.iter().any(lost), "{text}");
    // A seed is printed with every result.
    assert!(text.contains("seed 1"), "{text}");
}

#[test]
fn printed_commands_work() {
    let folder = folder();
    let text = fails(folder.path(), &[]).expect(1).stdout;
    let commands: Vec<&str> =
        text.lines().filter_map(|line| line.find("kvsim replay ").map(|at| &line[at + "kvsim ".len()..])).collect();
    assert!(commands.len() >= 2, "{text}");
    for command in commands {
        let ended = end(kvsim().current_dir(folder.path()).args(command.split_whitespace()));
        // The part up to a time is not judged; the whole is, and is as wrong as before.
        let expected = if command.contains("--until") { 0 } else { 1 };
        assert_eq!(ended.code, expected, "{command}: {ended:?}");
        assert!(ended.stdout.contains("reproduced"), "{command}: {}", ended.stdout);
        assert!(!ended.stdout.contains("not reproduced"), "{command}: {}", ended.stdout);
    }
}

#[test]
fn programs_get_the_same_findings() {
    let folder = folder();
    let text = fails(folder.path(), &[]).expect(1).stdout;
    let json = fails(folder.path(), &["--format", "json"]).expect(1).json();
    let mut titles = 0;
    for verdict in json["verdicts"].as_array().unwrap() {
        for finding in verdict["findings"].as_array().unwrap() {
            let (code, title) = (finding["code"].as_str().unwrap(), finding["title"].as_str().unwrap());
            assert!(text.contains(&format!("[{code}]: {title}")), "{title} is not in the text:\n{text}");
            titles += 1;
        }
    }
    assert_eq!(titles, text.matches("\nerror[").count() + text.matches("\nfinding[").count());
}

#[test]
fn expected_violations_are_no_failure() {
    let folder = folder();
    let scenario = top().join("scenarios/limits/without-anti-entropy.toml");
    let text = end(kvsim().current_dir(folder.path()).arg("run").arg(scenario)).expect(0).stdout;
    assert!(text.contains("(as expected)") && text.contains("finding[CONV002]"), "{text}");
    assert!(!text.contains("error["), "{text}");
}

#[test]
fn a_verdict_that_was_expected_to_be_violated_and_holds_is_a_failure() {
    let folder = folder();
    let ended = end(kvsim()
        .args(["run", "scenarios/tour/by-hand.toml", "--set", "expect.convergence=violated", "--out"])
        .arg(folder.path()));
    let text = ended.expect(1).stdout;
    assert!(text.contains("holds     convergence  (expected: violated)"), "{text}");
}

/// Bulk writes wait behind a lost one, and no repair closes the gap while the workload lasts.
const BEHIND: &str = r#"
replicas = 3
duration = "2s"
settle = "20s"
[store]
anti_entropy = "5s"
heartbeat = "100ms"
buffer = "1kB"
[clients.app]
at = "n0"
rate = "50/s"
mix = { write = 1 }
value = "100B"
[[fault.drop]]
write = 10
to = "n1"
"#;

#[test]
fn a_view_that_lags_and_a_buffer_without_room_are_told() {
    let folder = folder();
    let scenario = file(folder.path(), "behind.toml", BEHIND);
    let out = folder.path().join("out");
    let summary = common::summary(&scenario, &out, &[]);
    let [lag] = summary["lagging"].as_array().unwrap().as_slice() else { panic!("{}", summary["lagging"]) };
    assert_eq!((&lag["node"], &lag["origin"], &lag["level"]), (&1.into(), &0.into(), &"fifo".into()));
    assert!(lag["times"].as_u64().unwrap() > 10 && lag["longest_seconds"].as_f64().unwrap() > 1.0, "{lag}");
    let [overflow] = summary["overflowed"].as_array().unwrap().as_slice() else { panic!("{}", summary["overflowed"]) };
    assert_eq!(overflow["node"], 1);
    let text = end(kvsim().args(["run", &scenario, "--out"]).arg(&out)).expect(0).stdout;
    for part in ["lag         fifo at n1 behind n0 for ", "buffers     no room for "] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
    let ample = common::summary(&scenario, &out, &["--set", "store.buffer=1MB", "--set", "store.anti_entropy=50ms"]);
    assert!(ample["lagging"].is_null() && ample["overflowed"].is_null());
}

/// Where operations are refused, it is said what that means.
#[test]
fn a_refusal_is_explained() {
    let folder = common::folder();
    let run = |scenario: &str| {
        let out = folder.path().join(scenario.replace('/', "-"));
        end(kvsim().args(["run", scenario, "--no-report", "--out"]).arg(&out)).expect(0).stdout
    };
    assert!(run("scenarios/faults/lost-disks.toml").contains("  refused     a replica says at once that it cannot"));
    assert!(!run("scenarios/tour/by-hand.toml").contains("  refused "));
}
