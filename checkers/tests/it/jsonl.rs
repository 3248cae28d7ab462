//! Recordings as JSON Lines: there and back, and what is said about broken ones.

use kvsim_checkers::trace::jsonl::{read, write_event, write_header};
use kvsim_checkers::trace::{
    Acks, Action, Alone, Conflict, Disk, Dot, Event, FaultName, GaugeName, Header, Level, Levels, LostBy, NodeId,
    Recording, Together, What,
};
use proptest::prelude::*;

fn header() -> Header {
    Header {
        scenario: "tour/first-run".into(),
        seed: u64::MAX,
        store: "toy".into(),
        nodes: 3,
        sessions: vec!["c0".into(), "c1".into()],
        quorums: vec![1, 2],
        ack: Acks::Number(2),
        alone: Alone { reads: true, writes: false },
        together: Some(Together { answer_ns: 1, calm_ns: u64::MAX }),
        silent: true,
        movers: vec![1],
        copies: Some(1),
        keys: vec!["x".into(), "\"quoted\" ü\n".into()],
        priorities: vec![0, 3],
        placement: vec![vec![NodeId(0), NodeId(2)], vec![NodeId(1)]],
        kinds: vec!["update".into(), "digest".into()],
        faults: vec![FaultName { name: "partition[0]".into(), place: "loss.toml:14".into(), node: None }],
        gauges: vec![GaugeName { name: "buffered".into(), meaning: "held back".into(), residue: true }],
        conflict: Conflict::LastWriterWins,
        levels: Levels::only(Level::Eventual).with(Level::FifoP3),
        settling_from_ns: Some(1 << 60),
        end_ns: u64::MAX,
    }
}

fn written(recording: &Recording) -> Vec<u8> {
    let mut text = Vec::new();
    write_header(&mut text, &recording.header).expect("a vector takes everything");
    for event in &recording.events {
        write_event(&mut text, event).expect("a vector takes everything");
    }
    text
}

/// Small numbers, so that they often lead somewhere; beside them all others.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![6 => 0..3_u64, 1 => any::<u64>(), 1 => Just(u64::MAX), 1 => Just((1 << 53) + 1)]
}

fn small(most: u16) -> impl Strategy<Value = u16> {
    prop_oneof![20 => 0..=most, 1 => any::<u16>()]
}

fn any_write() -> impl Strategy<Value = Dot> {
    (small(2), small(2), number()).prop_map(|(node, incarnation, counter)| Dot::new(NodeId(node), incarnation, counter))
}

/// All variants.
fn any_what() -> impl Strategy<Value = What> {
    let op = || small(5).prop_map(u32::from);
    let level = || prop::sample::select(Level::ALL.to_vec());
    let kind = || small(1).prop_map(|kind| kind as u8);
    let action = prop_oneof![Just(Action::Read), Just(Action::Write), Just(Action::Delete)];
    let by = prop_oneof![Just(LostBy::Chance), small(1).prop_map(LostBy::Fault)];
    let invoked = (op(), small(1), action, small(1), number(), level(), any::<bool>()).prop_map(
        |(op, session, action, key, value, level, context)| What::Invoked {
            op,
            session: session.into(),
            action,
            key: key.into(),
            value,
            level,
            context,
        },
    );
    let calls = prop_oneof![
        4 => invoked,
        1 => (op(), any_write()).prop_map(|(op, write)| What::Wrote { op, write }),
        1 => (op(), any_write()).prop_map(|(op, write)| What::Returned { op, write }),
        1 => op().prop_map(|op| What::Answered { op }),
        1 => op().prop_map(|op| What::Refused { op, why: None }),
        1 => op().prop_map(|op| What::TimedOut { op }),
    ];
    let messages = prop_oneof![
        (kind(), number(), any::<u32>(), any::<u16>()).prop_map(|(kind, id, bytes, copies)| What::Sent {
            kind,
            id,
            bytes,
            copies
        }),
        (kind(), number(), small(2), by).prop_map(|(kind, id, to, by)| What::Lost { kind, id, to: NodeId(to), by }),
        (kind(), number(), small(2)).prop_map(|(kind, id, to)| What::Duplicated { kind, id, to: NodeId(to) }),
        (kind(), number(), small(2)).prop_map(|(kind, id, from)| What::Delivered { kind, id, from: NodeId(from) }),
        Just(What::TimerFired),
    ];
    let facts = prop_oneof![
        any_write().prop_map(|write| What::Known { write }),
        (level(), any_write()).prop_map(|(level, write)| What::Visible { levels: Levels::only(level), write }),
        (level(), any_write()).prop_map(|(level, write)| What::Hidden { levels: Levels::only(level), write }),
        prop_oneof![Just(Disk::Kept), Just(Disk::TailLost), Just(Disk::Lost)].prop_map(|disk| What::Down { disk }),
        small(2).prop_map(|incarnation| What::Up { incarnation }),
        (any_write(), any::<bool>()).prop_map(|(write, promised)| What::Forgot { write, promised }),
        prop_oneof![Just(What::Paused), Just(What::Resumed)],
        small(5).prop_map(|op| What::Reached { op: op.into() }),
        small(1).prop_map(|fault| What::FaultOn { fault }),
        small(1).prop_map(|fault| What::FaultOff { fault }),
        Just(What::Settling),
        (level(), small(2), any_write()).prop_map(|(level, key, write)| What::Holds { level, key: key.into(), write }),
        (any::<bool>(), number()).prop_map(|(known, value)| What::Gauge { gauge: u8::from(!known), value }),
    ];
    // Boxed: the types of so many alternatives are too large for the stack.
    prop_oneof![2 => calls.boxed(), 1 => messages.boxed(), 1 => facts.boxed()].boxed()
}

fn any_event() -> impl Strategy<Value = Event> {
    (number(), number(), number(), small(2), any_what()).prop_map(|(number, at_ns, cause, node, what)| Event {
        number,
        at_ns,
        cause,
        node: NodeId(node),
        what,
    })
}

/// Events at random, of which only those are kept that make sense where they stand.
fn any_recording() -> impl Strategy<Value = Recording> {
    prop::collection::vec((1..4_u64, 0..9_u64, any_event()), 0..40).prop_map(|steps| {
        let mut recording = Recording { header: header(), events: Vec::new() };
        for (step, pause, event) in steps {
            let last = recording.events.last().map_or((0, 0), |last| (last.number, last.at_ns));
            recording.events.push(Event { number: last.0 + step, at_ns: last.1 + pause, ..event });
            if recording.validate().is_err() {
                recording.events.pop();
            }
        }
        recording
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_event_comes_back(event in any_event()) {
        let mut line = Vec::new();
        write_event(&mut line, &event).expect("a vector takes everything");
        prop_assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
        prop_assert_eq!(serde_json::from_slice::<Event>(&line).expect("it was written"), event);
    }

    #[test]
    fn a_recording_comes_back(recording in any_recording()) {
        prop_assert_eq!(read(&written(&recording)[..]).expect("it was written"), recording);
    }

    /// Whatever the events are: refused, or fit for the checkers.
    #[test]
    fn what_is_read_can_be_judged(mut recording in any_recording(), place in 0..40_usize, event in any_event()) {
        recording.events.insert(place.min(recording.events.len()), event);
        match read(&written(&recording)[..]) {
            Ok(recording) => {
                kvsim_checkers::CHECKERS.iter().for_each(|checker| drop(checker.judge(&recording, kvsim_checkers::NO_RERUN)));
            }
            Err(error) => prop_assert!(recording.validate().is_err(), "{}", error),
        }
    }
}

#[test]
fn the_lines_are_as_documented() {
    let write = Dot::new(NodeId(0), 1, 17);
    let recording = Recording {
        header: Header { nodes: 1, ..Header::default() },
        events: vec![
            Event { number: 7, at_ns: 3_901_000_000, cause: 6, node: NodeId(0), what: What::Known { write } },
            Event { number: 8, at_ns: 3_902_000_000, cause: 0, node: NodeId(0), what: What::TimerFired },
        ],
    };
    let expected = r#"{"kvsim-trace":1,"header":{"scenario":"","seed":0,"store":"","nodes":1,"sessions":[],"keys":[],"kinds":[],"faults":[],"gauges":[],"conflict":"causal","levels":[],"end_ns":0}}
{"n":7,"at":3901000000,"cause":6,"node":0,"known":{"write":[0,1,17]}}
{"n":8,"at":3902000000,"node":0,"timer-fired":null}
"#;
    assert_eq!(String::from_utf8(written(&recording)).expect("JSON is text"), expected);
    assert_eq!(read(expected.as_bytes()).expect("it is documented"), recording);
}

/// The error of a recording that consists of a good first line and these lines.
fn error_of(lines: &str) -> String {
    let mut text = written(&Recording { header: header(), events: Vec::new() });
    text.extend(lines.as_bytes());
    read(&text[..]).expect_err("the lines are broken").to_string()
}

#[test]
fn a_wrong_first_line_is_refused() {
    let empty = "the recording is empty; its first line should be {\"kvsim-trace\": 1, \"header\": {...}}";
    assert_eq!(read(&b""[..]).expect_err("no line").to_string(), empty);
    let error = read(&b"{\"kvsim-trace\": 2, \"header\": {\"new\": 1}}\n"[..]).expect_err("a later version");
    assert_eq!(error.to_string(), "line 1: the recording has version 2 of the format; expected version 1");
    for text in ["\n", "[1]\n", "{\"header\": {}}", "{\"kvsim-trace\": 1, \"header\": {}}", "{\"kvsim-trace\": 1"] {
        let error = read(text.as_bytes()).expect_err("no head").to_string();
        assert!(error.starts_with("line 1, column "), "{error}");
        assert!(
            error.ends_with("expected the head of a recording, {\"kvsim-trace\": 1, \"header\": {...}}"),
            "{error}"
        );
    }
    let no_text = read(&b"\xff\xfe\n"[..]).expect_err("no text").to_string();
    assert!(no_text.starts_with("line 1 cannot be read: "), "{no_text}");
}

#[test]
fn a_header_that_contradicts_itself_is_refused() {
    type Change = fn(&mut Header);
    let broken = |change: Change| {
        let mut header = header();
        change(&mut header);
        read(&written(&Recording { header, events: Vec::new() })[..]).expect_err("a contradiction").to_string()
    };
    let changes: [(Change, &str); 6] = [
        (|header| header.placement.truncate(1), "places 1 keys, but it names 2"),
        (|header| header.priorities.truncate(1), "gives 1 priorities, but it names 2 keys"),
        (|header| header.quorums.truncate(1), "gives 1 quorums, but it names 2 sessions"),
        (|header| header.placement[1] = vec![NodeId(2), NodeId(1)], "'s holders of key 1 are not in ascending order"),
        (|header| header.end_ns = 1, "has the run settle from 1152921504606846976 ns, but end at 1 ns"),
        (|header| header.placement[1] = vec![NodeId(3)], "there is no node 3: the header knows 3, counted from 0"),
    ];
    for (change, expected) in changes {
        let (of_header, other) = (format!("line 1: the header {expected}"), format!("line 1: {expected}"));
        let said = broken(change);
        assert!([of_header.replace(" 's", "'s"), other].contains(&said), "{said}");
    }
}

#[test]
fn a_wrong_event_is_refused_with_its_line() {
    let good = r#"{"n":1,"at":5,"node":0,"invoked":{"op":1,"session":0,"action":"write","key":0,"value":3,"level":"eventual","context":false}}"#;
    let cases = [
        ("{\"n\":2", "line 3, column 6: EOF while parsing an object"),
        ("", "line 3, column 0: EOF while parsing a value"),
        (r#"{"n":2,"at":5,"node":0,"exploded":{}}"#, "line 3, column 37: no variant of enum What found"),
        (r#"{"n":2,"at":5,"node":70000,"settling":null}"#, "line 3, column 26: invalid value: integer `70000`"),
        (r#"{"n":1,"at":5,"node":0,"settling":null}"#, "line 3: event number 1 follows 1"),
        (r#"{"n":2,"at":4,"node":0,"settling":null}"#, "line 3: the event is at 4 ns, earlier"),
        (r#"{"n":2,"at":5,"cause":2,"node":0,"settling":null}"#, "line 3: the event is number 2 and cannot follow"),
        (r#"{"n":2,"at":5,"node":3,"timer-fired":null}"#, "line 3: there is no node 3: the header knows 3"),
        (r#"{"n":2,"at":5,"node":0,"known":{"write":[4,1,1]}}"#, "line 3: there is no node 4"),
        (r#"{"n":2,"at":5,"node":0,"known":{"write":[0,1,0]}}"#, "line 3: n0:0 is no write"),
        (r#"{"n":2,"at":5,"node":0,"answered":{"op":2}}"#, "line 3: operation 2 was not invoked before"),
        (r#"{"n":2,"at":5,"node":0,"returned":{"op":1,"write":[0,1,1]}}"#, "line 3: operation 1 is a Write"),
        (r#"{"n":2,"at":5,"node":0,"gauge":{"gauge":1,"value":1}}"#, "line 3: there is no gauge 1"),
        (r#"{"n":2,"at":5,"node":0,"fault-on":{"fault":1}}"#, "line 3: there is no fault 1"),
        (
            r#"{"n":2,"at":5,"node":0,"sent":{"kind":2,"id":1,"bytes":1,"copies":1}}"#,
            "line 3: there is no message kind 2",
        ),
        (
            r#"{"n":2,"at":5,"node":0,"holds":{"level":"eventual","key":2,"write":[0,1,1]}}"#,
            "line 3: there is no key 2: the header knows 2, counted from 0",
        ),
        (r#"{"n":2,"at":5,"node":0,"up":{"incarnation":1}}"#, "line 3: n0 is up already, or its lives"),
        (&good.replace("\"n\":1", "\"n\":2"), "line 3: operation 1 is invoked a second time"),
        (
            &good.replace("\"n\":1", "\"n\":2").replace("\"op\":1,\"session\":0", "\"op\":2,\"session\":2"),
            "line 3: there is no session 2",
        ),
    ];
    for (line, expected) in cases {
        let error = error_of(&format!("{good}\n{line}\n"));
        assert!(error.starts_with(expected), "{line}\n{error}");
    }
    let down = r#"{"n":2,"at":5,"node":0,"down":{"disk":"kept"}}"#;
    let fires = r#"{"n":3,"at":5,"node":0,"timer-fired":null}"#;
    assert_eq!(error_of(&format!("{good}\n{down}\n{fires}\n")), "line 4: n0 is down and cannot do this");
    let ended = r#"{"n":2,"at":5,"node":0,"answered":{"op":1}}"#;
    let again = ended.replace("\"n\":2", "\"n\":3");
    assert_eq!(error_of(&format!("{good}\n{ended}\n{again}\n")), "line 4: operation 1 has already ended");
}
