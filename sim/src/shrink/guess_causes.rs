//! Guesses at the usual causes: one write, or the first one of each replica, is lost or late. Removing parts one by one
//! may end with faults that depend on each other; then starting afresh from a guess gives a smaller plan.

use std::collections::BTreeSet;

use kvsim_checkers::trace::{Action, NodeId};

use super::search::Search;
use super::{explicit, remove, times};
use crate::plan::{FaultKind, FaultPlan, MessageName, Plan};

/// With more operations it is not one write that matters.
const OPERATIONS_MAX: usize = 40;

/// With more than these only the first few are tried.
const OPERATIONS_FEW: usize = 8;
const WRITES_OF_MANY: usize = 3;

/// One write goes wrong at one or two others.
const REPLICAS_MAX: u16 = 3;

/// The seed decides when replicas ask each other; this many are tried beside the plan's.
const OTHER_SEEDS: u64 = 20;

/// Where there are many operations.
const OTHER_SEEDS_OF_MANY: u64 = 10;

/// Operations follow each other at this distance, in nanoseconds; a late write comes after one or more of the next.
const STEP_NS: u64 = 10_000_000;

/// The same where there are many: all of them before the first round of anti-entropy, if need be.
const SHORT_STEP_NS: u64 = 1_000_000;

/// Tries plans with one fault for one of the writes, on as few replicas as possible. Where there are many operations,
/// also one for the first write of each replica, for which all others wait, and one of the plan's faults of links all
/// the time.
pub(super) fn causes(search: &mut Search<'_>) {
    let best = &search.best;
    if best.operations() > OPERATIONS_MAX || best.faults.len() <= 1 && best.replicas <= 2 {
        return;
    }
    let are_few = best.operations() <= OPERATIONS_FEW;
    let (steps, others): (&[u64], u64) =
        if are_few { (&[STEP_NS], OTHER_SEEDS) } else { (&[SHORT_STEP_NS, STEP_NS], OTHER_SEEDS_OF_MANY) };
    let seeds: Vec<u64> = [best.seed].into_iter().chain(1..=others).collect();
    // Where there are few, what a link fault does is written out message by message.
    let of_links = if are_few { Vec::new() } else { of_links(best) };
    let numbers = 2..=best.replicas.min(REPLICAS_MAX);
    for (replicas, step_ns) in numbers.flat_map(|replicas| steps.iter().map(move |step_ns| (replicas, *step_ns))) {
        for plain in on_few(&search.best, replicas, step_ns, are_few) {
            let until_ns = plain.workload_end_ns;
            let of_links = of_links.iter().map(|fault| vec![FaultPlan { until_ns, ..fault.clone() }]);
            for faults in of_writes(&plain, step_ns, are_few).into_iter().chain(of_links) {
                let plan = Plan { faults, ..plain.clone() };
                if seeds.iter().any(|seed| search.try_plan(Plan { seed: *seed, ..plan.clone() })) {
                    return;
                }
            }
        }
    }
}

/// What may become of one of the writes, or of the first ones of all replicas.
fn of_writes(plain: &Plan, step_ns: u64, are_few: bool) -> Vec<Vec<FaultPlan>> {
    let writes = writes(plain);
    let writes_max = if are_few { OPERATIONS_FEW } else { WRITES_OF_MANY };
    let mut sets: Vec<Vec<(NodeId, u64)>> = writes.iter().take(writes_max).map(|write| vec![*write]).collect();
    if !are_few {
        let mut origins = BTreeSet::new();
        sets.push(writes.into_iter().filter(|(origin, _)| origins.insert(*origin)).collect());
    }
    let step_ns = step_ns * if are_few { 1 } else { plain.operations() as u64 };
    let fates = || times::delays(step_ns).map(Some).chain([None]);
    let fate = |(origin, id): (NodeId, u64), takes_ns: Option<u64>| {
        let message = MessageName { kind: "update".to_owned(), id, from: Some(origin), to: Vec::new() };
        let kind = match takes_ns {
            Some(takes_ns) => FaultKind::Delay { message, takes_ns },
            None => FaultKind::Drop(message),
        };
        explicit::fault(kind, plain.workload_end_ns)
    };
    let all = sets.iter().flat_map(|set| fates().map(move |takes_ns| (set, takes_ns)));
    all.map(|(set, takes_ns)| set.iter().map(|write| fate(*write, takes_ns)).collect()).collect()
}

/// The plan's faults of links, one of each kind, from the beginning and for all links.
fn of_links(plan: &Plan) -> Vec<FaultPlan> {
    let mut faults: Vec<FaultPlan> = Vec::new();
    for of_plan in &plan.faults {
        if let FaultKind::Links { fault, .. } = &of_plan.kind {
            let kind = FaultKind::Links { from: Vec::new(), to: Vec::new(), fault: fault.clone() };
            if faults.iter().all(|other| other.kind != kind) {
                faults.push(FaultPlan { from_ns: 0, kind, ..of_plan.clone() });
            }
        }
    }
    faults
}

/// The operations of the plan at `replicas` replicas, those with sessions first, evenly, with nothing that goes wrong.
/// Where there are many, also all of them at one replica: for what is late there all others wait.
fn on_few(plan: &Plan, replicas: u16, step_ns: u64, are_few: bool) -> Vec<Plan> {
    let is_used = |node: &NodeId| plan.sessions.iter().any(|session| session.node == *node);
    let (mut kept, others): (Vec<NodeId>, Vec<NodeId>) = NodeId::all(plan.replicas).partition(is_used);
    kept.extend(others);
    kept.truncate(usize::from(replicas));
    kept.sort_unstable();
    let Some(home) = kept.first() else { return Vec::new() };
    let mut plain = remove::with_nodes(plan, &kept, *home);
    plain.faults.clear();
    let plain = times::evenly(&plain, step_ns);
    if are_few {
        return vec![plain];
    }
    let mut together = plain.clone();
    for session in &mut together.sessions {
        session.node = NodeId(0);
        session.ops.iter_mut().for_each(|op| op.node = None);
    }
    vec![together, plain]
}

/// The writes in the order of time, each with the node that takes it in.
fn writes(plan: &Plan) -> Vec<(NodeId, u64)> {
    let of_session = plan.sessions.iter().flat_map(|session| session.ops.iter().map(move |op| (session, op)));
    let mut writes: Vec<(u64, NodeId, u64)> = of_session
        .filter(|(_, op)| op.action != Action::Read)
        .map(|(session, op)| (op.wait_ns, op.node.unwrap_or(session.node), op.value))
        .collect();
    writes.sort_unstable();
    writes.into_iter().map(|(_, node, value)| (node, value)).collect()
}
