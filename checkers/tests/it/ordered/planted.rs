//! One planted defect for each code in a recording made by hand, and the story that the finding should tell.

use kvsim_checkers::trace::{Action, Disk, Dot, Event, Header, Level, Levels, NodeId, Recording, What};
use kvsim_checkers::{Finding, NO_RERUN, Report, Verdict, ordered};

fn w(counter: u64) -> Dot {
    Dot::new(NodeId(0), 1, counter)
}

const FIFO: Level = Level::Fifo;
const PRIORITY: Level = Level::Priority;

/// A recording under construction: events a millisecond apart. Session `c0` writes at n0 to `P0log` and `P3alarm`;
/// what n1 shows is to be judged.
#[derive(Clone)]
struct Script(Recording);

impl Script {
    fn new() -> Script {
        let header = Header {
            nodes: 2,
            sessions: vec!["c0".into(), "c1".into()],
            keys: vec!["P0log".into(), "P3alarm".into()],
            priorities: vec![0, 3],
            kinds: vec!["update".into()],
            levels: Level::ALL.into_iter().collect(),
            end_ns: 100_000_000,
            ..Header::default()
        };
        Script(Recording { header, events: Vec::new() })
    }

    fn push(&mut self, node: NodeId, cause: u64, what: What) -> u64 {
        let number = self.0.events.len() as u64 + 1;
        self.0.events.push(Event { number, at_ns: number * 1_000_000, cause, node, what });
        number
    }

    fn levels(key: u32) -> Levels {
        if key == 0 {
            [Level::Eventual, FIFO, PRIORITY].into_iter().collect()
        } else {
            Level::ALL.into_iter().collect()
        }
    }

    /// The next write of n0, in place of earlier ones.
    fn write(&mut self, counter: u64, key: u32, instead: &[u64]) {
        let (op, level, action) = (counter as u32, FIFO, Action::Write);
        let invoked = What::Invoked { op, session: 0, action, key, value: 100 + counter, level, context: false };
        let cause = self.push(NodeId(0), 0, invoked);
        self.push(NodeId(0), cause, What::Wrote { op, write: w(counter) });
        self.push(NodeId(0), cause, What::Known { write: w(counter) });
        self.push(NodeId(0), cause, What::Visible { levels: Script::levels(key), write: w(counter) });
        for other in instead {
            self.push(NodeId(0), cause, What::Hidden { levels: Script::levels(key), write: w(*other) });
        }
        self.push(NodeId(0), cause, What::Answered { op });
    }

    /// A step of n1.
    fn step(&mut self, what: &[What]) {
        let cause = self.push(NodeId(1), 0, What::Delivered { kind: 0, id: 0, from: NodeId(0) });
        what.iter().for_each(|what| {
            self.push(NodeId(1), cause, *what);
        });
    }

    fn read(&mut self, op: u32, session: u32, key: u32, returned: &[u64]) {
        let (action, level) = (Action::Read, FIFO);
        let invoked = What::Invoked { op, session, action, key, value: 0, level, context: false };
        let cause = self.push(NodeId(1), 0, invoked);
        for counter in returned {
            self.push(NodeId(1), cause, What::Returned { op, write: w(*counter) });
        }
        self.push(NodeId(1), cause, What::Answered { op });
    }

    fn fifo(&self) -> Vec<Finding> {
        assert_eq!(self.0.validate(), Ok(()));
        ordered::check_fifo(&self.0).findings
    }

    fn priority(&self) -> Report {
        assert_eq!(self.0.validate(), Ok(()));
        ordered::check_priority(&self.0, NO_RERUN)
    }
}

fn known(counter: u64) -> What {
    What::Known { write: w(counter) }
}

fn visible(counter: u64, key: u32) -> What {
    What::Visible { levels: Script::levels(key), write: w(counter) }
}

fn hidden(counter: u64, key: u32) -> What {
    What::Hidden { levels: Script::levels(key), write: w(counter) }
}

/// The findings as a person would see them.
fn told(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        text.push_str(&format!("{}: {}\n", finding.code, finding.title));
        for line in &finding.evidence {
            text.push_str(&format!("{:>4} ms  {}\n", line.at_ns / 1_000_000, line.text));
        }
    }
    text
}

/// A log line and an alarm, written at n0.
fn log_and_alarm() -> Script {
    let mut script = Script::new();
    script.write(1, 0, &[]);
    script.write(2, 1, &[]);
    script
}

/// The levels that show an alarm without the log lines before it.
fn alarm(counter: u64) -> What {
    let levels = [Level::Eventual, Level::FifoP1, Level::FifoP2, Level::FifoP3, PRIORITY].into_iter().collect();
    What::Visible { levels, write: w(counter) }
}

fn at_fifo(counter: u64) -> What {
    What::Visible { levels: Levels::only(FIFO), write: w(counter) }
}

#[test]
fn a_write_is_shown_before_its_predecessor() {
    let mut script = log_and_alarm();
    script.step(&[known(2), visible(2, 1)]);
    script.step(&[known(1), visible(1, 0)]);
    let expected = "\
FIFO001: order: n1 shows P3alarm = 102 (#2 of c0, n0:2) at fifo before the earlier P0log = 101 (#1 of c0, n0:1) has arrived
   1 ms  c0 write  #1  P0log = 101  at n0   ok 0.005 s
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.010 s
  13 ms  n1 shows P3alarm = 102 (#2 of c0, n0:2)
  15 ms  n1 gets to know n0:1
";
    // Where only P3 counts, the alarm may be shown.
    assert_eq!(told(&script.fifo()), expected);
    assert_eq!(told(&script.priority().findings), expected.replace("FIFO", "PRIO"));
}

#[test]
fn a_version_disappears() {
    let mut script = log_and_alarm();
    script.step(&[known(1), visible(1, 0), known(2), visible(2, 1)]);
    script.step(&[hidden(2, 1)]);
    let expected = "\
FIFO002: stability: n1 no longer shows P3alarm = 102 (#2 of c0, n0:2) at fifo, fifo-p1, fifo-p2, fifo-p3, priority, though nothing had overwritten it
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.010 s
  15 ms  n1 shows n0:2 at eventual, fifo, fifo-p1, fifo-p2, fifo-p3, priority
  17 ms  n1 no longer shows n0:2 at eventual, fifo, fifo-p1, fifo-p2, fifo-p3, priority
 100 ms  not resolved by the end
";
    assert_eq!(told(&script.fifo()), expected);
    assert_eq!(told(&script.priority().findings), expected.replace("FIFO", "PRIO"));
}

#[test]
fn an_overwritten_version_is_back() {
    let mut script = Script::new();
    script.write(1, 1, &[]);
    script.write(2, 1, &[1]);
    script.step(&[known(1), visible(1, 1)]);
    script.step(&[known(2), visible(2, 1), hidden(1, 1)]);
    script.step(&[visible(1, 1)]);
    assert_eq!(told(&script.fifo()), "\
FIFO002: stability: n1 shows P3alarm = 101 (#1 of c0, n0:1) at fifo, fifo-p1, fifo-p2, fifo-p3, priority again, though P3alarm = 102 (#2 of c0, n0:2) had overwritten it
   1 ms  c0 write  #1  P3alarm = 101  at n0   ok 0.005 s
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.011 s
  14 ms  n1 shows n0:1 at eventual, fifo, fifo-p1, fifo-p2, fifo-p3, priority
  18 ms  n1 no longer shows n0:1 at eventual, fifo, fifo-p1, fifo-p2, fifo-p3, priority
  20 ms  n1 shows n0:1 at eventual, fifo, fifo-p1, fifo-p2, fifo-p3, priority
 100 ms  not resolved by the end
");
}

#[test]
fn a_session_moves_and_does_not_find_its_write() {
    let mut script = log_and_alarm();
    script.step(&[known(1), visible(1, 0)]);
    script.read(3, 1, 1, &[]);
    script.read(4, 0, 1, &[]);
    assert_eq!(
        told(&script.fifo()),
        "\
FIFO003: #4 at n1 reads none at fifo, without its session's own P3alarm = 102 (#2 of c0, n0:2)
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.010 s
  16 ms  c0 read   #4  P3alarm -> none  at n1   ok 0.017 s
"
    );
    assert!(script.priority().findings.is_empty(), "what n1 shows is right, only it is not what the session needs");
}

#[test]
fn an_alarm_waits_for_a_log_line() {
    let mut script = log_and_alarm();
    script.step(&[known(2), What::Visible { levels: Levels::only(Level::Eventual), write: w(2) }]);
    script.step(&[known(1), visible(1, 0), alarm(2), at_fifo(2)]);
    assert!(script.fifo().is_empty());
    let report = script.priority();
    assert_eq!(told(&report.findings), "\
PRIO003: priority inversion (promptness): n1 reflects P3alarm = 102 (#2 of c0, n0:2) at fifo-p1, fifo-p2, fifo-p3, priority only 0.005 s after all that it needs has arrived
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.010 s
  13 ms  n1 has n0:2 and all that it needs; what is missing, P0log = 101 (#1 of c0, n0:1), has P0 only
  18 ms  n1 recovers
");
    assert_eq!(report.note, "priority inversions: 1, 0.005 s in all, the longest 0.005 s");
}

#[test]
fn an_alarm_is_never_shown() {
    let mut script = log_and_alarm();
    script.step(&[known(2), What::Visible { levels: Levels::only(Level::Eventual), write: w(2) }]);
    let report = script.priority();
    assert_eq!(told(&report.findings), "\
PRIO004: priority inversion (liveness): n1 never reflects P3alarm = 102 (#2 of c0, n0:2) at fifo-p1, fifo-p2, fifo-p3, priority, though all that it needs has arrived
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.010 s
  13 ms  n1 has n0:2 and all that it needs; what is missing, P0log = 101 (#1 of c0, n0:1), has P0 only
 100 ms  not resolved by the end
");
}

#[test]
fn room_runs_out() {
    // n1 may let the alarm wait as long as it has not asked for it again, but not for ever.
    let mut script = log_and_alarm();
    let overflowed = What::Overflowed { levels: Levels::only(FIFO), write: w(2) };
    script.step(&[known(2), alarm(2), overflowed]);
    script.step(&[known(1), visible(1, 0)]);
    assert!(script.priority().findings.is_empty());
    let mut asked_again = script.clone();
    asked_again.step(&[at_fifo(2)]);
    assert!(asked_again.priority().findings.is_empty());
    script.0.header.settling_from_ns = Some(20_000_000);
    let codes: Vec<String> = script.priority().findings.into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["PRIO004"]);
}

/// What `priority` says with this second run.
fn compared(first: &Recording, second: &Recording) -> Report {
    ordered::check_priority(first, &|below| {
        assert_eq!(below, 3);
        Some(second.clone())
    })
}

#[test]
fn what_becomes_of_a_log_line_decides_about_an_alarm() {
    let mut script = log_and_alarm();
    let mut second = script.clone();
    script.step(&[known(2), alarm(2)]);
    script.step(&[known(1), visible(1, 0), at_fifo(2)]);
    let compared = |second: Script| compared(&script.0, &second.0);

    // Loss of the log line makes n1 wait for the alarm until it is repaired.
    let mut waits = second.clone();
    waits.step(&[]);
    waits.step(&[known(1), visible(1, 0), known(2), alarm(2), at_fifo(2)]);
    assert_eq!(told(&compared(waits).findings), "\
PRIO005: priority inversion: n1 begins to show P3alarm = 102 (#2 of c0, n0:2) at fifo-p3 at 0.013 s here, but not when the messages of writes below P3 meet other fates
  13 ms  this run: n1 begins to show P3alarm = 102 (#2 of c0, n0:2) at fifo-p3
  16 ms  other fates below P3: n1 begins to show P3alarm = 102 (#2 of c0, n0:2) at fifo-p3
");

    // Only the log line comes at another time.
    let gain = "14 versions shown in time at ordered levels; 1 of 1 writes above P0 of other replicas shown sooner than at fifo, by \
                0.004 s on average over all, at most 0.004 s; with other fates of lower writes, "
        .to_owned();
    second.step(&[known(2), alarm(2)]);
    assert_eq!(compared(second).note, gain.clone() + "P3: 4 moments the same");
    assert_eq!(compared(script.clone()).note, gain.clone() + "P3: the second run was no different");
    assert_eq!(script.priority().note, gain.clone() + "P3: no second run to compare with");
    let mut asks_later = script.clone();
    asks_later.0.events.iter_mut().for_each(|event| event.at_ns += 1);
    assert_eq!(compared(asks_later).note, gain + "P3: sessions asked for other writes in the second run");
}

/// Two alarms of n0, both overwriting nothing, and the second one at n1, which misses the first.
fn first_alarm_missing(second_reaches: &[What]) -> Script {
    let mut script = Script::new();
    script.0.header.nodes = 3;
    script.0.header.keys.push("P3smoke".into());
    script.0.header.priorities.push(3);
    script.write(1, 1, &[]);
    script.write(2, 2, &[]);
    script.step(second_reaches);
    script
}

fn eventually(counter: u64) -> What {
    What::Visible { levels: Levels::only(Level::Eventual), write: w(counter) }
}

fn but_eventually(counter: u64, key: u32) -> What {
    What::Visible { levels: Script::levels(key).without(Levels::only(Level::Eventual)), write: w(counter) }
}

#[test]
fn a_write_that_went_with_its_disk_is_passed_over() {
    let mut script = first_alarm_missing(&[known(2), eventually(2)]);
    script.push(NodeId(0), 0, What::Down { disk: Disk::Lost });
    // Nobody has to know that at once, but in the end.
    let mut never = script.clone();
    assert!(script.fifo().is_empty() && script.priority().findings.is_empty());
    script.step(&[but_eventually(2, 2)]);
    assert!(script.fifo().is_empty());
    assert_eq!(script.priority().verdict, Verdict::Holds);
    assert!(script.priority().note.ends_with("non-interference is not judged, since nodes went down"));
    never.0.header.settling_from_ns = Some(20_000_000);
    assert_eq!(
        told(&never.priority().findings).lines().next(),
        Some(
            "PRIO004: priority inversion (liveness): n1 never reflects P3smoke = 102 (#2 of c0, n0:2) at fifo, \
             fifo-p1, fifo-p2, fifo-p3, priority, though all that it needs has arrived"
        )
    );
}

#[test]
fn a_write_that_somebody_has_is_passed_over() {
    let mut script = first_alarm_missing(&[known(2), eventually(2)]);
    let cause = script.push(NodeId(2), 0, What::Delivered { kind: 0, id: 0, from: NodeId(0) });
    script.push(NodeId(2), cause, known(1));
    script.push(NodeId(2), cause, visible(1, 1));
    script.push(NodeId(0), 0, What::Down { disk: Disk::Lost });
    script.step(&[but_eventually(2, 2)]);
    assert_eq!(told(&script.fifo()), "\
FIFO001: order: n1 shows P3smoke = 102 (#2 of c0, n0:2) at fifo, fifo-p1, fifo-p2, fifo-p3, priority before the earlier P3alarm = 101 (#1 of c0, n0:1) has arrived
   1 ms  c0 write  #1  P3alarm = 101  at n0   ok 0.005 s
   6 ms  c0 write  #2  P3smoke = 102  at n0   ok 0.010 s
  19 ms  n2 knows it then
  19 ms  n1 shows P3smoke = 102 (#2 of c0, n0:2)
");
}

#[test]
fn a_write_that_was_given_up_comes_after_all() {
    let mut script = first_alarm_missing(&[known(2), eventually(2)]);
    script.push(NodeId(0), 0, What::Down { disk: Disk::Lost });
    script.step(&[but_eventually(2, 2)]);
    let cause = script.push(NodeId(2), 0, What::Delivered { kind: 0, id: 0, from: NodeId(0) });
    script.push(NodeId(2), cause, known(1));
    script.push(NodeId(2), cause, visible(1, 1));
    let expected = "\
FIFO001: order: n1 shows P3smoke = 102 (#2 of c0, n0:2) at fifo, fifo-p1, fifo-p2, fifo-p3, priority, but does not reflect the earlier P3alarm = 101 (#1 of c0, n0:1)
   1 ms  c0 write  #1  P3alarm = 101  at n0   ok 0.005 s
  16 ms  n1 shows P3smoke = 102 (#2 of c0, n0:2)
  19 ms  P3alarm = 101 (#1 of c0, n0:1), which seemed to be lost with every disk, is there after all
 100 ms  not resolved by the end
";
    assert_eq!(told(&script.fifo()), expected);
    assert_eq!(told(&script.priority().findings), expected.replace("FIFO", "PRIO"));
}

#[test]
fn a_restart_forgets_what_the_disk_has() {
    let mut script = log_and_alarm();
    script.step(&[known(1), visible(1, 0), known(2), visible(2, 1)]);
    let down = script.push(NodeId(1), 0, What::Down { disk: Disk::Kept });
    let mut forgotten = script.clone();
    forgotten.push(NodeId(1), down, What::Forgot { write: w(2), promised: false });
    for (script, code) in [(&mut script, Some("FIFO002")), (&mut forgotten, None)] {
        let cause = script.push(NodeId(1), 0, What::Up { incarnation: 1 });
        script.push(NodeId(1), cause, known(1));
        script.push(NodeId(1), cause, visible(1, 0));
        let codes: Vec<String> = script.fifo().into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes.first().map(String::as_str), code);
    }
}

#[test]
fn an_empty_replica_serves() {
    // c1 has read the alarm at n1. Without its disk n1 need not know it again, but what n0 has it could have got.
    let mut script = log_and_alarm();
    script.step(&[known(1), visible(1, 0), known(2), visible(2, 1)]);
    script.read(3, 1, 1, &[2]);
    script.push(NodeId(1), 0, What::Down { disk: Disk::Lost });
    let mut nobody_else = script.clone();
    nobody_else.push(NodeId(0), 0, What::Down { disk: Disk::Kept });
    for (script, code) in [(&mut script, Some("FIFO002")), (&mut nobody_else, None)] {
        script.push(NodeId(1), 0, What::Up { incarnation: 2 });
        script.read(4, 1, 1, &[]);
        let codes: Vec<String> = script.fifo().into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes.first().map(String::as_str), code);
    }
}

#[test]
fn a_name_that_was_given_again_is_not_judged() {
    let mut script = log_and_alarm();
    let down = script.push(NodeId(0), 0, What::Down { disk: Disk::TailLost });
    script.push(NodeId(0), down, What::Forgot { write: w(2), promised: true });
    let up = script.push(NodeId(0), 0, What::Up { incarnation: 1 });
    script.push(NodeId(0), up, known(1));
    script.push(NodeId(0), up, visible(1, 0));
    assert_eq!(ordered::check_fifo(&script.0).verdict, Verdict::Holds);
    let (level, action) = (FIFO, Action::Write);
    let invoked = What::Invoked { op: 9, session: 0, action, key: 1, value: 109, level, context: false };
    let cause = script.push(NodeId(0), 0, invoked);
    script.push(NodeId(0), cause, What::Wrote { op: 9, write: w(2) });
    for report in [ordered::check_fifo(&script.0), script.priority()] {
        assert_eq!(report.verdict, Verdict::Unknown);
        assert_eq!(report.note, "a disk broke its promise, and n0:2 then became the name of a second write");
    }
}

#[test]
fn a_session_that_waits_for_log_lines_is_not_the_stores_fault() {
    // c1 reads the alarm at `fifo`, where it waits for the log line, and switches off what it has read.
    let run = |at_fifo_in_time: bool| {
        let mut script = log_and_alarm();
        script.step(&[known(2), alarm(2)]);
        let log_line = [known(1), visible(1, 0), at_fifo(2)];
        script.step(if at_fifo_in_time { &log_line } else { &[] });
        script.0.events.truncate(if at_fifo_in_time { 17 } else { 14 });
        let mut number = 20;
        let mut push = |script: &mut Script, cause, what| {
            number += 1;
            script.0.events.push(Event { number, at_ns: number * 1_000_000, cause, node: NodeId(1), what });
            number
        };
        let write = Dot::new(NodeId(1), 1, 1);
        let (session, key, level) = (1, 1, FIFO);
        let read = What::Invoked { op: 3, session, action: Action::Read, key, value: 0, level, context: false };
        let cause = push(&mut script, 0, read);
        if at_fifo_in_time {
            push(&mut script, cause, What::Returned { op: 3, write: w(2) });
        } else {
            push(&mut script, cause, What::TimerFired);
        }
        push(&mut script, cause, What::Answered { op: 3 });
        let off = What::Invoked { op: 4, session, action: Action::Delete, key, value: 104, level, context: true };
        let cause = push(&mut script, 0, off);
        push(&mut script, cause, What::Wrote { op: 4, write });
        push(&mut script, cause, What::Known { write });
        if at_fifo_in_time {
            push(&mut script, cause, hidden(2, 1));
        }
        script
    };
    let report = compared(&run(true).0, &run(false).0);
    assert_eq!(report.findings, []);
    let note = "P3: 4 moments the same (2 left out, of keys written after reads at lower levels)";
    assert!(report.note.ends_with(note), "{}", report.note);
}
