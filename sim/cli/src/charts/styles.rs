//! How lines look that mean different things of different runs.

use std::collections::BTreeSet;

use kvsim_checkers::trace::Level;

use super::runs::{Run, Runs};
use crate::draw::chart::{LegendEntry, LineStyle};
use crate::draw::{COLOURS, Dash};

/// The colour of a level is the same in all charts.
pub fn colour_of(level: Level) -> usize {
    match level {
        Level::Eventual => 0,
        Level::Fifo => 1,
        Level::Priority => 2,
        Level::FifoP1 => 3,
        Level::FifoP2 => 4,
        Level::FifoP3 => 5,
    }
}

/// How a level looks in charts that compare levels.
pub fn level_style(level: Level) -> LineStyle {
    LineStyle { colour: colour_of(level), dash: LEVEL_DASHES[colour_of(level)] }
}

/// The styles of levels, where each run shows some.
pub fn level_styles(runs: &Runs, levels: impl Fn(&Run) -> BTreeSet<Level>) -> Styles<'_> {
    let named = |level: Level| (colour_of(level), level.name().to_string());
    let of_runs = runs.list.iter().map(|run| levels(run).into_iter().map(named).collect());
    Styles { dashes: LEVEL_DASHES, ..Styles::new(runs, &of_runs.collect::<Vec<_>>()) }
}

/// Of the levels, by their colours: those that matter most are the plainest.
const LEVEL_DASHES: &[Dash] = &[Dash::Dotted, Dash::Dashed, Dash::Solid, Dash::Mixed, Dash::Mixed, Dash::Mixed];

/// What the lines of a chart are about, for instance the levels: by number, which gives the colour, and name.
pub struct Styles<'r> {
    runs: &'r Runs,
    things: Vec<(usize, String)>,
    /// Each run has one thing to show: then colours tell the runs apart.
    by_run: bool,
    /// Where there is one run, they help the colours of things.
    dashes: &'static [Dash],
}

impl<'r> Styles<'r> {
    /// For runs that have such things to show.
    pub fn new(runs: &'r Runs, of_runs: &[Vec<(usize, String)>]) -> Styles<'r> {
        let mut things: Vec<(usize, String)> = of_runs.iter().flatten().cloned().collect();
        things.sort();
        things.dedup();
        Styles {
            runs,
            things,
            by_run: runs.are_many() && of_runs.iter().all(|things| things.len() <= 1),
            dashes: &Dash::ALL,
        }
    }

    /// With colours alone, where dashes mean something else.
    #[must_use]
    pub fn solid(self) -> Styles<'r> {
        Styles { dashes: &[Dash::Solid], ..self }
    }

    /// The style of a thing of the run with this number. Dashes tell runs apart, if there are several.
    pub fn of(&self, run: usize, thing: usize) -> LineStyle {
        let many = self.runs.are_many();
        let dash = if many { Dash::ALL[run % Dash::ALL.len()] } else { self.dashes[thing % self.dashes.len()] };
        LineStyle { colour: if self.by_run { run } else { thing }, dash }
    }

    /// What colours and dashes mean.
    pub fn legend(&self) -> Vec<LegendEntry> {
        const GREY: usize = COLOURS - 1;
        let mut entries = Vec::new();
        if !self.by_run {
            // Where runs have several things to show, all of the first run's lines are solid.
            entries.extend(
                self.things.iter().map(|(thing, name)| LegendEntry { style: self.of(0, *thing), label: name.clone() }),
            );
        }
        if self.runs.are_many() {
            let style = |run| if self.by_run { self.of(run, 0) } else { LineStyle { colour: GREY, ..self.of(run, 0) } };
            let runs = self.runs.list.iter().enumerate();
            entries.extend(runs.map(|(number, run)| LegendEntry { style: style(number), label: run.label.clone() }));
        }
        entries
    }

    /// What all lines are about, where the legend does not say so.
    pub fn note(&self) -> Option<String> {
        let [(_, name)] = self.things.as_slice() else { return None };
        self.by_run.then(|| format!(" All lines: {name}."))
    }
}
