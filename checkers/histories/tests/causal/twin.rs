//! The definitions of Bouajjani et al., tried out: all choices of what happened and of what reads read, all orders. No code
//! in common with the checkers.

use std::collections::BTreeSet;

use kvsim_checkers::history::{Ending, Entry, Kind, Value};

/// Which of the three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    Consistent,
    Convergent,
    Memory,
}

/// One way in which a history may have come about.
struct World<'a> {
    entries: &'a [Entry],
    /// Writes that happened, and reads that were answered.
    ops: Vec<usize>,
    /// By entry: the write that a read read.
    source: Vec<Option<usize>>,
    /// Pairs of entries: the first causally precedes the second.
    order: BTreeSet<(usize, usize)>,
}

/// Entries are sorted by session.
pub fn is_legal(entries: &[Entry], model: Model) -> bool {
    let optional: Vec<usize> = (0..entries.len()).filter(|op| is_write(entries, *op, Ending::Indeterminate)).collect();
    (0..1_u32 << optional.len()).any(|choice| {
        let happened = |op: &usize| {
            let place = optional.iter().position(|other| other == op);
            is_write(entries, *op, Ending::Ok)
                || place.is_some_and(|place| choice >> place & 1 == 1)
                || entries[*op].kind == Kind::Read && entries[*op].ending == Ending::Ok
        };
        let ops: Vec<usize> = (0..entries.len()).filter(happened).collect();
        let reads: Vec<usize> = ops.iter().copied().filter(|op| entries[*op].kind == Kind::Read).collect();
        sources(entries, &ops, &reads, &mut vec![None; entries.len()], model)
    })
}

fn is_write(entries: &[Entry], op: usize, ending: Ending) -> bool {
    entries[op].kind == Kind::Write && entries[op].ending == ending
}

/// Whether some choice of what the reads read makes a world that the model allows.
fn sources(entries: &[Entry], ops: &[usize], reads: &[usize], source: &mut Vec<Option<usize>>, model: Model) -> bool {
    let Some((read, rest)) = reads.split_first() else {
        return World::of(entries, ops, source).is_some_and(|world| world.is_allowed(model));
    };
    let is_it = |op: &&usize| {
        let (write, read) = (&entries[**op], &entries[*read]);
        write.kind == Kind::Write && (write.key, write.value) == (read.key, read.value)
    };
    let initial = (entries[*read].value == Value::Nothing).then_some(None);
    let choices: Vec<Option<usize>> = initial.into_iter().chain(ops.iter().filter(is_it).copied().map(Some)).collect();
    choices.into_iter().any(|choice| {
        source[*read] = choice;
        sources(entries, ops, rest, source, model)
    })
}

impl<'a> World<'a> {
    /// Nothing if something causally precedes itself.
    fn of(entries: &'a [Entry], ops: &[usize], source: &[Option<usize>]) -> Option<World<'a>> {
        let mut order = BTreeSet::new();
        for second in ops {
            for first in ops {
                let is_late = entries[*first].ending == Ending::Indeterminate;
                if first < second && entries[*first].session == entries[*second].session && !is_late {
                    order.insert((*first, *second));
                }
            }
            order.extend(source[*second].map(|first| (first, *second)));
        }
        for middle in ops {
            for first in ops {
                for last in ops {
                    if order.contains(&(*first, *middle)) && order.contains(&(*middle, *last)) {
                        order.insert((*first, *last));
                    }
                }
            }
        }
        let is_cyclic = ops.iter().any(|op| order.contains(&(*op, *op)));
        (!is_cyclic).then(|| World { entries, ops: ops.to_vec(), source: source.to_vec(), order })
    }

    fn is_allowed(&self, model: Model) -> bool {
        let reads = || self.ops.iter().copied().filter(|op| self.entries[*op].kind == Kind::Read);
        match model {
            Model::Consistent => reads().all(|read| {
                let past = self.past(read);
                let writes: Vec<usize> = past.iter().copied().filter(|op| self.is_write(*op)).collect();
                self.some_order(&writes, &mut Vec::new(), &|order| self.found(order, read) == self.source[read])
            }),
            Model::Convergent => {
                let writes: Vec<usize> = self.ops.iter().copied().filter(|op| self.is_write(*op)).collect();
                self.some_order(&writes, &mut Vec::new(), &|order| {
                    reads().all(|read| {
                        let past = self.past(read);
                        let seen: Vec<usize> = order.iter().copied().filter(|write| past.contains(write)).collect();
                        self.found(&seen, read) == self.source[read]
                    })
                })
            }
            Model::Memory => self.ops.iter().all(|last| {
                let session = self.entries[*last].session;
                let is_part = |op: &usize| self.is_write(*op) || self.entries[*op].session == session;
                let past = self.past(*last);
                let parts: Vec<usize> = past.into_iter().chain([*last]).filter(is_part).collect();
                self.some_order(&parts, &mut Vec::new(), &|order| {
                    order
                        .iter()
                        .enumerate()
                        .all(|(place, op)| self.is_write(*op) || self.found(&order[..place], *op) == self.source[*op])
                })
            }),
        }
    }

    fn is_write(&self, op: usize) -> bool {
        self.entries[op].kind == Kind::Write
    }

    fn past(&self, op: usize) -> Vec<usize> {
        self.ops.iter().copied().filter(|other| self.order.contains(&(*other, op))).collect()
    }

    /// The last write to the key of a read.
    fn found(&self, order: &[usize], read: usize) -> Option<usize> {
        let is_it = |op: &&usize| self.is_write(**op) && self.entries[**op].key == self.entries[read].key;
        order.iter().rev().find(is_it).copied()
    }

    /// Whether some order of the operations that keeps causal order is right.
    fn some_order(&self, left: &[usize], placed: &mut Vec<usize>, is_right: &dyn Fn(&[usize]) -> bool) -> bool {
        if left.is_empty() {
            return is_right(placed);
        }
        left.iter().any(|next| {
            if left.iter().any(|other| self.order.contains(&(*other, *next))) {
                return false;
            }
            let rest: Vec<usize> = left.iter().copied().filter(|other| other != next).collect();
            placed.push(*next);
            let found = self.some_order(&rest, placed, is_right);
            placed.pop();
            found
        })
    }
}
