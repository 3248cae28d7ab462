//! Regularity: every write is tried for every read.

use kvsim_checkers::history::Ending;
use kvsim_histories::jepsen::Call;
use kvsim_histories::regular::{Breach, judge};

use crate::chance::Chance;
use crate::random::{INITIAL, Shape, calls};

/// The definition, for one read: some write of what it found, or the beginning, was not followed before the read by an
/// acknowledged write that was asked for after it had been acknowledged.
fn is_right(calls: &[Call], read: &Call) -> bool {
    let writes = |other: &&Call| other.key == read.key && other.writes().is_some() && *other != read;
    let is_followed = |after: Option<u32>| {
        let is_it = |other: &Call| {
            other.ending == Ending::Ok
                && other.completed < read.invoked
                && after.is_none_or(|after| after < other.invoked)
        };
        calls.iter().filter(writes).any(is_it)
    };
    let mut candidates = calls.iter().filter(writes).filter(|write| write.matters() && write.writes() == read.needs());
    let is_possible = |write: &Call| {
        write.invoked < read.completed && !(write.ending == Ending::Ok && is_followed(Some(write.completed)))
    };
    candidates.any(is_possible) || read.needs() == Some(INITIAL) && !is_followed(None)
}

fn agree(seeds: std::ops::Range<u64>, shape: Shape) -> [usize; 4] {
    let mut counts = [0; 4];
    for seed in seeds {
        let calls = calls(&mut Chance(seed ^ 0x2e9 << 40), shape);
        let breaches = judge(&calls, INITIAL);
        let context = format!("seed {seed}: {breaches:?}\n{calls:#?}");
        let mut found: Vec<u32> = Vec::new();
        for breach in &breaches {
            let at = |place: u32| &calls[place as usize];
            let kind = match *breach {
                Breach::Replaced { read, write, by } => {
                    found.push(read);
                    // These few by themselves break it.
                    let few: Vec<Call> = write.into_iter().chain([by, read]).map(|place| *at(place)).collect();
                    assert!(!is_right(&few, at(read)), "{context}");
                    1
                }
                Breach::Unwritten(read) | Breach::Early(read) => {
                    found.push(read);
                    let mut others = calls.iter().filter(|other| *other != at(read) && other.key == at(read).key);
                    let is_later = others.any(|other| other.matters() && other.writes() == at(read).needs());
                    assert_eq!(is_later, matches!(breach, Breach::Early(_)), "{context}");
                    if is_later { 3 } else { 2 }
                }
            };
            counts[kind] += 1;
        }
        found.sort_unstable();
        let is_wrong = |place: &u32| {
            let call = &calls[*place as usize];
            call.ending == Ending::Ok && call.needs().is_some() && !is_right(&calls, call)
        };
        let wrong: Vec<u32> = (0..calls.len() as u32).filter(is_wrong).collect();
        assert_eq!(found, wrong, "{context}");
        counts[0] += usize::from(found.is_empty());
    }
    counts
}

#[test]
fn reads_are_judged_as_defined() {
    for values in 0..4 {
        for (cas, doubt) in [(false, false), (true, true)] {
            let shape = Shape { calls_max: 10, keys: 2, values, cas, doubt, fresh: 6 };
            let counts = agree(0..10_000, shape);
            let is_rare = values == 1;
            assert!(
                counts[0] > 3_000 && (is_rare || counts[1] > 200 && counts[2] > 20 && counts[3] > 20),
                "{counts:?}"
            );
        }
    }
}
