//! How the command ends.

use kvsim_checkers::Verdict;

use crate::scenario::Diagnostics;

/// Every verdict is the expected one.
pub const HOLDS: u8 = 0;
/// A verdict is not the expected one; also when the store panicked.
pub const VIOLATED: u8 = 1;
/// The command line, the scenario or a file of a run is wrong.
pub const USAGE: u8 = 2;
/// A verdict is unknown although another one was expected.
pub const UNKNOWN: u8 = 3;
/// A replay has another trace hash.
pub const NOT_REPRODUCED: u8 = 4;
/// A bug of kvsim itself.
pub const INTERNAL: u8 = 101;
/// Interrupted; what was known until then has been written.
pub const INTERRUPTED: u8 = 130;

/// For `--help`.
pub const TABLE: &str = "Exit codes:
  0    every verdict is as expected
  1    a verdict is not as expected (a store that panics, too)
  2    wrong usage, scenario or file
  3    a verdict is unknown
  4    not reproduced
  101  a bug of kvsim itself
  130  interrupted; what is known has been written";

/// The code that says the worst of it; `surprises` are the verdicts that are not the expected ones.
pub fn code_of(interrupted: bool, surprises: impl IntoIterator<Item = Verdict>) -> u8 {
    let worst = surprises.into_iter().map(|verdict| if verdict.is_open() { UNKNOWN } else { VIOLATED }).min();
    if interrupted { INTERRUPTED } else { worst.unwrap_or(HOLDS) }
}

/// Why there is no result.
#[derive(Debug)]
pub enum Failure {
    /// The scenario is wrong.
    Scenario(Diagnostics),
    /// Something else that was given is wrong; the message says what, what was expected and what to do.
    Usage(String),
    /// A result cannot be written.
    Output(std::io::Error),
}

impl Failure {
    pub fn code(&self) -> u8 {
        match self {
            Failure::Scenario(_) | Failure::Usage(_) => USAGE,
            // The reader has closed the pipe and wants no more.
            Failure::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => HOLDS,
            Failure::Output(_) => USAGE,
        }
    }
}

/// All went well, or what did not, one line each.
pub fn all(results: impl IntoIterator<Item = Result<(), Failure>>) -> Result<(), Failure> {
    let mut all = Ok(());
    for result in results {
        all = match (all, result) {
            (Err(Failure::Usage(one)), Err(Failure::Usage(other))) => Err(Failure::Usage(format!("{one}\n{other}"))),
            (before, result) => before.and(result),
        };
    }
    all
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Output(error)
    }
}
