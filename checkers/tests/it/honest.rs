//! What the host does not accept, as findings.

use kvsim_checkers::{NO_RERUN, Report, Verdict, honest};

use crate::script::{self, Script, text};

fn judge(text: &str) -> Report {
    let script = Script::new(script::header(), text);
    assert_eq!(script.0.validate(), Ok(()));
    honest::INFO.judge(&script.0, NO_RERUN)
}

#[test]
fn without_an_answer_there_is_nothing_to_accept() {
    let report = judge("c0 reads x #1, unanswered");
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::Unknown, "no operation was answered"));
    let report = judge("c0 reads x #1, ok");
    let note = "1 answers and the final snapshot are what was asked and written";
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::Holds, note));
}

#[test]
fn one_lie_of_one_node_is_one_finding() {
    let report = judge(
        "c0 reads x #1, ok, objects answered-twice
         c1 reads x #2, ok, objects answered-twice
         c1 reads x #3, ok, objects answered-twice
         n1 objects no-such-node",
    );
    let expected = "\
HON001: n0 answered an operation a second time (#1)
   1 ms  c0 read   #1  x -> none  at n0   ok 0.002 s
   3 ms  n0 answered an operation a second time
HON001: n1 answered an operation a second time (#2), and 1 times more
   4 ms  c1 read   #2  x -> none  at n1   ok 0.005 s
   6 ms  n1 answered an operation a second time
   7 ms  c1 read   #3  x -> none  at n1   ok 0.008 s
   9 ms  n1 answered an operation a second time
HON004: n1 sent to a node that does not exist
  10 ms  n1 sent to a node that does not exist
";
    assert_eq!(report.verdict, Verdict::Violated);
    assert_eq!(text(&report.findings), expected);
}

#[test]
fn more_lies_than_are_listed_are_counted() {
    let kinds = ["unasked", "answered-twice", "answered-elsewhere", "wrong-kind"];
    let all: Vec<String> = (0..3).flat_map(|node| kinds.map(|kind| format!("n{node} objects {kind}"))).collect();
    let report = |count: usize| judge(&all[..count].join("\n"));
    let most = Report::FINDINGS_MAX;
    assert_eq!((report(most).findings.len(), report(most).note.as_str()), (most, ""));
    assert_eq!((report(12).findings.len(), report(12).note.as_str()), (most, "not listed: 2 more findings"));
    assert_eq!(report(12).verdict, Verdict::Violated);
}
