//! One planted defect for each code in a recording made by hand, and the story that the finding should tell.

use kvsim_checkers::trace::{Header, Level, Recording};
use kvsim_checkers::{Finding, NO_RERUN, Report, Verdict, ordered};

use crate::script::{self, Script, text};

/// Two replicas at which sessions write to keys of the least and the greatest priority.
fn script(text: &str) -> Script {
    let header = Header {
        nodes: 2,
        keys: vec!["P0log".into(), "P3alarm".into()],
        priorities: vec![0, 3],
        levels: Level::ALL.into_iter().collect(),
        end_ns: 100_000_000,
        ..script::header()
    };
    Script::new(header, text)
}

/// A log line and an alarm, written at n0.
fn log_and_alarm() -> Script {
    script(
        "c0 writes P0log #1 at fifo, is n0:1, knows n0:1, shows n0:1, ok
         c0 writes P3alarm #2 at fifo, is n0:2, knows n0:2, shows n0:2, ok",
    )
}

fn fifo(script: &Script) -> Vec<Finding> {
    assert_eq!(script.0.validate(), Ok(()));
    ordered::FIFO.judge(&script.0, NO_RERUN).findings
}

fn priority(script: &Script) -> Report {
    assert_eq!(script.0.validate(), Ok(()));
    ordered::PRIORITY.judge(&script.0, NO_RERUN)
}

#[test]
fn a_write_is_shown_before_its_predecessor() {
    let mut script = log_and_alarm();
    script.add(
        "n1 gets 0 of n0, knows n0:2, shows n0:2
         n1 gets 0 of n0, knows n0:1, shows n0:1",
    );
    let expected = "\
FIFO001: order: n1 shows P3alarm = 102 (#2 of c0, n0:2) at fifo before the earlier P0log = 101 (#1 of c0, n0:1) has arrived
   1 ms  c0 write  #1  P0log = 101  at n0   ok 0.005 s
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.010 s
  13 ms  n1 shows P3alarm = 102 (#2 of c0, n0:2)
  15 ms  n1 gets to know n0:1
";
    // Where only P3 counts, the alarm may be shown.
    assert_eq!(text(&fifo(&script)), expected);
    assert_eq!(text(&priority(&script).findings), expected.replace("FIFO", "PRIO"));
}

/// A read that reaches its replica late is one of what the replica shows then.
#[test]
fn a_read_is_compared_with_the_state_that_it_reached() {
    let read = |returns: &str| {
        let mut script = log_and_alarm();
        script.add(&format!("c1 reads P3alarm #3 at n1 at fifo\nn1 gets 0 of n0, knows n0:1, shows n0:1, knows n0:2, shows n0:2\nn1 reaches #3{returns}, ok"));
        fifo(&script).len()
    };
    assert_eq!(read(", returns n0:2"), 0);
    assert_eq!(read(""), 1);
}

#[test]
fn a_version_disappears() {
    let mut script = log_and_alarm();
    script.add(
        "n1 gets 0 of n0, knows n0:1, shows n0:1, knows n0:2, shows n0:2
         n1 gets 0 of n0, hides n0:2",
    );
    let expected = "\
FIFO002: stability: n1 no longer shows P3alarm = 102 (#2 of c0, n0:2) at fifo, fifo-p1, fifo-p2, fifo-p3, priority, though nothing had overwritten it
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.010 s
  15 ms  n1 shows n0:2 at eventual, fifo, fifo-p1, fifo-p2, fifo-p3, priority
  17 ms  n1 no longer shows n0:2 at eventual, fifo, fifo-p1, fifo-p2, fifo-p3, priority
 100 ms  not resolved by the end
";
    assert_eq!(text(&fifo(&script)), expected);
    assert_eq!(text(&priority(&script).findings), expected.replace("FIFO", "PRIO"));
}

#[test]
fn an_overwritten_version_is_back() {
    let mut script = script("");
    script.add(
        "c0 writes P3alarm #1 at fifo, is n0:1, knows n0:1, shows n0:1, ok
         c0 writes P3alarm #2 at fifo, is n0:2, knows n0:2, shows n0:2, hides n0:1, ok
         n1 gets 0 of n0, knows n0:1, shows n0:1
         n1 gets 0 of n0, knows n0:2, shows n0:2, hides n0:1
         n1 gets 0 of n0, shows n0:1",
    );
    assert_eq!(text(&fifo(&script)), "\
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
    script.add(
        "n1 gets 0 of n0, knows n0:1, shows n0:1
         c1 reads P3alarm #3 at n1 at fifo, ok
         c0 reads P3alarm #4 at n1 at fifo, ok",
    );
    assert_eq!(
        text(&fifo(&script)),
        "\
FIFO003: #4 at n1 reads none at fifo, without its session's own P3alarm = 102 (#2 of c0, n0:2)
   6 ms  c0 write  #2  P3alarm = 102  at n0   ok 0.010 s
  16 ms  c0 read   #4  P3alarm -> none  at n1   ok 0.017 s
"
    );
    assert!(priority(&script).findings.is_empty(), "what n1 shows is right, only it is not what the session needs");
}

#[test]
fn an_alarm_waits_for_a_log_line() {
    let mut script = log_and_alarm();
    script.add(
        "n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual
         n1 gets 0 of n0, knows n0:1, shows n0:1, shows n0:2 at eventual fifo-p1 fifo-p2 fifo-p3 priority, shows n0:2 at fifo",
    );
    assert!(fifo(&script).is_empty());
    let report = priority(&script);
    assert_eq!(text(&report.findings), "\
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
    script.add("n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual");
    let report = priority(&script);
    assert_eq!(text(&report.findings), "\
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
    script.add(
        "n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual fifo-p1 fifo-p2 fifo-p3 priority, drops n0:2 at fifo
         n1 gets 0 of n0, knows n0:1, shows n0:1",
    );
    assert!(priority(&script).findings.is_empty());
    let mut asked_again = script.clone();
    asked_again.add("n1 gets 0 of n0, shows n0:2 at fifo");
    assert!(priority(&asked_again).findings.is_empty());
    script.0.header.settling_from_ns = Some(20_000_000);
    let codes: Vec<String> = priority(&script).findings.into_iter().map(|finding| finding.code).collect();
    assert_eq!(codes, ["PRIO004"]);
}

/// What `priority` says with this second run.
fn compared(first: &Recording, second: &Recording) -> Report {
    ordered::PRIORITY.judge(first, &|below| {
        assert_eq!(below, 3);
        Some(second.clone())
    })
}

#[test]
fn what_becomes_of_a_log_line_decides_about_an_alarm() {
    let mut script = log_and_alarm();
    let mut second = script.clone();
    script.add(
        "n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual fifo-p1 fifo-p2 fifo-p3 priority
         n1 gets 0 of n0, knows n0:1, shows n0:1, shows n0:2 at fifo",
    );
    let compared = |second: Script| compared(&script.0, &second.0);

    // Loss of the log line makes n1 wait for the alarm until it is repaired.
    let mut waits = second.clone();
    waits.add(
        "n1 gets 0 of n0
         n1 gets 0 of n0, knows n0:1, shows n0:1, knows n0:2, shows n0:2 at eventual fifo-p1 fifo-p2 fifo-p3 priority, shows n0:2 at fifo",
    );
    assert_eq!(text(&compared(waits).findings), "\
PRIO005: priority inversion: n1 begins to show P3alarm = 102 (#2 of c0, n0:2) at fifo-p3 at 0.013 s here, but not when the messages of writes below P3 meet other fates
  13 ms  this run: n1 begins to show P3alarm = 102 (#2 of c0, n0:2) at fifo-p3
  16 ms  other fates below P3: n1 begins to show P3alarm = 102 (#2 of c0, n0:2) at fifo-p3
");

    // Only the log line comes at another time.
    let gain = "14 versions shown in time at ordered levels; 1 of 1 writes above P0 of other replicas shown sooner than at fifo, by \
                0.004 s on average over all, at most 0.004 s; with other fates of lower writes, "
        .to_owned();
    second.add("n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual fifo-p1 fifo-p2 fifo-p3 priority");
    assert_eq!(compared(second).note, gain.clone() + "P3: 4 moments the same");
    assert_eq!(compared(script.clone()).note, gain.clone() + "P3: the second run was no different");
    assert_eq!(priority(&script).note, gain.clone() + "P3: no second run to compare with");
    let mut asks_later = script.clone();
    asks_later.0.events.iter_mut().for_each(|event| event.at_ns += 1);
    assert_eq!(compared(asks_later).note, gain + "P3: sessions asked for other writes in the second run");
}

/// A session that read at another time in the second run may go on otherwise: what it writes then is not compared.
#[test]
fn what_a_session_wrote_after_a_read_at_another_time_is_left_out() {
    let run = |read_ms: u32, shown_ms: u32| {
        let mut script = log_and_alarm();
        script.add(&format!(
            "{read_ms} ms c0 reads P3alarm #3 at fifo-p3, returns n0:2, ok
             30 ms c0 writes P3alarm #4 at fifo-p3 in context, is n0:3, knows n0:3, shows n0:3, hides n0:2, ok
             {shown_ms} ms n1 gets 0 of n0, knows n0:1, shows n0:1, knows n0:2 n0:3, shows n0:3"
        ));
        script.0
    };
    let codes = |second: &Recording| {
        let report = compared(&run(20, 40), second);
        report.findings.into_iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&run(20, 41)), ["PRIO005"]);
    assert_eq!(codes(&run(21, 41)), [""; 0]);
}

/// Two alarms of n0, both overwriting nothing, and the second one at n1, which misses the first.
fn first_alarm_missing() -> Script {
    let mut script = script("");
    script.0.header.nodes = 3;
    script.0.header.keys.push("P3smoke".into());
    script.0.header.priorities.push(3);
    script.add(
        "c0 writes P3alarm #1 at fifo, is n0:1, knows n0:1, shows n0:1, ok
         c0 writes P3smoke #2 at fifo, is n0:2, knows n0:2, shows n0:2, ok",
    );
    script.add("n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual");
    script
}

#[test]
fn a_write_that_went_with_its_disk_is_passed_over() {
    let mut script = first_alarm_missing();
    script.add("n0 down lost");
    // No replica has to know that at once, but all in the end.
    let mut never = script.clone();
    assert!(fifo(&script).is_empty() && priority(&script).findings.is_empty());
    script.add("n1 gets 0 of n0, shows n0:2 at fifo fifo-p1 fifo-p2 fifo-p3 priority");
    assert!(fifo(&script).is_empty());
    assert_eq!(priority(&script).verdict, Verdict::Holds);
    assert!(priority(&script).note.ends_with("non-interference is not judged, since nodes went down"));
    never.0.header.settling_from_ns = Some(20_000_000);
    assert_eq!(
        text(&priority(&never).findings).lines().next(),
        Some(
            "PRIO004: priority inversion (liveness): n1 never reflects P3smoke = 102 (#2 of c0, n0:2) at fifo, \
             fifo-p1, fifo-p2, fifo-p3, priority, though all that it needs has arrived"
        )
    );
}

#[test]
fn a_write_that_somebody_has_is_passed_over() {
    let mut script = first_alarm_missing();
    script.add(
        "n2 gets 0 of n0, knows n0:1, shows n0:1
         n0 down lost
         n1 gets 0 of n0, shows n0:2 at fifo fifo-p1 fifo-p2 fifo-p3 priority",
    );
    assert_eq!(text(&fifo(&script)), "\
FIFO001: order: n1 shows P3smoke = 102 (#2 of c0, n0:2) at fifo, fifo-p1, fifo-p2, fifo-p3, priority before the earlier P3alarm = 101 (#1 of c0, n0:1) has arrived
   1 ms  c0 write  #1  P3alarm = 101  at n0   ok 0.005 s
   6 ms  c0 write  #2  P3smoke = 102  at n0   ok 0.010 s
  19 ms  n2 knows it then
  19 ms  n1 shows P3smoke = 102 (#2 of c0, n0:2)
");
}

#[test]
fn a_write_that_was_given_up_comes_after_all() {
    let mut script = first_alarm_missing();
    script.add(
        "n0 down lost
         n1 gets 0 of n0, shows n0:2 at fifo fifo-p1 fifo-p2 fifo-p3 priority
         n2 gets 0 of n0, knows n0:1, shows n0:1",
    );
    let expected = "\
FIFO001: order: n1 shows P3smoke = 102 (#2 of c0, n0:2) at fifo, fifo-p1, fifo-p2, fifo-p3, priority, but does not reflect the earlier P3alarm = 101 (#1 of c0, n0:1)
   1 ms  c0 write  #1  P3alarm = 101  at n0   ok 0.005 s
  16 ms  n1 shows P3smoke = 102 (#2 of c0, n0:2)
  19 ms  P3alarm = 101 (#1 of c0, n0:1), which seemed to be lost with every disk, is there after all
 100 ms  not resolved by the end
";
    assert_eq!(text(&fifo(&script)), expected);
    assert_eq!(text(&priority(&script).findings), expected.replace("FIFO", "PRIO"));
}

#[test]
fn a_restart_forgets_what_the_disk_has() {
    let mut script = log_and_alarm();
    script.add(
        "n1 gets 0 of n0, knows n0:1, shows n0:1, knows n0:2, shows n0:2
         n1 down kept",
    );
    let mut forgotten = script.clone();
    forgotten.add("n1 forgets n0:2");
    for (script, code) in [(&mut script, Some("FIFO002")), (&mut forgotten, None)] {
        script.add("n1 up 1, knows n0:1, shows n0:1");
        let codes: Vec<String> = fifo(script).into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes.first().map(String::as_str), code);
    }
}

#[test]
fn an_empty_replica_serves() {
    // c1 has read the alarm at n1. Without its disk n1 need not know it again, but what n0 has it could have got.
    let mut script = log_and_alarm();
    script.add(
        "n1 gets 0 of n0, knows n0:1, shows n0:1, knows n0:2, shows n0:2
         c1 reads P3alarm #3 at n1 at fifo, returns n0:2, ok
         n1 down lost",
    );
    let mut nobody_else = script.clone();
    nobody_else.add("n0 down kept");
    for (script, code) in [(&mut script, Some("FIFO002")), (&mut nobody_else, None)] {
        script.add(
            "n1 up 2
             c1 reads P3alarm #4 at n1 at fifo, ok",
        );
        let codes: Vec<String> = fifo(script).into_iter().map(|finding| finding.code).collect();
        assert_eq!(codes.first().map(String::as_str), code);
    }
}

/// What it owes is counted by write, from the first.
#[test]
fn an_empty_replica_owes_the_first_write_and_none_that_the_others_lack() {
    let codes = |known: &str| {
        let mut script = script("c0 writes P0log #1 at fifo, is n0:1, knows n0:1, shows n0:1, ok");
        script.add(&format!(
            "c1 writes P0log #2 at n1 at fifo, is n1:1, knows n1:1, shows n1:1, ok
             c1 reads P0log #3 at n1 at fifo, returns n1:1, ok{known}
             n1 down lost
             n1 up 2
             c1 reads P0log #4 at n1 at fifo, ok"
        ));
        fifo(&script).into_iter().map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(codes("\nn0 gets 0 of n1, knows n1:1, shows n1:1"), ["FIFO003"]);
    assert_eq!(codes(""), [""; 0]);
}

/// What its own disk did not have, and no other replica knows, is not waited for.
#[test]
fn a_write_that_was_undone_is_passed_over() {
    let mut script = script(
        "c0 writes P0log #1 at fifo, is n0:1, knows n0:1, shows n0:1
         c1 writes P3alarm #2 at n0 at fifo, is n0:2, knows n0:2, shows n0:2
         n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual fifo-p1 fifo-p2 fifo-p3 priority",
    );
    let mut too_early = script.clone();
    script.add("n0 down tail-lost, forgets n0:1\nn0 up 1, knows n0:2, shows n0:2");
    script.add("n1 gets 0 of n0, shows n0:2 at fifo");
    assert_eq!(text(&fifo(&script)), "");
    too_early.add("n1 gets 0 of n0, shows n0:2 at fifo");
    assert_eq!(fifo(&too_early)[0].code, "FIFO001");
}

#[test]
fn without_lower_writes_no_second_run_is_made() {
    let script = script("c0 writes P3alarm #1 at fifo, is n0:1, knows n0:1, shows n0:1, ok");
    let report = ordered::PRIORITY.judge(&script.0, &|_| panic!("there is nothing to compare"));
    assert!(report.note.ends_with("no write could be delayed by lower ones, since there are none"), "{report:#?}");
}

#[test]
fn a_name_that_was_given_again_is_not_judged() {
    let mut script = log_and_alarm();
    script.add(
        "n0 down tail-lost, forgets n0:2 promised
         n0 up 1, knows n0:1, shows n0:1",
    );
    assert_eq!(ordered::FIFO.judge(&script.0, NO_RERUN).verdict, Verdict::Holds);
    script.add("c0 writes P3alarm #9 at fifo, is n0:2");
    for report in [ordered::FIFO.judge(&script.0, NO_RERUN), priority(&script)] {
        assert_eq!(report.verdict, Verdict::Unknown);
        assert_eq!(report.note, "a disk broke its promise, and n0:2 then became the name of a second write");
    }
}

#[test]
fn a_session_that_waits_for_log_lines_is_not_the_stores_fault() {
    // c1 reads the alarm at `fifo`, where it waits for the log line, and switches off what it has read.
    let run = |log_line: &str, read: &str, hides: &str| {
        let mut script = log_and_alarm();
        script.add(&format!(
            "n1 gets 0 of n0, knows n0:2, shows n0:2 at eventual fifo-p1 fifo-p2 fifo-p3 priority
             n1 gets 0 of n0 {log_line}
             21 ms  c1 reads P3alarm #3 at fifo, {read}, ok
             24 ms  c1 deletes P3alarm #4 in context at fifo, is n1:1, knows n1:1 {hides}"
        ));
        script
    };
    let in_time = run(", knows n0:1, shows n0:1, shows n0:2 at fifo", "returns n0:2", ", hides n0:2");
    let late = run("", "waits", "");
    let report = compared(&in_time.0, &late.0);
    assert_eq!(report.findings, []);
    let note = "P3: 4 moments the same (2 left out, of keys written after reads at lower levels)";
    assert!(report.note.ends_with(note), "{}", report.note);
}
