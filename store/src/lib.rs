//! The replica contract of kvsim and the stores that fulfil it.
//!
//! Everything here is a pure state machine: a replica is handed inputs ([`Input`]) one at a time and writes
//! its outputs into an [`Env`]. There is no I/O, no thread, no wall clock and no chance but the stream that
//! the host passes in, so that a run can be repeated to the bit.
//!
//! - [`contract`]: the trait a store implements to be hosted, and its vocabulary;
//! - [`clock`]: dots, dot sets and node clocks;
//! - [`ndc`]: the flagship, node-wide dot-based clocks;
//! - [`lww`]: last writer wins, the second tenant that keeps the contract honest;
//! - [`tasks`]: replicas written with async/await;
//! - [`settings`]: what a host asks a store about its settings; [`quantity`]: durations and sizes in them;
//! - [`placement`]: which nodes hold which keys.

pub mod clock;
pub mod contract;
mod key_table;
pub mod lww;
pub mod ndc;
pub mod placement;
mod pulling;
mod random;
pub mod settings;
pub mod tasks;

pub use contract::{
    Answer, Call, CallId, Env, GaugeInfo, Input, Key, MessageMeta, Names, Observation, Outbox, Output, Refusal,
    Replica, Value, Version,
};
pub use kvsim_types::{
    AckWord, Acks, Alone, Conflict, Dot, Level, Levels, NodeId, Priority, ReplicaId, quantity, written_as_text,
};
pub use random::{GOLDEN, Stream, scatter};

/// Every store, the default first, as `$of::<Store>(name, summary)`: a host makes of each what it needs.
#[macro_export]
macro_rules! stores {
    ($($of:tt)+) => {
        [
            $($of)+::<$crate::ndc::Ndc>(
                "ndc",
                "node-wide dot-based clocks (DottedDB): siblings, deletes without tombstones, anti-entropy by clocks",
            ),
            $($of)+::<$crate::lww::Lww>(
                "lww",
                "last writer wins: one version per key by time stamp, tombstones, anti-entropy by comparing all keys",
            ),
        ]
    };
}
