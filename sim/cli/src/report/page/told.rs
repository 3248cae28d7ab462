//! What a page says in words.

use std::fmt::Write as _;

use kvsim_checkers::Finding;
use kvsim_checkers::explain::{self, Explanation};
use kvsim_checkers::verdict::TraceLine;

use super::{Page, table};
use crate::report::text::times;
use crate::report::{Judgement, to_explain};
use crate::text::{escaped, grouped, program, seconds};

/// How many kinds of findings are explained; of the others there is only the evidence.
const EXPLAINED: usize = 3;

/// More reasons than these are folded away at first.
const UNFOLDED: usize = 4;

impl Page<'_> {
    pub fn about(&self) -> String {
        let plan = self.plan;
        let (store, times) = (escaped(&plan.store.name), times(plan));
        let title = if plan.title.is_empty() { String::new() } else { format!("<p>{}</p>\n", escaped(&plan.title)) };
        format!(
            "{title}<p class=\"faint\">Store {store}, {} replicas, {times}, seed {}</p>\n",
            plan.replicas, plan.seed
        )
    }

    pub fn verdicts(&self) -> String {
        let verdicts = &self.summary.verdicts;
        let surprises = verdicts.iter().filter(|verdict| !verdict.is_expected()).count();
        let (class, sum) = match surprises {
            _ if verdicts.is_empty() => ("odd", "No checker has looked at this run.".to_owned()),
            0 => ("good", "Every verdict is as expected.".to_owned()),
            1 => ("bad", "One verdict is not as expected.".to_owned()),
            number => ("bad", format!("{number} verdicts are not as expected.")),
        };
        let row = |one: &Judgement| {
            let class = match one.verdict {
                verdict if verdict.is_open() => "odd",
                _ if one.is_expected() => "good",
                _ => "bad",
            };
            let said = if one.is_expected() { "" } else { ", not expected" };
            vec![
                escaped(&one.checker),
                format!("<span class=\"{class}\">{}{said}</span>", one.verdict),
                one.expected.to_string(),
                escaped(&one.note),
            ]
        };
        let rows: Vec<Vec<String>> = verdicts.iter().map(row).collect();
        let [(operations, answered), (messages, lost)] = self.summary.counts.words();
        let mut out = format!("<p class=\"sum {class}\">{sum}</p>\n");
        out.push_str(&table("stack", "", &["Checker", "Verdict", "Expected", "Note"], &rows));
        let _ = writeln!(out, "<p>{operations} operations: {answered}. {messages} messages: {lost}.</p>");
        out
    }

    pub fn findings(&self) -> String {
        let mut judgements: Vec<&Judgement> = self.summary.verdicts.iter().collect();
        judgements.sort_by_key(|one| one.is_expected());
        let mut out = String::new();
        let mut told: Vec<&str> = Vec::new();
        let mut others = String::new();
        for judgement in judgements {
            for finding in &judgement.findings {
                if told.contains(&finding.code.as_str()) {
                    let _ = writeln!(others, "<li><b>{}</b>: {}</li>", escaped(&finding.code), escaped(&finding.title));
                    continue;
                }
                let explains = told.len() < EXPLAINED;
                told.push(&finding.code);
                self.finding(&mut out, finding, judgement, explains);
            }
        }
        if out.is_empty() {
            return "<p>Nothing was found.</p>\n".to_owned();
        }
        if !others.is_empty() {
            let _ = writeln!(out, "<details><summary>More of the same kinds</summary>\n<ul>\n{others}</ul></details>");
        }
        out
    }

    fn finding(&self, out: &mut String, finding: &Finding, judgement: &Judgement, explains: bool) {
        let (class, word) =
            if judgement.is_expected() { ("", "An expected finding") } else { ("bad-one", "A finding") };
        let (code, checker) = (escaped(&finding.code), escaped(&judgement.checker));
        let _ = writeln!(out, "<article class=\"{class}\">\n<h3>{code}: {}</h3>", escaped(&finding.title));
        let at = seconds(finding.at_ns);
        let _ = writeln!(out, "<p class=\"faint\">{word} of {checker}, detected at {at}.</p>");
        write_evidence(out, "What happened", &finding.evidence);
        let op = to_explain(self.plan, finding).filter(|_| explains);
        let run = self.runs.as_ref().map(|runs| &runs.list[0].recording);
        if let Some((op, recording)) = op.zip(run) {
            if let Some(explanation) = explain::explain(recording, op) {
                write_explanation(out, &explanation);
            }
            let kvsim = escaped(program());
            let _ = writeln!(out, "<p>More: <code>{kvsim} explain . --op {op}</code> in the folder of this file.</p>");
        }
        out.push_str("</article>\n");
    }

    /// The scenario and the parameters.
    pub fn parameters(&self) -> String {
        let plan = self.plan;
        let mut out = String::new();
        if let Some(scenario) = self.scenario {
            let _ = writeln!(
                out,
                "<h3>Scenario</h3>\n<pre class=\"long\" tabindex=\"0\" role=\"region\" aria-label=\"Text of the scenario\">{}</pre>",
                escaped(scenario)
            );
        }
        let value = |value: Result<serde_json::Value, serde_json::Error>| value.unwrap_or_default();
        let parts = [
            ("store", value(serde_json::to_value(&plan.store))),
            ("disk", value(serde_json::to_value(plan.disk))),
            ("net", value(serde_json::to_value(&plan.net))),
        ];
        let mut rows = Vec::new();
        for (part, value) in &parts {
            for (name, value) in value.as_object().into_iter().flatten() {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                rows.push(vec![escaped(&format!("{part}.{name}")), format!("<code>{}</code>", escaped(&text))]);
            }
        }
        let counts = [
            ("replicas", u64::from(plan.replicas)),
            ("keys", plan.keys.len() as u64),
            ("sessions", plan.sessions.len() as u64),
            ("operations", plan.operations() as u64),
        ];
        rows.extend(counts.map(|(name, count)| vec![name.to_owned(), grouped(count)]));
        let caption = "As plan.json has them, with what the scenario leaves to defaults";
        out.push_str("<h3>Values</h3>\n");
        out.push_str(&table("", caption, &["Parameter", "Value"], &rows));
        out
    }

    /// How to run it again.
    pub fn replay(&self) -> String {
        let made = self.scenario.and_then(|text| text.lines().next()?.strip_prefix("# "));
        let what = "in the folder of this file: the same plan, compared event by event";
        let mut commands = format!("{} replay .    # {what}\n", escaped(program()));
        if let Some(command) = made {
            let _ = writeln!(commands, "{}", escaped(command));
        }
        let rows = [
            ("seed", self.summary.seed.clone()),
            ("trace hash", self.summary.trace_hash.clone()),
            ("events", grouped(self.summary.events)),
            ("plan made by", self.plan.made_by.clone()),
        ];
        let rows: Vec<Vec<String>> = rows
            .iter()
            .map(|(name, value)| vec![(*name).to_owned(), format!("<code>{}</code>", escaped(value))])
            .collect();
        format!(
            "<pre tabindex=\"0\" role=\"region\" aria-label=\"Commands\">{commands}</pre>\n{}",
            table("", "", &["What", "Value"], &rows)
        )
    }
}

/// A table of what happened, with its times.
fn write_evidence(out: &mut String, caption: &str, evidence: &[TraceLine]) {
    if evidence.is_empty() {
        return;
    }
    let _ = writeln!(out, "<table class=\"story\"><caption>{}</caption>", escaped(caption));
    out.push_str("<thead><tr><th scope=\"col\">At</th><th scope=\"col\">What</th></tr></thead>\n<tbody>\n");
    for line in evidence {
        let (at, said) = (seconds(line.at_ns), escaped(&line.text));
        let _ = writeln!(out, "<tr><td class=\"time\">{at}</td><td>{said}</td></tr>");
    }
    out.push_str("</tbody></table>\n");
}

/// Why an operation was answered as it was.
fn write_explanation(out: &mut String, explanation: &Explanation) {
    let Explanation { operation: TraceLine { at_ns, text, .. }, reasons } = explanation;
    let (at, said) = (seconds(*at_ns), escaped(text));
    let open = if reasons.len() <= UNFOLDED { " open" } else { "" };
    let _ = writeln!(out, "<details{open}><summary>Explanation</summary>\n<p><code>{at}  {said}</code></p>");
    for reason in reasons {
        let _ = writeln!(out, "<p><b>{}</b></p>", escaped(&reason.title));
        write_evidence(out, "What led to it", &reason.evidence);
    }
    out.push_str("</details>\n");
}
