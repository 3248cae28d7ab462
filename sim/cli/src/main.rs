//! `kvsim`: run, replay and check simulations of replicated key-value stores.
//!
//! Results go to standard output, progress and errors to standard error. Exit codes: [`exit`].

mod args;
mod charts;
mod commands;
mod crew;
mod diagram;
mod exit;
mod filter;
mod folder;
mod hunt;
mod judge;
mod lines;
mod load;
mod notes;
mod progress;
mod recorder;
mod report;
mod scenario;
mod sweep;
mod text;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};
use exit::{Failure, INTERNAL};

fn main() -> ExitCode {
    judge::keep_panics_quiet();
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version are no errors; a pipe that was closed early is none either.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::HOLDS });
        }
    };
    let result = std::panic::catch_unwind(|| match &args.command {
        Command::Run(run) => commands::run(run),
        Command::Replay(replay) => commands::replay(replay),
        Command::Hunt(hunt) => commands::hunt(hunt),
        Command::Shrink(shrink) => commands::shrink(shrink),
        Command::Explain(explain) => commands::explain(explain),
        Command::Trace(trace) => commands::trace(trace),
        Command::Sweep(sweep) => commands::sweep(sweep),
        Command::Plot(plot) => commands::plot(plot),
        Command::Report(report) => commands::report(report),
        Command::Check(check) => commands::check(check),
        Command::List(list) => commands::list(list),
        Command::Schema => commands::schema(),
        Command::Completions { shell } => commands::completions(*shell),
        Command::Man => commands::man(),
    });
    match result {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(failure)) => {
            failure.print(args.command.wants_json());
            ExitCode::from(failure.code())
        }
        Err(_) => {
            eprintln!("kvsim: this is a bug of kvsim itself, please report it with the command line");
            eprintln!("{}", judge::last_panic());
            ExitCode::from(INTERNAL)
        }
    }
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
            // Whoever closed standard output does not want to know.
            let _ = commands::print_json(&serde_json::json!({ "schema": 1, "mistakes": mistakes }));
            return;
        }
        match self {
            Failure::Scenario(mistakes) => anstream::eprint!("{}", mistakes.render(true)),
            Failure::Usage(message) => anstream::eprintln!("{}error{}: {message}", exit::RED, exit::PLAIN),
            Failure::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Failure::Output(error) => {
                anstream::eprintln!("{}error{}: the result cannot be written: {error}", exit::RED, exit::PLAIN);
            }
        }
    }
}
