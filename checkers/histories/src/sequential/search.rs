//! The search for an order, from its beginning, with a memory of states that lead nowhere.

use kvsim_checkers::Expired;
use rustc_hash::{FxHashMap, FxHashSet};

use super::op::SessionOp;

/// The memory has room for so many numbers: 256 MB.
const ROOM_MAX: usize = 64 << 20;

/// No slot, and no operation.
const NONE: u32 = u32::MAX;

/// An operation in numbers. A *slot* is a value of a key.
#[derive(Clone, Copy)]
struct Numbered {
    key: u32,
    needs: u32,
    writes: u32,
    chain: u32,
    /// One of unknown outcome: how many operations of its process come before it.
    after: u32,
    is_certain: bool,
}

/// What is known of a slot.
#[derive(Clone, Copy, Default)]
struct Slot {
    /// Operations left that need it: those that took place, and all.
    needed: u32,
    wanted: u32,
    /// Operations left that may write it.
    writers: u32,
}

/// Whether operations, which are in the order of their invocation, have an order; nothing when room or time is over.
pub(super) fn decide(ops: &[SessionOp], initial: u64, expired: Expired<'_>) -> Option<bool> {
    OrderSearch::of(&noticed(ops), initial).run(expired)
}

/// Without the operations of unknown outcome that no read needs: they are left out of an order.
fn noticed(ops: &[SessionOp]) -> Vec<SessionOp> {
    let mut doubtful: Vec<((u32, u64), usize)> = Vec::new();
    let mut is_kept: Vec<bool> = ops.iter().map(|op| op.is_certain).collect();
    let mut open: Vec<(u32, u64)> = Vec::new();
    for (index, op) in ops.iter().enumerate() {
        match op.is_certain {
            true => open.extend(op.needed()),
            false => doubtful.extend(op.written().map(|written| (written, index))),
        }
    }
    doubtful.sort_unstable();
    while let Some(value) = open.pop() {
        let from = doubtful.partition_point(|(other, _)| *other < value);
        for (_, index) in doubtful[from..].iter().take_while(|(other, _)| *other == value) {
            if !std::mem::replace(&mut is_kept[*index], true) {
                open.extend(ops[*index].needed());
            }
        }
    }
    ops.iter().zip(is_kept).filter(|(_, is_kept)| *is_kept).map(|(op, _)| *op).collect()
}

struct OrderSearch {
    ops: Vec<Numbered>,
    /// By process: the operations that took place, in its order.
    chains: Vec<Vec<u32>>,
    /// Those of unknown outcome.
    doubtful: Vec<u32>,
    // What follows is the state.
    slots: Vec<Slot>,
    /// By key: the slot that it has.
    has: Vec<u32>,
    /// By process: how many are placed. Of those of unknown outcome: whether.
    placed: Vec<u32>,
    is_placed: Vec<bool>,
    left: usize,
    /// What was placed, and what its key had before.
    trail: Vec<(u32, u32)>,
}

/// A state from which there are several ways.
struct Fork {
    trail: usize,
    ways: Vec<u32>,
}

impl OrderSearch {
    /// Operations are in the order of their invocation, which is the order in which ways are tried.
    fn of(ops: &[SessionOp], initial: u64) -> OrderSearch {
        let (mut slots, mut keys, mut sessions) = (FxHashMap::default(), FxHashMap::default(), FxHashMap::default());
        let mut search = OrderSearch {
            ops: Vec::new(),
            chains: Vec::new(),
            doubtful: Vec::new(),
            slots: Vec::new(),
            has: Vec::new(),
            placed: Vec::new(),
            is_placed: Vec::new(),
            left: 0,
            trail: Vec::new(),
        };
        let mut slot = |key: u32, value: u64, list: &mut Vec<Slot>| {
            *slots.entry((key, value)).or_insert_with(|| {
                list.push(Slot::default());
                list.len() as u32 - 1
            })
        };
        for (number, op) in (0..).zip(ops) {
            let next = keys.len() as u32;
            let key = *keys.entry(op.key).or_insert(next);
            if key == next {
                search.has.push(slot(key, initial, &mut search.slots));
            }
            let next = sessions.len() as u32;
            let chain = *sessions.entry(op.session).or_insert(next);
            if chain == next {
                search.chains.push(Vec::new());
            }
            let mut value = |value: Option<u64>| value.map_or(NONE, |value| slot(key, value, &mut search.slots));
            let (needs, writes) = (value(op.needs), value(op.writes));
            if needs != NONE {
                search.slots[needs as usize].needed += u32::from(op.is_certain);
                search.slots[needs as usize].wanted += 1;
            }
            if writes != NONE {
                search.slots[writes as usize].writers += 1;
            }
            let after = search.chains[chain as usize].len() as u32;
            match op.is_certain {
                true => search.chains[chain as usize].push(number),
                false => search.doubtful.push(number),
            }
            search.left += usize::from(op.is_certain);
            search.ops.push(Numbered { key, needs, writes, chain, after, is_certain: op.is_certain });
        }
        search.placed = vec![0; search.chains.len()];
        search.is_placed = vec![false; search.ops.len()];
        search
    }

    /// Whether there is an order; nothing when the room or the time is over.
    fn run(&mut self, expired: Expired<'_>) -> Option<bool> {
        let mut known: FxHashSet<Box<[u32]>> = FxHashSet::default();
        let mut forks: Vec<Fork> = Vec::new();
        let (mut room, mut steps) = (ROOM_MAX, 0_u32);
        loop {
            self.place_free();
            if self.left == 0 {
                return Some(true);
            }
            let state = self.state();
            room = room.checked_sub(state.len() + 8)?;
            steps = steps.wrapping_add(1);
            if steps.is_multiple_of(64) && expired() {
                return None;
            }
            if known.insert(state) {
                let ways = self.ways();
                forks.push(Fork { trail: self.trail.len(), ways });
            }
            loop {
                let Some(fork) = forks.last_mut() else { return Some(false) };
                let (trail, way) = (fork.trail, fork.ways.pop());
                self.take_back(trail);
                match way {
                    Some(op) => {
                        self.place(op);
                        break;
                    }
                    None => drop(forks.pop()),
                }
            }
        }
    }

    /// Places what can be placed without loss: a read whose value is there, and a write that no read needs over one that
    /// no read needs any more. In any order of the rest they can be moved to the front.
    fn place_free(&mut self) {
        let mut chain = 0;
        let mut idle = 0;
        while idle < self.chains.len() {
            let Some(op) = self.head(chain).filter(|op| self.is_free(*op)) else {
                idle += 1;
                chain = (chain + 1) % self.chains.len();
                continue;
            };
            self.place(op);
            idle = 0;
        }
    }

    fn head(&self, chain: usize) -> Option<u32> {
        self.chains[chain].get(self.placed[chain] as usize).copied()
    }

    fn is_free(&self, op: u32) -> bool {
        let Numbered { key, needs, writes, .. } = self.ops[op as usize];
        let has = self.has[key as usize];
        match (needs, writes) {
            (_, NONE) => needs == has,
            (NONE, _) => self.slots[has as usize].wanted == 0 && self.slots[writes as usize].wanted == 0,
            _ => false,
        }
    }

    /// Operations that may come next: the first of a process, or one of unknown outcome that someone needs. One that takes
    /// away for ever what is still needed may not. Those that were asked for first are last.
    fn ways(&self) -> Vec<u32> {
        let heads = (0..self.chains.len()).filter_map(|chain| self.head(chain));
        let is_due = |op: &u32| {
            let Numbered { chain, after, writes, .. } = self.ops[*op as usize];
            let is_wanted = self.slots[writes as usize].wanted > 0;
            !self.is_placed[*op as usize] && self.placed[chain as usize] >= after && is_wanted
        };
        let mut ways: Vec<u32> = heads.chain(self.doubtful.iter().copied().filter(is_due)).collect();
        ways.retain(|op| {
            let Numbered { key, needs, writes, is_certain, .. } = self.ops[*op as usize];
            let has = self.has[key as usize];
            let slot = self.slots[has as usize];
            let still_needed = slot.needed - u32::from(is_certain && needs == has);
            (needs == NONE || needs == has)
                && writes != NONE
                && (still_needed == 0 || slot.writers > 0 || writes == has)
        });
        ways.sort_unstable_by(|one, other| other.cmp(one));
        ways
    }

    fn place(&mut self, op: u32) {
        let Numbered { key, needs, writes, chain, is_certain, .. } = self.ops[op as usize];
        self.trail.push((op, self.has[key as usize]));
        if needs != NONE {
            self.slots[needs as usize].needed -= u32::from(is_certain);
            self.slots[needs as usize].wanted -= 1;
        }
        if writes != NONE {
            self.slots[writes as usize].writers -= 1;
            self.has[key as usize] = writes;
        }
        match is_certain {
            true => self.placed[chain as usize] += 1,
            false => self.is_placed[op as usize] = true,
        }
        self.left -= usize::from(is_certain);
    }

    fn take_back(&mut self, trail: usize) {
        while self.trail.len() > trail {
            let Some((op, had)) = self.trail.pop() else { return };
            let Numbered { key, needs, writes, chain, is_certain, .. } = self.ops[op as usize];
            self.has[key as usize] = had;
            if needs != NONE {
                self.slots[needs as usize].needed += u32::from(is_certain);
                self.slots[needs as usize].wanted += 1;
            }
            if writes != NONE {
                self.slots[writes as usize].writers += 1;
            }
            match is_certain {
                true => self.placed[chain as usize] -= 1,
                false => self.is_placed[op as usize] = false,
            }
            self.left += usize::from(is_certain);
        }
    }

    /// What decides about the rest: how far each process has come, which of the others are placed, and what keys have that
    /// is still needed.
    fn state(&self) -> Box<[u32]> {
        let wanted = |slot: &u32| if self.slots[*slot as usize].wanted > 0 { *slot } else { NONE };
        let mut state: Vec<u32> = self.placed.iter().copied().chain(self.has.iter().map(wanted)).collect();
        for some in self.doubtful.chunks(32) {
            let bit = |(place, op): (usize, &u32)| u32::from(self.is_placed[*op as usize]) << place;
            state.push(some.iter().enumerate().map(bit).sum());
        }
        state.into_boxed_slice()
    }
}
