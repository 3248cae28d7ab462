//! Shows on standard error how far a long run has come: a bar on a terminal, a plain line now and then elsewhere.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // people wait in real time

use std::cell::RefCell;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::text::{printable, seconds};

/// Runs shorter than this show nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// Distance of plain lines.
const LINES: Duration = Duration::from_secs(5);

/// How far a run has come.
pub struct Progress {
    name: String,
    end_ns: u64,
    begun: Instant,
    ticker: RefCell<Option<Ticker>>,
    patience: Duration,
}

impl Progress {
    /// For a run that ends at this virtual time.
    pub fn new(name: &str, end_ns: u64) -> Progress {
        Progress {
            name: printable(name),
            end_ns,
            begun: Instant::now(),
            ticker: RefCell::new(None),
            patience: PATIENCE,
        }
    }

    /// For one of many runs, without any display.
    pub fn silent() -> Progress {
        Progress { patience: Duration::MAX, ..Progress::new("", 0) }
    }

    /// See [`Progress::silent`].
    pub fn is_silent(&self) -> bool {
        self.patience == Duration::MAX
    }

    /// The run has reached this virtual time. Called often.
    pub fn reached(&self, now_ns: u64) {
        if self.begun.elapsed() < self.patience {
            return;
        }
        let mut ticker = self.ticker.borrow_mut();
        let ticker =
            ticker.get_or_insert_with(|| Ticker::with(Some(self.end_ns), "{bar:30} {percent:>3} %  {msg}  {eta} left"));
        ticker.tick_at(now_ns, || {
            let percent = u128::from(now_ns) * 100 / u128::from(self.end_ns.max(1));
            let left = self.left(now_ns).map_or(String::new(), |left| format!(", about {} s left", left.as_secs()));
            format!("{}: {percent} %, {} virtual{left}", self.name, seconds(now_ns))
        });
    }

    /// Real time that is left, if it goes on like that; nothing where a bar says so itself.
    fn left(&self, now_ns: u64) -> Option<Duration> {
        let to_go_ns = u128::from(self.end_ns.saturating_sub(now_ns));
        let left_ms = (self.begun.elapsed().as_millis() * to_go_ns).checked_div(u128::from(now_ns))?;
        let is_terminal = std::io::stderr().is_terminal();
        (!is_terminal).then(|| Duration::from_millis(u64::try_from(left_ms).unwrap_or(u64::MAX)))
    }

    /// Real time since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// Shows how far a work of many runs has come: a line that changes on a terminal, with a bar where the end is known, a line
/// now and then elsewhere.
pub struct Ticker {
    said: Instant,
    bar: Option<ProgressBar>,
}

impl Ticker {
    /// Begins now, for a search without a known end.
    pub fn new() -> Ticker {
        Ticker::with(None, "{spinner} {msg}")
    }

    /// Begins now, for this number of runs.
    pub fn of(runs: u64) -> Ticker {
        Ticker::with(Some(runs), "{bar:30} {percent:>3} %  {msg}")
    }

    fn with(end: Option<u64>, template: &str) -> Ticker {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(end, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(ProgressStyle::with_template(template).expect("a valid template"));
            bar
        });
        Ticker { said: Instant::now(), bar }
    }

    /// Shows the line, if it is time to, and a bar for this number of runs.
    pub fn tick_at(&mut self, runs: u64, line: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_position(runs);
        }
        self.tick(line);
    }

    pub fn tick(&mut self, line: impl FnOnce() -> String) {
        match &self.bar {
            Some(bar) if self.said.elapsed() >= Duration::from_millis(100) => {
                bar.set_message(line());
                bar.tick();
                self.said = Instant::now();
            }
            None if self.said.elapsed() >= LINES => {
                eprintln!("{}", line());
                self.said = Instant::now();
            }
            _ => {}
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
