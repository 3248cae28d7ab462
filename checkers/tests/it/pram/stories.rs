//! Recordings made by hand, and the stories that findings tell about them.

use kvsim_checkers::NO_RERUN;
use kvsim_checkers::pram::{self};
use kvsim_checkers::trace::Recording;
use kvsim_checkers::{Finding, Report, Verdict};

use crate::script::{Script, header, text};

fn pram(recording: &Recording) -> Report {
    pram::CHECKERS[0].judge(recording, NO_RERUN)
}

fn pram_by_priority(recording: &Recording) -> Report {
    pram::CHECKERS[1].judge(recording, NO_RERUN)
}

fn recorded(text: &str) -> Script {
    Script::new(header(), text)
}

fn checked(script: &Script, check: fn(&Recording) -> Report) -> Report {
    assert_eq!(script.0.validate(), Ok(()));
    check(&script.0)
}

fn only_finding(script: &Script, check: fn(&Recording) -> Report) -> Finding {
    let report = checked(script, check);
    assert_eq!((report.verdict, report.findings.len()), (Verdict::Violated, 1), "{report:#?}");
    report.findings.into_iter().next().expect("there is one")
}

/// c0 writes x, then y; c2 sees the second and not the first.
fn overtaken() -> Script {
    recorded(
        "c0 writes x #17, is n0:1, ok
         c0 writes y #18, is n0:2, ok
         c2 reads x #40, ok
         c2 reads y #41, returns n0:2, ok
         c2 reads x #44, ok
         c2 reads x #45, returns n0:1, ok",
    )
}

/// A write that ended in a time-out took effect if a replica named it, and never if none did; a read that did excuses nothing.
#[test]
fn what_timed_out_took_effect_where_it_was_taken_in() {
    let judge = |text: &str| checked(&recorded(text), pram).verdict;
    assert_eq!(judge("c0 writes x #17, is n0:1, unanswered\nc2 reads x #40, returns n0:1, ok"), Verdict::Holds);
    let written = "c0 writes x #17, is n0:1, ok\nc0 reads x #18, returns n0:1, ok\nc1 reads x #30, unanswered\n";
    assert_eq!(judge(&format!("{written}c1 deletes x #31, is n1:1, unanswered\nc0 reads x #19, ok")), Verdict::Holds);
    assert_eq!(judge(&format!("{written}c1 deletes x #31, unanswered\nc0 reads x #19, ok")), Verdict::Violated);
}

#[test]
fn the_model_story() {
    let finding = only_finding(&overtaken(), pram);
    assert_eq!((finding.at_ns, &finding.ops[..]), (13_000_000, &[17, 18, 41, 44][..]));
    assert_eq!(finding.events, [1, 4, 11, 13]);
    let expected = "\
PRAM001: session c2 saw the writes of c0 out of the order in which c0 issued them
   1 ms  c0 write  #17  x = 117  at n0   ok 0.003 s
   4 ms  c0 write  #18  y = 118  at n0   ok 0.006 s
   9 ms  c2 read   #41  y -> 118  at n2   ok 0.011 s   so c2 has seen #18
  12 ms  c2 read   #44  x -> none  at n2   ok 0.013 s   but not #17, which c0 wrote first   <== here
";
    assert_eq!(text(&[finding]), expected);
}

#[test]
fn priorities_excuse_overtaking() {
    let mut script = overtaken();
    let finding = only_finding(&script, pram_by_priority);
    assert_eq!(finding.code, "PPRAM001");
    assert!(finding.title.ends_with("issued them, more than priorities allow"), "{}", finding.title);
    script.0.header.priorities = vec![1, 3];
    assert_eq!(only_finding(&script, pram).code, "PRAM001");
    let report = checked(&script, pram_by_priority);
    let note = "an order of 2 writes explains all 4 reads of 1 sessions, session by session";
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::Holds, note));
    script.0.header.priorities = vec![3, 1];
    assert_eq!(only_finding(&script, pram_by_priority).code, "PPRAM001");
}

#[test]
fn sessions_of_one_replica_share_its_order() {
    let script = recorded(
        "c0 writes x #1, is n0:1, ok
         c1 writes y #2 at n0, is n0:2, ok
         c2 reads y #3, returns n0:2, ok
         c2 reads x #4, ok",
    );
    let title = "session c2 saw the writes of n0 out of the order in which n0 took them in";
    assert_eq!(only_finding(&script, pram).title, title);
    // Two replicas have no common order.
    let script = recorded(
        "c0 writes x #1, is n0:1, ok
         c0 writes y #2 at n1, is n1:2, ok
         c2 reads y #3, returns n1:2, ok
         c2 reads x #4, ok",
    );
    assert_eq!(checked(&script, pram).verdict, Verdict::Holds);
}

#[test]
fn an_own_write_is_missing() {
    let script = recorded(
        "c0 writes x #1, is n0:1, ok
         c0 reads x #2, ok",
    );
    let expected = "\
PRAM001: session c0 did not see its own operations in the order in which it issued them
   1 ms  c0 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c0 read   #2  x -> none  at n0   ok 0.005 s   which no order explains   <== here
";
    assert_eq!(text(&[only_finding(&script, pram)]), expected);
}

#[test]
fn a_version_comes_again() {
    let script = recorded(
        "c0 writes x #1, is n0:1, ok
         c1 writes x #2, is n1:1, ok
         c2 reads x #3, returns n0:1, ok
         c2 reads x #4, returns n1:1, ok
         c2 reads x #5, returns n0:1, ok",
    );
    let title = "session c2 saw a version of x again that it had seen replaced";
    assert_eq!(only_finding(&script, pram).title, title);
}

#[test]
fn an_unknown_outcome_happened_when_somebody_read_it() {
    let mut script = recorded(
        "c0 writes x #1, is n0:1, unanswered
         c0 writes y #2, is n0:2, ok
         c2 reads y #3, returns n0:2, ok
         c2 reads x #4, ok",
    );
    assert_eq!(checked(&script, pram).verdict, Verdict::Holds);
    script.add("c1 reads x #5, returns n0:1, ok");
    let finding = only_finding(&script, pram);
    assert_eq!(finding.ops, [1, 2, 3, 4, 5]);
    let text = text(&[finding]);
    assert!(text.contains("x -> 101  at n1   ok 0.014 s   so it did happen"), "{text}");
}

#[test]
fn values_that_nobody_wrote() {
    let script = recorded(
        "c0 writes x #1, is n0:1, ok
         c2 reads x #2, returns n1:7, ok",
    );
    let expected = "\
PRAM002: session c2 read unwritten value (n1:7) from x, which was never written there
   4 ms  c2 read   #2  x -> unwritten value (n1:7)  at n2   ok 0.006 s   <== here
";
    assert_eq!(text(&[only_finding(&script, pram)]), expected);
    assert_eq!(only_finding(&script, pram_by_priority).code, "PPRAM002");

    let script = recorded(
        "c0 writes x #1, is n0:1, refused
         c2 reads x #2, returns n0:1, ok",
    );
    let finding = only_finding(&script, pram);
    assert_eq!(finding.title, "session c2 read 101 from x, which #1 failed to write");
    assert_eq!(finding.ops, [1, 2]);
    // Another key's value, and a delete, which reads never return.
    let script = recorded(
        "c0 writes y #1, is n0:1, ok
         c2 reads x #2, returns n0:1, ok",
    );
    assert_eq!(only_finding(&script, pram).code, "PRAM002");
}

#[test]
fn many_breaches_are_counted() {
    let lines: Vec<String> = (0..13).map(|op| format!("c2 reads x #{op}, returns n1:7, ok")).collect();
    let script = recorded(&lines.join("\n"));
    let report = checked(&script, pram);
    assert_eq!((report.findings.len(), report.note.as_str()), (10, "not listed: 3 more of PRAM002"));
}

#[test]
fn what_cannot_be_told() {
    let mut script = recorded("c0 writes x #1, is n0:1, ok");
    let unknown = |script: &Script| {
        let report = checked(script, pram);
        assert_eq!(report.verdict, Verdict::Unknown, "{report:#?}");
        report.note
    };
    assert_eq!(unknown(&script), "no read was answered");
    script.add(
        "c1 writes x #2, is n1:1, ok
         c2 reads x #3, returns n0:1 n1:1, ok",
    );
    let note = "read #3 of x by c2 returned several values, and keys are registers here";
    assert_eq!(unknown(&script), note);

    // If the delete happened, c0 should have seen it before y; if not, what did c2 read in the end?
    let mut script = recorded(
        "c1 writes x #1, is n1:1, ok
         c1 deletes x #2, is n1:2, unanswered
         c1 writes y #3, is n1:3, ok
         c2 reads x #4, returns n1:1, ok
         c2 reads x #5, ok",
    );
    assert_eq!(checked(&script, pram).verdict, Verdict::Holds);
    script.add(
        "c0 reads y #6, returns n1:3, ok
         c0 reads x #7, returns n1:1, ok",
    );
    assert_eq!(unknown(&script), "whether deletes of unknown outcome happened decides about c2");
}
