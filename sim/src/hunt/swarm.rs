//! Swarm testing (Groce, Zhang, Eide, Chen and Regehr, ISSTA 2012): a run with everything in it hides what only shows
//! when something is missing. So in each run half of what may go wrong or vary is switched off, whole kinds at a time.

use kvsim_store::Stream;
use kvsim_store::settings::Reduction;

use crate::faults::LinkFault;
use crate::net::{Delay, Ratio};
use crate::quantity::{Bandwidth, Duration};
use crate::scenario::{ClientGroup, FaultSpec, KeyChoice, MessageFault, Net, Scenario};

/// The scenario with each of its kinds of faults and features switched off with probability 1/2, by a stream of the
/// seed's own; its title says which. What sessions are promised and how the store is set stays, and so does what is
/// written out operation by operation; but that half of the runs have all room, and some no anti-entropy, and nothing
/// that needs it.
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
        // At least one session has to remain.
        if thin.clients.len() > 1 {
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
