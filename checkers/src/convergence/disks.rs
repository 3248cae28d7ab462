//! Which writes went with the disks that held them.
//!
//! A replica that knows a write has it on its disk until the recording says otherwise: the disk was lost as a whole, did
//! not have the write when its node went down, or its node is down at the end. That is the host's knowledge, not the
//! store's opinion: a store that forgets what its disk has is not excused.

use rustc_hash::FxHashSet;

use super::history::History;
use crate::trace::{Disk, NodeId, What};

/// For each write, whether some replica knew it and yet no disk has it at the end.
pub(super) fn gone(history: &History<'_>) -> Vec<bool> {
    let mut gone = vec![false; history.writes.len()];
    let events = &history.recording.events;
    if !events.iter().any(|event| matches!(event.what, What::Down { .. })) {
        return gone;
    }
    let nodes = usize::from(history.header().nodes);
    let mut disks =
        Disks { copies: vec![0; history.writes.len()], has: FxHashSet::default(), lists: vec![Vec::new(); nodes] };
    let mut is_down = vec![false; nodes];
    let mut downs = vec![0; nodes];
    for (place, event) in events.iter().enumerate() {
        let node = event.node;
        match event.what {
            What::Known { write } => {
                if let Some(write) = history.number(write, place) {
                    disks.add(node, write);
                }
            }
            What::Forgot { write: id, promised } => {
                let Some(write) = history.number(id, place) else { continue };
                // Whoever acknowledges a write before his own disk has it is not excused by that. A later life of the
                // node, which has got the write from others, has acknowledged nothing.
                let answered = history.operation(write).answered();
                let is_own = id.node() == node && downs[node.index()] == history.write(write).life + 1;
                if promised || !is_own || answered.is_none_or(|answered| answered > place) {
                    disks.remove(node, write);
                }
            }
            What::Down { disk } => {
                is_down[node.index()] = true;
                downs[node.index()] += 1;
                if disk == Disk::Lost {
                    disks.lose(node);
                }
            }
            What::Up { .. } => is_down[node.index()] = false,
            _ => {}
        }
    }
    for node in NodeId::all(history.header().nodes).filter(|node| is_down[node.index()]) {
        disks.lose(node);
    }
    for known in &history.known {
        gone[known.write as usize] = disks.copies[known.write as usize] == 0;
    }
    gone
}

struct Disks {
    /// By write, how many disks have it.
    copies: Vec<u32>,
    has: FxHashSet<(NodeId, u32)>,
    /// By node, what its disk has or had.
    lists: Vec<Vec<u32>>,
}

impl Disks {
    fn add(&mut self, node: NodeId, write: u32) {
        if self.has.insert((node, write)) {
            self.copies[write as usize] += 1;
            self.lists[node.index()].push(write);
        }
    }

    fn remove(&mut self, node: NodeId, write: u32) {
        if self.has.remove(&(node, write)) {
            self.copies[write as usize] -= 1;
        }
    }

    fn lose(&mut self, node: NodeId) {
        for write in std::mem::take(&mut self.lists[node.index()]) {
            self.remove(node, write);
        }
    }
}
