//! A chart: panels with axes, lines and bars, before it is laid out.

use super::axis::Axis;
use super::style::Dash;

/// A chart: panels in rows, with what is common to them.
#[derive(Clone, Debug)]
pub struct Chart {
    /// What it shows, in a line.
    pub title: String,
    /// What a reader needs to know beside it, a line each.
    pub notes: Vec<String>,
    /// What the styles of lines and bars mean.
    pub legend: Vec<LegendEntry>,
    pub columns: usize,
    pub panel_height: i32,
    /// From above, row by row.
    pub panels: Vec<Panel>,
    /// Shaded behind panels over virtual time.
    pub shaded: Vec<Shaded>,
}

/// A time in which something goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Shaded {
    /// When it begins, in nanoseconds.
    pub from_ns: u64,
    pub until_ns: u64,
    pub name: String,
    /// A fault, and not something that belongs to every run.
    pub is_fault: bool,
}

/// A pair of axes with what is drawn between them.
#[derive(Clone, Debug)]
pub struct Panel {
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// In the order of drawing.
    pub marks: Vec<Mark>,
}

#[derive(Clone, Debug)]
pub enum Mark {
    /// A line through points.
    Line(LineStyle, Vec<(u64, u64)>),
    /// A line that keeps its height until the next point.
    Steps(LineStyle, Vec<(u64, u64)>),
    /// A bar in a row of [`Axis::names`], from one x to another.
    Bar(usize, u64, (u64, u64)),
    /// Points, mostly those of a line.
    Points(LineStyle, Vec<(u64, u64)>),
    /// What lies between two lines: by x the lower and the upper end.
    Band(usize, Vec<(u64, u64, u64)>),
    /// In a row of [`Axis::names`] a point and the interval around it.
    Interval(usize, Slot, (u64, u64, u64)),
}

/// A place in a row that several things share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    pub row: u64,
    /// Which of them, from above.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineStyle {
    /// Which of [`super::COLOURS`].
    pub colour: usize,
    /// How it is broken.
    pub dash: Dash,
}

impl LineStyle {
    /// An unbroken line.
    pub fn solid(colour: usize) -> LineStyle {
        LineStyle { colour, dash: Dash::Solid }
    }
}

/// A style and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LegendEntry {
    pub style: LineStyle,
    pub label: String,
}

/// The height of a panel in pixels, where nothing else matters.
pub const PANEL: i32 = 190;

impl Chart {
    /// Panels below each other, with nothing else.
    pub fn new(title: String, panels: Vec<Panel>) -> Chart {
        let (notes, legend, shaded) = (Vec::new(), Vec::new(), Vec::new());
        Chart { title, notes, legend, columns: 1, panel_height: PANEL, panels, shaded }
    }
}
