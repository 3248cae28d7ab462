//! What a recorded run of a replicated store looks like, and what can be proved about it.
//!
//! This crate knows no store and no simulator: a recording is a list of [`trace::Event`]s with a
//! [`trace::Header`], wherever it comes from. A checker reads one and answers with a [`Verdict`]: *holds*, *violated*
//! with findings, or *unknown* with a reason. Nothing it needs is the store's own opinion of itself: what a
//! store says about visibility is compared with what its reads return.
//!
//! - [`trace`]: the vocabulary of recordings, the trace hash, the JSON Lines form;
//! - [`verdict`]: verdicts and findings;
//! - [`operations`]: what sessions asked for and what came of it, and how to say so in one line;
//! - [`availability`]: replicas answer what they can answer by themselves;
//! - [`convergence`]: replicas agree, nothing is lost, nothing comes back;
//! - [`history`]: operations alone, from recordings or from elsewhere, for black-box checkers;
//! - [`register`], [`describe`], [`minimize`]: what checkers of such histories share: reads that tell nothing, findings in
//!   words, few operations out of many;
//! - [`pram`]: sessions see each writer's writes in the order in which they were issued;
//! - [`ordered`]: ordered levels show each origin's writes in order, and none waits for a lower priority;
//! - [`guarantees`]: read your writes, monotonic reads, monotonic writes, writes follow reads;
//! - [`explain`]: why an operation was answered as it was;
//! - [`snapshot`]: what each replica knew and showed when a recording was cut off;
//! - [`honest`]: answers, values and names are what the host knows them to be;
//! - [`promises`]: what was acknowledged outlives lost disks, and reads that have to meet it do;
//! - [`metadata`]: at rest a store leaves nothing over that it promised to clean up;
//! - [`metrics`]: figures, not verdicts: visibility, staleness, latency, traffic, lag.
//!
//! [`CHECKERS`] lists all checkers.

pub mod availability;
mod checker;
pub mod convergence;
pub mod describe;
pub mod explain;
mod facts;
pub mod guarantees;
pub mod history;
pub mod honest;
pub mod metadata;
pub mod metrics;
pub mod minimize;
pub mod ordered;
pub mod pram;
pub mod promises;
pub mod register;
pub mod snapshot;
pub mod trace;
pub mod verdict;

pub use checker::{CheckerInfo, Expired, NEVER, NO_RERUN, Rerun};
pub use facts::{Facts, operations};
pub use verdict::{CodeInfo, Finding, Report, Verdict};

use trace::Recording;

/// All checkers, in the order in which they report.
pub const CHECKERS: &[CheckerInfo] = &[
    convergence::INFO,
    availability::INFO,
    honest::INFO,
    promises::DURABLE,
    promises::FRESH,
    metadata::INFO,
    pram::CHECKERS[0],
    pram::CHECKERS[1],
    ordered::FIFO,
    ordered::PRIORITY,
    guarantees::CHECKERS[0],
    guarantees::CHECKERS[1],
    guarantees::CHECKERS[2],
    guarantees::CHECKERS[3],
];

/// The reports of all checkers that run [by default](CheckerInfo::by_default) about a
/// [valid](Recording::validate) recording, in the order of [`CHECKERS`].
pub fn check_all(recording: &Recording, rerun: &Rerun<'_>) -> Vec<Report> {
    let promised = CHECKERS.iter().filter(|checker| (checker.by_default)(&recording.header));
    let facts = Facts::of(recording);
    promised.map(|checker| (checker.check)(&facts, rerun)).collect()
}
