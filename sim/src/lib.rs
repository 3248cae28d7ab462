//! A deterministic discrete-event simulator that hosts replicated key-value stores.
//!
//! A [`scenario::Scenario`] and a seed are lowered ([`lower`]) to a [`plan::Plan`]: every client operation and
//! every fault with its time. The [`engine`] executes a plan and nothing else, and writes what happens into a
//! [`engine::Sink`]. This crate has no terminal and touches no files.

pub mod engine;
pub mod estimate;
pub mod faults;
pub mod hunt;
pub mod lower;
pub mod net;
pub mod plan;
pub mod quantity;
pub mod regions;
pub mod scenario;
pub mod shrink;
pub mod stores;
