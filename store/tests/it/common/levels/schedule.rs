//! Random schedules: chaos, then peace.

use kvsim_store::ndc::Timer;
use kvsim_store::{Key, NodeId, Stream};

use super::{Style, World, key};
use crate::common::{Fate, pick};

impl Style {
    pub fn random(chance: &mut Stream) -> Style {
        let nodes = 2 + chance.below(4) as u16;
        Style {
            nodes,
            keys: 1 + chance.below(6) as u32,
            steps: 20 + chance.below(60) as u32,
            one_writer: chance.below(4) == 0,
            loss: true,
            anti_entropy: true,
            restart: chance.below(3),
            moves: false,
            buffer_bytes: u64::MAX,
            flaw: None,
        }
    }
}

/// What can happen next.
#[derive(Clone, Copy)]
enum Event {
    Write,
    Read,
    Packet(Fate),
    Fire(Timer),
    Restart,
}

impl World {
    /// A whole schedule: chaos, then peace.
    pub fn play(&mut self) {
        let mut weight = |from: u64, to: u64| from + self.chance.below(to - from);
        // Some schedules lose next to nothing, some next to everything; some repair often, some never.
        let mut weights = vec![
            (weight(10, 30), Event::Write),
            (weight(5, 20), Event::Read),
            (weight(20, 60), Event::Packet(Fate::Arrives)),
            (weight(0, 10), Event::Packet(Fate::Doubled)),
            (weight(0, 6), Event::Packet(Fate::VeryLate)),
            (weight(0, 10), Event::Fire(Timer::CleanUp)),
            (self.style.restart, Event::Restart),
        ];
        let (drop, repair) = (weight(0, 20), weight(0, 15));
        weights.extend(self.style.loss.then_some((drop, Event::Packet(Fate::Lost))));
        weights.extend(self.style.anti_entropy.then_some((repair, Event::Fire(Timer::AntiEntropy))));
        for _ in 0..self.style.steps {
            let event = pick(&mut self.chance, &weights);
            self.happen(event);
        }
        self.heal();
    }

    pub fn some_node(&mut self) -> NodeId {
        NodeId(self.chance.below(u64::from(self.style.nodes)) as u16)
    }

    pub fn some_key(&mut self) -> Key {
        key(self.chance.below(u64::from(self.style.keys)) as u32)
    }

    fn happen(&mut self, event: Event) {
        self.net.now_ns += self.chance.below(1_000_000);
        match event {
            Event::Write => self.some_write(),
            Event::Read => self.some_read(),
            Event::Restart => {
                let node = self.some_node();
                self.restart(node);
            }
            Event::Fire(timer) => {
                let node = self.some_node();
                self.fire(node, timer);
            }
            Event::Packet(fate) => {
                if let Some(packet) = self.net.happens(fate, &mut self.chance) {
                    self.deliver(&packet);
                }
            }
        }
    }

    /// Delivers all that is under way, except what is very late.
    pub fn deliver_all(&mut self) {
        while let Some(packet) = self.net.happens(Fate::Arrives, &mut self.chance) {
            self.deliver(&packet);
        }
    }

    /// Every node asks a peer, every node cleans up.
    fn round(&mut self) {
        for timer in [Timer::AntiEntropy, Timer::CleanUp] {
            for node in 0..self.style.nodes {
                self.fire(NodeId(node), timer);
            }
            self.deliver_all();
        }
    }

    /// No more loss: replicas agree before long, on the right thing, at every level, and nothing is left over. What is
    /// very late comes when they have agreed, and changes nothing but what it has to.
    pub fn heal(&mut self) {
        self.net.say(|| "no more loss".to_string());
        self.deliver_all();
        if self.style.anti_entropy {
            self.agree();
        }
        self.net.say(|| "what was very late arrives".to_string());
        self.net.packets.iter_mut().for_each(|packet| packet.very_late = false);
        self.deliver_all();
        if self.style.anti_entropy {
            self.agree();
        }
        self.check_agreed();
        let waiting = self.waiting.iter().find(|waiting| waiting.quorum == 1);
        assert!(waiting.is_none(), "a read waits for ever: {waiting:?}");
    }

    /// Rounds of anti-entropy until nothing is left over.
    pub fn agree(&mut self) {
        // Each node asks each peer once in as many rounds as there are peers. Writes need one cycle, the news of
        // them a second, the clean-up of what the news allows a third.
        let enough = 3 * self.style.nodes;
        let quiet = (0..enough).find(|_| {
            self.round();
            self.net.residue().is_empty() && self.sites.iter().all(|site| site.known == self.from[0])
        });
        if quiet.is_some() {
            self.round(); // to see that it stays so
        }
        assert_eq!(self.net.residue(), [], "something is left over");
        self.check_agreed();
    }
}
