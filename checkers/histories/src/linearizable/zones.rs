//! Distinct values: chains of operations in time.

use rustc_hash::FxHashMap;

use super::op::{Decision, Op};
use crate::jepsen::Action;

/// What fills some time. Moments are shifted by one, so that there is one before all.
struct Chain {
    ops: Vec<u32>,
    first_completion: u32,
    last_invocation: u32,
}

/// The operations of one value.
#[derive(Default)]
struct Value {
    writer: Option<u32>,
    reads: Vec<u32>,
    /// The cas that replaced it.
    next: Option<u32>,
}

pub(super) fn decide(ops: &[Op], initial: u64) -> Decision {
    let mut numbers: FxHashMap<u64, u32> = FxHashMap::default();
    let mut values: Vec<Value> = Vec::new();
    let mut number = |value: u64, values: &mut Vec<Value>| {
        *numbers.entry(value).or_insert_with(|| {
            values.push(Value::default());
            values.len() as u32 - 1
        })
    };
    number(initial, &mut values);
    for (op, place) in ops.iter().zip(0..) {
        match op.action {
            Action::Read => {
                let value = number(op.value, &mut values);
                values[value as usize].reads.push(place);
            }
            Action::Write | Action::Cas => {
                let value = number(op.value, &mut values);
                values[value as usize].writer = Some(place);
            }
        }
        if op.action == Action::Cas {
            let expected = number(op.expected, &mut values);
            if let Some(other) = values[expected as usize].next.replace(place) {
                let writer = values[expected as usize].writer;
                // Who comes second finds another value.
                return Decision::No(writer.into_iter().chain([other, place]).collect());
            }
        }
    }

    let mut chains = Vec::new();
    let mut placed = 0;
    for root in 0..values.len() as u32 {
        let writer = values[root as usize].writer;
        let is_root = root == 0 || writer.is_some_and(|writer| ops[writer as usize].action == Action::Write);
        if !is_root {
            continue;
        }
        let chain = match chain(ops, &values, root, |value| number(value, &mut Vec::new())) {
            Ok(chain) => chain,
            Err(broken) => return Decision::No(broken),
        };
        placed += chain.ops.len();
        chains.push(chain);
    }
    if placed < ops.len() {
        // Every cas of a circle waits for another one of it.
        let mut is_placed = vec![false; ops.len()];
        chains.iter().flat_map(|chain| &chain.ops).for_each(|op| is_placed[*op as usize] = true);
        return Decision::No((0..ops.len() as u32).filter(|op| !is_placed[*op as usize]).collect());
    }
    match conflict(&chains) {
        None => Decision::Yes,
        Some((one, other)) => Decision::No([&one.ops[..], &other.ops[..]].concat()),
    }
}

/// The chain that begins with a value; or what makes it impossible.
fn chain(ops: &[Op], values: &[Value], root: u32, mut number: impl FnMut(u64) -> u32) -> Result<Chain, Vec<u32>> {
    let is_initial = root == 0;
    let mut chain =
        Chain { ops: Vec::new(), first_completion: if is_initial { 0 } else { u32::MAX }, last_invocation: 0 };
    let mut at = Some(root);
    while let Some(value) = at.take() {
        let Value { writer, reads, next } = &values[value as usize];
        // Stages follow each other: the write, then its reads, then the cas.
        let stages = [writer.as_slice(), &reads[..]];
        for stage in stages {
            let earliest = chain.last_invocation;
            for op in stage {
                chain.ops.push(*op);
                let Op { invoked, completed, .. } = ops[*op as usize];
                if completed.saturating_add(1) < earliest {
                    return Err(chain.ops);
                }
                chain.first_completion = chain.first_completion.min(completed.saturating_add(1));
                chain.last_invocation = chain.last_invocation.max(invoked + 1);
            }
        }
        at = next.map(|cas| number(ops[cas as usize].value));
    }
    Ok(chain)
}

/// Two chains that cannot both have their time.
fn conflict(chains: &[Chain]) -> Option<(&Chain, &Chain)> {
    let fills = |chain: &&Chain| chain.first_completion < chain.last_invocation;
    let mut filling: Vec<&Chain> = chains.iter().filter(fills).collect();
    filling.sort_unstable_by_key(|chain| chain.first_completion);
    let overlap = filling.windows(2).find(|pair| pair[1].first_completion < pair[0].last_invocation);
    if let Some(pair) = overlap {
        return Some((pair[0], pair[1]));
    }
    chains.iter().filter(|chain| !fills(chain)).find_map(|chain| {
        let count = filling.partition_point(|other| other.first_completion < chain.last_invocation);
        let other = filling[..count].last()?;
        (chain.first_completion < other.last_invocation).then_some((*other, chain))
    })
}
