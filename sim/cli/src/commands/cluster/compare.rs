//! One plan simulated and real, side by side.

use std::collections::BTreeMap;

use kvsim_checkers::metrics::{Distribution, Measured, Metrics, Where};
use kvsim_checkers::trace::{Action, Header, Recording, What};
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use crate::charts;
use crate::judge;
use crate::recorder::Keep;

/// The quantiles that are shown, in parts of 10,000: p50, p90, p99 and the longest.
const QUANTILES: [u16; 4] = [5_000, 9_000, 9_900, 10_000];

/// Quantiles of how long operations took, and of how long after its acknowledgement a write was found by a read at another node;
/// both from what clients have seen alone.
pub fn table(store: &'static StoreEntry, plan: &Plan, real: &Recording) -> String {
    let simulated = judge::run_only(store, plan, Keep::Judged).recording;
    let (simulated, real) = (figures(plan, &seen_by_clients(&simulated)), figures(plan, real));
    let mut out =
        "\n| ms, simulated and real | n | p50 | p90 | p99 | longest |\n|---|---|---|---|---|---|\n".to_owned();
    for (name, simulated) in &simulated {
        let Some(real) = real.get(name) else { continue };
        let cells = QUANTILES.map(|of_10_000| match (simulated.quantile(of_10_000), real.quantile(of_10_000)) {
            (Some(one), Some(other)) => cell(one, other),
            _ => String::new(),
        });
        let counts = format!("{}, {}", simulated.count(), real.count());
        out.push_str(&format!("| {name} | {counts} | {} |\n", cells.join(" | ")));
    }
    out
}

/// Two times in milliseconds, and by how much the second differs.
fn cell(one_ns: u64, other_ns: u64) -> String {
    let ms = |ns: u64| ns as f64 / 1e6;
    let times = format!("{:.2}, {:.2}", ms(one_ns), ms(other_ns));
    match one_ns {
        0 => times,
        _ => format!("{times} ({:+.0} %)", (other_ns as f64 / one_ns as f64 - 1.0) * 100.0),
    }
}

/// What is left of a recording when replicas announce nothing.
fn seen_by_clients(recording: &Recording) -> Recording {
    let is_seen = |what: &What| {
        use What::{Answered, Invoked, Refused, Returned, TimedOut, Wrote};
        matches!(
            what,
            Invoked { .. } | Wrote { .. } | Returned { .. } | Answered { .. } | Refused { .. } | TimedOut { .. }
        )
    };
    let events = recording.events.iter().filter(|event| is_seen(&event.what)).copied().collect();
    Recording { header: Header { silent: true, ..recording.header.clone() }, events }
}

fn figures(plan: &Plan, recording: &Recording) -> BTreeMap<String, Distribution> {
    let metrics = Metrics::of(recording, &Measured::default(), charts::window_ns(&[plan]));
    let mut all: BTreeMap<String, Distribution> = BTreeMap::new();
    for ((action, level), calls) in &metrics.calls {
        let name = if *action == Action::Read {
            format!("read, {}", level.name())
        } else {
            format!("{action:?}").to_lowercase()
        };
        all.insert(name, calls.latency_ns.clone());
    }
    for ((level, priority, at), visibility) in &metrics.visibility {
        if *at == Where::Other {
            all.insert(format!("found elsewhere, {}, P{priority}", level.name()), visibility.latency.clone());
        }
    }
    all
}
