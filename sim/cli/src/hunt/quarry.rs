//! The runs of a hunt: seeds and scenarios, numbered, so that a number says everything about a run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use kvsim_sim::hunt;
use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::StoreEntry;
use serde::{Deserialize, Serialize};

use crate::exit::Failure;
use crate::load::{self, lowered};

/// Where and how is hunted, but for how long: hunts that agree in this find the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// Version of the journal.
    pub schema: u32,
    /// Version of the program.
    pub kvsim: String,
    /// The scenario files with their content.
    pub scenarios: Vec<Source>,
    /// Changes to them.
    pub set: Vec<String>,
    /// See [`hunt::swarm`].
    pub swarm: bool,
    /// The first seed.
    pub first_seed: u64,
}

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Where it is.
    pub file: String,
    /// What it says.
    pub text: String,
}

/// The runs.
pub struct Quarry {
    /// What they follow from.
    pub ground: Ground,
    scenarios: Vec<(PathBuf, Scenario)>,
}

impl Quarry {
    /// Reads the scenario at `path`, or all below that folder.
    pub fn read(path: &Path, set: Vec<String>, swarm: bool, first_seed: u64) -> Result<Quarry, Failure> {
        let mut ground = Ground {
            schema: 1,
            kvsim: env!("CARGO_PKG_VERSION").to_string(),
            scenarios: Vec::new(),
            set,
            swarm,
            first_seed,
        };
        let mut scenarios: Vec<(PathBuf, Scenario)> = Vec::new();
        for (file, name) in files(path)? {
            let mut scenario = load::scenario(&file, &ground.set)?;
            scenario.name = name;
            // A scenario that cannot be run is told before the hunt and not in the middle of it.
            lowered(&file, &scenario, first_seed)?;
            let text = std::fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
            ground.scenarios.push(Source { file: file.display().to_string(), text });
            scenarios.push((file, scenario));
        }
        Ok(Quarry { ground, scenarios })
    }

    /// Number of runs with the seeds before `seed`.
    pub fn runs_before(&self, seed: u64) -> u64 {
        (seed - self.ground.first_seed).saturating_mul(self.scenarios.len() as u64)
    }

    /// The seed of run number `run`. Scenarios take turns.
    pub fn seed(&self, run: u64) -> u64 {
        self.ground.first_seed.wrapping_add(run / self.scenarios.len() as u64)
    }

    /// Run number `run`.
    pub fn plan(&self, run: u64) -> Result<(&'static StoreEntry, Plan), Failure> {
        let (file, scenario) = &self.scenarios[(run % self.scenarios.len() as u64) as usize];
        let seed = self.seed(run);
        match self.ground.swarm {
            true => lowered(file, &hunt::swarm(scenario, seed), seed),
            false => lowered(file, scenario, seed),
        }
    }
}

/// The file, or all scenarios below the folder, each with a name for its runs.
fn files(path: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
    if !path.is_dir() {
        let name = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        return Ok(vec![(path.to_path_buf(), name)]);
    }
    let mut files = Vec::new();
    let mut folders = vec![path.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let inside = entry.map_err(|error| unreadable(&folder, &error))?.path();
            if inside.is_dir() {
                folders.push(inside);
            } else if inside.extension() == Some(OsStr::new("toml")) {
                files.push(inside);
            }
        }
    }
    files.sort();
    if files.is_empty() {
        return Err(Failure::Usage(format!("{}: no scenario (*.toml) lies there", path.display())));
    }
    let name = |file: &PathBuf| {
        let below = file.strip_prefix(path).unwrap_or(file).with_extension("");
        below.to_string_lossy().replace(std::path::MAIN_SEPARATOR, "-")
    };
    Ok(files.into_iter().map(|file| (file.clone(), name(&file))).collect())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot read {}: {error}", path.display()))
}
