//! Levels that wait: `fifo-visibility` and `priority`.
//!
//! An ordered level shows, for each origin (replica that took writes in), an unbroken prefix of its writes: of all
//! of them (`fifo`), of those of some priority or above (`fifo-p1` to `fifo-p3`), or for each key of those of the
//! key's own priority or above (`priority`). So at each moment the writes that a level of a replica must reflect
//! follow from what has arrived there, and what it must show of a key follows from these (`state`). Both checkers
//! compare what a replica shows with that, step by step (`walk`, `compare`), and what its reads return (`reads`):
//!
//! | broken | code |
//! |---|---|
//! | order: a write is shown before its turn, or a later one while it is not reflected | FIFO001, PRIO001 |
//! | stability: what was reflected no longer is | FIFO002, PRIO002 |
//! | a session does not read its own acknowledged write | FIFO003 |
//! | promptness: a write is reflected later than all that it needs has arrived | PRIO003 |
//! | liveness: a write that is ready is never reflected | PRIO004 |
//! | non-interference: what becomes of lower writes decides when a write is shown (`interference`) | PRIO005 |
//!
//! The last three are priority inversions: what a write needs is never a write of lower priority.
//!
//! What has arrived, replicas announce themselves. They cannot hide a breach by announcing it late without showing
//! something early or answering a read with what they deny to have (CONV005).
//!
//! A node that goes down begins anew with what its disk has, by the host's word (`losses`, `state`). A write that went
//! with every disk is void, and nothing waits for it; if a replica has it after all, passing over it broke the order.
//!
//! | word | meaning |
//! |---|---|
//! | origin | a replica in one of its lives, as the one that takes writes in |
//! | view | what a level carries: view `v` the writes of priority `v` or above |
//! | chain | the writes of an origin that a view carries, in order |
//! | line | writes of an origin to one key, in order, of which each had seen the one before |
//! | ready | a write that has arrived, with all earlier ones of its chain |
//! | due | ready, and nothing excuses that it is not reflected |
//! | reflected | shown, or a write that had seen it is |
//! | void | can never arrive any more: undone, or gone with every disk |
//! | passed over | a later write of the chain is shown |
//!
//! Time and memory are proportional to the length of the recording, to the number of siblings where contexts are
//! handed back, and to nodes times writes; each time that a node goes down or up costs a look at all writes there.

mod compare;
mod describe;
mod fifo;
mod interference;
mod look;
mod losses;
mod priority;
mod reads;
mod state;
mod walk;

pub use fifo::INFO as FIFO;
pub use priority::INFO as PRIORITY;

use crate::facts::Facts;
use crate::trace::Header;
use walk::{Found, ORDERED};

/// True when a store serves levels that wait.
pub fn is_served(header: &Header) -> bool {
    ORDERED.iter().any(|level| header.levels.contains(*level))
}

/// Why nothing is said of a store that announces nothing.
const SILENT: &str = "the store announces nothing, so that what levels had to show is not known";

/// Why ordered levels cannot be judged, found before the walk.
fn obstacle(facts: &Facts<'_>) -> Option<String> {
    let header = facts.header();
    if !is_served(header) {
        return Some(format!("the store {} serves no ordered level", header.store));
    }
    if !header.placement.is_empty() {
        return Some("not every replica holds every key, so that no replica gets whole sequences of writes".to_owned());
    }
    facts.order.gap.clone()
}

/// Why nothing can be said although nothing is wrong.
fn unobserved(found: &Found) -> Option<String> {
    (found.shown == 0).then(|| "no write became visible at an ordered level".to_owned())
}
