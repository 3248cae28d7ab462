//! `kvsim check`: histories from anywhere to verdicts.
#![allow(clippy::disallowed_types)] // how long a checker may think is real time

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use kvsim_checkers::{Finding, Report, Verdict};
use kvsim_histories::edn::{Edn, Mistake, Place, value_of};
use kvsim_histories::jepsen::{Calls, Collector, steps};
use kvsim_histories::models::{MODELS, Model, Subject, strongest, tell_implied};
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

/// Judge histories of any system, in Jepsen's EDN or in JSON, by consistency models
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct CheckArgs {
    /// Histories: files in EDN or JSON, folders of runs that have one, or - for standard input
    #[arg(required = true, value_name = "HISTORY")]
    histories: Vec<PathBuf>,
    /// By which models, with commas between [default: all]
    #[arg(long = "model", value_name = "MODEL", value_delimiter = ',', value_parser = PossibleValuesParser::new(model_names()))]
    models: Vec<String>,
    /// Give up judging a history by a model after this time; the verdict is then unknown
    #[arg(long, value_name = "TIME", value_parser = real_time, default_value = "60s")]
    time_limit: Duration,
    /// What keys begin with, as it stands in EDN: 0, "empty", :none
    #[arg(long, value_name = "VALUE", value_parser = edn, default_value = "nil", allow_hyphen_values = true)]
    initial: Edn,
    /// What a read says that was answered with nil: that there was nothing, or, as Knossos has it, that what it found is unknown
    #[arg(long, value_name = "MEANING", default_value = "nothing")]
    nil_read: NilRead,
    /// Leave out a last line without an end that cannot be read, as a test that was killed leaves it
    #[arg(long)]
    skip_torn_line: bool,
    #[command(flatten)]
    output: Output,
}

/// What a read says that was answered with nil.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum NilRead {
    Nothing,
    Unknown,
}

fn edn(text: &str) -> Result<Edn, String> {
    value_of(text).map_err(|mistake| format!("{}; expected {}", mistake.problem, mistake.expected))
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
    /// What keys may have begun with, although they were judged as if they had not.
    #[serde(skip_serializing_if = "Option::is_none")]
    likely_initial: Option<String>,
    /// The last line was torn and left out.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_cut: bool,
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
        let (from, collector, skip_torn_line) = (path.clone(), collector(args), args.skip_torn_line);
        let read = interrupt::unless_requested(move || {
            read(&from, collector, skip_torn_line).map(|(calls, is_cut)| (Arc::new(Subject::of(calls)), is_cut))
        });
        let (subject, is_cut) = match read {
            None => break,
            Some(Ok(read)) => read,
            Some(Err(mistake)) => {
                let Mistake { place: Place { line, column }, problem, mut expected, is_cut } = mistake;
                if is_cut {
                    expected += "; --skip-torn-line judges what comes before this last line";
                }
                let wrong = UnreadableFile { file, line, column, message: problem, expected };
                if args.output.is_text() {
                    complain(&wrong.to_string());
                }
                all.mistakes.push(wrong);
                continue;
            }
        };
        let mut reports: Vec<Report> = models.iter().map(|model| judge(model, &subject, args)).collect();
        tell_implied(&mut reports);
        let is_violated = reports.iter().any(|report| report.verdict == Verdict::Violated);
        let calls = &subject.calls;
        let checked = Checked {
            file: file.clone(),
            operations: calls.list().len(),
            processes: calls.sessions(),
            keys: calls.keys(),
            skipped: calls.skipped(),
            strongest: strongest(&reports).iter().map(|model| model.name).collect(),
            likely_initial: is_violated.then(|| subject.likely_initial()).flatten(),
            is_cut,
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

fn collector(args: &CheckArgs) -> Collector {
    let collector = Collector::default().beginning_with(&args.initial);
    if args.nil_read == NilRead::Unknown { collector.with_nil_unknown() } else { collector }
}

/// Reads a history; also whether its last line was torn and left out.
fn read(path: &Path, mut collector: Collector, skip_torn_line: bool) -> Result<(Calls, bool), Mistake> {
    let cannot = |error: io::Error| Mistake {
        place: Place::default(),
        problem: format!("this cannot be read: {error}"),
        expected: "a history, in EDN as Jepsen stores it or in JSON".to_owned(),
        is_cut: false,
    };
    let inside = HISTORIES.iter().map(|name| path.join(name)).find(|path| path.is_file());
    let input: Box<dyn Read> = if path == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(inside.as_deref().unwrap_or(path)).map_err(cannot)?)
    };
    for step in steps(BufReader::with_capacity(256 << 10, input)).map_err(cannot)? {
        match step {
            Err(mistake) if mistake.is_cut && skip_torn_line => return Ok((collector.finish()?, true)),
            step => {
                let (step, place) = step?;
                collector.take(&step, place)?;
            }
        }
    }
    Ok((collector.finish()?, false))
}

impl Results {
    /// The exit code that says the worst of it.
    fn exit_code(&self) -> u8 {
        // What a history does not put to the test is no surprise, unless it tests nothing.
        let holds = |file: &str| self.results.iter().any(|one| one.file == file && one.verdict == Verdict::Holds);
        let is_surprise = |judged: &&ModelVerdict| match judged.verdict {
            Verdict::Holds => false,
            Verdict::NotApplicable => !holds(&judged.file),
            _ => true,
        };
        let verdicts = self.results.iter().filter(is_surprise).map(|judged| judged.verdict);
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
    let Checked { file, operations, processes, keys, skipped, strongest, likely_initial, is_cut } = checked;
    let counted = |count: usize, one: &str, many: &str| counted(count as u64, one, many);
    let operations = counted(*operations, "operation", "operations");
    let (processes, keys) = (counted(*processes, "process", "processes"), counted(*keys, "key", "keys"));
    write!(out, "{}: {operations} of {processes} on {keys}", printable(file))?;
    if *skipped > 0 {
        write!(out, "; {} skipped", counted(*skipped as usize, "step of another", "steps of others"))?;
    }
    if *is_cut {
        write!(out, "; the torn last line left out")?;
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
    if let Some(value) = likely_initial {
        let value = printable(value);
        writeln!(
            out,
            "  hint: {value} was read before it was written; if keys begin with it, say --initial '{value}'"
        )?;
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
