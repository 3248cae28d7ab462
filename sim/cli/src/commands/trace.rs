//! `kvsim trace`: what happened in a run, event by event, or how things stood at a moment.

use std::path::Path;

use kvsim_checkers::snapshot;
use kvsim_checkers::trace::jsonl;
use serde::Serialize;

use crate::args::{Format, Output, virtual_time};
use crate::diagram;
use crate::draw::{ImageFormat, Theme};
use crate::exit::{self, Failure};
use crate::filter::{Filter, Selection};
use crate::interrupt;
use crate::judge::{self, Judged};
use crate::load;
use crate::memory;
use crate::output::{print, print_json};
use crate::recorder::Keep;
use crate::report::moment::describe;
use crate::report::words::Words;
use crate::scenario::Names;
use crate::text::seconds;
use std::path::PathBuf;

/// Show what happened, event by event, or the state of the replicas at a moment
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct TraceArgs {
    /// The folder of a run, a plan.json, or a scenario
    #[arg(value_name = "RUN|FILE")]
    run: PathBuf,
    #[command(flatten)]
    filter: Selection,
    /// Show instead what each replica knows, shows and lets wait at this virtual time
    #[arg(long, value_name = "TIME", value_parser = virtual_time, conflicts_with_all = ["session", "from", "to", "kind"])]
    at: Option<u64>,
    /// Draw instead a space-time diagram into this file, NAME.svg or NAME.png: for short runs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["node", "key", "session", "kind", "at"])]
    svg: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

pub fn trace(args: &TraceArgs, names: &Names) -> Result<u8, Failure> {
    let (store, plan) = load::run(&args.run, names)?;
    interrupt::stop_at_once();
    let begins_ns = args.at.or(args.filter.from).unwrap_or(0);
    if begins_ns > plan.end_ns() {
        let (what, end) = (if args.at.is_some() { "--at" } else { "--from" }, seconds(plan.end_ns()));
        return Err(Failure::Usage(format!("there is nothing at {what} {}: the run lasts {end}", seconds(begins_ns))));
    }
    let until_ns = args.at.or(args.filter.to).unwrap_or(u64::MAX);
    // A diagram marks what the checkers find, for which the run has to come to its end.
    let until_ns = if args.svg.is_some() { u64::MAX } else { until_ns };
    if until_ns >= plan.end_ns() {
        memory::check_with_messages(&args.run, &plan)?;
    }
    let judged = judge::run(store, &plan, Keep::Everything, until_ns);
    match (&args.svg, args.at) {
        (Some(file), _) => draw(args, file, &plan, &judged)?,
        (None, Some(at_ns)) => state(args, at_ns, &judged)?,
        (None, None) => events(args, &judged)?,
    }
    Ok(if judged.interrupted { exit::INTERRUPTED } else { exit::HOLDS })
}

fn events(args: &TraceArgs, judged: &Judged) -> Result<(), Failure> {
    let recording = &judged.recording;
    let words = Words::of(recording);
    let filter = Filter::new(&args.filter, recording, words.operations())?;
    let wanted = recording.events.iter().filter(|event| filter.wants(&recording.header, words.operations(), event));
    let mut out = Vec::new();
    match args.output.format {
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
    print(&String::from_utf8_lossy(&out))
}

/// How things stood, for programs.
#[derive(Serialize)]
struct Moment {
    schema: u32,
    at_ns: u64,
    /// Names of the keys that states number.
    keys: Vec<String>,
    states: Vec<snapshot::ReplicaState>,
}

fn state(args: &TraceArgs, at_ns: u64, judged: &Judged) -> Result<(), Failure> {
    let header = &judged.recording.header;
    let node = args.filter.node.as_deref().map(|name| load::node(header, name)).transpose()?;
    let key = args.filter.key.as_deref().map(|name| load::number(&header.keys, "key", name)).transpose()?;
    let mut states = snapshot::final_state(&judged.recording);
    states.retain(|state| node.is_none_or(|node| state.node == node));
    let words = Words::of(&judged.recording);
    if !args.output.is_text() {
        return print_json(&Moment { schema: 1, at_ns, keys: header.keys.clone(), states });
    }
    print(&describe(header, &words, &states, at_ns, key))
}

fn draw(args: &TraceArgs, file: &Path, plan: &kvsim_sim::plan::Plan, judged: &Judged) -> Result<(), Failure> {
    let span = args.filter.from.unwrap_or(0)..args.filter.to.unwrap_or(u64::MAX);
    let drawing = diagram::draw(plan, &judged.recording, &judged.reports, span)
        .map_err(|why| Failure::Usage(format!("{}: {why}", args.run.display())))?;
    let image = match file.extension() {
        Some(ending) if ending.eq_ignore_ascii_case("png") => drawing.file(ImageFormat::Png, Theme::Light),
        _ => drawing.svg(None).into_bytes(),
    };
    std::fs::write(file, image).map_err(|error| Failure::Usage(format!("cannot write {}: {error}", file.display())))?;
    let place = file.display().to_string();
    match args.output.format {
        Format::Json => print_json(&serde_json::json!({ "schema": 1, "svg": place })),
        Format::Text => print(&format!("  diagram     {}\n", crate::text::printable(&place))),
    }
}
