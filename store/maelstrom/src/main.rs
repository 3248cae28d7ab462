//! kvsim-maelstrom: the NDC store as a node of Maelstrom.
//!
//! Here are clock, threads and I/O; [`node`] and what it uses see lines and time only.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // a real node lives in real time

mod args;
mod clients;
mod json;
mod node;
mod protocol;
mod service;
#[cfg(test)]
mod tests;

use std::io::{self, BufRead, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;

use args::Args;
use kvsim_host::disk::{Disk, Folder};
use node::{Lines, Node};

/// Lines that wait for the node before the reader of standard input waits, too.
const WAITING_LINES: usize = 1_024;

/// Exit code of a node whose replica has a bug.
const BUG: u8 = 101;

fn main() -> ExitCode {
    let args = Args::parse();
    let disk = args.data_dir.clone().map(|path| Box::new(Folder::new(path, json::FORM)) as Box<dyn Disk>);
    let mut node = Node::new(args, disk);
    let (sender, lines) = sync_channel(WAITING_LINES);
    thread::spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match input.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return,
                Ok(_) if sender.send(line).is_err() => return,
                Ok(_) => {}
            }
        }
    });
    let ended = catch_unwind(AssertUnwindSafe(|| live(&mut node, &lines)));
    let (code, why) = match ended {
        Ok(Ok(())) => return ExitCode::SUCCESS,
        Ok(Err(End::Output(problem))) => {
            drop(writeln!(io::stderr(), "kvsim-maelstrom: messages cannot be written: {problem}"));
            return ExitCode::FAILURE;
        }
        Ok(Err(End::Disk(problem))) => {
            let why = format!("the disk takes no more records ({problem}), and the node stops");
            drop(writeln!(io::stderr(), "kvsim-maelstrom: {why}"));
            (ExitCode::FAILURE, why)
        }
        Err(_) => (ExitCode::from(BUG), "the node has a bug and stops".to_owned()),
    };
    let mut last = Lines::default();
    node.crash(&why, &mut last);
    // Nothing more can be done if that fails, too.
    drop(write(&mut last));
    code
}

/// Why a node cannot go on.
enum End {
    Output(io::Error),
    Disk(String),
}

/// Takes lines, and does what is due, until the input ends.
fn live(node: &mut Node, lines: &Receiver<Vec<u8>>) -> Result<(), End> {
    let begin = Instant::now();
    let now_ns = || u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut out = Lines::default();
    loop {
        let due_ns = node.next_ns().unwrap_or(u64::MAX);
        match lines.recv_timeout(Duration::from_nanos(due_ns.saturating_sub(now_ns()))) {
            Ok(line) => node.take(&line, now_ns(), &mut out),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        node.wake(now_ns(), &mut out);
        write(&mut out).map_err(End::Output)?;
        if let Some(problem) = node.disk_problem() {
            return Err(End::Disk(problem.to_owned()));
        }
    }
}

/// Writes what is to be written.
fn write(lines: &mut Lines) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for message in lines.messages.drain(..) {
        out.write_all(message.as_bytes())?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    let mut log = io::stderr().lock();
    for line in lines.log.drain(..) {
        // Without a listener the node still works.
        drop(writeln!(log, "{line}"));
    }
    Ok(())
}
