//! Histories of other systems: read, written, and judged by consistency models.
//!
//! - [`edn`]: Clojure's notation, in which Jepsen stores histories;
//! - [`jepsen`]: histories as Jepsen stores them, in EDN or JSON Lines, and the operations in them;
//! - [`models`]: consistency models by which such histories are judged;
//! - [`causal`]: each read sees what came before the writes it sees;
//! - [`linearizable`]: operations take effect one after the other, each while it is under way.
//!
//! [`models::MODELS`] lists all models. Those that are also judged of recordings, PRAM order and the session guarantees,
//! are checkers of `kvsim-checkers`.

pub mod causal;
pub mod edn;
pub mod jepsen;
pub mod linearizable;
pub mod models;
