//! `kvsim`: run, replay and check simulations of replicated key-value stores.
//!
//! Results go to standard output, progress and errors to standard error. Exit codes: [`exit`].

mod append_log;
mod args;
mod charts;
mod commands;
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
mod scenario;
mod self_reports;
mod sweep;
mod text;

use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use commands::Args;
use exit::{Failure, INTERNAL};
use output::{PLAIN, RED};

fn main() -> ExitCode {
    panics::keep_panics_quiet();
    let parsed = Args::command().try_get_matches();
    let (args, wants_json) = match parsed.and_then(|given| Ok((Args::from_arg_matches(&given)?, wants_json(&given)))) {
        Ok(parsed) => parsed,
        Err(error) => {
            // Help and version are no errors; a pipe that was closed early is none either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::HOLDS });
        }
    };
    memory::limit(args.memory);
    match std::panic::catch_unwind(|| args.command.execute()) {
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
