//! What a node keeps for its clients: requests under way, and what each has seen.

use std::collections::BTreeMap;

use kvsim_host::Waiting;
use kvsim_store::Key;
use kvsim_store::ndc::Handed;
use serde_json::Value as Json;

use crate::protocol::MsgId;

/// Clients and their requests.
#[derive(Debug, Default)]
pub struct Clients {
    /// By client and key, what the last answer to it handed out. Maelstrom's clients know no contexts, so the node keeps
    /// them.
    contexts: BTreeMap<String, BTreeMap<Key, Handed>>,
    /// Requests under way.
    pub waiting: Waiting<Open>,
}

/// A request that has no answer yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// Whose.
    pub client: String,
    /// Its number there.
    pub msg_id: MsgId,
    /// Of which key.
    pub key: Key,
    /// What for.
    pub what: What,
}

/// What a request waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// For its read.
    Read,
    /// For its write; true when that is the second half of cas.
    Write {
        /// The first half was a read that found what cas expected.
        cas: bool,
    },
    /// For the read that is the first half of cas.
    Compare {
        /// What is expected.
        from: Json,
        /// What is written then.
        to: Json,
        /// It is written, too, where there is no such key.
        create: bool,
        /// So many writes to the key had come in here when cas began.
        writes: u64,
    },
}

impl Clients {
    /// What a client has seen of a key.
    pub fn context(&self, client: &str, key: Key) -> Handed {
        self.contexts.get(client).and_then(|contexts| contexts.get(&key)).cloned().unwrap_or_default()
    }

    /// A client has an answer about a key.
    pub fn remember(&mut self, open: &Open, context: Handed) {
        self.contexts.entry(open.client.clone()).or_default().insert(open.key, context);
    }
}
