//! A second run: what a checker may ask for when one recording cannot show what it is to judge.
//!
//! That something has no influence on something else is a statement about two runs (non-interference: Goguen and
//! Meseguer, Security Policies and Security Models, 1982). Checkers know no simulator, so whoever has one lends it.

use crate::trace::Recording;

/// What is to be different in the second run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variation {
    /// Messages that replicate a write of a priority below this one meet other fates; all else stays as it was.
    pub below: u8,
}

/// Can make the recorded run again.
pub trait Again {
    /// The same run of the same seed, varied. Nothing when there is none to be had: the recording comes from
    /// elsewhere, or the second run did not come to its end.
    fn again(&self, variation: Variation) -> Option<Recording>;
}

/// The recording is all there is.
#[derive(Clone, Copy, Debug)]
pub struct Never;

impl Again for Never {
    fn again(&self, _: Variation) -> Option<Recording> {
        None
    }
}
