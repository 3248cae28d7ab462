//! The four session guarantees of Terry, Demers, Petersen, Spreitzer, Theimer and Welch (*Session guarantees for
//! weakly consistent replicated data*, PDIS 1994), each by itself.
//!
//! A read tells something about the set of writes that its replica had carried out: what it returned was among
//! them, and so was what that had seen; a write that should have shown, and did not, was not among them. With this:
//!
//! - **read your writes**: a session's read is not without what the session itself had written before;
//! - **monotonic reads**: nor without what an earlier read of the session had returned; nor does it return again what
//!   the session had read and then, at another read, no longer found: what stood there had replaced it;
//! - **monotonic writes**: a view that has shown a write of some session is from then on not without what that session
//!   had written before it;
//! - **writes follow reads**: nor without what that session had read before it.
//!
//! A *view* is a replica at a level, as reads show it that the replica answered by itself; in a bare history, which
//! knows no replicas, it is a session. It is taken for granted that a view forgets nothing while its node is up; a
//! node that comes up again has new ones.
//!
//! # When a read is without a write
//!
//! Nothing is said against a store that might be right. A read that did not return w is without w
//!
//! - if it returned a version that w had seen, and so had replaced; or
//! - if versions stand side by side until a write that has seen them replaces them (a store with siblings; any store
//!   when nothing was returned), and neither a version that was returned nor any delete can have seen w.
//!
//! What a write *had seen* is what its store promises to replace ([`Conflict`](crate::trace::Conflict)): what its
//! context's read returned, or the write whose answer handed the context out, with what that had seen; or what the replica
//! that took it in had shown or taken in. What it *can* have seen is everything that was asked for before its context's
//! read was answered, or up to its context's write, and what that can have seen. In a
//! bare history it had seen its session's earlier writes of the key; what its session had read counts for that session
//! and for writes follow reads, since otherwise a store that keeps writers' orders and no more would be found wrong.
//!
//! The last two guarantees are about order, too: a view that has shown w and then shows again what w's session had
//! written, or read, before and what w had replaced, breaks them.
//!
//! # What cannot be noticed
//!
//! A write that was not acknowledged is not asked for. A missing write that another session's later write or delete
//! *might* have replaced is not noticed, nor is a register that shows one of two concurrent writes, whichever. A
//! view that is never read shows nothing, and the announcements of a store are not asked: visibility itself is judged
//! elsewhere. Sessions that move have no view of their own: what they see of others counts for the replicas.

mod bare;
mod judge;
mod log;
mod recorded;
mod report;

pub use judge::{MissingWrite, MissingWrites, judge};
pub use log::Log;
pub use report::report;

use crate::history::History;
use crate::operations::Operations;
use crate::verdict::Report;
use crate::{CheckerInfo, CodeInfo, NEVER};

/// One of the four.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// A session sees what it has written.
    ReadYourWrites,
    /// A session goes on seeing what it has seen.
    MonotonicReads,
    /// Who sees a write of a session sees its earlier ones.
    MonotonicWrites,
    /// Who sees a write of a session sees what the session had seen before.
    WritesFollowReads,
}

/// The checkers of all four, in the order of [`Guarantee::ALL`].
pub const CHECKERS: [CheckerInfo; 4] = [
    CheckerInfo {
        name: "read-your-writes",
        summary: "sessions see what they have written",
        codes: &[CodeInfo { code: "RYW001", meaning: "a read is without an earlier write of its session" }],
        by_default: |_| false,
        check: |facts, _| check(&facts.operations, Guarantee::ReadYourWrites),
    },
    CheckerInfo {
        name: "monotonic-reads",
        summary: "sessions go on seeing what they have seen",
        codes: &[CodeInfo { code: "MR001", meaning: "a read is without what an earlier read of its session returned" }],
        by_default: |_| false,
        check: |facts, _| check(&facts.operations, Guarantee::MonotonicReads),
    },
    CheckerInfo {
        name: "monotonic-writes",
        summary: "who sees a write of a session sees its earlier ones",
        codes: &[CodeInfo { code: "MW001", meaning: "a write of a session was seen, but not an earlier one" }],
        by_default: |_| false,
        check: |facts, _| check(&facts.operations, Guarantee::MonotonicWrites),
    },
    CheckerInfo {
        name: "writes-follow-reads",
        summary: "who sees a write of a session sees what the session had read before",
        codes: &[CodeInfo {
            code: "WFR001",
            meaning: "a write of a session was seen, but not what that had read before",
        }],
        by_default: |_| false,
        check: |facts, _| check(&facts.operations, Guarantee::WritesFollowReads),
    },
];

impl Guarantee {
    /// All four.
    pub const ALL: [Guarantee; 4] = [
        Guarantee::ReadYourWrites,
        Guarantee::MonotonicReads,
        Guarantee::MonotonicWrites,
        Guarantee::WritesFollowReads,
    ];

    /// Name of the checker.
    pub const fn name(self) -> &'static str {
        CHECKERS[self as usize].name
    }

    /// What it promises, in one line.
    pub const fn summary(self) -> &'static str {
        CHECKERS[self as usize].summary
    }

    /// The code of its findings.
    pub const fn codes(self) -> &'static [CodeInfo] {
        CHECKERS[self as usize].codes
    }

    /// The fixed name of its findings.
    pub const fn code(self) -> &'static str {
        self.codes()[0].code
    }

    /// What must not be missing is what a session has read, or else what it has written.
    fn is_about_reads(self) -> bool {
        matches!(self, Guarantee::MonotonicReads | Guarantee::WritesFollowReads)
    }

    /// It must not be missing for those who see a write of the session, or else for the session itself.
    fn is_about_others(self) -> bool {
        matches!(self, Guarantee::MonotonicWrites | Guarantee::WritesFollowReads)
    }
}

fn check(operations: &Operations<'_>, guarantee: Guarantee) -> Report {
    let recording = operations.recording();
    // Of a store that announces nothing, which write had seen which is not known, and has to follow from operations alone.
    let log = match recording.header.silent {
        true => Log::of_history(&History::of_operations(recording, operations)),
        false => Log::of_operations(operations),
    };
    report(&log, guarantee, operations, NEVER).expect("it takes its time")
}
