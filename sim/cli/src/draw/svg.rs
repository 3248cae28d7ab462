//! Writes a drawing as SVG.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::shape::{Anchor, At, Drawing, Shape};
use super::style::{Kind, Theme, css};
use crate::text::escaped;

/// The whole file, for one theme or for the one that the reader prefers.
pub fn write(drawing: &Drawing, theme: Option<Theme>) -> String {
    let mut writer = Writer { out: String::new(), units: drawing.units };
    writer.drawing(drawing, theme).expect("a string takes everything");
    writer.out
}

struct Writer {
    out: String,
    units: i32,
}

/// A length in pixels: a whole number, or a half one.
struct Pixels(i32, i32);

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pixels(length, units) = *self;
        let sign = if length < 0 { "-" } else { "" };
        match (length.abs() / units, length % units != 0) {
            (whole, false) => write!(f, "{sign}{whole}"),
            (0, true) => write!(f, "{sign}.5"),
            (whole, true) => write!(f, "{sign}{whole}.5"),
        }
    }
}

impl Writer {
    fn px(&self, length: i32) -> Pixels {
        Pixels(length, self.units)
    }

    fn drawing(&mut self, drawing: &Drawing, theme: Option<Theme>) -> fmt::Result {
        let Drawing { title, width, height, shapes, .. } = drawing;
        let (width, height) = (self.px(*width), self.px(*height));
        let kinds: BTreeSet<Kind> = [Kind::Page].into_iter().chain(shapes.iter().map(Shape::kind)).collect();
        writeln!(
            self.out,
            "<svg class=\"drawing\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"Helvetica, Arial, sans-serif\">"
        )?;
        writeln!(self.out, "<title>{}</title>\n<style>\n{}</style>", escaped(title), css(&kinds, theme))?;
        let heads: BTreeSet<Kind> = shapes.iter().filter_map(head).collect();
        for kind in heads {
            writeln!(
                self.out,
                "<marker id=\"{kind}-head\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"{kind}-head\" d=\"M0 0 8 4 0 8z\"/></marker>"
            )?;
        }
        writeln!(self.out, "<rect class=\"page\" width=\"{width}\" height=\"{height}\"/>")?;
        for shapes in shapes.chunk_by(are_one) {
            self.shapes(shapes)?;
        }
        writeln!(self.out, "</svg>")
    }

    /// Several lines or rectangles of one kind, or one shape of any.
    fn shapes(&mut self, shapes: &[Shape]) -> fmt::Result {
        match &shapes[0] {
            Shape::Rect(kind, ..) | Shape::Path(kind, _) => {
                write!(self.out, "<path class=\"{kind}\" d=\"")?;
                for shape in shapes {
                    match shape {
                        Shape::Rect(_, at, (width, height)) => {
                            let (x, y, width, height) =
                                (self.px(at.0), self.px(at.1), self.px(*width), self.px(*height));
                            write!(self.out, "M{x} {y}h{width}v{height}h-{width}z")?;
                        }
                        Shape::Path(_, points) => self.path(points)?,
                        _ => {}
                    }
                }
                writeln!(self.out, "\"/>")
            }
            Shape::Message { kind, from, to, arrives, text } => {
                let head = if *arrives { format!(" marker-end=\"url(#{kind}-head)\"") } else { String::new() };
                let (open, close) = match text.as_str() {
                    "" => (String::new(), ""),
                    text => (format!("<g class=\"sent\"><title>{}</title>", escaped(text)), "</g>"),
                };
                write!(self.out, "{open}<path class=\"{kind}\"{head} d=\"")?;
                self.path(&[*from, *to])?;
                writeln!(self.out, "\"/>{close}")
            }
            Shape::Circle(kind, (x, y), radius) => {
                let (x, y, radius) = (self.px(*x), self.px(*y), self.px(*radius));
                writeln!(self.out, "<circle class=\"{kind}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>")
            }
            Shape::Text(kind, (x, y), anchor, text) => {
                let (x, y) = (self.px(*x), self.px(*y));
                let anchor = match anchor {
                    Anchor::Start => String::new(),
                    Anchor::Middle => " text-anchor=\"middle\"".to_owned(),
                    Anchor::End => " text-anchor=\"end\"".to_owned(),
                    Anchor::Upwards => format!(" text-anchor=\"middle\" transform=\"rotate(-90 {x} {y})\""),
                };
                writeln!(self.out, "<text class=\"{kind}\" x=\"{x}\" y=\"{y}\"{anchor}>{}</text>", escaped(text))
            }
        }
    }

    /// A line from its first point on, each further one by its distance from the one before.
    fn path(&mut self, points: &[At]) -> fmt::Result {
        let [first, rest @ ..] = points else { return Ok(()) };
        let (mut x, mut y) = *first;
        write!(self.out, "M{} {}", self.px(x), self.px(y))?;
        let mut before = 'M';
        for (to_x, to_y) in rest {
            let (dx, dy) = (to_x - x, to_y - y);
            let command = if dy == 0 {
                'h'
            } else if dx == 0 {
                'v'
            } else {
                'l'
            };
            let command_or_space = if command == before { ' ' } else { command };
            self.out.push(command_or_space);
            match command {
                'h' => write!(self.out, "{}", self.px(dx))?,
                'v' => write!(self.out, "{}", self.px(dy))?,
                _ => write!(self.out, "{} {}", self.px(dx), self.px(dy))?,
            }
            (x, y, before) = (*to_x, *to_y, command);
        }
        Ok(())
    }
}

/// The kind of message whose head a shape needs.
fn head(shape: &Shape) -> Option<Kind> {
    if let Shape::Message { kind, arrives: true, .. } = shape { Some(*kind) } else { None }
}

/// True when the shapes may share an element.
fn are_one(one: &Shape, other: &Shape) -> bool {
    let is_path = |shape: &Shape| matches!(shape, Shape::Rect(..) | Shape::Path(..));
    is_path(one) && is_path(other) && one.kind() == other.kind()
}
