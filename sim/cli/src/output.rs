//! What goes to standard output, and its colours.

use std::io::Write as _;

use crate::exit::Failure;

/// Red and bold, for what is wrong.
pub const RED: anstyle::Style = anstyle::AnsiColor::Red.on_default().bold();
/// Green, for what holds.
pub const GREEN: anstyle::Style = anstyle::AnsiColor::Green.on_default();
/// Yellow, for what is not known.
pub const YELLOW: anstyle::Style = anstyle::AnsiColor::Yellow.on_default();
/// Bold, for headings.
pub const BOLD: anstyle::Style = anstyle::Style::new().bold();
/// Back to normal.
pub const PLAIN: anstyle::Reset = anstyle::Reset;

/// Prints a result in one piece; colours are left out where the output is no terminal. A reader that has seen enough
/// (`| head`) changes neither the result nor the exit code that says it.
pub fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// Prints a value as indented JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    print(&(text + "\n"))
}
