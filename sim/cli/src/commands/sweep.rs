//! `kvsim sweep`: a scenario with many values, and its results as tables and charts.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // people wait in real time

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::ValueEnum as _;

use crate::args::{Batch, Overrides};
use crate::draw::{self, Drawing, ImageFormat, Theme};
use crate::exit::{self, Failure};
use crate::folder;
use crate::interrupt;
use crate::journal::Journal;
use crate::output::print;
use crate::pool::{self, Next};
use crate::progress::Ticker;
use crate::report::page::batch::{self, BatchPage};
use crate::scenario::Names;
use crate::shard::Shard;
use crate::sweep::journal::{self, DoneRun, SweepLine};
use crate::sweep::run::{SweepOutcome, SweepRuns};
use crate::sweep::table::Table;
use crate::sweep::text_formats::Form;
use crate::sweep::{charts as lines, visibility};
use crate::text::{counted, grouped, program, quoted};

/// Vary values of a scenario, each with many seeds, and show the results as tables and charts
#[derive(Debug, clap::Args)]
#[command(after_help = exit::TABLE)]
pub struct SweepArgs {
    /// The sweep: a scenario with a table [sweep]
    file: PathBuf,
    #[command(flatten)]
    batch: Batch,
    #[command(flatten)]
    overrides: Overrides,
    /// How to print the table; the folder has all forms
    #[arg(long, value_enum, default_value_t = Form::Text, conflicts_with = "shard")]
    format: Form,
    /// The form of the charts
    #[arg(long, value_enum, default_value_t = ImageFormat::Svg, conflicts_with = "shard")]
    chart_format: ImageFormat,
    /// The page that the charts are made for
    #[arg(long, value_enum, default_value_t = Theme::Light)]
    theme: Theme,
}

pub fn sweep(args: &SweepArgs, names: &Names) -> Result<u8, Failure> {
    let runs = Arc::new(SweepRuns::read(&args.file, &args.overrides.list(), args.batch.shard, names)?);
    let suffix = args.batch.shard.map_or(String::new(), Shard::suffix);
    let folder = args.batch.out.clone().unwrap_or_else(|| PathBuf::from(format!("runs/sweep-{}{suffix}", runs.name)));
    let (mut journal, mut done) = journal::open(&folder, &runs, args.batch.resume)?;
    interrupt::stop_gently();
    let before = done.len();
    let begun = Instant::now();
    let jobs = args.batch.jobs.get();
    work(&runs, &folder, &mut journal, &mut done, jobs)?;
    let all = runs.shard.turns(runs.count());
    if done.len() as u64 != all {
        let (done, all) = (grouped(done.len() as u64), grouped(all));
        anstream::eprintln!("interrupted after {done} of {all} runs; the same command with --resume goes on");
        return Ok(exit::INTERRUPTED);
    }
    // The journal has all that is known.
    interrupt::stop_at_once();
    let (fresh, taken) = (grouped((done.len() - before) as u64), begun.elapsed().as_secs_f64());
    let jobs = counted(u64::from(jobs), "job", "jobs");
    let known = if before > 0 { format!(", {} known from before", grouped(before as u64)) } else { String::new() };
    let how = format!("{fresh} runs in {taken:.1} s with {jobs}{known}");
    if let Some(shard) = args.batch.shard {
        let table = Table::of(&runs, &done);
        let (told, place) = (replays(&runs, &folder, &table), folder.display());
        print(&format!("{told}shard {shard} is done: {how}\n  folder  {place}\n"))?;
        return Ok(table.exit_code());
    }
    tell(&runs, &done, &folder, args.format, (args.chart_format, args.theme), &how)
}

/// Leaves tables and charts of all runs, and prints the table; `how` is a line about how it came about.
pub fn tell(
    runs: &SweepRuns,
    done: &BTreeMap<u64, DoneRun>,
    folder: &Path,
    form: Form,
    charts: (ImageFormat, Theme),
    how: &str,
) -> Result<u8, Failure> {
    let table = Table::of(runs, done);
    // The table is told whether or not the disk takes it.
    print(&form.write(&table))?;
    for form in Form::value_variants() {
        folder::write_whole(&folder.join(form.file_name()), form.write(&table).as_bytes())?;
    }
    let (drawn, drawings) = draw(charts, folder, runs, &table, done)?;
    let page = page(runs, folder, &table, &drawings);
    folder::write_whole(&folder.join(folder::REPORT), page.as_bytes())?;
    if form == Form::Text {
        print(&format!(
            "{}\n  {how}\n{}  tables  {}\n  charts  {}\n  report  {}\n",
            replays(runs, folder, &table),
            commands(runs),
            folder.join("table.*").display(),
            folder.join(folder::CHARTS).join(drawn).display(),
            folder.join(folder::REPORT).display(),
        ))?;
    }
    Ok(table.exit_code())
}

/// Cells whose commands are told.
const COMMANDS_MAX: usize = 12;

/// The commands that run the cells by themselves.
fn commands(runs: &SweepRuns) -> String {
    let cells = runs.sweep.cells.len();
    let mut out: String =
        (0..cells.min(COMMANDS_MAX)).map(|cell| format!("  cell    {}\n", runs.command(cell))).collect();
    if cells > COMMANDS_MAX {
        out.push_str(&format!("  and so the other {}\n", grouped((cells - COMMANDS_MAX) as u64)));
    }
    out
}

/// Commands for what is not as expected: a run of each cell.
fn replays(runs: &SweepRuns, folder: &Path, table: &Table) -> String {
    let mut out = String::new();
    for (cell, row) in table.rows.iter().enumerate() {
        let seed = row.surprises.iter().filter(|one| !one.verdict.is_open()).find_map(|one| one.seeds.first());
        if let Some(seed) = seed {
            let place = runs.folder(folder, cell, *seed).display().to_string();
            out.push_str(&format!("  see: {} replay {}\n", program(), quoted(&place)));
        }
    }
    out
}

/// Does the runs that are not done, and notes each as soon as it is.
fn work(
    runs: &Arc<SweepRuns>,
    folder: &Path,
    journal: &mut Journal,
    done: &mut BTreeMap<u64, DoneRun>,
    jobs: u16,
) -> Result<(), Failure> {
    let todo: Vec<u64> = runs.numbers().filter(|run| !done.contains_key(run)).collect();
    let mut ticker = Ticker::of((done.len() + todo.len()) as u64);
    let begun = Instant::now();
    let first = done.len() as u64;
    let wanted = runs.numbers().fold(vec![0; runs.sweep.cells.len()], |mut wanted: Vec<u64>, run| {
        wanted[runs.place(run).0] += 1;
        wanted
    });
    // Both closures need the state.
    let state = RefCell::new((done, journal));
    let (work, place) = (Arc::clone(runs), folder.to_path_buf());
    let timed = move |run| {
        let begun = Instant::now();
        let outcome = work.one(run, &place);
        (outcome, begun.elapsed())
    };
    let mut take = |run: u64, (outcome, took): (Result<Option<SweepOutcome>, Failure>, Duration)| {
        // An interrupted run has no result.
        let Some(outcome) = outcome? else { return Ok(Next::Last) };
        let (cell, seed) = runs.place(run);
        let (done, journal) = &mut *state.borrow_mut();
        let one = DoneRun { cell, seed, took_ms: took.as_millis() as u64, outcome };
        journal.add(&SweepLine::Run(one.clone()), true)?;
        done.insert(run, one);
        Ok(Next::More)
    };
    let mut poll = || {
        let (done, _) = &*state.borrow();
        let fresh = done.len() as u64 - first;
        ticker.tick_at(done.len() as u64, || progress(&taken_ms(runs, done), &wanted, fresh, begun.elapsed(), jobs));
        if interrupt::is_requested() { Next::Stop } else { Next::More }
    };
    let work = Arc::clone(runs);
    let name = move |run| {
        let (cell, seed) = work.place(run);
        format!("in cell {cell} with seed {seed}")
    };
    pool::run_parallel(todo.into_iter(), jobs, timed, name, &mut take, &mut poll)
}

/// By cell, the real time that its runs have taken, and how many they are.
fn taken_ms(runs: &SweepRuns, done: &BTreeMap<u64, DoneRun>) -> Vec<(u64, u64)> {
    let mut taken_ms = vec![(0, 0); runs.sweep.cells.len()];
    for one in done.values() {
        taken_ms[one.cell].0 += one.took_ms;
        taken_ms[one.cell].1 += 1;
    }
    taken_ms
}

/// One line about a sweep under way, of whose cells so many runs are `wanted`; `fresh` runs were done in `elapsed`.
fn progress(taken_ms: &[(u64, u64)], wanted: &[u64], fresh: u64, elapsed: Duration, jobs: u16) -> String {
    let (cells, done) = (taken_ms.len() as u64, taken_ms.iter().map(|(_, count)| count).sum());
    let complete = taken_ms.iter().zip(wanted).filter(|((_, count), wanted)| count == *wanted).count() as u64;
    let rate = fresh as f64 / elapsed.as_secs_f64().max(0.001);
    let left = match left_ms(taken_ms, wanted) {
        Some(left_ms) => format!("{:.0} s left", left_ms as f64 / 1_000.0 / f64::from(jobs)),
        None => "time left unknown".to_string(),
    };
    let [done, of, complete, cells] = [done, wanted.iter().sum(), complete, cells].map(grouped);
    format!("sweep: {done} of {of} runs, {complete} of {cells} cells, {rate:.1}/s, {left}")
}

/// Real time that the remaining runs will take, one after the other: a cell's take as long as those of it that are done,
/// those of a cell without a finished run as long as all on average.
fn left_ms(taken_ms: &[(u64, u64)], wanted: &[u64]) -> Option<u64> {
    let (all_ms, all) = taken_ms.iter().fold((0, 0), |(ms, count), (more_ms, more)| (ms + more_ms, count + more));
    let usual = all_ms.checked_div(all)?;
    let left = |((ms, count), wanted): (&(u64, u64), &u64)| (wanted - count) * ms.checked_div(*count).unwrap_or(usual);
    Some(taken_ms.iter().zip(wanted).map(left).sum())
}

/// Draws the charts; returns the pattern of their names.
fn draw(
    (format, theme): (ImageFormat, Theme),
    folder: &Path,
    runs: &SweepRuns,
    table: &Table,
    done: &BTreeMap<u64, DoneRun>,
) -> Result<(String, Vec<(String, Drawing)>), Failure> {
    let folder = folder.join(folder::CHARTS);
    folder::make(&folder)?;
    let mut charts = lines::charts(table);
    charts.extend(visibility::charts(runs, done));
    let mut drawings = Vec::new();
    for (name, chart) in charts {
        let (path, drawing) = (folder.join(draw::file_name(&name, format, theme)), chart.draw());
        folder::write_whole(&path, &drawing.file(format, theme))?;
        drawings.push((name, drawing));
    }
    Ok((draw::file_name("*", format, theme), drawings))
}

/// The report of a sweep: its table, what is to be said about it, its charts, a command for each cell, and the scenario.
fn page(runs: &SweepRuns, folder: &Path, table: &Table, drawings: &[(String, Drawing)]) -> String {
    let mut page = BatchPage::new(&format!("Sweep {}", runs.name), &[&table.title, &table.how()]);
    page.section("table", "Table", &batch::text_table(&table.header(), &table.grid()));
    page.section("remarks", "Verdicts", &batch::list(&table.remarks()));
    let charts = drawings.iter().map(|(name, drawing)| batch::chart(name, drawing));
    page.section("charts", "Charts", &charts.collect::<String>());
    let cells = (0..runs.sweep.cells.len()).map(|cell| runs.command(cell) + "\n").collect::<String>();
    let seen = replays(runs, folder, table);
    let commands = batch::preformatted("Commands", &format!("{cells}{seen}"));
    page.section("cells", "Cells by themselves", &commands);
    let text = runs.header["text"].as_str().unwrap_or_default();
    page.section("scenario", "Scenario", &batch::preformatted("Text of the scenario", text));
    page.html()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_tells_how_far_it_is() {
        let mut cells = vec![(0, 0); 100];
        let line = |cells: &[(u64, u64)], fresh| progress(cells, &[5; 100], fresh, Duration::from_secs(2), 2);
        assert_eq!(line(&cells, 0), "sweep: 0 of 500 runs, 0 of 100 cells, 0.0/s, time left unknown");
        cells[3] = (5_000, 5);
        cells[4] = (400, 2);
        // Three at 0.2 s, and 490 at the mean of all, 771 ms; two at a time.
        let expected = "sweep: 7 of 500 runs, 1 of 100 cells, 2.0/s, 189 s left";
        assert_eq!(line(&cells, 4), expected);
    }

    #[test]
    fn the_time_left_is_told_by_cell_and_by_all_where_a_cell_is_new() {
        assert_eq!(left_ms(&[(0, 0), (0, 0)], &[3, 3]), None);
        // Two more of the first at 100 ms, three of the second at what is usual.
        assert_eq!(left_ms(&[(100, 1), (0, 0)], &[3, 3]), Some(200 + 300));
        assert_eq!(left_ms(&[(100, 1), (900, 1)], &[2, 2]), Some(100 + 900));
        assert_eq!(left_ms(&[(200, 2), (1800, 2)], &[2, 2]), Some(0));
    }
}
