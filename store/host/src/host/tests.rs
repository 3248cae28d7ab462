//! Hosts that forget whatever they may.

use std::collections::BTreeMap;

use kvsim_store::Level;
use kvsim_store::ndc::{Config, Views};
use kvsim_store::placement::Placement;

use super::*;

const MS: u64 = 1_000_000;

fn settings(node: u16) -> Settings {
    let config = Config { views: Some(Views::All), placement: Placement::all(3), ..Config::default() };
    let unused = Codec { write: |_| Vec::new(), read: |_| Err("no disk".to_owned()) };
    Settings { config, node: NodeId(node), nodes: 3, priority: |_| Priority::P0, codec: unused }
}

/// After each step a host forgets all values that it does not need; later nobody misses one.
#[test]
fn values_that_are_forgotten_are_not_missed() {
    for seed in 0..30 {
        let mut chance = Stream::new(seed, "test", 0);
        let (mut effects, mut under_way) = (Vec::new(), Vec::new());
        let boot = |node| Host::boot(&settings(node), None, 0, &mut Vec::new()).expect("without a disk");
        let mut hosts = [0, 1, 2].map(boot);
        let (mut forgotten, mut read) = (0, 0);
        // By node and key: who writes there replaces what he wrote.
        let mut own: BTreeMap<(usize, Key), Handed> = BTreeMap::new();
        for step in 0..600u64 {
            let (now_ns, mut at) = (step * 5 * MS, chance.below(3) as usize);
            let host = &mut hosts[at];
            let call = CallId(step as u32);
            let key = host.names.key(&[chance.below(4) as u8]).expect("few keys");
            match chance.below(8) {
                0 | 1 if step < 500 => {
                    let delete = chance.below(5) == 0;
                    let content = step.to_le_bytes()[..].into();
                    let value = if delete { host.names.new_delete() } else { host.names.new_value(content) };
                    let context = &own.get(&(at, key)).cloned().unwrap_or_default();
                    host.call(call, Call::Write { key, value, delete, context, seen: None }, now_ns, &mut effects);
                }
                2 => {
                    let level = [Level::Eventual, Level::Fifo][chance.below(2) as usize];
                    let quorum = 1 + chance.below(2) as u16;
                    host.call(call, Call::Read { key, level, quorum, seen: None }, now_ns, &mut effects);
                }
                3 => host.wake(now_ns, &mut effects),
                _ if under_way.is_empty() => {}
                _ => {
                    let (to, from, message): (NodeId, NodeId, Packed<Message>) =
                        under_way.swap_remove(chance.below(under_way.len() as u64) as usize);
                    at = to.index();
                    let taken = hosts[to.index()].take_message(from, message, now_ns, &mut effects);
                    assert_eq!(taken, Ok(()), "seed {seed}, step {step}");
                }
            }
            let host = &mut hosts[at];
            for effect in effects.drain(..) {
                match effect {
                    Effect::Send { to, message } => {
                        let lost = chance.below(5) == 0;
                        let all = to.into_iter().filter(|_| !lost);
                        under_way.extend(all.map(|to| (to, host.node(), message.clone())));
                    }
                    Effect::Answer(_, Answer::Wrote { context, .. }, _) => drop(own.insert((at, key), context)),
                    Effect::Answer(_, _, versions) => {
                        read += versions.len();
                        assert!(versions.iter().all(|version| host.names.value(version.value).is_some()));
                    }
                }
            }
            let before = host.names.values();
            host.forget_values();
            forgotten += before - host.names.values();
        }
        assert!(forgotten > 100 && read > 50, "seed {seed}: {forgotten} forgotten, {read} read");
    }
}
