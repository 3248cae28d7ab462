//! The PRAM checkers against a twin that tries all orders, on random small histories; histories from papers; the
//! stories of recordings made by hand.

mod known;
pub mod random;
mod stories;
pub mod twin;

use kvsim_checkers::NEVER;
use kvsim_checkers::history::{Ending, Entry, History, Kind, Value};
use kvsim_checkers::pram::{OutOfOrder, judge, witness};
use kvsim_checkers::register::Unclear;
use random::Shape;
use twin::Case;

use crate::chance::Chance;

/// The case as the checker sees it.
pub fn history(case: &Case) -> History {
    History::from_entries(case.writer_order, &case.entries).with_priorities(case.priorities.clone())
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    held: usize,
    violated: usize,
    unknown: usize,
    /// Of which by deletes of unknown outcome.
    doubtful: usize,
    largest: usize,
}

/// Judges a case, compares with the twin, replays witnesses, and looks at what findings consist of.
fn compare(case: &Case, counts: &mut Counts, context: &str) {
    let history = history(case);
    let judgement = judge(&history, case.order, NEVER).expect("it takes its time");
    let is_legal = case.is_legal();
    let context = format!("{context}, legal: {is_legal}, {judgement:?}\n{case:#?}");
    let is_violated = judgement.is_violated();
    assert!(!is_violated || judgement.unclear.is_none(), "{context}");

    let entries = &case.entries;
    let reads = || entries.iter().filter(|entry| entry.kind == Kind::Read && entry.ending == Ending::Ok);
    let written = |value: Value, key: u32| {
        let writes = entries.iter().filter(|entry| entry.kind == Kind::Write && entry.ending != Ending::Failed);
        writes.filter(|entry| entry.value == value && entry.key == key).count()
    };
    let is_twice = reads().any(|read| read.value != Value::Nothing && written(read.value, read.key) > 1);
    let is_delete = |entry: &&Entry| entry.kind == Kind::Write && entry.value == Value::Nothing;
    let is_doubtful = entries.iter().filter(is_delete).any(|entry| entry.ending == Ending::Indeterminate);
    match judgement.unclear {
        Some(Unclear::Several(_)) => assert!(reads().any(|read| read.value == Value::Several), "{context}"),
        Some(Unclear::NoRead) => assert_eq!(reads().count(), 0, "{context}"),
        Some(Unclear::Ambiguous(_)) => assert!(is_twice, "{context}"),
        Some(Unclear::DoubtfulDeletes(_)) => assert!(is_doubtful, "{context}"),
        Some(other) => panic!("not in small histories: {other:?}, {context}"),
        None => {
            assert!(reads().all(|read| read.value != Value::Several) && reads().count() > 0, "{context}");
            assert_eq!(is_violated, !is_legal, "{context}");
        }
    }
    match judgement.unclear {
        None if is_violated => counts.violated += 1,
        None => counts.held += 1,
        Some(unclear) => {
            counts.unknown += 1;
            counts.doubtful += usize::from(matches!(unclear, Unclear::DoubtfulDeletes(_)));
        }
    }

    for OutOfOrder { session, ops } in &judgement.breaches {
        let entries = ops.iter().map(|op| entries[*op as usize]).collect();
        let alone = Case { entries, ..case.clone() };
        assert!(!alone.is_legal(), "{context}");
        assert_eq!(witness(&self::history(&alone), case.order, *session), Err(None), "{context}");
        counts.largest = counts.largest.max(ops.len());
        for gone in ops {
            let (fewer, _) = history.only(|op| ops.contains(&op) && op != *gone);
            assert_ne!(witness(&fewer, case.order, *session), Err(None), "without {gone}: {context}");
        }
    }
    for unwritten in &judgement.unwritten {
        let read = &entries[unwritten.read as usize];
        assert_eq!(written(read.value, read.key), 0, "{context}");
    }
    // Reads that cannot be placed say nothing in a witness, but the replay asks about all of them.
    let is_plain = reads().all(|read| read.value == Value::Nothing || written(read.value, read.key) == 1);
    if is_plain && reads().all(|read| read.value != Value::Several) {
        for session in case.sessions() {
            match witness(&history, case.order, session) {
                Ok(order) => {
                    let order: Vec<usize> = order.into_iter().map(|op| op as usize).collect();
                    case.assert_witness(session, &order, &context);
                }
                Err(None) => assert!(!is_legal, "{context}"),
                Err(Some(_)) => assert!(is_doubtful, "{context}"),
            }
        }
    }
}

const PLAIN: Shape = Shape { ops_max: 8, keys_max: 3, deletes: false, doubt: false, twice: false };

fn agree(seeds: std::ops::Range<u64>, shape: Shape) -> Counts {
    let mut counts = Counts::default();
    for seed in seeds {
        let mut chance = Chance(seed ^ 0x5eed << 32);
        let mut case = random::legal(&mut chance, shape);
        if seed % 3 > 0 {
            random::spoil(&mut case, &mut chance);
        }
        compare(&case, &mut counts, &format!("seed {seed}"));
    }
    counts
}

#[test]
fn plain_histories_are_judged_alike() {
    let counts = agree(0..20_000, PLAIN);
    assert!(counts.held > 12_000 && counts.violated > 3_500 && counts.doubtful == 0, "{counts:?}");
}

#[test]
fn histories_with_unknown_and_failed_operations_are_judged_alike() {
    let counts = agree(0..15_000, Shape { doubt: true, ..PLAIN });
    assert!(counts.held > 8_000 && counts.violated > 2_500 && counts.doubtful == 0, "{counts:?}");
}

#[test]
fn histories_with_deletes_are_judged_alike() {
    let counts = agree(0..15_000, Shape { deletes: true, ..PLAIN });
    assert!(counts.held > 8_000 && counts.violated > 2_000 && counts.doubtful == 0, "{counts:?}");
}

#[test]
fn what_is_said_about_doubtful_deletes_is_true() {
    let counts = agree(0..15_000, Shape { deletes: true, doubt: true, ..PLAIN });
    assert!(counts.held > 8_000 && counts.violated > 1_500 && counts.doubtful < 300, "{counts:?}");
}

#[test]
fn longer_histories_of_few_keys_are_judged_alike() {
    let counts = agree(0..6_000, Shape { ops_max: 11, keys_max: 2, deletes: true, ..PLAIN });
    assert!(counts.held > 3_000 && counts.violated > 1_000, "{counts:?}");
}

#[test]
fn what_is_said_about_values_written_twice_is_true() {
    let counts = agree(0..6_000, Shape { twice: true, doubt: true, deletes: true, ..PLAIN });
    assert!(counts.held > 2_000 && counts.violated > 500 && counts.unknown > 200, "{counts:?}");
}

#[test]
fn long_legal_histories_hold() {
    let mut given_up = 0;
    for seed in 0..60 {
        let mut chance = Chance(seed);
        let deletes = seed % 2 == 1;
        let case = random::legal(&mut chance, Shape { ops_max: 300, keys_max: 6, deletes, ..PLAIN });
        let history = history(&case);
        let judgement = judge(&history, case.order, NEVER).expect("it takes its time");
        assert!(!judgement.is_violated(), "seed {seed}: {judgement:?}");
        if judgement.unclear.is_some() {
            assert!(deletes, "seed {seed}: {judgement:?}");
            given_up += 1;
            continue;
        }
        for session in case.sessions() {
            let order = witness(&history, case.order, session).expect("it holds");
            let order: Vec<usize> = order.into_iter().map(|op| op as usize).collect();
            case.assert_witness(session, &order, &format!("seed {seed}"));
        }
    }
    assert!(given_up < 20, "{given_up}");
}
