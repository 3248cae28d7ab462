//! What is told of a hunt, to people and to programs.

use std::path::Path;

use kvsim_checkers::Verdict;
use serde::Serialize;

use super::journal::{Found, HuntProgress, Resumed, Unknown};
use crate::exit::{self, Failure};
use crate::folder;
use crate::output::{GREEN, PLAIN, RED, YELLOW};
use crate::report::page::batch::{self, BatchPage};
use crate::shard::Shard;
use crate::text::{counted, escaped, grouped, printable, program, quoted, seconds};

/// Findings that are likely to be the same.
#[derive(Serialize)]
struct Group<'a> {
    checker: &'a str,
    code: &'a str,
    cause: &'a str,
    runs: usize,
    /// Those with the fewest events first: they are the quickest to look at.
    found: Vec<&'a Found>,
}

/// The result of a hunt, for programs; the number of jobs makes no difference to it.
#[derive(Serialize)]
pub struct HuntSummary<'a> {
    schema: u32,
    /// The shard that it is of, where it is not of all runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    shard: Option<String>,
    /// Runs that are done, with those of earlier parts of the hunt.
    #[serde(flatten)]
    done: HuntProgress,
    /// False when the hunt ended before its last seed.
    complete: bool,
    interrupted: bool,
    groups: Vec<Group<'a>>,
    hunt_dir: String,
}

impl<'a> HuntSummary<'a> {
    /// Of a hunt in `folder` that is to have so many runs.
    pub fn new(hunted: &'a Resumed, shard: Option<Shard>, runs: u64, folder: &Path, interrupted: bool) -> Self {
        HuntSummary {
            schema: 1,
            shard: shard.map(|shard| shard.to_string()),
            complete: hunted.progress.runs >= runs,
            done: hunted.progress.clone(),
            interrupted,
            groups: groups(&hunted.found),
            hunt_dir: folder.display().to_string(),
        }
    }

    /// The exit code that says the worst of it.
    pub fn exit_code(&self) -> u8 {
        let surprises = [(!self.groups.is_empty(), Verdict::Violated), (self.done.unknown > 0, Verdict::Unknown)];
        exit::code_of(self.interrupted, surprises.into_iter().filter(|(is_there, _)| *is_there).map(|(_, what)| what))
    }

    /// For people; `how` is a line about how it came about, and `keep_going` says that a finding was to end nothing.
    pub fn text(&self, keep_going: bool, how: &str) -> String {
        const SHOWN: usize = 5;
        let mut out = String::new();
        for group in &self.groups {
            let [first, others @ ..] = group.found.as_slice() else { continue };
            let (code, count) = (group.code, counted(group.runs as u64, "run", "runs"));
            out.push_str(&format!("{RED}{code}{PLAIN} in {count}: {}\n", group.cause));
            out.push_str(&format!("  fastest  {}: {}\n", run_of(first), printable(&first.title)));
            out.push_str(&format!("  shrink   {} shrink {} --code {code}\n", program(), quoted(&first.run_dir)));
            if !others.is_empty() {
                let names: Vec<String> = others.iter().take(SHOWN).map(|one| run_of(one)).collect();
                let more = others.len().saturating_sub(SHOWN);
                let more = if more == 0 { String::new() } else { format!(" and {more} more") };
                out.push_str(&format!("  also     {}{more}\n", names.join(", ")));
            }
            out.push('\n');
        }
        let HuntProgress { runs: all, with_findings, unknown, ref unknown_by } = self.done;
        let (all, with_findings) = (counted(all, "run", "runs"), grouped(with_findings));
        out.push_str(&match self.groups.len() {
            0 => format!("{GREEN}nothing found{PLAIN} in {all}"),
            _ => format!("{with_findings} of {all} with findings"),
        });
        if let Some(shard) = &self.shard {
            out.push_str(&format!(" of shard {shard}"));
        }
        if unknown > 0 {
            out.push_str(&format!("; {YELLOW}{} are unknown{PLAIN}", grouped(unknown)));
        }
        if !self.complete {
            let is_enough = !self.groups.is_empty() && !keep_going && !self.interrupted;
            let resume = if is_enough { "--resume --keep-going" } else { "--resume" };
            out.push_str(&format!("; the same command with {resume} goes on"));
        }
        for (checker, Unknown { runs, scenario, seed, note, .. }) in unknown_by {
            let first = format!("{} seed {}: {note}", printable(scenario), printable(seed));
            out.push_str(&format!("\n  unknown {checker} in {}, first {first}", counted(*runs, "run", "runs")));
        }
        out.push_str(&format!("\n  {how}\n  folder  {}\n", printable(&self.hunt_dir)));
        out.push_str(&format!(
            "  report  {}\n",
            printable(&Path::new(&self.hunt_dir).join(folder::REPORT).display().to_string())
        ));
        out
    }

    /// As a page of its own in the hunt's folder.
    pub fn write_page(&self) -> Result<(), Failure> {
        let counts = format!(
            "{}, {} of them with findings, {} of them unknown.",
            counted(self.done.runs, "run", "runs"),
            grouped(self.done.with_findings),
            grouped(self.done.unknown)
        );
        let rest =
            if self.complete { "" } else { "It ended before its last seed: the same command with --resume goes on." };
        let mut page = BatchPage::new("Hunt", &[&counts, rest]);
        let mut findings = String::new();
        for group in &self.groups {
            findings.push_str(&self.article(group));
        }
        if findings.is_empty() {
            findings.push_str("<p>Nothing was found.</p>\n");
        }
        page.section("findings", "Findings", &findings);
        let unknown = self.done.unknown_by.iter().map(|(checker, Unknown { runs, scenario, seed, note, .. })| {
            format!("{checker} in {}, first {scenario} seed {seed}: {note}", counted(*runs, "run", "runs"))
        });
        page.section("unknown", "Unknown", &batch::list(&unknown.collect::<Vec<_>>()));
        folder::write_whole(&Path::new(&self.hunt_dir).join(folder::REPORT), page.html().as_bytes())
    }

    /// Findings that are likely to be the same, the quickest to look at first.
    fn article(&self, group: &Group<'_>) -> String {
        const SHOWN: usize = 50;
        let Group { checker, code, cause, found, .. } = group;
        let heads = ["run", "what", "when", "events", "folder"].map(str::to_owned);
        let place = |one: &Found| {
            let place = Path::new(&one.run_dir);
            place.strip_prefix(&self.hunt_dir).unwrap_or(place).display().to_string()
        };
        let row = |one: &&Found| {
            let when = seconds(one.at_ns).replace(' ', "\u{a0}");
            vec![run_of(one), one.title.clone(), when, grouped(one.events), place(one)]
        };
        let rows: Vec<Vec<String>> = found.iter().take(SHOWN).map(row).collect();
        let more = match found.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("<p>{more} more are in hunt.jsonl.</p>\n"),
        };
        let first = found.first().map_or(String::new(), |one| {
            let (kvsim, place) = (program(), quoted(&place(one)));
            format!("{kvsim} replay {place}\n{kvsim} shrink {place} --code {code}\n")
        });
        format!(
            "<article class=\"bad-one\">\n<h3>{}</h3>\n<p>{}, in {}</p>\n{}{more}<p>In the folder of this file:</p>\n{}</article>\n",
            escaped(&format!("{code}: {cause}")),
            escaped(checker),
            counted(group.runs as u64, "run", "runs"),
            batch::text_table(&heads, &rows),
            batch::preformatted("Commands for the first", &first)
        )
    }
}

/// How many kinds of findings there are.
pub fn kinds(found: &[Found]) -> usize {
    groups(found).len()
}

/// By code and cause; groups and the findings in them begin with the fewest events.
fn groups(found: &[Found]) -> Vec<Group<'_>> {
    let mut sorted: Vec<&Found> = found.iter().collect();
    sorted.sort_by_key(|one| (one.events, one.at_ns, one.run));
    let mut groups: Vec<Group<'_>> = Vec::new();
    for one in sorted {
        match groups.iter_mut().find(|group| (group.code, group.cause) == (&*one.code, &*one.cause)) {
            Some(group) => group.found.push(one),
            None => groups.push(Group {
                checker: &one.checker,
                code: &one.code,
                cause: &one.cause,
                runs: 0,
                found: vec![one],
            }),
        }
    }
    groups.iter_mut().for_each(|group| group.runs = group.found.len());
    groups
}

/// A run in a word or two.
fn run_of(found: &Found) -> String {
    format!("{} seed {}", printable(&found.scenario), printable(&found.seed))
}
