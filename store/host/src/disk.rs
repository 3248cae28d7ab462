//! Where a node keeps its records: a log, which only grows. Each record has its number and checksums, so that one that was
//! changed, left out, put elsewhere or taken from another node's log is told.
//!
//! A database would be more than is needed: records are read once, in order, and never looked up.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// What outlives a process. One node at a time uses it.
pub trait Disk: Send {
    /// The records of the node with this name, oldest first. Those that are appended from now on follow them.
    ///
    /// # Errors
    /// When they cannot be read, are not as they were written, or another process has them open.
    fn open(&mut self, node: &str) -> io::Result<Vec<Vec<u8>>>;

    /// Appends records: the end of the process does them no harm any more, that of the machine does until the next
    /// [`Disk::sync`].
    ///
    /// # Errors
    /// When that fails. Nothing can be appended any more.
    fn append(&mut self, records: &[Vec<u8>]) -> io::Result<()>;

    /// Makes what was appended durable.
    ///
    /// # Errors
    /// As for [`Disk::append`].
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder with a file per node.
pub struct Folder {
    path: PathBuf,
    form: String,
    /// The open log, which no other process has open.
    log: Option<Log>,
}

struct Log {
    file: File,
    node: String,
    /// Of the next record.
    number: u64,
    /// What is to be written, kept for its capacity.
    buffer: Vec<u8>,
}

/// Bytes before a record: its length (4), its number (8), and the checksum of both (4). Its own checksum (4) follows it. All
/// numbers begin with the least byte.
const HEADER: usize = 16;
const SUM: usize = 4;

impl Folder {
    /// The one at `path`, made when it is needed. `form` names what the records are; it is the first record, and those of
    /// another form are refused.
    pub fn new(path: PathBuf, form: impl Into<String>) -> Folder {
        Folder { path, form: form.into(), log: None }
    }
}

/// CRC-32 of the node's name and what else makes a record this one.
fn sum(node: &str, parts: [&[u8]; 2]) -> [u8; SUM] {
    let mut sum = crc32fast::Hasher::new();
    sum.update(node.as_bytes());
    parts.iter().for_each(|part| sum.update(part));
    sum.finalize().to_le_bytes()
}

/// Puts a record behind what is in `buffer`.
fn put(buffer: &mut Vec<u8>, node: &str, number: u64, record: &[u8]) -> io::Result<()> {
    let length = u32::try_from(record.len()).map_err(|_| io::Error::other("a record of more than 4 GB"))?;
    let (length, number) = (length.to_le_bytes(), number.to_le_bytes());
    for part in [&length[..], &number, &sum(node, [&length, &number]), record, &sum(node, [&number, record])] {
        buffer.extend_from_slice(part);
    }
    Ok(())
}

/// What comes next in a log.
enum Next {
    Record(Vec<u8>),
    /// Nothing, or what a crash has cut off in the middle: it was never called durable.
    End,
    Changed,
}

fn read(from: &mut impl Read, node: &str, expected: u64) -> io::Result<Next> {
    let mut header = Vec::new();
    from.take(HEADER as u64).read_to_end(&mut header)?;
    let Ok(whole) = <[u8; HEADER]>::try_from(&header[..]) else { return Ok(Next::End) };
    let (length, number) = (&whole[..4], &whole[4..12]);
    if whole[12..] != sum(node, [length, number]) || number != expected.to_le_bytes() {
        // A file that was made longer, and not written: as some systems leave it when the power fails.
        let mut rest = Vec::new();
        let is_empty =
            whole == [0; HEADER] && from.read_to_end(&mut rest).is_ok() && rest.iter().all(|byte| *byte == 0);
        return Ok(if is_empty { Next::End } else { Next::Changed });
    }
    let length = whole[..4].iter().rev().fold(0, |length, byte| length << 8 | usize::from(*byte));
    let mut record = Vec::new();
    from.take((length + SUM) as u64).read_to_end(&mut record)?;
    if record.len() < length + SUM {
        return Ok(Next::End);
    }
    let is_right = record[length..] == sum(node, [number, &record[..length]]);
    record.truncate(length);
    Ok(if is_right { Next::Record(record) } else { Next::Changed })
}

/// The file with records of an earlier version of `kvsim-maelstrom`, if there is one: text.
fn earlier(folder: &Path, node: &str) -> io::Result<Option<String>> {
    for (name, begins) in [(format!("{node}.jsonl"), "{"), (format!("{node}.log"), "0 ")] {
        match File::open(folder.join(&name)) {
            Ok(file) => {
                let mut first = Vec::new();
                file.take(begins.len() as u64).read_to_end(&mut first)?;
                if first == begins.as_bytes() {
                    return Ok(Some(name));
                }
            }
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(None)
}

impl Disk for Folder {
    fn open(&mut self, node: &str) -> io::Result<Vec<Vec<u8>>> {
        // It becomes a part of a file's name.
        if node.is_empty() || !node.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            let problem = format!("a node with files has a name of letters, digits, - and _, unlike {node:?}");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, problem));
        }
        std::fs::create_dir_all(&self.path)?;
        if let Some(earlier) = earlier(&self.path, node)? {
            return Err(io::Error::other(format!("{earlier} has some of an earlier version")));
        }
        let path = self.path.join(format!("{node}.records"));
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another process has them open")),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        let (mut records, mut whole_bytes) = (Vec::new(), 0);
        let mut reader = BufReader::with_capacity(1 << 16, &file);
        loop {
            let number = records.len() as u64;
            match read(&mut reader, node, number)? {
                Next::End => break,
                Next::Changed => {
                    let problem = "is not as it was written, or not the one that was written there";
                    return Err(io::Error::other(format!("record {number} {problem}")));
                }
                Next::Record(record) => {
                    whole_bytes += (HEADER + record.len() + SUM) as u64;
                    records.push(record);
                }
            }
        }
        file.set_len(whole_bytes)?;
        file.seek(SeekFrom::End(0))?;
        if records.is_empty() {
            let mut first = Vec::new();
            put(&mut first, node, 0, self.form.as_bytes())?;
            file.write_all(&first)?;
        } else {
            let form = String::from_utf8_lossy(&records.remove(0)).into_owned();
            if form != self.form {
                return Err(io::Error::other(format!("they are {form:?}, not {:?}", self.form)));
            }
        }
        file.sync_all()?;
        // The file's name is durable when its folder is.
        File::open(&self.path)?.sync_all()?;
        let number = 1 + records.len() as u64;
        self.log = Some(Log { file, node: node.to_owned(), number, buffer: Vec::new() });
        Ok(records)
    }

    fn append(&mut self, records: &[Vec<u8>]) -> io::Result<()> {
        let Log { file, node, number, buffer } = self.log.as_mut().ok_or_else(not_open)?;
        buffer.clear();
        let put = |(record, number): (&Vec<u8>, u64)| put(buffer, node, number, record);
        let written = records.iter().zip(*number..).try_for_each(put);
        let written = written.and_then(|()| file.write_all(buffer));
        match written {
            Ok(()) => *number += records.len() as u64,
            // Whether it has reached the disk cannot be known.
            Err(_) => self.log = None,
        }
        written
    }

    fn sync(&mut self) -> io::Result<()> {
        let synced = self.log.as_ref().ok_or_else(not_open)?.file.sync_data();
        if synced.is_err() {
            self.log = None;
        }
        synced
    }
}

fn not_open() -> io::Error {
    io::Error::other("the disk has not been opened")
}

#[cfg(test)]
mod tests;
