//! One planted defect for each code in a recording made by hand, and the story that the finding should tell.

use kvsim_checkers::NO_RERUN;
use kvsim_checkers::trace::{Conflict, FaultName, Header, Level};
use kvsim_checkers::{Finding, Report, Verdict, convergence};

use crate::script::{self, Script, text};

/// A recording of so many nodes that settles.
fn settled(nodes: u16, text: &str) -> Script {
    let header = Header {
        nodes,
        keys: vec!["x".into()],
        faults: vec![FaultName { name: "partition[0]".into(), place: "first-run.toml:14".into(), node: None }],
        settling_from_ns: Some(100_000_000),
        ..script::header()
    };
    Script::new(header, text)
}

/// Its only finding.
fn finding(script: &Script) -> Finding {
    assert_eq!(script.0.validate(), Ok(()));
    let report = convergence::INFO.judge(&script.0, NO_RERUN);
    assert_eq!(report.verdict, Verdict::Violated);
    assert_eq!(report.findings.len(), 1, "{report:#?}");
    report.findings.into_iter().next().expect("there is one")
}

#[test]
fn the_versions_shown_depend_on_the_order_of_arrival() {
    let mut script = settled(
        2,
        "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1, ok
         c1 writes x #2 in context, is n1:1, knows n1:1, shows n1:1, ok
         n0 knows n1:1, shows n1:1
         n1 knows n0:1
         n0 holds x n0:1 n1:1
         n1 holds x n1:1",
    );
    script.0.header.settling_from_ns = None;
    let finding = finding(&script);
    assert_eq!((finding.at_ns, &finding.events[..], &finding.ops[..]), (13_000_000, &[12, 13][..], &[1][..]));
    let expected = "\
CONV001: n0 and n1 knew the same 2 writes of x, but showed {101, 102} and 102
   1 ms  c0 write  #1  x = 101  at n0   ok 0.005 s
  12 ms  n0 knows 2 writes of x and shows {101, 102}
  13 ms  n1 knows 2 writes of x and shows 102
";
    assert_eq!(text(&[finding]), expected);
}

#[test]
fn an_update_is_lost_and_never_repeated() {
    let finding = finding(&settled(
        2,
        "c0 writes x #17 in context, is n0:1, knows n0:1, shows n0:1, ok, sends 117
         n0 loses 117 to n1
         n0 holds x n0:1",
    ));
    assert_eq!((&finding.events[..], &finding.ops[..]), (&[2, 3][..], &[17][..]));
    let expected = "\
CONV002: n1 does not know x = 117 (#17 of c0, n0:1), which n0 holds at the end
   1 ms  c0 write  #17  x = 117  at n0   ok 0.005 s
   3 ms  n0 knows it
   7 ms  n0 -> n1  update 117  lost (partition[0], first-run.toml:14)
";
    assert_eq!(text(&[finding]), expected);
}

#[test]
fn replicas_that_know_the_same_differ_at_the_end() {
    // n1 learns the two in one step and the other way round, and shows the wrong one.
    let script = settled(
        2,
        "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1, ok
         c0 writes x #2 in context, is n0:2, knows n0:2, shows n0:2, hides n0:1, ok
         n1 knows n0:2 n0:1, shows n0:1
         n0 holds x n0:2
         n1 holds x n0:1",
    );
    let codes: Vec<String> =
        convergence::INFO.judge(&script.0, NO_RERUN).findings.into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["CONV001", "CONV002", "CONV003", "CONV004"]);
    let report = convergence::INFO.judge(&script.0, NO_RERUN);
    assert_eq!(
        report.findings[1].title,
        "the holders of x differ at the end: n1 holds x = 101 (#1 of c0, n0:1), n0 does not"
    );
}

#[test]
fn an_acknowledged_write_disappears() {
    // c1 had not read x: its write may stand beside the other, but not replace it.
    let script = settled(
        2,
        "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1, ok
         n1 knows n0:1, shows n0:1
         c1 writes x #2 in context, is n1:1, knows n1:1, shows n1:1, hides n0:1, ok
         n0 knows n1:1, shows n1:1, hides n0:1
         n0 holds x n1:1
         n1 holds x n1:1",
    );
    let expected = "\
CONV003: the acknowledged write x = 101 (#1 of c0, n0:1) is lost: n0, n1 do not hold it at the end, \
and no other write had seen it
   1 ms  c0 write  #1  x = 101  at n0   ok 0.005 s
  12 ms  n1 no longer shows it
  16 ms  n0 no longer shows it
";
    assert_eq!(text(&[finding(&script)]), expected);
}

/// n1's session reads what n0 wrote and overwrites it; n0 gets to know that and goes on showing its own.
fn resurrected(conflict: Conflict) -> Finding {
    // n1 takes the write out of a message that shows it only in passing.
    let mut script = settled(
        2,
        "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1, ok
         n1 knows n0:1, shows n0:1
         c1 reads x #2, returns n0:1, ok
         c1 deletes x #3 in context, is n1:1, knows n1:1, ok
         n0 knows n1:1
         n0 holds x n0:1
         n1 holds x n0:1",
    );
    script.0.header.conflict = conflict;
    let report = convergence::INFO.judge(&script.0, NO_RERUN);
    let of_n0 = report.findings.into_iter().find(|finding| finding.code == "CONV004");
    of_n0.expect("the old version is back")
}

#[test]
fn an_overwritten_version_stays() {
    let finding = resurrected(Conflict::Causal);
    assert_eq!(finding.ops, [1, 3]);
    let expected = "\
CONV004: n0 holds x = 101 (#1 of c0, n0:1) at the end, although it knows delete of x (#3 of c1, n1:1), \
which had overwritten it
   1 ms  c0 write  #1  x = 101  at n0   ok 0.005 s
   4 ms  n0 shows the old version
   8 ms  c1 read   #2  x -> 101  at n1   ok 0.010 s
  11 ms  c1 delete #3  x  at n1   ok 0.014 s   handing back the context of #2
  15 ms  n0 knows the overwriter
";
    assert_eq!(text(&[finding]), expected);
    let finding = resurrected(Conflict::LastWriterWins);
    let text = text(&[finding]);
    assert!(text.contains("#3  x  at n1   ok 0.014 s   at n1, which had it\n"), "{text}");
}

#[test]
fn a_read_does_not_return_what_was_announced() {
    let script = settled(
        1,
        "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1, ok
         c0 reads x #2, ok
         n0 holds x n0:1",
    );
    let expected = "\
CONV005: n0 returned x = none, but had announced to show 101
   3 ms  n0 knows n0:1
   4 ms  n0 shows n0:1
   6 ms  c0 read   #2  x -> none  at n0   ok 0.007 s
";
    assert_eq!(text(&[finding(&script)]), expected);
}

#[test]
fn a_level_falls_behind_for_ever() {
    let mut script = settled(1, "");
    script.0.header.levels = [Level::Eventual, Level::Fifo].into_iter().collect();
    script.add(
        "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1, ok
         c0 writes x #2 in context, is n0:2, knows n0:2, shows n0:2 at eventual, ok, hides n0:1 at eventual
         n0 holds x n0:2
         n0 holds x n0:1 at fifo",
    );
    let finding = finding(&script);
    assert_eq!((&finding.events[..], &finding.ops[..]), (&[12, 13][..], &[1, 2][..]));
    let expected = "\
CONV006: at the end n0 shows x at fifo otherwise than at eventual
   1 ms  c0 write  #1  x = 101  at n0   ok 0.005 s
   6 ms  c0 write  #2  x = 102  at n0   ok 0.010 s
 200 ms  n0 holds x = 101 at fifo, but 102 at eventual
";
    assert_eq!(text(&[finding]), expected);
}

#[test]
fn what_is_announced_and_read_at_other_levels_is_compared_too() {
    let script = settled(
        1,
        "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1 at eventual fifo, ok
         c0 reads x #2 at fifo, ok
         n0 holds x n0:1
         n0 holds x n0:1 at fifo",
    );
    let expected = "\
CONV005: n0 returned x = none at fifo, but had announced to show 101
   3 ms  n0 knows n0:1
   4 ms  n0 shows n0:1 at eventual, fifo
   6 ms  c0 read   #2  x -> none  at n0   ok 0.007 s
";
    assert_eq!(text(&[finding(&script)]), expected);
}

#[test]
fn replicas_contradict_themselves() {
    let cases = [
        ("n0 knows n0:1", "n0 says a second time that it got to know x = 101"),
        ("n0 shows n0:1 at eventual", "n0 says that it shows x = 101"),
        (
            "n0 hides n0:1 at fifo-p2",
            "n0 says that it no longer shows x = 101 (#1 of c0, n0:1) at fifo-p2, but it did not show it",
        ),
        ("n0 hides n0:2 at eventual", "n0 names the write n0:2, which no operation"),
        ("n0 is n0:1 #1", "the name n0:1 does not belong to one write alone"),
        ("n0 holds x n0:1", "at the end n0 holds x = {101, 101}"),
    ];
    for (what, title) in cases {
        let mut script = settled(1, "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1, ok");
        script.add(what);
        script.add("n0 holds x n0:1");
        let finding = finding(&script);
        assert_eq!(finding.code, "CONV005");
        assert!(finding.title.starts_with(title), "{}", finding.title);
    }
}

#[test]
fn a_read_that_others_served_is_not_compared() {
    let script = settled(
        1,
        "c0 writes x #1 in context, is n0:1, knows n0:1, shows n0:1, ok
         c0 reads x #2
         n0 ok #2
         n0 holds x n0:1",
    );
    let report = convergence::INFO.judge(&script.0, NO_RERUN);
    assert_eq!(report.verdict, Verdict::Holds, "{report:#?}");
    let note = "1 acknowledged writes at 1 replicas: 0 states and 1 reads and snapshots compared; \
                settled 0.000 s after the workload";
    assert_eq!(report.note, note);
}

#[test]
fn nothing_acknowledged_is_unknown() {
    let script = settled(2, "c0 writes x #1, unanswered");
    let report = convergence::INFO.judge(&script.0, NO_RERUN);
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::Unknown, "no write was acknowledged"));
}

#[test]
fn ten_thousand_missing_writes_make_a_short_report() {
    // Nothing is overwritten: one origin for each write, and no session twice, so that all stay side by side.
    let write = |i| format!("c{i} writes x #{i} at n0, is n0.{i}:1, knows n0.{i}:1, shows n0.{i}:1 at eventual, ok\n");
    let mut script = settled(2, "");
    script.0.header.sessions = (0..=10_000).map(|i| format!("c{i}")).collect();
    (1..=10_000).for_each(|i| script.add(&write(i)));
    (1..=10_000).for_each(|i| script.add(&format!("n0 holds x n0.{i}:1")));
    script.add("c0 reads x #20000, ok");
    script.0.header.end_ns = 1_000_000_000_000;
    script.0.header.settling_from_ns = Some(script.0.header.end_ns);
    let report = convergence::INFO.judge(&script.0, NO_RERUN);
    assert_eq!(report.findings.len(), Report::FINDINGS_MAX);
    assert_eq!(report.note, "not listed: 9990 more of CONV002, 1 more of CONV005");
    assert!(format!("{report:?}").len() < 20_000);
}

/// A disk that did not have a write yet when its own replica acknowledged it excuses nothing; one that had promised does, and so
/// does one whose replica had not acknowledged.
#[test]
fn a_write_that_was_acknowledged_too_early_is_owed() {
    let lost = |first: &str, then: &str| {
        let script = settled(2, &format!("c0 writes x #1, is n0:1, knows n0:1, shows n0:1{first}\n{then}\nn0 up 1"));
        assert_eq!(script.0.validate(), Ok(()));
        convergence::INFO.judge(&script.0, NO_RERUN)
    };
    let report = lost(", ok", "n0 down tail-lost, forgets n0:1");
    assert_eq!((report.verdict, report.findings[0].code.as_str()), (Verdict::Violated, "CONV002"), "{report:#?}");
    assert_ne!(lost(", ok", "n0 down tail-lost, forgets n0:1 promised").verdict, Verdict::Violated);
    assert_ne!(lost("", "n0 down tail-lost, forgets n0:1").verdict, Verdict::Violated);
}

/// A write that its own disk did not have never happened, unless another replica knows it.
#[test]
fn what_another_replica_knows_has_happened() {
    let codes = |known: &str, held: &str| {
        let text = "c0 writes x #1, is n0:1, knows n0:1, shows n0:1\n".to_owned()
            + known
            + "n0 down tail-lost, forgets n0:1\nn0 up 1
               c1 writes x #2, is n1:1, knows n1:1, shows n1:1, ok
               n0 knows n1:1, shows n1:1
               n0 holds x n1:1
               n1 holds x n1:1"
            + held;
        let script = settled(2, &text);
        assert_eq!(script.0.validate(), Ok(()));
        let report = convergence::INFO.judge(&script.0, NO_RERUN);
        report.findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("", ""), [""; 0]);
    assert_eq!(codes("n1 knows n0:1, shows n0:1\n", "\nn1 holds x n0:1"), ["CONV002"]);
}

/// A replica that gives a write away, since others hold its key now, shows less from then on; if it gets it again, that is new.
#[test]
fn what_was_given_away_is_not_expected_to_be_shown() {
    let given = "c0 writes x #1, is n0:1, knows n0:1, shows n0:1, ok
         n1 knows n0:1, shows n0:1\n";
    let judge = |text: &str| {
        let script = settled(2, &format!("{given}{text}"));
        assert_eq!(script.0.validate(), Ok(()));
        convergence::INFO.judge(&script.0, NO_RERUN)
    };
    let again = "n0 knows n0:1, shows n0:1\nn0 holds x n0:1\nn1 holds x n0:1";
    assert_eq!(judge(&format!("n0 waits, gives n0:1, hides n0:1\n{again}")).verdict, Verdict::Holds);
    let report = judge("n0 waits, hides n0:1\nn0 shows n0:1\nn0 holds x n0:1\nn1 holds x n0:1");
    assert_eq!(report.findings[0].code, "CONV001", "{report:#?}");
}

/// What was given away is lost with the last disk that has it; what no other disk had was not given to anybody.
#[test]
fn a_write_that_was_given_away_goes_with_the_other_disk() {
    let judge = |text: &str| {
        let script = settled(3, &format!("c0 writes x #1, is n0:1, knows n0:1, shows n0:1, ok\n{text}"));
        assert_eq!(script.0.validate(), Ok(()));
        convergence::INFO.judge(&script.0, NO_RERUN)
    };
    let with = |text: &str| judge(&format!("n1 knows n0:1, shows n0:1\n{text}"));
    assert_ne!(with("n0 waits, gives n0:1, hides n0:1\nn1 down lost\nn1 up 2").verdict, Verdict::Violated);
    let is_lost = |report: Report| report.findings.iter().any(|finding| finding.code == "CONV002");
    assert!(is_lost(with("n0 waits, hides n0:1\nn1 down lost\nn1 up 2")));
    assert!(is_lost(judge("n0 waits, gives n0:1, hides n0:1")));
    // Of three that had it, one has it still.
    let three = "n2 knows n0:1, shows n0:1\nn0 waits, gives n0:1, hides n0:1\nn1 down lost\nn1 up 2\nn2 hides n0:1";
    assert!(is_lost(with(three)));
}

/// An operation is named once, unless the disk did not have the first write when its node went down: it never happened.
#[test]
fn an_operation_is_named_again_only_when_its_write_was_undone() {
    let codes = |text: &str| {
        let script = settled(2, &format!("c0 writes x #1, is n0:1, knows n0:1, shows n0:1\n{text}"));
        let report = convergence::INFO.judge(&script.0, NO_RERUN);
        report.findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    let undone = "n0 down tail-lost, forgets n0:1\nn0 up 1\n";
    let named = "c0 reaches #1, is n0:2, knows n0:2, shows n0:2\n";
    let at_the_end = "n1 knows n0:2, shows n0:2\nn0 holds x n0:2\nn1 holds x n0:2";
    assert_eq!(codes(&format!("{undone}{named}{at_the_end}")), [""; 0]);
    // The answer is to the second.
    assert_eq!(codes(&format!("{undone}{named}n0 ok #1\n{at_the_end}")), [""; 0]);
    let before = codes(&format!("{named}{undone}n0 knows n0:2, shows n0:2\n{at_the_end}"));
    assert!(before.contains(&"CONV005".to_owned()), "{before:?}");
}
