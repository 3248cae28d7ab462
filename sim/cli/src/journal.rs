//! The journal of a work of many runs: a header that says what the work is, and then lines that say what is done, so that
//! a work can go on however it ended.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::append_log::AppendLog;
use crate::exit::Failure;

/// What the results of a work follow from.
pub trait Work: Clone + PartialEq + Serialize + DeserializeOwned {
    /// `hunt`; the journal is the file `hunt.jsonl`.
    const NAME: &'static str;
    /// What a line below the header says.
    type Line: Serialize + DeserializeOwned;
    /// The results that these lines have, in words, if they are worth keeping.
    fn results(lines: &[(u64, Self::Line)]) -> Option<String>;
    /// How another work differs from this one, in words.
    fn difference(&self, new: &Self) -> Option<String>;
}

/// The first line: works that agree in it come to the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header<W> {
    /// Version of the journal.
    schema: u32,
    /// Version of the program.
    kvsim: String,
    /// Changes to the scenarios.
    pub set: Vec<String>,
    /// What is done.
    #[serde(flatten)]
    pub work: W,
}

impl<W: Work> Header<W> {
    /// The header of a new journal.
    pub fn new(set: Vec<String>, work: W) -> Header<W> {
        Header { schema: 1, kvsim: env!("CARGO_PKG_VERSION").to_string(), set, work }
    }

    fn difference(&self, new: &Header<W>) -> String {
        if self.kvsim != new.kvsim {
            return format!("it was made by kvsim {}", self.kvsim);
        }
        if self.set != new.set {
            return format!("it was made with the changes [{}]", self.set.join(", "));
        }
        self.work.difference(&new.work).unwrap_or_else(|| "in another form".to_string())
    }
}

/// The open journal.
pub struct Journal<W> {
    log: AppendLog,
    work: PhantomData<W>,
}

/// The lines below the header, each with the number of its first byte.
pub type Lines<W> = Vec<(u64, <W as Work>::Line)>;

impl<W: Work> Journal<W> {
    /// Begins a journal in `folder`, which must not have one with results.
    pub fn begin(folder: &Path, header: &Header<W>) -> Result<Journal<W>, Failure> {
        let (mut journal, _, lines) = Journal::open(folder)?;
        if let Some(results) = W::results(&lines) {
            let (place, file) = (folder.display(), path::<W>(folder));
            return Err(Failure::Usage(format!(
                "{place} has the {results} of another {}\n  go on with it (--resume), give --out another folder, or remove {}",
                W::NAME,
                file.display()
            )));
        }
        journal.write_header(header)?;
        Ok(journal)
    }

    /// Goes on with the journal in `folder`, which must be one of the same work, and returns its lines; begins it if there
    /// is none.
    pub fn resume(folder: &Path, header: &Header<W>) -> Result<(Journal<W>, Lines<W>), Failure> {
        let (mut journal, old, lines) = Journal::open(folder)?;
        match old {
            None => journal.write_header(header)?,
            Some(old) if old != *header => {
                let (file, why) = (path::<W>(folder), old.difference(header));
                return Err(Failure::Usage(format!(
                    "{} is the journal of another {}: {why}\n  give --out another folder, or the same scenario and arguments",
                    file.display(),
                    W::NAME
                )));
            }
            Some(_) => journal.log.go_on()?,
        }
        Ok((journal, lines))
    }

    /// Opens the journal. There is no header when its line was never finished.
    #[allow(clippy::type_complexity)] // what a journal has in it
    fn open(folder: &Path) -> Result<(Journal<W>, Option<Header<W>>, Lines<W>), Failure> {
        let (log, lines) = AppendLog::open(&path::<W>(folder))?;
        let mut lines = lines.into_iter();
        let wrong = |at: u64| is_not::<W>(folder, at);
        let header = lines.next().map(|(at, line)| header(&line).ok_or_else(|| wrong(at))).transpose()?;
        let line = |(at, line): (u64, Vec<u8>)| match serde_json::from_slice(&line) {
            Ok(line) => Ok((at, line)),
            Err(_) => Err(wrong(at)),
        };
        let lines = lines.map(line).collect::<Result<_, _>>()?;
        Ok((Journal { log, work: PhantomData }, header, lines))
    }

    fn write_header(&mut self, header: &Header<W>) -> Result<(), Failure> {
        self.log.begin()?;
        self.log.add(&BTreeMap::from([(W::NAME, header)]), true)
    }

    /// Adds a line; `sync` waits until it has reached the disk.
    pub fn add(&mut self, line: &W::Line, sync: bool) -> Result<(), Failure> {
        self.log.add(line, sync)
    }
}

/// Where the journal is.
fn path<W: Work>(folder: &Path) -> PathBuf {
    folder.join(format!("{}.jsonl", W::NAME))
}

fn header<W: Work>(line: &[u8]) -> Option<Header<W>> {
    let mut named: BTreeMap<String, Header<W>> = serde_json::from_slice(line).ok()?;
    named.remove(W::NAME)
}

/// The file is no such journal, as its line at this byte shows.
pub fn is_not<W: Work>(folder: &Path, at: u64) -> Failure {
    Failure::Usage(format!("{} is not the journal of a {}: see its byte {at}", path::<W>(folder).display(), W::NAME))
}
