//! The versions that replicas show, followed through a recording by what the replicas announce.

use rustc_hash::{FxHashMap, FxHashSet};

use super::history::History;
use crate::trace::{Level, Node};

/// A fingerprint of a set of writes: the sum of strongly mixed numbers, so that members come and go in any order
/// at the cost of an addition. Two different sets share one with a probability of about 2^-128.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Digest(u128);

impl Digest {
    pub(super) fn add(&mut self, write: u32) {
        self.0 = self.0.wrapping_add(mixed(write));
    }

    fn remove(&mut self, write: u32) {
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

/// What each replica shows at each level.
#[derive(Default)]
pub(super) struct Shown {
    members: FxHashSet<(Level, Node, u32)>,
    digests: FxHashMap<(Level, Node, u32), Digest>,
}

impl Shown {
    /// False when it was shown already.
    pub(super) fn show(&mut self, history: &History<'_>, level: Level, node: Node, write: u32) -> bool {
        let new = self.members.insert((level, node, write));
        if new {
            self.digests.entry((level, node, history.write(write).key)).or_default().add(write);
        }
        new
    }

    /// False when it was not shown.
    pub(super) fn hide(&mut self, history: &History<'_>, level: Level, node: Node, write: u32) -> bool {
        let there = self.members.remove(&(level, node, write));
        if there {
            self.digests.entry((level, node, history.write(write).key)).or_default().remove(write);
        }
        there
    }

    /// The fingerprint of what reads of `key` return at `node`.
    pub(super) fn digest(&self, level: Level, node: Node, key: u32) -> Digest {
        self.digests.get(&(level, node, key)).copied().unwrap_or_default()
    }
}
