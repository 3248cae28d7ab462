//! What a checker is: its name, its codes, and how it is asked.

use crate::facts::Facts;
use crate::trace::{Header, Recording};
use crate::verdict::{CodeInfo, Report};

/// What there is to say about a checker before it runs.
#[derive(Clone, Copy, Debug)]
pub struct CheckerInfo {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What it judges, in one line.
    pub summary: &'static str,
    /// The kinds of breach that it tells apart.
    pub codes: &'static [CodeInfo],
    /// Whether it runs on such a recording when it is not named: then the store promises what it judges. The others
    /// judge what is promised only to some sessions, and run when they are named.
    pub by_default: fn(&Header) -> bool,
    /// Judges a recording by its facts, which checkers share.
    pub check: fn(&Facts<'_>, &Rerun<'_>) -> Report,
}

impl CheckerInfo {
    /// Judges a [valid](Recording::validate) recording.
    pub fn judge(&self, recording: &Recording, rerun: &Rerun<'_>) -> Report {
        (self.check)(&Facts::of(recording), rerun)
    }
}

/// A second run, for what one recording cannot show: the same run of the same seed, in which messages that replicate a write
/// of a priority below this one meet other fates, and all else is as it was. That something has no influence on something
/// else is a statement about two runs (non-interference: Goguen and Meseguer, Security Policies and Security Models,
/// 1982). Nothing when there is no such run: the recording comes from elsewhere, or the second run did not come to its end.
pub type Rerun<'a> = dyn Fn(u8) -> Option<Recording> + 'a;

/// For a recording that is all there is.
pub const NO_RERUN: &Rerun<'static> = &|_| None;

/// Asked often by checkers that may take long: whether the time is over. This crate knows no clock; its callers do.
pub type Expired<'a> = &'a dyn Fn() -> bool;

/// The time is never over.
pub const NEVER: Expired<'static> = &|| false;
