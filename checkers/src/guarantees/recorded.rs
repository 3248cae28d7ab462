//! What a recording tells: which write had seen which, by contexts or by what replicas held.

use rustc_hash::FxHashMap;

use super::log::{Clock, Log, Read, Write};
use crate::operations::{Operation, Operations};
use crate::trace::{Action, Conflict, Dot, Level, NodeId, What};

/// What a session or replica has certainly seen of a key, and until when it can have seen more.
#[derive(Clone, Debug, Default)]
struct Known {
    seen: Clock,
    horizon: u32,
    /// Writes that it has certainly seen in full, with what they had seen in full.
    told: Vec<u32>,
    /// Of a replica: the life of its node in which it had seen that.
    life: u32,
}

impl Known {
    fn merge(&mut self, other: &Known) {
        self.seen.merge(&other.seen);
        self.horizon = self.horizon.max(other.horizon);
        self.told.extend(&other.told);
    }
}

struct LogBuilder<'a> {
    operations: &'a Operations<'a>,
    overwrites: Conflict,
    log: Log,
    numbers: FxHashMap<Dot, u32>,
    /// By session and key: what the last answer handed out, and the last answer to a write.
    contexts: FxHashMap<(u32, u32), Known>,
    own: FxHashMap<(u32, u32), Known>,
    /// By operation: the context that it hands back.
    handed: FxHashMap<u32, Known>,
    /// By node and key, where stores replace what they hold: what the next write there will have seen.
    replicas: FxHashMap<(NodeId, u32), Known>,
    /// By node: how often it has gone down. What it had seen before, its disk may not have.
    lives: Vec<u32>,
    /// Numbers of the lines of writes, by origin and life, where stores replace what they hold.
    lines: FxHashMap<(u32, u32), u32>,
    /// Elsewhere: by key, its lines, and by line, how many writes it has.
    of_key: FxHashMap<u32, Vec<u32>>,
    lengths: Vec<u64>,
    /// Numbers of the views, by node, life and level.
    views: FxHashMap<(NodeId, u32, Level), u32>,
    /// By operation that a replica got to see late: place and number of that event, and the life of the node in which that was.
    reached: FxHashMap<u32, (u32, u64, u32)>,
}

impl Log {
    /// What the operations of a [valid](crate::trace::Recording::validate) recording tell.
    pub fn of_operations(operations: &Operations<'_>) -> Log {
        let recording = operations.recording();
        let overwrites = recording.header.conflict;
        let log = Log {
            is_register: overwrites == Conflict::LastWriterWins,
            has_contexts: true,
            deletes: vec![Vec::new(); recording.header.keys.len()],
            ..Log::default()
        };
        let mut building = LogBuilder {
            operations,
            overwrites,
            log,
            numbers: FxHashMap::default(),
            contexts: FxHashMap::default(),
            own: FxHashMap::default(),
            handed: FxHashMap::default(),
            replicas: FxHashMap::default(),
            lives: vec![0; usize::from(recording.header.nodes)],
            lines: FxHashMap::default(),
            of_key: FxHashMap::default(),
            lengths: Vec::new(),
            views: FxHashMap::default(),
            reached: FxHashMap::default(),
        };
        for (event, place) in recording.events.iter().zip(0..) {
            match event.what {
                What::Invoked { op, session, action: Action::Write | Action::Delete, key, context, .. } => {
                    let kept = if context { &building.contexts } else { &building.own };
                    if let Some(known) = kept.get(&(session, key)) {
                        building.handed.insert(op, known.clone());
                    }
                }
                What::Wrote { op, write } => building.wrote(op, write),
                What::Reached { op } => {
                    let life = building.lives[event.node.index()];
                    building.reached.insert(op, (place, event.number, life));
                }
                What::Answered { op } => building.answered(op, place, event.cause),
                What::Down { .. } => building.lives[event.node.index()] += 1,
                _ => {}
            }
        }
        building.log.reads.sort_by_key(|read| read.seen_at);
        building.log
    }
}

impl LogBuilder<'_> {
    fn wrote(&mut self, op: u32, id: Dot) {
        let Some(operation) = self.operations.get(op).filter(|operation| operation.write == Some(id)) else { return };
        // A name belongs to the write that had it first.
        let number = self.log.writes.len() as u32;
        if *self.numbers.entry(id).or_insert(number) != number {
            return;
        }
        let life = self.lives[id.node().index()];
        let (Known { seen, horizon, told, .. }, name) = match self.overwrites {
            Conflict::Causal => {
                let context = self.handed.remove(&op).unwrap_or_default();
                let line = self.line(operation.key, &context.seen);
                self.lengths[line as usize] += 1;
                (context, (line, self.lengths[line as usize]))
            }
            Conflict::LastWriterWins => {
                let next_line = self.lines.len() as u32;
                let line = *self.lines.entry((id.origin.number(), life)).or_insert(next_line);
                let replica = self.replica(id.node(), operation.key);
                let known = Known { told: std::mem::take(&mut replica.told), ..replica.clone() };
                replica.told.push(number);
                replica.seen.add((line, id.counter));
                (known, (line, id.counter))
            }
        };
        if operation.action == Action::Delete {
            self.log.deletes[operation.key as usize].push(number);
        }
        self.log.writes.push(Write {
            op,
            session: operation.session,
            key: operation.key,
            is_delete: operation.action == Action::Delete,
            id: name,
            asked: operation.invoked as u32,
            done: operation.answered().map(|place| place as u32),
            seen,
            told,
            horizon,
        });
    }

    /// The line of a write to `key`: one of which it had seen all writes, or a new one.
    fn line(&mut self, key: u32, seen: &Clock) -> u32 {
        let LogBuilder { lengths, of_key, .. } = self;
        let of_key = of_key.entry(key).or_default();
        let has_seen_all = |line: &&u32| seen.covers((**line, lengths[**line as usize]));
        of_key.iter().find(has_seen_all).copied().unwrap_or_else(|| {
            lengths.push(0);
            of_key.push(lengths.len() as u32 - 1);
            lengths.len() as u32 - 1
        })
    }

    /// What the replica at `node` has seen of a key. A new life begins with what it can have seen alone.
    fn replica(&mut self, node: NodeId, key: u32) -> &mut Known {
        let life = self.lives[node.index()];
        let known = self.replicas.entry((node, key)).or_default();
        if known.life != life {
            *known = Known { horizon: known.horizon, life, ..Known::default() };
        }
        known
    }

    /// The answer to a write hands out what that had seen, and itself.
    fn done(&mut self, operation: &Operation) {
        let number = operation.write.and_then(|id| self.numbers.get(&id).copied());
        let Some(number) = number.filter(|number| self.log.write(*number).op == operation.number) else { return };
        let Write { id, ref seen, horizon, asked, .. } = *self.log.write(number);
        let mut known = Known { seen: seen.clone(), horizon: horizon.max(asked + 1), told: vec![number], life: 0 };
        known.seen.add(id);
        self.own.insert((operation.session, operation.key), known.clone());
        self.contexts.insert((operation.session, operation.key), known);
    }

    fn answered(&mut self, op: u32, place: u32, cause: u64) {
        let Some(read) = self.operations.get(op) else { return };
        if read.action != Action::Read {
            return self.done(read);
        }
        let mut known = Known { horizon: place, ..Known::default() };
        let Some(returned) = self.returned(read) else {
            self.contexts.insert((read.session, read.key), known);
            return self.log.mute.push(op);
        };
        for write in &returned {
            let Write { id, ref seen, .. } = *self.log.write(*write);
            known.seen.merge(seen);
            known.seen.add(id);
        }
        known.told.clone_from(&returned);
        let events = &self.operations.recording().events;
        let life = self.lives[read.node.index()];
        let invoked = (read.invoked as u32, events[read.invoked].number, life);
        let (seen_at, seen_by, seen_in) = self.reached.get(&op).copied().unwrap_or(invoked);
        // Answered at once, without asking other replicas.
        let is_local = cause == seen_by;
        match self.overwrites {
            Conflict::Causal => drop(self.contexts.insert((read.session, read.key), known)),
            Conflict::LastWriterWins if is_local && seen_in == life => self.replica(read.node, read.key).merge(&known),
            Conflict::LastWriterWins => {}
        }
        let next_view = self.views.len() as u32;
        let view = (read.node, seen_in, read.level);
        self.log.reads.push(Read {
            op,
            session: read.session,
            key: read.key,
            view: is_local.then(|| *self.views.entry(view).or_insert(next_view)),
            asked: read.invoked as u32,
            seen_at: if is_local { seen_at } else { place },
            answered: place,
            until: place,
            returned,
        });
    }

    /// The writes that a read returned; nothing if one of them is not known to be a write of its key.
    fn returned(&self, read: &Operation) -> Option<Vec<u32>> {
        let number = |id: &Dot| {
            let number = *self.numbers.get(id)?;
            let write = self.log.write(number);
            (write.key == read.key && !write.is_delete).then_some(number)
        };
        read.returned.iter().map(number).collect()
    }
}
