//! Which writes some disk still has, and which can never arrive any more.
//!
//! Known from the host, not from the store: a replica that knows a write has it on its disk until the disk is lost, or the
//! recording says that it forgot the write.

use super::tables::Tables;
use crate::convergence::history::{History, Write};
use crate::trace::{Disk, NodeId};

/// Why a write can never arrive at a replica that does not have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Void {
    /// It was undone with the end of its node's life, before anything of it had left.
    Undone,
    /// No disk has it, and that of its origin was lost.
    Dead,
}

pub(super) struct Lives {
    /// By write: how many nodes have it, up or down.
    copies: Vec<u32>,
    /// By origin: the disk of its node was lost after the first write.
    dead: Vec<bool>,
    /// By node: what its disk kept when it went down.
    down: Vec<Option<Disk>>,
    /// By node: the last place where its disk may have broken a promise.
    lost: Vec<Option<usize>>,
    /// Up to where the recording has been followed.
    pub(super) now: usize,
}

impl Lives {
    pub(super) fn of(history: &History<'_>, tables: &Tables) -> Lives {
        let nodes = usize::from(history.header().nodes);
        Lives {
            copies: vec![0; history.writes.len()],
            dead: vec![false; tables.chains.len()],
            down: vec![None; nodes],
            lost: vec![None; nodes],
            now: 0,
        }
    }

    pub(super) fn copies(&self, write: u32) -> u32 {
        self.copies[write as usize]
    }

    pub(super) fn gain(&mut self, write: u32) {
        self.copies[write as usize] += 1;
    }

    pub(super) fn lose(&mut self, write: u32) {
        self.copies[write as usize] -= 1;
    }

    pub(super) fn down(&mut self, history: &History<'_>, tables: &Tables, node: NodeId, disk: Disk, place: usize) {
        self.down[node.index()] = Some(disk);
        if disk != Disk::Kept {
            self.lost[node.index()] = Some(place);
        }
        for (dead, chains) in self.dead.iter_mut().zip(&tables.chains).filter(|_| disk == Disk::Lost) {
            let Write { id, wrote, .. } = *history.write(chains[0][0]);
            *dead |= id.node() == node && wrote < place;
        }
    }

    /// The node is up again. Returns what its disk had kept.
    pub(super) fn up(&mut self, node: NodeId) -> Option<Disk> {
        self.down[node.index()].take()
    }

    pub(super) fn is_down(&self, node: NodeId) -> Option<Disk> {
        self.down[node.index()]
    }

    /// True when some node is down that may come back with its disk.
    pub(super) fn any_down(&self) -> bool {
        self.down.iter().any(|disk| disk.is_some_and(|disk| disk != Disk::Lost))
    }

    /// True when the disk of the node may have broken a promise after `place`.
    pub(super) fn has_lost(&self, node: NodeId, place: usize) -> bool {
        self.lost[node.index()].is_some_and(|lost| lost > place)
    }

    /// True when the disk of the origin's node was lost.
    pub(super) fn is_dead(&self, origin: u32) -> bool {
        self.dead[origin as usize]
    }

    pub(super) fn void(&self, history: &History<'_>, tables: &Tables, write: u32) -> Option<Void> {
        if history.write(write).undone.is_some_and(|undone| undone <= self.now) {
            return Some(Void::Undone);
        }
        let is_dead = self.is_dead(tables.origins[write as usize]);
        (is_dead && self.copies(write) == 0).then_some(Void::Dead)
    }
}
