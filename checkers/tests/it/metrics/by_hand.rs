//! A run that a person can count: two replicas, one key of priority P2, three writes, four reads.

use kvsim_checkers::metrics::{Measured, Metrics, Series, Visibility, Where};
use kvsim_checkers::trace::{Action, Dot, Event, Header, Level, Levels, NodeId, Recording, What};

const MS: u64 = 1_000_000;

fn write(counter: u64) -> Dot {
    Dot::new(NodeId(0), 1, counter)
}

/// A writer at n0 writes 1, 2 and 3, at 1, 11 and 21 ms, each acknowledged 1 ms later. n1 gets 1 at 6 ms, and 3 at 30 ms: 2
/// was lost. A reader at n1 reads at 4, 11, 15 and 40 ms, each answered 2 ms later.
fn recording() -> Recording {
    let header = Header {
        nodes: 2,
        sessions: vec!["writer".into(), "reader".into()],
        keys: vec!["P2-x".into()],
        priorities: vec![2],
        kinds: vec!["update".into()],
        levels: [Level::Eventual, Level::FifoP3].into_iter().collect(),
        end_ns: 50 * MS,
        ..Header::default()
    };
    let invoked = |op: u32, session, action| What::Invoked {
        op,
        session,
        action,
        key: 0,
        value: 0,
        level: Level::Eventual,
        context: false,
    };
    let levels = Levels::only(Level::Eventual);
    let mut list: Vec<(u64, u16, What)> = Vec::new();
    for (op, at) in [(1, 1), (2, 11), (3, 21)] {
        let write = write(u64::from(op));
        list.push((at, 0, invoked(op, 0, Action::Write)));
        list.push((at, 0, What::Wrote { op, write }));
        list.push((at, 0, What::Known { write }));
        list.push((at, 0, What::Visible { levels, write }));
        list.push((at, 0, What::Sent { kind: 0, id: u64::from(op), bytes: 100, copies: 1 }));
        list.push((at + 1, 0, What::Answered { op }));
    }
    for (at, arrived) in [(6, 1), (30, 3)] {
        list.push((at, 1, What::Known { write: write(arrived) }));
        list.push((at, 1, What::Visible { levels, write: write(arrived) }));
    }
    for (op, at, version) in [(4, 4, None), (5, 11, Some(1)), (6, 15, Some(1)), (7, 40, Some(3))] {
        list.push((at, 1, invoked(op, 1, Action::Read)));
        list.extend(version.map(|version| (at + 2, 1, What::Returned { op, write: write(version) })));
        list.push((at + 2, 1, What::Answered { op }));
    }
    list.sort_by_key(|(at, ..)| *at);
    let events = (1..)
        .zip(list)
        .map(|(number, (at, node, what))| Event { number, at_ns: at * MS, cause: 0, node: NodeId(node), what })
        .collect();
    let recording = Recording { header, events };
    assert_eq!(recording.validate(), Ok(()));
    recording
}

#[test]
fn figures_are_what_a_person_counts() {
    let metrics = Metrics::of(&recording(), &Measured::default(), 20 * MS);
    let visible = |at, latencies: &[u64]| {
        let latency = latencies.iter().map(|ms| ms * MS).collect();
        ((Level::Eventual, 2, at), Visibility { latency, never: 0 })
    };
    // 2 was never shown at n1, but 3 had seen it, 18 ms after it was acknowledged. P2 is nothing for fifo-p3.
    let expected =
        [visible(Where::Own, &[0, 0, 0]), visible(Where::Other, &[4, 18, 8]), visible(Where::All, &[4, 18, 8])];
    assert_eq!(metrics.visibility, expected.into_iter().collect());

    let reads = &metrics.staleness[&Level::Eventual];
    // At 4 ms it missed 1, acknowledged at 2 ms; at 11 ms nothing, as 2 was acknowledged only during the read; at 15 ms
    // 2, acknowledged at 12 ms; at 40 ms nothing.
    assert_eq!(reads.age_ns, [2, 0, 3, 0].map(|ms| ms * MS).into_iter().collect());
    assert_eq!(reads.versions, [1, 0, 1, 0].into_iter().collect());
    assert_eq!(reads.since_write_ns, [2, 9, 3, 18].map(|ms| ms * MS).into_iter().collect());
    assert_eq!(reads.since_seen_ns, [9 * MS, 18 * MS].into_iter().collect());
    let ages = |list: &[u64]| list.iter().map(|ms| ms * MS).collect();
    assert_eq!(reads.over_time, Series(vec![ages(&[2, 0, 3]), ages(&[]), ages(&[0])]));

    let writes = &metrics.calls[&(Action::Write, Level::Eventual)];
    assert_eq!(writes.latency_ns, ages(&[1, 1, 1]));
    assert_eq!((&writes.asked, &writes.answered), (&Series(vec![2, 1]), &Series(vec![2, 1])));
    assert_eq!(metrics.traffic["update"].bytes, Series(vec![200, 100]));

    // At 20 ms n1 lacks 2, for 8 ms; at 40 ms and at the end nothing.
    let lag = &metrics.lag[&NodeId(1)];
    let each = |numbers: [u64; 3]| Series(numbers.map(|number| [number].into_iter().collect()).to_vec());
    assert_eq!((&lag.writes, &lag.age_ns), (&each([1, 0, 0]), &each([8 * MS, 0, 0])));
    assert_eq!(metrics.lag[&NodeId(0)].writes, each([0, 0, 0]));
}

#[test]
fn what_never_shows_is_counted_apart() {
    let mut recording = recording();
    recording.events.retain(|event| event.node == NodeId(0) || event.at_ns < 30 * MS);
    let metrics = Metrics::of(&recording, &Measured::default(), 20 * MS);
    let group = |at| &metrics.visibility[&(Level::Eventual, 2, at)];
    assert_eq!((group(Where::Other).latency.count(), group(Where::Other).never), (1, 2));
    assert_eq!((group(Where::All).never, group(Where::Own).never), (2, 0));
}

/// Who takes a write in and does not hold its key owes it to those that do; a single holder owes it to no other.
#[test]
fn the_holders_of_a_key_are_owed_its_writes() {
    let groups = |holders: &[u16]| {
        let mut recording = recording();
        recording.header.placement = vec![holders.iter().copied().map(NodeId).collect()];
        let visible = Metrics::of(&recording, &Measured::default(), 20 * MS).visibility;
        visible.into_iter().map(|((.., at), seen)| (at, seen.latency.count(), seen.never)).collect::<Vec<_>>()
    };
    assert_eq!(groups(&[0, 1]), [(Where::Own, 3, 0), (Where::Other, 3, 0), (Where::All, 3, 0)]);
    assert_eq!(groups(&[1]), [(Where::Other, 3, 0), (Where::All, 3, 0)]);
    assert_eq!(groups(&[0]), [(Where::Own, 3, 0), (Where::All, 3, 0)]);
}
