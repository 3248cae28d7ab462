//! How lines look that mean different things of different runs.

use super::figure::{Dash, Entry, Style};
use super::runs::Runs;

/// What the lines of a chart are about, for instance the levels: by number, which gives the colour, and name.
pub struct Styles<'r> {
    runs: &'r Runs,
    things: Vec<(usize, String)>,
    /// Each run has one thing to show: then colours tell the runs apart.
    by_run: bool,
}

impl<'r> Styles<'r> {
    /// For runs that have such things to show.
    pub fn new(runs: &'r Runs, of_runs: &[Vec<(usize, String)>]) -> Styles<'r> {
        let mut things: Vec<(usize, String)> = of_runs.iter().flatten().cloned().collect();
        things.sort();
        things.dedup();
        Styles { runs, things, by_run: runs.are_many() && of_runs.iter().all(|things| things.len() <= 1) }
    }

    /// The style of a thing of the run with this number. Dashes tell runs apart; where there is one, they help the colours.
    pub fn of(&self, run: usize, thing: usize) -> Style {
        let dash = if self.runs.are_many() { run } else { thing };
        Style { colour: if self.by_run { run } else { thing }, dash: Dash::ALL[dash % Dash::ALL.len()] }
    }

    /// What colours and dashes mean.
    pub fn legend(&self) -> Vec<Entry> {
        const GREY: usize = 6;
        let mut entries = Vec::new();
        if !self.by_run {
            // Where runs have several things to show, all of the first run's lines are solid.
            entries.extend(
                self.things.iter().map(|(thing, name)| Entry { style: self.of(0, *thing), label: name.clone() }),
            );
        }
        if self.runs.are_many() {
            let style = |run| if self.by_run { self.of(run, 0) } else { Style { colour: GREY, ..self.of(run, 0) } };
            let runs = self.runs.list.iter().enumerate();
            entries.extend(runs.map(|(number, run)| Entry { style: style(number), label: run.label.clone() }));
        }
        entries
    }

    /// What all lines are about, where the legend does not say so.
    pub fn note(&self) -> Option<String> {
        let [(_, name)] = self.things.as_slice() else { return None };
        self.by_run.then(|| format!(" All lines: {name}."))
    }
}
