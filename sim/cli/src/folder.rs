//! The folder that a run leaves: enough to look at it, and to run it again.
//!
//! - `plan.json`: every decision of the run; written first, so that even a run that never ends can be repeated;
//! - `summary.json`: verdicts, findings, trace hash, counts;
//! - `marks.bin`: per event its time (8 bytes) and half of the trace hash after it (4 bytes), little-endian, by
//!   which `replay` finds the first event that differs;
//! - `report.html`: all that for people, with charts;
//! - `scenario.toml`: the scenario's text, below the command that ran it, where one was read;
//! - `trace.jsonl`: all events, if asked for;
//! - `recording.jsonl`: all events of a run that real nodes have done, which is told from there and not run again;
//! - `history.edn` or `history.jsonl`: all operations, if asked for;
//! - `charts/`: what `kvsim plot` has drawn.
//!
//! A folder may come from elsewhere: what lies in it is opened only where it is a regular file of a sensible size, links in
//! it are not followed, and nothing outside of it is written.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use kvsim_checkers::trace::{Event, Recording, jsonl};
use kvsim_histories::jepsen::{self, Form};
use kvsim_sim::estimate::Estimate;
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::{StoreEntry, Stores};

use crate::charts;
use crate::data;
use crate::exit::{self, Failure};
use crate::memory;
use crate::output::{self, PLAIN, RED};
use crate::recorder::{Checkpoint, Recorder};
use crate::report::Summary;
use crate::text::{listed, printable, program};

/// The folder of a run, which no other program has open this way.
pub struct Folder {
    path: PathBuf,
    _lock: Option<File>,
    /// The trace hash of the same plan's run that is there already.
    earlier: Option<u64>,
}

/// Which folder a run gets.
pub enum Destination {
    /// This one; what another run has left there is removed.
    Cleared(PathBuf),
    /// This one; if another run is there, that is an error.
    Given(PathBuf),
    /// This one, or with a number if another run is there.
    Free(PathBuf),
}

pub const PLAN: &str = "plan.json";
pub const SUMMARY: &str = "summary.json";
const MARKS: &str = "marks.bin";
const TRACE: &str = "trace.jsonl";
const RECORDING: &str = "recording.jsonl";
/// The page with all results.
pub const REPORT: &str = "report.html";
const SCENARIO: &str = "scenario.toml";
/// The link to the last run among those that kvsim has named itself.
#[cfg(unix)]
pub const LATEST: &str = "latest";
/// Where a run's charts are.
pub const CHARTS: &str = "charts";
/// Where a run's tables are.
pub const DATA: &str = "data";

/// Names of the history of a run, by its forms.
pub const HISTORIES: [&str; 2] = ["history.edn", "history.jsonl"];

/// How to write a history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum History {
    /// As Jepsen does: history.edn
    Edn,
    /// As JSON Lines: history.jsonl
    Jsonl,
}

impl Folder {
    /// Makes the folder and stores the plan. What the same plan's run has left there stays, as long as it is the same run.
    pub fn create(place: Destination, plan: &Plan) -> Result<Folder, Failure> {
        let bytes = serde_json::to_vec(plan).map_err(|error| cannot("write", Path::new(PLAN), &error.into()))?;
        match place {
            Destination::Cleared(path) => Folder::open(path, &bytes, true),
            Destination::Given(path) => Folder::open(path, &bytes, false),
            Destination::Free(path) => {
                let numbered = (2..).map(|number| PathBuf::from(format!("{}.{number}", path.display())));
                let is_free = |path: &PathBuf| path.symlink_metadata().is_err() || has_plan(path, &bytes);
                let mut places = [path.clone()].into_iter().chain(numbered).filter(is_free);
                let folder = Folder::open(places.next().unwrap_or_default(), &bytes, false)?;
                folder.link_latest();
                Ok(folder)
            }
        }
    }

    fn open(path: PathBuf, plan: &[u8], clear: bool) -> Result<Folder, Failure> {
        fs::create_dir_all(&path).map_err(|error| cannot("make the folder", &path, &error))?;
        let mut folder = Folder { _lock: lock(&path, File::try_lock)?, path, earlier: None };
        let inside = fs::read_dir(&folder.path).map_err(|error| cannot("read the folder", &folder.path, &error))?;
        // Of a run that was killed at once there may be no more than the beginning of its plan.
        let is_other = |name: &OsStr| name != beside(PLAN).as_str();
        let mut others = inside.filter_map(Result::ok).filter(|entry| is_other(&entry.file_name()));
        if others.next().is_some() && !folder.path.join(PLAN).exists() {
            let place = folder.path.display();
            return Err(Failure::Usage(format!(
                "{place} has files that are not a run's; give --out a new or empty folder"
            )));
        }
        not_a_link(&folder.path.join(CHARTS))?;
        not_a_link(&folder.path.join(DATA))?;
        if has_plan(&folder.path, plan) {
            folder.earlier = folder.stored_hash();
            return Ok(folder);
        }
        if !clear && folder.path.join(PLAN).symlink_metadata().is_ok() {
            let place = folder.path.display();
            return Err(Failure::Usage(format!(
                "{place} has another run\n  give --out a new folder, or --overwrite to remove what is there"
            )));
        }
        folder.remove_results()?;
        folder.write(PLAN, |out| out.write_all(plan))?;
        Ok(folder)
    }

    /// Removes what a run has left, but for its plan.
    fn remove_results(&self) -> Result<(), Failure> {
        let charts = charts::file_names().map(|name| Path::new(CHARTS).join(name));
        let own = [SUMMARY, MARKS, TRACE, RECORDING, REPORT, SCENARIO].into_iter().chain(HISTORIES).map(PathBuf::from);
        let tables = data::file_names().map(|name| Path::new(DATA).join(name));
        own.chain(charts)
            .chain(tables)
            .map(|old| self.path.join(old))
            .filter(|path| path.symlink_metadata().is_ok())
            .try_for_each(|path| fs::remove_file(&path).map_err(|error| cannot("remove", &path, &error)))
    }

    fn stored_hash(&self) -> Option<u64> {
        read(&self.path.join(SUMMARY), TEXT_BYTES_MAX).ok().and_then(|bytes| Summary::stored_hash(&bytes))
    }

    /// Lets the link `latest` beside the folder lead to it, where there are links.
    fn link_latest(&self) {
        #[cfg(unix)]
        if let (Some(name), Some(beside)) = (self.path.file_name(), self.path.parent()) {
            let latest = beside.join(LATEST);
            // It is a convenience: the run goes on without it.
            if latest.symlink_metadata().is_ok_and(|link| link.is_symlink()) {
                let _ = fs::remove_file(&latest);
            }
            let _ = std::os::unix::fs::symlink(name, latest);
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has the results of the very same run, which had come to its end.
    pub fn has_results_of(&self, summary: &Summary) -> bool {
        self.earlier.is_some_and(|earlier| summary.has_hash(earlier))
    }

    /// Stores the run's results, the shortest first: a disk that is nearly full takes the verdicts.
    pub fn store(
        &self,
        summary: &Summary,
        checkpoints: &[Checkpoint],
        trace: Option<&Recording>,
    ) -> Result<(), Failure> {
        match self.earlier {
            // A run that came to its end is worth more than one that was interrupted.
            Some(_) if summary.interrupted => return Ok(()),
            // Another version of kvsim or of the store made it.
            Some(_) if !self.has_results_of(summary) => self.remove_results()?,
            _ => {}
        }
        exit::all([
            self.write(SUMMARY, |out| Ok(serde_json::to_writer_pretty(out, summary)?)),
            self.write(MARKS, |out| checkpoints.iter().try_for_each(|one| out.write_all(&one.to_bytes()))),
            trace.map_or(Ok(()), |recording| self.write_events(TRACE, recording)),
        ])
    }

    fn write_events(&self, name: &str, recording: &Recording) -> Result<(), Failure> {
        self.write(name, |out| {
            jsonl::write_header(out, &recording.header)?;
            recording.events.iter().try_for_each(|event| jsonl::write_event(out, event))
        })
    }

    /// Stores what real nodes have done.
    pub fn store_recording(&self, recording: &Recording) -> Result<(), Failure> {
        self.write_events(RECORDING, recording)
    }

    /// Stores the history of all operations.
    pub fn store_history(&self, recording: &Recording, form: History) -> Result<(), Failure> {
        let (name, form) = match form {
            History::Edn => (HISTORIES[0], Form::Edn),
            History::Jsonl => (HISTORIES[1], Form::Jsonl),
        };
        self.write(name, |out| jepsen::steps_of(recording).iter().try_for_each(|step| form.write(out, step)))
    }

    /// Stores the scenario's text.
    pub fn store_scenario(&self, text: &str) -> Result<(), Failure> {
        self.write(SCENARIO, |out| out.write_all(text.as_bytes()))
    }

    /// The stored text of the scenario.
    pub fn scenario(&self) -> Option<String> {
        let text = read(&self.path.join(SCENARIO), TEXT_BYTES_MAX).ok()?;
        String::from_utf8(text).ok()
    }

    /// Stores the page.
    pub fn store_report(&self, html: &str) -> Result<(), Failure> {
        self.write(REPORT, |out| out.write_all(html.as_bytes()))
    }

    /// Where the page is.
    pub fn report(&self) -> PathBuf {
        self.path.join(REPORT)
    }

    /// Writes beside the file and renames, so that half of it is never found.
    fn write(
        &self,
        name: &str,
        content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>,
    ) -> Result<(), Failure> {
        write_with(&self.path.join(name), content)
    }
}

/// Copies what a hunt or a sweep has left of a run to another folder, which its summary then names.
pub fn copy_run(from: &Path, to: &Path) -> Result<(), Failure> {
    let copied = |name: &str, bytes_max| {
        let path = from.join(name);
        read(&path, bytes_max).map_err(|error| {
            let (folder, path) = (from.display(), path.display());
            Failure::Usage(format!(
                "{path}: {error}\n  {folder} is to have a run that was found there: copy the whole folder"
            ))
        })
    };
    let plan = copied(PLAN, PLAN_BYTES_MAX)?;
    let summary = Summary::moved(copied(SUMMARY, TEXT_BYTES_MAX)?, to);
    let marks = copied(MARKS, MARKS_BYTES_MAX)?;
    let folder = Folder::open(to.to_path_buf(), &plan, true)?;
    exit::all([folder.write(SUMMARY, |out| out.write_all(&summary)), folder.write(MARKS, |out| out.write_all(&marks))])
}

/// Writes a file whole or not at all.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    write_with(path, |out| out.write_all(bytes))
}

fn write_with(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> std::io::Result<()>) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(beside(&name));
    // A new file: what lies under its name, say a link, is taken away and not written through.
    if beside.symlink_metadata().is_ok() {
        fs::remove_file(&beside).map_err(|error| cannot("write", &beside, &error))?;
    }
    let written = File::create_new(&beside).map(BufWriter::new).and_then(|mut out| {
        content(&mut out)?;
        out.flush()?;
        fs::rename(&beside, path)
    });
    written.map_err(|error| {
        // What could be written of it takes room that something else may need.
        let _ = fs::remove_file(&beside);
        cannot("write", path, &error)
    })
}

/// Locks a folder, until the file is closed or the program ends, however it does. Where folders cannot be locked, it is up
/// to the user that only one program is at work.
fn lock(path: &Path, how: fn(&File) -> Result<(), TryLockError>) -> Result<Option<File>, Failure> {
    let Ok(folder) = File::open(path) else { return Ok(None) };
    match how(&folder) {
        Err(TryLockError::WouldBlock) => Err(Failure::Usage(format!(
            "{} is in use: a kvsim is at work there\n  wait for it, or give --out another folder",
            path.display()
        ))),
        locked => Ok(locked.is_ok().then_some(folder)),
    }
}

/// Locks a folder that is about to be removed.
pub fn lock_alone(path: &Path) -> Result<Option<File>, Failure> {
    lock(path, File::try_lock)
}

/// Makes a folder for what is drawn, unless its name is a link's: that leads elsewhere.
pub fn make(path: &Path) -> Result<(), Failure> {
    not_a_link(path)?;
    fs::create_dir_all(path).map_err(|error| cannot("make the folder", path, &error))
}

fn not_a_link(path: &Path) -> Result<(), Failure> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_symlink() => {
            let place = path.display();
            Err(Failure::Usage(format!("{place} is a link, which is not followed; expected a folder: remove the link")))
        }
        _ => Ok(()),
    }
}

/// Larger plans, summaries and texts are no run's.
const PLAN_BYTES_MAX: u64 = 1 << 30;
pub const TEXT_BYTES_MAX: u64 = 64 << 20;
const MARKS_BYTES_MAX: u64 = (Recorder::CHECKPOINTS_MAX * Checkpoint::BYTES) as u64;

/// Opens a file of a folder that may come from elsewhere: a regular one of at most `bytes_max` bytes.
fn open(path: &Path, bytes_max: u64) -> std::io::Result<File> {
    let metadata = path.symlink_metadata()?;
    if !metadata.is_file() {
        let what = if metadata.is_symlink() { "a link, which is not followed" } else { "not a regular file" };
        return Err(std::io::Error::other(what));
    }
    if metadata.len() > bytes_max {
        let bytes = metadata.len();
        return Err(std::io::Error::other(format!("{bytes} bytes are more than the {bytes_max} that it can have")));
    }
    File::open(path)
}

/// The content of such a file.
pub fn read(path: &Path, bytes_max: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path, bytes_max)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The name of a plan's scenario becomes part of the names of files, and so must not lead out of a folder.
fn is_name(name: &str) -> bool {
    let leads_away = name.contains(['/', '\\']) || name.chars().any(char::is_control) || matches!(name, "." | "..");
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !leads_away
}

/// What is left of the 255 bytes that a file's name may have, with code and ending.
const NAME_BYTES_MAX: usize = 200;

/// Whether the folder has exactly this plan.
fn has_plan(folder: &Path, plan: &[u8]) -> bool {
    read(&folder.join(PLAN), PLAN_BYTES_MAX).is_ok_and(|stored| stored == plan)
}

/// A file that is not whole yet.
fn beside(name: &str) -> String {
    format!("{name}.new")
}

/// Larger recordings are no run's.
const RECORDING_BYTES_MAX: u64 = 4 << 30;

/// The store of a run that real nodes have done, if these are its events; otherwise the one that is simulated.
fn recorded(path: &Path, store: &'static StoreEntry, plan: &Plan) -> Result<&'static StoreEntry, Failure> {
    if path.symlink_metadata().is_err() {
        return Ok(store);
    }
    let file = open(path, RECORDING_BYTES_MAX).map_err(|error| cannot("read", path, &error))?;
    let recording = jsonl::read(BufReader::new(file));
    let recording = recording.map_err(|error| Failure::Usage(format!("{}: {error}", path.display())))?;
    let (header, usual) = (&recording.header, (store.header)(plan));
    let is_of_plan = header.silent
        && (header.nodes, &header.keys, &header.sessions) == (usual.nodes, &usual.keys, &usual.sessions)
        && (&header.faults, &header.kinds, header.levels) == (&usual.faults, &usual.kinds, usual.levels);
    if !is_of_plan {
        let path = path.display();
        return Err(Failure::Usage(format!("{path} is not of the {PLAN} beside it: copy the whole folder")));
    }
    Ok(store.recorded(recording))
}

/// A stored run, as far as it is there.
pub struct Stored {
    /// The plan.
    pub plan: Plan,
    /// The store that it is of.
    pub store: &'static StoreEntry,
    /// Where the plan was found.
    pub path: PathBuf,
    /// The trace hash that the run had; absent when it did not come to its end.
    pub trace_hash: Option<u64>,
    /// See [`crate::recorder::Recorder::checkpoints`].
    pub checkpoints: Vec<Checkpoint>,
    /// No other program makes it another run in the meantime.
    folder: Folder,
}

impl Stored {
    /// Reads the run in the folder `path`, or that of the plan file `path`.
    pub fn read(path: &Path, stores: Stores) -> Result<Stored, Failure> {
        let (folder, plan_path) = if path.is_dir() {
            (path.to_path_buf(), path.join(PLAN))
        } else {
            // A bare plan.json lies here, in a folder that has a name to print.
            let here = Path::new(".").join(path);
            let path = if path.parent() == Some(Path::new("")) { here } else { path.to_path_buf() };
            (path.parent().map(Path::to_path_buf).unwrap_or_default(), path)
        };
        let lock = lock(&folder, File::try_lock_shared)?;
        let file = open(&plan_path, PLAN_BYTES_MAX).map_err(|error| {
            let what = format!("{}: {error}", plan_path.display());
            Failure::Usage(format!("{what}\n  expected the folder of a run, or a {PLAN} (see {} run --out)", program()))
        })?;
        let mut plan: Plan = serde_json::from_reader(BufReader::new(file))
            .map_err(|error| Failure::Usage(format!("{}: {}", plan_path.display(), not_a_plan(&plan_path, &error))))?;
        let store = stores.bind(&mut plan.store).ok_or_else(|| {
            let (path, name) = (plan_path.display(), printable(&plan.store.name));
            let known = listed(stores.names(), "and");
            Failure::Usage(format!(
                "{path}: there is no store {name}; this program has {known}\n  a store of its own program is known there"
            ))
        })?;
        plan.validate()
            .map_err(|error| Failure::Usage(format!("{}: the plan cannot be run: {error}", plan_path.display())))?;
        memory::check(&plan_path, &Estimate::of_plan(&plan).without_messages())?;
        if !is_name(&plan.scenario) {
            let (place, name) = (plan_path.display(), printable(&plan.scenario));
            return Err(Failure::Usage(format!(
                "{place}: `scenario` cannot be `{name}`; expected a name of 1 to {NAME_BYTES_MAX} bytes without `/`, `\\` and control characters"
            )));
        }
        let store = recorded(&folder.join(RECORDING), store, &plan)?;
        let marks = folder.join(MARKS);
        let checkpoints = match read(&marks, MARKS_BYTES_MAX) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(cannot("read", &marks, &error)),
            bytes => bytes.unwrap_or_default(),
        };
        let checkpoints = checkpoints.as_chunks().0.iter().map(Checkpoint::from_bytes).collect();
        let folder = Folder { path: folder, _lock: lock, earlier: None };
        let trace_hash = folder.stored_hash();
        Ok(Stored { plan, store, path: plan_path, trace_hash, checkpoints, folder })
    }

    /// That the run can be run again.
    ///
    /// # Errors
    /// When real nodes have done it.
    pub fn check_simulated(&self) -> Result<(), Failure> {
        match self.store.is_recorded {
            false => Ok(()),
            true => Err(Failure::Usage(format!(
                "{}: real nodes have done this run, which cannot be done again; look at it with {} report, plot, export or trace",
                self.path.display(),
                program()
            ))),
        }
    }

    /// Whether the run has the stored trace hash again, if there is one. If not, says so on standard error:
    /// `what` would be of another run.
    pub fn is_reproduced(&self, trace_hash: u64, what: &str) -> bool {
        let Some(hash) = self.trace_hash.filter(|hash| *hash != trace_hash) else { return true };
        let path = self.path.display();
        output::complain(&format!(
            "{RED}not reproduced{PLAIN}: {path} has the trace hash {hash:#018x} but now {trace_hash:#018x}, so that \
             {what} would be of another run; {} replay finds the first difference\n",
            program()
        ));
        false
    }

    /// Its folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// The stored event with this number, if the trace was kept.
    pub fn event(&self, number: u64) -> Option<Event> {
        let file = open(&self.folder.path.join(TRACE), u64::MAX).ok()?;
        let recording = jsonl::read(BufReader::new(file)).ok()?;
        recording.events.into_iter().find(|event| event.number == number)
    }
}

/// A plan of another version says so before it says which of its fields is not known here.
fn not_a_plan(path: &Path, error: &serde_json::Error) -> String {
    #[derive(serde::Deserialize)]
    struct Versioned {
        schema: u32,
    }
    let version = open(path, PLAN_BYTES_MAX).ok().and_then(|file| serde_json::from_reader(BufReader::new(file)).ok());
    match version {
        Some(Versioned { schema }) if schema != Plan::SCHEMA => {
            format!("a plan of version {schema} is not supported, only {}", Plan::SCHEMA)
        }
        _ => format!("not a plan: {error}"),
    }
}

fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot {what} {}: {error}", path.display()))
}
