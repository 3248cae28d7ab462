//! Which write had seen which, as far as a recording can tell.
//!
//! A store that [overwrites what was read](Conflict::Causal) lets a write replace what its session had read of the key, or
//! written with an answer. A store that overwrites [what is held](Conflict::LastWriterWins) lets a write replace what the
//! replica that took it in knew.
//!
//! What a session had read is judged twice. *Generously* where seeing excuses a missing version: any earlier
//! answered read of the session counts, with everything that its replica knew at the time and, since it may have
//! asked others, everything that it returned. (That it returned something which had itself seen the write needs no
//! rule of its own: then that something is the excuse.) *Strictly* where seeing accuses a version that is still
//! there: only what the context handed back must contain.

use rustc_hash::FxHashMap;

use super::tables::ByNode;
use super::{Facts, Knowledge, RecordedWrite};
use crate::trace::{Action, Conflict, NodeId};

impl Facts<'_> {
    /// For each write, whether another write had seen it, generously judged.
    pub(crate) fn overwritten(&self) -> &[bool] {
        self.overwritten.get_or_init(|| overwritten(self))
    }
}

fn overwritten(facts: &Facts<'_>) -> Vec<bool> {
    let mut overwritten = vec![false; facts.writes.len()];
    match facts.header().conflict {
        Conflict::LastWriterWins => {
            // The writes of each key that each node took in: each had seen all that the node knew then.
            let mut taken_in: FxHashMap<(NodeId, u32), Vec<usize>> = FxHashMap::default();
            for write in facts.writes.iter().filter(|write| write.undone.is_none()) {
                taken_in.entry((write.id.node(), write.key)).or_default().push(write.wrote);
            }
            for known in &facts.known {
                let write = facts.write(known.write);
                let Some(places) = taken_in.get(&(known.node, write.key)) else { continue };
                let since = held_since(facts, known.node, known.write, known.place);
                let later = places.get(places.partition_point(|place| *place <= since));
                overwritten[known.write as usize] |= later.is_some_and(|later| *later < known.until);
            }
        }
        Conflict::Causal => by_readers(facts, &mut overwritten),
    }
    overwritten
}

/// Marks the writes that a session had read, or might have, or written before it wrote to the key itself.
fn by_readers(facts: &Facts<'_>, overwritten: &mut [bool]) {
    // When each session last asked for a write of each key that a replica took in.
    let mut last_writes: FxHashMap<(u32, u32), usize> = FxHashMap::default();
    for (number, write) in facts.writes.iter().enumerate().filter(|(_, write)| write.undone.is_none()) {
        let invoked = last_writes.entry((facts.operation(number as u32).session, write.key)).or_default();
        *invoked = write.invoked.max(*invoked);
    }
    // Of a store that announces nothing, a write is known somewhere as soon as it is taken in.
    let known = |write: &RecordedWrite| if facts.header().silent { write.wrote } else { usize::MAX };
    let mut first_known: Vec<usize> = facts.writes.iter().map(known).collect();
    for known in &facts.known {
        let first = &mut first_known[known.write as usize];
        *first = known.place.min(*first);
    }
    // The last read of each key at each node that such a write came after. With placement the node is not the one
    // that served the read, so that every node counts as the one.
    let everywhere = !facts.header().placement.is_empty();
    let mut last_reads: ByNode<usize> = ByNode::of_keys(facts.header(), facts.writes.len());
    for read in facts.operations.list().iter().filter(|operation| operation.action == Action::Read) {
        let Some(answered) = read.answered() else { continue };
        if last_writes.get(&(read.session, read.key)).is_none_or(|invoked| *invoked < answered) {
            continue;
        }
        let node = if everywhere { NodeId(0) } else { read.node };
        let last = last_reads.get_mut(node, read.key);
        *last = answered.max(*last);
        for write in facts.returned(read) {
            overwritten[write as usize] |= first_known[write as usize] < answered;
        }
    }
    // What the session itself had written.
    for (number, write) in facts.writes.iter().enumerate().filter(|(_, write)| write.undone.is_none()) {
        let own = facts.operation(number as u32);
        let last = last_writes.get(&(own.session, write.key));
        overwritten[number] |= own.answered().is_some_and(|answered| last.is_some_and(|invoked| *invoked > answered));
    }
    for known in &facts.known {
        let key = facts.write(known.write).key;
        if everywhere && !facts.header().holds(known.node, key) {
            continue;
        }
        let read = last_reads.get(if everywhere { NodeId(0) } else { known.node }, key);
        overwritten[known.write as usize] |= read > known.place;
    }
}

/// From when on `node`, which knows `write` at `place`, overwrites it with what it takes in: a replica may announce that
/// it knows its own write before it names it.
fn held_since(facts: &Facts<'_>, node: NodeId, write: u32, place: usize) -> usize {
    let known = facts.known_since(node, write, place).unwrap_or(usize::MAX);
    let own = facts.write(write);
    if own.id.node() == node { known.max(own.wrote) } else { known }
}

/// What replicas know at the end. Of an undone write nothing does.
fn known_at_end<'b>(facts: &'b Facts<'_>) -> impl Iterator<Item = &'b Knowledge> {
    facts.known.iter().filter(|known| known.until == usize::MAX && facts.write(known.write).undone.is_none())
}

/// What replicas know at the end to be overwritten, strictly judged.
pub(crate) struct Covers<'a, 'b> {
    facts: &'b Facts<'a>,
    /// By write: those whose context contains it. Only for stores that overwrite what was read.
    read: Vec<Vec<u32>>,
    /// By node, key and the node that took the write in, in one of its lives: the last write that is known. Only for
    /// stores that overwrite what is held.
    held: FxHashMap<(NodeId, u32, (NodeId, u32)), u32>,
    /// The nodes in their lives that took in writes of each key, in order.
    origins: FxHashMap<u32, Vec<(NodeId, u32)>>,
}

impl<'a, 'b> Covers<'a, 'b> {
    pub(crate) fn of(facts: &'b Facts<'a>) -> Covers<'a, 'b> {
        let read = vec![Vec::new(); facts.writes.len()];
        let mut covers = Covers { facts, read, held: FxHashMap::default(), origins: FxHashMap::default() };
        match facts.header().conflict {
            Conflict::Causal => covers.collect_read(),
            Conflict::LastWriterWins => covers.collect_held(),
        }
        covers
    }

    fn collect_read(&mut self) {
        for (number, write) in self.facts.writes.iter().enumerate().filter(|(_, write)| write.undone.is_none()) {
            for seen in write.context.into_iter().flat_map(|op| self.facts.handed_out(op)) {
                self.read[seen as usize].push(number as u32);
            }
        }
    }

    fn collect_held(&mut self) {
        let facts = self.facts;
        for known in known_at_end(facts) {
            let write = facts.write(known.write);
            let origin = (write.id.node(), write.life);
            let last = self.held.entry((known.node, write.key, origin)).or_insert(known.write);
            if facts.write(*last).wrote < write.wrote {
                *last = known.write;
            }
        }
        for write in &facts.writes {
            let origins = self.origins.entry(write.key).or_default();
            let origin = (write.id.node(), write.life);
            if let Err(place) = origins.binary_search(&origin) {
                origins.insert(place, origin);
            }
        }
    }

    /// A write known at `node` that must have seen `write`.
    pub(crate) fn overwriter(&self, node: NodeId, write: u32) -> Option<u32> {
        let facts = self.facts;
        match facts.header().conflict {
            Conflict::Causal => {
                let is_known = |by: &&u32| **by != write && facts.known_at(node, **by).is_some();
                self.read[write as usize].iter().find(is_known).copied()
            }
            Conflict::LastWriterWins => self.origins.get(&facts.write(write).key)?.iter().find_map(|origin| {
                let last = self.held.get(&(node, facts.write(write).key, *origin)).copied()?;
                let wrote = facts.write(last).wrote;
                (last != write && held_since(facts, origin.0, write, wrote) < wrote).then_some(last)
            }),
        }
    }
}
