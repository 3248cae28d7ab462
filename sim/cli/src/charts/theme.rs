//! Colours: those of Okabe and Ito (Color Universal Design, 2008), which the colour-blind tell apart, without the ones
//! that are too pale or too dark for the page. Lines differ in their dashes, too, where a chart compares runs.

use clap::ValueEnum;
use plotters::style::{Color as _, RGBColor};

/// The page that a chart is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Theme {
    /// White paper
    Light,
    /// A dark page
    Dark,
}

const BLUE: RGBColor = RGBColor(0, 114, 178);
const SKY: RGBColor = RGBColor(86, 180, 233);
const GREEN: RGBColor = RGBColor(0, 158, 115);
const ORANGE: RGBColor = RGBColor(230, 159, 0);
const VERMILION: RGBColor = RGBColor(213, 94, 0);
const PURPLE: RGBColor = RGBColor(204, 121, 167);
const YELLOW: RGBColor = RGBColor(240, 228, 66);

impl Theme {
    /// The page.
    pub fn page(self) -> RGBColor {
        match self {
            Theme::Light => RGBColor(255, 255, 255),
            Theme::Dark => RGBColor(13, 17, 23),
        }
    }

    /// Titles and labels.
    pub fn ink(self) -> RGBColor {
        match self {
            Theme::Light => RGBColor(31, 35, 40),
            Theme::Dark => RGBColor(230, 237, 243),
        }
    }

    /// Axes, notes, the names of faults.
    pub fn faint_ink(self) -> RGBColor {
        match self {
            Theme::Light => RGBColor(89, 99, 110),
            Theme::Dark => RGBColor(155, 165, 176),
        }
    }

    /// Lines behind what is shown.
    pub fn grid(self) -> RGBColor {
        match self {
            Theme::Light => RGBColor(222, 226, 230),
            Theme::Dark => RGBColor(45, 51, 59),
        }
    }

    /// Behind the times of faults, and of what is none.
    pub fn shade(self, is_fault: bool) -> RGBColor {
        match (self, is_fault) {
            (Theme::Light, true) => RGBColor(243, 234, 214),
            (Theme::Light, false) => RGBColor(243, 245, 247),
            (Theme::Dark, true) => RGBColor(52, 45, 28),
            (Theme::Dark, false) => RGBColor(22, 27, 34),
        }
    }

    /// One of many things.
    pub fn colour(self, number: usize) -> RGBColor {
        let grey = self.faint_ink();
        let all = match self {
            Theme::Light => [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, grey],
            Theme::Dark => [SKY, VERMILION, GREEN, PURPLE, ORANGE, YELLOW, grey],
        };
        all[number % all.len()]
    }

    /// For each colour that charts have on white paper the one that they have in the dark.
    pub fn dark_for_light() -> Vec<[(u8, u8, u8); 2]> {
        let all = |theme: Theme| {
            let own =
                [theme.page(), theme.ink(), theme.faint_ink(), theme.grid(), theme.shade(true), theme.shade(false)];
            own.into_iter()
                .chain((0..Theme::COLOURS).map(move |number| theme.colour(number)))
                .map(|colour| colour.rgb())
        };
        let mut pairs: Vec<_> = all(Theme::Light)
            .zip(all(Theme::Dark))
            .filter(|(light, dark)| light != dark)
            .map(|(light, dark)| [light, dark])
            .collect();
        pairs.sort_unstable();
        pairs.dedup();
        pairs
    }

    /// How many colours there are.
    pub const COLOURS: usize = 7;
}
