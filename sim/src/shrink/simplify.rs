//! Simpler values for what is left.

use kvsim_checkers::trace::Action;
use kvsim_store::settings::Reduction;

use super::search::Search;
use super::times;
use crate::net::{Delay, Ratio};
use crate::plan::{FaultKind, LinkPlan, Plan, SessionPlan};
use crate::quantity::{Bandwidth, Duration};

/// What a scenario means that says nothing: simpler than any other value.
const USUAL_TIMEOUT_NS: u64 = 1_000_000_000;
const USUAL_BYTES: u32 = 8;

/// Whole features off, or at their simplest.
pub(super) fn features(search: &mut Search<'_>) {
    let links = |plan: &mut Plan, change: &dyn Fn(&mut LinkPlan)| {
        change(&mut plan.net);
        plan.links.iter_mut().for_each(|named| change(&mut named.link));
    };
    search.try_change(|plan| plan.faults.clear());
    search.try_change(|plan| {
        plan.sessions.iter_mut().for_each(|session| (session.region, session.latency) = (None, None))
    });
    search.try_change(|plan| {
        plan.regions.0.clear();
        plan.sessions.iter_mut().for_each(|session| session.region = None);
    });
    search.try_change(|plan| plan.links.clear());
    search.try_change(|plan| links(plan, &|link| link.bandwidth = Bandwidth(None)));
    search.try_change(|plan| links(plan, &|link| link.duplicate = Ratio::ZERO));
    search.try_change(|plan| links(plan, &|link| link.loss = Ratio::ZERO));
    search.try_change(|plan| plan.disk.write = Duration(0));
    search.try_change(without_heartbeats);
    for delay_ns in [1_000_000, 5_000_000, 20_000_000, 100_000_000] {
        let constant = Delay::Constant(delay_ns);
        // A longer delay than the plan's usual one would be another run, not a simpler one.
        if matches!(search.best.net.delay, Delay::Constant(ns) if ns <= delay_ns)
            || delay_ns > search.best.net.delay.almost_always_below_ns()
            || search.try_change(|plan| links(plan, &|link| link.delay = constant.clone()))
        {
            break;
        }
    }
}

/// The store sends no heartbeats and does not wait for any.
fn without_heartbeats(plan: &mut Plan) {
    plan.store = plan.store.without(Reduction::Heartbeats);
    plan.sessions.retain(|session| !session.of_store);
}

/// Sessions, operations and faults with usual values.
pub(super) fn values(search: &mut Search<'_>) {
    let bytes = |plan: &mut Plan, only: Option<u32>| {
        for op in plan.sessions.iter_mut().flat_map(|session| &mut session.ops) {
            if op.action == Action::Write && only.is_none_or(|number| number == op.op) {
                op.bytes = USUAL_BYTES;
            }
        }
    };
    if !search.try_change(|plan| bytes(plan, None)) {
        for number in 0..search.best.operations() as u32 {
            search.try_change(|plan| bytes(plan, Some(number)));
        }
    }
    for index in 0..search.best.sessions.len() {
        search.try_change(|plan| plan.sessions[index].quorum = 1);
        search.try_change(|plan| plan.sessions[index].timeout_ns = USUAL_TIMEOUT_NS);
        search.try_change(|plan| plan.sessions[index].context = true);
    }
    merge_sessions(search);
    for index in 0..search.best.faults.len() {
        let (FaultKind::Delay { takes_ns, .. } | FaultKind::Duplicate { takes_ns, .. }) =
            search.best.faults[index].kind
        else {
            continue;
        };
        for simple_ns in times::simpler(takes_ns) {
            let done = search.try_change(|plan| {
                if let FaultKind::Delay { takes_ns, .. } | FaultKind::Duplicate { takes_ns, .. } =
                    &mut plan.faults[index].kind
                {
                    *takes_ns = simple_ns;
                }
            });
            if done {
                break;
            }
        }
    }
}

/// One session does what two alike did at the same node.
fn merge_sessions(search: &mut Search<'_>) {
    let mut second = 1;
    while second < search.best.sessions.len() {
        let merged = (0..second).any(|first| {
            let (one, other) = (&search.best.sessions[first], &search.best.sessions[second]);
            let kind = |session: &SessionPlan| (session.node, session.level, session.pace, session.of_store);
            let alike = kind(one) == kind(other) && (&one.region, &one.latency) == (&other.region, &other.latency);
            alike
                && search.try_change(|plan| {
                    let other = plan.sessions.remove(second);
                    let one = &mut plan.sessions[first];
                    one.ops.extend(other.ops);
                    one.ops.sort_by_key(|op| op.wait_ns);
                })
        });
        second += usize::from(!merged);
    }
}
