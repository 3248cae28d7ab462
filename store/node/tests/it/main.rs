//! Processes of kvsim-node on this machine, and clients that speak to them as redis-cli would.
#![allow(missing_docs, clippy::disallowed_types, clippy::disallowed_methods)] // real processes, real time

mod client;
mod cluster;
mod commands;
mod hostile;
mod kills;
#[path = "../../../maelstrom/tests/driver/verdicts.rs"]
mod verdicts;
