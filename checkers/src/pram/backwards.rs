//! One session's order, built from its end.

use std::cmp::Reverse;

use super::order::{ABSENT, ChainWrite, INITIAL, NONE, Own, Writes};
use crate::history::{History, Op};

/// Nothing that is placed looks past what is not.
const CLOSED: u32 = NONE;

/// One attempt. Where the history leaves a choice, `decisions` says which way to go.
pub(super) struct Backwards<'a> {
    ops: &'a [Op],
    writes: &'a Writes,
    session: u32,
    own: &'a [Own],
    /// How many of `own` are unplaced.
    tail: usize,
    /// By chain: one past its last unplaced write.
    tails: Vec<u32>,
    /// By key: CLOSED, or what readers that are placed wait for.
    open: Vec<u32>,
    /// By write: the unplaced reads of it.
    readers: Vec<u32>,
    /// By key: the unplaced reads of ABSENT.
    absent: Vec<u32>,
    /// By write: see [`Writes::waits`], less those that are placed.
    waits: Vec<u32>,
    /// By key: the first chain whose tail waits for the key to close; by chain: the next one.
    waiting: Vec<u32>,
    next_waiting: Vec<u32>,
    /// By chain: its tail is in one of these lists or in `optional`.
    is_parked: Vec<bool>,
    /// Chains whose tail may be free now.
    work: Vec<u32>,
    /// Chains whose tail is a delete that could be placed, were it not that reads of nothing are left which may
    /// have read it.
    optional: Vec<u32>,
    /// The operations placed so far, last first; only for a witness.
    placed: Option<Vec<u32>>,
    unplaced: usize,
}

/// What may come last.
enum Way {
    Read(Own),
    /// The tail of this chain.
    Delete(u32),
}

/// Of each choice: which way was taken, and of how many.
pub(super) type Decisions = Vec<(usize, usize)>;

impl<'a> Backwards<'a> {
    pub(super) fn new(history: &'a History, writes: &'a Writes, session: u32, own: &'a [Own]) -> Backwards<'a> {
        let keys = history.keys();
        let mut readers = vec![0; writes.list.len()];
        let mut absent = vec![0; keys];
        let mut reads = 0;
        for read in own.iter().filter(|own| own.is_read) {
            reads += 1;
            match read.write {
                INITIAL => {}
                ABSENT => absent[read.key as usize] += 1,
                write => readers[write as usize] += 1,
            }
        }
        Backwards {
            ops: history.ops(),
            writes,
            session,
            own,
            tail: own.len(),
            tails: writes.chains.iter().map(|chain| chain.end).collect(),
            open: vec![CLOSED; keys],
            readers,
            absent,
            waits: writes.waits.clone(),
            waiting: vec![NONE; keys],
            next_waiting: vec![NONE; writes.chains.len()],
            is_parked: vec![false; writes.chains.len()],
            work: (0..writes.chains.len() as u32).collect(),
            optional: Vec::new(),
            placed: None,
            unplaced: writes.list.len() + reads,
        }
    }

    /// Whether everything can be placed. Choices beyond `decisions` are added to it.
    pub(super) fn run(&mut self, decisions: &mut Decisions) -> bool {
        let mut known = 0;
        self.settle_tail();
        loop {
            while let Some(chain) = self.work.pop() {
                self.place_free(chain);
            }
            // No write is free: something else is last.
            let read = self.tail.checked_sub(1).map(|tail| self.own[tail]).filter(|own| {
                let open = self.open[own.key as usize];
                own.is_read && (open == CLOSED || open == own.write)
            });
            let is_possible = |chain: &&u32| {
                let delete = &self.writes.list[self.tails[**chain as usize] as usize - 1];
                matches!(self.open[delete.key as usize], CLOSED | ABSENT)
            };
            let ways = usize::from(read.is_some()) + self.optional.iter().filter(is_possible).count();
            let way = match ways {
                0 => return self.unplaced == 0,
                1 => 0,
                _ => {
                    if known == decisions.len() {
                        decisions.push((0, ways));
                    }
                    known += 1;
                    decisions[known - 1].0
                }
            };
            match self.way(read, way, is_possible) {
                Way::Read(read) => self.place_read(read),
                Way::Delete(chain) => {
                    self.optional.retain(|other| *other != chain);
                    self.is_parked[chain as usize] = false;
                    self.place_tail(chain);
                    self.work.push(chain);
                }
            }
        }
    }

    /// The ways in the order in which they are tried. The clock decides nothing, but it knows where to begin: a
    /// delete that was asked for after the session's last read was found by none of them and can be placed at once.
    /// Otherwise the read goes first, since a delete placed too early may be missed by an earlier read; then the
    /// delete that the session's last operation waits for, and later ones before earlier ones.
    fn way(&self, read: Option<Own>, way: usize, is_possible: impl Fn(&&u32) -> bool) -> Way {
        let place = |chain: &u32| self.place(self.writes.ops[self.tails[*chain as usize] as usize - 1]);
        let mut deletes: Vec<u32> = self.optional.iter().filter(is_possible).copied().collect();
        if let ([chain], None) = (&deletes[..], read) {
            return Way::Delete(*chain);
        }
        let last = self.tail.checked_sub(1).map_or(0, |tail| self.place(self.own[tail].op));
        let (chain, key) = self.wanted();
        deletes.sort_by_key(|other| {
            let tail = self.tails[*other as usize] as usize - 1;
            let is_wanted = *other == chain || self.writes.list[tail].key == key;
            (place(other) <= last, !is_wanted, Reverse(place(other)), tail)
        });
        let late = deletes.iter().filter(|chain| place(chain) > last).count();
        match read {
            Some(read) if way == late => Way::Read(read),
            Some(_) if way > late => Way::Delete(deletes[way - 1]),
            _ => Way::Delete(deletes[way]),
        }
    }

    /// Where an operation was invoked.
    fn place(&self, op: u32) -> u32 {
        self.ops[op as usize].place
    }

    /// What the session's last operation waits for, by way of other chains: a chain, and a key any delete of
    /// which would do.
    fn wanted(&self) -> (u32, u32) {
        let Some(own) = self.tail.checked_sub(1).map(|tail| self.own[tail]) else { return (NONE, NONE) };
        let (mut key, mut chain) = (own.key, NONE);
        for _ in 0..self.tails.len() {
            let open = self.open[key as usize];
            if open >= ABSENT {
                break;
            }
            chain = self.writes.list[open as usize].chain;
            let tail = self.tails[chain as usize] as usize - 1;
            key = self.writes.list[tail].key;
            if self.writes.list[tail].is_delete {
                break;
            }
        }
        (chain, if self.open[key as usize] == ABSENT { key } else { NONE })
    }

    /// Like [`Backwards::run`], but with the order, if there is one.
    pub(super) fn order(mut self, decisions: &mut Decisions) -> Option<Vec<u32>> {
        self.placed = Some(Vec::new());
        self.run(decisions).then(|| self.placed.unwrap_or_default().into_iter().rev().collect())
    }

    /// Places writes of a chain, from its tail, as long as they are free. One that is not is looked at again when
    /// what it waits for has happened.
    fn place_free(&mut self, chain: u32) {
        if self.is_parked[chain as usize] {
            return;
        }
        let start = self.writes.chains[chain as usize].start;
        loop {
            self.place_unnoticed(chain);
            if self.tails[chain as usize] == start {
                return;
            }
            let number = self.tails[chain as usize] - 1;
            let write = self.writes.list[number as usize];
            let waits = self.waits.get(number as usize).is_some_and(|waits| *waits > 0);
            if waits || self.readers[number as usize] > 0 || !self.is_own_turn(number, &write) {
                return;
            }
            let open = self.open[write.key as usize];
            let fits = open == CLOSED || open == number || open == ABSENT && write.is_delete;
            if !fits {
                self.next_waiting[chain as usize] = self.waiting[write.key as usize];
                self.waiting[write.key as usize] = chain;
                self.is_parked[chain as usize] = true;
                return;
            }
            if write.is_delete && self.absent[write.key as usize] > 0 {
                self.optional.push(chain);
                self.is_parked[chain as usize] = true;
                return;
            }
            self.place_tail(chain);
        }
    }

    /// Places what makes no difference: writes of others that the session did not read, and of whose keys nothing
    /// is looked for. Most writes are such, and this is all that is to be done about them.
    fn place_unnoticed(&mut self, chain: u32) {
        if !self.waits.is_empty() {
            return;
        }
        let tail = self.tails[chain as usize] as usize;
        let range = self.writes.chains[chain as usize].start as usize..tail;
        let writes = self.writes.list[range.clone()].iter().zip(&self.readers[range]).rev();
        let is_unnoticed = |(write, readers): &(&ChainWrite, &u32)| {
            **readers == 0
                && !write.is_delete
                && write.session != self.session
                && self.open[write.key as usize] == CLOSED
        };
        let count = writes.take_while(is_unnoticed).count();
        self.tails[chain as usize] -= count as u32;
        self.unplaced -= count;
        if let Some(placed) = &mut self.placed {
            placed.extend(self.writes.ops[tail - count..tail].iter().rev());
        }
    }

    /// False when it is the session's own write and a later operation of the session is unplaced.
    fn is_own_turn(&self, number: u32, write: &ChainWrite) -> bool {
        write.session != self.session || write.is_late || self.is_own_tail(number)
    }

    fn is_own_tail(&self, number: u32) -> bool {
        let tail = &self.own[self.tail - 1];
        !tail.is_read && tail.write == number
    }

    #[inline]
    fn place_tail(&mut self, chain: u32) {
        self.tails[chain as usize] -= 1;
        let number = self.tails[chain as usize];
        let writes = self.writes;
        let write = &writes.list[number as usize];
        self.note(|| writes.ops[number as usize]);
        if self.open[write.key as usize] != CLOSED {
            self.close(write.key);
        }
        if !self.waits.is_empty() {
            self.relieve(number);
        }
        if write.session == self.session {
            if !write.is_late {
                self.tail -= 1;
            }
            self.settle_tail();
        }
    }

    /// Nothing that is placed looks for the key any more: the chains that waited for this may go on.
    fn close(&mut self, key: u32) {
        self.open[key as usize] = CLOSED;
        let mut waiting = std::mem::replace(&mut self.waiting[key as usize], NONE);
        while waiting != NONE {
            self.work.push(waiting);
            self.is_parked[waiting as usize] = false;
            waiting = std::mem::replace(&mut self.next_waiting[waiting as usize], NONE);
        }
    }

    /// One thing less that writes of other chains wait for.
    fn relieve(&mut self, placed: u32) {
        let writes = self.writes;
        for earlier in writes.waiting_for(placed) {
            let waits = &mut self.waits[earlier as usize];
            *waits -= 1;
            if *waits == 0 {
                self.work.push(writes.list[earlier as usize].chain);
            }
        }
    }

    fn place_read(&mut self, read: Own) {
        self.note(|| read.op);
        self.open[read.key as usize] = read.write;
        match read.write {
            INITIAL => {}
            ABSENT => {
                let left = &mut self.absent[read.key as usize];
                *left -= 1;
                if *left == 0 {
                    let (writes, tails, work) = (self.writes, &self.tails, &mut self.work);
                    let is_parked = &mut self.is_parked;
                    self.optional.retain(|chain| {
                        let is_other = writes.list[tails[*chain as usize] as usize - 1].key != read.key;
                        if !is_other {
                            work.push(*chain);
                            is_parked[*chain as usize] = false;
                        }
                        is_other
                    });
                }
            }
            write => {
                let left = &mut self.readers[write as usize];
                *left -= 1;
                if *left == 0 {
                    self.work.push(self.writes.list[write as usize].chain);
                }
            }
        }
        self.tail -= 1;
        self.settle_tail();
    }

    /// Steps over own late writes that are placed already; calls on the chain of an own write whose turn it is.
    fn settle_tail(&mut self) {
        while let Some(own) = self.tail.checked_sub(1).map(|tail| self.own[tail]).filter(|own| !own.is_read) {
            let write = &self.writes.list[own.write as usize];
            if self.tails[write.chain as usize] > own.write {
                self.work.push(write.chain);
                return;
            }
            self.tail -= 1;
        }
    }

    fn note(&mut self, op: impl FnOnce() -> u32) {
        self.unplaced -= 1;
        if let Some(placed) = &mut self.placed {
            placed.push(op());
        }
    }
}
