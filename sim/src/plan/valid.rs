//! What makes a plan one that can be executed.

use std::collections::BTreeSet;

use kvsim_checkers::trace::NodeId;
use kvsim_store::Key;
use kvsim_store::quantity::TIME_MAX_NS;

use super::{FaultKind, LinkPlan, Pace, Plan};
use crate::faults::{self, NodeFault};
use crate::net::Delay;
use crate::quantity::Duration;

/// What is wrong with a plan that was edited by hand, or made by another version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct PlanError {
    /// Which part, for instance `sessions[3].ops[7]`.
    pub place: String,
    /// What is wrong with it, and what was expected.
    pub problem: String,
}

impl Plan {
    /// Checks what the types do not say, so that the engine need not: every number refers to something, and
    /// no time or table is impossible, and the store's settings fit.
    ///
    /// # Errors
    /// The first problem.
    pub fn validate(&self) -> Result<(), PlanError> {
        let wrong = |place: String, problem: String| Err(PlanError { place, problem });
        if self.schema != Plan::SCHEMA {
            let expected = Plan::SCHEMA;
            return wrong("schema".into(), format!("version {} is not supported, only {expected}", self.schema));
        }
        if !(1..=Plan::REPLICAS_MAX).contains(&self.replicas) {
            return wrong("replicas".into(), format!("expected 1 to {}", Plan::REPLICAS_MAX));
        }
        for (place, ns) in [("workload_end_ns", self.workload_end_ns), ("settle_ns", self.settle_ns)] {
            if ns > TIME_MAX_NS {
                let hours = TIME_MAX_NS / 3_600_000_000_000;
                return wrong(place.into(), format!("{ns} ns are longer than {hours} hours"));
            }
        }
        if self.other_fates_below.is_some_and(|priority| !(1..=3).contains(&priority)) {
            return wrong("other_fates_below".into(), "expected 1 to 3".into());
        }
        if self.keys.len() >= Key::LIMIT as usize {
            return wrong("keys".into(), format!("at most {}", Key::LIMIT));
        }
        let node = |place: String, node: NodeId| {
            if node < NodeId(self.replicas) { Ok(()) } else { wrong(place, format!("there is no node {node}")) }
        };
        let delay = |place: &str, delay: &Delay| match delay {
            Delay::Uniform { min, max } if min > max || *max == u64::MAX => {
                wrong(place.into(), format!("delays from {min} to {max} ns are impossible"))
            }
            Delay::LogNormal { median, p99 } if *median == 0 || p99 < median => {
                wrong(place.into(), format!("a median of {median} ns with a p99 of {p99} ns is impossible"))
            }
            Delay::Table(values) if values.is_empty() || !values.is_sorted() => {
                wrong(place.into(), "a table of delays must be ascending and not empty".into())
            }
            _ => Ok(()),
        };
        let link = |place: &str, link: &LinkPlan| match link.bandwidth.0 {
            Some(0) => wrong(place.into(), "a link needs some bandwidth".into()),
            _ => delay(place, &link.delay),
        };
        if self.disk.sync.0 == Some(Duration(0)) {
            return wrong("disk.sync".into(), "there must be some time between two syncs".into());
        }
        link("net", &self.net)?;
        for (i, named) in self.links.iter().enumerate() {
            node(format!("links[{i}].from"), named.from)?;
            node(format!("links[{i}].to"), named.to)?;
            link(&format!("links[{i}]"), &named.link)?;
        }
        for (name, region) in &self.regions.0 {
            region.nodes.0.iter().try_for_each(|one| node(format!("regions.{name}.nodes"), *one))?;
            region.delay.iter().chain(region.to.values()).try_for_each(|one| delay(&format!("regions.{name}"), one))?;
        }
        let mut numbers = BTreeSet::new();
        for (i, session) in self.sessions.iter().enumerate() {
            node(format!("sessions[{i}].node"), session.node)?;
            if session.quorum == 0 {
                return wrong(format!("sessions[{i}].quorum"), "a read needs at least one replica".into());
            }
            session.latency.iter().try_for_each(|latency| delay(&format!("sessions[{i}].latency"), latency))?;
            if session.region.as_ref().is_some_and(|region| !self.regions.0.contains_key(region)) {
                return wrong(format!("sessions[{i}].region"), "there is no region of this name".into());
            }
            if session.is_far() {
                // Otherwise a replica would be accused of not having answered.
                let ways = session.nodes().into_iter().filter_map(|node| self.latency(session, node));
                let round_ns = ways.map(|way| way.longest_ns().saturating_mul(2)).max().unwrap_or(0);
                if round_ns >= session.timeout_ns {
                    let problem = format!("a request and its answer may take {round_ns} ns, longer than it waits");
                    return wrong(format!("sessions[{i}].timeout_ns"), problem);
                }
            }
            for (j, op) in session.ops.iter().enumerate() {
                let place = || format!("sessions[{i}].ops[{j}]");
                if !numbers.insert(op.op) {
                    return wrong(place(), format!("there are two operations with number {}", op.op));
                }
                if op.op >= Plan::OP_LIMIT {
                    return wrong(place(), format!("operation numbers are below {}", Plan::OP_LIMIT));
                }
                if let Some(at) = op.node {
                    node(format!("{}.node", place()), at)?;
                }
                if op.key as usize >= self.keys.len() {
                    return wrong(place(), format!("there is no key {}", op.key));
                }
                let timed = j > 0 && session.pace == Pace::Open;
                if timed && op.wait_ns < session.ops[j - 1].wait_ns {
                    return wrong(place(), "falls due before the operation in front of it".into());
                }
            }
        }
        if self.faults.len() > Plan::FAULTS_MAX {
            return wrong("faults".into(), format!("{} are too many, at most {}", self.faults.len(), Plan::FAULTS_MAX));
        }
        for (i, fault) in self.faults.iter().enumerate() {
            let place = || format!("faults[{i}]");
            if fault.from_ns > fault.until_ns || fault.until_ns > self.workload_end_ns {
                return wrong(place(), "a fault ends after it begins, and not after the workload".into());
            }
            let nodes: Vec<NodeId> = match &fault.kind {
                FaultKind::Partition { cuts } => {
                    cuts.iter().flat_map(|cut| cut.from.iter().chain(&cut.to)).copied().collect()
                }
                FaultKind::Drop(message) | FaultKind::Delay { message, .. } | FaultKind::Duplicate { message, .. } => {
                    message.from.iter().chain(&message.to).copied().collect()
                }
                FaultKind::Node { node, fault: NodeFault::Absent } if fault.from_ns == 0 => vec![*node],
                FaultKind::Node { fault: NodeFault::Absent, .. } => {
                    return wrong(place(), "a node that is absent is so from the beginning".into());
                }
                FaultKind::Node { node, fault: clock @ NodeFault::Clock { .. } } => {
                    let (offset_ns, drift_ppm) = clock.clock_error().unwrap_or_default();
                    if offset_ns.unsigned_abs() > faults::OFFSET_NS_MAX {
                        return wrong(place(), "a clock is at most 100 years wrong".into());
                    }
                    if drift_ppm.unsigned_abs() > faults::DRIFT_PPM_MAX {
                        let most = faults::DRIFT_PPM_MAX;
                        return wrong(place(), format!("a clock gains or loses at most {most} parts per million"));
                    }
                    vec![*node]
                }
                FaultKind::Node { node, .. } => vec![*node],
                FaultKind::Links { from, to, fault } => {
                    fault.delay().map_or(Ok(()), |by| delay(&place(), by))?;
                    from.iter().chain(to).copied().collect()
                }
            };
            nodes.into_iter().try_for_each(|named| node(place(), named))?;
        }
        match self.store.store {
            Some(store) => store.validate(self),
            None => wrong("store.name".into(), format!("there is no store {}", self.store.name)),
        }
    }

    /// The most nodes of a run.
    pub const REPLICAS_MAX: u16 = 1000;

    /// The most faults that a run may have: events name them by numbers of 16 bits.
    pub const FAULTS_MAX: usize = 1 << 15;

    /// Operation numbers are below this.
    pub const OP_LIMIT: u32 = 100_000_000;
}
