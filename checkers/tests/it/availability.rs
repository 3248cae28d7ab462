//! The availability checker against its definition on recordings of a toy store, and on recordings made by hand.

use kvsim_checkers::NO_RERUN;
use std::collections::{BTreeMap, BTreeSet};

use kvsim_checkers::trace::{
    AckWord, Acks, Action, Alone, Disk, Event, FaultName, Header, Level, NodeId, Recording, Refusal, Together, What,
};
use kvsim_checkers::{Report, Verdict, availability};

use crate::chance::Chance;
use crate::toy;

/// The verdict and, by node that left calls unanswered and by session that was refused everything, which calls.
type Expected = (Verdict, BTreeSet<(&'static str, Vec<u32>)>);

/// Straight from the definition: every question is put to the events again.
fn judge(recording: &Recording) -> Expected {
    let Recording { header, events } = recording;
    let invoked: Vec<(u32, u32, NodeId, Action, u32)> = events
        .iter()
        .filter_map(|event| match event.what {
            What::Invoked { op, session, action, key, .. } => Some((op, session, event.node, action, key)),
            _ => None,
        })
        .collect();
    let has = |what: What| events.iter().any(|event| event.what == what);
    let keys_move = !header.placement.is_empty() && has(What::Down { disk: Disk::Lost });
    let is_alone = |session: u32, node: NodeId, action: Action, key: u32| {
        let stays = invoked.iter().all(|(_, other, at, ..)| *other != session || *at == node);
        let asks_one = match action {
            Action::Read => header.alone.reads && (header.quorums.is_empty() || header.quorums[session as usize] == 1),
            _ => header.alone.writes,
        };
        stays && !header.movers.contains(&session) && asks_one && header.holders(key).contains(&node) && !keys_move
    };
    // After the event at a place, the node is kept from answering by something that is going on, ...
    let is_kept = |node: NodeId, place: usize| {
        let past = || events[..=place].iter().filter(|event| event.node == node);
        let is_down = past().rfind(|event| matches!(event.what, What::Down { .. } | What::Up { .. }));
        let is_paused = past().rfind(|event| matches!(event.what, What::Paused | What::Resumed));
        let faults = header.faults.iter().zip(0..).filter(|(fault, _)| fault.node == Some(node));
        let mut is_on = faults.map(|(_, fault)| {
            let count = events[..=place].iter().fold(0_usize, |count, event| match event.what {
                What::FaultOn { fault: it } if it == fault => count + 1,
                What::FaultOff { fault: it } if it == fault => count.saturating_sub(1),
                _ => count,
            });
            count > 0
        });
        is_down.is_some_and(|event| matches!(event.what, What::Down { .. }))
            || is_paused.is_some_and(|event| event.what == What::Paused)
            || is_on.any(|is_on| is_on)
    };
    // ... or by what is left of it, until it has answered what was asked afterwards.
    let has_trouble = |node: NodeId, place: usize| {
        let Some(last) = (0..=place).rev().find(|place| is_kept(node, *place)) else { return false };
        let mut asked = events[last + 1..=place].iter().filter_map(|event| match event.what {
            What::Invoked { op, .. } => Some(op),
            _ => None,
        });
        !asked.any(|op| events[..=place].iter().any(|event| event.node == node && event.what == What::Answered { op }))
    };
    let place = |what: What| events.iter().position(|event| event.what == what).expect("it is there");
    let is_excused = |op: u32, node: NodeId| {
        let invoked = events.iter().position(|event| matches!(event.what, What::Invoked { op: o, .. } if o == op));
        (invoked.expect("it is there")..place(What::TimedOut { op })).any(|place| has_trouble(node, place))
    };
    // Some fault is on while the operation is under way, which ends with `end`.
    let is_touched = |op: u32, end: What| {
        let begun = events.iter().position(|event| matches!(event.what, What::Invoked { op: o, .. } if o == op));
        (begun.expect("it is there")..place(end)).any(|place| {
            let on = events[..=place].iter().fold(0_usize, |on, event| match event.what {
                What::FaultOn { .. } => on + 1,
                What::FaultOff { .. } => on.saturating_sub(1),
                _ => on,
            });
            on > 0
        })
    };
    // Nothing hinders what needs others, from some time before the call on, event by event.
    let ended = |op: u32| {
        events.iter().position(|event| match event.what {
            What::TimedOut { op: o } => o == op,
            What::Refused { op: o, why } => o == op && matches!(why, Some(Refusal::Recovering | Refusal::Unavailable)),
            _ => false,
        })
    };
    let first = |what: &dyn Fn(What) -> bool| events.iter().position(|event| what(event.what)).expect("it is there");
    let is_network_fault = |place: usize| {
        (0..).zip(&header.faults).filter(|(_, fault)| fault.node.is_none()).any(|(fault, _)| {
            let on = events[..=place].iter().fold(0_usize, |on, event| match event.what {
                What::FaultOn { fault: it } if it == fault => on + 1,
                What::FaultOff { fault: it } if it == fault => on.saturating_sub(1),
                _ => on,
            });
            on > 0
        })
    };
    let nothing_hinders = |op: u32, end: usize, session: u32, node: NodeId, action: Action, key: u32| {
        let Some(together) = header.together else { return false };
        let asked = first(&|what| matches!(what, What::Invoked { op: o, .. } if o == op));
        let (asked_ns, end_ns) = (events[asked].at_ns, events[end].at_ns);
        let moves = invoked.iter().any(|(_, other, at, ..)| *other == session && *at != node);
        if moves || header.movers.contains(&session) {
            return false;
        }
        let from_ns = asked_ns.saturating_sub(together.calm_ns);
        // What is so at a moment is what was left by the last event before it, or begins with one at it.
        let moments: Vec<usize> = (0..events.len())
            .filter(|place| events[*place].at_ns <= end_ns)
            .filter(|place| events.get(place + 1).is_none_or(|next| next.at_ns >= from_ns))
            .collect();
        let is_there = |node: NodeId| !moments.iter().any(|place| is_kept(node, *place));
        let changed =
            events.iter().any(|event| matches!(event.what, What::Down { disk: Disk::Lost }) && event.at_ns <= end_ns);
        let lost = What::Down { disk: Disk::Lost };
        let has_left = |node: NodeId| {
            let is_change = |event: &Event| event.what == lost || matches!(event.what, What::Up { .. });
            let last = events.iter().rposition(|event| event.node == node && is_change(event));
            let own = |fault: u16| header.faults[usize::from(fault)].node == Some(node);
            let is_before = |event: &Event| {
                let counts = match event.what {
                    What::FaultOn { fault } => own(fault),
                    _ => event.node == node && event.what == lost,
                };
                !counts || event.at_ns < from_ns
            };
            let is_lost = last.is_some_and(|last| events[last].what == lost && events[last..].iter().all(is_before));
            header.settling_from_ns.is_some() && is_lost
        };
        let has_not_joined = |node: NodeId| {
            let is_late = |event: &Event| event.at_ns == 0 && event.node == node && event.what == lost;
            let begin = events.iter().position(is_late);
            let is_up = |event: &Event| event.node == node && matches!(event.what, What::Up { .. });
            begin.is_some_and(|begin| !events[begin..=moments[moments.len() - 1]].iter().any(is_up))
        };
        let is_member = |node: NodeId| !has_left(node) && !has_not_joined(node);
        if moments.iter().any(|place| is_network_fault(*place)) || !is_there(node) {
            return false;
        }
        if changed {
            return NodeId::all(header.nodes).filter(|node| is_member(*node)).all(is_there);
        }
        let holders = header.holders(key);
        let quorum = header.quorums.get(session as usize).copied().unwrap_or(1);
        let needed = if action == Action::Read { quorum } else { header.ack.of(holders.len() as u16) };
        holders.into_iter().filter(|holder| is_there(*holder)).count() >= usize::from(needed.max(1))
    };
    let is_owed_together = |op: u32, session: u32, node: NodeId, action: Action, key: u32| {
        let Some(end) = ended(op) else { return false };
        let asked = first(&|what| matches!(what, What::Invoked { op: o, .. } if o == op));
        let waited_ns = events[end].at_ns - events[asked].at_ns;
        let is_short = header.together.is_some_and(|together| waited_ns < together.answer_ns);
        let timed_out = matches!(events[end].what, What::TimedOut { .. });
        !(timed_out && is_short) && nothing_hinders(op, end, session, node, action, key)
    };
    let mut found = BTreeMap::new();
    for (op, session, node, action, key) in &invoked {
        let is_owed = |op: u32| has(What::TimedOut { op }) && !is_excused(op, *node);
        if is_alone(*session, *node, *action, *key) && is_owed(*op) {
            found.entry(("AVAIL001", u32::from(node.0))).or_insert_with(Vec::new).push(*op);
        } else if is_owed_together(*op, *session, *node, *action, *key) {
            found.entry(("AVAIL003", u32::from(node.0))).or_insert_with(Vec::new).push(*op);
        }
        let of_session = || invoked.iter().filter(|(_, other, ..)| other == session).map(|(op, ..)| *op);
        let is_over = |op: &u32| has(What::Answered { op: *op }) || has(What::TimedOut { op: *op });
        let refused = |op: u32, why: Option<Refusal>| has(What::Refused { op, why });
        let is_hopeful = |op: u32| {
            let recovers = Some(Refusal::Recovering);
            refused(op, Some(Refusal::Unavailable))
                || refused(op, recovers) && is_touched(op, What::Refused { op, why: recovers })
        };
        let is_refused = refused(*op, None) || refused(*op, Some(Refusal::Recovering));
        if is_refused && !of_session().any(|op| is_over(&op) || is_hopeful(op)) {
            found.entry(("AVAIL002", *session)).or_insert_with(|| of_session().collect());
        }
    }
    let is_answered = |op: u32| has(What::Answered { op });
    let answered = invoked.iter().any(|(op, ..)| is_answered(*op));
    let answered_alone =
        invoked.iter().any(|(op, s, n, action, key)| is_answered(*op) && is_alone(*s, *n, *action, *key));
    let timed_out = invoked.iter().any(|(op, ..)| has(What::TimedOut { op: *op }));
    let kept_together = || {
        invoked.iter().filter(|(op, s, n, action, key)| is_answered(*op) && !is_alone(*s, *n, *action, *key)).any(
            |(op, s, n, action, key)| nothing_hinders(*op, place(What::Answered { op: *op }), *s, *n, *action, *key),
        )
    };
    let verdict = match () {
        () if !found.is_empty() => Verdict::Violated,
        () if !answered => Verdict::Unknown,
        () if (header.alone == Alone::NONE || timed_out && !answered_alone) && kept_together() => Verdict::Holds,
        () if header.alone == Alone::NONE => Verdict::NotApplicable,
        () if timed_out && !invoked.iter().any(|(_, s, n, action, key)| is_alone(*s, *n, *action, *key)) => {
            Verdict::NotApplicable
        }
        () if !answered_alone && timed_out => Verdict::Unknown,
        () => Verdict::Holds,
    };
    (verdict, found.into_iter().map(|((code, _), ops)| (code, ops)).collect())
}

#[test]
fn random_recordings_are_judged_as_defined() {
    let mut verdicts: BTreeMap<Verdict, usize> = BTreeMap::new();
    let mut together = 0;
    for seed in 0..12_000 {
        let mut chance = Chance(seed);
        let mut recording = match chance.below(3) {
            0 => toy::run(seed, None, true),
            _ => toy::sticky(seed, None, Level::Eventual),
        };
        if chance.one_in(2) {
            recording.header.quorums = recording.header.sessions.iter().map(|_| 1 + chance.below(2) as u16).collect();
        }
        recording.header.alone = Alone { reads: chance.below(4) > 0, writes: chance.below(3) > 0 };
        recording.header.movers.extend((0..1).filter(|_| chance.one_in(4)));
        if chance.one_in(2) {
            let (answer_ns, calm_ns) = (chance.below(4) as u64, chance.below(12) as u64);
            recording.header.together = Some(Together { answer_ns: answer_ns * 1_000, calm_ns: calm_ns * 1_000 });
            recording.header.ack = Acks::Word([AckWord::All, AckWord::Majority][chance.below(2)]);
        }
        // Something happens to nodes.
        recording.header.faults[0].node = Some(NodeId(0)).filter(|_| chance.one_in(2));
        for _ in 0..chance.below(4) {
            let at = chance.below(recording.events.len() + 1);
            let what = match chance.below(7) {
                0 => What::FaultOn { fault: 0 },
                1 => What::FaultOff { fault: 0 },
                2 => What::Paused,
                3 => What::Resumed,
                4 => What::Down { disk: Disk::Lost },
                5 => What::Down { disk: Disk::Kept },
                _ => What::Up { incarnation: 1 },
            };
            let node = NodeId(chance.below(usize::from(recording.header.nodes)) as u16);
            let at_ns = if at == 0 { 0 } else { recording.events[at - 1].at_ns };
            recording.events.insert(at, Event { number: 0, at_ns, cause: 0, node, what });
        }
        // Fewer calls end badly, or those of one session, or all.
        let spared = chance.below(5) as u32;
        for event in &mut recording.events {
            event.what = match event.what {
                What::TimedOut { op } if spared < 3 => What::Answered { op },
                What::Refused { op, .. } if spared < 2 => What::Answered { op },
                What::Answered { op } if spared == 4 && op % 7 > 0 => {
                    let whys = [None, Some(Refusal::Unavailable), Some(Refusal::Recovering)];
                    What::Refused { op, why: whys.get(op as usize % 7).copied().flatten() }
                }
                what => what,
            };
        }
        let report = availability::INFO.judge(&recording, NO_RERUN);
        let found: BTreeSet<(&str, Vec<u32>)> =
            report.findings.iter().map(|finding| (finding.code.as_str(), finding.ops.clone())).collect();
        let (verdict, mut expected) = judge(&recording);
        let listed = |ops: Vec<u32>| ops.into_iter().take(10).collect::<BTreeSet<u32>>().into_iter().collect();
        expected = expected.into_iter().map(|(code, ops)| (code, listed(ops))).collect();
        assert_eq!((report.verdict, found), (verdict, expected), "seed {seed}\n{recording:#?}\n{report:#?}");
        *verdicts.entry(verdict).or_default() += 1;
        together += report.findings.iter().filter(|finding| finding.code == "AVAIL003").count();
    }
    assert!(together > 1_000, "{together}");
    assert!(verdicts.len() == 4 && verdicts.values().all(|count| *count > 150), "{verdicts:?}");
}

/// How a call ends.
type End = fn(u32) -> What;

/// Calls of one session each, a millisecond apart: at which node, which key, at which level, how it ended.
fn recording(calls: &[(NodeId, u32, Level, End)]) -> Recording {
    let header = Header {
        nodes: 2,
        sessions: (0..calls.len()).map(|i| format!("c{i}")).collect(),
        keys: vec!["x".into(), "y".into()],
        faults: vec![FaultName { name: "partition[0]".into(), place: String::new(), node: None }],
        end_ns: 200_000_000,
        ..Header::default()
    };
    let mut events = Vec::new();
    let mut push = |node: NodeId, what: What| {
        let number = events.len() as u64 + 1;
        events.push(Event { number, at_ns: number * 1_000_000, cause: 0, node, what });
    };
    for ((node, key, level, end), op) in calls.iter().zip(0..) {
        let (action, context) = (Action::Read, false);
        push(*node, What::Invoked { op, session: op, action, key: *key, value: 0, level: *level, context });
        push(*node, end(op));
    }
    Recording { header, events }
}

const EVENTUAL: Level = Level::Eventual;

fn answered(op: u32) -> What {
    What::Answered { op }
}

fn refused(op: u32) -> What {
    What::Refused { op, why: None }
}

fn timed_out(op: u32) -> What {
    What::TimedOut { op }
}

fn check(recording: &Recording) -> Report {
    assert_eq!(recording.validate(), Ok(()));
    availability::INFO.judge(recording, NO_RERUN)
}

#[test]
fn a_replica_that_does_not_answer_is_found() {
    let report = check(&recording(&[
        (NodeId(0), 0, EVENTUAL, answered),
        (NodeId(1), 0, EVENTUAL, timed_out),
        (NodeId(1), 1, EVENTUAL, timed_out),
    ]));
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::Violated, "answered 1 of 3 (33.3 %), 2 timed out"));
    let finding = &report.findings[0];
    assert_eq!((finding.code.as_str(), &finding.ops[..], &finding.events[..]), ("AVAIL001", &[1, 2][..], &[4, 6][..]));
    assert_eq!(finding.title, "n1 did not answer operation #1, and 1 more, though it needed no other replica");
    assert_eq!(finding.evidence[0].text, "c1 read   #1  x  at n1   timed out 0.004 s");
}

#[test]
fn a_session_that_is_always_refused_is_found() {
    let report = check(&recording(&[(NodeId(0), 0, EVENTUAL, answered), (NodeId(1), 0, Level::Fifo, refused)]));
    assert_eq!(report.verdict, Verdict::Violated);
    assert_eq!(
        report.note,
        "answered 1 of 2 (50.0 %), 1 refused; eventual 1 of 1 (100.0 %); fifo 0 of 1 (0.0 %), 1 refused"
    );
    let finding = &report.findings[0];
    assert_eq!((finding.code.as_str(), &finding.ops[..]), ("AVAIL002", &[1][..]));
    assert_eq!(finding.title, "all 1 operations of session c1 (level fifo) were refused");
}

#[test]
fn one_that_recovers_may_refuse_while_a_fault_is_on() {
    let recovers: End = |op| What::Refused { op, why: Some(Refusal::Recovering) };
    let mut refused = recording(&[(NodeId(0), 0, EVENTUAL, answered), (NodeId(1), 0, EVENTUAL, recovers)]);
    assert_eq!(check(&refused).findings[0].code, "AVAIL002");
    refused.events.insert(0, Event { what: What::FaultOn { fault: 0 }, ..refused.events[0] });
    (1..).zip(&mut refused.events).for_each(|(number, event)| event.number = number);
    assert_eq!(check(&refused).verdict, Verdict::Holds);
}

#[test]
fn calls_that_need_others_may_time_out() {
    let calls = [(NodeId(0), 0, EVENTUAL, answered as End), (NodeId(1), 0, EVENTUAL, timed_out)];
    let mut quorum = recording(&calls);
    quorum.header.quorums = vec![1, 2];
    assert_eq!(check(&quorum).verdict, Verdict::Holds);
    let mut writes = recording(&calls);
    writes.header.alone.writes = false;
    let actions = writes.events.iter_mut().filter_map(|event| match &mut event.what {
        What::Invoked { action, op: 1, .. } => Some(action),
        _ => None,
    });
    actions.for_each(|action| *action = Action::Write);
    assert_eq!(check(&writes).verdict, Verdict::Holds);
    let mut elsewhere = recording(&calls);
    elsewhere.header.placement = vec![vec![NodeId(0)], vec![NodeId(1)]];
    assert_eq!(check(&elsewhere).verdict, Verdict::Holds);
    let mut moves = recording(&calls);
    moves.header.quorums = vec![2, 2];
    let report = check(&moves);
    let note =
        "answered 1 of 2 (50.0 %), 1 timed out; every call needed other replicas, which may not have been reachable";
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::NotApplicable, note));
}

/// Two calls, of which the second asks both replicas; the store promises that it is answered within a millisecond, when
/// nothing has hindered for two.
fn promised(end: End) -> Recording {
    let mut recording = recording(&[(NodeId(0), 0, EVENTUAL, answered), (NodeId(1), 0, EVENTUAL, end)]);
    recording.header.quorums = vec![1, 2];
    recording.header.together = Some(Together { answer_ns: 1_000_000, calm_ns: 2_000_000 });
    recording.header.settling_from_ns = Some(100_000_000);
    recording
}

/// The codes that are found when these things happen, each before the event of the given place.
fn codes(mut recording: Recording, happens: &[(usize, NodeId, What)]) -> Vec<String> {
    for (at, node, what) in happens.iter().rev() {
        let at_ns = if *at == 0 { 0 } else { recording.events[at - 1].at_ns };
        recording.events.insert(*at, Event { number: 0, at_ns, cause: 0, node: *node, what: *what });
    }
    (1..).zip(&mut recording.events).for_each(|(number, event)| event.number = number);
    check(&recording).findings.into_iter().map(|finding| finding.code).collect()
}

#[test]
fn calls_that_need_others_are_owed_where_nothing_hinders() {
    let finding = check(&promised(timed_out)).findings.remove(0);
    assert_eq!((finding.code.as_str(), &finding.ops[..]), ("AVAIL003", &[1][..]));
    assert_eq!(finding.title, "operation #1 at n1 failed, though nothing hindered it");
    assert_eq!(finding.evidence[0].text, "from here on messages got through, and at least 2 of n0, n1 were there");
    for why in [Refusal::Recovering, Refusal::Unavailable] {
        let refuse = promised(match why {
            Refusal::Recovering => |op| What::Refused { op, why: Some(Refusal::Recovering) },
            _ => |op| What::Refused { op, why: Some(Refusal::Unavailable) },
        });
        assert!(codes(refuse, &[]).contains(&"AVAIL003".to_owned()), "{why:?}");
    }
    let mut nothing = promised(timed_out);
    nothing.header.together = None;
    assert_eq!(codes(nothing, &[]), Vec::<String>::new());
    let mut impatient = promised(timed_out);
    impatient.header.together = Some(Together { answer_ns: 1_000_001, calm_ns: 0 });
    assert_eq!(codes(impatient, &[]), Vec::<String>::new());
}

#[test]
fn calls_that_need_others_are_excused_by_what_hinders() {
    let (n0, n1) = (NodeId(0), NodeId(1));
    let (on, off) = (What::FaultOn { fault: 0 }, What::FaultOff { fault: 0 });
    let (down, up) = (What::Down { disk: Disk::Kept }, What::Up { incarnation: 1 });
    let lost = What::Down { disk: Disk::Lost };
    let excused = |happens: &[(usize, NodeId, What)]| codes(promised(timed_out), happens).is_empty();
    // The first call lasts from the first to the second millisecond, the second from the third to the fourth.
    assert!(excused(&[(3, n0, on)]));
    assert!(excused(&[(0, n0, on), (1, n0, off)]));
    assert!(excused(&[(3, n0, down)]) && excused(&[(3, n1, What::Paused), (3, n1, What::Resumed)]));
    // What was over before the calm does not count, unless the members have changed and one of them is not there.
    let mut early = promised(timed_out);
    early.events[2..].iter_mut().for_each(|event| event.at_ns += 10_000_000);
    let owed = |happens: &[(usize, NodeId, What)]| codes(early.clone(), happens) == ["AVAIL003"];
    assert!(owed(&[(0, n0, on), (1, n0, off)]) && owed(&[(0, n1, down), (0, n1, up)]));
    assert!(owed(&[(1, n0, lost), (1, n0, What::Up { incarnation: 2 })]));
    assert!(!owed(&[(1, n0, lost), (1, n0, What::Up { incarnation: 2 }), (3, n0, down)]));
    // Who has left for good is no member: one replica is all there are.
    assert!(owed(&[(1, n0, lost)]));
    early.header.settling_from_ns = None;
    assert!(codes(early.clone(), &[(1, n0, lost)]).is_empty());
    // Who has yet to join is no member, and who has joined and stands still is one.
    assert_eq!(codes(early.clone(), &[(0, n0, lost)]), ["AVAIL003"]);
    let joins = What::Up { incarnation: 1 };
    assert!(codes(early, &[(0, n0, lost), (0, n0, What::Paused), (0, n0, joins)]).is_empty());
}

#[test]
fn what_faults_touch_is_counted_apart() {
    let mut recording = recording(&[
        (NodeId(0), 0, EVENTUAL, answered),
        (NodeId(0), 0, EVENTUAL, answered),
        (NodeId(0), 0, EVENTUAL, answered),
    ]);
    // On while the second operation is under way, and off before the third.
    for (at, what) in [(3, What::FaultOn { fault: 0 }), (5, What::FaultOff { fault: 0 })] {
        recording.events.insert(at, Event { what, ..recording.events[0] });
    }
    for (event, number) in recording.events.iter_mut().zip(1..) {
        (event.number, event.at_ns) = (number, number);
    }
    let report = check(&recording);
    let note = "answered 3 of 3 (100.0 %); during faults 1 of 1 (100.0 %)";
    assert_eq!((report.verdict, report.note.as_str()), (Verdict::Holds, note));
}

#[test]
fn a_node_in_trouble_owes_no_answers() {
    let calls = [
        (NodeId(0), 0, EVENTUAL, answered as End),
        (NodeId(1), 0, EVENTUAL, timed_out),
        (NodeId(1), 0, EVENTUAL, timed_out),
    ];
    // Until when n1 stands still: before the calls, while the first is under way, or while the second is.
    for (until, unanswered) in [(2, &[1, 2][..]), (4, &[2]), (6, &[])] {
        let mut recording = recording(&calls);
        for (at, what) in [(1, What::Paused), (until, What::Resumed)] {
            recording.events.insert(at, Event { what, node: NodeId(1), ..recording.events[0] });
        }
        // It answers a new call, and has no excuse any more.
        let what = What::Invoked {
            op: 9,
            session: 0,
            action: Action::Read,
            key: 0,
            value: 0,
            level: EVENTUAL,
            context: false,
        };
        recording.events.insert(until + 1, Event { what, node: NodeId(1), ..recording.events[0] });
        recording.events.insert(until + 2, Event { what: answered(9), node: NodeId(1), ..recording.events[0] });
        for (event, number) in recording.events.iter_mut().zip(1..) {
            (event.number, event.at_ns) = (number, number);
        }
        let ops: Vec<u32> = check(&recording).findings.into_iter().flat_map(|finding| finding.ops).collect();
        assert_eq!(ops, unanswered, "{until}");
    }
}

#[test]
fn a_store_that_answers_nothing_does_not_look_good() {
    let mut nothing = recording(&[(NodeId(1), 0, EVENTUAL, timed_out)]);
    nothing.header.quorums = vec![2];
    assert_eq!(check(&nothing).note, "no operation was answered, of 1");
    assert_eq!(check(&nothing).verdict, Verdict::Unknown);
    assert_eq!(check(&recording(&[])).verdict, Verdict::Unknown);
}
