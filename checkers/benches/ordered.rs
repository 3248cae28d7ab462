//! Judging ordered levels: processor time per event of a recording.
//!
//! 8 nodes, 1,000 keys of all priorities that everybody writes blindly, every tenth operation a read. The writes of
//! an origin arrive in order, but those of P0 one place late, so that every view is at another place. Making the
//! recording is not counted. `cargo bench -p kvsim-checkers --bench ordered`.

use std::time::Duration;

use kvsim_checkers::trace::{Action, Dot, Event, Header, Level, Levels, NodeId, Recording, What};
use kvsim_checkers::{NO_RERUN, Verdict, ordered};
use rustc_hash::FxHashMap;

const NODES: usize = 8;
const KEYS: usize = 1_000;

struct Bench {
    recording: Recording,
    /// By node, view, key and origin: the counter shown.
    shown: FxHashMap<(NodeId, u8, u32, NodeId), u64>,
}

fn priority(key: u32) -> u8 {
    (key % 4) as u8
}

impl Bench {
    fn push(&mut self, node: NodeId, cause: u64, what: What) -> u64 {
        let number = self.recording.events.len() as u64 + 1;
        self.recording.events.push(Event { number, at_ns: number * 1_000, cause, node, what });
        number
    }

    fn shows(&mut self, node: NodeId, cause: u64, write: Dot, key: u32, views: std::ops::RangeInclusive<u8>) {
        for view in views {
            let mut levels =
                Levels::only([Level::Fifo, Level::FifoP1, Level::FifoP2, Level::FifoP3][usize::from(view)]);
            if view == priority(key) {
                levels = levels.with(Level::Priority);
            }
            self.push(node, cause, What::Visible { levels, write });
            if let Some(counter) = self.shown.insert((node, view, key, write.node()), write.counter) {
                self.push(node, cause, What::Hidden { levels, write: Dot { counter, ..write } });
            }
        }
    }
}

fn recording(events: usize) -> Recording {
    let header = Header {
        nodes: NODES as u16,
        sessions: (0..NODES).map(|node| format!("c{node}")).collect(),
        keys: (0..KEYS).map(|key| format!("k{key}")).collect(),
        priorities: (0..KEYS as u32).map(priority).collect(),
        levels: Level::ALL.into_iter().collect(),
        end_ns: events as u64 * 2_000,
        ..Header::default()
    };
    let mut bench = Bench { recording: Recording { header, events: Vec::new() }, shown: FxHashMap::default() };
    let mut counters = [0; NODES];
    // By receiver and origin: a write of P0 that comes after the next one.
    let mut behind: FxHashMap<(NodeId, NodeId), (Dot, u32)> = FxHashMap::default();
    for op in 0_u32.. {
        if bench.recording.events.len() >= events {
            break;
        }
        let node = (op.wrapping_mul(2_654_435_761) >> 16) as usize % NODES;
        let key = op.wrapping_mul(40_503).wrapping_add(op >> 7) % KEYS as u32;
        let (session, level) = (node as u32, Level::Priority);
        let here = NodeId(node as u16);
        if op % 10 == 0 {
            let invoked = What::Invoked { op, session, action: Action::Read, key, value: 0, level, context: false };
            let cause = bench.push(here, 0, invoked);
            for origin in NodeId::all(NODES as u16) {
                if let Some(counter) = bench.shown.get(&(here, priority(key), key, origin)).copied() {
                    bench.push(here, cause, What::Returned { op, write: Dot::new(origin, 1, counter) });
                }
            }
            bench.push(here, cause, What::Answered { op });
            continue;
        }
        counters[node] += 1;
        let write = Dot::new(here, 1, counters[node]);
        let value = u64::from(op) + 1;
        let invoked = What::Invoked { op, session, action: Action::Write, key, value, level, context: false };
        let cause = bench.push(here, 0, invoked);
        bench.push(here, cause, What::Wrote { op, write });
        bench.push(here, cause, What::Known { write });
        bench.shows(here, cause, write, key, 0..=priority(key));
        bench.push(here, cause, What::Answered { op });
        for to in NodeId::all(NODES as u16).filter(|to| *to != here) {
            let late = behind.remove(&(to, here));
            if late.is_none() && priority(key) == 0 {
                behind.insert((to, here), (write, key));
                continue;
            }
            let cause = bench.recording.events.len() as u64;
            bench.push(to, cause, What::Known { write });
            if let Some((earlier, its_key)) = late {
                // Only the views that carry P0 had to wait.
                bench.shows(to, cause, write, key, 1..=priority(key));
                let cause = bench.recording.events.len() as u64;
                bench.push(to, cause, What::Known { write: earlier });
                bench.shows(to, cause, earlier, its_key, 0..=0);
                bench.shows(to, cause, write, key, 0..=0);
            } else {
                bench.shows(to, cause, write, key, 0..=priority(key));
            }
        }
    }
    bench.recording
}

/// Processor time that this process has used, where the scheduler counts it (Linux); otherwise the wall clock.
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

fn main() {
    for events in [100_000, 1_000_000, 4_000_000] {
        let recording = recording(events);
        for (name, checker) in [
            (ordered::FIFO.name, &|recording: &Recording| ordered::FIFO.judge(recording, NO_RERUN) as _),
            (ordered::PRIORITY.name, &|recording: &Recording| ordered::PRIORITY.judge(recording, NO_RERUN)),
        ] as [(&str, &dyn Fn(&Recording) -> kvsim_checkers::Report); 2]
        {
            let begin = cpu_time();
            let report = checker(&recording);
            let seconds = (cpu_time() - begin).as_secs_f64();
            assert_eq!(report.verdict, Verdict::Holds, "{report:#?}");
            let count = recording.events.len();
            println!("{name}: {count} events in {seconds:.3} s, {:.2} million events/s", count as f64 / seconds / 1e6);
        }
    }
}
