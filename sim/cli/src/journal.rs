//! The journal of many runs: a header that says what they follow from, and then lines that say what is done, so that the
//! command can go on however it ended.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::append_log::AppendLog;
use crate::exit::Failure;

/// The open journal.
pub struct Journal {
    log: AppendLog,
    /// `hunt`; the journal is the file `hunt.jsonl`.
    kind: &'static str,
    path: PathBuf,
}

/// The lines below the header, each with its number in the file.
pub type Lines<L> = Vec<(u64, L)>;

impl Journal {
    /// Begins a journal in `folder`. The lines that are there must have no `results`, which are then named.
    pub fn begin<L: DeserializeOwned>(
        folder: &Path,
        kind: &'static str,
        header: &Value,
        results: impl FnOnce(Lines<L>) -> Option<String>,
    ) -> Result<Journal, Failure> {
        let (mut journal, _, lines) = Journal::open(folder, kind)?;
        if let Some(results) = results(lines) {
            let (place, file) = (folder.display(), journal.path.display());
            return Err(Failure::Usage(format!(
                "{place} has the {results} of another {kind}\n  go on with it (--resume), give --out another folder, or \
                 remove {file}"
            )));
        }
        journal.write_header(header)?;
        Ok(journal)
    }

    /// Begins a journal in a folder that has none.
    pub fn new(folder: &Path, kind: &'static str, header: &Value) -> Result<Journal, Failure> {
        let (mut journal, old, _) = Journal::open::<Value>(folder, kind)?;
        if old.is_some() {
            return Err(Failure::Usage(format!(
                "there is a {kind} already: {}\n  give --out a new folder, or remove the file",
                journal.path.display()
            )));
        }
        journal.write_header(header)?;
        Ok(journal)
    }

    /// Goes on with the journal in `folder`, which must have the same header, and returns its lines; begins it if there is
    /// none.
    pub fn resume<L: DeserializeOwned>(
        folder: &Path,
        kind: &'static str,
        header: &Value,
    ) -> Result<(Journal, Lines<L>), Failure> {
        let (mut journal, old, lines) = Journal::open(folder, kind)?;
        match old {
            None => journal.write_header(header)?,
            Some(old) if old != *header => {
                let (file, why) = (journal.path.display(), difference(&old, header));
                return Err(Failure::Usage(format!(
                    "{file} is the journal of another {kind}: {why}\n  give --out another folder, or the same scenario and \
                     arguments"
                )));
            }
            Some(_) => journal.log.go_on()?,
        }
        Ok((journal, lines))
    }

    /// Opens the journal. There is no header when its line was never finished.
    fn open<L: DeserializeOwned>(
        folder: &Path,
        kind: &'static str,
    ) -> Result<(Journal, Option<Value>, Lines<L>), Failure> {
        let path = path_in(folder, kind);
        let (log, lines) = AppendLog::open(&path)?;
        let (header, lines) = parsed(&path, kind, lines)?;
        Ok((Journal { log, kind, path }, header, lines))
    }

    fn write_header(&mut self, header: &Value) -> Result<(), Failure> {
        self.log.begin()?;
        self.log.add(&BTreeMap::from([(self.kind, header)]), true)
    }

    /// Adds a line; `sync` waits until it has reached the disk.
    pub fn add(&mut self, line: &impl Serialize, sync: bool) -> Result<(), Failure> {
        self.log.add(line, sync)
    }

    /// The file is no such journal, as the line with this number shows.
    pub fn is_wrong(&self, line: u64, why: &str) -> Failure {
        is_wrong(&self.path, self.kind, line, why)
    }
}

/// Where the journal of a hunt or a sweep in `folder` is.
pub fn path_in(folder: &Path, kind: &str) -> PathBuf {
    folder.join(format!("{kind}.jsonl"))
}

/// The header and the lines of a journal that is there, which is only read.
pub fn read<L: DeserializeOwned>(folder: &Path, kind: &'static str) -> Result<(Value, Lines<L>), Failure> {
    let path = path_in(folder, kind);
    let (header, lines) = parsed(&path, kind, AppendLog::read(&path)?)?;
    Ok((header.ok_or_else(|| is_wrong(&path, kind, 1, "it has not begun"))?, lines))
}

fn parsed<L: DeserializeOwned>(
    path: &Path,
    kind: &'static str,
    lines: Vec<Vec<u8>>,
) -> Result<(Option<Value>, Lines<L>), Failure> {
    let (mut header, mut known) = (None, Vec::new());
    for (number, line) in (1..).zip(lines) {
        if header.is_none() {
            let named: Option<BTreeMap<String, Value>> = serde_json::from_slice(&line).ok();
            let named = named.and_then(|mut named| named.remove(kind));
            header = Some(named.ok_or_else(|| is_wrong(path, kind, number, "it does not say what it is of"))?);
        } else {
            let line = serde_json::from_slice(&line);
            known.push((number, line.map_err(|error| is_wrong(path, kind, number, &without_line(&error)))?));
        }
    }
    Ok((header, known))
}

/// The file at `path` is no such journal, as the line with this number shows.
pub fn is_wrong(path: &Path, kind: &str, line: u64, why: &str) -> Failure {
    Failure::Usage(format!(
        "{}:{line}: not a line of the journal of a {kind}: {why}\n  give --out another folder, or remove the file",
        path.display()
    ))
}

/// What is wrong with one line: that it is line 1 of itself says nothing.
fn without_line(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// The first difference, for people.
pub fn difference(old: &Value, new: &Value) -> String {
    // How many shards there are comes first: with one there is more beside.
    let all = [old, new].into_iter().filter_map(Value::as_object).flat_map(serde_json::Map::keys);
    let names = ["shards"].into_iter().chain(all.map(String::as_str));
    let Some((name, old)) = names.map(|name| (name, &old[name])).find(|(name, old)| new[*name] != **old) else {
        return "in another form".to_string();
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let texts = |list: &[Value]| list.iter().map(text).collect::<Vec<_>>().join(", ");
    match (name, old) {
        ("kvsim", version) => format!("it was made by kvsim {}", text(version)),
        ("build", Value::String(_)) => "it was made by another build of this program".to_string(),
        ("build" | "path" | "runs" | "shard" | "shards", Value::Null) => {
            "it is of all runs, not of a shard of them".to_string()
        }
        ("shards", count) => format!("it is one of {count} shards"),
        ("set", Value::Array(changes)) => format!("it was made with the changes [{}]", texts(changes)),
        ("swarm", Value::Bool(is)) => format!("it was made {} --swarm", if *is { "with" } else { "without" }),
        ("text", _) => "the file has changed since".to_string(),
        ("scenarios", Value::Array(list)) => {
            let files = |list: &[Value]| list.iter().map(|one| one["file"].clone()).collect::<Vec<_>>();
            let news = new["scenarios"].as_array().map_or(&[][..], Vec::as_slice);
            match list.iter().zip(news).find(|(old, new)| old != new) {
                Some((old, _)) if files(list) == files(news) => format!("{} has changed since", text(&old["file"])),
                _ => format!("it is about {}", texts(&files(list))),
            }
        }
        (name, old) => format!("its {} is {old}", name.replace('_', " ")),
    }
}
