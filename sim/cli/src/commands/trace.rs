//! `kvsim trace`: what happened in a run, event by event, or how things stood at a moment.

use std::path::Path;

use kvsim_checkers::moment;
use kvsim_checkers::trace::jsonl;
use serde::Serialize;

use crate::args::{Format, Trace};
use crate::diagram;
use crate::exit::{self, Failure};
use crate::filter::Filter;
use crate::judge::{self, Judged};
use crate::load;
use crate::recorder::Keep;
use crate::report::moment::{Wanted, describe};
use crate::report::words::Words;

/// Traces; returns the exit code.
pub fn trace(args: &Trace) -> Result<u8, Failure> {
    let (store, plan) = load::run(&args.run)?;
    super::stop_gently();
    let until_ns = args.at.or(args.to).unwrap_or(u64::MAX);
    // A diagram marks what the checkers find, for which the run has to come to its end.
    let until_ns = if args.svg.is_some() { u64::MAX } else { until_ns };
    let judged = judge::run(store, &plan, Keep::Everything, until_ns);
    match (&args.svg, args.at) {
        (Some(file), _) => draw(args, file, &plan, &judged)?,
        (None, Some(at_ns)) => state(args, at_ns, &judged)?,
        (None, None) => events(args, &judged)?,
    }
    Ok(if judged.interrupted { exit::INTERRUPTED } else { exit::HOLDS })
}

fn events(args: &Trace, judged: &Judged) -> Result<(), Failure> {
    let recording = &judged.recording;
    let words = Words::of(recording);
    let filter = Filter::new(args, recording, words.operations())?;
    let wanted = recording.events.iter().filter(|event| filter.wants(&recording.header, words.operations(), event));
    let mut out = Vec::new();
    match args.format {
        // As in trace.jsonl.
        Format::Json => {
            jsonl::write_header(&mut out, &recording.header)?;
            wanted.into_iter().try_for_each(|event| jsonl::write_event(&mut out, event))?;
        }
        Format::Text => {
            let mut shown = 0;
            for event in wanted {
                out.extend_from_slice(words.line(event).as_bytes());
                out.push(b'\n');
                shown += 1;
            }
            let all = recording.events.len();
            out.extend_from_slice(format!("\n{shown} of {all} events\n").as_bytes());
        }
    }
    super::print(&String::from_utf8_lossy(&out))
}

/// How things stood, for programs.
#[derive(Serialize)]
struct Moment {
    schema: u32,
    at_ns: u64,
    /// Names of the keys that states number.
    keys: Vec<String>,
    states: Vec<moment::State>,
}

fn state(args: &Trace, at_ns: u64, judged: &Judged) -> Result<(), Failure> {
    let header = &judged.recording.header;
    let node = args.node.as_deref().map(|name| load::node(header, name)).transpose()?;
    let key = args.key.as_deref().map(|name| load::number(&header.keys, "key", name)).transpose()?;
    let mut states = moment::at_the_end(&judged.recording);
    states.retain(|state| node.is_none_or(|node| state.node == node));
    let words = Words::of(&judged.recording);
    if args.format == Format::Json {
        return super::print_json(&Moment { schema: 1, at_ns, keys: header.keys.clone(), states });
    }
    super::print(&describe(header, &words, &states, &Wanted { at_ns, key }))
}

fn draw(args: &Trace, file: &Path, plan: &kvsim_sim::plan::Plan, judged: &Judged) -> Result<(), Failure> {
    let span = args.from.unwrap_or(0)..args.to.unwrap_or(u64::MAX);
    let paper = diagram::draw(plan, &judged.recording, &judged.reports, span)
        .map_err(|why| Failure::Usage(format!("{}: {why}", args.run.display())))?;
    std::fs::write(file, paper.svg(None))
        .map_err(|error| Failure::Usage(format!("cannot write {}: {error}", file.display())))?;
    let place = file.display().to_string();
    match args.format {
        Format::Json => super::print_json(&serde_json::json!({ "schema": 1, "svg": place })),
        Format::Text => super::print(&format!("  diagram     {}\n", crate::text::printable(&place))),
    }
}
