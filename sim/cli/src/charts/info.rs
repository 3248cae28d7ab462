//! An entry in the table of charts.

use super::runs::Runs;
use crate::draw::Drawing;

#[derive(Debug)]
pub struct ChartInfo {
    /// As the command line and file names call it.
    pub name: &'static str,
    /// What it is about, in a line.
    pub summary: &'static str,
    /// What it shows, in a sentence or two.
    pub about: &'static str,
    /// Draws it of some runs, or says why there is nothing to see.
    pub draw: fn(&Runs) -> Result<Drawing, &'static str>,
    /// It shows what happened one by one, and is of use where little did.
    pub shows_each: bool,
}

impl ChartInfo {
    /// The chart, if it is of use: figures of very few operations are not, unless they are asked for.
    pub fn drawn(&self, runs: &Runs, is_asked_for: bool) -> Result<Drawing, &'static str> {
        let drawing = (self.draw)(runs)?;
        match runs.are_small() && !self.shows_each && !is_asked_for {
            true => Err("figures of so few operations say little; the timeline and the messages show each of them"),
            false => Ok(drawing),
        }
    }
}
