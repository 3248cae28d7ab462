//! Histories of other systems: read, written, and judged by consistency models.
//!
//! - [`edn`]: Clojure's notation, in which Jepsen stores histories;
//! - [`jepsen`]: histories as Jepsen stores them, in EDN or JSON Lines, and the operations in them;
//! - [`models`]: consistency models by which such histories are judged;
//! - [`causal`]: each read sees what came before the writes it sees;
//! - [`linearizable`]: operations take effect one after the other, each while it is under way;
//! - [`sequential`]: operations take effect one after the other, each process's in its order;
//! - [`regular`]: a read returns the last acknowledged write, or one that was under way.
//!
//! [`models::MODELS`] lists all models. Some, PRAM order and the session guarantees, are checkers of recordings in
//! `kvsim-checkers`; [`CHECKERS`] makes the others such checkers, too.

pub mod causal;
mod checkers;
pub mod edn;
pub mod jepsen;
pub mod linearizable;
pub mod models;
pub mod regular;
pub mod sequential;

pub use checkers::{CHECKERS, is_of_group, of_group};
