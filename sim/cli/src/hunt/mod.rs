//! A hunt: which runs there are ([`quarry`]), what has been found ([`journal`]), and who does the work ([`crew`]).

pub mod crew;
pub mod journal;
pub mod quarry;
