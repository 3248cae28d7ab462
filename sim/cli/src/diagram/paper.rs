//! A drawing as a list of shapes, before anybody writes it as SVG or pixels.

use super::look::Class;

/// A drawing, of whole pixels.
#[derive(Default)]
pub struct Paper {
    /// What it shows, for those who do not see it.
    pub title: String,
    /// Which part of the run it shows, where that is not all.
    pub part: Option<String>,
    pub width: u32,
    pub height: u32,
    /// From the lowest to the uppermost.
    pub shapes: Vec<Shape>,
}

/// A point, from the left and from above.
pub type At = (u32, u32);

/// Something drawn.
pub enum Shape {
    /// From its upper left corner so wide and so high.
    Rect(Class, At, At),
    Line(Class, At, At),
    /// What became of a message, in words, and its line; it has a head where it arrives.
    Message {
        class: Class,
        from: At,
        to: At,
        arrives: bool,
        said: String,
    },
    Circle(Class, At, u32),
    /// A saltire around a point.
    Cross(At),
    /// A line of text, and where its base line begins, has its middle, or ends.
    Text(Class, At, Anchor, String),
}

/// Which part of a text its place is that of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

impl Paper {
    /// What became of the messages, in words.
    pub fn messages(&self) -> impl Iterator<Item = &str> {
        self.shapes.iter().filter_map(|shape| match shape {
            Shape::Message { said, .. } if !said.is_empty() => Some(said.as_str()),
            _ => None,
        })
    }

    pub fn rect(&mut self, class: Class, at: At, size: At) {
        self.shapes.push(Shape::Rect(class, at, size));
    }

    pub fn line(&mut self, class: Class, from: At, to: At) {
        self.shapes.push(Shape::Line(class, from, to));
    }

    pub fn text(&mut self, class: Class, at: At, said: &str) {
        self.shapes.push(Shape::Text(class, at, Anchor::Start, crate::text::printable(said)));
    }

    pub fn text_at(&mut self, class: Class, at: At, anchor: Anchor, said: &str) {
        self.shapes.push(Shape::Text(class, at, anchor, crate::text::printable(said)));
    }
}
