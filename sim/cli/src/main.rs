//! The command `kvsim`, with the stores that come with it.

use std::process::ExitCode;

fn main() -> ExitCode {
    kvsim::main_with(kvsim::BUILT_IN.list())
}
