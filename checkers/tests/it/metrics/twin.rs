//! The figures straight from their definitions: every question is put to the whole recording again.

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::metrics::{
    Calls, Distributions, Group, Lag, Measured, Metrics, Series, Staleness, Traffic, Visibility, Where,
};
use kvsim_checkers::trace::{Action, Conflict, Dot, Event, Level, NodeId, Recording, What};

use crate::ops::{Op, ops};

struct Write {
    id: Dot,
    op: Op,
    wrote: usize,
    /// Itself, too.
    seen: BTreeSet<Dot>,
}

pub struct Twin<'a> {
    recording: &'a Recording,
    ops: Vec<Op>,
    writes: Vec<Write>,
    window_ns: u64,
}

/// The figures of a recording in which no name of a write is given twice.
pub fn metrics(recording: &Recording, measured: &Measured, window_ns: u64) -> Metrics {
    let mut twin = Twin { recording, ops: ops(recording), writes: Vec::new(), window_ns };
    twin.collect_writes();
    Metrics {
        visibility: twin.visibility(),
        staleness: twin.staleness(
            |read, answered| twin.missed(read, answered).into_iter().map(|write| &write.op).collect(),
            |op| twin.writes.iter().any(|write| write.op.number == op.number),
        ),
        calls: twin.calls(),
        traffic: twin.traffic(measured),
        lag: NodeId::all(recording.header.nodes).map(|node| (node, twin.lag(node))).collect(),
        gauges: twin.gauges(measured),
    }
}

/// By when clients at the latest had found writes, of a recording in which no name is given twice.
pub fn found(recording: &Recording) -> BTreeMap<Group, Visibility> {
    let mut twin = Twin { recording, ops: ops(recording), writes: Vec::new(), window_ns: 1 };
    twin.collect_writes();
    let mut all: BTreeMap<Group, Visibility> = BTreeMap::new();
    for write in &twin.writes {
        let Some(answered) = write.op.answered else { continue };
        for (level, node) in
            Level::ALL.into_iter().flat_map(|level| NodeId::all(recording.header.nodes).map(move |node| (level, node)))
        {
            let reads = twin.ops.iter().filter(|op| (op.action, op.level, op.node) == (Action::Read, level, node));
            let returning = reads.filter(|read| read.key == write.op.key && read.returned.contains(&write.id));
            let Some(found) = returning.filter_map(|read| read.answered).min() else { continue };
            let at = if node == write.id.node() { Where::Own } else { Where::Other };
            let latency_ns = twin.at_ns(found).saturating_sub(twin.at_ns(answered));
            note(all.entry((level, recording.header.priority(write.op.key), at)).or_default(), Some(latency_ns));
        }
    }
    all
}

/// How old reads are at least, of a recording in which no name is given twice.
pub fn stale_at_least(recording: &Recording, window_ns: u64) -> BTreeMap<Level, Staleness> {
    let twin = Twin { recording, ops: ops(recording), writes: Vec::new(), window_ns };
    let ended = |op: &Op| op.answered.unwrap_or(usize::MAX);
    let is_refused =
        |op: &Op| twin.events().any(|(_, event)| matches!(event.what, What::Refused { op: of, .. } if of == op.number));
    let missed = |read: &Op, answered: usize| {
        let of_key = || twin.ops.iter().filter(|op| op.key == read.key);
        let named = |id: &Dot| of_key().find(|op| op.write == Some(*id));
        let returned: Vec<&Op> = read.returned.iter().filter_map(named).collect();
        let is_causal = recording.header.conflict == Conflict::Causal;
        let misses = |write: &&Op| {
            let is_late = returned.iter().all(|version| ended(version) < write.invoked);
            let deletes =
                || of_key().filter(|op| op.action == Action::Delete && !is_refused(op) && op.invoked < answered);
            let is_accused = !returned.is_empty() && !is_causal;
            let is_kept = write.action == Action::Write && deletes().all(|delete| ended(delete) < write.invoked);
            is_late && (is_accused || is_kept)
        };
        of_key().filter(|op| op.action != Action::Read && ended(op) < read.invoked).filter(misses).collect()
    };
    twin.staleness(missed, |op| op.action != Action::Read)
}

impl Twin<'_> {
    fn events(&self) -> impl DoubleEndedIterator<Item = (usize, &Event)> {
        self.recording.events.iter().enumerate()
    }

    fn at_ns(&self, place: usize) -> u64 {
        self.recording.events[place].at_ns
    }

    fn collect_writes(&mut self) {
        for (place, event) in self.recording.events.iter().enumerate() {
            let What::Wrote { op, write: id } = event.what else { continue };
            let op = self.ops.iter().find(|other| other.number == op).expect("invoked").clone();
            let others_know = self.events().any(
                |(_, event)| matches!(event.what, What::Known { write } if write == id && event.node != id.node()),
            );
            let forgotten = self.events().any(|(place, event)| {
                event.what == What::Forgot { write: id, promised: false }
                    && event.node == id.node()
                    && op.answered.is_none_or(|answered| answered > place)
            });
            if forgotten && !others_know {
                continue;
            }
            let mut parts: Vec<Dot> = Vec::new();
            if self.recording.header.conflict == Conflict::Causal {
                let answers = self.ops.iter().filter(|read| {
                    (op.context || read.action != Action::Read)
                        && (read.session, read.key) == (op.session, op.key)
                        && read.answered.is_some_and(|answered| answered < op.invoked)
                });
                if let Some(last) = answers.max_by_key(|op| op.answered) {
                    parts.extend(last.returned.iter().chain(&last.write));
                }
            }
            if self.recording.header.conflict == Conflict::LastWriterWins {
                let same_line = |w: &&Write| w.id.origin.number() == id.origin.number() && w.op.key == op.key;
                parts.extend(self.writes.iter().filter(same_line).map(|w| w.id));
                parts.extend(self.shown_before(place, event.node));
            }
            let of_key = |part: &Dot| self.writes.iter().find(|w| w.id == *part && w.op.key == op.key);
            let mut seen: BTreeSet<Dot> = parts.iter().filter_map(of_key).flat_map(|w| w.seen.clone()).collect();
            seen.insert(id);
            self.writes.push(Write { id, op, wrote: place, seen });
        }
    }

    /// What the eventual level of `node` shows before the event at `place`.
    fn shown_before(&self, place: usize, node: NodeId) -> BTreeSet<Dot> {
        let mut shown = BTreeSet::new();
        for event in self.recording.events[..place].iter().filter(|event| event.node == node) {
            match event.what {
                What::Visible { levels, write } if levels.contains(Level::Eventual) => drop(shown.insert(write)),
                What::Hidden { levels, write } if levels.contains(Level::Eventual) => drop(shown.remove(&write)),
                What::Down { .. } => shown.clear(),
                _ => {}
            }
        }
        shown
    }

    fn write(&self, id: Dot) -> Option<&Write> {
        self.writes.iter().find(|write| write.id == id)
    }

    /// `by` is `write`, or had seen it.
    fn covers(&self, by: Dot, write: &Write) -> bool {
        self.write(by).is_some_and(|by| by.seen.contains(&write.id))
    }

    fn visibility(&self) -> BTreeMap<Group, Visibility> {
        let header = &self.recording.header;
        let mut all: BTreeMap<Group, Visibility> = BTreeMap::new();
        for write in self.writes.iter().filter(|write| write.op.action == Action::Write) {
            let Some(answered) = write.op.answered else { continue };
            let priority = header.priority(write.op.key);
            for level in header.levels.iter().filter(|level| level.carries(priority)) {
                let mut latencies = Vec::new();
                for node in header.holders(write.op.key) {
                    let shown = self.events().find(|(_, event)| match event.what {
                        What::Visible { levels, write: by } => {
                            event.node == node && levels.contains(level) && self.covers(by, write)
                        }
                        _ => false,
                    });
                    let latency = shown.map(|(_, event)| event.at_ns.saturating_sub(self.at_ns(answered)));
                    latencies.push(latency);
                    let at = if node == write.id.node() { Where::Own } else { Where::Other };
                    note(all.entry((level, priority, at)).or_default(), latency);
                }
                let last =
                    latencies.iter().copied().collect::<Option<Vec<u64>>>().map(|all| *all.iter().max().unwrap());
                note(all.entry((level, priority, Where::All)).or_default(), last);
            }
        }
        all
    }

    /// The completed writes that a read misses.
    fn missed(&self, read: &Op, answered: usize) -> Vec<&Write> {
        let returned: Vec<&Write> = read.returned.iter().filter_map(|id| self.write(*id)).collect();
        let of_key = self.writes.iter().filter(|write| write.op.key == read.key);
        let reflected = |write: &Write| returned.iter().any(|version| version.seen.contains(&write.id));
        let completed = of_key.filter(|write| write.op.answered.is_some_and(|answered| answered < read.invoked));
        let missed = completed.filter(|write| {
            if write.op.action == Action::Delete {
                !reflected(write) && returned.iter().any(|version| write.seen.contains(&version.id))
            } else {
                let deleted = self.writes.iter().any(|delete| {
                    delete.op.action == Action::Delete && delete.wrote < answered && delete.seen.contains(&write.id)
                });
                !reflected(write) && !deleted
            }
        });
        missed.collect()
    }

    /// From what a read, answered at a place, misses, and what is a write.
    fn staleness<'w>(
        &'w self,
        missed: impl Fn(&Op, usize) -> Vec<&'w Op>,
        is_write: impl Fn(&Op) -> bool,
    ) -> BTreeMap<Level, Staleness> {
        let mut all: BTreeMap<Level, (Staleness, Vec<(u64, u64)>)> = BTreeMap::new();
        for read in self.ops.iter().filter(|op| op.action == Action::Read) {
            let Some(answered) = read.answered else { continue };
            let (group, over_time) = all.entry(read.level).or_default();
            let missed = missed(read, answered);
            let invoked_ns = self.at_ns(read.invoked);
            let age = |write: &Op| invoked_ns - self.at_ns(write.answered.unwrap());
            let age_ns = missed.iter().map(|write| age(write)).max().unwrap_or(0);
            group.age_ns.add(age_ns);
            group.versions.add(missed.len() as u64);
            over_time.push((invoked_ns, age_ns));
            let completed = self.ops.iter().filter(|op| {
                is_write(op) && op.key == read.key && op.answered.is_some_and(|answered| answered < read.invoked)
            });
            if let Some(last) = completed.max_by_key(|write| write.answered) {
                group.since_write_ns.add(age(last));
                if !missed.iter().any(|write| write.number == last.number) {
                    group.since_seen_ns.add(age(last));
                }
            }
        }
        let whole = |(group, list): (Staleness, Vec<_>)| Staleness { over_time: self.distributions(&list), ..group };
        all.into_iter().map(|(level, pair)| (level, whole(pair))).collect()
    }

    fn lag(&self, node: NodeId) -> Lag {
        let end_ns = self.recording.header.end_ns;
        let (mut writes, mut ages) = (Vec::new(), Vec::new());
        for window in 0..end_ns.div_ceil(self.window_ns) {
            let at_ns = end_ns.min((window + 1) * self.window_ns);
            // The last window ends after its last event.
            let before = |event: &Event| at_ns == end_ns || event.at_ns < at_ns;
            let now =
                self.recording.events.iter().position(|event| !before(event)).unwrap_or(self.recording.events.len());
            let lacking: Vec<&Write> = self.writes.iter().filter(|write| self.lacks(node, write, now)).collect();
            let first = lacking.iter().map(|write| self.at_ns(write.op.answered.unwrap())).min();
            writes.push((window * self.window_ns, lacking.len() as u64));
            ages.push((window * self.window_ns, first.map_or(0, |first| at_ns - first)));
        }
        Lag { writes: self.distributions(&writes), age_ns: self.distributions(&ages) }
    }

    fn lacks(&self, node: NodeId, write: &Write, now: usize) -> bool {
        if write.op.answered.is_none_or(|answered| answered >= now) || !self.recording.header.holds(node, write.op.key)
        {
            return false;
        }
        let past = &self.recording.events[..now];
        let is_up = |event: &Event| event.node == node && matches!(event.what, What::Up { .. });
        let started = past.iter().rposition(is_up).unwrap_or(0);
        let arrived = past[started..].iter().any(|event| match event.what {
            What::Known { write: by } => event.node == node && self.covers(by, write),
            _ => false,
        });
        !(arrived || self.recording.header.conflict == Conflict::LastWriterWins && self.is_replaced(write, past))
    }

    /// After the write its replica got to know another one of the key.
    fn is_replaced(&self, write: &Write, past: &[Event]) -> bool {
        let mut order: Vec<Dot> = Vec::new();
        for event in past.iter().filter(|event| event.node == write.id.node()) {
            if let What::Known { write: id } = event.what
                && !order.contains(&id)
                && self.write(id).is_some_and(|other| other.op.key == write.op.key)
            {
                order.push(id);
            }
        }
        order.contains(&write.id) && order.last() != Some(&write.id)
    }

    fn calls(&self) -> BTreeMap<(Action, Level), Calls> {
        let mut all = BTreeMap::new();
        for op in &self.ops {
            let same = |other: &&Op| (other.action, other.level) == (op.action, op.level);
            let (mut asked, mut answered) = (Vec::new(), Vec::new());
            let mut calls = Calls::default();
            for op in self.ops.iter().filter(same) {
                let invoked_ns = self.at_ns(op.invoked);
                asked.push((invoked_ns, 1));
                if let Some(place) = op.answered {
                    answered.push((invoked_ns, self.at_ns(place) - invoked_ns));
                }
            }
            calls.latency_ns = answered.iter().map(|(_, latency_ns)| *latency_ns).collect();
            calls.over_time = self.distributions(&answered);
            calls.asked = self.sums(&asked);
            calls.answered = self.sums(&answered.iter().map(|(at_ns, _)| (*at_ns, 1)).collect::<Vec<_>>());
            all.insert((op.action, op.level), calls);
        }
        all
    }

    fn traffic(&self, measured: &Measured) -> BTreeMap<String, Traffic> {
        let mut all = BTreeMap::new();
        for (number, name) in (0..).zip(&self.recording.header.kinds) {
            let mut traffic = Traffic::default();
            let (mut copies_sent, mut bytes_sent) = (Vec::new(), Vec::new());
            for (_, event) in self.events() {
                match event.what {
                    What::Sent { kind, bytes, copies, .. } if kind == number => {
                        copies_sent.push((event.at_ns, u64::from(copies)));
                        bytes_sent.push((event.at_ns, u64::from(copies) * u64::from(bytes)));
                    }
                    What::Delivered { kind, .. } if kind == number => {
                        let carried = measured.carried.iter().find(|(sent, count)| *sent == event.cause && *count > 0);
                        if let Some((_, count)) = carried {
                            traffic.carried += u64::from(*count);
                            let brought = self.events().filter(|(_, other)| {
                                other.cause == event.number && matches!(other.what, What::Known { .. })
                            });
                            traffic.missing += (brought.count() as u64).min(u64::from(*count));
                        }
                    }
                    _ => {}
                }
            }
            if !copies_sent.is_empty() {
                (traffic.copies, traffic.bytes) = (self.sums(&copies_sent), self.sums(&bytes_sent));
                all.insert(name.clone(), traffic);
            }
        }
        all
    }

    fn gauges(&self, measured: &Measured) -> BTreeMap<String, Distributions> {
        let mut all: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        let mut add =
            |name: &str, at_ns: u64, value: u64| all.entry(name.to_owned()).or_default().push((at_ns - 1, value));
        for sample in &measured.samples {
            for (index, value) in sample.gauges.iter().enumerate() {
                add(&self.recording.header.gauges[index].name, sample.at_ns, *value);
            }
            if let Some(bytes) = sample.metadata_bytes {
                add("metadata-bytes", sample.at_ns, bytes);
            }
        }
        for (_, event) in self.events() {
            if let What::Gauge { gauge, value } = event.what {
                add(&self.recording.header.gauges[usize::from(gauge)].name, event.at_ns, value);
            }
        }
        all.into_iter().map(|(name, list)| (name, self.distributions(&list))).collect()
    }

    /// Times and numbers, by window.
    fn windows(&self, list: &[(u64, u64)]) -> Vec<Vec<u64>> {
        let count = list.iter().map(|(at_ns, _)| at_ns / self.window_ns + 1).max().unwrap_or(0);
        let within = |window| list.iter().filter(move |(at_ns, _)| at_ns / self.window_ns == window);
        (0..count).map(|window| within(window).map(|(_, number)| *number).collect()).collect()
    }

    fn distributions(&self, list: &[(u64, u64)]) -> Distributions {
        Series(self.windows(list).into_iter().map(|window| window.into_iter().collect()).collect())
    }

    fn sums(&self, list: &[(u64, u64)]) -> Series<u64> {
        Series(self.windows(list).iter().map(|window| window.iter().sum()).collect())
    }
}

fn note(group: &mut Visibility, latency: Option<u64>) {
    match latency {
        Some(latency_ns) => group.latency.add(latency_ns),
        None => group.never += 1,
    }
}
