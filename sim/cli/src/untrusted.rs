//! What is read from folders, as functions of its bytes: for the mutants of tests and for fuzzing. Each says whether it was
//! taken; none may panic, take memory without bound, or leave its folder.

use std::fs;
use std::path::{Path, PathBuf};

use kvsim_sim::stores::BUILT_IN;

use crate::folder::Stored;
use crate::hunt::journal::{KIND, Resumed};
use crate::hunt::merge::merge;
use crate::hunt::runs::RunSet;
use crate::journal::Journal;
use crate::judge;
use crate::load::{self, built_in};
use crate::recorder::Keep;
use crate::shard::{Parts, Shard};
use crate::sweep::run::SweepRuns;

/// A new folder of this process for what is read, and a limit for the memory that it may ask for, below the fuzzer's own.
pub fn folder(name: &str) -> PathBuf {
    crate::memory::limit(1 << 30);
    let folder = std::env::temp_dir().join(format!("kvsim-fuzz-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// A scenario: what is taken has a plan.
pub fn scenario(folder: &Path, bytes: &[u8]) -> bool {
    let file = folder.join("s.toml");
    fs::write(&file, bytes).expect("the folder can be written");
    let scenario = load::scenario(&file, &[], built_in()).ok();
    scenario.is_some_and(|scenario| load::lowered(&file, &scenario, 1, BUILT_IN).is_ok())
}

/// The plan of a run in this folder: what is taken can be run, here a little of it.
///
/// # Panics
/// When the store does.
pub fn plan(folder: &Path, bytes: &[u8]) -> bool {
    fs::write(folder.join("plan.json"), bytes).expect("the folder can be written");
    let Ok(stored) = Stored::read(folder, BUILT_IN) else { return false };
    let begins = stored.plan.sessions.iter().flat_map(|session| session.ops.first()).map(|op| op.wait_ns).min();
    let until_ns = begins.unwrap_or(0).min(1_000_000) + 1_000_000;
    let judged = judge::run(stored.store, &stored.plan, Keep::Judged, until_ns);
    let panic = judged.reports.iter().find(|report| report.checker == "panic");
    assert!(panic.is_none(), "{}", panic.map_or("", |report| &report.findings[0].title));
    true
}

/// Journals of a hunt and of a sweep that were interrupted.
pub struct Journals {
    folder: PathBuf,
    hunted: RunSet,
    swept: SweepRuns,
}

impl Journals {
    /// Of the sweep in `folder`, and of a hunt for its scenario.
    pub fn new(folder: &Path) -> Journals {
        let file = folder.join("w.toml");
        let text = "replicas = 3\nduration = \"100ms\"\n[clients.a]\n[sweep]\nseeds = 2\nreplicas = [3, 5]\n";
        fs::write(&file, text).expect("the folder can be written");
        let hunted = RunSet::read(&file, Vec::new(), false, None, built_in()).expect("the scenario is right");
        let swept = SweepRuns::read(&file, &[], None, built_in()).expect("the sweep is right");
        Journals { folder: folder.to_owned(), hunted, swept }
    }

    /// The lines behind the first of a hunt's journal.
    pub fn hunt(&self, lines: &[u8]) -> bool {
        let header = serde_json::json!({ "hunt": self.hunted.header }).to_string();
        fs::write(self.folder.join("hunt.jsonl"), [header.as_bytes(), b"\n", lines].concat())
            .expect("it can be written");
        let read = Journal::resume(&self.folder, KIND, &self.hunted.header);
        read.is_ok_and(|(_, lines)| Resumed::of(lines, Shard::WHOLE).progress.runs > 0)
    }

    /// The journal of the only shard of a hunt.
    pub fn shard(&self, journal: &[u8]) -> bool {
        let (shard, out) = (self.folder.join("shard"), self.folder.join("merged"));
        fs::create_dir_all(&shard).expect("the folder can be made");
        fs::write(shard.join("hunt.jsonl"), journal).expect("it can be written");
        let merged = Parts::read(KIND, &[shard]).and_then(|parts| merge(parts, &out)).is_ok();
        let _ = fs::remove_dir_all(out);
        merged
    }

    /// The first line of such a journal.
    pub fn shard_header(&self) -> String {
        let shard: Shard = "1/1".parse().expect("a shard");
        serde_json::json!({ "hunt": shard.header(&self.hunted.header, 7, Path::new("w.toml")) }).to_string() + "\n"
    }

    /// The lines behind the first of a sweep's journal: what is taken can be shown.
    pub fn sweep(&self, lines: &[u8]) -> bool {
        let header = serde_json::json!({ "sweep": self.swept.header }).to_string();
        fs::write(self.folder.join("sweep.jsonl"), [header.as_bytes(), b"\n", lines].concat())
            .expect("it can be written");
        let Ok((_, done)) = crate::sweep::journal::open(&self.folder, &self.swept, true) else { return false };
        let table = crate::sweep::table::Table::of(&self.swept, &done);
        drop((crate::sweep::charts::charts(&table), crate::sweep::visibility::charts(&self.swept, &done)));
        true
    }

    /// What the sweep leaves when it comes to its end.
    pub fn sweep_lines(&self) -> String {
        let done = |number| {
            let (cell, seed) = self.swept.place(number);
            let outcome = self.swept.one(number, &self.folder).ok().flatten().expect("it is not interrupted");
            let done = crate::sweep::journal::DoneRun { cell, seed, took_ms: 5, outcome };
            serde_json::to_string(&crate::sweep::journal::SweepLine::Run(done)).expect("plain data") + "\n"
        };
        (0..self.swept.count()).map(done).collect()
    }
}
