//! A sweep's table: a row for each cell, in which its seeds are put together.

use std::collections::BTreeMap;

use kvsim_checkers::Verdict;

use super::Column;
use super::column::FigureColumn;
use super::journal::DoneRun;
use super::median::{Spread, Value};
use super::read::SweepFile;
use super::run::{PANICKED, SweepRuns};
use crate::exit;

#[derive(Debug)]
pub struct Table {
    pub name: String,
    /// What it shows.
    pub title: String,
    pub axes: Vec<String>,
    pub columns: Vec<Column>,
    pub seeds: Vec<u64>,
    /// One per cell, in the order of the file.
    pub rows: Vec<CellRow>,
}

#[derive(Debug)]
pub struct CellRow {
    /// The value on each axis.
    pub values: Vec<String>,
    pub entries: Vec<CellEntry>,
    /// Verdicts that are not as the cell expects, and panics: the checker, what it says, with which seed, by which code.
    pub surprises: Vec<Surprise>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surprise {
    /// Name of the checker, or `panic`.
    pub checker: String,
    /// What it says.
    pub verdict: Verdict,
    pub expected: Verdict,
    pub seeds: Vec<u64>,
}

/// What a column says about a cell.
#[derive(Debug)]
pub enum CellEntry {
    /// By seed, and what they come to; nothing when no seed had anything to measure.
    Figure(Vec<Option<Value>>, Option<Spread>),
    Verdicts(Tally),
}

/// How often which verdict was given, with the seeds.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub holds: Vec<u64>,
    /// It was violated, with the code of the first finding.
    pub violated: Vec<(u64, String)>,
    /// Nothing can be said.
    pub unknown: Vec<u64>,
}

impl Tally {
    /// How often each verdict was given.
    pub fn counts(&self) -> [(&'static str, usize); 3] {
        [("holds", self.holds.len()), ("violated", self.violated.len()), ("unknown", self.unknown.len())]
    }
}

impl Table {
    /// Puts together the results of runs; all must be there.
    pub fn of(runs: &SweepRuns, done: &BTreeMap<u64, DoneRun>) -> Table {
        let sweep = &runs.sweep;
        let rows = sweep.cells.iter().enumerate().map(|(cell, scenario)| {
            let of_cell: Vec<(u64, &DoneRun)> =
                sweep.seeds.clone().filter_map(|seed| Some((seed, done.get(&runs.number(cell, seed)?)?))).collect();
            let mut figures = 0;
            let entries = sweep.columns.iter().map(|column| match column {
                Column::Figure(_) => {
                    let values: Vec<Option<Value>> =
                        of_cell.iter().map(|(_, done)| done.outcome.figures.get(figures).copied().flatten()).collect();
                    figures += 1;
                    let spread = Spread::of(&values.iter().copied().flatten().collect::<Vec<Value>>());
                    CellEntry::Figure(values, spread)
                }
                Column::Verdict(checker) => CellEntry::Verdicts(tally(checker, &of_cell)),
            });
            let entries = entries.collect();
            CellRow { values: values(sweep, cell), entries, surprises: surprises(&scenario.expect, &of_cell) }
        });
        let title = sweep.cells.first().map(|cell| cell.title.clone()).filter(|title| !title.is_empty());
        Table {
            name: runs.name.clone(),
            title: title.unwrap_or_else(|| runs.name.clone()),
            axes: sweep.axes.iter().map(|axis| axis.name.clone()).collect(),
            columns: sweep.columns.clone(),
            seeds: sweep.seeds.clone().collect(),
            rows: rows.collect(),
        }
    }

    /// The columns of figures: number of the column and the figure.
    pub fn figures(&self) -> impl Iterator<Item = (usize, &FigureColumn)> {
        self.columns.iter().enumerate().filter_map(|(number, column)| match column {
            Column::Figure(figure) => Some((number, figure)),
            Column::Verdict(_) => None,
        })
    }

    /// The exit code that says the worst of it.
    pub fn exit_code(&self) -> u8 {
        exit::code_of(false, self.rows.iter().flat_map(|row| &row.surprises).map(|one| one.verdict))
    }
}

impl CellEntry {
    /// What the seeds of a figure come to.
    pub fn spread(&self) -> Option<Spread> {
        match self {
            CellEntry::Figure(_, spread) => *spread,
            CellEntry::Verdicts(_) => None,
        }
    }
}

/// The value of each axis in a cell; the last axis changes first.
pub fn values(sweep: &SweepFile, cell: usize) -> Vec<String> {
    let mut rest = cell;
    let mut values: Vec<String> = Vec::new();
    for axis in sweep.axes.iter().rev() {
        values.push(axis.values[rest % axis.values.len()].clone());
        rest /= axis.values.len();
    }
    values.reverse();
    values
}

fn tally(checker: &str, of_cell: &[(u64, &DoneRun)]) -> Tally {
    let mut tally = Tally::default();
    for (seed, done) in of_cell {
        // A run that has not come to its end was not judged.
        match done.outcome.verdicts.iter().find(|(name, ..)| name == checker) {
            Some((_, Verdict::Holds, _)) => tally.holds.push(*seed),
            Some((_, Verdict::Violated, code)) => tally.violated.push((*seed, code.clone().unwrap_or_default())),
            Some((_, Verdict::Unknown | Verdict::NotApplicable, _)) | None => tally.unknown.push(*seed),
        }
    }
    tally
}

/// What a checker is expected to say: of what only a column names nothing.
pub fn expected(expect: &BTreeMap<String, Verdict>, checker: &str) -> Option<Verdict> {
    match checker {
        PANICKED => Some(Verdict::Holds),
        name => expect.get(name).copied(),
    }
}

fn surprises(expect: &BTreeMap<String, Verdict>, of_cell: &[(u64, &DoneRun)]) -> Vec<Surprise> {
    let mut all: Vec<Surprise> = Vec::new();
    for (seed, done) in of_cell {
        for (checker, verdict, _) in &done.outcome.verdicts {
            let expected = expected(expect, checker).filter(|expected| expected != verdict);
            let Some(expected) = expected else { continue };
            let is_same = |one: &&mut Surprise| one.checker == *checker && one.verdict == *verdict;
            match all.iter_mut().find(is_same) {
                Some(one) => one.seeds.push(*seed),
                None => {
                    all.push(Surprise { checker: checker.clone(), verdict: *verdict, expected, seeds: vec![*seed] })
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::run::SweepOutcome;

    fn done(seed: u64, verdicts: &[(&str, Verdict, Option<&str>)]) -> DoneRun {
        let verdict = |(checker, verdict, code): &(&str, Verdict, Option<&str>)| {
            (checker.to_string(), *verdict, code.map(str::to_string))
        };
        let verdicts = verdicts.iter().map(verdict).collect();
        let outcome = SweepOutcome { figures: Vec::new(), verdicts, visibility: Vec::new() };
        DoneRun { cell: 0, seed, took_ms: 1, outcome }
    }

    #[test]
    fn unknown_is_no_holds_and_a_run_that_was_not_judged_is_unknown() {
        use Verdict::{Holds, Unknown, Violated};
        let all = [
            done(1, &[("pram", Holds, None)]),
            done(2, &[("pram", Violated, Some("PRAM001"))]),
            done(3, &[("pram", Unknown, None), ("convergence", Holds, None)]),
            done(4, &[(PANICKED, Violated, Some("PANIC001"))]),
            done(5, &[("pram", Violated, Some("PRAM002")), ("convergence", Unknown, None)]),
        ];
        let of_cell: Vec<(u64, &DoneRun)> = all.iter().map(|done| (done.seed, done)).collect();
        let told = tally("pram", &of_cell);
        assert_eq!((told.holds, told.unknown), (vec![1], vec![3, 4]));
        assert_eq!(told.violated, [(2, "PRAM001".to_string()), (5, "PRAM002".to_string())]);
        // Nothing is expected of what only a column names; a panic is never expected.
        let surprise = |checker: &str, verdict, expected, seeds: &[u64]| Surprise {
            checker: checker.to_string(),
            verdict,
            expected,
            seeds: seeds.to_vec(),
        };
        let panic = surprise(PANICKED, Violated, Holds, &[4]);
        assert_eq!(surprises(&BTreeMap::new(), &of_cell), std::slice::from_ref(&panic));
        let expect = BTreeMap::from([("pram".to_string(), Holds), ("convergence".to_string(), Holds)]);
        let expected = [
            surprise("pram", Violated, Holds, &[2, 5]),
            surprise("pram", Unknown, Holds, &[3]),
            panic,
            surprise("convergence", Unknown, Holds, &[5]),
        ];
        assert_eq!(surprises(&expect, &of_cell), expected);
    }
}
