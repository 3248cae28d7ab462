//! How shapes look, on light and dark pages: one table, for CSS and for pixels.
//!
//! The colours of lines and bars are those of Okabe and Ito (Color Universal Design, 2008), which the colour-blind tell
//! apart, without the ones that are too pale or too dark for the page. Lines differ in their dashes, too.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use clap::ValueEnum;

/// The page that a drawing is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Theme {
    /// White paper
    Light,
    /// A dark page
    Dark,
}

/// What a shape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    // Both charts and diagrams.
    Page,
    Title,
    /// Small and faint: ticks, times, remarks.
    Note,
    Rule,
    // Charts.
    /// Remarks below the title.
    About,
    Heading,
    Text,
    AxisTitle,
    Grid,
    Axis,
    Fault,
    Settling,
    /// One of [`COLOURS`] and how it is broken.
    Line(usize, Dash),
    Dot(usize),
    Bar(usize),
    Band(usize),
    // Diagrams: text.
    Name,
    Time,
    Operation,
    /// An operation that a finding names.
    Found,
    /// A version appears or disappears.
    Visible,
    Message,
    Lost,
    NodeFault,
    // Diagrams: replicas and operations.
    Replica,
    Wait,
    Point,
    /// A finding names the operation.
    Named,
    /// The operation that explains a finding best.
    Explains,
    // Diagrams: messages.
    /// It carries a write from the replica that accepted it, or a client's call.
    Direct,
    /// Another message that changed something, such as one of repair.
    Repair,
    /// It changed nothing.
    Idle,
    /// It had arrived before.
    Duplicate,
    Gone,
    Cross,
    // Diagrams: what lasts.
    Down,
    Paused,
    Partition,
    LinkFault,
}

/// How a line is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dash {
    Solid,
    Dashed,
    Dotted,
    /// Long and short dashes.
    Mixed,
}

impl Dash {
    pub const ALL: [Dash; 4] = [Dash::Solid, Dash::Dashed, Dash::Dotted, Dash::Mixed];

    /// Lengths of dashes and gaps in turn, in pixels.
    fn pattern(self) -> &'static [u32] {
        match self {
            Dash::Solid => &[],
            Dash::Dashed => &[7, 4],
            Dash::Dotted => &[2, 3],
            Dash::Mixed => &[9, 3, 2, 3],
        }
    }
}

/// How many colours there are for lines, points, bars and bands; the last one is grey.
pub const COLOURS: usize = 7;

/// Red, green, blue.
pub type Colour = [u8; 3];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Inside shapes and letters.
    pub fill: Option<Colour>,
    /// Its line, or the rim of letters, and how thick that is, in tenths of a pixel.
    pub stroke: Option<(Colour, u32)>,
    /// In percent.
    pub opacity: u8,
    /// Lengths of dashes and gaps, in pixels.
    pub dashes: &'static [u32],
    /// Height of letters, in pixels; 0 for what is not text.
    pub size: i32,
    pub is_bold: bool,
}

/// The name of its CSS class.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Line(colour, dash) => write!(f, "line-{colour}-{}", *dash as usize),
            Kind::Dot(colour) => write!(f, "dot-{colour}"),
            Kind::Bar(colour) => write!(f, "bar-{colour}"),
            Kind::Band(colour) => write!(f, "band-{colour}"),
            plain => write!(f, "{}", format!("{plain:?}").to_lowercase()),
        }
    }
}

impl Kind {
    /// How it looks on a page.
    pub fn style(self, theme: Theme) -> Style {
        use Kind::*;
        let ink = |light: u32, dark: u32| {
            let [_, colour @ ..] = if theme == Theme::Light { light } else { dark }.to_be_bytes();
            colour
        };
        let percent = |light: u8, dark: u8| if theme == Theme::Light { light } else { dark };
        let (page, text, faint) = (ink(0xffffff, 0x0d1117), ink(0x1f2328, 0xe6edf3), ink(0x59636e, 0x9ba5b0));
        let (found, lost, trouble) = (ink(0xbc4c00, 0xf0883e), ink(0xcf222e, 0xff7b72), ink(0x8250df, 0xd2a8ff));
        let (direct, repair, rule) = (ink(0x0969da, 0x58a6ff), ink(0x6e7781, 0x9198a1), ink(0xd1d9e0, 0x3d444d));
        // Blue or sky, vermilion, green, purple, orange, sky or yellow, grey.
        let colours: [Colour; COLOURS] = [
            ink(0x0072b2, 0x56b4e9),
            ink(0xd55e00, 0xd55e00),
            ink(0x009e73, 0x009e73),
            ink(0xcc79a7, 0xcc79a7),
            ink(0xe69f00, 0xe69f00),
            ink(0x56b4e9, 0xf0e442),
            faint,
        ];
        let plain = Style { fill: None, stroke: None, opacity: 100, dashes: &[], size: 0, is_bold: false };
        let filled = |fill: Colour| Style { fill: Some(fill), ..plain };
        let drawn = |colour: Colour, tenths: u32| Style { stroke: Some((colour, tenths)), ..plain };
        let dashed = |colour: Colour, dashes| Style { dashes, ..drawn(colour, 14) };
        let letters = |fill: Colour, size: i32| Style { size, ..filled(fill) };
        // Labels of diagrams lie on lines, and a rim in the colour of the page makes them legible.
        let label = |fill: Colour, size: i32| Style { stroke: Some((page, 40)), ..letters(fill, size) };
        let bold = |style: Style| Style { is_bold: true, ..style };
        match self {
            Page => filled(page),
            Title => bold(letters(text, 16)),
            Note => letters(faint, 11),
            Rule => drawn(rule, 10),
            About => letters(faint, 12),
            Heading => letters(text, 13),
            Text => letters(text, 12),
            AxisTitle => letters(text, 11),
            Grid => drawn(rule, 5),
            Axis => drawn(faint, 5),
            Fault => filled(ink(0xf3ead6, 0x342d1c)),
            Settling => filled(ink(0xf3f5f7, 0x161b22)),
            Line(colour, dash) => Style { dashes: dash.pattern(), ..drawn(colours[colour % COLOURS], 15) },
            Dot(colour) | Bar(colour) => filled(colours[colour % COLOURS]),
            Band(colour) => Style { opacity: 18, ..filled(colours[colour % COLOURS]) },
            Name => bold(label(text, 14)),
            Time | Message => label(faint, 11),
            Operation => bold(label(text, 12)),
            Found => bold(label(found, 12)),
            Visible => label(ink(0x1a7f37, 0x3fb950), 12),
            Lost => label(lost, 11),
            NodeFault => label(trouble, 12),
            Replica => drawn(faint, 15),
            Wait => drawn(text, 50),
            Point => filled(text),
            Named => Style { fill: Some(page), ..drawn(found, 25) },
            Explains => filled(found),
            Direct => drawn(direct, 14),
            Repair => drawn(repair, 14),
            Idle => Style { opacity: 45, ..drawn(repair, 14) },
            Duplicate => dashed(direct, &[6, 3]),
            Gone => dashed(lost, &[4, 3]),
            Cross => drawn(lost, 22),
            Down => Style { opacity: percent(22, 35), ..filled(ink(0x8250df, 0x8250df)) },
            Paused => Style { opacity: 30, ..filled(ink(0x8c959f, 0x8c959f)) },
            Partition => Style { opacity: percent(9, 20), ..filled(ink(0xcf222e, 0xcf222e)) },
            LinkFault => Style { opacity: 14, ..filled(ink(0xd4a72c, 0xd4a72c)) },
        }
    }

    /// Its CSS for a page: the class and what it sets.
    fn rules(self, theme: Theme) -> Vec<(String, Vec<String>)> {
        let Style { fill, stroke, opacity, dashes, size, is_bold } = self.style(theme);
        let mut own = vec![format!("fill:{}", fill.map_or("none".to_owned(), hex))];
        if let Some((colour, tenths)) = stroke {
            own.push(format!("stroke:{}", hex(colour)));
            own.push(format!("stroke-width:{}.{}", tenths / 10, tenths % 10));
        }
        if opacity < 100 {
            own.push(format!("opacity:.{opacity:02}"));
        }
        if !dashes.is_empty() {
            own.push(format!("stroke-dasharray:{}", dashes.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")));
        }
        if size > 0 {
            own.push(format!("font-size:{size}px"));
        }
        if is_bold {
            own.push("font-weight:bold".to_owned());
        }
        let mut rules = vec![(self.to_string(), own)];
        // Markers do not inherit from the line that they are at the end of.
        if let (Kind::Direct | Kind::Repair | Kind::Idle | Kind::Duplicate, Some((colour, _))) = (self, stroke) {
            rules.push((format!("{self}-head"), vec![format!("fill:{}", hex(colour))]));
        }
        rules
    }
}

/// The CSS of these kinds in drawings: for one theme, or for the one that the reader prefers.
pub fn css(kinds: &BTreeSet<Kind>, theme: Option<Theme>) -> String {
    let rules = |theme: Theme| kinds.iter().flat_map(move |kind| kind.rules(theme));
    let usual = theme.unwrap_or(Theme::Light);
    let mut out = String::from(" .drawing *{stroke-linejoin:round;paint-order:stroke}\n");
    for (class, own) in rules(usual) {
        let _ = writeln!(out, " .drawing .{class}{{{}}}", own.join(";"));
    }
    if theme.is_none() {
        out.push_str(" @media screen and (prefers-color-scheme: dark){\n");
        for ((class, dark), (_, light)) in rules(Theme::Dark).zip(rules(usual)) {
            let changed: Vec<String> = dark.into_iter().filter(|one| !light.contains(one)).collect();
            if !changed.is_empty() {
                let _ = writeln!(out, " .drawing .{class}{{{}}}", changed.join(";"));
            }
        }
        out.push_str(" }\n");
    }
    out
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
