//! One planted defect for each code in a recording made by hand, and the story that the finding should tell.

use kvsim_checkers::trace::{
    Action, Conflict, Dot, Event, FaultName, Header, Level, Levels, LostBy, NodeId, Recording, What,
};
use kvsim_checkers::{Finding, Report, Verdict, convergence};

const EVENTUAL: Level = Level::Eventual;

fn w(node: NodeId, counter: u64) -> Dot {
    Dot::new(node, 1, counter)
}

/// A recording under construction: events a millisecond apart.
struct Script(Recording);

impl Script {
    fn new() -> Script {
        let header = Header {
            nodes: 2,
            sessions: vec!["c0".into(), "c1".into()],
            keys: vec!["x".into()],
            kinds: vec!["update".into()],
            faults: vec![FaultName { name: "partition[0]".into(), place: "first-run.toml:14".into(), node: None }],
            settling_from_ns: Some(100_000_000),
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

    /// Session `c<node>` asks `n<node>`.
    fn invoked(&mut self, node: NodeId, op: u32, action: Action, context: bool) -> u64 {
        let value = if action == Action::Read { 0 } else { 100 + u64::from(op) };
        let session = u32::from(node.0);
        self.push(node, 0, What::Invoked { op, session, action, key: 0, value, level: EVENTUAL, context })
    }

    /// A write at `node`, taken in, shown there in place of `instead`, acknowledged.
    fn write(&mut self, node: NodeId, op: u32, write: Dot, instead: &[Dot]) -> u64 {
        let cause = self.invoked(node, op, Action::Write, true);
        self.push(node, cause, What::Wrote { op, write });
        self.learns(node, cause, write, instead);
        self.push(node, cause, What::Answered { op });
        cause
    }

    fn learns(&mut self, node: NodeId, cause: u64, write: Dot, instead: &[Dot]) {
        self.push(node, cause, What::Known { write });
        self.push(node, cause, What::Visible { levels: Levels::only(EVENTUAL), write });
        for write in instead {
            self.push(node, cause, What::Hidden { levels: Levels::only(EVENTUAL), write: *write });
        }
    }

    fn read(&mut self, node: NodeId, op: u32, returned: &[Dot]) {
        let cause = self.invoked(node, op, Action::Read, false);
        for write in returned {
            self.push(node, cause, What::Returned { op, write: *write });
        }
        self.push(node, cause, What::Answered { op });
    }

    fn holds(&mut self, node: NodeId, write: Dot) {
        self.push(node, 0, What::Holds { level: EVENTUAL, key: 0, write });
    }

    /// The report and its only finding.
    fn finding(self) -> Finding {
        assert_eq!(self.0.validate(), Ok(()));
        let report = convergence::check(&self.0);
        assert_eq!(report.verdict, Verdict::Violated);
        assert_eq!(report.findings.len(), 1, "{report:#?}");
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

#[test]
fn the_versions_shown_depend_on_the_order_of_arrival() {
    let mut script = Script::new();
    script.0.header.settling_from_ns = None;
    script.write(NodeId(0), 1, w(NodeId(0), 1), &[]);
    script.write(NodeId(1), 2, w(NodeId(1), 1), &[]);
    script.learns(NodeId(0), 9, w(NodeId(1), 1), &[]);
    script.push(NodeId(1), 4, What::Known { write: w(NodeId(0), 1) });
    for write in [w(NodeId(0), 1), w(NodeId(1), 1)] {
        script.holds(NodeId(0), write);
    }
    script.holds(NodeId(1), w(NodeId(1), 1));
    let finding = script.finding();
    assert_eq!((finding.at_ns, &finding.events[..], &finding.ops[..]), (13_000_000, &[12, 13][..], &[1][..]));
    let expected = "\
CONV001: n0 and n1 knew the same 2 writes of x, but showed {101, 102} and 102
   1 ms  c0 write  #1  x = 101  at n0   ok 0.005 s
  12 ms  n0 knows 2 writes of x and shows {101, 102}
  13 ms  n1 knows 2 writes of x and shows 102
";
    assert_eq!(told(&finding), expected);
}

#[test]
fn an_update_is_lost_and_never_repeated() {
    let mut script = Script::new();
    let cause = script.write(NodeId(0), 17, w(NodeId(0), 1), &[]);
    let sent = script.push(NodeId(0), cause, What::Sent { kind: 0, id: 117, bytes: 64, copies: 1 });
    script.push(NodeId(0), sent, What::Lost { kind: 0, id: 117, to: NodeId(1), by: LostBy::Fault(0) });
    script.holds(NodeId(0), w(NodeId(0), 1));
    let finding = script.finding();
    assert_eq!((&finding.events[..], &finding.ops[..]), (&[2, 3][..], &[17][..]));
    let expected = "\
CONV002: n1 does not know x = 117 (#17 of c0, n0:1), which n0 holds at the end
   1 ms  c0 write  #17  x = 117  at n0   ok 0.005 s
   3 ms  n0 knows it
   7 ms  n0 -> n1  update 117  lost (partition[0], first-run.toml:14)
";
    assert_eq!(told(&finding), expected);
}

#[test]
fn replicas_that_know_the_same_differ_at_the_end() {
    let mut script = Script::new();
    script.write(NodeId(0), 1, w(NodeId(0), 1), &[]);
    script.write(NodeId(0), 2, w(NodeId(0), 2), &[w(NodeId(0), 1)]);
    // n1 learns the two in one step and the other way round, and shows the wrong one.
    script.push(NodeId(1), 4, What::Known { write: w(NodeId(0), 2) });
    script.learns(NodeId(1), 4, w(NodeId(0), 1), &[]);
    script.holds(NodeId(0), w(NodeId(0), 2));
    script.holds(NodeId(1), w(NodeId(0), 1));
    let codes: Vec<String> = convergence::check(&script.0).findings.into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["CONV001", "CONV002", "CONV003", "CONV004"]);
    let report = convergence::check(&script.0);
    assert_eq!(
        report.findings[1].title,
        "the holders of x differ at the end: n1 holds x = 101 (#1 of c0, n0:1), n0 does not"
    );
}

#[test]
fn an_acknowledged_write_disappears() {
    let mut script = Script::new();
    script.write(NodeId(0), 1, w(NodeId(0), 1), &[]);
    script.learns(NodeId(1), 4, w(NodeId(0), 1), &[]);
    script.write(NodeId(1), 2, w(NodeId(1), 1), &[w(NodeId(0), 1)]);
    // c1 had not read x: its write may stand beside the other, but not replace it.
    script.learns(NodeId(0), 9, w(NodeId(1), 1), &[w(NodeId(0), 1)]);
    script.holds(NodeId(0), w(NodeId(1), 1));
    script.holds(NodeId(1), w(NodeId(1), 1));
    let expected = "\
CONV003: the acknowledged write x = 101 (#1 of c0, n0:1) is lost: n0, n1 do not hold it at the end, \
and no other write had seen it
   1 ms  c0 write  #1  x = 101  at n0   ok 0.005 s
  12 ms  n1 no longer shows it
  16 ms  n0 no longer shows it
";
    assert_eq!(told(&script.finding()), expected);
}

/// n1's session reads what n0 wrote and overwrites it; n0 gets to know that and goes on showing its own.
fn resurrected(overwrites: Conflict, action: Action) -> Finding {
    let mut script = Script::new();
    script.0.header.conflict = overwrites;
    // n1 takes the write out of a message that shows it only in passing.
    script.write(NodeId(0), 1, w(NodeId(0), 1), &[]);
    script.learns(NodeId(1), 4, w(NodeId(0), 1), &[]);
    script.read(NodeId(1), 2, &[w(NodeId(0), 1)]);
    let cause = script.invoked(NodeId(1), 3, action, true);
    script.push(NodeId(1), cause, What::Wrote { op: 3, write: w(NodeId(1), 1) });
    script.push(NodeId(1), cause, What::Known { write: w(NodeId(1), 1) });
    script.push(NodeId(1), cause, What::Answered { op: 3 });
    script.push(NodeId(0), 12, What::Known { write: w(NodeId(1), 1) });
    for node in [0, 1] {
        script.holds(NodeId(node), w(NodeId(0), 1));
    }
    let report = convergence::check(&script.0);
    let of_n0 = report.findings.into_iter().find(|finding| finding.code == "CONV004");
    of_n0.expect("the old version is back")
}

#[test]
fn an_overwritten_version_stays() {
    let finding = resurrected(Conflict::Causal, Action::Delete);
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
    assert_eq!(told(&finding), expected);
    let finding = resurrected(Conflict::LastWriterWins, Action::Delete);
    assert!(told(&finding).contains("#3  x  at n1   ok 0.014 s   at n1, which had it\n"), "{}", told(&finding));
}

#[test]
fn a_read_does_not_return_what_was_announced() {
    let mut script = Script::new();
    script.0.header.nodes = 1;
    script.write(NodeId(0), 1, w(NodeId(0), 1), &[]);
    script.read(NodeId(0), 2, &[]);
    script.holds(NodeId(0), w(NodeId(0), 1));
    let expected = "\
CONV005: n0 returned x = none, but had announced to show 101
   3 ms  n0 knows n0:1
   4 ms  n0 shows n0:1
   6 ms  c0 read   #2  x -> none  at n0   ok 0.007 s
";
    assert_eq!(told(&script.finding()), expected);
}

#[test]
fn a_level_falls_behind_for_ever() {
    let levels = [Level::Eventual, Level::Fifo];
    let mut script = Script::new();
    script.0.header.nodes = 1;
    script.0.header.levels = levels.into_iter().collect();
    for (op, write) in [(1, w(NodeId(0), 1)), (2, w(NodeId(0), 2))] {
        let cause = script.invoked(NodeId(0), op, Action::Write, true);
        script.push(NodeId(0), cause, What::Wrote { op, write });
        script.push(NodeId(0), cause, What::Known { write });
        let levels = if op == 1 { levels.into_iter().collect() } else { Levels::only(EVENTUAL) };
        script.push(NodeId(0), cause, What::Visible { levels, write });
        script.push(NodeId(0), cause, What::Answered { op });
    }
    script.push(NodeId(0), 6, What::Hidden { levels: Levels::only(EVENTUAL), write: w(NodeId(0), 1) });
    script.holds(NodeId(0), w(NodeId(0), 2));
    script.push(NodeId(0), 0, What::Holds { level: Level::Fifo, key: 0, write: w(NodeId(0), 1) });
    let finding = script.finding();
    assert_eq!((&finding.events[..], &finding.ops[..]), (&[12, 13][..], &[1, 2][..]));
    let expected = "\
CONV006: at the end n0 shows x at fifo otherwise than at eventual
   1 ms  c0 write  #1  x = 101  at n0   ok 0.005 s
   6 ms  c0 write  #2  x = 102  at n0   ok 0.010 s
 200 ms  n0 holds x = 101 at fifo, but 102 at eventual
";
    assert_eq!(told(&finding), expected);
}

#[test]
fn what_is_announced_and_read_at_other_levels_is_compared_too() {
    let levels = [Level::Eventual, Level::Fifo];
    let mut script = Script::new();
    script.0.header.nodes = 1;
    let cause = script.invoked(NodeId(0), 1, Action::Write, true);
    script.push(NodeId(0), cause, What::Wrote { op: 1, write: w(NodeId(0), 1) });
    script.push(NodeId(0), cause, What::Known { write: w(NodeId(0), 1) });
    script.push(NodeId(0), cause, What::Visible { levels: levels.into_iter().collect(), write: w(NodeId(0), 1) });
    script.push(NodeId(0), cause, What::Answered { op: 1 });
    let read =
        What::Invoked { op: 2, session: 0, action: Action::Read, key: 0, value: 0, level: Level::Fifo, context: false };
    let cause = script.push(NodeId(0), 0, read);
    script.push(NodeId(0), cause, What::Answered { op: 2 });
    script.holds(NodeId(0), w(NodeId(0), 1));
    script.push(NodeId(0), 0, What::Holds { level: Level::Fifo, key: 0, write: w(NodeId(0), 1) });
    let expected = "\
CONV005: n0 returned x = none at fifo, but had announced to show 101
   3 ms  n0 knows n0:1
   4 ms  n0 shows n0:1 at eventual, fifo
   6 ms  c0 read   #2  x -> none  at n0   ok 0.007 s
";
    assert_eq!(told(&script.finding()), expected);
}

#[test]
fn replicas_contradict_themselves() {
    let cases: [(What, &str); 6] = [
        (What::Known { write: w(NodeId(0), 1) }, "n0 says a second time that it got to know x = 101"),
        (What::Visible { levels: Levels::only(EVENTUAL), write: w(NodeId(0), 1) }, "n0 says that it shows x = 101"),
        (
            What::Hidden { levels: Levels::only(Level::FifoP2), write: w(NodeId(0), 1) },
            "n0 says that it no longer shows x = 101 (#1 of c0, n0:1) at fifo-p2, but it did not show it",
        ),
        (
            What::Hidden { levels: Levels::only(EVENTUAL), write: w(NodeId(0), 2) },
            "n0 names the write n0:2, which no operation",
        ),
        (What::Wrote { op: 1, write: w(NodeId(0), 1) }, "the name n0:1 does not belong to one write alone"),
        (What::Holds { level: EVENTUAL, key: 0, write: w(NodeId(0), 1) }, "at the end n0 holds x = {101, 101}"),
    ];
    for (what, title) in cases {
        let mut script = Script::new();
        script.0.header.nodes = 1;
        script.write(NodeId(0), 1, w(NodeId(0), 1), &[]);
        script.push(NodeId(0), 0, what);
        script.holds(NodeId(0), w(NodeId(0), 1));
        let finding = script.finding();
        assert_eq!(finding.code, "CONV005");
        assert!(finding.title.starts_with(title), "{}", finding.title);
    }
}

#[test]
fn a_read_that_others_served_is_not_compared() {
    let mut script = Script::new();
    script.0.header.nodes = 1;
    script.write(NodeId(0), 1, w(NodeId(0), 1), &[]);
    script.invoked(NodeId(0), 2, Action::Read, false);
    script.push(NodeId(0), 3, What::Answered { op: 2 });
    script.holds(NodeId(0), w(NodeId(0), 1));
    let report = convergence::check(&script.0);
    assert_eq!(report.verdict, Verdict::Holds, "{report:#?}");
    let note = "1 acknowledged writes at 1 replicas: 0 states and 1 reads and snapshots compared; \
                settled 0.000 s after the workload";
    assert_eq!(report.note, note);
}

#[test]
fn nothing_acknowledged_is_unknown() {
    let mut script = Script::new();
    let cause = script.invoked(NodeId(0), 1, Action::Write, false);
    script.push(NodeId(0), cause, What::TimedOut { op: 1 });
    let report = convergence::check(&script.0);
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::Unknown, "no write was acknowledged"));
}

#[test]
fn ten_thousand_missing_writes_make_a_short_report() {
    let mut script = Script::new();
    script.0.header.end_ns = 1_000_000_000_000;
    script.0.header.settling_from_ns = Some(script.0.header.end_ns);
    for number in 1..=10_000 {
        // Nothing is overwritten: one origin for each write, so that all stay side by side.
        let write = Dot::new(NodeId(0), number, 1);
        script.write(NodeId(0), u32::from(number), write, &[]);
    }
    for number in 1..=10_000 {
        script.holds(NodeId(0), Dot::new(NodeId(0), number, 1));
    }
    script.read(NodeId(0), 20_000, &[]);
    let report = convergence::check(&script.0);
    assert_eq!(report.findings.len(), Report::FINDINGS_MAX);
    assert_eq!(report.note, "not listed: 9990 more of CONV002, 1 more of CONV005");
    assert!(format!("{report:?}").len() < 20_000);
}
