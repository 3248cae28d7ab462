//! What the command keeps of a run while it happens.

use std::sync::atomic::{AtomicBool, Ordering};

use kvsim_checkers::trace::{Event, TraceHash, What};
use kvsim_sim::engine::Sink;
use serde::Serialize;

use crate::progress::Progress;

/// Set when somebody wants the program to stop.
pub static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Which events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// None.
    Nothing,
    /// Those that verdicts follow from. Messages only explain, and most events are messages.
    Judged,
    /// All.
    Everything,
}

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Operations begun.
    pub operations: u64,
    /// Operations answered.
    pub answered: u64,
    /// Operations refused.
    pub refused: u64,
    /// Operations that nobody waited for any longer.
    pub timed_out: u64,
    /// Copies of messages sent.
    pub messages: u64,
    /// Copies lost.
    pub lost: u64,
    /// Copies that the network added.
    pub duplicated: u64,
    /// Bytes sent.
    pub bytes: u64,
}

/// Takes the events of a run.
pub struct Recorder {
    keep: Keep,
    /// Nothing later is taken, in nanoseconds of virtual time.
    until_ns: u64,
    /// What was kept.
    pub events: Vec<Event>,
    /// What was counted.
    pub counts: Counts,
    /// Per event the lower half of the trace hash after it, for finding the first difference of two runs; only
    /// of the first [`Recorder::MARKS_MAX`] events.
    pub marks: Vec<u32>,
    hash: TraceHash,
    /// How far the run has come.
    pub progress: Progress,
    now_ns: u64,
}

impl Recorder {
    /// Marks take four bytes per event; four million events are more than people compare by hand.
    pub const MARKS_MAX: usize = 4 << 20;

    /// For a new run.
    pub fn new(keep: Keep, until_ns: u64, progress: Progress) -> Recorder {
        Recorder {
            keep,
            until_ns,
            events: Vec::new(),
            counts: Counts::default(),
            marks: Vec::new(),
            hash: TraceHash::default(),
            progress,
            now_ns: 0,
        }
    }

    fn count(&mut self, what: &What) {
        let counts = &mut self.counts;
        match what {
            What::Invoked { .. } => counts.operations += 1,
            What::Answered { .. } => counts.answered += 1,
            What::Refused { .. } => counts.refused += 1,
            What::TimedOut { .. } => counts.timed_out += 1,
            What::Sent { bytes, copies, .. } => {
                counts.messages += u64::from(*copies);
                counts.bytes += u64::from(*copies) * u64::from(*bytes);
            }
            What::Lost { .. } => counts.lost += 1,
            What::Duplicated { .. } => counts.duplicated += 1,
            _ => {}
        }
    }
}

impl Sink for Recorder {
    fn event(&mut self, event: &Event) {
        let beyond = self.now_ns > self.until_ns;
        self.now_ns = event.at_ns;
        if !beyond && self.marks.len() < Recorder::MARKS_MAX {
            // The first event beyond the end is marked, too: it shows that nothing is missing before it.
            self.hash.event(event);
            self.marks.push(self.hash.value() as u32);
        }
        if event.at_ns > self.until_ns {
            return;
        }
        self.count(&event.what);
        let judged = !matches!(
            event.what,
            What::Sent { .. } | What::Lost { .. } | What::Duplicated { .. } | What::Delivered { .. } | What::TimerFired
        );
        match self.keep {
            Keep::Nothing => {}
            Keep::Judged if !judged => {}
            Keep::Judged | Keep::Everything => self.events.push(*event),
        }
    }

    fn keep_going(&self) -> bool {
        self.progress.reached(self.now_ns);
        self.now_ns <= self.until_ns && !INTERRUPTED.load(Ordering::Relaxed)
    }
}
