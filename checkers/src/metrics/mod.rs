//! Figures, not verdicts: how soon writes are seen, how old reads are, what it costs.
//!
//! All follow from a recording alone, but for what a replica holds over time, which a host [measures](Measured) beside it.
//! Everything is a whole number, and the figures of many runs are [merged](Merge) without keeping their recordings. Times
//! are counted in [distributions](Distribution) whose error is known, or in [windows](Series) of equal width.

mod distribution;
mod found;
mod lag;
mod load;
mod measured;
mod merge;
mod missed;
mod series;
mod staleness;
mod visibility;

use std::collections::BTreeMap;

pub use distribution::Distribution;
pub use lag::Lag;
pub use load::{Calls, Traffic};
pub use measured::{METADATA_BYTES, Measured, Sample};
pub use merge::Merge;
pub use series::{Distributions, Series, Sums};
pub use staleness::{ReadAge, Staleness, read_ages};
pub use visibility::{Group, Reflection, Visibility, Where, reflections};

use crate::facts::Facts;
use crate::trace::{Action, Level, NodeId, Recording};

/// The figures of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// How soon writes are seen; of a store that announces nothing, by when reads at the latest had found those that they found.
    pub visibility: BTreeMap<Group, Visibility>,
    /// How old the answers to reads are, by level; of a store that announces nothing, how old at least.
    pub staleness: BTreeMap<Level, Staleness>,
    /// What was asked and answered, by kind and level.
    pub calls: BTreeMap<(Action, Level), Calls>,
    /// What was sent, by kind of message.
    pub traffic: BTreeMap<String, Traffic>,
    /// How far replicas are behind.
    pub lag: BTreeMap<NodeId, Lag>,
    /// What replicas report about themselves, by the name of the number.
    pub gauges: BTreeMap<String, Distributions>,
}

impl Metrics {
    /// The figures of a [valid](Recording::validate) recording, in windows of this width (not 0). The time that it takes
    /// grows with the number of events, and with how many writes reads miss.
    pub fn of(recording: &Recording, measured: &Measured, window_ns: u64) -> Metrics {
        let facts = Facts::of(recording);
        let seen = facts.seen();
        // What replicas showed, and which write had seen which, a store that announces nothing leaves open. Reads show something.
        let announced = !recording.header.silent;
        Metrics {
            visibility: if announced { visibility::of(&facts, seen) } else { found::of(&facts) },
            staleness: staleness::of(&facts, seen, window_ns),
            calls: load::calls(&facts.operations, window_ns),
            traffic: load::traffic(recording, measured, window_ns),
            lag: if announced { lag::of(&facts, seen, window_ns) } else { BTreeMap::new() },
            gauges: measured::gauges(recording, measured, window_ns),
        }
    }
}
