//! The versions that replicas show, followed through a recording by what the replicas announce.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::facts::Facts;
use crate::trace::{Level, NodeId};

/// A fingerprint of a set of writes: the sum of strongly mixed numbers, so that members come and go in any order
/// at the cost of an addition. Two different sets share one with a probability of about 2^-128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Digest(u128);

impl Digest {
    pub(super) fn add(&mut self, write: u32) {
        self.0 = self.0.wrapping_add(mixed(write));
    }

    pub(super) fn remove(&mut self, write: u32) {
        self.0 = self.0.wrapping_sub(mixed(write));
    }
}

fn mixed(write: u32) -> u128 {
    // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) at two places of its sequence, far apart.
    let half = |start: u64| {
        let mut z = start.wrapping_add(u64::from(write).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        u128::from(z ^ z >> 31)
    };
    half(0x6a09_e667_f3bc_c908) << 64 | half(0xbb67_ae85_84ca_a73b)
}

/// A node in one of its lives. What a replica knew and showed ends with its life: the next one begins with nothing.
pub(super) type LifeNumber = u32;

/// What each replica shows at each level.
#[derive(Default)]
pub(super) struct ShownDigests {
    members: FxHashSet<(Level, LifeNumber, u32)>,
    digests: FxHashMap<(Level, LifeNumber, u32), Digest>,
    /// The present lives of nodes that have been down. First lives have the numbers of their nodes.
    lives: FxHashMap<NodeId, LifeNumber>,
    ended: u32,
}

impl ShownDigests {
    /// The life that `node` lives now.
    pub(super) fn life(&self, node: NodeId) -> LifeNumber {
        self.lives.get(&node).copied().unwrap_or(LifeNumber::from(node.0))
    }

    /// The life of `node` ends.
    pub(super) fn end_life(&mut self, node: NodeId) {
        self.ended += 1;
        self.lives.insert(node, LifeNumber::from(u16::MAX) + self.ended);
    }

    /// False when it was shown already.
    pub(super) fn show(&mut self, facts: &Facts<'_>, level: Level, node: NodeId, write: u32) -> bool {
        let life = self.life(node);
        let new = self.members.insert((level, life, write));
        if new {
            self.digests.entry((level, life, facts.write(write).key)).or_default().add(write);
        }
        new
    }

    /// False when it was not shown.
    pub(super) fn hide(&mut self, facts: &Facts<'_>, level: Level, node: NodeId, write: u32) -> bool {
        let life = self.life(node);
        let there = self.members.remove(&(level, life, write));
        if there {
            self.digests.entry((level, life, facts.write(write).key)).or_default().remove(write);
        }
        there
    }

    /// The fingerprint of what reads of `key` return at `node`.
    pub(super) fn digest(&self, level: Level, node: NodeId, key: u32) -> Digest {
        self.digests.get(&(level, self.life(node), key)).copied().unwrap_or_default()
    }
}
