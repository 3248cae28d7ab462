//! The pictures of a page.

use std::fmt::Write as _;

use clap::ValueEnum as _;
use kvsim_sim::plan::FaultPlan;

use super::{Page, fill, table};
use crate::charts::{Drawing, Figure, Kind, Picture, Theme, picture};
use crate::report::faults;
use crate::text::{capital, escaped, seconds};

const NONE: &str = "<p>The store panics before the run comes to its end, so there is nothing to draw.</p>\n";

/// More rows than these a table of faults does not have.
const FAULTS_MAX: usize = 200;

/// A longer one is folded away at first.
const UNFOLDED: usize = 12;

/// In the dark the charts' colours are others: charts are drawn once, for white paper, and colours say what they are for.
pub fn dark_charts() -> String {
    let hex = |(red, green, blue): (u8, u8, u8)| format!("#{red:02X}{green:02X}{blue:02X}");
    let mut out = String::from("@media screen and (prefers-color-scheme: dark) {\n");
    for [light, dark] in Theme::dark_for_light().into_iter().map(|pair| pair.map(hex)) {
        for name in ["fill", "stroke"] {
            let _ = writeln!(out, "  .chart [{name}=\"{light}\"] {{ {name}: {dark}; }}");
        }
    }
    out + "}\n"
}

impl Page<'_> {
    pub fn charts(&self) -> String {
        let Some(runs) = &self.runs else { return NONE.to_owned() };
        let (mut out, mut empty) = (String::new(), String::new());
        for kind in Kind::value_variants().iter().filter(|kind| **kind != Kind::Messages) {
            match kind.draw(runs) {
                Ok(Drawing::Figure(figure)) => write_figure(&mut out, kind.name(), kind.about(), &figure),
                Ok(Drawing::Diagram(_)) => {}
                Err(why) => {
                    let _ = writeln!(empty, "<li>{}: {why}</li>", kind.name());
                }
            }
        }
        if !empty.is_empty() {
            let _ = writeln!(out, "<p>Nothing to show of:</p>\n<ul>\n{empty}</ul>");
        }
        out
    }

    pub fn faults(&self) -> String {
        if self.plan.faults.is_empty() {
            return "<p>Nothing was made to go wrong but what the network does by itself.</p>\n".to_owned();
        }
        let mut out = String::new();
        if let Some(figure) = self.runs.as_ref().and_then(faults::figure) {
            write_figure(&mut out, "timeline of faults", "When each fault lasts.", &figure);
        }
        // A number and its unit stay together.
        let at = |ns: u64| seconds(ns).replace(' ', "\u{a0}");
        let row = |fault: &FaultPlan| {
            let until = if fault.kind.message().is_some() { String::new() } else { at(fault.until_ns) };
            let (name, what) = (escaped(&fault.name), escaped(&faults::words(&fault.kind)));
            vec![name, at(fault.from_ns), until, what, format!("<code>{}</code>", escaped(&fault.place))]
        };
        let rows: Vec<Vec<String>> = self.plan.faults.iter().take(FAULTS_MAX).map(row).collect();
        let table = table("stack", "", &["Fault", "From", "Until", "What", "Written at"], &rows);
        if rows.len() <= UNFOLDED {
            out.push_str(&table);
        } else {
            let _ = writeln!(out, "<details><summary>The faults as a table</summary>\n{table}</details>");
        }
        if let Some(more @ 1..) = self.plan.faults.len().checked_sub(FAULTS_MAX) {
            let _ = writeln!(out, "<p>{more} more are in plan.json.</p>");
        }
        out
    }

    pub fn messages(&self) -> String {
        let Some(runs) = &self.runs else { return NONE.to_owned() };
        let paper = match Kind::Messages.draw(runs) {
            Ok(Drawing::Diagram(paper)) => paper,
            Ok(Drawing::Figure(_)) => return String::new(),
            Err(why) => return format!("<p>Nothing to show: {why}.</p>\n"),
        };
        let mut told = String::new();
        for said in paper.messages() {
            let _ = writeln!(told, "<li>{}</li>", escaped(said));
        }
        let part = escaped(paper.part.as_deref().unwrap_or("All of the run."));
        fill(include_str!("messages.html"), &[("part", &part), ("svg", &paper.svg(None)), ("told", &told)])
    }
}

fn write_figure(out: &mut String, name: &str, about: &str, figure: &Figure) {
    let svg = String::from_utf8(picture(figure, Picture::Svg, Theme::Light)).expect("an SVG is text");
    let _ = writeln!(
        out,
        "<figure>\n<figcaption><h3>{}</h3>{}</figcaption>\n<div class=\"scroll chart\" tabindex=\"0\" role=\"region\" aria-label=\"Chart: {name}\">\n{svg}</div>\n</figure>",
        capital(name),
        escaped(about)
    );
}
