//! What is reported of one read by itself, whatever the model: it found what was never there, or not yet.

use kvsim_checkers::describe;
use kvsim_checkers::history::Ending;
use kvsim_checkers::verdict::Finding;
use rustc_hash::{FxHashMap, FxHashSet};

use super::subject::Subject;
use crate::jepsen::{Action, Call};

impl Call {
    /// It took place, or may have, and if it is a read, it was answered. A cas of unknown outcome that would change nothing
    /// explains nothing.
    pub fn matters(&self) -> bool {
        match self.ending {
            Ending::Ok => true,
            Ending::Failed => false,
            Ending::Indeterminate => self.action != Action::Read && self.writes() != self.needs(),
        }
    }

    /// The value that it needs to be there.
    pub fn needs(&self) -> Option<u64> {
        self.action.needs(self.value, self.expected)
    }

    /// The value that it leaves.
    pub fn writes(&self) -> Option<u64> {
        self.action.writes(self.value)
    }
}

impl Subject<'_> {
    /// What keys may have begun with, although the history was judged as if they had not: a value that was never written,
    /// found when no write to its key had been acknowledged.
    pub fn likely_initial(&self) -> Option<String> {
        let calls = self.calls.list();
        let mut written: FxHashMap<u32, u32> = FxHashMap::default();
        let mut values: FxHashSet<u64> = FxHashSet::default();
        for call in calls {
            values.extend(call.writes());
            if call.writes().is_some() && call.ending == Ending::Ok {
                let first = written.entry(call.key).or_insert(call.completed);
                *first = call.completed.min(*first);
            }
        }
        let is_it = |call: &&Call| {
            let is_first = written.get(&call.key).is_none_or(|written| call.invoked < *written);
            let is_unwritten = |value| value != self.calls.initial() && !values.contains(&value);
            call.ending == Ending::Ok && is_first && call.needs().is_some_and(is_unwritten)
        };
        let value = calls.iter().find(is_it)?.needs()?;
        Some(self.calls.value(value)?.to_string())
    }

    /// Why keys are no registers here: a read of several values.
    pub(crate) fn siblings(&self) -> Option<String> {
        let several = |call: &u32| self.calls.call(*call).matters() && self.calls.is_several(self.calls.call(*call));
        let call = (0..self.calls.list().len() as u32).find(several)?;
        let (name, key) = (self.describe().name(call), self.describe().key(call));
        Some(format!("read {name} of {key} returned several values, and keys are registers here"))
    }

    /// Of calls, which are in the order of their invocation, the last that found something and was completed.
    pub(crate) fn last_found(&self, calls: &[u32]) -> Option<u32> {
        let call = |place: &u32| self.calls.call(*place);
        let found =
            calls.iter().copied().filter(|place| call(place).needs().is_some() && call(place).ending == Ending::Ok);
        found.max_by_key(|place| call(place).completed)
    }

    /// The finding about a call that found a value which no write can have left there by then: it was not written, only
    /// failed writes did, or writes that were asked for when the call had been answered.
    pub(crate) fn unwritten(&self, code: &str, place: u32) -> Finding {
        let (calls, words) = (&self.calls, self.describe());
        let call = calls.call(place);
        let wrote = |other: &u32| {
            let other = calls.call(*other);
            other.key == call.key && other.writes() == call.needs()
        };
        let (failed, later): (Vec<u32>, Vec<u32>) = (0..calls.list().len() as u32)
            .filter(|other| *other != place && wrote(other))
            .partition(|other| calls.call(*other).ending == Ending::Failed);
        let (reader, found, key) = (words.subject(call.session), words.returned(place), words.key(place));
        let (title, shown) = match (&later[..], &failed[..]) {
            ([first, ..], _) => {
                let write = words.name(*first);
                (format!("{reader} found {found} in {key} before {write}, which wrote it, was asked for"), *first)
            }
            ([], [first, rest @ ..]) => {
                let (write, more) = (words.name(*first), rest.len());
                let more = if more == 0 { String::new() } else { format!(" and {more} more failed") };
                (format!("{reader} found {found} in {key}, which only the failed {write}{more} wrote"), *first)
            }
            ([], []) => (format!("{reader} found {found} in {key}, which was never written there"), place),
        };
        let ops = describe::in_order(words, [shown, place]);
        let lines = describe::lines(words, &ops, Some(place), describe::HERE);
        describe::finding(words, code, title, &ops, lines)
    }
}
