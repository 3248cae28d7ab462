//! `kvsim schema`, `kvsim completions`, `kvsim man`: what other programs want to know about this one.

use clap::Command;
use kvsim_sim::stores::Stores;

use crate::exit::{self, Failure};
use crate::output::{print, print_json};
use crate::scenario;

/// Print a completion script for a shell
#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    /// For which shell
    shell: clap_complete::Shell,
}

pub fn schema(stores: Stores) -> Result<u8, Failure> {
    print_json(&scenario::schema(stores, None))?;
    Ok(exit::HOLDS)
}

pub fn completions(args: &CompletionsArgs, mut command: Command) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "kvsim", &mut script);
    if args.shell == clap_complete::Shell::Fish {
        script.extend_from_slice(positional_values(&command).as_bytes());
    }
    print(&String::from_utf8_lossy(&script))?;
    Ok(exit::HOLDS)
}

/// The values of arguments without a flag, which clap_complete leaves out for fish.
fn positional_values(command: &Command) -> String {
    let mut lines = String::new();
    for subcommand in command.get_subcommands() {
        for value in subcommand.get_positionals().flat_map(clap::Arg::get_possible_values) {
            let (name, value) = (subcommand.get_name(), value.get_name());
            lines.push_str(&format!("complete -c kvsim -n \"__fish_kvsim_using_subcommand {name}\" -f -a {value}\n"));
        }
    }
    lines
}

/// The manual page, with a section for each subcommand.
pub fn man(command: &Command) -> Result<u8, Failure> {
    let mut page = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands() {
        let name = format!("kvsim {}", subcommand.get_name());
        clap_mangen::Man::new(subcommand.clone().bin_name(name)).render(&mut page)?;
    }
    print(&String::from_utf8_lossy(&page))?;
    Ok(exit::HOLDS)
}
