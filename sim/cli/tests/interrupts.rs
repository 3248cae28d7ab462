//! Ctrl-C at any moment: nothing that was not finished is believed, and what is known is stored.
#![allow(clippy::disallowed_types)] // an interrupt comes at a real time

mod common;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{Ended, folder, kvsim, read_json, top};

/// Runs the command and interrupts it after a while. Absent when it had ended by itself before, or when the signal came
/// before the program had begun to listen, which ends it at once.
fn interrupted(arguments: &[&str], out: &Path, after: Duration) -> Option<Ended> {
    let mut command = kvsim();
    command.args(arguments).arg("--out").arg(out).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command can be started");
    std::thread::sleep(after);
    if child.try_wait().expect("a process can be asked").is_some() {
        return None;
    }
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    killed.expect("a signal can be sent");
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
    let scenario = top().join("scenarios/levels/little-room.toml").display().to_string();
    let set = ["--set", "disk.write=0ms", "--set", "store.defects=[\"vacuous-turn\"]"];
    let arguments = [&["run", &scenario, "--seed", "6", "--no-report"], &set[..]].concat();
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
