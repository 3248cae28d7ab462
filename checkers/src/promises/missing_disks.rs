//! Which disks are missing, and when.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use super::decided;
use crate::facts::{Facts, Knowledge};
use crate::trace::{Disk, NodeId, What};

/// A disk is missing from the place where it is lost to the place where its node serves again.
#[derive(Clone, Copy, Debug)]
struct Loss {
    node: NodeId,
    from: usize,
    /// Where the node came up.
    up: usize,
    /// Where it served again, where every node holds every key.
    until: usize,
}

/// A node stands still: from one place to another one, and what has waited is taken up at the time of that.
#[derive(Clone, Copy, Debug)]
struct Pause {
    node: NodeId,
    from: usize,
    until: usize,
    until_ns: u64,
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
    /// By node and key: places of steps in which the node answered by itself, and of those answers, where not every node holds
    /// every key.
    answered_alone: FxHashMap<(NodeId, u32), Vec<(usize, usize)>>,
    /// Nodes and writes that they did not have on their disks when they went down, with the place of that.
    forgot: FxHashSet<(NodeId, u32, usize)>,
    /// In the order of their beginnings.
    pauses: Vec<Pause>,
    /// Places from which another number of nodes belongs to the cluster, by node: it joins, or leaves for good.
    members: Vec<(usize, NodeId, bool)>,
}

impl<'f, 'a> MissingDisks<'f, 'a> {
    pub(super) fn of(facts: &'f Facts<'a>) -> MissingDisks<'f, 'a> {
        let events = &facts.recording.events;
        let nodes = usize::from(facts.header().nodes);
        let mut disks = MissingDisks {
            facts,
            losses: Vec::new(),
            broken: FxHashMap::default(),
            answered_alone: FxHashMap::default(),
            forgot: FxHashSet::default(),
            pauses: Vec::new(),
            members: Vec::new(),
        };
        let is_about_disks = |what: What| matches!(what, What::Down { .. } | What::Paused | What::Forgot { .. });
        if !facts.rare().any(|(_, event)| is_about_disks(event.what)) {
            return disks;
        }
        // By node: the losses after which it has not served again.
        let mut open: Vec<Vec<usize>> = vec![Vec::new(); nodes];
        // By node: where it came up last, and where it went down.
        let (mut ups, mut downs) = (vec![0; nodes], vec![None; nodes]);
        for (place, event) in events.iter().enumerate() {
            let node = event.node;
            if matches!(event.what, What::Resumed | What::Down { .. } | What::Up { .. })
                && let Some(pause) =
                    disks.pauses.iter_mut().rfind(|pause| pause.node == node && pause.until == usize::MAX)
            {
                pause.until = place;
                pause.until_ns = if event.what == What::Resumed { event.at_ns } else { u64::MAX };
            }
            match event.what {
                What::Paused if !disks.pauses.iter().any(|pause| pause.node == node && pause.until == usize::MAX) => {
                    disks.pauses.push(Pause { node, from: place, until: usize::MAX, until_ns: u64::MAX })
                }
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
                    let Some(operation) = facts.operations.get(op) else { continue };
                    // An answer may reach its client when the node is down again.
                    let is_new = operation.invoked > ups[node.index()];
                    open[node.index()].retain(|loss| {
                        let loss = &mut disks.losses[*loss];
                        let serves = is_new && loss.up != usize::MAX;
                        loss.until = if serves { place } else { loss.until };
                        !serves
                    });
                    if disks.is_ring() && facts.is_by_itself(place, op) {
                        let step = facts.step_of(place);
                        disks.answered_alone.entry((node, operation.key)).or_default().push((step, place));
                    }
                }
                What::Forgot { write, promised } => {
                    let Some(write) = facts.number(write, place) else { continue };
                    if promised {
                        disks.broken.entry(write).or_default().push((node, place));
                    }
                    disks.forgot.extend(downs[node.index()].map(|down| (node, write, down)));
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

    /// Not every node holds every key.
    fn is_ring(&self) -> bool {
        self.copies() < self.facts.header().nodes
    }

    /// Where the node that has lost its disk serves the key of a write again, or has the write.
    fn until(&self, loss: &Loss, write: u32) -> usize {
        if !self.is_ring() {
            return loss.until;
        }
        let answered = self.answered_alone.get(&(loss.node, self.facts.write(write).key));
        let answered = answered.into_iter().flatten().find(|(step, _)| *step > loss.up).map(|(_, place)| *place);
        let is_again = |known: &&Knowledge| {
            let is_it = (known.node, known.write) == (loss.node, write) && known.place > loss.up;
            is_it && !self.forgot.contains(&(known.node, write, known.until))
        };
        let known = self.facts.known.iter().find(is_again).map(|known| known.place);
        answered.into_iter().chain(known).min().unwrap_or(usize::MAX)
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

    /// How many replicas have promised to have the write. A replica that stands still, or is behind with its work, takes up what
    /// it was asked for, and hears of new members, in the order in which that came: any list of members between the question
    /// and the answer may be its own.
    pub(super) fn promised(&self, write: u32) -> u16 {
        let (invoked, answered) = (self.facts.write(write).invoked, self.facts.operation(write).answered());
        let holders = self.copies().min(self.members(invoked, answered.unwrap_or(usize::MAX)).0);
        self.facts.header().ack.of(holders).max(1)
    }

    /// The place up to which the node that acknowledged a write at `decided` had heard what happens: as it stands still, the
    /// news waits behind what has come before it.
    fn informed(&self, write: u32, decided: usize) -> usize {
        let (node, at_ns) = (self.facts.operation(write).node, self.facts.at_ns(decided));
        let is_still = |pause: &&Pause| {
            pause.node == node && pause.from <= decided && (decided < pause.until || at_ns == pause.until_ns)
        };
        self.pauses.iter().rfind(is_still).map_or(decided, |pause| pause.from)
    }

    /// The nodes that are to hold the key, had lost their disks at `decided`, and were not known to be up again by then.
    pub(super) fn down_without(&self, write: u32, decided: usize) -> BTreeSet<NodeId> {
        let informed = self.informed(write, decided);
        let is_down = |loss: &&Loss| self.may_hold(write, loss.node) && loss.from <= decided && informed < loss.up;
        self.losses.iter().filter(is_down).map(|loss| loss.node).collect()
    }

    /// True when so many disks were missing at once after the write was acknowledged that it may be gone.
    pub(super) fn may_be_gone(&self, write: u32) -> bool {
        let (own, promised, end) = (self.facts.write(write).id.node(), self.promised(write), usize::MAX);
        // Where members come and go, it may have held the key or not.
        let (may_hold, holds) = (self.may_hold(write, own), self.members.is_empty() && self.may_hold(write, own));
        may_hold && self.excuse(write, promised, TakenBy::Holder(own), end).is_some()
            || self.is_ring() && !holds && self.excuse(write, promised + 1, TakenBy::Other(own), end).is_some()
            || self.excuse(write, self.copies(), TakenBy::Any, end).is_some()
    }

    /// Where, after the write was acknowledged and before `end`, so many disks were missing at once as excuse that it is gone:
    /// `count`, and that of `own` among them where there is one.
    pub(super) fn excuse(&self, write: u32, count: u16, own: TakenBy, end: usize) -> Option<usize> {
        let decided = decided(self.facts, write)?;
        let informed = self.informed(write, decided);
        let mut missing: Vec<(usize, NodeId, bool)> = Vec::new();
        let concerns = |node: NodeId| self.may_hold(write, node) || own == TakenBy::Other(node);
        // What it had lost before does not count, unless that could not be known.
        let is_news = |loss: &&Loss| informed < loss.up && loss.from < end;
        for loss in self.losses.iter().filter(|loss| concerns(loss.node)).filter(is_news) {
            let until = if own == TakenBy::Other(loss.node) { usize::MAX } else { self.until(loss, write) };
            if until > decided {
                missing.push((loss.from.max(decided), loss.node, true));
                missing.push((until, loss.node, false));
            }
        }
        let broken = self.broken.get(&write).into_iter().flatten();
        missing.extend(broken.filter(|(node, _)| concerns(*node)).map(|(node, place)| (*place, *node, true)));
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
