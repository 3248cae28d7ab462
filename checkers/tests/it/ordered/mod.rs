//! `fifo-visibility` and `priority` against a slow twin, on recordings of real runs: of a sound store, of
//! stores with planted defects, and ones that were spoiled at random.

mod planted;
mod runs;
mod twin;

use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::operations::seconds;
use kvsim_checkers::trace::{Level, NodeId, Recording, What};
use kvsim_checkers::{NO_RERUN, Report, Rerun, Verdict, ordered};
use twin::Expected;

use crate::chance::Chance;

/// Compares a report with the findings that the twin expects, one by one.
fn compare(report: &Report, expected: &[Expected], context: &dyn Fn() -> String) {
    let show = || format!("{}\nexpected {expected:#?}\nreported {report:#?}", context());
    assert_eq!(report.findings.len(), expected.len().min(Report::FINDINGS_MAX), "{}", show());
    for (finding, one) in report.findings.iter().zip(expected) {
        let told = (finding.code.as_str(), finding.at_ns, &finding.ops);
        assert_eq!(told, (one.code, one.at_ns, &one.ops), "{}", show());
        let levels = one.levels.iter().map(|level| level.name()).collect::<Vec<_>>().join(", ");
        let names = [format!("{} ", one.node), format!(" at {levels}")];
        assert!(names.iter().all(|name| finding.title.contains(name)), "{names:?} {}", show());
        assert!(finding.evidence.is_sorted_by_key(|line| line.at_ns), "{}", show());
    }
    let mut unlisted: BTreeMap<&str, usize> = BTreeMap::new();
    expected.iter().skip(Report::FINDINGS_MAX).for_each(|one| *unlisted.entry(one.code).or_default() += 1);
    for (code, _) in unlisted {
        assert!(report.note.contains(&format!("more of {code}")), "{}", show());
    }
}

/// Both reports, after the comparison with the twin.
fn judged(recording: &Recording, rerun: &Rerun<'_>, context: &str) -> [Report; 2] {
    let reports = [ordered::FIFO.judge(recording, NO_RERUN), ordered::PRIORITY.judge(recording, rerun)];
    let show = || format!("{context}\n{:#?}\n{}", recording.header, listing(recording));
    let Some(twin) = twin::judge(recording) else {
        for report in &reports {
            assert!(report.verdict == Verdict::Unknown && report.findings.is_empty(), "{report:?}\n{}", show());
        }
        return reports;
    };
    let [fifo, priority] = &reports;
    compare(fifo, &twin.fifo, &show);
    let mut without_second_run = priority.clone();
    without_second_run.findings.retain(|finding| finding.code != "PRIO005");
    compare(&without_second_run, &twin.priority, &show);
    for (report, is_violated) in [(fifo, !twin.fifo.is_empty()), (&without_second_run, !twin.priority.is_empty())] {
        let verdict = match (is_violated, twin.shown) {
            (true, _) => Verdict::Violated,
            (false, 0) => Verdict::Unknown,
            (false, _) => Verdict::Holds,
        };
        let is_other = report.verdict == Verdict::Violated && report.checker == "priority" && !is_violated;
        assert!(report.verdict == verdict || is_other, "{report:#?}\n{}", show());
    }
    if let Some(longest) = twin.inversions_ns.iter().max() {
        let (count, total) = (twin.inversions_ns.len(), seconds(twin.inversions_ns.iter().sum()));
        let note = format!("priority inversions: {count}, {total} in all, the longest {}", seconds(*longest));
        assert!(priority.note.starts_with(&note), "{note}\n{priority:#?}\n{}", show());
    }
    reports
}

fn listing(recording: &Recording) -> String {
    recording.events.iter().enumerate().map(|(place, event)| format!("{place} {event:?}\n")).collect()
}

fn sound(seeds: std::ops::Range<u64>, crashes: bool) {
    let (mut held, mut overflowed, mut compared, mut voids) = (0, 0, 0, 0);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let plan = runs::plan(seed, None, crashes);
        let recording = runs::record(&plan).expect("the store is sound");
        assert_eq!(recording.validate(), Ok(()), "seed {seed}");
        let rerun = |below| if seed % 2 == 0 { runs::rerun(&plan, below) } else { None };
        for report in judged(&recording, &rerun, &format!("seed {seed}")) {
            assert_ne!(report.verdict, Verdict::Violated, "seed {seed}\n{}\n{report:#?}", listing(&recording));
            held += u64::from(report.verdict == Verdict::Holds);
            compared += u64::from(report.note.contains("moments the same"));
        }
        overflowed += u64::from(recording.events.iter().any(|event| matches!(event.what, What::Overflowed { .. })));
        voids += u64::from(runs::passes_over(&recording));
    }
    let some = if crashes { voids > count / 100 } else { compared > count / 10 };
    assert!(held > count && overflowed > count / 20 && some, "{held} {overflowed} {compared} {voids}");
}

#[test]
fn sound_runs_hold() {
    sound(0..600, false);
}

#[test]
fn sound_runs_with_crashes_hold() {
    sound(0..800, true);
}

/// How many of so many runs with a planted defect have findings with these codes at least, and which codes none has.
type Planted = (&'static str, &'static [(&'static str, usize)], &'static [&'static str]);

fn found(planted: &[Planted], crashes: bool) {
    for (defect, wanted, never) in planted {
        let mut codes: BTreeMap<String, usize> = BTreeMap::new();
        for seed in 0..150 {
            let plan = runs::plan(seed, Some(defect), crashes);
            // The store's own assertions may be first.
            let Some(recording) = runs::record(&plan) else { continue };
            let rerun = |below| if seed % 2 == 0 { runs::rerun(&plan, below) } else { None };
            let reports = judged(&recording, &rerun, &format!("seed {seed}, {defect}"));
            let found = reports.into_iter().flat_map(|report| report.findings);
            let found: BTreeSet<String> = found.map(|finding| finding.code).collect();
            found.into_iter().for_each(|code| *codes.entry(code).or_default() += 1);
        }
        for (code, count) in *wanted {
            assert!(codes.get(*code).is_some_and(|found| found >= count), "{defect}: {codes:?}");
        }
        assert!(never.iter().all(|code| !codes.contains_key(*code)), "{defect}: {codes:?}");
    }
}

#[test]
fn planted_defects_are_found() {
    found(
        &[
            ("early-delete", &[("FIFO002", 10), ("PRIO002", 10)], &["FIFO003"]),
            ("vacuous-turn", &[("FIFO001", 4), ("FIFO002", 4), ("PRIO001", 4), ("PRIO004", 2)], &[]),
            ("join-waiting", &[("PRIO003", 4), ("PRIO004", 4)], &["FIFO003"]),
            ("counted-buffer", &[("PRIO003", 4), ("PRIO004", 4)], &["FIFO003"]),
            ("repair-from-eventual", &[("PRIO001", 1)], &[]),
            ("frontier-first", &[("FIFO001", 5), ("PRIO001", 5), ("PRIO004", 5)], &[]),
            (
                "low-predecessors",
                &[("PRIO003", 15), ("PRIO004", 3), ("PRIO005", 10)],
                &["FIFO001", "FIFO002", "FIFO003", "PRIO001", "PRIO002"],
            ),
            ("high-predecessors", &[("FIFO001", 20), ("FIFO002", 10), ("PRIO001", 20), ("PRIO002", 10)], &[]),
        ],
        false,
    );
}

#[test]
fn planted_defects_of_crashes_are_found() {
    found(
        &[
            ("volatile-predecessors", &[("FIFO001", 2), ("PRIO001", 2)], &[]),
            ("no-full-transfer", &[("FIFO002", 3), ("PRIO002", 3)], &[]),
            ("absorb-late-answers", &[("FIFO001", 2), ("PRIO001", 2)], &[]),
            ("early-void", &[("FIFO001", 1), ("PRIO001", 1)], &[]),
            ("accept-dead", &[("FIFO001", 1), ("PRIO001", 1)], &[]),
            ("serve-while-recovering", &[("FIFO003", 2)], &[]),
        ],
        true,
    );
}

fn spoiled(seeds: std::ops::Range<u64>, crashes: bool) {
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    let mut judgeable = 0;
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let mut chance = Chance(seed ^ 0x5eed_0000);
        let mut recording = runs::record(&runs::plan(seed, None, crashes)).expect("the store is sound");
        runs::spoil(&mut recording, &mut chance);
        if recording.validate().is_err() {
            continue;
        }
        judgeable += 1;
        let reports = judged(&recording, NO_RERUN, &format!("seed {seed}, spoiled"));
        let found = reports.into_iter().flat_map(|report| report.findings);
        found.for_each(|finding| *codes.entry(finding.code).or_default() += 1);
    }
    assert!(judgeable > count / 2, "{judgeable}");
    for code in ["FIFO001", "FIFO002", "FIFO003", "PRIO001", "PRIO002", "PRIO003", "PRIO004"] {
        assert!(codes.get(code).is_some_and(|count| *count > 20), "{code}: {codes:?}");
    }
}

#[test]
fn spoiled_recordings_are_judged_alike() {
    spoiled(0..1_800, false);
}

#[test]
fn spoiled_recordings_with_crashes_are_judged_alike() {
    spoiled(0..2_000, true);
}

#[test]
fn what_was_not_observed_is_unknown() {
    let recording = runs::record(&runs::plan(1, None, false)).expect("the store is sound");
    let notes = |recording: &Recording| {
        judged(recording, NO_RERUN, "unknown").map(|report| {
            assert_eq!(report.verdict, Verdict::Unknown);
            report.note
        })
    };
    let mut unserved = recording.clone();
    unserved.header.levels = [Level::Eventual].into_iter().collect();
    let mut nothing = recording.clone();
    nothing.events.clear();
    let mut placed = recording.clone();
    placed.header.placement = vec![vec![NodeId(0)]; placed.header.keys.len()];
    assert_eq!(notes(&unserved)[0], "the store ndc serves no ordered level");
    assert_eq!(notes(&nothing), ["no write became visible at an ordered level"; 2]);
    assert!(ordered::FIFO.judge(&placed, NO_RERUN).note.starts_with("not every replica holds every key"));
}
