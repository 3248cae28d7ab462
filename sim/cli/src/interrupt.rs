//! Ctrl-C ends a run, and not the program, so that what is known gets written.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::exit;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on Ctrl-C asks runs to end; a second one ends the program.
pub fn stop_gently() {
    // Where no handler can be set, the default stays: the program ends at once.
    let _ = ctrlc::set_handler(|| {
        if INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
    });
}

/// The user wants the program to stop.
pub fn is_requested() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// The same, and forgets it: what follows is to come to its end.
pub fn take() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}
