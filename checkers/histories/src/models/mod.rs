//! Consistency models, which judge histories of operations alone, of other systems or recorded here.
//!
//! A history that a model allows is allowed by the weaker ones, too ([`Model::implies`]), so that the answer about a
//! history is short: [the strongest models that hold](strongest).

mod describe;
mod subject;

pub use subject::Subject;

use kvsim_checkers::guarantees::{self, Guarantee, Log};
use kvsim_checkers::pram::{self, Order};
use kvsim_checkers::{CodeInfo, Expired, Report, Verdict};

use crate::jepsen::Calls;
use crate::{causal, linearizable};

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
    /// Judges a history; nothing if the time is over before anything is known.
    pub(crate) judge: fn(&Subject<'_>, Expired<'_>) -> Option<Report>,
}

/// The entry of a model that is also judged of recordings, with what it implies and how it is reported.
macro_rules! model {
    ($model:expr, $alias:expr, $implies:expr, $report:expr) => {
        Model {
            name: $model.name(),
            alias: $alias,
            summary: $model.summary(),
            codes: $model.codes(),
            implies: $implies,
            judge: |subject, expired| $report(subject, $model, expired),
        }
    };
}

fn order(subject: &Subject<'_>, order: Order, expired: Expired<'_>) -> Option<Report> {
    pram::report(&subject.history, order, subject.describe(), expired)
}

fn guarantee(subject: &Subject<'_>, guarantee: Guarantee, expired: Expired<'_>) -> Option<Report> {
    guarantees::report(&Log::of_history(&subject.history), guarantee, subject.describe(), expired)
}

/// Causal memory.
pub(crate) const CAUSAL_MEMORY: Model = model!(
    Order::Causal,
    Some("cm"),
    &["causal", "pram", "read-your-writes", "monotonic-reads", "monotonic-writes", "writes-follow-reads"],
    order
);

/// All models, stronger ones first.
pub const MODELS: &[Model] = &[
    linearizable::model::LINEARIZABLE,
    CAUSAL_MEMORY,
    causal::model::CONVERGENT,
    causal::model::CONSISTENT,
    model!(Order::Pram, None, &["read-your-writes", "monotonic-reads", "monotonic-writes"], order),
    model!(Guarantee::ReadYourWrites, None, &[], guarantee),
    model!(Guarantee::MonotonicReads, None, &[], guarantee),
    model!(Guarantee::MonotonicWrites, None, &[], guarantee),
    model!(Guarantee::WritesFollowReads, None, &[], guarantee),
];

impl Model {
    /// The model with this name or alias.
    pub fn named(name: &str) -> Option<&'static Model> {
        MODELS.iter().find(|model| model.name == name || model.alias == Some(name))
    }

    /// Judges a history. When the time is over before anything is known, the verdict is unknown.
    pub fn judge(&self, subject: &Subject<'_>, expired: Expired<'_>) -> Report {
        if let Some(note) = unfit(&subject.calls) {
            return self.unknown(note);
        }
        let report = (self.judge)(subject, expired);
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
    let functions = calls.misfits().iter().map(|misfit| {
        let (index, place) = misfit.first;
        format!("{} of :{} (the first: #{index} in line {})", misfit.count, misfit.function, place.line)
    });
    let functions: Vec<String> = functions.collect();
    Some(format!("some operations are neither read, write nor cas: {}", functions.join(", ")))
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
