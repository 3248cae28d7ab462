//! Makes a scene of a recording: what is drawn of it, and what it is called.

mod messages;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use kvsim_checkers::operations::{Operation, Operations, Outcome};
use kvsim_checkers::trace::{Action, Dot, Event, Header, Level, Levels, NodeId, Recording, What};
use kvsim_checkers::{Finding, Report};
use kvsim_sim::plan::{FaultKind, Plan};

use super::scene::{Downtime, FaultSpan, Label, Scene};
use crate::draw::Kind;
use crate::report::to_explain;

/// What is to be seen of a run within `span_ns`; without an end, up to the last change that matters.
pub fn scene(plan: &Plan, recording: &Recording, reports: &[Report], span_ns: Range<u64>) -> Scene {
    let Header { scenario, store, seed, nodes, .. } = &recording.header;
    let mut builder = SceneBuilder {
        header: &recording.header,
        operations: Operations::of(recording),
        named: reports.iter().flat_map(|report| &report.findings).flat_map(|finding| finding.ops.clone()).collect(),
        explains: BTreeSet::new(),
        broken: Vec::new(),
        scene: Scene {
            title: format!("{scenario}: store {store}, seed {seed}"),
            nodes: *nodes,
            ends: vec![Vec::new(); usize::from(*nodes)],
            ..Scene::default()
        },
    };
    let mut codes = BTreeSet::new();
    for finding in reports.iter().flat_map(|report| &report.findings) {
        if !codes.insert(&finding.code) {
            continue;
        }
        builder.scene.findings.push(format!("{}: {}", finding.code, finding.title));
        builder.explains.extend(to_explain(plan, finding));
        builder.broken.extend(broken_at(recording, finding).map(|event| (event, finding.code.clone())));
    }
    let changes = changes(recording);
    let until_ns = match span_ns.end {
        u64::MAX => last_change(recording, &changes),
        end => end,
    };
    let span_ns = span_ns.start..until_ns.saturating_add(1);
    builder.events(recording, &span_ns);
    builder.messages(recording, &span_ns, &changes);
    builder.downtimes(recording, &span_ns);
    builder.faults(plan, recording, &span_ns);
    builder.ends(recording);
    builder.marks(&span_ns);
    builder.scene
}

/// The event that breaks the promise: the last that the finding names of the moment when it was detected.
fn broken_at<'r>(recording: &'r Recording, finding: &Finding) -> Option<&'r Event> {
    let place = |number: &u64| recording.events.binary_search_by_key(number, |event| event.number).ok();
    let named = || finding.events.iter().filter_map(place).map(|place| &recording.events[place]);
    named().rfind(|event| event.at_ns == finding.at_ns).or(named().next_back())
}

/// The numbers of deliveries after which something is known, shown or answered, and of those that lead to one.
fn changes(recording: &Recording) -> BTreeSet<u64> {
    let mut all = BTreeSet::new();
    for event in recording.events.iter().rev() {
        match event.what {
            What::Known { .. }
            | What::Visible { .. }
            | What::Hidden { .. }
            | What::Overflowed { .. }
            | What::Wrote { .. }
            | What::Answered { .. }
            | What::Refused { .. } => {
                all.insert(event.cause);
            }
            What::Sent { .. } | What::Delivered { .. } if all.contains(&event.number) => {
                all.insert(event.cause);
            }
            _ => {}
        }
    }
    all
}

/// When something that matters happens last before the snapshot of the end.
fn last_change(recording: &Recording, changes: &BTreeSet<u64>) -> u64 {
    let matters = |event: &&Event| match event.what {
        What::Delivered { .. } => changes.contains(&event.number),
        What::Sent { .. }
        | What::Lost { .. }
        | What::Duplicated { .. }
        | What::TimerFired
        | What::Holds { .. }
        | What::Gauge { .. }
        | What::Settling
        | What::Lagging { .. } => false,
        _ => true,
    };
    recording.events.iter().rfind(matters).map_or(0, |event| event.at_ns)
}

struct SceneBuilder<'a> {
    header: &'a Header,
    operations: Operations<'a>,
    /// Operations that findings name.
    named: BTreeSet<u32>,
    /// Operations that explain a finding best.
    explains: BTreeSet<u32>,
    /// The codes of findings, each with the event that breaks the promise.
    broken: Vec<(&'a Event, String)>,
    scene: Scene,
}

impl SceneBuilder<'_> {
    fn events(&mut self, recording: &Recording, span_ns: &Range<u64>) {
        let is_in = |event: &&Event| span_ns.contains(&event.at_ns) && !matches!(event.what, What::Known { .. });
        let events: Vec<&Event> = recording.events.iter().filter(is_in).collect();
        let change = |event: &Event| match event.what {
            What::Visible { write, .. } => Some((event.node, event.cause, write, true)),
            What::Hidden { write, .. } => Some((event.node, event.cause, write, false)),
            _ => None,
        };
        // Announcements of one step about one write are put together.
        for group in events.chunk_by(|one, next| change(one).is_some() && change(one) == change(next)) {
            let Some((node, _, write, shown)) = change(group[0]) else {
                self.event(group[0], recording, span_ns);
                continue;
            };
            let levels = group.iter().filter_map(|event| match event.what {
                What::Visible { levels, .. } | What::Hidden { levels, .. } => Some(levels),
                _ => None,
            });
            let levels = levels.reduce(Levels::and).unwrap_or_default();
            self.shown(group[0].at_ns, node, write, shown, levels);
        }
    }

    fn shown(&mut self, at_ns: u64, node: NodeId, write: Dot, shown: bool, levels: Levels) {
        let Some(operation) = self.operations.of_write(write) else { return };
        let (key, value) = (self.key(operation.key), operation.value);
        let priority = self.header.priority(operation.key);
        let all: Levels = self.header.levels.iter().filter(|level| level.carries(priority)).collect();
        let at = if levels == all { String::new() } else { format!(" at {}", levels.names()) };
        let sign = if shown { '+' } else { '\u{2212}' };
        self.scene.label(at_ns, node, Kind::Visible, format!("{sign} {key} = {value}{at}"));
    }

    fn key(&self, key: u32) -> String {
        self.header.keys.get(key as usize).cloned().unwrap_or_default()
    }

    fn event(&mut self, event: &Event, recording: &Recording, span_ns: &Range<u64>) {
        let (at_ns, node) = (event.at_ns, event.node);
        match event.what {
            What::Invoked { op, .. } => {
                let Some(operation) = self.operations.get(op).cloned() else { return };
                self.invoked(at_ns, node, &operation, recording, span_ns);
            }
            What::Answered { op } | What::Refused { op, .. } | What::TimedOut { op } => {
                let Some(operation) = self.operations.get(op) else { return };
                if recording.events[operation.invoked].at_ns == at_ns {
                    return;
                }
                let (end, kind) = (self.end(operation), self.kind(op));
                self.scene.label(at_ns, node, kind, format!("#{op}{end}"));
            }
            What::Overflowed { write, .. } => {
                self.scene.label(at_ns, node, Kind::NodeFault, format!("no room for {write}"));
            }
            _ => {}
        }
    }

    fn kind(&self, op: u32) -> Kind {
        if self.named.contains(&op) { Kind::Found } else { Kind::Operation }
    }

    fn end(&self, operation: &Operation) -> String {
        match (operation.outcome, operation.action) {
            (Outcome::Answered(_), Action::Read) => {
                format!(" \u{2192} {}", self.operations.values(&operation.returned))
            }
            (Outcome::Answered(_), _) => " ok".to_owned(),
            (Outcome::Refused(_), _) => " refused".to_owned(),
            (Outcome::TimedOut(_), _) => " timed out".to_owned(),
            (Outcome::Open, _) => String::new(),
        }
    }

    fn invoked(
        &mut self,
        at_ns: u64,
        node: NodeId,
        operation: &Operation,
        recording: &Recording,
        span_ns: &Range<u64>,
    ) {
        let op = operation.number;
        let who = self.header.sessions.get(operation.session as usize).cloned().unwrap_or_default();
        let key = self.key(operation.key);
        let what = match operation.action {
            Action::Read if operation.level == Level::Eventual => format!("read {key}"),
            Action::Read => format!("read {key} ({})", operation.level.name()),
            Action::Write => format!("write {key} = {}", operation.value),
            Action::Delete => format!("delete {key}"),
        };
        let ended_ns = match operation.outcome {
            Outcome::Answered(place) | Outcome::Refused(place) | Outcome::TimedOut(place) => {
                recording.events[place].at_ns
            }
            Outcome::Open => span_ns.end - 1,
        };
        let mut text = format!("#{op} {who}: {what}");
        if ended_ns > at_ns {
            self.scene.waits.push((node, at_ns, ended_ns.min(span_ns.end - 1)));
            self.scene.row(ended_ns.min(span_ns.end - 1));
        } else if operation.action == Action::Read || operation.answered().is_none() {
            text.push_str(&self.end(operation));
        }
        let point = match (self.explains.contains(&op), self.named.contains(&op)) {
            (true, _) => Kind::Explains,
            (false, true) => Kind::Named,
            (false, false) => Kind::Point,
        };
        let kind = self.kind(op);
        self.scene.label(at_ns, node, kind, text);
        self.scene.row(at_ns).points.push((node, point));
    }

    /// Nodes that are down or paused.
    fn downtimes(&mut self, recording: &Recording, span_ns: &Range<u64>) {
        let mut since: BTreeMap<(NodeId, Kind), u64> = BTreeMap::new();
        for event in recording.events.iter().filter(|event| event.at_ns < span_ns.end) {
            let (kind, begins, text) = match event.what {
                What::Down { .. } => (Kind::Down, true, "goes down".to_owned()),
                What::Up { incarnation: 1 } => (Kind::Down, false, "is up again".to_owned()),
                What::Up { incarnation } => (Kind::Down, false, format!("is up, life {incarnation}")),
                What::Paused => (Kind::Paused, true, "pauses".to_owned()),
                What::Resumed => (Kind::Paused, false, "resumes".to_owned()),
                _ => continue,
            };
            let (node, at_ns) = (event.node, event.at_ns.max(span_ns.start));
            if begins {
                since.insert((node, kind), at_ns);
            } else if let Some(from_ns) = since.remove(&(node, kind)) {
                self.scene.downtimes.push(Downtime { kind, node, from_ns, until_ns: at_ns });
            }
            let labels = self.scene.row(at_ns).labels.entry(node).or_default();
            labels.insert(0, Label { text, kind: Kind::NodeFault });
        }
        for ((node, kind), from_ns) in since {
            self.scene.row(span_ns.end - 1);
            self.scene.downtimes.push(Downtime { kind, node, from_ns, until_ns: span_ns.end - 1 });
        }
    }

    /// Faults of the network that last for a while.
    fn faults(&mut self, plan: &Plan, recording: &Recording, span_ns: &Range<u64>) {
        let mut since: BTreeMap<u16, u64> = BTreeMap::new();
        let span = |fault: u16, from_ns: u64, until_ns: u64| {
            let fault = plan.faults.get(usize::from(fault))?;
            let cut = |side: &[NodeId]| side.iter().map(|node| node.to_string()).collect::<Vec<_>>().join(", ");
            let (text, kind) = match &fault.kind {
                FaultKind::Partition { cuts } => {
                    let text = match cuts.as_slice() {
                        [one, other] if (&one.from, &one.to) == (&other.to, &other.from) => {
                            format!("{} | {}", cut(&one.from), cut(&one.to))
                        }
                        cuts => {
                            let cuts = cuts.iter().map(|one| format!("{} \u{2192} {}", cut(&one.from), cut(&one.to)));
                            cuts.collect::<Vec<_>>().join("; ")
                        }
                    };
                    (format!("{}: cut {text}", fault.name), Kind::Partition)
                }
                FaultKind::Links { .. } => (fault.name.clone(), Kind::LinkFault),
                _ => return None,
            };
            Some(FaultSpan { kind, text, from_ns, until_ns })
        };
        let mut faults = Vec::new();
        for event in recording.events.iter().filter(|event| event.at_ns < span_ns.end) {
            match event.what {
                What::FaultOn { fault } => drop(since.insert(fault, event.at_ns.max(span_ns.start))),
                What::FaultOff { fault } => {
                    let from_ns = since.remove(&fault);
                    faults.extend(from_ns.and_then(|from_ns| span(fault, from_ns, event.at_ns)));
                }
                _ => {}
            }
        }
        faults.extend(since.into_iter().filter_map(|(fault, from_ns)| span(fault, from_ns, span_ns.end - 1)));
        faults.retain(|fault: &FaultSpan| fault.until_ns >= span_ns.start);
        for fault in &faults {
            self.scene.row(fault.from_ns);
            self.scene.row(fault.until_ns);
        }
        self.scene.faults = faults;
    }

    /// Where promises are broken.
    fn marks(&mut self, span_ns: &Range<u64>) {
        for (event, code) in std::mem::take(&mut self.broken) {
            let (at_ns, node) = (event.at_ns, event.node);
            let text = format!("\u{d7} {code}");
            if matches!(event.what, What::Holds { .. } | What::Gauge { .. }) || at_ns >= span_ns.end {
                self.scene.ends[node.index()].push(Label { text, kind: Kind::Found });
            } else if at_ns >= span_ns.start {
                self.scene.label(at_ns, node, Kind::Found, text);
            }
        }
    }

    /// What each replica returns at the end for the keys that were written.
    fn ends(&mut self, recording: &Recording) {
        const KEYS_MAX: usize = 6;
        let is_write = |operation: &&Operation| operation.action != Action::Read;
        let keys: BTreeSet<u32> = self.operations.list().iter().filter(is_write).map(|one| one.key).collect();
        let mut held: BTreeMap<(NodeId, u32), Vec<Dot>> = BTreeMap::new();
        let mut up = BTreeSet::new();
        for event in &recording.events {
            match event.what {
                What::Holds { level: Level::Eventual, key, write } => {
                    held.entry((event.node, key)).or_default().push(write);
                }
                What::Gauge { .. } => drop(up.insert(event.node)),
                _ => {}
            }
        }
        for node in up {
            for key in keys.iter().take(KEYS_MAX).filter(|key| self.header.holds(node, **key)) {
                let versions = held.get(&(node, *key)).map_or(&[][..], |versions| versions);
                let text = format!("{} \u{2192} {}", self.key(*key), self.operations.values(versions));
                self.scene.ends[node.index()].push(Label { text, kind: Kind::Visible });
            }
        }
    }
}
