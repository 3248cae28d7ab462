//! What the command can do, one file each.

mod check;
mod explain;
mod generate;
mod hunt;
mod list;
mod plot;
mod replay;
mod report;
mod run;
mod shrink;
mod sweep;
mod trace;

pub use check::check;
pub use explain::explain;
pub use generate::{completions, man, schema};
pub use hunt::hunt;
pub use list::list;
pub use plot::plot;
pub use replay::replay;
pub use report::report;
pub use run::run;
pub use shrink::shrink;
pub use sweep::sweep;
pub use trace::trace;

use std::io::Write as _;
use std::sync::atomic::Ordering;

use crate::exit::Failure;
use crate::recorder::INTERRUPTED;

/// Prints a result in one piece, without colours where nobody sees them.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

/// Prints a value as indented JSON.
pub fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(std::io::Error::from)?;
    print(&(text + "\n"))
}

/// From now on Ctrl-C ends the run and not the program, so that what is known gets written; a second one ends
/// the program.
fn stop_gently() {
    // Where no handler can be set, the default stays: the program ends at once.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(crate::exit::INTERRUPTED));
        }
    });
}
