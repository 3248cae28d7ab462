//! All models of one history against each other and against the definitions, on what clients of a few replicas may have
//! seen: few values or distinct ones, deletes, cas, operations of unknown outcome, keys that begin with some value.

use std::collections::BTreeMap;

use kvsim_checkers::history::Ending;
use kvsim_checkers::{NEVER, Verdict};
use kvsim_histories::edn::Edn;
use kvsim_histories::jepsen::{Action, Call, Calls, Collector, Function, Process, Step, Type};
use kvsim_histories::models::{MODELS, Model, Subject};

use crate::chance::Chance;
use crate::random::{self, INITIAL, Shape};

/// Random calls as steps, with keys that begin with [`INITIAL`]; some of them fail, and a value may be that one.
fn subject(chance: &mut Chance, shape: Shape) -> Subject<'static> {
    let calls = random::calls(chance, shape);
    let mut steps: Vec<(u32, Type, &Call)> = Vec::new();
    for call in &calls {
        steps.push((call.invoked, Type::Invoke, call));
        let is_failed = call.action != Action::Read && shape.doubt && chance.one_in(12);
        if call.ending == Ending::Ok {
            steps.push((call.completed, if is_failed { Type::Fail } else { Type::Ok }, call));
        }
    }
    steps.sort_by_key(|step| step.0);
    let mut collector = Collector::default().beginning_with(&Edn::Int(INITIAL as i64));
    // What has no end blocks its process, which goes on under another number; or it ends unknown, and the process goes on.
    let mut numbers: BTreeMap<u32, i64> = BTreeMap::new();
    let mut open: BTreeMap<u32, (i64, u32)> = BTreeMap::new();
    let mut next = 100;
    let int = |value: u64| Edn::Int(value as i64);
    for (_, kind, call) in steps {
        let value = match call.action {
            Action::Read if kind == Type::Invoke => Edn::Nil,
            Action::Cas => Edn::Vector(vec![int(call.expected), int(call.value)]),
            _ => int(call.value),
        };
        let step = |kind, process| Step {
            index: None,
            time_ns: None,
            kind,
            process: Process::Client(process),
            function: Function::Action(call.action),
            value: Edn::Vector(vec![int(call.key.into()), value.clone()]),
            error: None,
            others: Vec::new(),
        };
        let mut take = |step: Step| collector.take(&step, Default::default()).unwrap_or_else(|wrong| panic!("{wrong}"));
        if kind == Type::Invoke {
            if let Some((process, of)) = open.remove(&call.session) {
                if chance.one_in(2) {
                    let before =
                        calls.iter().find(|other| other.invoked == of).map_or(call.action, |other| other.action);
                    take(Step { function: Function::Action(before), ..step(Type::Info, process) });
                } else {
                    next += 1;
                    numbers.insert(call.session, next);
                }
            }
            let process = *numbers.entry(call.session).or_insert(call.session.into());
            open.insert(call.session, (process, call.invoked));
            take(step(kind, process));
        } else if let Some((process, _)) = open.remove(&call.session) {
            take(step(kind, process));
        }
    }
    Subject::of(collector.finish().unwrap_or_else(|wrong| panic!("{wrong}")))
}

/// An operation on its way into an order: it is there (or may be), and comes after others.
#[derive(Clone, Debug)]
struct Entry {
    key: u32,
    needs: Option<u64>,
    writes: Option<u64>,
    is_certain: bool,
    /// Places of others that come before it, if they are certain.
    after: Vec<usize>,
}

/// Some order of all that is certain, and of some of the rest, explains all.
fn is_legal(entries: &[Entry], left: &mut Vec<bool>, registers: &mut BTreeMap<u32, u64>) -> bool {
    if entries.iter().zip(&*left).all(|(entry, left)| !left || !entry.is_certain) {
        return true;
    }
    for next in 0..entries.len() {
        let entry = &entries[next];
        let had = registers.get(&entry.key).copied().unwrap_or(INITIAL);
        let waits = entry.after.iter().any(|before| left[*before] && entries[*before].is_certain);
        if !left[next] || waits || entry.needs.is_some_and(|value| value != had) {
            continue;
        }
        left[next] = false;
        registers.insert(entry.key, entry.writes.unwrap_or(had));
        let is_legal = is_legal(entries, left, registers);
        left[next] = true;
        registers.insert(entry.key, had);
        if is_legal {
            return true;
        }
    }
    false
}

fn has_order(entries: &[Entry]) -> bool {
    is_legal(entries, &mut vec![true; entries.len()], &mut BTreeMap::new())
}

/// One order of all calls, where `is_before` says which come before which.
fn one_order(calls: &[&Call], is_before: impl Fn(&Call, &Call) -> bool) -> bool {
    let entry = |call: &&Call| Entry {
        key: call.key,
        needs: call.needs(),
        writes: call.writes(),
        is_certain: call.ending == Ending::Ok,
        after: (0..calls.len()).filter(|other| is_before(calls[*other], call)).collect(),
    };
    has_order(&calls.iter().map(entry).collect::<Vec<_>>())
}

/// By session an order of its reads and all writes that keeps the order of each session. A cas is a read, and then a write.
fn order_by_session(calls: &[&Call], session: u32) -> bool {
    let mut entries: Vec<Entry> = Vec::new();
    let mut sessions: Vec<u32> = Vec::new();
    for call in calls {
        let is_certain = call.ending == Ending::Ok;
        let mut add = |needs, writes| {
            let after = (0..entries.len()).filter(|other| sessions[*other] == call.session).collect();
            entries.push(Entry { key: call.key, needs, writes, is_certain, after });
            sessions.push(call.session);
        };
        if let Some(value) = call.needs().filter(|_| is_certain && call.session == session) {
            add(Some(value), None);
        }
        if let Some(value) = call.writes() {
            add(None, Some(value));
        }
    }
    has_order(&entries)
}

fn defined(calls: &Calls) -> [(&'static str, bool); 3] {
    let list: Vec<&Call> = calls.list().iter().filter(|call| call.matters()).collect();
    let is_write = |call: &&Call| call.ending == Ending::Indeterminate && call.writes().is_some();
    let with_all_writes: Vec<&Call> = calls.list().iter().filter(|call| call.matters() || is_write(call)).collect();
    let end = |call: &Call| if call.ending == Ending::Ok { call.completed } else { Calls::NEVER };
    let is_earlier = |one: &Call, other: &Call| one.session == other.session && one.invoked < other.invoked;
    [
        ("linearizable", one_order(&list, |one, other| end(one) < other.invoked)),
        ("sequential", one_order(&list, is_earlier)),
        ("pram", (0..calls.sessions() as u32).all(|session| order_by_session(&with_all_writes, session))),
    ]
}

#[test]
fn models_agree_with_their_definitions_and_each_other() {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for seed in 0..32_000 {
        let (values, keys) = ([0, 0, 2, 3][seed as usize % 4], 1 + seed as usize % 2);
        let (cas, doubt, fresh) = (seed % 3 == 0, seed % 8 > 3, [1, 6, 8][seed as usize % 3]);
        let shape = Shape { calls_max: 11, keys, values, cas, doubt, fresh };
        let subject = subject(&mut Chance(seed ^ 0xa11 << 40), shape);
        let verdict = |model: &Model| (model.name, model.judge(&subject, NEVER).verdict);
        let verdicts: BTreeMap<&str, Verdict> = MODELS.iter().map(verdict).collect();
        let context = || format!("seed {seed}: {verdicts:?}\n{:#?}", subject.calls.list());
        for model in MODELS.iter().filter(|model| verdicts[model.name] == Verdict::Holds) {
            for weaker in model.implies {
                assert_ne!(verdicts[weaker], Verdict::Violated, "{} but not {weaker}, {}", model.name, context());
            }
        }
        for (name, is_defined) in defined(&subject.calls) {
            match verdicts[name] {
                Verdict::Holds => assert!(is_defined, "{name} does not hold, {}", context()),
                Verdict::Violated => assert!(!is_defined, "{name} holds, {}", context()),
                Verdict::Unknown | Verdict::NotApplicable => {}
            }
        }
        for (name, verdict) in &verdicts {
            let word = if *verdict == Verdict::Holds {
                "holds"
            } else if *verdict == Verdict::Violated {
                "violated"
            } else {
                "open"
            };
            *counts.entry((*name, word)).or_default() += 1;
        }
    }
    for model in MODELS {
        let of = |word| counts.get(&(model.name, word)).copied().unwrap_or(0);
        assert!(of("holds") > 200 && of("violated") > 100, "{counts:#?}");
    }
}
