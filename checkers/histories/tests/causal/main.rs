//! The causal checkers against twins that try everything, on random small histories.

#[path = "../../../tests/common/chance.rs"]
mod chance;
mod twin;

use chance::Chance;
use kvsim_checkers::NEVER;
use kvsim_checkers::history::{Ending, Entry, History, Kind, Value, WriterOrder};
use kvsim_checkers::pram::{self, Order};
use kvsim_histories::causal::{self, Causality};
use twin::{Model, is_legal};

#[derive(Clone, Copy)]
struct Shape {
    ops_max: usize,
    deletes: bool,
    doubt: bool,
    twice: bool,
}

/// A history of replicas, one per session, that hand on writes with or without what came before them, and let the last to
/// come or the largest win; then some reads are changed.
fn random(chance: &mut Chance, shape: Shape) -> Vec<Entry> {
    let (sessions, keys) = (2 + chance.below(2), 1 + chance.below(2));
    let (is_causal, largest_wins) = (!chance.one_in(3), chance.one_in(2));
    let mut entries: Vec<Entry> = Vec::new();
    // By session: the writes there, in the order in which they came. By write: the writes before it.
    let mut there: Vec<Vec<usize>> = vec![Vec::new(); sessions];
    let mut before: Vec<Vec<usize>> = Vec::new();
    let mut spread = chance.below(4);
    if chance.one_in(4) {
        spread = 8;
    }
    for number in 0..2 + chance.below(shape.ops_max - 1) {
        let (session, key) = (chance.below(sessions), chance.below(keys) as u32);
        for _ in 0..spread {
            if entries.is_empty() {
                break;
            }
            let write = chance.below(entries.len());
            let is_due = entries[write].kind == Kind::Write && !there[session].contains(&write);
            if is_due && (!is_causal || before[write].iter().all(|other| there[session].contains(other))) {
                there[session].push(write);
            }
        }
        let kind = if chance.one_in(2) { Kind::Read } else { Kind::Write };
        let ending = match chance.below(8) {
            0 if shape.doubt => Ending::Failed,
            1 | 2 if shape.doubt => Ending::Indeterminate,
            _ => Ending::Ok,
        };
        let value = match kind {
            Kind::Write if shape.deletes && chance.one_in(4) => Value::Nothing,
            Kind::Write if shape.twice && chance.one_in(4) => Value::One(7),
            Kind::Write => Value::One(100 + number as u64),
            Kind::Read => {
                let mut here = there[session].iter().filter(|write| entries[**write].key == key);
                let found = if largest_wins { here.max() } else { here.next_back() };
                found.map_or(Value::Nothing, |write| entries[*write].value)
            }
        };
        let (session_number, place) = (session as u32, number as u32);
        before.push(there[session].clone());
        if kind == Kind::Write && (ending == Ending::Ok || ending == Ending::Indeterminate && chance.one_in(2)) {
            there[session].push(number);
        }
        entries.push(Entry { session: session_number, key, kind, value, ending, origin: None, number: place, place });
    }
    for _ in 0..[0, 1, 2, 3, 4][chance.below(5)] {
        let read = chance.below(entries.len());
        let other = chance.below(entries.len());
        if entries[read].kind == Kind::Read {
            let value = if chance.one_in(5) { Value::Nothing } else { entries[other].value };
            if entries[other].key == entries[read].key || chance.one_in(10) {
                entries[read].value = value;
            }
        }
    }
    entries.sort_by_key(|entry| entry.session);
    entries
}

#[derive(Debug, Default)]
struct Counts {
    held: usize,
    violated: usize,
    unknown: usize,
}

/// What the checker of a model says: whether it holds, and the operations of each finding.
fn judge(entries: &[Entry], model: Model) -> (Option<bool>, Vec<Vec<u32>>) {
    let history = History::from_entries(WriterOrder::Session, entries);
    let causality = match model {
        Model::Consistent => Causality::Consistent,
        Model::Convergent => Causality::Convergent,
        Model::Memory => {
            let judgement = pram::judge(&history, Order::Causal, NEVER).expect("it takes its time");
            let ops = judgement.breaches.iter().map(|breach| breach.ops.clone());
            return (judgement.unclear.is_none().then_some(!judgement.is_violated()), ops.collect());
        }
    };
    let judgement = causal::judge(&history, causality, NEVER).expect("it takes its time");
    let ops = judgement.breaches.iter().map(|breach| breach.ops.clone());
    (judgement.unclear.is_none().then_some(!judgement.is_violated()), ops.collect())
}

fn agree(seeds: std::ops::Range<u64>, shape: Shape) -> [Counts; 3] {
    let mut counts = [Counts::default(), Counts::default(), Counts::default()];
    for seed in seeds {
        let entries = random(&mut Chance(seed ^ 0xca05 << 32), shape);
        let models = [Model::Consistent, Model::Convergent, Model::Memory];
        let mut held = [None; 3];
        for (place, model) in models.into_iter().enumerate() {
            let (holds, findings) = judge(&entries, model);
            let counts = &mut counts[place];
            held[place] = holds;
            match holds {
                None => counts.unknown += 1,
                Some(true) => counts.held += 1,
                Some(false) => counts.violated += 1,
            }
            let context = || format!("seed {seed}, {model:?}: {holds:?} {findings:?}\n{entries:#?}");
            if let Some(holds) = holds {
                assert_eq!(holds, is_legal(&entries, model), "{}", context());
            }
            for ops in &findings {
                // A session's finding is as small as it gets for that session; another may do with less.
                let is_smallest = model != Model::Memory;
                let part: Vec<Entry> = ops.iter().map(|op| entries[*op as usize]).collect();
                assert!(!is_legal(&part, model), "{}", context());
                for gone in (0..part.len()).filter(|_| is_smallest) {
                    // Its reads are left out with it.
                    let is_left = |place: &usize| {
                        *place != gone
                            && !(part[gone].kind == Kind::Write
                                && part[*place].kind == Kind::Read
                                && (part[*place].key, part[*place].value) == (part[gone].key, part[gone].value))
                    };
                    let fewer: Vec<Entry> = (0..part.len()).filter(is_left).map(|place| part[place]).collect();
                    assert!(is_legal(&fewer, model), "without {gone}: {}", context());
                }
            }
        }
        assert!(held[1] != Some(true) || held[0] == Some(true), "CCv is stronger than CC: seed {seed}");
        assert!(held[2] != Some(true) || held[0] != Some(false), "CM is stronger than CC: seed {seed}");
    }
    counts
}

const PLAIN: Shape = Shape { ops_max: 8, deletes: false, doubt: false, twice: false };

#[test]
fn plain_histories_are_judged_alike() {
    let counts = agree(0..20_000, PLAIN);
    for counts in &counts {
        assert!(counts.held > 10_000 && counts.violated > 2_000 && counts.unknown < 2_000, "{counts:?}");
    }
    assert!(counts[1].violated > counts[0].violated + 50, "CCv is stronger than CC: {counts:?}");
    assert!(counts[2].violated > counts[0].violated + 50, "CM is stronger than CC: {counts:?}");
}

#[test]
fn histories_with_unknown_and_failed_operations_are_judged_alike() {
    let counts = agree(0..10_000, Shape { doubt: true, ..PLAIN });
    assert!(counts.iter().all(|counts| counts.held > 3_000 && counts.violated > 1_000), "{counts:?}");
}

#[test]
fn what_is_said_about_deletes_and_values_written_twice_is_true() {
    let counts = agree(0..10_000, Shape { deletes: true, doubt: true, twice: true, ops_max: 7 });
    assert!(counts.iter().all(|counts| counts.held > 1_000 && counts.violated > 500), "{counts:?}");
}
