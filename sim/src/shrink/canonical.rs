//! The normal form of a plan: what reading a scenario with the same sessions, operations and faults gives.

use std::collections::BTreeMap;

use kvsim_checkers::trace::Action;

use super::search::Search;
use crate::plan::{FaultKind, MessageName, Plan};
use crate::scenario::Keys;

/// True for kinds of messages whose identity has in its lower half the number of the operation that they are for: `request`,
/// `reply`, and what begins so. That of an `update` is the value's, see [`kvsim_store::MessageMeta`]; others have numbers that
/// no plan decides.
fn is_named_by_operation(kind: &str) -> bool {
    kind.starts_with("request") || kind.starts_with("reply")
}

/// True when the message's identity follows from the plan, not from the replicas' own chance.
pub(super) fn is_named_by_plan(message: &MessageName) -> bool {
    message.kind == "update" || is_named_by_operation(&message.kind)
}

/// Brings the best plan to its normal form, in which alone it can be written as a scenario.
pub(super) fn normalize(search: &mut Search<'_>) {
    let form = form(&search.best);
    if form != search.best && !search.try_plan(form) {
        // On a ring the number of a key says who holds it.
        let numbered = numbered(&search.best);
        if numbered != search.best && !search.try_plan(numbered) {
            return;
        }
        smaller_numbers(search);
    }
    search.note_normal();
}

/// Keys with the smallest numbers that do.
fn smaller_numbers(search: &mut Search<'_>) {
    let mut used: Vec<u32> = used_keys(&search.best).collect();
    used.sort_unstable();
    for key in used.into_iter().rev() {
        let is_free = |plan: &Plan, number: u32| used_keys(plan).all(|used| used != number);
        let _ = (0..key).any(|number| {
            let mut plan = search.best.clone();
            let ops = plan.sessions.iter_mut().flat_map(|session| &mut session.ops);
            ops.filter(|op| op.key == key).for_each(|op| op.key = number);
            is_free(&search.best, number) && search.try_plan(numbered(&plan))
        });
    }
}

fn used_keys(plan: &Plan) -> impl Iterator<Item = u32> {
    plan.sessions.iter().flat_map(|session| &session.ops).map(|op| op.key)
}

/// The normal form with the keys that there were: `k0`, `k1` and so on.
pub(super) fn numbered(plan: &Plan) -> Plan {
    let count = used_keys(plan).max().map_or(0, |last| last + 1);
    // So many keys a scenario that says nothing has for its clients alone.
    let count = if count == Keys::default().count { count + 1 } else { count };
    let mut numbered = form(plan);
    let keys: Vec<u32> = plan.sessions.iter().flat_map(|session| &session.ops).map(|op| op.key).collect();
    let ops = numbered.sessions.iter_mut().flat_map(|session| &mut session.ops);
    ops.zip(keys).for_each(|(op, key)| op.key = key);
    numbered.keys = (0..count).map(|number| format!("k{number}")).collect();
    numbered
}

/// The plan without unused parts, and with new numbers for what is left: operations in the order of the sessions,
/// values in the order of time, keys in the order of their first use. Faults follow their messages, and stand in the
/// order of their kinds.
pub fn form(plan: &Plan) -> Plan {
    let mut plan = plan.clone();
    plan.sessions.retain(|session| !session.ops.is_empty());
    let mut written: Vec<(u64, u64)> = Vec::new();
    for op in plan.sessions.iter().flat_map(|session| &session.ops).filter(|op| op.action != Action::Read) {
        written.push((op.wait_ns, op.value));
    }
    written.sort_unstable();
    let values: BTreeMap<u64, u64> = written.into_iter().map(|(_, value)| value).zip(1..).collect();
    let mut ops = BTreeMap::new();
    let mut keys: BTreeMap<u32, u32> = BTreeMap::new();
    let mut names = Vec::new();
    for op in plan.sessions.iter_mut().flat_map(|session| &mut session.ops) {
        let number = ops.len() as u32;
        ops.insert(u64::from(op.op), u64::from(number));
        op.op = number;
        op.value = values.get(&op.value).copied().unwrap_or(0);
        op.key = *keys.entry(op.key).or_insert_with(|| {
            names.push(plan.keys[op.key as usize].clone());
            names.len() as u32 - 1
        });
    }
    plan.keys = names;
    // As a scenario's are read.
    plan.faults.sort_by_key(|fault| match fault.kind {
        FaultKind::Partition { .. } => 0,
        FaultKind::Drop(_) => 1,
        FaultKind::Delay { .. } => 2,
        FaultKind::Duplicate { .. } => 3,
        FaultKind::Node { .. } | FaultKind::Links { .. } => 4,
    });
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for fault in &mut plan.faults {
        let kind = match &mut fault.kind {
            FaultKind::Partition { .. } => "partition",
            // `late[0]#3` is one of those at random times.
            FaultKind::Node { .. } | FaultKind::Links { .. } => fault.name.split('[').next().unwrap_or_default(),
            FaultKind::Drop(message) => renamed("drop", message, &values, &ops),
            FaultKind::Delay { message, .. } => renamed("delay", message, &values, &ops),
            FaultKind::Duplicate { message, .. } => renamed("duplicate", message, &values, &ops),
        };
        let count = counts.entry(kind.to_string()).or_default();
        fault.name = format!("{kind}[{count}]");
        fault.place = String::new();
        *count += 1;
    }
    plan
}

fn renamed(
    fault: &'static str,
    message: &mut MessageName,
    values: &BTreeMap<u64, u64>,
    ops: &BTreeMap<u64, u64>,
) -> &'static str {
    let new = match message.kind.as_str() {
        "update" => values.get(&message.id),
        kind if is_named_by_operation(kind) => {
            let (half, call) = (u64::from(u32::MAX), message.id & u64::from(u32::MAX));
            message.id = ops.get(&call).map_or(message.id, |number| message.id & !half | number);
            None
        }
        _ => None,
    };
    message.id = new.copied().unwrap_or(message.id);
    fault
}
