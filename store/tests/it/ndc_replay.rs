//! After every step of random schedules, with restarts, lost disks and little room, a second replica is started from
//! the log of the one that took the step: all that a restart has to bring back must be the same, to the last counter.

use kvsim_store::ndc::Handed;
use kvsim_store::ndc::frontier::Frontiers;
use kvsim_store::ndc::{Config, Ndc, Record, Views};
use kvsim_store::placement::Placement;
use kvsim_store::quantity::{Interval, IntervalOrOff, Size};
use kvsim_store::{Key, Level, NodeId, Stream, Value};

use crate::common::{Fate, Kind, Net, Reply, Step, count_failures, key, pick, play_all};

#[derive(Clone, Copy)]
enum Event {
    Write,
    Read,
    Packet(Fate),
    Timer,
    Restart,
    LoseDisk,
}

struct World {
    net: Net<Ndc>,
    chance: Stream,
    nodes: u16,
    keys: u32,
    contexts: Vec<(Key, Handed)>,
    seen: Frontiers,
    /// A mistake to plant: what was given up of several at once is a record each.
    splits: bool,
    /// Records by kind: received, absorbed, given up (of several at once), passed on, arrived.
    records: [u32; 6],
}

impl World {
    fn new(seed: u64, splits: bool, loud: bool) -> World {
        let mut chance = Stream::new(seed, "replay", 0);
        let nodes = 2 + chance.below(3) as u16;
        let is_ring = nodes > 2 && chance.below(4) == 0;
        let config = Config {
            anti_entropy: IntervalOrOff(Some(1_000_000)),
            strip: Interval(1_000_000),
            views: Some(if is_ring { Views::Eventual } else { Views::All }),
            buffer: Size([0, 60, 150, 10_000][chance.below(4) as usize]),
            placement: if is_ring { Placement::ring(nodes, 2) } else { Placement::all(nodes) },
            ..Config::default()
        };
        let net = Net::new(seed, nodes, config, |_, _| true, loud);
        let keys = 1 + chance.below(5) as u32;
        World { net, chance, nodes, keys, contexts: Vec::new(), seen: Frontiers::default(), splits, records: [0; 6] }
    }

    fn some_node(&mut self) -> NodeId {
        NodeId(self.chance.below(u64::from(self.nodes)) as u16)
    }

    fn some_key(&mut self) -> Key {
        key(self.chance.below(u64::from(self.keys)) as u32)
    }

    fn play(&mut self) {
        let is_ring = !self.net.config.placement.is_full();
        let mut weight = |from: u64, to: u64| from + self.chance.below(to - from);
        let weights = [
            (weight(5, 30), Event::Write),
            (weight(2, 10), Event::Read),
            (weight(20, 60), Event::Packet(Fate::Arrives)),
            (weight(0, 15), Event::Packet(Fate::Lost)),
            (weight(0, 6), Event::Packet(Fate::Doubled)),
            (weight(0, 6), Event::Packet(Fate::VeryLate)),
            (weight(5, 30), Event::Timer),
            (weight(0, 4), Event::Restart),
            (if is_ring { 0 } else { weight(0, 12) }, Event::LoseDisk),
        ];
        for _ in 0..100 {
            let event = pick(&mut self.chance, &weights);
            self.happen(event);
        }
        // Peace: now what was lost with disks is given up.
        for _ in 0..4 * self.nodes {
            for node in (0..self.nodes).map(NodeId) {
                for timer in self.net.armed(node) {
                    self.net.fire(node, timer);
                    self.check(node);
                }
                while let Some(packet) = self.net.happens(Fate::Arrives, &mut self.chance) {
                    self.net.arrive(&packet);
                    self.check(packet.to);
                }
            }
        }
    }

    fn happen(&mut self, event: Event) {
        self.net.now_ns += self.chance.below(1_000_000);
        let node = self.some_node();
        let others = self.nodes * u16::from(matches!(event, Event::LoseDisk));
        match event {
            Event::Write => {
                let known = self.chance.below(2 * self.contexts.len() as u64 + 1) as usize;
                let blind = (self.some_key(), Handed::default());
                let (key, context) = self.contexts.get(known).cloned().unwrap_or(blind);
                let value = Value { id: self.net.asked.len() as u64, bytes: self.chance.below(40) as u32 };
                let kind = Kind::Write { value, delete: self.chance.below(4) == 0 };
                let (_, step) = self.net.ask_at(node, key, kind, Level::Eventual, &context, Some(&self.seen));
                self.keep(key, step);
            }
            Event::Read => {
                let ordered = self.net.config.placement.is_full() && self.chance.below(2) == 0;
                let level = if ordered { Level::Priority } else { Level::Eventual };
                let key = self.some_key();
                let kind = Kind::Read { quorum: 1 + self.chance.below(2) as u16 };
                let (_, step) = self.net.ask_at(node, key, kind, level, &Handed::default(), Some(&self.seen));
                self.keep(key, step);
            }
            Event::Packet(fate) => {
                if let Some(packet) = self.net.happens(fate, &mut self.chance) {
                    self.net.arrive(&packet);
                    return self.check(packet.to);
                }
            }
            Event::Timer => {
                let armed = self.net.armed(node);
                let timer = armed[self.chance.below(armed.len() as u64) as usize];
                self.net.fire(node, timer);
            }
            Event::Restart => self.net.restart(node),
            Event::LoseDisk => self.net.lose_disk(node),
        }
        (0..others).map(NodeId).chain([node]).for_each(|node| self.check(node));
    }

    fn keep(&mut self, key: Key, step: Step<Ndc>) {
        for (_, reply) in step.answers {
            if let Reply::Read { context, .. } = reply {
                self.contexts.push((key, context));
            }
        }
        step.seen.into_iter().for_each(|(_, seen)| self.seen = seen);
    }

    fn check(&mut self, node: NodeId) {
        let log = &mut self.net.nodes[node.index()].log;
        if let Some(Record::GivenUp(range, dead)) = log.last().filter(|_| self.splits).cloned() {
            log.pop();
            log.extend(dead.into_iter().map(|one| Record::GivenUp(range, vec![one])));
        }
        let (copy, live) = (self.net.copy_from_log(node).durable(), self.net.nodes[node.index()].replica.durable());
        if copy != live {
            panic!("{node} comes back with\n{copy}\nand was\n{live}");
        }
    }

    fn count(&mut self) {
        for record in self.net.nodes.iter().flat_map(|node| &node.log) {
            match record {
                Record::Received(_) => self.records[0] += 1,
                Record::Absorbed(_) => self.records[1] += 1,
                Record::GivenUp(_, dead) => self.records[2 + usize::from(dead.len() > 1)] += 1,
                Record::Sent(..) => self.records[4] += 1,
                Record::Arrived(..) => self.records[5] += 1,
                _ => {}
            }
        }
    }
}

#[test]
fn after_every_step_the_log_says_what_the_replica_knows() {
    let records = std::cell::RefCell::new([0; 6]);
    play_all(0..600, |seed, loud| {
        let mut world = World::new(seed, false, loud);
        world.play();
        world.count();
        records.borrow_mut().iter_mut().zip(world.records).for_each(|(all, own)| *all += own);
    });
    let records = records.into_inner();
    assert!(records.iter().all(|count| *count > 20), "a kind of record hardly occurs: {records:?}");
}

#[test]
fn a_log_that_gives_up_the_dead_one_by_one_is_noticed() {
    let failures = count_failures(0..2_000, |seed| World::new(seed, true, false).play());
    assert!(failures > 3, "only {failures} of 2,000 schedules failed");
}
