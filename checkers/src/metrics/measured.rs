//! What replicas hold over time: measured beside the events, which it must not change.

use std::collections::BTreeMap;

use super::Distributions;
use crate::trace::{NodeId, Recording, What};

/// What a host measures of a run beside its events. A recording without it lacks these figures and no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// In the order of time.
    pub samples: Vec<Sample>,
    /// Numbers of the [`What::Sent`] events of anti-entropy messages, ascending, with how many writes each brings.
    pub carried: Vec<(u64, u32)>,
}

/// What a replica holds at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub at_ns: u64,
    /// Which replica.
    pub node: NodeId,
    /// The numbers that [`crate::trace::Header::gauges`] names, in that order; the last ones may be missing.
    pub gauges: Vec<u64>,
    /// Bytes of what is kept about writes beside their values; absent where the store does not say.
    pub metadata_bytes: Option<u64>,
}

/// Name of the series of [`Sample::metadata_bytes`].
pub const METADATA_BYTES: &str = "metadata-bytes";

impl Measured {
    /// How many writes a message brings.
    pub(super) fn carried_by(&self, sent: u64) -> u32 {
        self.carried.binary_search_by_key(&sent, |(sent, _)| *sent).map_or(0, |found| self.carried[found].1)
    }
}

/// By gauge: what the replicas reported, by window. A sample at the end of a window counts for that window.
pub(super) fn gauges(recording: &Recording, measured: &Measured, window_ns: u64) -> BTreeMap<String, Distributions> {
    let mut all: BTreeMap<String, Distributions> = BTreeMap::new();
    let mut add = |name: &str, at_ns: u64, value| {
        all.entry(name.to_owned()).or_default().at(at_ns.saturating_sub(1), window_ns).add(value);
    };
    let names = &recording.header.gauges;
    for sample in &measured.samples {
        names.iter().zip(&sample.gauges).for_each(|(name, value)| add(&name.name, sample.at_ns, *value));
        if let Some(bytes) = sample.metadata_bytes {
            add(METADATA_BYTES, sample.at_ns, bytes);
        }
    }
    for event in &recording.events {
        if let What::Gauge { gauge, value } = event.what {
            add(&names[usize::from(gauge)].name, event.at_ns, value);
        }
    }
    all
}
