//! What a peer may say. A message that no honest peer sends would end the replica, or make it wait or hoard for ever: it is
//! dropped at the door, as if it had been lost.

use std::collections::BTreeMap;

use kvsim_store::clock::NodeClock;
use kvsim_store::ndc::{Message, object::Context};
use kvsim_store::{NodeId, ReplicaId};
use serde_json::{Map, Value as Json, json};

/// Counters are below this: as many writes as a node can take in in a hundred years.
const COUNTER_END: u64 = 1 << 48;

/// A message without a clock may be ahead of what is known here by so many writes of an origin: what is missing in between
/// takes a bit each. After a longer absence the first repair comes with a clock.
const AHEAD: u64 = 1 << 20;

/// Whether a cluster of so many nodes, where so much is `known` here, has such a message.
///
/// # Errors
/// What is wrong with it.
pub fn check(message: &Message, nodes: u16, known: &NodeClock) -> Result<(), String> {
    // The fields are found by their names, as the store writes them.
    let what = serde_json::to_value(message).map_err(|problem| problem.to_string())?;
    let mut door = Door::new(nodes, known, AHEAD);
    let inner = what.as_object().and_then(|what| what.values().next());
    if let Some(clock) = inner.and_then(|inner| inner.get("clock")).and_then(Json::as_array) {
        clock.iter().for_each(|entry| door.widen(entry));
    }
    door.pass(&what)
}

/// Whether all that a context has seen is known here. One that is ahead might be a lie, which would hide writes to come.
pub fn is_seen(context: &Context, nodes: u16, known: &NodeClock) -> bool {
    let context = json!({ "context": context });
    Door::new(nodes, known, 0).pass(&context).is_ok()
}

struct Door {
    nodes: u16,
    /// By node, the last counter that it may have.
    ends: BTreeMap<u16, u64>,
}

impl Door {
    fn new(nodes: u16, known: &NodeClock, ahead: u64) -> Door {
        let end = |node| known.of(ReplicaId::first(NodeId(node))).max().saturating_add(ahead);
        Door { nodes, ends: (0..nodes).map(|node| (node, end(node))).collect() }
    }

    /// An entry of the message's own clock: `[replica, [base, words]]`.
    fn widen(&mut self, entry: &Json) {
        let node = entry[0]["node"].as_u64().and_then(|node| u16::try_from(node).ok());
        let words = entry[1][1].as_array().map_or(0, Vec::len) as u64;
        if let (Some(node), Some(base)) = (node, entry[1][0].as_u64()) {
            let end = self.ends.entry(node).or_default();
            *end = (*end).max(base.saturating_add(64 * (words + 1))).min(COUNTER_END);
        }
    }

    fn pass(&self, value: &Json) -> Result<(), String> {
        let list = |value: &Json, each: &dyn Fn(&Json) -> Result<(), String>| match value {
            Json::Array(parts) => parts.iter().try_for_each(each),
            _ => Ok(()),
        };
        match value {
            Json::Array(parts) => parts.iter().try_for_each(|part| self.pass(part)),
            Json::Object(fields) => {
                self.is_replica(fields)?;
                for (name, field) in fields {
                    match name.as_str() {
                        "dot" => self.is_dot(field, 1)?,
                        "dots" | "stubs" | "context" => list(field, &|dot| self.is_dot(dot, 1))?,
                        // Up to none.
                        "bases" => list(field, &|dot| self.is_dot(dot, 0))?,
                        "before" => is_before(field, fields.get("dot").unwrap_or(&Json::Null))?,
                        "clock" | "frontiers" | "Frontiers" | "known" | "void" => list(field, &is_reach)?,
                        _ => {}
                    }
                    self.pass(field)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn is_replica(&self, fields: &Map<String, Json>) -> Result<(), String> {
        if fields.get("node").is_some_and(|node| node.as_u64().is_none_or(|node| node >= u64::from(self.nodes))) {
            return Err(format!("there is no node number {}", fields["node"]));
        }
        let first = ReplicaId::first(NodeId(0)).incarnation;
        if fields.get("incarnation").is_some_and(|life| life.as_u64() != Some(u64::from(first))) {
            return Err(format!("a node's life number {}, where each has one", fields["incarnation"]));
        }
        Ok(())
    }

    /// `[node, life, counter]`
    fn is_dot(&self, dot: &Json, least: u64) -> Result<(), String> {
        let node = dot[0].as_u64().and_then(|node| u16::try_from(node).ok());
        let end = node.and_then(|node| self.ends.get(&node)).copied().unwrap_or(0);
        let is_first = dot[1].as_u64() == Some(u64::from(ReplicaId::first(NodeId(0)).incarnation));
        match dot[2].as_u64() {
            Some(counter) if is_first && (least..=end).contains(&counter) => Ok(()),
            _ => Err(format!("a write named {dot}, where numbers up to {end} are possible")),
        }
    }
}

/// The writes before one have smaller numbers.
fn is_before(before: &Json, dot: &Json) -> Result<(), String> {
    let counter = dot[2].as_u64().unwrap_or(0);
    let is_smaller = |one: &Json| one.as_u64().is_some_and(|one| one < counter);
    let is_right = before.as_array().is_some_and(|all| all.iter().all(is_smaller));
    if is_right { Ok(()) } else { Err(format!("write {dot} comes after {before}")) }
}

/// How far somebody is with a replica: `[replica, [counters and words]]`.
fn is_reach(entry: &Json) -> Result<(), String> {
    let counters = entry[1].as_array().into_iter().flatten().filter_map(Json::as_u64);
    match counters.max() {
        Some(counter) if counter >= COUNTER_END => Err(format!("a replica has got to {counter}")),
        _ => Ok(()),
    }
}
