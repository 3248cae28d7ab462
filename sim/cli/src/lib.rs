//! The command `kvsim`: run, replay and check simulations of replicated key-value stores, as a library, so that a program
//! has all of it with stores of its own:
//!
//! ```no_run
//! # use kvsim::store::{lww::Lww as MyStore};
//! fn main() -> std::process::ExitCode {
//!     kvsim::main_with(&[kvsim::StoreEntry::of::<MyStore>("mine", "what it is, in a line")])
//! }
//! ```
//!
//! `kvsim new store NAME` writes such a program; docs/own-store.md says what a store has to do. The stores that come with kvsim
//! are `BUILT_IN`, for a program that has them beside its own: `[&[mine], kvsim::BUILT_IN.list()].concat()`.
//!
//! Results go to standard output, progress and errors to standard error; the exit codes stand below each `--help`.

mod append_log;
mod args;
mod charts;
mod commands;
mod data;
mod diagram;
mod draw;
mod exit;
mod filter;
mod folder;
mod hunt;
mod interrupt;
mod journal;
mod judge;
mod load;
mod memory;
#[cfg(test)]
mod mutants;
mod output;
mod panics;
mod pool;
mod progress;
mod recorder;
mod report;
mod results;
mod scenario;
mod self_reports;
mod shard;
mod shell;
mod sweep;
mod text;
#[cfg(any(test, fuzzing))]
pub mod untrusted;

use std::process::ExitCode;

use clap::{ArgMatches, FromArgMatches as _};
use kvsim_sim::stores::Stores;

pub use kvsim_sim::stores::{BUILT_IN, StoreEntry};
pub use kvsim_store as store;

use commands::Args;
use exit::{Failure, INTERNAL};
use output::{PLAIN, RED};

/// The whole command, as the arguments of the process say, with these stores: the first runs where a scenario names none.
///
/// # Panics
/// When there is no store, or when two have the same name.
pub fn main_with(stores: &[StoreEntry]) -> ExitCode {
    let stores = Stores::new(stores);
    text::called(std::env::args_os().next());
    panics::keep_panics_quiet();
    let parsed = commands::program(stores).try_get_matches();
    let (args, wants_json) = match parsed.and_then(|given| Ok((Args::from_arg_matches(&given)?, wants_json(&given)))) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors; a pipe that was closed early is none either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::HOLDS });
        }
    };
    memory::limit(args.memory);
    match std::panic::catch_unwind(|| args.command.execute(&load::names(stores))) {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(failure)) => {
            failure.print(wants_json);
            ExitCode::from(failure.code())
        }
        Err(_) => {
            let what = "this is a bug of kvsim itself, please report it with the command line";
            output::complain(&format!("kvsim: {what}\n{}\n", panics::last_panic()));
            ExitCode::from(INTERNAL)
        }
    }
}

/// The result is for a program, whatever the subcommand.
fn wants_json(given: &ArgMatches) -> bool {
    let format = given.subcommand().and_then(|(_, args)| args.try_get_raw("format").ok().flatten());
    format.is_some_and(|mut format| format.any(|value| value == "json"))
}

impl Failure {
    /// Says on standard error what is wrong, in colour where that is wanted; for programs, on standard output.
    fn print(&self, json: bool) {
        if json {
            let mistakes = match self {
                Failure::Scenario(mistakes) => serde_json::json!(mistakes),
                Failure::Usage(message) => serde_json::json!([{ "message": message }]),
                Failure::Output(_) => return,
            };
            // Where standard output is closed there is no place left to say so.
            let _ = output::print_json(&serde_json::json!({ "schema": 1, "mistakes": mistakes }));
            return;
        }
        match self {
            Failure::Scenario(mistakes) => anstream::eprint!("{}", mistakes.render(true)),
            Failure::Usage(message) => output::complain(&format!("{RED}error{PLAIN}: {message}\n")),
            Failure::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Failure::Output(error) => {
                output::complain(&format!("{RED}error{PLAIN}: the result cannot be written: {error}\n"));
            }
        }
    }
}
