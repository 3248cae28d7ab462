//! The convergence checker against a slow twin, on recordings of a toy store: sound ones, ones of stores that
//! break a promise, and ones that were spoiled at random.

mod planted;
mod twin;

use kvsim_checkers::NO_RERUN;
use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::trace::{Level, Recording, What};
use kvsim_checkers::{Report, Verdict, convergence};

use crate::chance::Chance;
use crate::toy::{self, Defect};

/// Compares the checker's report with what the twin expects, finding by finding.
fn compare(recording: &Recording, context: &str) -> Report {
    let report = convergence::INFO.judge(recording, NO_RERUN);
    let expected = twin::judge(recording);
    let show = || format!("{context}\n{recording:#?}\nexpected {expected:#?}\nreported {report:#?}");

    assert_eq!(report.findings.len(), expected.len().min(Report::FINDINGS_MAX), "{}", show());
    for (finding, expected) in report.findings.iter().zip(&expected) {
        assert_eq!((finding.code.as_str(), finding.at_ns), (expected.code, expected.at_ns), "{}", show());
        assert!(expected.ops.contains(&finding.ops), "{}", show());
    }
    let mut unlisted: BTreeMap<&str, usize> = BTreeMap::new();
    expected.iter().skip(Report::FINDINGS_MAX).for_each(|one| *unlisted.entry(one.code).or_default() += 1);
    let is_acknowledged = |event: &&kvsim_checkers::trace::Event| match event.what {
        What::Wrote { op, .. } => recording.events.iter().any(|event| event.what == What::Answered { op }),
        _ => false,
    };
    let named = recording.events.iter().filter(is_acknowledged).map(|event| match event.what {
        What::Wrote { op, .. } => op,
        _ => unreachable!("only names are acknowledged"),
    });
    let acknowledged = named.collect::<std::collections::BTreeSet<u32>>().len();
    if !expected.is_empty() {
        let counts: Vec<String> = unlisted.iter().map(|(code, count)| format!("{count} more of {code}")).collect();
        let note = if counts.is_empty() { String::new() } else { format!("not listed: {}", counts.join(", ")) };
        assert_eq!((report.verdict, report.note.as_str()), (Verdict::Violated, note.as_str()), "{}", show());
    } else if acknowledged == 0 || recording.header.settling_from_ns.is_none() {
        assert_eq!(report.verdict, Verdict::Unknown, "{}", show());
    } else {
        assert_eq!(report.verdict, Verdict::Holds, "{}", show());
        assert!(report.note.starts_with(&format!("{acknowledged} acknowledged writes")), "{}", show());
    }
    report
}

#[test]
fn sound_recordings_hold() {
    let mut held = 0;
    for seed in 0..3_000 {
        let recording = toy::run(seed, None, true);
        assert_eq!(recording.validate(), Ok(()));
        let report = compare(&recording, &format!("seed {seed}"));
        assert_ne!(report.verdict, Verdict::Violated, "seed {seed}: {recording:#?}\n{report:#?}");
        held += usize::from(report.verdict == Verdict::Holds);
    }
    assert!(held > 2_700, "{held}");
}

#[test]
fn sound_recordings_of_sessions_that_stay_hold() {
    for seed in 0..600 {
        let level = [Level::Eventual, Level::Fifo, Level::Priority][seed as usize % 3];
        let report = compare(&toy::sticky(seed, None, level), &format!("seed {seed}"));
        assert_ne!(report.verdict, Verdict::Violated, "seed {seed}: {report:#?}");
    }
}

#[test]
fn unsettled_recordings_are_unknown() {
    for seed in 0..1_500 {
        let report = compare(&toy::run(seed, None, false), &format!("seed {seed}"));
        assert_eq!(report.verdict, Verdict::Unknown, "seed {seed}: {report:#?}");
    }
}

/// How many recordings of a store with this defect have a finding of each kind.
fn with_defect(defect: Defect) -> BTreeMap<String, usize> {
    let mut codes = BTreeMap::new();
    for seed in 0..1_500 {
        let report = compare(&toy::run(seed, Some(defect), true), &format!("seed {seed}, {defect:?}"));
        let mut found: Vec<String> = report.findings.into_iter().map(|finding| finding.code).collect();
        found.dedup();
        found.into_iter().for_each(|code| *codes.entry(code).or_default() += 1);
    }
    codes
}

#[test]
fn lost_updates_are_found() {
    let codes = with_defect(Defect::LosesUpdate);
    assert!(codes["CONV002"] > 600, "{codes:?}");
    assert!(!codes.contains_key("CONV001") && !codes.contains_key("CONV005"), "{codes:?}");
}

#[test]
fn overwritten_versions_that_stay_are_found() {
    let codes = with_defect(Defect::KeepsOverwritten);
    assert!(codes["CONV001"] > 60 && codes["CONV004"] > 300, "{codes:?}");
    assert!(!codes.contains_key("CONV003") && !codes.contains_key("CONV005"), "{codes:?}");
}

#[test]
fn dropped_writes_are_found() {
    let codes = with_defect(Defect::DropsWrite);
    assert!(codes["CONV003"] > 300, "{codes:?}");
    assert!(!codes.contains_key("CONV004") && !codes.contains_key("CONV005"), "{codes:?}");
    let codes = with_defect(Defect::DropsWriteHere);
    assert!(codes["CONV001"] > 300 && codes["CONV002"] > 300 && codes["CONV003"] > 300, "{codes:?}");
}

#[test]
fn reads_that_hide_something_are_found() {
    let codes = with_defect(Defect::ReadsLess);
    assert!(codes["CONV005"] > 120, "{codes:?}");
    assert!(!codes.contains_key("CONV001") && !codes.contains_key("CONV002"), "{codes:?}");
}

#[test]
fn what_a_disk_has_may_not_be_forgotten() {
    let codes = with_defect(Defect::ForgetsDisk);
    assert!(codes["CONV002"] > 200, "{codes:?}");
    assert!(!codes.contains_key("CONV001") && !codes.contains_key("CONV005"), "{codes:?}");
}

#[test]
fn a_level_that_stands_still_is_found() {
    let codes = with_defect(Defect::LevelStops);
    assert!(codes["CONV006"] > 600, "{codes:?}");
    assert_eq!(codes.len(), 1, "{codes:?}");
}

fn spoiled(seeds: std::ops::Range<u64>) {
    let mut codes: BTreeMap<String, usize> = BTreeMap::new();
    let mut judged = 0;
    for seed in seeds.clone() {
        let mut chance = Chance(seed ^ 0x5eed_0000);
        let mut recording = toy::run(seed, None, !chance.one_in(8));
        toy::spoil(&mut recording, &mut chance);
        // Where a name is given again rightly, spoiled events may mean either write.
        if recording.validate().is_err() || toy::gives_names_again(&recording) {
            continue;
        }
        judged += 1;
        let report = compare(&recording, &format!("seed {seed}"));
        report.findings.into_iter().for_each(|finding| *codes.entry(finding.code).or_default() += 1);
    }
    assert!(judged > seeds.end.saturating_sub(seeds.start) / 2, "{judged}");
    for code in ["CONV001", "CONV002", "CONV003", "CONV004", "CONV005", "CONV006"] {
        assert!(codes.get(code).is_some_and(|count| *count > 30), "{code}: {codes:?}");
    }
}

#[test]
fn spoiled_recordings_are_judged_alike() {
    spoiled(0..4_500);
}

#[test]
fn more_spoiled_recordings_are_judged_alike() {
    spoiled(4_500..9_000);
}

#[test]
fn replicas_that_cannot_read_alone_owe_no_state() {
    let mut spared = 0;
    for seed in 0..300 {
        let mut recording = toy::run(seed, Some(Defect::DropsWrite), true);
        let codes = |recording: &Recording| -> BTreeSet<String> {
            let report = convergence::INFO.judge(recording, NO_RERUN);
            report.findings.into_iter().map(|finding| finding.code).collect()
        };
        let before = codes(&recording);
        recording.header.alone.reads = false;
        let after = codes(&recording);
        let is_of_states = |code: &String| ["CONV002", "CONV003", "CONV006"].contains(&code.as_str());
        assert!(!after.iter().any(is_of_states), "seed {seed}: {after:?}");
        spared += usize::from(before.iter().any(is_of_states));
    }
    assert!(spared > 50, "{spared}");
}
