//! Recordings made by hand, and why their operations were answered so.

use kvsim_checkers::explain::explain;
use kvsim_checkers::snapshot::final_state;
use kvsim_checkers::trace::{
    Action, Conflict, Disk, Dot, Event, FaultName, Header, Level, Levels, LostBy, NodeId, Recording, What,
};

fn w(node: NodeId, counter: u64) -> Dot {
    Dot::new(node, 1, counter)
}

/// The levels of the recordings.
fn levels() -> Levels {
    [Level::Eventual, Level::Fifo, Level::FifoP2].into_iter().collect()
}

/// A recording under construction: steps a millisecond apart; session `c<i>` asks `n<i>`. Keys x and y are of P0.
struct Script(Recording);

impl Script {
    fn new() -> Script {
        let header = Header {
            store: "toy".to_owned(),
            nodes: 3,
            sessions: ["c0", "c1", "c2"].map(str::to_owned).to_vec(),
            keys: ["x", "y"].map(str::to_owned).to_vec(),
            kinds: vec!["update".to_owned()],
            faults: vec![
                FaultName { name: "drop[0]".to_owned(), ..FaultName::default() },
                FaultName { name: "full_disk[0]".to_owned(), node: Some(NodeId(1)), ..FaultName::default() },
            ],
            levels: levels(),
            end_ns: 200_000_000,
            ..Header::default()
        };
        Script(Recording { header, events: Vec::new() })
    }

    /// One more event; returns its number.
    fn push(&mut self, node: NodeId, cause: u64, what: What) -> u64 {
        let number = self.0.events.len() as u64 + 1;
        let last_ns = self.0.events.last().map_or(0, |event| event.at_ns);
        let is_step = cause > 0 && !matches!(what, What::Delivered { .. } | What::Lost { .. });
        let at_ns = if is_step { last_ns } else { last_ns + 1_000_000 };
        self.0.events.push(Event { number, at_ns, cause, node, what });
        number
    }

    fn ask(&mut self, node: NodeId, op: u32, action: Action, key: u32, level: Level, context: bool) -> u64 {
        let value = if action == Action::Read { 0 } else { 100 + u64::from(op) };
        self.push(node, 0, What::Invoked { op, session: u32::from(node.0), action, key, value, level, context })
    }

    /// A write that is answered; returns the number of the message with it.
    fn write_after(&mut self, op: u32, key: u32, id: Dot, context: bool) -> u64 {
        let asked = self.ask(id.node(), op, Action::Write, key, Level::Eventual, context);
        self.push(id.node(), asked, What::Wrote { op, write: id });
        self.push(id.node(), asked, What::Known { write: id });
        self.push(id.node(), asked, What::Visible { write: id, levels: levels() });
        let sent = self.push(id.node(), asked, What::Sent { kind: 0, id: u64::from(op), bytes: 1, copies: 2 });
        self.push(id.node(), asked, What::Answered { op });
        sent
    }

    fn write(&mut self, op: u32, key: u32, id: Dot) -> u64 {
        self.write_after(op, key, id, false)
    }

    /// The write arrives and is shown at some levels; returns the number of the delivery.
    fn arrive(&mut self, node: NodeId, sent: u64, op: u32, id: Dot, levels: Levels) -> u64 {
        let cause = self.push(node, sent, What::Delivered { kind: 0, id: u64::from(op), from: id.node() });
        self.push(node, cause, What::Known { write: id });
        if !levels.is_empty() {
            self.push(node, cause, What::Visible { write: id, levels });
        }
        cause
    }

    fn read(&mut self, node: NodeId, op: u32, key: u32, level: Level, returned: &[Dot]) {
        let asked = self.ask(node, op, Action::Read, key, level, false);
        for write in returned {
            self.push(node, asked, What::Returned { op, write: *write });
        }
        self.push(node, asked, What::Answered { op });
    }

    /// The titles of the reasons.
    fn why(&self, op: u32) -> Vec<String> {
        assert_eq!(self.0.validate(), Ok(()));
        let explanation = explain(&self.0, op).expect("it is there");
        for reason in &explanation.reasons {
            assert!(reason.evidence.is_sorted_by_key(|line| line.at_ns), "{reason:#?}");
        }
        explanation.reasons.into_iter().map(|reason| reason.title).collect()
    }
}

#[test]
fn not_arrived() {
    let mut script = Script::new();
    let sent = script.write(1, 0, w(NodeId(0), 1));
    script.push(NodeId(0), sent, What::Lost { kind: 0, id: 1, to: NodeId(1), by: LostBy::Fault(0) });
    script.read(NodeId(1), 2, 0, Level::Eventual, &[]);
    script.read(NodeId(2), 3, 0, Level::Eventual, &[]);
    script.arrive(NodeId(2), sent, 1, w(NodeId(0), 1), levels());
    let lost = "not returned: x = 101 (#1 of c0, n0:1): it had not arrived at n1: update 1 was lost (drop[0])";
    assert_eq!(script.why(2), [lost]);
    let late = "not returned: x = 101 (#1 of c0, n0:1): it had not arrived at n2: its message was still under way";
    assert_eq!(script.why(3), [late]);
    assert_eq!(explain(&script.0, 4), None);
}

#[test]
fn not_known_any_more() {
    let mut script = Script::new();
    let sent = script.write(1, 0, w(NodeId(0), 1));
    script.arrive(NodeId(1), sent, 1, w(NodeId(0), 1), levels());
    script.push(NodeId(1), 0, What::Down { disk: Disk::Lost });
    script.push(NodeId(1), 0, What::Up { incarnation: 2 });
    script.read(NodeId(1), 2, 0, Level::Eventual, &[]);
    let why = "it was not known to n1 any more after that had been down";
    assert_eq!(script.why(2), [format!("not returned: x = 101 (#1 of c0, n0:1): {why}")]);
}

#[test]
fn waiting_and_too_early() {
    let mut script = Script::new();
    let first = script.write(1, 0, w(NodeId(0), 1));
    let second = script.write(2, 1, w(NodeId(0), 2));
    let only = Levels::only(Level::Eventual);
    script.arrive(NodeId(1), second, 2, w(NodeId(0), 2), only);
    script.arrive(NodeId(2), second, 2, w(NodeId(0), 2), levels());
    script.read(NodeId(1), 3, 1, Level::Fifo, &[]);
    script.read(NodeId(1), 4, 1, Level::Eventual, &[w(NodeId(0), 2)]);
    script.read(NodeId(2), 5, 1, Level::Fifo, &[w(NodeId(0), 2)]);
    script.push(NodeId(0), first, What::Lost { kind: 0, id: 1, to: NodeId(2), by: LostBy::Chance });
    let this = "y = 102 (#2 of c0, n0:2)";
    let why = "it waits at fifo for the earlier x = 101 (#1 of c0, n0:1), which had not arrived at n1";
    assert_eq!(script.why(3), [format!("not returned: {this}: {why}")]);
    assert_eq!(script.why(4), [format!("returned: {this}, which n1 had known since 0.003 s")]);
    let early = "before its turn at fifo: the earlier x = 101 (#1 of c0, n0:1) had not arrived at n2";
    assert_eq!(script.why(5), [format!("returned: {this}, {early}")]);
}

/// In one step announcements come in any order.
#[test]
fn what_comes_with_what_it_waited_for_has_not_come_too_early() {
    let mut script = Script::new();
    let first = script.write(1, 0, w(NodeId(0), 1));
    let second = script.write(2, 1, w(NodeId(0), 2));
    script.arrive(NodeId(1), second, 2, w(NodeId(0), 2), Levels::only(Level::Eventual));
    let cause = script.push(NodeId(1), first, What::Delivered { kind: 0, id: 1, from: NodeId(0) });
    script.push(NodeId(1), cause, What::Visible { write: w(NodeId(0), 2), levels: Levels::only(Level::Fifo) });
    script.push(NodeId(1), cause, What::Known { write: w(NodeId(0), 1) });
    script.push(NodeId(1), cause, What::Visible { write: w(NodeId(0), 1), levels: levels() });
    script.read(NodeId(1), 3, 1, Level::Fifo, &[w(NodeId(0), 2)]);
    let waited = "which had waited at fifo for 0.001 s for the earlier x = 101 (#1 of c0, n0:1)";
    assert_eq!(script.why(3), [format!("returned: y = 102 (#2 of c0, n0:2), {waited}")]);
}

#[test]
fn replaced() {
    let mut script = Script::new();
    let first = script.write(1, 0, w(NodeId(0), 1));
    script.arrive(NodeId(1), first, 1, w(NodeId(0), 1), levels());
    script.read(NodeId(1), 2, 0, Level::Eventual, &[w(NodeId(0), 1)]);
    let second = script.write_after(3, 0, w(NodeId(1), 1), true);
    let cause = script.arrive(NodeId(0), second, 3, w(NodeId(1), 1), levels());
    script.push(NodeId(0), cause, What::Hidden { write: w(NodeId(0), 1), levels: levels() });
    script.read(NodeId(0), 4, 0, Level::Eventual, &[w(NodeId(1), 1)]);
    // The later one comes alone.
    script.arrive(NodeId(2), second, 3, w(NodeId(1), 1), levels());
    script.read(NodeId(2), 5, 0, Level::Eventual, &[w(NodeId(1), 1)]);
    let other = "x = 103 (#3 of c1, n1:1), which c1 wrote after it had read it (#2)";
    assert_eq!(script.why(4)[1], format!("not returned: x = 101 (#1 of c0, n0:1): replaced by {other}"));
    let besides = "had replaced it; besides, it had not arrived at n2";
    assert_eq!(script.why(5)[1], format!("not returned: x = 101 (#1 of c0, n0:1): {other}, {besides}"));
    // As a store with one version per key has it, it had been enough to know the write.
    script.0.header.conflict = Conflict::LastWriterWins;
    let held = "replaced by x = 103 (#3 of c1, n1:1), which came in at n1 where it was known";
    assert_eq!(script.why(4)[1], format!("not returned: x = 101 (#1 of c0, n0:1): {held}"));
}

/// What no rule explains is said to be unexplained, and comes first.
#[test]
fn unexplained() {
    let mut script = Script::new();
    let first = script.write(1, 0, w(NodeId(0), 1));
    let second = script.write(2, 0, w(NodeId(2), 1));
    script.arrive(NodeId(1), first, 1, w(NodeId(0), 1), levels());
    script.arrive(NodeId(1), second, 2, w(NodeId(2), 1), Levels::NONE);
    script.read(NodeId(1), 3, 0, Level::Fifo, &[]);
    let titles = script.why(3);
    assert!(
        titles[0].contains("n1 knew it since") && titles[0].contains("nothing kept it from showing"),
        "{titles:#?}"
    );
    assert!(titles[1].contains("had said that it shows it at fifo, and did not return it"), "{titles:#?}");
    script.push(NodeId(1), 0, What::Hidden { write: w(NodeId(0), 1), levels: levels() });
    script.read(NodeId(1), 4, 0, Level::Fifo, &[]);
    assert!(script.why(4).iter().any(|title| title.contains("no write that had replaced it had come")));
}

#[test]
fn no_room() {
    let mut script = Script::new();
    script.write(1, 0, w(NodeId(0), 1));
    let sent = script.write(2, 1, w(NodeId(2), 1));
    let cause = script.arrive(NodeId(1), sent, 2, w(NodeId(2), 1), Levels::NONE);
    script.push(NodeId(1), cause, What::Overflowed { write: w(NodeId(2), 1), levels: Levels::only(Level::Fifo) });
    script.read(NodeId(1), 3, 1, Level::Fifo, &[]);
    assert!(script.why(3)[0].ends_with("n1 had no room to let it wait at fifo"));

    // The level has not passed it before it shows it or a later one.
    let fronts = |script: &Script| {
        let state = final_state(&script.0).swap_remove(1);
        let of_n2 =
            state.fronts.iter().filter(|front| front.write.origin.node == NodeId(2) && front.level == Level::Fifo);
        (of_n2.map(|front| front.write.counter).collect::<Vec<u64>>(), state.no_room.len())
    };
    assert_eq!(fronts(&script), (vec![], 1));
    let sent = script.write(4, 1, w(NodeId(2), 2));
    script.arrive(NodeId(1), sent, 2, w(NodeId(2), 2), levels());
    assert_eq!(fronts(&script), (vec![2], 0));
}

#[test]
fn refused_and_timed_out() {
    let mut script = Script::new();
    for (op, level) in [(1, Level::FifoP2), (2, Level::FifoP3), (3, Level::Eventual)] {
        let asked = script.ask(NodeId(0), op, Action::Read, 0, level, false);
        script.push(NodeId(0), asked, What::Refused { op, why: None });
    }
    assert_eq!(script.why(1), ["refused: the level fifo-p2 does not carry x, whose priority is P0"]);
    assert_eq!(script.why(2), ["refused: the store toy does not serve the level fifo-p3"]);
    assert_eq!(script.why(3), ["refused: n0 gave no reason that the recording knows of"]);
    script.0.header.quorums = vec![4, 1, 1];
    assert_eq!(script.why(3), ["refused: it asks 4 replicas, and 3 hold x"]);

    script.push(NodeId(1), 0, What::FaultOn { fault: 1 });
    script.ask(NodeId(1), 4, Action::Read, 0, Level::Eventual, false);
    script.push(NodeId(1), 0, What::TimedOut { op: 4 });
    script.push(NodeId(1), 0, What::FaultOff { fault: 1 });
    assert_eq!(script.why(4), ["timed out: n1 suffered full_disk[0] from 0.004 s to 0.007 s"]);
    let asked = script.ask(NodeId(2), 5, Action::Read, 0, Level::Eventual, false);
    let sent = script.push(NodeId(2), asked, What::Sent { kind: 0, id: 9, bytes: 1, copies: 2 });
    script.push(NodeId(2), sent, What::Lost { kind: 0, id: 9, to: NodeId(0), by: LostBy::Chance });
    script.push(NodeId(2), 0, What::TimedOut { op: 5 });
    assert_eq!(script.why(5), ["timed out: 1 of 2 messages that it led to were lost"]);
}

#[test]
fn where_a_write_came() {
    let mut script = Script::new();
    let sent = script.write(1, 0, w(NodeId(0), 1));
    script.push(NodeId(0), sent, What::Lost { kind: 0, id: 1, to: NodeId(2), by: LostBy::Chance });
    script.arrive(NodeId(1), sent, 1, w(NodeId(0), 1), levels());
    let titles = [
        "n0:1: hands back no answer about the key, so it replaces no other replica's write",
        "n0: took it in at 0.001 s",
        "n1: known since 0.003 s",
        "n2: it has not arrived: update 1 was lost (by chance)",
    ];
    assert_eq!(script.why(1), titles);
}
