//! Charts of runs: what they show (`kinds`), how it looks (`figure`, `axis`, `theme`), and how it is drawn.

pub mod axis;
mod differ;
mod draw;
pub mod figure;
mod kinds;
mod output;
mod runs;
mod styles;
mod theme;

use clap::ValueEnum;

use crate::diagram::Paper;

pub use axis::{Axis, Unit};
pub use draw::dashes;
pub use figure::{Dash, Figure, Mark, Panel, Style};
pub use kinds::{PANEL, colour_of, shares};
pub use output::{FONT, Picture, Pixels, PixelsFailed, picture, png};
pub use runs::{MAX, Runs, record, window_ns};
pub use theme::Theme;

/// What a chart is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// How old the answers to reads are, over time, and how soon a write is read
    Staleness,
    /// Time to an answer, over time and as a distribution, and the share of answered operations
    Latency,
    /// Time until a write is seen at other replicas, by priority and level
    Visibility,
    /// What replicas lack of the acknowledged writes
    Lag,
    /// Messages and bytes by kind
    Traffic,
    /// What replicas keep beside the values
    Metadata,
    /// The operations of sessions
    Timeline,
    /// Who sent what to whom: a space-time diagram of a part of one run
    Messages,
}

/// A chart, before it is a file.
pub enum Drawing {
    /// One with axes.
    Figure(Figure),
    /// A space-time diagram.
    Diagram(Paper),
}

impl Drawing {
    /// The bytes of its file.
    pub fn file(&self, form: Picture, theme: Theme) -> Vec<u8> {
        match self {
            Drawing::Figure(figure) => picture(figure, form, theme),
            Drawing::Diagram(paper) => match form {
                Picture::Svg => paper.svg(Some(theme)).into_bytes(),
                Picture::Png => paper.png(theme),
            },
        }
    }
}

impl Kind {
    /// As the command line and file names call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Staleness => "staleness",
            Kind::Latency => "latency",
            Kind::Visibility => "visibility",
            Kind::Lag => "lag",
            Kind::Traffic => "traffic",
            Kind::Metadata => "metadata",
            Kind::Timeline => "timeline",
            Kind::Messages => "messages",
        }
    }

    /// What it shows, in a sentence or two.
    pub fn about(self) -> &'static str {
        match self {
            Kind::Staleness => {
                "Reads that miss a completed write, and for how long the first write they miss had been completed; below, \
                 the share of reads that reflect the last write to their key, by the time since that write."
            }
            Kind::Latency => "Time to the answer, the share of answered operations, and how many per second.",
            Kind::Visibility => {
                "By priority and level, the share of writes that another replica has shown, by the time since they were \
                 acknowledged."
            }
            Kind::Lag => "Acknowledged writes that a replica lacks, and since when it has lacked the first of them.",
            Kind::Traffic => "Messages and bytes by kind.",
            Kind::Metadata => "What replicas keep beside the values.",
            Kind::Timeline => {
                "The operations of each session. Operations less than a pixel apart are drawn as one bar."
            }
            Kind::Messages => "Who sent what to whom, in a part of the run.",
        }
    }

    /// The chart of some runs, or why there is nothing to see.
    pub fn draw(self, runs: &Runs) -> Result<Drawing, &'static str> {
        let figure = match self {
            Kind::Staleness => kinds::staleness(runs),
            Kind::Latency => kinds::latency(runs),
            Kind::Visibility => kinds::visibility(runs),
            Kind::Lag => kinds::lag(runs),
            Kind::Traffic => kinds::traffic(runs),
            Kind::Metadata => kinds::metadata(runs),
            Kind::Timeline => kinds::timeline(runs),
            Kind::Messages => return kinds::messages(runs).map(Drawing::Diagram),
        };
        figure.map(Drawing::Figure)
    }
}

/// The name of a chart's file.
pub fn file_name(kind: Kind, picture: Picture, theme: Theme) -> String {
    let page = if theme == Theme::Dark { "-dark" } else { "" };
    format!("{}{page}.{}", kind.name(), picture.ending())
}

/// All names that [`file_name`] gives.
pub fn file_names() -> impl Iterator<Item = String> {
    let pictures = Picture::value_variants().iter();
    let looks = pictures.flat_map(|picture| Theme::value_variants().iter().map(move |theme| (*picture, *theme)));
    looks.flat_map(|(picture, theme)| Kind::value_variants().iter().map(move |kind| file_name(*kind, picture, theme)))
}
