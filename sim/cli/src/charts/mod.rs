//! Charts of runs: what they show. How it is drawn: [`crate::draw`].

mod info;
mod kinds;
mod labels;
mod lines;
mod runs;
mod styles;

use clap::ValueEnum as _;

use crate::draw::{ImageFormat, Theme, file_name};

pub use info::ChartInfo;
pub use kinds::CHARTS;
pub use kinds::faults::CHART as FAULTS;
pub use kinds::messages::CHART as MESSAGES;
pub use kinds::visibility::panels as visibility_panels;
pub use runs::{MAX, Runs, record, window_ns};
pub use styles::level_style;

/// All names that files of charts may have.
pub fn file_names() -> impl Iterator<Item = String> {
    let formats = ImageFormat::value_variants().iter();
    let looks = formats.flat_map(|format| Theme::value_variants().iter().map(move |theme| (*format, *theme)));
    looks.flat_map(|(format, theme)| CHARTS.iter().map(move |chart| file_name(chart.name, format, theme)))
}
