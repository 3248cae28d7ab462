//! The simulator as a library: plans, runs, faults, and what checkers say of them. One program, so that what they share
//! is built once; `allocations` counts for a whole process and has one of its own.

#[path = "../common/mod.rs"]
mod common;
mod convergence;
mod determinism;
mod explain;
mod faculties;
mod faults;
mod heartbeats;
mod hostile;
mod measured;
mod other_fates;
mod regions;
mod replacements;
mod swarm;
