//! What the command says when something is wrong, and where it says it: mistakes on standard error with exit
//! code 2, results on standard output and nothing else there.
#![allow(clippy::disallowed_types)] // how long people wait is real time

mod common;

use std::process::Stdio;
use std::time::{Duration, Instant};

use common::{Ended, SMALL, end, file, folder, kvsim, read_json, run};
use serde_json::Value;

/// Runs a scenario with this content, into a folder that must stay away when the scenario is refused.
fn scenario(content: impl AsRef<[u8]>, more: &[&str]) -> Ended {
    let folder = folder();
    let path = file(folder.path(), "s.toml", content);
    let out = folder.path().join("out");
    let ended = end(kvsim().current_dir(folder.path()).args(["run", "s.toml", "--out"]).arg(&out).args(more));
    assert!(ended.code != 2 || !out.exists(), "a refused scenario leaves a folder");
    assert!(std::fs::exists(path).unwrap());
    ended
}

/// The scenario is refused for this reason, and nothing stands on standard output.
fn refused(content: impl AsRef<[u8]>, more: &[&str], reasons: &[&str]) {
    let ended = scenario(content, more).expect(2);
    assert_eq!(ended.stdout, "");
    for reason in reasons {
        assert!(ended.stderr.contains(reason), "no {reason:?} in:\n{}", ended.stderr);
    }
}

#[test]
fn mistakes_have_a_place() {
    refused(SMALL.replace("replicas", "replica"), &[], &["s.toml:1:1", "did you mean `replicas`?"]);
    refused(SMALL.replace("100ms", "100"), &[], &["s.toml:2:12", "has no unit"]);
    refused(format!("{SMALL}mix = {{ reed = 1 }}\n"), &[], &["s.toml:4:9", "`read`"]);
    refused(SMALL.replace('"', ""), &[], &["s.toml:2:12", "strings stand in quotes"]);
    refused("replicas = 3\n", &[], &["s.toml:1:1", "duration"]);
    refused(format!("{SMALL}[net]\nloss = \"101%\""), &[], &["s.toml:5:8"]);
    refused(
        format!("{SMALL}\n[[fault.partition]]\nat=\"1ms\"\nfor=\"1ms\"\nisolate=\"n3\""),
        &[],
        &["s.toml:8:9", "n3"],
    );
    // Two mistakes, both told.
    refused("replicas = 0\nduration = 5\n[clients.all]\n", &[], &["s.toml:1:12", "s.toml:2:12"]);
}

#[test]
fn files_that_are_no_scenario() {
    refused("", &[], &["s.toml:1:1", "the scenario is empty", "replicas = 3"]);
    refused("\n# nothing but a comment\n", &[], &["the scenario is empty"]);
    refused([0xff, 0xfe, b'r'], &[], &["s.toml:1:1", "not UTF-8"]);
    refused("{\"replicas\": 3}", &[], &["s.toml:1:", "not TOML"]);
    let folder = folder();
    let nowhere = folder.path().join("nowhere.toml");
    let missing = run(["run", nowhere.to_str().unwrap()]).expect(2);
    assert_eq!(missing.stdout, "");
    assert!(missing.stderr.contains("nowhere.toml") && missing.stderr.contains("cannot be read"), "{}", missing.stderr);
    let directory = run(["run", folder.path().to_str().unwrap()]).expect(2);
    assert_eq!(directory.stdout, "");
    assert!(directory.stderr.contains("cannot be read"), "{}", directory.stderr);
}

/// Whatever the file holds, the answer comes at once and fits on a screen.
#[test]
fn noise_is_refused_at_once() {
    // A xorshift generator: the noise is the same every time.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut word = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    let large: Vec<u8> = (0..10 << 17).flat_map(|_| word()).collect();
    let mb = 1 << 20;
    let noises = [
        ("10 MB of noise", large.clone()),
        ("1 MB of noise", large[..mb].to_vec()),
        ("1 MB of letters", large[..mb].iter().map(|byte| b'a' + byte % 26).collect()),
        ("1 MB of brackets", vec![b'['; mb]),
        ("a list in a list in a list", [b"a=".to_vec(), vec![b'['; mb]].concat()),
        ("a very deep key", [b"a".to_vec(), b".a".repeat(mb / 2), b"=1".to_vec()].concat()),
        ("1 MB of line ends", vec![b'\n'; mb]),
        ("1 MB of zeros", vec![0; mb]),
    ];
    for (name, noise) in noises {
        let begun = Instant::now();
        let ended = scenario(noise, &[]).expect(2);
        assert_eq!(ended.stdout, "", "{name}");
        assert!(ended.stderr.contains("s.toml:") && ended.stderr.len() < 3_000, "{name}: {}", ended.stderr);
        assert!(!ended.stderr.contains('\0'), "{name} disturbs the terminal");
        assert!(begun.elapsed() < Duration::from_secs(3), "{name} takes {:?}", begun.elapsed());
    }
}

#[test]
fn overrides_are_checked_like_the_file() {
    refused(SMALL, &["--set", "net.los=5%"], &["--set, column 5", "did you mean `loss`?"]);
    refused(SMALL, &["--set", "net.loss"], &["has no `=`"]);
    refused(SMALL, &["--set", "net.loss=5"], &["has no unit", "--set"]);
    refused(SMALL, &["--set", "clients.nobody.sessions=5"], &["there is no client group `nobody`"]);
    refused(SMALL, &["--set", "=5"], &["a name is missing"]);
    refused(SMALL, &["--set", "replicas.x=5"], &["`replicas` is a single value"]);
    refused(SMALL, &["--set", "fault.partition.0.at=1s"], &["--set"]);
    refused(SMALL, &["--set", "store.name=postgres"], &["there is no store `postgres`"]);
    scenario(SMALL, &["--set", "net.loss=5%", "--set", "net.loss=0%", "--set", "title=x"]).expect(0);
}

#[test]
fn what_the_store_cannot_do_is_refused() {
    refused(format!("{SMALL}quorum = 2\n"), &["--store", "lww"], &["s.toml:4:10", "store lww has no quorum reads"]);
    refused(format!("{SMALL}quorum = 4\n"), &[], &["s.toml:4:10", "quorum"]);
    refused(SMALL, &["--store", "postgres"], &["postgres", "ndc", "lww"]);
}

#[test]
fn too_much_work_is_refused_before_it_begins() {
    let huge = SMALL.replace("100ms", "1000h") + "rate = \"1000000/s\"\n";
    refused(huge, &[], &["s.toml:2:12", "operations are planned"]);
    let restless = "[[fault.random_partition]]\nevery = \"1ns\"\nlasting = \"1ns\"\n";
    refused(SMALL.replace("100ms", "1h") + "rate = \"1/s\"\n" + restless, &[], &["s.toml:5:1", "faults are planned"]);
    let cuts = "[[fault.partition]]\nat = \"0s\"\nfor = \"1ms\"\nisolate = \"n0\"\n".repeat(40_000);
    refused(SMALL.to_string() + &cuts, &[], &["faults", "too many"]);
}

#[test]
fn mistakes_as_json_stand_on_standard_output() {
    let ended = scenario(SMALL.replace("100ms", "100"), &["--format", "json"]).expect(2);
    assert_eq!(ended.stderr, "");
    let json = ended.json();
    assert_eq!(json["schema"], 1);
    let mistake = &json["mistakes"][0];
    assert_eq!((&mistake["file"], &mistake["line"], &mistake["column"]), (&"s.toml".into(), &2.into(), &12.into()));
    assert!(mistake["message"].as_str().unwrap().contains("has no unit"), "{mistake}");
    let ended = scenario(SMALL, &["--format", "json", "--set", "net.los=5%"]).expect(2);
    assert_eq!(ended.json()["mistakes"][0]["column"], 5);
}

#[test]
fn a_folder_that_cannot_be_written() {
    let folder = folder();
    let scenario = file(folder.path(), "s.toml", SMALL);
    let inside = format!("{scenario}/out");
    for out in [&scenario, &inside] {
        for format in ["text", "json"] {
            let ended = run(["run", &scenario, "--out", out, "--format", format]).expect(2);
            let (said, silent) = match format {
                "json" => (ended.json()["mistakes"][0]["message"].to_string(), &ended.stderr),
                _ => (ended.stderr.clone(), &ended.stdout),
            };
            assert_eq!(silent, "");
            assert!(said.contains("cannot make the folder") && said.contains(out), "{said}");
        }
    }
    assert_eq!(std::fs::read_to_string(&scenario).unwrap(), SMALL, "a scenario is not overwritten");
}

#[test]
fn wrong_command_lines() {
    for arguments in [
        &["fly"][..],
        &["run"],
        &["run", "a.toml", "b.toml"],
        &["run", "a.toml", "--seed", "minus one"],
        &["run", "a.toml", "--seed", "18446744073709551616"],
        &["run", "a.toml", "--seed", "+5"],
        &["run", "a.toml", "--seed", "0x"],
        &["run", "a.toml", "--trace", "some"],
        &["run", "a.toml", "--colour"],
        &["replay"],
        &["list"],
        &["list", "nodes"],
        &["completions", "dos"],
        &[],
    ] {
        let ended = run(arguments.iter().copied()).expect(2);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(ended.stderr.contains("Usage:") || ended.stderr.contains("--help"), "{arguments:?}: {}", ended.stderr);
    }
}

#[test]
fn help_and_version() {
    for arguments in [&["--help"][..], &["-h"], &["help"], &["run", "--help"], &["help", "replay"], &["list", "-h"]] {
        let ended = run(arguments.iter().copied()).expect(0);
        assert!(ended.stdout.contains("Usage: kvsim") && ended.stderr.is_empty(), "{arguments:?}: {ended:?}");
    }
    assert!(run(["--help"]).stdout.contains("130  interrupted"), "the exit codes are documented");
    let version = run(["--version"]).expect(0).stdout;
    assert_eq!(version, format!("kvsim {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn texts_for_other_programs() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(["completions", shell]).expect(0).stdout;
        assert!(script.contains("replay") && script.contains("kvsim"), "{shell}");
    }
    let page = run(["man"]).expect(0).stdout;
    for part in [".TH kvsim", "kvsim run", "kvsim replay", "EXIT", "interrupted"] {
        assert!(page.to_uppercase().contains(&part.to_uppercase()), "no {part} in the manual page");
    }
    let folder = folder();
    end(kvsim().args(["man", "--out"]).arg(folder.path())).expect(0);
    for (name, part) in [("kvsim.1", "kvsim\\-hunt(1)"), ("kvsim-hunt.1", "kvsim hunt my.toml"), ("kvsim-run.1", "130")]
    {
        let page = std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(page.replace("\\-", "-").contains(&part.replace("\\-", "-")), "no {part} in {name}:\n{page}");
    }
    let help = run(["hunt", "--help"]).expect(0).stdout;
    assert!(help.contains("Examples:\n  # ") && help.contains("Exit codes:"), "{help}");
    let schema = run(["schema"]).expect(0).json();
    assert!(schema["properties"]["replicas"]["description"].is_string());
}

#[test]
fn lists_tell_the_same_as_text_and_as_json() {
    for (what, known) in
        [("stores", "ndc"), ("faults", "partition"), ("checkers", "convergence"), ("columns", "visibility")]
    {
        let text = run(["list", what]).expect(0).stdout;
        let json = run(["list", what, "--format", "json"]).expect(0).json();
        let entries = json.as_array().expect("a list");
        assert!(entries.iter().any(|entry| entry["name"] == known), "{known} is no one of the {what}");
        for entry in entries {
            let details = entry["details"].as_array().unwrap().iter();
            for part in [&entry["name"], &entry["summary"]].into_iter().chain(details).filter_map(Value::as_str) {
                assert!(text.contains(part), "{part} is missing:\n{text}");
            }
        }
    }
}

/// `kvsim schema | head -1`: the reader has seen enough, and that is no error.
#[test]
fn a_broken_pipe_ends_quietly() {
    let folder = folder();
    let scenario = file(folder.path(), "s.toml", SMALL);
    let out = folder.path().join("out");
    let run = ["run", &scenario, "--out", out.to_str().unwrap()];
    for arguments in [&["schema"][..], &["man"], &["completions", "zsh"], &["list", "faults"], &["--help"], &run] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = kvsim().args(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let ended = Ended::of(output);
        assert_eq!((ended.code, ended.stderr.as_str()), (0, ""), "{arguments:?}");
    }
    assert!(out.join("summary.json").exists(), "the run is stored though its output is not read");
}

/// `2>&1 | head -1` closes standard error as well.
#[test]
fn a_broken_pipe_on_standard_error_is_no_bug_of_kvsim() {
    for arguments in [&["run", "nowhere.toml"][..], &["replay", "nowhere"], &["fly"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = kvsim().args(arguments).stdout(Stdio::null()).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn colours_only_where_they_are_wanted() {
    let folder = folder();
    let scenario = file(folder.path(), "s.toml", SMALL);
    let wrong = file(folder.path(), "wrong.toml", "replicas = 0");
    let out = folder.path().join("out");
    let right = ["run", &scenario, "--out", out.to_str().unwrap()];
    for (arguments, code) in [(&right[..], 0), (&["run", &wrong], 2), (&["replay", "nowhere"], 2), (&["--help"], 0)] {
        let escapes = |variables: &[(&str, &str)]| {
            let ended = end(kvsim().envs(variables.iter().copied()).args(arguments)).expect(code);
            (ended.stdout + &ended.stderr).contains('\x1b')
        };
        assert!(!escapes(&[]), "{arguments:?}: a pipe is no terminal");
        assert!(!escapes(&[("NO_COLOR", "1"), ("TERM", "xterm-256color")]), "{arguments:?}");
        assert!(!escapes(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]), "{arguments:?}");
        if arguments != ["--help"] {
            assert!(escapes(&[("CLICOLOR_FORCE", "1")]), "{arguments:?}: there are colours at all");
        }
    }
}

#[test]
fn names_that_are_hard_to_handle() {
    let folder = folder();
    for name in ["a b.toml", "größe→.toml", "no-extension", "-dash.toml", "two.dots.toml", "'quotes\".toml"] {
        file(folder.path(), name, SMALL);
        let ended = end(kvsim().current_dir(folder.path()).args(["run", "--format", "json", "--", name])).expect(0);
        let summary = ended.json();
        let run_dir = folder.path().join(summary["run_dir"].as_str().unwrap());
        assert!(run_dir.join("summary.json").exists(), "{name}: {}", run_dir.display());
        let replayed = end(kvsim().current_dir(folder.path()).arg("replay").arg("--").arg(&run_dir)).expect(0);
        assert!(replayed.stdout.contains("reproduced"), "{name}: {replayed:?}");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_says_what_is_known() {
    let folder = folder();
    // Days of anti-entropy, and little to remember.
    let long = "replicas = 5\nduration = \"1000h\"\n[clients.all]\nrate = \"1/h\"\n";
    let scenario = file(folder.path(), "long.toml", long);
    let out = folder.path().join("out");
    let mut command = kvsim();
    command.args(["run", &scenario, "--format", "json", "--out"]).arg(&out);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let begun = Instant::now();
    while !out.join("plan.json").exists() {
        assert!(begun.elapsed() < Duration::from_secs(20), "the run does not begin");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Just after the plan is there, the run begins.
    std::thread::sleep(Duration::from_millis(500));
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());

    let ended = Ended::of(child.wait_with_output().unwrap()).expect(130);
    let summary = ended.json();
    assert_eq!(summary["interrupted"], true);
    assert_eq!(summary, read_json(&out.join("summary.json")));
    assert!(summary["events"].as_u64().unwrap() > 0);
    for verdict in summary["verdicts"].as_array().unwrap() {
        assert_eq!(verdict["verdict"], "unknown", "half a run proves nothing");
        assert!(verdict["note"].as_str().unwrap().contains("stopped at"), "{verdict}");
    }
    // What is there of it can be looked at again.
    let until = end(kvsim().arg("replay").arg(&out).args(["--until", "10ms"])).expect(0);
    assert!(until.stdout.contains("reproduced up to 0.010 s"), "{until:?}");
    // What would have come after that is unknown.
    let later = format!("{}s", (summary["virtual_seconds"].as_f64().unwrap() * 1.5).ceil());
    let until = end(kvsim().arg("replay").arg(&out).args(["--until", &later])).expect(0);
    assert!(until.stdout.contains("reproduced:") && until.stdout.contains("stopped there"), "{until:?}");
}

/// What cannot be meant is refused, not done in another way.
#[test]
fn pictures_and_moments_that_cannot_be_are_refused() {
    let folder = folder();
    let small = file(folder.path(), "small.toml", common::SMALL);
    let out = folder.path().join("run");
    common::summary(&small, &out, &["--no-report"]);
    let refused = |command: &str, arguments: &[&str]| {
        end(kvsim().current_dir(folder.path()).arg(command).arg(&out).args(arguments)).expect(2).stderr
    };
    let told = refused("plot", &["--out", "x.png"]);
    assert!(told.contains("expected a folder") && !folder.path().join("x.png").exists(), "{told}");
    for moment in ["--at", "--from"] {
        let told = refused("trace", &[moment, "1h"]);
        assert!(told.contains(&format!("there is nothing at {moment} 3600.000 s: the run lasts")), "{told}");
    }
    end(kvsim().current_dir(folder.path()).arg("trace").arg(&out).args(["--svg", "x.png"])).expect(0);
    assert!(std::fs::read(folder.path().join("x.png")).unwrap().starts_with(b"\x89PNG"));

    let twice = run(["run", &small, "--no-report", "--twice", "--out", folder.path().join("twice").to_str().unwrap()]);
    assert!(twice.stdout.contains("second run  the same, event by event"), "{}", twice.stdout);
    let fish = run(["completions", "fish"]).stdout;
    assert!(fish.contains("__fish_kvsim_using_subcommand list\" -f -a stores\n"), "values of arguments without a flag");
}
