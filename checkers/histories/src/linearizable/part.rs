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
        let may_have_found = |op: &Op| {
            op.needs().is_some_and(|value| {
                let of_value = &writes[writes.partition_point(|write| write.0 < value)..];
                let mut early = of_value.iter().take_while(|write| write.0 == value && write.1 < op.completed);
                early.any(|(_, _, until)| op.invoked < *until)
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
