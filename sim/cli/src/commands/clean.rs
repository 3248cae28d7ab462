//! `kvsim clean`: removes what runs, hunts and sweeps have left.

use std::fs;
use std::path::PathBuf;

use crate::exit::{self, Failure};
use crate::output::print;
use crate::results::{ResultsFolder, results_in};
use crate::text::{counted, printable, rounded};

/// Remove the folders of runs, hunts and sweeps; without --yes, only say which
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct CleanArgs {
    /// Where they are
    #[arg(default_value = "runs")]
    dir: PathBuf,
    /// Remove them
    #[arg(long)]
    yes: bool,
    /// Remove those with findings, too
    #[arg(long)]
    all: bool,
}

pub fn clean(args: &CleanArgs) -> Result<u8, Failure> {
    let goes = |one: &ResultsFolder| args.all || !one.has_findings;
    let (go, stay): (Vec<ResultsFolder>, Vec<ResultsFolder>) = results_in(&args.dir)?.into_iter().partition(goes);
    let mut out = String::new();
    for one in &go {
        let path = args.dir.join(&one.name);
        if args.yes {
            let _lock = crate::folder::lock_alone(&path)?;
            // Links in it are removed and not followed.
            fs::remove_dir_all(&path)
                .map_err(|error| Failure::Usage(format!("cannot remove {}: {error}", path.display())))?;
        }
        out.push_str(&format!(
            "  {}  {}, {}\n",
            printable(&path.display().to_string()),
            one.came_to,
            megabytes(one.bytes)
        ));
    }
    let removed = if args.yes { "removed" } else { "to remove with --yes" };
    let (count, bytes) =
        (counted(go.len() as u64, "folder", "folders"), megabytes(go.iter().map(|one| one.bytes).sum()));
    out.push_str(&format!("{count}, {bytes}: {removed}\n"));
    if !stay.is_empty() {
        let kept = counted(stay.len() as u64, "folder", "folders");
        out.push_str(&format!("{kept} with findings stay; --all removes them, too\n"));
    }
    print(&out)?;
    Ok(exit::HOLDS)
}

fn megabytes(bytes: u64) -> String {
    format!("{} MB", rounded(bytes, 1_000_000, 1))
}
