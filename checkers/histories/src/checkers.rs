//! Models as checkers of recordings: what a scenario may expect of a store beside what its replicas announce.

use std::cell::Cell;

use kvsim_checkers::{CheckerInfo, Facts, Report, Verdict, promises};

use crate::models::{CAUSAL_MEMORY, Model, Subject};
use crate::{causal, linearizable, regular, sequential};

/// A checker is a plain function, so that each model needs one of its own.
macro_rules! checkers {
    ($($model:expr),*) => {
        &[$(CheckerInfo {
            name: $model.name,
            summary: $model.summary,
            codes: $model.codes,
            by_default: |_| false,
            check: |facts, _| check(&$model, facts),
        }),*]
    };
}

/// The models that are no checkers of `kvsim-checkers`. They run when they are named, and judge operations alone.
pub const CHECKERS: &[CheckerInfo] = checkers![
    linearizable::model::LINEARIZABLE,
    sequential::model::SEQUENTIAL,
    regular::REGULAR,
    CAUSAL_MEMORY,
    causal::model::CONVERGENT,
    causal::model::CONSISTENT
];

/// So often a model may ask whether its time is over. A verdict must not depend on the machine, so that searches in
/// recordings are limited by what they do, not by a clock.
const ASKED_MAX: u32 = 200_000;

fn check(model: &Model, facts: &Facts<'_>) -> Report {
    let asked = Cell::new(0);
    let mut report = model.judge(&Subject::of_operations(&facts.operations), &|| {
        asked.set(asked.get() + 1);
        asked.get() > ASKED_MAX
    });
    if report.verdict == Verdict::Violated && promises::excuse_a_loss(facts) {
        let excuse =
            "so many disks were missing at once that acknowledged writes may be gone, which models do not know";
        report.note += if report.note.is_empty() { "" } else { "; " };
        report.note += excuse;
    }
    report
}
