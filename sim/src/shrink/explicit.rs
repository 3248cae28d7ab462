//! Writing out what a plan leaves to chance or to the course of the run.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::trace::{Event, LostBy, NodeId, What};
use kvsim_store::MessageMeta;

use super::remove;
use super::search::Search;
use crate::net::{Delay, Delivery, Network, Ratio};
use crate::plan::{FaultKind, FaultPlan, LinkPlan, MessageName, Pace, Plan};
use crate::quantity::Bandwidth;
use crate::stores::StoreEntry;

/// More messages than this are not written out one by one.
const MESSAGES_MAX: usize = 20_000;

/// Everything that happens in a run of the plan; one that ends in a panic is recorded up to there.
pub(super) fn record(store: &StoreEntry, plan: &Plan) -> Vec<Event> {
    let mut events = Vec::new();
    let _ = (store.run)(plan, &mut events);
    events
}

/// Operations that wait for the answer before them get the times at which they began: then leaving one out moves no
/// other.
pub(super) fn operation_times(search: &mut Search<'_>) {
    let events = record(search.store, &search.best);
    let begun: BTreeMap<u32, u64> = events
        .iter()
        .filter_map(|event| match event.what {
            What::Invoked { op, .. } => Some((op, event.at_ns)),
            _ => None,
        })
        .collect();
    search.try_change(|plan| {
        for session in &mut plan.sessions {
            session.pace = Pace::Open;
            session.ops.retain_mut(|op| match begun.get(&op.op) {
                Some(at_ns) => {
                    op.wait_ns = *at_ns;
                    true
                }
                None => false,
            });
        }
        plan.sessions.retain(|session| !session.ops.is_empty());
    });
}

/// Losses, duplicates and delays by chance become faults that name their messages, and those that do not matter leave;
/// then the same for what partitions and faults of links do to messages, if that says it with no more faults.
pub(super) fn fates(search: &mut Search<'_>) {
    let by_chance = |link: &LinkPlan| link.loss != Ratio::ZERO || link.duplicate != Ratio::ZERO;
    let left_to_chance = |plan: &Plan| by_chance(&plan.net) || plan.links.iter().any(|named| by_chance(&named.link));
    if left_to_chance(&search.best) && try_explicit(search, |_| None) {
        remove::leave_out(search);
    }
    let varies = |link: &LinkPlan| !matches!(link.delay, Delay::Constant(_));
    let delays_vary = |plan: &Plan| varies(&plan.net) || plan.links.iter().any(|named| varies(&named.link));
    if delays_vary(&search.best) && try_explicit(search, |delay| Some(delay.median_ns())) {
        remove::leave_out(search);
    }
    let before = search.best.clone();
    if try_without_link_faults(search) {
        remove::leave_out(search);
        if search.best.faults.len() > before.faults.len() {
            search.best = before;
        }
    }
}

/// Tries the same run with all fates written out. `constant` gives the delay of the messages that are not, as long as
/// clients work; nothing leaves delays to chance.
pub(super) fn try_explicit(search: &mut Search<'_>, constant: impl Fn(&Delay) -> Option<u64>) -> bool {
    let (events, kinds) = (record(search.store, &search.best), search.store.message_kinds);
    let messages = messages(&events, search.best.workload_end_ns);
    if messages.len() > MESSAGES_MAX {
        return false;
    }
    let mut plan = search.best.clone();
    // How long a message waits for others before it leaves is not its own fate.
    plan.net.bandwidth = Bandwidth(None);
    plan.links.iter_mut().for_each(|named| named.link.bandwidth = Bandwidth(None));
    let network = Network::new(&plan, kinds);
    let mut faults = Vec::new();
    for (kind, id, from, to) in messages {
        let name = MessageName { kind: kinds[usize::from(kind)].to_string(), id, from: Some(from), to: vec![to] };
        match network.delivery(&plan, 0, from, to, MessageMeta { kind, id, bytes: 0, carries: None, is_bulk: false }) {
            Delivery::Lost(LostBy::Chance) => faults.push(FaultKind::Drop(name)),
            Delivery::Lost(LostBy::Fault(_)) => {}
            Delivery::Arrives { at_ns, again_at_ns } => {
                if constant(&plan.link(from, to).delay).is_some_and(|constant_ns| constant_ns != at_ns) {
                    faults.push(FaultKind::Delay { message: name.clone(), takes_ns: at_ns });
                }
                let again = again_at_ns.map(|takes_ns| FaultKind::Duplicate { message: name, takes_ns });
                faults.extend(again);
            }
        }
    }
    search.try_change(|plan| {
        let until_ns = plan.workload_end_ns;
        // The first fault naming a message wins, so the old ones stay in front.
        plan.faults.extend(faults.into_iter().map(|kind| fault(kind, until_ns)));
        for link in std::iter::once(&mut plan.net).chain(plan.links.iter_mut().map(|named| &mut named.link)) {
            (link.loss, link.duplicate) = (Ratio::ZERO, Ratio::ZERO);
            if let Some(ns) = constant(&link.delay) {
                link.delay = Delay::Constant(ns);
            }
        }
    })
}

/// A fault of one message, in force while clients work.
pub(super) fn fault(kind: FaultKind, until_ns: u64) -> FaultPlan {
    FaultPlan { name: String::new(), place: String::new(), from_ns: 0, until_ns, kind }
}

/// All messages that were sent before `until_ns` and arrived or were lost: kind, identity, sender, receiver.
fn messages(events: &[Event], until_ns: u64) -> BTreeSet<(u8, u64, NodeId, NodeId)> {
    let sent_by = |event: &Event| events[event.cause as usize - 1].at_ns < until_ns;
    events
        .iter()
        .filter_map(|event| match event.what {
            What::Delivered { kind, id, from } if sent_by(event) => Some((kind, id, from, event.node)),
            What::Lost { kind, id, to, .. } if event.at_ns < until_ns => Some((kind, id, event.node, to)),
            _ => None,
        })
        .collect()
}

/// Tries to name one by one the messages that partitions and faults of links lose, delay and double.
fn try_without_link_faults(search: &mut Search<'_>) -> bool {
    let is_of_links = |fault: &FaultPlan| matches!(fault.kind, FaultKind::Partition { .. } | FaultKind::Links { .. });
    let with = &search.best;
    let has_limit = with.net.bandwidth.0.is_some() || with.links.iter().any(|named| named.link.bandwidth.0.is_some());
    // How long a message waits for others before it leaves is not its own fate.
    if has_limit || !with.faults.iter().any(is_of_links) {
        return false;
    }
    let (events, kinds) = (record(search.store, with), search.store.message_kinds);
    if messages(&events, with.workload_end_ns).len() > MESSAGES_MAX {
        return false;
    }
    let mut receivers: BTreeMap<u64, BTreeSet<NodeId>> = BTreeMap::new();
    for event in &events {
        match event.what {
            What::Delivered { .. } => drop(receivers.entry(event.cause).or_default().insert(event.node)),
            What::Lost { to, .. } => drop(receivers.entry(event.cause).or_default().insert(to)),
            _ => {}
        }
    }
    let mut without = with.clone();
    without.faults.retain(|fault| !is_of_links(fault));
    let (mut disturbed, plain) = (Network::new(with, kinds), Network::new(&without, kinds));
    let mut faults = Vec::new();
    for event in events.iter().take_while(|event| event.what != What::Settling) {
        let (now_ns, from) = (event.at_ns, event.node);
        let (kind, id, copies) = match event.what {
            What::FaultOn { fault } | What::FaultOff { fault } => {
                let begins = event.what == What::FaultOn { fault };
                disturbed.switch(fault, &with.faults[usize::from(fault)].kind, begins);
                continue;
            }
            What::Sent { kind, id, copies, .. } => (kind, id, copies),
            _ => continue,
        };
        // Where a panic ends the run, receivers of messages under way are not recorded.
        let known = receivers.get(&event.number).filter(|known| known.len() >= usize::from(copies));
        let all = || NodeId::all(with.replicas).filter(|node| *node != from).collect();
        for to in known.cloned().unwrap_or_else(all) {
            let meta = MessageMeta { kind, id, bytes: 0, carries: None, is_bulk: false };
            let usual = plain.delivery(&without, now_ns, from, to, meta);
            let name = MessageName { kind: kinds[usize::from(kind)].to_string(), id, from: Some(from), to: vec![to] };
            match (disturbed.delivery(with, now_ns, from, to, meta), usual) {
                (Delivery::Lost(_), Delivery::Arrives { .. }) => faults.push(FaultKind::Drop(name)),
                (
                    Delivery::Arrives { at_ns, again_at_ns },
                    Delivery::Arrives { at_ns: usual_ns, again_at_ns: usual_again_ns },
                ) => {
                    if at_ns != usual_ns {
                        faults.push(FaultKind::Delay { message: name.clone(), takes_ns: at_ns - now_ns });
                    }
                    if let Some(again_ns) = again_at_ns.filter(|_| again_at_ns != usual_again_ns) {
                        faults.push(FaultKind::Duplicate { message: name, takes_ns: again_ns - now_ns });
                    }
                }
                (_, Delivery::Lost(_)) => {}
            }
        }
    }
    search.try_change(|plan| {
        let until_ns = plan.workload_end_ns;
        // The first fault naming a message wins, so these must precede the others.
        plan.faults = faults.into_iter().map(|kind| fault(kind, until_ns)).chain(without.faults).collect();
    })
}
