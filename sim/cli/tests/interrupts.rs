//! Ctrl-C at any moment: nothing that was not finished is believed, and what is known is stored.
#![allow(clippy::disallowed_types)] // an interrupt comes at a real time

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Ended, folder, kvsim, read_json, top};

/// Runs the command and interrupts it after a while, as `timeout` does: one stop that comes as two signals. Absent when it had ended by itself before, or when the signal came
/// before the program had begun to listen, which ends it at once.
fn interrupted(arguments: &[&str], out: &Path, after: Duration) -> Option<Ended> {
    let mut command = kvsim();
    command.args(arguments).arg("--out").arg(out).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command can be started");
    std::thread::sleep(after);
    if child.try_wait().expect("a process can be asked").is_some() {
        return None;
    }
    for signal in ["-INT", "-TERM"] {
        let killed = Command::new("kill").args([signal, &child.id().to_string()]).stderr(Stdio::null()).status();
        killed.expect("a signal can be sent");
    }
    let output = child.wait_with_output().expect("the command ends");
    output.status.code().map(|_| Ended::of(output))
}

/// Interrupts the command, which is violated if it is not, at moments spread over the time that it takes.
fn moments(arguments: &[&str], check: impl Fn(&Ended, &Path)) -> Ended {
    let dir = folder();
    let begin = Instant::now();
    let whole = common::end(kvsim().args(arguments).arg("--out").arg(dir.path().join("whole")));
    let takes = begin.elapsed();
    for number in 1..12 {
        let out = dir.path().join(number.to_string());
        if let Some(ended) = interrupted(arguments, &out, takes * number / 12) {
            check(&ended, &out);
        }
    }
    whole
}

/// Uninterrupted it is violated, and then made again with all messages: an interrupt of that loses neither the verdict nor
/// the folder.
#[test]
fn an_interrupt_while_a_violated_run_is_made_again_keeps_what_is_known() {
    let scenario = top().join("scenarios/thesis/eventual.toml").display().to_string();
    let arguments = ["run", &scenario, "--set", "duration=20s", "--no-report"];
    moments(&arguments, |ended, out| {
        assert!(matches!(ended.code, 130 | 0 | 1), "{ended:?}");
        assert!(out.join("plan.json").exists(), "{ended:?}");
        let summary = read_json(&out.join("summary.json"));
        assert_eq!(summary["interrupted"], ended.code == 130, "{ended:?}");
        let verdicts = summary["verdicts"].as_array().expect("a list");
        let pram = verdicts.iter().find(|verdict| verdict["checker"] == "pram").expect("pram is judged");
        assert_ne!(pram["verdict"], "holds", "{ended:?}");
    });
}

/// A checker's second run is interrupted: without it the checker knows nothing, and must not say that all is well.
#[test]
fn an_interrupt_of_a_second_run_makes_no_verdict_hold() {
    let scenario = top().join("scenarios/hunt/alarms.toml").display().to_string();
    let set = ["--set", "duration=60s", "--set", "store.defects=[\"charge-context\"]"];
    let arguments = [&["run", &scenario, "--seed", "1", "--no-report"], &set[..]].concat();
    let whole = moments(&arguments, |ended, out| {
        assert!(matches!(ended.code, 130 | 1), "{ended:?}");
        let summary = read_json(&out.join("summary.json"));
        let verdicts = summary["verdicts"].as_array().expect("a list");
        let priority = verdicts.iter().find(|verdict| verdict["checker"] == "priority").expect("it is judged");
        assert_ne!(priority["verdict"], "holds", "{ended:?}");
    });
    assert!(whole.expect(1).stdout.contains("PRIO005"));
}

/// `kvsim run ... | head -1`: the reader is gone, the verdict is not.
#[test]
fn a_closed_pipe_hides_no_violation() {
    let dir = folder();
    let mut command = kvsim();
    command.args(["run", "scenarios/tour/loss.toml", "--set", "store.anti_entropy=off", "--no-report", "--out"]);
    let mut child = command.arg(dir.path().join("run")).stdout(Stdio::piped()).spawn().expect("it can be started");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(1));
}

/// The disk does not take the results: the verdict is told all the same, and the exit code says that something is missing.
#[test]
fn a_verdict_that_cannot_be_stored_is_told() {
    let dir = folder();
    let out = dir.path().join("run");
    let run = || common::end(kvsim().args(["run", "scenarios/tour/by-hand.toml", "--no-report", "--out"]).arg(&out));
    run().expect(0);
    std::fs::create_dir(out.join("summary.json.new")).expect("a folder where the summary is to be written");
    let ended = run();
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stdout.contains("convergence"), "{ended:?}");
    assert!(ended.stderr.contains("summary.json"), "{ended:?}");
}

/// A disk that is full before everything is stored: what is small is there, and the message names what is not.
#[test]
#[cfg(unix)]
fn a_full_disk_takes_the_verdicts_first() {
    let dir = folder();
    let out = dir.path().join("run");
    // No file may have more than 128 KiB: the plan fits, the marks and the trace do not.
    let limited = "trap '' XFSZ; ulimit -f 256; exec \"$@\"";
    let mut command = Command::new("sh");
    command.current_dir(top()).args(["-c", limited, "sh", env!("CARGO_BIN_EXE_kvsim")]);
    command.args(["run", "scenarios/tour/ring.toml", "--trace", "full", "--out"]).arg(&out);
    let ended = common::end(&mut command).expect(2);
    assert!(ended.stdout.contains("holds     convergence"), "{ended:?}");
    for missing in ["marks.bin", "trace.jsonl", "report.html"] {
        assert!(ended.stderr.contains(missing), "{ended:?}");
        assert!(!out.join(missing).exists() && !out.join(format!("{missing}.new")).exists());
    }
    assert_eq!(read_json(&out.join("summary.json"))["interrupted"], false);
    common::end(kvsim().arg("replay").arg(&out)).expect(0);
}

/// What the checkers said to hold, and whether anything is half written, in a folder of results.
fn readable(out: &Path) {
    let Ok(inside) = std::fs::read_dir(out) else { return };
    for entry in inside {
        let path = entry.expect("a folder can be read").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match name.rsplit_once('.').unwrap_or_default().1 {
            _ if path.is_dir() => readable(&path),
            "json" => drop(read_json(&path)),
            "jsonl" => {
                let text = std::fs::read_to_string(&path).expect("text");
                for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
                    serde_json::from_str::<serde_json::Value>(line).expect("whole lines are JSON");
                }
            }
            "html" => assert!(std::fs::read_to_string(&path).expect("text").trim_end().ends_with("</html>")),
            _ => {}
        }
    }
}

fn holding(stdout: &str) -> Vec<String> {
    let words = stdout.lines().map(|line| line.split_whitespace().take(2).collect::<Vec<_>>());
    words.filter(|words| words.len() == 2 && words[0] == "holds").map(|words| words[1].to_owned()).collect()
}

/// Signals at random moments of every command that takes time: none panics, none says more than it would have, all leave what
/// can be read. Prints how soon signals are obeyed. See CONTRIBUTING.md.
#[test]
#[ignore = "takes minutes"]
fn hundreds_of_interrupts_at_random_moments() {
    let dir = folder();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let (violated, run, history) = (top().join("scenarios/thesis/eventual.toml"), path("run"), path("run/history.edn"));
    let violated = violated.display().to_string();
    let shrinkable = path("shrinkable");
    let set = ["--set", "duration=20s"];
    let stored = [&["run", &violated, "--no-report", "--history", "edn", "--out", &run], &set[..]].concat();
    common::end(kvsim().args(stored));
    common::end(kvsim().args([
        "run",
        "scenarios/levels/eventual-breaks-pram.toml",
        "--no-report",
        "--out",
        &shrinkable,
    ]));
    let tour = top().join("scenarios/tour").display().to_string();
    let sweep = top().join("scenarios/sweeps/replicas.toml").display().to_string();
    let commands: [(&str, Vec<&str>); 10] = [
        ("run", [&["run", &violated], &set[..]].concat()),
        ("run without a report", [&["run", &violated, "--no-report"], &set[..]].concat()),
        ("hunt", vec!["hunt", &tour, "--seeds", "0..4", "--keep-going"]),
        ("sweep", vec!["sweep", &sweep, "--set", "sweep.seeds=1", "--set", "duration=300ms"]),
        ("shrink", vec!["shrink", &shrinkable]),
        ("plot", vec!["plot", &run]),
        ("replay", vec!["replay", &run]),
        ("explain", vec!["explain", &run]),
        ("report", vec!["report", &run]),
        ("check", vec!["check", &history, "--time-limit", "2s"]),
    ];
    // A xorshift generator: the shares of time are the same every time.
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let (mut obeyed, mut all) = (Vec::new(), 0);
    for (name, arguments) in commands {
        let has_out = !matches!(name, "replay" | "explain" | "report" | "check");
        let start = |out: &Path| {
            let mut command = kvsim();
            command.args(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
            if has_out {
                command.arg("--out").arg(out);
            }
            command.spawn().expect("the command can be started")
        };
        let begin = Instant::now();
        let whole = Ended::of(start(&dir.path().join("whole")).wait_with_output().expect("it ends"));
        let takes = begin.elapsed();
        let _ = std::fs::remove_dir_all(dir.path().join("whole"));
        let held = holding(&whole.stdout);
        let (mut times, mut done, mut signals) = (Vec::new(), 0, 0);
        while signals < 30 {
            let out = dir.path().join("out");
            let _ = std::fs::remove_dir_all(&out);
            let child = start(&out);
            std::thread::sleep(takes.mul_f64((random() % 1_000) as f64 / 1_000.0));
            let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).stderr(Stdio::null()).status();
            let sent = Instant::now();
            let output = child.wait_with_output().expect("it ends");
            if output.status.code().is_none() || !killed.is_ok_and(|status| status.success()) {
                // It did not listen yet, or no longer.
                continue;
            }
            signals += 1;
            let ended = Ended::of(output);
            assert!(ended.code == 130 || ended.code == whole.code, "{name}: {ended:?}");
            assert!(!ended.stderr.contains("bug of kvsim") && !ended.stderr.contains("panicked"), "{name}: {ended:?}");
            for checker in holding(&ended.stdout) {
                assert!(held.contains(&checker), "{name}: {checker} does not hold: {ended:?}");
            }
            readable(&out);
            readable(Path::new(&run));
            if ended.code == 130 { times.push(sent.elapsed()) } else { done += 1 }
        }
        times.sort();
        let [half, last] = [times.get(times.len() / 2), times.last()].map(|time| time.copied().unwrap_or_default());
        println!(
            "{name:<22} {signals} signals in {takes:.1?}: {done} were done; half end within {half:.0?}, all within {last:.0?}"
        );
        all += signals;
        obeyed.extend(times);
    }
    obeyed.sort();
    let late = obeyed.iter().filter(|time| **time > Duration::from_millis(100)).count();
    println!("{all} signals, {} of {} obeyed within 100 ms", obeyed.len() - late, obeyed.len());
    // On a machine that has other work to do a tenth of a second is too much to ask.
    assert!(obeyed.last() < Some(&Duration::from_secs(1)), "a signal was not obeyed");
}
