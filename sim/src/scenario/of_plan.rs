//! A plan whose operations and faults are explicit, as a scenario that reads as the same plan.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    End, Fault, FaultSpec, Keys, Link, Membership, Message, MessageFault, Net, OneWay, OpChoice, PartitionFault,
    Scenario, Script, ScriptOp, ScriptSession, Settle, Shape, When, WhichMessage, WhichNodes, clients,
};
use crate::faults::NodeFault;
use crate::lower::settle_auto_ns;
use crate::net::Delay;
use crate::plan::StoreSpec;
use crate::plan::{Cut, FaultKind, FaultPlan, LinkPlan, MessageName, Pace, Plan};
use crate::quantity::{Duration, NodeName, Nodes, Seed, Size, Times};
use kvsim_checkers::trace::{Action, NodeId};

impl Scenario {
    /// The scenario that reads as this plan.
    ///
    /// # Errors
    /// The part of the plan that the format cannot say.
    pub fn of_plan(plan: &Plan) -> Result<Scenario, String> {
        let settle = match plan.settle_ns {
            0 => Settle::Off,
            ns if ns == settle_auto_ns(plan) => Settle::Auto,
            ns => Settle::For(Duration(ns)),
        };
        let mut faults = Vec::new();
        for fault in &plan.faults {
            let kinds = kinds(fault, plan.workload_end_ns)?;
            faults.extend(kinds.into_iter().map(|kind| Fault { name: String::new(), place: String::new(), kind }));
        }
        Ok(Scenario {
            name: plan.scenario.clone(),
            title: plan.title.clone(),
            seed: Seed(plan.seed),
            replicas: plan.replicas,
            duration: Duration(plan.workload_end_ns),
            settle,
            store: open_settings(plan),
            disk: plan.disk,
            net: net(plan),
            regions: plan.regions.clone(),
            keys: keys(plan),
            clients: Vec::new(),
            script: script(plan)?,
            faults,
            expect: plan.expect.clone(),
        })
    }
}

/// The keys, where their numbers are not those of their first use.
fn keys(plan: &Plan) -> Keys {
    let mut used: Vec<u32> = Vec::new();
    for op in plan.sessions.iter().filter(|session| !session.of_store).flat_map(|session| &session.ops) {
        if !used.contains(&op.key) {
            used.push(op.key);
        }
    }
    let count = (0..).zip(&plan.keys).take_while(|(number, name)| **name == format!("k{number}")).count() as u32;
    match (0..).zip(&used).all(|(number, key)| number == *key) {
        true => Keys::default(),
        false => Keys { count, ..Keys::default() },
    }
}

/// The settings of the plan's store that do not follow from the others.
pub fn open_settings(plan: &Plan) -> StoreSpec {
    let mut store = plan.store.clone();
    for name in plan.store.settings.keys() {
        let mut less = store.clone();
        less.settings.remove(name);
        if less.fitted(&plan.cluster()).as_ref() == Ok(&plan.store) {
            store = less;
        }
    }
    store
}

fn net(plan: &Plan) -> Net {
    let usual = &plan.net;
    let of_regions: BTreeMap<(NodeId, NodeId), &Delay> =
        plan.regions.links().into_iter().map(|(from, to, delay)| ((from, to), delay)).collect();
    let mut pairs: Vec<(NodeId, NodeId)> = plan.links.iter().map(|named| (named.from, named.to)).collect();
    pairs.extend(of_regions.keys());
    let mut seen = BTreeSet::new();
    pairs.retain(|pair| seen.insert(*pair));
    let link = |(from, to): (NodeId, NodeId)| {
        let LinkPlan { delay, loss, duplicate, bandwidth } = plan.link(from, to);
        let said = of_regions.get(&(from, to));
        let link = Link {
            from: Nodes(vec![from]),
            to: Nodes(vec![to]),
            both_ways: false,
            delay: (delay != *said.unwrap_or(&&usual.delay)).then(|| delay.clone()),
            loss: (*loss != usual.loss).then_some(*loss),
            duplicate: (*duplicate != usual.duplicate).then_some(*duplicate),
            bandwidth: (*bandwidth != usual.bandwidth).then_some(*bandwidth),
        };
        let differs =
            link.delay.is_some() || link.loss.is_some() || link.duplicate.is_some() || link.bandwidth.is_some();
        (said.is_none() || differs).then_some(link)
    };
    Net { usual: usual.clone(), link: pairs.into_iter().filter_map(link).collect() }
}

fn script(plan: &Plan) -> Result<Script, String> {
    let mut script = Script::default();
    // The store's own sessions follow from its settings.
    for session in plan.sessions.iter().filter(|session| !session.of_store) {
        if session.pace != Pace::Open {
            return Err(format!("session {} waits for answers, and a script has times", session.name));
        }
        script.sessions.push(ScriptSession {
            name: session.name.clone(),
            at: NodeName(session.node),
            level: session.level,
            quorum: session.quorum,
            context: session.context,
            region: session.region.clone(),
            latency: session.latency.clone(),
            timeout: Duration(session.timeout_ns),
        });
        for op in &session.ops {
            let key = plan.keys[op.key as usize].clone();
            let bytes = u64::from(op.bytes);
            let size = (bytes != clients::SCRIPTED_BYTES).then_some(Size(bytes));
            let choice = match op.action {
                Action::Read => OpChoice::Read { read: key },
                Action::Write => OpChoice::Write { write: key, value: Some(op.value), size },
                Action::Delete => OpChoice::Delete { delete: key, value: Some(op.value) },
            };
            let node = op.node.map(NodeName);
            script.ops.push(ScriptOp { at: Duration(op.wait_ns), by: session.name.clone(), choice, node });
        }
    }
    script.ops.sort_by_key(|op| op.at);
    Ok(script)
}

/// The tables that say the same as the fault.
fn kinds(fault: &FaultPlan, end_ns: u64) -> Result<Vec<FaultSpec>, String> {
    let is_whole = fault.from_ns == 0 && fault.until_ns == end_ns;
    let at = Duration(fault.from_ns);
    let when = || When::At { times: Times(vec![at.ns()]), length: Duration(fault.until_ns - fault.from_ns) };
    let partition = |shape| {
        let end = End::Until { until: Duration(fault.until_ns) };
        FaultSpec::Partition(PartitionFault::Partition { at, end, shape })
    };
    let nodes = |nodes: &[NodeId]| Nodes(nodes.to_vec());
    let group = |nodes: &[NodeId]| nodes.iter().map(|node| NodeName(*node)).collect();
    Ok(match &fault.kind {
        FaultKind::Partition { cuts } => match cuts.as_slice() {
            [Cut { from, to }, back] if (&back.from, &back.to) == (to, from) => {
                vec![partition(Shape::Groups { groups: vec![group(from), group(to)] })]
            }
            cuts => {
                let one_way = |cut: &Cut| OneWay { from: nodes(&cut.from), to: nodes(&cut.to) };
                cuts.iter().map(|cut| partition(Shape::OneWay { one_way: one_way(cut) })).collect()
            }
        },
        FaultKind::Node { node, fault: NodeFault::Absent } => {
            let nodes = WhichNodes::At { nodes: nodes(&[*node]), at: Duration(fault.until_ns) };
            vec![FaultSpec::Members { nodes, fault: Membership::Join }]
        }
        FaultKind::Node { node, fault: NodeFault::Left } => {
            let nodes = WhichNodes::At { nodes: nodes(&[*node]), at };
            vec![FaultSpec::Members { nodes, fault: Membership::Leave }]
        }
        FaultKind::Node { node, fault } => {
            vec![FaultSpec::Nodes { when: when(), nodes: Some(nodes(&[*node])), fault: fault.clone() }]
        }
        FaultKind::Links { from, to, fault } => {
            let some = |list: &[NodeId]| (!list.is_empty()).then(|| nodes(list));
            vec![FaultSpec::Links { when: when(), from: some(from), to: some(to), fault: fault.clone() }]
        }
        FaultKind::Drop(name) if is_whole => vec![FaultSpec::Message(MessageFault::Drop { message: message(name) })],
        FaultKind::Delay { message: name, takes_ns } if is_whole => {
            vec![FaultSpec::Message(MessageFault::Delay { message: message(name), takes: Duration(*takes_ns) })]
        }
        FaultKind::Duplicate { message: name, takes_ns } if is_whole => {
            vec![FaultSpec::Message(MessageFault::Duplicate { message: message(name), takes: Duration(*takes_ns) })]
        }
        kind => return Err(format!("the fault {} cannot be written: {kind:?}", fault.name)),
    })
}

fn message(MessageName { kind, id, from, to }: &MessageName) -> Message {
    let which = match kind.as_str() {
        "update" => WhichMessage::Write { write: *id },
        _ => WhichMessage::Named { kind: kind.clone(), id: *id },
    };
    Message { which, from: from.map(NodeName), to: (!to.is_empty()).then(|| Nodes(to.clone())) }
}
