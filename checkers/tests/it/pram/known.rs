//! Histories from papers, and the one that unsound checkers accept.

use kvsim_checkers::NEVER;
use kvsim_checkers::history::{Ending, Entry, Kind, Value, WriterOrder};
use kvsim_checkers::pram::{Order, judge};

use super::twin::Case;

/// One line per session: `wx1` writes 1 to x, `dx` deletes x, `rx1` reads 1 from it, `rx0` reads nothing; an
/// appended `?` is an unknown outcome, `!` a refusal.
fn parse(sessions: &[&str]) -> Case {
    let mut entries = Vec::new();
    for (session, line) in (0..).zip(sessions) {
        for word in line.split(' ') {
            let bytes = word.as_bytes();
            let digits: String = word.chars().filter(char::is_ascii_digit).collect();
            let value = match digits.parse() {
                Ok(0) | Err(_) => Value::Nothing,
                Ok(value) => Value::One(value),
            };
            let ending = match bytes[bytes.len() - 1] {
                b'?' => Ending::Indeterminate,
                b'!' => Ending::Failed,
                _ => Ending::Ok,
            };
            let kind = if bytes[0] == b'r' { Kind::Read } else { Kind::Write };
            let number = entries.len() as u32;
            let key = u32::from(bytes[1] - b'a');
            entries.push(Entry { session, key, kind, value, ending, origin: None, number, place: number });
        }
    }
    Case { writer_order: WriterOrder::Session, order: Order::Pram, priorities: Vec::new(), entries }
}

fn holds(sessions: &[&str]) {
    let case = parse(sessions);
    let judgement = judge(&super::history(&case), case.order, NEVER).expect("it takes its time");
    assert!(!judgement.is_violated() && judgement.unclear.is_none(), "{judgement:?}");
    assert!(case.is_legal());
}

/// The smallest operations that show the only breach, in the same notation.
fn breach(sessions: &[&str]) -> Vec<String> {
    let case = parse(sessions);
    let judgement = judge(&super::history(&case), case.order, NEVER).expect("it takes its time");
    assert!(!case.is_legal());
    let ops = match (&judgement.breaches[..], &judgement.unwritten[..]) {
        ([breach], []) => breach.ops.clone(),
        ([], [unwritten]) => unwritten.refused.iter().copied().chain([unwritten.read]).collect(),
        other => panic!("{other:?}"),
    };
    let words: Vec<(usize, &str)> =
        sessions.iter().enumerate().flat_map(|(p, line)| line.split(' ').map(move |word| (p, word))).collect();
    ops.iter().map(|op| format!("p{} {}", words[*op as usize].0, words[*op as usize].1)).collect()
}

#[test]
fn what_a_worklist_that_marks_too_late_accepts() {
    // d=1 at p0 forces a=2 before a=3, so that b=1 precedes the read of b=2.
    let found = breach(&["wa3 rb2 rc1 rd1 re2 ra3", "wb2 wb1 we1 wc1 we2 wa2 wd1"]);
    assert_eq!(found, ["p0 wa3", "p0 rb2", "p0 rd1", "p0 ra3", "p1 wb2", "p1 wb1", "p1 wa2", "p1 wd1"]);
}

#[test]
fn pipelined_but_not_sequential() {
    // Lipton and Sandberg 1988: each processor sees its own write first (Dekker's algorithm does not work).
    holds(&["wx1 ry0", "wy1 rx0"]);
    // Two readers see two writers' writes in different orders.
    holds(&["wx1", "wx2", "rx1 rx2", "rx2 rx1"]);
}

#[test]
fn pipelined_but_not_causal() {
    // p1 wrote y because of x; p2 sees the consequence before the reason (Ahamad et al. 1995).
    holds(&["wx1", "rx1 wy2", "ry2 rx0 rx1"]);
    // And the version that was replaced after it was read.
    holds(&["wx1", "rx1 wx2", "rx2 rx1"]);
}

#[test]
fn out_of_the_pipeline() {
    assert_eq!(breach(&["wx1 wy1", "ry1 rx0 rx1"]), ["p0 wx1", "p0 wy1", "p1 ry1", "p1 rx0"]);
    assert_eq!(breach(&["wx1 wx2", "rx2 rx1"]), ["p0 wx1", "p0 wx2", "p1 rx2", "p1 rx1"]);
    // A write that is not there for its own session, one that is there before it is issued, one that comes again.
    assert_eq!(breach(&["wx1 rx0", "rx1"]), ["p0 wx1", "p0 rx0"]);
    assert_eq!(breach(&["rx1 wx1"]), ["p0 rx1", "p0 wx1"]);
    assert_eq!(breach(&["wx1", "wx2", "rx1 rx2 rx1"]), ["p0 wx1", "p1 wx2", "p2 rx1", "p2 rx2", "p2 rx1"]);
}

#[test]
fn what_nobody_wrote() {
    assert_eq!(breach(&["wx1", "rx2"]), ["p1 rx2"]);
    assert_eq!(breach(&["wx1 wy2", "rx2"]), ["p1 rx2"]);
    assert_eq!(breach(&["wx1!", "rx1"]), ["p0 wx1!", "p1 rx1"]);
}

#[test]
fn unknown_outcomes() {
    // It may never have happened; or only after what its session did next.
    holds(&["wx1? wy1", "ry1 rx0"]);
    holds(&["wx1? wy1", "ry1 rx0 rx1"]);
    holds(&["wx1? rx0 rx1"]);
    // But not before what its session did first, and not without being there for others.
    assert_eq!(breach(&["wx1 wy1?", "ry1 rx0"]), ["p0 wx1", "p0 wy1?", "p1 ry1", "p1 rx0"]);
    assert_eq!(breach(&["rx1 wx1?"]), ["p0 rx1", "p0 wx1?"]);
    holds(&["wx1 rx0? rx1"]);
}

#[test]
fn deletes() {
    holds(&["wx1 dx wy1", "ry1 rx0"]);
    holds(&["wx1 wy1", "dx", "ry1 rx1 rx0"]);
    assert_eq!(breach(&["wx1 wy1", "dx", "ry1 rx0 rx1"]).len(), 6);
    holds(&["wx1 wy1", "dx", "rx1 ry1 rx0"]);
    holds(&["dx", "dx", "wx1 wx2", "rx0 rx1 rx0 rx2 rx0"]);
    // The third nothing has no delete left.
    let found = breach(&["dx", "wx1 wx2", "rx1 rx0 rx2 rx0"]);
    assert_eq!(found.len(), 7, "{found:?}");
    assert_eq!(breach(&["wx1 dx wy1", "ry1 rx1"]), ["p0 wx1", "p0 dx", "p0 wy1", "p1 ry1", "p1 rx1"]);
}

/// A delete that may have happened explains what it can explain, and nothing else.
#[test]
fn a_delete_of_unknown_outcome_hides_no_breach() {
    assert_eq!(breach(&["wx1 wy1", "ry1 rx0", "dz?"]), ["p0 wx1", "p0 wy1", "p1 ry1", "p1 rx0"]);
    assert_eq!(breach(&["wx1 wx2", "rx2 rx1", "dx?"]), ["p0 wx1", "p0 wx2", "p1 rx2", "p1 rx1"]);
}

#[test]
fn urgent_writes_overtake() {
    let judged = |sessions: &[&str], priorities: &[u8]| {
        let case = Case { order: Order::Priority, ..parse(sessions) };
        let case =
            Case { priorities: (0..26).map(|key| if key < 23 { 0 } else { priorities[key - 23] }).collect(), ..case };
        let judgement = judge(&super::history(&case), case.order, NEVER).expect("it takes its time");
        assert_eq!(judgement.is_violated(), !case.is_legal());
        !judgement.is_violated()
    };
    // Keys x, y, z.
    assert!(judged(&["wx1 wy1", "ry1 rx0"], &[0, 1, 0]));
    assert!(!judged(&["wx1 wy1", "ry1 rx0"], &[1, 1, 0]));
    assert!(!judged(&["wx1 wy1", "ry1 rx0"], &[2, 1, 0]));
    // y is overtaken by z, but not so far that x is, too.
    assert!(!judged(&["wx1 wy1 wz1", "rz1 rx0"], &[1, 0, 1]));
    assert!(judged(&["wx1 wy1 wz1", "rz1 ry0"], &[1, 0, 1]));
    // A session sees its own writes in order whatever their priority.
    assert!(!judged(&["wx1 wy1 ry1 rx0"], &[0, 1, 0]));
}
