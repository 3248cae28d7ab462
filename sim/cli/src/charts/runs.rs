//! The runs that charts are of: stored plans, run again with everything recorded and measured.

use std::ops::Range;

use kvsim_checkers::Report;
use kvsim_checkers::metrics::{Measured, Metrics};
use kvsim_checkers::trace::{Recording, What};
use kvsim_sim::engine::{Outcome, StorePanic};
use kvsim_sim::plan::{FaultPlan, Plan};
use kvsim_sim::stores::StoreEntry;

use super::labels::labels;
use crate::draw::Dash;
use crate::draw::axis::{Axis, round_step};
use crate::draw::chart::Shaded;
use crate::progress::Progress;
use crate::recorder::{Keep, Recorder};

/// The most runs that fit into one chart: their lines differ in dashes.
pub const MAX: usize = Dash::ALL.len();

pub struct Run {
    pub plan: Plan,
    /// All that happened.
    pub recording: Recording,
    /// What it comes to.
    pub metrics: Metrics,
    /// What the checkers say, where they were asked.
    pub reports: Vec<Report>,
    /// What it is called among the others.
    pub label: String,
}

pub struct Runs {
    /// In the order in which they were named.
    pub list: Vec<Run>,
    /// Width of the windows of series.
    pub window_ns: u64,
    /// The times that are shown.
    pub shown: Range<u64>,
    /// They were chosen on the command line.
    pub is_chosen: bool,
}

/// The width of windows for runs of these plans: a round number, so that there are about fifty, or, where settling takes much
/// longer than the workload, at most some thousands.
pub fn window_ns(plans: &[&Plan]) -> u64 {
    let longest = plans.iter().map(|plan| plan.workload_end_ns.max(plan.end_ns() / 100)).max().unwrap_or(1);
    round_step(longest, 60)
}

impl Runs {
    /// The runs of these plans, with their recordings; `places` are their folders, `shown` the times that matter.
    pub fn of(recorded: Vec<(Plan, Recording, Measured)>, places: &[String], shown: Option<Range<u64>>) -> Runs {
        let plans: Vec<&Plan> = recorded.iter().map(|(plan, ..)| plan).collect();
        let (window_ns, labels) = (window_ns(&plans), labels(&plans, places));
        // Of settling only the beginning is interesting, as long as something happens to data.
        let end_ns = |(plan, recording, _): &(Plan, Recording, Measured)| {
            let is_still =
                |what: &What| !matches!(what, What::Known { .. } | What::Visible { .. } | What::Hidden { .. });
            let last = recording.events.iter().rfind(|event| !is_still(&event.what)).map_or(0, |event| event.at_ns);
            let margin_ns = plan.workload_end_ns / 50;
            let end_ns = last.max(plan.workload_end_ns).saturating_add(margin_ns);
            end_ns.min(plan.end_ns()).min(plan.workload_end_ns + plan.workload_end_ns / 5)
        };
        let usual = 0..recorded.iter().map(end_ns).max().unwrap_or(1);
        let is_chosen = shown.is_some();
        let list = recorded.into_iter().zip(labels).map(|((plan, recording, measured), label)| {
            let metrics = Metrics::of(&recording, &measured, window_ns);
            Run { plan, recording, metrics, reports: Vec::new(), label }
        });
        Runs { list: list.collect(), window_ns, shown: shown.unwrap_or(usual), is_chosen }
    }

    /// Some are of a store that announces nothing.
    pub fn are_silent(&self) -> bool {
        self.list.iter().any(|run| run.recording.header.silent)
    }

    /// Each has so few operations that a line through figures of them would be one of single points.
    pub fn are_small(&self) -> bool {
        const FEW: usize = 20;
        self.list.iter().all(|run| run.plan.operations() <= FEW)
    }

    pub fn are_many(&self) -> bool {
        self.list.len() > 1
    }

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
    pub fn shaded(&self) -> Vec<Shaded> {
        let of_runs: Vec<(&Run, Vec<Shaded>)> = self.list.iter().map(|run| (run, spans(&run.plan))).collect();
        let in_all = |span: &Shaded| of_runs.iter().all(|(_, spans)| spans.contains(span));
        let mut all = Vec::new();
        for (run, spans) in &of_runs {
            all.extend(spans.iter().map(|span| match in_all(span) {
                true => span.clone(),
                false => Shaded { name: format!("{} ({})", span.name, run.label), ..span.clone() },
            }));
        }
        all.sort();
        all.dedup();
        all
    }
}

fn spans(plan: &Plan) -> Vec<Shaded> {
    let lasting = plan.faults.iter().filter(|fault| fault.kind.message().is_none());
    let span = |fault: &FaultPlan| Shaded {
        from_ns: fault.from_ns,
        until_ns: fault.until_ns,
        name: fault.name.clone(),
        is_fault: true,
    };
    let mut spans: Vec<Shaded> = lasting.map(span).collect();
    if plan.settle_ns > 0 {
        let (from_ns, until_ns) = (plan.workload_end_ns, plan.end_ns());
        spans.push(Shaded { from_ns, until_ns, name: "settling".to_string(), is_fault: false });
    }
    spans
}

/// Runs a plan with everything recorded and measured.
pub fn record(
    store: &'static StoreEntry,
    plan: &Plan,
    window_ns: u64,
) -> Result<(Outcome, Recording, Measured), StorePanic> {
    let progress = Progress::new(&plan.scenario, plan.end_ns());
    let mut recorder = Recorder::new(Keep::Everything, u64::MAX, progress).without_checkpoints().measuring(window_ns);
    let outcome = (store.run)(plan, &mut recorder)?;
    Ok((outcome, Recording { header: (store.header)(plan), events: recorder.events }, recorder.measured))
}
