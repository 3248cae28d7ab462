//! Causal consistency and causal convergence: who sees a write sees what came before it.
//!
//! # What is judged
//!
//! The definitions of Bouajjani, Enea, Guerraoui and Hamza (*On verifying causal consistency*, POPL 2017) for registers.
//! An operation *causally precedes* those that its session does later, and, if it is a write, the reads that
//! returned it; and so on. Then
//!
//! - **causal consistency** (CC): each read, by itself, returns what the latest write to its key is in some order of
//!   what causally precedes it;
//! - **causal convergence** (CCv): the same with one order for all reads, in which concurrent writes are settled
//!   alike everywhere;
//! - **causal memory** (CM): each session has an order of all that causally precedes its operations which explains all
//!   of its reads. That is PRAM order with causality between writers, and judged as such: [`kvsim_checkers::pram`].
//!
//! # How
//!
//! Where the values written to one key are distinct, a read names its write, causal order is known, and the paper shows
//! that a history is wrong exactly if it has one of a few patterns in it. Those of CC are:
//!
//! - *CyclicCO*: an operation causally precedes itself;
//! - *ThinAirRead*: a read returned an unwritten value;
//! - *WriteCOInitRead*: a read returned nothing, and a write to its key causally precedes it;
//! - *WriteCORead*: between a write and a read of it there is, in causal order, another write to the key.
//!
//! CCv adds *CyclicCF*: the read of one write makes all other writes of the key which causally precede it come before
//! that one; with causal order, this goes in a circle.
//!
//! Causal order is held as vector clocks, one entry per session (`graph`). For a read only the last preceding write of each
//! session to its key needs to be looked at: if any earlier one makes a pattern, so does the last. Time is
//! (operations) x (sessions), with a logarithm for finding that write.
//!
//! # When the answer is unknown
//!
//! As for PRAM: a read that returned several values, or a value that was written twice. A read of nothing from a key
//! that is deleted somewhere does not name its write; nothing is concluded from it, and where nothing else is wrong the answer
//! is *unknown*. Unread writes of unknown outcome are left out.

mod graph;
mod judge;
pub(crate) mod model;
mod patterns;

pub use judge::{PatternFound, judge};
pub use patterns::Pattern;

/// One of the two that are judged here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Causality {
    /// CC.
    Consistent,
    /// CCv.
    Convergent,
}

impl Causality {
    /// Name of the checker.
    pub const fn name(self) -> &'static str {
        match self {
            Causality::Consistent => "causal",
            Causality::Convergent => "causal-convergence",
        }
    }
}
