//! Leaving out whole parts: operations, sessions, faults, replicas.

use std::collections::BTreeSet;

use kvsim_checkers::trace::NodeId;
use kvsim_store::settings::Reduction;

use super::canonical::is_named_by_plan;
use super::search::Search;
use crate::lower::heartbeats;
use crate::plan::{Cut, FaultKind, FaultPlan, MessageName, OpPlan, Plan};

/// Most operations have nothing to do with a finding: tries those alone that it names, or those of their keys.
pub(super) fn guess(search: &mut Search<'_>, concerned: &[u32]) {
    let concerned: BTreeSet<u32> = concerned.iter().copied().collect();
    if concerned.is_empty() || keep_operations(search, |op| concerned.contains(&op.op)) {
        return;
    }
    let named = search.best.sessions.iter().flat_map(|session| &session.ops).filter(|op| concerned.contains(&op.op));
    let keys: BTreeSet<u32> = named.map(|op| op.key).collect();
    keep_operations(search, |op| keys.contains(&op.key));
}

fn keep_operations(search: &mut Search<'_>, keep: impl Fn(&OpPlan) -> bool) -> bool {
    search.try_change(|plan| {
        plan.sessions.iter_mut().for_each(|session| session.ops.retain(&keep));
        plan.sessions.retain(|session| !session.ops.is_empty());
    })
}

/// Leaves out sessions, operations, faults.
pub(super) fn leave_out(search: &mut Search<'_>) {
    search.reduce(search.best.sessions.len(), |plan, kept| Plan {
        sessions: picked(&plan.sessions, kept),
        ..plan.clone()
    });
    search.reduce(search.best.operations(), |plan, kept| {
        let mut plan = plan.clone();
        let (mut number, mut kept) = (0, kept.iter().peekable());
        for session in &mut plan.sessions {
            session.ops.retain(|_| {
                number += 1;
                kept.next_if(|index| **index == number - 1).is_some()
            });
        }
        plan.sessions.retain(|session| !session.ops.is_empty());
        plan
    });
    search.reduce(search.best.faults.len(), |plan, kept| Plan { faults: picked(&plan.faults, kept), ..plan.clone() });
    search.reduce(search.best.links.len(), |plan, kept| Plan { links: picked(&plan.links, kept), ..plan.clone() });
}

fn picked<T: Clone>(list: &[T], kept: &[usize]) -> Vec<T> {
    kept.iter().map(|index| list[*index].clone()).collect()
}

/// Leaves out replicas; their sessions go to others.
pub(super) fn replicas(search: &mut Search<'_>) {
    let nodes = |kept: &[usize]| -> Vec<NodeId> { kept.iter().map(|index| NodeId(*index as u16)).collect() };
    search.reduce(usize::from(search.best.replicas), |plan, kept| match kept.first() {
        Some(home) => with_nodes(plan, &nodes(kept), NodeId(*home as u16)),
        None => plan.clone(),
    });
    // Sessions of removed replicas moved to the first one; another one may be the right home.
    while one_less(search, &[search.best.seed]) {}
    // The seed decides which peers replicas ask, and when; with fewer replicas another seed may be needed.
    let seeds: Vec<u64> = (1..=OTHER_SEEDS).collect();
    while worth_other_seeds(&search.best) && one_less(search, &seeds) {}
}

/// Tries other seeds for the replicas' own chance: with another one less may have to go wrong.
pub(super) fn other_seeds(search: &mut Search<'_>) {
    if !worth_other_seeds(&search.best) {
        return;
    }
    for seed in 1..=OTHER_SEEDS {
        let (before, size) = (search.best.clone(), search.size());
        if with_seed(search, seed, &before) {
            leave_out(search);
            one_less(search, &[seed]);
            if search.size() >= size {
                search.best = before;
            }
        }
    }
}

/// Tries another seed. What replicas ask each other has other names then, so what faults did to it may not matter.
fn with_seed(search: &mut Search<'_>, seed: u64, plan: &Plan) -> bool {
    let plan = Plan { seed, ..plan.clone() };
    let mut bare = plan.clone();
    bare.faults.retain(|fault| fault.kind.message().is_none_or(is_named_by_plan));
    bare.faults.len() < plan.faults.len() && search.try_plan(bare) || search.try_plan(plan)
}

/// True when a run is so short that many of them take no time to speak of.
fn worth_other_seeds(plan: &Plan) -> bool {
    plan.operations() <= OTHER_SEEDS_OPERATIONS_MAX && plan.replicas <= OTHER_SEEDS_REPLICAS_MAX
}

/// How many other seeds are tried for the replicas' own chance, and up to how many replicas and operations.
const OTHER_SEEDS: u64 = 120;
const OTHER_SEEDS_REPLICAS_MAX: u16 = 6;
const OTHER_SEEDS_OPERATIONS_MAX: usize = 12;

/// Leaves out one replica, with one of the seeds.
fn one_less(search: &mut Search<'_>, seeds: &[u64]) -> bool {
    for gone in NodeId::all(search.best.replicas).rev() {
        let kept: Vec<NodeId> = NodeId::all(search.best.replicas).filter(|node| *node != gone).collect();
        for home in &kept {
            let less = with_nodes(&search.best, &kept, *home);
            if seeds.iter().any(|seed| with_seed(search, *seed, &less)) {
                return true;
            }
        }
    }
    false
}

/// The plan on the nodes `kept` alone, which get new numbers; what the others were asked is asked of `home`.
pub(super) fn with_nodes(plan: &Plan, kept: &[NodeId], home: NodeId) -> Plan {
    let mut plan = plan.clone();
    let renamed = |node: NodeId| kept.iter().position(|one| *one == node).map(|place| NodeId(place as u16));
    // A node's heartbeat leaves with it; the others get the names of their nodes.
    plan.sessions.retain(|session| !session.of_store || kept.contains(&session.node));
    for session in plan.sessions.iter_mut().filter(|session| session.of_store) {
        session.name = renamed(session.node).map(heartbeats::name).unwrap_or_default();
        for op in &session.ops {
            plan.keys[op.key as usize].clone_from(&session.name);
        }
    }
    let new_home = renamed(home).expect("sessions move to a node that is kept");
    plan.replicas = kept.len() as u16;
    plan.store = plan.store.without(Reduction::Nodes(plan.replicas));
    for session in &mut plan.sessions {
        session.node = renamed(session.node).unwrap_or(new_home);
        session.quorum = session.quorum.min(plan.replicas);
        for op in &mut session.ops {
            op.node = op.node.map(|node| renamed(node).unwrap_or(new_home)).filter(|node| *node != session.node);
        }
    }
    for region in plan.regions.0.values_mut() {
        region.nodes.0 = region.nodes.0.iter().filter_map(|node| renamed(*node)).collect();
    }
    plan.links.retain_mut(|link| match (renamed(link.from), renamed(link.to)) {
        (Some(from), Some(to)) => {
            (link.from, link.to) = (from, to);
            true
        }
        _ => false,
    });
    plan.faults = plan
        .faults
        .iter()
        .filter_map(|fault| Some(FaultPlan { kind: with_renamed(&fault.kind, &renamed)?, ..fault.clone() }))
        .collect();
    plan
}

/// The fault after nodes got new numbers; nothing when it concerned only nodes that are gone.
fn with_renamed(kind: &FaultKind, renamed: &impl Fn(NodeId) -> Option<NodeId>) -> Option<FaultKind> {
    let all = |nodes: &[NodeId]| -> Vec<NodeId> { nodes.iter().filter_map(|node| renamed(*node)).collect() };
    let message = |name: &MessageName| {
        let to = all(&name.to);
        let is_gone = name.from.is_some_and(|from| renamed(from).is_none()) || to.is_empty() && !name.to.is_empty();
        (!is_gone).then(|| MessageName { from: name.from.and_then(renamed), to, ..name.clone() })
    };
    Some(match kind {
        FaultKind::Partition { cuts } => {
            let cuts = cuts.iter().map(|cut| Cut { from: all(&cut.from), to: all(&cut.to) });
            let cuts: Vec<Cut> = cuts.filter(|cut| !cut.from.is_empty() && !cut.to.is_empty()).collect();
            if cuts.is_empty() {
                return None;
            }
            FaultKind::Partition { cuts }
        }
        FaultKind::Node { node, fault } => FaultKind::Node { node: renamed(*node)?, fault: fault.clone() },
        FaultKind::Links { from, to, fault } => {
            let (senders, receivers) = (all(from), all(to));
            // No names mean all.
            if senders.is_empty() && !from.is_empty() || receivers.is_empty() && !to.is_empty() {
                return None;
            }
            FaultKind::Links { from: senders, to: receivers, fault: fault.clone() }
        }
        FaultKind::Drop(name) => FaultKind::Drop(message(name)?),
        FaultKind::Delay { message: name, takes_ns } => {
            FaultKind::Delay { message: message(name)?, takes_ns: *takes_ns }
        }
        FaultKind::Duplicate { message: name, takes_ns } => {
            FaultKind::Duplicate { message: message(name)?, takes_ns: *takes_ns }
        }
    })
}
