//! What a chart shows, before anybody draws it.

use super::axis::Axis;

/// A chart: panels in rows, with what is common to them.
#[derive(Clone, Debug)]
pub struct Figure {
    /// What it shows, in a line.
    pub title: String,
    /// What a reader needs to know beside it, a line each.
    pub notes: Vec<String>,
    /// What the styles of lines and bars mean.
    pub legend: Vec<Entry>,
    /// Panels per row.
    pub columns: usize,
    /// Height of a panel in pixels.
    pub panel_height: u32,
    /// From above, row by row.
    pub panels: Vec<Panel>,
    /// Shaded behind panels over time.
    pub faults: Vec<Span>,
}

/// A time in which something goes on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// When it begins, in nanoseconds.
    pub from_ns: u64,
    /// When it ends.
    pub until_ns: u64,
    /// What it is called.
    pub name: String,
    /// A fault, and not something that belongs to every run.
    pub is_fault: bool,
}

/// A pair of axes with what is drawn between them.
#[derive(Clone, Debug)]
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// To the right.
    pub x: Axis,
    /// Up.
    pub y: Axis,
    /// The x-axis is virtual time.
    pub over_time: bool,
    /// In the order of drawing.
    pub marks: Vec<Mark>,
}

/// Something drawn.
#[derive(Clone, Debug)]
pub enum Mark {
    /// A line through points.
    Line(Style, Vec<(u64, u64)>),
    /// A line that keeps its height until the next point.
    Steps(Style, Vec<(u64, u64)>),
    /// A bar in a row of [`Axis::names`], from one x to another.
    Bar(Style, u64, (u64, u64)),
    /// Points, mostly those of a line.
    Points(Style, Vec<(u64, u64)>),
    /// What lies between two lines: by x the lower and the upper end.
    Band(Style, Vec<(u64, u64, u64)>),
    /// In a row of [`Axis::names`] a point and the interval around it.
    Interval(Style, Slot, (u64, u64, u64)),
}

/// A place in a row that several things share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The row.
    pub row: u64,
    /// Which of them, from above.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

/// How something looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Which colour of the theme.
    pub colour: usize,
    /// How lines are broken.
    pub dash: Dash,
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dash {
    /// Not at all.
    Solid,
    /// Long dashes.
    Dashed,
    /// Points.
    Dotted,
    /// Long and short ones.
    Mixed,
}

impl Dash {
    /// All.
    pub const ALL: [Dash; 4] = [Dash::Solid, Dash::Dashed, Dash::Dotted, Dash::Mixed];

    /// Lengths of dashes and gaps in turn, in pixels.
    pub fn pattern(self) -> &'static [u32] {
        match self {
            Dash::Solid => &[],
            Dash::Dashed => &[7, 4],
            Dash::Dotted => &[2, 3],
            Dash::Mixed => &[9, 3, 2, 3],
        }
    }
}

/// A style and what it means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// How it looks.
    pub style: Style,
    /// What it means.
    pub label: String,
}
