//! A sweep: one scenario with many values, each with many seeds, and its results.
//!
//! [`read`] reads which values and which columns there are; [`column`] says what a column is, [`measures`] what is measured
//! of a run. [`run`] does a run, [`journal`] keeps what is done, [`merge`] puts shards together, [`table`] puts the seeds of a cell together ([`median`]),
//! [`text_formats`] and [`csv_json`] write tables, [`charts`] and [`visibility`] draw.

pub mod charts;
pub mod column;
mod csv_json;
pub mod journal;
pub mod measures;
pub mod median;
pub mod merge;
pub mod read;
pub mod run;
pub mod table;
pub mod text_formats;
pub mod visibility;

pub use column::Column;
