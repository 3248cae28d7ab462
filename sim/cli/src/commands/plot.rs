//! `kvsim plot`: charts of stored runs.

use std::ffi::OsStr;
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};
use kvsim_checkers::metrics::Measured;
use kvsim_checkers::trace::Recording;
use kvsim_sim::plan::Plan;

use crate::args::virtual_time;
use crate::charts::{self, CHARTS, ChartInfo, Runs};
use crate::draw::{self, ImageFormat, Theme};
use crate::exit::{self, Failure};
use crate::folder::{self, Stored};
use crate::interrupt;
use crate::judge;
use crate::memory;
use crate::output::{PLAIN, YELLOW, print};
use crate::scenario::Names;
use crate::text::{program, seconds};

/// Draw charts of stored runs
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct PlotArgs {
    /// Folders of runs, or their plan.json; several are compared in one chart
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Which charts [default: all that have something to show]
    #[arg(long, value_delimiter = ',', value_name = "KIND", value_parser = PossibleValuesParser::new(chart_names()))]
    kind: Vec<String>,
    /// The form of the files
    #[arg(long, value_enum, default_value_t = ImageFormat::Svg)]
    format: ImageFormat,
    /// The page that the charts are made for
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    theme: Theme,
    /// The folder of the charts [default: RUN/charts, for several runs ./charts]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Show the time from here on, for instance 4.2s
    #[arg(long, value_name = "TIME", value_parser = virtual_time)]
    from: Option<u64>,
    /// Show the time up to here
    #[arg(long, value_name = "TIME", value_parser = virtual_time)]
    to: Option<u64>,
}

fn chart_names() -> Vec<PossibleValue> {
    CHARTS.iter().map(|chart| PossibleValue::new(chart.name).help(chart.summary)).collect()
}

pub fn plot(args: &PlotArgs, names: &Names) -> Result<u8, Failure> {
    if args.runs.len() > charts::MAX {
        return Err(Failure::Usage(format!(
            "{} runs are too many for one chart: at most {} can be told apart; draw fewer at a time",
            args.runs.len(),
            charts::MAX
        )));
    }
    if let Some(out) = args.out.as_ref().filter(|out| !out.is_dir() && out.extension().is_some_and(is_image)) {
        let out = out.display();
        return Err(Failure::Usage(format!(
            "--out {out} names a picture, expected a folder: the charts are files in it, named by their kinds (see --kind, --format)"
        )));
    }
    interrupt::stop_at_once();
    let stored =
        args.runs.iter().map(|run| Stored::read(run, names.stores)).collect::<Result<Vec<Stored>, Failure>>()?;
    let shown = shown(args, &stored)?;
    let plans: Vec<&Plan> = stored.iter().map(|stored| &stored.plan).collect();
    let window_ns = charts::window_ns(&plans);
    let mut recorded = Vec::new();
    for run in &stored {
        match record(run, window_ns)? {
            Ok((recording, measured)) => recorded.push((run.plan.clone(), recording, measured)),
            Err(code) => return Ok(code),
        }
    }
    let places: Vec<String> = stored.iter().map(|stored| folder_of(&stored.path)).collect();
    let mut runs = Runs::of(recorded, &places, shown);
    let out = args.out.clone().unwrap_or_else(|| match stored.as_slice() {
        [one] => one.path.parent().unwrap_or(Path::new(".")).join(folder::CHARTS),
        _ => PathBuf::from(folder::CHARTS),
    });
    folder::make(&out)?;
    let wanted: Vec<&ChartInfo> =
        CHARTS.iter().filter(|chart| args.kind.is_empty() || args.kind.iter().any(|name| name == chart.name)).collect();
    let is_diagram = wanted.iter().any(|chart| chart.name == charts::MESSAGES.name);
    if let ([stored], [run], true) = (stored.as_slice(), runs.list.as_mut_slice(), is_diagram) {
        // A diagram shows what was found.
        run.reports = judge::reports(stored.store, &run.plan, &run.recording);
    }
    let mut said = String::new();
    for chart in wanted {
        let name = chart.name;
        match chart.drawn(&runs, !args.kind.is_empty()) {
            Ok(drawing) => {
                let path = out.join(draw::file_name(name, args.format, args.theme));
                folder::write_whole(&path, &drawing.file(args.format, args.theme))?;
                said.push_str(&format!("  {name:<10}  {}\n", path.display()));
            }
            Err(why) if args.kind.is_empty() => {
                said.push_str(&format!("  {name:<10}  {YELLOW}nothing to show{PLAIN}: {why}\n"));
            }
            Err(why) => {
                return Err(Failure::Usage(format!(
                    "there is nothing to show of {name}: {why}; leave {name} out of --kind"
                )));
            }
        }
    }
    print(&said)?;
    Ok(exit::HOLDS)
}

fn is_image(ending: &OsStr) -> bool {
    ["svg", "png"].iter().any(|image| ending.eq_ignore_ascii_case(image))
}

/// The times that are shown, if not all of the run.
fn shown(args: &PlotArgs, stored: &[Stored]) -> Result<Option<Range<u64>>, Failure> {
    if args.from.is_none() && args.to.is_none() {
        return Ok(None);
    }
    let end_ns = stored.iter().map(|stored| stored.plan.end_ns()).max().unwrap_or(0);
    let (from, to) = (args.from.unwrap_or(0), args.to.unwrap_or(end_ns).min(end_ns));
    if from >= to {
        let end = seconds(end_ns);
        return Err(Failure::Usage(format!(
            "there is no time to show between --from {} and --to {}: the run lasts {end}",
            seconds(from),
            seconds(to)
        )));
    }
    Ok(Some(from..to))
}

/// Runs the stored plan again; the exit code when that was interrupted or is not the stored run.
pub fn record(stored: &Stored, window_ns: u64) -> Result<Result<(Recording, Measured), u8>, Failure> {
    memory::check_with_messages(&stored.path, &stored.plan)?;
    let (store, path) = (stored.store, stored.path.display());
    let (outcome, recording, measured) = charts::record(store, &stored.plan, window_ns).map_err(|panic| {
        let at = seconds(panic.at_ns);
        Failure::Usage(format!(
            "{path}: the store panics at {at} (see {} replay); figures need a complete run",
            program()
        ))
    })?;
    if !outcome.complete {
        return Ok(Err(exit::INTERRUPTED));
    }
    if !stored.is_reproduced(outcome.trace_hash, "what is shown") {
        return Ok(Err(exit::NOT_REPRODUCED));
    }
    Ok(Ok((recording, measured)))
}

fn folder_of(plan: &Path) -> String {
    let folder = plan.parent().and_then(Path::file_name);
    folder.map_or_else(|| plan.display().to_string(), |name| name.to_string_lossy().into_owned())
}
