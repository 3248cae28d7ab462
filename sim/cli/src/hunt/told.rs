//! What is told of a hunt, to people and to programs.

use std::path::Path;

use kvsim_checkers::Verdict;
use serde::Serialize;

use super::journal::{Found, HuntProgress, Resumed, Unknown};
use crate::exit;
use crate::output::{GREEN, PLAIN, RED, YELLOW};
use crate::shard::Shard;
use crate::text::{counted, grouped, printable, program, quoted};

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
        out
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
