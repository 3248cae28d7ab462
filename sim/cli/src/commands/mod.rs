//! What the command can do: a file for each subcommand, with its arguments and what it does.

mod check;
mod clean;
mod cluster;
mod examples;
mod explain;
mod export;
mod generate;
mod hunt;
mod list;
mod merge;
mod new;
mod plot;
mod replay;
mod report;
mod run;
mod shell;
mod shrink;
mod sweep;
mod test;
mod trace;

use clap::builder::PossibleValuesParser;
use clap::{CommandFactory as _, Parser, Subcommand};
use kvsim_sim::stores::Stores;

use crate::args::size;
use crate::exit::{self, Failure};
use crate::scenario::Names;
use crate::text;

/// Run, replay and check simulations of replicated key-value stores.
#[derive(Debug, Parser)]
#[command(name = "kvsim", version, arg_required_else_help = true, after_help = exit::TABLE)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Refuse runs that may take more memory than this, each
    #[arg(long, global = true, value_name = "SIZE", value_parser = size, default_value = "4GB")]
    pub memory: u64,
}

/// The command where these are the stores.
pub fn program(stores: Stores) -> clap::Command {
    let own = match text::program() {
        "kvsim" => Args::command(),
        own => Args::command().name(own).version(concat!("(kvsim ", env!("CARGO_PKG_VERSION"), ")")),
    };
    own.mut_subcommands(|subcommand| {
        let takes_store = subcommand.get_arguments().any(|arg| arg.get_id() == "store");
        let known = || PossibleValuesParser::new(stores.names());
        let subcommand =
            if takes_store { subcommand.mut_arg("store", |arg| arg.value_parser(known())) } else { subcommand };
        let codes = subcommand.get_after_help().map(ToString::to_string).unwrap_or_default();
        match examples::section(text::program(), subcommand.get_name()) {
            Some(examples) => subcommand.after_help(examples + &codes),
            None => subcommand,
        }
    })
}

/// What to do; the arguments of a subcommand say what it is for.
#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::RunArgs),
    Replay(replay::ReplayArgs),
    Hunt(hunt::HuntArgs),
    Shrink(shrink::ShrinkArgs),
    Explain(explain::ExplainArgs),
    Trace(trace::TraceArgs),
    Shell(shell::ShellArgs),
    Sweep(sweep::SweepArgs),
    Merge(merge::MergeArgs),
    Test(test::TestArgs),
    Plot(plot::PlotArgs),
    Export(export::ExportArgs),
    Report(report::ReportArgs),
    Check(check::CheckArgs),
    List(list::ListArgs),
    Clean(clean::CleanArgs),
    Cluster(cluster::ClusterArgs),
    Schema(generate::SchemaArgs),
    New(new::NewArgs),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

impl Command {
    /// Does it; returns the exit code.
    pub fn execute(&self, names: &Names) -> Result<u8, Failure> {
        match self {
            Command::Run(args) => run::run(args, names),
            Command::Replay(args) => replay::replay(args, names),
            Command::Hunt(args) => hunt::hunt(args, names),
            Command::Shrink(args) => shrink::shrink(args, names),
            Command::Explain(args) => explain::explain(args, names),
            Command::Trace(args) => trace::trace(args, names),
            Command::Shell(args) => shell::shell(args, names),
            Command::Sweep(args) => sweep::sweep(args, names),
            Command::Merge(args) => merge::merge(args, names),
            Command::Test(args) => test::test(args, names),
            Command::Plot(args) => plot::plot(args, names),
            Command::Export(args) => export::export(args, names),
            Command::Report(args) => report::report(args, names),
            Command::Check(args) => check::check(args),
            Command::List(args) => list::list(args, names),
            Command::New(args) => new::new(args, names),
            Command::Clean(args) => clean::clean(args),
            Command::Cluster(args) => cluster::cluster(args, names),
            Command::Schema(args) => generate::schema(args, names.stores),
            Command::Completions(args) => generate::completions(args, program(names.stores)),
            Command::Man(args) => generate::man(args, program(names.stores)),
        }
    }
}
