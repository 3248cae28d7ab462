//! What the log is made of.

use kvsim::store::{Key, ReplicaId, Value};
use omnipaxos::storage::NoSnapshot;

/// What is in the log.
#[derive(Clone, Debug)]
pub enum Entry {
    Command(Command),
    /// The configuration ends, and the next one has these members.
    End(Vec<ReplicaId>),
}

impl omnipaxos::storage::Entry for Entry {
    type Snapshot = NoSnapshot;
}

/// The call of a client, and what a write writes (nothing inside for a delete); a read writes nothing.
#[derive(Clone, Debug)]
pub struct Command {
    pub call: u32,
    pub key: Key,
    pub writes: Option<Option<Value>>,
}
