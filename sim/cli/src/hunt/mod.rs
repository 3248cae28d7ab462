//! A hunt: which runs there are ([`runs`]), what has been found ([`journal`]), how it is told ([`told`]), and how shards become
//! one hunt ([`merge`]).

pub mod journal;
pub mod merge;
pub mod runs;
pub mod told;
