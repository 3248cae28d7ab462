//! Drawing: charts and diagrams are laid out as shapes ([`shape`]), which are written as SVG or as pixels.
//!
//! A shape says what it *is* ([`Kind`]); how that looks on a light and on a dark page stands in one table ([`style`]). SVG
//! names the kinds as CSS classes, so that one file suits both pages. Everything is measured in whole numbers, so that
//! every machine draws the same.

pub mod axis;
pub mod chart;
mod panels;
mod png;
mod shape;
mod style;
mod svg;
mod text;

use clap::ValueEnum;

pub use axis::{Axis, Unit};
pub use panels::WIDTH;
pub use shape::{Anchor, At, Drawing, Shape};
pub use style::{COLOURS, Dash, Kind, Theme};
pub use text::flow;

/// The form of a picture's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ImageFormat {
    /// Scales, and text stays text
    Svg,
    /// Pixels, two for each of the SVG's
    Png,
}

impl ImageFormat {
    pub fn ending(self) -> &'static str {
        match self {
            ImageFormat::Svg => "svg",
            ImageFormat::Png => "png",
        }
    }
}

impl Drawing {
    pub fn file(&self, format: ImageFormat, theme: Theme) -> Vec<u8> {
        match format {
            ImageFormat::Svg => self.svg(Some(theme)).into_bytes(),
            ImageFormat::Png => png::write(self, theme),
        }
    }

    /// As SVG for one theme, or for the one that the reader prefers.
    pub fn svg(&self, theme: Option<Theme>) -> String {
        svg::write(self, theme)
    }
}

pub fn file_name(name: &str, format: ImageFormat, theme: Theme) -> String {
    let page = if theme == Theme::Dark { "-dark" } else { "" };
    format!("{name}{page}.{}", format.ending())
}
