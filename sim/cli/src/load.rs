//! From what the command line names to a plan and its store: a scenario, a stored run, or its `plan.json`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use kvsim_checkers::trace::{Header, NodeId};
use kvsim_sim::estimate::Estimate;
use kvsim_sim::lower;
use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::Scenario;
use kvsim_sim::stores::{StoreEntry, Stores};

use crate::exit::Failure;
use crate::folder::Stored;
use crate::judge;
use crate::memory;
use crate::scenario::{self, Names};
use crate::sweep::read;
use crate::text::{nearest, printable};

pub type Run = (&'static StoreEntry, Plan);

/// The run in the folder `path`, that of the plan file `path`, or that of the scenario `path` with its own seed.
pub fn run(path: &Path, names: &Names) -> Result<Run, Failure> {
    if path.extension().is_some_and(|extension| extension == "toml") {
        let scenario = scenario(path, &[], names)?;
        return lowered(path, &scenario, scenario.seed.0, names.stores);
    }
    let stored = Stored::read(path, names.stores)?;
    Ok((stored.store, stored.plan))
}

/// The scenario in `file`, with changes to it.
pub fn scenario(file: &Path, overrides: &[String], names: &Names) -> Result<Scenario, Failure> {
    scenario::load(file, overrides, names).map_err(Failure::Scenario)
}

/// What `file` has in it.
pub fn contents(file: &Path) -> Result<Vec<u8>, Failure> {
    scenario::contents(file).map_err(Failure::Scenario)
}

/// The scenario in `file` for the cell of its sweep that the `choices` name.
pub fn cell(file: &Path, overrides: &[String], choices: &[String], names: &Names) -> Result<Scenario, Failure> {
    let read = || read::chosen(file, &scenario::contents(file)?, overrides, choices, names);
    read().map_err(Failure::Scenario)
}

/// The file, or all scenarios below the folder.
pub fn scenarios_in(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let (mut files, mut folders) = (Vec::new(), vec![path.to_path_buf()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let entry = entry.map_err(|error| unreadable(&folder, &error))?;
            let inside = entry.path();
            // A link to a folder may lead around in a circle.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(inside);
            } else if inside.extension() == Some(OsStr::new("toml")) {
                files.push(inside);
            }
        }
    }
    if files.is_empty() {
        return Err(Failure::Usage(format!("{}: no scenario (*.toml) lies there", path.display())));
    }
    files.sort();
    Ok(files)
}

pub fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::Usage(format!("cannot read {}: {error}", path.display()))
}

/// The plan of the scenario in `file` for a seed, and the store that it is for.
pub fn lowered(file: &Path, scenario: &Scenario, seed: u64, stores: Stores) -> Result<Run, Failure> {
    lowered_within(file, scenario, seed, stores, Estimate::without_messages)
}

/// The same for a run of which no more is recorded than `recorded` counts.
pub fn lowered_within(
    file: &Path,
    scenario: &Scenario,
    seed: u64,
    stores: Stores,
    recorded: fn(Estimate) -> Estimate,
) -> Result<Run, Failure> {
    let usage = |message: String| Failure::Usage(format!("{}: {message}", file.display()));
    let store = stores.find(&scenario.store.name).expect("the scenario reader knows the stores");
    memory::check(file, &recorded(Estimate::of_scenario(scenario)))?;
    let plan = lower::lower(scenario, seed, concat!("kvsim ", env!("CARGO_PKG_VERSION"))).map_err(usage)?;
    plan.validate().map_err(|error| usage(error.to_string()))?;
    memory::check(file, &recorded(Estimate::of_plan(&plan)))?;
    Ok((store, plan))
}

/// The names that scenarios may use where these are the stores.
pub fn names(stores: Stores) -> Names {
    Names::new(stores, judge::checkers().map(|checker| checker.name).collect())
}

/// Those of the stores that come with kvsim.
#[cfg(any(test, fuzzing))]
pub fn built_in() -> &'static Names {
    static BUILT_IN: std::sync::LazyLock<Names> = std::sync::LazyLock::new(|| names(kvsim_sim::stores::BUILT_IN));
    &BUILT_IN
}

/// The node called `name`, where there are so many.
pub fn node_called(name: &str, nodes: u16) -> Option<NodeId> {
    let number: Option<u16> = name.strip_prefix('n').and_then(|number| number.parse().ok());
    number.filter(|number| *number < nodes && name == format!("n{number}")).map(NodeId)
}

/// The number of the node called `name`.
pub fn node(header: &Header, name: &str) -> Result<NodeId, Failure> {
    node_called(name, header.nodes).ok_or_else(|| {
        let last = header.nodes.saturating_sub(1);
        Failure::Usage(format!("the run has no node {}\n  it has n0 to n{last}", printable(name)))
    })
}

/// The number of the key or session called `name` among `names`; `what` says which of the two it is.
pub fn number(names: &[String], what: &str, name: &str) -> Result<u32, Failure> {
    let place = names.iter().position(|other| other == name);
    place.map(|place| place as u32).ok_or_else(|| {
        const SHOWN: usize = 12;
        let help = match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => format!("did you mean {near}?"),
            None => {
                let some: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
                let more =
                    if names.len() > SHOWN { format!(" and {} more", names.len() - SHOWN) } else { String::new() };
                format!("it has {}{more}", some.join(", "))
            }
        };
        Failure::Usage(format!("the run has no {what} {}\n  {help}", printable(name)))
    })
}
