//! Which writes went with the disks that held them.
//!
//! A replica that knows a write has it on its disk until the recording says otherwise: the disk was lost as a whole, did
//! not have the write when its node went down, or its node is down at the end. That is the host's knowledge, not the
//! store's opinion: a store that forgets what its disk has is not excused.

use rustc_hash::FxHashSet;

use super::Facts;
use crate::trace::{Disk, Dot, NodeId, What};

/// What each disk has, followed through a recording.
pub(crate) struct Disks {
    /// By write, how many disks have it, of nodes that are up or down.
    copies: Vec<u32>,
    has: FxHashSet<(NodeId, u32)>,
    /// By node, what its disk has or had.
    lists: Vec<Vec<u32>>,
    /// By node: what its disk kept when it went down.
    down: Vec<Option<Disk>>,
    /// By node: how often it has been down.
    pub(crate) lives: Vec<u32>,
}

impl Disks {
    pub(crate) fn of(facts: &Facts<'_>) -> Disks {
        let nodes = usize::from(facts.header().nodes);
        Disks {
            copies: vec![0; facts.writes.len()],
            has: FxHashSet::default(),
            lists: vec![Vec::new(); nodes],
            down: vec![None; nodes],
            lives: vec![0; nodes],
        }
    }

    /// How many disks have the write.
    pub(crate) fn copies(&self, write: u32) -> u32 {
        self.copies[write as usize]
    }

    /// True when the disk of the node has the write.
    pub(crate) fn has(&self, node: NodeId, write: u32) -> bool {
        self.has.contains(&(node, write))
    }

    /// The node gets to know a write.
    pub(crate) fn add(&mut self, node: NodeId, write: u32) {
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

    /// The node keeps the write no longer, since others have it. If no other disk has it, that excuses nothing.
    pub(crate) fn give_away(&mut self, node: NodeId, write: u32) {
        if self.copies(write) > 1 {
            self.remove(node, write);
        }
    }

    fn lose(&mut self, node: NodeId) {
        for write in std::mem::take(&mut self.lists[node.index()]) {
            self.remove(node, write);
        }
    }

    /// The node goes down.
    pub(crate) fn down(&mut self, node: NodeId, disk: Disk) {
        self.down[node.index()] = Some(disk);
        self.lives[node.index()] += 1;
        if disk == Disk::Lost {
            self.lose(node);
        }
    }

    /// The node is up again. Returns what its disk had kept.
    pub(crate) fn up(&mut self, node: NodeId) -> Option<Disk> {
        self.down[node.index()].take()
    }

    /// What the disk of the node kept, if the node is down.
    pub(crate) fn is_down(&self, node: NodeId) -> Option<Disk> {
        self.down[node.index()]
    }

    /// True when some node is down that may come back with its disk.
    pub(crate) fn any_down(&self) -> bool {
        self.down.iter().any(|disk| disk.is_some_and(|disk| disk != Disk::Lost))
    }

    /// The disk of a node that is down turns out not to have a write: which one, where that excuses anything.
    ///
    /// A replica that acknowledges a write before its own disk has it is not excused by that. A later life of the node, which
    /// has got the write from others, has acknowledged nothing.
    pub(crate) fn forget(
        &mut self,
        facts: &Facts<'_>,
        (node, id, promised): (NodeId, Dot, bool),
        place: usize,
    ) -> Option<u32> {
        let write = facts.number(id, place)?;
        let answered = facts.operation(write).answered();
        let is_own = id.node() == node && self.lives[node.index()] == facts.write(write).life + 1;
        let is_excused = promised || !is_own || answered.is_none_or(|answered| answered > place);
        if is_excused {
            self.remove(node, write);
        }
        is_excused.then_some(write)
    }
}

/// For each write, whether some replica knew it and yet no disk has it at the end.
pub(crate) fn gone(facts: &Facts<'_>) -> Vec<bool> {
    let mut gone = vec![false; facts.writes.len()];
    let events = &facts.recording.events;
    if !facts.rare().any(|(_, event)| matches!(event.what, What::Down { .. })) {
        return gone;
    }
    let mut disks = Disks::of(facts);
    for (place, event) in events.iter().enumerate() {
        match event.what {
            What::Known { write } => {
                facts.number(write, place).into_iter().for_each(|write| disks.add(event.node, write));
            }
            What::GaveAway { write } => {
                facts.number(write, place).into_iter().for_each(|write| disks.give_away(event.node, write));
            }
            What::Forgot { write, promised } => drop(disks.forget(facts, (event.node, write, promised), place)),
            What::Down { disk } => disks.down(event.node, disk),
            What::Up { .. } => drop(disks.up(event.node)),
            _ => {}
        }
    }
    for node in NodeId::all(facts.header().nodes) {
        if disks.is_down(node).is_some() {
            disks.lose(node);
        }
    }
    for known in &facts.known {
        gone[known.write as usize] = disks.copies(known.write) == 0;
    }
    gone
}
