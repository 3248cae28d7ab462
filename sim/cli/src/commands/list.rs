//! `kvsim list`: what there is to choose from.

use std::path::Path;

use kvsim_checkers::CodeInfo;
use kvsim_histories::models::MODELS;
use kvsim_sim::scenario::fault_kinds;
use kvsim_sim::stores::{StoreEntry, Stores};
use kvsim_store::settings::DefectInfo;
use serde::Serialize;
use serde_json::Value as Json;

use crate::args::Output;
use crate::exit::{self, Failure};
use crate::judge;
use crate::results::{ResultsFolder, results_in};
use crate::scenario::{self, Names};
use crate::sweep::measures::{MEASURES, Measure};
use crate::text::printable;
use clap::ValueEnum;

/// List stores, faults, checkers, defects, models, columns or runs
#[derive(Debug, clap::Args)]
pub struct ListArgs {
    /// What to list
    what: Listed,
    #[command(flatten)]
    output: Output,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Listed {
    /// Stores that scenarios can name
    Stores,
    /// What can go wrong in a scenario
    Faults,
    /// Checkers with the codes of their findings
    Checkers,
    /// Mistakes that can be planted in stores, to see whether they are found
    Defects,
    /// Models by which kvsim check judges histories
    Models,
    /// Measures that a sweep's table can have as columns; a checker's name is a column, too
    Columns,
    /// Runs, hunts and sweeps whose results are in the folder runs, the latest at the end
    Runs,
}

/// Something that can be named.
#[derive(Serialize)]
struct Item {
    name: String,
    summary: String,
    /// Its parts: settings of a store, codes of a checker, an example of a fault.
    details: Vec<String>,
}

/// What can go wrong, as the schema of scenarios describes it: each kind of fault, and what goes wrong all the time.
fn faults(stores: Stores) -> Vec<Item> {
    let schema = scenario::schema(stores, None);
    let fields = |table: &str| schema["$defs"][table]["properties"].as_object().into_iter().flatten();
    let summary = |field: &Json| field["description"].as_str().unwrap_or_default().to_owned();
    let tables = &schema["$defs"]["Faults"]["properties"];
    let faults = fault_kinds().into_iter().map(|kind| {
        let table = &tables[kind.as_str()];
        let example = table["items"]["examples"][0].as_object().into_iter().flatten();
        let example: Vec<String> = example.map(|(name, value)| format!("  {name} = {value}")).collect();
        Item { summary: summary(table), details: vec![format!("[[fault.{kind}]]{}", example.concat())], name: kind }
    });
    let always = [("net", "Net"), ("disk", "Disk")].into_iter().flat_map(|(path, table)| {
        let of_type = |field: &Json| field["$ref"].as_str().and_then(|path| schema.pointer(&path[1..]));
        fields(table).filter_map(move |(name, field)| {
            let details = vec![format!("[{path}]  {name} = {}", of_type(field)?["examples"][0])];
            Some(Item { name: format!("{path}.{name}"), summary: summary(field), details })
        })
    });
    faults.chain(always).collect()
}

fn details(store: &'static StoreEntry) -> Vec<String> {
    let mut details = vec![
        format!("levels: {}", store.levels.names()),
        format!("settings: {}", store.settings().into_iter().collect::<Vec<_>>().join(", ")),
        format!("messages: {}", store.message_kinds.join(", ")),
    ];
    let not = store.not_made_for.iter().map(|(what, why)| format!("not made for {}: {why}", what.name()));
    details.extend(not);
    let defects: Vec<&str> = store.defects.iter().map(|defect| defect.name).collect();
    if !defects.is_empty() {
        details.push(format!("defects to plant (kvsim list defects): {}", defects.join(", ")));
    }
    details
}

pub fn list(args: &ListArgs, names: &Names) -> Result<u8, Failure> {
    let item =
        |name: &str, summary: &str, details| Item { name: name.to_owned(), summary: summary.to_owned(), details };
    let codes = |codes: &[CodeInfo]| codes.iter().map(|code| format!("{}  {}", code.code, code.meaning)).collect();
    let entries: Vec<Item> = match args.what {
        Listed::Stores => {
            names.stores.list().iter().map(|store| item(store.name, store.summary, details(store))).collect()
        }
        Listed::Faults => faults(names.stores),
        Listed::Checkers => {
            judge::checkers().map(|checker| item(checker.name, checker.summary, codes(checker.codes))).collect()
        }
        Listed::Defects => {
            let of = |store: &'static StoreEntry, defect: &DefectInfo| {
                let details =
                    [format!("store: {}", store.name), format!("should be noticed by: {}", defect.noticed_by)];
                item(defect.name, defect.meaning, details.into())
            };
            names
                .stores
                .list()
                .iter()
                .flat_map(|store| store.defects.iter().map(move |defect| of(store, defect)))
                .collect()
        }
        Listed::Models => MODELS.iter().map(|model| item(model.name, model.summary, codes(model.codes))).collect(),
        Listed::Columns => {
            let example = |measure: &Measure| vec![format!("for instance \"{}\"", measure.example())];
            MEASURES.iter().map(|measure| item(measure.name, measure.meaning, example(measure))).collect()
        }
        Listed::Runs => {
            let place = Path::new("runs");
            let all = results_in(place)?.into_iter();
            let name = |one: &ResultsFolder| printable(&place.join(&one.name).display().to_string());
            all.map(|one| item(&name(&one), &one.came_to, Vec::new())).collect()
        }
    };
    args.output.print(&entries, || {
        let line = |Item { name, summary, details }: &Item| {
            let details: String = details.iter().map(|detail| format!("    {detail}\n")).collect();
            format!("{name}\n    {summary}\n{details}")
        };
        entries.iter().map(line).collect()
    })?;
    Ok(exit::HOLDS)
}
