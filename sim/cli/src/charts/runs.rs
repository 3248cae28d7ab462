//! The runs that charts are of: stored plans, run again with everything recorded and measured.

use std::ops::Range;

use kvsim_checkers::Report;
use kvsim_checkers::metrics::{Measured, Metrics, Sample};
use kvsim_checkers::trace::{Event, Recording};
use kvsim_sim::engine::{Outcome, Sink, StorePanic};
use kvsim_sim::plan::{FaultPlan, Plan};
use kvsim_sim::stores::StoreEntry;

use super::axis::{Axis, round_step};
use super::differ;
use super::figure::{Dash, Span};
use crate::interrupt;
use crate::progress::Progress;

/// So many runs fit into one chart: their lines differ in dashes.
pub const MAX: usize = Dash::ALL.len();

/// A run and its figures.
pub struct Run {
    /// Its plan.
    pub plan: Plan,
    /// All that happened.
    pub recording: Recording,
    /// What it comes to.
    pub metrics: Metrics,
    /// What the checkers say, where somebody has asked them.
    pub reports: Vec<Report>,
    /// What it is called among the others.
    pub label: String,
}

/// The runs of a chart.
pub struct Runs {
    /// In the order in which they were named.
    pub list: Vec<Run>,
    /// Width of the windows of series.
    pub window_ns: u64,
    /// The times that are shown.
    pub shown: Range<u64>,
    /// Somebody has chosen them.
    pub is_chosen: bool,
}

/// The width of windows for runs of these plans: a round number, so that there are about fifty.
pub fn window_ns(plans: &[&Plan]) -> u64 {
    let longest = plans.iter().map(|plan| plan.workload_end_ns).max().unwrap_or(1);
    round_step(longest, 60)
}

impl Runs {
    /// The runs of these plans, with their recordings; `places` are their folders, `shown` the times that matter.
    pub fn of(recorded: Vec<(Plan, Recording, Measured)>, places: &[String], shown: Option<Range<u64>>) -> Runs {
        let plans: Vec<&Plan> = recorded.iter().map(|(plan, ..)| plan).collect();
        let (window_ns, labels) = (window_ns(&plans), differ::labels(&plans, places));
        // Of settling the beginning tells most.
        let end_ns = |plan: &&Plan| plan.end_ns().min(plan.workload_end_ns + plan.workload_end_ns / 5);
        let usual = 0..plans.iter().map(end_ns).max().unwrap_or(1);
        let is_chosen = shown.is_some();
        let list = recorded.into_iter().zip(labels).map(|((plan, recording, measured), label)| {
            let metrics = Metrics::of(&recording, &measured, window_ns);
            Run { plan, recording, metrics, reports: Vec::new(), label }
        });
        Runs { list: list.collect(), window_ns, shown: shown.unwrap_or(usual), is_chosen }
    }

    /// True when runs are compared.
    pub fn are_many(&self) -> bool {
        self.list.len() > 1
    }

    /// The axis of virtual time.
    pub fn time(&self) -> Axis {
        Axis::time(self.shown.clone())
    }

    /// A title with what the chart is of.
    pub fn title(&self, what: &str) -> String {
        match self.list.as_slice() {
            [run] => format!(
                "{what} \u{2013} {} (store {}, {} replicas)",
                run.plan.scenario, run.plan.store.name, run.plan.replicas
            ),
            runs => {
                let same = runs.iter().all(|run| run.plan.scenario == runs[0].plan.scenario);
                let name = if same { runs[0].plan.scenario.as_str() } else { "runs compared" };
                format!("{what} \u{2013} {name}")
            }
        }
    }

    /// The faults of all runs, each once, and the time of settling. Where runs differ in a fault, its name says whose it
    /// is. What happens to one message is no time.
    pub fn faults(&self) -> Vec<Span> {
        let of_runs: Vec<(&Run, Vec<Span>)> = self.list.iter().map(|run| (run, spans(&run.plan))).collect();
        let in_all = |span: &Span| of_runs.iter().all(|(_, spans)| spans.contains(span));
        let mut all = Vec::new();
        for (run, spans) in &of_runs {
            all.extend(spans.iter().map(|span| match in_all(span) {
                true => span.clone(),
                false => Span { name: format!("{} ({})", span.name, run.label), ..span.clone() },
            }));
        }
        all.sort();
        all.dedup();
        all
    }
}

fn spans(plan: &Plan) -> Vec<Span> {
    let lasting = plan.faults.iter().filter(|fault| fault.kind.message().is_none());
    let span = |fault: &FaultPlan| Span {
        from_ns: fault.from_ns,
        until_ns: fault.until_ns,
        name: fault.name.clone(),
        is_fault: true,
    };
    let mut spans: Vec<Span> = lasting.map(span).collect();
    if plan.settle_ns > 0 {
        let (from_ns, until_ns) = (plan.workload_end_ns, plan.end_ns());
        spans.push(Span { from_ns, until_ns, name: "settling".to_string(), is_fault: false });
    }
    spans
}

/// Runs a plan with everything recorded and measured.
pub fn record(store: &StoreEntry, plan: &Plan, window_ns: u64) -> Result<(Outcome, Recording, Measured), StorePanic> {
    let progress = Progress::new(&plan.scenario, plan.end_ns());
    let mut sink = Everything { events: Vec::new(), measured: Measured::default(), window_ns, now_ns: 0, progress };
    let outcome = (store.run)(plan, &mut sink)?;
    Ok((outcome, Recording { header: (store.header)(plan), events: sink.events }, sink.measured))
}

struct Everything {
    events: Vec<Event>,
    measured: Measured,
    window_ns: u64,
    now_ns: u64,
    progress: Progress,
}

impl Sink for Everything {
    fn event(&mut self, event: &Event) {
        self.now_ns = event.at_ns;
        self.events.push(*event);
    }

    fn keep_going(&self) -> bool {
        self.progress.reached(self.now_ns);
        !interrupt::is_requested()
    }

    fn measures_every_ns(&self) -> Option<u64> {
        Some(self.window_ns)
    }

    fn measured(&mut self, sample: Sample) {
        self.measured.samples.push(sample);
    }

    fn brings(&mut self, sent: u64, writes: u32) {
        self.measured.carried.push((sent, writes));
    }
}
