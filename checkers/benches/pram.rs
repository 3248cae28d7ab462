//! Judging histories by PRAM order: processor time per operation.
//!
//! 16 sessions; half of the operations are writes, half reads; 1,000 keys. Each session carries out the writes of
//! the others with a delay of its own, so that the history is legal and everything has to be placed. Building the
//! history is not counted. `cargo bench -p kvsim-checkers --bench pram [-- --check]`; with `--check` it fails when
//! a million operations take more than 0.2 s, or an operation more than twice what it takes in a short history.

#[path = "../tests/common/chance.rs"]
mod chance;

use std::time::Duration;

use chance::Chance;
use kvsim_checkers::NEVER;
use kvsim_checkers::history::{Ending, Entry, History, Kind, Value, WriterOrder};
use kvsim_checkers::pram::{Order, judge};

const SESSIONS: usize = 16;
const KEYS: usize = 1_000;
const ROUNDS: usize = 7;

/// A legal history.
fn history(ops: usize) -> History {
    let mut chance = Chance(ops as u64);
    // By writer: its writes. By reader and writer: how many the reader has carried out. By reader and key: the value.
    let mut written: Vec<Vec<(usize, Value)>> = vec![Vec::new(); SESSIONS];
    let mut carried_out = [[0; SESSIONS]; SESSIONS];
    let mut state = vec![vec![Value::Nothing; KEYS]; SESSIONS];
    let mut entries = Vec::with_capacity(ops);
    for number in 0..ops {
        let (session, key) = (chance.below(SESSIONS), chance.below(KEYS));
        for _ in 0..12 {
            let writer = chance.below(SESSIONS);
            let next = &mut carried_out[session][writer];
            if let Some((key, value)) = written[writer].get(*next).filter(|_| writer != session) {
                state[session][*key] = *value;
                *next += 1;
            }
        }
        let kind = if chance.below(2) == 0 { Kind::Read } else { Kind::Write };
        if kind == Kind::Write {
            let value = Value::One(number as u64);
            state[session][key] = value;
            written[session].push((key, value));
        }
        let (value, number) = (state[session][key], number as u32);
        let (session, key, ending) = (session as u32, key as u32, Ending::Ok);
        entries.push(Entry { session, key, kind, value, ending, origin: None, number, place: number });
    }
    let priorities = (0..KEYS).map(|key| (key % 4) as u8).collect();
    History::from_entries(WriterOrder::Session, &entries).with_priorities(priorities)
}

/// Processor time that this process has used. From the scheduler's own count where there is one (Linux),
/// otherwise the wall clock.
#[allow(clippy::disallowed_types, clippy::disallowed_methods)] // a bench measures real time
fn cpu_time() -> Duration {
    let counted = std::fs::read_to_string("/proc/self/schedstat").ok();
    let ns = counted.and_then(|text| text.split(' ').next().and_then(|ns| ns.parse().ok()));
    match ns {
        Some(ns) => Duration::from_nanos(ns),
        None => {
            static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
            START.get_or_init(std::time::Instant::now).elapsed()
        }
    }
}

/// Seconds to judge `count` legal histories.
fn seconds(history: &History, order: Order, times: usize) -> f64 {
    let begin = cpu_time();
    for _ in 0..times {
        let judgement = judge(history, order, NEVER).expect("it takes its time");
        assert!(!judgement.is_violated() && judgement.unclear.is_none(), "the history is legal: {judgement:?}");
    }
    (cpu_time() - begin).as_secs_f64()
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() {
    let is_check = std::env::args().any(|argument| argument == "--check");
    let mut missed = false;
    for order in [Order::Pram, Order::Priority] {
        let (short, long) = (history(10_000), history(1_000_000));
        seconds(&short, order, 10); // warm caches and allocator
        // In turns, so that a busy machine disturbs both alike.
        let rounds: Vec<(f64, f64)> =
            (0..ROUNDS).map(|_| (seconds(&short, order, 100) / 1e6, seconds(&long, order, 1) / 1e6)).collect();
        let of = |choose: fn(&(f64, f64)) -> f64| median(rounds.iter().map(choose).collect());
        let (per_short, per_long, ratio) = (of(|round| round.0), of(|round| round.1), of(|round| round.1 / round.0));
        println!(
            "{:<13} 10,000 ops: {:>5.1} ns each; 1,000,000 ops: {:>5.1} ns each, {:.3} s; ratio {ratio:.2}",
            order.name(),
            per_short * 1e9,
            per_long * 1e9,
            per_long * 1e6
        );
        missed |= order == Order::Pram && (ratio > 2.0 || per_long > 0.2e-6);
    }
    if is_check && missed {
        eprintln!("slower than promised");
        std::process::exit(1);
    }
}
