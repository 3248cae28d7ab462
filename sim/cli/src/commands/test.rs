//! `kvsim test`: scenarios as they are written, one line each, for continuous integration.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::ValueEnum;
use kvsim_checkers::Verdict;
use serde::Serialize;

use crate::args::Jobs;
use crate::exit::{self, Failure};
use crate::interrupt;
use crate::judge::{self, Checkers};
use crate::load;
use crate::output::{GREEN, PLAIN, RED, YELLOW, print};
use crate::pool::{self, Next};
use crate::progress::Ticker;
use crate::recorder::Keep;
use crate::report::Summary;
use crate::scenario::Names;
use crate::text::{counted, escaped, printable, program, quoted};

/// Run scenarios as they are written, each with its own seed, and compare with what they expect
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct TestArgs {
    /// Scenarios, or folders with scenarios
    #[arg(required = true, value_name = "FILE|DIR")]
    paths: Vec<PathBuf>,
    /// Only files whose path contains this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    filter: String,
    #[command(flatten)]
    jobs: Jobs,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = TestForm::Text)]
    format: TestForm,
}

/// For whom the results are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TestForm {
    /// For people
    Text,
    /// For programs
    Json,
    /// JUnit's XML, which most services for continuous integration show
    Junit,
    /// Annotations of GitHub Actions, with file and line
    Github,
}

/// How a scenario ended, from good to bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Ending {
    Passed,
    Unknown,
    Failed,
    /// It could not be run.
    Wrong,
}

#[derive(Serialize)]
struct TestResult {
    file: String,
    ending: Ending,
    /// The line to look at: that of the mistake, or of what was expected.
    line: usize,
    /// What was not as expected, a line each.
    why: Vec<String>,
    /// Real time of the run; no part of the result.
    #[serde(skip)]
    seconds: f64,
}

#[derive(Serialize)]
struct TestResults {
    schema: u32,
    interrupted: bool,
    tests: Vec<TestResult>,
}

pub fn test(args: &TestArgs, names: &Names) -> Result<u8, Failure> {
    let mut files = Vec::new();
    for path in &args.paths {
        files.extend(load::scenarios_in(path)?);
    }
    files.retain(|file| file.to_string_lossy().contains(&args.filter));
    if files.is_empty() {
        return Err(Failure::Usage(format!("no scenario has {} in its path", quoted(&args.filter))));
    }
    interrupt::stop_gently();
    let count = files.len() as u64;
    let files = Arc::new(files);
    let mut tests: Vec<TestResult> = Vec::new();
    let mut ticker = Ticker::of(count);
    let done = std::cell::Cell::new(0);
    let take = |_, result: Option<TestResult>| {
        let Some(result) = result else { return Ok(Next::Stop) };
        if args.format == TestForm::Text {
            print(&line(&result))?;
        }
        tests.push(result);
        done.set(tests.len() as u64);
        Ok(Next::More)
    };
    let mut poll = || {
        ticker.tick_at(done.get(), || format!("test: {} of {count} scenarios", done.get()));
        if interrupt::is_requested() { Next::Stop } else { Next::More }
    };
    let (of_run, of_name) = (Arc::clone(&files), files);
    let names = load::names(names.stores);
    let one = move |number| one(&of_run[number as usize], &names);
    let name = move |number| format!("with {}", of_name[number as usize].display());
    pool::run_parallel(0..count, args.jobs.get(), one, name, &mut pool::in_order(0, take), &mut poll)?;
    drop(ticker);
    let results = TestResults { schema: 1, interrupted: interrupt::is_requested(), tests };
    print(&match args.format {
        TestForm::Text => totals(&results, count),
        TestForm::Json => serde_json::to_string_pretty(&results).map_err(std::io::Error::from)? + "\n",
        TestForm::Junit => junit(&results),
        TestForm::Github => github(&results) + &totals(&results, count),
    })?;
    let endings = || results.tests.iter().map(|test| test.ending);
    if !results.interrupted && endings().any(|ending| ending == Ending::Wrong) {
        return Ok(exit::USAGE);
    }
    let verdicts = endings().filter_map(|ending| match ending {
        Ending::Passed => None,
        Ending::Unknown => Some(Verdict::Unknown),
        Ending::Failed | Ending::Wrong => Some(Verdict::Violated),
    });
    Ok(exit::code_of(results.interrupted, verdicts))
}

/// Runs the scenario; nothing when that was interrupted.
fn one(file: &Path, names: &Names) -> Option<TestResult> {
    let name = file.display().to_string();
    let (store, plan) = match load::run(file, names) {
        Ok(run) => run,
        Err(failure) => {
            let (why, line) = match failure {
                Failure::Scenario(mistakes) => {
                    (mistakes.to_string(), mistakes.into_list().first().map_or(1, |mistake| mistake.line.max(1)))
                }
                Failure::Usage(message) => (message, 1),
                Failure::Output(error) => (error.to_string(), 1),
            };
            let why = why.lines().map(str::to_owned).collect();
            return Some(TestResult { file: name, ending: Ending::Wrong, line, why, seconds: 0.0 });
        }
    };
    let judged = judge::run_quiet(store, &plan, Keep::Judged, Checkers::Promised);
    let summary = Summary::new(&plan, &judged, Path::new(""));
    let surprises = || summary.verdicts.iter().filter(|one| !one.is_expected());
    let ending = match exit::code_of(judged.interrupted, surprises().map(|one| one.verdict)) {
        exit::HOLDS => Ending::Passed,
        exit::UNKNOWN => Ending::Unknown,
        exit::INTERRUPTED => return None,
        _ => Ending::Failed,
    };
    let why = surprises().map(|one| {
        let finding = one.findings.first().map(|finding| format!("{}: {}", finding.code, finding.title));
        let detail = finding.unwrap_or_else(|| one.note.clone());
        format!("{} is {}, expected {}; {detail}", one.checker, one.verdict, one.expected)
    });
    let (why, seconds) = (why.collect(), judged.real.as_secs_f64());
    Some(TestResult { file: name, ending, line: line_of_expect(file), why, seconds })
}

/// Where the file says what it expects.
fn line_of_expect(file: &Path) -> usize {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().position(|line| line.trim_start().starts_with("[expect]")).map_or(1, |place| place + 1)
}

fn line(test: &TestResult) -> String {
    let (word, colour) = match test.ending {
        Ending::Passed => ("ok", GREEN),
        Ending::Unknown => ("unknown", YELLOW),
        Ending::Failed => ("FAILED", RED),
        Ending::Wrong => ("WRONG", RED),
    };
    let mut out = format!("{colour}{word:<7}{PLAIN}  {}  {:.2} s\n", printable(&test.file), test.seconds);
    test.why.iter().for_each(|why| out.push_str(&format!("         {}\n", printable(why))));
    if matches!(test.ending, Ending::Failed | Ending::Unknown) {
        out.push_str(&format!("         look: {} run {}\n", program(), quoted(&test.file)));
    }
    out
}

fn totals(results: &TestResults, count: u64) -> String {
    let of = |ending: Ending| results.tests.iter().filter(|test| test.ending == ending).count();
    let mut out = format!("{}: {} ok", counted(count, "scenario", "scenarios"), of(Ending::Passed));
    for (ending, word) in [(Ending::Failed, "failed"), (Ending::Unknown, "unknown"), (Ending::Wrong, "wrong")] {
        if of(ending) > 0 {
            out.push_str(&format!(", {} {word}", of(ending)));
        }
    }
    if results.interrupted {
        out.push_str("; interrupted");
    }
    out + "\n"
}

fn junit(results: &TestResults) -> String {
    let tests = &results.tests;
    let of = |wanted: &[Ending]| tests.iter().filter(|test| wanted.contains(&test.ending)).count();
    let (failures, errors) = (of(&[Ending::Failed, Ending::Unknown]), of(&[Ending::Wrong]));
    let seconds: f64 = tests.iter().map(|test| test.seconds).sum();
    let mut out = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"kvsim\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" \
         time=\"{seconds:.3}\">\n",
        tests.len()
    );
    for test in tests {
        let (name, seconds) = (escaped(&test.file), test.seconds);
        let case = format!("<testcase classname=\"kvsim\" name=\"{name}\" file=\"{name}\" time=\"{seconds:.3}\"");
        let first = escaped(test.why.first().map_or("", |why| why));
        let all = escaped(&test.why.join("\n"));
        out.push_str(&match test.ending {
            Ending::Passed => format!("{case}/>\n"),
            Ending::Wrong => format!("{case}><error message=\"{first}\">{all}</error></testcase>\n"),
            _ => format!("{case}><failure message=\"{first}\">{all}</failure></testcase>\n"),
        });
    }
    out + "</testsuite>\n"
}

/// Workflow commands: one line each, in which some letters stand for themselves only when they are escaped.
fn github(results: &TestResults) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let annotation = |test: &TestResult| {
        let level = if test.ending == Ending::Unknown { "warning" } else { "error" };
        let (file, line, why) = (property(&test.file), test.line, data(&test.why.join("\n")));
        format!("::{level} file={file},line={line},title=kvsim::{why}\n")
    };
    results.tests.iter().filter(|test| test.ending != Ending::Passed).map(annotation).collect()
}
