//! Consistency models by which a history can be judged that consists of operations alone, whoever recorded it.
//!
//! A history that a model allows is allowed by the weaker ones, too ([`Model::implies`]), so that the answer about a
//! history is short: [the strongest models that hold](strongest).

mod causal;
mod guarantee;
mod linearizable;
mod order;
mod tell;

use crate::causal::Causality;
use crate::jepsen::Calls;
use kvsim_checkers::guarantees::Guarantee;
use kvsim_checkers::history::History;
use kvsim_checkers::pram::Order;
use kvsim_checkers::{CodeInfo, Patience, Report, Verdict};

/// A history to be judged, in both its forms.
#[derive(Debug)]
pub struct Subject {
    /// What clients asked for.
    pub calls: Calls,
    /// The same for checkers that know reads and writes only.
    pub history: History,
}

impl Subject {
    /// A history from its operations.
    pub fn of(calls: Calls) -> Subject {
        Subject { history: calls.history(), calls }
    }
}

/// A consistency model.
#[derive(Debug)]
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// A shorter name, if it has one.
    pub alias: Option<&'static str>,
    /// What it promises, in one line.
    pub summary: &'static str,
    /// The kinds of breach that it tells apart.
    pub codes: &'static [CodeInfo],
    /// Names of all weaker models here.
    pub implies: &'static [&'static str],
    judge: fn(&Subject, Patience<'_>) -> Option<Report>,
}

/// All models, stronger ones first.
pub const MODELS: &[Model] = &[
    Model {
        name: linearizable::NAME,
        alias: None,
        summary: "operations take effect one after the other, each while it is under way",
        codes: linearizable::CODES,
        implies: &[
            "causal-memory",
            "causal-convergence",
            "causal",
            "pram",
            "read-your-writes",
            "monotonic-reads",
            "monotonic-writes",
            "writes-follow-reads",
        ],
        judge: linearizable::check,
    },
    Model {
        name: Order::Causal.name(),
        alias: Some("cm"),
        summary: "sessions see writes in an order that keeps causality, each session in its own",
        codes: order::CM_CODES,
        implies: &["causal", "pram", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"],
        judge: |subject, patience| order::check(subject, Order::Causal, patience),
    },
    Model {
        name: Causality::Convergent.name(),
        alias: Some("ccv"),
        summary: "who sees a write sees what came before it, and concurrent writes are settled alike everywhere",
        codes: causal::CCV_CODES,
        implies: &["causal", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"],
        judge: |subject, patience| causal::check(subject, Causality::Convergent, patience),
    },
    Model {
        name: Causality::Consistent.name(),
        alias: Some("cc"),
        summary: "who sees a write sees what came before it",
        codes: causal::CC_CODES,
        implies: &["read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"],
        judge: |subject, patience| causal::check(subject, Causality::Consistent, patience),
    },
    Model {
        name: Order::Pram.name(),
        alias: None,
        summary: "sessions see each session's writes in the order in which they were issued",
        codes: order::PRAM_CODES,
        implies: &["read-your-writes", "monotonic-reads", "monotonic-writes"],
        judge: |subject, patience| order::check(subject, Order::Pram, patience),
    },
    guarantee::model(Guarantee::ReadYourWrites),
    guarantee::model(Guarantee::MonotonicReads),
    guarantee::model(Guarantee::MonotonicWrites),
    guarantee::model(Guarantee::WritesFollowReads),
];

impl Model {
    /// The model with this name or alias.
    pub fn named(name: &str) -> Option<&'static Model> {
        MODELS.iter().find(|model| model.name == name || model.alias == Some(name))
    }

    /// Judges a history. When patience ends before anything is known, the verdict is unknown.
    pub fn judge(&self, subject: &Subject, patience: Patience<'_>) -> Report {
        if let Some(note) = unfit(&subject.calls) {
            return self.unknown(note);
        }
        let report = (self.judge)(subject, patience);
        report.unwrap_or_else(|| self.unknown("the time limit was reached before anything was known".to_owned()))
    }

    fn unknown(&self, note: String) -> Report {
        Report { checker: self.name.to_owned(), verdict: Verdict::Unknown, note, findings: Vec::new() }
    }
}

/// Why no model can be applied to a history.
fn unfit(calls: &Calls) -> Option<String> {
    if calls.misfits().is_empty() {
        return calls.list().is_empty().then(|| "the history has no operation of a client".to_owned());
    }
    let told = calls.misfits().iter().map(|misfit| {
        let (index, place) = misfit.first;
        format!("{} of :{} (the first: #{index} in line {})", misfit.count, misfit.function, place.line)
    });
    let told: Vec<String> = told.collect();
    Some(format!("there are operations that are no read, write or cas: {}", told.join(", ")))
}

/// Of the models that hold, those that no other one of them implies.
pub fn strongest(reports: &[Report]) -> Vec<&'static Model> {
    let holds = |name: &str| {
        let mut reports = reports.iter();
        reports.any(|report| report.checker == name && report.verdict == Verdict::Holds)
    };
    let held: Vec<&Model> = MODELS.iter().filter(|model| holds(model.name)).collect();
    let is_implied = |model: &&&Model| held.iter().any(|other| other.implies.contains(&model.name));
    held.iter().filter(|model| !is_implied(model)).copied().collect()
}
