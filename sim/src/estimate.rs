//! About how much memory a run takes, so that one that no machine can hold is refused before it begins.
//!
//! The figures per operation and message were measured with NDC, in a run with a report whose findings are explained, and
//! rounded up: what is accepted stays below the estimate, which may be twice of what is used.

use std::fmt;

use kvsim_store::settings::Profile;

use crate::lower::planned_operations;
use crate::plan::{LinkPlan, Plan};
use crate::scenario::{Scenario, Settle};

/// Bytes, by what takes them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The plan: operations and links that differ.
    pub plan: u64,
    /// What is recorded of operations and of what follows from them, and judging that.
    pub operations: u64,
    /// What is recorded of anti-entropy where all messages are.
    pub rounds: u64,
    /// Messages under way.
    pub messages: u64,
}

/// Per operation in a plan, and for its session's answer.
const OPERATION: u64 = 96;
/// Per link that differs, and for another table of delays.
const LINK: u64 = 160;
const DELAYS: u64 = 10_400;
/// Per recorded operation, and for each replica that gets to know it.
const RECORDED: u64 = 600;
const RECORDED_COPY: u64 = 500;
/// Per round of anti-entropy: question and answer, sent and delivered.
const ROUND: u64 = 500;
/// Per message under way, and for each write that a repair carries.
const MESSAGE: u64 = 300;
const CARRIED: u64 = 64;

/// What decides it.
struct Load {
    replicas: u64,
    operations: u64,
    links: u64,
    tables: u64,
    workload_ns: u64,
    end_ns: u64,
    delay_ns: u64,
}

impl Estimate {
    /// Of a scenario, before there is a plan.
    pub fn of_scenario(scenario: &Scenario) -> Estimate {
        let rules = &scenario.net.link;
        let links = rules.iter().map(|rule| {
            let ways = if rule.both_ways { 2 } else { 1 };
            (rule.from.0.len() as u64).saturating_mul(rule.to.0.len() as u64).saturating_mul(ways)
        });
        let delays = rules.iter().filter_map(|rule| rule.delay.as_ref()).chain([&scenario.net.usual.delay]);
        let workload_ns = scenario.duration.ns();
        let settle_ns = match scenario.settle {
            Settle::For(duration) => duration.ns(),
            Settle::Off | Settle::Auto => 0,
        };
        let load = Load {
            replicas: scenario.replicas.into(),
            operations: planned_operations(scenario).saturating_add(scenario.script.ops.len() as u64),
            links: links.fold(0, u64::saturating_add),
            tables: rules.len() as u64,
            workload_ns,
            end_ns: workload_ns.saturating_add(settle_ns),
            delay_ns: delays.map(|delay| delay.almost_always_below_ns()).max().unwrap_or(0),
        };
        Estimate::of(&load, &scenario.store.profile(scenario.replicas))
    }

    /// Of a plan.
    pub fn of_plan(plan: &Plan) -> Estimate {
        let kinds: Vec<&LinkPlan> = plan.link_kinds().collect();
        let delays = kinds.iter().take(1_000).map(|link| link.delay.almost_always_below_ns());
        let load = Load {
            replicas: plan.replicas.into(),
            operations: plan.operations() as u64,
            links: plan.links.len() as u64,
            tables: kinds.len() as u64,
            workload_ns: plan.workload_end_ns,
            end_ns: plan.end_ns(),
            delay_ns: delays.max().unwrap_or(0),
        };
        Estimate::of(&load, &plan.store.profile(plan.replicas))
    }

    fn of(load: &Load, store: &Profile) -> Estimate {
        let Load { replicas, operations, links, tables, .. } = *load;
        // In so much time, how many.
        let share = |count: u64, of_ns: u64, in_ns: u64| {
            let many = u128::from(count) * u128::from(of_ns.min(in_ns)) / u128::from(in_ns.max(1));
            u64::try_from(many).unwrap_or(u64::MAX)
        };
        let per_round = store.anti_entropy_ns.map_or(u64::MAX, |every_ns| every_ns.max(1));
        let rounds = |ns: u64| (ns / per_round).saturating_mul(replicas);
        let copies = u64::from(store.copies);
        let updates = share(operations.saturating_mul(copies), load.delay_ns, load.workload_ns);
        let repairs = rounds(load.delay_ns.min(load.end_ns)).saturating_mul(2);
        let carried = share(operations, load.delay_ns, load.workload_ns).saturating_mul(CARRIED);
        let recorded = RECORDED.saturating_add(copies.saturating_mul(RECORDED_COPY));
        Estimate {
            plan: (operations.saturating_mul(OPERATION))
                .saturating_add(links.saturating_mul(LINK))
                .saturating_add(tables.saturating_mul(DELAYS)),
            operations: operations.saturating_mul(recorded),
            rounds: rounds(load.end_ns).saturating_mul(ROUND),
            messages: updates
                .saturating_mul(MESSAGE)
                .saturating_add(repairs.saturating_mul(MESSAGE.saturating_add(carried))),
        }
    }

    /// The same with no message recorded, as a run is judged at first.
    pub fn without_messages(self) -> Estimate {
        Estimate { rounds: 0, ..self }
    }

    /// The same with nothing recorded.
    pub fn without_recording(self) -> Estimate {
        Estimate { operations: 0, ..self.without_messages() }
    }

    /// All together.
    pub fn bytes(&self) -> u64 {
        [self.operations, self.rounds, self.messages].into_iter().fold(self.plan, u64::saturating_add)
    }
}

/// What takes most of it.
impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.plan, "its operations and links"),
            (self.operations, "what is recorded of its operations"),
            (self.rounds, "what is recorded of anti-entropy"),
            (self.messages, "messages under way"),
        ];
        let (_, most) = parts.into_iter().max_by_key(|(bytes, _)| *bytes).unwrap_or_default();
        f.write_str(most)
    }
}
