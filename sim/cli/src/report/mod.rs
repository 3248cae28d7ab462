//! Saying what a run came to: [`Summary`] for programs, [`text`] for people.

mod summary;
pub mod text;

pub use summary::{Judgement, Summary};
