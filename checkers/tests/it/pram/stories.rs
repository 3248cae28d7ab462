//! Recordings made by hand, and the stories that findings tell about them.

use kvsim_checkers::pram::{self, Order};
use kvsim_checkers::trace::{Action, Dot, Event, Header, Level, NodeId, Recording, What};
use kvsim_checkers::{Finding, Report, Verdict};

fn pram(recording: &Recording) -> Report {
    pram::check(recording, Order::Pram)
}

fn pram_by_priority(recording: &Recording) -> Report {
    pram::check(recording, Order::Priority)
}

fn w(node: NodeId, counter: u64) -> Dot {
    Dot::new(node, 1, counter)
}

/// A recording under construction: events a millisecond apart; session `c<i>` asks `n<i>`, or as given.
struct Script(Recording);

impl Script {
    fn new() -> Script {
        let header = Header {
            nodes: 3,
            sessions: ["c0", "c1", "c2"].map(str::to_owned).to_vec(),
            keys: ["x", "y"].map(str::to_owned).to_vec(),
            end_ns: 200_000_000,
            ..Header::default()
        };
        Script(Recording { header, events: Vec::new() })
    }

    fn push(&mut self, node: NodeId, what: What) {
        let number = self.0.events.len() as u64 + 1;
        self.0.events.push(Event { number, at_ns: number * 1_000_000, cause: 0, node, what });
    }

    fn invoked(&mut self, session: u32, node: NodeId, op: u32, action: Action, key: u32) {
        let value = if action == Action::Read { 0 } else { 100 + u64::from(op) };
        let level = Level::Eventual;
        self.push(node, What::Invoked { op, session, action, key, value, level, context: false });
    }

    fn write(&mut self, session: u32, op: u32, key: u32, id: Dot) {
        self.invoked(session, id.node(), op, Action::Write, key);
        self.push(id.node(), What::Wrote { op, write: id });
        self.push(id.node(), What::Answered { op });
    }

    fn read(&mut self, session: u32, op: u32, key: u32, returned: &[Dot]) {
        self.invoked(session, NodeId(session as u16), op, Action::Read, key);
        for write in returned {
            self.push(NodeId(session as u16), What::Returned { op, write: *write });
        }
        self.push(NodeId(session as u16), What::Answered { op });
    }

    fn check(&self, check: fn(&Recording) -> Report) -> Report {
        assert_eq!(self.0.validate(), Ok(()));
        check(&self.0)
    }

    fn finding(&self, check: fn(&Recording) -> Report) -> Finding {
        let report = self.check(check);
        assert_eq!((report.verdict, report.findings.len()), (Verdict::Violated, 1), "{report:#?}");
        report.findings.into_iter().next().expect("there is one")
    }
}

/// The finding as a person would see it.
fn told(finding: &Finding) -> String {
    let mut text = format!("{}: {}\n", finding.code, finding.title);
    for line in &finding.evidence {
        text.push_str(&format!("{:>4} ms  {}\n", line.at_ns / 1_000_000, line.text));
    }
    text
}

/// c0 writes x, then y; c2 sees the second and not the first.
fn overtaken() -> Script {
    let mut script = Script::new();
    script.write(0, 17, 0, w(NodeId(0), 1));
    script.write(0, 18, 1, w(NodeId(0), 2));
    script.read(2, 40, 0, &[]);
    script.read(2, 41, 1, &[w(NodeId(0), 2)]);
    script.read(2, 44, 0, &[]);
    script.read(2, 45, 0, &[w(NodeId(0), 1)]);
    script
}

#[test]
fn the_model_story() {
    let finding = overtaken().finding(pram);
    assert_eq!((finding.at_ns, &finding.ops[..]), (13_000_000, &[17, 18, 41, 44][..]));
    assert_eq!(finding.events, [1, 4, 11, 13]);
    let expected = "\
PRAM001: session c2 saw the writes of c0 out of the order in which c0 issued them
   1 ms  c0 write  #17  x = 117  at n0   ok 0.003 s
   4 ms  c0 write  #18  y = 118  at n0   ok 0.006 s
   9 ms  c2 read   #41  y -> 118  at n2   ok 0.011 s   so c2 has seen #18
  12 ms  c2 read   #44  x -> none  at n2   ok 0.013 s   but not #17, which c0 wrote first   <== here
";
    assert_eq!(told(&finding), expected);
}

#[test]
fn priorities_excuse_overtaking() {
    let mut script = overtaken();
    let finding = script.finding(pram_by_priority);
    assert_eq!(finding.code, "PPRAM001");
    assert!(finding.title.ends_with("issued them, more than priorities allow"), "{}", finding.title);
    script.0.header.priorities = vec![1, 3];
    assert_eq!(script.finding(pram).code, "PRAM001");
    let report = script.check(pram_by_priority);
    let note = "an order of 2 writes explains all 4 reads of 1 sessions, session by session";
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::Holds, note));
    script.0.header.priorities = vec![3, 1];
    assert_eq!(script.finding(pram_by_priority).code, "PPRAM001");
}

#[test]
fn sessions_of_one_replica_share_its_order() {
    let mut script = Script::new();
    script.write(0, 1, 0, w(NodeId(0), 1));
    script.write(1, 2, 1, w(NodeId(0), 2));
    script.read(2, 3, 1, &[w(NodeId(0), 2)]);
    script.read(2, 4, 0, &[]);
    let title = "session c2 saw the writes of n0 out of the order in which n0 took them in";
    assert_eq!(script.finding(pram).title, title);
    // Two replicas have no common order.
    let mut script = Script::new();
    script.write(0, 1, 0, w(NodeId(0), 1));
    script.write(0, 2, 1, w(NodeId(1), 2));
    script.read(2, 3, 1, &[w(NodeId(1), 2)]);
    script.read(2, 4, 0, &[]);
    assert_eq!(script.check(pram).verdict, Verdict::Holds);
}

#[test]
fn an_own_write_is_missing() {
    let mut script = Script::new();
    script.write(0, 1, 0, w(NodeId(0), 1));
    script.read(0, 2, 0, &[]);
    let expected = "\
PRAM001: session c0 did not see its own operations in the order in which it issued them
   1 ms  c0 write  #1  x = 101  at n0   ok 0.003 s
   4 ms  c0 read   #2  x -> none  at n0   ok 0.005 s   which no order explains   <== here
";
    assert_eq!(told(&script.finding(pram)), expected);
}

#[test]
fn a_version_comes_again() {
    let mut script = Script::new();
    script.write(0, 1, 0, w(NodeId(0), 1));
    script.write(1, 2, 0, w(NodeId(1), 1));
    script.read(2, 3, 0, &[w(NodeId(0), 1)]);
    script.read(2, 4, 0, &[w(NodeId(1), 1)]);
    script.read(2, 5, 0, &[w(NodeId(0), 1)]);
    let title = "session c2 saw a version of x again that it had seen replaced";
    assert_eq!(script.finding(pram).title, title);
}

#[test]
fn an_unknown_outcome_happened_when_somebody_read_it() {
    let mut script = Script::new();
    script.invoked(0, NodeId(0), 1, Action::Write, 0);
    script.push(NodeId(0), What::Wrote { op: 1, write: w(NodeId(0), 1) });
    script.push(NodeId(0), What::TimedOut { op: 1 });
    script.write(0, 2, 1, w(NodeId(0), 2));
    script.read(2, 3, 1, &[w(NodeId(0), 2)]);
    script.read(2, 4, 0, &[]);
    assert_eq!(script.check(pram).verdict, Verdict::Holds);
    script.read(1, 5, 0, &[w(NodeId(0), 1)]);
    let finding = script.finding(pram);
    assert_eq!(finding.ops, [1, 2, 3, 4, 5]);
    assert!(told(&finding).contains("x -> 101  at n1   ok 0.014 s   so it did happen"), "{}", told(&finding));
}

#[test]
fn values_that_nobody_wrote() {
    let mut script = Script::new();
    script.write(0, 1, 0, w(NodeId(0), 1));
    script.read(2, 2, 0, &[w(NodeId(1), 7)]);
    let expected = "\
PRAM002: session c2 read unwritten value (n1:7) from x, which was never written there
   4 ms  c2 read   #2  x -> unwritten value (n1:7)  at n2   ok 0.006 s   <== here
";
    assert_eq!(told(&script.finding(pram)), expected);
    assert_eq!(script.finding(pram_by_priority).code, "PPRAM002");

    let mut script = Script::new();
    script.invoked(0, NodeId(0), 1, Action::Write, 0);
    script.push(NodeId(0), What::Wrote { op: 1, write: w(NodeId(0), 1) });
    script.push(NodeId(0), What::Refused { op: 1 });
    script.read(2, 2, 0, &[w(NodeId(0), 1)]);
    let finding = script.finding(pram);
    assert_eq!(finding.title, "session c2 read 101 from x, which #1 failed to write");
    assert_eq!(finding.ops, [1, 2]);
    // Another key's value, and a delete, which reads never return.
    let mut script = Script::new();
    script.write(0, 1, 1, w(NodeId(0), 1));
    script.read(2, 2, 0, &[w(NodeId(0), 1)]);
    assert_eq!(script.finding(pram).code, "PRAM002");
}

#[test]
fn many_breaches_are_counted() {
    let mut script = Script::new();
    (0..13).for_each(|op| script.read(2, op, 0, &[w(NodeId(1), 7)]));
    let report = script.check(pram);
    assert_eq!((report.findings.len(), report.note.as_str()), (10, "not listed: 3 more of PRAM002"));
}

#[test]
fn what_cannot_be_told() {
    let mut script = Script::new();
    script.write(0, 1, 0, w(NodeId(0), 1));
    let unknown = |script: &Script| {
        let report = script.check(pram);
        assert_eq!(report.verdict, Verdict::Unknown, "{report:#?}");
        report.note
    };
    assert_eq!(unknown(&script), "no read was answered");
    script.write(1, 2, 0, w(NodeId(1), 1));
    script.read(2, 3, 0, &[w(NodeId(0), 1), w(NodeId(1), 1)]);
    let note = "read #3 of x by c2 returned several values, and keys are registers here";
    assert_eq!(unknown(&script), note);

    // If the delete happened, c0 should have seen it before y; if not, what did c2 read in the end?
    let mut script = Script::new();
    script.write(1, 1, 0, w(NodeId(1), 1));
    script.invoked(1, NodeId(1), 2, Action::Delete, 0);
    script.push(NodeId(1), What::Wrote { op: 2, write: w(NodeId(1), 2) });
    script.push(NodeId(1), What::TimedOut { op: 2 });
    script.write(1, 3, 1, w(NodeId(1), 3));
    script.read(2, 4, 0, &[w(NodeId(1), 1)]);
    script.read(2, 5, 0, &[]);
    assert_eq!(script.check(pram).verdict, Verdict::Holds);
    script.read(0, 6, 1, &[w(NodeId(1), 3)]);
    script.read(0, 7, 0, &[w(NodeId(1), 1)]);
    assert_eq!(unknown(&script), "whether deletes of unknown outcome happened decides about c2");
}
