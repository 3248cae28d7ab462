//! Which disks are missing, and when.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::decided;
use crate::facts::Facts;
use crate::trace::{Disk, NodeId, What};

/// A disk is missing from the place where it is lost to the place where its node serves again.
#[derive(Clone, Copy, Debug)]
struct Loss {
    node: NodeId,
    from: usize,
    /// Where the node came up.
    up: usize,
    /// Where it served again.
    until: usize,
}

/// The node that took a write in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TakenBy {
    /// It does not matter which it was.
    Any,
    /// It holds the key, and has the write again when it serves again.
    Holder(NodeId),
    /// It keeps the write only until all holders have it, and does not get it again.
    Other(NodeId),
}

impl TakenBy {
    fn is_in(self, nodes: &[NodeId]) -> bool {
        match self {
            TakenBy::Any => true,
            TakenBy::Holder(own) | TakenBy::Other(own) => nodes.contains(&own),
        }
    }
}

/// What happened to the disks of a recording.
pub(super) struct MissingDisks<'f, 'a> {
    facts: &'f Facts<'a>,
    /// In the order of their beginnings.
    losses: Vec<Loss>,
    /// By write: the disks that broke their promise about it, with the place.
    broken: FxHashMap<u32, Vec<(NodeId, usize)>>,
    /// Places from which another number of nodes belongs to the cluster, by node: it joins, or leaves for good.
    members: Vec<(usize, NodeId, bool)>,
}

impl<'f, 'a> MissingDisks<'f, 'a> {
    pub(super) fn of(facts: &'f Facts<'a>) -> MissingDisks<'f, 'a> {
        let events = &facts.recording.events;
        let nodes = usize::from(facts.header().nodes);
        let mut disks = MissingDisks { facts, losses: Vec::new(), broken: FxHashMap::default(), members: Vec::new() };
        // By node: the losses after which it has not served again.
        let mut open: Vec<Vec<usize>> = vec![Vec::new(); nodes];
        // By node: where it came up last, and where it went down.
        let (mut ups, mut downs) = (vec![0; nodes], vec![None; nodes]);
        for (place, event) in events.iter().enumerate() {
            let node = event.node;
            match event.what {
                What::Down { disk } => {
                    downs[node.index()] = Some(place);
                    if disk == Disk::Lost && event.at_ns == 0 {
                        // It joins later: there is nothing that it could have lost.
                        disks.members.push((place, node, false));
                    } else if disk == Disk::Lost || disk == Disk::TailLost && facts.header().silent {
                        // Of a store that announces nothing, it is not known which writes a tail was about: any.
                        open[node.index()].push(disks.losses.len());
                        disks.losses.push(Loss { node, from: place, up: usize::MAX, until: usize::MAX });
                    }
                }
                What::Up { .. } => {
                    if downs[node.index()].take().is_some_and(|down| disks.members.contains(&(down, node, false))) {
                        disks.members.push((place, node, true));
                    }
                    ups[node.index()] = place;
                    for loss in &open[node.index()] {
                        disks.losses[*loss].up = place.min(disks.losses[*loss].up);
                    }
                }
                What::Answered { op } => {
                    let is_new = facts.operations.get(op).is_some_and(|op| op.invoked > ups[node.index()]);
                    if is_new {
                        open[node.index()].drain(..).for_each(|loss| disks.losses[loss].until = place);
                    }
                }
                What::Forgot { write, promised: true } => {
                    if let Some(write) = facts.number(write, place) {
                        disks.broken.entry(write).or_default().push((node, place));
                    }
                }
                _ => {}
            }
        }
        // Faults end with the workload: who does not come back has left.
        let gone = downs.iter().zip(0..).filter_map(|(down, node)| Some((down.as_ref().copied()?, NodeId(node))));
        disks.members.extend(gone.map(|(place, node)| (place, node, false)));
        disks.members.sort_unstable();
        disks
    }

    /// How many members there were between two places: at the least, and at the most.
    fn members(&self, from: usize, until: usize) -> (u16, u16) {
        let all = self.facts.header().nodes;
        let (mut absent, mut least, mut most) = (BTreeSet::new(), all, all);
        for (place, node, joins) in self.members.iter().take_while(|(place, ..)| *place < until) {
            match joins {
                true => absent.remove(node),
                false => absent.insert(*node),
            };
            let count = all - absent.len() as u16;
            (least, most) = if *place <= from { (count, count) } else { (count.min(least), count.max(most)) };
        }
        (least, most)
    }

    /// How many hold a key as long as there are so many members.
    pub(super) fn copies(&self) -> u16 {
        let header = self.facts.header();
        let fewest = header.placement.iter().map(|holders| holders.len() as u16).min();
        header.copies.or(fewest).unwrap_or(header.nodes)
    }

    /// How many hold the write's key, at the most, from when it was written to the place `until`. Who has left still counts
    /// as one that may have it.
    pub(super) fn most_holders(&self, write: u32, until: usize) -> u16 {
        self.copies().min(self.members(self.facts.write(write).wrote, until).1)
    }

    /// True for a node that may be one of those that are to hold the write's key: where members come and go, so do the holders.
    pub(super) fn may_hold(&self, write: u32, node: NodeId) -> bool {
        !self.members.is_empty() || self.facts.header().holds(node, self.facts.write(write).key)
    }

    /// How many replicas have promised to have the write.
    pub(super) fn promised(&self, write: u32) -> u16 {
        let (wrote, answered) = (self.facts.write(write).wrote, self.facts.operation(write).answered());
        let holders = self.copies().min(self.members(wrote, answered.unwrap_or(usize::MAX)).0);
        self.facts.header().ack.of(holders).max(1)
    }

    /// How many nodes that are to hold the key are down without their disk at a place.
    pub(super) fn down_without(&self, write: u32, place: usize) -> usize {
        let is_down = |loss: &&Loss| self.may_hold(write, loss.node) && loss.from <= place && place < loss.up;
        let nodes: BTreeSet<NodeId> = self.losses.iter().filter(is_down).map(|loss| loss.node).collect();
        nodes.len()
    }

    /// True when so many disks were missing at once after the write was acknowledged that it may be gone.
    pub(super) fn may_be_gone(&self, write: u32) -> bool {
        let (own, promised, end) = (self.facts.write(write).id.node(), self.promised(write), usize::MAX);
        // Where members come and go, it may have held the key or not.
        let (may_hold, holds) = (self.may_hold(write, own), self.members.is_empty() && self.may_hold(write, own));
        let is_ring = self.copies() < self.facts.header().nodes;
        may_hold && self.excuse(write, promised, TakenBy::Holder(own), end).is_some()
            || is_ring && !holds && self.excuse(write, promised + 1, TakenBy::Other(own), end).is_some()
            || self.excuse(write, self.copies(), TakenBy::Any, end).is_some()
    }

    /// Where, after the write was acknowledged and before `end`, so many disks were missing at once as excuse that it is gone:
    /// `count`, and that of `own` among them where there is one.
    pub(super) fn excuse(&self, write: u32, count: u16, own: TakenBy, end: usize) -> Option<usize> {
        let decided = decided(self.facts, write)?;
        let mut missing: Vec<(usize, NodeId, bool)> = Vec::new();
        let counts = |loss: &&Loss| {
            // What it had lost before does not count, unless nobody could know.
            let is_later = loss.from > decided || decided < loss.up;
            let is_open = loss.until > decided || own == TakenBy::Other(loss.node);
            (self.may_hold(write, loss.node) || own == TakenBy::Other(loss.node))
                && is_later
                && loss.from < end
                && is_open
        };
        for loss in self.losses.iter().filter(counts) {
            missing.push((loss.from.max(decided), loss.node, true));
            let until = if own == TakenBy::Other(loss.node) { usize::MAX } else { loss.until };
            missing.push((until, loss.node, false));
        }
        for (node, place) in self.broken.get(&write).into_iter().flatten() {
            missing.push((*place, *node, true));
        }
        missing.sort_unstable();
        let mut now: Vec<NodeId> = Vec::new();
        for (place, node, begins) in missing.into_iter().filter(|(place, ..)| *place < end) {
            match begins {
                true => now.push(node),
                false => {
                    let found = now.iter().position(|one| *one == node);
                    found.map(|found| now.swap_remove(found));
                }
            }
            let mut nodes = now.clone();
            nodes.sort_unstable();
            nodes.dedup();
            if nodes.len() >= usize::from(count) && own.is_in(&nodes) {
                return Some(place);
            }
        }
        None
    }
}
