//! What the command keeps of a run while it happens.

use kvsim_checkers::metrics::{Measured, Sample};
use kvsim_checkers::trace::{Event, TraceHash, What};
use kvsim_sim::engine::Sink;
use serde::Serialize;

use crate::interrupt;
use crate::progress::Progress;
use crate::self_reports::SelfReports;
use crate::text::grouped;

/// Which events are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    Nothing,
    /// Those that verdicts follow from. Messages only explain, and most events are messages.
    Judged,
    Everything,
}

/// How often things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Operations begun.
    pub operations: u64,
    pub answered: u64,
    pub refused: u64,
    pub timed_out: u64,
    /// Copies of messages sent.
    pub messages: u64,
    /// Copies lost.
    pub lost: u64,
    /// Copies that the network added.
    pub duplicated: u64,
    pub bytes: u64,
}

impl Counts {
    /// How many operations, and messages, and what became of them.
    pub fn words(&self) -> [(String, String); 2] {
        let Counts { operations, answered, refused, timed_out, messages, lost, duplicated, .. } = *self;
        let [operations, answered, refused, timed_out] = [operations, answered, refused, timed_out].map(grouped);
        let [messages, lost, duplicated] = [messages, lost, duplicated].map(grouped);
        [
            (operations, format!("{answered} answered, {timed_out} timed out, {refused} refused")),
            (messages, format!("{lost} lost, {duplicated} duplicated")),
        ]
    }
}

/// What is left of an event that is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub at_ns: u64,
    /// The lower half of the trace hash after it.
    pub hash: u32,
}

impl Checkpoint {
    /// Size in a file, see [`Checkpoint::to_bytes`].
    pub const BYTES: usize = 12;

    /// Time and hash, little-endian.
    pub fn to_bytes(self) -> [u8; Checkpoint::BYTES] {
        let mut bytes = [0; Checkpoint::BYTES];
        bytes[..8].copy_from_slice(&self.at_ns.to_le_bytes());
        bytes[8..].copy_from_slice(&self.hash.to_le_bytes());
        bytes
    }

    /// The inverse of [`Checkpoint::to_bytes`].
    pub fn from_bytes(bytes: &[u8; Checkpoint::BYTES]) -> Checkpoint {
        let (at_ns, hash) = bytes.split_at(8);
        Checkpoint {
            at_ns: u64::from_le_bytes(at_ns.try_into().expect("8 bytes")),
            hash: u32::from_le_bytes(hash.try_into().expect("4 bytes")),
        }
    }
}

/// False for what only explains, see [`Keep::Judged`].
fn is_judged(what: &What) -> bool {
    !matches!(
        what,
        What::Sent { .. } | What::Lost { .. } | What::Duplicated { .. } | What::Delivered { .. } | What::TimerFired
    )
}

pub struct Recorder {
    pub keep: Keep,
    /// Nothing later is taken, in nanoseconds of virtual time.
    until_ns: u64,
    pub events: Vec<Event>,
    pub counts: Counts,
    /// The same, up to the beginning of settling; absent before and without that.
    pub counts_of_workload: Option<Counts>,
    /// What replicas said about themselves.
    pub self_reports: SelfReports,
    /// One per event, for finding the first difference of two runs; only of the first
    /// [`Recorder::CHECKPOINTS_MAX`] events.
    pub checkpoints: Vec<Checkpoint>,
    checkpoints_max: usize,
    hash: TraceHash,
    /// How far the run has come.
    pub progress: Progress,
    /// How often what replicas hold is measured, if at all.
    measures_ns: Option<u64>,
    pub measured: Measured,
    now_ns: u64,
}

impl Recorder {
    /// Marks take memory; four million events are more than people compare by hand.
    pub const CHECKPOINTS_MAX: usize = 4 << 20;

    pub fn new(keep: Keep, until_ns: u64, progress: Progress) -> Recorder {
        Recorder {
            keep,
            until_ns,
            events: Vec::new(),
            counts: Counts::default(),
            counts_of_workload: None,
            self_reports: SelfReports::default(),
            checkpoints: Vec::new(),
            checkpoints_max: Recorder::CHECKPOINTS_MAX,
            hash: TraceHash::default(),
            progress,
            measures_ns: None,
            measured: Measured::default(),
            now_ns: 0,
        }
    }

    /// For a run that is not compared event by event.
    pub fn without_checkpoints(self) -> Recorder {
        Recorder { checkpoints_max: 0, ..self }
    }

    /// For a run in which what replicas hold is measured every `every_ns`.
    pub fn measuring(self, every_ns: u64) -> Recorder {
        Recorder { measures_ns: Some(every_ns), ..self }
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
            What::Settling => self.counts_of_workload = Some(*counts),
            _ => {}
        }
    }
}

impl Sink for Recorder {
    fn event(&mut self, event: &Event) {
        self.now_ns = event.at_ns;
        if event.at_ns > self.until_ns {
            return;
        }
        self.count(&event.what);
        self.self_reports.take(event.node, &event.what);
        if self.checkpoints.len() < self.checkpoints_max {
            self.hash.event(event);
            self.checkpoints.push(Checkpoint { at_ns: event.at_ns, hash: self.hash.value() as u32 });
        }
        match self.keep {
            Keep::Nothing => {}
            Keep::Judged if !is_judged(&event.what) => {}
            Keep::Judged | Keep::Everything => self.events.push(*event),
        }
    }

    fn keep_going(&self) -> bool {
        self.progress.reached(self.now_ns);
        self.now_ns <= self.until_ns && !interrupt::is_requested()
    }

    fn measures_every_ns(&self) -> Option<u64> {
        self.measures_ns
    }

    fn measured(&mut self, sample: Sample) {
        self.measured.samples.push(sample);
    }

    fn brings(&mut self, sent: u64, writes: u32) {
        if self.measures_ns.is_some() {
            self.measured.carried.push((sent, writes));
        }
    }
}
