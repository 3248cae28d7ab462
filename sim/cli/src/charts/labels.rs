//! Labels of compared runs: the settings in which they differ.

use std::collections::BTreeSet;

use kvsim_sim::plan::Plan;
use serde_json::Value as Json;

use kvsim_sim::quantity::Duration;

/// What runs may differ in, each with its name, in the order of a legend.
fn settings(plan: &Plan) -> Vec<(String, String)> {
    let own = |name: &str, value: String| (name.to_owned(), value);
    let mut settings = vec![
        own("store", plan.store.name.clone()),
        own("replicas", plan.replicas.to_string()),
        own("level", levels(plan)),
        own("sessions", plan.sessions.len().to_string()),
        own("loss", plan.net.loss.to_string()),
        own("delay", plan.net.delay.to_string()),
        own("duplicate", plan.net.duplicate.to_string()),
        own("bandwidth", plan.net.bandwidth.to_string()),
    ];
    settings.extend(plan.store.settings.iter().map(|(name, value)| (name.replace('_', "-"), of_store(value))));
    settings.extend([
        own("faults", faults(plan)),
        own("disk", plan.disk.write.to_string()),
        own("duration", Duration(plan.workload_end_ns).to_string()),
        own("seed", plan.seed.to_string()),
    ]);
    settings
}

/// A setting of the store as people write it.
fn of_store(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(items) if items.is_empty() => "none".to_owned(),
        Json::Array(items) => items.iter().map(of_store).collect::<Vec<_>>().join(" "),
        other => other.to_string(),
    }
}

/// A name for each run: its scenario's, where there are several, and the settings in which not all runs of its scenario are
/// the same. `places` are the runs' folders, for runs that their settings do not tell apart.
pub fn labels(plans: &[&Plan], places: &[String]) -> Vec<String> {
    let scenarios: BTreeSet<&str> = plans.iter().map(|plan| plan.scenario.as_str()).collect();
    let label = |plan: &&Plan| {
        let mut parts = Vec::new();
        if scenarios.len() > 1 {
            parts.push(plan.scenario.clone());
        }
        let siblings = || plans.iter().filter(|other| other.scenario == plan.scenario);
        let differs = |setting: &(String, String)| siblings().any(|other| !settings(other).contains(setting));
        parts.extend(settings(plan).into_iter().filter(differs).map(|(name, value)| format!("{name} {value}")));
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

/// A legend has no room for more settings.
const PARTS_MAX: usize = 4;

fn levels(plan: &Plan) -> String {
    let sessions = plan.sessions.iter().filter(|session| !session.of_store);
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
        let scenario = crate::scenario::read(Path::new(&file), text.as_bytes(), &[], crate::load::built_in());
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
        assert_eq!(labels_of(&three), ["a, loss 0%, seed 1", "a, loss 5%, seed 2", "b"]);
        assert_eq!(labels_of(&[plan("a", "0%", 1), plan("a", "0%", 1)]), ["[run-0]", "[run-1]"]);
    }
}
