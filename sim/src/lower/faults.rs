//! The timetable of faults.

use kvsim_checkers::trace::NodeId;
use kvsim_store::Stream;

use crate::faults::NodeFault;
use crate::net::Quantiles;
use crate::plan::{Cut, FaultKind, FaultPlan, MessageName};
use crate::quantity::{Duration, NodeName, Nodes};
use crate::scenario::{
    Fault, FaultSpec, Membership, Message, MessageFault, OneWay, PartitionFault, RandomShape, Scenario, Shape, When,
    WhichMessage, WhichNodes,
};

/// All faults of the run, in the scenario's order; those drawn at random in the order of time.
pub fn timetable(scenario: &Scenario, seed: u64) -> Vec<FaultPlan> {
    let mut plans = Vec::new();
    let all = || NodeId::all(scenario.replicas).collect::<Vec<NodeId>>();
    let list = |nodes: &Option<Nodes>| nodes.as_ref().map(|nodes| nodes.0.clone());
    for (fault, number) in scenario.faults.iter().zip(0..) {
        match &fault.kind {
            FaultSpec::Partition(PartitionFault::Partition { at, end, shape }) => {
                let kind = FaultKind::Partition { cuts: cuts(shape, scenario.replicas) };
                plans.push(timed(fault, None, (at.ns(), end.ns(*at)), kind));
            }
            FaultSpec::Partition(PartitionFault::RandomPartition { every, lasting, shapes }) => {
                use RandomShape::{Bridge, Halves, Isolate, OneWay};
                let usual: &[RandomShape] = match scenario.replicas {
                    // A bridge needs a node on either side.
                    0..3 => &[Halves, Isolate, OneWay],
                    _ => &[Halves, Isolate, OneWay, Bridge],
                };
                let shapes = shapes.as_deref().unwrap_or(usual);
                random(scenario, seed, fault, number, (*every, *lasting), &mut plans, |chance| {
                    let kind = shapes[chance.below(shapes.len() as u64) as usize];
                    FaultKind::Partition { cuts: cuts(&drawn(kind, scenario.replicas, chance), scenario.replicas) }
                });
            }
            FaultSpec::Nodes { when: When::At { times, length }, nodes, fault: what } => {
                let nodes = list(nodes).unwrap_or_else(all);
                let several = times.0.len() * nodes.len() > 1;
                let each = times.0.iter().flat_map(|at_ns| nodes.iter().map(move |node| (*at_ns, *node)));
                for (count, (at_ns, node)) in each.enumerate() {
                    let kind = FaultKind::Node { node, fault: what.clone() };
                    plans.push(timed(fault, several.then_some(count), (at_ns, at_ns + length.ns()), kind));
                }
            }
            FaultSpec::Nodes { when: When::Random { every, lasting }, nodes, fault: what } => {
                let nodes = list(nodes).unwrap_or_else(all);
                random(scenario, seed, fault, number, (*every, *lasting), &mut plans, |chance| {
                    let node = nodes[chance.below(nodes.len() as u64) as usize];
                    FaultKind::Node { node, fault: what.clone() }
                });
            }
            FaultSpec::Members { nodes: WhichNodes::At { nodes, at }, fault: what } => {
                for (count, node) in nodes.0.iter().enumerate() {
                    let count = (nodes.0.len() > 1).then_some(count);
                    plans.push(member(scenario, fault, count, *node, *what, at.ns()));
                }
            }
            FaultSpec::Members { nodes: WhichNodes::Random { nodes, every }, fault: what } => {
                members(scenario, seed, fault, number, *every, &mut plans, (&list(nodes).unwrap_or_else(all), *what));
            }
            FaultSpec::Links { when, from, to, fault: what } => {
                let [from, to] = [from, to].map(|nodes| list(nodes).unwrap_or_default());
                let kind = FaultKind::Links { from, to, fault: what.clone() };
                match when {
                    When::At { times, length } => {
                        for (count, at_ns) in times.0.iter().enumerate() {
                            let count = (times.0.len() > 1).then_some(count);
                            plans.push(timed(fault, count, (*at_ns, at_ns + length.ns()), kind.clone()));
                        }
                    }
                    When::Random { every, lasting } => {
                        let kind = |_: &mut Stream| kind.clone();
                        random(scenario, seed, fault, number, (*every, *lasting), &mut plans, kind);
                    }
                }
            }
            FaultSpec::Message(what) => {
                plans.push(timed(fault, None, (0, scenario.duration.ns()), of_message(what)));
            }
        }
    }
    plans
}

fn of_message(fault: &MessageFault) -> FaultKind {
    let Message { which, from, to } = fault.message();
    let (kind, id) = match which {
        WhichMessage::Write { write } => ("update", *write),
        WhichMessage::Named { kind, id } => (kind.as_str(), *id),
    };
    let to = to.as_ref().map(|to| to.0.clone()).unwrap_or_default();
    let message = MessageName { kind: kind.to_owned(), id, from: from.map(|from| from.0), to };
    match fault {
        MessageFault::Drop { .. } => FaultKind::Drop(message),
        MessageFault::Delay { takes, .. } => FaultKind::Delay { message, takes_ns: takes.ns() },
        MessageFault::Duplicate { takes, .. } => FaultKind::Duplicate { message, takes_ns: takes.ns() },
    }
}

/// About how often a fault of the scenario strikes, if that is at random times.
pub fn random_count(scenario: &Scenario, fault: &FaultSpec) -> u64 {
    let (FaultSpec::Partition(PartitionFault::RandomPartition { every, lasting, .. })
    | FaultSpec::Nodes { when: When::Random { every, lasting }, .. }
    | FaultSpec::Links { when: When::Random { every, lasting }, .. }) = fault
    else {
        return 0;
    };
    scenario.duration.ns() / every.ns().saturating_add(lasting.ns()).max(1)
}

/// Faults at random times, one after the other, each with a kind of its own.
fn random(
    scenario: &Scenario,
    seed: u64,
    fault: &Fault,
    number: u64,
    (every, lasting): (Duration, Duration),
    plans: &mut Vec<FaultPlan>,
    mut kind: impl FnMut(&mut Stream) -> FaultKind,
) {
    let duration_ns = scenario.duration.ns();
    let mut chance = Stream::new(seed, "fault", number);
    let (gap, length) = (Quantiles::exponential(every.ns()), Quantiles::exponential(lasting.ns()));
    let mut now_ns = gap.draw(chance.bits());
    let mut count = 0;
    while now_ns < duration_ns {
        // At least a nanosecond, or a mean of 0 would never come to an end.
        let until_ns = now_ns.saturating_add(length.draw(chance.bits()).max(1)).min(duration_ns);
        let kind = kind(&mut chance);
        plans.push(timed(fault, Some(count), (now_ns, until_ns), kind));
        count += 1;
        now_ns = until_ns.saturating_add(gap.draw(chance.bits()));
    }
}

/// Nodes join or leave, one after the other. As many nodes of the run as a quorum or an acknowledgement needs do neither, whatever
/// else the scenario has in mind: those were there before and are left, or a session would be refused everything.
fn members(
    scenario: &Scenario,
    seed: u64,
    fault: &Fault,
    number: u64,
    every: Duration,
    plans: &mut Vec<FaultPlan>,
    (nodes, what): (&[NodeId], Membership),
) {
    let stays = Stream::new(seed, "stays", 0).below(u64::from(scenario.replicas));
    let quorums = scenario.clients.iter().map(|group| group.quorum);
    let quorums = quorums.chain(scenario.script.sessions.iter().map(|session| session.quorum));
    let staying = quorums.chain([scenario.store.profile(scenario.replicas).ack.of(1)]).max().unwrap_or(1);
    let stays = |node: NodeId| (node.0 + scenario.replicas - stays as u16) % scenario.replicas < staying;
    let mut chance = Stream::new(seed, "fault", number);
    let mut order: Vec<NodeId> = nodes.iter().copied().filter(|node| !stays(*node)).collect();
    chance.shuffle(&mut order);
    let gap = Quantiles::exponential(every.ns());
    let mut now_ns = 0_u64;
    for (node, count) in order.into_iter().zip(0..) {
        now_ns = now_ns.saturating_add(gap.draw(chance.bits()).max(1));
        if now_ns >= scenario.duration.ns() {
            return;
        }
        plans.push(member(scenario, fault, Some(count), node, what, now_ns));
    }
}

/// A node joins or leaves.
fn member(
    scenario: &Scenario,
    fault: &Fault,
    count: Option<usize>,
    node: NodeId,
    what: Membership,
    at_ns: u64,
) -> FaultPlan {
    match what {
        Membership::Join => timed(fault, count, (0, at_ns), FaultKind::Node { node, fault: NodeFault::Absent }),
        Membership::Leave => {
            timed(fault, count, (at_ns, scenario.duration.ns()), FaultKind::Node { node, fault: NodeFault::Left })
        }
    }
}

/// A fault at its times, one of several when it has a number.
fn timed(fault: &Fault, count: Option<usize>, (from_ns, until_ns): (u64, u64), kind: FaultKind) -> FaultPlan {
    let name = count.map_or_else(|| fault.name.clone(), |count| format!("{}#{count}", fault.name));
    FaultPlan { name, place: fault.place.clone(), from_ns, until_ns, kind }
}

/// Chooses the nodes of a shape. A cluster of fewer than three nodes has no bridge: its node is isolated.
fn drawn(kind: RandomShape, nodes: u16, chance: &mut Stream) -> Shape {
    let mut order: Vec<NodeId> = NodeId::all(nodes).collect();
    chance.shuffle(&mut order);
    match kind {
        RandomShape::Halves => {
            let size = 1 + chance.below(u64::from(nodes.max(2)) - 1) as usize;
            let (one, other) = order.split_at(size.min(order.len()));
            groups([sorted(one), sorted(other)])
        }
        RandomShape::Isolate => Shape::Isolate { isolate: Nodes(vec![order[0]]) },
        RandomShape::OneWay => {
            Shape::OneWay { one_way: OneWay { from: Nodes(vec![order[0]]), to: Nodes(sorted(&order[1..])) } }
        }
        RandomShape::Bridge if nodes >= 3 => Shape::Bridge { bridge: NodeName(order[0]) },
        RandomShape::Bridge => Shape::Isolate { isolate: Nodes(vec![order[0]]) },
    }
}

/// Nodes of different groups cannot reach each other.
fn groups(groups: [Vec<NodeId>; 2]) -> Shape {
    Shape::Groups { groups: groups.map(|group| group.into_iter().map(NodeName).collect()).to_vec() }
}

fn sorted(nodes: &[NodeId]) -> Vec<NodeId> {
    let mut nodes = nodes.to_vec();
    nodes.sort_unstable();
    nodes
}

/// The links that a shape cuts.
fn cuts(shape: &Shape, nodes: u16) -> Vec<Cut> {
    let others = |than: &[NodeId]| -> Vec<NodeId> { NodeId::all(nodes).filter(|node| !than.contains(node)).collect() };
    let members = |group: &Vec<NodeName>| group.iter().map(|name| name.0).collect();
    match shape {
        Shape::Groups { groups } => groups
            .iter()
            .enumerate()
            .flat_map(|(i, from)| {
                let rest = groups.iter().enumerate().filter(move |(j, _)| *j != i);
                rest.map(|(_, to)| Cut { from: members(from), to: members(to) })
            })
            .collect(),
        Shape::Isolate { isolate } => isolate
            .0
            .iter()
            .flat_map(|node| {
                let (node, rest) = (vec![*node], others(&[*node]));
                [Cut { from: node.clone(), to: rest.clone() }, Cut { from: rest, to: node }]
            })
            .collect(),
        Shape::OneWay { one_way: OneWay { from, to } } => vec![Cut { from: from.0.clone(), to: to.0.clone() }],
        Shape::Bridge { bridge } => {
            let rest = others(&[bridge.0]);
            let (low, high) = rest.split_at(rest.len() / 2);
            cuts(&groups([low.to_vec(), high.to_vec()]), nodes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cut links of a shape on four nodes, as `from->to`.
    fn links(shape: &Shape) -> Vec<String> {
        let cuts = cuts(shape, 4);
        let mut links: Vec<String> = cuts
            .iter()
            .flat_map(|cut| {
                cut.from.iter().flat_map(|from| cut.to.iter().map(move |to| format!("{}->{}", from.0, to.0)))
            })
            .collect();
        links.sort();
        links
    }

    #[test]
    fn shapes_cut_the_links_that_their_names_say() {
        assert_eq!(links(&groups([vec![NodeId(0)], vec![NodeId(1), NodeId(2)]])), ["0->1", "0->2", "1->0", "2->0"]);
        assert_eq!(
            links(&Shape::Isolate { isolate: Nodes(vec![NodeId(3)]) }),
            ["0->3", "1->3", "2->3", "3->0", "3->1", "3->2"]
        );
        assert_eq!(
            links(&Shape::OneWay {
                one_way: OneWay { from: Nodes(vec![NodeId(1)]), to: Nodes(vec![NodeId(0), NodeId(2)]) }
            }),
            ["1->0", "1->2"]
        );
        // 1 | 2, 3 with 0 between them.
        assert_eq!(links(&Shape::Bridge { bridge: NodeName(NodeId(0)) }), ["1->2", "1->3", "2->1", "3->1"]);
    }

    #[test]
    fn drawn_shapes_name_every_node_at_most_once() {
        let mut chance = Stream::new(1, "test", 0);
        for nodes in 1..6 {
            for kind in [RandomShape::Halves, RandomShape::Isolate, RandomShape::OneWay, RandomShape::Bridge] {
                for _ in 0..50 {
                    for cut in cuts(&drawn(kind, nodes, &mut chance), nodes) {
                        assert!(cut.from.iter().all(|node| *node < NodeId(nodes) && !cut.to.contains(node)));
                    }
                }
            }
        }
    }
}
