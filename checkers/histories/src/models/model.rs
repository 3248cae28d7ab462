//! What a model is, and how it is asked.

use kvsim_checkers::{CodeInfo, Expired, Report, Verdict};

use super::subject::Subject;
use crate::edn::shown;
use crate::jepsen::Calls;

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

impl Model {
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
    const LISTED_MAX: usize = 5;
    let functions = calls.misfits().iter().take(LISTED_MAX).map(|misfit| {
        let (count, function, (first, place)) = (misfit.count, shown(&misfit.function), misfit.first);
        let with = if misfit.is_transaction { " with micro-operations" } else { "" };
        format!("{count} of :{function}{with} (the first: #{} in line {})", calls.index(first), place.line)
    });
    let mut functions: Vec<String> = functions.collect();
    let more = calls.misfits().len() - functions.len();
    functions.extend((more > 0).then(|| format!("and {more} more")));
    Some(format!("some operations are neither read, write nor cas: {}", functions.join(", ")))
}
