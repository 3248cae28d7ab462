//! Some operations without others, such that what was possible stays possible.

use super::op::Op;
use crate::jepsen::Action;

/// Operations with their places in the whole.
pub(super) type Part = Vec<(u32, Op)>;

/// What is known of a whole when parts of it are taken.
pub(super) struct Parts {
    /// By operation: what begins at this moment or later cannot have found what it wrote, since an operation that was asked
    /// for after it had been completed has written since.
    until: Vec<u32>,
}

impl Parts {
    pub(super) fn of(ops: &[Op]) -> Parts {
        let written = ops.iter().filter(|op| op.writes().is_some());
        let mut writes: Vec<(u32, u32)> = written.map(|op| (op.invoked, op.completed)).collect();
        writes.sort_unstable();
        for place in (1..writes.len()).rev() {
            writes[place - 1].1 = writes[place].1.min(writes[place - 1].1);
        }
        let replaced = |op: &Op| {
            let later = writes.partition_point(|write| write.0 <= op.completed);
            writes.get(later).map_or(Op::NEVER, |write| write.1)
        };
        Parts { until: ops.iter().map(replaced).collect() }
    }

    pub(super) fn whole(ops: &[Op]) -> Part {
        (0..).zip(ops.iter().copied()).collect()
    }

    /// Some operations without those that are gone, such that what was possible stays possible: reads that may have found
    /// what one of these wrote are gone, too, and a cas that may have is taken for a write.
    pub(super) fn without(&self, some: &[(u32, Op)], is_gone: impl Fn(usize) -> bool) -> Part {
        let gone = some.iter().enumerate().filter(|(place, _)| is_gone(*place));
        // By value.
        let mut writes: Vec<(u64, u32, u32)> =
            gone.filter_map(|(_, (place, op))| Some((op.writes()?, op.invoked, self.until[*place as usize]))).collect();
        writes.sort_unstable();
        // A cas of unknown outcome explains something only if what needs its value begins after that.
        let mut needs: Vec<(u64, u32)> = some.iter().filter_map(|(_, op)| Some((op.needs()?, op.invoked))).collect();
        needs.sort_unstable();
        let begins = |op: &Op| match needs.get(needs.partition_point(|need| need.0 < op.value)) {
            Some((value, invoked)) if op.completed == Op::NEVER && *value == op.value => op.invoked.max(*invoked),
            _ => op.invoked,
        };
        let may_have_found = |op: &Op| {
            op.needs().is_some_and(|value| {
                let of_value = &writes[writes.partition_point(|write| write.0 < value)..];
                let mut early = of_value.iter().take_while(|write| write.0 == value && write.1 < op.completed);
                let begins = begins(op);
                early.any(|(_, _, until)| begins < *until)
            })
        };
        let kept = some.iter().enumerate().filter(|(place, _)| !is_gone(*place)).map(|(_, one)| one);
        let kept = kept.filter(|(_, op)| op.action != Action::Read || !may_have_found(op));
        kept.map(|(place, op)| match may_have_found(op) {
            true => (*place, Op { action: Action::Write, ..*op }),
            false => (*place, *op),
        })
        .collect()
    }
}

/// What there was until a moment: what was not completed by then is of unknown outcome. If the whole has an order, this has.
pub(super) fn until(some: &[(u32, Op)], moment: u32) -> Part {
    let asked = some.iter().filter(|(_, op)| op.invoked <= moment);
    let kept = asked.filter(|(_, op)| op.completed <= moment || op.action != Action::Read);
    let open = |op: &Op| if op.completed <= moment { *op } else { Op { completed: Op::NEVER, ..*op } };
    kept.map(|(place, op)| (*place, open(op))).collect()
}

/// Without the operations of unknown outcome that make no difference.
pub(super) fn noticed(ops: &[Op]) -> Vec<u32> {
    let mut pending: Vec<(u64, u32)> = Vec::new();
    let mut open: Vec<u64> = Vec::new();
    let mut is_kept = vec![false; ops.len()];
    for (op, place) in ops.iter().zip(0..) {
        if op.completed == Op::NEVER {
            let changed = op.writes().filter(|_| op.writes() != op.needs());
            pending.extend(changed.map(|value| (value, place)));
        } else {
            is_kept[place as usize] = true;
            open.extend(op.needs());
        }
    }
    pending.sort_unstable();
    while let Some(value) = open.pop() {
        let from = pending.partition_point(|(other, _)| *other < value);
        for (_, place) in pending[from..].iter().take_while(|(other, _)| *other == value) {
            if !std::mem::replace(&mut is_kept[*place as usize], true) {
                open.extend(ops[*place as usize].needs());
            }
        }
    }
    (0..ops.len() as u32).filter(|place| is_kept[*place as usize]).collect()
}
