//! What clients do.

use kvsim_checkers::trace::{Action, NodeId};
use kvsim_store::{Priority, Stream};

use super::heartbeats;
use crate::net::{Quantiles, power};
use crate::plan::{self, OpPlan, SessionPlan};
use crate::quantity::Sizes;
use crate::scenario::{ClientGroup, KeyChoice, Keys, Pace, Scenario, ScriptOp, Writers};

/// The names of all keys, and all sessions with their operations.
pub fn sessions(scenario: &Scenario, seed: u64) -> (Vec<String>, Vec<SessionPlan>) {
    let mut keys = Vec::new();
    let mut sessions = Vec::new();
    let scripted = scenario.script.ops.iter().filter_map(|op| op.choice.value());
    let mut numbers = Numbers { op: 0, value: scripted.max().unwrap_or(0) };
    // A script's keys have their numbers, by which a ring places them, in the order of their use, if nothing else is said.
    if !scenario.clients.is_empty() || scenario.keys != Keys::default() {
        keys = key_names(&scenario.keys, seed);
    }
    if !scenario.clients.is_empty() {
        let writing = |group: &&ClientGroup| group.mix.writes();
        let writers: u32 = scenario.clients.iter().filter(writing).map(|group| group.sessions).sum();
        let mut writer = 0;
        for group in &scenario.clients {
            let gaps = Quantiles::exponential(group.pace.every_ns());
            // The first of the keys that a group uses is its most popular one.
            let own_keys: Vec<u32> = keys_of(group, &keys).collect();
            let popularity = Popularity::new(&Keys { count: own_keys.len() as u32, ..scenario.keys.clone() });
            for member in 0..group.sessions {
                let mut chance = Stream::new(seed, "client", sessions.len() as u64);
                let own = match scenario.keys.writers {
                    Writers::Many => None,
                    Writers::One => Some(Own { writer, writers }),
                };
                writer += u32::from(writing(&group));
                let ops = operations(scenario, group, &gaps, (&popularity, &own_keys), own, &mut chance, &mut numbers);
                let mut session = generated(scenario, group, member, ops);
                if let Some(stay) = group.moves {
                    let chance = Stream::new(seed, "moves", sessions.len() as u64);
                    travel(&mut session, &places(scenario, group), stay.ns(), chance);
                }
                sessions.push(session);
            }
        }
    }
    for session in &scenario.script.sessions {
        let mut ops = Vec::new();
        let mut scripted: Vec<&ScriptOp> = scenario.script.ops.iter().filter(|op| op.by == session.name).collect();
        scripted.sort_by_key(|op| op.at);
        for op in scripted {
            let key = keys.iter().position(|name| *name == op.choice.key()).unwrap_or_else(|| {
                keys.push(op.choice.key().to_owned());
                keys.len() - 1
            });
            let value = match (op.choice.action(), op.choice.value()) {
                (Action::Read, _) => 0,
                (_, Some(value)) => value,
                (_, None) => numbers.next_value(),
            };
            ops.push(OpPlan {
                node: op.node.map(|node| node.0).filter(|node| *node != session.at.0),
                op: numbers.next_op(),
                wait_ns: op.at.ns(),
                action: op.choice.action(),
                key: key as u32,
                value,
                bytes: op.choice.bytes() as u32,
            });
        }
        sessions.push(SessionPlan {
            name: session.name.clone(),
            node: session.at.0,
            level: session.level,
            quorum: session.quorum,
            context: session.context,
            region: session.region.clone(),
            latency: session.latency.clone(),
            timeout_ns: session.timeout.ns(),
            pace: plan::Pace::Open,
            of_store: false,
            ops,
        });
    }
    sessions.extend(heartbeats::sessions(scenario, seed, &mut keys, &mut numbers));
    (keys, sessions)
}

/// The keys that a group uses, by number.
fn keys_of(group: &ClientGroup, names: &[String]) -> impl Iterator<Item = u32> {
    let is_own = move |name: &String| group.priority.is_none_or(|own| Priority::of_name(name) as u8 == own as u8);
    (0..).zip(names).filter(move |(_, name)| is_own(name)).map(|(number, _)| number)
}

/// A group whose sessions find no key of its priority, as chance gives the keys theirs.
pub fn without_keys(scenario: &Scenario, seed: u64) -> Option<&ClientGroup> {
    let mut of_priority = scenario.clients.iter().filter(|group| group.priority.is_some()).peekable();
    of_priority.peek()?;
    let names = key_names(&scenario.keys, seed);
    of_priority.find(|group| keys_of(group, &names).next().is_none())
}

/// Numbers for operations and values, unique in the plan.
pub struct Numbers {
    op: u32,
    value: u64,
}

impl Numbers {
    pub fn next_op(&mut self) -> u32 {
        self.op += 1;
        self.op - 1
    }

    pub fn next_value(&mut self) -> u64 {
        self.value += 1;
        self.value
    }
}

/// About how many operations clients and heartbeats make.
pub fn planned_operations(scenario: &Scenario) -> u64 {
    let operations: u64 = scenario
        .clients
        .iter()
        .map(|group| (scenario.duration.ns() / group.pace.every_ns().max(1)).saturating_mul(u64::from(group.sessions)))
        .fold(0, u64::saturating_add);
    let beats = scenario
        .store
        .profile(scenario.replicas)
        .heartbeat_ns
        .map_or(0, |every_ns| scenario.duration.ns() / every_ns.max(1));
    operations.saturating_add(beats.saturating_mul(u64::from(scenario.replicas)))
}

fn generated(scenario: &Scenario, group: &ClientGroup, member: u32, ops: Vec<OpPlan>) -> SessionPlan {
    let places = places(scenario, group);
    SessionPlan {
        name: format!("{}-{member}", group.name),
        node: places[member as usize % places.len()],
        level: group.level,
        quorum: group.quorum,
        context: group.context,
        region: group.region.clone(),
        latency: group.latency.clone(),
        timeout_ns: group.timeout.ns(),
        pace: match group.pace {
            Pace::Rate { .. } => plan::Pace::Open,
            Pace::Think { .. } => plan::Pace::Closed,
        },
        of_store: false,
        ops,
    }
}

/// The nodes that the sessions of a group may be attached to.
pub fn places(scenario: &Scenario, group: &ClientGroup) -> Vec<NodeId> {
    let of_region = || group.region.as_ref().and_then(|name| scenario.regions.0.get(name)).map(|region| &region.nodes);
    let at = group.at.as_ref().or_else(of_region);
    at.map_or_else(|| NodeId::all(scenario.replicas).collect(), |at| at.0.clone())
}

/// Spreads a session's operations over `places`, which are at least two: it begins at its node and turns to one of
/// the others with the first operation after each stay. In a closed loop a stay is counted in time to think, as how
/// long answers take is not known yet.
fn travel(session: &mut SessionPlan, places: &[NodeId], stay_ns: u64, mut chance: Stream) {
    let stays = Quantiles::exponential(stay_ns);
    let mut at = places.iter().position(|node| *node == session.node).expect("a session starts at one of its places");
    let mut leaves_ns = stays.draw(chance.bits());
    let mut now_ns = 0;
    for op in &mut session.ops {
        now_ns = if session.pace == plan::Pace::Open { op.wait_ns } else { now_ns + op.wait_ns };
        if now_ns >= leaves_ns {
            let other = chance.below(places.len() as u64 - 1) as usize;
            at = if other < at { other } else { other + 1 };
            leaves_ns = now_ns.saturating_add(stays.draw(chance.bits()));
        }
        op.node = (places[at] != session.node).then_some(places[at]);
    }
}

/// Which keys a session may write when each key has one writer: those whose index leaves the rest `writer`.
#[derive(Clone, Copy)]
struct Own {
    writer: u32,
    writers: u32,
}

impl Own {
    /// The own key nearest below the given one, or the first.
    fn nearest(self, key: u32, count: u32) -> u32 {
        let own = key - key % self.writers + self.writer;
        if own < count { own } else { own - self.writers }
    }
}

fn operations(
    scenario: &Scenario,
    group: &ClientGroup,
    gaps: &Quantiles,
    (popularity, own_keys): (&Popularity, &[u32]),
    own: Option<Own>,
    chance: &mut Stream,
    numbers: &mut Numbers,
) -> Vec<OpPlan> {
    let mix = group.mix;
    let mut ops = Vec::new();
    let mut now_ns = 0u64;
    loop {
        // At least a nanosecond apart: a session's operations have an order.
        let gap_ns = gaps.draw(chance.bits()).max(1);
        // Answers only make a closed loop slower: thinking alone bounds the number of its operations.
        now_ns = now_ns.saturating_add(gap_ns);
        if now_ns >= scenario.duration.ns() {
            return ops;
        }
        let kind = chance.below(u64::from(mix.read) + u64::from(mix.write) + u64::from(mix.delete)) as u32;
        let action = match kind {
            kind if kind < mix.read => Action::Read,
            kind if kind - mix.read < mix.write => Action::Write,
            _ => Action::Delete,
        };
        let mut key = own_keys[popularity.draw(chance) as usize];
        if action != Action::Read
            && let Some(own) = own
        {
            key = own.nearest(key, scenario.keys.count);
        }
        let Sizes(least, most) = group.value;
        let bytes = least + chance.below(u64::from(most - least) + 1) as u32;
        ops.push(OpPlan {
            node: None,
            op: numbers.next_op(),
            wait_ns: if matches!(group.pace, Pace::Rate { .. }) { now_ns } else { gap_ns },
            action,
            key,
            value: if action == Action::Read { 0 } else { numbers.next_value() },
            bytes: if action == Action::Write { bytes } else { 0 },
        });
    }
}

/// `k0`, `k1`, ... or, when there are priorities, `P0k0`, `P3k1`, ...
fn key_names(keys: &Keys, seed: u64) -> Vec<String> {
    let mut chance = Stream::new(seed, "keys", 0);
    let plain = keys.priorities[1..] == [0, 0, 0];
    let total = keys.priorities.iter().map(|weight| u64::from(*weight)).sum();
    let name = |index: u32| {
        if plain {
            return format!("k{index}");
        }
        let mut at = chance.below(total);
        let above = |weight: &u32| {
            let inside = at < u64::from(*weight);
            at = at.saturating_sub(u64::from(*weight));
            inside
        };
        let priority = keys.priorities.iter().position(above).expect("the draw is below the total");
        format!("P{priority}k{index}")
    };
    (0..keys.count).map(name).collect()
}

/// Draws keys by their popularity.
struct Popularity {
    choice: KeyChoice,
    count: u32,
    /// For zipfian keys: the share of the draws that fall on this key or an earlier one, in 2^-63.
    cumulative: Vec<u64>,
}

impl Popularity {
    fn new(keys: &Keys) -> Popularity {
        let mut cumulative = Vec::new();
        if let KeyChoice::Zipfian { exponent_milli } = keys.choice {
            let exponent = f64::from(exponent_milli) / 1_000.0;
            let weights: Vec<f64> = (1..=keys.count).map(|rank| power(f64::from(rank), -exponent)).collect();
            let total: f64 = weights.iter().sum();
            let mut sum = 0.0;
            for weight in weights {
                sum += weight;
                cumulative.push((sum / total * (1u64 << 63) as f64) as u64);
            }
        }
        Popularity { choice: keys.choice, count: keys.count, cumulative }
    }

    fn draw(&self, chance: &mut Stream) -> u32 {
        match self.choice {
            KeyChoice::Uniform => chance.below(u64::from(self.count)) as u32,
            KeyChoice::Zipfian { .. } => {
                let at = chance.bits() >> 1;
                (self.cumulative.partition_point(|share| *share <= at) as u32).min(self.count - 1)
            }
            KeyChoice::Hot { keys, operations } => {
                let hot = u64::from(self.count) * u64::from(keys.billionths()) / 1_000_000_000;
                let hot = hot.clamp(1, u64::from(self.count));
                let cold = u64::from(self.count) - hot;
                if cold == 0 || operations.picks(chance.bits()) {
                    chance.below(hot) as u32
                } else {
                    (hot + chance.below(cold)) as u32
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Ratio;

    fn shares(choice: KeyChoice) -> Vec<u32> {
        let keys = Keys { count: 10, choice, writers: Writers::Many, priorities: [1, 0, 0, 0] };
        let popularity = Popularity::new(&keys);
        let mut chance = Stream::new(1, "test", 0);
        let mut seen = vec![0; 10];
        for _ in 0..100_000 {
            seen[popularity.draw(&mut chance) as usize] += 1;
        }
        seen
    }

    #[test]
    fn keys_are_as_popular_as_asked_for() {
        assert!(shares(KeyChoice::Uniform).iter().all(|n| (9_500..10_500).contains(n)));
        // Weights 1, 1/2, 1/3, ...: the first of ten has 1/2.929 of the draws.
        let zipf = shares(KeyChoice::Zipfian { exponent_milli: 1_000 });
        assert!((33_600..34_700).contains(&zipf[0]) && (16_600..17_600).contains(&zipf[1]), "{zipf:?}");
        let ratio = |percent: u64| Ratio::from_billionths(percent * 10_000_000).unwrap();
        let hot = shares(KeyChoice::Hot { keys: ratio(20), operations: ratio(90) });
        assert!((44_300..45_700).contains(&hot[1]) && (1_100..1_400).contains(&hot[2]), "{hot:?}");
    }

    #[test]
    fn a_session_that_moves_visits_all_its_places() {
        for (pace, waits) in [(plan::Pace::Open, 1_000_000), (plan::Pace::Closed, 0)] {
            // An operation every millisecond, stays of 5 ms on average: a move every 5.5 ms.
            let op = |number: u32| OpPlan {
                op: number,
                wait_ns: 1_000_000 + u64::from(number) * waits,
                node: None,
                action: Action::Read,
                key: 0,
                value: 0,
                bytes: 0,
            };
            let mut session = SessionPlan {
                name: "walker".into(),
                node: NodeId(4),
                level: kvsim_checkers::trace::Level::Eventual,
                quorum: 1,
                context: true,
                region: None,
                latency: None,
                timeout_ns: 1,
                pace,
                of_store: false,
                ops: (0..10_000).map(op).collect(),
            };
            travel(&mut session, &[NodeId(7), NodeId(4), NodeId(2)], 5_000_000, Stream::new(1, "moves", 0));
            let nodes: Vec<NodeId> = session.ops.iter().map(|op| op.node.unwrap_or(session.node)).collect();
            let moves = nodes.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert!((1_700..1_950).contains(&moves), "{moves} moves");
            for place in [7, 4, 2] {
                let share = nodes.iter().filter(|node| **node == NodeId(place)).count();
                assert!((3_000..3_700).contains(&share), "{share} of 10000 operations at n{place}");
            }
            assert!(session.moves() && session.ops.iter().all(|op| op.node != Some(session.node)));
        }
    }

    #[test]
    fn every_key_has_one_owner() {
        for count in 3..12 {
            for key in 0..count {
                for writer in 0..3 {
                    let own = Own { writer, writers: 3 }.nearest(key, count);
                    assert!(own < count && own % 3 == writer);
                }
            }
        }
    }
}
