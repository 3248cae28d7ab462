//! Draws figures with plotters. Only here, and inside plotters, numbers become floats: for lengths of slanted dashes.

use plotters::coord::Shift;
use plotters::coord::ranged1d::Ranged as _;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::figure::{Dash, Entry, Figure, Mark, Panel, Span, Style};
use super::output::FONT;
use super::theme::Theme;

/// Steps per pixel: what is drawn sits on half pixels, and pictures in pixels stay sharp in print.
pub const STEPS: u32 = 2;

/// Sizes in pixels.
pub const WIDTH: u32 = 860;
const MARGIN: i32 = 14;
const TITLE: u32 = 21;
const TEXT: u32 = 15;
const LINE: i32 = 19;
const AXES_LEFT: i32 = 62;
const AXES_BELOW: u32 = 38;
const PANEL_TITLE: i32 = 25;
const GAP: i32 = 10;
const RIGHT: i32 = 8;
/// The height of a fault's name.
const NAME: i32 = 15;

type Area<'a, DB> = DrawingArea<DB, Shift>;
type Failed<DB> = DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>;

const fn steps(pixels: i32) -> i32 {
    pixels * STEPS as i32
}

/// How high a figure is, in pixels.
pub fn height(figure: &Figure) -> u32 {
    let legend = legend_rows(figure).len() as i32;
    let head = MARGIN + 28 + LINE * (figure.notes.len() as i32 + legend);
    let rows: i32 = figure.panels.chunks(figure.columns).map(|row| row_height(figure, row) + GAP).sum();
    (head + rows + MARGIN) as u32
}

fn row_height(figure: &Figure, row: &[Panel]) -> i32 {
    let names = row.iter().map(|panel| names_height(figure, panel)).max().unwrap_or(0);
    PANEL_TITLE + names + figure.panel_height as i32
}

fn panel_width(figure: &Figure) -> i32 {
    let columns = figure.columns as i32;
    (WIDTH as i32 - 2 * MARGIN - (columns - 1) * GAP) / columns
}

/// The room left of a panel: numbers have few digits, but names may be long.
fn axes_left(panel: &Panel) -> i32 {
    let names = panel.y.names_of_rows().iter().map(|name| text_width(name, TEXT - 1) + 12);
    names.max().unwrap_or(0).clamp(AXES_LEFT, 3 * AXES_LEFT)
}

/// The room for the names of faults above a panel.
fn names_height(figure: &Figure, panel: &Panel) -> i32 {
    let width = panel_width(figure) - axes_left(panel) - RIGHT;
    let names = names(panel, &figure.faults, (0, steps(width))).into_iter().filter(|_| panel.over_time);
    names.map(|(row, ..)| NAME * (row + 1)).max().unwrap_or(0)
}

/// Draws a figure on an area of [`WIDTH`] and [`height`], in [`STEPS`].
pub fn draw<DB: DrawingBackend>(area: &Area<DB>, figure: &Figure, theme: Theme) -> Result<(), Failed<DB>> {
    area.fill(&theme.page())?;
    let mut at = MARGIN;
    text(area, &figure.title, (MARGIN, at), TITLE, theme.ink())?;
    at += 28;
    for note in &figure.notes {
        text(area, note, (MARGIN, at), TEXT, theme.faint_ink())?;
        at += LINE;
    }
    for row in legend_rows(figure) {
        for (left, entry) in row {
            sample(area, entry.style, (left, at + 8), theme)?;
            text(area, &entry.label, (left + 34, at), TEXT, theme.ink())?;
        }
        at += LINE;
    }
    let width = panel_width(figure);
    for row in figure.panels.chunks(figure.columns) {
        let height = row_height(figure, row);
        for (column, panel) in (0..).zip(row) {
            let left = MARGIN + column * (width + GAP);
            let place = area.clone().shrink((steps(left), steps(at)), (steps(width), steps(height)));
            draw_panel(area, &place, panel, figure, theme)?;
        }
        at += height + GAP;
    }
    area.present()
}

fn draw_panel<DB: DrawingBackend>(
    whole: &Area<DB>,
    place: &Area<DB>,
    panel: &Panel,
    figure: &Figure,
    theme: Theme,
) -> Result<(), Failed<DB>> {
    text(place, &panel.title, (0, 2), TEXT + 1, theme.ink())?;
    let mut chart = ChartBuilder::on(place)
        .margin_top(steps(PANEL_TITLE + names_height(figure, panel)))
        .margin_right(steps(RIGHT))
        .x_label_area_size(AXES_BELOW * STEPS)
        .y_label_area_size(steps(axes_left(panel)))
        .build_cartesian_2d(panel.x.clone(), panel.y.clone())?;
    let inside = chart.plotting_area().get_pixel_range();
    if panel.over_time {
        shade(whole, panel, figure, inside.clone(), theme)?;
    }
    let (ink, faint_ink) = (theme.ink(), theme.faint_ink());
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(theme.grid().stroke_width(STEPS / 2))
        .axis_style(theme.faint_ink().stroke_width(STEPS / 2))
        .label_style(font(TEXT - 1).color(&faint_ink))
        .axis_desc_style(font(TEXT - 1).color(&ink))
        .x_labels(if panel.x.ticks(8).len() > 12 { 5 } else { 8 })
        .y_labels(5)
        .x_desc(panel.x.title())
        .y_desc(panel.y.title())
        .draw()?;
    let plot = chart.plotting_area();
    // What lies before or after the time shown is left out; other axes have room for all.
    let is_on = |x: u64| !panel.over_time || panel.x.has(x);
    for mark in in_order(&panel.marks) {
        match mark {
            Mark::Line(style, points) => {
                let on = points.iter().filter(|(x, _)| is_on(*x)).map(|point| plot.map_coordinate(point));
                line(whole, *style, on.collect(), theme)?;
            }
            Mark::Steps(style, points) => {
                let mut path: Vec<(i32, i32)> = Vec::new();
                for (x, y) in points.iter().filter(|(x, _)| is_on(*x)).map(|point| plot.map_coordinate(point)) {
                    path.extend(path.last().map(|(_, before)| (x, *before)));
                    path.push((x, y));
                }
                line(whole, *style, path, theme)?;
            }
            Mark::Bar(style, row, (from, to)) => {
                let (left, middle) = plot.map_coordinate(&(*from, *row));
                let (right, _) = plot.map_coordinate(&(*to, *row));
                let half = (panel.y.row(inside.1.end - inside.1.start) * 2 / 5).max(1);
                let corners = [(left, middle - half), (right.max(left + steps(1)), middle + half)];
                whole.draw(&Rectangle::new(corners, theme.colour(style.colour).filled()))?;
            }
            Mark::Points(style, points) => {
                for point in points {
                    dot(whole, *style, plot.map_coordinate(point), theme)?;
                }
            }
            Mark::Band(style, points) => {
                let lower = points.iter().map(|(x, low, _)| plot.map_coordinate(&(*x, *low)));
                let upper = points.iter().rev().map(|(x, _, high)| plot.map_coordinate(&(*x, *high)));
                let shape = theme.colour(style.colour).mix(0.18).filled();
                whole.draw(&Polygon::new(lower.chain(upper).collect::<Vec<_>>(), shape))?;
            }
            Mark::Interval(style, slot, (low, middle, high)) => {
                let place = |x: u64| plot.map_coordinate(&(x, slot.row));
                let row = panel.y.row(inside.1.end - inside.1.start);
                // Equal distances, and a free one between the rows.
                let down = row * (2 * slot.number as i32 + 1 - slot.of as i32) / (2 * slot.of as i32 + 2);
                let at = |x: u64| (place(x).0, place(x).1 + down);
                whole.draw(&PathElement::new(
                    [at(*low), at(*high)],
                    theme.colour(style.colour).stroke_width(STEPS * 2 - 1),
                ))?;
                dot(whole, *style, at(*middle), theme)?;
            }
        }
    }
    Ok(())
}

fn dot<DB: DrawingBackend>(area: &Area<DB>, style: Style, at: (i32, i32), theme: Theme) -> Result<(), Failed<DB>> {
    area.draw(&Circle::new(at, steps(3), theme.colour(style.colour).filled()))
}

/// Broken lines last: where two lie on each other, both are seen.
fn in_order(marks: &[Mark]) -> impl Iterator<Item = &Mark> {
    let is_broken = |mark: &&Mark| match mark {
        Mark::Line(style, _) | Mark::Steps(style, _) | Mark::Points(style, _) => style.dash != Dash::Solid,
        Mark::Bar(..) | Mark::Band(..) | Mark::Interval(..) => false,
    };
    marks.iter().filter(move |mark| !is_broken(mark)).chain(marks.iter().filter(is_broken))
}

type PixelRanges = (std::ops::Range<i32>, std::ops::Range<i32>);

/// The times of faults, up to their names above the panel.
fn shade<DB: DrawingBackend>(
    area: &Area<DB>,
    panel: &Panel,
    figure: &Figure,
    (xs, ys): PixelRanges,
    theme: Theme,
) -> Result<(), Failed<DB>> {
    let top = ys.start - steps(names_height(figure, panel));
    // What is no fault lies behind.
    for is_fault in [false, true] {
        for span in seen(panel, &figure.faults).filter(|span| span.is_fault == is_fault) {
            let [left, right] = [span.from_ns, span.until_ns].map(|at_ns| panel.x.map(&at_ns, (xs.start, xs.end)));
            let corners = [(left, top), (right.max(left + 1), ys.end)];
            area.draw(&Rectangle::new(corners, theme.shade(is_fault).filled()))?;
        }
    }
    let ink = theme.faint_ink();
    let style = font(TEXT - 2).color(&ink).pos(Pos::new(HPos::Left, VPos::Top));
    for (row, left, name) in names(panel, &figure.faults, (xs.start, xs.end)) {
        area.draw(&Text::new(name.to_string(), (left, top + steps(2 + NAME * row)), style.clone()))?;
    }
    Ok(())
}

/// The spans that a panel over time shows.
fn seen<'f>(panel: &Panel, faults: &'f [Span]) -> impl Iterator<Item = &'f Span> {
    let shown = panel.x.range();
    faults.iter().filter(move |span| span.until_ns > shown.start && span.from_ns < shown.end)
}

/// The names of spans that have room: their row, from above, and left end, in steps. Those of spans at the same time stand
/// below each other.
fn names<'f>(panel: &Panel, faults: &'f [Span], xs: (i32, i32)) -> Vec<(i32, i32, &'f str)> {
    let (mut taken, mut names) = ([i32::MIN; 3], Vec::new());
    for span in seen(panel, faults) {
        let left = panel.x.map(&span.from_ns, xs) + steps(4);
        let right = left + steps(text_width(&span.name, TEXT - 2));
        if let Some(row) = taken.iter().position(|taken| *taken < left).filter(|_| right < xs.1) {
            taken[row] = right + steps(6);
            names.push((row as i32, left, span.name.as_str()));
        }
    }
    names
}

/// A line in steps, broken into dashes.
fn line<DB: DrawingBackend>(
    area: &Area<DB>,
    style: Style,
    mut path: Vec<(i32, i32)>,
    theme: Theme,
) -> Result<(), Failed<DB>> {
    path.dedup();
    // The middle of three points on a level or upright line shows nothing.
    let mut kept: Vec<(i32, i32)> = Vec::new();
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
    let shape = theme.colour(style.colour).stroke_width(STEPS * 2 - 1);
    if let [(x, y)] = kept[..] {
        return area.draw(&Circle::new((x, y), steps(2), theme.colour(style.colour).filled()));
    }
    match style.dash {
        Dash::Solid => area.draw(&PathElement::new(kept, shape)),
        dash => {
            for part in dashes(&kept, dash.pattern()) {
                area.draw(&PathElement::new(part, shape))?;
            }
            Ok(())
        }
    }
}

/// The parts of a path that a pattern of dashes and gaps leaves.
pub fn dashes(path: &[(i32, i32)], pattern: &[u32]) -> Vec<Vec<(i32, i32)>> {
    let mut lengths = pattern.iter().map(|length| f64::from(length * STEPS)).cycle();
    let mut left = lengths.next().expect("a pattern has a dash");
    let mut drawn = true;
    let (mut parts, mut part) = (Vec::new(), path[..1].to_vec());
    for pair in path.windows(2) {
        let (from, to) = ((f64::from(pair[0].0), f64::from(pair[0].1)), (f64::from(pair[1].0), f64::from(pair[1].1)));
        let length = ((to.0 - from.0) * (to.0 - from.0) + (to.1 - from.1) * (to.1 - from.1)).sqrt();
        let mut done = 0.0;
        while length - done > left {
            done += left;
            let share = done / length;
            let point = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            let point = (point.0.round() as i32, point.1.round() as i32);
            part.push(point);
            if drawn {
                parts.push(std::mem::take(&mut part));
            }
            part = vec![point];
            drawn = !drawn;
            left = lengths.next().expect("a cycle has no end");
        }
        left -= length - done;
        part.push(pair[1]);
    }
    if drawn && part.len() > 1 {
        parts.push(part);
    }
    parts
}

/// The entries of the legend with their left ends, row by row.
fn legend_rows(figure: &Figure) -> Vec<Vec<(i32, &Entry)>> {
    let mut rows: Vec<Vec<(i32, &Entry)>> = Vec::new();
    let mut left = i32::MAX;
    for entry in &figure.legend {
        let width = 34 + text_width(&entry.label, TEXT) + 20;
        if left == i32::MAX || left + width > WIDTH as i32 - MARGIN {
            rows.push(Vec::new());
            left = MARGIN;
        }
        rows.last_mut().expect("a row was begun").push((left, entry));
        left += width;
    }
    rows
}

/// In pixels, rounded up.
fn text_width(text: &str, pixels: u32) -> i32 {
    let (width, _) = (FONT, pixels * STEPS).into_font().box_size(text).unwrap_or((8 * text.len() as u32, 0));
    width.div_ceil(STEPS) as i32
}

/// A piece of a line as the legend shows it; `at` is its left end, in pixels.
fn sample<DB: DrawingBackend>(area: &Area<DB>, style: Style, at: (i32, i32), theme: Theme) -> Result<(), Failed<DB>> {
    let (x, y) = (steps(at.0), steps(at.1));
    line(area, style, vec![(x, y), (x + steps(28), y)], theme)
}

fn font(pixels: u32) -> TextStyle<'static> {
    TextStyle::from((FONT, pixels * STEPS).into_font())
}

/// A line of text, `at` its upper left corner in pixels.
fn text<DB: DrawingBackend>(
    area: &Area<DB>,
    text: &str,
    at: (i32, i32),
    pixels: u32,
    ink: RGBColor,
) -> Result<(), Failed<DB>> {
    let style = font(pixels).color(&ink).pos(Pos::new(HPos::Left, VPos::Top));
    area.draw(&Text::new(text.to_string(), (steps(at.0), steps(at.1)), style))
}
