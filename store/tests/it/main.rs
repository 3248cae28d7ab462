//! The stores under random schedules and under schedules written by hand. One program, so that what they share is
//! built once.

mod common;
mod log_replay;
mod lww_schedules;
mod ndc_churn;
mod ndc_cluster;
mod ndc_level_traps;
mod ndc_levels;
mod ndc_objects;
mod ndc_replay;
mod ndc_schedules;
mod tasks;
