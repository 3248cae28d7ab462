//! What a run comes to as tables for other programs: a row per operation, per write and replica, per window.

use kvsim_checkers::Facts;
use kvsim_checkers::metrics::{METADATA_BYTES, Measured, Metrics, Series, read_ages, reflections};
use kvsim_checkers::operations::{Operation, Outcome};
use kvsim_checkers::trace::{Action, What};
use serde_json::Value as Json;

/// A run with everything recorded.
pub struct RecordedRun<'a> {
    pub facts: &'a Facts<'a>,
    pub measured: &'a Measured,
    pub metrics: &'a Metrics,
    /// Width of the windows of series, in nanoseconds.
    pub window_ns: u64,
}

/// A table: what it has a row for, and its columns with their meanings. Times are whole nanoseconds of virtual time.
pub struct TableInfo {
    pub name: &'static str,
    pub summary: &'static str,
    pub columns: &'static [(&'static str, &'static str)],
    /// Numbers, texts, and null where there is nothing to say.
    pub rows: fn(&RecordedRun<'_>) -> Vec<Vec<Json>>,
}

/// All tables.
pub const TABLES: &[TableInfo] = &[
    TableInfo {
        name: "operations",
        summary: "a row per operation of a session, in the order in which they were invoked",
        columns: &[
            ("op", "its number, as findings and `kvsim explain` name it"),
            ("session", "the session"),
            ("group", "the session's name without its number"),
            ("node", "the node that was asked"),
            ("action", "read, write or delete"),
            ("key", "the key"),
            ("priority", "the key's priority, 0 to 3"),
            ("level", "the level that the session reads at"),
            ("value", "what a write writes"),
            ("invoked_ns", "when it was invoked"),
            ("ended_ns", "when it was answered, refused or given up"),
            ("outcome", "answered, refused, timed-out or open"),
            ("write", "the name that the write got: the replica that took it in, and its number there"),
            ("returned", "what a read returned: values with blanks between them, the empty text for none"),
            ("missed", "how many completed writes to its key a read misses"),
            (
                "age_ns",
                "for how long the first of them had been completed when the read was invoked; 0 when it misses none",
            ),
            ("since_write_ns", "how long before the read the last write to its key was completed"),
        ],
        rows: operations,
    },
    TableInfo {
        name: "visibility",
        summary: "a row per acknowledged write, replica that is to hold its key, and level that carries it; no deletes",
        columns: &[
            ("op", "the operation that wrote it"),
            ("key", "the key"),
            ("priority", "the key's priority, 0 to 3"),
            ("origin", "the node that took the write in"),
            ("node", "the node where it is to be seen"),
            ("level", "the level"),
            ("acknowledged_ns", "when the client had its answer"),
            ("reflected_ns", "when the node first showed it, or something that had seen it; nothing when it never did"),
        ],
        rows: visibility,
    },
    TableInfo {
        name: "lag",
        summary: "a row per node and window: what the node lacks at the window's end",
        columns: &[
            ("from_ns", "when the window begins"),
            ("node", "the node"),
            ("writes", "how many acknowledged writes it lacks"),
            ("age_ns", "for how long the first of them has been acknowledged"),
        ],
        rows: lag,
    },
    TableInfo {
        name: "traffic",
        summary: "a row per kind of message and window in which any were sent",
        columns: &[
            ("from_ns", "when the window begins"),
            ("kind", "the kind of message"),
            ("copies", "copies sent, one per receiver"),
            ("bytes", "their bytes"),
        ],
        rows: traffic,
    },
    TableInfo {
        name: "gauges",
        summary: "a row per number that a replica reports about itself, at the end of each window and of the run",
        columns: &[
            ("at_ns", "when"),
            ("node", "the replica"),
            (
                "gauge",
                "the name of the number (kvsim run tells of them at metadata; metadata-bytes: what is kept beside values)",
            ),
            ("value", "the number"),
        ],
        rows: gauges,
    },
];

/// All names that files of tables may have.
pub fn file_names() -> impl Iterator<Item = String> {
    TABLES.iter().flat_map(|table| ["csv", "jsonl"].map(|ending| format!("{}.{ending}", table.name)))
}

fn operations(run: &RecordedRun<'_>) -> Vec<Vec<Json>> {
    let facts = run.facts;
    let header = &facts.recording.header;
    let mut ages = read_ages(facts);
    ages.sort_by_key(|age| age.op);
    let row = |operation: &Operation| {
        let session = header.sessions[operation.session as usize].as_str();
        let group = session.rsplit_once('-').filter(|(_, number)| number.bytes().all(|digit| digit.is_ascii_digit()));
        let (ended, outcome) = match operation.outcome {
            Outcome::Open => (None, "open"),
            Outcome::Answered(place) => (Some(place), "answered"),
            Outcome::Refused(place) => (Some(place), "refused"),
            Outcome::TimedOut(place) => (Some(place), "timed-out"),
        };
        let at_ns = |place: usize| facts.recording.events[place].at_ns;
        let action = match operation.action {
            Action::Read => "read",
            Action::Write => "write",
            Action::Delete => "delete",
        };
        let returned = operation.returned.iter().map(|write| {
            let of = facts.operations.of_write(*write);
            of.map_or_else(|| write.to_string(), |write| write.value.to_string())
        });
        let returned = (action == "read" && outcome == "answered").then(|| returned.collect::<Vec<_>>().join(" "));
        let age = ages.binary_search_by_key(&operation.number, |age| age.op).ok().map(|found| ages[found]);
        vec![
            operation.number.into(),
            session.into(),
            group.map_or(session, |(group, _)| group).into(),
            operation.node.to_string().into(),
            action.into(),
            header.keys[operation.key as usize].as_str().into(),
            header.priority(operation.key).into(),
            operation.level.name().into(),
            if operation.action == Action::Write { operation.value.into() } else { Json::Null },
            at_ns(operation.invoked).into(),
            ended.map(at_ns).into(),
            outcome.into(),
            operation.write.map(|write| write.to_string()).into(),
            returned.into(),
            age.map(|age| age.missed).into(),
            age.map(|age| age.age_ns).into(),
            age.and_then(|age| age.since_write_ns).into(),
        ]
    };
    facts.operations.list().iter().map(row).collect()
}

fn visibility(run: &RecordedRun<'_>) -> Vec<Vec<Json>> {
    let facts = run.facts;
    let header = &facts.recording.header;
    let row = |one: kvsim_checkers::metrics::Reflection| {
        let write = facts.operations.get(one.op)?;
        Some(vec![
            one.op.into(),
            header.keys[write.key as usize].as_str().into(),
            header.priority(write.key).into(),
            write.write.map(|write| write.node().to_string()).into(),
            one.node.to_string().into(),
            one.level.name().into(),
            one.acknowledged_ns.into(),
            one.reflected_ns.into(),
        ])
    };
    reflections(facts).into_iter().filter_map(row).collect()
}

fn lag(run: &RecordedRun<'_>) -> Vec<Vec<Json>> {
    let mut rows = Vec::new();
    for (node, lag) in &run.metrics.lag {
        for (number, (writes, age_ns)) in (0_u64..).zip(lag.writes.0.iter().zip(&lag.age_ns.0)) {
            let [writes, age_ns] = [writes.max(), age_ns.max()].map(Json::from);
            rows.push(vec![(number * run.window_ns).into(), node.to_string().into(), writes, age_ns]);
        }
    }
    rows
}

fn traffic(run: &RecordedRun<'_>) -> Vec<Vec<Json>> {
    let mut rows = Vec::new();
    for (kind, traffic) in &run.metrics.traffic {
        let (Series(copies), Series(bytes)) = (&traffic.copies, &traffic.bytes);
        for (number, (copies, bytes)) in (0_u64..).zip(copies.iter().zip(bytes)).filter(|(_, (copies, _))| **copies > 0)
        {
            let from_ns = number * run.window_ns;
            rows.push(vec![from_ns.into(), kind.as_str().into(), (*copies).into(), (*bytes).into()]);
        }
    }
    rows
}

fn gauges(run: &RecordedRun<'_>) -> Vec<Vec<Json>> {
    let names = &run.facts.recording.header.gauges;
    let mut rows = Vec::new();
    for sample in &run.measured.samples {
        let mut row = |gauge: &str, value: u64| {
            rows.push(vec![sample.at_ns.into(), sample.node.to_string().into(), gauge.into(), value.into()]);
        };
        names.iter().zip(&sample.gauges).for_each(|(gauge, value)| row(&gauge.name, *value));
        sample.metadata_bytes.iter().for_each(|bytes| row(METADATA_BYTES, *bytes));
    }
    for event in &run.facts.recording.events {
        if let What::Gauge { gauge, value } = event.what {
            let name = names[usize::from(gauge)].name.as_str();
            rows.push(vec![event.at_ns.into(), event.node.to_string().into(), name.into(), value.into()]);
        }
    }
    rows
}
