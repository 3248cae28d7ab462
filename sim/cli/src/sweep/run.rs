//! The runs of a sweep: cells and seeds, numbered, so that a number says everything about a run.

use std::path::{Path, PathBuf};

use kvsim_checkers::Verdict;
use kvsim_checkers::metrics::{Metrics, Visibility, Where};
use kvsim_checkers::trace::Level;
use kvsim_sim::stores::Stores;
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use super::Column;
use super::column::levels;
use super::journal::DoneRun;
use super::measures;
use super::median::Value;
use super::read::{self, SweepFile};
use super::table;
use crate::exit::Failure;
use crate::folder::{Destination, Folder};
use crate::interrupt;
use crate::judge::{self, Checkers};
use crate::load::{self, lowered};
use crate::memory;
use crate::recorder::Keep;
use crate::report::Summary;
use crate::scenario::Names;
use crate::shard::Shard;
use crate::text::{program, quoted};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweepOutcome {
    /// By figure, in the order of the columns; nothing where there was nothing to measure.
    pub figures: Vec<Option<Value>>,
    /// What was judged: the checker, what it says, and the code of its first finding.
    pub verdicts: Vec<(String, Verdict, Option<String>)>,
    /// How soon other replicas show writes, by level and priority, at the levels at which the sessions read.
    pub visibility: Vec<(Level, u8, Visibility)>,
}

pub struct SweepRuns {
    /// What they follow from: sweeps that agree in this come to the same.
    pub header: Json,
    /// The name of the file.
    pub name: String,
    pub sweep: SweepFile,
    /// Which of them are done here.
    pub shard: Shard,
    file: PathBuf,
    /// `--set` arguments.
    set: Vec<String>,
    stores: Stores,
}

/// How many samples of what replicas hold are taken during the workload.
const SAMPLES: u64 = 20;

impl SweepRuns {
    /// Reads the sweep, and finds out whether all cells can be run.
    pub fn read(file: &Path, set: &[String], shard: Option<Shard>, names: &Names) -> Result<SweepRuns, Failure> {
        let mut runs = SweepRuns::of(file, &load::contents(file)?, set, names)?;
        if let Some(shard) = shard {
            runs.header = shard.header(&runs.header, runs.count(), file);
            runs.shard = shard;
        }
        Ok(runs)
    }

    /// The same of the bytes that `file` has, or had.
    pub fn of(file: &Path, bytes: &[u8], set: &[String], names: &Names) -> Result<SweepRuns, Failure> {
        let sweep = read::read(file, bytes, set, names).map_err(Failure::Scenario)?;
        for cell in &sweep.cells {
            lowered(file, cell, sweep.seeds.start, names.stores)?;
        }
        let name = file.file_stem().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        let text = String::from_utf8_lossy(bytes);
        let header = json!({ "schema": 1, "kvsim": env!("CARGO_PKG_VERSION"), "text": text, "set": set });
        let (file, stores) = (file.to_path_buf(), names.stores);
        Ok(SweepRuns { header, name, sweep, shard: Shard::WHOLE, file, set: set.to_vec(), stores })
    }

    /// The command that runs a cell by itself, with its first seed.
    pub fn command(&self, cell: usize) -> String {
        let mut command = format!("{} run {}", program(), quoted(&self.file.display().to_string()));
        for (axis, value) in self.sweep.axes.iter().zip(table::values(&self.sweep, cell)) {
            command.push_str(&format!(" --case {}", quoted(&format!("{}={value}", axis.name))));
        }
        self.set.iter().for_each(|set| command.push_str(&format!(" --set {}", quoted(set))));
        command.push_str(&format!(" --seed {}", self.sweep.seeds.start));
        command
    }

    /// How many there are, here and elsewhere.
    pub fn count(&self) -> u64 {
        self.sweep.cells.len() as u64 * (self.sweep.seeds.end - self.sweep.seeds.start)
    }

    /// The numbers of those that are done here.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        (0..self.shard.turns(self.count())).map(|turn| self.shard.run(turn))
    }

    /// Cell and seed of a run. Every cell gets a seed before one gets its next, so that something is known of each soon.
    pub fn place(&self, run: u64) -> (usize, u64) {
        let cells = self.sweep.cells.len() as u64;
        ((run % cells) as usize, self.sweep.seeds.start + run / cells)
    }

    /// The number of a stored run, if it can be one of these; otherwise what is wrong with it.
    pub fn number_of(&self, run: &DoneRun) -> Result<u64, &'static str> {
        let number = self.number(run.cell, run.seed).ok_or("the sweep has no such cell or seed")?;
        let SweepOutcome { figures, visibility, .. } = &run.outcome;
        let columns = self.sweep.columns.iter().filter(|column| matches!(column, Column::Figure(_))).count();
        let is_large = |figure: &Option<Value>| matches!(figure, Some(Value::Is(number)) if *number > FIGURE_MAX);
        let is_wrong = |(_, priority, seen): &(Level, u8, Visibility)| *priority > 3 || seen.never > COUNT_MAX;
        match () {
            () if figures.len() != columns => Err("it has not one figure for each column"),
            () if run.took_ms > COUNT_MAX || figures.iter().any(is_large) || visibility.iter().any(is_wrong) => {
                Err("a figure that no run comes to")
            }
            () if self.shard.turn(number).is_none() => Err("a run of another shard"),
            () => Ok(number),
        }
    }

    pub fn number(&self, cell: usize, seed: u64) -> Option<u64> {
        let cells = self.sweep.cells.len();
        let is_there = cell < cells && self.sweep.seeds.contains(&seed);
        is_there.then(|| (seed - self.sweep.seeds.start) * cells as u64 + cell as u64)
    }

    /// Where a run is stored that is not as expected: below the sweep's folder.
    pub fn folder(&self, folder: &Path, cell: usize, seed: u64) -> PathBuf {
        folder.join(format!("{}-cell-{}-{seed}", self.name, cell + 1))
    }

    /// Does a run; nothing when it was interrupted. A run with a violation that its cell does not expect is stored below
    /// `folder`, to be looked at.
    pub fn one(&self, run: u64, folder: &Path) -> Result<Option<SweepOutcome>, Failure> {
        let (cell, seed) = self.place(run);
        let (store, mut plan) = lowered(&self.file, &self.sweep.cells[cell], seed, self.stores)?;
        let as_written = plan.clone();
        for column in &self.sweep.columns {
            if let Column::Verdict(checker) = column {
                // A column needs a verdict, whether one is expected or not.
                plan.expect.entry(checker.to_string()).or_insert(Verdict::Holds);
            }
        }
        // Settling may take much longer than the workload.
        let window_ns = plan.workload_end_ns.max(plan.end_ns() / 100).max(1);
        let judged = judge::run_measured(store, &plan, (window_ns / SAMPLES).max(1));
        if judged.interrupted || interrupt::is_requested() {
            return Ok(None);
        }
        let verdict = |report: &kvsim_checkers::Report| {
            let code = report.findings.first().map(|finding| finding.code.clone());
            (report.checker.clone(), report.verdict, code)
        };
        let verdicts: Vec<_> = judged.reports.iter().map(verdict).collect();
        let is_surprise = |(checker, verdict, _): &(String, Verdict, Option<String>)| {
            let expected = table::expected(&as_written.expect, checker);
            !verdict.is_open() && expected.is_some_and(|expected| expected != *verdict)
        };
        if verdicts.iter().any(is_surprise) {
            let keep = if memory::takes_messages(&plan) { Keep::Everything } else { Keep::Judged };
            let judged = judge::run_quiet(store, &as_written, keep, Checkers::Promised);
            if judged.interrupted {
                return Ok(None);
            }
            let place = self.folder(folder, cell, seed);
            let summary = Summary::new(&as_written, &judged, &place);
            Folder::create(Destination::Cleared(place), &as_written)?.store(&summary, &judged.checkpoints, None)?;
        }
        let figures = self.sweep.columns.iter().filter_map(|column| match column {
            Column::Figure(figure) => Some(figure),
            Column::Verdict(_) => None,
        });
        if verdicts.iter().any(|(checker, ..)| checker == PANICKED) {
            // A run that has not come to its end has no figures.
            return Ok(Some(SweepOutcome {
                figures: figures.map(|_| None).collect(),
                verdicts,
                visibility: Vec::new(),
            }));
        }
        let metrics = Metrics::of(&judged.recording, &judged.measured, window_ns);
        let measured = measures::MeasuredRun { plan: &plan, judged: &judged, metrics: &metrics };
        let figures = figures.map(|figure| figure.of(&measured)).collect();
        let levels = levels(&plan);
        let visibility = metrics.visibility.into_iter().filter_map(|((level, priority, at), group)| {
            (at == Where::Other && levels.contains(&level)).then_some((level, priority, group))
        });
        Ok(Some(SweepOutcome { figures, verdicts, visibility: visibility.collect() }))
    }
}

/// Stored figures are no larger, and stored counts, of which many are added up.
const FIGURE_MAX: u64 = 1 << 62;
const COUNT_MAX: u64 = 1 << 40;

/// The name under which a panic of the store is reported.
pub const PANICKED: &str = "panic";
