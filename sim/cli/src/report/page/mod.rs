//! `report.html`: the results of a run as a page that needs nothing else. `told` writes the texts, `drawn` the pictures;
//! the frame of the page, its style and its script are files of their own.

pub mod batch;
mod drawn;
mod told;

use std::fmt::Write as _;

use kvsim_checkers::Report;
use kvsim_sim::plan::Plan;
use kvsim_sim::stores::StoreEntry;

use super::Summary;
use crate::charts::{self, Runs};
use crate::text::escaped;

/// The run that a page is about.
pub struct Page<'a> {
    pub plan: &'a Plan,
    pub summary: &'a Summary,
    /// The scenario that the run was made of, with the command in its first line; see [`crate::folder`].
    pub scenario: Option<&'a str>,
    /// The run with all that happened; absent where the store panics.
    runs: Option<Runs>,
}

impl<'a> Page<'a> {
    /// Runs the plan again, with everything recorded and measured. Nothing when that is interrupted.
    pub fn new(
        store: &'static StoreEntry,
        plan: &'a Plan,
        summary: &'a Summary,
        reports: &'a [Report],
        scenario: Option<&'a str>,
    ) -> Option<Page<'a>> {
        let runs = match charts::record(store, plan, charts::window_ns(&[plan])) {
            Ok((outcome, ..)) if !outcome.complete => return None,
            Ok((_, recording, measured)) => {
                let mut runs = Runs::of(vec![(plan.clone(), recording, measured)], &[String::new()], None);
                runs.list[0].reports = reports.to_vec();
                Some(runs)
            }
            Err(_) => None,
        };
        Some(Page { plan, summary, scenario, runs })
    }

    /// The bytes of the page: the same for the same run.
    pub fn html(&self) -> String {
        fill(
            include_str!("page.html"),
            &[
                ("name", &escaped(&self.plan.scenario)),
                ("style", include_str!("style.css")),
                ("about", &self.about()),
                ("verdicts", &self.verdicts()),
                ("findings", &self.findings()),
                ("charts", &self.charts()),
                ("faults", &self.faults()),
                ("messages", &self.messages()),
                ("parameters", &self.parameters()),
                ("replay", &self.replay()),
                ("version", self.summary.kvsim),
                ("script", include_str!("script.js")),
            ],
        )
    }
}

/// A template with what stands for its `{{names}}`; what is put in is not looked at again.
fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("the template closes what it opens");
        let (_, part) = parts.iter().find(|(other, _)| *other == name).expect("the template names what there is");
        out.push_str(before);
        out.push_str(part);
        rest = after;
    }
    out + rest
}

/// Rows of a table, with a head.
fn table(class: &str, caption: &str, heads: &[&str], rows: &[Vec<String>]) -> String {
    let mut out = format!("<table class=\"{class}\">\n");
    if !caption.is_empty() {
        let _ = writeln!(out, "<caption>{}</caption>", escaped(caption));
    }
    let named: String = heads.iter().map(|head| format!("<th scope=\"col\">{}</th>", escaped(head))).collect();
    let _ = writeln!(out, "<thead><tr>{named}</tr></thead>\n<tbody>");
    for row in rows {
        let mut cells = String::new();
        for (place, (cell, head)) in row.iter().zip(heads).enumerate() {
            // On a narrow screen each cell stands below the other, with its head.
            let _ = match place {
                0 => write!(cells, "<th scope=\"row\">{cell}</th>"),
                _ => write!(cells, "<td data-head=\"{}\">{cell}</td>", escaped(head)),
            };
        }
        let _ = writeln!(out, "<tr>{cells}</tr>");
    }
    out + "</tbody>\n</table>\n"
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kvsim_sim::engine::{Outcome, Sink, StorePanic};
    use kvsim_sim::stores;

    use super::*;
    use crate::judge;
    use crate::recorder::Keep;

    fn panics(plan: &Plan, _: &mut dyn Sink) -> Result<Outcome, StorePanic> {
        let until =
            Outcome { trace_hash: 7, events: 1, end_ns: plan.end_ns(), deliveries: 0, timers: 0, complete: false };
        Err(StorePanic { message: "<oh>".to_owned(), node: kvsim_checkers::trace::NodeId(1), at_ns: 1_000_000, until })
    }

    #[test]
    fn of_a_store_that_panics_there_is_the_finding() {
        let names = crate::load::built_in();
        let text = "replicas = 2\nduration = \"1s\"\n[clients.all]\n";
        let scenario = crate::scenario::read(Path::new("test.toml"), text.as_bytes(), &[], names).unwrap();
        let plan = kvsim_sim::lower::lower(&scenario, 1, "test").unwrap();
        let store = Box::leak(Box::new(*stores::BUILT_IN.default()));
        store.run = &panics;
        let judged = judge::judge(store, &plan, Keep::Judged);
        let summary = Summary::new(&plan, &judged, Path::new("."));
        let html = Page::new(store, &plan, &summary, &judged.reports, None).expect("it is not interrupted").html();
        assert!(html.contains("PANIC001: the store panicked at n1: &lt;oh&gt;") && html.contains("nothing to draw"));
    }

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        assert_eq!(fill("a {{x}} b {{y}}", &[("x", "{{y}}"), ("y", "2")]), "a {{y}} b 2");
    }
}
