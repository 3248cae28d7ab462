//! Lays out a chart: its panels, axes and lines as shapes, in whole half pixels.

use super::axis::Axis;
use super::chart::{Chart, LineStyle, Mark, Panel, Shaded};
use super::shape::{Anchor, At, Drawing, Shape};
use super::style::{COLOURS, Dash, Kind, Theme};
use super::text::{flow, text_width};

/// Units of a drawing per pixel: lines sit on half pixels.
const UNITS: i32 = 2;

/// The width of charts, in pixels.
pub const WIDTH: i32 = 860;

const MARGIN: i32 = px(14);
const HEAD: i32 = px(28);
const LINE: i32 = px(19);
const AXES_LEFT: i32 = px(62);
const AXES_BELOW: i32 = px(38);
const PANEL_TITLE: i32 = px(25);
const GAP: i32 = px(10);
const RIGHT: i32 = px(8);
/// The height of a fault's name.
const NAME: i32 = px(15);
/// The height of a row of faults.
const STRIP_ROW: i32 = px(14);
/// The length of a legend's line, and the distance of its text.
const SAMPLE: i32 = px(28);
const BESIDE: i32 = px(34);

const fn px(pixels: i32) -> i32 {
    pixels * UNITS
}

fn width(kind: Kind, text: &str) -> i32 {
    px(text_width(text, kind.style(Theme::Light).size))
}

impl Chart {
    pub fn draw(&self) -> Drawing {
        let mut drawing = Drawing { title: self.title.clone(), units: UNITS, width: px(WIDTH), ..Drawing::default() };
        let mut y = MARGIN;
        drawing.text(Kind::Title, (MARGIN, y + px(15)), &self.title);
        y += HEAD;
        for note in &self.notes {
            drawing.text(Kind::About, (MARGIN, y + px(12)), note);
            y += LINE;
        }
        let widths = self.legend.iter().map(|entry| BESIDE + width(Kind::Text, &entry.label) + px(20));
        let places = flow(widths, MARGIN, px(WIDTH) - MARGIN);
        for (entry, (row, x)) in self.legend.iter().zip(&places) {
            let y = y + row * LINE + px(8);
            line(&mut drawing, entry.style, vec![(*x, y), (x + SAMPLE, y)]);
            drawing.text(Kind::Text, (x + BESIDE, y + px(4)), &entry.label);
        }
        y += places.last().map_or(0, |(row, _)| (row + 1) * LINE);
        let columns = self.columns as i32;
        let panel_width = (px(WIDTH) - 2 * MARGIN - (columns - 1) * GAP) / columns;
        let strip = self.strip();
        if let Some((place, strip)) = &strip {
            let x = MARGIN + (place % self.columns) as i32 * (panel_width + GAP);
            let mut frame = Frame::new(strip, &[], x, y, panel_width, 0);
            frame.left = Frame::new(&self.panels[*place], &[], x, y, panel_width, frame.left - x).left;
            frame.bottom = y + STRIP_ROW * strip.y.names_of_rows().len() as i32;
            frame.rows(&mut drawing);
            y = frame.bottom + GAP;
        }
        let names_left = strip.as_ref().map_or(0, |(_, strip)| Frame::new(strip, &[], 0, 0, panel_width, 0).left);
        // Faults have their names in the strip.
        let named: Vec<Shaded> = self.shaded.iter().filter(|_| strip.is_none()).cloned().collect();
        for row in self.panels.chunks(self.columns) {
            let frames = (0..).zip(row).map(|(column, panel)| {
                let least = if panel.x.is_virtual_time() { names_left } else { 0 };
                let mut frame =
                    Frame::new(panel, &self.shaded, MARGIN + column * (panel_width + GAP), y, panel_width, least);
                frame.names.retain(|(.., name)| named.iter().any(|shaded| shaded.name == *name));
                frame
            });
            let frames: Vec<Frame<'_>> = frames.collect();
            let names = frames.iter().map(Frame::names_height).max().unwrap_or(0);
            for mut frame in frames {
                // The axes of a row lie at one height.
                frame.bottom = y + PANEL_TITLE + names + px(self.panel_height) - AXES_BELOW;
                frame.top = y + PANEL_TITLE + frame.names_height();
                frame.draw(&mut drawing);
            }
            y += PANEL_TITLE + names + px(self.panel_height) + GAP;
        }
        drawing.height = y + MARGIN;
        drawing
    }
}

impl Chart {
    /// What lies above the panels where there are faults: a row for each kind of them, as long as each lasts. And the panel whose
    /// axis it shares.
    fn strip(&self) -> Option<(usize, Panel)> {
        let place = self.panels.iter().position(|panel| panel.x.is_virtual_time())?;
        let x = &self.panels[place].x;
        let is_seen = |shaded: &&Shaded| shaded.until_ns > x.start() && shaded.from_ns < x.end();
        let seen: Vec<&Shaded> = self.shaded.iter().filter(is_seen).collect();
        let mut kinds: Vec<String> = Vec::new();
        for name in seen.iter().filter(|shaded| shaded.is_fault).map(|shaded| kind(&shaded.name)) {
            if !kinds.contains(&name) {
                kinds.push(name);
            }
        }
        if kinds.is_empty() {
            return None;
        }
        kinds.extend(seen.iter().find(|shaded| !shaded.is_fault).map(|shaded| shaded.name.clone()));
        let marks = seen.iter().filter_map(|shaded| {
            let row = kinds.iter().position(|name| *name == kind(&shaded.name))?;
            let colour = if shaded.is_fault { ORANGE } else { COLOURS - 1 };
            Some(Mark::Bar(colour, row as u64, (shaded.from_ns, shaded.until_ns.min(x.end()))))
        });
        let marks = marks.collect();
        Some((place, Panel { title: String::new(), x: x.clone(), y: Axis::names("", kinds), marks }))
    }
}

/// What a fault is, and of which of several runs: `crash (loss 5%)` of `crash[0]#3 (loss 5%)`.
fn kind(fault: &str) -> String {
    let (kind, rest) = fault.split_once('[').unwrap_or((fault, ""));
    let run = rest.find(" (").map_or("", |at| &rest[at..]);
    format!("{}{run}", kind.replace('_', " "))
}

const ORANGE: usize = 4;

/// A panel and where it is; its sides are those of the area between the axes.
struct Frame<'c> {
    panel: &'c Panel,
    /// What is shaded, and the names of that which have room: their row, from above, and left end.
    shaded: Vec<&'c Shaded>,
    names: Vec<(i32, i32, &'c str)>,
    /// The upper left corner of all, axes and title included.
    corner: At,
    left: i32,
    right: i32,
    top: i32,
    bottom: i32,
}

impl<'c> Frame<'c> {
    fn new(panel: &'c Panel, shaded: &'c [Shaded], x: i32, y: i32, wide: i32, least: i32) -> Frame<'c> {
        // Numbers have few digits, but names may be long.
        let names = panel.y.names_of_rows().iter().map(|name| width(Kind::Note, name) + px(12));
        let left = x + names.max().unwrap_or(0).max(least).clamp(AXES_LEFT, 3 * AXES_LEFT);
        let is_seen = |shaded: &&Shaded| shaded.until_ns > panel.x.start() && shaded.from_ns < panel.x.end();
        let shaded = if panel.x.is_virtual_time() { shaded.iter().filter(is_seen).collect() } else { Vec::new() };
        let mut frame = Frame {
            panel,
            shaded,
            names: Vec::new(),
            corner: (x, y),
            left,
            right: x + wide - RIGHT,
            top: y,
            bottom: y,
        };
        frame.names = frame.placed_names();
        frame
    }

    /// Names of what is shaded at the same time stand below each other.
    fn placed_names(&self) -> Vec<(i32, i32, &'c str)> {
        let (mut taken, mut names) = ([i32::MIN; 3], Vec::new());
        for shaded in &self.shaded {
            let left = self.x(shaded.from_ns) + px(4);
            let right = left + width(Kind::Note, &shaded.name);
            if let Some(row) = taken.iter().position(|taken| *taken < left).filter(|_| right < self.right) {
                taken[row] = right + px(6);
                names.push((row as i32, left, shaded.name.as_str()));
            }
        }
        names
    }

    fn names_height(&self) -> i32 {
        self.names.iter().map(|(row, ..)| NAME * (row + 1)).max().unwrap_or(0)
    }

    fn x(&self, number: u64) -> i32 {
        self.left + self.panel.x.place(number, self.right - self.left)
    }

    fn y(&self, number: u64) -> i32 {
        self.bottom - self.panel.y.place(number, self.bottom - self.top)
    }

    fn at(&self, (x, y): (u64, u64)) -> At {
        (self.x(x), self.y(y))
    }

    fn draw(&self, drawing: &mut Drawing) {
        let (x, y) = self.corner;
        drawing.text(Kind::Heading, (x, y + px(14)), &self.panel.title);
        self.shade(drawing);
        self.axes(drawing);
        self.marks(drawing);
    }

    /// The names of rows and what is in them, without axes.
    fn rows(&self, drawing: &mut Drawing) {
        for (row, name) in (0..).zip(self.panel.y.names_of_rows()) {
            let middle = self.y(row);
            drawing.line(Kind::Grid, (self.left, middle), (self.right, middle));
            drawing.text_at(Kind::Note, (self.left - px(6), middle + px(4)), Anchor::End, name);
        }
        self.marks(drawing);
    }

    /// The times of faults, up to their names above the panel.
    fn shade(&self, drawing: &mut Drawing) {
        let top = self.top - self.names_height();
        // What is no fault lies behind.
        for (is_fault, kind) in [(false, Kind::Settling), (true, Kind::Fault)] {
            for shaded in self.shaded.iter().filter(|shaded| shaded.is_fault == is_fault) {
                let (left, right) = (self.x(shaded.from_ns), self.x(shaded.until_ns));
                drawing.rect(kind, (left, top), ((right - left).max(1), self.bottom - top));
            }
        }
        for (row, left, name) in &self.names {
            drawing.text(Kind::Note, (*left, top + NAME * row + px(11)), name);
        }
    }

    fn axes(&self, drawing: &mut Drawing) {
        let Frame { panel: Panel { x, y, .. }, left, right, top, bottom, .. } = *self;
        let ticks = |axis: &Axis, count, place: &dyn Fn(u64) -> i32| {
            axis.ticks(count).into_iter().map(|tick| (place(tick), axis.name(tick))).collect::<Vec<_>>()
        };
        let xs = ticks(x, if x.ticks(8).len() > 12 { 5 } else { 8 }, &|tick| self.x(tick));
        let ys = ticks(y, 5, &|tick| self.y(tick));
        xs.iter().for_each(|(x, _)| drawing.line(Kind::Grid, (*x, top), (*x, bottom)));
        ys.iter().for_each(|(y, _)| drawing.line(Kind::Grid, (left, *y), (right, *y)));
        drawing.shapes.push(Shape::Path(Kind::Axis, vec![(left, top), (left, bottom), (right, bottom)]));
        xs.iter().for_each(|(x, _)| drawing.line(Kind::Axis, (*x, bottom), (*x, bottom + px(3))));
        ys.iter().for_each(|(y, _)| drawing.line(Kind::Axis, (left - px(3), *y), (left, *y)));
        for (x, name) in &xs {
            drawing.text_at(Kind::Note, (*x, bottom + px(14)), Anchor::Middle, name);
        }
        for (y, name) in &ys {
            drawing.text_at(Kind::Note, (left - px(6), y + px(4)), Anchor::End, name);
        }
        drawing.text_at(Kind::AxisTitle, ((left + right) / 2, bottom + px(31)), Anchor::Middle, &x.title());
        if !y.title().is_empty() {
            let middle = (self.corner.0 + px(12), (top + bottom) / 2);
            drawing.text_at(Kind::AxisTitle, middle, Anchor::Upwards, &y.title());
        }
    }

    fn marks(&self, drawing: &mut Drawing) {
        let Panel { x, y, marks, .. } = self.panel;
        // What lies before or after the time shown is left out; other axes have room for all.
        let is_on = |at: &&(u64, u64)| !x.is_virtual_time() || x.has(at.0);
        let row = y.row(self.bottom - self.top);
        for mark in in_order(marks) {
            match mark {
                Mark::Line(style, points) => {
                    line(drawing, *style, points.iter().filter(is_on).map(|point| self.at(*point)).collect());
                }
                Mark::Steps(style, points) => {
                    let mut path: Vec<At> = Vec::new();
                    for (x, y) in points.iter().filter(is_on).map(|point| self.at(*point)) {
                        path.extend(path.last().map(|(_, before)| (x, *before)));
                        path.push((x, y));
                    }
                    line(drawing, *style, path);
                }
                Mark::Bar(colour, place, (from, to)) => {
                    let (left, middle) = self.at((*from, *place));
                    let half = (row * 2 / 5).max(1);
                    let width = (self.x(*to) - left).max(px(1));
                    drawing.rect(Kind::Bar(*colour), (left, middle - half), (width, 2 * half));
                }
                Mark::Points(style, points) => {
                    points.iter().for_each(|point| dot(drawing, style.colour, self.at(*point)));
                }
                Mark::Band(colour, points) => {
                    let lower = points.iter().map(|(x, low, _)| self.at((*x, *low)));
                    let upper = points.iter().rev().map(|(x, _, high)| self.at((*x, *high)));
                    drawing.shapes.push(Shape::Path(Kind::Band(*colour), lower.chain(upper).collect()));
                }
                Mark::Interval(colour, slot, (low, middle, high)) => {
                    // Equal distances, and a free one between the rows.
                    let down = row * (2 * slot.number as i32 + 1 - slot.of as i32) / (2 * slot.of as i32 + 2);
                    let at = |x: u64| (self.x(x), self.y(slot.row) + down);
                    drawing.line(Kind::Line(*colour, Dash::Solid), at(*low), at(*high));
                    dot(drawing, *colour, at(*middle));
                }
            }
        }
    }
}

fn dot(drawing: &mut Drawing, colour: usize, at: At) {
    drawing.circle(Kind::Dot(colour), at, px(3));
}

/// Broken lines last: where two lie on each other, both are seen.
fn in_order(marks: &[Mark]) -> impl Iterator<Item = &Mark> {
    let is_broken = |mark: &&Mark| match mark {
        Mark::Line(style, _) | Mark::Steps(style, _) | Mark::Points(style, _) => style.dash != Dash::Solid,
        Mark::Bar(..) | Mark::Band(..) | Mark::Interval(..) => false,
    };
    marks.iter().filter(move |mark| !is_broken(mark)).chain(marks.iter().filter(is_broken))
}

/// A line, without the points that show nothing: the middle ones of three on a level or upright line.
fn line(drawing: &mut Drawing, style: LineStyle, mut path: Vec<At>) {
    path.dedup();
    let mut kept: Vec<At> = Vec::new();
    for point in path {
        if let [.., a, b] = kept[..]
            && ((a.0 == b.0 && b.0 == point.0) || (a.1 == b.1 && b.1 == point.1))
            && (a.0 <= b.0) == (b.0 <= point.0)
            && (a.1 <= b.1) == (b.1 <= point.1)
        {
            kept.pop();
        }
        kept.push(point);
    }
    match kept[..] {
        [point] => drawing.circle(Kind::Dot(style.colour), point, px(2)),
        _ => drawing.shapes.push(Shape::Path(Kind::Line(style.colour, style.dash), kept)),
    }
}
