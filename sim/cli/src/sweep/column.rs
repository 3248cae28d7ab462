//! Columns of a sweep's table: what a table shows of a run.

use std::collections::BTreeSet;

use kvsim_checkers::metrics::{Distribution, Merge as _, Visibility, Where};
use kvsim_checkers::trace::Level;
use kvsim_sim::plan::Plan;
use kvsim_sim::scenario::Scenario;

use super::measures::{MEASURES, Measure, MeasuredRun};
use super::median::Value;
use crate::judge::model_of_group;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    Figure(FigureColumn),
    /// Of a checker, or of a model and a group of clients.
    Verdict(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FigureColumn {
    /// As the file writes it.
    pub name: String,
    pub measure: &'static Measure,
    /// Which quantile of it, where it is a distribution.
    of_10_000: u16,
    /// Of writes to keys of this priority only.
    priority: Option<u8>,
    /// At this level, and not at those at which the sessions read.
    level: Option<Level>,
}

const USUAL: &[&str] = &[
    "reads/s",
    "writes/s",
    "answered",
    "own visibility p50",
    "visibility p50",
    "visibility p99",
    "stale reads",
    "messages/write",
    "bytes/write",
];

/// What [`Column::read`] says of a text that is no measure at all.
pub const UNKNOWN: &str = "unknown column";

impl Column {
    /// The column that `text` names: a checker, or a measure with what it is narrowed down to, in this order:
    /// `visibility p99 P3 at fifo`. The error says what was expected.
    pub fn read(text: &str, checkers: &[&'static str]) -> Result<Column, String> {
        if let Some(checker) = checkers.iter().find(|checker| **checker == text) {
            return Ok(Column::Verdict((*checker).to_owned()));
        }
        if model_of_group(text).is_some() {
            return Ok(Column::Verdict(text.to_owned()));
        }
        let (rest, level) = match text.split_once(" at ") {
            Some((rest, name)) => {
                let level = Level::named(name);
                let expected = || format!("expected a level after `at`, such as {}", Level::Fifo.name());
                (rest, Some(level.ok_or_else(expected)?))
            }
            None => (text, None),
        };
        let priority = (0..=3).find(|priority| rest.ends_with(&format!(" P{priority}")));
        if let (None, Some((_, digits))) = (priority, rest.rsplit_once(" P"))
            && digits.bytes().all(|byte| byte.is_ascii_digit())
        {
            return Err(format!("`P{digits}` is no priority, expected P0 to P3"));
        }
        let rest = if priority.is_some() { &rest[..rest.len() - 3] } else { rest };
        let (name, quantile) = match rest.rsplit_once(" p") {
            Some((name, digits)) if digits.starts_with(|c: char| c.is_ascii_digit()) => {
                (name, Some(of_10_000(digits).ok_or("expected a quantile from p1 to p100, such as p50 or p99.9")?))
            }
            _ => (rest, None),
        };
        let measure = MEASURES.iter().find(|measure| measure.name == name).ok_or(UNKNOWN)?;
        match quantile {
            None if measure.is_distribution => return Err(format!("expected a quantile, such as `{name} p50`")),
            Some(_) if !measure.is_distribution => return Err(format!("`{name}` has no quantiles")),
            _ => {}
        }
        if (level.is_some() || priority.is_some()) && !measure.is_grouped {
            return Err(format!("`{name}` has no priorities and levels"));
        }
        let of_10_000 = quantile.unwrap_or(0);
        Ok(Column::Figure(FigureColumn { name: text.to_string(), measure, of_10_000, priority, level }))
    }

    /// The usual columns, and the checkers that a cell names.
    pub fn usual(cells: &[Scenario]) -> Vec<Column> {
        let checkers: Vec<&'static str> = crate::judge::checkers().map(|checker| checker.name).collect();
        let named = checkers.iter().filter(|checker| cells.iter().any(|cell| cell.expect.contains_key(**checker)));
        let of_groups: BTreeSet<&str> = cells.iter().flat_map(|cell| cell.expect.keys().map(String::as_str)).collect();
        let of_groups = of_groups.into_iter().filter(|name| model_of_group(name).is_some());
        let read = |name: &str| Column::read(name, &checkers).expect("the usual columns are columns");
        USUAL.iter().copied().chain(named.copied()).chain(of_groups).map(read).collect()
    }

    /// The names of measures, as examples of columns.
    pub fn names() -> impl Iterator<Item = &'static str> {
        MEASURES.iter().map(|measure| measure.name)
    }

    /// As the file writes it.
    pub fn name(&self) -> &str {
        match self {
            Column::Figure(figure) => &figure.name,
            Column::Verdict(checker) => checker,
        }
    }
}

/// `50`, `99.9`.
fn of_10_000(digits: &str) -> Option<u16> {
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let number: u16 = format!("{whole}{part:0<2}").parse().ok()?;
    (part.len() <= 2 && (1..=10_000).contains(&number)).then_some(number)
}

impl FigureColumn {
    /// The value for a run; nothing when there was nothing to measure.
    pub fn of(&self, run: &MeasuredRun<'_>) -> Option<Value> {
        (self.measure.of)(self, run)
    }

    pub fn quantile(&self, numbers: &Distribution) -> Option<Value> {
        numbers.quantile(self.of_10_000).map(Value::Is)
    }

    pub fn visible_after(&self, visibility: &Visibility) -> Option<Value> {
        (visibility.count() > 0).then(|| visibility.quantile(self.of_10_000).map_or(Value::Never, Value::Is))
    }

    pub fn visibility(&self, run: &MeasuredRun<'_>, at: Where) -> Visibility {
        let levels = self.level.map_or_else(|| levels(run.plan), |level| vec![level]);
        let mut all = Visibility::default();
        for ((level, priority, place), group) in &run.metrics.visibility {
            if *place == at && levels.contains(level) && self.priority.is_none_or(|only| only == *priority) {
                all.merge_with(group);
            }
        }
        all
    }
}

/// The levels at which the sessions of a plan read.
pub fn levels(plan: &Plan) -> Vec<Level> {
    let sessions = || plan.sessions.iter().filter(|session| !session.of_store);
    Level::ALL.into_iter().filter(|level| sessions().any(|session| session.level == *level)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_read_as_they_are_written() {
        let read = |text: &str| Column::read(text, &["pram"]);
        let figure = |text: &str| match read(text) {
            Ok(Column::Figure(figure)) => (figure.measure.name, figure.of_10_000, figure.priority, figure.level),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(figure("reads/s"), ("reads/s", 0, None, None));
        assert_eq!(figure("visibility p50"), ("visibility", 5_000, None, None));
        assert_eq!(figure("own visibility p99.9 P2"), ("own visibility", 9_990, Some(2), None));
        assert_eq!(figure("visibility p100 P3 at fifo"), ("visibility", 10_000, Some(3), Some(Level::Fifo)));
        assert_eq!(figure("unseen at priority"), ("unseen", 0, None, Some(Level::Priority)));
        for name in ["pram", "regular of app"] {
            assert_eq!(read(name), Ok(Column::Verdict(name.to_owned())));
        }
        for (wrong, why) in [
            ("visibility", "expected a quantile"),
            ("reads/s p50", "has no quantiles"),
            ("visibility p0", "from p1 to p100"),
            ("visibility p101", "from p1 to p100"),
            ("visibility p99.999", "from p1 to p100"),
            ("visibility p50 at once", "expected a level"),
            ("answered P3", "has no priorities"),
            ("speed", UNKNOWN),
            ("", UNKNOWN),
            ("visibility p50 P4", "`P4` is no priority, expected P0 to P3"),
        ] {
            let told = read(wrong).expect_err(wrong);
            assert!(told.contains(why), "{wrong}: {told}");
        }
        assert_eq!(Column::usual(&[]).len(), USUAL.len());
        assert!(MEASURES.iter().all(|measure| read(&measure.example()).is_ok()), "examples are columns");
    }
}
