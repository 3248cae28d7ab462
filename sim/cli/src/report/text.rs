//! The results of a run, for people. The text has colours, which are removed where the output is no terminal.

use std::fmt::{self, Write as _};
use std::time::Duration;

use kvsim_checkers::verdict::TraceLine;
use kvsim_checkers::{Finding, Verdict};
use kvsim_sim::plan::Plan;

use super::Summary;
use super::findings::{Judgement, to_explain};
use crate::output::{GREEN, PLAIN, RED, YELLOW};
use crate::self_reports::{Lag, Overflow};
use crate::text::{exact, grouped, printable, program, quoted, seconds};

pub fn report(plan: &Plan, summary: &Summary, real: Duration) -> String {
    let run = quoted(&summary.run_dir);
    recorded(plan, summary, real) + &format!("  replay      {} replay {run}\n", program())
}

/// Of a run that cannot be run again.
pub fn recorded(plan: &Plan, summary: &Summary, real: Duration) -> String {
    let mut out = String::new();
    write_report(&mut out, plan, summary, real).expect("a string takes everything");
    out
}

fn write_report(out: &mut String, plan: &Plan, summary: &Summary, real: Duration) -> fmt::Result {
    let Summary { store, seed, replicas, counts, .. } = summary;
    let scenario = printable(&summary.scenario);
    let times = times(plan);
    if !plan.title.is_empty() {
        writeln!(out, "{}", plan.title)?;
    }
    writeln!(out, "{scenario}: store {store}, {replicas} replicas, {times}, seed {seed}\n")?;
    for verdict in &summary.verdicts {
        write_verdict(out, verdict)?;
    }
    summary.not_judged.iter().try_for_each(|checker| writeln!(out, "  {YELLOW}not judged{PLAIN}  {checker}"))?;
    for verdict in summary.verdicts.iter().filter(|verdict| !verdict.findings.is_empty()) {
        write_findings(out, plan, summary, verdict)?;
    }
    let [operations, messages] = counts.words().map(|(count, what)| format!("{count}: {what}"));
    let events = grouped(summary.events);
    let (end, real) = (format!("{:.3} s", summary.virtual_seconds), real.as_secs_f64());
    writeln!(out, "\n  operations  {operations}\n  messages    {messages}")?;
    write_notes(out, summary)?;
    writeln!(out, "  trace hash  {}  over {events} events, {end} virtual, {real:.2} s real", summary.trace_hash)?;
    writeln!(out, "  run folder  {}", printable(&summary.run_dir))
}

/// How long a run lasts: `10.000 s + 3.999 s settling`.
pub fn times(plan: &Plan) -> String {
    let workload = seconds(plan.workload_end_ns);
    match plan.settle_ns {
        0 => format!("{workload} + no settling"),
        ns => format!("{workload} + {} settling", seconds(ns)),
    }
}

/// What replicas reported about themselves: the worst, and how much more there is.
fn write_notes(out: &mut String, summary: &Summary) -> fmt::Result {
    const SHOWN: usize = 3;
    let Summary { lagging, overflowed, met_nothing, counts, .. } = summary;
    let mut lines = |name: &str, said: Vec<String>| -> fmt::Result {
        for (place, line) in said.iter().take(SHOWN).enumerate() {
            writeln!(out, "  {:<10}  {line}", if place == 0 { name } else { "" })?;
        }
        match said.len().checked_sub(SHOWN) {
            None | Some(0) => Ok(()),
            Some(more) => writeln!(out, "  {:<10}  {more} more in summary.json", ""),
        }
    };
    let (kvsim, dir) = (program(), quoted(&summary.run_dir));
    let refused = format!(
        "a replica says at once that it cannot; such an operation has no effect, and {kvsim} explain {dir} --op N tells why"
    );
    lines("refused", (counts.refused > 0).then_some(refused).into_iter().collect())?;
    let lag = |lag: &Lag| {
        let Lag { node, origin, level, times, longest_seconds } = lag;
        let (level, times) = (level.name(), grouped(*times));
        format!("{level} at {node} behind {origin} for {longest_seconds:.3} s, noticed {times} times")
    };
    lines("lag", lagging.iter().map(lag).collect())?;
    let overflow = |Overflow { node, times }: &Overflow| format!("no room for {} writes at {node}", grouped(*times));
    lines("buffers", overflowed.iter().map(overflow).collect())?;
    lines("faults", met_nothing.iter().map(|fault| format!("{fault} met no message")).collect())
}

fn write_verdict(out: &mut String, judgement: &Judgement) -> fmt::Result {
    let Judgement { checker, verdict, expected, note, .. } = judgement;
    let colour = match verdict {
        _ if !judgement.is_expected() && !verdict.is_open() => RED,
        Verdict::Unknown | Verdict::NotApplicable => YELLOW,
        Verdict::Holds | Verdict::Violated => GREEN,
    };
    let expectation = match (judgement.is_expected(), expected) {
        (true, Verdict::Holds | Verdict::NotApplicable) => String::new(),
        (true, _) => " (as expected)".to_string(),
        (false, expected) => format!(" (expected: {expected})"),
    };
    let note = if note.is_empty() { String::new() } else { format!("  {note}") };
    writeln!(out, "  {colour}{verdict:<8}{PLAIN}  {checker:<12}{expectation}{note}")
}

/// The findings of a checker: the first with its evidence, the others by their titles.
fn write_findings(out: &mut String, plan: &Plan, summary: &Summary, judgement: &Judgement) -> fmt::Result {
    let Some((first, others)) = judgement.findings.split_first() else { return Ok(()) };
    let (word, colour) = if judgement.is_expected() { ("finding", YELLOW) } else { ("error", RED) };
    writeln!(out)?;
    let Finding { code, title, at_ns, evidence, .. } = first;
    writeln!(out, "{colour}{word}[{code}]{PLAIN}: {title}")?;
    write_evidence(out, evidence)?;
    // What is detected only when all is compared, at the end, has mostly happened long before.
    let led_ns = evidence.last().filter(|_| *at_ns >= plan.workload_end_ns).map(|line| line.at_ns);
    let led_ns = led_ns.filter(|led_ns| led_ns < at_ns);
    let what = led_ns.map_or(String::new(), |led_ns| format!("; what led to it, up to {}", seconds(led_ns)));
    let kvsim = program();
    let (at, dir, look) = (seconds(*at_ns), quoted(&summary.run_dir), exact(led_ns.unwrap_or(*at_ns)));
    writeln!(out, "  detected at {at}{what}: {kvsim} replay {dir} --until {look}")?;
    if let Some(op) = to_explain(plan, first) {
        writeln!(out, "  explain: {kvsim} explain {} --op {op}", quoted(&summary.run_dir))?;
    }
    for other in others {
        writeln!(out, "{colour}{word}[{}]{PLAIN}: {}", other.code, other.title)?;
    }
    Ok(())
}

pub fn write_evidence(out: &mut String, evidence: &[TraceLine]) -> fmt::Result {
    evidence.iter().try_for_each(|line| writeln!(out, "  {:>10}  {}", seconds(line.at_ns), line.text))
}
