//! Sequential consistency: one order of all operations that keeps each process's own.
//!
//! Lamport (*How to make a multiprocessor computer that correctly executes multiprocess programs*, IEEE Trans. Computers
//! 1979). Real time is no matter, and keys cannot be judged one by one. A write of unknown outcome comes after what its process
//! did before it, at any time, or not at all. A successful cas is one operation.
//!
//! # How
//!
//! Whether there is such an order is NP-complete, also where all values are distinct (Gibbons and Korach, *Testing shared
//! memories*, SIAM J. Comput. 1997). So:
//!
//! - what is linearizable is sequential, and what breaks causal memory is not: both are known fast where values are distinct;
//! - otherwise an order is searched (`search`), with a memory of the states that lead nowhere, up to a limit of states and time;
//!   then the answer is *unknown*.

pub(crate) mod model;
mod op;
mod search;
mod smallest;

use kvsim_checkers::Expired;

use crate::jepsen::Call;
pub use crate::linearizable::Answer;
use op::SessionOp;

/// Judges calls, which are in the order of their invocation; keys begin with `initial`. If it is known that some calls by
/// themselves have no order, `broken` names them.
pub fn judge(calls: &[Call], initial: u64, broken: Option<&[u32]>, expired: Expired<'_>) -> Answer {
    let all: Vec<u32> = (0..calls.len() as u32).filter(|call| calls[*call as usize].matters()).collect();
    let ops: Vec<SessionOp> = all.iter().map(|place| SessionOp::of(calls, *place)).collect();
    if let Some(op) = unwritten(&ops, initial) {
        return Answer::Unwritten(op.place);
    }
    let known = if broken.is_some() { Some(false) } else { search::decide(&ops, initial, expired) };
    match known {
        Some(true) => Answer::Yes,
        None => Answer::GaveUp,
        Some(false) => {
            let small = smallest::smallest(ops, initial, broken, expired);
            Answer::No(small.into_iter().map(|op| op.place).collect())
        }
    }
}

/// The first operation that took place and found what no other one can have written.
fn unwritten(ops: &[SessionOp], initial: u64) -> Option<&SessionOp> {
    let mut written: Vec<(u32, u64, u32)> = ops.iter().filter_map(|op| Some((op.key, op.writes?, op.place))).collect();
    written.sort_unstable();
    ops.iter().filter(|op| op.is_certain).find(|op| {
        let Some((key, value)) = op.needed().filter(|(_, value)| *value != initial) else { return false };
        let from = written.partition_point(|write| (write.0, write.1) < (key, value));
        let mut same = written[from..].iter().take_while(|write| (write.0, write.1) == (key, value));
        !same.any(|write| write.2 != op.place)
    })
}
