//! What happens next.
//!
//! A monotone priority queue: no event is scheduled before the one taken last, which a simulation guarantees
//! anyway. That makes a radix queue possible (Ahuja et al., *Faster Algorithms for the Shortest Path
//! Problem*, J. ACM 1990) with digits of six bits, also known as a hierarchical timing wheel (Varghese and
//! Lauck, SOSP 1987): a push is a few shifts, and an entry moves down at most one digit at a time.
//!
//! **Order.** Entries of equal time come out in the order in which they went in: they are always in the same
//! bucket, buckets are first in first out, and emptying a bucket into lower ones, which are empty then, keeps
//! the order.

const DIGIT_BITS: u32 = 6;
const DIGITS: usize = 1 << DIGIT_BITS;
/// Enough digits for 64 bits.
const RANKS: usize = 11;
const NONE: u32 = u32::MAX;

/// Entries of type `T` by time; equal times in the order of pushing.
pub struct Queue<T> {
    /// The time taken last; every entry is at or after it.
    last_ns: u64,
    len: usize,
    /// One list per digit: `buckets[rank * 64 + digit]` has the entries whose highest digit that differs from
    /// `last_ns` is that digit at that rank. At rank 0 all entries of a bucket have the same time.
    buckets: Box<[Bucket]>,
    /// Per rank one bit per bucket that is not empty.
    occupied: [u64; RANKS],
    /// All entries, linked into lists; `free` is the list of unused ones.
    entries: Vec<Entry<T>>,
    free: u32,
}

#[derive(Clone, Copy)]
struct Bucket {
    first: u32,
    last: u32,
}

struct Entry<T> {
    at_ns: u64,
    next: u32,
    what: T,
}

/// How many pending events and messages there is room for from the start, so that small runs never grow.
pub const ROOM: usize = 1024;

impl<T: Copy> Default for Queue<T> {
    fn default() -> Queue<T> {
        Queue::new()
    }
}

impl<T: Copy> Queue<T> {
    /// An empty queue at time 0.
    pub fn new() -> Queue<T> {
        Queue {
            last_ns: 0,
            len: 0,
            buckets: vec![Bucket { first: NONE, last: NONE }; RANKS * DIGITS].into_boxed_slice(),
            occupied: [0; RANKS],
            entries: Vec::with_capacity(ROOM),
            free: NONE,
        }
    }

    /// Number of entries.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Schedules `what`.
    ///
    /// # Panics
    /// When `at_ns` lies before the time taken last: the past cannot be changed.
    pub fn push(&mut self, at_ns: u64, what: T) {
        assert!(at_ns >= self.last_ns, "an event at {at_ns} ns is scheduled at {} ns", self.last_ns);
        let entry = Entry { at_ns, next: NONE, what };
        let slot = if self.free == NONE {
            self.entries.push(entry);
            (self.entries.len() - 1) as u32
        } else {
            let slot = self.free;
            let place = &mut self.entries[slot as usize];
            self.free = place.next;
            *place = entry;
            slot
        };
        self.len += 1;
        self.link(slot, at_ns);
    }

    /// Takes the earliest entry out.
    pub fn pop(&mut self) -> Option<(u64, T)> {
        self.pop_and_tell(&mut |_| ())
    }

    /// Takes the earliest entry out. Tells of entries that are about to come next, in no particular order: those
    /// that share a stretch of time which is now divided. An entry may be told of several times, or never.
    pub fn pop_and_tell(&mut self, coming: &mut impl FnMut(T)) -> Option<(u64, T)> {
        loop {
            let rank = self.occupied.iter().position(|digits| *digits != 0)?;
            let digit = self.occupied[rank].trailing_zeros() as usize;
            let bucket = &mut self.buckets[rank * DIGITS + digit];
            let slot = bucket.first;
            let entry = &self.entries[slot as usize];
            if rank == 0 || entry.next == NONE {
                // The only entry of the lowest bucket is the earliest of all; so is any at rank 0.
                bucket.first = entry.next;
                if entry.next == NONE {
                    self.occupied[rank] &= !(1 << digit);
                }
                self.last_ns = entry.at_ns;
                let taken = (entry.at_ns, entry.what);
                self.entries[slot as usize].next = self.free;
                self.free = slot;
                self.len -= 1;
                return Some(taken);
            }
            self.spread(rank, digit, coming);
        }
    }

    /// Moves the entries of the lowest bucket into lower ones.
    fn spread(&mut self, rank: usize, digit: usize, coming: &mut impl FnMut(T)) {
        let shift = rank as u32 * DIGIT_BITS;
        // The beginning of the bucket's time: above all that was taken, at or below all that is left.
        let above = (self.last_ns >> shift) & !(DIGITS as u64 - 1);
        self.last_ns = (above | digit as u64) << shift;
        self.occupied[rank] &= !(1 << digit);
        let mut slot = self.buckets[rank * DIGITS + digit].first;
        while slot != NONE {
            let Entry { at_ns, next, what } = self.entries[slot as usize];
            coming(what);
            self.link(slot, at_ns);
            slot = next;
        }
    }

    /// Appends an entry to the bucket for its time.
    fn link(&mut self, slot: u32, at_ns: u64) {
        let differs = at_ns ^ self.last_ns;
        let rank = (63 - (differs | 1).leading_zeros()) / DIGIT_BITS;
        let digit = (at_ns >> (rank * DIGIT_BITS)) as usize % DIGITS;
        let rank = rank as usize;
        self.entries[slot as usize].next = NONE;
        let bucket = &mut self.buckets[rank * DIGITS + digit];
        let bit = 1 << digit;
        if self.occupied[rank] & bit == 0 {
            self.occupied[rank] |= bit;
            bucket.first = slot;
        } else {
            self.entries[bucket.last as usize].next = slot;
        }
        bucket.last = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    /// Pushes and pops at random, beside a heap that orders by time and number.
    fn agrees_with_a_heap(steps: impl Iterator<Item = Option<u64>>) {
        let mut queue = Queue::new();
        let mut heap = BinaryHeap::new();
        let mut now = 0;
        for (number, step) in steps.enumerate() {
            match step {
                Some(later) => {
                    queue.push(now + later, number);
                    heap.push(Reverse((now + later, number)));
                }
                None => {
                    let taken = queue.pop();
                    assert_eq!(taken, heap.pop().map(|Reverse(entry)| entry));
                    now = taken.map_or(now, |(at, _)| at);
                }
            }
            assert_eq!(queue.len(), heap.len());
        }
        while let Some(Reverse(entry)) = heap.pop() {
            assert_eq!(queue.pop(), Some(entry));
        }
        assert!(queue.pop().is_none() && queue.is_empty());
    }

    proptest! {
        #[test]
        fn pops_by_time_and_then_by_order_of_pushing(
            steps in prop::collection::vec(
                prop_oneof![
                    2 => prop_oneof![Just(0u64), 0..3u64, 0..100u64, 0..10_000_000u64, 0..u64::MAX >> 20].prop_map(Some),
                    1 => Just(None),
                ],
                0..400,
            )
        ) {
            agrees_with_a_heap(steps.into_iter());
        }
    }

    #[test]
    fn entries_are_used_again() {
        let mut queue = Queue::new();
        for i in 0..10_000u64 {
            queue.push(i * 1_000, i);
            queue.push(i * 1_000 + 500, i);
            queue.pop();
            queue.pop();
        }
        assert!(queue.entries.len() <= 2);
    }
}
