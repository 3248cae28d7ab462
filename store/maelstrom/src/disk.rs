//! Where a node keeps its records: a file of JSON lines, which only grows.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::PathBuf;

/// What outlives a process. One node at a time uses it.
pub trait Disk {
    /// The records of the node with this name, oldest first. Those that are appended from now on follow them.
    ///
    /// # Errors
    /// When they cannot be read.
    fn open(&mut self, node: &str) -> io::Result<Vec<String>>;

    /// Appends records, lines each; they are durable when this returns.
    ///
    /// # Errors
    /// When they are not.
    fn append(&mut self, records: &[String]) -> io::Result<()>;
}

/// A folder with a file per node.
pub struct Folder {
    path: PathBuf,
    file: Option<File>,
}

impl Folder {
    /// The one at `path`, made when it is needed.
    pub fn new(path: PathBuf) -> Folder {
        Folder { path, file: None }
    }
}

impl Disk for Folder {
    fn open(&mut self, node: &str) -> io::Result<Vec<String>> {
        std::fs::create_dir_all(&self.path)?;
        let path = self.path.join(format!("{node}.jsonl"));
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let (mut records, mut whole_bytes) = (Vec::new(), 0);
        let mut reader = BufReader::new(&file);
        loop {
            let mut line = Vec::new();
            reader.read_until(b'\n', &mut line)?;
            // What a crash has cut off in the middle was never called durable.
            if !line.ends_with(b"\n") {
                break;
            }
            whole_bytes += line.len() as u64;
            records.push(String::from_utf8(line).map_err(|_| io::Error::other("a record is no text"))?);
        }
        file.set_len(whole_bytes)?;
        file.seek(SeekFrom::End(0))?;
        file.sync_all()?;
        // The file's name is durable when its folder is.
        File::open(&self.path)?.sync_all()?;
        self.file = Some(file);
        Ok(records)
    }

    fn append(&mut self, records: &[String]) -> io::Result<()> {
        let file = self.file.as_mut().ok_or_else(|| io::Error::other("the disk has not been opened"))?;
        let text: String = records.iter().flat_map(|record| [record.as_str(), "\n"]).collect();
        file.write_all(text.as_bytes())?;
        file.sync_data()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_appended_is_there_again_and_a_torn_record_is_not() {
        let path = std::env::temp_dir().join(format!("kvsim-maelstrom-{}", std::process::id()));
        let open = |node: &str| {
            let mut folder = Folder::new(path.clone());
            let records = folder.open(node).expect("it can be read");
            (folder, records)
        };
        let (mut folder, records) = open("n1");
        assert!(records.is_empty());
        folder.append(&["one".to_owned(), "two".to_owned()]).expect("there is room");
        drop(folder);
        let file = path.join("n1.jsonl");
        let mut torn = OpenOptions::new().append(true).open(file).expect("it is there");
        torn.write_all("{\"ö".as_bytes().split_last().expect("it is not empty").1).expect("there is room");
        let (mut folder, records) = open("n1");
        assert_eq!(records, ["one\n", "two\n"]);
        folder.append(&["three".to_owned()]).expect("there is room");
        assert_eq!(open("n1").1, ["one\n", "two\n", "three\n"]);
        assert!(open("n2").1.is_empty());
        std::fs::remove_dir_all(path).expect("it was made here");
    }
}
