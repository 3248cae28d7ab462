//! Files to which lines of JSON are only ever added, so that work can go on however it ended. A last line that was
//! written in part counts for nothing and is cut off.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exit::Failure;

/// The open file, which no other program has open this way.
pub struct AppendLog {
    path: PathBuf,
    file: File,
    /// How many bytes of it are whole lines.
    whole_bytes: u64,
}

/// A longer file is none that kvsim has written.
const BYTES_MAX: u64 = 1 << 30;

impl AppendLog {
    /// Opens the file and returns its whole lines; makes it, and its folder, if it is not there. Changes nothing in it.
    pub fn open(path: &Path) -> Result<(AppendLog, Vec<Vec<u8>>), Failure> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
        if path.symlink_metadata().is_ok_and(|metadata| !metadata.is_file()) {
            let path = path.display();
            return Err(Failure::Usage(format!("{path} is not a regular file; give --out another folder")));
        }
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = opened.map_err(|error| failed("write", path, &error))?;
        not_in_use(path, file.try_lock())?;
        let (lines, whole_bytes) = whole_lines(path, &file)?;
        Ok((AppendLog { path: path.to_path_buf(), file, whole_bytes }, lines))
    }

    /// The whole lines of a file that is there, which is only read.
    pub fn read(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
        let file = File::open(path).map_err(|error| failed("read", path, &error))?;
        not_in_use(path, file.try_lock_shared())?;
        Ok(whole_lines(path, &file)?.0)
    }

    /// Begins anew, with an empty file.
    pub fn begin(&mut self) -> Result<(), Failure> {
        self.whole_bytes = 0;
        self.go_on()
    }

    /// Goes on behind the whole lines.
    pub fn go_on(&mut self) -> Result<(), Failure> {
        let cut = self.file.set_len(self.whole_bytes).and_then(|()| self.file.seek(SeekFrom::End(0)));
        cut.map(drop).map_err(|error| failed("write", &self.path, &error))
    }

    /// Adds a line, in one piece; `sync` waits until it has reached the disk.
    pub fn add(&mut self, line: &impl Serialize, sync: bool) -> Result<(), Failure> {
        let text = serde_json::to_string(line).map_err(std::io::Error::from)? + "\n";
        let written = self.file.write_all(text.as_bytes());
        let written = if sync { written.and_then(|()| self.file.sync_data()) } else { written };
        written.map_err(|error| failed("write", &self.path, &error))
    }
}

/// Where files cannot be locked, it is up to the user that only one program is at work.
fn not_in_use(path: &Path, locked: Result<(), TryLockError>) -> Result<(), Failure> {
    match locked {
        Err(TryLockError::WouldBlock) => Err(Failure::Usage(format!(
            "{} is in use: another kvsim is at work there\n  wait for it, or give --out another folder",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// The whole lines of a file, and how many bytes they have.
fn whole_lines(path: &Path, file: &File) -> Result<(Vec<Vec<u8>>, u64), Failure> {
    let bytes = file.metadata().map_err(|error| failed("read", path, &error))?.len();
    if bytes > BYTES_MAX {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "{path} has {bytes} bytes, more than the {BYTES_MAX} that it can have; give --out another folder"
        )));
    }
    let (mut lines, mut whole_bytes) = (Vec::new(), 0);
    let mut reader = BufReader::new(file.take(BYTES_MAX));
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).map_err(|error| failed("read", path, &error))?;
        if !line.ends_with(b"\n") {
            return Ok((lines, whole_bytes));
        }
        whole_bytes += line.len() as u64;
        lines.push(line);
    }
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot {what} {}: {error}", path.display()))
}
