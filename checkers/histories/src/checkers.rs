//! Models as checkers of recordings: what a scenario may expect of a store beside what its replicas announce.

use std::cell::Cell;

use kvsim_checkers::operations::Operation;
use kvsim_checkers::trace::Action;
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
            check: |facts, _| check(&$model, facts, &|_| true),
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

/// What a model says of what the sessions of a group have read, those that are called as the group is, or so with a number. What
/// others read is left out, what they write is not.
pub fn of_group(model: &Model, group: &str, facts: &Facts<'_>) -> Report {
    let sessions = &facts.recording.header.sessions;
    let is_in = |session: u32| is_of_group(&sessions[session as usize], group);
    check(model, facts, &|operation| operation.action != Action::Read || is_in(operation.session))
}

/// `app-3` is a session of `app`.
pub fn is_of_group(session: &str, group: &str) -> bool {
    match session.strip_prefix(group) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix('-')
            .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())),
        None => false,
    }
}

fn check(model: &Model, facts: &Facts<'_>, counts: &dyn Fn(&Operation) -> bool) -> Report {
    let asked = Cell::new(0);
    let mut report = model.judge(&Subject::of_operations(&facts.operations, counts), &|| {
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
