//! Shorter and rounder times.

use std::collections::BTreeMap;

use super::search::Search;
use crate::plan::{FaultKind, Pace, Plan};

const MS: u64 = 1_000_000;

/// Moves operations and faults together, in their order, and ends the workload soon after the last.
pub(super) fn compact(search: &mut Search<'_>) {
    if search.best.sessions.iter().any(|session| session.pace == Pace::Closed) {
        return;
    }
    end_early(search);
    for step_ns in [10 * MS, 100 * MS] {
        let plan = evenly(&search.best, step_ns);
        if points(&plan) == points(&search.best) {
            return;
        }
        let fits = points(&plan).len() as u64 * step_ns <= search.best.workload_end_ns;
        if fits
            && (search.try_plan(plan.clone()) || delays(step_ns).any(|takes_ns| try_delays(search, &plan, takes_ns)))
        {
            end_early(search);
            return;
        }
    }
    for turn in 0..points(&search.best).len() {
        let times = points(&search.best);
        let gap_ns = times[turn] - if turn == 0 { 0 } else { times[turn - 1] };
        for shorter_ns in simpler(gap_ns) {
            let later = |at_ns: &u64| (*at_ns, at_ns - gap_ns + shorter_ns);
            let changes = times[turn..].iter().map(later).collect();
            if search.try_plan(moved(&search.best, &changes)) {
                break;
            }
        }
    }
    end_early(search);
}

/// The plan with operations and faults at even distances.
pub(super) fn evenly(plan: &Plan, step_ns: u64) -> Plan {
    moved(plan, &points(plan).into_iter().zip((1..).map(|turn: u64| turn * step_ns)).collect())
}

/// Delays after which late messages arrive between the same two events as before, now that these are `step_ns` apart.
pub(super) fn delays(step_ns: u64) -> impl Iterator<Item = u64> {
    [step_ns * 3 / 2, step_ns * 5 / 2, step_ns * 5].into_iter()
}

/// Tries the plan with this delay for all messages that faults delay.
fn try_delays(search: &mut Search<'_>, plan: &Plan, delay_ns: u64) -> bool {
    let mut plan = plan.clone();
    let mut any = false;
    for fault in &mut plan.faults {
        if let FaultKind::Delay { takes_ns, .. } = &mut fault.kind {
            *takes_ns = delay_ns;
            any = true;
        }
    }
    any && search.try_plan(plan)
}

/// Times that are simpler than this one, the simplest first: shorter ones that are 1, 2 or 5 times a power of ten, and
/// it without its last digits.
pub(super) fn simpler(ns: u64) -> Vec<u64> {
    const SIMPLE: [u64; 12] = [
        MS,
        5 * MS,
        10 * MS,
        20 * MS,
        50 * MS,
        100 * MS,
        200 * MS,
        500 * MS,
        1_000 * MS,
        2_000 * MS,
        5_000 * MS,
        10_000 * MS,
    ];
    let mut simpler: Vec<u64> = SIMPLE.into_iter().filter(|simple| *simple < ns).collect();
    for unit in [100 * MS, 10 * MS, MS, MS / 10, MS / 1_000] {
        simpler.extend([ns / unit * unit].into_iter().filter(|rounded| *rounded > 0 && *rounded < ns));
    }
    simpler
}

/// The times that a plan names: of operations and of faults. A fault that lasts from the beginning or to the end goes
/// on doing so, whenever the end is.
fn points(plan: &Plan) -> Vec<u64> {
    let ops = plan.sessions.iter().flat_map(|session| &session.ops).map(|op| op.wait_ns);
    let faults = plan.faults.iter().flat_map(|fault| [fault.from_ns, fault.until_ns]);
    let inside = faults.filter(|at_ns| *at_ns > 0 && *at_ns < plan.workload_end_ns);
    let mut times: Vec<u64> = ops.chain(inside).collect();
    times.sort_unstable();
    times.dedup();
    times
}

/// The plan with other times; the workload ends so much later after the last one as before.
fn moved(plan: &Plan, changes: &BTreeMap<u64, u64>) -> Plan {
    let mut plan = plan.clone();
    let end_ns = plan.workload_end_ns;
    let new = |at_ns: u64| changes.get(&at_ns).copied().unwrap_or(at_ns);
    let last_ns = points(&plan).last().copied().unwrap_or(0);
    plan.sessions.iter_mut().flat_map(|session| &mut session.ops).for_each(|op| op.wait_ns = new(op.wait_ns));
    for at_ns in plan.faults.iter_mut().flat_map(|fault| [&mut fault.from_ns, &mut fault.until_ns]) {
        if *at_ns > 0 && *at_ns < end_ns {
            *at_ns = new(*at_ns);
        }
    }
    end_at(&mut plan, new(last_ns) + (end_ns - last_ns));
    plan
}

fn end_at(plan: &mut Plan, end_ns: u64) {
    let old_ns = std::mem::replace(&mut plan.workload_end_ns, end_ns);
    plan.faults.iter_mut().filter(|fault| fault.until_ns == old_ns).for_each(|fault| fault.until_ns = end_ns);
}

/// The workload ends at a round time soon after the last thing that the plan names.
fn end_early(search: &mut Search<'_>) {
    let last_ns = points(&search.best).last().copied().unwrap_or(0);
    for unit in [10 * MS, 100 * MS, 1_000 * MS, 10_000 * MS] {
        let end_ns = (last_ns / unit + 1) * unit;
        // A round end is better than one that is a little earlier.
        if end_ns == search.best.workload_end_ns || search.try_change(|plan| end_at(plan, end_ns)) {
            return;
        }
        if end_ns > search.best.workload_end_ns {
            return;
        }
    }
}
