//! What all sessions share: the writes that took place, the order in which each of them is to be seen, and which
//! write each read read.

use std::ops::Range;

use super::variant::Order;
use crate::history::{Ending, History, Kind, NOTHING, Op, SEVERAL};
use crate::register::Writers;

/// No write, no chain.
pub(super) const NONE: u32 = u32::MAX;
/// In place of the write that a read read: the state before all writes.
pub(super) const INITIAL: u32 = u32::MAX - 1;
/// In place of the write that a read read: the state before all writes or a delete, whichever.
pub(super) const ABSENT: u32 = u32::MAX - 2;

/// What is taken for granted where a history leaves a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Deletes of unknown outcome did not happen.
    Dropped,
    /// Deletes of unknown outcome did happen.
    Kept,
    /// Whether they happened does not matter: what they could have explained is not asked about.
    Ignored,
    /// The same for all deletes.
    AllIgnored,
}

/// A write that took place.
#[derive(Clone, Copy, Debug)]
pub(super) struct ChainWrite {
    pub(super) key: u32,
    pub(super) session: u32,
    pub(super) chain: u32,
    pub(super) is_delete: bool,
    /// Of unknown outcome, so that its session's later operations may come before it.
    pub(super) is_late: bool,
}

/// Writes are numbered chain by chain; within a chain each precedes the next.
#[derive(Debug)]
pub(super) struct Writes {
    pub(super) list: Vec<ChainWrite>,
    /// By write: its operation.
    pub(super) ops: Vec<u32>,
    pub(super) chains: Vec<Range<u32>>,
    /// How many writes of other chains each write must immediately precede; empty when none does.
    pub(super) waits: Vec<u32>,
    /// Pairs (later, earlier) of writes of different chains, sorted by the later: what `waits` counts.
    cross: Vec<(u32, u32)>,
    /// Where the pairs of each later write begin; empty when there are none.
    cross_starts: Vec<u32>,
    /// By operation: its write, or NONE.
    by_op: Vec<u32>,
    /// By value: the write of it, or NONE unless exactly one may have written it.
    by_value: Vec<u32>,
    /// By key: what a read of nothing read.
    nothing: Vec<u32>,
}

/// What a session's own order consists of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    pub(super) op: u32,
    pub(super) key: u32,
    /// For a write: itself. For a read: what it read.
    pub(super) write: u32,
    pub(super) is_read: bool,
}

impl Writes {
    pub(super) fn of(history: &History, order: Order, doubt: Doubt) -> Writes {
        let writers = Writers::of(history);
        let happened = happened(history, doubt, &writers);
        let mut building = OrderBuilder { history, order, chains: Vec::new(), cross: Vec::new() };
        match history.origins() {
            None => {
                for session in 0..history.sessions() {
                    let writes = history.session(session).filter(|op| happened[*op as usize]);
                    building.line(writes, |op| op.ending == Ending::Indeterminate);
                }
            }
            Some(origins) => {
                let mut without: Vec<bool> = happened.clone();
                for origin in origins {
                    origin.iter().for_each(|op| without[*op as usize] = false);
                    building.line(origin.iter().copied().filter(|op| happened[*op as usize]), |_| false);
                }
                let without = (0..).zip(without).filter(|(_, without)| *without);
                building.chains.extend(without.map(|(op, _)| vec![op]));
            }
        }
        if order == Order::Causal {
            building.read_before_written(&writers, &happened);
        }
        building.finish(doubt, &writers)
    }

    /// The write that an answered read read, INITIAL, ABSENT, or NONE if it says nothing.
    fn source(&self, read: &Op) -> u32 {
        match read.value {
            NOTHING => self.nothing[read.key as usize],
            SEVERAL => NONE,
            value => self.by_value[value as usize],
        }
    }

    /// What a session's own order consists of, in program order.
    pub(super) fn own(&self, history: &History, session: u32) -> Vec<Own> {
        let own = |op: u32| {
            let operation = &history.ops()[op as usize];
            let is_read = operation.kind == Kind::Read;
            let write = match is_read {
                true if operation.ending == Ending::Ok => self.source(operation),
                true => NONE,
                false => self.by_op[op as usize],
            };
            (write != NONE).then_some(Own { op, key: operation.key, write, is_read })
        };
        let range = history.session(session);
        let mut list = Vec::with_capacity(range.len());
        list.extend(range.filter_map(own));
        list
    }

    /// The writes of other chains that wait for this one.
    pub(super) fn waiting_for(&self, write: u32) -> impl Iterator<Item = u32> {
        let bounds = self.cross_starts.get(write as usize..write as usize + 2);
        let range = bounds.map_or(0..0, |bounds| bounds[0] as usize..bounds[1] as usize);
        self.cross[range].iter().map(|(_, earlier)| *earlier)
    }
}

/// By operation: it is a write that took place. One of unknown outcome did if it was read; otherwise
/// an order with it is also an order without it.
fn happened(history: &History, doubt: Doubt, writers: &Writers) -> Vec<bool> {
    let mut happened: Vec<bool> = history
        .ops()
        .iter()
        .map(|op| {
            op.kind == Kind::Write
                && match op.ending {
                    Ending::Ok => true,
                    Ending::Failed => false,
                    Ending::Indeterminate => op.value == NOTHING && doubt == Doubt::Kept,
                }
        })
        .collect();
    let is_doubtful = |op: &Op| op.is_possible_write() && op.ending == Ending::Indeterminate;
    if !history.ops().iter().any(is_doubtful) {
        return happened;
    }
    for read in history.ops().iter().filter(|op| op.is_answered_read() && op.value != NOTHING && op.value != SEVERAL) {
        if let Some(writer) = writers.only(read.value) {
            happened[writer as usize] = true;
        }
    }
    happened
}

struct OrderBuilder<'a> {
    history: &'a History,
    order: Order,
    /// Operations.
    chains: Vec<Vec<u32>>,
    /// Pairs (later, earlier) of operations.
    cross: Vec<(u32, u32)>,
}

impl OrderBuilder<'_> {
    /// Takes in writes that were issued one after the other.
    fn line(&mut self, writes: impl Iterator<Item = u32>, is_late: impl Fn(&Op) -> bool) {
        // The chain of each priority (there are few); its last write is the last of that priority so far.
        let mut by_priority: Vec<(u8, usize)> = Vec::new();
        for op in writes {
            let write = &self.history.ops()[op as usize];
            let priority = match self.order {
                Order::Pram | Order::Causal => 0,
                Order::Priority => self.history.priority(write.key),
            };
            let is_late = is_late(write);
            for (other, chain) in &by_priority {
                if *other > priority || is_late && *other == priority {
                    self.cross.extend(self.chains[*chain].last().map(|earlier| (op, *earlier)));
                }
            }
            if is_late {
                self.chains.push(vec![op]);
                continue;
            }
            match by_priority.iter().find(|(other, _)| *other == priority) {
                Some((_, chain)) => self.chains[*chain].push(op),
                None => {
                    by_priority.push((priority, self.chains.len()));
                    self.chains.push(vec![op]);
                }
            }
        }
    }

    /// What a session has read precedes what it writes afterwards.
    fn read_before_written(&mut self, writers: &Writers, happened: &[bool]) {
        let ops = self.history.ops();
        for session in 0..self.history.sessions() {
            let mut read: Vec<u32> = Vec::new();
            for op in self.history.session(session) {
                let operation = &ops[op as usize];
                if operation.is_answered_read() && operation.value != NOTHING {
                    let writer = writers.only(operation.value);
                    let is_own = |writer: &u32| {
                        let writer = &ops[*writer as usize];
                        writer.session == session && writer.ending == Ending::Ok
                    };
                    read.extend(writer.filter(|writer| !is_own(writer)));
                } else if happened[op as usize] {
                    self.cross.extend(read.iter().filter(|writer| **writer != op).map(|writer| (op, *writer)));
                    // One of unknown outcome may come late, and then these have to be asked of the next one, too.
                    if operation.ending == Ending::Ok {
                        read.clear();
                    }
                }
            }
        }
    }

    fn finish(self, doubt: Doubt, writers: &Writers) -> Writes {
        let history = self.history;
        let ops = history.ops();
        let mut list = Vec::new();
        let mut ranges = Vec::new();
        let mut numbers = vec![NONE; ops.len()];
        for (chain, number) in self.chains.iter().zip(0..) {
            let start = list.len() as u32;
            for op in chain {
                let Op { key, session, value, ending, .. } = ops[*op as usize];
                numbers[*op as usize] = list.len() as u32;
                let (is_delete, is_late) = (value == NOTHING, ending == Ending::Indeterminate);
                list.push(ChainWrite { key, session, chain: number, is_delete, is_late });
            }
            ranges.push(start..list.len() as u32);
        }

        let number = |op: u32| numbers[op as usize];
        let mut cross: Vec<(u32, u32)> =
            self.cross.iter().map(|(later, earlier)| (number(*later), number(*earlier))).collect();
        cross.sort_unstable();
        cross.dedup();
        let (mut waits, mut cross_starts) = (Vec::new(), Vec::new());
        if !cross.is_empty() {
            waits = vec![0; list.len()];
            cross_starts = vec![0; list.len() + 1];
            for (later, earlier) in &cross {
                waits[*earlier as usize] += 1;
                cross_starts[*later as usize + 1] += 1;
            }
            (1..cross_starts.len()).for_each(|i| cross_starts[i] += cross_starts[i - 1]);
        }

        let by_value = (0..history.values() as u32).map(|value| writers.only(value).map_or(NONE, number)).collect();
        let nothing = nothing(history, doubt);
        Writes {
            ops: self.chains.concat(),
            list,
            chains: ranges,
            waits,
            cross,
            cross_starts,
            by_op: numbers,
            by_value,
            nothing,
        }
    }
}

/// By key: what a read of nothing read.
fn nothing(history: &History, doubt: Doubt) -> Vec<u32> {
    let mut nothing = vec![INITIAL; history.keys()];
    let deletes = history.ops().iter().filter(|op| op.is_possible_write() && op.value == NOTHING);
    for delete in deletes {
        let is_doubtful = delete.ending == Ending::Indeterminate;
        let key = &mut nothing[delete.key as usize];
        match doubt {
            Doubt::Dropped if is_doubtful => {}
            Doubt::Ignored if is_doubtful => *key = NONE,
            Doubt::AllIgnored => *key = NONE,
            _ if *key == NONE => {}
            _ => *key = ABSENT,
        }
    }
    nothing
}
