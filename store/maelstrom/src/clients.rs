//! What a node keeps for its clients: requests under way, and what each has seen.

use std::collections::{BTreeMap, VecDeque};

use kvsim_store::ndc::object::Context;
use kvsim_store::{CallId, Key};
use serde_json::Value as Json;

use crate::protocol::MsgId;

/// Clients and their requests.
#[derive(Debug, Default)]
pub struct Clients {
    /// By client and key, what its last read there has seen. Maelstrom's clients know no contexts, so the node keeps
    /// them.
    contexts: BTreeMap<String, BTreeMap<Key, Context>>,
    open: BTreeMap<CallId, Open>,
    /// When requests have waited long enough; ascending, since all wait equally long.
    deadlines: VecDeque<(u64, CallId)>,
    next_call: u32,
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
    /// A request begins to wait, until `deadline_ns` at most.
    pub fn begin(&mut self, open: Open, deadline_ns: u64) -> CallId {
        let call = CallId(self.next_call);
        self.next_call = self.next_call.wrapping_add(1);
        self.open.insert(call, open);
        self.deadlines.push_back((deadline_ns, call));
        call
    }

    /// A call of the store is over: the request that it was made for, unless that has been given up.
    pub fn finish(&mut self, call: CallId) -> Option<Open> {
        let open = self.open.remove(&call);
        while self.deadlines.front().is_some_and(|(_, call)| !self.open.contains_key(call)) {
            self.deadlines.pop_front();
        }
        open
    }

    /// When the next request has waited long enough.
    pub fn next_ns(&self) -> Option<u64> {
        self.deadlines.front().map(|(at_ns, _)| *at_ns)
    }

    /// Takes out a request that has waited long enough.
    pub fn take_late(&mut self, now_ns: u64) -> Option<Open> {
        let (at_ns, call) = *self.deadlines.front()?;
        if at_ns > now_ns { None } else { self.finish(call) }
    }

    /// Takes out all requests.
    pub fn take_all(&mut self) -> Vec<Open> {
        self.deadlines.clear();
        std::mem::take(&mut self.open).into_values().collect()
    }

    /// What a client has seen of a key.
    pub fn context(&self, client: &str, key: Key) -> Context {
        self.contexts.get(client).and_then(|contexts| contexts.get(&key)).cloned().unwrap_or_default()
    }

    /// A client has read a key.
    pub fn remember(&mut self, client: &str, key: Key, context: Context) {
        self.contexts.entry(client.to_owned()).or_default().insert(key, context);
    }
}
