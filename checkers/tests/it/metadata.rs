//! The metadata checker.

use kvsim_checkers::trace::{Event, GaugeName, Header, NodeId, Recording, What};
use kvsim_checkers::{CHECKERS, NO_RERUN, Report, Verdict, check_all, metadata};

/// Each of two replicas reports both gauges: a residue of `left_over` at n1, and a size.
fn recording(left_over: u64) -> Recording {
    let gauge = |name: &str, residue| GaugeName { name: name.into(), meaning: format!("{name} for people"), residue };
    let header = Header {
        store: "toy".into(),
        nodes: 2,
        gauges: vec![gauge("buffered", true), gauge("versions", false)],
        settling_from_ns: Some(5),
        end_ns: 9,
        ..Header::default()
    };
    let reports = [(0, 0, 0), (0, 1, 7), (1, 0, left_over), (1, 1, 7)];
    let event = |(number, (node, gauge, value))| Event {
        number,
        at_ns: 9,
        cause: 0,
        node: NodeId(node),
        what: What::Gauge { gauge, value },
    };
    Recording { header, events: (1..).zip(reports).map(event).collect() }
}

fn verdict(recording: &Recording) -> (Verdict, String) {
    let Report { verdict, note, findings, .. } = metadata::INFO.judge(recording, NO_RERUN);
    assert!(findings.is_empty());
    (verdict, note)
}

#[test]
fn no_residue_holds() {
    assert_eq!(
        verdict(&recording(0)),
        (Verdict::Holds, "at rest nothing is left over, in 2 reports: buffered".to_owned())
    );
}

#[test]
fn residue_is_found() {
    let report = metadata::INFO.judge(&recording(3), NO_RERUN);
    assert_eq!((report.verdict, report.findings.len()), (Verdict::Violated, 1));
    let finding = &report.findings[0];
    assert_eq!((finding.code.as_str(), &finding.events[..]), ("META001", &[3][..]));
    assert_eq!(finding.title, "buffered should be 0 at rest, but is 3 at n1: buffered for people");
}

/// The least that there can be too much.
#[test]
fn a_residue_of_one_is_found() {
    assert_eq!(metadata::INFO.judge(&recording(1), NO_RERUN).verdict, Verdict::Violated);
}

#[test]
fn what_many_replicas_report_is_one_finding() {
    let mut recording = recording(3);
    let last = recording.events[2];
    recording.events.extend((5..30).map(|number| Event { number, ..last }));
    let report = metadata::INFO.judge(&recording, NO_RERUN);
    assert_eq!(report.findings.len(), 1);
    assert!(report.findings[0].title.contains("3 at n1 and 21 more"), "{}", report.findings[0].title);
    assert_eq!(report.findings[0].events.len(), Report::FINDINGS_MAX);
}

#[test]
fn what_was_not_put_to_the_test_is_unknown() {
    let mut no_promise = recording(3);
    no_promise.header.gauges[0].residue = false;
    let mut not_settled = recording(3);
    not_settled.header.settling_from_ns = None;
    let mut no_report = recording(3);
    no_report.events.retain(|event| !matches!(event.what, What::Gauge { gauge: 0, .. }));
    for (recording, note) in [
        (no_promise, "the store toy promises no number to be 0 at rest"),
        (not_settled, "the run has no settling phase, so nothing was ever at rest"),
        (no_report, "no replica reported buffered"),
    ] {
        assert_eq!(verdict(&recording), (Verdict::Unknown, note.to_owned()));
    }
    assert!(Verdict::Unknown.is_open() && Verdict::NotApplicable.is_open());
    assert!(!Verdict::Holds.is_open() && !Verdict::Violated.is_open());
}

#[test]
fn every_checker_reports_under_its_name() {
    let reports: Vec<Report> = CHECKERS.iter().map(|checker| checker.judge(&recording(3), NO_RERUN)).collect();
    let named: Vec<&str> = reports.iter().map(|report| report.checker.as_str()).collect();
    assert_eq!(named, CHECKERS.iter().map(|checker| checker.name).collect::<Vec<_>>());
    let usual = ["convergence", "availability", "honest", "durable", "metadata"];
    let usual: Vec<&Report> = reports.iter().filter(|report| usual.contains(&&*report.checker)).collect();
    assert!(check_all(&recording(3), NO_RERUN).iter().eq(usual), "the others run only when they are named");
    for (checker, report) in CHECKERS.iter().zip(&reports) {
        let is_listed = |code: &str| checker.codes.iter().any(|info| info.code == code);
        assert!(report.findings.iter().all(|finding| is_listed(&finding.code)), "{report:#?}");
    }
}
