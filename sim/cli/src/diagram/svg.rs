//! Writes a drawing as SVG.

use std::fmt::{self, Write as _};

use super::look::{Class, css};
use super::paper::{Anchor, Paper, Shape};
use crate::charts::Theme;
use crate::text::escaped;

const HEADS: &str = "<defs>\
<marker id=\"h\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"head\" d=\"M0 0 8 4 0 8z\"/></marker>\
<marker id=\"r\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\"><path class=\"repair-head\" d=\"M0 0 8 4 0 8z\"/></marker>\
</defs>\n";

/// The whole file, for a page or as the surroundings are.
pub fn write(paper: &Paper, theme: Option<Theme>) -> String {
    let mut out = String::new();
    write_all(&mut out, paper, theme).expect("a string takes everything");
    out
}

fn write_all(out: &mut String, paper: &Paper, theme: Option<Theme>) -> fmt::Result {
    let Paper { title, width, height, shapes, .. } = paper;
    writeln!(
        out,
        "<svg class=\"space-time\" xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\" font-family=\"Helvetica, Arial, sans-serif\">"
    )?;
    writeln!(out, "<title>{}</title>\n<style>\n{}</style>", escaped(title), css(theme))?;
    out.push_str(HEADS);
    shapes.iter().try_for_each(|shape| write_shape(out, shape))?;
    writeln!(out, "</svg>")
}

fn write_shape(out: &mut String, shape: &Shape) -> fmt::Result {
    match shape {
        Shape::Rect(class, (x, y), (width, height)) => {
            let class = class.name();
            writeln!(out, "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\"/>")
        }
        Shape::Line(class, from, to) => {
            write_line(out, *class, *from, *to, "")?;
            out.write_char('\n')
        }
        Shape::Message { class, from, to, arrives, said } => {
            let head = match (arrives, class) {
                (false, _) => "",
                (true, Class::Repair | Class::Idle) => " marker-end=\"url(#r)\"",
                (true, _) => " marker-end=\"url(#h)\"",
            };
            if said.is_empty() {
                return write_line(out, *class, *from, *to, head).and_then(|()| out.write_char('\n'));
            }
            write!(out, "<g class=\"sent\"><title>{}</title>", escaped(said))?;
            write_line(out, *class, *from, *to, head)?;
            writeln!(out, "</g>")
        }
        Shape::Circle(class, (x, y), radius) => {
            writeln!(out, "<circle class=\"{}\" cx=\"{x}\" cy=\"{y}\" r=\"{radius}\"/>", class.name())
        }
        Shape::Cross((x, y)) => {
            writeln!(out, "<path class=\"cross\" d=\"M{} {}l10 10m0-10l-10 10\"/>", x - 5, y - 5)
        }
        Shape::Text(class, (x, y), anchor, said) => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            writeln!(out, "<text class=\"{}\" x=\"{x}\" y=\"{y}\"{anchor}>{}</text>", class.name(), escaped(said))
        }
    }
}

fn write_line(out: &mut String, class: Class, from: (u32, u32), to: (u32, u32), head: &str) -> fmt::Result {
    let ((x1, y1), (x2, y2)) = (from, to);
    write!(out, "<line class=\"{}\"{head} x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\"/>", class.name())
}
