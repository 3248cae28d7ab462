//! Why an operation was answered as it was, for people.

use std::fmt::{self, Write as _};

use kvsim_checkers::explain::Explanation;
use kvsim_checkers::verdict::TraceLine;
use kvsim_checkers::{Finding, Report};
use kvsim_sim::plan::Plan;

use super::text::write_evidence;
use super::to_explain;
use crate::output::{BOLD, PLAIN, YELLOW};
use crate::text::{quoted, seconds};

/// The parts of an explanation.
pub struct Explained<'a> {
    /// The run, as the command line names it.
    pub run: &'a str,
    /// Why the operation was answered as it was; absent when the finding names none.
    pub explanation: Option<&'a Explanation>,
    /// The finding that the operation was chosen for; absent when the command line names the operation.
    pub finding: Option<&'a Finding>,
}

impl Explained<'_> {
    /// All of it; further findings of the run follow as commands.
    pub fn text(&self, plan: &Plan, reports: &[Report]) -> String {
        let mut out = String::new();
        self.write(&mut out, plan, reports).expect("a string takes everything");
        out
    }

    fn write(&self, out: &mut String, plan: &Plan, reports: &[Report]) -> fmt::Result {
        if let Some(Finding { code, title, evidence, .. }) = self.finding {
            writeln!(out, "{YELLOW}finding[{code}]{PLAIN}: {title}")?;
            write_evidence(out, evidence)?;
        }
        if let Some(Explanation { operation: TraceLine { at_ns, text, .. }, reasons }) = self.explanation {
            let space = if self.finding.is_some() { "\n" } else { "" };
            writeln!(out, "{space}{}  {text}", seconds(*at_ns))?;
            for reason in reasons {
                writeln!(out, "\n{BOLD}{}{PLAIN}", reason.title)?;
                write_evidence(out, &reason.evidence)?;
            }
        }
        match self.finding {
            Some(finding) => self.write_others(out, plan, reports, finding),
            None => Ok(()),
        }
    }

    /// What else was found, as far as it is about other operations.
    fn write_others(&self, out: &mut String, plan: &Plan, reports: &[Report], first: &Finding) -> fmt::Result {
        let mut told = vec![to_explain(plan, first)];
        for other in reports.iter().flat_map(|report| &report.findings) {
            let op = to_explain(plan, other);
            let Some(number) = op.filter(|_| !told.contains(&op)) else { continue };
            if told.len() == 1 {
                writeln!(out, "\nother findings")?;
            }
            told.push(op);
            writeln!(out, "  {:<9}  kvsim explain {} --op {number}", other.code, quoted(self.run))?;
        }
        Ok(())
    }
}
