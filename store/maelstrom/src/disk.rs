//! Where a node keeps its records: a log, which only grows. Each record is a line with its number and a checksum, so that one
//! that was changed, left out, put elsewhere or taken from another node's log is told.
//!
//! A database would be more than is needed: records are read once, in order, and never looked up.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// What outlives a process. One node at a time uses it.
pub trait Disk {
    /// The records of the node with this name, oldest first. Those that are appended from now on follow them.
    ///
    /// # Errors
    /// When they cannot be read, are not as they were written, or another process has them open.
    fn open(&mut self, node: &str) -> io::Result<Vec<String>>;

    /// Appends records, lines each; they are durable when this returns.
    ///
    /// # Errors
    /// When they are not. Nothing can be appended any more.
    fn append(&mut self, records: &[String]) -> io::Result<()>;
}

/// A folder with a file per node.
pub struct Folder {
    path: PathBuf,
    /// The open log, which no other process has open.
    log: Option<Log>,
}

struct Log {
    file: File,
    node: String,
    /// Of the next record.
    number: u64,
}

/// The first record says of what form the others are.
const FORM: &str = "kvsim-maelstrom records 1";

impl Folder {
    /// The one at `path`, made when it is needed.
    pub fn new(path: PathBuf) -> Folder {
        Folder { path, log: None }
    }
}

/// A record as a line. The checksum (CRC-32) is of the node's name, the number and the record.
fn line(node: &str, number: u64, record: &str) -> String {
    let mut sum = crc32fast::Hasher::new();
    sum.update(format!("{node} {number} {record}").as_bytes());
    format!("{number} {:08x} {record}\n", sum.finalize())
}

/// The record of a line that was written as this one.
fn record(node: &str, number: u64, text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let (_, rest) = text.split_once(' ')?;
    let (_, record) = rest.split_once(' ')?;
    let record = record.strip_suffix('\n')?;
    (line(node, number, record) == text).then(|| record.to_owned())
}

impl Disk for Folder {
    fn open(&mut self, node: &str) -> io::Result<Vec<String>> {
        std::fs::create_dir_all(&self.path)?;
        if self.path.join(format!("{node}.jsonl")).exists() {
            return Err(io::Error::other(format!("{node}.jsonl has some of an earlier version, without checksums")));
        }
        let path = self.path.join(format!("{node}.log"));
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(io::Error::other("another process has them open")),
            Err(TryLockError::Error(error)) => return Err(error),
            Ok(()) => {}
        }
        let (mut records, mut whole_bytes) = (Vec::new(), 0);
        let mut reader = BufReader::new(&file);
        loop {
            let mut text = Vec::new();
            reader.read_until(b'\n', &mut text)?;
            let number = records.len() as u64;
            if !text.ends_with(b"\n") {
                // What a crash has cut off in the middle was never called durable; a whole record that ends otherwise was.
                let whole = text.split_last().map(|(_, whole)| [whole, b"\n"].concat());
                if whole.is_some_and(|whole| record(node, number, &whole).is_some()) {
                    return Err(io::Error::other(format!("record {number} is not as it was written")));
                }
                break;
            }
            whole_bytes += text.len() as u64;
            let record = record(node, number, &text);
            let problem = "is not as it was written, or not the one that was written there";
            records.push(record.ok_or_else(|| io::Error::other(format!("record {number} {problem}")))?);
        }
        file.set_len(whole_bytes)?;
        file.seek(SeekFrom::End(0))?;
        let is_new = records.is_empty();
        if is_new {
            file.write_all(line(node, 0, FORM).as_bytes())?;
        } else if records.remove(0) != FORM {
            return Err(io::Error::other("they are of another version"));
        }
        file.sync_all()?;
        // The file's name is durable when its folder is.
        File::open(&self.path)?.sync_all()?;
        let number = 1 + records.len() as u64;
        self.log = Some(Log { file, node: node.to_owned(), number });
        Ok(records)
    }

    fn append(&mut self, records: &[String]) -> io::Result<()> {
        let Log { file, node, number } =
            self.log.as_mut().ok_or_else(|| io::Error::other("the disk has not been opened"))?;
        let lines = records.iter().zip(*number..).map(|(record, number)| line(node, number, record));
        let written = file.write_all(lines.collect::<String>().as_bytes()).and_then(|()| file.sync_data());
        match written {
            Ok(()) => *number += records.len() as u64,
            // Whether it has reached the disk cannot be known.
            Err(_) => self.log = None,
        }
        written
    }
}

#[cfg(test)]
mod tests;
