//! The limit of memory: a run that would take more is refused before it begins.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use kvsim_sim::estimate::Estimate;
use kvsim_sim::plan::Plan;

use crate::exit::Failure;
use crate::text::grouped;

/// In bytes; the command line sets it.
static LIMIT: AtomicU64 = AtomicU64::new(u64::MAX);

/// From now on a run may take so many bytes.
pub fn limit(bytes: u64) {
    LIMIT.store(bytes, Ordering::Relaxed);
}

/// Whether a run of the plan can be recorded with all messages.
pub fn takes_messages(plan: &Plan) -> bool {
    Estimate::of_plan(plan).bytes() <= LIMIT.load(Ordering::Relaxed)
}

/// Refuses a plan that cannot be recorded with all messages.
pub fn check_with_messages(place: &Path, plan: &Plan) -> Result<(), Failure> {
    check(place, &Estimate::of_plan(plan))
}

/// Refuses what takes more than the limit; `place` says what was read.
pub fn check(place: &Path, estimate: &Estimate) -> Result<(), Failure> {
    let (limit, bytes) = (LIMIT.load(Ordering::Relaxed), estimate.bytes());
    if bytes <= limit {
        return Ok(());
    }
    let [needed, limit] = [bytes.div_ceil(1_000_000), limit / 1_000_000].map(grouped);
    Err(Failure::Usage(format!(
        "{}: the run may take {needed} MB of memory, most of it for {estimate}; the limit is {limit} MB\n  \
         make it shorter, slower or smaller, or raise the limit: --memory {}MB{}",
        place.display(),
        bytes.div_ceil(1_000_000),
        if estimate.operations > bytes / 2 { " (run --checks none records nothing, and judges nothing)" } else { "" }
    )))
}
