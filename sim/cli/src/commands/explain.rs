//! `kvsim explain`: why an operation was answered as it was.

use kvsim_checkers::Finding;
use kvsim_checkers::explain::{self, Explanation};
use kvsim_sim::plan::Plan;
use serde::Serialize;

use crate::args::Output;
use crate::exit::{self, Failure};
use crate::interrupt;
use crate::judge;
use crate::load;
use crate::recorder::Keep;
use crate::report::explained::Explained;
use crate::report::{first_finding, to_explain};
use std::path::PathBuf;

/// Explain why an operation was answered as it was
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct ExplainArgs {
    /// The folder of a run, a plan.json, or a scenario
    #[arg(value_name = "RUN|FILE")]
    run: PathBuf,
    /// Which operation, by its number [default: one that the first finding names]
    #[arg(long, value_name = "NUMBER")]
    op: Option<u32>,
    #[command(flatten)]
    output: Output,
}

/// An explanation, for programs.
#[derive(Serialize)]
struct Explanations {
    schema: u32,
    /// The operation; absent when the finding names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    op: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
    /// The finding that the operation was chosen for; absent when the command line names the operation.
    #[serde(skip_serializing_if = "Option::is_none")]
    finding: Option<Finding>,
}

/// Explains; returns the exit code.
pub fn explain(args: &ExplainArgs) -> Result<u8, Failure> {
    let (store, plan) = load::run(&args.run)?;
    interrupt::stop_gently();
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", args.run.display()));
    if let Some(op) = args.op.filter(|op| plan.sessions.iter().all(|session| session.ops.iter().all(|o| o.op != *op))) {
        return Err(wrong(no_operation(&plan, op)));
    }
    let judged = judge::run(store, &plan, Keep::Everything, u64::MAX);
    let (op, finding) = match args.op {
        Some(op) => (Some(op), None),
        None => {
            let first = first_finding(&plan, &judged.reports).cloned().ok_or_else(|| {
                let help = "choose an operation with --op (kvsim trace --kind operations lists them)";
                wrong(format!("the run has no finding to explain\n  {help}"))
            })?;
            (to_explain(&plan, &first), Some(first))
        }
    };
    let explanation = op.map(|op| {
        let never = || wrong(format!("operation {op} was never asked: its session did not come to it"));
        explain::explain(&judged.recording, op).ok_or_else(never)
    });
    let explanation = explanation.transpose()?;
    let result = Explanations { schema: 1, op, explanation, finding };
    args.output.print(&result, || {
        let run = args.run.display().to_string();
        let text = Explained { run: &run, explanation: result.explanation.as_ref(), finding: result.finding.as_ref() };
        text.text(&plan, &judged.reports)
    })?;
    Ok(if judged.interrupted { exit::INTERRUPTED } else { exit::HOLDS })
}

/// Which operations there are instead: those with the nearest numbers.
fn no_operation(plan: &Plan, op: u32) -> String {
    let mut all: Vec<u32> = plan.sessions.iter().flat_map(|session| session.ops.iter().map(|op| op.op)).collect();
    all.sort_unstable();
    let (Some(first), Some(last)) = (all.first().copied(), all.last().copied()) else {
        return "the run has no operations".to_owned();
    };
    all.sort_by_key(|other| (other.abs_diff(op), *other));
    all.truncate(3);
    all.sort_unstable();
    let near: Vec<String> = all.iter().map(u32::to_string).collect();
    format!(
        "the run has no operation {op}\n  it has operations from {first} to {last}; near it are {}",
        near.join(", ")
    )
}
