//! Schedules written by hand, for the worlds of this folder. Nodes, keys and writes go by numbers.

use kvsim_store::ndc::{Ndc, Timer};
use kvsim_store::{Level, NodeId, Replica as _};

use super::{PROBE, Style, World, key};
use crate::common::Packet;

impl World {
    /// A world in which nothing happens by itself.
    pub fn script(nodes: u16, buffer_bytes: u64) -> World {
        let (steps, restart) = (0, 0);
        let (one_writer, loss, anti_entropy, moves, flaw) = (false, true, true, true, None);
        let style = Style { nodes, keys: 8, steps, one_writer, loss, anti_entropy, restart, moves, buffer_bytes, flaw };
        World::new(0, style, true)
    }

    /// Writes at `node`, as a client there that never reads; returns the write.
    pub fn put(&mut self, node: u16, index: u32) -> usize {
        self.write_blindly(NodeId(node), key(index), 8);
        self.facts.len() - 1
    }

    /// Writes or deletes at `node` with all that has been received there of the key as context.
    pub fn replace(&mut self, node: u16, index: u32, delete: bool) -> usize {
        self.read(PROBE, NodeId(node), key(index), Level::Eventual, 1);
        self.write(PROBE, NodeId(node), key(index), delete, false);
        self.facts.len() - 1
    }

    fn update(&self, write: usize, to: u16) -> usize {
        let value = self.net.writes[&self.facts[write].dot].value.id;
        let is_it = |packet: &Packet<Ndc>| {
            let tag = Ndc::meta(&packet.message);
            Ndc::MESSAGE_KINDS[usize::from(tag.kind)] == "update" && tag.id == value && packet.to == NodeId(to)
        };
        self.net.packets.iter().position(is_it).expect("the write is still under way")
    }

    /// The write arrives at `to`.
    pub fn bring(&mut self, write: usize, to: u16) {
        let packet = self.net.take(self.update(write, to));
        self.deliver(&packet);
    }

    /// A copy of the write arrives at `to`.
    pub fn bring_copy(&mut self, write: usize, to: u16) {
        let packet = self.net.packets[self.update(write, to)].clone();
        self.deliver(&packet);
    }

    /// `node` asks `peer` for what it misses; the answer, still under way.
    pub fn pull(&mut self, node: u16, peer: u16) -> Packet<Ndc> {
        loop {
            self.fire(NodeId(node), Timer::AntiEntropy);
            let pull = self.net.packets.pop().expect("a pull");
            if pull.to == NodeId(peer) {
                self.deliver(&pull);
                return self.net.packets.pop().expect("an answer");
            }
        }
    }

    /// `node` asks `peer` for what it misses and gets it.
    pub fn sync(&mut self, node: u16, peer: u16) {
        let answer = self.pull(node, peer);
        self.deliver(&answer);
    }

    /// What `node` shows of a key at `level`, as names of writes.
    pub fn shows(&self, node: u16, level: Level, index: u32) -> String {
        let shown = self.names(self.shown(NodeId(node), level) & self.of(key(index)));
        shown[1..shown.len() - 1].to_string()
    }

    /// What `node` shows of a key at `eventual` and at `fifo`.
    pub fn both(&self, node: u16, index: u32) -> [String; 2] {
        [Level::Eventual, Level::Fifo].map(|level| self.shows(node, level, index))
    }
}
