//! A hunt: which runs there are ([`runs`]), and what has been found ([`journal`]).

pub mod journal;
pub mod runs;
