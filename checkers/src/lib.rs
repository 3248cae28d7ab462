//! What a recorded run of a replicated store looks like, and what can be proved about it.
//!
//! This crate knows no store and no simulator: a recording is a list of [`trace::Event`]s with a
//! [`trace::Header`], whoever made it. A checker reads one and answers with a [`Verdict`]: *holds*, *violated*
//! with findings, or *unknown* with a reason. Nothing it needs is the store's own opinion of itself: what a
//! store says about visibility is compared with what its reads return.
//!
//! - [`trace`]: the vocabulary of recordings, the trace hash, the JSON Lines form;
//! - [`verdict`]: verdicts and findings;
//! - [`operations`]: what sessions asked for and what came of it, and how to say so in one line;
//! - [`availability`]: replicas answer what they can answer by themselves;
//! - [`convergence`]: replicas agree, nothing is lost, nothing comes back;
//! - [`history`]: operations alone, from recordings or from elsewhere, for black-box checkers;
//! - [`patience`]: how long a checker may think;
//! - [`pram`]: sessions see each writer's writes in the order in which they were issued;
//! - [`again`]: a second run, for what one recording cannot show;
//! - [`ordered`]: ordered levels show each origin's writes in order, and none waits for a lower priority;
//! - [`guarantees`]: read your writes, monotonic reads, monotonic writes, writes follow reads;
//! - [`explain`]: why an operation was answered as it was;
//! - [`moment`]: what each replica knew and showed when a recording was cut off;
//! - [`metadata`]: at rest a store leaves nothing over that it promised to clean up;
//! - [`metrics`]: figures, not verdicts: visibility, staleness, latency, traffic, lag.
//!
//! [`CHECKERS`] lists all checkers.

pub mod again;
pub mod availability;
pub mod convergence;
pub mod explain;
pub mod guarantees;
pub mod history;
pub mod metadata;
pub mod metrics;
pub mod moment;
pub mod operations;
pub mod ordered;
pub mod patience;
pub mod pram;
pub mod trace;
pub mod verdict;

pub use again::{Again, Never, Variation};
pub use patience::Patience;
pub use verdict::{Finding, Report, Verdict};

use guarantees::Guarantee;
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
    /// Whether it runs on such a recording when nobody asks for it: what it judges the store promises. The others
    /// judge what is promised only to some sessions, and run when they are named.
    pub by_default: fn(&Header) -> bool,
    /// Judges a [valid](Recording::validate) recording.
    pub check: fn(&Recording, &dyn Again) -> Report,
}

/// A kind of breach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeInfo {
    /// Its fixed name.
    pub code: &'static str,
    /// What it means, in one line.
    pub meaning: &'static str,
}

/// The entry of a session guarantee.
macro_rules! guarantee {
    ($guarantee:expr, $summary:expr, $meaning:expr) => {
        CheckerInfo {
            name: $guarantee.name(),
            summary: $summary,
            codes: &[CodeInfo { code: $guarantee.code(), meaning: $meaning }],
            by_default: |_| false,
            check: |recording, _| guarantees::check(recording, $guarantee),
        }
    };
}

/// All checkers, in the order in which they report.
pub const CHECKERS: &[CheckerInfo] = &[
    CheckerInfo {
        name: convergence::NAME,
        summary: "replicas agree, nothing acknowledged is lost, nothing comes back from the dead",
        codes: &[
            CodeInfo {
                code: "CONV001",
                meaning: "replicas that know the same writes of a key show different versions",
            },
            CodeInfo {
                code: "CONV002",
                meaning: "after settling, the holders of a key differ or lack a surviving write",
            },
            CodeInfo { code: "CONV003", meaning: "an acknowledged write is gone although no other write had seen it" },
            CodeInfo { code: "CONV004", meaning: "a version is back although a write that had seen it is known" },
            CodeInfo { code: "CONV005", meaning: "what a replica announces about itself is not what its reads return" },
            CodeInfo {
                code: "CONV006",
                meaning: "after settling, a level of a replica shows other versions than eventual",
            },
        ],
        by_default: |_| true,
        check: |recording, _| convergence::check(recording),
    },
    CheckerInfo {
        name: availability::NAME,
        summary: "replicas answer what they can answer by themselves",
        codes: &[
            CodeInfo {
                code: availability::UNANSWERED,
                meaning: "an operation timed out although the replica that was asked needed no other",
            },
            CodeInfo { code: availability::REFUSED, meaning: "all operations of a session were refused" },
        ],
        by_default: |_| true,
        check: |recording, _| availability::check(recording),
    },
    CheckerInfo {
        name: metadata::NAME,
        summary: "at rest a store leaves nothing over that it promised to clean up",
        codes: &[CodeInfo { code: metadata::RESIDUE, meaning: "a number that should be 0 at rest is not" }],
        by_default: |_| true,
        check: |recording, _| metadata::check(recording),
    },
    CheckerInfo {
        name: pram::Order::Pram.name(),
        summary: "sessions see each writer's writes in the order in which they were issued",
        codes: &[
            CodeInfo { code: pram::Order::Pram.out_of_order(), meaning: OUT_OF_ORDER },
            CodeInfo { code: pram::Order::Pram.unwritten(), meaning: UNWRITTEN },
        ],
        by_default: |_| false,
        check: |recording, _| pram::check(recording),
    },
    CheckerInfo {
        name: pram::Order::Priority.name(),
        summary: "the same, but a write may be seen before earlier ones of lower priority",
        codes: &[
            CodeInfo { code: pram::Order::Priority.out_of_order(), meaning: OUT_OF_ORDER },
            CodeInfo { code: pram::Order::Priority.unwritten(), meaning: UNWRITTEN },
        ],
        by_default: |_| false,
        check: |recording, _| pram::check_priority(recording),
    },
    CheckerInfo {
        name: ordered::FIFO,
        summary: "ordered levels show a write only with all earlier ones of its origin, and go on reflecting it",
        codes: &[
            CodeInfo {
                code: "FIFO001",
                meaning: "a write is shown or read although an earlier one of its origin is not reflected",
            },
            CodeInfo {
                code: "FIFO002",
                meaning: "what was shown or read is no longer, and nothing had overwritten it",
            },
            CodeInfo { code: "FIFO003", meaning: "a session does not read its own acknowledged write" },
        ],
        by_default: ordered::is_served,
        check: |recording, _| ordered::check_fifo(recording),
    },
    CheckerInfo {
        name: ordered::PRIORITY,
        summary: "no write waits for one of lower priority",
        codes: &[
            CodeInfo {
                code: "PRIO001",
                meaning: "order: a write is shown although an earlier one of its level is not reflected",
            },
            CodeInfo { code: "PRIO002", meaning: "stability: a level no longer reflects what it reflected" },
            CodeInfo {
                code: "PRIO003",
                meaning: "promptness: a write is reflected later than all that it needs is there",
            },
            CodeInfo {
                code: "PRIO004",
                meaning: "liveness: a write is never reflected, though all that it needs is there",
            },
            CodeInfo {
                code: "PRIO005",
                meaning: "non-interference: what becomes of lower writes changes when a higher one is shown",
            },
        ],
        by_default: ordered::is_served,
        check: ordered::check_priority,
    },
    guarantee!(
        Guarantee::ReadYourWrites,
        "sessions see what they have written",
        "a read is without an earlier write of its session"
    ),
    guarantee!(
        Guarantee::MonotonicReads,
        "sessions go on seeing what they have seen",
        "a read is without what an earlier read of its session had returned"
    ),
    guarantee!(
        Guarantee::MonotonicWrites,
        "who sees a write of a session sees its earlier ones",
        "a replica has shown a write of a session, but not an earlier one"
    ),
    guarantee!(
        Guarantee::WritesFollowReads,
        "who sees a write of a session sees what that had read before",
        "a replica has shown a write of a session, but not what that had read before"
    ),
];

/// What it means that a session has no order.
pub const OUT_OF_ORDER: &str =
    "no order of a session's operations and all writes keeps every program order and explains its reads";
/// What it means that a read returned an unwritten value.
pub const UNWRITTEN: &str = "a read returned a value that nobody wrote to its key, or only a write that was refused";

/// The reports of all checkers that run [by default](CheckerInfo::by_default) about a
/// [valid](Recording::validate) recording, in the order of [`CHECKERS`].
pub fn check_all(recording: &Recording, again: &dyn Again) -> Vec<Report> {
    let promised = CHECKERS.iter().filter(|checker| (checker.by_default)(&recording.header));
    promised.map(|checker| (checker.check)(recording, again)).collect()
}
