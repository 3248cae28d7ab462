//! What stores promise to clients, judged from what clients were answered and from what happened to disks.
//!
//! - **durable** (`durable`): a write that k replicas have acknowledged is readable at the end, or replaced by a write that
//!   had seen it, as long as fewer than k disks were missing at once;
//! - **fresh** (`fresh`): a read of r replicas returns a write that w replicas had acknowledged before it was asked for, or
//!   what has replaced that, where w + r is more than hold the key.
//!
//! # When a write may vanish
//!
//! A disk is missing from the moment at which it is lost, or leaves with its node, until its node serves again: until a client
//! has an answer of that node that it asked for after the node came up. (A node that no client asks is never seen to serve.
//! What replicas say of their own recovery does not count.) Where not every node holds every key, the answer has to be one to
//! a call for the key that the node gave in the step in which it took the call up: others may be those of other holders, and keys
//! come back one after the other. Or the node says that it has the write, and does not turn out not to have had it on its disk
//! when it goes down. A disk that broke its promise about a write is missing for that
//! write from then on. What a node had lost before the write was acknowledged does not count, unless the node was still
//! down: the replica that acknowledged could not know. Nor could it know of what happened since it stands still, if it acknowledged before
//! any time had passed after that: news waits behind what has come before it.
//!
//! A write that was acknowledged by k may vanish only if at some moment since, k disks of nodes that are to hold its key were
//! missing, that of the node that took it in among them. If that one does not hold the key, its disk was missing beside them: it
//! does not get again what it had for others, so that it is missing for good. (Where nodes join or
//! leave, the holders change with them, and the disks of all nodes count.) Or if as many were missing at once as hold a key:
//! who took a write in for others keeps it only until all of them have it. That every copy was lost, one after the
//! other, is no excuse: a replica that serves again has to have what the lost disk had answered for.
//!
//! How many hold the key of a write that a read has to meet follows the members, too: the most from when it was written until
//! the read was answered, since a copy that has left counts for the write and not for the read.

mod durable;
mod fresh;
mod missing_disks;

pub use durable::DURABLE;
pub use fresh::FRESH;

use crate::facts::Facts;
use missing_disks::MissingDisks;

/// True when so many disks were missing at once that an acknowledged write may have vanished, whether or not one has. Models know
/// no disks: they accuse a store of that, too.
pub fn excuse_a_loss(facts: &Facts<'_>) -> bool {
    let disks = MissingDisks::of(facts);
    let is_owed = |write: u32| facts.write(write).acknowledged && facts.write(write).undone.is_none();
    (0..facts.writes.len() as u32).any(|write| is_owed(write) && disks.may_be_gone(write))
}

/// The place of the step that led to the answer of the operation that asked for `write`: what the replica could know then,
/// it had to respect.
fn decided(facts: &Facts<'_>, write: u32) -> Option<usize> {
    let answered = facts.operation(write).answered()?;
    let step = facts.step_of(answered);
    Some(if step == answered { answered } else { step.max(facts.write(write).invoked) })
}
