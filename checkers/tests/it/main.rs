//! The checkers against their definitions, on recordings of stores written for tests and on recordings written by hand.
//! One program, so that what they share is built once.

mod availability;
#[path = "../common/chance.rs"]
mod chance;
mod convergence;
mod explain;
mod guarantees;
mod honest;
mod jsonl;
mod metadata;
mod metrics;
mod ops;
mod ordered;
mod pram;
mod promises;
mod script;
mod snapshot;
mod toy;
