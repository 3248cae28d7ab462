//! The definition, tried out: all choices of what happened, all orders. No code in common with the checker.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::history::{Ending, Entry, Kind, Value, WriterOrder};
use kvsim_checkers::pram::Order;

/// A small history in the terms of its recorder.
#[derive(Clone, Debug)]
pub struct Case {
    pub writer_order: WriterOrder,
    pub order: Order,
    pub priorities: Vec<u8>,
    /// Sorted by session; each session's in program order.
    pub entries: Vec<Entry>,
}

impl Case {
    pub fn sessions(&self) -> BTreeSet<u32> {
        self.entries.iter().map(|entry| entry.session).collect()
    }

    pub fn priority(&self, entry: &Entry) -> u8 {
        self.priorities.get(entry.key as usize).copied().unwrap_or(0)
    }

    /// In the order of `session`, the first must come before the second.
    pub fn must_precede(&self, session: u32, first: usize, second: usize) -> bool {
        let (a, b) = (&self.entries[first], &self.entries[second]);
        let is_open = a.kind == Kind::Write && a.ending == Ending::Indeterminate;
        if a.session == session && b.session == session && first < second && !is_open {
            return true;
        }
        if a.kind == Kind::Read
            || b.kind == Kind::Read
            || self.order == Order::Priority && self.priority(a) < self.priority(b)
        {
            return false;
        }
        match self.writer_order {
            WriterOrder::Session => a.session == b.session && first < second && !is_open,
            WriterOrder::Origin => match (a.origin, b.origin) {
                (Some(a), Some(b)) => a.0 == b.0 && a.1 < b.1,
                _ => false,
            },
        }
    }

    /// What the order of `session` consists of, given which writes happened.
    pub fn parts(&self, session: u32, happened: &BTreeSet<usize>) -> Vec<usize> {
        let is_part = |index: &usize| {
            let entry = &self.entries[*index];
            match entry.kind {
                Kind::Write => happened.contains(index),
                Kind::Read => entry.session == session && entry.ending == Ending::Ok,
            }
        };
        (0..self.entries.len()).filter(is_part).collect()
    }

    /// Choices of what happened: everything acknowledged and some of the rest.
    pub fn choices(&self) -> Vec<BTreeSet<usize>> {
        let mut choices = vec![BTreeSet::new()];
        for (index, entry) in self.entries.iter().enumerate().filter(|(_, entry)| entry.kind == Kind::Write) {
            let with: Vec<BTreeSet<usize>> =
                choices.iter().map(|choice| choice.iter().copied().chain([index]).collect()).collect();
            match entry.ending {
                Ending::Ok => choices = with,
                Ending::Failed => {}
                Ending::Indeterminate => choices.extend(with),
            }
        }
        choices
    }

    /// Whether some choice gives every session an order.
    pub fn is_legal(&self) -> bool {
        self.choices().iter().any(|choice| self.sessions().iter().all(|session| self.has_order(*session, choice)))
    }

    fn has_order(&self, session: u32, happened: &BTreeSet<usize>) -> bool {
        let parts = self.parts(session, happened);
        self.extend(session, &parts, &mut Vec::new(), &mut BTreeSet::new())
    }

    fn extend(
        &self,
        session: u32,
        left: &[usize],
        placed: &mut Vec<usize>,
        dead: &mut BTreeSet<(Vec<usize>, BTreeMap<u32, usize>)>,
    ) -> bool {
        if left.is_empty() {
            return true;
        }
        // What can follow depends only on what is left and on the last write of each key.
        let writes = placed.iter().filter(|index| self.entries[**index].kind == Kind::Write);
        let state = (left.to_vec(), writes.map(|index| (self.entries[*index].key, *index)).collect());
        if dead.contains(&state) {
            return false;
        }
        for next in left {
            let is_first = left.iter().all(|other| !self.must_precede(session, *other, *next));
            let entry = &self.entries[*next];
            if !is_first || entry.kind == Kind::Read && entry.value != self.read(placed, entry.key) {
                continue;
            }
            let rest: Vec<usize> = left.iter().copied().filter(|other| other != next).collect();
            placed.push(*next);
            let found = self.extend(session, &rest, placed, dead);
            placed.pop();
            if found {
                return true;
            }
        }
        dead.insert(state);
        false
    }

    /// What a read of `key` returns after `placed`.
    pub fn read(&self, placed: &[usize], key: u32) -> Value {
        let writes = placed.iter().rev().map(|index| &self.entries[*index]);
        let mut writes = writes.filter(|entry| entry.kind == Kind::Write && entry.key == key);
        writes.next().map_or(Value::Nothing, |entry| entry.value)
    }

    /// Replays an order: it has what it must, keeps all program orders, and explains the reads.
    pub fn assert_witness(&self, session: u32, order: &[usize], context: &str) {
        let written = |index: &&usize| self.entries[**index].kind == Kind::Write;
        let happened: BTreeSet<usize> = order.iter().filter(written).copied().collect();
        assert!(self.choices().contains(&happened), "{context}: {order:?}");
        let parts: BTreeSet<usize> = self.parts(session, &happened).into_iter().collect();
        assert_eq!(order.iter().copied().collect::<BTreeSet<_>>(), parts, "{context}: {order:?}");
        assert_eq!(order.len(), parts.len(), "{context}: {order:?}");
        for (place, index) in order.iter().enumerate() {
            assert!(
                order[..place].iter().all(|before| !self.must_precede(session, *index, *before)),
                "{context}: {order:?}"
            );
            let entry = &self.entries[*index];
            if entry.kind == Kind::Read {
                assert_eq!(entry.value, self.read(&order[..place], entry.key), "{context}: {order:?}");
            }
        }
    }
}
