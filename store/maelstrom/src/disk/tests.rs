//! A log in which something goes wrong, byte by byte.

use std::path::Path;

use super::*;

fn open(path: &Path, node: &str) -> io::Result<(Folder, Vec<String>)> {
    let mut folder = Folder::new(path.to_path_buf());
    let records = folder.open(node)?;
    Ok((folder, records))
}

/// A folder of its own, and the log in it with these records.
fn written(name: &str, records: &[&str]) -> (PathBuf, PathBuf, Vec<u8>) {
    let path = std::env::temp_dir().join(format!("kvsim-maelstrom-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let (mut folder, before) = open(&path, "n1").expect("it can be made");
    assert!(before.is_empty());
    for record in records {
        folder.append(&[(*record).to_owned()]).expect("there is room");
    }
    let file = path.join("n1.log");
    let bytes = std::fs::read(&file).expect("it is there");
    (path, file, bytes)
}

const RECORDS: [&str; 4] = ["{\"one\":1}", "{\"two\":\"\u{f6}\"}", "{}", "{\"four\":4}"];

#[test]
fn wherever_the_log_ends_what_was_whole_is_there() {
    let (path, file, bytes) = written("torn", &RECORDS);
    for end in 0..=bytes.len() {
        std::fs::write(&file, &bytes[..end]).expect("there is room");
        let whole = bytes[..end].iter().filter(|byte| **byte == b'\n').count().saturating_sub(1);
        let (mut folder, records) = open(&path, "n1").expect("a torn end is cut off");
        assert_eq!(records, RECORDS[..whole], "cut off after {end} bytes");
        folder.append(&["new".to_owned()]).expect("there is room");
        drop(folder);
        let (_, records) = open(&path, "n1").expect("it can be read");
        assert_eq!(records.last().map(String::as_str), Some("new"));
        assert_eq!(records.len(), whole + 1);
    }
    std::fs::remove_dir_all(path).expect("it was made here");
}

#[test]
fn every_changed_byte_is_told() {
    let (path, file, bytes) = written("flipped", &RECORDS);
    for place in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[place] ^= 1 << bit;
            std::fs::write(&file, &changed).expect("there is room");
            assert!(open(&path, "n1").is_err(), "bit {bit} of byte {place}");
            assert_eq!(std::fs::read(&file).expect("it is there"), changed, "what is refused stays as it is");
        }
    }
    std::fs::remove_dir_all(path).expect("it was made here");
}

#[test]
fn records_that_are_missing_or_elsewhere_are_told() {
    let (path, file, bytes) = written("missing", &RECORDS);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for place in 0..lines.len() - 1 {
        let mut others = lines.clone();
        others.remove(place);
        std::fs::write(&file, others.concat()).expect("there is room");
        assert!(open(&path, "n1").is_err(), "without line {place}");
        let mut others = lines.clone();
        others.swap(place, place + 1);
        std::fs::write(&file, others.concat()).expect("there is room");
        assert!(open(&path, "n1").is_err(), "line {place} is the next one");
        let mut others = lines.clone();
        others.insert(place, lines[place]);
        std::fs::write(&file, others.concat()).expect("there is room");
        assert!(open(&path, "n1").is_err(), "line {place} stands there twice");
    }
    // Those of an earlier version are not left aside.
    std::fs::write(path.join("n3.jsonl"), b"{}\n").expect("there is room");
    assert!(open(&path, "n3").is_err());
    // Those of another node are not this one's.
    std::fs::write(path.join("n2.log"), &bytes).expect("there is room");
    assert!(open(&path, "n2").is_err());
    std::fs::remove_dir_all(path).expect("it was made here");
}

#[test]
fn one_process_has_a_log() {
    let (path, ..) = written("locked", &RECORDS);
    let first = open(&path, "n1").expect("nobody has it");
    let problem = open(&path, "n1").err().expect("it is taken").to_string();
    assert!(problem.contains("another process"), "{problem}");
    drop(first);
    assert_eq!(open(&path, "n1").expect("nobody has it").1, RECORDS);
    std::fs::remove_dir_all(path).expect("it was made here");
}
