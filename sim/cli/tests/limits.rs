//! Limits are memory: what may take more is refused before it begins, and what is accepted stays below.
#![cfg(unix)]

mod common;

use std::path::Path;
use std::process::Command;

use common::{Ended, end, file, folder, read_json};

/// The command with at most so many kilobytes of addresses, at which an allocation ends it.
fn within(kilobytes: u64, arguments: &[&str], out: &Path) -> Ended {
    let limited = format!("ulimit -v {kilobytes}; exec \"$@\"");
    let mut command = Command::new("sh");
    // Addresses that threads reserve are no memory.
    command.env("MALLOC_ARENA_MAX", "1");
    command.args(["-c", &limited, "sh", env!("CARGO_BIN_EXE_kvsim")]).args(arguments).arg("--out").arg(out);
    end(&mut command)
}

const ALL: u64 = 4_000_000;

#[test]
fn what_takes_too_much_is_refused_with_limit_and_estimate() {
    let dir = folder();
    let many = "replicas = 3\nduration = \"499s\"\n[clients.a]\nrate = \"100000/s\"\n";
    let late =
        "replicas = 5\nduration = \"1s\"\n[net]\ndelay = \"1s\"\n[store]\nanti_entropy = \"100ns\"\n[clients.a]\n";
    for (name, text, what) in [("many", many, "recorded of its operations"), ("late", late, "messages under way")] {
        let scenario = file(dir.path(), &format!("{name}.toml"), text);
        let out = dir.path().join(name);
        let ended = within(ALL, &["run", &scenario], &out).expect(2);
        for part in [what, "the limit is 4,000 MB", "--memory"] {
            assert!(ended.stderr.contains(part), "no {part:?} in {ended:?}");
        }
        assert!(!out.exists(), "a refused run leaves a folder");
        let ended = within(ALL, &["hunt", &scenario], &out).expect(2);
        assert!(ended.stderr.contains(what), "{ended:?}");
    }
}

/// Plans are held to the same limit, wherever they come from.
#[test]
fn a_stored_plan_has_the_limit_of_scenarios() {
    let dir = folder();
    let scenario = file(dir.path(), "s.toml", "replicas = 5\nduration = \"1s\"\n[clients.a]\n");
    let out = dir.path().join("run");
    within(ALL, &["run", &scenario, "--no-report"], &out).expect(0);
    let mut plan = read_json(&out.join("plan.json"));
    plan["store"]["anti_entropy"] = "100ns".into();
    std::fs::write(out.join("plan.json"), plan.to_string()).expect("the folder can be written");
    let ended = end(common::kvsim().arg("explain").arg(&out)).expect(2);
    assert!(ended.stderr.contains("recorded of anti-entropy"), "{ended:?}");
}

/// Settling takes ten million times as long as the workload: figures over time are not of so many windows.
#[test]
fn a_short_workload_has_a_report() {
    let dir = folder();
    let text = "replicas = 3\nduration = \"1us\"\n[clients.a]\n";
    let scenario = file(dir.path(), "s.toml", text);
    let out = dir.path().join("run");
    within(ALL, &["run", &scenario], &out).expect(3);
    assert!(out.join("report.html").exists());
    let sweep = file(dir.path(), "w.toml", format!("{text}[sweep]\nseeds = 1\nreplicas = [3, 5]\n"));
    let ended = within(ALL, &["sweep", &sweep], &dir.path().join("sweep"));
    assert!(matches!(ended.code, 0 | 3), "{ended:?}");
}

/// A million links that differ: a rule names them all.
#[test]
fn a_rule_may_name_all_links() {
    let dir = folder();
    let names: Vec<String> = (0..1_000).map(|node| format!("\"n{node}\"")).collect();
    let names = names.join(", ");
    let text = format!(
        "replicas = 1000\nduration = \"1ms\"\nsettle = \"off\"\n[[net.link]]\nfrom = [{names}]\nto = [{names}]\n\
         delay = \"2ms\"\n[clients.a]\nrate = \"10000/s\"\n"
    );
    let scenario = file(dir.path(), "s.toml", text);
    let ended = within(ALL, &["run", &scenario, "--no-report", "--format", "json"], &dir.path().join("run"));
    assert!(ended.json()["counts"]["operations"].as_u64() > Some(0));
}

/// What is accepted takes less than it was said to, with a report.
#[test]
fn the_estimate_is_an_upper_bound() {
    let dir = folder();
    let text = "replicas = 3\nduration = \"10s\"\n[clients.a]\nrate = \"10000/s\"\nlevel = \"fifo\"\n";
    let scenario = file(dir.path(), "s.toml", text);
    let ended = within(ALL, &["run", &scenario, "--memory", "50MB"], &dir.path().join("small")).expect(2);
    let told = ended.stderr.split("--memory ").nth(1).expect("what is needed");
    let told = told.split_whitespace().next().expect("what is needed");
    let bytes: u64 = told.trim_end_matches("MB").parse().expect("a number of megabytes");
    // The program itself takes some.
    let kilobytes = bytes * 1_000 + 100_000;
    within(kilobytes, &["run", &scenario, "--memory", told], &dir.path().join("run")).expect(0);
}

/// Where nothing is recorded, memory follows the plan: a run that cannot be judged can still be hashed and measured.
#[test]
fn what_is_not_recorded_does_not_count() {
    let dir = folder();
    let text = "replicas = 3\nduration = \"10s\"\n[clients.a]\nrate = \"5000/s\"\n";
    let scenario = file(dir.path(), "s.toml", text);
    let limited = ["run", &scenario, "--memory", "20MB"];
    let refused = within(ALL, &limited, &dir.path().join("judged")).expect(2);
    assert!(refused.stderr.contains("--checks none"), "{}", refused.stderr);
    within(130_000, &[&limited[..], &["--checks", "none"]].concat(), &dir.path().join("run")).expect(0);
}
