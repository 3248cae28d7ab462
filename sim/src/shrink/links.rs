//! Links that are cut or slow, in the place of many messages that are lost or late.
//!
//! Each message that has to be lost or late is a fault of its own once chance is written out. A person reads *n0 and n1
//! cannot reach each other* more quickly than ten names of messages.

use std::collections::BTreeMap;

use kvsim_checkers::trace::{LostBy, NodeId, What};

use super::explicit::record;
use super::search::Search;
use crate::faults::LinkFault;
use crate::net::Delay;
use crate::plan::{Cut, FaultKind, FaultPlan, MessageName, Plan};
use crate::stores::StoreEntry;

const MS: u64 = 1_000_000;

/// Tries to cut links instead of losing messages on them, where that says it with fewer faults.
pub(super) fn cut(search: &mut Search<'_>) {
    let mut size = usize::MAX;
    while search.best.faults.len() < size {
        size = search.best.faults.len();
        let lost_ns = lost_at(search.store, &search.best);
        let replicas = search.best.replicas;
        let mut ways: Vec<Vec<Cut>> = NodeId::all(replicas).map(|node| around(node, replicas)).collect();
        let one_way = |from, to| Cut { from: vec![from], to: vec![to] };
        for (one, other) in pairs(replicas) {
            ways.push(vec![one_way(one, other), one_way(other, one)]);
            ways.extend([vec![one_way(one, other)], vec![one_way(other, one)]]);
        }
        // Those that say the most come first.
        let _ = ways.into_iter().any(|cuts| instead(search, &cuts, &lost_ns));
    }
}

/// Tries to make the network or two nodes' links slow instead of delaying several messages.
pub(super) fn slow(search: &mut Search<'_>) {
    let delay_of = |fault: &FaultPlan| match &fault.kind {
        FaultKind::Delay { message, takes_ns } => Some((message.clone(), *takes_ns)),
        _ => None,
    };
    let delays: Vec<(MessageName, u64)> = search.best.faults.iter().filter_map(delay_of).collect();
    if delays.len() < 2 {
        return;
    }
    let mut times: Vec<u64> = delays.iter().map(|(_, takes_ns)| *takes_ns).collect();
    times.sort_unstable();
    times.dedup();
    let end_ns = search.best.workload_end_ns;
    for takes_ns in times.into_iter().rev() {
        let delay = Delay::Constant(takes_ns);
        let all_slow = search.try_change(|plan| {
            plan.faults.retain(|fault| delay_of(fault).is_none());
            plan.net.delay = delay.clone();
        });
        if all_slow {
            return;
        }
        for (one, other) in pairs(search.best.replicas) {
            let is_between = |name: &MessageName| {
                name.from.is_some_and(|from| [one, other].contains(&from))
                    && !name.to.is_empty()
                    && name.to.iter().all(|to| [one, other].contains(to))
            };
            let is_in = |fault: &FaultPlan| delay_of(fault).is_some_and(|(name, _)| is_between(&name));
            if search.best.faults.iter().filter(|fault| is_in(fault)).count() < 2 {
                continue;
            }
            let (from, to) = (vec![one, other], vec![one, other]);
            let fault = LinkFault::Slow { delay: delay.clone() };
            let done = search.try_change(|plan| {
                plan.faults.retain(|fault| !is_in(fault));
                let (name, place) = ("slow_link".to_owned(), String::new());
                let kind = FaultKind::Links { from, to, fault };
                plan.faults.push(FaultPlan { name, place, from_ns: 0, until_ns: end_ns, kind });
            });
            if done {
                return slow(search);
            }
        }
    }
}

fn pairs(replicas: u16) -> impl Iterator<Item = (NodeId, NodeId)> {
    (0..replicas).flat_map(move |one| (one + 1..replicas).map(move |other| (NodeId(one), NodeId(other))))
}

/// All links of a node, both ways.
fn around(node: NodeId, replicas: u16) -> Vec<Cut> {
    let others: Vec<NodeId> = NodeId::all(replicas).filter(|other| *other != node).collect();
    vec![Cut { from: vec![node], to: others.clone() }, Cut { from: others, to: vec![node] }]
}

/// When which fault made a message be lost, first and last.
fn lost_at(store: &StoreEntry, plan: &Plan) -> BTreeMap<usize, (u64, u64)> {
    let mut times = BTreeMap::new();
    for event in record(store, plan) {
        if let What::Lost { by: LostBy::Fault(fault), .. } = event.what {
            times.entry(usize::from(fault)).or_insert((event.at_ns, event.at_ns)).1 = event.at_ns;
        }
    }
    times
}

/// Tries these cuts in the place of at least two faults: for the whole workload, or for as long as these lost messages.
fn instead(search: &mut Search<'_>, cuts: &[Cut], lost_ns: &BTreeMap<usize, (u64, u64)>) -> bool {
    let is_cut = |from: NodeId, to: NodeId| cuts.iter().any(|cut| cut.from.contains(&from) && cut.to.contains(&to));
    let is_in = |fault: &FaultPlan| match &fault.kind {
        FaultKind::Drop(name) => name.from.is_some_and(|from| name.to.iter().all(|to| is_cut(from, *to))),
        FaultKind::Partition { cuts } => {
            cuts.iter().all(|cut| cut.from.iter().all(|from| cut.to.iter().all(|to| is_cut(*from, *to))))
        }
        _ => false,
    };
    let faults = &search.best.faults;
    let of_them: Vec<usize> = (0..faults.len()).filter(|index| is_in(&faults[*index])).collect();
    if of_them.len() < 2 {
        return false;
    }
    let times = || of_them.iter().filter_map(|index| lost_ns.get(index));
    let first_ns = times().map(|(first_ns, _)| *first_ns).min().unwrap_or(0);
    let end_ns = search.best.workload_end_ns;
    let last_ns = times().map(|(_, last_ns)| last_ns.saturating_add(1)).max().unwrap_or(end_ns);
    let round = (first_ns / MS * MS, last_ns.next_multiple_of(MS));
    let windows = [(0, end_ns), round, (first_ns, last_ns)].map(|(from_ns, until_ns)| (from_ns, until_ns.min(end_ns)));
    windows.into_iter().any(|(from_ns, until_ns)| {
        search.try_change(|plan| {
            let kind = FaultKind::Partition { cuts: cuts.to_vec() };
            let mut index = 0;
            plan.faults.retain(|_| {
                index += 1;
                !of_them.contains(&(index - 1))
            });
            let (name, place) = (String::new(), String::new());
            plan.faults.insert(0, FaultPlan { name, place, from_ns, until_ns, kind });
        })
    })
}
