//! The usual causes, tried by themselves: one write is lost, or comes late. What is left out one by one ends now and then
//! with faults that lean on each other; then a fresh start is shorter than any way down from there.

use kvsim_checkers::trace::{Action, Node};

use super::{Search, explicit, parts, times};
use crate::plan::{FaultKind, MessageName, Plan};

/// With more operations it is not one write that matters.
const OPERATIONS_MAX: usize = 40;

/// With more than these only one of the first few is tried, with the plan's own seed.
const OPERATIONS_FEW: usize = 8;

/// One write goes wrong at one or two others.
const REPLICAS_MAX: u16 = 3;

/// When replicas ask each other follows from the seed; so many are tried beside the plan's.
const OTHER_SEEDS: u64 = 20;

/// Operations follow each other at this distance, in nanoseconds; a late write comes after one or more of the next.
const STEP_NS: u64 = 10_000_000;

/// The same where there are many: all of them before the first round of anti-entropy, if need be.
const SHORT_STEP_NS: u64 = 1_000_000;

/// Tries plans with one fault for one of the writes, on as few replicas as possible.
pub(super) fn causes(search: &mut Search<'_>) {
    let best = &search.best;
    if best.operations() > OPERATIONS_MAX || best.faults.len() <= 1 && best.replicas <= 2 {
        return;
    }
    let are_few = best.operations() <= OPERATIONS_FEW;
    let (step_ns, others, writes_max) =
        if are_few { (STEP_NS, OTHER_SEEDS, OPERATIONS_FEW) } else { (SHORT_STEP_NS, 3, 3) };
    let seeds: Vec<u64> = [best.seed].into_iter().chain(1..=others).collect();
    let numbers = 2..=best.replicas.min(REPLICAS_MAX);
    let plains: Vec<Plan> = numbers.flat_map(|replicas| on_few(best, replicas, step_ns, are_few)).collect();
    for plain in plains {
        for (origin, id) in writes(&plain).into_iter().take(writes_max) {
            let message = || MessageName { kind: "update".to_owned(), id, from: Some(origin), to: Vec::new() };
            let late = times::delays(step_ns * if are_few { 1 } else { plain.operations() as u64 })
                .map(|takes_ns| FaultKind::Delay { message: message(), takes_ns });
            for kind in late.chain([FaultKind::Drop(message())]) {
                let mut plan = plain.clone();
                plan.faults = vec![explicit::fault(kind, plan.workload_end_ns)];
                if seeds.iter().any(|seed| search.try_plan(Plan { seed: *seed, ..plan.clone() })) {
                    return;
                }
            }
        }
    }
}

/// The operations of the plan at so many replicas, those with sessions first, evenly, with nothing that goes wrong. Where
/// there are many, also all of them at one replica: for what is late there all others wait.
fn on_few(plan: &Plan, replicas: u16, step_ns: u64, are_few: bool) -> Vec<Plan> {
    let is_used = |node: &Node| plan.sessions.iter().any(|session| session.node == *node);
    let (mut kept, others): (Vec<Node>, Vec<Node>) = (0..plan.replicas).partition(is_used);
    kept.extend(others);
    kept.truncate(usize::from(replicas));
    kept.sort_unstable();
    let Some(home) = kept.first() else { return Vec::new() };
    let mut plain = parts::with_nodes(plan, &kept, *home);
    plain.faults.clear();
    let plain = times::evenly(&plain, step_ns);
    if are_few {
        return vec![plain];
    }
    let mut together = plain.clone();
    for session in &mut together.sessions {
        session.node = 0;
        session.ops.iter_mut().for_each(|op| op.node = None);
    }
    vec![together, plain]
}

/// Who takes in which write, in the order of time.
fn writes(plan: &Plan) -> Vec<(Node, u64)> {
    let of_session = plan.sessions.iter().flat_map(|session| session.ops.iter().map(move |op| (session, op)));
    let mut writes: Vec<(u64, Node, u64)> = of_session
        .filter(|(_, op)| op.action != Action::Read)
        .map(|(session, op)| (op.wait_ns, op.node.unwrap_or(session.node), op.value))
        .collect();
    writes.sort_unstable();
    writes.into_iter().map(|(_, node, value)| (node, value)).collect()
}
