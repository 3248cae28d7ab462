//! `kvsim schema`, `kvsim completions`, `kvsim man`: what other programs want to know about this one.

use std::path::PathBuf;

use clap::{Command, ValueEnum};
use kvsim_sim::stores::Stores;

use crate::exit::{self, Failure};
use crate::folder;
use crate::output::{print, print_json};
use crate::scenario::{self, reference};
use crate::text::program;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// For which shell
    shell: clap_complete::Shell,
}

/// Print what a scenario file can have: as JSON Schema for editors, or as a page for people
#[derive(Debug, clap::Args)]
pub struct SchemaArgs {
    /// How to print it
    #[arg(long, value_enum, default_value_t = SchemaForm::Json)]
    format: SchemaForm,
}

/// For whom the format of scenarios is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SchemaForm {
    /// JSON Schema
    Json,
    /// Markdown
    Md,
}

pub fn schema(args: &SchemaArgs, stores: Stores) -> Result<u8, Failure> {
    let schema = scenario::schema(stores, None);
    match args.format {
        SchemaForm::Json => print_json(&schema)?,
        SchemaForm::Md => print(&reference::page(&schema))?,
    }
    Ok(exit::HOLDS)
}

pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, program(), &mut script);
    if args.shell == clap_complete::Shell::Fish {
        script.extend_from_slice(positional_values(&command).as_bytes());
    }
    print(&String::from_utf8_lossy(&script))?;
    Ok(exit::HOLDS)
}

/// The values of arguments without a flag, which clap_complete leaves out for fish.
fn positional_values(command: &Command) -> String {
    let mut lines = String::new();
    let kvsim = program();
    let function = kvsim.replace('-', "_"); // as clap_complete names it
    for subcommand in command.get_subcommands() {
        for value in subcommand.get_positionals().flat_map(clap::Arg::get_possible_values) {
            let (name, value) = (subcommand.get_name(), value.get_name());
            lines.push_str(&format!(
                "complete -c {kvsim} -n \"__fish_{function}_using_subcommand {name}\" -f -a {value}\n"
            ));
        }
    }
    lines
}

/// Print the manual page (roff), or write one for each subcommand
#[derive(Debug, clap::Args)]
pub struct ManArgs {
    /// The folder of kvsim.1, kvsim-run.1 and so on
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// The manual page with a section for each subcommand, or a page for each.
pub fn man(args: &ManArgs, command: Command) -> Result<u8, Failure> {
    if let Some(out) = &args.out {
        folder::make(out)?;
        clap_mangen::generate_to(command, out)?;
        return Ok(exit::HOLDS);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands() {
        let name = format!("{} {}", program(), subcommand.get_name());
        clap_mangen::Man::new(subcommand.clone().bin_name(name)).render(&mut page)?;
    }
    print(&String::from_utf8_lossy(&page))?;
    Ok(exit::HOLDS)
}
