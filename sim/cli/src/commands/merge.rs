//! `kvsim merge`: the shards of a hunt or a sweep become one.

use std::path::PathBuf;

use super::sweep::tell;
use crate::draw::{ImageFormat, Theme};
use crate::exit::{self, Failure};
use crate::hunt::told::HuntSummary;
use crate::journal;
use crate::output::{print, print_json};
use crate::scenario::Names;
use crate::shard::Parts;
use crate::sweep::text_formats::Form;
use crate::text::program;
use crate::{hunt, sweep};

/// Put the shards of a hunt or a sweep together
///
/// The result is that of one hunt or sweep through, and can be gone on with.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct MergeArgs {
    /// The folders of all shards, in any order; one may be there twice
    #[arg(value_name = "DIR", required = true)]
    folders: Vec<PathBuf>,
    /// The folder of the result, a new one
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How to print the result; of a hunt text or json
    #[arg(long, value_enum, default_value_t = Form::Text)]
    format: Form,
}

pub fn merge(args: &MergeArgs, names: &Names) -> Result<u8, Failure> {
    let first = args.folders.first().map(PathBuf::as_path).unwrap_or_else(|| "".as_ref());
    let is = |kind: &str| journal::path_in(first, kind).is_file();
    if is(hunt::journal::KIND) {
        return merge_hunt(args);
    }
    if is(sweep::journal::KIND) {
        return merge_sweep(args, names);
    }
    let (folder, kvsim) = (first.display(), program());
    Err(Failure::Usage(format!(
        "{folder}: neither hunt.jsonl nor sweep.jsonl lies there\n  expected what {kvsim} hunt --shard I/N or {kvsim} sweep \
         --shard I/N leaves"
    )))
}

fn merge_hunt(args: &MergeArgs) -> Result<u8, Failure> {
    if !matches!(args.format, Form::Text | Form::Json) {
        return Err(Failure::Usage("a hunt has no table: its result is --format text or json".to_owned()));
    }
    let parts = Parts::read(hunt::journal::KIND, &args.folders)?;
    let runs = parts.runs;
    let (hunted, shards) = hunt::merge::merge(parts, &args.out)?;
    let summary = HuntSummary::new(&hunted, None, runs, &args.out, false);
    let how = format!("merged from {shards} shards");
    match args.format {
        Form::Json => print_json(&summary)?,
        _ => print(&summary.text(true, &how))?,
    }
    summary.write_page()?;
    Ok(summary.exit_code())
}

fn merge_sweep(args: &MergeArgs, names: &Names) -> Result<u8, Failure> {
    let parts = Parts::read(sweep::journal::KIND, &args.folders)?;
    let (runs, done, shards) = sweep::merge::merge(parts, &args.out, names)?;
    let how = format!("{} runs, merged from {shards} shards", runs.count());
    tell(&runs, &done, &args.out, args.format, (ImageFormat::Svg, Theme::Light), &how)
}
