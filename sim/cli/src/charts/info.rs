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
}
