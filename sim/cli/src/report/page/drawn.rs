//! The pictures of a page.

use std::fmt::Write as _;

use kvsim_sim::plan::FaultPlan;

use super::{Page, fill, table};
use crate::charts::{CHARTS, ChartInfo, FAULTS, MESSAGES};
use crate::draw::Drawing;
use crate::report::faults;
use crate::text::{capital, escaped, seconds};

const NONE: &str = "<p>The store panics before the run comes to its end, so there is nothing to draw.</p>\n";

/// The most rows of the table of faults.
const FAULTS_MAX: usize = 200;

/// A longer one is folded at first.
const UNFOLDED: usize = 12;

impl Page<'_> {
    pub fn charts(&self) -> String {
        let Some(runs) = &self.runs else { return NONE.to_owned() };
        let (mut out, mut empty) = (String::new(), String::new());
        let has_own_part = |name: &str| [FAULTS.name, MESSAGES.name].contains(&name);
        for chart in CHARTS.iter().filter(|chart| !has_own_part(chart.name)) {
            match chart.drawn(runs, false) {
                Ok(drawing) => write_chart(&mut out, chart, &drawing),
                Err(why) => {
                    let _ = writeln!(empty, "<li>{}: {why}</li>", chart.name);
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
            return "<p>The scenario has no faults beyond what the network does by itself.</p>\n".to_owned();
        }
        let mut out = String::new();
        if let Some(Ok(drawing)) = self.runs.as_ref().map(FAULTS.draw) {
            write_chart(&mut out, &FAULTS, &drawing);
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
        let drawing = match (MESSAGES.draw)(runs) {
            Ok(drawing) => drawing,
            Err(why) => return format!("<p>Nothing to show: {why}.</p>\n"),
        };
        let mut list = String::new();
        for text in drawing.messages() {
            let _ = writeln!(list, "<li>{}</li>", escaped(text));
        }
        let part = escaped(drawing.part.as_deref().unwrap_or("All of the run."));
        fill(include_str!("messages.html"), &[("part", &part), ("svg", &drawing.svg(None)), ("list", &list)])
    }
}

fn write_chart(out: &mut String, chart: &ChartInfo, drawing: &Drawing) {
    out.push_str(&figure(chart.name, &capital(chart.name), chart.about, drawing));
}

/// A drawing with its title and what it is about; it can be moved where it is too wide.
pub fn figure(name: &str, title: &str, about: &str, drawing: &Drawing) -> String {
    format!(
        "<figure>\n<figcaption><h3>{}</h3>{}</figcaption>\n<div class=\"scroll chart\" tabindex=\"0\" role=\"region\" aria-label=\"Chart: {}\">\n{}</div>\n</figure>\n",
        escaped(title),
        escaped(about),
        escaped(name),
        drawing.svg(None)
    )
}
