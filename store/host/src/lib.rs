//! What a replica of the NDC store needs to live in a real process, whatever its clients and peers speak.
//!
//! - [`Host`]: the replica with its time, timers, records and names; it reads no clock and does no I/O, so that it can be tested by
//!   itself;
//! - [`disk`]: files of records, numbered and checked;
//! - [`names`]: the store's numbers for keys and values, and what clients call them;
//! - [`Waiting`]: requests that have no answer yet.
//!
//! `kvsim-maelstrom` and `kvsim-node` are two processes around it.

pub mod disk;
mod host;
pub mod names;
mod timers;
mod waiting;

pub use host::{Codec, Effect, Host, Settings};
pub use waiting::Waiting;
