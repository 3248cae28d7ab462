//! The runs of a hunt: seeds and scenarios, numbered, so that a number says everything about a run.

use std::path::{Path, PathBuf};

use kvsim_sim::hunt::{self, cause};
use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::{StoreEntry, Stores};
use serde_json::{Value, json};

use super::journal::{Found, Unknown};
use crate::exit::Failure;
use crate::folder::{Destination, Folder};
use crate::interrupt;
use crate::judge::{self, Checkers};
use crate::load::{self, lowered};
use crate::memory;
use crate::recorder::{Checkpoint, Keep};
use crate::report::Summary;
use crate::scenario::Names;

pub struct RunSet {
    /// What they follow from: hunts that agree in this find the same.
    pub header: Value,
    /// Of all scenarios, instead of their own.
    first_seed: Option<u64>,
    swarm: bool,
    scenarios: Vec<(PathBuf, Scenario)>,
    stores: Stores,
}

impl RunSet {
    /// Reads the scenario at `path`, or all below that folder.
    pub fn read(
        path: &Path,
        set: Vec<String>,
        swarm: bool,
        first_seed: Option<u64>,
        names: &Names,
    ) -> Result<RunSet, Failure> {
        let mut texts = Vec::new();
        let mut scenarios: Vec<(PathBuf, Scenario)> = Vec::new();
        for (file, name) in files(path)? {
            let mut scenario = load::scenario(&file, &set, names)?;
            scenario.name = name;
            // A scenario that cannot be run is reported before the hunt begins.
            lowered(&file, &scenario, first_seed.unwrap_or(scenario.seed.0), names.stores)?;
            let text = std::fs::read_to_string(&file).map_err(|error| load::unreadable(&file, &error))?;
            texts.push(json!({ "file": file.display().to_string(), "text": text }));
            scenarios.push((file, scenario));
        }
        let header = json!({
            "schema": 1,
            "kvsim": env!("CARGO_PKG_VERSION"),
            "scenarios": texts,
            "set": set,
            "swarm": swarm,
            "first_seed": first_seed,
        });
        Ok(RunSet { header, first_seed, swarm, scenarios, stores: names.stores })
    }

    /// Number of runs with this many seeds of each scenario.
    pub fn runs_of(&self, seeds: u64) -> u64 {
        seeds.saturating_mul(self.scenarios.len() as u64)
    }

    /// The scenario and the seed of run number `run`. Scenarios take turns.
    fn place(&self, run: u64) -> (&(PathBuf, Scenario), u64) {
        let (seed, scenario) = (run / self.scenarios.len() as u64, run % self.scenarios.len() as u64);
        let place = &self.scenarios[scenario as usize];
        (place, self.first_seed.unwrap_or(place.1.seed.0).wrapping_add(seed))
    }

    /// The seed of run number `run`.
    pub fn seed(&self, run: u64) -> u64 {
        self.place(run).1
    }

    pub fn plan(&self, run: u64) -> Result<(&'static StoreEntry, Plan), Failure> {
        let ((file, scenario), seed) = self.place(run);
        match self.swarm {
            true => lowered(file, &hunt::swarm(scenario, seed), seed, self.stores),
            false => lowered(file, scenario, seed, self.stores),
        }
    }

    /// Does a run, which is to be stored below `folder` if something is found; nothing when it was interrupted.
    pub fn one(&self, run: u64, folder: &Path) -> Result<Option<HuntOutcome>, Failure> {
        let (store, plan) = self.plan(run)?;
        let mut judged = judge::run_quiet(store, &plan, Keep::Judged, Checkers::Promised);
        let place = folder.join(format!("{}-{}", plan.scenario, plan.seed));
        let summary = Summary::new(&plan, &judged, &place);
        let surprising = |is_open: bool| {
            summary.verdicts.iter().filter(move |one| one.verdict.is_open() == is_open && !one.is_expected())
        };
        if judged.interrupted || interrupt::is_requested() {
            return Ok(None);
        }
        if surprising(false).next().is_none() {
            let (scenario, seed) = (&plan.scenario, &summary.seed);
            let this = |note: &str| Unknown {
                runs: 0,
                first_run: run,
                scenario: scenario.clone(),
                seed: seed.clone(),
                note: note.into(),
            };
            let unknown = surprising(true).map(|one| (one.checker.clone(), this(&one.note))).collect();
            return Ok(Some(HuntOutcome { found: Vec::new(), unknown, run: None }));
        }
        if judged.reports.iter().all(|report| report.checker != "panic") && memory::takes_messages(&plan) {
            // The same run again, with all messages, which findings are explained by.
            judged = judge::run_quiet(store, &plan, Keep::Everything, Checkers::Promised);
            if judged.interrupted {
                return Ok(None);
            }
        }
        let summary = Summary::new(&plan, &judged, &place);
        let mut found: Vec<Found> = Vec::new();
        for judgement in summary.verdicts.iter().filter(|one| !one.is_expected()) {
            for finding in &judgement.findings {
                if found.iter().all(|other| other.code != finding.code) {
                    found.push(Found {
                        run,
                        scenario: plan.scenario.clone(),
                        seed: summary.seed.clone(),
                        checker: judgement.checker.clone(),
                        code: finding.code.clone(),
                        cause: cause(finding, judge::meaning(&finding.code)),
                        title: finding.title.clone(),
                        at_ns: finding.at_ns,
                        events: summary.events,
                        run_dir: summary.run_dir.clone(),
                    });
                }
            }
        }
        let run = FoundRun { place, plan, summary, checkpoints: judged.checkpoints };
        Ok(Some(HuntOutcome { found, unknown: Vec::new(), run: Some(run) }))
    }
}

pub struct HuntOutcome {
    /// The first finding of each code that is not expected.
    pub found: Vec<Found>,
    /// The checkers whose verdicts are unknown though others were expected, with this run as the first; none where something
    /// was found.
    pub unknown: Vec<(String, Unknown)>,
    /// The run, if something was found.
    pub run: Option<FoundRun>,
}

/// What is stored of a run with a finding.
pub struct FoundRun {
    place: PathBuf,
    plan: Plan,
    summary: Summary,
    checkpoints: Vec<Checkpoint>,
}

impl FoundRun {
    /// Stores it in its folder.
    pub fn store(self) -> Result<(), Failure> {
        Folder::create(Destination::Cleared(self.place), &self.plan)?.store(&self.summary, &self.checkpoints, None)
    }
}

/// The file, or all scenarios below the folder, each with a name for its runs.
fn files(path: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
    let name = |file: &Path| {
        let below = file.strip_prefix(path).ok().filter(|below| !below.as_os_str().is_empty());
        let below = below.unwrap_or(file.file_name().map_or(file, Path::new)).with_extension("");
        below.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "-")
    };
    Ok(load::scenarios_in(path)?.into_iter().map(|file| (file.clone(), name(&file))).collect())
}
