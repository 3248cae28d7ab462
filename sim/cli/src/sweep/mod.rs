//! A sweep: one scenario with many values, each with many seeds, and what comes of it.
//!
//! `scenario/sweep` reads which values and which columns there are; [`column`] says what a column is, [`measures`] what a run
//! comes to. [`run`] does a run, [`journal`] keeps what is done, [`table`] puts the seeds of a cell together ([`spread`]),
//! [`formats`] and [`exact`] write tables, [`charts`] and [`visibility`] draw.

pub mod charts;
pub mod column;
mod exact;
pub mod formats;
pub mod journal;
pub mod measures;
pub mod run;
pub mod spread;
pub mod table;
pub mod visibility;

pub use column::Column;
