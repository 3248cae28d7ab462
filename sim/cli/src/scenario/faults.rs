//! What goes wrong in a scenario.

use std::collections::BTreeSet;

use kvsim_sim::plan::{FaultKind, MessageName};
use kvsim_sim::scenario::{Fault, FaultSpec, RandomShape, Shape};

use super::quantity::NodeName;
use super::raw::{Message, Partition, RandomPartition, ScenarioFile, ScriptedOp, ShapeName};
use super::source::{At, Span};
use super::units::{self, Wrong};
use super::validate::Validator;

impl Validator<'_> {
    /// All faults, numbered within their kind.
    pub(super) fn faults(&mut self, file: &ScenarioFile) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (number, at) in file.fault.partition.iter().enumerate() {
            let kind = self.partition(at);
            faults.extend(self.fault("partition", number, at.span, kind));
        }
        for (number, at) in file.fault.random_partition.iter().enumerate() {
            let kind = self.random_partition(at);
            faults.extend(self.fault("random_partition", number, at.span, kind));
        }
        let written = written_values(file);
        for (number, at) in file.fault.drop.iter().enumerate() {
            let message = self.message(at.value.message(), at.span, written.as_ref());
            faults.extend(self.fault(
                "drop",
                number,
                at.span,
                message.map(|name| FaultSpec::Message(FaultKind::Drop(name))),
            ));
        }
        for (number, at) in file.fault.delay.iter().enumerate() {
            let message = self.message(at.value.message(), at.span, written.as_ref());
            let takes_ns = self.text(&at.value.takes, units::duration);
            let kind = message.zip(takes_ns).map(|(message, takes_ns)| FaultKind::Delay { message, takes_ns });
            faults.extend(self.fault("delay", number, at.span, kind.map(FaultSpec::Message)));
        }
        for (number, at) in file.fault.duplicate.iter().enumerate() {
            let message = self.message(at.value.message(), at.span, written.as_ref());
            let takes_ns = self.text(&at.value.takes, units::duration);
            let kind = message.zip(takes_ns).map(|(message, takes_ns)| FaultKind::Duplicate { message, takes_ns });
            faults.extend(self.fault("duplicate", number, at.span, kind.map(FaultSpec::Message)));
        }
        self.troubles(file, &mut faults);
        faults
    }

    pub(super) fn fault(
        &self,
        kind: &str,
        number: usize,
        span: Option<Span>,
        spec: Option<FaultSpec>,
    ) -> Option<Fault> {
        let place = span.map(|span| self.sources.place(span)).unwrap_or_default();
        spec.map(|spec| Fault { name: format!("{kind}[{number}]"), place, kind: spec })
    }

    fn partition(&mut self, at: &At<Partition>) -> Option<FaultSpec> {
        let times = self.times(at);
        let shape = self.shape(at);
        let (at_ns, for_ns) = times?;
        Some(FaultSpec::Partition { at_ns, for_ns, shape: shape? })
    }

    /// Beginning and length.
    fn times(&mut self, at: &At<Partition>) -> Option<(u64, u64)> {
        let partition = &at.value;
        let from_ns = self.text(&partition.at, units::duration);
        if from_ns.is_some_and(|from_ns| from_ns >= self.duration_ns) {
            self.wrong(partition.at.span, "the partition begins after the workload", "a time before `duration`");
            return None;
        }
        let (end, for_ns) = match (&partition.lasting, &partition.until) {
            (Some(lasting), None) => (lasting, self.text(lasting, units::positive_duration)?),
            (None, Some(until)) => {
                let until_ns = self.text(until, units::duration)?;
                let for_ns = until_ns.checked_sub(from_ns?).filter(|for_ns| *for_ns > 0);
                if for_ns.is_none() {
                    self.wrong(until.span, "the partition ends before it begins", "a time after `at`");
                }
                (until, for_ns?)
            }
            (Some(lasting), Some(until)) => {
                let later = lasting.span.max(until.span);
                self.wrong(later, "the partition's end is given twice", "only one of `for` and `until`");
                return None;
            }
            (None, None) => {
                self.wrong(at.span, "the partition has no end", "one of `for` and `until`");
                return None;
            }
        };
        let from_ns = from_ns?;
        // No sum of two times overflows.
        if from_ns + for_ns > self.duration_ns {
            let wrong = Wrong::new("the partition ends after the workload", "an end within `duration`");
            let help = "faults end with the workload, so that replicas can agree while the run settles";
            self.check::<()>(end.span, Err(wrong.help(help)));
            return None;
        }
        Some((from_ns, for_ns))
    }

    fn shape(&mut self, at: &At<Partition>) -> Option<Shape> {
        let partition = &at.value;
        let spans = [
            partition.groups.as_ref().map(|groups| groups.span),
            partition.isolate.as_ref().map(|nodes| nodes.span),
            partition.one_way.as_ref().map(|ways| ways.span),
            partition.bridge.as_ref().map(|node| node.span),
        ];
        let given: Vec<Option<Span>> = spans.into_iter().flatten().collect();
        match given.as_slice() {
            [] => {
                let expected = "one of `groups`, `isolate`, `one_way` and `bridge`";
                self.wrong(at.span, "the partition does not say whom it parts", expected);
                return None;
            }
            [_] => {}
            [.., _] => {
                let expected = "only one of `groups`, `isolate`, `one_way` and `bridge`";
                self.wrong(given.iter().copied().max().flatten(), "the partition has several shapes", expected);
                return None;
            }
        }
        if self.replicas < 2 {
            self.wrong(at.span, "one replica cannot be parted from others", "at least 2 replicas");
            return None;
        }
        if let Some(groups) = &partition.groups {
            if groups.value.len() < 2 {
                self.wrong(groups.span, "one group is parted from nobody", "at least two groups of nodes");
            }
            let mut taken = BTreeSet::new();
            let mut named = |group: &At<Vec<At<NodeName>>>| {
                let names = group.value.iter().map(|name| (name.value.as_ref(), name.span));
                self.distinct(names, group.span, &mut taken)
            };
            return Some(Shape::Groups(groups.value.iter().map(&mut named).collect()));
        }
        if let Some(nodes) = &partition.isolate {
            return Some(Shape::Isolate(self.nodes(nodes)));
        }
        if let Some(ways) = &partition.one_way {
            let (from, to) = (self.nodes(&ways.value.from), self.nodes(&ways.value.to));
            if from.len() == 1 && from == to {
                self.wrong(ways.value.to.span, "a node always reaches itself", "another node");
            }
            return Some(Shape::OneWay { from, to });
        }
        let bridge = partition.bridge.as_ref()?;
        if self.replicas < 3 {
            self.wrong(bridge.span, "a bridge needs a node on either side", "at least 3 replicas");
        }
        self.node(bridge.value.as_ref(), bridge.span).map(Shape::Bridge)
    }

    fn random_partition(&mut self, at: &At<RandomPartition>) -> Option<FaultSpec> {
        let every_ns = self.text(&at.value.every, units::positive_duration);
        let lasting_ns = self.text(&at.value.lasting, units::positive_duration);
        if self.replicas < 2 {
            self.wrong(at.span, "one replica cannot be parted from others", "at least 2 replicas");
        }
        let shapes = match &at.value.shapes {
            // A bridge needs a node on either side.
            None if self.replicas < 3 => vec![RandomShape::Halves, RandomShape::Isolate, RandomShape::OneWay],
            None => vec![RandomShape::Halves, RandomShape::Isolate, RandomShape::OneWay, RandomShape::Bridge],
            Some(list) => self.shapes(list),
        };
        Some(FaultSpec::RandomPartitions { every_ns: every_ns?, lasting_ns: lasting_ns?, shapes })
    }

    fn shapes(&mut self, list: &At<Vec<At<ShapeName>>>) -> Vec<RandomShape> {
        let mut shapes = Vec::new();
        for name in &list.value {
            let shape = match name.value {
                ShapeName::Halves => RandomShape::Halves,
                ShapeName::Isolate => RandomShape::Isolate,
                ShapeName::OneWay => RandomShape::OneWay,
                ShapeName::Bridge => RandomShape::Bridge,
            };
            if shapes.contains(&shape) {
                self.wrong(name.span, "the shape is named twice", "each shape once: all are equally likely");
            } else if shape == RandomShape::Bridge && self.replicas < 3 {
                self.wrong(name.span, "a bridge needs a node on either side", "at least 3 replicas");
            } else {
                shapes.push(shape);
            }
        }
        if list.value.is_empty() {
            self.wrong(list.span, "the list is empty", "at least one shape");
        }
        shapes
    }

    /// `written` are the values that are written at all, if that is known.
    fn message(
        &mut self,
        named: Message<'_>,
        span: Option<Span>,
        written: Option<&BTreeSet<u64>>,
    ) -> Option<MessageName> {
        let from = named.from.as_ref().map(|from| self.node(from.value.as_ref(), from.span));
        let to = named.to.as_ref().map(|to| self.nodes(to)).unwrap_or_default();
        let (kind, kind_span, id) = match (named.write, named.kind, named.id) {
            (Some(write), None, None) => {
                if written.is_some_and(|written| !written.contains(&write.value)) {
                    let message = format!("nobody writes {}", write.value);
                    self.wrong(write.span, message, "a value that an operation of the script writes");
                }
                ("update", write.span, write.value)
            }
            (None, Some(kind), Some(id)) => (kind.value.as_str(), kind.span, id.value),
            (Some(_), kind, id) => {
                let kind = kind.as_ref().and_then(|kind| kind.span);
                let later = kind.max(id.as_ref().and_then(|id| id.span));
                self.wrong(later, "the message is named twice", "either `write`, or `kind` and `id`");
                return None;
            }
            (None, kind, id) => {
                let given = kind.as_ref().and_then(|kind| kind.span).or(id.as_ref().and_then(|id| id.span));
                let expected = "either `write`, or `kind` and `id`";
                self.wrong(given.or(span), "it is not said which message is meant", expected);
                return None;
            }
        };
        if let Some(store) = self.store
            && !store.message_kinds.contains(&kind)
        {
            let lead = format!("store {} has no message", store.name);
            self.wrong_name(kind_span, &lead, kind, store.message_kinds);
        }
        Some(MessageName { kind: kind.to_owned(), id, from: from.flatten(), to })
    }
}

/// The values that the scenario writes, when a script says all there is: then any other value is a slip.
fn written_values(file: &ScenarioFile) -> Option<BTreeSet<u64>> {
    let ops = &file.script.ops;
    let chosen = |op: &At<ScriptedOp>| op.value.read.is_none() && op.value.value.is_none();
    if !file.clients.is_empty() || ops.iter().any(chosen) {
        return None;
    }
    Some(ops.iter().filter_map(|op| Some(op.value.value.as_ref()?.value)).collect())
}
