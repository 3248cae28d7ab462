//! What goes wrong, and when.

use std::collections::BTreeSet;

use kvsim_checkers::trace::{Action, NodeId};
use kvsim_sim::faults::{DRIFT_PPM_MAX, NodeFault};
use kvsim_sim::net::Ratio;
use kvsim_sim::quantity::{Duration, NodeName, Times, Wrong};
use kvsim_sim::scenario::{
    End, FaultSpec, Membership, MessageFault, PartitionFault, RandomShape, Shape, When, WhichMessage, WhichNodes,
};
use kvsim_store::settings::Hardship;

use super::Check;

/// The path of one fault.
type Path<'p> = [&'p str; 3];

fn field<'p>([fault, kind, number]: Path<'p>, name: &'p str) -> [&'p str; 4] {
    [fault, kind, number, name]
}

impl Check<'_> {
    pub(super) fn faults(&mut self) {
        let written = self.written_values();
        for fault in &self.scenario.faults {
            let (kind, number) = fault.name.split_once('[').unwrap_or_default();
            let path = ["fault", kind, number.trim_end_matches(']')];
            match &fault.kind {
                FaultSpec::Partition(PartitionFault::Partition { at, end, shape }) => {
                    self.partition(path, *at, *end);
                    self.shape(path, shape);
                }
                FaultSpec::Partition(PartitionFault::RandomPartition { shapes, .. }) => {
                    self.not_alone(path);
                    let bridge = shapes.iter().flatten().position(|shape| *shape == RandomShape::Bridge);
                    if let Some(bridge) = bridge.filter(|_| self.scenario.replicas < 3) {
                        self.no_bridge(&["fault", kind, path[2], "shapes", &bridge.to_string()]);
                    }
                }
                FaultSpec::Message(fault) => self.message(path, fault, written.as_ref()),
                FaultSpec::Nodes { when, nodes, fault } => {
                    self.when(path, when);
                    self.hardship(path, fault.hardship());
                    if nodes.is_none() && matches!(when, When::At { .. }) {
                        self.at(&path, "`node` is missing", "`node`, for instance node = \"n0\"");
                    }
                    self.node_fault(path, fault);
                }
                FaultSpec::Members { nodes, fault } => {
                    self.hardship(path, Some(Hardship::Members));
                    self.members(path, nodes, *fault);
                }
                FaultSpec::Links { when, .. } => self.when(path, when),
            }
        }
    }

    fn partition(&mut self, path: Path<'_>, at: Duration, end: End) {
        let last = match end {
            End::For { .. } => "for",
            End::Until { .. } => "until",
        };
        if end.ns(at) <= at.ns() {
            self.at(&field(path, last), "the partition ends before it begins", "a time after `at`");
        } else {
            self.within(&field(path, "at"), &field(path, last), "partition", (at.ns(), end.ns(at)));
        }
    }

    /// Begins and ends within the workload.
    fn within(&mut self, begin: &[&str], end: &[&str], what: &str, (from_ns, until_ns): (u64, u64)) {
        let duration_ns = self.scenario.duration.ns();
        if from_ns >= duration_ns {
            self.at(begin, format!("the {what} begins after the workload"), "a time before `duration`");
        } else if until_ns > duration_ns {
            let wrong = Wrong::new(format!("the {what} ends after the workload"), "an end within `duration`");
            let help = "faults end with the workload, so that replicas can agree while the run settles";
            self.wrong(self.span(end), wrong.help(help));
        }
    }

    fn when(&mut self, path: Path<'_>, when: &When) {
        let When::At { times: Times(times), length } = when else { return };
        let outside =
            |at_ns: &u64| *at_ns >= self.scenario.duration.ns() || at_ns + length.ns() > self.scenario.duration.ns();
        if let Some(number) = times.iter().position(outside) {
            let item = number.to_string();
            let begin = [&field(path, "at")[..], &[&item]].concat();
            self.within(&begin, &field(path, "for"), "fault", (times[number], times[number] + length.ns()));
        }
    }

    fn not_alone(&mut self, path: Path<'_>) -> bool {
        if self.scenario.replicas < 2 {
            self.at(&path, "a partition needs at least two replicas", "at least 2 replicas");
        }
        self.scenario.replicas >= 2
    }

    fn no_bridge(&mut self, path: &[&str]) {
        self.at(path, "a bridge needs a node on either side", "at least 3 replicas");
    }

    fn shape(&mut self, path: Path<'_>, shape: &Shape) {
        if !self.not_alone(path) {
            return;
        }
        match shape {
            Shape::Groups { groups } => self.groups(path, groups),
            Shape::OneWay { one_way } if one_way.from.0.len() == 1 && one_way.from == one_way.to => {
                let to = [&field(path, "one_way")[..], &["to"]].concat();
                self.at(&to, "a node always reaches itself", "another node");
            }
            Shape::Bridge { .. } if self.scenario.replicas < 3 => self.no_bridge(&field(path, "bridge")),
            Shape::OneWay { .. } | Shape::Isolate { .. } | Shape::Bridge { .. } => {}
        }
    }

    fn groups(&mut self, path: Path<'_>, groups: &[Vec<NodeName>]) {
        let path = field(path, "groups");
        if groups.len() < 2 {
            self.at(&path, "a partition needs at least two groups", "at least two groups of nodes");
        }
        let mut taken = BTreeSet::new();
        for (number, group) in groups.iter().enumerate() {
            let number = number.to_string();
            let path = [&path[..], &[&number]].concat();
            if group.is_empty() {
                self.at(&path, "the list is empty", "at least one node");
            }
            for (number, node) in group.iter().enumerate().filter(|(_, node)| !taken.insert(node.0)) {
                let number = number.to_string();
                let path = [&path[..], &[&number]].concat();
                self.at(&path, format!("node `{node}` is listed twice"), "each node once");
            }
        }
    }

    /// `written` are the values that are written at all, if that is known.
    fn message(&mut self, path: Path<'_>, fault: &MessageFault, written: Option<&BTreeSet<u64>>) {
        let message = fault.message();
        if let (Some(from), Some(to)) = (message.from, &message.to)
            && to.0 == [from.0]
        {
            self.at(&field(path, "to"), format!("{from} sends itself no messages"), "another node");
        }
        match &message.which {
            WhichMessage::Write { write } if written.is_some_and(|written| !written.contains(write)) => {
                let expected = "a value that an operation of the script writes";
                self.at(&field(path, "write"), format!("no operation writes {write}"), expected);
            }
            WhichMessage::Write { .. } | WhichMessage::Named { .. } => {}
        }
    }

    /// The values that the scenario writes, when a script says all there is: then any other value is a slip.
    fn written_values(&self) -> Option<BTreeSet<u64>> {
        let writes = self.scenario.script.ops.iter().filter(|op| op.choice.action() != Action::Read);
        // One without a value gets some number.
        self.scenario.clients.is_empty().then(|| writes.map(|op| op.choice.value()).collect()).flatten()
    }

    fn members(&mut self, path: Path<'_>, nodes: &WhichNodes, fault: Membership) {
        let WhichNodes::At { nodes, at } = nodes else { return };
        if nodes.0.len() >= usize::from(self.scenario.replicas) {
            let message = match fault {
                Membership::Join => "all nodes join, and none was there before",
                Membership::Leave => "all nodes leave, and none is left",
            };
            self.at(&field(path, "node"), message, "fewer nodes than `replicas`");
        }
        if *at >= self.scenario.duration {
            self.at(&field(path, "at"), "it happens after the workload", "a time before `duration`");
        }
        if fault == Membership::Leave
            && let Some((node, joins)) =
                nodes.0.iter().find_map(|node| Some((node, self.joins(*node)?))).filter(|(_, joins)| joins >= at)
        {
            let expected = format!("a time after {joins}; one that has left does not come back, see [[fault.replace]]");
            self.at(&field(path, "at"), format!("{node} is not there before it joins, at {joins}"), expected);
        }
    }

    /// When the node joins, at the latest, where that is set.
    fn joins(&self, node: NodeId) -> Option<Duration> {
        let joins = self.scenario.faults.iter().filter_map(|fault| match &fault.kind {
            FaultSpec::Members { nodes: WhichNodes::At { nodes, at }, fault: Membership::Join } => {
                nodes.0.contains(&node).then_some(*at)
            }
            _ => None,
        });
        joins.max()
    }

    /// What the store says that it is not made for.
    fn hardship(&mut self, path: Path<'_>, hardship: Option<Hardship>) {
        if let Some(why) = self.store.zip(hardship).and_then(|(store, hardship)| store.refuses(hardship)) {
            let span = self.span(&field(path, "disk")).or(self.span(&path));
            self.wrong(span, Wrong::new(why, "a scenario without that, or another store"));
        }
    }

    fn node_fault(&mut self, path: Path<'_>, fault: &NodeFault) {
        let NodeFault::Clock { ahead, behind, fast, slow } = fault else { return };
        let both = [
            (ahead.is_some() && behind.is_some(), "ahead", "behind"),
            (fast.is_some() && slow.is_some(), "fast", "slow"),
        ];
        for (_, one, other) in both.into_iter().filter(|(both, ..)| *both) {
            let later = self.span(&field(path, one)).max(self.span(&field(path, other)));
            let message = format!("the clock is both {one} and {other}");
            self.wrong(later, Wrong::new(message, format!("only one of `{one}` and `{other}`")));
        }
        let is_said = both.iter().any(|(both, ..)| *both) || [fast, slow].iter().any(|drift| is_too_fine(**drift));
        if fault.clock_error() == Some((0, 0)) && !is_said {
            let expected = "at least one of `ahead`, `behind`, `fast` and `slow` above 0";
            self.at(&path, "this clock fault changes nothing", expected);
        }
        for (name, drift) in [("fast", fast), ("slow", slow)] {
            let most = DRIFT_PPM_MAX / 10_000;
            if is_too_fine(*drift) {
                self.at(&field(path, name), "the drift is too fine", "at most four decimals");
            } else if drift.is_some_and(|drift| drift.billionths() / 1_000 > DRIFT_PPM_MAX) {
                let message = format!("a clock is wrong by at most {most}%");
                self.at(&field(path, name), message, format!("at most \"{most}%\""));
            }
        }
    }
}

fn is_too_fine(drift: Option<Ratio>) -> bool {
    drift.is_some_and(|drift| drift.billionths() % 1_000 > 0)
}
