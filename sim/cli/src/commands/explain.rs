//! `kvsim explain`: why an operation was answered as it was.

use kvsim_checkers::explain::{self, Explanation};
use kvsim_checkers::verdict::TraceLine;
use kvsim_checkers::{Finding, Report};
use kvsim_sim::plan::Plan;
use serde::Serialize;

use crate::args::Output;
use crate::exit::{self, Failure};
use crate::interrupt;
use crate::judge;
use crate::load;
use crate::memory;
use crate::output::{BOLD, PLAIN, YELLOW};
use crate::recorder::Keep;
use crate::report::text::write_evidence;
use crate::report::{first_finding, to_explain};
use crate::scenario::Names;
use crate::text::{program, quoted, seconds};
use std::fmt::{self, Write as _};
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

impl Explanations {
    /// All of it, for people; further findings of the run follow as commands.
    fn write(&self, out: &mut String, run: &str, plan: &Plan, reports: &[Report]) -> fmt::Result {
        if let Some(Finding { code, title, evidence, .. }) = &self.finding {
            writeln!(out, "{YELLOW}finding[{code}]{PLAIN}: {title}")?;
            write_evidence(out, evidence)?;
        }
        if let Some(Explanation { operation: TraceLine { at_ns, text, .. }, reasons }) = &self.explanation {
            let space = if self.finding.is_some() { "\n" } else { "" };
            writeln!(out, "{space}{}  {text}", seconds(*at_ns))?;
            for reason in reasons {
                writeln!(out, "\n{BOLD}{}{PLAIN}", reason.title)?;
                write_evidence(out, &reason.evidence)?;
            }
        }
        let Some(first) = &self.finding else { return Ok(()) };
        let mut named = vec![to_explain(plan, first)];
        for other in reports.iter().flat_map(|report| &report.findings) {
            let op = to_explain(plan, other);
            let Some(number) = op.filter(|_| !named.contains(&op)) else { continue };
            if named.len() == 1 {
                writeln!(out, "\nother findings")?;
            }
            named.push(op);
            writeln!(out, "  {:<9}  {} explain {} --op {number}", other.code, program(), quoted(run))?;
        }
        Ok(())
    }
}

pub fn explain(args: &ExplainArgs, names: &Names) -> Result<u8, Failure> {
    let (store, plan) = load::run(&args.run, names)?;
    memory::check_with_messages(&args.run, &plan)?;
    interrupt::stop_at_once();
    let wrong = |why: String| Failure::Usage(format!("{}: {why}", args.run.display()));
    if let Some(op) = args.op.filter(|op| plan.sessions.iter().all(|session| session.ops.iter().all(|o| o.op != *op))) {
        return Err(wrong(no_operation(&plan, op)));
    }
    let judged = judge::run(store, &plan, Keep::Everything, u64::MAX);
    if judged.interrupted {
        return Ok(exit::INTERRUPTED);
    }
    let (op, finding) = match args.op {
        Some(op) => (Some(op), None),
        None => {
            let first = first_finding(&plan, &judged.reports).cloned().ok_or_else(|| {
                let help = format!("choose an operation with --op ({} trace --kind operations lists them)", program());
                wrong(format!("the run has no finding to explain\n  {help}"))
            })?;
            (to_explain(&plan, &first), Some(first))
        }
    };
    let explanation = op.map(|op| {
        let never = || wrong(format!("operation {op} was never invoked: its session did not reach it"));
        explain::explain(&judged.recording, op).ok_or_else(never)
    });
    let explanation = explanation.transpose()?;
    let result = Explanations { schema: 1, op, explanation, finding };
    args.output.print(&result, || {
        let mut out = String::new();
        let written = result.write(&mut out, &args.run.display().to_string(), &plan, &judged.reports);
        written.expect("a string takes everything");
        out
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
