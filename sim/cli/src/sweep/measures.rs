//! What is measured of a run.

use kvsim_checkers::metrics::{Calls, Distribution, Merge as _, Metrics, Sample, Where};
use kvsim_checkers::trace::Action;
use kvsim_sim::plan::Plan;

use super::column::Figure;
use super::median::Value;
use crate::draw::Unit;
use crate::judge::Judged;

/// Something that is measured.
#[derive(Debug)]
pub struct Measure {
    /// What the file calls it.
    pub name: &'static str,
    /// What it is, in a line.
    pub meaning: &'static str,
    /// What its numbers are.
    pub unit: Unit,
    /// It is a distribution, of which a quantile is told.
    pub is_distribution: bool,
    /// It can be told by priority and level.
    pub is_grouped: bool,
    /// The figure of a run; nothing when there was nothing to measure.
    pub of: fn(&Figure, &Run<'_>) -> Option<Value>,
}

impl Measure {
    /// A column of it, with all that it can be narrowed down to.
    pub fn example(&self) -> String {
        let quantile = if self.is_distribution { " p99" } else { "" };
        let group = if self.is_grouped { " P3 at fifo" } else { "" };
        format!("{}{quantile}{group}", self.name)
    }
}

impl PartialEq for Measure {
    fn eq(&self, other: &Measure) -> bool {
        self.name == other.name
    }
}

impl Eq for Measure {}

/// Everything that is measured.
pub const MEASURES: &[Measure] = &[
    Measure {
        name: "reads/s",
        meaning: "answered reads per second of the workload",
        unit: Unit::Thousandths,
        is_distribution: false,
        is_grouped: false,
        of: |_, run| Some(run.per_second(|action| action == Action::Read)),
    },
    Measure {
        name: "writes/s",
        meaning: "acknowledged writes and deletes per second of the workload",
        unit: Unit::Thousandths,
        is_distribution: false,
        is_grouped: false,
        of: |_, run| Some(run.per_second(|action| action != Action::Read)),
    },
    Measure {
        name: "answered",
        meaning: "share of operations that were answered",
        unit: Unit::Share,
        is_distribution: false,
        is_grouped: false,
        of: |_, run| {
            share(run.answered(|_| true), run.calls(|_| true).map(|calls| calls.asked.0.iter().sum::<u64>()).sum())
        },
    },
    Measure {
        name: "read latency",
        meaning: "time from a read to its answer",
        unit: Unit::Time,
        is_distribution: true,
        is_grouped: false,
        of: |figure, run| figure.quantile(&run.latency(|action| action == Action::Read)),
    },
    Measure {
        name: "write latency",
        meaning: "time from a write or delete to its acknowledgement",
        unit: Unit::Time,
        is_distribution: true,
        is_grouped: false,
        of: |figure, run| figure.quantile(&run.latency(|action| action != Action::Read)),
    },
    Measure {
        name: "own visibility",
        meaning: "time from a write's acknowledgement until its own replica shows it",
        unit: Unit::Time,
        is_distribution: true,
        is_grouped: true,
        of: |figure, run| figure.visible_after(&figure.visibility(run, Where::Own)),
    },
    Measure {
        name: "visibility",
        meaning: "time from a write's acknowledgement until another replica shows it, each counted",
        unit: Unit::Time,
        is_distribution: true,
        is_grouped: true,
        of: |figure, run| figure.visible_after(&figure.visibility(run, Where::Other)),
    },
    Measure {
        name: "unseen",
        meaning: "share of writes that another replica never shows, each counted",
        unit: Unit::Share,
        is_distribution: false,
        is_grouped: true,
        of: |figure, run| {
            let visibility = figure.visibility(run, Where::Other);
            share(visibility.never, visibility.count())
        },
    },
    Measure {
        name: "stale reads",
        meaning: "share of reads that miss a write which was acknowledged before",
        unit: Unit::Share,
        is_distribution: false,
        is_grouped: false,
        of: |_, run| {
            let missed = run.missed();
            let fresh = missed.classes().next().filter(|(number, _)| *number == 0).map_or(0, |(_, count)| count);
            share(missed.count() - fresh, missed.count())
        },
    },
    Measure {
        name: "staleness",
        meaning: "for how long the first write that a read misses had been acknowledged, 0 where none is missed",
        unit: Unit::Time,
        is_distribution: true,
        is_grouped: false,
        of: |figure, run| figure.quantile(&merged(run.metrics.staleness.values().map(|group| &group.age_ns))),
    },
    Measure {
        name: "messages/write",
        meaning: "messages sent during the workload, for each acknowledged write or delete",
        unit: Unit::Thousandths,
        is_distribution: false,
        is_grouped: false,
        of: |_, run| run.per_write(run.judged.counts_of_workload.messages, 1_000),
    },
    Measure {
        name: "bytes/write",
        meaning: "bytes sent during the workload, for each acknowledged write or delete",
        unit: Unit::Bytes,
        is_distribution: false,
        is_grouped: false,
        of: |_, run| run.per_write(run.judged.counts_of_workload.bytes, 1),
    },
    Measure {
        name: "context entries",
        meaning: "clock entries that replicas keep per object, on average over the workload",
        unit: Unit::Thousandths,
        is_distribution: false,
        is_grouped: false,
        of: |_, run| {
            let (entries, objects) = (run.sampled("context-entries")?, run.sampled("objects")?);
            let thousandths = (u128::from(entries) * 1_000).checked_div(u128::from(objects))?;
            Some(Value::Is(thousandths as u64))
        },
    },
    Measure {
        name: "metadata bytes",
        meaning: "bytes of clocks and contexts in a replica, over replicas and the workload",
        unit: Unit::Bytes,
        is_distribution: true,
        is_grouped: false,
        of: |figure, run| figure.quantile(&run.samples().filter_map(|sample| sample.metadata_bytes).collect()),
    },
];

/// A run and what it comes to.
pub struct Run<'a> {
    /// Its plan.
    pub plan: &'a Plan,
    /// What happened.
    pub judged: &'a Judged,
    /// Its figures.
    pub metrics: &'a Metrics,
}

impl Run<'_> {
    fn calls(&self, which: impl Fn(Action) -> bool) -> impl Iterator<Item = &Calls> {
        self.metrics.calls.iter().filter(move |((action, _), _)| which(*action)).map(|(_, calls)| calls)
    }

    fn answered(&self, which: impl Fn(Action) -> bool) -> u64 {
        self.calls(which).map(|calls| calls.latency_ns.count()).sum()
    }

    fn per_second(&self, which: impl Fn(Action) -> bool) -> Value {
        let thousandths = u128::from(self.answered(which)) * 1_000_000_000_000;
        Value::Is((thousandths / u128::from(self.plan.workload_end_ns.max(1))) as u64)
    }

    fn latency(&self, which: impl Fn(Action) -> bool) -> Distribution {
        merged(self.calls(which).map(|calls| &calls.latency_ns))
    }

    fn missed(&self) -> Distribution {
        merged(self.metrics.staleness.values().map(|group| &group.versions))
    }

    /// Nothing when no write was acknowledged.
    fn per_write(&self, number: u64, factor: u64) -> Option<Value> {
        let writes = u128::from(self.answered(|action| action != Action::Read));
        (u128::from(number) * u128::from(factor)).checked_div(writes).map(|ratio| Value::Is(ratio as u64))
    }

    fn samples(&self) -> impl Iterator<Item = &Sample> {
        self.judged.measured.samples.iter().filter(|sample| sample.at_ns <= self.plan.workload_end_ns)
    }

    /// The sum of a gauge over all samples.
    fn sampled(&self, gauge: &str) -> Option<u64> {
        let place = self.judged.recording.header.gauges.iter().position(|name| name.name == gauge)?;
        Some(self.samples().filter_map(|sample| sample.gauges.get(place)).sum())
    }
}

fn merged<'m>(all: impl Iterator<Item = &'m Distribution>) -> Distribution {
    let mut one = Distribution::default();
    all.for_each(|other| one.merge_with(other));
    one
}

/// In parts of 10,000; nothing of nothing.
fn share(part: u64, whole: u64) -> Option<Value> {
    (u128::from(part) * 10_000).checked_div(u128::from(whole)).map(|share| Value::Is(share as u64))
}
