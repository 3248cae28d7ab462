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

/// Why a recording cannot be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The input itself failed, or is no UTF-8 text.
    #[error("line {line} cannot be read: {source}")]
    Io {
        /// Number of the line, from 1.
        line: u64,
        /// What the input says.
        source: io::Error,
    },
    /// There is no first line.
    #[error("the recording is empty; its first line should be {{\"kvsim-trace\": 1, \"header\": {{...}}}}")]
    Empty,
    /// The first line is something else.
    #[error(
        "line 1, column {column}: {problem}; expected the head of a recording, \
         {{\"kvsim-trace\": 1, \"header\": {{...}}}}"
    )]
    Head {
        /// Where in the line, from 1; 0 when it concerns the whole line.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// Another version of the format.
    #[error("line 1: the recording has version {found} of the format; expected version {VERSION}")]
    Version {
        /// Its version.
        found: u64,
    },
    /// A line that is no event.
    #[error(
        "line {line}, column {column}: {problem}; expected an event, for instance \
         {{\"n\": 7, \"at\": 3901000000, \"cause\": 6, \"node\": 0, \"known\": {{\"write\": [0, 1, 17]}}}}"
    )]
    Event {
        /// Number of the line, from 1.
        line: u64,
        /// Where in the line, from 1; 0 when it concerns the whole line.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// The header contradicts itself, or an event does not fit to the header or the events before.
    #[error("line {line}: {problem}")]
    Invalid {
        /// Number of the line, from 1.
        line: u64,
        /// What does not fit.
        problem: Invalid,
    },
}

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
        return Err(ReadError::Empty);
    }
    let VersionOnly { version } = serde_json::from_str(&text).map_err(head_error)?;
    if version != VERSION {
        return Err(ReadError::Version { found: version });
    }
    let Head { header, .. } = serde_json::from_str(&text).map_err(head_error)?;

    let mut events = Vec::new();
    let mut rules = Rules::new(&header).map_err(|problem| ReadError::Invalid { line, problem })?;
    line += 1;
    while next_line(&mut input, &mut text, line)? {
        let event: Event = serde_json::from_str(&text).map_err(|error| {
            let (column, problem) = taken_apart(&error);
            ReadError::Event { line, column, problem }
        })?;
        rules.event(&event).map_err(|problem| ReadError::Invalid { line, problem })?;
        events.push(event);
        line += 1;
    }
    Ok(Recording { header, events })
}

/// False at the end of the input. The end of the line is left out, or errors would be found in the next one.
fn next_line(input: &mut impl BufRead, text: &mut String, line: u64) -> Result<bool, ReadError> {
    text.clear();
    let bytes = input.read_line(text).map_err(|source| ReadError::Io { line, source })?;
    text.truncate(text.trim_end_matches(['\r', '\n']).len());
    Ok(bytes > 0)
}

fn head_error(error: serde_json::Error) -> ReadError {
    let (column, problem) = taken_apart(&error);
    ReadError::Head { column, problem }
}

/// The column and the message alone: to serde_json every text of ours is line 1.
fn taken_apart(error: &serde_json::Error) -> (usize, String) {
    let text = error.to_string();
    let message = text.rsplit_once(" at line ").map_or(text.as_str(), |(message, _)| message);
    (error.column(), message.to_owned())
}
