//! `kvsim check`: histories from anywhere to verdicts.
#![allow(clippy::disallowed_types)] // how long a checker may think is real time

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use kvsim_checkers::{Finding, Report, Verdict};
use kvsim_histories::edn::{Mistake, Place};
use kvsim_histories::jepsen::{Calls, Collector, steps};
use kvsim_histories::models::{MODELS, Model, Subject, strongest};
use serde::Serialize;

use crate::args::{Output, real_time};
use crate::exit::{self, Failure};
use crate::folder::HISTORIES;
use crate::interrupt;
use crate::output::{GREEN, PLAIN, RED, YELLOW, complain, print, print_json};
use crate::text::{counted, printable, seconds};
use clap::builder::{PossibleValue, PossibleValuesParser};
use std::path::PathBuf;
use std::time::Duration;

/// Judge histories of any system, in Jepsen's EDN or in JSON Lines, by consistency models
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct CheckArgs {
    /// Histories: files in EDN or JSON Lines, folders of runs that have one, or - for standard input
    #[arg(required = true, value_name = "HISTORY")]
    histories: Vec<PathBuf>,
    /// By which models, with commas between [default: all]
    #[arg(long = "model", value_name = "MODEL", value_delimiter = ',', value_parser = PossibleValuesParser::new(model_names()))]
    models: Vec<String>,
    /// Give up judging a history by a model after this time; the verdict is then unknown
    #[arg(long, value_name = "TIME", value_parser = real_time, default_value = "60s")]
    time_limit: Duration,
    #[command(flatten)]
    output: Output,
}

fn model_names() -> Vec<PossibleValue> {
    let value = |model: &Model| PossibleValue::new(model.name).aliases(model.alias).help(model.summary);
    MODELS.iter().map(value).collect()
}

/// All results, for programs. New fields may be added; a change to one of these changes `schema`.
#[derive(Debug, Default, Serialize)]
struct Results {
    schema: u32,
    kvsim: &'static str,
    results: Vec<ModelVerdict>,
    files: Vec<Checked>,
    mistakes: Vec<UnreadableFile>,
}

#[derive(Debug, Serialize)]
struct ModelVerdict {
    file: String,
    model: String,
    verdict: Verdict,
    note: String,
    findings: Vec<Finding>,
}

/// What a file is.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    operations: usize,
    processes: usize,
    keys: usize,
    /// Steps of others than clients.
    skipped: u64,
    strongest: Vec<&'static str>,
}

#[derive(Debug, Serialize)]
struct UnreadableFile {
    file: String,
    line: u64,
    column: u64,
    message: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    expected: String,
}

pub fn check(args: &CheckArgs) -> Result<u8, Failure> {
    interrupt::stop_gently();
    let is_asked = |model: &&Model| {
        let is_it = |name: &String| model.name == name || model.alias == Some(name);
        args.models.is_empty() || args.models.iter().any(is_it)
    };
    let models: Vec<&'static Model> = MODELS.iter().filter(is_asked).collect();
    let mut all = Results { schema: 1, kvsim: env!("CARGO_PKG_VERSION"), ..Results::default() };
    for path in &args.histories {
        let file = path.display().to_string();
        let from = path.clone();
        let read = interrupt::unless_requested(move || read(&from).map(|calls| Arc::new(Subject::of(calls))));
        let subject = match read {
            None => break,
            Some(Ok(subject)) => subject,
            Some(Err(mistake)) => {
                let Mistake { place: Place { line, column }, problem, expected } = mistake;
                let wrong = UnreadableFile { file, line, column, message: problem, expected };
                if args.output.is_text() {
                    complain(&wrong.to_string());
                }
                all.mistakes.push(wrong);
                continue;
            }
        };
        let reports: Vec<Report> = models.iter().map(|model| judge(model, &subject, args)).collect();
        let calls = &subject.calls;
        let checked = Checked {
            file: file.clone(),
            operations: calls.list().len(),
            processes: calls.sessions(),
            keys: calls.keys(),
            skipped: calls.skipped(),
            strongest: strongest(&reports).iter().map(|model| model.name).collect(),
        };
        if args.output.is_text() {
            print(&text(&checked, calls, &reports))?;
        }
        all.files.push(checked);
        all.results.extend(reports.into_iter().map(|report| {
            let Report { checker, verdict, note, findings } = report;
            ModelVerdict { file: file.clone(), model: checker, verdict, note, findings }
        }));
    }
    if !args.output.is_text() {
        print_json(&all)?;
    }
    Ok(all.exit_code())
}

fn judge(model: &'static Model, subject: &Arc<Subject<'static>>, args: &CheckArgs) -> Report {
    let (begin, subject, limit) = (Instant::now(), Arc::clone(subject), args.time_limit);
    let judged = interrupt::unless_requested(move || model.judge(&subject, &|| begin.elapsed() >= limit));
    judged.unwrap_or_else(|| {
        let note = "interrupted before the verdict was reached".to_owned();
        Report { checker: model.name.to_owned(), verdict: Verdict::Unknown, note, findings: Vec::new() }
    })
}

/// Reads a history.
fn read(path: &Path) -> Result<Calls, Mistake> {
    let cannot = |error: io::Error| Mistake {
        place: Place::default(),
        problem: format!("this cannot be read: {error}"),
        expected: "a history, in EDN as Jepsen stores it or in JSON Lines".to_owned(),
    };
    let inside = HISTORIES.iter().map(|name| path.join(name)).find(|path| path.is_file());
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(inside.as_deref().unwrap_or(path)).map_err(cannot)?)
    };
    let mut collector = Collector::default();
    for step in steps(BufReader::with_capacity(256 << 10, input)).map_err(cannot)? {
        let (step, place) = step?;
        collector.take(&step, place)?;
    }
    Ok(collector.finish())
}

impl Results {
    /// The exit code that says the worst of it.
    fn exit_code(&self) -> u8 {
        let verdicts = self.results.iter().map(|judged| judged.verdict).filter(|verdict| *verdict != Verdict::Holds);
        match exit::code_of(interrupt::is_requested(), verdicts) {
            code if code != exit::INTERRUPTED && !self.mistakes.is_empty() => exit::USAGE,
            code => code,
        }
    }
}

impl fmt::Display for UnreadableFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnreadableFile { file, line, column, message, expected } = self;
        write!(f, "{RED}error{PLAIN}: {}", printable(file))?;
        if *line > 0 {
            write!(f, ":{line}:{column}")?;
        }
        writeln!(f, ": {message}\n  expected {expected}")
    }
}

fn text(checked: &Checked, calls: &Calls, reports: &[Report]) -> String {
    let mut out = String::new();
    write_text(&mut out, checked, calls, reports).expect("a string takes everything");
    out
}

fn write_text(out: &mut String, checked: &Checked, calls: &Calls, reports: &[Report]) -> fmt::Result {
    let Checked { file, operations, processes, keys, skipped, strongest } = checked;
    let counted = |count: usize, one: &str, many: &str| counted(count as u64, one, many);
    let operations = counted(*operations, "operation", "operations");
    let (processes, keys) = (counted(*processes, "process", "processes"), counted(*keys, "key", "keys"));
    write!(out, "{}: {operations} of {processes} on {keys}", printable(file))?;
    if *skipped > 0 {
        write!(out, "; {} skipped", counted(*skipped as usize, "step of another", "steps of others"))?;
    }
    writeln!(out)?;
    let width = reports.iter().map(|report| report.checker.len()).max().unwrap_or(0);
    for Report { checker, verdict, note, .. } in reports {
        let colour = match verdict {
            Verdict::Holds => GREEN,
            Verdict::Violated => RED,
            Verdict::Unknown | Verdict::NotApplicable => YELLOW,
        };
        let line = format!("  {colour}{verdict:<8}{PLAIN}  {checker:<width$}  {note}");
        writeln!(out, "{}", line.trim_end())?;
    }
    if reports.len() > 1 {
        let strongest = if strongest.is_empty() { "none".to_owned() } else { strongest.join(", ") };
        writeln!(out, "  strongest that hold: {strongest}")?;
    }
    let has_times = calls.list().iter().any(|call| call.invoked_ns > 0);
    for report in reports {
        let Some((first, others)) = report.findings.split_first() else { continue };
        writeln!(out, "\n{RED}error[{}]{PLAIN}: {}", first.code, first.title)?;
        for line in &first.evidence {
            match has_times {
                true => writeln!(out, "  {:>10}  {}", seconds(line.at_ns), line.text)?,
                false => writeln!(out, "  {}", line.text)?,
            }
        }
        for other in others {
            writeln!(out, "{RED}error[{}]{PLAIN}: {}", other.code, other.title)?;
        }
    }
    Ok(())
}
