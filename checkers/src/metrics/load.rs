//! What was asked, how soon it was answered, and what was sent for it.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::{Distribution, Distributions, Measured, Sums};
use crate::facts::operations::{Operations, Outcome};
use crate::trace::{Action, Level, Recording, What};

/// Operations of one kind at one level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// From invocation to answer, in nanoseconds, of those that were answered.
    pub latency_ns: Distribution,
    /// The same, by window of invocation.
    pub over_time: Distributions,
    /// How many were invoked, by window.
    pub asked: Sums,
    /// Those of them that were answered, by window of invocation.
    pub answered: Sums,
}

pub(super) fn calls(operations: &Operations<'_>, window_ns: u64) -> BTreeMap<(Action, Level), Calls> {
    let at_ns = |place: usize| operations.recording().events[place].at_ns;
    let mut all: BTreeMap<(Action, Level), Calls> = BTreeMap::new();
    for operation in operations.list() {
        let group = all.entry((operation.action, operation.level)).or_default();
        let invoked_ns = at_ns(operation.invoked);
        *group.asked.at(invoked_ns, window_ns) += 1;
        match operation.outcome {
            Outcome::Answered(place) => {
                let latency_ns = at_ns(place) - invoked_ns;
                group.latency_ns.add(latency_ns);
                group.over_time.at(invoked_ns, window_ns).add(latency_ns);
                *group.answered.at(invoked_ns, window_ns) += 1;
            }
            Outcome::Refused(_) | Outcome::TimedOut(_) | Outcome::Open => {}
        }
    }
    all
}

/// Messages of one kind. A recording without messages has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Copies sent, one per receiver, by window.
    pub copies: Sums,
    /// Their bytes, by window.
    pub bytes: Sums,
    /// Writes carried by anti-entropy messages that arrived.
    pub carried: u64,
    /// Those of them that their receiver got to know by it: over the former, the hit ratio of anti-entropy. A message that brings
    /// a clock, too, tells of more writes than it carries; of each message at most those count that it carries.
    pub missing: u64,
}

pub(super) fn traffic(recording: &Recording, measured: &Measured, window_ns: u64) -> BTreeMap<String, Traffic> {
    let mut kinds: Vec<Traffic> = vec![Traffic::default(); recording.header.kinds.len()];
    // Deliveries of anti-entropy messages, with their kind and how many more writes can be of theirs.
    let mut repairs: FxHashMap<u64, (u8, u32)> = FxHashMap::default();
    for event in &recording.events {
        match event.what {
            What::Sent { kind, bytes, copies, .. } => {
                let traffic = &mut kinds[usize::from(kind)];
                *traffic.copies.at(event.at_ns, window_ns) += u64::from(copies);
                *traffic.bytes.at(event.at_ns, window_ns) += u64::from(copies) * u64::from(bytes);
            }
            What::Delivered { kind, .. } => {
                let carried = measured.carried_by(event.cause);
                if carried > 0 {
                    kinds[usize::from(kind)].carried += u64::from(carried);
                    repairs.insert(event.number, (kind, carried));
                }
            }
            What::Known { .. } => {
                if let Some((kind, left @ 1..)) = repairs.get_mut(&event.cause) {
                    *left -= 1;
                    kinds[usize::from(*kind)].missing += 1;
                }
            }
            _ => {}
        }
    }
    let named = recording.header.kinds.iter().cloned().zip(kinds);
    named.filter(|(_, traffic)| !traffic.copies.0.is_empty()).collect()
}
