//! `kvsim replay`: runs a stored plan again and compares.

use kvsim_checkers::trace::Event;
use kvsim_sim::stores::StoreEntry;
use serde::Serialize;

use crate::args::{Output, virtual_time};
use crate::exit::{self, Failure};
use crate::folder::Stored;
use crate::interrupt;
use crate::judge::{self, Judged};
use crate::output::{GREEN, PLAIN, RED};
use crate::recorder::Keep;
use crate::report::words::Words;
use crate::report::{Summary, text};
use crate::scenario::Names;
use crate::text::{program, seconds};
use std::path::PathBuf;

/// Run a stored plan again and compare the trace hash
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct ReplayArgs {
    /// The folder of a run, or a plan.json
    run: PathBuf,
    /// Stop at this virtual time (for instance 4.2s), compare up to there and show the last events
    #[arg(long, value_name = "TIME", value_parser = virtual_time)]
    until: Option<u64>,
    #[command(flatten)]
    output: Output,
}

/// The result of a replay, for programs.
#[derive(Serialize)]
struct Comparison {
    schema: u32,
    /// False when the runs differ; absent when there is nothing to compare with.
    #[serde(skip_serializing_if = "Option::is_none")]
    reproduced: Option<bool>,
    /// Number of the first event that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_difference: Option<u64>,
    /// The run itself; absent with `--until`.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Summary>,
}

pub fn replay(args: &ReplayArgs, names: &Names) -> Result<u8, Failure> {
    let stored = Stored::read(&args.run, names.stores)?;
    stored.check_simulated()?;
    let store = stored.store;
    interrupt::stop_gently();
    match args.until {
        Some(until_ns) => replay_until(args, &stored, store, until_ns),
        None => replay_all(args, &stored, store),
    }
}

/// The whole run, with its verdicts.
fn replay_all(args: &ReplayArgs, stored: &Stored, store: &'static StoreEntry) -> Result<u8, Failure> {
    let judged = judge::judge(store, &stored.plan, Keep::Judged);
    let folder = stored.path.parent().unwrap_or(&stored.path);
    let summary = Summary::new(&stored.plan, &judged, folder);
    let reproduced = stored.trace_hash.filter(|_| !judged.interrupted).map(|hash| hash == judged.outcome.trace_hash);
    let first_difference =
        if reproduced == Some(false) { first_difference(stored, stored.checkpoints.len(), &judged) } else { None };
    let code = if reproduced == Some(false) { exit::NOT_REPRODUCED } else { summary.exit_code() };
    let text = text::report(&stored.plan, &summary, judged.real);
    args.output.print(&Comparison { schema: 1, reproduced, first_difference, run: Some(summary) }, || {
        let comparison = match (reproduced, stored.trace_hash) {
            (Some(true), _) => format!("  {GREEN}reproduced{PLAIN}  the stored run has the same trace hash\n"),
            (Some(false), Some(hash)) => not_reproduced(stored, store, &judged, hash, first_difference),
            _ => "  nothing to compare with: the stored run has no trace hash\n".to_string(),
        };
        text + &comparison
    })?;
    Ok(code)
}

/// The run up to a time, with the events before it.
fn replay_until(args: &ReplayArgs, stored: &Stored, store: &'static StoreEntry, until_ns: u64) -> Result<u8, Failure> {
    const SHOWN: usize = 20;
    let judged = judge::run(store, &stored.plan, Keep::Everything, until_ns);
    let known = stored.checkpoints.partition_point(|checkpoint| checkpoint.at_ns <= until_ns);
    let first_difference = first_difference(stored, known, &judged);
    let reproduced = (!stored.checkpoints.is_empty()).then_some(first_difference.is_none());
    args.output.print(&Comparison { schema: 1, reproduced, first_difference, run: None }, || {
        let events = &judged.recording.events;
        let mut out = String::new();
        if events.len() > SHOWN {
            let earlier = events.len() - SHOWN;
            out.push_str(&format!("  ({earlier} earlier events; {} trace shows all)\n", program()));
        }
        let words = Words::of(&judged.recording);
        for event in &events[events.len().saturating_sub(SHOWN)..] {
            out.push_str(&words.line(event));
            out.push('\n');
        }
        let (count, time) = (events.len(), seconds(until_ns));
        out.push_str(&match reproduced {
            Some(true) if known < judged.checkpoints.len() => {
                format!("\n{GREEN}reproduced{PLAIN}: {known} of {count} events as in the stored run, which was stopped there\n")
            }
            Some(true) => format!("\n{GREEN}reproduced{PLAIN} up to {time}: {count} events as in the stored run\n"),
            Some(false) => not_reproduced(stored, store, &judged, 0, first_difference),
            None => format!("\n{count} events up to {time}; there is no stored run to compare with\n"),
        });
        out
    })?;
    Ok(match (judged.interrupted, reproduced) {
        (true, _) => exit::INTERRUPTED,
        (_, Some(false)) => exit::NOT_REPRODUCED,
        _ => exit::HOLDS,
    })
}

/// Number of the first event after which the runs have different hashes; `known` events of the stored one count.
fn first_difference(stored: &Stored, known: usize, judged: &Judged) -> Option<u64> {
    let (old, new) = (&stored.checkpoints[..known], &judged.checkpoints);
    let differs = old.iter().zip(new).position(|(old, new)| old != new);
    // A run that was interrupted says nothing about what would have come.
    let over = stored.trace_hash.is_some() && old.len() != new.len();
    let shorter = || over.then_some(old.len().min(new.len()));
    Some(differs.or_else(shorter)? as u64 + 1)
}

fn not_reproduced(
    stored: &Stored,
    store: &'static StoreEntry,
    judged: &Judged,
    hash: u64,
    first: Option<u64>,
) -> String {
    let mut out = format!("\n{RED}not reproduced{PLAIN}: ");
    if hash != 0 {
        out.push_str(&format!("the stored run has the trace hash {hash:#018x}; "));
    }
    let made_by = &stored.plan.made_by;
    let Some(number) = first else {
        let count = stored.checkpoints.len();
        out.push_str(&format!("the first {count} events are the same (plan made by {made_by})\n"));
        return out;
    };
    out.push_str(&format!("event {number} is the first that differs (plan made by {made_by})\n"));
    let words = Words::of(&judged.recording);
    let say = |event: Option<Event>, why: &str| event.map_or(why.to_string(), |event| words.line(&event));
    let not_kept = format!("not kept ({} run --trace full keeps events)", program());
    out.push_str(&format!("  stored  {}\n", say(stored.event(number), &not_kept)));
    // Nothing later than what has run already is looked for.
    let until_ns = judged.outcome.end_ns;
    let new = judge::run(store, &stored.plan, Keep::Everything, until_ns);
    let new = new.recording.events.iter().find(|event| event.number == number).copied();
    out.push_str(&format!("  now     {}\n", say(new, "the run is over")));
    out
}
