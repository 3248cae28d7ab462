//! Files to which lines of JSON are only ever added, so that work that ended in whatever way can go on. A last line of
//! which only a part was written counts for nothing and is cut off.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::Failure;

/// The open file, which no other program has open this way.
pub struct Lines {
    path: PathBuf,
    file: File,
    /// How many bytes of it are whole lines.
    whole_bytes: u64,
}

/// Lines, each with the number of the byte at which it begins.
pub type Said<T> = Vec<(u64, T)>;

impl Lines {
    /// Opens the file and says what is in it; makes it, and its folder, if it is not there. Changes nothing in it.
    /// `what` is what it should be.
    pub fn open<T: DeserializeOwned>(path: &Path, what: &str) -> Result<(Lines, Said<T>), Failure> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
        let opened = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let mut file = opened.map_err(|error| failed("write", path, &error))?;
        // Where files cannot be locked, people have to see to it themselves.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "{path} is in use: another kvsim is at work there\n  wait for it, or give --out another folder"
            )));
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| failed("read", path, &error))?;
        let mut lines = Lines { path: path.to_path_buf(), file, whole_bytes: 0 };
        let mut said = Vec::new();
        for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
            let Ok(one) = serde_json::from_slice(line) else { return Err(is_not(path, what, lines.whole_bytes)) };
            said.push((lines.whole_bytes, one));
            lines.whole_bytes += line.len() as u64;
        }
        Ok((lines, said))
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

/// The file is not what it should be, as its line at this byte shows.
pub fn is_not(path: &Path, what: &str, at: u64) -> Failure {
    Failure::Usage(format!("{} is not {what}: see its byte {at}", path.display()))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot {what} {}: {error}", path.display()))
}
