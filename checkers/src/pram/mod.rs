//! PRAM order: every session sees the writes of each writer in the order in which they were issued.
//!
//! # What is judged
//!
//! Pipelined RAM (Lipton and Sandberg, *PRAM: a scalable shared memory*, Princeton TR-180-88, 1988): for each
//! session there is an order of its own operations and everyone's writes that keeps every program order and in
//! which each read returns the latest earlier write to its key, or nothing if there is none. Deciding this from a
//! history alone is the problem VPC-MU of Wei et al. (*Verifying pipelined-RAM consistency over read/write traces
//! of data replicas*, TPDS 2016): polynomial when the values written to one key are distinct, which lets every
//! read name its write.
//!
//! *priority-pram* asks less: a write need only precede a later write of its origin when its own priority is equal
//! or higher, so that what is urgent may overtake. A session's own operations keep their order all the same.
//!
//! *causal-memory* asks for more: a write that a session had read before it wrote comes before that write in every
//! session's order (Ahamad et al., *Causal memory*, Distributed Computing 1995; CM of Bouajjani et al., POPL 2017).
//!
//! # How
//!
//! Published algorithms add edges to a graph of operations until nothing changes. That is not needed when a
//! session's order is built *from its end* (`backwards`). Some writes and a prefix of the session's operations
//! are unplaced. Per key x remember what the placed reads still look for: *closed* if nothing, or else the one
//! write w (or the initial state) that some placed read of x read while no write of x is placed before it. A write w
//! of x is **free** if all that must come after it is placed (later writes of its chain, later operations of the
//! session if it is its own), all reads of w are placed, and x is closed or waits for w.
//!
//! - *A free write may be placed at once.* Take any valid order of what is unplaced and move w to its end. Nothing
//!   unplaced had to follow w or read w, so the others still read what they did; and behind it no placed read
//!   looks past w for anything but w. So if there is an order at all, there is one with w last.
//! - *If no write is free, the last operation is forced.* A write that is not free cannot be last, so the last is
//!   the session's last unplaced operation, and a read: of v, with x closed or waiting for v, or else it would
//!   spoil what a placed read found. Place it; x waits for v from now on.
//! - *If that is impossible, too, there is no order.* A read of the initial state lets x wait for ever, so that
//!   any unplaced write of x gets stuck, as it should.
//!
//! Each operation is placed once and each chain's tail is looked at anew only when what it waited for has
//! happened: time and memory are linear in writes and the session's reads, session by session. What was placed,
//! read backwards, is a witness: [`witness`] hands it out and a test replays it.
//!
//! # Deletes
//!
//! A delete writes *nothing*, and so a read of nothing does not name its write: it read the initial state or any
//! delete of the key. In the argument above a delete is then free only when no unplaced read of nothing of
//! its key is left. While some are, there may be a choice what comes last: the session's read or such a delete, of
//! which there may be several. Choices are tried in turn (`search`), up to a limit; beyond it the answer comes from
//! what is known without these reads, and is *unknown* if that is nothing. Whether a delete of unknown outcome
//! happened cannot be seen either; what is certain in spite of it, `search` says.
//!
//! So no finding is wrong, but some breaches stay unknown: a long history in which sessions often read nothing from
//! keys that are written and deleted many times may well be *unknown*.
//!
//! # When the answer is unknown
//!
//! A read that returned several values shows a store whose keys are no registers; then the definition says
//! nothing, and the answer is *unknown*. So it is when a value was read that two writes of its key may have written.
//! Unread writes of unknown outcome are left out (an order with them is one without); reads of unknown outcome
//! say nothing.

mod backwards;
mod judge;
mod order;
mod report;
mod search;
mod smallest;
mod variant;

pub use judge::{OutOfOrder, judge, witness};
pub use report::report;
pub use variant::Order;

use crate::history::History;
use crate::operations::Operations;
use crate::verdict::Report;
use crate::{CheckerInfo, NEVER};

/// The checkers of PRAM order, and of as much of it as priorities ask for.
pub const CHECKERS: [CheckerInfo; 2] = [
    Order::Pram.checker(|facts, _| check(&facts.operations, Order::Pram)),
    Order::Priority.checker(|facts, _| check(&facts.operations, Order::Priority)),
];

fn check(operations: &Operations<'_>, order: Order) -> Report {
    let history = History::of_operations(operations.recording(), operations);
    report(&history, order, operations, NEVER).expect("it takes its time")
}
