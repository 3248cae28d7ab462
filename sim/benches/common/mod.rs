//! Measuring by processor time, several ways in turn, so that a busy machine disturbs all of them alike.
#![allow(dead_code)] // each bench uses some of it

use std::time::Duration;

/// Processor time that this process has used. From the scheduler's own count where there is one (Linux),
/// otherwise the wall clock.
#[allow(clippy::disallowed_types, clippy::disallowed_methods)] // a bench measures real time
pub fn cpu_time() -> Duration {
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

/// Runs each of `ways` once per round and returns, by way, the work done per second in each round.
pub fn interleaved(rounds: usize, ways: &mut [(&str, &mut dyn FnMut() -> u64)]) -> Vec<Vec<f64>> {
    let mut rates = vec![Vec::new(); ways.len()];
    for (_, way) in ways.iter_mut() {
        way(); // warm caches and allocator
    }
    for _ in 0..rounds {
        for (rates, (_, way)) in rates.iter_mut().zip(ways.iter_mut()) {
            let begin = cpu_time();
            let work = way();
            rates.push(work as f64 / (cpu_time() - begin).as_secs_f64());
        }
    }
    rates
}

/// The middle of an odd number of values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The median over the rounds of `rates / base`.
pub fn ratio(rates: &[f64], base: &[f64]) -> f64 {
    median(&rates.iter().zip(base).map(|(rate, base)| rate / base).collect::<Vec<_>>())
}
