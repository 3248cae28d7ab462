//! `kvsim schema`, `kvsim completions`, `kvsim man`: what other programs want to know about this one.

use clap::CommandFactory as _;

use crate::args::Args;
use crate::exit::{self, Failure};
use crate::scenario;

/// The JSON Schema of scenario files.
pub fn schema() -> Result<u8, Failure> {
    super::print_json(&scenario::schema())?;
    Ok(exit::HOLDS)
}

/// A completion script.
pub fn completions(shell: clap_complete::Shell) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Args::command(), "kvsim", &mut script);
    super::print(&String::from_utf8_lossy(&script))?;
    Ok(exit::HOLDS)
}

/// The manual page, with a section for each subcommand.
pub fn man() -> Result<u8, Failure> {
    let mut page = Vec::new();
    let command = Args::command();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for subcommand in command.get_subcommands() {
        let name = format!("kvsim {}", subcommand.get_name());
        clap_mangen::Man::new(subcommand.clone().bin_name(name)).render(&mut page)?;
    }
    super::print(&String::from_utf8_lossy(&page))?;
    Ok(exit::HOLDS)
}
