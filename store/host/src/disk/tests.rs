//! A log in which something goes wrong, byte by byte.

use super::*;

const FORM: &str = "kvsim test records 1";

fn open(path: &Path, node: &str) -> io::Result<(Folder, Vec<Vec<u8>>)> {
    let mut folder = Folder::new(path.to_path_buf(), FORM);
    let records = folder.open(node)?;
    Ok((folder, records))
}

/// A folder of its own, and the log in it with these records.
fn written(name: &str, records: &[&str]) -> (PathBuf, PathBuf, Vec<u8>) {
    let path = std::env::temp_dir().join(format!("kvsim-host-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&path);
    let (mut folder, before) = open(&path, "n1").expect("it can be made");
    assert!(before.is_empty());
    for record in records {
        folder.append(&[record.as_bytes().to_vec()]).expect("there is room");
    }
    let file = path.join("n1.records");
    let bytes = std::fs::read(&file).expect("it is there");
    (path, file, bytes)
}

const RECORDS: [&str; 4] = ["{\"one\":1}", "{\"two\":\"\u{f6}\"}", "", "{\"four\":4}\n"];

/// Where each record ends in the file, the one with the form included.
fn ends() -> Vec<usize> {
    let lengths = [FORM].into_iter().chain(RECORDS).map(|record| HEADER + record.len() + SUM);
    lengths.scan(0, |end, length| Some(std::mem::replace(end, *end + length) + length)).collect()
}

#[test]
fn wherever_the_log_ends_what_was_whole_is_there() {
    let (path, file, bytes) = written("torn", &RECORDS);
    assert_eq!(ends().last(), Some(&bytes.len()));
    for end in 0..=bytes.len() {
        // A system may have made the file longer without writing to it.
        for zeros in [0, 1, 100] {
            std::fs::write(&file, [&bytes[..end], &vec![0; zeros]].concat()).expect("there is room");
            let whole = ends().iter().filter(|whole| **whole <= end).count();
            if zeros > 0 && whole > 0 && ends()[whole - 1] != end {
                continue; // zeros within a record are bytes that were changed
            }
            let whole = whole.saturating_sub(1);
            let Ok((mut folder, records)) = open(&path, "n1") else {
                assert!(zeros > 0 && end < ends()[0] && end > 0, "cut off after {end} bytes, and {zeros} zeros");
                continue;
            };
            assert!(records.iter().eq(RECORDS[..whole].iter().map(|record| record.as_bytes())), "cut after {end}");
            folder.append(&[b"new".to_vec()]).expect("there is room");
            drop(folder);
            let (_, records) = open(&path, "n1").expect("it can be read");
            assert_eq!(records.last().map(Vec::as_slice), Some(&b"new"[..]));
            assert_eq!(records.len(), whole + 1);
        }
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
    let ends = ends();
    let frames: Vec<&[u8]> = [0].iter().chain(&ends).zip(&ends).map(|(begin, end)| &bytes[*begin..*end]).collect();
    for place in 0..frames.len() - 1 {
        let mut others = frames.clone();
        others.remove(place);
        std::fs::write(&file, others.concat()).expect("there is room");
        assert!(open(&path, "n1").is_err(), "without record {place}");
        let mut others = frames.clone();
        others.swap(place, place + 1);
        std::fs::write(&file, others.concat()).expect("there is room");
        assert!(open(&path, "n1").is_err(), "record {place} is the next one");
        let mut others = frames.clone();
        others.insert(place, frames[place]);
        std::fs::write(&file, others.concat()).expect("there is room");
        assert!(open(&path, "n1").is_err(), "record {place} stands there twice");
    }
    // Those of an earlier version are not left aside, and those of another form or node are not this one's.
    for (name, content) in [("n3.jsonl", &b"{}\n"[..]), ("n4.log", b"0 x\n"), ("n2.records", &bytes)] {
        std::fs::write(path.join(name), content).expect("there is room");
        assert!(open(&path, &name[..2]).is_err(), "{name}");
    }
    std::fs::write(&file, &bytes).expect("there is room");
    assert!(Folder::new(path.clone(), "other records").open("n1").is_err());
    assert!(open(&path, "n1").is_ok());
    for name in ["", "../n1", "n 1", "n1/x"] {
        assert_eq!(open(&path, name).err().map(|problem| problem.kind()), Some(io::ErrorKind::InvalidInput), "{name}");
    }
    std::fs::remove_dir_all(path).expect("it was made here");
}

#[test]
fn one_process_has_a_log() {
    let (path, ..) = written("locked", &RECORDS);
    let first = open(&path, "n1").expect("nobody has it");
    let problem = open(&path, "n1").err().expect("it is taken").to_string();
    assert!(problem.contains("another process"), "{problem}");
    drop(first);
    assert_eq!(open(&path, "n1").expect("nobody has it").1.len(), RECORDS.len());
    std::fs::remove_dir_all(path).expect("it was made here");
}
