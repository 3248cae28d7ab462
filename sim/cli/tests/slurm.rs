//! The job of docs/cluster.md under a Slurm of its own, as root on one machine. Needs Debian's `slurm-wlm` and `munge`; without
//! them it is skipped with a word:
//!
//! `cargo test -p kvsim --test slurm -- --ignored --nocapture`
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // real programs take real time

mod common;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{end, file, folder, kvsim, read_lines};

/// Long enough for all that is waited for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A daemon, which ends with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn begin(program: &str, arguments: &[&str], folder: &Path) -> Daemon {
    let log = fs::File::create(folder.join(format!("{program}.log"))).unwrap();
    let mut daemon = Command::new(program);
    daemon.args(arguments).env("SLURM_CONF", folder.join("slurm.conf"));
    let child = daemon.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn();
    Daemon(child.unwrap_or_else(|error| panic!("{program}: {error}")))
}

/// What a client of Slurm says.
fn ask(folder: &Path, program: &str, arguments: &[&str]) -> Result<String, String> {
    let mut client = Command::new(program);
    client.args(arguments).env("SLURM_CONF", folder.join("slurm.conf")).current_dir(folder);
    let out = client.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if out.status.success() { Ok(text(out.stdout)) } else { Err(text(out.stderr)) }
}

/// Waits until `is` gives something.
fn wait_for<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(is) = is() {
            return is;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The processes whose arguments have all of these.
fn processes(words: &[&str]) -> Vec<String> {
    let all = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let has = |process: &String| {
        let line = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
        let line: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.iter().all(|word| line.contains(&word.as_bytes()))
    };
    all.filter(|name| name.parse::<u32>().is_ok()).filter(has).collect()
}

#[test]
#[ignore = "needs Slurm and root"]
fn an_array_job_with_a_killed_task_comes_to_one_hunt_through() {
    let programs = ["slurmctld", "slurmd", "sbatch", "scontrol", "munged"];
    let lacks = |name: &&str| Command::new(name).arg("--version").output().is_err();
    let missing: Vec<&str> = programs.into_iter().filter(lacks).collect();
    if !missing.is_empty() {
        println!("skipped: there is no {} here (Debian: apt-get install slurm-wlm munge)", missing.join(", "));
        return;
    }
    let folder = folder();
    let place = |name: &str| folder.path().join(name).display().to_string();
    // The scenario of the docs, with fewer seeds.
    let docs = fs::read_to_string(common::top().join("docs/cluster.md")).unwrap();
    let script = docs.split("```bash\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script");
    let script =
        script.replace("0..20000", "0..800").replace("kvsim hunt", &format!("{} hunt", env!("CARGO_BIN_EXE_kvsim")));
    file(folder.path(), "hunt.sbatch", script);
    fs::create_dir_all(place("scenarios/hunt")).unwrap();
    // With a planted mistake, so that something is found.
    let general = fs::read_to_string(common::top().join("scenarios/hunt/general.toml")).unwrap();
    let general = general.replace("[store]", "[store]\ndefects = [\"drop-empty-context\"]");
    assert!(general.contains("drop-empty-context"));
    file(folder.path(), "scenarios/hunt/general.toml", general);

    // Keys, sockets and state of its own, a short wait before what is put back begins (cred_expire); other ports than those of a Slurm that may be there.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned();
    fs::write(place("munge.key"), [7; 128]).unwrap();
    let config = format!(
        "ClusterName=test\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmdUser=root\nSlurmctldPort=16817\nSlurmdPort=16818\n\
         AuthType=auth/munge\nAuthInfo=socket={munge},cred_expire=5\nStateSaveLocation={state}\nSlurmdSpoolDir={spool}\n\
         SlurmctldPidFile={state}/ctld.pid\nSlurmdPidFile={spool}/d.pid\nProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\n\
         SelectType=select/cons_tres\nSelectTypeParameters=CR_CPU\nReturnToService=2\nMpiDefault=none\n\
         NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN\nPartitionName=main Nodes=ALL Default=YES State=UP\n",
        munge = place("munge.socket"),
        state = place("state"),
        spool = place("spool"),
    );
    file(folder.path(), "slurm.conf", config);
    let modes = std::os::unix::fs::PermissionsExt::from_mode;
    fs::set_permissions(folder.path(), modes(0o755)).unwrap();
    fs::set_permissions(place("munge.key"), modes(0o600)).unwrap();
    let own = |option: &str, name: &str| format!("--{option}={}", place(name));
    let munge = [
        "--foreground".to_owned(),
        "--force".to_owned(),
        own("key-file", "munge.key"),
        own("socket", "munge.socket"),
        own("pid-file", "munge.pid"),
        own("log-file", "munge.log"),
        own("seed-file", "munge.seed"),
    ];
    let _munge = begin("munged", &munge.each_ref().map(String::as_str), folder.path());
    wait_for("munge", || fs::exists(place("munge.socket")).unwrap().then_some(()));
    let _controller = begin("slurmctld", &["-D"], folder.path());
    let _node = begin("slurmd", &["-D", "-N", &host], folder.path());
    wait_for("an idle node", || {
        ask(folder.path(), "sinfo", &["--noheader", "--format=%T"]).ok()?.contains("idle").then_some(())
    });

    let job = ask(folder.path(), "sbatch", &["--parsable", "hunt.sbatch"]).expect("the job is taken");
    let job = job.trim();
    let lines = |shard: u64| {
        let journal = folder.path().join(format!("runs/shards/{shard}/hunt.jsonl"));
        fs::read_to_string(journal).unwrap_or_default().matches('\n').count()
    };
    // Half way through, the process of the third task is killed.
    wait_for("the third task", || (lines(3) >= 3).then_some(()));
    let killed = processes(&[env!("CARGO_BIN_EXE_kvsim"), "--shard", "3/8", "runs/shards/3"]);
    assert_eq!(killed.len(), 1, "the third task is over too early, or there are others: {killed:?}");
    assert!(Command::new("kill").args(["-KILL", &killed[0]]).status().unwrap().success());
    let task = format!("{job}_3");
    let state = |task: &str| {
        let told = ask(folder.path(), "scontrol", &["show", "job", task]).unwrap_or_default();
        told.split("JobState=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap_or_default().to_owned()
    };
    wait_for("the end of the killed task", || (state(&task) == "FAILED").then_some(()));
    let before = lines(3);
    println!("task 3 was killed with {before} lines in its journal");
    ask(folder.path(), "scontrol", &["requeue", &task]).expect("it is put back");
    wait_for("all tasks", || {
        let states: Vec<String> = (1..=8).map(|number| state(&format!("{job}_{number}"))).collect();
        assert!(!states.iter().any(|state| state == "FAILED"), "{states:?}");
        states.iter().all(|state| state == "COMPLETED").then_some(())
    });
    let shards: Vec<String> = (1..=8).map(|number| place(&format!("runs/shards/{number}"))).collect();
    let third = read_lines(&folder.path().join("runs/shards/3/hunt.jsonl"));
    assert!(third.len() > before, "the third went on");

    let merged =
        end(kvsim().arg("merge").args(shards).args(["--format", "json", "--out"]).arg(place("merged"))).expect(1);
    let whole = ["--seeds", "0..800", "--swarm", "--keep-going", "--format", "json", "--out"];
    let mut whole_hunt = kvsim();
    whole_hunt.current_dir(folder.path());
    let whole = end(whole_hunt.args(["hunt", "scenarios/hunt/general.toml"]).args(whole).arg(place("whole"))).expect(1);
    assert_eq!(merged.stdout.replace(&place("merged"), "OUT"), whole.stdout.replace(&place("whole"), "OUT"));
    let said = merged.json();
    println!(
        "8 tasks, one killed and put back: {} of {} runs with findings, as in one hunt through",
        said["with_findings"], said["runs"]
    );
}
