//! Ctrl-C ends a run, and not the program, so that what is known gets written; where there is nothing to write, it ends the
//! program. Either way it is obeyed at once.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::exit;
use crate::panics;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
static NOTHING_TO_LOSE: AtomicBool = AtomicBool::new(false);

/// Signals that come within this time are one request to stop: `timeout` sends one to the program and one to its group.
const ONE_REQUEST: Duration = Duration::from_millis(200);

/// From now on Ctrl-C asks runs to end; a second one ends the program.
#[allow(clippy::disallowed_types, clippy::disallowed_methods)] // the real time of real signals
pub fn stop_gently() {
    NOTHING_TO_LOSE.store(false, Ordering::Relaxed);
    let mut first: Option<std::time::Instant> = None;
    // Where no handler can be set, the default stays: the program ends at once.
    let _ = ctrlc::set_handler(move || {
        let is_second = first.get_or_insert_with(std::time::Instant::now).elapsed() > ONE_REQUEST;
        if is_second || NOTHING_TO_LOSE.load(Ordering::Relaxed) {
            std::process::exit(i32::from(exit::INTERRUPTED));
        }
        INTERRUPTED.store(true, Ordering::Relaxed);
    });
}

/// From now on Ctrl-C ends the program: nothing is known yet, or all that is has been written.
pub fn stop_at_once() {
    stop_gently();
    NOTHING_TO_LOSE.store(true, Ordering::Relaxed);
}

/// The user wants the program to stop.
pub fn is_requested() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// The same, and forgets it: what follows is to come to its end.
pub fn take() -> bool {
    INTERRUPTED.swap(false, Ordering::Relaxed)
}

/// How often it is asked whether to stop.
pub const PATIENCE: Duration = Duration::from_millis(20);

/// Does a work that cannot be told to stop, until it is done or the user has had enough: then nothing comes of it, and it ends
/// with the program.
pub fn unless_requested<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    if is_requested() {
        return None;
    }
    let (sender, result) = channel();
    #[allow(clippy::disallowed_methods)] // nothing of the result depends on which thread it is
    thread::spawn(move || {
        let done = catch_unwind(AssertUnwindSafe(work));
        let _ = sender.send(done.map_err(|panic| (panic, panics::last_panic())));
    });
    loop {
        match result.recv_timeout(PATIENCE) {
            Ok(Ok(done)) => return Some(done),
            Ok(Err((panic, text))) => {
                panics::note_panic(text);
                resume_unwind(panic)
            }
            Err(RecvTimeoutError::Timeout) if !is_requested() => {}
            Err(_) => return None,
        }
    }
}
