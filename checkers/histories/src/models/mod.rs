//! Consistency models, which judge histories of operations alone, of other systems or recorded here.
//!
//! A history that a model allows is allowed by the weaker ones, too ([`Model::implies`]), so that the answer about a
//! history is short: [the strongest models that hold](strongest).

mod describe;
mod model;
mod reads;
mod subject;

pub use model::Model;
pub use subject::Subject;

use kvsim_checkers::guarantees::{self, Guarantee, Log};
use kvsim_checkers::pram::{self, Order};
use kvsim_checkers::{Expired, Report, Verdict};

use crate::{causal, linearizable, regular, sequential};

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
    sequential::model::SEQUENTIAL,
    regular::REGULAR,
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
}

/// What a model that holds implies is told as holding, too, where it is not known by itself.
pub fn tell_implied(reports: &mut [Report]) {
    for model in MODELS {
        if !reports.iter().any(|report| report.checker == model.name && report.verdict == Verdict::Holds) {
            continue;
        }
        let is_implied = |report: &&mut Report| model.implies.contains(&&*report.checker) && report.verdict.is_open();
        for report in reports.iter_mut().filter(is_implied) {
            (report.verdict, report.note) = (Verdict::Holds, format!("implied by {}", model.name));
        }
    }
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
