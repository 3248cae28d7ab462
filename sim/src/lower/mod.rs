//! From a scenario and a seed to a plan: everything that is left to chance, but for the fate of messages, is
//! decided here.
//!
//! Each concern draws from a stream of its own, so that one more client changes no other client and one more
//! fault changes no client.

mod faults;
pub(crate) mod heartbeats;
mod workload;

use std::collections::BTreeMap;

use crate::plan::{FaultKind, LinkOverride, LinkPlan, Plan};
use crate::quantity::Wrong;
use crate::scenario::{Scenario, Settle};

pub use workload::{places, planned_operations};

/// Makes the plan of `scenario` for `seed`. `made_by` is the program's name and version.
///
/// # Errors
/// When the plan would be larger than any run can be, in words.
pub fn lower(scenario: &Scenario, seed: u64, made_by: &str) -> Result<Plan, String> {
    if let Some((path, wrong)) = too_large(scenario).first() {
        return Err(format!("{}: {}", path.join("."), wrong.line()));
    }
    if let Some(group) = workload::without_keys(scenario, seed) {
        return Err(format!(
            "clients.{}.priority: with this seed no key has it: give the scenario more keys",
            group.name
        ));
    }
    let (keys, sessions) = workload::sessions(scenario, seed);
    let mut plan = Plan {
        schema: Plan::SCHEMA,
        made_by: made_by.to_string(),
        scenario: scenario.name.clone(),
        title: scenario.title.clone(),
        seed,
        replicas: scenario.replicas,
        workload_end_ns: scenario.duration.ns(),
        settle_ns: 0,
        store: scenario.store.clone(),
        disk: scenario.disk,
        net: scenario.net.usual.clone(),
        links: links(scenario),
        regions: scenario.regions.clone(),
        keys,
        sessions,
        faults: faults::timetable(scenario, seed),
        expect: scenario.expect.clone(),
        other_fates_below: None,
    };
    plan.store = plan.store.fitted(&plan.cluster()).map_err(|misfits| {
        let told = misfits.iter().map(|misfit| format!("store.{}: {}", misfit.setting, misfit.wrong.line()));
        told.collect::<Vec<_>>().join("\n")
    })?;
    plan.settle_ns = match scenario.settle {
        Settle::Off => 0,
        Settle::For(duration) => duration.ns(),
        Settle::Auto => settle_auto_ns(&plan),
    };
    if scenario.settle == Settle::Auto && plan.settle_ns > SETTLE_AUTO_NS_MAX {
        let hours = plan.settle_ns / 3_600_000_000_000;
        return Err(format!(
            "settle: it would take {hours} hours of virtual time with these delays and intervals: give settle a time, or switch it off"
        ));
    }
    Ok(plan)
}

/// What in a scenario asks for a larger plan than there can be: the path of each such field or table, and what is wrong.
pub fn too_large(scenario: &Scenario) -> Vec<(Vec<&str>, Wrong)> {
    let mut found = Vec::new();
    let (operations, most) = (planned_operations(scenario), u64::from(Plan::OP_LIMIT) / 2);
    if operations >= most {
        let expected = format!("at most {most} in a run: make it shorter or slower");
        found.push((vec!["duration"], Wrong::new(format!("about {operations} operations are planned"), expected)));
    }
    for fault in &scenario.faults {
        let (about, most) = (faults::random_count(scenario, &fault.kind), Plan::FAULTS_MAX);
        if about > most as u64 {
            let path = ["fault"].into_iter().chain(fault.name.trim_end_matches(']').split('[')).collect();
            let wrong = Wrong::new(format!("about {about} faults are planned"), format!("at most {most} in a run"));
            found.push((path, wrong.help("make them rarer, or let them last longer")));
        }
    }
    found
}

/// The links that differ, pair by pair. Where several rules name a pair, the reader has complained.
fn links(scenario: &Scenario) -> Vec<LinkOverride> {
    let usual = &scenario.net.usual;
    let of_regions = scenario.regions.links().into_iter().map(|(from, to, delay)| {
        let link = LinkPlan { delay: delay.clone(), ..usual.clone() };
        LinkOverride { from, to, link }
    });
    let mut links: Vec<LinkOverride> = of_regions.collect();
    for rule in &scenario.net.link {
        for (from, to) in rule.pairs() {
            let of_region = || scenario.regions.delay(scenario.regions.of(from)?, scenario.regions.of(to)?);
            let delay = rule.delay.as_ref().or_else(of_region).unwrap_or(&usual.delay).clone();
            let link = LinkPlan {
                delay,
                loss: rule.loss.unwrap_or(usual.loss),
                duplicate: rule.duplicate.unwrap_or(usual.duplicate),
                bandwidth: rule.bandwidth.unwrap_or(usual.bandwidth),
            };
            links.push(LinkOverride { from, to, link });
        }
    }
    links
}

/// A longer settling phase has to be asked for.
const SETTLE_AUTO_NS_MAX: u64 = 2 * 3_600_000_000_000;

/// Length of the settling phase that `settle = "auto"` gives to a run. Replicas ask their peers in cycles: within two
/// cycles each has asked every other once. One such pass brings all data, a second one brings the news that all have
/// it; the third is a margin. Then contexts and logs are cleaned up, and messages under way take their time.
pub fn settle_auto_ns(plan: &Plan) -> u64 {
    let slowest = |link: &LinkPlan| link.delay.almost_always_below_ns();
    let links = plan.link_kinds().map(slowest);
    // A request that was sent before the end arrives while the run settles.
    let clients = plan.client_delays().iter().map(|way| way.almost_always_below_ns()).max().unwrap_or(0);
    let messages = plan.faults.iter().filter_map(|fault| match &fault.kind {
        FaultKind::Delay { takes_ns, .. } | FaultKind::Duplicate { takes_ns, .. } => Some(*takes_ns),
        _ => None,
    });
    let delay_ns = links.chain(messages).max().unwrap_or(0).max(clients);
    let store = plan.store.profile(plan.replicas);
    let cycle_ns = store
        .anti_entropy_ns
        .map_or(0, |every_ns| every_ns.saturating_mul(u64::from(plan.replicas.saturating_sub(1)) * 2));
    let passes_ns = cycle_ns.saturating_mul(3);
    // What a fault delays arrives while the run settles; nothing has to wait for an answer to it. A fault that comes
    // again and again counts once.
    let late: BTreeMap<&str, u64> = plan
        .faults
        .iter()
        .filter_map(|fault| match &fault.kind {
            FaultKind::Links { fault: kind, .. } => {
                let name = fault.name.split('#').next().unwrap_or_default();
                kind.delay().map(|delay| (name, delay.almost_always_below_ns()))
            }
            _ => None,
        })
        .collect();
    // Without anti-entropy, the latest message of all has to arrive, not only nearly all.
    let patience = if store.anti_entropy_ns.is_some() { 1 } else { 3 };
    let late_ns = late.into_values().fold(0, u64::saturating_add).saturating_mul(patience);
    let margin_ns = delay_ns.saturating_mul(10).saturating_add(store.clean_up_ns.saturating_mul(3));
    passes_ns.saturating_add(margin_ns).saturating_add(late_ns).saturating_add(plan.disk.write.ns().saturating_mul(10))
}
