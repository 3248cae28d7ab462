//! A drawing as a list of shapes, before it is written as SVG or pixels.

use super::style::Kind;
use crate::text::printable;

#[derive(Default)]
pub struct Drawing {
    /// What it shows, for readers who do not see it.
    pub title: String,
    /// Which part of the run it shows, where that is not all.
    pub part: Option<String>,
    /// How many units of the coordinates make a pixel: 1 or 2.
    pub units: i32,
    /// In units, as all coordinates.
    pub width: i32,
    pub height: i32,
    /// From the lowest to the uppermost, on a page.
    pub shapes: Vec<Shape>,
}

/// A point, from the left and from above.
pub type At = (i32, i32);

pub enum Shape {
    /// A rectangle: its upper left corner, width and height.
    Rect(Kind, At, At),
    /// A line through points, or the area inside it, as its kind says.
    Path(Kind, Vec<At>),
    /// What became of a message, in words, and its line; it has a head where it arrives.
    Message { kind: Kind, from: At, to: At, arrives: bool, text: String },
    /// Its centre and radius.
    Circle(Kind, At, i32),
    /// A line of text; `at` is on its base line.
    Text(Kind, At, Anchor, String),
}

/// Which point of a text its place is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
    /// The middle of a text that runs upwards.
    Upwards,
}

impl Shape {
    pub fn kind(&self) -> Kind {
        match self {
            Shape::Rect(kind, ..)
            | Shape::Path(kind, ..)
            | Shape::Message { kind, .. }
            | Shape::Circle(kind, ..)
            | Shape::Text(kind, ..) => *kind,
        }
    }
}

impl Drawing {
    /// What became of the messages, in words.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.shapes.iter().filter_map(|shape| match shape {
            Shape::Message { text, .. } if !text.is_empty() => Some(text.as_str()),
            _ => None,
        })
    }

    pub fn rect(&mut self, kind: Kind, at: At, size: At) {
        self.shapes.push(Shape::Rect(kind, at, size));
    }

    pub fn line(&mut self, kind: Kind, from: At, to: At) {
        self.shapes.push(Shape::Path(kind, vec![from, to]));
    }

    pub fn circle(&mut self, kind: Kind, at: At, radius: i32) {
        self.shapes.push(Shape::Circle(kind, at, radius));
    }

    pub fn text(&mut self, kind: Kind, at: At, text: &str) {
        self.text_at(kind, at, Anchor::Start, text);
    }

    pub fn text_at(&mut self, kind: Kind, at: At, anchor: Anchor, text: &str) {
        self.shapes.push(Shape::Text(kind, at, anchor, printable(text)));
    }
}
