//! The versions that replicas show, followed through a recording by what the replicas announce.

use crate::facts::Facts;
use crate::facts::tables::ByNode;
use crate::trace::{Level, Levels, NodeId};

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

    /// The fingerprint of the set and the key that it is of.
    pub(super) fn of_key(self, key: u32) -> Digest {
        Digest(self.0.wrapping_add(mixed(key).rotate_left(64)))
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

/// What each replica shows at each level. What a replica knew and showed ends with its life: the next one begins with nothing.
pub(super) struct ShownDigests {
    /// By node and write: the levels at which it is shown.
    members: ByNode<Levels>,
    /// By level, and by node and key.
    digests: [ByNode<Digest>; Level::ALL.len()],
}

impl ShownDigests {
    pub(super) fn of(facts: &Facts<'_>) -> ShownDigests {
        let (header, writes) = (facts.header(), facts.writes.len());
        ShownDigests {
            members: ByNode::new(header, writes),
            digests: Level::ALL.map(|_| ByNode::of_keys(header, writes)),
        }
    }

    /// The life of `node` ends.
    pub(super) fn end_life(&mut self, node: NodeId) {
        self.members.clear(node);
        self.digests.iter_mut().for_each(|digests| digests.clear(node));
    }

    /// False when it was shown already.
    pub(super) fn show(&mut self, facts: &Facts<'_>, level: Level, node: NodeId, write: u32) -> bool {
        let at = self.members.get_mut(node, write);
        let new = !at.contains(level);
        if new {
            *at = at.with(level);
            self.digests[level as usize].get_mut(node, facts.write(write).key).add(write);
        }
        new
    }

    /// False when it was not shown.
    pub(super) fn hide(&mut self, facts: &Facts<'_>, level: Level, node: NodeId, write: u32) -> bool {
        let at = self.members.get_mut(node, write);
        let there = at.contains(level);
        if there {
            *at = at.without(Levels::only(level));
            self.digests[level as usize].get_mut(node, facts.write(write).key).remove(write);
        }
        there
    }

    /// The fingerprint of what reads of `key` return at `node`.
    pub(super) fn digest(&self, level: Level, node: NodeId, key: u32) -> Digest {
        self.digests[level as usize].get(node, key)
    }
}
