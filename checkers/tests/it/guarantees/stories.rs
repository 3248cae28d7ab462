//! One planted defect for each guarantee in a recording made by hand, and the story that the finding should tell;
//! what is no defect; what cannot be told.

use kvsim_checkers::guarantees::{self, Guarantee};
use kvsim_checkers::trace::{Action, Dot, Event, Header, Level, NodeId, Recording, What};
use kvsim_checkers::{Finding, Verdict};

fn w(node: NodeId, counter: u64) -> Dot {
    Dot::new(node, 1, counter)
}

/// A recording under construction: events a millisecond apart. Keys are x and y.
struct Script(Recording);

impl Script {
    fn new() -> Script {
        let header = Header {
            nodes: 3,
            sessions: vec!["c0".into(), "c1".into(), "c2".into()],
            keys: vec!["x".into(), "y".into()],
            end_ns: 200_000_000,
            ..Header::default()
        };
        Script(Recording { header, events: Vec::new() })
    }

    fn push(&mut self, node: NodeId, cause: u64, what: What) -> u64 {
        let number = self.0.events.len() as u64 + 1;
        self.0.events.push(Event { number, at_ns: number * 1_000_000, cause, node, what });
        number
    }

    fn invoked(&mut self, session: u32, node: NodeId, op: u32, action: Action, key: u32, context: bool) -> u64 {
        let value = if action == Action::Read { 0 } else { 100 + u64::from(op) };
        let level = Level::Eventual;
        self.push(node, 0, What::Invoked { op, session, action, key, value, level, context })
    }

    /// Carried out by the node that was asked, and acknowledged.
    fn changes(&mut self, session: u32, op: u32, action: Action, key: u32, write: Dot, context: bool) {
        let cause = self.invoked(session, write.node(), op, action, key, context);
        self.push(write.node(), cause, What::Wrote { op, write });
        self.push(write.node(), cause, What::Answered { op });
    }

    fn writes(&mut self, session: u32, op: u32, key: u32, write: Dot) {
        self.changes(session, op, Action::Write, key, write, true);
    }

    fn reads(&mut self, session: u32, node: NodeId, op: u32, key: u32, returned: &[Dot]) {
        let cause = self.invoked(session, node, op, Action::Read, key, false);
        for write in returned {
            self.push(node, cause, What::Returned { op, write: *write });
        }
        self.push(node, cause, What::Answered { op });
    }

    /// The guarantees that are broken.
    fn broken(&self) -> Vec<&'static str> {
        assert_eq!(self.0.validate(), Ok(()));
        let is_broken = |guarantee: &Guarantee| guarantees::check(&self.0, *guarantee).verdict == Verdict::Violated;
        Guarantee::ALL.into_iter().filter(is_broken).map(Guarantee::code).collect()
    }

    fn told(&self, guarantee: Guarantee) -> String {
        let findings = guarantees::check(&self.0, guarantee).findings;
        assert_eq!(findings.len(), 1, "{findings:#?}");
        let Finding { code, title, evidence, .. } = &findings[0];
        let mut text = format!("{code}: {title}\n");
        for line in evidence {
            text.push_str(&format!("{:>4} ms  {}\n", line.at_ns / 1_000_000, line.text));
        }
        text
    }
}

#[test]
fn an_own_write_is_missing() {
    let mut script = Script::new();
    script.writes(0, 1, 0, w(NodeId(0), 1));
    script.reads(0, NodeId(1), 2, 0, &[]);
    assert_eq!(script.broken(), ["RYW001"]);
    let expected = "\
RYW001: session c0 read x = none without its own earlier write 101 (#1 of c0)
   1 ms  c0 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c0 read   #2  x -> none  at n1   ok 0.005 s   but not #1   <== here
";
    assert_eq!(script.told(Guarantee::ReadYourWrites), expected);
}

#[test]
fn what_was_read_is_gone() {
    let mut script = Script::new();
    script.writes(1, 1, 0, w(NodeId(0), 1));
    script.reads(0, NodeId(0), 2, 0, &[w(NodeId(0), 1)]);
    script.reads(0, NodeId(1), 3, 0, &[]);
    assert_eq!(script.broken(), ["MR001"]);
    let expected = "\
MR001: session c0 read x = none after it had read 101 (#1 of c1)
   1 ms  c1 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c0 read   #2  x -> 101  at n0   ok 0.006 s
   7 ms  c0 read   #3  x -> none  at n1   ok 0.008 s   but not #1   <== here
";
    assert_eq!(script.told(Guarantee::MonotonicReads), expected);
}

#[test]
fn a_later_write_comes_without_the_earlier() {
    let mut script = Script::new();
    script.writes(0, 1, 0, w(NodeId(0), 1));
    script.writes(0, 2, 1, w(NodeId(0), 2));
    // Two sessions at the same replica: it is the replica that has the one and not the other.
    script.reads(1, NodeId(1), 3, 1, &[w(NodeId(0), 2)]);
    script.reads(2, NodeId(1), 4, 0, &[]);
    assert_eq!(script.broken(), ["MW001"]);
    let expected = "\
MW001: n1 showed #2 of c0, but then x = none without 101 (#1 of c0), which c0 had written before
   1 ms  c0 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c0 write  #2  y = 102  at n0   ok 0.006 s
   7 ms  c1 read   #3  y -> 102  at n1   ok 0.009 s
  10 ms  c2 read   #4  x -> none  at n1   ok 0.011 s   but not #1   <== here
";
    assert_eq!(script.told(Guarantee::MonotonicWrites), expected);
}

#[test]
fn a_consequence_comes_without_its_reason() {
    let mut script = Script::new();
    script.writes(0, 1, 0, w(NodeId(0), 1));
    script.reads(1, NodeId(1), 2, 0, &[w(NodeId(0), 1)]);
    script.writes(1, 3, 1, w(NodeId(1), 1));
    script.reads(2, NodeId(2), 4, 1, &[w(NodeId(1), 1)]);
    script.reads(2, NodeId(2), 5, 0, &[]);
    assert_eq!(script.broken(), ["WFR001"]);
    let expected = "\
WFR001: n2 showed #3 of c1, but then x = none without 101 (#1 of c0), which c1 had read before
   1 ms  c0 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c1 read   #2  x -> 101  at n1   ok 0.006 s
   7 ms  c1 write  #3  y = 103  at n1   ok 0.009 s
  10 ms  c2 read   #4  y -> 103  at n2   ok 0.012 s
  13 ms  c2 read   #5  x -> none  at n2   ok 0.014 s   but not #1   <== here
";
    assert_eq!(script.told(Guarantee::WritesFollowReads), expected);
}

#[test]
fn what_a_write_had_replaced_is_back() {
    let mut script = Script::new();
    script.writes(0, 1, 0, w(NodeId(0), 1));
    script.reads(1, NodeId(0), 2, 0, &[w(NodeId(0), 1)]);
    script.writes(1, 3, 0, w(NodeId(0), 2));
    script.reads(2, NodeId(2), 4, 0, &[w(NodeId(0), 2)]);
    script.reads(2, NodeId(2), 5, 0, &[w(NodeId(0), 1)]);
    assert_eq!(script.broken(), ["MR001", "WFR001"]);
    let told = script.told(Guarantee::WritesFollowReads);
    let title = "WFR001: n2 showed x = 101 again, which 103 (#3 of c1) had replaced\n";
    assert!(told.starts_with(title), "{told}");
}

#[test]
fn what_somebody_may_have_replaced_is_not_missed() {
    // Beside it stands what cannot have seen it.
    let mut script = Script::new();
    script.writes(0, 1, 0, w(NodeId(0), 1));
    script.writes(1, 2, 0, w(NodeId(1), 1));
    script.reads(0, NodeId(1), 3, 0, &[w(NodeId(1), 1)]);
    assert_eq!(script.broken(), ["RYW001"]);
    // Its session had asked for the key while the own write was on its way.
    let mut script = Script::new();
    script.writes(0, 1, 0, w(NodeId(0), 1));
    script.reads(1, NodeId(1), 2, 0, &[]);
    script.writes(1, 3, 0, w(NodeId(1), 1));
    script.reads(0, NodeId(1), 4, 0, &[w(NodeId(1), 1)]);
    assert_eq!(script.broken(), [""; 0]);
    // A delete may have done it, if its session handed back a context.
    for (context, broken) in [(true, &[][..]), (false, &["RYW001"])] {
        let mut script = Script::new();
        script.writes(0, 1, 0, w(NodeId(0), 1));
        script.reads(1, NodeId(1), 2, 0, &[]);
        script.changes(1, 3, Action::Delete, 0, w(NodeId(1), 1), context);
        script.reads(0, NodeId(1), 4, 0, &[]);
        assert_eq!(script.broken(), broken);
    }
}

#[test]
fn an_earlier_write_of_the_same_replica_may_be_missing() {
    // c0 has replaced at n0 what c1 wrote. Where only the write of c2 comes, it replaces that, too, if c2 had read what
    // c0 wrote.
    for (context, broken) in [(false, &["WFR001"][..]), (true, &["MR001", "WFR001"])] {
        let mut script = Script::new();
        script.writes(1, 1, 0, w(NodeId(1), 1));
        script.reads(0, NodeId(0), 2, 0, &[w(NodeId(1), 1)]);
        script.writes(0, 3, 0, w(NodeId(0), 1));
        script.reads(2, NodeId(0), 4, 0, &[w(NodeId(0), 1)]);
        script.changes(2, 5, Action::Write, 0, w(NodeId(0), 2), context);
        script.reads(1, NodeId(1), 6, 0, &[w(NodeId(1), 1), w(NodeId(0), 2)]);
        script.changes(2, 7, Action::Delete, 0, w(NodeId(0), 3), false);
        script.reads(1, NodeId(1), 8, 0, &[w(NodeId(1), 1)]);
        assert_eq!(script.broken(), broken);
    }
}

#[test]
fn what_cannot_be_told() {
    let note = |script: &Script| {
        let report = guarantees::check(&script.0, Guarantee::ReadYourWrites);
        assert_eq!(report.verdict, Verdict::Unknown, "{report:#?}");
        report.note
    };
    let mut script = Script::new();
    script.writes(0, 1, 0, w(NodeId(0), 1));
    assert_eq!(note(&script), "there were no reads of keys that their session had written");
    script.reads(0, NodeId(0), 2, 0, &[w(NodeId(0), 1)]);
    assert_eq!(guarantees::check(&script.0, Guarantee::ReadYourWrites).verdict, Verdict::Holds);
    script.reads(0, NodeId(0), 3, 0, &[w(NodeId(1), 7)]);
    assert_eq!(note(&script), "1 reads do not tell which writes they returned");
}
