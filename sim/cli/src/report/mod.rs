//! The results of a run: [`Summary`] for programs, [`text`] for people; [`words`] for single events, [`moment`] for the
//! state of the replicas.

pub mod faults;
mod findings;
pub mod moment;
pub mod page;
mod summary;
pub mod text;
pub mod words;

pub use findings::{Judgement, first_finding, to_explain};
pub use page::Page;
pub use summary::Summary;
