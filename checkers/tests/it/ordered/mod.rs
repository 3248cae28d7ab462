//! `fifo-visibility` and `priority` against a slow twin, on recordings of a toy store: sound ones, ones of stores
//! that break a promise, and ones that were spoiled at random.

mod planted;
mod toy;
mod twin;

use std::collections::BTreeMap;

use kvsim_checkers::operations::seconds;
use kvsim_checkers::trace::{Level, NodeId, Recording, What};
use kvsim_checkers::{NO_RERUN, Report, Rerun, Verdict, ordered};
use toy::{Defect, Setup};
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
    let reports = [ordered::check_fifo(recording), ordered::check_priority(recording, rerun)];
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
        let setup = Setup { seed, sessions_stay: seed % 2 == 0, crashes, ..Setup::default() };
        let recording = toy::run(setup);
        assert_eq!(recording.validate(), Ok(()), "seed {seed}");
        let rerun = |below| setup.sessions_stay.then(|| toy::run(Setup { below, ..setup }));
        for report in judged(&recording, &rerun, &format!("seed {seed}")) {
            assert_ne!(report.verdict, Verdict::Violated, "seed {seed}\n{}\n{report:#?}", listing(&recording));
            held += u64::from(report.verdict == Verdict::Holds);
            compared += u64::from(report.note.contains("moments the same"));
        }
        overflowed += u64::from(recording.events.iter().any(|event| matches!(event.what, What::Overflowed { .. })));
        voids += u64::from(toy::passes_over(&recording));
    }
    let some = if crashes { voids > count / 400 } else { compared > count / 10 };
    assert!(held > count && overflowed > count / 20 && some, "{held} {overflowed} {compared} {voids}");
}

#[test]
fn sound_recordings_hold() {
    sound(0..1_500, false);
}

#[test]
fn more_sound_recordings_hold() {
    sound(1_500..3_000, false);
}

#[test]
fn sound_recordings_with_crashes_hold() {
    sound(0..3_000, true);
}

#[test]
fn more_sound_recordings_with_crashes_hold() {
    sound(3_000..6_000, true);
}

/// How many recordings of a store with this defect have a finding of each kind.
fn with_defect(defect: Defect, crashes: bool) -> BTreeMap<String, usize> {
    let mut codes = BTreeMap::new();
    for seed in 0..if crashes { 1_600 } else { 800 } {
        let sessions_stay = !matches!(defect, Defect::Careless) && seed % 2 == 0;
        let setup = Setup { seed, defect: Some(defect), sessions_stay, crashes, ..Setup::default() };
        let rerun = |below| sessions_stay.then(|| toy::run(Setup { below, ..setup }));
        let reports = judged(&toy::run(setup), &rerun, &format!("seed {seed}, {defect:?}"));
        let found = reports.into_iter().flat_map(|report| report.findings);
        let found: std::collections::BTreeSet<String> = found.map(|finding| finding.code).collect();
        found.into_iter().for_each(|code| *codes.entry(code).or_default() += 1);
    }
    codes
}

fn found(defect: Defect, wanted: &[(&str, usize)], never: &[&str]) {
    found_in(with_defect(defect, false), defect, wanted, never);
}

fn found_with_crashes(defect: Defect, wanted: &[(&str, usize)], never: &[&str]) {
    found_in(with_defect(defect, true), defect, wanted, never);
}

fn found_in(codes: BTreeMap<String, usize>, defect: Defect, wanted: &[(&str, usize)], never: &[&str]) {
    for (code, count) in wanted {
        assert!(codes.get(*code).is_some_and(|found| found >= count), "{defect:?}: {codes:?}");
    }
    assert!(never.iter().all(|code| !codes.contains_key(*code)), "{defect:?}: {codes:?}");
}

#[test]
fn writes_before_their_turn_are_found() {
    found(Defect::ShowsEarly, &[("FIFO001", 100), ("PRIO001", 100)], &["PRIO004"]);
}

#[test]
fn writes_that_wait_for_lower_ones_are_found() {
    found(Defect::WaitsForLower, &[("PRIO003", 50), ("PRIO004", 4), ("PRIO005", 40)], &["FIFO002", "PRIO002"]);
}

#[test]
fn writes_that_are_passed_over_are_found() {
    found(Defect::PassesOver, &[("FIFO001", 100), ("PRIO001", 100), ("PRIO004", 100)], &[]);
}

#[test]
fn writes_that_are_late_are_found() {
    found(Defect::AppliesLate, &[("PRIO003", 100), ("PRIO004", 100)], &["PRIO002"]);
}

#[test]
fn versions_that_disappear_are_found() {
    found(Defect::Unshows, &[("FIFO002", 100), ("PRIO002", 100)], &["PRIO003"]);
}

#[test]
fn versions_that_come_back_are_found() {
    found(Defect::Resurrects, &[("FIFO002", 200), ("PRIO002", 200)], &[]);
}

#[test]
fn own_writes_that_are_missing_are_found() {
    found(Defect::OwnLate, &[("FIFO003", 50), ("PRIO003", 100)], &[]);
    found(Defect::Careless, &[("FIFO003", 30), ("FIFO002", 3)], &["FIFO001", "PRIO001", "PRIO003"]);
}

#[test]
fn reads_that_hide_something_are_found() {
    found(Defect::ReadsLess, &[("FIFO002", 50), ("FIFO003", 30)], &["PRIO001", "PRIO002", "PRIO003", "PRIO004"]);
}

#[test]
fn views_that_came_farther_than_the_disk_are_found() {
    found_with_crashes(Defect::KeepsFrontiers, &[("FIFO001", 5), ("PRIO001", 5)], &[]);
}

#[test]
fn writes_forgotten_by_a_restart_are_found() {
    found_with_crashes(Defect::ForgetsAtRestart, &[("FIFO002", 20), ("PRIO002", 20), ("FIFO003", 5)], &[]);
}

#[test]
fn what_is_given_up_too_early_is_found() {
    found_with_crashes(Defect::VoidTooEarly, &[("FIFO001", 5), ("PRIO001", 5)], &["PRIO004"]);
}

#[test]
fn what_is_never_given_up_is_found() {
    found_with_crashes(Defect::NeverVoid, &[("PRIO004", 10)], &["FIFO001", "FIFO003"]);
}

#[test]
fn messages_of_the_dead_are_found() {
    found_with_crashes(Defect::AcceptsDead, &[("FIFO001", 1), ("PRIO001", 1)], &["FIFO002"]);
}

#[test]
fn empty_replicas_that_serve_are_found() {
    found_with_crashes(Defect::ServesEmpty, &[("FIFO002", 1), ("FIFO003", 3)], &["PRIO001", "PRIO002"]);
}

fn spoiled(seeds: std::ops::Range<u64>, crashes: bool) {
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    let mut judgeable = 0;
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let mut chance = Chance(seed ^ 0x5eed_0000);
        let mut recording = toy::run(Setup { seed, crashes, ..Setup::default() });
        toy::spoil(&mut recording, &mut chance);
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
    spoiled(0..4_500, false);
}

#[test]
fn more_spoiled_recordings_are_judged_alike() {
    spoiled(4_500..9_000, false);
}

#[test]
fn spoiled_recordings_with_crashes_are_judged_alike() {
    spoiled(0..5_000, true);
}

#[test]
fn more_spoiled_recordings_with_crashes_are_judged_alike() {
    spoiled(5_000..10_000, true);
}

#[test]
fn what_was_not_observed_is_unknown() {
    let recording = toy::run(Setup { seed: 1, ..Setup::default() });
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
    assert_eq!(notes(&unserved)[0], "the store toy serves no ordered level");
    assert_eq!(notes(&nothing), ["no write became visible at an ordered level"; 2]);
    assert!(ordered::check_fifo(&placed).note.starts_with("not every replica holds every key"));
}
