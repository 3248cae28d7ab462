//! The event queue against std's binary heap: nanoseconds of processor time per pop and push, by the number of
//! pending entries. `cargo bench -p kvsim-sim --bench queue`

#[path = "common/mod.rs"]
mod common;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use common::{interleaved, median};
use kvsim_sim::engine::Queue;
use kvsim_store::Stream;

const STEPS: u64 = 1_000_000;

fn main() {
    println!("{:>9}  {:>8}  {:>8}", "pending", "heap ns", "queue ns");
    for pending in [1_000u64, 10_000, 100_000, 1_000_000] {
        let delay = |chance: &mut Stream| 1_000_000 + chance.below(9_000_000);
        let mut heap = BinaryHeap::new();
        let mut queue = Queue::new();
        let mut chance = [Stream::new(1, "bench", 0), Stream::new(1, "bench", 0)];
        for number in 0..pending {
            heap.push(Reverse((delay(&mut chance[0]), number, 0u64)));
            queue.push(delay(&mut chance[1]), 0u64);
        }
        let mut number = pending;
        let [first, second] = &mut chance;
        let mut step_heap = || {
            for _ in 0..STEPS {
                let Reverse((now, _, what)) = heap.pop().expect("never empty");
                number += 1;
                heap.push(Reverse((now + delay(first), number, what)));
            }
            STEPS
        };
        let mut step_queue = || {
            for _ in 0..STEPS {
                let (now, what) = queue.pop().expect("never empty");
                queue.push(now + delay(second), what);
            }
            STEPS
        };
        let rates = interleaved(5, &mut [("heap", &mut step_heap), ("queue", &mut step_queue)]);
        println!("{pending:>9}  {:>8.1}  {:>8.1}", 1e9 / median(&rates[0]), 1e9 / median(&rates[1]));
    }
}
