//! Saying what a run came to: [`Summary`] for programs, [`text`] for people; [`words`] for single events, [`moment`] for
//! how things stood, [`explained`] for why.

pub mod explained;
pub mod faults;
pub mod moment;
mod page;
mod summary;
pub mod text;
pub mod words;

pub use page::Page;
pub use summary::{Judgement, Summary, first_finding};
