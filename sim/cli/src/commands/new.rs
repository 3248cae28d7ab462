//! `kvsim new`: a scenario to begin with, or a program for a store of one's own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::exit::{self, Failure};
use crate::folder;
use crate::output::print;
use crate::scenario::{Names, reference};
use crate::text::{printable, program, quoted};

/// Write a scenario to begin with, or a small program for a store of your own
#[derive(Debug, clap::Args)]
pub struct NewArgs {
    #[command(subcommand)]
    what: Thing,
}

/// What to write.
#[derive(Debug, clap::Subcommand)]
enum Thing {
    /// A crate with a replicated store and the whole command
    Store(StoreArgs),
    /// A scenario that runs, with all other fields as comments, and its schema for editors beside it
    Scenario(ScenarioArgs),
}

#[derive(Debug, clap::Args)]
struct ScenarioArgs {
    /// The file, for instance my-scenario.toml
    file: PathBuf,
}

#[derive(Debug, clap::Args)]
struct StoreArgs {
    /// The store's name and that of its folder, for instance my-store
    #[arg(value_parser = name)]
    name: String,
    /// The source of kvsim, for a copy that lies here [default: its repository]
    #[arg(long, value_name = "DIR")]
    kvsim: Option<PathBuf>,
}

/// The files, in which the store has this name.
const NAME: &str = "my-store";
const FILES: [(&str, &str); 5] = [
    ("Cargo.toml", include_str!("../../template/manifest.toml")),
    ("src/main.rs", include_str!("../../template/src/main.rs")),
    ("scenarios/first.toml", include_str!("../../template/scenarios/first.toml")),
    ("scenarios/rough.toml", include_str!("../../template/scenarios/rough.toml")),
    ("README.md", include_str!("../../template/README.md")),
];

pub fn new(args: &NewArgs, names: &Names) -> Result<u8, Failure> {
    match &args.what {
        Thing::Store(args) => store(args),
        Thing::Scenario(args) => scenario(&args.file, names),
    }
}

fn scenario(file: &Path, names: &Names) -> Result<u8, Failure> {
    let shown = printable(&file.display().to_string());
    if file.symlink_metadata().is_ok() {
        return Err(Failure::Usage(format!("{shown} is there already; choose another name")));
    }
    if file.extension() != Some(OsStr::new("toml")) {
        return Err(Failure::Usage(format!("{shown} is no name of a scenario, expected NAME.toml")));
    }
    let schema = crate::scenario::schema(names.stores, None);
    folder::write_whole(file, reference::template(&schema).as_bytes())?;
    let beside = file.with_file_name("kvsim-schema.json");
    let text = serde_json::to_string_pretty(&schema).map_err(std::io::Error::from)?;
    folder::write_whole(&beside, text.as_bytes())?;
    print(&format!(
        "  scenario  {shown}\n  schema    {}\n  run it    {} run {}\n",
        printable(&beside.display().to_string()),
        program(),
        quoted(&file.display().to_string())
    ))?;
    Ok(exit::HOLDS)
}

fn store(args: &StoreArgs) -> Result<u8, Failure> {
    let StoreArgs { name, kvsim } = args;
    let place = Path::new(name);
    if place.symlink_metadata().is_ok() {
        return Err(Failure::Usage(format!(
            "{name} is there already; choose another name, or another folder to be in"
        )));
    }
    let kvsim = match kvsim {
        None => format!("git = \"{}\"", env!("CARGO_PKG_REPOSITORY")),
        Some(path) => {
            let shown = printable(&path.display().to_string());
            let of_crate = [path.join("sim/cli"), path.clone()].into_iter().find(|path| path.join("template").is_dir());
            let found = of_crate.and_then(|path| path.canonicalize().ok()).ok_or_else(|| {
                Failure::Usage(format!(
                    "--kvsim {shown} is not the source of kvsim; expected the folder with its README.md"
                ))
            })?;
            // A string of JSON is one of TOML.
            format!("path = {}", serde_json::json!(found.to_string_lossy()))
        }
    };
    for (file, text) in FILES {
        let file = place.join(file);
        folder::make(file.parent().unwrap_or(place))?;
        folder::write_whole(&file, text.replace(NAME, name).replace("KVSIM", &kvsim).as_bytes())?;
    }
    let run = "cargo run --release -- run scenarios/first.toml";
    print(&format!("{name}: a store, two scenarios and a README.md; next:\n  cd {name} && {run}\n"))?;
    Ok(exit::HOLDS)
}

/// A name that a crate can have.
fn name(text: &str) -> Result<String, String> {
    let is_rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let is_right = text.starts_with(|c: char| c.is_ascii_lowercase()) && text.len() <= 64 && text.chars().all(is_rest);
    let reserved = ["test", "core", "std", "alloc", "proc-macro", "kvsim", "serde", "schemars"].contains(&text);
    match is_right && !reserved {
        true => Ok(text.to_owned()),
        false => Err("expected a name that a crate can have: small letters, digits and `-`, a letter first".to_owned()),
    }
}
