//! How what is drawn looks, in bright and dark surroundings: one table, for CSS and for pixels.

use std::fmt::Write as _;

use crate::charts::Theme;

/// What a shape is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Ground,
    Title,
    Name,
    Time,
    Note,
    Line,
    Rule,
    Operation,
    Found,
    Shown,
    Message,
    Lost,
    Trouble,
    Point,
    Named,
    Hit,
    Wait,
    Arrow,
    Repair,
    Idle,
    Again,
    Gone,
    Cross,
    Down,
    Still,
    Cut,
    Weak,
}

use Class::*;

/// All, with the names that CSS has for them.
const ALL: [(Class, &str); 27] = [
    (Ground, "ground"),
    (Title, "title"),
    (Name, "name"),
    (Time, "time"),
    (Note, "note"),
    (Line, "line"),
    (Rule, "rule"),
    (Operation, "operation"),
    (Found, "found"),
    (Shown, "shown"),
    (Message, "message"),
    (Lost, "lost"),
    (Trouble, "trouble"),
    (Point, "point"),
    (Named, "named"),
    (Hit, "hit"),
    (Wait, "wait"),
    (Arrow, "arrow"),
    (Repair, "repair"),
    (Idle, "idle"),
    (Again, "again"),
    (Gone, "gone"),
    (Cross, "cross"),
    (Down, "down"),
    (Still, "still"),
    (Cut, "cut"),
    (Weak, "weak"),
];

/// Red, green, blue.
pub type Colour = [u8; 3];

/// How a shape looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Inside shapes and letters.
    pub fill: Option<Colour>,
    /// Its line, and how thick that is, in tenths of a pixel. Letters have a rim of their own.
    pub stroke: Option<(Colour, u32)>,
    /// In percent.
    pub opacity: u8,
    /// Lengths of dashes and gaps, in pixels.
    pub dashes: &'static [u32],
    /// Height of letters, in pixels.
    pub size: u32,
    pub is_bold: bool,
}

impl Class {
    /// As CSS calls it.
    pub fn name(self) -> &'static str {
        ALL.iter().find(|(class, _)| *class == self).map_or("", |(_, name)| name)
    }

    /// How it looks on a page.
    pub fn look(self, theme: Theme) -> Look {
        let ink = |light: u32, dark: u32| {
            let [_, colour @ ..] = if theme == Theme::Light { light } else { dark }.to_be_bytes();
            colour
        };
        let percent = |light: u8, dark: u8| if theme == Theme::Light { light } else { dark };
        let (page, text, faint) = (ink(0xffffff, 0x0d1117), ink(0x1f2328, 0xf0f6fc), ink(0x59636e, 0x9198a1));
        let (found, lost, trouble) = (ink(0xbc4c00, 0xf0883e), ink(0xcf222e, 0xff7b72), ink(0x8250df, 0xd2a8ff));
        let (direct, repair) = (ink(0x0969da, 0x58a6ff), ink(0x6e7781, 0x9198a1));
        let plain = Look { fill: None, stroke: None, opacity: 100, dashes: &[], size: 12, is_bold: false };
        let filled = |fill: Colour| Look { fill: Some(fill), ..plain };
        let small = |fill: Colour| Look { size: 11, ..filled(fill) };
        let drawn = |colour: Colour, tenths: u32| Look { stroke: Some((colour, tenths)), ..plain };
        match self {
            Ground => filled(page),
            Title => Look { size: 15, is_bold: true, ..filled(text) },
            Name => Look { size: 14, is_bold: true, ..filled(text) },
            Time | Note | Message => small(faint),
            Line => drawn(faint, 15),
            Rule => drawn(ink(0xd1d9e0, 0x3d444d), 10),
            Operation => Look { is_bold: true, ..filled(text) },
            Found => Look { is_bold: true, ..filled(found) },
            Shown => filled(ink(0x1a7f37, 0x3fb950)),
            Lost => small(lost),
            Trouble => filled(trouble),
            Point => filled(text),
            Named => Look { fill: Some(page), ..drawn(found, 25) },
            Hit => filled(found),
            Wait => drawn(text, 50),
            Arrow => drawn(direct, 14),
            Repair => drawn(repair, 14),
            Idle => Look { opacity: 45, ..drawn(repair, 14) },
            Again => Look { dashes: &[6, 3], ..drawn(direct, 14) },
            Gone => Look { dashes: &[4, 3], ..drawn(lost, 14) },
            Cross => drawn(lost, 22),
            Down => Look { opacity: percent(22, 35), ..filled(ink(0x8250df, 0x8250df)) },
            Still => Look { opacity: 30, ..filled(ink(0x8c959f, 0x8c959f)) },
            Cut => Look { opacity: percent(9, 20), ..filled(ink(0xcf222e, 0xcf222e)) },
            Weak => Look { opacity: 14, ..filled(ink(0xd4a72c, 0xd4a72c)) },
        }
    }

    fn is_text(self) -> bool {
        matches!(self, Title | Name | Time | Note | Operation | Found | Shown | Message | Lost | Trouble)
    }
}

/// The looks as CSS for drawings of the class `space-time`: for a page, or as the surroundings are. Text has a rim in the
/// colour of the ground, so that it can be read on lines.
pub fn css(theme: Option<Theme>) -> String {
    let mut out = String::from(" .space-time text{paint-order:stroke;stroke-width:4px;stroke-linejoin:round}\n");
    let usual = theme.unwrap_or(Theme::Light);
    write_rules(&mut out, usual, None);
    if theme.is_none() {
        out.push_str(" @media screen and (prefers-color-scheme: dark){\n");
        write_rules(&mut out, Theme::Dark, Some(usual));
        out.push_str(" }\n");
    }
    out
}

/// All rules of a theme, or those in which it differs from another.
fn write_rules(out: &mut String, theme: Theme, other: Option<Theme>) {
    let ground = Ground.look(theme).fill.unwrap_or_default();
    let _ = writeln!(out, " .space-time text{{stroke:{}}}", hex(ground));
    for (class, head) in [(Arrow, "head"), (Repair, "repair-head")] {
        if let Some((colour, _)) = class.look(theme).stroke {
            let _ = writeln!(out, " .space-time .{head}{{fill:{}}}", hex(colour));
        }
    }
    for (class, name) in ALL {
        let before = other.map(|other| rule(class, other)).unwrap_or_default();
        let changed: Vec<String> = rule(class, theme).into_iter().filter(|one| !before.contains(one)).collect();
        if !changed.is_empty() {
            let _ = writeln!(out, " .space-time .{name}{{{}}}", changed.join(";"));
        }
    }
}

fn rule(class: Class, theme: Theme) -> Vec<String> {
    let Look { fill, stroke, opacity, dashes, size, is_bold } = class.look(theme);
    let mut rule = vec![format!("fill:{}", fill.map_or("none".to_owned(), hex))];
    if let Some((colour, tenths)) = stroke {
        rule.push(format!("stroke:{}", hex(colour)));
        rule.push(format!("stroke-width:{}.{}", tenths / 10, tenths % 10));
    }
    if opacity < 100 {
        rule.push(format!("opacity:.{opacity:02}"));
    }
    if !dashes.is_empty() {
        rule.push(format!("stroke-dasharray:{}", dashes.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")));
    }
    if class.is_text() {
        rule.push(format!("font-size:{size}px"));
    }
    if is_bold {
        rule.push("font-weight:bold".to_owned());
    }
    rule
}

fn hex([red, green, blue]: Colour) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
