//! What runs differ in: what a legend calls them.

use std::collections::BTreeSet;

use kvsim_sim::plan::{Plan, Views};

use crate::scenario::write::{delay, share, size, time};

/// A setting that runs may differ in: its name and how a plan has it.
type Setting = (&'static str, fn(&Plan) -> String);

const SETTINGS: &[Setting] = &[
    ("store", |plan| plan.store.name.clone()),
    ("replicas", |plan| plan.replicas.to_string()),
    ("level", levels),
    ("sessions", |plan| plan.sessions.len().to_string()),
    ("loss", |plan| share(plan.net.loss)),
    ("delay", |plan| delay(&plan.net.delay)),
    ("duplicate", |plan| share(plan.net.duplicate)),
    ("bandwidth", |plan| plan.net.bytes_per_s.map_or("no limit".into(), |bytes| format!("{}/s", size(bytes)))),
    ("anti-entropy", |plan| plan.store.anti_entropy_ns.map_or("off".into(), time)),
    ("strip", |plan| time(plan.store.strip_ns)),
    ("replication", |plan| plan.store.replication.map_or("all".into(), |copies| copies.to_string())),
    ("views", |plan| if plan.store.views == Views::All { "all".into() } else { "eventual".into() }),
    ("buffer", |plan| size(plan.store.buffer_bytes)),
    ("heartbeat", |plan| plan.store.heartbeat_ns.map_or("off".into(), time)),
    ("defects", |plan| if plan.store.defects.is_empty() { "none".into() } else { plan.store.defects.join(" ") }),
    ("faults", faults),
    ("disk", |plan| time(plan.disk.write_ns)),
    ("duration", |plan| time(plan.workload_end_ns)),
    ("seed", |plan| format!("{:#x}", plan.seed)),
];

/// A name for each run: its scenario's, where there are several, and the settings in which not all runs of its scenario are
/// the same. `places` are the runs' folders, for runs that this does not tell apart.
pub fn labels(plans: &[&Plan], places: &[String]) -> Vec<String> {
    let scenarios: BTreeSet<&str> = plans.iter().map(|plan| plan.scenario.as_str()).collect();
    let label = |plan: &&Plan| {
        let mut parts = Vec::new();
        if scenarios.len() > 1 {
            parts.push(plan.scenario.clone());
        }
        let siblings = || plans.iter().filter(|other| other.scenario == plan.scenario);
        let differing = SETTINGS.iter().filter(|(_, value)| siblings().any(|other| value(other) != value(plan)));
        parts.extend(differing.map(|(name, value)| format!("{name} {}", value(plan))));
        if parts.len() > PARTS_MAX {
            parts.truncate(PARTS_MAX);
            parts.push("\u{2026}".to_string());
        }
        parts.join(", ")
    };
    let labels: Vec<String> = plans.iter().map(label).collect();
    let is_unique = labels.iter().collect::<BTreeSet<_>>().len() == labels.len();
    if is_unique {
        return labels;
    }
    let both = labels.iter().zip(places).map(|(label, place)| format!("{label} [{place}]").trim().to_string());
    both.collect()
}

/// A legend has no room for more.
const PARTS_MAX: usize = 4;

fn levels(plan: &Plan) -> String {
    let sessions = plan.sessions.iter().filter(|session| !Plan::is_heartbeat(&session.name));
    let levels: BTreeSet<_> = sessions.map(|session| session.level).collect();
    levels.iter().map(|level| level.name()).collect::<Vec<_>>().join("+")
}

fn faults(plan: &Plan) -> String {
    match plan.faults.as_slice() {
        [] => "none".to_string(),
        [one] => one.name.clone(),
        [first, others @ ..] => format!("{} and {} more", first.name, others.len()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kvsim_sim::lower::lower;

    use super::*;

    fn plan(name: &str, loss: &str, seed: u64) -> Plan {
        let text = format!("replicas = 3\nduration = \"1s\"\n[net]\nloss = \"{loss}\"\n[clients.all]\n");
        let file = format!("{name}.toml");
        let scenario = crate::scenario::read(Path::new(&file), text.as_bytes(), &[], &crate::load::names());
        lower(&scenario.expect("a scenario"), seed, "test").expect("a plan")
    }

    fn labels_of(plans: &[Plan]) -> Vec<String> {
        let places: Vec<String> = (0..plans.len()).map(|number| format!("run-{number}")).collect();
        labels(&plans.iter().collect::<Vec<_>>(), &places)
    }

    #[test]
    fn runs_are_called_by_what_differs() {
        assert_eq!(labels_of(&[plan("a", "0%", 1), plan("a", "5%", 1)]), ["loss 0%", "loss 5%"]);
        assert_eq!(labels_of(&[plan("a", "0%", 1), plan("b", "5%", 1)]), ["a", "b"]);
        let three = [plan("a", "0%", 1), plan("a", "5%", 2), plan("b", "5%", 1)];
        assert_eq!(labels_of(&three), ["a, loss 0%, seed 0x1", "a, loss 5%, seed 0x2", "b"]);
        assert_eq!(labels_of(&[plan("a", "0%", 1), plan("a", "0%", 1)]), ["[run-0]", "[run-1]"]);
    }
}
