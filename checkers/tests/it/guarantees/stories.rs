//! One planted defect for each guarantee in a recording made by hand, and the story that the finding should tell;
//! what is no defect; what cannot be told.

use kvsim_checkers::NO_RERUN;
use kvsim_checkers::Verdict;
use kvsim_checkers::guarantees::{self, Guarantee};

use crate::script::{Script, header, text};

fn recorded(text: &str) -> Script {
    Script::new(header(), text)
}

/// The guarantees that are broken.
fn broken(script: &Script) -> Vec<&'static str> {
    assert_eq!(script.0.validate(), Ok(()));
    let is_broken = |guarantee: &Guarantee| {
        guarantees::CHECKERS[*guarantee as usize].judge(&script.0, NO_RERUN).verdict == Verdict::Violated
    };
    Guarantee::ALL.into_iter().filter(is_broken).map(Guarantee::code).collect()
}

fn told(script: &Script, guarantee: Guarantee) -> String {
    let findings = guarantees::CHECKERS[guarantee as usize].judge(&script.0, NO_RERUN).findings;
    assert_eq!(findings.len(), 1, "{findings:#?}");
    text(&findings)
}

#[test]
fn an_own_write_is_missing() {
    let script = recorded(
        "c0 writes x #1 in context, is n0:1, ok
         c0 reads x #2 at n1, ok",
    );
    assert_eq!(broken(&script), ["RYW001"]);
    let expected = "\
RYW001: session c0 read x = none without its own earlier write 101 (#1 of c0)
   1 ms  c0 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c0 read   #2  x -> none  at n1   ok 0.005 s   but not #1   <== here
";
    assert_eq!(told(&script, Guarantee::ReadYourWrites), expected);
}

/// A write that its disk did not have never happened, and its name is that of the next.
#[test]
fn a_name_that_was_given_again_belongs_to_the_second_write() {
    let lost = |forgets: &str| {
        broken(&recorded(&format!(
            "c0 writes x #1 in context, is n0:1
             n0 down tail-lost{forgets}
             n0 up 1
             c1 writes x #2 at n0 in context, is n0:1, ok
             c1 reads x #3 at n0, ok"
        )))
    };
    assert_eq!(lost(", forgets n0:1"), ["RYW001"]);
    // Without that the name is the first one's, and it is not known what the second one is called.
    assert_eq!(lost(""), [""; 0]);
}

#[test]
fn what_was_read_is_gone() {
    let script = recorded(
        "c1 writes x #1 at n0 in context, is n0:1, ok
         c0 reads x #2, returns n0:1, ok
         c0 reads x #3 at n1, ok",
    );
    assert_eq!(broken(&script), ["MR001"]);
    let expected = "\
MR001: session c0 read x = none after it had read 101 (#1 of c1)
   1 ms  c1 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c0 read   #2  x -> 101  at n0   ok 0.006 s
   7 ms  c0 read   #3  x -> none  at n1   ok 0.008 s   but not #1   <== here
";
    assert_eq!(told(&script, Guarantee::MonotonicReads), expected);
}

#[test]
fn a_later_write_comes_without_the_earlier() {
    let mut script = recorded(
        "c0 writes x #1 in context, is n0:1, ok
         c0 writes y #2 in context, is n0:2, ok",
    );
    // Two sessions at the same replica: it is the replica that has the one and not the other.
    script.add(
        "c1 reads y #3, returns n0:2, ok
         c2 reads x #4 at n1, ok",
    );
    assert_eq!(broken(&script), ["MW001"]);
    let expected = "\
MW001: n1 showed #2 of c0, but then x = none without 101 (#1 of c0), which c0 had written before
   1 ms  c0 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c0 write  #2  y = 102  at n0   ok 0.006 s
   7 ms  c1 read   #3  y -> 102  at n1   ok 0.009 s
  10 ms  c2 read   #4  x -> none  at n1   ok 0.011 s   but not #1   <== here
";
    assert_eq!(told(&script, Guarantee::MonotonicWrites), expected);
}

#[test]
fn a_consequence_comes_without_its_reason() {
    let script = recorded(
        "c0 writes x #1 in context, is n0:1, ok
         c1 reads x #2, returns n0:1, ok
         c1 writes y #3 in context, is n1:1, ok
         c2 reads y #4, returns n1:1, ok
         c2 reads x #5, ok",
    );
    assert_eq!(broken(&script), ["WFR001"]);
    let expected = "\
WFR001: n2 showed #3 of c1, but then x = none without 101 (#1 of c0), which c1 had read before
   1 ms  c0 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c1 read   #2  x -> 101  at n1   ok 0.006 s
   7 ms  c1 write  #3  y = 103  at n1   ok 0.009 s
  10 ms  c2 read   #4  y -> 103  at n2   ok 0.012 s
  13 ms  c2 read   #5  x -> none  at n2   ok 0.014 s   but not #1   <== here
";
    assert_eq!(told(&script, Guarantee::WritesFollowReads), expected);
}

#[test]
fn what_a_write_had_replaced_is_back() {
    let script = recorded(
        "c0 writes x #1 in context, is n0:1, ok
         c1 reads x #2 at n0, returns n0:1, ok
         c1 writes x #3 at n0 in context, is n0:2, ok
         c2 reads x #4, returns n0:2, ok
         c2 reads x #5, returns n0:1, ok",
    );
    assert_eq!(broken(&script), ["MR001", "WFR001"]);
    let told = told(&script, Guarantee::WritesFollowReads);
    let title = "WFR001: n2 showed x = 101 again, which 103 (#3 of c1) had replaced\n";
    assert!(told.starts_with(title), "{told}");
}

#[test]
fn what_somebody_may_have_replaced_is_not_missed() {
    // Beside it stands what cannot have seen it.
    let script = recorded(
        "c0 writes x #1 in context, is n0:1, ok
         c1 writes x #2 in context, is n1:1, ok
         c0 reads x #3 at n1, returns n1:1, ok",
    );
    assert_eq!(broken(&script), ["RYW001"]);
    // Its session had asked for the key while the own write was on its way.
    let script = recorded(
        "c0 writes x #1 in context, is n0:1, ok
         c1 reads x #2, ok
         c1 writes x #3 in context, is n1:1, ok
         c0 reads x #4 at n1, returns n1:1, ok",
    );
    assert_eq!(broken(&script), [""; 0]);
    // A delete may have done it, if its session handed back a context.
    for (context, expected) in [("in context", &[][..]), ("", &["RYW001"])] {
        let script = recorded(&format!(
            "c0 writes x #1 in context, is n0:1, ok
             c1 reads x #2, ok
             c1 deletes x #3 {context}, is n1:1, ok
             c0 reads x #4 at n1, ok"
        ));
        assert_eq!(broken(&script), expected);
    }
}

#[test]
fn an_earlier_write_of_the_same_replica_may_be_missing() {
    // c0 has replaced at n0 what c1 wrote. Where only the write of c2 comes, it replaces that, too, if c2 had read what
    // c0 wrote.
    for (context, expected) in [("", &["WFR001"][..]), ("in context", &["MR001", "WFR001"])] {
        let script = recorded(&format!(
            "c1 writes x #1 in context, is n1:1, ok
             c0 reads x #2, returns n1:1, ok
             c0 writes x #3 in context, is n0:1, ok
             c2 reads x #4 at n0, returns n0:1, ok
             c2 writes x #5 at n0 {context}, is n0:2, ok
             c1 reads x #6, returns n1:1 n0:2, ok
             c2 deletes x #7 at n0, is n0:3, ok
             c1 reads x #8, returns n1:1, ok"
        ));
        assert_eq!(broken(&script), expected);
    }
}

#[test]
fn what_cannot_be_told() {
    let note = |script: &Script, verdict: Verdict| {
        let report = guarantees::CHECKERS[0].judge(&script.0, NO_RERUN);
        assert_eq!(report.verdict, verdict, "{report:#?}");
        report.note
    };
    let mut script = recorded("c0 writes x #1 in context, is n0:1, ok");
    assert_eq!(note(&script, Verdict::NotApplicable), "there were no reads of keys that their session had written");
    script.add("c0 reads x #2, returns n0:1, ok");
    assert_eq!(guarantees::CHECKERS[0].judge(&script.0, NO_RERUN).verdict, Verdict::Holds);
    script.add("c0 reads x #3, returns n1:7, ok");
    assert_eq!(note(&script, Verdict::Unknown), "1 reads do not tell which writes they returned");
}
