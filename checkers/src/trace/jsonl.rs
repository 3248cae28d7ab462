//! Recordings as JSON Lines: one object per line, so that `grep` and `jq` can read them, too.
//!
//! The first line is `{"kvsim-trace": 1, "header": {...}}`, each further line one event, for instance
//! `{"n":7,"at":3901000000,"cause":6,"node":0,"known":{"write":[0,1,17]}}`.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::valid::{Invalid, Rules};
use super::{Event, Header, Recording};

/// The version that is written, and the only one that is read.
pub const VERSION: u64 = 1;

/// Why a recording cannot be read: the line, what is wrong about it, and what was expected.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ReadError(String);

const HEAD: &str = "{\"kvsim-trace\": 1, \"header\": {...}}";
const EVENT: &str = r#"{"n": 7, "at": 3901000000, "cause": 6, "node": 0, "known": {"write": [0, 1, 17]}}"#;

/// Only the version, whatever else the line holds: another version may have another header.
#[derive(Deserialize)]
struct VersionOnly {
    #[serde(rename = "kvsim-trace")]
    version: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    #[serde(rename = "kvsim-trace")]
    _version: u64,
    header: Header,
}

#[derive(Serialize)]
struct HeadRef<'a> {
    #[serde(rename = "kvsim-trace")]
    version: u64,
    header: &'a Header,
}

/// Writes the first line.
///
/// # Errors
/// When `out` fails.
pub fn write_header(out: &mut impl Write, header: &Header) -> io::Result<()> {
    write_line(out, &HeadRef { version: VERSION, header })
}

/// Writes the line of one event. Give `out` a buffer: a line is written in many small pieces.
///
/// # Errors
/// When `out` fails.
pub fn write_event(out: &mut impl Write, event: &Event) -> io::Result<()> {
    write_line(out, event)
}

fn write_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// Reads a whole recording. What it returns is [valid](Recording::validate).
///
/// # Errors
/// The first line that is wrong, what is wrong about it and what was expected.
pub fn read(mut input: impl BufRead) -> Result<Recording, ReadError> {
    let mut text = String::new();
    let mut line = 1;
    if !next_line(&mut input, &mut text, line)? {
        return Err(ReadError(format!("the recording is empty; its first line should be {HEAD}")));
    }
    let no_head = |error| taken_apart(1, &error, &format!("the head of a recording, {HEAD}"));
    let VersionOnly { version } = serde_json::from_str(&text).map_err(no_head)?;
    if version != VERSION {
        let why = format!("the recording has version {version} of the format; expected version {VERSION}");
        return Err(ReadError(format!("line 1: {why}")));
    }
    let Head { header, .. } = serde_json::from_str(&text).map_err(no_head)?;

    let mut events = Vec::new();
    let invalid = |line: u64, why: Invalid| ReadError(format!("line {line}: {why}"));
    let mut rules = Rules::new(&header).map_err(|why| invalid(line, why))?;
    line += 1;
    while next_line(&mut input, &mut text, line)? {
        let no_event = |error| taken_apart(line, &error, &format!("an event, for instance {EVENT}"));
        let event: Event = serde_json::from_str(&text).map_err(no_event)?;
        rules.event(&event).map_err(|why| invalid(line, why))?;
        events.push(event);
        line += 1;
    }
    Ok(Recording { header, events })
}

/// False at the end of the input. The end of the line is left out, or errors would be found in the next one.
fn next_line(input: &mut impl BufRead, text: &mut String, line: u64) -> Result<bool, ReadError> {
    text.clear();
    let bytes = input.read_line(text).map_err(|why| ReadError(format!("line {line} cannot be read: {why}")))?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(bytes > 0)
}

/// The column and the message alone: to serde_json every text of ours is line 1.
fn taken_apart(line: u64, error: &serde_json::Error, expected: &str) -> ReadError {
    let text = error.to_string();
    let problem = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    ReadError(format!("line {line}, column {}: {problem}; expected {expected}", error.column()))
}
