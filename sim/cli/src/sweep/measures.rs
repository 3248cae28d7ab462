//! What is measured of a run.

use kvsim_checkers::metrics::{Calls, Distribution, Merge as _, Metrics, Sample, Where};
use kvsim_checkers::trace::Action;
use kvsim_sim::plan::Plan;

use super::column::FigureColumn;
use super::median::Value;
use crate::draw::Unit;
use crate::judge::Judged;

#[derive(Debug)]
pub struct Measure {
    /// What the file calls it.
    pub name: &'static str,
    /// What it is, in a line.
    pub meaning: &'static str,
    /// What its numbers are.
    pub unit: Unit,
    /// It is a distribution; a column shows one of its quantiles.
    pub is_distribution: bool,
    /// It can be narrowed down to a priority and a level.
    pub is_grouped: bool,
    /// The figure of a run; nothing when there was nothing to measure.
    pub of: Of,
}

impl Measure {
    const fn grouped(self) -> Measure {
        Measure { is_grouped: true, ..self }
    }

    /// A column of it, with all that it can be narrowed down to.
    pub fn example(&self) -> String {
        let quantile = if self.is_distribution { " p99" } else { "" };
        let group = if self.is_grouped { " P3 at fifo" } else { "" };
        format!("{}{quantile}{group}", self.name)
    }
}

const fn number(name: &'static str, meaning: &'static str, unit: Unit, of: Of) -> Measure {
    Measure { name, meaning, unit, is_distribution: false, is_grouped: false, of }
}

const fn distribution(name: &'static str, meaning: &'static str, unit: Unit, of: Of) -> Measure {
    Measure { is_distribution: true, ..number(name, meaning, unit, of) }
}

/// The figure of a run; nothing when there was nothing to measure.
type Of = fn(&FigureColumn, &MeasuredRun<'_>) -> Option<Value>;

impl PartialEq for Measure {
    fn eq(&self, other: &Measure) -> bool {
        self.name == other.name
    }
}

impl Eq for Measure {}

pub const MEASURES: &[Measure] = &[
    number("reads/s", "answered reads per second of the workload", Unit::Thousandths, |_, run| {
        Some(run.per_second(|action| action == Action::Read))
    }),
    number("writes/s", "acknowledged writes and deletes per second of the workload", Unit::Thousandths, |_, run| {
        Some(run.per_second(|action| action != Action::Read))
    }),
    number("answered", "share of operations that were answered", Unit::Share, |_, run| {
        share(run.answered(|_| true), run.calls(|_| true).map(|calls| calls.asked.0.iter().sum::<u64>()).sum())
    }),
    distribution("read latency", "time from a read to its answer", Unit::Time, |figure, run| {
        figure.quantile(&run.latency(|action| action == Action::Read))
    }),
    distribution("write latency", "time from a write or delete to its acknowledgement", Unit::Time, |figure, run| {
        figure.quantile(&run.latency(|action| action != Action::Read))
    }),
    distribution(
        "own visibility",
        "time from a write's acknowledgement until its own replica shows it",
        Unit::Time,
        |figure, run| figure.visible_after(&figure.visibility(run, Where::Own)),
    )
    .grouped(),
    distribution(
        "visibility",
        "time from a write's acknowledgement until another replica shows it, each counted",
        Unit::Time,
        |figure, run| figure.visible_after(&figure.visibility(run, Where::Other)),
    )
    .grouped(),
    number("unseen", "share of writes that another replica never shows, each counted", Unit::Share, |figure, run| {
        if run.judged.recording.header.silent {
            return None; // what no read has found is not known
        }
        let visibility = figure.visibility(run, Where::Other);
        share(visibility.never, visibility.count())
    })
    .grouped(),
    number("stale reads", "share of reads that miss a write which was acknowledged before", Unit::Share, |_, run| {
        let missed = run.missed();
        let fresh = missed.classes().next().filter(|(number, _)| *number == 0).map_or(0, |(_, count)| count);
        share(missed.count() - fresh, missed.count())
    }),
    distribution(
        "staleness",
        "for how long the first write that a read misses had been acknowledged, 0 where none is missed",
        Unit::Time,
        |figure, run| figure.quantile(&merged(run.metrics.staleness.values().map(|group| &group.age_ns))),
    ),
    number(
        "messages/write",
        "messages sent during the workload, for each acknowledged write or delete",
        Unit::Thousandths,
        |_, run| run.per_write(run.judged.counts_of_workload.messages, 1_000),
    ),
    number(
        "bytes/write",
        "bytes sent during the workload, for each acknowledged write or delete",
        Unit::Bytes,
        |_, run| run.per_write(run.judged.counts_of_workload.bytes, 1),
    ),
    number(
        "context entries",
        "clock entries that replicas keep per object, on average over the workload",
        Unit::Thousandths,
        |_, run| {
            let (entries, objects) = (run.sampled("context-entries")?, run.sampled("objects")?);
            let thousandths = (u128::from(entries) * 1_000).checked_div(u128::from(objects))?;
            Some(Value::Is(thousandths as u64))
        },
    ),
    distribution(
        "metadata bytes",
        "bytes of clocks and contexts in a replica, over replicas and the workload",
        Unit::Bytes,
        |figure, run| figure.quantile(&run.samples().filter_map(|sample| sample.metadata_bytes).collect()),
    ),
];

pub struct MeasuredRun<'a> {
    pub plan: &'a Plan,
    pub judged: &'a Judged,
    pub metrics: &'a Metrics,
}

impl MeasuredRun<'_> {
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
