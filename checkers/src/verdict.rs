//! What a checker answers.

use serde::{Deserialize, Serialize};

/// The three answers. *Unknown* is not a pass: nothing was observed that could have failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The property was put to the test and stood.
    Holds,
    /// It was broken; the findings say how.
    Violated,
    /// It cannot be told; the report's note says why.
    Unknown,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Verdict::Holds => "holds",
            Verdict::Violated => "violated",
            Verdict::Unknown => "unknown",
        })
    }
}

/// One checker's answer about one recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Name of the checker.
    pub checker: String,
    /// The answer.
    pub verdict: Verdict,
    /// For *holds*: what was put to the test, in numbers. For *unknown*: why. For *violated*: how many more
    /// findings there are than are listed, or which parts held.
    pub note: String,
    /// What was broken, first things first; at most [`Report::FINDINGS_MAX`].
    pub findings: Vec<Finding>,
}

impl Report {
    /// More findings than this are counted but not listed: they mostly say the same.
    pub const FINDINGS_MAX: usize = 10;
}

/// One breach of a property, as a story: a title and the events and operations that show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Fixed name of the kind of breach, for instance `CONV002`.
    pub code: String,
    /// One sentence that names the key, the replicas and the writes.
    pub title: String,
    /// When it could first be told, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// The story in order.
    pub story: Vec<StoryLine>,
    /// Numbers of the events that show it, in order.
    pub events: Vec<u64>,
    /// Numbers of the operations concerned, in order.
    pub ops: Vec<u32>,
}

/// One line of a finding's story.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoryLine {
    /// When, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// What happened.
    pub text: String,
}
