//! Many runs at a time, handed out by number.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::exit::Failure;
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
/// [`in_order`]. `poll` is called periodically. `name` labels the run in a panic message: that is a bug of kvsim.
pub fn run_parallel<T: Send>(
    numbers: impl Iterator<Item = u64> + Send,
    jobs: u16,
    one: impl Fn(u64) -> T + Sync,
    name: impl Fn(u64) -> String + Sync,
    take: &mut dyn FnMut(u64, T) -> Result<Next, Failure>,
    poll: &mut dyn FnMut() -> Next,
) -> Result<(), Failure> {
    let numbers = Mutex::new(numbers);
    let next = || numbers.lock().ok()?.next();
    let stop = AtomicBool::new(false);
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (next, one, name, stop, sender) = (&next, &one, &name, &stop, sender.clone());
            scope.spawn(move || {
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
            match results.recv_timeout(Duration::from_millis(100)) {
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
            if poll() != Next::More && state == Next::More {
                state = Next::Last;
            }
            stop.store(state != Next::More, Ordering::Relaxed);
        }
    })
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
