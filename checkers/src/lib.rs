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
//! - [`metadata`]: at rest a store leaves nothing over that it promised to clean up;
//! - [`metrics`]: figures, not verdicts: visibility, staleness, latency, traffic, lag.
//!
//! [`CHECKERS`] lists all checkers.

pub mod availability;
pub mod convergence;
pub mod describe;
pub mod explain;
mod facts;
pub mod guarantees;
pub mod history;
pub mod metadata;
pub mod metrics;
pub mod minimize;
pub mod ordered;
pub mod pram;
pub mod register;
pub mod snapshot;
pub mod trace;
pub mod verdict;

pub use facts::operations;
pub use verdict::{Finding, Report, Verdict};

use trace::{Header, Recording};

/// What there is to say about a checker before it runs.
#[derive(Clone, Copy, Debug)]
pub struct CheckerInfo {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What it judges, in one line.
    pub summary: &'static str,
    /// The kinds of breach that it tells apart.
    pub codes: &'static [CodeInfo],
    /// Whether it runs on such a recording when it is not named: then the store promises what it judges. The others
    /// judge what is promised only to some sessions, and run when they are named.
    pub by_default: fn(&Header) -> bool,
    /// Judges a [valid](Recording::validate) recording.
    pub check: fn(&Recording, &Rerun<'_>) -> Report,
}

/// A second run, for what one recording cannot show: the same run of the same seed, in which messages that replicate a write
/// of a priority below this one meet other fates, and all else is as it was. That something has no influence on something
/// else is a statement about two runs (non-interference: Goguen and Meseguer, Security Policies and Security Models,
/// 1982). Nothing when there is no such run: the recording comes from elsewhere, or the second run did not come to its end.
pub type Rerun<'a> = dyn Fn(u8) -> Option<Recording> + 'a;

/// For a recording that is all there is.
pub const NO_RERUN: &Rerun<'static> = &|_| None;

/// A kind of breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// Its fixed name.
    pub code: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
}

/// Asked often by checkers that may take long: whether the time is over. This crate knows no clock; its callers do.
pub type Expired<'a> = &'a dyn Fn() -> bool;

/// The time is never over.
pub const NEVER: Expired<'static> = &|| false;

/// All checkers, in the order in which they report.
pub const CHECKERS: &[CheckerInfo] = &[
    convergence::INFO,
    availability::INFO,
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
    promised.map(|checker| (checker.check)(recording, rerun)).collect()
}
