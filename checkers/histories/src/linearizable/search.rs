//! Any values: the states that a register can be in, event by event.

use rustc_hash::FxHashMap;

use super::op::{Decision, Op};
use crate::jepsen::Action;
use kvsim_checkers::Expired;

/// More states at a time than this take too much memory.
const STATES_MAX: usize = 2_000_000;

/// A value and what has had its moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    value: u64,
    /// Of the open operations that will complete: a bit for each that has had its moment.
    done: Vec<u64>,
    /// Of the operations of unknown outcome: how many of each class have had their moment.
    used: Vec<u32>,
}

/// A set of states without those that others make superfluous.
#[derive(Default)]
struct States {
    list: Vec<Option<State>>,
    alive: usize,
    alike: FxHashMap<(u64, Vec<u64>), Vec<u32>>,
}

impl States {
    /// Adds a state; false if there is one that can do whatever it can.
    fn add(&mut self, state: &State) -> bool {
        let alike = self.alike.entry((state.value, state.done.clone())).or_default();
        let covers = |one: &[u32], other: &[u32]| one.iter().zip(other).all(|(one, other)| one <= other);
        for place in alike.iter() {
            let other = self.list[*place as usize].as_ref();
            if other.is_some_and(|other| covers(&other.used, &state.used)) {
                return false;
            }
        }
        let list = &mut self.list;
        let mut gone = 0;
        alike.retain(|place| {
            let other = &mut list[*place as usize];
            let is_covered = other.as_ref().is_some_and(|other| covers(&state.used, &other.used));
            if is_covered {
                *other = None;
                gone += 1;
            }
            !is_covered
        });
        alike.push(list.len() as u32);
        list.push(Some(state.clone()));
        self.alive = self.alive + 1 - gone;
        true
    }
}

struct Search<'a> {
    ops: &'a [Op],
    /// By slot: the open operation in it.
    slots: Vec<Option<u32>>,
    /// Operations of unknown outcome that do the same, and how many of them have been asked for.
    classes: Vec<(Op, u32)>,
    expired: Expired<'a>,
    steps: u32,
}

pub(super) fn decide(ops: &[Op], initial: u64, expired: Expired<'_>) -> Decision {
    let mut events: Vec<(u32, u32)> = Vec::with_capacity(2 * ops.len());
    for (op, place) in ops.iter().zip(0..) {
        events.push((op.invoked, place));
        if op.completed != Op::NEVER {
            events.push((op.completed, place));
        }
    }
    events.sort_unstable();
    let mut classes: Vec<(Op, u32)> = Vec::new();
    let class_of: Vec<usize> = ops.iter().map(|op| class(op, &mut classes)).collect();
    let first = State { value: initial, done: Vec::new(), used: vec![0; classes.len()] };
    let mut search = Search { ops, slots: Vec::new(), classes, expired, steps: 0 };
    let mut slot_of = vec![0; ops.len()];
    let mut states = vec![first];
    for (moment, place) in events {
        let op = &ops[place as usize];
        if op.completed == Op::NEVER {
            search.classes[class_of[place as usize]].1 += 1;
            continue;
        }
        if moment == op.invoked {
            let free = search.slots.iter().position(Option::is_none).unwrap_or(search.slots.len());
            if free == search.slots.len() {
                search.slots.push(None);
            }
            search.slots[free] = Some(place);
            slot_of[place as usize] = free;
            if op.action == Action::Read {
                for state in states.iter_mut().filter(|state| state.value == op.value) {
                    set(&mut state.done, free);
                }
            }
            continue;
        }
        let slot = slot_of[place as usize];
        match search.complete(states, slot) {
            Ok(after) => states = after,
            Err(decision) => return decision,
        }
        search.slots[slot] = None;
        if states.is_empty() {
            // What was asked for until now is enough to show it.
            return Decision::No((0..ops.len() as u32).filter(|op| ops[*op as usize].invoked < moment).collect());
        }
    }
    Decision::Yes
}

/// The class of an operation of unknown outcome.
fn class(op: &Op, classes: &mut Vec<(Op, u32)>) -> usize {
    if op.completed != Op::NEVER {
        return usize::MAX;
    }
    let is_alike =
        |(other, _): &(Op, u32)| (other.action, other.value, other.needs()) == (op.action, op.value, op.needs());
    classes.iter().position(is_alike).unwrap_or_else(|| {
        classes.push((*op, 0));
        classes.len() - 1
    })
}

fn is_set(bits: &[u64], slot: usize) -> bool {
    bits.get(slot / 64).is_some_and(|word| word >> (slot % 64) & 1 == 1)
}

fn set(bits: &mut Vec<u64>, slot: usize) {
    if bits.len() <= slot / 64 {
        bits.resize(slot / 64 + 1, 0);
    }
    bits[slot / 64] |= 1 << (slot % 64);
}

/// Equal sets have equal words.
fn clear(bits: &mut Vec<u64>, slot: usize) {
    if let Some(word) = bits.get_mut(slot / 64) {
        *word &= !(1 << (slot % 64));
    }
    while bits.last() == Some(&0) {
        bits.pop();
    }
}

impl Search<'_> {
    /// The states in which the operation in a slot has had its moment, by then.
    fn complete(&mut self, states: Vec<State>, slot: usize) -> Result<Vec<State>, Decision> {
        let (mut after, mut tried) = (States::default(), States::default());
        let mut open = states;
        while let Some(mut state) = open.pop() {
            self.steps += 1;
            if self.steps.is_multiple_of(64) && (self.expired)() {
                return Err(Decision::GaveUp);
            }
            if is_set(&state.done, slot) {
                clear(&mut state.done, slot);
                after.add(&state);
                continue;
            }
            if !tried.add(&state) {
                continue;
            }
            if after.alive + tried.alive + open.len() > STATES_MAX {
                return Err(Decision::TooMany);
            }
            for (other, op) in self.slots.iter().enumerate() {
                let Some(op) = op.map(|op| &self.ops[op as usize]).filter(|_| !is_set(&state.done, other)) else {
                    continue;
                };
                if let Some(value) = op.writes().filter(|_| op.needs().is_none_or(|needed| needed == state.value)) {
                    let mut next = State { value, ..state.clone() };
                    set(&mut next.done, other);
                    self.read(&mut next);
                    open.push(next);
                }
            }
            for (class, (op, asked)) in self.classes.iter().enumerate() {
                let is_possible = state.used[class] < *asked && op.needs().is_none_or(|needed| needed == state.value);
                if let Some(value) = op.writes().filter(|value| is_possible && *value != state.value) {
                    let mut next = State { value, ..state.clone() };
                    next.used[class] += 1;
                    self.read(&mut next);
                    open.push(next);
                }
            }
        }
        Ok(after.list.into_iter().flatten().collect())
    }

    /// Open reads have their moment when their value is there.
    fn read(&self, state: &mut State) {
        for (slot, op) in self.slots.iter().enumerate() {
            let op = op.map(|op| &self.ops[op as usize]);
            if op.is_some_and(|op| op.action == Action::Read && op.value == state.value) {
                set(&mut state.done, slot);
            }
        }
    }
}
