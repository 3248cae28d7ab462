//! Linearizability of registers with compare-and-set, key by key.
//!
//! A history is linearizable (Herlihy and Wing, TOPLAS 1990) if every operation can be given a moment between its
//! invocation and its completion such that all operations, carried out one after the other at these moments, do
//! what they did. An operation of unknown outcome has no completion: its moment may be any later one, or never. The
//! property is local: a history is linearizable if each key's part of it is, so keys are judged one by one.
//!
//! # How
//!
//! Operations without any visible effect are left out: failed ones, reads without an answer, and writes of unknown
//! outcome whose value was neither read nor expected.
//!
//! - **Distinct values** (`zones`): where no value is written twice, a read names its write, and a cas continues the
//!   value that it expected. Operations fall into chains, a write with its reads, then the cas that replaced its
//!   value with the reads of the new one, and so on. A register goes through a chain without a break. Let f be the
//!   first completion in a chain and s the last invocation. If f < s, the chain must fill the time from f to s, and can be
//!   pressed into it; if not, it can be put into any one moment from s to f. So there is an order exactly if
//!   every chain is possible by itself, no two chains must fill the same time, and no chain's moments are
//!   all filled by another. This is the way of Gibbons and Korach (*Testing shared memories*, SIAM J. Comput. 1997),
//!   with chains in place of single values. It takes a sort.
//! - **Any values** (`search`): the states that a register can be in are followed event by event, where a state is a
//!   value and which open operations have had their moment (just-in-time linearization: Lowe, *Testing for linearizability*,
//!   Concurrency and Computation 2017, after Wing and Gong 1993). Only when an operation completes must it have had its moment,
//!   and only then states are developed. A read may always have its moment as soon as the value is there.
//!
//!   Operations of unknown outcome, which stay open for ever, are what makes this hard (`unknown`). They are alike if they do
//!   the same, so they are counted. One is used only right before an operation that is waiting for its value: otherwise it
//!   can be left out, or come later. A state that has used fewer of them can do whatever one can that has used more, and one
//!   that has a write left can do what one can that has a cas to the same value left instead. First only the hundred states
//!   that have used least are followed, which mostly finds an order. If that fails, the last few operations until then are
//!   judged without the others (`part` says why that is enough) and as if every cas of unknown outcome were a write, which
//!   mostly shows that there is none; only then all states are followed. That may still be too much, and then the answer is *unknown*.

pub(crate) mod model;
mod op;
mod part;
mod search;
mod smallest;
mod unknown;
mod zones;

use kvsim_checkers::Expired;

use op::Decision;
use part::noticed;

pub use op::Op;

/// What there is to say about the operations of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There is an order.
    Yes,
    /// There is none, and already none of these operations, by their places.
    No(Vec<u32>),
    /// This operation, by its place, found an unwritten value.
    Unwritten(u32),
    /// There were more states than there is room for.
    TooMany,
    /// The time was over.
    GaveUp,
}

/// Judges the operations of one register, which begins with the value `initial`.
pub fn judge(ops: &[Op], initial: u64, expired: Expired<'_>) -> Answer {
    if let Some(op) = unwritten(ops, initial) {
        return Answer::Unwritten(op);
    }
    match decide(ops, initial, expired) {
        Decision::Yes => Answer::Yes,
        Decision::TooMany => Answer::TooMany,
        Decision::GaveUp => Answer::GaveUp,
        Decision::No(broken) => Answer::No(smallest::smallest(ops, initial, broken, expired)),
    }
}

fn decide(ops: &[Op], initial: u64, expired: Expired<'_>) -> Decision {
    let kept = noticed(ops);
    let ops: Vec<Op> = kept.iter().map(|op| ops[*op as usize]).collect();
    let is_distinct = is_distinct(&ops, initial);
    match if is_distinct { zones::decide(&ops, initial) } else { search::decide(&ops, initial, expired) } {
        Decision::No(broken) => Decision::No(broken.into_iter().map(|op| kept[op as usize]).collect()),
        other => other,
    }
}

/// No value is written twice, and the initial one never.
fn is_distinct(ops: &[Op], initial: u64) -> bool {
    let mut written: Vec<u64> = ops.iter().filter_map(Op::writes).chain([initial]).collect();
    written.sort_unstable();
    written.windows(2).all(|pair| pair[0] != pair[1])
}

/// The first operation that certainly took place and found an unwritten value.
fn unwritten(ops: &[Op], initial: u64) -> Option<u32> {
    let mut written: Vec<u64> = ops.iter().filter_map(Op::writes).chain([initial]).collect();
    written.sort_unstable();
    let is_it =
        |op: &Op| op.completed != Op::NEVER && op.needs().is_some_and(|value| written.binary_search(&value).is_err());
    ops.iter().position(is_it).map(|op| op as u32)
}
