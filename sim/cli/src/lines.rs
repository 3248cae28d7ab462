//! Files to which lines of JSON are only ever added, so that work that ended in whatever way can go on. A last line of
//! which only a part was written counts for nothing and is cut off.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::exit::Failure;

/// The open file.
pub struct Lines {
    path: PathBuf,
    file: File,
}

/// What a file says.
pub struct Read<T> {
    /// Its lines, each with the number of the byte at which it begins.
    pub lines: Vec<(u64, T)>,
    /// How many bytes of it are whole lines.
    pub whole_bytes: u64,
}

impl Lines {
    /// Begins a new file, in a folder that is made if it is not there.
    pub fn create(path: &Path) -> Result<Lines, Failure> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| failed("make", folder, &error))?;
        let file = File::create(path).map_err(|error| failed("write", path, &error))?;
        Ok(Lines { path: path.to_path_buf(), file })
    }

    /// Goes on behind the whole lines of a file.
    pub fn resume(path: &Path, whole_bytes: u64) -> Result<Lines, Failure> {
        let opened = OpenOptions::new().write(true).open(path).and_then(|mut file| {
            file.set_len(whole_bytes)?;
            file.seek(SeekFrom::End(0))?;
            Ok(file)
        });
        let file = opened.map_err(|error| failed("write", path, &error))?;
        Ok(Lines { path: path.to_path_buf(), file })
    }

    /// Adds a line, in one piece; `sync` waits until it has reached the disk.
    pub fn add(&mut self, line: &impl Serialize, sync: bool) -> Result<(), Failure> {
        let text = serde_json::to_string(line).map_err(std::io::Error::from)? + "\n";
        let written = self.file.write_all(text.as_bytes());
        let written = if sync { written.and_then(|()| self.file.sync_data()) } else { written };
        written.map_err(|error| failed("write", &self.path, &error))
    }
}

/// What the file at `path` says, if it is there; `what` is what it should be.
pub fn read<T: DeserializeOwned>(path: &Path, what: &str) -> Result<Option<Read<T>>, Failure> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed("read", path, &error)),
        Ok(_) => {}
    }
    let mut read = Read { lines: Vec::new(), whole_bytes: 0 };
    for line in bytes.split_inclusive(|byte| *byte == b'\n').filter(|line| line.ends_with(b"\n")) {
        let Ok(said) = serde_json::from_slice(line) else { return Err(is_not(path, what, read.whole_bytes)) };
        read.lines.push((read.whole_bytes, said));
        read.whole_bytes += line.len() as u64;
    }
    Ok(Some(read))
}

/// The file is not what it should be, as its line at this byte shows.
pub fn is_not(path: &Path, what: &str, at: u64) -> Failure {
    Failure::Usage(format!("{} is not {what}: see its byte {at}", path.display()))
}

fn failed(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot {what} {}: {error}", path.display()))
}
