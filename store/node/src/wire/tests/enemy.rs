//! What no honest peer sends: nothing of it ends a node, or makes it lose the order that it lives by.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kvsim_store::Replica;
use serde_json::Value as Json;

use super::*;

#[path = "../../../../../sim/cli/src/mutants/mutator.rs"]
mod mutator;

/// Bytes of peers, changed.
fn mutants(count: u64) {
    let said = said(3, 600);
    let mut hosts = [0, 1, 2].map(boot);
    let (mut broken, mut refused) = (0, 0);
    for number in 0..count {
        let (from, to, message) = &said[(number % said.len() as u64) as usize];
        let mutant = mutator::Mutator::new(number).mutate(&bytes_of(message));
        let host = &mut hosts[to.index()];
        let taken = catch_unwind(AssertUnwindSafe(|| {
            let Ok(packed) = Parcel::decode(&mutant[..]).map_err(drop).and_then(|parcel| parcel.open().map_err(drop))
            else {
                broken += 1;
                return;
            };
            let mut effects = Vec::new();
            refused += u64::from(host.take_message(*from, packed, number * MS, &mut effects).is_err());
            host.wake(number * MS, &mut effects);
        }));
        let read = Parcel::decode(&mutant[..]).map_err(drop).and_then(|parcel| parcel.open::<Said>().map_err(drop));
        assert!(taken.is_ok(), "mutant {number} of {message:?}: {read:?}");
        // A node that was fed lies says them, too: it begins anew now and then.
        if number % 100 == 99 {
            hosts = [0, 1, 2].map(boot);
        }
    }
    println!("{count} mutants: {broken} are no message, {refused} are of no honest peer");
    assert!(broken > 0 && refused > 0 && broken + refused < count);
}

#[test]
fn what_an_enemy_wrote_ends_no_node() {
    // Number 10,750 once did.
    mutants(200_000);
}

#[test]
#[ignore = "takes minutes"]
fn much_that_an_enemy_wrote_ends_no_node() {
    mutants(20_000_000);
}

/// Changes some of the numbers and lists of a message; its form stays.
fn lie(what: &mut Json, chance: &mut Stream) {
    match what {
        Json::Number(number) => {
            let number = number.as_u64().unwrap_or(0);
            let other = [
                number.wrapping_sub(1),
                number.wrapping_add(1),
                number.wrapping_sub(3),
                number.wrapping_add(4),
                chance.below(40),
                0,
            ];
            *what = other[chance.below(6) as usize].into();
        }
        Json::Bool(is) => *is = !*is,
        Json::Array(list) if !list.is_empty() && chance.below(4) == 0 => {
            let (at, to) = (chance.below(list.len() as u64) as usize, chance.below(list.len() as u64) as usize);
            match chance.below(3) {
                0 => drop(list.remove(at)),
                1 => list.insert(to, list[at].clone()),
                _ => list.swap(at, to),
            }
        }
        Json::Array(list) if !list.is_empty() => {
            let at = chance.below(list.len() as u64) as usize;
            lie(&mut list[at], chance);
        }
        Json::Object(fields) if !fields.is_empty() => {
            let at = chance.below(fields.len() as u64) as usize;
            fields.values_mut().nth(at).into_iter().for_each(|field| lie(field, chance));
        }
        _ => {}
    }
}

/// In the midst of honest talk each message comes a few times before, with something in it that is not true. What is taken leaves the
/// replica as it has to be. Where all are honest, everything is taken.
fn lies(seeds: std::ops::Range<u64>) {
    let (mut told, mut refused, mut lost) = (0u64, 0u64, 0u64);
    for seed in seeds {
        let mut chance = Stream::new(seed, "lies", 0);
        // With little room writes wait without their content.
        let room = [1 << 20, 200][seed as usize % 2];
        let hosts = [0, 1, 2].map(|node| boot_with(node, room));
        let are_honest = seed % 5 < 2;
        talk(seed, 400, hosts, |host, from, message, now_ns, effects| {
            for _ in 0..if are_honest { 0 } else { chance.below(4) } {
                let mut what = serde_json::to_value(&message.what).expect("the store's types can be written");
                (0..=chance.below(3)).for_each(|_| lie(&mut what, &mut chance));
                let Ok(what) = serde_json::from_value::<Said>(what) else { continue };
                let forged = Packed { keys: message.keys.clone(), values: message.values.clone(), what };
                let shown = format!("seed {seed}: {forged:?}, truly {message:?}");
                let taken = catch_unwind(AssertUnwindSafe(|| {
                    refused += u64::from(host.take_message(from, forged, now_ns, effects).is_err());
                    host.replica().assert_invariants();
                }));
                assert!(taken.is_ok(), "{shown}");
                told += 1;
            }
            let taken = host.take_message(from, message, now_ns, effects);
            host.replica().assert_invariants();
            assert!(taken.is_ok() || !are_honest, "seed {seed}: {taken:?}");
            lost += u64::from(taken.is_err());
        });
    }
    println!("{told} lies: {refused} are refused; and {lost} true messages afterwards");
    assert!(refused > told / 4);
}

#[test]
fn lies_leave_a_replica_as_it_has_to_be() {
    lies(0..100);
}

#[test]
#[ignore = "takes minutes"]
fn many_lies_leave_a_replica_as_it_has_to_be() {
    lies(100..10_000);
}
