//! Many runs at a time, handed out by number.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::exit::Failure;
use crate::interrupt;
use crate::panics;

/// Whether the work goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    More,
    /// Nothing new is begun, and what is under way does not count.
    Stop,
    /// Nothing new is begun; what is under way counts.
    Last,
}

/// Does `one` for each of these numbers, `jobs` at a time, and hands each result to `take` as soon as it is there; see
/// [`in_order`]. `poll` is called periodically; when it says [`Next::Stop`], what is under way is given up, and ends with the
/// program. `name` labels the run in a panic message: that is a bug of kvsim.
pub fn run_parallel<T: Send + 'static>(
    numbers: impl Iterator<Item = u64> + Send + 'static,
    jobs: u16,
    one: impl Fn(u64) -> T + Send + Sync + 'static,
    name: impl Fn(u64) -> String + Send + Sync + 'static,
    take: &mut dyn FnMut(u64, T) -> Result<Next, Failure>,
    poll: &mut dyn FnMut() -> Next,
) -> Result<(), Failure> {
    let (numbers, work) = (Arc::new(Mutex::new(numbers)), Arc::new((one, name)));
    let stop = Arc::new(AtomicBool::new(false));
    let (sender, results) = mpsc::channel();
    for _ in 0..jobs {
        let (numbers, work, stop, sender) =
            (Arc::clone(&numbers), Arc::clone(&work), Arc::clone(&stop), sender.clone());
        #[allow(clippy::disallowed_methods)] // each run is within one thread
        thread::spawn(move || {
            let (one, name) = &*work;
            let next = || numbers.lock().ok()?.next();
            while !stop.load(Ordering::Relaxed) {
                let Some(run) = next() else { return };
                let done = catch_unwind(AssertUnwindSafe(|| one(run)));
                let done = done.map_err(|panic| (panic, format!("{}: {}", name(run), panics::last_panic())));
                if sender.send((run, done)).is_err() {
                    return;
                }
            }
        });
    }
    drop(sender);
    let mut state = Next::More;
    loop {
        match results.recv_timeout(interrupt::PATIENCE) {
            Ok((_, Ok(_))) if state == Next::Stop => {}
            Ok((run, Ok(done))) => match take(run, done) {
                Ok(Next::More) => {}
                Ok(next) => state = next,
                Err(failure) => {
                    stop.store(true, Ordering::Relaxed);
                    return Err(failure);
                }
            },
            Ok((_, Err((panic, text)))) => {
                stop.store(true, Ordering::Relaxed);
                panics::note_panic(text);
                resume_unwind(panic);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
        match poll() {
            Next::More => {}
            Next::Last if state == Next::More => state = Next::Last,
            Next::Last => {}
            Next::Stop => {
                stop.store(true, Ordering::Relaxed);
                return Ok(());
            }
        }
        stop.store(state != Next::More, Ordering::Relaxed);
    }
}

/// Hands results on to `take` in the order of their numbers, which begin with `first`.
pub fn in_order<T>(
    first: u64,
    mut take: impl FnMut(u64, T) -> Result<Next, Failure>,
) -> impl FnMut(u64, T) -> Result<Next, Failure> {
    let (mut early, mut expected) = (BTreeMap::new(), first);
    move |run, result| {
        early.insert(run, result);
        while let Some(result) = early.remove(&expected) {
            match take(expected, result)? {
                Next::More => expected += 1,
                next => return Ok(next),
            }
        }
        Ok(Next::More)
    }
}
