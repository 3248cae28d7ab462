//! Which writes can never arrive any more, by what disks lost: known from the host, not from the store.

use crate::facts::disks::Disks;
use crate::facts::{Facts, RecordedWrite};
use crate::trace::{Disk, NodeId};

/// Why a write can never arrive at a replica that does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Void {
    /// It was undone with the end of its node's life, before anything of it had left.
    Undone,
    /// No disk has it, and that of its origin was lost.
    Dead,
}

pub(super) struct Losses {
    pub(super) disks: Disks,
    /// By origin: the disk of its node was lost after the first write.
    dead: Vec<bool>,
    /// By node: the last place where its disk may have broken a promise.
    broken: Vec<Option<usize>>,
    /// Up to where the recording has been followed.
    pub(super) now: usize,
}

impl Losses {
    pub(super) fn of(facts: &Facts<'_>) -> Losses {
        Losses {
            disks: Disks::of(facts),
            dead: vec![false; facts.order.chains.len()],
            broken: vec![None; usize::from(facts.header().nodes)],
            now: 0,
        }
    }

    pub(super) fn down(&mut self, facts: &Facts<'_>, node: NodeId, disk: Disk, place: usize) {
        self.disks.down(node, disk);
        if disk != Disk::Kept {
            self.broken[node.index()] = Some(place);
        }
        for (dead, chains) in self.dead.iter_mut().zip(&facts.order.chains).filter(|_| disk == Disk::Lost) {
            let RecordedWrite { id, wrote, .. } = *facts.write(chains[0][0]);
            *dead |= id.node() == node && wrote < place;
        }
    }

    /// True when the disk of the node may have broken a promise after `place`.
    pub(super) fn has_broken(&self, node: NodeId, place: usize) -> bool {
        self.broken[node.index()].is_some_and(|broken| broken > place)
    }

    /// True when the disk of the origin's node was lost.
    pub(super) fn is_dead(&self, origin: u32) -> bool {
        self.dead[origin as usize]
    }

    pub(super) fn void(&self, facts: &Facts<'_>, write: u32) -> Option<Void> {
        if facts.write(write).undone.is_some_and(|undone| undone <= self.now) {
            return Some(Void::Undone);
        }
        let is_dead = self.is_dead(facts.order.origins[write as usize]);
        (is_dead && self.disks.copies(write) == 0).then_some(Void::Dead)
    }
}
