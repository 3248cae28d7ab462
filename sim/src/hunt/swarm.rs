//! Swarm testing (Groce, Zhang, Eide, Chen and Regehr, ISSTA 2012): a run with everything in it hides what only shows
//! when something is missing. So in each run half of what may go wrong or vary is switched off, whole kinds at a time.

use kvsim_checkers::trace::Levels;
use kvsim_store::Stream;
use kvsim_store::settings::{Cluster, Reduction};
use serde_json::Value;

use crate::faults::LinkFault;
use crate::net::{Delay, Ratio};
use crate::quantity::{Bandwidth, Duration};
use crate::scenario::{ClientGroup, FaultSpec, KeyChoice, MessageFault, Net, Scenario};

/// The scenario with each of its kinds of faults and features switched off with probability 1/2, by a stream of the
/// seed's own, and with 3 replicas or more, up to its own number; its title says which. What sessions are promised and how the
/// store is set stays, and so does what is written out operation by operation; but that half of the runs have all room, and
/// some no anti-entropy, and nothing that needs it.
pub fn swarm(scenario: &Scenario, seed: u64) -> Scenario {
    let mut thin = scenario.clone();
    let mut coins = Stream::new(seed, "swarm", 0);
    let mut off: Vec<String> = Vec::new();
    for (name, switch) in FEATURES {
        // Every feature has its coin, whether the scenario has the feature or not.
        let is_off = coins.below(2) == 0;
        let before = thin.clone();
        if is_off {
            switch(&mut thin);
        }
        if thin != before {
            off.push(name.to_string());
        }
    }
    let mut kinds: Vec<&str> = Vec::new();
    for fault in &scenario.faults {
        let kind = kind(&fault.name);
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    for name in kinds.iter().filter(|_| coins.below(2) == 0) {
        thin.faults.retain(|fault| kind(&fault.name) != *name);
        off.push(name.to_string());
    }
    for group in scenario.clients.iter().filter(|_| coins.below(2) == 0) {
        // At least one session has to remain, and one that writes, or there is nothing to judge.
        let mut others = thin.clients.iter().filter(|other| other.name != group.name);
        let is_needed =
            if group.mix.writes() { !others.any(|other| other.mix.writes()) } else { others.next().is_none() };
        if !is_needed {
            thin.clients.retain(|other| other.name != group.name);
            off.push(format!("clients {}", group.name));
        }
    }
    // Last, as it takes faults away that have their coins; like what follows by a stream of its own, so that it moves no
    // other coin.
    let repairs = thin.store.profile(thin.replicas).anti_entropy_ns.is_some();
    if repairs && Stream::new(seed, "swarm", 1).below(REPAIR_ODDS) == 0 {
        lose_nothing(&mut thin);
        off.push("anti-entropy and whatever loses writes".into());
    }
    if Stream::new(seed, "swarm", 2).below(2) == 0 {
        // In the same form: with all settings written out.
        let bounded = thin.store.without(Reduction::Nodes(thin.replicas));
        let free = bounded.without(Reduction::Bounds);
        if free != bounded {
            thin.store = free;
            off.push("little room".into());
        }
    }
    let fewest = fewest_replicas(scenario);
    if fewest < scenario.replicas {
        let range = u64::from(scenario.replicas - fewest) + 1;
        thin.replicas = fewest + Stream::new(seed, "swarm", 3).below(range) as u16;
        if let less @ 1.. = scenario.replicas - thin.replicas {
            off.push(format!("{less} of {} replicas", scenario.replicas));
        }
    }
    if !off.is_empty() {
        let title = if scenario.title.is_empty() { &scenario.name } else { &scenario.title };
        thin.title = format!("{title} (without {})", off.join(", "));
    }
    thin
}

/// `partition[3]` is a partition.
fn kind(fault: &str) -> &str {
    fault.split('[').next().unwrap_or(fault)
}

/// How many replicas the scenario needs: 3, those that it names, as many as a quorum, and as many as the store is set for.
fn fewest_replicas(scenario: &Scenario) -> u16 {
    let quorums = scenario.clients.iter().map(|group| group.quorum);
    let quorums = quorums.chain(scenario.script.sessions.iter().map(|session| session.quorum));
    let named = serde_json::to_value(scenario).map_or(u16::MAX, |value| named(&value));
    let fewest = quorums.fold(named.max(3), u16::max);
    let levels = scenario.clients.iter().map(|group| group.level);
    let levels: Levels = levels.chain(scenario.script.sessions.iter().map(|session| session.level)).collect();
    let cluster = |nodes| Cluster { nodes, levels, leaving: Vec::new(), heartbeats: Vec::new() };
    let fits = |nodes: &u16| scenario.store.fitted(&cluster(*nodes)).is_ok();
    (fewest..scenario.replicas).find(fits).unwrap_or(scenario.replicas)
}

/// How many nodes there are if the last one named in a scenario is the last one. What only looks like a node's name counts, too.
fn named(value: &Value) -> u16 {
    match value {
        Value::String(text) => {
            let number = text.strip_prefix('n').and_then(|number| number.parse::<u16>().ok());
            number.map_or(0, |number| number.saturating_add(1))
        }
        Value::Array(list) => list.iter().map(named).max().unwrap_or(0),
        Value::Object(fields) => fields.values().map(named).max().unwrap_or(0),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// One run in this many has no anti-entropy.
const REPAIR_ODDS: u64 = 8;

/// Anti-entropy heals what a replica does wrong with the messages of writes, often before anybody sees it. Without it
/// replicas agree only as long as each write's messages arrive and find room.
fn lose_nothing(scenario: &mut Scenario) {
    scenario.store = scenario.store.without(Reduction::AntiEntropy);
    lossless(scenario);
    scenario.faults.retain(|fault| match &fault.kind {
        FaultSpec::Partition(_) | FaultSpec::Members { .. } => false,
        FaultSpec::Message(fault) => !matches!(fault, MessageFault::Drop { .. }),
        FaultSpec::Nodes { fault, .. } => fault.disk_loss().is_none(),
        FaultSpec::Links { fault, .. } => !matches!(fault, LinkFault::Loss { .. }),
    });
}

/// A name, and how to switch it off.
type Feature = (&'static str, fn(&mut Scenario));

/// New ones belong at the end: each has its place in the stream of coins.
const FEATURES: [Feature; 11] = [
    ("loss", lossless),
    ("duplicates", |scenario| {
        scenario.net.usual.duplicate = Ratio::ZERO;
        scenario.net.link.iter_mut().for_each(|link| link.duplicate = None);
    }),
    ("varying delays", |Scenario { net: Net { usual, link }, .. }| {
        let delays = link.iter_mut().filter_map(|link| link.delay.as_mut()).chain([&mut usual.delay]);
        delays.for_each(|delay| *delay = Delay::Constant(delay.median_ns()));
    }),
    ("bandwidth", |scenario| {
        scenario.net.usual.bandwidth = Bandwidth(None);
        scenario.net.link.iter_mut().for_each(|link| link.bandwidth = None);
    }),
    ("links that differ", |scenario| scenario.net.link.clear()),
    ("slow disk", |scenario| scenario.disk.write = Duration(0)),
    ("deletes", |scenario| {
        groups(scenario, |group| {
            if group.mix.read + group.mix.write > 0 {
                group.mix.delete = 0;
            }
        });
    }),
    ("contexts", |scenario| groups(scenario, |group| group.context = false)),
    ("quorum reads", |scenario| groups(scenario, |group| group.quorum = 1)),
    ("popular keys", |scenario| scenario.keys.choice = KeyChoice::Uniform),
    ("moving sessions", |scenario| groups(scenario, |group| group.moves = None)),
];

fn lossless(scenario: &mut Scenario) {
    scenario.net.usual.loss = Ratio::ZERO;
    scenario.net.link.iter_mut().for_each(|link| link.loss = None);
}

fn groups(scenario: &mut Scenario, change: impl Fn(&mut ClientGroup)) {
    scenario.clients.iter_mut().for_each(change);
}
