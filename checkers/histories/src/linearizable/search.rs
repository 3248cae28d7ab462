//! Any values: the states that a register can be in, event by event.

use std::cell::Cell;

use rustc_hash::FxHashMap;

use super::op::{Decision, Op};
use super::part::{Parts, noticed};
use super::unknown::Unknown;
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
    fn add(&mut self, state: &State, unknown: &Unknown) -> bool {
        let alike = self.alike.entry((state.value, state.done.clone())).or_default();
        for place in alike.iter() {
            let other = self.list[*place as usize].as_ref();
            if other.is_some_and(|other| unknown.covers(&other.used, &state.used)) {
                return false;
            }
        }
        let list = &mut self.list;
        let mut gone = 0;
        alike.retain(|place| {
            let other = &mut list[*place as usize];
            let is_covered = other.as_ref().is_some_and(|other| unknown.covers(&state.used, &other.used));
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
    unknown: Unknown,
    /// Chains of operations of unknown outcome are no longer.
    chain_max: usize,
    expired: Expired<'a>,
    steps: Cell<u32>,
}

/// The search is tried with so many states, those that have used least, which is enough for most histories that are right.
/// If none is left, so many of the last completed operations are tried by themselves, which is enough for most that are wrong.
const TRIES: [(usize, usize); 2] = [(100, 128), (2_000, 1_024)];

/// In these tries, chains of operations of unknown outcome are no longer.
const CHAIN_MAX: usize = 3;

pub(super) fn decide(ops: &[Op], initial: u64, expired: Expired<'_>) -> Decision {
    let until = |moment: u32| (0..ops.len() as u32).filter(|op| ops[*op as usize].invoked < moment).collect();
    for (limit, last) in TRIES {
        match follow(ops, initial, limit, expired) {
            Ok(None) => return Decision::Yes,
            Ok(Some(moment)) => {
                if let Some(broken) = last_ones(ops, initial, moment, last, expired) {
                    return Decision::No(broken);
                }
            }
            Err(decision) => return decision,
        }
    }
    match follow(ops, initial, usize::MAX, expired) {
        Ok(None) => Decision::Yes,
        // What was asked for until then is enough to show it.
        Ok(Some(moment)) => Decision::No(until(moment)),
        Err(decision) => decision,
    }
}

/// Of the operations that were asked for before a moment, few that have no order: those of unknown outcome, and the last of the
/// others, at most so many. What is of unknown outcome counts as a write, which leaves more orders.
fn last_ones(ops: &[Op], initial: u64, moment: u32, most: usize, expired: Expired<'_>) -> Option<Vec<u32>> {
    let (parts, whole) = (Parts::of(ops), Parts::whole(ops));
    let is_certain = |op: &&Op| op.completed != Op::NEVER && op.invoked < moment;
    let mut completions: Vec<u32> = ops.iter().filter(is_certain).map(|op| op.completed).collect();
    completions.sort_unstable_by(|one, other| other.cmp(one));
    let mut count = 4;
    while count <= most && count < completions.len() {
        let first = completions[count];
        let part = parts.without(&whole, |place| ops[place].invoked >= moment || ops[place].completed <= first);
        let as_write = |op: Op| if op.completed == Op::NEVER { Op { action: Action::Write, ..op } } else { op };
        let some: Vec<Op> = part.iter().map(|(_, op)| as_write(*op)).collect();
        let kept = noticed(&some);
        let some: Vec<Op> = kept.iter().map(|op| some[*op as usize]).collect();
        if let Ok(Some(_)) = follow(&some, initial, usize::MAX, expired) {
            return Some(kept.iter().map(|op| part[*op as usize].0).collect());
        }
        count *= 2;
    }
    None
}

/// Follows the states event by event, at most so many of them; returns the moment at which none is left.
fn follow(ops: &[Op], initial: u64, limit: usize, expired: Expired<'_>) -> Result<Option<u32>, Decision> {
    let mut events: Vec<(u32, u32)> = Vec::with_capacity(2 * ops.len());
    for (op, place) in ops.iter().zip(0..) {
        events.push((op.invoked, place));
        if op.completed != Op::NEVER {
            events.push((op.completed, place));
        }
    }
    events.sort_unstable();
    let unknown = Unknown::of(ops);
    let first = State { value: initial, done: Vec::new(), used: unknown.unused() };
    let chain_max = if limit < usize::MAX { CHAIN_MAX } else { usize::MAX };
    let mut search = Search { ops, slots: Vec::new(), unknown, chain_max, expired, steps: Cell::new(0) };
    let mut slot_of = vec![0; ops.len()];
    let mut states = vec![first];
    for (moment, place) in events {
        let op = &ops[place as usize];
        if op.completed == Op::NEVER {
            search.unknown.ask(place);
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
        states = search.complete(states, slot)?;
        search.slots[slot] = None;
        if states.len() > limit {
            states.sort_by_key(|state| state.used.iter().sum::<u32>());
            states.truncate(limit);
        }
        if states.is_empty() {
            return Ok(Some(moment));
        }
    }
    Ok(None)
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
    fn complete(&self, states: Vec<State>, slot: usize) -> Result<Vec<State>, Decision> {
        let (mut after, mut tried) = (States::default(), States::default());
        let mut open = states;
        while let Some(mut state) = open.pop() {
            if self.is_over() {
                return Err(Decision::GaveUp);
            }
            if is_set(&state.done, slot) {
                clear(&mut state.done, slot);
                after.add(&state, &self.unknown);
                continue;
            }
            if !tried.add(&state, &self.unknown) {
                continue;
            }
            if after.alive + tried.alive + open.len() > STATES_MAX {
                return Err(Decision::TooMany);
            }
            let mut wanted = Vec::new();
            for (other, op) in self.undone(&state) {
                match op.needs() {
                    Some(value) if value != state.value => wanted.push(value),
                    _ => open.extend(self.after(state.clone(), other)),
                }
            }
            wanted.sort_unstable();
            wanted.dedup();
            for value in wanted {
                self.make_way(&state, value, &mut open)?;
            }
        }
        Ok(after.list.into_iter().flatten().collect())
    }

    fn is_over(&self) -> bool {
        self.steps.set(self.steps.get().wrapping_add(1));
        self.steps.get().is_multiple_of(64) && (self.expired)()
    }

    /// The open operations that have not had their moment, by slot.
    fn undone(&self, state: &State) -> impl Iterator<Item = (usize, &Op)> {
        let undone = self.slots.iter().enumerate().filter(|(slot, _)| !is_set(&state.done, *slot));
        undone.filter_map(|(slot, op)| Some((slot, &self.ops[(*op)? as usize])))
    }

    /// The state after the operation in a slot, if that writes.
    fn after(&self, mut state: State, slot: usize) -> Option<State> {
        state.value = self.ops[self.slots[slot]? as usize].writes()?;
        set(&mut state.done, slot);
        self.read(&mut state);
        Some(state)
    }

    /// Open reads have their moment when their value is there; false if there is none.
    fn read(&self, state: &mut State) -> bool {
        let value = state.value;
        let is_it = |op: &Op| op.action == Action::Read && op.value == value;
        let reads: Vec<usize> = self.undone(state).filter(|(_, op)| is_it(op)).map(|(slot, _)| slot).collect();
        reads.iter().for_each(|slot| set(&mut state.done, *slot));
        !reads.is_empty()
    }

    /// Adds the states that follow when operations of unknown outcome have put a value there that an open operation needs,
    /// and it has had its moment. There is no other reason for one of them to have its moment.
    fn make_way(&self, state: &State, value: u64, open: &mut Vec<State>) -> Result<(), Decision> {
        let next = |found: usize| found <= STATES_MAX && !self.is_over();
        let Some(ways) = self.unknown.ways(state.value, value, &state.used, self.chain_max, &next) else {
            return Err(if (self.expired)() { Decision::GaveUp } else { Decision::TooMany });
        };
        for used in ways {
            let mut next = State { value, done: state.done.clone(), used };
            if self.read(&mut next) {
                open.push(next);
                continue;
            }
            let cas: Vec<usize> =
                self.undone(&next).filter(|(_, op)| op.needs() == Some(value)).map(|(slot, _)| slot).collect();
            open.extend(cas.into_iter().filter_map(|slot| self.after(next.clone(), slot)));
        }
        Ok(())
    }
}
