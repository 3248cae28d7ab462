//! The run that a command looks at: a stored one or that of a scenario, executed again with everything recorded.

use std::path::Path;

use kvsim_checkers::trace::Header;
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use crate::commands;
use crate::exit::Failure;
use crate::folder::Stored;
use crate::scenario::{self, nearest};

/// A plan and its store.
pub struct Source {
    /// The store.
    pub store: &'static StoreEntry,
    /// The plan.
    pub plan: Plan,
}

impl Source {
    /// The run in the folder `path`, that of the plan file `path`, or that of the scenario `path` with its own seed.
    pub fn read(path: &Path) -> Result<Source, Failure> {
        if path.extension().is_some_and(|extension| extension == "toml") {
            let scenario = scenario::load(path, &[], &commands::names()).map_err(Failure::Scenario)?;
            let (store, plan) = commands::lowered(path, &scenario, scenario.seed)?;
            return Ok(Source { store, plan });
        }
        let stored = Stored::read(path)?;
        Ok(Source { store: commands::store_of(&stored)?, plan: stored.plan })
    }
}

/// The number of the node called `name`.
pub fn node(header: &Header, name: &str) -> Result<u16, Failure> {
    let number = name.strip_prefix('n').and_then(|number| number.parse().ok());
    let known = number.filter(|number| *number < header.nodes && name == format!("n{number}"));
    known.ok_or_else(|| {
        let last = header.nodes.saturating_sub(1);
        Failure::Usage(format!("the run has no node {}\n  it has n0 to n{last}", scenario::printable(name)))
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
        Failure::Usage(format!("the run has no {what} {}\n  {help}", scenario::printable(name)))
    })
}
