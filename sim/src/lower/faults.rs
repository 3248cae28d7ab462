//! The timetable of faults.

use kvsim_checkers::trace::NodeId;
use kvsim_store::Stream;

use super::Exponential;
use crate::faults::NodeFault;
use crate::plan::{Cut, FaultKind, FaultPlan, Plan};
use crate::scenario::{Fault, FaultSpec, RandomShape, Scenario, Shape, When};

/// All faults of the run, in the scenario's order; those drawn at random in the order of time.
///
/// # Errors
/// When there would be more than a plan can have, in words.
pub fn timetable(scenario: &Scenario, seed: u64) -> Result<Vec<FaultPlan>, String> {
    let mut plans = Vec::new();
    for (fault, number) in scenario.faults.iter().zip(0..) {
        match &fault.kind {
            FaultSpec::Partition { at_ns, for_ns, shape } => {
                let cuts = cuts(shape, scenario.replicas);
                plans.push(partition(fault, fault.name.clone(), *at_ns, at_ns + for_ns, cuts));
            }
            FaultSpec::RandomPartitions { every_ns, lasting_ns, shapes } => {
                random(scenario, seed, fault, number, (*every_ns, *lasting_ns), &mut plans, |chance| {
                    let kind = shapes[chance.below(shapes.len() as u64) as usize];
                    FaultKind::Partition { cuts: cuts(&drawn(kind, scenario.replicas, chance), scenario.replicas) }
                })?;
            }
            FaultSpec::Nodes { when: When::At { times_ns, for_ns }, nodes, fault: what } => {
                let several = times_ns.len() * nodes.len() > 1;
                for (count, (at_ns, node)) in
                    times_ns.iter().flat_map(|at_ns| nodes.iter().map(move |node| (at_ns, node))).enumerate()
                {
                    let kind = FaultKind::Node { node: *node, fault: what.clone() };
                    plans.push(timed(scenario, fault, several.then_some(count), *at_ns, *for_ns, kind));
                }
            }
            FaultSpec::Nodes { when: When::Random { every_ns, lasting_ns }, nodes, fault: what } => {
                random(scenario, seed, fault, number, (*every_ns, *lasting_ns), &mut plans, |chance| {
                    let node = nodes[chance.below(nodes.len() as u64) as usize];
                    FaultKind::Node { node, fault: what.clone() }
                })?;
            }
            FaultSpec::Members { every_ns, nodes, fault: what } => {
                members(scenario, seed, fault, number, *every_ns, &mut plans, (nodes, what));
            }
            FaultSpec::Links { when, from, to, fault: what } => {
                let kind = FaultKind::Links { from: from.clone(), to: to.clone(), fault: what.clone() };
                match when {
                    When::At { times_ns, for_ns } => {
                        for (count, at_ns) in times_ns.iter().enumerate() {
                            let count = (times_ns.len() > 1).then_some(count);
                            plans.push(timed(scenario, fault, count, *at_ns, *for_ns, kind.clone()));
                        }
                    }
                    When::Random { every_ns, lasting_ns } => {
                        let kind = |_: &mut Stream| kind.clone();
                        random(scenario, seed, fault, number, (*every_ns, *lasting_ns), &mut plans, kind)?;
                    }
                }
            }
            FaultSpec::Message(kind) => plans.push(FaultPlan {
                name: fault.name.clone(),
                place: fault.place.clone(),
                from_ns: 0,
                until_ns: scenario.duration_ns,
                kind: kind.clone(),
            }),
        }
    }
    Ok(plans)
}

/// Faults at random times, one after the other, each with a kind of its own.
fn random(
    scenario: &Scenario,
    seed: u64,
    fault: &Fault,
    number: u64,
    (every_ns, lasting_ns): (u64, u64),
    plans: &mut Vec<FaultPlan>,
    mut kind: impl FnMut(&mut Stream) -> FaultKind,
) -> Result<(), String> {
    let about = scenario.duration_ns / every_ns.saturating_add(lasting_ns).max(1);
    if about > Plan::FAULTS_MAX as u64 {
        let (name, most) = (&fault.name, Plan::FAULTS_MAX);
        return Err(format!(
            "{name}: about {about} faults are planned; a run can have {most}: make them rarer or longer"
        ));
    }
    let mut chance = Stream::new(seed, "fault", number);
    let (gap, length) = (Exponential::new(every_ns), Exponential::new(lasting_ns));
    let mut now_ns = gap.draw(&mut chance);
    let mut count = 0;
    while now_ns < scenario.duration_ns {
        // At least a nanosecond, or a mean of 0 would never come to an end.
        let until_ns = now_ns.saturating_add(length.draw(&mut chance).max(1)).min(scenario.duration_ns);
        let kind = kind(&mut chance);
        let (name, place) = (format!("{}#{count}", fault.name), fault.place.clone());
        plans.push(FaultPlan { name, place, from_ns: now_ns, until_ns, kind });
        count += 1;
        now_ns = until_ns.saturating_add(gap.draw(&mut chance));
    }
    Ok(())
}

/// Nodes join or leave, one after the other. One node of the run does neither, whatever else the scenario has in mind, so
/// that somebody was there before and somebody is left.
fn members(
    scenario: &Scenario,
    seed: u64,
    fault: &Fault,
    number: u64,
    every_ns: u64,
    plans: &mut Vec<FaultPlan>,
    (nodes, what): (&[NodeId], &NodeFault),
) {
    let stays = Stream::new(seed, "stays", 0).below(u64::from(scenario.replicas));
    let stays = NodeId(stays as u16);
    let mut chance = Stream::new(seed, "fault", number);
    let mut order: Vec<NodeId> = nodes.iter().copied().filter(|node| *node != stays).collect();
    chance.shuffle(&mut order);
    let gap = Exponential::new(every_ns);
    let mut now_ns = 0_u64;
    for (node, count) in order.into_iter().zip(0..) {
        now_ns = now_ns.saturating_add(gap.draw(&mut chance).max(1));
        if now_ns >= scenario.duration_ns {
            return;
        }
        let kind = FaultKind::Node { node, fault: what.clone() };
        let (from_ns, for_ns) = match what {
            NodeFault::Absent => (0, Some(now_ns)),
            _ => (now_ns, None),
        };
        plans.push(timed(scenario, fault, Some(count), from_ns, for_ns, kind));
    }
}

/// A fault at a set time, one of several when it has a number.
fn timed(
    scenario: &Scenario,
    fault: &Fault,
    count: Option<usize>,
    at_ns: u64,
    for_ns: Option<u64>,
    kind: FaultKind,
) -> FaultPlan {
    let name = count.map_or_else(|| fault.name.clone(), |count| format!("{}#{count}", fault.name));
    let until_ns = for_ns.map_or(scenario.duration_ns, |for_ns| at_ns + for_ns);
    FaultPlan { name, place: fault.place.clone(), from_ns: at_ns, until_ns, kind }
}

fn partition(fault: &Fault, name: String, from_ns: u64, until_ns: u64, cuts: Vec<Cut>) -> FaultPlan {
    FaultPlan { name, place: fault.place.clone(), from_ns, until_ns, kind: FaultKind::Partition { cuts } }
}

/// Chooses the nodes of a shape. A cluster of fewer than three nodes has no bridge: its node is isolated.
fn drawn(kind: RandomShape, nodes: u16, chance: &mut Stream) -> Shape {
    let mut order: Vec<NodeId> = NodeId::all(nodes).collect();
    chance.shuffle(&mut order);
    match kind {
        RandomShape::Halves => {
            let size = 1 + chance.below(u64::from(nodes.max(2)) - 1) as usize;
            let (one, other) = order.split_at(size.min(order.len()));
            Shape::Groups(vec![sorted(one), sorted(other)])
        }
        RandomShape::Isolate => Shape::Isolate(vec![order[0]]),
        RandomShape::OneWay => Shape::OneWay { from: vec![order[0]], to: sorted(&order[1..]) },
        RandomShape::Bridge if nodes >= 3 => Shape::Bridge(order[0]),
        RandomShape::Bridge => Shape::Isolate(vec![order[0]]),
    }
}

fn sorted(nodes: &[NodeId]) -> Vec<NodeId> {
    let mut nodes = nodes.to_vec();
    nodes.sort_unstable();
    nodes
}

/// The links that a shape cuts.
fn cuts(shape: &Shape, nodes: u16) -> Vec<Cut> {
    let others = |than: &[NodeId]| -> Vec<NodeId> { NodeId::all(nodes).filter(|node| !than.contains(node)).collect() };
    match shape {
        Shape::Groups(groups) => groups
            .iter()
            .enumerate()
            .flat_map(|(i, from)| {
                let rest = groups.iter().enumerate().filter(move |(j, _)| *j != i);
                rest.map(|(_, to)| Cut { from: from.clone(), to: to.clone() })
            })
            .collect(),
        Shape::Isolate(alone) => alone
            .iter()
            .flat_map(|node| {
                let (node, rest) = (vec![*node], others(&[*node]));
                [Cut { from: node.clone(), to: rest.clone() }, Cut { from: rest, to: node }]
            })
            .collect(),
        Shape::OneWay { from, to } => vec![Cut { from: from.clone(), to: to.clone() }],
        Shape::Bridge(bridge) => {
            let rest = others(&[*bridge]);
            let (low, high) = rest.split_at(rest.len() / 2);
            cuts(&Shape::Groups(vec![low.to_vec(), high.to_vec()]), nodes)
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
        assert_eq!(
            links(&Shape::Groups(vec![vec![NodeId(0)], vec![NodeId(1), NodeId(2)]])),
            ["0->1", "0->2", "1->0", "2->0"]
        );
        assert_eq!(links(&Shape::Isolate(vec![NodeId(3)])), ["0->3", "1->3", "2->3", "3->0", "3->1", "3->2"]);
        assert_eq!(links(&Shape::OneWay { from: vec![NodeId(1)], to: vec![NodeId(0), NodeId(2)] }), ["1->0", "1->2"]);
        // 1 | 2, 3 with 0 between them.
        assert_eq!(links(&Shape::Bridge(NodeId(0))), ["1->2", "1->3", "2->1", "3->1"]);
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
