//! Sessions by which nodes show each other that they are alive.

use kvsim_checkers::trace::{Action, Level, NodeId};
use kvsim_store::Stream;

use super::workload::Numbers;
use crate::plan::{OpPlan, Pace, SessionPlan};
use crate::scenario::Scenario;

/// Size of a heartbeat: a time stamp.
const BYTES: u32 = 8;

/// What a node's heartbeat is called: its key, and the session that writes it.
pub fn name(node: NodeId) -> String {
    format!("heartbeat-{node}")
}

/// A session per node that writes to the node's own key every so often; the keys, too, are added to those there are.
pub fn sessions(scenario: &Scenario, seed: u64, keys: &mut Vec<String>, numbers: &mut Numbers) -> Vec<SessionPlan> {
    let Some(every_ns) = scenario.store.profile(scenario.replicas).heartbeat_ns else { return Vec::new() };
    let beats = |node: NodeId| {
        let key = keys.len() as u32;
        let name = name(node);
        keys.push(name.clone());
        // Nodes must not all act at the same moment.
        let first_ns = Stream::new(seed, "heartbeat", u64::from(node.0)).below(every_ns);
        let mut ops = Vec::new();
        let mut at_ns = first_ns;
        while at_ns < scenario.duration.ns() {
            ops.push(OpPlan {
                op: numbers.next_op(),
                wait_ns: at_ns,
                node: None,
                action: Action::Write,
                key,
                value: numbers.next_value(),
                bytes: BYTES,
            });
            at_ns = at_ns.saturating_add(every_ns);
        }
        SessionPlan {
            name,
            node,
            level: Level::Eventual,
            quorum: 1,
            context: false,
            // The next one will do as well.
            region: None,
            latency: None,
            timeout_ns: every_ns,
            pace: Pace::Open,
            of_store: true,
            ops,
        }
    };
    NodeId::all(scenario.replicas).map(beats).collect()
}
