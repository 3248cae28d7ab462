//! Requests of clients that have no answer yet.

use std::collections::{BTreeMap, VecDeque};

use kvsim_store::CallId;

/// What waits for an answer of the store, each until a time at most.
#[derive(Debug)]
pub struct Waiting<T> {
    open: BTreeMap<CallId, T>,
    /// When requests have waited long enough; ascending, since all wait equally long.
    deadlines: VecDeque<(u64, CallId)>,
    next_call: u32,
}

impl<T> Default for Waiting<T> {
    fn default() -> Waiting<T> {
        Waiting { open: BTreeMap::new(), deadlines: VecDeque::new(), next_call: 0 }
    }
}

impl<T> Waiting<T> {
    /// A request begins to wait, until `deadline_ns` at most; no earlier one waits longer.
    pub fn begin(&mut self, request: T, deadline_ns: u64) -> CallId {
        let call = CallId(self.next_call);
        self.next_call = self.next_call.wrapping_add(1);
        self.open.insert(call, request);
        self.deadlines.push_back((deadline_ns, call));
        call
    }

    /// A call of the store is over: the request that it was made for, unless that has been given up.
    pub fn finish(&mut self, call: CallId) -> Option<T> {
        let request = self.open.remove(&call);
        while self.deadlines.front().is_some_and(|(_, call)| !self.open.contains_key(call)) {
            self.deadlines.pop_front();
        }
        request
    }

    /// When the next request has waited long enough.
    pub fn next_ns(&self) -> Option<u64> {
        self.deadlines.front().map(|(at_ns, _)| *at_ns)
    }

    /// Takes out a request that has waited long enough.
    pub fn take_late(&mut self, now_ns: u64) -> Option<T> {
        let (at_ns, call) = *self.deadlines.front()?;
        if at_ns > now_ns { None } else { self.finish(call) }
    }

    /// Takes out all requests.
    pub fn take_all(&mut self) -> Vec<T> {
        self.deadlines.clear();
        std::mem::take(&mut self.open).into_values().collect()
    }
}
