//! Which write had seen which, as far as a recording can tell.
//!
//! A store that [overwrites what was read](Conflict::Causal) lets a write replace earlier ones that came in at the
//! same replica, and what its session had read of the key. A store that overwrites [what is held](Conflict::LastWriterWins)
//! lets a write replace what the replica that took it in knew.
//!
//! What a session had read is judged twice. *Generously* where seeing excuses a missing version: any earlier
//! answered read of the session counts, with everything that its replica knew at the time and, since it may have
//! asked others, everything that it returned. (That it returned something which had itself seen the write needs no
//! rule of its own: then that something is the excuse.) *Strictly* where seeing accuses a version that is still
//! there: only what the context handed back must contain.

use rustc_hash::{FxHashMap, FxHashSet};

use super::history::{History, Known};
use crate::trace::{Action, Conflict, NodeId};

/// For each write, whether another write had seen it, generously judged.
pub(super) fn overwritten(history: &History<'_>) -> Vec<bool> {
    let mut overwritten = vec![false; history.writes.len()];
    match history.header().conflict {
        Conflict::LastWriterWins => {
            // The writes of each key that each node took in: each had seen all that the node knew then.
            let mut taken_in: FxHashMap<(NodeId, u32), Vec<usize>> = FxHashMap::default();
            for write in history.writes.iter().filter(|write| write.undone.is_none()) {
                taken_in.entry((write.id.node(), write.key)).or_default().push(write.wrote);
            }
            for known in &history.known {
                let write = history.write(known.write);
                let Some(places) = taken_in.get(&(known.node, write.key)) else { continue };
                let since = held_since(history, known.node, known.write, known.place);
                let later = places.get(places.partition_point(|place| *place <= since));
                overwritten[known.write as usize] |= later.is_some_and(|later| *later < known.until);
            }
        }
        Conflict::Causal => {
            let mut last: FxHashMap<(u32, u32), u64> = FxHashMap::default();
            for write in history.writes.iter().filter(|write| write.undone.is_none()) {
                let counter = last.entry((write.id.origin.number(), write.key)).or_default();
                *counter = write.id.counter.max(*counter);
            }
            for (number, write) in history.writes.iter().enumerate() {
                let last = last.get(&(write.id.origin.number(), write.key));
                overwritten[number] = last.is_some_and(|counter| *counter > write.id.counter);
            }
            by_readers(history, &mut overwritten);
        }
    }
    overwritten
}

/// Marks the writes that a session had read, or might have, before it wrote to the key itself.
fn by_readers(history: &History<'_>, overwritten: &mut [bool]) {
    // When each session last asked for a write of each key that a replica took in.
    let mut last_writes: FxHashMap<(u32, u32), usize> = FxHashMap::default();
    for (number, write) in history.writes.iter().enumerate().filter(|(_, write)| write.undone.is_none()) {
        let invoked = last_writes.entry((history.operation(number as u32).session, write.key)).or_default();
        *invoked = write.invoked.max(*invoked);
    }
    let mut first_known = vec![usize::MAX; history.writes.len()];
    for known in &history.known {
        let first = &mut first_known[known.write as usize];
        *first = known.place.min(*first);
    }
    // The last read of each key at each node that such a write came after. With placement the node is not the one
    // that served the read, so that every node counts as the one.
    let everywhere = !history.header().placement.is_empty();
    let mut last_reads: FxHashMap<(NodeId, u32), usize> = FxHashMap::default();
    for read in history.operations.list().iter().filter(|operation| operation.action == Action::Read) {
        let Some(answered) = read.answered() else { continue };
        if last_writes.get(&(read.session, read.key)).is_none_or(|invoked| *invoked < answered) {
            continue;
        }
        let node = if everywhere { NodeId(0) } else { read.node };
        let last = last_reads.entry((node, read.key)).or_default();
        *last = answered.max(*last);
        for write in history.returned(read) {
            overwritten[write as usize] |= first_known[write as usize] < answered;
        }
    }
    for known in &history.known {
        let key = history.write(known.write).key;
        if everywhere && !history.header().holds(known.node, key) {
            continue;
        }
        let read = last_reads.get(&(if everywhere { NodeId(0) } else { known.node }, key));
        overwritten[known.write as usize] |= read.is_some_and(|read| *read > known.place);
    }
}

/// From when on `node`, which knows `write` at `place`, overwrites it with what it takes in: a replica may announce that
/// it knows its own write before it names it.
fn held_since(history: &History<'_>, node: NodeId, write: u32, place: usize) -> usize {
    let known = history.known_since(node, write, place).unwrap_or(usize::MAX);
    let own = history.write(write);
    if own.id.node() == node { known.max(own.wrote) } else { known }
}

/// What replicas know at the end. Of an undone write nothing does.
fn known_at_end<'b>(history: &'b History<'_>) -> impl Iterator<Item = &'b Known> {
    history.known.iter().filter(|known| known.until == usize::MAX && history.write(known.write).undone.is_none())
}

/// What replicas know at the end to be overwritten, strictly judged.
pub(super) struct Covers<'a, 'b> {
    history: &'b History<'a>,
    /// By node, key and origin: the first counter that nothing known covers, and the write that covers the one
    /// before. Only for stores that overwrite what was read.
    read: FxHashMap<(NodeId, u32, u32), (u64, u32)>,
    /// By node, key and the node that took the write in, in one of its lives: the last write that is known. Only for
    /// stores that overwrite what is held.
    held: FxHashMap<(NodeId, u32, (NodeId, u32)), u32>,
    /// The nodes in their lives that took in writes of each key, in order.
    origins: FxHashMap<u32, Vec<(NodeId, u32)>>,
}

impl<'a, 'b> Covers<'a, 'b> {
    pub(super) fn of(history: &'b History<'a>) -> Covers<'a, 'b> {
        let mut covers =
            Covers { history, read: FxHashMap::default(), held: FxHashMap::default(), origins: FxHashMap::default() };
        match history.header().conflict {
            Conflict::Causal => covers.collect_read(),
            Conflict::LastWriterWins => covers.collect_held(),
        }
        covers
    }

    fn collect_read(&mut self) {
        let history = self.history;
        // Several writes may hand back the context of one read: it is unpacked once per node.
        let mut unpacked = FxHashSet::default();
        for known in known_at_end(history) {
            let write = history.write(known.write);
            self.cover(known.node, write.key, write.id.origin.number(), write.id.counter, known.write);
            let Some(read) = write.context.filter(|read| unpacked.insert((known.node, *read))) else { continue };
            let read = history.operations.get(read).expect("contexts are collected from reads");
            for version in history.returned(read) {
                let id = history.write(version).id;
                self.cover(known.node, write.key, id.origin.number(), id.counter.saturating_add(1), known.write);
            }
        }
    }

    fn cover(&mut self, node: NodeId, key: u32, origin: u32, below: u64, by: u32) {
        let cover = self.read.entry((node, key, origin)).or_insert((below, by));
        if cover.0 < below {
            *cover = (below, by);
        }
    }

    fn collect_held(&mut self) {
        let history = self.history;
        for known in known_at_end(history) {
            let write = history.write(known.write);
            let origin = (write.id.node(), write.life);
            let last = self.held.entry((known.node, write.key, origin)).or_insert(known.write);
            if history.write(*last).wrote < write.wrote {
                *last = known.write;
            }
        }
        for write in &history.writes {
            let origins = self.origins.entry(write.key).or_default();
            let origin = (write.id.node(), write.life);
            if let Err(place) = origins.binary_search(&origin) {
                origins.insert(place, origin);
            }
        }
    }

    /// A write known at `node` that must have seen `write`.
    pub(super) fn overwriter(&self, node: NodeId, write: u32) -> Option<u32> {
        let history = self.history;
        let key = history.write(write).key;
        match history.header().conflict {
            Conflict::Causal => {
                let id = history.write(write).id;
                let (below, by) = self.read.get(&(node, key, id.origin.number())).copied()?;
                (id.counter < below && by != write).then_some(by)
            }
            Conflict::LastWriterWins => self.origins.get(&key)?.iter().find_map(|origin| {
                let last = self.held.get(&(node, key, *origin)).copied()?;
                let wrote = history.write(last).wrote;
                (last != write && held_since(history, origin.0, write, wrote) < wrote).then_some(last)
            }),
        }
    }
}
