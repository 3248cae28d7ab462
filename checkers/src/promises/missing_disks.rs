//! Which disks are missing, and when.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use super::{decided, holds};
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

    /// How many nodes that are to hold the key of the write belonged to the cluster, at the least, while it was written.
    pub(super) fn holders(&self, write: u32) -> u16 {
        let header = self.facts.header();
        if self.members.is_empty() && header.placement.is_empty() {
            return header.nodes;
        }
        let holds = holds(self.facts, write);
        let (wrote, answered) = (self.facts.write(write).wrote, self.facts.operation(write).answered());
        let all = NodeId::all(header.nodes).filter(|node| holds(*node)).count() as u16;
        let (mut absent, mut least) = (BTreeSet::new(), all);
        let until_then =
            self.members.iter().take_while(|(place, ..)| answered.is_none_or(|answered| *place < answered));
        for (place, node, joins) in until_then.filter(|(_, node, _)| holds(*node)) {
            match joins {
                true => absent.remove(node),
                false => absent.insert(*node),
            };
            let count = all - absent.len() as u16;
            least = if *place <= wrote { count } else { count.min(least) };
        }
        least
    }

    /// How many replicas have promised to have the write.
    pub(super) fn promised(&self, write: u32) -> u16 {
        self.facts.header().ack.of(self.holders(write)).max(1)
    }

    /// How many nodes that are to hold the key are down without their disk at a place.
    pub(super) fn down_without(&self, write: u32, place: usize) -> usize {
        let holds = holds(self.facts, write);
        let is_down = |loss: &&Loss| holds(loss.node) && loss.from <= place && place < loss.up;
        let nodes: BTreeSet<NodeId> = self.losses.iter().filter(is_down).map(|loss| loss.node).collect();
        nodes.len()
    }

    /// Where, after the write was acknowledged and before `end`, so many disks were missing at once as excuse that it is gone:
    /// `count`, and that of `own` among them where there is one.
    pub(super) fn excuse(&self, write: u32, count: u16, own: Option<NodeId>, end: usize) -> Option<usize> {
        let decided = decided(self.facts, write)?;
        let holds = holds(self.facts, write);
        let mut missing: Vec<(usize, NodeId, bool)> = Vec::new();
        let counts = |loss: &&Loss| {
            // What it had lost before does not count, unless nobody could know.
            let is_later = loss.from > decided || decided < loss.up;
            // Where members come and go, so do the holders of a key: any node may have been one.
            let held = holds(loss.node) || !self.members.is_empty();
            held && is_later && loss.from < end && loss.until > decided
        };
        for loss in self.losses.iter().filter(counts) {
            missing.push((loss.from.max(decided), loss.node, true));
            missing.push((loss.until, loss.node, false));
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
            if nodes.len() >= usize::from(count) && own.is_none_or(|own| nodes.contains(&own)) {
                return Some(place);
            }
        }
        None
    }
}
