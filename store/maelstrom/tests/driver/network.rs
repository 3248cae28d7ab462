//! What becomes of messages between nodes. Seeded, though real time decides when each of them comes to its draw.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use kvsim_store::Stream;

/// How bad the network is. Times are in milliseconds since the beginning.
#[derive(Clone, Debug)]
pub struct Conditions {
    pub seed: u64,
    /// Mean delay; each delay from nothing to twice as much is equally likely, so that messages overtake each other.
    pub delay_ms: u64,
    /// Messages lost, of a hundred,
    pub loss_percent: u64,
    /// and messages that arrive twice.
    pub double_percent: u64,
    /// From when until when which nodes are cut off from the others.
    pub cuts: Vec<(u64, u64, Vec<usize>)>,
    /// When which nodes are killed, to be started again at once.
    pub kills: Vec<(u64, usize)>,
}

impl Conditions {
    /// Half of the time, `every_ms` on and off, some nodes are cut off, never all: which ones is drawn.
    pub fn cut_now_and_then(mut self, nodes: usize, every_ms: u64, until_ms: u64) -> Conditions {
        let mut chance = Stream::new(self.seed, "cuts", 0);
        let mut from_ms = every_ms;
        while from_ms < until_ms {
            let mut all: Vec<usize> = (0..nodes).collect();
            chance.shuffle(&mut all);
            all.truncate(1 + chance.below(nodes as u64 / 2) as usize);
            self.cuts.push((from_ms, from_ms + every_ms, all));
            from_ms += 2 * every_ms;
        }
        self
    }
}

/// Messages under way.
pub struct Network {
    conditions: Conditions,
    chance: Stream,
    /// By time and number: to whom, and what.
    under_way: BinaryHeap<Reverse<(u64, u64, usize, String)>>,
    pub sent: u64,
    pub lost: u64,
}

impl Network {
    pub fn new(conditions: Conditions) -> Network {
        let chance = Stream::new(conditions.seed, "net", 0);
        Network { conditions, chance, under_way: BinaryHeap::new(), sent: 0, lost: 0 }
    }

    /// A node sends a line to another one.
    pub fn send(&mut self, from: usize, to: usize, line: String, now_ns: u64) {
        self.sent += 1;
        let is_cut = |(from_ms, until_ms, nodes): &(u64, u64, Vec<usize>)| {
            (*from_ms..*until_ms).contains(&(now_ns / 1_000_000)) && nodes.contains(&from) != nodes.contains(&to)
        };
        if self.conditions.cuts.iter().any(is_cut) || self.chance.below(100) < self.conditions.loss_percent {
            self.lost += 1;
            return;
        }
        let copies = 1 + u64::from(self.chance.below(100) < self.conditions.double_percent);
        for copy in 0..copies {
            let delay_ns = self.chance.below(2 * self.conditions.delay_ms * 1_000_000 + 1);
            self.under_way.push(Reverse((now_ns + delay_ns, 2 * self.sent + copy, to, line.clone())));
        }
    }

    /// When the next line arrives.
    pub fn next_ns(&self) -> Option<u64> {
        self.under_way.peek().map(|Reverse((at_ns, ..))| *at_ns)
    }

    /// Takes out a line that has arrived.
    pub fn take_due(&mut self, now_ns: u64) -> Option<(usize, String)> {
        self.next_ns().filter(|at_ns| *at_ns <= now_ns)?;
        self.under_way.pop().map(|Reverse((.., to, line))| (to, line))
    }
}
